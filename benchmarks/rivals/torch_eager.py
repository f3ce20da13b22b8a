"""PyTorch, eager: `autograd.grad` and one multi-tensor update, or the fused Adam; threads follow OMP_NUM_THREADS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ..engines import Bench
from ..workloads import Workload


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.copy())


def _logistic(workload: Workload) -> Callable[..., Any]:
    inputs, labels = _tensor(workload.inputs), _tensor(workload.labels)

    def forward(weight, bias):
        logits = torch.addmv(bias.expand(len(labels)), inputs, weight)
        return F.binary_cross_entropy_with_logits(logits, labels)

    return forward


def _softmax(workload: Workload) -> Callable[..., Any]:
    inputs, labels, onehot = (_tensor(a) for a in (workload.inputs, workload.labels, workload.onehot))

    def fused(weight, bias):
        return F.cross_entropy(torch.addmm(bias, inputs, weight), labels)

    def from_primitives(weight, bias):
        z = torch.addmm(bias, inputs, weight)
        z = z - z.detach().amax(1, keepdim=True)
        return (torch.exp(z).sum(1).log().sum() - (z * onehot).sum()) / len(onehot)

    return fused if workload.fused else from_primitives


def _mlp(workload: Workload) -> Callable[..., Any]:
    inputs, labels = _tensor(workload.inputs), _tensor(workload.labels)
    activation = torch.relu if workload.activation == "relu" else torch.tanh

    def forward(*parameters):
        *hidden, weight, bias = parameters
        h = inputs
        for w, b in zip(hidden[::2], hidden[1::2]):
            h = activation(torch.addmm(b, h, w))
        z = torch.addmm(bias, h, weight)
        return torch.relu(1 - labels * z[:, 0]).mean() if workload.loss == "hinge" else F.cross_entropy(z, labels)

    return forward


def _convnet(workload: Workload) -> Callable[..., Any]:
    inputs, labels = _tensor(workload.inputs), _tensor(workload.labels)

    def forward(w1, b1, w2, b2, w3, b3):
        h = F.max_pool2d(torch.relu(F.conv2d(inputs, w1, b1, padding=1)), 2)
        h = F.max_pool2d(torch.relu(F.conv2d(h, w2, b2, padding=1)), 2)
        return F.cross_entropy(torch.addmm(b3, h.reshape(len(labels), -1), w3), labels)

    return forward


def _chain(workload: Workload) -> Callable[..., Any]:
    def forward(x, y, z, w=None):
        for _ in range(workload.repeats):
            x = x * y
            x = x + z
            if w is not None:
                x = torch.tanh(x)
                x = x - w
        return x.sum()

    return forward


KINDS = {"logistic": _logistic, "softmax": _softmax, "mlp": _mlp, "convnet": _convnet, "chain": _chain}


def _adam(forward: Callable[..., Any], parameters: list[torch.Tensor], learning_rate: float) -> Bench:
    optimizer = torch.optim.Adam(parameters, lr=learning_rate, fused=True)

    def step():
        optimizer.zero_grad()
        loss = forward(*parameters)
        loss.backward()
        optimizer.step()
        return loss

    return Bench(step, loss=lambda value: value.item())


def build(workload: Workload) -> Bench:
    forward = KINDS[workload.kind](workload)
    parameters = [_tensor(p).requires_grad_() for p in workload.parameters]
    if workload.update == "adam":
        return _adam(forward, parameters, workload.learning_rate)
    gradients: tuple[torch.Tensor, ...] = ()

    def step():
        nonlocal gradients
        loss = forward(*parameters)
        gradients = torch.autograd.grad(loss, parameters)
        if workload.update:
            with torch.no_grad():
                torch._foreach_add_(parameters, gradients, alpha=-workload.learning_rate)
        return loss

    return Bench(step, loss=lambda value: value.item(), gradients=lambda: [g.numpy() for g in gradients])
