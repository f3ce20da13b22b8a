"""JAX: the whole step compiled by `jit`, parameters donated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..engines import Bench
from ..workloads import Workload

# compiling a chain of 10,000 operations was killed after 160 s on a machine with 23 GB
LONGEST_CHAIN = 1_000


def _cross_entropy(logits, labels):
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1).mean()


def _logistic(workload: Workload) -> Callable[..., Any]:
    def loss(parameters, inputs, labels):
        weight, bias = parameters
        z = inputs @ weight + bias
        return (jnp.logaddexp(0.0, z) - labels * z).mean()

    return loss


def _softmax(workload: Workload) -> Callable[..., Any]:
    def fused(parameters, inputs, labels):
        weight, bias = parameters
        return _cross_entropy(inputs @ weight + bias, labels)

    onehot = jnp.array(workload.onehot)

    def from_primitives(parameters, inputs, labels):
        weight, bias = parameters
        z = inputs @ weight + bias
        z = z - jax.lax.stop_gradient(z.max(1, keepdims=True))
        return (jnp.log(jnp.exp(z).sum(1)).sum() - (z * onehot).sum()) / len(onehot)

    return fused if workload.fused else from_primitives


def _mlp(workload: Workload) -> Callable[..., Any]:
    activation = jax.nn.relu if workload.activation == "relu" else jnp.tanh

    def loss(parameters, inputs, labels):
        *hidden, weight, bias = parameters
        h = inputs
        for w, b in zip(hidden[::2], hidden[1::2]):
            h = activation(h @ w + b)
        z = h @ weight + bias
        return jax.nn.relu(1 - labels * z[:, 0]).mean() if workload.loss == "hinge" else _cross_entropy(z, labels)

    return loss


def _convnet(workload: Workload) -> Callable[..., Any]:
    def block(x, weight, bias):
        z = jax.lax.conv_general_dilated(x, weight, (1, 1), "SAME") + bias[:, None, None]
        return jax.lax.reduce_window(jax.nn.relu(z), -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    def loss(parameters, inputs, labels):
        w1, b1, w2, b2, w3, b3 = parameters
        h = block(block(inputs, w1, b1), w2, b2)
        return _cross_entropy(h.reshape(len(labels), -1) @ w3 + b3, labels)

    return loss


def _chain(workload: Workload) -> Callable[..., Any]:
    def loss(parameters, inputs, labels):
        x, y, z, *w = parameters
        for _ in range(workload.repeats):
            x = x * y
            x = x + z
            if w:
                x = jnp.tanh(x)
                x = x - w[0]
        return x.sum()

    return loss


KINDS = {"logistic": _logistic, "softmax": _softmax, "mlp": _mlp, "convnet": _convnet, "chain": _chain}


def _sgd(parameters, state, gradients, learning_rate):
    return [p - learning_rate * g for p, g in zip(parameters, gradients)], state


def _adam(parameters, state, gradients, learning_rate):
    m, v, count = state
    count = count + 1
    m = [0.9 * a + 0.1 * g for a, g in zip(m, gradients)]
    v = [0.999 * a + 0.001 * g * g for a, g in zip(v, gradients)]
    mean, square = 1 - 0.9**count, 1 - 0.999**count
    parameters = [
        p - learning_rate * (a / mean) / (jnp.sqrt(b / square) + 1e-8) for p, a, b in zip(parameters, m, v)]
    return parameters, (m, v, count)


def _without_update(value_and_grad: Callable[..., Any], parameters: list[Any], data: tuple[Any, Any]) -> Bench:
    compiled = jax.jit(value_and_grad)
    gradients: Any = []

    def step():
        nonlocal gradients
        loss, gradients = compiled(parameters, *data)
        return loss

    return Bench(step, gradients=lambda: gradients, wait=lambda: jax.block_until_ready(gradients))


def build(workload: Workload) -> Bench | None:
    if 2 * workload.repeats > LONGEST_CHAIN:
        return None
    jax.config.update("jax_enable_x64", workload.dtype == np.float64)
    value_and_grad = jax.value_and_grad(KINDS[workload.kind](workload))
    data = jnp.array(workload.inputs), jnp.array(workload.labels)
    parameters = [jnp.array(p) for p in workload.parameters]
    if workload.update is None:
        return _without_update(value_and_grad, parameters, data)
    state: Any = ()
    if workload.update == "adam":
        state = [jnp.zeros_like(p) for p in parameters], [jnp.zeros_like(p) for p in parameters], jnp.zeros(())
    update = {"sgd": _sgd, "adam": _adam}[workload.update]

    def whole_step(parameters, state, *data):
        loss, gradients = value_and_grad(parameters, *data)
        return loss, *update(parameters, state, gradients, workload.learning_rate)

    compiled = jax.jit(whole_step, donate_argnums=(0, 1))

    def step():
        nonlocal parameters, state
        loss, parameters, state = compiled(parameters, state, *data)
        return loss

    return Bench(step, wait=lambda: jax.block_until_ready(parameters))
