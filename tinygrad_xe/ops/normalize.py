"""normalize: arrays of mean 0 and variance 1 along axes, as layer and batch normalisation need them."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..op import differentiable
from .rows import ones
from .special import floats

Axes = int | tuple[int, ...]


def mean(a: Any, axis: Axes) -> Any:
    """The mean over `axis`, which is kept with length 1.

    Over first and last axes by products with ones: at (512, 64) in float32 5 us, where np.add.reduce takes 15 to 22.
    """
    if type(a) is np.ndarray and a.dtype.char in "fd" and a.flags.c_contiguous:
        first, middle, last, kept = layout(a.shape, axis)
        if 0 < first <= LONGEST and 0 < last <= LONGEST:
            total = a.reshape(-1, last).dot(ones(last, a.dtype)) if last > 1 else a
            if first > 1:
                total = ones(first, a.dtype).dot(total.reshape(first, middle))
            return (total / (first * last)).reshape(kept)
    return np.mean(a, axis=axis, keepdims=True)


#: How many numbers a product with ones adds up; np.add.reduce loses less in longer sums.
LONGEST = 4096


@functools.lru_cache(maxsize=64)
def layout(shape: tuple[int, ...], axis: Axes) -> tuple[int, int, int, tuple[int, ...]]:
    """How many elements lie along the first axes, the axes between, and the last axes of a mean; the shape it keeps.

    The first two are 0 where the axes of the mean are no first and last ones.
    """
    n = len(shape)
    axes = {i % n for i in (axis if isinstance(axis, tuple) else (axis,))}
    kept = tuple(1 if i in axes else length for i, length in enumerate(shape))
    between = [i for i in range(n) if i not in axes] or [n]  # of a mean over all axes, none
    low, high = between[0], between[-1] + 1
    if len(between) != high - low:
        return 0, 0, 0, kept
    return math.prod(shape[:low]), math.prod(shape[low:high]), math.prod(shape[high:]), kept


def length(shape: tuple[int, ...], axis: Axes) -> int:
    """How many elements a mean over `axis` takes together."""
    return math.prod([shape[i] for i in axis]) if isinstance(axis, tuple) else shape[axis]


def normalized(x: Any, *, axis: Axes, eps: float) -> tuple[Any, Any]:
    """``(x - mean) * r`` and ``r = 1 / sqrt(variance + eps)``, the variance being the mean square, without ddof.

    Centred twice: the mean is rounded, at 1000 in float32 by up to 6e-5, which r can make 316 times larger.
    """
    x = floats(x)
    if not length(x.shape, axis):
        raise ShapeError(f"normalize: shape {x.shape} has nothing to take a mean of along axis {axis}.")
    if x.dtype.char == "e":
        out, r = normalized(x.astype(np.float32), axis=axis, eps=eps)
        return out.astype(x.dtype), r.astype(x.dtype)
    d = x - mean(x, axis)
    d = d - mean(d, axis)
    r = 1 / np.sqrt(mean(d * d, axis) + eps)
    return d * r, r


@differentiable("x, *, axis, eps", x=lambda g, out, x, *, axis:
                g * (out * out * out) * ((mean(x, axis) - x) / length(x.shape, axis)))  # fmt: skip
def inverse_deviation(x: Any, *, axis: Axes, eps: float) -> Any:
    """``1 / sqrt(var(x) + eps)`` over `axis`, which is kept with length 1."""
    return normalized(x, axis=axis, eps=eps)[1]


@differentiable("x, *, axis, eps -> out, inverse", kernel=normalized, residuals={"inverse": (inverse_deviation, "x")},
                x=lambda g, out, inverse, *, axis:
                inverse * (g - mean(g, axis) - out * mean(g * out, axis)))  # fmt: skip
def normalize(x: Any, *, axis: Axes, eps: float) -> Any:
    r"""``(x - mean(x)) / sqrt(var(x) + eps)`` over `axis`: mean 0, variance 1 but for `eps`.

    .. math::
        y = (x - \mu)\, r, \quad r = \frac{1}{\sqrt{\sigma^2 + \epsilon}}, \quad
        \bar x = r\,(\bar y - \mathrm{mean}(\bar y) - y\,\mathrm{mean}(\bar y\, y))

    Parameters
    ----------
    x : array_like or Tensor
    axis : int or tuple of int
        The axes that a mean and a variance are taken over; the variance is the mean of squares (``ddof=0``).
    eps : float
        Keeps the divisor from 0 where all elements are equal.

    Returns
    -------
    ndarray or Tensor
        Of the shape and dtype of `x`; exactly 0 where all elements are equal.

    Raises
    ------
    ShapeError
        When there is nothing to take a mean of.

    Notes
    -----
    Source: S. Ioffe and C. Szegedy, Batch Normalization, 2015, section 3, for the formula and its gradient.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> from tinygrad_xe.ops.normalize import normalize
    >>> normalize(xe.tensor([[1.0, 3.0], [5.0, 5.0]]), axis=-1, eps=0.01)
    tensor([[-0.99503719,  0.99503719],
            [ 0.        ,  0.        ]])
    """
    return normalized(x, axis=axis, eps=eps)[0]
