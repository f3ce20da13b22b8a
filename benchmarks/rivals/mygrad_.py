"""MyGrad, its memory guard off (on, a step takes up to 1.6 times as long)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mygrad as mg
from mygrad.nnet.activations import relu
from mygrad.nnet.layers import conv_nd, max_pool
from mygrad.nnet.losses import softmax_crossentropy

from ..adam import adam
from ..engines import Bench
from ..workloads import Workload


def _logistic(workload: Workload) -> Callable[..., Any]:
    inputs, labels = workload.inputs, workload.labels

    def forward(weight, bias):
        z = mg.matmul(inputs, weight) + bias
        return mg.mean(mg.logaddexp(0.0, z) - labels * z)

    return forward


def _softmax(workload: Workload) -> Callable[..., Any]:
    inputs, labels, onehot = workload.inputs, workload.labels, workload.onehot

    def fused(weight, bias):
        return softmax_crossentropy(mg.matmul(inputs, weight) + bias, labels)

    def from_primitives(weight, bias):
        z = mg.matmul(inputs, weight) + bias
        z = z - z.data.max(axis=1, keepdims=True)
        return (mg.sum(mg.log(mg.sum(mg.exp(z), axis=1))) - mg.sum(z * onehot)) / len(onehot)

    return fused if workload.fused else from_primitives


def _mlp(workload: Workload) -> Callable[..., Any]:
    inputs, labels = workload.inputs, workload.labels
    activation = relu if workload.activation == "relu" else mg.tanh

    def forward(*parameters):
        *hidden, weight, bias = parameters
        h = inputs
        for w, b in zip(hidden[::2], hidden[1::2]):
            h = activation(mg.matmul(h, w) + b)
        z = mg.matmul(h, weight) + bias
        return mg.mean(relu(1 - labels * z[:, 0])) if workload.loss == "hinge" else softmax_crossentropy(z, labels)

    return forward


def _convnet(workload: Workload) -> Callable[..., Any]:
    inputs, labels = workload.inputs, workload.labels

    def block(x, weight, bias):
        z = conv_nd(x, weight, stride=1, padding=1) + mg.reshape(bias, (1, -1, 1, 1))
        return max_pool(relu(z), (2, 2), 2)

    def forward(w1, b1, w2, b2, w3, b3):
        h = block(block(inputs, w1, b1), w2, b2)
        return softmax_crossentropy(mg.matmul(mg.reshape(h, (len(labels), -1)), w3) + b3, labels)

    return forward


def _chain(workload: Workload) -> Callable[..., Any]:
    def forward(x, y, z, w=None):
        for _ in range(workload.repeats):
            x = x * y
            x = x + z
            if w is not None:
                x = mg.tanh(x)
                x = x - w
        return x.sum()

    return forward


KINDS = {"logistic": _logistic, "softmax": _softmax, "mlp": _mlp, "convnet": _convnet, "chain": _chain}


def build(workload: Workload) -> Bench:
    forward = KINDS[workload.kind](workload)
    parameters = [mg.tensor(p.copy()) for p in workload.parameters]
    change = adam(workload.parameters, workload.learning_rate)

    def step():
        with mg.mem_guard_off:
            loss = forward(*parameters)
            loss.backward()
        if workload.update == "sgd":
            for p in parameters:
                p.data -= workload.learning_rate * p.grad
        elif workload.update == "adam":
            for p, c in zip(parameters, change(p.grad for p in parameters)):
                p.data -= c
        return loss

    return Bench(step, gradients=lambda: [p.grad for p in parameters])
