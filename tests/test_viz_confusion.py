"""The confusion matrix: its counts, its colours, and what is refused."""

import numpy as np
import pytest
from plot_reader import NAN, THEMES, closed, drawn, same  # noqa: F401

import tinygrad_xe as xe


def test_a_confusion_counts_truths_in_rows_and_predictions_in_columns():
    said = xe.tensor([0, 0, 1, 1, 1, 0])
    ax = drawn(xe.viz.plot_confusion(output=said, target=[0, 0, 0, 1, 1, 2], classes=["a", "b", "c"]))
    said = {tuple(map(int, text.get_position())): text.get_text() for text in ax.texts}
    assert said == {(0, 0): "2", (1, 0): "1", (1, 1): "2", (0, 2): "1"}  # column, row
    assert ax.get_title() == "accuracy 0.6667 (4 of 6)"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b", "c"]


def test_its_numbers_are_those_of_the_metric_for_scores_too():
    rng = np.random.default_rng(0)
    logits, target = rng.standard_normal((50, 4)), rng.integers(0, 4, 50)
    target[:5] = -1
    ax = drawn(xe.viz.plot_confusion(output=xe.tensor(logits), target=target, ignore_index=-1))
    found = np.zeros((4, 4), int)
    for text in ax.texts:
        column, row = map(int, text.get_position())
        found[row, column] = int(text.get_text())
    np.testing.assert_array_equal(found, xe.metrics.confusion_matrix(logits, target, ignore_index=-1))
    right = xe.metrics.accuracy(logits, target, ignore_index=-1)
    assert ax.get_title() == f"accuracy {right:.4f} ({round(45 * right)} of 45)"


def test_the_two_are_told_apart_by_name_so_that_none_is_drawn_transposed():
    with pytest.raises(TypeError, match="positional"):
        xe.viz.plot_confusion([0, 1], [0, 1])


@THEMES
def test_what_is_right_is_blue_and_errors_are_orange(theme, palette):
    ax = drawn(xe.viz.plot_confusion(output=[0, 0, 0], target=[0, 1, 1], theme=theme))
    cells = ax.images[0].get_array()
    assert same(cells[0, 0], palette.value) and same(cells[1, 0], palette.grad) and same(cells[0, 1], palette.page)


def test_many_classes_have_no_numbers_in_their_cells():
    ax = drawn(xe.viz.plot_confusion(output=np.arange(40), target=np.arange(40)))
    assert not ax.texts and ax.images[0].get_array().shape == (40, 40, 3)


def test_classes_that_do_not_occur_have_a_place_if_they_have_a_name():
    names = ["cat", "dog", "a very long name of a class"]
    ax = drawn(xe.viz.plot_confusion(output=[0], target=[0], classes=names))
    assert ax.images[0].get_array().shape == (3, 3, 3)


@pytest.mark.parametrize(
    ("output", "target", "error", "said"),
    [
        ([0], [0, 1], xe.ShapeError, r"plot_confusion: output has shape \(1,\), target \(2,\)"),
        ([], [], xe.ShapeError, "plot_confusion: there are no samples"),
        ([0, 1], [0.0, NAN], xe.DTypeError, "plot_confusion: target holds nan in 1"),
        ([0.2, 0.9], [0, 1], xe.DTypeError, "output > 0.5 for probabilities"),
        ([0, 1], np.eye(2), xe.ShapeError, r"target.argmax\(axis=-1\) if target is one-hot"),
        ([0, 1], [0, 10**6], xe.ArgumentError, "up to 1,000 classes"),
    ],
)
def test_a_confusion_that_cannot_be_drawn_says_why(output, target, error, said):
    with pytest.raises(error, match=said):
        xe.viz.plot_confusion(output=output, target=target)
    with pytest.raises(xe.ArgumentError, match="2 classes, 0 to 1, but 1 names"):
        xe.viz.plot_confusion(output=[0, 1], target=[0, 1], classes=["a"])
