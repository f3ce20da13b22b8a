"""Sorting and what is read from sorted values: ties, NaN, masks, every axis, quantiles, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from derivatives import gradients, second
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import tinygrad_xe as xe
from tinygrad_xe import ArgumentError, DTypeError, GradientLostError, GraphError
from tinygrad_xe.ops.ordering import share_ties


def test_equal_elements_share_the_cotangents_of_their_places():
    x = np.array([2.0, 1.0, 2.0, 3.0, 2.0])
    g = np.array([1.0, 10.0, 20.0, 60.0, 100.0])  # sorted: 1 2 2 2 3
    assert gradients(np.sort, [x], g)[0].tolist() == [30, 1, 30, 100, 30]


def test_ties_in_one_line_do_not_reach_the_next():
    x = np.array([[1.0, 1.0], [1.0, 0.0]])
    assert gradients(np.sort, [x], np.array([[2.0, 4.0], [8.0, 16.0]]))[0].tolist() == [[3, 3], [16, 8]]
    down = gradients(lambda t: np.sort(t, axis=0), [x], np.array([[2.0, 4.0], [8.0, 16.0]]))[0]
    assert down.tolist() == [[5, 16], [5, 4]]


def test_the_largest_of_a_sort_shares_ties_as_the_maximum_does():
    x = np.array([3.0, 1.0, 3.0, 3.0])
    np.testing.assert_allclose(gradients(lambda t: np.sort(t)[-1], [x])[0], gradients(np.max, [x])[0], rtol=1e-15)
    np.testing.assert_allclose(gradients(lambda t: np.median(t), [x])[0], [1 / 3, 0, 1 / 3, 1 / 3])


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(arrays(np.float64, array_shapes(max_dims=3, max_side=4), elements=st.integers(-2, 2)), st.data())
def test_sort_and_partition_agree_with_the_average_over_all_orders_of_ties(x, data):
    axis = data.draw(st.sampled_from([None, *range(-x.ndim, x.ndim)]))
    lines = x.reshape(1, -1) if axis is None else np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
    g = np.random.default_rng(0).uniform(-1, 1, lines.shape)
    expected = np.empty_like(lines)
    for line, g_line, out in zip(lines, g, expected, strict=True):
        ordered = np.sort(line)
        out[:] = [g_line[ordered == v].mean() for v in line]

    def back(values):
        moved = () if axis is None else np.moveaxis(x, axis, -1).shape
        return values.reshape(x.shape) if axis is None else np.moveaxis(values.reshape(moved), -1, axis)

    cotangent = g.reshape(-1) if axis is None else back(g)
    np.testing.assert_allclose(gradients(lambda t: np.sort(t, axis), [x], cotangent)[0], back(expected), atol=1e-14)
    k = data.draw(st.integers(0, lines.shape[1] - 1))
    at_k = gradients(lambda t: np.take(np.partition(t, k, axis), k, axis if axis is not None else 0).sum(), [x])[0]
    ties = [(line == np.sort(line)[k]) / np.sum(line == np.sort(line)[k]) for line in lines]
    kept = gradients(lambda t: np.take(np.sort(t, axis), k, axis if axis is not None else 0).sum(), [x])[0]
    np.testing.assert_allclose(kept, back(np.array(ties)), atol=1e-14)
    assert at_k.sum() == pytest.approx(len(lines))
    assert (at_k[back(np.array(ties)) == 0] == 0).all()


def test_the_gradient_of_a_partition_goes_to_the_elements_that_stand_there():
    x = np.array([5.0, 1.0, 4.0, 2.0, 3.0])
    t = xe.tensor(x, requires_grad=True)
    out = np.partition(t, 2)
    out.backward(out.data)  # each element gets its own value
    np.testing.assert_array_equal(t.grad, x)


def test_nan_is_sorted_last_and_receives_its_own_cotangent():
    x = np.array([np.nan, 2.0, np.nan, 1.0])
    assert gradients(np.sort, [x], np.array([1.0, 2.0, 3.0, 4.0]))[0].tolist() == [3, 2, 4, 1]


def test_a_sort_is_piecewise_linear():
    x = np.array([3.0, 1.0, 2.0])
    assert second(np.sort, [x], np.ones(3), [np.ones(3)])[0].tolist() == [0, 0, 0]


def test_infinities_that_were_sorted_away_do_no_harm():
    x = xe.tensor([4.0, 0.0, 1.0], requires_grad=True)
    with np.errstate(divide="ignore"):
        np.sum(np.sort(1 / np.sqrt(x))[:2]).backward()  # the infinity at 0 is the largest
    np.testing.assert_allclose(x.grad, [-1 / 16, 0, -0.5])
    y = xe.tensor([4.0, 0.0, 1.0, 9.0, 16.0], requires_grad=True)
    np.median(np.sqrt(y)).backward()
    np.testing.assert_allclose(y.grad, [0.25, 0, 0, 0, 0])


def test_the_average_over_runs_of_equal_keys_is_its_own_transpose():
    rng = np.random.default_rng(0)
    keys = np.sort(rng.integers(0, 4, (3, 7)), axis=-1)
    u, v = rng.uniform(-1, 1, (2, 3, 7))
    assert np.sum(u * share_ties(v, keys)) == pytest.approx(np.sum(v * share_ties(u, keys)))
    np.testing.assert_allclose(share_ties(share_ties(u, keys), keys), share_ties(u, keys), rtol=1e-14)


@pytest.mark.parametrize("x", [np.array([]), np.zeros((0, 3)), np.zeros((3, 0)), np.array([1.0])], ids=np.shape)
def test_arrays_of_no_or_one_element(x):
    for function in (np.sort, lambda t: np.partition(t, 0) if t.shape[-1] else np.sort(t)):
        t = xe.tensor(x, requires_grad=True)
        out = function(t)
        out.backward(np.ones(x.shape))
        assert out.shape == x.shape and t.grad.shape == x.shape


# -- median, quantile, percentile --------------------------------------------------------------------------------------


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), [0, 1], (2, 1, 0)], ids=str)
def test_a_nan_in_a_line_is_the_median_and_the_quantile_of_it(axis, keepdims):
    x = np.random.default_rng(0).permutation(np.arange(24.0)).reshape(2, 3, 4)
    x[1, 2, 3] = np.nan
    axes = tuple(axis) if isinstance(axis, list) else axis
    for function, *q in ((np.median,), (np.quantile, 0.3), (np.percentile, [10, 50])):
        found = function(xe.tensor(x), *q, axis=axis, keepdims=keepdims)
        expected = function(x, *q, axis=axes, keepdims=keepdims)
        np.testing.assert_allclose(found.data, expected, rtol=1e-14)


def test_an_even_number_of_elements_has_two_middle_ones():
    assert gradients(np.median, [np.array([4.0, 1.0, 3.0, 2.0])])[0].tolist() == [0, 0, 0.5, 0.5]


def test_whole_numbers_have_a_median_in_float64():
    found = np.median(xe.tensor([[1, 2], [4, 3]]), axis=1)
    assert found.dtype == np.float64 and found.tolist() == [1.5, 3.5]
    assert np.quantile(xe.tensor([1, 2, 3, 4]), 0.5).item() == 2.5


@pytest.mark.parametrize("q", [0.3, 1, [0.3, 0.9], np.float32(0.3), np.array([0.2], np.float32)], ids=repr)
def test_the_dtype_of_a_quantile_in_float32_is_that_of_numpy(q):
    x = np.array([1.0, 5.0, 2.0, 3.0], np.float32)
    found, expected = np.quantile(xe.tensor(x), q), np.quantile(x, q)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found.data, expected, rtol=1e-6)


def test_a_quantile_at_an_element_is_that_element_beside_infinities_too():
    x = np.array([-np.inf, 1.0, 2.0, np.inf, np.inf])
    for q, expected in zip((0, 0.25, 0.5, 0.75, 1), x, strict=True):
        t = xe.tensor(x, requires_grad=True)
        with np.errstate(invalid="ignore"):  # NumPy computes inf * 0 here and returns NaN
            out = np.quantile(t, q)
        assert out.item() == expected


def test_quantiles_between_two_elements_share_the_gradient_by_distance():
    np.testing.assert_allclose(gradients(lambda t: np.quantile(t, 0.3), [np.array([3.0, 1.0, 2.0])])[0], [0, 0.4, 0.6])


def test_a_median_of_nothing_is_nan_with_numpys_warning():
    with pytest.warns(RuntimeWarning, match="Mean of empty slice"), np.errstate(invalid="ignore"):
        assert np.isnan(np.median(xe.tensor([])).data)
    with pytest.raises(IndexError, match="quantile: there are no elements"):
        np.quantile(xe.tensor([]), 0.5)


def test_what_has_no_rule_is_refused_by_name():
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(GraphError, match="out= is not supported"):
        np.median(t, out=np.zeros(()))
    with pytest.raises(ArgumentError, match="method='lower' is not supported on a tensor"):
        np.quantile(t, 0.5, method="lower")
    with pytest.raises(ArgumentError, match="percentile: weights= is not supported"):
        np.percentile(t, 50, weights=[1, 2], method="inverted_cdf")
    with pytest.raises(ArgumentError, match="quantile: q must be between 0 and 1, got 30"):
        np.quantile(t, 30)
    with pytest.raises(GradientLostError, match="q is a tensor that wants a gradient"):
        np.quantile(np.ones(3), t)
    with pytest.raises(ArgumentError, match="sort: order= belongs to structured arrays"):
        np.sort(t, order="x")
    with pytest.raises((DTypeError, ValueError)):
        np.sort(t, kind="bogo")
    assert np.quantile(np.ones(3), t.detach() / 4).tolist() == [1, 1]


def test_quantiles_of_no_fractions_are_an_array_without_elements():
    x = xe.tensor(np.ones((2, 3)), requires_grad=True)
    assert np.quantile(x, [], axis=1).shape == np.quantile(x.data, [], axis=1).shape == (0, 2)


@pytest.mark.parametrize("function", [lambda t, axis: np.median(t, axis), lambda t, axis: np.quantile(t, 0.5, axis)])
@pytest.mark.parametrize(("axis", "kind"), [(5, xe.BoundsError), ((0, 0), xe.BoundsError), ("x", xe.DTypeError)])
def test_an_axis_that_is_not_there_is_named(function, axis, kind):
    with pytest.raises(kind, match=r"^(median|quantile): .*axis"):
        function(xe.tensor(np.ones((2, 3))), axis)
    with pytest.raises(xe.BoundsError, match="out of bounds"):
        function(xe.tensor(1.0), 0)
