"""conv1d and conv2d: PyTorch's values and gradients to second order, layouts in memory, large batches, clear errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import one_window
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_xe as xe
from tinygrad_xe.ops import convolution
from tinygrad_xe.ops.convolution import channel_sums

PYTORCHS_COPY = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")


def tensors(*arrays: np.ndarray) -> list[xe.Tensor]:
    return [xe.tensor(a, requires_grad=True) for a in arrays]


@st.composite
def calls(draw: Any, axes: int) -> tuple[tuple[np.ndarray, ...], dict[str, Any]]:
    """Arrays that fit each other, and options."""
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    channels, made = (groups * draw(st.integers(1, 2)) for _ in range(2))
    kernel = [draw(st.integers(1, 3)) for _ in range(axes)]
    dilation = [draw(st.integers(1, 3)) for _ in range(axes)]
    stride = [draw(st.integers(1, 3)) for _ in range(axes)]
    padding: Any = [draw(st.integers(0, 3)) for _ in range(axes)]
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    size = [max(1, s - 2 * p) + draw(st.integers(0, 4)) for s, p in zip(spans, padding)]
    if draw(st.booleans()):
        padding, stride = draw(st.sampled_from(["same", "valid"])), [1] * axes
        size = [max(n, s) for n, s in zip(size, spans)]
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    batch = draw(st.sampled_from([(), (1,), (3,)]))
    arrays = [rng.normal(size=shape) for shape in (
        (*batch, channels, *size), (made, channels // groups, *kernel), (made,))]  # fmt: skip
    options = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    return tuple(arrays if draw(st.booleans()) else arrays[:2]), options


def compare(axes: int, arrays: tuple[np.ndarray, ...], options: dict[str, Any], torch: Any) -> None:
    """Value, gradients and their gradients."""
    rng = np.random.default_rng(0)
    ours, theirs = tensors(*arrays), [torch.tensor(a, requires_grad=True) for a in arrays]
    out = (xe.conv1d if axes == 1 else xe.conv2d)(*ours, **options)
    wanted = getattr(torch.nn.functional, f"conv{axes}d")(*theirs, **options)
    np.testing.assert_allclose(out.data, wanted.numpy(force=True), rtol=1e-11, atol=1e-12)
    g = rng.normal(size=out.shape)
    directions = [rng.normal(size=a.shape) for a in arrays]
    u, v = xe.tensor(g, requires_grad=True), torch.tensor(g, requires_grad=True)
    first = xe.vjp(lambda *xs: (xe.conv1d if axes == 1 else xe.conv2d)(*xs, **options), *ours)[1](u)
    expected = torch.autograd.grad(wanted, theirs, v, create_graph=True)
    for f, e in zip(first, expected, strict=True):
        np.testing.assert_allclose(f.data, e.numpy(force=True), rtol=1e-10, atol=1e-11)
    sum(np.sum(f * d) for f, d in zip(first, directions, strict=True)).backward()
    product = sum((e * torch.tensor(d)).sum() for e, d in zip(expected, directions, strict=True))
    product.backward()
    for t, w in zip((*ours, u), (*theirs, v), strict=True):
        np.testing.assert_allclose(0 if t.grad is None else t.grad, 0 if w.grad is None else w.grad.numpy(),
                                   rtol=1e-10, atol=1e-11)  # fmt: skip


@PYTORCHS_COPY
@settings(max_examples=80, deadline=None)
@given(call=calls(2))
def test_conv2d_is_pytorchs_to_second_order(torch, call):
    compare(2, *call, torch)


@PYTORCHS_COPY
@settings(max_examples=60, deadline=None)
@given(call=calls(1))
def test_conv1d_is_pytorchs_to_second_order(torch, call):
    compare(1, *call, torch)


X = np.random.default_rng(1).normal(size=(3, 4, 6, 5))
W = np.random.default_rng(2).normal(size=(6, 4, 3, 2))
B = np.random.default_rng(3).normal(size=6)


def test_without_tensors_it_is_a_function_of_arrays():
    out = xe.conv2d(X, W, B, padding=1)
    assert type(out) is np.ndarray
    how: dict[str, Any] = dict(stride=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1))
    np.testing.assert_allclose(out, one_window.convolution(X, W, B, **how), rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(xe.conv1d([[1.0, 2.0, 4.0]], [[[-1.0, 1.0]]]), [[1.0, 2.0]])


def test_the_result_has_the_batch_last_in_memory_and_elementwise_functions_keep_it():
    x, w = tensors(X, W)
    out = xe.relu(xe.conv2d(x, w) * 2.0 + 1.0)
    assert np.transpose(out.data, (1, 2, 3, 0)).flags.c_contiguous
    flat = out.reshape(3, -1)
    np.testing.assert_array_equal(flat.data, np.ascontiguousarray(out.data).reshape(3, -1))


@pytest.mark.parametrize("size", [8, 64])
def test_relu_keeps_the_memory_order_of_small_and_of_large_arrays(size):
    x = np.random.default_rng(0).normal(size=(4, size, size, 8)).transpose(3, 0, 1, 2)
    out = xe.relu(x)
    assert out.strides == x.strides
    np.testing.assert_array_equal(out, np.where(x > 0, x, 0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_keeps_the_dtype(dtype):
    x, w, b = tensors(*(a.astype(dtype) for a in (X, W, B)))
    out = xe.conv2d(x, w, b, stride=2)
    out.sum().backward()
    assert {a.dtype for a in (out, x.grad, w.grad, b.grad)} == {np.dtype(dtype)}


def test_a_wider_bias_widens_the_result():
    assert xe.conv2d(X.astype(np.float32), W.astype(np.float32), B).dtype == np.float64


def test_a_batch_that_is_taken_in_parts_gives_the_same(monkeypatch):
    def run() -> list[np.ndarray]:
        x, w, b = tensors(X, W, B)
        out = xe.conv2d(x, w, b, padding=1, stride=(2, 1))
        out.backward(np.cos(np.arange(out.size)).reshape(out.shape))
        return [out.data, x.grad, w.grad, b.grad]

    whole = run()
    monkeypatch.setattr(convolution, "MOST", 6000)
    assert len(convolution.parts(3, 24 * 24, 8)) == 3
    for found, expected in zip(run(), whole, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rows, columns, length", [(16, 72, 1024), (8, 25, 5000), (3, 4, 90_000), (0, 3, 9), (3, 0, 9)])
def test_a_product_in_parts_is_the_product(rows, columns, length):
    rng = np.random.default_rng(0)
    a, b, y = (rng.normal(size=shape) for shape in ((rows, columns), (columns, length), (rows, length)))
    assert (convolution.at_once(rows, columns, length) < length) == (rows * columns * length > 10**6)
    np.testing.assert_allclose(convolution.wide_product(a, b), a @ b, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(convolution.long_product(y, b), y @ b.T, rtol=1e-10, atol=1e-10)
    assert convolution.wide_product(a.astype(np.float32), b).dtype == np.float64


def test_large_columns_are_made_again_and_not_kept(monkeypatch):
    x, w = tensors(X, W)
    kept = xe.conv2d(x, w).node.saved
    monkeypatch.setattr(convolution, "KEPT", 100)
    out = xe.conv2d(x, w)
    assert sum(isinstance(a, np.ndarray) for a in kept) == sum(isinstance(a, np.ndarray) for a in out.node.saved) + 1
    out.sum().backward()
    expected = tensors(W)[0]
    xe.conv2d(X, expected).sum().backward()
    np.testing.assert_allclose(w.grad, expected.grad, rtol=1e-12)


@pytest.mark.parametrize("batch, channels", [(0, 4), (3, 4)])
def test_an_empty_batch_gives_an_empty_result_and_gradients_of_0(batch, channels):
    x, w, b = tensors(X[:batch], W, B)
    out = xe.conv2d(x, w, b)
    assert out.shape == (batch, 6, 4, 4)
    out.sum().backward()
    assert x.grad.shape == x.shape
    assert np.any(w.grad) == np.any(b.grad) == bool(batch)


def test_the_sums_of_channels_are_right_in_any_memory_order():
    g = np.random.default_rng(4).normal(size=(3, 4, 2, 5))
    for layout in (g, np.asfortranarray(g), np.ascontiguousarray(g.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)):
        np.testing.assert_allclose(channel_sums(layout), g.sum((0, 2, 3)), rtol=1e-13)


def test_an_array_that_was_changed_in_between_is_noticed():
    x, (w,) = X.copy(), tensors(W)
    out = xe.conv2d(x, w).sum()
    x[0, 0, 0, 0] += 1
    with pytest.raises(xe.GraphError, match="was changed after it was used"):
        out.backward()


def test_a_hessian_in_the_weights_is_swept_in_a_batch():
    small, kernel = X[:2, :2, :3, :3], W[:2, :2, :2, :2]

    def loss(weight: Any) -> Any:
        return np.sum(np.tanh(xe.conv2d(small, weight)) ** 2)

    found = xe.hessian(loss)(kernel).reshape(16, 16)
    expected = [xe.hvp(loss, kernel, row.reshape(kernel.shape)).reshape(-1) for row in np.eye(16)]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, error, said",
    [
        (dict(x=X[0, 0]), xe.ShapeError, r"conv2d: x has shape \(6, 5\), 2 axes; expected \(batch, channels, height"),
        (dict(x=X[:, 0, 0, :]), xe.ShapeError, r"\(3, 5\)"),
        (dict(weight=W[0]), xe.ShapeError, r"weight has shape \(4, 3, 2\); expected \(out, in / groups, height, width"),
        (dict(weight=W[:, :3]), xe.ShapeError, r"4 channels; weight, shape \(6, 3, 3, 2\), takes 3"),
        (dict(weight=W[:, :2]), xe.ShapeError, r"Write a weight of shape \(6, 4, 3, 2\)"),
        (dict(groups=2), xe.ShapeError, r"takes 4, in each of 2 groups.\n  Write a weight of shape \(6, 2, 3, 2\)"),
        (dict(weight=W[:5, :2], groups=2), xe.ShapeError, "5 output channels can't be split into 2 equal groups"),
        (dict(bias=B[:5]), xe.ShapeError, r"bias has shape \(5,\); expected \(6,\)"),
        (dict(x=X[..., :1]), xe.ShapeError, r"the kernel \(3, 2\) is larger than x, whose lengths are \(6, 1\)"),
        (dict(dilation=4), xe.ShapeError, r"which spans \(9, 5\) with dilation \(4, 4\)"),
        (dict(x=X[..., :1], weight=W.repeat(3, 3), padding=1), xe.ShapeError, r"\(6, 1\), \(8, 3\) with padding"),
        (dict(weight=W[..., :0]), xe.ShapeError, "a kernel must have at least one place"),
        (dict(stride=0), xe.ArgumentError, "stride=0; it must be at least 1"),
        (dict(stride=(1, 2, 3)), xe.ArgumentError, r"stride=\(1, 2, 3\) has 3 numbers"),
        (dict(stride=1.5), xe.DTypeError, "stride=1.5; expected a whole number"),
        (dict(stride={}), xe.DTypeError, "stride='{}'; expected a whole number"),
        (dict(stride=True), xe.DTypeError, "stride=True; expected a whole number"),
        (dict(padding=-1), xe.ArgumentError, "padding=-1; it must be at least 0"),
        (dict(padding="full"), xe.ArgumentError, "padding='full'; expected 'same', 'valid', or whole numbers"),
        (dict(padding="same", stride=2), xe.ArgumentError, "padding='same' with stride"),
        (dict(dilation=(1, 0)), xe.ArgumentError, "dilation"),
        (dict(groups=0), xe.ArgumentError, "groups=0; it must be at least 1"),
        (dict(groups=(1, 2)), xe.ArgumentError, "groups"),
        (dict(x=X.astype(int)), xe.DTypeError, r"x has dtype int64; expected floating-point numbers"),
        (dict(weight=W > 0), xe.DTypeError, "weight has dtype bool"),
        (dict(bias=B.astype(np.int32)), xe.DTypeError, "bias has dtype int32"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(change, error, said):
    given: dict[str, Any] = dict(x=X, weight=W, bias=B) | change
    xe.conv2d(X, W, B, stride=1)  # whatever was asked before
    with pytest.raises(error, match=said):
        xe.conv2d(**given)


def test_images_without_channels_are_told_how_to_get_them():
    with pytest.raises(xe.ShapeError, match=r"Write x\[None\], which has one channel"):
        xe.conv2d(X[0, 0], W)
    with pytest.raises(xe.ShapeError, match=r"Write x\[:, None\], if x is \(batch, height, width\)"):
        xe.conv2d(X[:, 0], W[:, :1])
    with pytest.raises(xe.ShapeError, match=r"Write x\[:, None\], if it is \(batch, length\)"):
        xe.nn.Conv1d(1, 2, 3)(X[0, 0])


def test_options_may_be_lists_arrays_and_numpys_numbers():
    expected = xe.conv2d(X, W, None, (2, 1), (1, 0))
    for stride, padding in (([2, 1], [1, 0]), (np.array([2, 1]), np.array([1, 0]))):
        np.testing.assert_array_equal(xe.conv2d(X, W, stride=stride, padding=padding), expected)
    np.testing.assert_array_equal(xe.conv2d(X, W, stride=np.int64(2)), xe.conv2d(X, W, stride=2))
