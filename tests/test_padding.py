"""np.pad, diagonals and triangles: every form of their arguments, as NumPy reads it."""

from __future__ import annotations

import numpy as np
import pytest
from derivatives import gradients
from test_linalg import check, drawn

import tinygrad_xe as xe
from tinygrad_xe import ArgumentError, BoundsError, DTypeError, GradientLostError, ShapeError

WIDTHS = [0, 2, (1, 2), ((1, 2), (0, 3)), ((2,), (1,)), [[1, 1], [2, 0]], np.array([1, 2]), (3,)]
MODES = ["constant", "edge", "reflect", "symmetric", "wrap"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pad_width", WIDTHS, ids=str)
def test_every_form_of_pad_width(pad_width, mode):
    check(lambda a: np.pad(a, pad_width, mode), drawn((2, 3)))


@pytest.mark.parametrize("pad_width", [{0: 1}, {-1: (2, 1)}, {0: (1, 0), 1: 2}, {}], ids=str)
def test_pad_width_by_axis(pad_width):
    (a,) = drawn((2, 3))
    pairs = [pad_width.get(0, 0), pad_width.get(1, pad_width.get(-1, 0))]
    expected = np.pad(a, [np.broadcast_to(pair, 2) for pair in pairs], "reflect")
    np.testing.assert_array_equal(np.pad(xe.tensor(a), pad_width, "reflect").data, expected)


@pytest.mark.parametrize("constant_values", [0, 1.5, (1, 2), ((1, 2), (3, 4)), np.array(2), -0.0, np.nan], ids=str)
def test_every_form_of_constant_values(constant_values):
    (a,) = drawn((2, 3))
    pad = lambda t: np.pad(t, ((1, 0), (2, 1)), constant_values=constant_values)
    np.testing.assert_array_equal(pad(xe.tensor(a)).data, pad(a))
    assert gradients(lambda t: pad(t)[1:, 2:5], [a])[0].tolist() == np.ones((2, 3)).tolist()


def test_whole_numbers_keep_their_dtype():
    a = np.array([1, 2], np.int8)
    found = np.pad(xe.tensor(a), 1, constant_values=3)
    assert found.dtype == np.int8 and found.tolist() == [3, 1, 2, 3]


def test_the_constant_around_may_want_a_gradient():
    c = xe.tensor(2.0, requires_grad=True)
    t = xe.tensor([1.0, 3.0], requires_grad=True)
    out = np.pad(t, (1, 2), constant_values=c)
    assert out.tolist() == [2, 1, 3, 2, 2]
    out.sum().backward()
    assert c.grad == 3 and t.grad.tolist() == [1, 1]
    with pytest.raises(GradientLostError, match="constant_values is a tensor of several numbers"):
        np.pad(t, 1, constant_values=t)
    assert np.pad(t, 1, constant_values=t.detach()).tolist() == [1, 1, 3, 3]


def test_an_element_that_appears_several_times_gets_the_sum():
    assert gradients(lambda t: np.pad(t, 2, "edge"), [np.arange(3.0)])[0].tolist() == [3, 1, 3]
    assert gradients(lambda t: np.pad(t, (0, 3), "wrap"), [np.arange(3.0)])[0].tolist() == [2, 2, 2]


def test_what_pad_does_not_do_is_refused():
    t = xe.tensor(np.ones((2, 3)), requires_grad=True)
    for mode in ("mean", "maximum", "linear_ramp", "empty", np.sum):
        with pytest.raises(ArgumentError, match=r"pad: mode=.* is not supported on a tensor\. Write 'constant'"):
            np.pad(t, 1, mode)
    with pytest.raises(ArgumentError, match="reflect_type='odd' is not supported"):
        np.pad(t, 1, "reflect", reflect_type="odd")
    with pytest.raises(ArgumentError, match="must not be negative"):
        np.pad(t, -1)
    with pytest.raises(ArgumentError, match="does not fit 2 axes"):
        np.pad(t, ((1, 2), (3, 4), (5, 6)))
    with pytest.raises(DTypeError, match="must be whole numbers"):
        np.pad(t, 0.5)
    with pytest.raises(ArgumentError, match="mode 'constant' has no option 'reflect_type'"):
        np.pad(t, 1, reflect_type="even")
    with pytest.raises(BoundsError, match="pad: axis 2 is out of bounds"):
        np.pad(t, {2: 1})
    with pytest.raises(ValueError, match="stat_length"):
        np.pad(t, 1, "edge", stat_length=1)
    with pytest.raises(ValueError, match="can't extend empty axis"):
        np.pad(xe.tensor(np.ones((2, 0)), requires_grad=True), 1, "edge")


# -- diagonals and triangles -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [-4, -2, -1, 0, 1, 2, 3, 5])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2), (1, 1), (0, 3), (3, 0), (0, 0)], ids=str)
def test_every_diagonal_of_every_shape(shape, offset):
    check(lambda a: np.diagonal(a, offset), drawn(shape))
    check(lambda a: np.trace(a, offset), drawn(shape))
    check(lambda a: np.diag(a, offset), drawn(shape))


@pytest.mark.parametrize("axes", [(0, 1), (1, 0), (2, 0), (-1, -2), (0, -1), (1, 3)], ids=str)
def test_diagonals_of_any_two_axes(axes):
    check(lambda a: np.diagonal(a, 1, *axes), drawn((2, 3, 4, 2)))
    check(lambda a: np.trace(a, 0, *axes), drawn((2, 3, 4, 2)))


@pytest.mark.parametrize("k", [-3, -1, 0, 2])
@pytest.mark.parametrize("shape", [(3,), (1,), (0,)], ids=str)
def test_a_vector_on_a_diagonal(shape, k):
    check(lambda a: np.diag(a, k), drawn(shape))
    check(lambda a: np.diagflat(a, k), drawn(shape))
    check(lambda a: np.tril(a, k), drawn(shape))


def test_a_trace_takes_dtype_and_refuses_out():
    t = xe.tensor(np.eye(2, dtype=np.float32), requires_grad=True)
    assert np.trace(t, dtype=np.float64).dtype == np.float64
    with pytest.raises(xe.GraphError, match="out= is not supported"):
        np.trace(t, out=np.zeros(()))


def test_diag_of_more_axes_names_diagonal():
    with pytest.raises(ShapeError, match=r"diag: expected a vector or a matrix, got shape .*np\.diagonal"):
        np.diag(xe.tensor(np.ones((1, 1, 1)), requires_grad=True))


def test_an_infinity_outside_the_triangle_does_no_harm():
    x = xe.tensor([[1.0, 0.0], [4.0, 9.0]], requires_grad=True)
    np.tril(np.sqrt(x)).sum().backward()
    np.testing.assert_allclose(x.grad, [[0.5, 0], [0.25, 1 / 6]])
    x.zero_grad()
    np.trace(np.sqrt(x) * 1.0).backward()
    np.testing.assert_allclose(x.grad, [[0.5, 0], [0, 1 / 6]])
