"""Histograms of weights and gradients: what is counted, and what has no place on the axis."""

import numpy as np
import pytest
from plot_reader import INF, NAN, closed, drawn, entries, relu_parameters  # noqa: F401

import tinygrad_xe as xe


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_histograms_tell_the_share_of_zeros_of_weights_and_gradients():
    ax = drawn(xe.viz.plot_hist(relu_parameters()))
    assert texts(ax) == ["zeros", "0 %", "75 %", "25 %"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["w  (8,)", "frozen  (4,)"]
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "magnitude"
    assert entries(ax) == ["weights", "gradients"]


def test_a_histogram_counts_magnitudes():
    ax = drawn(xe.viz.plot_hist({"frozen": np.array([0.0, 1e-3, 1.0, 10.0, -10.0])}, bins=4))
    values, edges, baseline = ax.patches[0].get_data()
    np.testing.assert_allclose(edges, [1e-3, 1e-2, 1e-1, 1, 10])
    np.testing.assert_allclose(values - baseline, np.array([1, 0, 0, 3]) * 0.8 / 3)
    assert entries(ax) == ["weights"]


def test_nan_and_infinity_are_counted():
    ax = drawn(xe.viz.plot_hist({"a": np.array([NAN, INF, -INF, 1.0, 0.0]), "b": np.ones(3)}))
    assert texts(ax) == ["zeros", "not finite", "20 %", "3", "0 %", "0"]


def test_zeros_alone_and_arrays_without_elements_are_drawn():
    ax = drawn(xe.viz.plot_hist({"zeros": np.zeros(3), "empty": np.zeros((0, 4)), "one": 3.0}))
    assert texts(ax) == ["zeros", "100 %", "–", "0 %"]


def test_magnitudes_far_below_the_largest_count_in_the_first_bar():
    ax = drawn(xe.viz.plot_hist({"a": np.array([1e-300, 1e-30, 1.0])}, bins=12))
    values, edges, baseline = ax.patches[0].get_data()
    assert edges[0] == pytest.approx(1e-12)
    assert values[0] - baseline == pytest.approx(0.8)


def test_a_hundred_parameters_are_drawn():
    drawn(xe.viz.plot_hist({f"layer{k}": np.arange(1.0, 5.0) for k in range(100)}))


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: xe.viz.plot_hist({}), xe.ArgumentError, "parameters is empty"),
        (lambda: xe.viz.plot_hist([np.ones(2)]), xe.DTypeError, "parameters is a list; expected a mapping"),
        (lambda: xe.viz.plot_hist({"a": np.array(["x"])}), xe.DTypeError, "'a' has dtype <U1"),
        (lambda: xe.viz.plot_hist({"a": np.ones(2)}, bins=0), xe.ArgumentError, "bins is 0"),
    ],
)
def test_what_has_no_histogram_says_why(call, error, said):
    with pytest.raises(error, match=said):
        call()
