"""Reductions: axes of every kind, ties, zeros in products, the cone of std, weights, dtypes, options refused."""

from __future__ import annotations

import warnings
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
import pytest
from derivatives import gradients, inner, random, second, slope
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import tinygrad_xe as xe
from tinygrad_xe import ArgumentError, DTypeError, GraphError, ShapeError

EXAMPLES = settings(max_examples=40, deadline=None, derandomize=True, database=None)
FUNCTIONS = [np.sum, np.mean, np.prod, np.max, np.min, np.ptp, np.var, np.std, np.linalg.norm, xe.logsumexp]
X = np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]])


def spread(shape: tuple[int, ...], dtype: Any = np.float64) -> np.ndarray:
    """Distinct numbers off 0 in a scrambled order."""
    return (
        (np.random.default_rng(0).permutation(np.linspace(-2.3, 2.6, prod(shape))) + 0.01).reshape(shape).astype(dtype)
    )


@st.composite
def reductions(draw: Any) -> tuple[tuple[int, ...], Any, bool]:
    """A shape, an axis as users write it, and keepdims."""
    shape = draw(arrays.array_shapes(min_dims=1, max_dims=4, min_side=2, max_side=4))
    one = st.integers(-len(shape), len(shape) - 1)
    several = arrays.valid_tuple_axes(len(shape), min_size=1)
    axis = draw(st.none() | one | one.map(np.int64) | several)
    return shape, axis, draw(st.booleans())


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: getattr(f, "__name__", "logsumexp"))
@EXAMPLES
@given(reduction=reductions(), dtype=st.sampled_from([np.float64, np.float32]))
def test_any_shape_axis_and_keepdims(function, reduction, dtype):
    shape, axis, keepdims = reduction
    if function is np.linalg.norm and isinstance(axis, tuple) and len(axis) > 2:
        return
    options = {"axis": axis, "keepdims": keepdims}
    x = spread(shape, dtype)
    expected = function(x, **options)
    out = function(xe.tensor(x), **options)
    assert out.shape == expected.shape and out.dtype == dtype
    np.testing.assert_allclose(out.data, expected, rtol=1e-5 if dtype is np.float32 else 1e-14)

    rng = np.random.default_rng(1)
    cotangent = rng.uniform(-1, 1, np.shape(expected))
    (found,) = gradients(lambda t: function(t, **options), [x], cotangent)
    assert found.shape == shape and found.dtype == dtype
    wide = x.astype(np.float64)
    direction = random(rng, [wide])
    wanted = slope(lambda at: inner(function(at[0], **options), cotangent), [wide], direction)
    assert inner(found, direction[0]) == pytest.approx(
        wanted, rel=1e-4 if dtype is np.float32 else 1e-7, abs=1e-4 if dtype is np.float32 else 1e-7
    )


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "amax", "amin", "var", "std", "logsumexp"])
@EXAMPLES
@given(reduction=reductions())
def test_pytorch_agrees_to_second_order_on_any_shape(torch, name, reduction):
    shape, axis, keepdims = reduction
    if name == "prod" and not isinstance(axis, int):
        axis = -1
    axes = tuple(range(len(shape))) if axis is None else int(axis) if isinstance(axis, np.integer) else axis
    function = {"logsumexp": xe.logsumexp, "amax": np.max, "amin": np.min}.get(name) or getattr(np, name)
    more = {"correction": 0} if name in ("var", "std") else {}
    x, rng = spread(shape), np.random.default_rng(2)
    theirs = torch.tensor(x, requires_grad=True)
    out = getattr(torch, name)(theirs, axes, keepdim=keepdims, **more)
    cotangent, direction = rng.uniform(-1, 1, tuple(out.shape)), rng.uniform(-1, 1, shape)
    (first,) = torch.autograd.grad(out, theirs, torch.tensor(cotangent), create_graph=True)
    call = lambda t: function(t, axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(gradients(call, [x], cotangent)[0], first.numpy(force=True), rtol=1e-10, atol=1e-12)
    if first.requires_grad:
        (wanted,) = torch.autograd.grad((first * torch.tensor(direction)).sum(), theirs)
        np.testing.assert_allclose(
            second(call, [x], cotangent, [direction])[0], wanted.numpy(force=True), rtol=1e-9, atol=1e-10
        )


# -- ties --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [np.max, np.min])
def test_ties_of_an_extremum_share_its_gradient_evenly(function):
    x = np.array([[2.0, 2.0, 2.0], [1.0, 5.0, 5.0]]) * (1 if function is np.max else -1)
    np.testing.assert_allclose(
        gradients(lambda t: function(t, axis=1), [x], np.array([6.0, 4.0]))[0], [[2, 2, 2], [0, 2, 2]]
    )
    np.testing.assert_allclose(gradients(lambda t: function(t, axis=0), [x])[0], [[1, 0, 0], [0, 1, 1]])
    np.testing.assert_allclose(gradients(function, [x * 0])[0], np.full((2, 3), 1 / 6))


def test_pytorch_shares_ties_of_amax_and_amin_too(torch):
    x = np.array([[2.0, 2.0, 1.0], [1.0, 1.0, 2.0]])
    for ours, theirs in ((np.max, torch.amax), (np.min, torch.amin)):
        t = torch.tensor(x, requires_grad=True)
        theirs(t, 1).sum().backward()
        np.testing.assert_array_equal(gradients(lambda a, f=ours: f(a, axis=1), [x])[0], t.grad.numpy())


@pytest.mark.parametrize("function", [np.max, np.min])
def test_the_gradient_of_a_nan_extremum_is_nan(function):
    found = gradients(lambda t: function(t, axis=1), [np.array([[np.nan, 1.0], [2.0, 1.0]])])[0]
    assert np.isnan(found[0]).all() and sorted(found[1]) == [0, 1]


# -- products with zeros -----------------------------------------------------------------------------------------------

ROWS = [[2.0, 3.0, 4.0, 5.0], [2.0, 0.0, 4.0, 5.0], [0.0, 3.0, 0.0, 5.0], [0.0, 0.0, 0.0, 5.0], [-1.0, 2.0, 0.0, 0.5]]


def product(row: list[Fraction], *without: int) -> Fraction:
    return prod((x for i, x in enumerate(row) if i not in without), start=Fraction(1))


def exact(row: list[float]) -> list[Fraction]:
    return [Fraction(x) for x in row]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_prod_with_zeros_is_exact_to_second_order(row):
    x, d = exact(row), [Fraction(3), Fraction(-1), Fraction(2), Fraction(7)]
    assert gradients(np.prod, [np.array(row)])[0].tolist() == [product(x, i) for i in range(4)]
    hessian = [sum(d[j] * product(x, i, j) for j in range(4) if j != i) for i in range(4)]
    assert second(np.prod, [np.array(row)], np.array(1.0), [np.array(d, float)])[0].tolist() == hessian


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_cumprod_with_zeros_is_exact_to_second_order(row):
    x, c, d = (
        exact(row),
        [Fraction(1), Fraction(2), Fraction(-3), Fraction(4)],
        [Fraction(3), Fraction(-1), Fraction(2), Fraction(7)],
    )
    first = [sum(c[k] * product(x[: k + 1], i) for k in range(i, 4)) for i in range(4)]
    assert gradients(np.cumprod, [np.array(row)], np.array(c, float))[0].tolist() == first
    hessian = [
        sum(c[k] * d[j] * product(x[: k + 1], i, j) for j in range(4) if j != i for k in range(max(i, j), 4))
        for i in range(4)
    ]
    assert second(np.cumprod, [np.array(row)], np.array(c, float), [np.array(d, float)])[0].tolist() == hessian


def test_prod_over_several_axes_with_a_zero_in_each_group():
    x = np.array([[[1.0, 0.0], [3.0, 4.0]], [[0.0, 2.0], [0.0, 5.0]]])
    found = gradients(lambda t: np.prod(t, axis=(0, 2)), [x])[0]
    np.testing.assert_array_equal(found, [[[0, 0], [0, 0]], [[0, 0], [60, 0]]])


# -- var and std -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_std_of_equal_elements_has_first_derivative_0_and_second_nan(value):
    x = np.array([[value] * 3, [1.0, 2.0, 4.0]])
    call = lambda t: np.std(t, axis=1)
    first = gradients(call, [x])[0]
    assert first[0].tolist() == [0, 0, 0] and np.isfinite(first).all()
    in_x = second(call, [x], np.ones(2), [np.array([[1.0, 0.0, 0.0]] * 2)])[0]
    assert np.isnan(in_x[0]).all() and np.isfinite(in_x[1]).all()


@pytest.mark.parametrize("function", [np.var, np.std])
def test_ddof_that_leaves_nothing_to_divide_by_gives_numpys_warning_and_no_error(function):
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    with pytest.warns(RuntimeWarning) as found:
        out = function(t, ddof=2)
    assert "Degrees of freedom <= 0 for slice" in {str(w.message) for w in found}
    out.backward()
    assert not np.isfinite(t.grad).any()


# -- average -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "axis, shape",
    [(0, (2,)), (1, (3,)), (-1, (3,)), (-2, (2,)), (None, (2, 3)), ((0, 1), (2, 3)), ((1, 0), (3, 2))],
    ids=str,
)
@pytest.mark.parametrize("returned", [False, True])
def test_average_takes_weights_of_the_axis_alone(axis, shape, returned):
    if isinstance(axis, tuple) and np.__version__ < "2.1":
        pytest.skip("weights over several axes came with NumPy 2.1")
    w = spread(shape) ** 2
    expected = np.average(X, axis, w, returned)
    found = np.average(xe.tensor(X), axis, w, returned)
    for ours, theirs in zip(found if returned else [found], expected if returned else [expected], strict=True):
        np.testing.assert_allclose(np.asarray(ours), theirs, rtol=1e-15)
    rng = np.random.default_rng(3)
    cotangent, direction = rng.uniform(-1, 1, np.average(X, axis, w).shape), random(rng, [X, w])
    found = gradients(lambda a, b: np.average(a, axis, b), [X, w], cotangent)
    wanted = slope(lambda at: inner(np.average(at[0], axis, at[1]), cotangent), [X, w], direction)
    assert sum(inner(g, d) for g, d in zip(found, direction, strict=True)) == pytest.approx(wanted, rel=1e-8)


def test_average_takes_lists_and_returns_the_sum_of_weights():
    mean, total = np.average(xe.tensor([1.0, 2.0]), weights=[1, 3], returned=True)
    assert mean.item() == 1.75 and total.item() == 4
    mean, total = np.average(xe.tensor(X), axis=0, returned=True)
    assert mean.shape == total.shape == (3,) and total.tolist() == [2, 2, 2]
    assert np.average([1.0, 3.0], weights=xe.tensor([1.0, 3.0])).item() == 2.5


def test_average_keeps_float32():
    out = np.average(xe.tensor(X.astype(np.float32)), axis=1, weights=np.ones(3, np.float32))
    assert out.dtype == np.float32


@pytest.mark.parametrize(
    "weights, axis, error, words",
    [([1, 2], None, ArgumentError, r"weights have shape \(2,\), the array has shape \(2, 3\). Write axis="),
     ([1, 2], 1, ArgumentError, r"weights have shape \(2,\), axis 1 of \(2, 3\) has shape \(3,\)"),
     ([1, -1], 0, ZeroDivisionError, "the weights sum to zero")],
)  # fmt: skip
def test_weights_that_do_not_fit_are_named(weights, axis, error, words):
    with pytest.raises(error, match=words):
        np.average(xe.tensor(X), axis=axis, weights=weights)


# -- dtypes and options ------------------------------------------------------------------------------------------------


def test_booleans_and_integers_are_counted_and_averaged_as_numpy_does():
    t = xe.tensor(X)
    assert np.sum(t > 0).item() == 4 and np.sum(t > 0).dtype == np.sum(X > 0).dtype
    assert np.mean(t > 0).item() == np.mean(X > 0)
    assert np.sum(xe.tensor([1, 2]), dtype=float).dtype == np.float64


def test_float16_means_are_summed_in_float32_as_numpy_does():
    x = np.full(5000, 1.25, np.float16)
    assert np.mean(xe.tensor(x)).item() == np.mean(x) == 1.25


def test_dtype_asks_for_a_wider_result_and_the_gradient_keeps_the_inputs():
    x = X.astype(np.float32)
    for function in (np.sum, np.mean, np.prod, np.var, np.std, np.cumsum, np.cumprod):
        assert function(xe.tensor(x), dtype=np.float64).dtype == np.float64
        assert gradients(lambda t, f=function: f(t, dtype=np.float64), [x])[0].dtype == np.float32


@pytest.mark.parametrize("function", [np.sum, np.mean, np.prod, np.var, np.std, np.cumsum, np.cumprod])
def test_a_whole_dtype_of_numbers_with_a_gradient_is_refused(function):
    with pytest.raises(
        DTypeError, match=rf"{function.__name__}: dtype=int64 would cut the gradient off. Write t.astype\(int64\)"
    ):
        function(xe.tensor(X, requires_grad=True), dtype=np.int64)


@pytest.mark.parametrize(
    "call, words",
    [(lambda t: np.sum(t, where=X > 0), r"sum: .*'where'.*\n.*\(a, axis=None, dtype=None, out=None, keepdims=False\)"),
     (lambda t: np.sum(t, initial=1.0), "sum: .*'initial'.*\n.*it takes"),
     (lambda t: np.max(t, initial=1.0), r"max: .*'initial'.*\n.*it takes \(a, axis=None, out=None, keepdims=False\)"),
     (lambda t: t.min(initial=1.0), "min: .*'initial'.*\n.*it takes"),
     (lambda t: np.mean(t, where=X > 0), "mean: .*'where'.*\n.*it takes"),
     (lambda t: np.var(t, correction=1), "var: .*'correction'.*\n.*it takes"),
     (lambda t: np.std(t, mean=0.0), "std: .*'mean'.*\n.*it takes"),
     (lambda t: np.diff(t, prepend=0.0), r"diff: .*'prepend'.*\n.*it takes \(a, n=1, axis=-1\)"),
     (lambda t: np.add.reduce(t, where=X[0] > 0), "sum: .*'where'.*\n.*it takes")],
)  # fmt: skip
def test_options_that_are_not_supported_are_named_with_those_that_are(call, words):
    with pytest.raises(DTypeError, match=words):
        call(xe.tensor(X, requires_grad=True))


@pytest.mark.parametrize(
    "function", [np.sum, np.mean, np.prod, np.max, np.min, np.var, np.std, np.cumsum, np.cumprod, np.ptp]
)
def test_out_is_refused(function):
    with pytest.raises(GraphError, match="out= is not supported"):
        function(xe.tensor(X), out=np.zeros(()))


@pytest.mark.parametrize("function", FUNCTIONS[:-1])
def test_an_axis_out_of_range_is_named(function):
    with pytest.raises((ValueError, IndexError), match=r"axis 2 is out of bounds for array of dimension 2"):
        function(xe.tensor(X), axis=2)


def test_diff_of_a_negative_order_is_refused():
    with pytest.raises(ArgumentError, match="n must not be negative, got -1"):
        np.diff(xe.tensor(X), -1)


def test_the_extremum_of_nothing_is_refused_as_numpy_refuses_it():
    with pytest.raises(ShapeError, match="max: zero-size array"):
        np.max(xe.tensor(np.zeros((0, 3))))


def test_the_mean_of_nothing_is_numpys_nan_with_numpys_warning():
    t = xe.tensor(np.zeros((0, 2)), requires_grad=True)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        out = np.mean(t)
        out.backward()
    assert np.isnan(out.item()) and t.grad.shape == (0, 2)
    assert "Mean of empty slice" in {str(w.message).rstrip(".") for w in found}


def test_ufunc_methods_reduce_along_the_first_axis_as_numpy_does():
    for ufunc in (np.add, np.multiply, np.maximum, np.minimum):
        np.testing.assert_allclose(ufunc.reduce(xe.tensor(X)).data, ufunc.reduce(X))
        np.testing.assert_allclose(ufunc.reduce(xe.tensor(X), axis=None).data, ufunc.reduce(X, axis=None))
    np.testing.assert_allclose(np.add.accumulate(xe.tensor(X)).data, np.add.accumulate(X))


@pytest.mark.parametrize(
    "name", ["argmax", "argmin", "argsort", "all", "any", "nonzero", "count_nonzero", "flatnonzero", "argwhere"]
)
def test_questions_about_values_give_plain_answers(name):
    np.testing.assert_array_equal(getattr(np, name)(xe.tensor(X, requires_grad=True)), getattr(np, name)(X))
