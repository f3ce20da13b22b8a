"""Differences, integrals, interpolation, convolution, statistics, choices: what their lines in the table can't hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from derivatives import gradients, leaves
from test_linalg import check, drawn

import tinygrad_xe as xe
from tinygrad_xe import ArgumentError, DTypeError, ShapeError

X4 = np.array([0.1, 0.5, 0.6, 1.5])


@pytest.mark.parametrize(
    "call",
    [
        lambda f: np.gradient(f, axis=0),
        lambda f: np.gradient(f, 0.5, axis=1),
        lambda f: np.gradient(f, X4, axis=1),
        lambda f: np.gradient(f, X4, axis=-1, edge_order=2),
        lambda f: np.gradient(f, 2)[1],
        lambda f: np.gradient(f, 2, X4)[0],
        lambda f: np.gradient(f, 2, X4, edge_order=2)[1],
        lambda f: np.gradient(f, X4, 2.0, axis=(1, 0))[0],
    ],
)
def test_gradients_on_every_kind_of_grid(call):
    check(call, drawn((3, 4)), loose=True)


def test_the_coordinates_of_a_gradient_are_differentiated_too():
    f, x = *drawn((5,)), np.array([0.0, 0.8, 2.0, 2.9, 4.0])
    check(lambda f, x: np.gradient(f, x), [f, x], loose=True)
    check(lambda f, x: np.gradient(f, x, edge_order=2), [f, x], loose=True)
    check(lambda f, h: np.gradient(f, h), [*drawn((5,)), np.array(0.7)], loose=True)


def test_gradient_refuses_what_numpy_refuses():
    t = xe.tensor(np.ones((3, 2)), requires_grad=True)
    with pytest.raises(ShapeError, match=r"an axis of length 2 is too short; it needs edge_order \+ 1 = 3"):
        np.gradient(t, axis=1, edge_order=2)
    with pytest.raises(ArgumentError, match="got 3 spacings for 2 axes"):
        np.gradient(t, 1, 2, 3)
    with pytest.raises(ArgumentError, match="edge_order must be 1 or 2, got 3"):
        np.gradient(t, edge_order=3)
    with pytest.raises(ShapeError, match=r"coordinates of shape \(4,\) for an axis of length 3"):
        np.gradient(t, np.arange(4.0), axis=0)


@pytest.mark.parametrize(
    "call", [lambda y: np.trapezoid(y), lambda y: np.trapezoid(y, dx=0.5, axis=0), lambda y: np.trapezoid(y, X4),
             lambda y: np.trapezoid(y, np.array([0.0, 1.0, 3.0]), axis=0)],
)  # fmt: skip
def test_integrals_along_any_axis(call):
    check(call, drawn((3, 4)), loose=True)
    check(lambda y, x: np.trapezoid(y, x, axis=0), drawn((3, 4), (3, 4)), loose=True)


def test_interpolation_has_a_derivative_in_the_point_and_in_both_lists():
    xp, fp = np.array([0.0, 1.0, 3.0]), np.array([1.0, 3.0, -1.0])
    x = np.array([0.5, 2.5, -1.0, 4.0])
    check(lambda x, xp, fp: np.interp(x, xp, fp), [x, xp, fp], loose=True)
    check(lambda x, fp: np.interp(x, xp, fp, left=5.0, right=fp[0]), [x, fp], loose=True)
    assert gradients(lambda t: np.interp(t, xp, fp), [x])[0].tolist() == [2, -2, 0, 0]
    np.testing.assert_array_equal(np.interp(xe.tensor(xp), xp, fp).data, fp)
    assert np.interp(xe.tensor([0.0, 9.0]), [1.0], [7.0]).tolist() == [7, 7]
    with pytest.raises(ArgumentError, match="period= is not supported"):
        np.interp(xe.tensor(x, requires_grad=True), xp, fp, period=3)
    with pytest.raises(ShapeError, match="xp and fp must be vectors of the same length"):
        np.interp(xe.tensor(x, requires_grad=True), xp, fp[:2])


@pytest.mark.parametrize("options", [{}, {"period": 4.0}, {"discont": 5.0}], ids=str)
def test_unwrapped_angles_carry_their_gradient(options):
    x = np.array([0.0, 3.0, 6.5, 13.0, -5.0])
    found, expected = np.unwrap(xe.tensor(x), **options), np.unwrap(x, **options)
    np.testing.assert_allclose(found.data, expected, rtol=1e-14, atol=1e-14)
    assert gradients(lambda t: np.unwrap(t, **options), [x])[0].tolist() == [1] * 5


@pytest.mark.parametrize("order", range(1, 6))
def test_every_derivative_of_sinc_at_0_is_that_of_its_series(order):
    t = xe.tensor([0.0, 1e-9], requires_grad=True)
    value = np.sinc(t)
    for _ in range(order):
        t.zero_grad()
        value.sum().backward(create_graph=True)
        value = t.grad
    expected = [0, -(math.pi**2) / 3, 0, math.pi**4 / 5, 0][order - 1]
    np.testing.assert_allclose(value.data, [expected] * 2, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("m", [1, 2, 3, 4])
@pytest.mark.parametrize("function", [np.convolve, np.correlate])
def test_convolution_and_correlation_of_any_two_lengths(function, m, n, mode):
    for arrays in (drawn((m,), (n,)), drawn((n,), (m,))):
        found, expected = function(*leaves(arrays), mode), function(*arrays, mode)
        np.testing.assert_allclose(found.data, expected, rtol=1e-13, atol=1e-14)
        (c,) = drawn(expected.shape)
        for g, a in zip(gradients(lambda a, v: function(a, v, mode), arrays, c), arrays, strict=True):
            assert np.vdot(g, a) == pytest.approx(np.vdot(c, expected))  # linear in each


def test_convolution_refuses_what_numpy_refuses():
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ShapeError, match="convolve: expected two vectors that are not empty"):
        np.convolve(t, np.ones((2, 2)))
    with pytest.raises(ArgumentError, match="mode must be 'full', 'same' or 'valid', got 'all'"):
        np.correlate(t, t, "all")


@pytest.mark.parametrize("options", [{}, {"rowvar": False}, {"bias": True}, {"ddof": 2}], ids=str)
def test_covariance_and_correlation(options):
    x, y = drawn((3, 4), (3, 4))
    check(lambda x: np.cov(x, **options), [x], loose=True)
    check(lambda x, y: np.cov(x, y, **options), [x, y], loose=True)
    check(lambda x: np.cov(x, **options), [x[0]], loose=True)
    if options.keys() <= {"rowvar"}:
        check(lambda x: np.corrcoef(x, **options), [x], loose=True)


def test_covariance_refuses_weights_and_too_few_observations():
    t = xe.tensor(np.ones((2, 1)), requires_grad=True)
    with pytest.raises(ShapeError, match="cov: 1 observations are too few for ddof=1"):
        np.cov(t)
    with pytest.raises(ArgumentError, match="fweights=, aweights= and dtype= are not supported"):
        np.cov(t, fweights=[1])


def test_reductions_past_nan_leave_it_out_of_value_and_gradient():
    x = np.array([[np.nan, 2.0, 5.0], [3.0, np.nan, 4.0]])
    for function in (np.nansum, np.nanprod, np.nanmean, np.nanvar, np.nanmax, np.nanmin):
        for options in ({}, {"axis": 0}, {"axis": 1, "keepdims": True}):
            np.testing.assert_allclose(function(xe.tensor(x), **options).data, function(x, **options), rtol=1e-14)
        g = gradients(function, [x])[0]
        assert np.isfinite(g).all() and g[0, 0] == g[1, 1] == 0 and g.any()
    assert gradients(np.nanmean, [x])[0].tolist() == [[0, 0.25, 0.25], [0.25, 0, 0.25]]


@pytest.mark.parametrize("function", [np.nanmean, np.nanvar, np.nanmax, np.nanmin])
def test_a_line_of_nothing_but_nan_gives_nan_and_numpys_warning(function):
    x = np.array([[np.nan, np.nan], [1.0, 2.0]])
    with pytest.warns(RuntimeWarning) as theirs:
        expected = function(x, axis=1)
    with pytest.warns(RuntimeWarning, match=str(theirs[0].message)) as ours:
        found = function(xe.tensor(x), axis=1)
    assert ours[0].filename == __file__
    np.testing.assert_array_equal(found.data, expected)


def test_select_takes_the_first_condition_that_holds():
    t = xe.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    out = np.select([t < 2, t < 4], [10 * t, 100 * t], default=t)
    assert out.tolist() == [10, 200, 300, 4]
    out.sum().backward()
    assert t.grad.tolist() == [10, 100, 100, 1]
    with pytest.raises(DTypeError, match=r"select: conditions must be booleans\. Write x > 0"):
        np.select([np.arange(4)], [t])
    with pytest.raises(ArgumentError, match="got 1 conditions and 2 choices"):
        np.select([t < 2], [t, t])


def test_piecewise_calls_each_function_with_its_own_elements_only():
    x = np.array([-4.0, 0.0, 4.0, 9.0])
    t = xe.tensor(x, requires_grad=True)
    call = lambda t: np.piecewise(t, [t > 0, t > 5], [np.sqrt, lambda v, by: by * v, 7.0], by=3.0)
    with pytest.raises(TypeError, match="by"):  # NumPy hands keywords to every function
        call(t)
    out = np.piecewise(t, [t > 0, t > 5], [np.sqrt, np.square, 7.0])
    np.testing.assert_array_equal(out.data, np.piecewise(x, [x > 0, x > 5], [np.sqrt, np.square, 7.0]))
    out.sum().backward()
    assert t.grad.tolist() == [0, 0, 0.25, 18]
    assert np.piecewise(t, t > 0, [1.0, -1.0]).tolist() == [-1, -1, 1, 1]
    with pytest.raises(ArgumentError, match="got 1 conditions and 3 functions"):
        np.piecewise(t, [t > 0], [1, 2, 3])


def test_select_guards_the_branch_that_is_not_taken():
    t = xe.tensor([0.0, 4.0], requires_grad=True)
    np.select([t > 1], [np.sqrt(t)], 1.0).sum().backward()
    assert t.grad.tolist() == [0, 0.25]


@pytest.mark.parametrize("endpoint", [False, True])
def test_linspace_between_tensors(endpoint):
    check(lambda a, b: np.linspace(a, b, 5, endpoint=endpoint), drawn((), ()))
    values, step = np.linspace(xe.tensor(0.0, requires_grad=True), 1, 5, endpoint, retstep=True)
    assert step.item() == np.linspace(0, 1, 5, endpoint, retstep=True)[1] and len(values) == 5
    assert np.linspace(xe.tensor(0.0), 1, 0, endpoint).shape == (0,)
    with pytest.raises(ArgumentError, match="must not be negative, got -1"):
        np.linspace(xe.tensor(0.0), 1, -1)


def test_meshgrid_of_any_number_of_vectors():
    x = [np.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0]), np.array(6.0)]
    for count in (1, 2, 3):
        for options in ({}, {"indexing": "ij"}, {"sparse": True}):
            found, expected = np.meshgrid(*leaves(x[:count]), **options), np.meshgrid(*x[:count], **options)
            for f, e in zip(found, expected, strict=True):
                np.testing.assert_array_equal(f.data, e)
    with pytest.raises(ArgumentError, match="indexing must be 'xy' or 'ij', got 'ji'"):
        np.meshgrid(*leaves(x), indexing="ji")


def test_real_numbers_are_their_own_real_part():
    t = xe.tensor([-1.0, 2.0], requires_grad=True)
    np.sum(np.real(t) * np.conj(t) * np.real_if_close(t)).backward()
    np.testing.assert_allclose(t.grad, 3 * t.data**2)
    assert np.imag(t).tolist() == [0, 0] and np.angle(t).tolist() == [math.pi, 0]


def test_the_sign_that_copysign_copies_is_a_constant():
    a, b = leaves([np.array([2.0, -3.0, 0.0]), np.array([-1.0, -0.0, 5.0])])
    out = np.copysign(a, b)
    out.backward(np.ones(3))
    assert out.tolist() == [-2, -3, 0] and a.grad.tolist() == [-1, 1, 0] and b.grad is None


def test_the_new_cumulative_functions_ask_for_an_axis():
    for name in ("cumulative_sum", "cumulative_prod"):
        function = getattr(np, name, None)
        if function is not None:
            with pytest.raises(ArgumentError, match=rf"{name}: an array of shape \(2, 2\) needs axis="):
                function(xe.tensor(np.ones((2, 2)), requires_grad=True))
            x = np.array([2.0, 3.0])
            assert function(xe.tensor(x), include_initial=True).tolist() == function(x, include_initial=True).tolist()
