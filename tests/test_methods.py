"""Methods of a Tensor against the methods and functions of NumPy, and `backward`'s own checks."""

import gc
import re

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe import DTypeError, GraphError, ShapeError

X = np.array([[1.0, 5.0, 2.0], [4.0, 3.0, 6.0]])

METHODS = {
    "sum": lambda a: a.sum(), "sum of rows": lambda a: a.sum(1, keepdims=True), "mean": lambda a: a.mean(axis=0),
    "mean of all": lambda a: a.mean(keepdims=True), "max": lambda a: a.max(), "max of rows": lambda a: a.max(axis=1),
    "min": lambda a: a.min(0), "prod": lambda a: a.prod(), "var": lambda a: a.var(axis=0),
    "std": lambda a: a.std(axis=1, ddof=1), "cumsum": lambda a: a.cumsum(axis=1), "cumprod": lambda a: a.cumprod(0),
    "ravel": lambda a: a.ravel(), "flatten": lambda a: a.flatten(), "swapaxes": lambda a: a.swapaxes(0, 1),
    "squeeze": lambda a: a[:, :1].squeeze(), "squeeze one": lambda a: a[:, :1].squeeze(axis=1),
    "dot": lambda a: a.dot(np.arange(3.0)), "take": lambda a: a.take([0, 2], axis=1),
    "repeat": lambda a: a.repeat(2, axis=0), "clip": lambda a: a.clip(2.0, 4.0),
    "clip below": lambda a: a.clip(min=2.0), "clip above": lambda a: a.clip(max=4.0),
    "reshape": lambda a: a.reshape(3, 2),
    "reshape to": lambda a: a.reshape((3, 2)),
    "reshape -1": lambda a: a.reshape(-1), "reshape F": lambda a: a.reshape(3, 2, order="F"),
    "transpose": lambda a: a.transpose(), "transpose axes": lambda a: a.transpose(1, 0),
    "transpose tuple": lambda a: a.transpose((1, 0)), "T": lambda a: a.T, "mT": lambda a: a.mT,
    "transpose one": lambda a: a[0].transpose(0), "index": lambda a: a[:, 1], "astype": lambda a: a.astype(np.float32),
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_a_method_gives_numpys_values_and_is_part_of_the_graph(name):
    t = xe.tensor(X, requires_grad=True)
    out, expected = METHODS[name](t), np.asarray(METHODS[name](X))
    assert type(out) is xe.Tensor and out.requires_grad and out.dtype == expected.dtype and out.shape == expected.shape
    np.testing.assert_allclose(out.data, expected, rtol=1e-15)
    out.sum().backward()
    assert t.grad.shape == X.shape
    np.testing.assert_array_equal(METHODS[name](xe.tensor(X)).data, out.data)


@pytest.mark.parametrize("name", ["argmax", "argmin", "all", "any", "argsort", "nonzero", "round"])
def test_methods_without_a_gradient_give_plain_results(name):
    t = xe.tensor(X, requires_grad=True)
    found, expected = getattr(t, name)(), getattr(X, name)()
    assert not isinstance(found, xe.Tensor)
    np.testing.assert_array_equal(found, expected)
    if name not in ("nonzero", "round"):
        np.testing.assert_array_equal(getattr(t, name)(axis=1), getattr(X, name)(axis=1))


def test_squares_and_other_powers():
    t = xe.tensor([2.0, 3.0], requires_grad=True)
    for exponent, slope in ((2, [4.0, 6.0]), (2.0, [4.0, 6.0]), (3, [12.0, 27.0]), (True, [1.0, 1.0])):
        t.zero_grad()
        (t**exponent).sum().backward()
        np.testing.assert_allclose(t.grad, slope, rtol=1e-15)


def test_methods_name_their_function_in_their_documentation():
    assert xe.Tensor.prod.__name__ == "prod" and xe.Tensor.prod.__doc__ == "See np.prod."


def test_backward_without_a_graph_says_what_to_write():
    for t in (xe.tensor(1.0), xe.tensor([1.0], name="c")):
        with pytest.raises(GraphError, match=r"(?s)^backward: .*has no graph.*requires_grad=True"):
            t.backward()
    leaf = xe.tensor(1.0, requires_grad=True)
    with xe.no_grad():
        out = leaf * 2
    with pytest.raises(GraphError, match="no_grad"):
        out.backward()


def test_backward_of_several_values_needs_a_gradient_of_their_shape():
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ShapeError, match=r"(?s)multiply has shape \(2,\) \(made at test_methods.*t\.sum\(\)\.backward"):
        (t * 2).backward()
    with pytest.raises(ShapeError, match=re.escape("the gradient has shape (3,), multiply has shape (2,)")):
        (t * 2).backward(np.ones(3))
    assert t.grad is None
    (t * 2).backward([1.0, 10.0])
    (t * 2).backward(xe.tensor([1, 1]))
    np.testing.assert_array_equal(t.grad, [4.0, 22.0])
    with pytest.raises(DTypeError, match="backward: the gradient: data has dtype <U1"):
        (t * 2).backward(["a", "b"])


def test_a_single_value_of_any_shape_needs_no_gradient():
    for shape in ((), (1,), (1, 1)):
        t = xe.tensor(np.full(shape, 3.0), requires_grad=True)
        (t * t).backward()
        assert t.grad.shape == shape and t.grad.item() == 6.0
    leaf = xe.tensor(3.0, requires_grad=True)
    leaf.backward()
    assert leaf.grad == 1.0


def test_gradients_accumulate_in_place_and_own_their_memory():
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    (t + 0.0).sum().backward()
    first = t.grad
    (t + 0.0).sum().backward()
    assert t.grad is first
    np.testing.assert_array_equal(first, [2.0, 2.0])
    a, b = xe.tensor([1.0, 2.0], requires_grad=True), xe.tensor([1.0, 2.0], requires_grad=True)
    g = np.array([1.0, 2.0])
    (a + b).backward(g)
    a.grad += 1.0
    assert b.grad.tolist() == [1.0, 2.0] and g.tolist() == [1.0, 2.0]


def test_create_graph_makes_gradients_that_can_be_differentiated():
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    for gradient in (np.ones(2), xe.tensor([1.0, 1.0]), xe.tensor(np.ones(2, np.float32))):
        t.zero_grad()
        (t**3).backward(gradient, create_graph=True)
        first = t.grad
        assert type(first) is xe.Tensor
        t.zero_grad()
        first.sum().backward()
        np.testing.assert_allclose(t.grad, [6.0, 12.0], rtol=1e-15)


def test_the_gradient_of_a_tensor_that_is_gone_is_not_kept():
    t, gone = xe.tensor(2.0, requires_grad=True), xe.tensor(3.0, requires_grad=True)
    out = t * gone
    del gone
    gc.collect()
    out.backward()
    assert t.grad == 3.0


def test_gradients_are_copied_for_observers():
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    with xe.record():
        (t * 2).sum().backward()
    np.testing.assert_array_equal(t.grad, [2.0, 2.0])


def test_hooks_and_retained_gradients():
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    middle = t * 2
    middle.retain_grad()
    t.retain_grad()
    remove = middle.register_hook(lambda g: g * 10)
    middle.sum().backward()
    np.testing.assert_array_equal(middle.grad, [10.0, 10.0])
    np.testing.assert_array_equal(t.grad, [20.0, 20.0])
    remove()
    for method in (lambda c: c.retain_grad(), lambda c: c.register_hook(print)):
        with pytest.raises(GraphError, match="tensor 'c' does not require grad"):
            method(xe.tensor(1.0, name="c"))


def test_a_name_can_be_taken_away():
    t = xe.tensor([1.0], requires_grad=True, name="w")
    t.name = None
    assert repr(t) == "tensor([1.], requires_grad=True)"
    assert repr(t.node) == "<node tensor (1,) float64>"


def test_nothing_is_in_a_tensor_that_can_not_be_compared():
    assert None not in (xe.tensor(1.0) + 1)
