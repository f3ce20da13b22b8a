"""autograd (HIPS): `value_and_grad` and updates in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd.numpy as np
import numpy as onp
from autograd import value_and_grad
from autograd.scipy.special import logsumexp

from ..adam import adam
from ..engines import Bench
from ..workloads import Workload


def _cross_entropy(logits, onehot):
    return (np.sum(logsumexp(logits, axis=1)) - np.sum(logits * onehot)) / len(onehot)


def _logistic(workload: Workload) -> Callable[..., Any]:
    inputs, labels = workload.inputs, workload.labels

    def loss(weight, bias):
        z = np.dot(inputs, weight) + bias
        return np.mean(np.logaddexp(0.0, z) - labels * z)

    return loss


def _softmax(workload: Workload) -> Callable[..., Any]:
    inputs, onehot = workload.inputs, workload.onehot

    def fused(weight, bias):
        return _cross_entropy(np.dot(inputs, weight) + bias, onehot)

    def from_primitives(weight, bias):
        z = np.dot(inputs, weight) + bias
        z = z - onp.max(getattr(z, "_value", z), axis=1, keepdims=True)
        return (np.sum(np.log(np.sum(np.exp(z), axis=1))) - np.sum(z * onehot)) / len(onehot)

    return fused if workload.fused else from_primitives


def _mlp(workload: Workload) -> Callable[..., Any]:
    inputs, relu, hinge = workload.inputs, workload.activation == "relu", workload.loss == "hinge"
    labels = workload.labels if hinge else workload.onehot

    def loss(*parameters):
        *hidden, weight, bias = parameters
        h = inputs
        for w, b in zip(hidden[::2], hidden[1::2]):
            z = np.dot(h, w) + b
            h = np.maximum(z, 0) if relu else np.tanh(z)
        z = np.dot(h, weight) + bias
        return np.mean(np.maximum(1 - labels * z[:, 0], 0)) if hinge else _cross_entropy(z, labels)

    return loss


def _chain(workload: Workload) -> Callable[..., Any]:
    def loss(x, y, z, w=None):
        for _ in range(workload.repeats):
            x = x * y
            x = x + z
            if w is not None:
                x = np.tanh(x)
                x = x - w
        return np.sum(x)

    return loss


KINDS = {"logistic": _logistic, "softmax": _softmax, "mlp": _mlp, "chain": _chain}


def build(workload: Workload) -> Bench:
    parameters = [p.copy() for p in workload.parameters]
    value_and_gradients = value_and_grad(KINDS[workload.kind](workload), tuple(range(len(parameters))))
    change = adam(parameters, workload.learning_rate)
    gradients: Any = ()

    def step():
        nonlocal gradients
        loss, gradients = value_and_gradients(*parameters)
        if workload.update == "sgd":
            for p, g in zip(parameters, gradients):
                p -= workload.learning_rate * g
        elif workload.update == "adam":
            for p, c in zip(parameters, change(gradients)):
                p -= c
        return loss

    return Bench(step, gradients=lambda: gradients)
