"""The line plot in one line of text."""

import numpy as np
import pytest

import tinygrad_xe as xe

NAN, INF = float("nan"), float("inf")


def test_a_falling_loss_falls():
    assert xe.viz.sparkline(range(8, 0, -1)) == "█▇▆▅▄▃▂▁"
    assert xe.viz.sparkline(range(8, 0, -1), ascii=True) == "#*+=~-._"


def test_many_numbers_are_averaged_to_the_width():
    assert xe.viz.sparkline(np.repeat([0.0, 7.0], 500), width=2) == "▁█"
    assert xe.viz.sparkline([0, 2, 5, 9], width=2) == "▁█"
    assert len(xe.viz.sparkline(np.arange(1001))) == 60
    assert len(xe.viz.sparkline(np.arange(7), width=1)) == 1


def test_what_is_no_finite_number_is_shown_as_such():
    assert xe.viz.sparkline([1, NAN, INF, -INF, None, 0]) == "█×▲▼×▁"
    assert xe.viz.sparkline([1, NAN, INF, -INF, None, 0], ascii=True) == "#x^vx_"
    assert xe.viz.sparkline([1, NAN, INF, 1, 0, 0], width=2) == "×▄"
    assert xe.viz.sparkline([NAN, NAN]) == "××"


def test_equal_numbers_are_in_the_middle():
    assert xe.viz.sparkline([3, 3, 3]) == "▄▄▄"
    assert xe.viz.sparkline([3], ascii=True) == "~"


def test_no_numbers_are_no_text():
    assert xe.viz.sparkline([]) == ""


def test_the_largest_and_smallest_floats_do_not_overflow():
    assert xe.viz.sparkline([1.7e308, -1.7e308, 0.0]) == "█▁▅"
    assert xe.viz.sparkline([1.7e308] * 4 + [0.0] * 4, width=2) == "█▁"
    assert xe.viz.sparkline([5e-324, 0.0])[1] == "▁"


def test_tensors_are_taken():
    w = xe.tensor([2.0, 1.0], requires_grad=True)
    assert xe.viz.sparkline(w) == xe.viz.sparkline([w[0], w[1]]) == "█▁"


@pytest.mark.parametrize(
    ("values", "options", "error", "said"),
    [
        ([1], {"width": 0}, xe.ArgumentError, "width is 0"),
        ([1], {"width": 2.0}, xe.ArgumentError, "width is 2.0"),
        ([[1, 2]], {}, xe.ShapeError, r"shape \(1, 2\)"),
        (3.0, {}, xe.DTypeError, "got a float"),
        (["a"], {}, xe.DTypeError, "got a list; expected a sequence of numbers"),
    ],
)
def test_what_is_no_sequence_of_numbers_is_refused(values, options, error, said):
    with pytest.raises(error, match=said):
        xe.viz.sparkline(values, **options)
