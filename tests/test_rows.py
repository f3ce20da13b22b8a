"""Softmax and its logarithm along an axis: accuracy, limits, dtypes, layouts, messages."""

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.errors import DTypeError, ShapeError

INF = np.inf


def reference(x):
    """log(softmax(x)) along the last axis in extended precision, without the cancellation of a certain class."""
    x = x.astype(np.longdouble)
    x = x - x.max(axis=-1, keepdims=True)
    top = np.argmax(x, axis=-1)[..., None]
    rest = np.exp(x)
    np.put_along_axis(rest, top, 0, axis=-1)
    return x - np.log1p(rest.sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1, 10, 100, 1000])
def test_log_softmax_is_within_three_units_in_the_last_place_and_softmax_within_a_few_of_its_exponent(dtype, scale):
    x = (np.random.default_rng(scale).normal(size=(200, 10)) * scale).astype(dtype)
    log_p = reference(x)
    found = xe.log_softmax(x)
    assert found.dtype == dtype
    error = np.abs(found - log_p) / np.spacing(np.abs(log_p).astype(dtype))
    assert error.max() <= 3
    p = xe.softmax(x)
    assert p.dtype == dtype
    # exp(x) has the relative error of the rounding of x, eps / 2 of it
    bound = (8 + np.abs(log_p)) * np.finfo(dtype).eps * np.exp(log_p) + 4 * np.finfo(dtype).smallest_subnormal
    assert (np.abs(p - np.exp(log_p)) <= bound).all()


@pytest.mark.parametrize("function", [xe.softmax, xe.log_softmax])
def test_any_axis_memory_order_and_dtype_will_do(function):
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    for axis in range(-3, 3):
        moved = np.moveaxis(function(np.ascontiguousarray(np.moveaxis(x, axis, -1))), -1, axis)
        np.testing.assert_allclose(function(x, axis), moved, rtol=1e-15)
        np.testing.assert_allclose(function(np.asfortranarray(x), axis=axis), moved, rtol=1e-15)
        np.testing.assert_allclose(function(1e3 * x, axis), function(1e3 * np.asfortranarray(x), axis), rtol=1e-15)
    half = function(x.astype(np.float16))
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, function(x), rtol=1e-2)
    assert function(np.array([1, 2])).dtype == np.float64
    assert function(np.zeros((0, 3))).shape == (0, 3)
    assert function(np.zeros((3, 0), np.float32)).dtype == np.float32


def test_infinite_logits_take_their_limits_and_undefined_ones_give_nan():
    x = np.array([[1.0, 1.0, -INF], [INF, 1.0, -INF], [INF, INF, 0], [-INF, -INF, -INF], [np.nan, 0, 0]])
    p, log_p = xe.softmax(x), xe.log_softmax(x)
    np.testing.assert_array_equal(p[:2], [[0.5, 0.5, 0], [1, 0, 0]])
    np.testing.assert_allclose(log_p[:2], [[-np.log(2), -np.log(2), -INF], [0, -INF, -INF]], rtol=1e-15)
    assert np.isnan(p[2:]).any(axis=1).all() and np.isnan(log_p[2:]).any(axis=1).all()


def test_nothing_is_raised_when_numpy_is_told_to_raise():
    x = np.array([[1000.0, -1000.0, 0.0], [1e300, -1e300, INF]])
    with np.errstate(all="raise"):
        for function in (xe.softmax, xe.log_softmax):
            function(x)


@pytest.mark.parametrize("function", [xe.softmax, xe.log_softmax])
def test_an_axis_that_is_not_there_is_named(function):
    with pytest.raises(ShapeError, match=r"axis 2 is out of range for x of shape \(2, 3\); expected -2 to 1"):
        function(np.zeros((2, 3)), axis=2)
    with pytest.raises(ShapeError, match="a single number has no axis of classes"):
        function(1.0)
    with pytest.raises(DTypeError, match="axis is None; expected an integer"):
        function(np.zeros(3), axis=None)


@pytest.mark.parametrize("scale", [1, 1000])
def test_the_input_is_not_written_to(scale):
    x = scale * np.random.default_rng(0).normal(size=(4, 3))
    x.flags.writeable = False
    before = x.copy()
    for function in (xe.softmax, xe.log_softmax):
        assert not np.shares_memory(function(x), x)
    np.testing.assert_array_equal(x, before)


def test_the_sigmoid_keeps_the_gradient_of_its_right_tail():
    x = xe.tensor([-40.0, 0.0, 40.0], requires_grad=True)
    xe.sigmoid(x).sum().backward()
    np.testing.assert_allclose(x.grad, [np.exp(-40.0), 0.25, np.exp(-40.0)], rtol=1e-15)
