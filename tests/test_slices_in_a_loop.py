"""Many slices of one array: their cotangents are added into one sum, which nobody else may hold."""

import numpy as np
import pytest

import tinygrad_xe as xe

rng = np.random.default_rng(0)
A = rng.standard_normal((6, 3))
W = rng.standard_normal((6, 3))
KEYS = [0, -1, slice(1, 4), (slice(None), 2), np.array([1, 1, 5]), [0, 0], A[:, 0] > 0, (Ellipsis, None), (3, 1), ()]


def by_hand(weights):
    """The gradient of the sum of all slices, each times a number of its own."""
    total = np.zeros_like(A)
    for key, weight in zip(KEYS, weights):
        np.add.at(total, key, weight)
    return total


@pytest.mark.parametrize("computed", [False, True])
@pytest.mark.parametrize("order", [1, -1])
def test_slices_of_every_kind_add_up(computed, order):
    leaf = xe.tensor(A, requires_grad=True)
    a = leaf * 1 if computed else leaf
    weights = np.arange(1.0, len(KEYS) + 1)
    terms = [(a[key] * weight).sum() for key, weight in zip(KEYS, weights)]
    sum(terms[::order]).backward()
    assert np.allclose(leaf.grad, by_hand(weights), rtol=1e-14)


def test_other_users_of_the_array_add_to_the_same_sum():
    leaf = xe.tensor(A, requires_grad=True)
    a = np.tanh(leaf)
    loss = (a * W).sum() + a[0].sum() + (a[1] * a[2]).sum() + (a * 2).sum() + a[0].sum() + a.sum()
    loss.backward()
    outer = W + 3
    outer[0] += 2
    outer[1] += np.tanh(A[2])
    outer[2] += np.tanh(A[1])
    assert np.allclose(leaf.grad, outer * (1 - np.tanh(A) ** 2), rtol=1e-13)


def test_a_cotangent_that_another_input_received_too_is_not_written_into():
    a, b = (xe.tensor(A, requires_grad=True) for _ in range(2))
    both = a + b
    (both.sum() + a[0].sum() + a[1].sum() + a[2].sum() + (both * W).sum()).backward()
    assert np.allclose(b.grad, 1 + W, rtol=1e-14)
    extra = np.zeros_like(A)
    extra[:3] = 1
    assert np.allclose(a.grad, 1 + W + extra, rtol=1e-14)


def test_a_gradient_that_was_returned_is_not_written_into_by_the_next_sweep():
    a = xe.tensor(A, requires_grad=True)
    first = xe.grad(lambda a: a[0].sum() + a[1].sum() + a[2].sum())(a).numpy()
    (a[0].sum() + a[1].sum() + a[2].sum()).backward()
    kept = a.grad
    a.grad = None
    (a[0].sum() + a[1].sum() + a[2].sum()).backward()
    assert np.array_equal(kept, first) and np.array_equal(a.grad, first)


def test_the_second_derivative_of_a_loop_over_slices_is_right():
    def f(a):
        h = a[0]
        for i in range(1, 4):
            h = np.tanh(h * a[i])
        return h.sum()

    assert xe.check_gradients(f, A[:4], order=2).ok


def test_a_jacobian_of_a_loop_over_slices_is_right():
    def f(a):
        return np.stack([np.sin(a[i]) * a[0] for i in range(4)])

    jacobian = xe.jacobian(f)(A)
    rows = np.stack([xe.grad(lambda a, i=i, j=j: f(a)[i, j])(A) for i in range(4) for j in range(3)])
    assert np.allclose(jacobian.reshape(12, 6, 3), rows, rtol=1e-14)
