"""The functions that NumPy lacks: values far out against mpmath, whole numbers, plain arrays, masks, conventions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from derivatives import gradients, second

import tinygrad_xe as xe
from tinygrad_xe import ArgumentError, ShapeError

FUNCTIONS = [xe.sigmoid, xe.softplus, xe.log_sigmoid, xe.relu, xe.leaky_relu, xe.elu, xe.silu, xe.gelu, xe.erf, xe.erfc]
ALONG = [xe.softmax, xe.log_softmax, xe.logsumexp]
FAR = [-1000.0, -300.0, -37.5, -20.0, -5.5, -1.0, -1e-3, 0.0, 1e-3, 1.0, 5.5, 20.0, 37.5, 300.0, 1000.0]


def name(function: Any) -> str:
    return str(function.name)


@pytest.fixture(scope="module")
def mpmath() -> Any:
    module = pytest.importorskip("mpmath", reason="mpmath, the oracle, is not installed: pip install '.[reference]'")
    with module.workdps(60):
        yield module


FORMULAS = {
    "sigmoid": lambda m, x: 1 / (1 + m.exp(-x)),
    "softplus": lambda m, x: m.log1p(m.exp(x)),
    "log_sigmoid": lambda m, x: -m.log1p(m.exp(-x)),
    "silu": lambda m, x: x / (1 + m.exp(-x)),
    "gelu": lambda m, x: x * m.ncdf(x),
    "erf": lambda m, x: m.erf(x),
    "erfc": lambda m, x: m.erfc(x),
}
SLOPES = {
    "sigmoid": lambda m, x: 1 / (2 + m.exp(x) + m.exp(-x)),
    "softplus": lambda m, x: 1 / (1 + m.exp(-x)),
    "log_sigmoid": lambda m, x: 1 / (1 + m.exp(x)),
    "silu": lambda m, x: 1 / (1 + m.exp(-x)) + x / (2 + m.exp(x) + m.exp(-x)),
    "gelu": lambda m, x: m.ncdf(x) + x * m.npdf(x),
    "erf": lambda m, x: 2 / m.sqrt(m.pi) * m.exp(-x * x),
    "erfc": lambda m, x: -2 / m.sqrt(m.pi) * m.exp(-x * x),
}


@pytest.mark.parametrize("function", [f for f in FUNCTIONS if f.name in FORMULAS], ids=name)
@pytest.mark.parametrize("formulas", [FORMULAS, SLOPES], ids=["value", "gradient"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_values_and_gradients_far_out_agree_with_60_digits(function, formulas, dtype, mpmath):
    x = np.array(FAR, dtype)
    found = function(x) if formulas is FORMULAS else gradients(function, [x])[0]
    wanted = np.array([float(formulas[function.name](mpmath, mpmath.mpf(float(v)))) for v in x])
    info = np.finfo(dtype)
    spread = 40 * info.eps * np.abs(wanted) * np.maximum(1, np.abs(x)) + 4 * info.tiny  # exp(x) feels the rounding of x
    assert (np.abs(found - wanted) <= spread).all(), list(zip(x, found, wanted, strict=True))


@pytest.mark.parametrize("function", FUNCTIONS, ids=name)
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, bool])
def test_whole_numbers_are_taken_as_numbers_and_do_not_wrap_around(function, dtype):
    x = np.array([0, 1, 1] if dtype is bool else [0, 3, 100, 0 if dtype is np.uint8 else -3], dtype)
    np.testing.assert_allclose(function(x), function(x.astype(float)), rtol=1e-6)
    np.testing.assert_allclose(function(xe.tensor(x)).data, function(x.astype(float)), rtol=1e-6)


@pytest.mark.parametrize("function", ALONG, ids=name)
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, bool])
def test_whole_logits_do_not_wrap_around(function, dtype):
    x = np.array([0, 1, 1] if dtype is bool else [0, 3, 100], dtype)
    np.testing.assert_allclose(function(x), function(x.astype(float)), rtol=1e-14)


@pytest.mark.parametrize("function", [*FUNCTIONS, *ALONG], ids=name)
def test_plain_arrays_in_give_plain_arrays_out_and_tensors_give_tensors(function):
    for plain in ([0.5, 1.5], (0.5, 1.5), np.array([0.5, 1.5])):
        assert isinstance(function(plain), np.ndarray | np.generic)
        np.testing.assert_array_equal(function(plain), function(xe.tensor([0.5, 1.5])).data)
    assert isinstance(function(xe.tensor([0.5, 1.5])), xe.Tensor)


@pytest.mark.parametrize("function", FUNCTIONS, ids=name)
def test_a_single_number_is_an_array_without_axes(function):
    assert np.ndim(function(0.5)) == np.ndim(function(2)) == 0
    assert function(0.5) == function(np.array([0.5]))[0]


@pytest.mark.parametrize("function", [*FUNCTIONS, *ALONG], ids=name)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_floating_dtype_is_kept(function, dtype):
    x = np.array([-1.0, 0.25, 2.0], dtype)
    assert function(x).dtype == dtype
    assert gradients(function, [x])[0].dtype == dtype


# -- softmax and its kin -----------------------------------------------------------------------------------------------


def test_a_logit_of_minus_infinity_masks_a_class_in_value_and_in_both_derivatives():
    x, d = np.array([0.0, -np.inf, 1.0]), np.array([1.0, 1.0, 0.0])
    p = np.exp(x) / np.exp(x).sum()
    np.testing.assert_allclose(xe.softmax(x), p)
    np.testing.assert_allclose(gradients(lambda t: xe.softmax(t)[0], [x])[0], p * ([1, 0, 0] - p[0]))
    np.testing.assert_allclose(gradients(xe.logsumexp, [x])[0], p)
    np.testing.assert_allclose(gradients(lambda t: xe.log_softmax(t)[0], [x])[0], [1, 0, 0] - p)
    for function in (xe.logsumexp, lambda t: xe.softmax(t)[0], lambda t: xe.log_softmax(t)[0]):
        assert np.isfinite(second(function, [x], np.array(1.0), [d])[0]).all()


def test_logits_of_a_thousand_do_not_overflow():
    x = np.array([[1000.0, 0.0, -1000.0], [-1000.0, -1000.0, -1000.0]])
    np.testing.assert_array_equal(xe.softmax(x), [[1, 0, 0], [1 / 3] * 3])
    np.testing.assert_array_equal(xe.log_softmax(x)[0], [0, -1000, -2000])
    np.testing.assert_allclose(xe.logsumexp(x, axis=1), [1000, -1000 + np.log(3)], rtol=1e-15)
    np.testing.assert_allclose(
        gradients(lambda t: xe.logsumexp(t, axis=1), [x])[0], [[1, 0, 0], [1 / 3] * 3], rtol=1e-13
    )


def test_logsumexp_of_nothing_and_of_masked_classes_is_minus_infinity_without_a_warning():
    assert xe.logsumexp(np.zeros((0,))) == -np.inf
    assert xe.logsumexp(np.full(3, -np.inf)) == -np.inf
    assert xe.logsumexp(np.zeros((0, 2)), axis=0).tolist() == [-np.inf] * 2
    assert xe.logsumexp(np.array([np.inf, 1.0])) == np.inf


def test_logsumexp_near_the_largest_number_makes_no_warning():
    top = np.finfo(float).max
    assert xe.logsumexp(np.array([top, top])) == top


@pytest.mark.parametrize("function", ALONG, ids=name)
def test_an_axis_that_does_not_exist_is_named(function):
    with pytest.raises((ShapeError, IndexError), match="axis 2"):
        function(xe.tensor([[1.0, 2.0]]), axis=2)


# -- activations -------------------------------------------------------------------------------------------------------


def test_slopes_of_activations_may_be_trained():
    x, slope = np.array([[-2.0, 3.0], [-1.0, -4.0]]), np.array([0.1, 0.2])
    in_x, in_slope = gradients(xe.leaky_relu, [x, slope])
    np.testing.assert_allclose(in_x, [[0.1, 1], [0.1, 0.2]])
    np.testing.assert_allclose(in_slope, [-3, -4])
    in_x, in_alpha = gradients(xe.elu, [x, np.array(2.0)])
    np.testing.assert_allclose(in_x, [[2 * np.exp(-2), 1], [2 * np.exp(-1), 2 * np.exp(-4)]])
    np.testing.assert_allclose(in_alpha, np.expm1([-2, -1, -4]).sum())


def test_relu_has_slope_0_at_0_and_does_not_pass_an_infinity_that_it_cut_off():
    x = np.array([-1.0, 0.0, 2.0])
    assert gradients(xe.relu, [x])[0].tolist() == [0, 0, 1]
    np.testing.assert_allclose(gradients(lambda t: np.sqrt(xe.relu(t)), [np.array([-1.0, 4.0])])[0], [0, 0.25])
    assert xe.relu(np.array([-1.0, 2.0])).tolist() == [0, 2]


def test_relu_hands_the_cotangent_to_a_nan_as_maximum_does():
    x, g = np.array([np.nan, -1.0]), np.array([np.nan, 3.0])
    for function in (xe.relu, lambda t: np.maximum(t, 0)):
        np.testing.assert_array_equal(gradients(function, [x], g)[0], [np.nan, 0])


def test_gelu_refuses_an_unknown_word():
    with pytest.raises(ArgumentError, match="gelu: approximate must be 'none' or 'tanh', got 'fast'"):
        xe.gelu(np.array([1.0]), approximate="fast")
    with pytest.raises(ArgumentError, match="gelu: approximate"):
        xe.gelu(xe.tensor([1.0], requires_grad=True), "exact")
