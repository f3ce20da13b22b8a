"""What tests of gradients share: the engine's gradients of both orders, and the differences to compare them with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_xe as xe

Arrays = list[np.ndarray]
Function = Callable[..., Any]


def leaves(arrays: Arrays) -> list[xe.Tensor]:
    return [xe.tensor(a, requires_grad=True) for a in arrays]


def gradients(function: Function, arrays: Arrays, cotangent: Any = None) -> Arrays:
    """The gradient of <cotangent, f(arrays)> in each array; by default of the sum."""
    tensors = leaves(arrays)
    out = function(*tensors)
    out.backward(np.ones(out.shape, out.dtype) if cotangent is None else cotangent)
    return [np.zeros(t.shape, t.dtype) if t.grad is None else t.grad for t in tensors]


def inner(a: Any, b: Any) -> float:
    return float(np.sum(np.asarray(a, np.float64) * b))


def slope(function: Function, arrays: Arrays, direction: Arrays, step: float = 1e-3) -> float:
    """Derivative of `function` along a direction, by differences of fourth order: an error near 1e-11."""
    at = [function([a + k * step * d for a, d in zip(arrays, direction, strict=True)]) for k in (-2, -1, 1, 2)]
    return float((at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * step))


def random(rng: np.random.Generator, arrays: Arrays) -> Arrays:
    return [rng.uniform(-1, 1, np.shape(a)) for a in arrays]


def second(function: Function, arrays: Arrays, cotangent: Any, direction: Arrays) -> Arrays:
    """The gradient, in the arrays and in the cotangent, of <gradient, direction>."""
    tensors, g = leaves(arrays), xe.tensor(cotangent, requires_grad=True)
    function(*tensors).backward(g, create_graph=True)
    first = [t.grad for t in tensors]
    for t in (*tensors, g):
        t.zero_grad()
    sum(np.sum(f * d) for f, d in zip(first, direction, strict=True) if f is not None).backward()
    return [np.zeros(t.shape, t.dtype) if t.grad is None else t.grad for t in (*tensors, g)]
