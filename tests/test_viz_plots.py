"""The training plots: what is drawn, in which colours, and what they say of data that can't be."""

import subprocess
import sys

import numpy as np
import pytest
from plot_reader import (  # noqa: F401
    CORNERS,
    INF,
    NAN,
    THEMES,
    closed,
    drawn,
    entries,
    lines,
    marks,
    pyplot,
    relu_parameters,
    right_half,
    same,
)

import tinygrad_xe as xe

# -- history -----------------------------------------------------------------------------------------------------------


def test_a_history_is_a_line_for_each_name_over_the_steps():
    ax = drawn(xe.viz.plot_history({"loss": [3.0, 2.0, 1.0], "validation loss": {2: 1.5, 0: 3.5}}))
    found = lines(ax)
    np.testing.assert_array_equal(found["loss"].get_xydata(), [[0, 3], [1, 2], [2, 1]])
    np.testing.assert_array_equal(found["validation loss"].get_xydata(), [[0, 3.5], [2, 1.5]])
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("step", "loss", "linear")
    assert entries(ax) == ["loss", "validation loss"]


@pytest.mark.parametrize("name", ["lr", "learning rate", "learning_rate"])
def test_a_learning_rate_has_an_axis_of_its_own(name):
    ax = drawn(xe.viz.plot_history({"loss": [3.0, 2.0], name: [0.1, 0.05]}, log=True))
    (right,) = (other for other in ax.figure.axes if other is not ax)
    assert list(lines(ax)) == ["loss"] and list(lines(right)) == [name]
    assert right.get_ylabel() == name
    assert (ax.get_yscale(), right.get_yscale()) == ("log", "linear")
    assert entries(ax) == ["loss", name]
    assert ax.get_ylabel() == "loss"


def test_a_learning_rate_alone_is_on_the_left():
    ax = drawn(xe.viz.plot_history({"lr": [0.1, 0.05]}))
    assert ax.figure.axes == [ax] and ax.get_ylabel() == "lr" and ax.get_legend() is None


def test_tensors_can_be_in_a_history():
    loss = xe.tensor(2.0, requires_grad=True) * 3
    ax = xe.viz.plot_history({"loss": [loss, 5.0], "array": xe.tensor([1.0, 2.0])})
    assert list(lines(ax)["loss"].get_ydata()) == [6, 5]


def test_what_has_no_place_on_the_axis_is_marked_on_the_frame():
    ax = drawn(xe.viz.plot_history({"loss": [1.0, NAN, 0.5, INF, -INF, 0.0, None]}))
    assert (marks(ax, "not a number"), marks(ax, "infinite"), marks(ax, "minus infinity")) == ([1, 6], [3], [4])
    assert entries(ax) == ["loss", "not a number", "infinite", "minus infinity"]
    np.testing.assert_array_equal(lines(ax)["loss"].get_ydata(), [1, NAN, 0.5, NAN, NAN, 0, NAN])


def test_zero_has_no_place_on_a_logarithmic_axis():
    ax = drawn(xe.viz.plot_history({"loss": [1.0, 0.0, -2.0, -INF, 0.1]}, log=True))
    assert marks(ax, "zero or less") == [1, 2, 3]
    assert entries(ax) == ["loss", "zero or less"]


def test_a_point_without_neighbours_is_a_dot():
    ax = drawn(xe.viz.plot_history({"loss": [1.0, NAN, 0.5, NAN, 0.2, 0.1]}))
    (dots,) = (line for line in ax.get_lines() if line.get_marker() == ".")
    assert list(dots.get_xdata()) == [0, 2]


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("values", [[NAN] * 3, [INF], [0.0], [1.0], [2.0] * 5, [1e308, -1e308, 1.0], [5e-324, 1.0]])
def test_strange_histories_are_drawn(values, log):
    drawn(xe.viz.plot_history({"loss": values}, log=log))


def test_names_are_taken_as_they_are():
    hostile = ["$x^{", "_hidden", "a $b$ c", "<b>", "line\nbreak", "\ud800", "y" * 500]
    ax = drawn(xe.viz.plot_history({name: [1.0, 2.0] for name in hostile}))
    said = entries(ax)
    assert len(said) == len(hostile)
    assert said[0] == r"\$x^{" and said[1] == "\u200b_hidden"
    assert max(map(len, said)) < 60


@pytest.mark.parametrize(
    ("history", "error", "said"),
    [
        ({}, xe.ArgumentError, "history is empty"),
        ([1.0, 2.0], xe.DTypeError, "history is a list; expected a mapping"),
        ({"loss": []}, xe.ShapeError, "'loss' is empty"),
        ({"loss": 3.0}, xe.DTypeError, "'loss' is a float; expected a sequence of numbers"),
        ({"loss": ["a"]}, xe.DTypeError, "expected a sequence of numbers"),
        ({"loss": np.ones((2, 2))}, xe.ShapeError, r"'loss' has shape \(2, 2\)"),
        ({"loss": [1.0, 2.0], "validation loss": [1.0]}, xe.ShapeError, "'loss' 2, 'validation loss' 1"),
        ({"loss": {NAN: 1.0}}, xe.ArgumentError, "a step of 'loss' is not finite"),
    ],
)
def test_a_history_that_cannot_be_drawn_says_why(history, error, said):
    with pytest.raises(error, match=said):
        xe.viz.plot_history(history)
    assert not pyplot.get_fignums()


# -- update ratios -----------------------------------------------------------------------------------------------------


def test_an_update_ratio_is_a_ratio_of_norms():
    before = {"W": xe.tensor([[3.0, 4.0]]), "b": np.zeros(2), "still": np.zeros(1)}
    after = {"W": np.array([[3.0, 4.5]]), "b": np.array([0.1, 0.0]), "still": np.zeros(1)}
    assert xe.viz.update_ratio(before, after) == {"W": 0.1, "b": INF, "still": 0.0}


def test_an_update_ratio_names_what_does_not_fit():
    with pytest.raises(xe.ArgumentError, match="b is in one of before and after only"):
        xe.viz.update_ratio({"a": 1.0, "b": 2.0}, {"a": 1.0})
    with pytest.raises(xe.ShapeError, match=r"a has shape \(2,\) before and \(3,\) after"):
        xe.viz.update_ratio({"a": np.ones(2)}, {"a": np.ones(3)})


def test_update_ratios_have_a_logarithmic_axis_and_the_guide():
    ax = drawn(xe.viz.plot_update_ratio({"W": [1e-2, 1e-3], "b": [INF, 0.0]}))
    found = lines(ax)
    assert ax.get_yscale() == "log"
    assert list(found["W"].get_ydata()) == [1e-2, 1e-3]
    assert set(found["guide, 0.001"].get_ydata()) == {1e-3}
    assert marks(ax, "infinite") == [0] and marks(ax, "zero or less") == [1]
    assert entries(ax) == ["W", "b", "guide, 0.001", "infinite", "zero or less"]


def test_twelve_layers_are_told_apart():
    ax = drawn(xe.viz.plot_update_ratio({f"layer{k}": [1e-3, 1e-2] for k in range(12)}))
    looks = {(line.get_color(), line.get_linestyle()) for name, line in lines(ax).items() if "layer" in name}
    assert len(looks) == 12


def test_a_training_gives_the_ratios_that_are_drawn():
    w, rate, ratios = xe.tensor([1.0, 2.0], requires_grad=True), 0.1, {"w": []}
    for _ in range(3):
        np.sum(w * w).backward()
        before = {"w": w.numpy().copy()}
        with xe.no_grad():
            w -= rate * w.grad
            w.zero_grad()
        for name, ratio in xe.viz.update_ratio(before, {"w": w}).items():
            ratios[name].append(ratio)
    ax = xe.viz.plot_update_ratio(ratios)
    np.testing.assert_allclose(lines(ax)["w"].get_ydata(), 2 * rate)


# -- what all of them do -----------------------------------------------------------------------------------------------

PLOTS = {
    "plot_history": lambda **o: xe.viz.plot_history({"loss": [2.0, 1.0]}, **o),
    "plot_update_ratio": lambda **o: xe.viz.plot_update_ratio({"W": [1e-3, 1e-2]}, **o),
    "plot_hist": lambda **o: xe.viz.plot_hist(relu_parameters(), **o),
    "plot_decision": lambda **o: xe.viz.plot_decision(right_half, CORNERS, [0, 0, 1, 1], resolution=20, **o),
    "plot_confusion": lambda **o: xe.viz.plot_confusion(output=[0, 1, 0], target=[0, 1, 1], **o),
}
EACH = pytest.mark.parametrize("name", PLOTS)


@EACH
def test_a_plot_is_drawn_on_the_axes_that_are_given(name):
    figure, (left, right) = pyplot.subplots(1, 2)
    assert drawn(PLOTS[name](ax=right)) is right
    assert not left.has_data() and pyplot.get_fignums() == [figure.number]


@EACH
def test_a_plot_makes_a_figure_where_none_is_given_and_leaves_others_alone(name):
    mine, axes = pyplot.subplots()
    ax = drawn(PLOTS[name]())
    assert ax.figure is not mine and not axes.has_data()
    assert len(pyplot.get_fignums()) == 2


@EACH
@THEMES
def test_a_plot_has_the_colours_of_its_theme(name, theme, palette):
    ax = drawn(PLOTS[name](theme=theme))
    assert same(ax.get_facecolor(), palette.page) and same(ax.figure.get_facecolor(), palette.page)
    words = [ax.xaxis.label, ax.yaxis.label, ax.title, *ax.get_xticklabels(), *ax.get_yticklabels()]
    words += ax.get_legend().get_texts() if ax.get_legend() else []
    assert all(same(word.get_color(), palette.text) for word in words)


@EACH
def test_an_unknown_theme_is_refused(name):
    with pytest.raises(xe.ArgumentError, match=rf"{name}: theme is 'sepia'; it is one of light, dark"):
        PLOTS[name](theme="sepia")


@EACH
def test_without_matplotlib_a_plot_says_what_to_install(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=rf"{name} draws with matplotlib.*\n.*pip install 'tinygrad_xe\[plot\]'"):
        PLOTS[name]()


def test_matplotlib_is_imported_by_the_first_plot_alone():
    program = (
        "import sys, tinygrad_xe as xe; xe.viz.plot_history; xe.viz.plot_decision; xe.viz.sparkline([1, 2]);"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_history_of_a_training_is_counted_by_epochs():
    history = xe.History()
    history.add({"loss": 0.7})
    history.add({"loss": 0.4})
    assert xe.viz.plot_history(history).get_xlabel() == "epoch"
    assert xe.viz.plot_history({"loss": [0.7, 0.4]}).get_xlabel() == "step"
