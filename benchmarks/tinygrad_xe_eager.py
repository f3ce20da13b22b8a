"""tinygrad_xe, eager, written as its users write a training loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_xe as xe

from .adam import adam
from .engines import Bench
from .workloads import Workload


def _logistic(workload: Workload) -> Callable[..., Any]:
    inputs, labels = workload.inputs, workload.labels

    def forward(weight, bias):
        return xe.losses.sigmoid_cross_entropy_with_logits(
            labels=labels, logits=inputs @ weight + bias, reduction="mean")

    return forward


def _softmax(workload: Workload) -> Callable[..., Any]:
    inputs, labels, onehot = workload.inputs, workload.labels, workload.onehot

    def fused(weight, bias):
        return xe.losses.sparse_softmax_cross_entropy_with_logits(
            labels=labels, logits=inputs @ weight + bias, reduction="mean")

    def from_primitives(weight, bias):
        z = inputs @ weight + bias
        z = z - z.data.max(axis=1, keepdims=True)
        return (np.sum(np.log(np.sum(np.exp(z), axis=1))) - np.sum(z * onehot)) / len(onehot)

    return fused if workload.fused else from_primitives


def _mlp(workload: Workload) -> Callable[..., Any]:
    inputs, labels = workload.inputs, workload.labels
    activation = xe.relu if workload.activation == "relu" else np.tanh

    def forward(*parameters):
        *hidden, weight, bias = parameters
        h = inputs
        for w, b in zip(hidden[::2], hidden[1::2]):
            h = activation(h @ w + b)
        z = h @ weight + bias
        if workload.loss == "hinge":
            return xe.relu(1 - labels * z[:, 0]).mean()
        return xe.losses.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=z, reduction="mean")

    return forward


def _chain(workload: Workload) -> Callable[..., Any]:
    def forward(x, y, z, w=None):
        for _ in range(workload.repeats):
            x = x * y
            x = x + z
            if w is not None:
                x = np.tanh(x)
                x = x - w
        return x.sum()

    return forward


KINDS = {"logistic": _logistic, "softmax": _softmax, "mlp": _mlp, "chain": _chain}


def build(workload: Workload) -> Bench:
    forward = KINDS[workload.kind](workload)
    parameters = [xe.tensor(p, requires_grad=True, name=f"p{i}") for i, p in enumerate(workload.parameters)]
    change = adam(workload.parameters, workload.learning_rate)

    def step():
        for p in parameters:
            p.grad = None
        loss = forward(*parameters)
        loss.backward()
        if workload.update == "sgd":
            with xe.no_grad():
                for p in parameters:
                    p -= workload.learning_rate * p.grad
        elif workload.update == "adam":
            with xe.no_grad():
                for p, c in zip(parameters, change(p.grad for p in parameters)):
                    p -= c
        return loss

    return Bench(step, loss=lambda value: value.item(), gradients=lambda: [p.grad for p in parameters])
