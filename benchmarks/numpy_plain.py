"""The reference: gradients by hand in plain, allocating NumPy, as in a notebook; every engine must agree with it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .engines import Bench
from .workloads import Workload


def _cross_entropy(logits: np.ndarray, onehot: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean softmax cross-entropy and its gradient."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    exps = np.exp(shifted)
    sums = exps.sum(axis=1, keepdims=True)
    loss = (np.log(sums).sum() - (shifted * onehot).sum()) / len(logits)
    return loss, (exps / sums - onehot) / len(logits)


def _hinge(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean hinge loss of scores (n, 1) with labels -1 and 1, and its gradient."""
    margin = 1 - labels * scores[:, 0]
    return np.maximum(margin, 0).mean(), ((margin > 0) * (-labels / len(labels)))[:, None]


def _logistic(workload: Workload) -> Any:
    inputs, labels = workload.inputs, workload.labels

    def forward_backward(weight, bias):
        logits = inputs @ weight + bias
        loss = (np.logaddexp(0, logits) - labels * logits).mean()
        g = (1 / (1 + np.exp(-logits)) - labels) / len(labels)
        return loss, [inputs.T @ g, g.sum(keepdims=True)]

    return forward_backward


def _layers(workload: Workload) -> Any:
    """Softmax regression is the case of one layer."""
    relu, onehot = workload.activation == "relu", workload.onehot if workload.loss == "cross_entropy" else None

    def forward_backward(*parameters):
        weights, biases = parameters[::2], parameters[1::2]
        activations = [workload.inputs]
        for weight, bias in zip(weights[:-1], biases[:-1]):
            z = activations[-1] @ weight + bias
            activations.append(np.maximum(z, 0) if relu else np.tanh(z))
        z = activations[-1] @ weights[-1] + biases[-1]
        loss, g = _hinge(z, workload.labels) if onehot is None else _cross_entropy(z, onehot)
        gradients = []
        for weight, h in zip(reversed(weights), reversed(activations)):
            gradients[:0] = [h.T @ g, g.sum(axis=0)]
            if h is not workload.inputs:
                g = g @ weight.T * ((h > 0) if relu else (1 - h * h))
        return loss, gradients

    return forward_backward


def _windows(x: np.ndarray) -> np.ndarray:
    """The 3x3 windows of images (n, c, h, w) with a rim of zeros, as rows (n * h * w, c * 9)."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, x.shape[1] * 9)


def _block(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> Any:
    """Convolution, relu and max-pooling; what the way back needs of them."""
    n, _, h, w = x.shape
    columns = _windows(x)
    z = (columns @ weight.reshape(len(weight), -1).T + bias).reshape(n, h, w, -1).transpose(0, 3, 1, 2)
    blocks = np.maximum(z, 0).reshape(n, -1, h // 2, 2, w // 2, 2)
    return columns, blocks, blocks.max(axis=(3, 5))


def _block_gradients(g: np.ndarray, columns: np.ndarray, blocks: np.ndarray, pooled: np.ndarray, weight: np.ndarray,
                     wanted: bool) -> Any:
    """Gradients in the weight, the bias, and, if `wanted`, the input."""
    n, channels, h, _, w, _ = blocks.shape
    g = ((blocks == pooled[:, :, :, None, :, None]) & (blocks > 0)) * g[:, :, :, None, :, None]
    g = g.reshape(n, channels, 2 * h, 2 * w).transpose(0, 2, 3, 1).reshape(-1, channels)
    below = None
    if wanted:
        spread = (g @ weight.reshape(channels, -1)).reshape(n, 2 * h, 2 * w, -1, 3, 3)
        padded = np.zeros((n, weight.shape[1], 2 * h + 2, 2 * w + 2), g.dtype)
        for i in range(3):
            for j in range(3):
                padded[:, :, i : i + 2 * h, j : j + 2 * w] += spread[..., i, j].transpose(0, 3, 1, 2)
        below = padded[:, :, 1:-1, 1:-1]
    return (g.T @ columns).reshape(weight.shape), g.sum(axis=0), below


def _convnet(workload: Workload) -> Any:
    def forward_backward(w1, b1, w2, b2, w3, b3):
        first = _block(workload.inputs, w1, b1)
        second = _block(first[-1], w2, b2)
        features = second[-1].reshape(len(workload.inputs), -1)
        loss, g = _cross_entropy(features @ w3 + b3, workload.onehot)
        gw2, gb2, below = _block_gradients((g @ w3.T).reshape(second[-1].shape), *second, w2, True)
        gw1, gb1, _ = _block_gradients(below, *first, w1, False)
        return loss, [gw1, gb1, gw2, gb2, features.T @ g, g.sum(axis=0)]

    return forward_backward


def _chain(workload: Workload) -> Any:
    def forward_backward(x, y, z, w=None):
        tape = []
        for _ in range(workload.repeats):
            before, x = x, x * y + z
            tape.append((before, t := None if w is None else np.tanh(x)))
            if w is not None:
                x = t - w
        g, gy, gz, gw = np.ones_like(x), np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
        for before, t in reversed(tape):
            if w is not None:
                gw = gw - g
                g = g * (1 - t * t)
            gz = gz + g
            gy = gy + g * before
            g = g * y
        return x.sum(), [g, gy, gz] if w is None else [g, gy, gz, gw]

    return forward_backward


KINDS = {"logistic": _logistic, "softmax": _layers, "mlp": _layers, "convnet": _convnet, "chain": _chain}


def build(workload: Workload) -> Bench:
    forward_backward = KINDS[workload.kind](workload)
    parameters = [p.copy() for p in workload.parameters]
    m, v = [np.zeros_like(p) for p in parameters], [np.zeros_like(p) for p in parameters]
    lr, count, gradients = workload.learning_rate, 0, []

    def step():
        nonlocal parameters, gradients, count
        loss, gradients = forward_backward(*parameters)
        count += 1
        if workload.update == "sgd":
            parameters = [p - lr * g for p, g in zip(parameters, gradients)]
        elif workload.update == "adam":
            for i, g in enumerate(gradients):
                m[i] = 0.9 * m[i] + 0.1 * g
                v[i] = 0.999 * v[i] + 0.001 * g * g
                mean, spread = m[i] / (1 - 0.9**count), np.sqrt(v[i] / (1 - 0.999**count))
                parameters[i] = parameters[i] - lr * mean / (spread + 1e-8)
        return loss

    return Bench(step, gradients=lambda: gradients)
