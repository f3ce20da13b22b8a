"""checkpoint: gradients of every order as without it, in less memory; a second run must agree with the first."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import tinygrad_xe as xe


def leaf(values: Any) -> xe.Tensor:
    return xe.tensor(np.array(values, np.float64), requires_grad=True)


def block(x: Any, p: Any, *, k: float) -> Any:
    """Containers in and out, an option, values of several dtypes, one that carries no gradient."""
    return {"a": np.tanh(x * p["q"]) * k, "b": [np.sum(x**3) * p["w"], 5.0, np.arange(2), np.float32(2) * p["s"]]}


def total(function: Any, x: Any, q: Any, w: Any, s: Any) -> Any:
    found = function(x, {"q": q, "w": w, "s": s}, k=1.5)
    return np.sum(np.sin(found["a"])) + found["b"][0] ** 2 * found["b"][1] + np.sum(found["b"][3])


ARGUMENTS = (np.array([0.1, -0.4]), np.array([0.2, 0.5]), np.float64(0.3), np.array([1.5], np.float32))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_are_those_of_the_plain_function(order):
    def derivative(function: Any) -> Any:
        f: Any = lambda *xs: total(function, *xs)
        for _ in range(order):
            f = (lambda g: lambda *xs: sum(np.sum(np.sin(d)) for d in xe.grad(g, range(4))(*xs)))(f)
        return f(*ARGUMENTS)

    assert derivative(xe.checkpoint(block)) == pytest.approx(derivative(block), rel=1e-12)


def test_matrices_and_directions_are_those_of_the_plain_function():
    x, q, *rest = ARGUMENTS

    def plain(x: Any) -> Any:
        return total(block, x, q, *rest)

    def checkpointed(x: Any) -> Any:
        return total(xe.checkpoint(block), x, q, *rest)

    np.testing.assert_allclose(xe.hessian(checkpointed)(x), xe.hessian(plain)(x), rtol=1e-12)
    np.testing.assert_allclose(xe.jvp(checkpointed, (x,), (q,)), xe.jvp(plain, (x,), (q,)), rtol=1e-12)
    np.testing.assert_allclose(xe.hvp(checkpointed, x, q), xe.hvp(plain, x, q), rtol=1e-12)
    jacobians = [xe.jacobian(f)(x) for f in (xe.checkpoint(np.tanh), np.tanh)]
    np.testing.assert_allclose(*jacobians, rtol=1e-15)


def test_backward_fills_the_gradients_of_arguments_and_of_what_a_closure_reaches():
    x, w = leaf([0.5, -1.0]), leaf([2.0, 3.0])
    between = w * 2
    layer = xe.checkpoint(lambda x: np.exp(x * between) * w)
    layer(x).sum().backward()
    found = x.grad, w.grad
    x.grad = w.grad = None
    (np.exp(x * (w * 2)) * w).sum().backward()
    np.testing.assert_allclose(found, (x.grad, w.grad), rtol=1e-15)


def test_a_second_derivative_reaches_a_closure():
    def outer(w: Any, wrap: Any) -> Any:
        return xe.grad(lambda x: np.sum(wrap(lambda x: np.sin(x * w))(x)))(0.7)

    found = xe.grad(lambda w: outer(w, xe.checkpoint))(1.3)
    assert found == pytest.approx(xe.grad(lambda w: outer(w, lambda f: f))(1.3), rel=1e-14)


def test_a_value_without_a_gradient_is_handed_on():
    assert xe.checkpoint(np.tanh)(np.zeros(2)).tolist() == [0, 0]
    assert xe.checkpoint(lambda x: 3.0)(leaf(1.0)) == 3.0
    with xe.no_grad():
        assert not xe.checkpoint(np.tanh)(leaf(1.0)).requires_grad


def test_the_argument_itself_can_be_the_value():
    x = leaf([1.0, 2.0])
    xe.checkpoint(lambda x: x)(x).sum().backward()
    assert x.grad.tolist() == [1, 1]


def test_an_output_that_nobody_uses_gets_no_gradient():
    assert xe.grad(lambda x: xe.checkpoint(lambda x: (x**2, np.sqrt(x)))(x)[0])(3.0) == 6


def test_hooks_and_observers_go_with_a_checkpoint():
    def run(wrap: Any) -> Any:
        x = leaf([0.5, -1.0])
        y = wrap(lambda x: np.exp(x) * x)(x)
        y.register_hook(lambda g: g * 2)
        y.sum().backward()
        return x.grad

    np.testing.assert_array_equal(run(xe.checkpoint), run(lambda f: f))
    for observer in (xe.record, xe.detect_nonfinite):
        x = leaf([0.5, -1.0])
        with observer():
            xe.checkpoint(np.exp)(x).sum().backward()
        np.testing.assert_array_equal(x.grad, np.exp(x.data))


def test_random_numbers_inside_are_noticed():
    rng = np.random.default_rng(0)
    noisy = xe.checkpoint(lambda x: x * rng.normal())
    message = r"checkpoint: <lambda> gave another value .*\n  Draw random numbers outside"
    with pytest.raises(xe.GraphError, match=message):
        xe.grad(noisy)(2.0)


def test_an_update_between_forward_and_backward_is_noticed():
    x, w = leaf(1.0), leaf(2.0)
    loss = xe.checkpoint(lambda x: np.sin(x * w))(x)
    with xe.no_grad():
        w -= 0.5
    with pytest.raises(xe.GraphError, match="gave another value"):
        loss.backward()


def test_an_error_in_the_function_is_the_users_own():
    with pytest.raises(ZeroDivisionError):
        xe.checkpoint(lambda x: 1 // 0)(leaf(1.0))


def test_checkpoints_lower_the_peak_of_memory():
    def stage(x: Any) -> Any:
        for _ in range(20):
            x = np.tanh(x * 1.01)
        return x

    def peak(stage: Any) -> int:
        x = leaf(np.full(20_000, 0.5))  # 160 kB
        tracemalloc.start()
        y: Any = x
        for _ in range(10):
            y = stage(y)
        y.sum().backward()
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    plain, checkpointed = peak(stage), peak(xe.checkpoint(stage))
    assert plain > 200 * 160_000  # one array kept for each of 200 pairs of operations
    assert checkpointed < plain / 3
