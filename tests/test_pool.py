"""Pooling: PyTorch's values and gradients to second order, ties, NaN and infinities, masks, clear errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_xe as xe

INF, NAN = np.inf, np.nan
FUNCTIONS = {("max", 1): xe.max_pool1d, ("max", 2): xe.max_pool2d, ("avg", 1): xe.avg_pool1d, ("avg", 2): xe.avg_pool2d}


@st.composite
def calls(draw: Any) -> tuple[str, int, np.ndarray, dict[str, Any]]:
    """Kind and number of axes, an array with many equal elements, and options."""
    kind, axes = draw(st.sampled_from(["max", "avg"])), draw(st.integers(1, 2))
    kernel = [draw(st.integers(1, 3)) for _ in range(axes)]
    dilation = [draw(st.integers(1, 2)) if kind == "max" else 1 for _ in range(axes)]
    padding = [draw(st.integers(0, k // 2)) for k in kernel]
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    size = [s + draw(st.integers(0, 4)) for s in spans]
    options: dict[str, Any] = dict(kernel_size=tuple(kernel), padding=tuple(padding), ceil_mode=draw(st.booleans()))
    if draw(st.booleans()):
        options["stride"] = tuple(draw(st.integers(1, 4)) for _ in range(axes))
    if kind == "max":
        options["dilation"] = tuple(dilation)
    else:
        options["count_include_pad"] = draw(st.booleans())
    batch = draw(st.sampled_from([(), (1,), (3,)]))
    values = np.random.default_rng(draw(st.integers(0, 10**6))).integers(-2, 3, (*batch, 2, *size))
    return kind, axes, values.astype(float), options


@settings(max_examples=200, deadline=None)
@given(call=calls())
def test_it_is_pytorchs_to_second_order(torch, call):
    kind, axes, x, options = call
    rng = np.random.default_rng(0)
    t, theirs = xe.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    ours = FUNCTIONS[kind, axes]
    out = ours(t, **options)
    wanted = getattr(torch.nn.functional, f"{kind}_pool{axes}d")(theirs, **options)
    np.testing.assert_allclose(out.data, wanted.numpy(force=True), rtol=1e-13)
    g, direction = rng.normal(size=out.shape), rng.normal(size=x.shape)
    u, v = xe.tensor(g, requires_grad=True), torch.tensor(g, requires_grad=True)
    (first,) = xe.vjp(lambda a: ours(a, **options), t)[1](u)
    (expected,) = torch.autograd.grad(wanted, theirs, v, create_graph=True)
    np.testing.assert_allclose(first.data, expected.numpy(force=True), rtol=1e-12, atol=1e-13)
    np.sum(first * direction).backward()
    (expected * torch.tensor(direction)).sum().backward()
    np.testing.assert_allclose(u.grad, v.grad.numpy(), rtol=1e-12, atol=1e-13)
    assert t.grad is None or not np.any(t.grad)  # linear in pieces


def gradient(function: Any, x: Any, *args: Any, **options: Any) -> np.ndarray:
    return xe.grad(lambda a: np.sum(function(a, *args, **options)))(np.array(x, float))


def test_of_equal_elements_the_first_takes_the_gradient():
    x = [[[1.0, 2, 2, 2], [2, 2, 2, 2]]]
    np.testing.assert_array_equal(gradient(xe.max_pool2d, x, 2), [[[0, 1, 1, 0], [0, 0, 0, 0]]])
    np.testing.assert_array_equal(gradient(xe.max_pool1d, [[3.0, 3, 3, 3]], 2, 1), [[1, 1, 1, 0]])


def test_a_nan_is_the_largest_element_and_receives_the_gradient():
    x = np.array([[1, NAN, NAN, 5, 6, 7]])
    np.testing.assert_array_equal(xe.max_pool1d(x, 2), [[NAN, NAN, 7]])
    np.testing.assert_array_equal(gradient(xe.max_pool1d, x, 2), [[0, 1, 1, 0, 0, 1]])
    np.testing.assert_array_equal(gradient(xe.max_pool1d, x, 3, 1), [[0, 2, 1, 0, 0, 1]])


def test_minus_infinity_is_not_padding():
    x = [[-INF, -INF, -INF, 1]]
    np.testing.assert_array_equal(xe.max_pool1d(np.array(x), 2, padding=1), [[-INF, -INF, 1]])
    np.testing.assert_array_equal(gradient(xe.max_pool1d, x, 2, padding=1), [[1, 1, 0, 1]])


def test_an_infinite_cotangent_reaches_the_chosen_element_alone():
    x = np.array([[1.0, 2.0, 4.0, 3.0]])
    for stride in (2, 1):
        _, pull = xe.vjp(lambda a, s=stride: xe.max_pool1d(a, 2, s), x)
        (found,) = pull(np.array([[INF, *[1.0] * (2 // stride)]])[:, : 4 // stride - (stride == 1)])
        assert np.array_equal(np.isinf(found), [[False, True, False, False]])
        assert not np.isnan(found).any()


def test_a_branch_that_pooling_leaves_out_can_do_no_harm():
    def f(x: Any) -> Any:
        return np.sum(xe.max_pool1d(np.where(x > 0, np.sqrt(x), 0.0), 2))

    with np.errstate(all="ignore"):
        found = xe.grad(f)(np.array([[-1.0, 4.0, 0.0, 1.0]]))
    np.testing.assert_array_equal(found, [[0, 0.25, 0, 0.5]])


def test_elements_that_are_not_chosen_are_not_differentiated():
    with np.errstate(all="ignore"):
        found = xe.grad(lambda x: np.sum(xe.max_pool1d(np.sqrt(x), 2)))(np.array([[0.0, 4.0, 1.0, 0.0]]))
    np.testing.assert_array_equal(found, [[0, 0.25, 0.5, 0]])


def test_windows_that_leave_elements_over_give_them_the_gradient_0():
    np.testing.assert_array_equal(gradient(xe.max_pool1d, [[1.0, 2, 3]], 2), [[0, 1, 0]])
    np.testing.assert_array_equal(gradient(xe.avg_pool1d, [[1.0, 2, 3]], 2), [[0.5, 0.5, 0]])
    np.testing.assert_array_equal(gradient(xe.avg_pool1d, [[1.0, 2, 3]], 2, ceil_mode=True), [[0.5, 0.5, 1]])


def test_the_result_owns_its_memory():
    x = np.ones((1, 2, 3, 3))
    for out in (xe.max_pool2d(x, 1), xe.avg_pool2d(x, 1), xe.max_pool2d(x, 1, 2)):
        assert not np.shares_memory(out, x)


def test_the_result_has_the_batch_last_in_memory_from_any_order():
    x = np.random.default_rng(0).normal(size=(3, 2, 4, 4))
    batch_last = np.ascontiguousarray(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    for pool in (xe.max_pool2d, xe.avg_pool2d):
        for layout in (x, np.asfortranarray(x), batch_last):
            out = pool(layout, 2)
            np.testing.assert_array_equal(out, pool(x, 2))
            assert out.transpose(1, 2, 3, 0).flags.c_contiguous


@pytest.mark.parametrize("function", [xe.max_pool2d, xe.avg_pool2d])
def test_float32_stays_float32(function):
    t = xe.tensor(np.ones((1, 1, 5, 5), np.float32), requires_grad=True)
    out = function(t, 3, 2, 1)
    out.sum().backward()
    assert out.dtype == t.grad.dtype == np.float32


def test_an_empty_batch_gives_an_empty_result():
    for function in (xe.max_pool2d, xe.avg_pool2d):
        t = xe.tensor(np.ones((0, 2, 4, 4)), requires_grad=True)
        out = function(t, 2)
        assert out.shape == (0, 2, 2, 2)
        out.sum().backward()
        assert t.grad.shape == t.shape


def test_the_jacobian_of_pooling_is_its_rows():
    x = np.random.default_rng(0).normal(size=(2, 5, 4))
    for function in (xe.max_pool2d, xe.avg_pool2d):
        found = xe.jacobian(lambda a, f=function: f(a, (3, 2), 2, 1))(x)
        out = function(x, (3, 2), 2, 1)
        for place in np.ndindex(out.shape):
            g = np.zeros(out.shape)
            g[place] = 1
            np.testing.assert_allclose(found[place], xe.vjp(lambda a, f=function: f(a, (3, 2), 2, 1), x)[1](g)[0])


X = np.ones((2, 3, 4, 5))


@pytest.mark.parametrize(
    "given, error, said",
    [
        (dict(x=X[0, 0], kernel_size=2), xe.ShapeError, r"max_pool2d: x has shape \(4, 5\), 2 axes"),
        (dict(x=X.astype(int), kernel_size=2), xe.DTypeError, "x has dtype int64; expected floating-point numbers"),
        (dict(kernel_size=5), xe.ShapeError, r"the kernel \(5, 5\) is larger than x, whose lengths are \(4, 5\)"),
        (dict(kernel_size=0), xe.ArgumentError, "kernel_size=0; it must be at least 1"),
        (dict(kernel_size=(2, 2, 2)), xe.ArgumentError, r"has 3 numbers. Write one number, or 2 of them"),
        (dict(kernel_size=2.0), xe.DTypeError, r"kernel_size=2.0; expected a whole number"),
        (dict(kernel_size=2, stride=0), xe.ArgumentError, "stride=0"),
        (dict(kernel_size=2, padding=2), xe.ArgumentError, r"=\(2, 2\) is more than half .*padding=\(1, 1\) at most"),
        (dict(kernel_size=2, dilation=0), xe.ArgumentError, "dilation=0"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(given, error, said):
    xe.max_pool2d(X, 2)
    with pytest.raises(error, match=said):
        xe.max_pool2d(**({"x": X} | given))
