"""Functions that programs call and NumPy lacks: each needs NumPy alone, and its source is printed with the program."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def softplus(x: Any) -> Any:
    """log(1 + exp(x)) without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)) without underflow."""
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) / sum(exp(x)) without overflow."""
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """log(softmax(x)) without underflow; the largest term of the sum, exp(0), is left out."""
    shifted = x - np.max(x, axis=axis, keepdims=True)
    rest = np.exp(shifted)
    np.put_along_axis(rest, np.expand_dims(np.argmax(x, axis=axis), axis), 0, axis)
    return shifted - np.log1p(np.sum(rest, axis=axis, keepdims=True))


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) without overflow."""
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):
        total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, axis)


def erf(x: Any) -> Any:
    """The error function, element by element."""
    return np.asarray(np.frompyfunc(math.erf, 1, 1)(x), np.asarray(x).dtype)


def erfc(x: Any) -> Any:
    """1 - erf(x), element by element."""
    return np.asarray(np.frompyfunc(math.erfc, 1, 1)(x), np.asarray(x).dtype)


def xlogy(a: Any, b: Any) -> Any:
    """a * log(b), and 0 where a is 0."""
    flat = (a == 0) & (b == b)
    return np.where(flat, 0, a * np.log(np.where(flat, 1, b)))


def scatter_add(values: Any, key: Any, shape: Any) -> Any:
    """Zeros of the given shape with `values` added at the places `key`."""
    out = np.zeros(shape, np.asarray(values).dtype)
    np.add.at(out, key, values)
    return out


def share_ties(values: Any, keys: Any, axis: int = -1) -> Any:
    """`values` averaged over runs of equal `keys`, which are sorted along `axis`."""
    values, keys = np.moveaxis(values, axis, -1), np.moveaxis(keys, axis, -1)
    fresh = np.ones(keys.shape, bool)
    fresh[..., 1:] = keys[..., 1:] != keys[..., :-1]
    run = np.cumsum(fresh) - 1
    means = np.bincount(run, values.reshape(-1)) / np.bincount(run)
    return np.moveaxis(means[run].reshape(values.shape), -1, axis).astype(values.dtype)


def setitem(a: Any, key: Any, value: Any) -> Any:
    """A copy of `a` with `value` at the places `key`."""
    a = np.array(a)
    a[key] = value
    return a


def draw(generator: Any, method: str, *args: Any) -> Any:
    """An array of random numbers."""
    return np.asarray(getattr(generator, method)(*args))


#: By name.
PRIMITIVES = {
    f.__name__: f
    for f in (
        sigmoid, softplus, log_sigmoid, softmax, log_softmax, logsumexp, erf, erfc, xlogy, scatter_add, share_ties,
        setitem, draw,
    )
}  # fmt: skip
