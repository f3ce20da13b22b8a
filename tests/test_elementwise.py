"""Elementwise functions where they are special: at 0, ties, kinks, multiples and infinity, and beside other types."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from derivatives import gradients, second
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import tinygrad_xe as xe
from tinygrad_xe import ArgumentError, DTypeError, GraphError

inf, nan = math.inf, math.nan
EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def slopes(function: Any, *numbers: float) -> tuple[float, ...]:
    """The partial derivatives of `function` at some numbers."""
    with np.errstate(all="ignore"):
        return tuple(g.item() for g in gradients(function, [np.array(x, float) for x in numbers]))


def curvature(function: Any, x: float) -> float:
    return second(function, [np.array(x, float)], np.array(1.0), [np.array(1.0)])[0].item()


# -- broadcasting and dtypes -------------------------------------------------------------------------------------------

BINARY = [
    np.add,
    np.subtract,
    np.multiply,
    np.divide,
    np.power,
    np.maximum,
    np.hypot,
    np.arctan2,
    np.logaddexp,
    np.float_power,
]


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
@EXAMPLES
@given(data=st.data())
def test_any_two_shapes_and_dtypes_agree_with_pytorch(torch, function, data):
    shapes = data.draw(arrays.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=0, max_side=3))
    dtypes = [data.draw(st.sampled_from([np.float32, np.float64])) for _ in range(2)]
    rng = np.random.default_rng(0)
    inputs = [
        rng.uniform(0.5, 2, shape).astype(dtype) for shape, dtype in zip(shapes.input_shapes, dtypes, strict=True)
    ]
    theirs = [torch.tensor(x, requires_grad=True) for x in inputs]
    expected = function(*inputs)
    wide = [t.to(torch.float64) for t in theirs]
    names = {"divide": "div", "power": "pow"}
    out = getattr(torch, names.get(function.__name__, function.__name__))(*wide)
    cotangent = rng.uniform(-1, 1, shapes.result_shape)
    out.backward(torch.tensor(cotangent))
    tensors = [xe.tensor(x, requires_grad=True) for x in inputs]
    found = function(*tensors)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    found.backward(cotangent)
    for t, u, x in zip(tensors, theirs, inputs, strict=True):
        assert t.grad.dtype == x.dtype and t.grad.shape == x.shape
        np.testing.assert_allclose(
            t.grad,
            u.grad.numpy(),
            rtol=1e-5 if np.float32 in dtypes else 1e-12,
            atol=1e-5 if np.float32 in dtypes else 1e-13,
        )


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "other",
    [2, 2.0, True, np.float32(2), np.int8(2), np.array([2], np.uint8), np.array([True]), [2.0, 1.0], (2, 1)],
    ids=repr,
)
def test_numbers_and_arrays_of_other_types_mix_as_numpy_mixes_them(function, other):
    x = np.array([1.5, 0.5], np.float32)
    for place in (0, 1):
        arguments = (x, other) if place == 0 else (other, x)
        expected = function(*arguments)
        t = xe.tensor(x, requires_grad=True)
        out = function(*((t, other) if place == 0 else (other, t)))
        assert out.dtype == expected.dtype
        np.testing.assert_allclose(out.data, expected, rtol=1e-6)
        out.sum().backward()
        assert t.grad.dtype == np.float32
        h = 1e-6
        moved = [
            function(*((v, other) if place == 0 else (other, v))) for v in (x.astype(float) - h, x.astype(float) + h)
        ]
        np.testing.assert_allclose(t.grad, (moved[1] - moved[0]) / (2 * h), rtol=1e-5, atol=1e-5)


# -- kinks and ties ----------------------------------------------------------------------------------------------------


def test_kinks_take_a_subgradient():
    assert slopes(np.abs, 0.0) == slopes(np.fabs, -0.0) == (0,)
    assert slopes(xe.relu, 0.0) == (0,)
    assert slopes(lambda x: xe.leaky_relu(x, 0.25), 0.0) == (0.25,)


@pytest.mark.parametrize("function", [np.maximum, np.minimum, np.fmax, np.fmin], ids=lambda f: f.__name__)
def test_ties_share_evenly(function):
    for x in (1.0, 0.0, -inf):
        assert slopes(function, x, x) == (0.5, 0.5)
    assert slopes(function, 0.0, -0.0) == (0.5, 0.5)
    assert slopes(lambda x: function(x, 1.0), 1.0) == (0.5,)


def test_a_nan_in_maximum_or_minimum_receives_the_cotangent_and_fmax_passes_it_by():
    for function in (np.maximum, np.minimum):
        assert slopes(function, nan, 1.0) == slopes(function, 1.0, nan) == (1, 1)
    for function in (np.fmax, np.fmin):
        assert slopes(function, nan, 1.0) == (0, 1) and slopes(function, 1.0, nan) == (1, 0)


def test_clip_shares_the_gradient_at_its_bounds_and_gives_the_bounds_theirs():
    x = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    assert gradients(lambda t: np.clip(t, -1, 1), [x])[0].tolist() == [0, 0.5, 1, 0.5, 0]
    low, high = gradients(lambda a, b: np.clip(xe.tensor(x), a, b), [np.array(-0.5), np.array(1.5)])
    assert (low, high) == (2, 1)
    assert np.clip(xe.tensor(x), 3, 2).tolist() == np.clip(x, 3, 2).tolist()


def test_clip_refuses_a_bound_given_twice_and_out():
    with pytest.raises(ArgumentError, match="clip: a bound was given twice"):
        np.clip(xe.tensor([1.0]), 0, 1, min=0)
    with pytest.raises(GraphError, match="out= is not supported"):
        np.clip(xe.tensor([1.0]), 0, 1, out=np.zeros(1))


# -- powers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [np.power, np.float_power], ids=lambda f: f.__name__)
@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 4.0])
def test_whole_powers_of_0_are_exact_to_every_order(power, exponent):
    """The n-th derivative of x**n at 0 is n!, and every other one 0."""
    x = xe.tensor(0.0, requires_grad=True)
    for number in (exponent, np.array(float(exponent))):
        result = power(x, number)
        for order in range(1, 6):
            x.zero_grad()
            if not result.requires_grad:
                break
            result.backward(create_graph=True)
            result = x.grad
            assert result.item() == (math.factorial(int(exponent)) if order == exponent else 0), order


def test_powers_at_their_edges():
    assert slopes(np.power, 0.0, 0.0) == (0, 0)
    assert slopes(np.power, 0.0, 2.0) == (0, 0)
    assert slopes(lambda x: x**0.5, 0.0) == (inf,)
    assert slopes(lambda x: x**-1, 2.0) == (-0.25,)
    assert slopes(lambda x: x**3, -2.0) == (12,)
    assert math.isnan(slopes(np.power, -2.0, 2.0)[1])
    assert slopes(lambda b: 0.0**b, 2.0) == slopes(lambda b: 0.0**b, 0.0) == (0,)
    assert slopes(lambda b: 2**b, 3.0)[0] == pytest.approx(8 * math.log(2))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint64, np.int32, bool])
def test_whole_exponents_do_not_wrap_around(dtype):
    exponent = np.array([0, 1], dtype)
    np.testing.assert_array_equal(gradients(lambda t: t**exponent, [np.array([300.0, 300.0])])[0], [0, 1])
    low = np.int8(-128)
    np.testing.assert_allclose(gradients(lambda t: t**low, [np.array(1.5)])[0], -128 * 1.5**-129)


def test_whole_coordinates_of_arctan2_do_not_wrap_around():
    for a in (np.int8(100), np.uint8(200)):
        assert slopes(lambda b, a=a: np.arctan2(a, b), 50.0)[0] == pytest.approx(-int(a) / (int(a) ** 2 + 2500))


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_the_slopes_of_arctan2_and_hypot_do_not_overflow_in_between(scale):
    np.testing.assert_allclose(slopes(np.arctan2, 3 * scale, 4 * scale), (0.16 / scale, -0.12 / scale))
    np.testing.assert_allclose(slopes(np.hypot, 3 * scale, 4 * scale), (0.6, 0.8))


@EXAMPLES
@given(st.integers(-40, 40), st.integers(-20, 20).filter(bool))
def test_the_quotients_in_remainder_and_fmod_are_whole_and_right_near_multiples(k, n):
    a, b = k * 0.1, n * 0.1  # often a hair off a multiple, where trunc(a / b) is 1 off
    if abs(math.remainder(k, n)) > 0:
        assert slopes(np.remainder, a, b) == (1, -math.floor(k / n))
        assert slopes(np.fmod, a, b) == (1, -math.trunc(k / n))
    for function in (np.remainder, np.fmod):
        quotient = -slopes(function, a, b)[1]
        assert a - quotient * b == pytest.approx(function(a, b), abs=1e-14)


# -- places where derivatives are singular -----------------------------------------------------------------------------


def test_singular_slopes_are_infinite_and_not_nan():
    assert slopes(np.sqrt, 0.0) == slopes(np.cbrt, 0.0) == slopes(np.log, 0.0) == slopes(np.log1p, -1.0) == (inf,)
    assert slopes(np.arcsin, 1.0) == slopes(np.arctanh, 1.0) == slopes(np.arccosh, 1.0) == (inf,)
    assert slopes(np.arccos, -1.0) == (-inf,)
    assert slopes(np.arctan2, 0.0, 2.0) == (0.5, 0)


def test_hypot_at_the_origin_has_first_derivative_0_and_second_nan():
    assert slopes(np.hypot, 0.0, 0.0) == (0, 0)
    both = second(np.hypot, [np.array(0.0)] * 2, np.array(1.0), [np.array(1.0)] * 2)
    assert np.isnan(both[:2]).all()


def test_a_zero_cotangent_does_not_hide_a_nan():
    assert math.isnan(slopes(lambda x: np.sqrt(x) ** 2, 0.0)[0])


def test_xlogy_is_0_at_0_with_the_slopes_of_the_limit():
    from tinygrad_xe.ops.elementwise import xlogy

    np.testing.assert_array_equal(xlogy(np.array([0.0, 0.0, 0.0]), np.array([0.0, 3.0, nan])), [0, 0, nan])
    assert slopes(xlogy, 0.0, math.e) == (1, 0)
    assert slopes(xlogy, 0.0, 0.0) == (-inf, 0)
    assert slopes(xlogy, 2.0, 0.0) == (-inf, inf)
    mixed = second(xlogy, [np.array(0.0), np.array(4.0)], np.array(1.0), [np.array(1.0), np.array(0.0)])
    assert mixed[1] == 0.25


def test_logaddexp_far_apart_and_at_minus_infinity():
    assert slopes(np.logaddexp, 1000.0, -1000.0) == (1, 0)
    assert slopes(np.logaddexp, -inf, 0.0) == (0, 1)
    assert slopes(np.logaddexp, 3.0, 3.0) == slopes(np.logaddexp2, 3.0, 3.0) == (0.5, 0.5)


@pytest.mark.parametrize(
    "function", [np.tanh, np.arctan, np.arcsinh, xe.sigmoid, xe.softplus, xe.silu, xe.gelu, xe.erf, xe.elu]
)
def test_second_derivatives_vanish_far_out_without_nan(function):
    for x in (300.0, -300.0):
        assert abs(curvature(function, x)) < 1e-4


# -- selections --------------------------------------------------------------------------------------------------------


def test_where_takes_conditions_of_every_type():
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    for condition in (
        [True, False],
        np.array([1, 0]),
        np.array([0.5, 0.0]),
        xe.tensor([True, False]),
        xe.tensor([3.0, 1.0]) > 2,
    ):
        a, b = gradients(lambda s, t, c=condition: np.where(c, s, t), [x, y], np.array([5.0, 7.0]))
        assert a.tolist() == [5, 0] and b.tolist() == [0, 7]
    assert gradients(lambda s: np.where(True, s, 0.0), [x])[0].tolist() == [1, 1]


def test_where_with_a_condition_alone_gives_the_places_as_numpy_does():
    x = xe.tensor([[1.0, -1.0], [0.0, 2.0]], requires_grad=True)
    for places in (np.where(x > 0), np.where(x)):
        assert all(type(axis) is np.ndarray for axis in places)
    assert [axis.tolist() for axis in np.where(x > 0)] == [[0, 1], [0, 1]]
    assert x[np.where(x > 0)].sum().item() == 3
    with pytest.raises(xe.DTypeError, match="where: missing 1 required positional argument: 'b'"):
        np.where(x > 0, x)


def test_nan_to_num_sends_no_gradient_to_what_it_replaced():
    x = np.array([1.0, nan, inf, -inf, -2.0])
    np.testing.assert_array_equal(np.nan_to_num(xe.tensor(x)).data, np.nan_to_num(x))
    np.testing.assert_array_equal(
        np.nan_to_num(xe.tensor(x), nan=7, posinf=8, neginf=9).data, np.nan_to_num(x, nan=7, posinf=8, neginf=9)
    )
    assert gradients(np.nan_to_num, [x])[0].tolist() == [1, 0, 0, 0, 1]
    assert np.nan_to_num(xe.tensor(x.astype(np.float32))).dtype == np.float32
    assert np.nan_to_num(xe.tensor([1, 2])).tolist() == [1, 2]
    assert np.nan_to_num(xe.tensor([True])).tolist() == [True]
    with pytest.raises(ArgumentError, match="copy=False"):
        np.nan_to_num(xe.tensor(x), copy=False)


# -- constants, comparisons, casts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function", [np.sign, np.floor, np.ceil, np.trunc, np.rint, np.round, np.spacing], ids=lambda f: f.__name__
)
def test_functions_that_are_constant_almost_everywhere_give_plain_arrays(function):
    x = np.array([-1.5, 0.0, 2.5])
    found = function(xe.tensor(x, requires_grad=True))
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found, function(x))


def test_comparisons_give_boolean_tensors_without_a_gradient():
    t = xe.tensor([1.0, 2.0, 3.0], requires_grad=True)
    for found, wanted in ((t > 2, [0, 0, 1]), (t <= 2, [1, 1, 0]), (t == 2, [0, 1, 0]), (t != 2, [1, 0, 1]),
    ((t > 1) & (t < 3), [0, 1, 0]),
                          (~(t > 1), [1, 0, 0]), (np.isnan(t), [0, 0, 0]),
                          (np.logical_or(t < 2, t > 2), [1, 0, 1])):  # fmt: skip
        assert found.dtype == bool and not found.requires_grad and found.tolist() == [bool(w) for w in wanted]


def test_astype_casts_forth_and_the_gradient_back():
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    narrow = t.astype(np.float32)
    assert narrow.dtype == np.float32 and narrow.requires_grad and "op=astype" in repr(narrow)
    narrow.sum().backward()
    assert t.grad.dtype == np.float64 and t.grad.tolist() == [1, 1]
    assert not t.astype(int).requires_grad
    assert np.astype(t, np.float32).requires_grad and not np.astype(t, np.int8).requires_grad


@pytest.mark.parametrize("options, words",
[({"where": [True]}, "where= is not supported on a tensor. Write np.where"),
({"dtype": float}, "dtype= is not supported"),
                                            ({"order": "C"}, "order= is not supported")])  # fmt: skip
def test_options_of_ufuncs_are_refused_by_name(options, words):
    with pytest.raises(DTypeError, match=words):
        np.add(xe.tensor([1.0]), 1.0, **options)


def test_out_is_refused():
    with pytest.raises(GraphError, match="out= is not supported"):
        np.exp(xe.tensor([1.0]), out=np.zeros(1))
