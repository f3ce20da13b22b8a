"""tinygrad_xe, eager, written as its users write a training loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_xe as xe

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


def _convnet(workload: Workload) -> Callable[..., Any]:
    inputs, labels = workload.inputs, workload.labels

    def forward(w1, b1, w2, b2, w3, b3):
        h = xe.max_pool2d(xe.relu(xe.conv2d(inputs, w1, b1, padding=1)), 2)
        h = xe.max_pool2d(xe.relu(xe.conv2d(h, w2, b2, padding=1)), 2)
        z = h.reshape(len(labels), -1) @ w3 + b3
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


KINDS = {"logistic": _logistic, "softmax": _softmax, "mlp": _mlp, "convnet": _convnet, "chain": _chain}


def build(workload: Workload) -> Bench:
    forward = KINDS[workload.kind](workload)
    parameters = [xe.tensor(p, requires_grad=True, name=f"p{i}") for i, p in enumerate(workload.parameters)]
    kinds = {"sgd": xe.optim.SGD, "adam": xe.optim.Adam}
    optimizer = kinds[workload.update](parameters, lr=workload.learning_rate) if workload.update else None

    def step():
        for p in parameters:
            p.zero_grad()
        loss = forward(*parameters)
        loss.backward()
        return loss

    def training_step():
        optimizer.zero_grad()
        loss = forward(*parameters)
        loss.backward()
        optimizer.step()
        return loss

    return Bench(
        training_step if optimizer else step,
        loss=lambda value: value.item(),
        gradients=lambda: [p.grad for p in parameters],
    )
