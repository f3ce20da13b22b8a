"""The confusion matrix: its counts, its colours, and what is refused."""

import numpy as np
import pytest
from plot_reader import NAN, THEMES, closed, drawn, same  # noqa: F401

import tinygrad_xe as xe


def test_a_confusion_counts_truths_in_rows_and_predictions_in_columns():
    ax = drawn(xe.viz.plot_confusion([0, 0, 0, 1, 1, 2], xe.tensor([0, 0, 1, 1, 1, 0]), classes=["a", "b", "c"]))
    said = {tuple(map(int, text.get_position())): text.get_text() for text in ax.texts}
    assert said == {(0, 0): "2", (1, 0): "1", (1, 1): "2", (0, 2): "1"}  # column, row
    assert ax.get_title() == "accuracy 0.6667 (4 of 6)"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b", "c"]


@THEMES
def test_what_is_right_is_blue_and_errors_are_orange(theme, palette):
    ax = drawn(xe.viz.plot_confusion([0, 1, 1], [0, 0, 0], theme=theme))
    cells = ax.images[0].get_array()
    assert same(cells[0, 0], palette.value) and same(cells[1, 0], palette.grad) and same(cells[0, 1], palette.page)


def test_many_classes_have_no_numbers_in_their_cells():
    ax = drawn(xe.viz.plot_confusion(np.arange(40), np.arange(40)))
    assert not ax.texts and ax.images[0].get_array().shape == (40, 40, 3)


def test_classes_that_do_not_occur_have_a_place_if_they_have_a_name():
    ax = drawn(xe.viz.plot_confusion([0], [0], classes=["cat", "dog", "a very long name of a class"]))
    assert ax.images[0].get_array().shape == (3, 3, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (([0, 1], [0]), xe.ShapeError, r"labels have shape \(2,\), predictions \(1,\)"),
        (([], []), xe.ShapeError, "at least one"),
        (([0, 1], [0.0, NAN]), xe.ArgumentError, "predictions has nan at 1"),
        (([0, 1], [0.2, 0.9]), xe.ArgumentError, "predictions has 0.2 at 0"),
        (([0, 1], np.eye(2)), xe.ShapeError, r"Write predictions.argmax\(axis=1\)"),
        (([0, 10**6], [0, 1]), xe.ArgumentError, "up to 1,000 classes"),
    ],
)
def test_a_confusion_that_cannot_be_drawn_says_why(arguments, error, said):
    with pytest.raises(error, match=said):
        xe.viz.plot_confusion(*arguments)
    with pytest.raises(xe.ArgumentError, match="2 classes, 0 to 1, but 1 names"):
        xe.viz.plot_confusion([0, 1], [0, 1], classes=["a"])
