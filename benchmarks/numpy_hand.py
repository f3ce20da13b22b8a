"""The limit of one NumPy call an operation: gradients by hand, nothing allocated, layouts chosen for NumPy and BLAS.

All parameters are views of one flat buffer, and so are their gradients, so that an update is one call. The learning
rate is folded into the gradient of the loss. Logits are kept class-major, (classes, batch): maximum and sum over the
classes then run over long contiguous rows (over the last axis of (1797, 10) a maximum took 125 us, class-major 5 us).
A product with a vector of ones is the fastest sum. Images are (channels, height, width, batch), which was 4.6 times as
fast as windows of (batch, channels, height, width).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import add, divide, dot, exp, greater, log, maximum, multiply, negative, sqrt, subtract, tanh

from .engines import Bench
from .workloads import Workload

Step = Callable[[], Any]


class _Parameters:
    """Parameters and gradients as views of two flat buffers, and the update."""

    def __init__(self, workload: Workload) -> None:
        arrays = workload.parameters
        ends = np.cumsum([a.size for a in arrays])
        self.flat = np.concatenate([a.ravel() for a in arrays])
        self.flat_gradient = np.zeros_like(self.flat)
        self.views, self.gradients = (
            [part.reshape(a.shape) for part, a in zip(np.split(buffer, ends[:-1]), arrays)]
            for buffer in (self.flat, self.flat_gradient)
        )
        # the gradient of the loss is made `scale` times as large
        self.scale = workload.learning_rate if workload.update == "sgd" else 1.0
        updates = {"sgd": self._sgd, "adam": self._adam(workload.learning_rate), None: lambda: None}
        self.update = updates[workload.update]

    def _sgd(self) -> None:
        subtract(self.flat, self.flat_gradient, self.flat)

    def _adam(self, learning_rate: float) -> Step:
        p, g = self.flat, self.flat_gradient
        m, v, change = np.zeros_like(p), np.zeros_like(p), np.empty_like(p)
        count = 0

        def update() -> None:
            nonlocal count
            count += 1
            multiply(m, 0.9, m)
            multiply(g, 0.1, change)
            add(m, change, m)
            multiply(g, g, g)
            multiply(g, 0.001, g)
            multiply(v, 0.999, v)
            add(v, g, v)
            # lr * (m / c1) / (sqrt(v / c2) + eps), the scalars gathered
            root = (1 - 0.999**count) ** 0.5
            sqrt(v, change)
            add(change, 1e-8 * root, change)
            divide(m, change, change)
            multiply(change, learning_rate * root / (1 - 0.9**count), change)
            subtract(p, change, p)

        return update


def _cross_entropy(logits: np.ndarray, workload: Workload, scale: float) -> Step:
    """Loss of class-major `logits`, which become `scale` times the gradient of the mean loss."""
    count, dtype = logits.shape[1], logits.dtype
    c = dtype.type(scale / count)
    scaled_onehot = np.ascontiguousarray(workload.onehot.T) * c
    top, sums, mean = np.empty(count, dtype), np.empty(count, dtype), np.full(count, 1 / count, dtype)

    def loss():
        maximum.reduce(logits, 0, None, top)
        subtract(logits, top, logits)
        picked = np.vdot(logits, scaled_onehot) / c
        exp(logits, logits)
        add.reduce(logits, 0, None, sums)
        log(sums, top)
        value = dot(top, mean) - picked / count
        divide(c, sums, sums)
        multiply(logits, sums, logits)
        subtract(logits, scaled_onehot, logits)
        return value

    return loss


def _hinge(scores: np.ndarray, workload: Workload, scale: float) -> Step:
    """Loss of `scores` (1, n), which become `scale` times the gradient of the mean loss."""
    count = scores.shape[1]
    c = scale / count
    scaled_labels = -c * workload.labels[None, :]
    positive, ones = np.empty(scores.shape, bool), np.ones(count)

    def loss():
        multiply(scores, scaled_labels, scores)
        add(scores, c, scores)
        greater(scores, 0.0, positive)
        value = dot(maximum(scores, 0.0)[0], ones) / scale
        multiply(positive, scaled_labels, scores)
        return value

    return loss


def _logistic(workload: Workload, parameters: _Parameters) -> Step:
    (weight, bias), (weight_gradient, bias_gradient) = parameters.views, parameters.gradients
    x, n = workload.inputs, len(workload.inputs)
    c = parameters.scale / n
    scaled_labels, mean_labels = workload.labels * c, workload.labels / n
    z, softplus, ones, mean = np.empty(n), np.empty(n), np.ones(n), np.full(n, 1 / n)
    xt = x.T

    def step():
        dot(x, weight, z)
        add(z, bias, z)
        np.logaddexp(0.0, z, softplus)
        loss = dot(softplus, mean) - dot(mean_labels, z)
        negative(z, z)
        exp(z, z)
        add(z, 1.0, z)
        divide(c, z, z)
        subtract(z, scaled_labels, z)
        dot(xt, z, weight_gradient)
        bias_gradient[0] = dot(z, ones)
        parameters.update()
        return loss

    return step


def _softmax(workload: Workload, parameters: _Parameters) -> Step:
    (weight, bias), (weight_gradient, bias_gradient) = parameters.views, parameters.gradients
    xt = np.ascontiguousarray(workload.inputs.T)
    n, dtype = len(workload.inputs), workload.dtype
    logits, ones = np.empty((bias.size, n), dtype), np.ones(n, dtype)
    loss_and_gradient = _cross_entropy(logits, workload, parameters.scale)
    weight_t, column, logits_t = weight.T, bias[:, None], logits.T

    def step():
        dot(weight_t, xt, logits)
        add(logits, column, logits)
        loss = loss_and_gradient()
        dot(xt, logits_t, weight_gradient)
        dot(logits, ones, bias_gradient)
        parameters.update()
        return loss

    return step


def _mlp(workload: Workload, parameters: _Parameters) -> Step:
    x, n, dtype = workload.inputs, len(workload.inputs), workload.dtype
    relu = workload.activation == "relu"
    *hidden, last_weight, last_bias = parameters.views
    *hidden_gradients, last_weight_gradient, last_bias_gradient = parameters.gradients
    weights, biases = hidden[::2], hidden[1::2]
    h = [np.empty((n, b.size), dtype) for b in biases]
    dh = [np.empty_like(a) for a in h]
    below = [x, *h[:-1]]
    # maximum with an array of zeros is faster than with a scalar
    forward = [(a, w, b, out, np.zeros_like(out)) for a, w, b, out in zip(below, weights, biases, h)]
    backward = [
        (a.T, out, dout, np.empty(out.shape, bool), gw, gb, w.T, below_gradient)
        for a, out, dout, gw, gb, w, below_gradient in zip(
            below, h, dh, hidden_gradients[::2], hidden_gradients[1::2], weights, [None, *dh[:-1]])
    ][::-1]
    logits = np.empty((last_bias.size, n), dtype)
    loss_of = {"cross_entropy": _cross_entropy, "hinge": _hinge}[workload.loss]
    loss_and_gradient = loss_of(logits, workload, parameters.scale)
    ones, one, zero = np.ones(n, dtype), dtype.type(1), dtype.type(0)
    last_weight_t, column, logits_t, top_t, top_gradient = last_weight.T, last_bias[:, None], logits.T, h[-1].T, dh[-1]

    def step():
        for a, w, b, out, zeros in forward:
            dot(a, w, out)
            add(out, b, out)
            if relu:
                maximum(out, zeros, out=out)
            else:
                tanh(out, out)
        dot(last_weight_t, top_t, logits)
        add(logits, column, logits)
        loss = loss_and_gradient()
        dot(top_t, logits_t, last_weight_gradient)
        dot(logits, ones, last_bias_gradient)
        dot(logits_t, last_weight_t, top_gradient)
        for a_t, out, dout, positive, gw, gb, w_t, below_gradient in backward:
            if relu:
                greater(out, zero, positive)
                multiply(dout, positive, dout)
            else:
                multiply(out, out, out)
                subtract(one, out, out)
                multiply(dout, out, dout)
            if below_gradient is not None:
                dot(dout, w_t, below_gradient)
            dot(a_t, dout, gw)
            dot(ones, dout, gb)
        parameters.update()
        return loss

    return step


class _Block:
    """Convolution with a 3x3 kernel and a rim of zeros, relu, max-pooling of 2 by 2; images (channels, h, w, batch).

    The bias and relu commute with the maximum, so they are applied to the quarter that is left. Where elements of a
    window are equal each takes the gradient.
    """

    def __init__(self, parameters: _Parameters, index: int, size: int, batch: int, first: bool) -> None:
        weight, self.bias = parameters.views[index], parameters.views[index + 1][:, None, None, None]
        out, channels, *_ = weight.shape
        dtype = weight.dtype
        self.weight = weight.reshape(out, -1)
        self.weight_gradient = parameters.gradients[index].reshape(out, -1)
        self.bias_gradient = parameters.gradients[index + 1]
        padded = np.zeros((channels, size + 2, size + 2, batch), dtype)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2)).transpose(0, 4, 5, 1, 2, 3)
        self.inner, self.windows, self.columns = padded[:, 1:-1, 1:-1], windows, np.empty(windows.shape, dtype)
        z = np.empty((out, size, size, batch), dtype)
        self.quarters = [z[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
        self.z, self.rows = z.reshape(out, -1), self.columns.reshape(channels * 9, -1)
        self.pooled, self.other, self.out, self.zero = (
            np.zeros((out, size // 2, size // 2, batch), dtype) for _ in range(4)
        )
        self.mask, self.ones = np.empty(self.out.shape, bool), np.ones(self.out[0].size, dtype)
        self.g = np.empty(self.out.shape, dtype)
        self.below, self.spread = (None, None) if first else (np.zeros_like(padded), np.empty_like(self.rows))
        if not first:
            spread = self.spread.reshape(self.columns.shape)
            places = [(i, j) for i in range(3) for j in range(3)]
            self.sums = [(self.below[:, i : i + size, j : j + size], spread[:, i, j]) for i, j in places]

    def forward(self, x: np.ndarray) -> np.ndarray:
        np.copyto(self.inner, x)
        np.copyto(self.columns, self.windows)
        dot(self.weight, self.rows, self.z)
        a, b, c, d = self.quarters
        maximum(a, b, out=self.pooled)
        maximum(c, d, out=self.other)
        maximum(self.pooled, self.other, out=self.pooled)
        add(self.pooled, self.bias, self.out)
        return maximum(self.out, self.zero, out=self.out)

    def backward(self) -> np.ndarray | None:
        """From the gradient `g` of the output; that of the input, padded, unless this is the first block."""
        g, mask = self.g, self.mask
        greater(self.out, 0.0, mask)
        multiply(g, mask, g)
        dot(g.reshape(len(g), -1), self.ones, self.bias_gradient)
        for quarter in self.quarters:
            np.equal(quarter, self.pooled, mask)
            multiply(g, mask, quarter)
        dot(self.z, self.rows.T, self.weight_gradient)
        if self.below is not None:
            dot(self.weight.T, self.z, self.spread)
            self.below.fill(0)
            for total, part in self.sums:
                add(total, part, total)
        return self.below


def _convnet(workload: Workload, parameters: _Parameters) -> Step:
    batch, _, size, _ = workload.inputs.shape
    x = np.ascontiguousarray(workload.inputs.transpose(1, 2, 3, 0))
    first = _Block(parameters, 0, size, batch, first=True)
    second = _Block(parameters, 2, size // 2, batch, first=False)
    weight, bias = parameters.views[4:]
    weight_gradient, bias_gradient = parameters.gradients[4:]
    logits, ones, column = np.empty((bias.size, batch), workload.dtype), np.ones(batch, workload.dtype), bias[:, None]
    loss_and_gradient = _cross_entropy(logits, workload, parameters.scale)
    features, feature_gradient = second.out.reshape(len(weight), batch), second.g.reshape(len(weight), batch)

    def step():
        second.forward(first.forward(x))
        dot(weight.T, features, logits)
        add(logits, column, logits)
        loss = loss_and_gradient()
        dot(features, logits.T, weight_gradient)
        dot(logits, ones, bias_gradient)
        dot(weight, logits, feature_gradient)
        np.copyto(first.g, second.backward()[:, 1:-1, 1:-1])
        first.backward()
        parameters.update()
        return loss

    return step


def _chain(workload: Workload, parameters: _Parameters) -> Step:
    """With w the tanh is kept for the backward pass, without w nothing is but the values of x."""
    x, y, z, *rest = parameters.views
    g, gy, gz, *rest_gradients = parameters.gradients
    w, gw = (rest[0], rest_gradients[0]) if rest else (None, None)
    xs = list(np.empty((workload.repeats + 1, x.size)))
    xs[0][:] = x
    ts = list(np.empty((workload.repeats, x.size))) if w is not None else xs[1:]
    product = np.empty(x.size)
    forward = list(zip(xs[:-1], ts, xs[1:]))
    backward = forward[::-1]
    zero = parameters.flat_gradient.fill

    def step():
        for before, t, after in forward:
            multiply(before, y, t)
            add(t, z, t)
            if w is not None:
                tanh(t, t)
                subtract(t, w, after)
        loss = add.reduce(xs[-1])
        zero(0)
        g.fill(1)
        for before, t, _ in backward:
            if w is not None:
                subtract(gw, g, gw)
                multiply(t, t, t)
                subtract(1.0, t, t)
                multiply(g, t, g)
            add(gz, g, gz)
            multiply(g, before, product)
            add(gy, product, gy)
            multiply(g, y, g)
        return loss

    return step


KINDS = {"logistic": _logistic, "softmax": _softmax, "mlp": _mlp, "convnet": _convnet, "chain": _chain}


def build(workload: Workload) -> Bench:
    parameters = _Parameters(workload)
    return Bench(KINDS[workload.kind](workload, parameters), gradients=lambda: parameters.gradients)
