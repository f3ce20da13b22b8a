"""Reductions: sum, mean, prod, max, min, var, std, and cumulative sums and products."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..errors import ArgumentError, BoundsError, DTypeError
from ..op import compose, constant, op, refuse_out

Axis = int | tuple[int, ...] | None


def axis_index(name: str, axis: int, ndim: int) -> int:
    """`axis` counted from the front; an error that names the function where there is no such axis."""
    try:
        return normalize_axis_index(axis, ndim)
    except np.exceptions.AxisError as error:
        raise BoundsError(f"{name}: {error}") from None


def count(shape: tuple[int, ...], axis: Axis) -> int:
    """Number of elements that a reduction of `shape` over `axis` takes together."""
    if axis is None:
        return math.prod(shape)
    return math.prod([shape[i] for i in axis]) if isinstance(axis, tuple) else shape[axis]


def refuse_whole(name: str, dtype: Any, *arrays: Any) -> None:
    """Raise for ``dtype=int`` of floating-point numbers: the derivative would be 0 almost everywhere, not 1."""
    kind = np.dtype(dtype)
    if kind.kind != "f" and any(np.asarray(a).dtype.kind == "f" for a in arrays):
        raise DTypeError(f"{name}: dtype={kind} would cut the gradient off. Write t.astype({kind}) if that is meant.")


def check_axes(name: str, axis: Any, ndim: int) -> None:
    """Raise where there is no such axis, or where one is named twice, with the name of the function."""
    if axis is None:
        return
    try:
        normalize_axis_tuple(axis, ndim)
    except (np.exceptions.AxisError, ValueError) as error:
        raise BoundsError(f"{name}: {error}") from None
    except TypeError:
        raise DTypeError(f"{name}: axis must be an integer, a tuple of integers or None, got {axis!r}.") from None


# np.sum, np.mean, np.max and np.min spend 1 to 3 us before they reach these loops.
add_up: Any = np.add.reduce
largest: Any = np.maximum.reduce
smallest: Any = np.minimum.reduce


def _sum(a: Any, *, axis: Axis, dtype: Any, keepdims: bool) -> Any:
    if dtype is not None:
        refuse_whole("sum", dtype, a)
    return add_up(a, axis, dtype, None, keepdims)


def _mean(a: Any, *, axis: Axis, dtype: Any, keepdims: bool) -> Any:
    if dtype is not None:
        refuse_whole("mean", dtype, a)
    if a.size == 0 or a.dtype.char == "e":
        return np.mean(a, axis, dtype, keepdims=keepdims)  # NumPy's warning; NumPy's wider sum of float16
    return add_up(a, axis, dtype, None, keepdims) / count(a.shape, axis)


def _max(a: Any, *, axis: Axis, keepdims: bool) -> Any:
    return largest(a, axis, None, None, keepdims)


def _min(a: Any, *, axis: Axis, keepdims: bool) -> Any:
    return smallest(a, axis, None, None, keepdims)


def floating(function: Any) -> Any:
    """The kernel of a function of NumPy's that takes dtype=."""

    def kernel(a: Any, *, dtype: Any, **options: Any) -> Any:
        if dtype is not None:
            refuse_whole(function.__name__, dtype, a)
        return function(a, dtype=dtype, **options)

    return kernel


def share(a: Any, out: Any, axis: Axis) -> Any:
    """1 / n at each of the n elements that equal the extremum `out`, 0 elsewhere."""
    ties = (a == out).astype(a.dtype)
    return ties / np.sum(ties, axis=axis, keepdims=True)


def axes_of(axis: Axis, ndim: int) -> tuple[list[int], list[int]]:
    """The axes that a reduction keeps, and those that it reduces."""
    reduced = list(range(ndim)) if axis is None else [i % ndim for i in (axis if isinstance(axis, tuple) else (axis,))]
    return [i for i in range(ndim) if i not in reduced], reduced


def last(a: Any, axis: Axis) -> Any:
    """`a` with the axes of a reduction made one, at the end."""
    kept, reduced = axes_of(axis, a.ndim)
    return a.transpose([*kept, *reduced]).reshape(tuple([a.shape[i] for i in kept] + [count(a.shape, axis)]))


def unlast(b: Any, shape: tuple[int, ...], axis: Axis) -> Any:
    """The inverse of `last`, for an array of the given shape."""
    kept, reduced = axes_of(axis, len(shape))
    order = [*kept, *reduced]
    return b.reshape(tuple([shape[i] for i in order])).transpose(sorted(range(len(shape)), key=order.__getitem__))


def before(a: Any) -> Any:
    """Product of all elements before each one along the last axis: exact where elements are 0."""
    return np.cumprod(np.concatenate([np.ones((*a.shape[:-1], 1), a.dtype), a], axis=-1)[..., :-1], axis=-1)


def product_of_others(a: Any, axis: Axis) -> Any:
    """Product of all elements but each one itself, which a division by it would not give at 0."""
    b = last(a, axis)
    return unlast(before(b) * np.flip(before(np.flip(b, -1)), -1), a.shape, axis)


def reverse_cumsum(g: Any, shape: tuple[int, ...], axis: int | None) -> Any:
    """Sums from each element to the end, the transpose of a cumulative sum."""
    axis = -1 if axis is None else axis
    return np.flip(np.cumsum(np.flip(g, axis), axis), axis).reshape(shape)


def cumprod_cotangent(g: Any, a: Any, axis: int | None) -> Any:
    """Cotangent of a cumulative product without division: d_j = before_j (g_j + a_{j+1} (g_{j+1} + ...))."""
    if a.size == 0:
        return g.reshape(a.shape)
    x, h = last(a, axis), last(g, axis)
    sums = [h[..., -1]]
    for j in range(x.shape[-1] - 2, -1, -1):
        sums.append(h[..., j] + x[..., j + 1] * sums[-1])
    return unlast(before(x) * np.stack(sums[::-1], axis=-1), a.shape, axis)


def deviation(a: Any, axis: Axis, ddof: float) -> Any:
    """(a - mean(a)) / (n - ddof); an infinity or NaN, as in NumPy, where n does not exceed ddof."""
    n = count(a.shape, axis)
    return (a - np.sum(a, axis=axis, keepdims=True) / n) / (n - ddof if n > ddof else 0)


# fmt: off
sum = op(np.sum, "a, axis=None, dtype=None, out=None, keepdims=False", kernel=_sum, reduces="a",
         a=lambda g: g)
mean = op(np.mean, "a, axis=None, dtype=None, out=None, keepdims=False", kernel=_mean, reduces="a",
          a=lambda g, a_shape, *, axis: g / count(a_shape, axis))
prod = op(np.prod, "a, axis=None, dtype=None, out=None, keepdims=False", kernel=floating(np.prod), reduces="a",
          a=lambda g, a, *, axis: g * product_of_others(a, axis))
# Where the extremum is NaN, so is the gradient: `taken` must not hide that.
max = op(np.max, "a, axis=None, out=None, keepdims=False", kernel=_max, reduces="a",
         a=lambda g, out, a, *, axis: g * share(a, out, axis), taken={"a": lambda a, out: np.logical_not(a < out)})
min = op(np.min, "a, axis=None, out=None, keepdims=False", kernel=_min, reduces="a",
         a=lambda g, out, a, *, axis: g * share(a, out, axis), taken={"a": lambda a, out: np.logical_not(a > out)})
var = op(np.var, "a, axis=None, dtype=None, out=None, ddof=0, keepdims=False", kernel=floating(np.var), reduces="a",
         a=lambda g, a, *, axis, ddof: g * (2 * deviation(a, axis, ddof)))
# At equal elements: first derivative 0, second NaN, since there is a cone there.
std = op(np.std, "a, axis=None, dtype=None, out=None, ddof=0, keepdims=False", kernel=floating(np.std), reduces="a",
         a=lambda g, out, a, *, axis, ddof: g * np.where(out == 0, 0, deviation(a, axis, ddof) / out))
cumsum = op(np.cumsum, "a, axis=None, dtype=None, out=None", kernel=floating(np.cumsum),
            a=lambda g, a_shape, *, axis: reverse_cumsum(g, a_shape, axis))
cumprod = op(np.cumprod, "a, axis=None, dtype=None, out=None", kernel=floating(np.cumprod),
             a=lambda g, a, *, axis: cumprod_cotangent(g, a, axis))
# fmt: on


@functools.partial(compose, np.ptp)
def ptp(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False) -> Any:
    """Maximum minus minimum."""
    refuse_out("ptp", out)
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


@functools.partial(compose, np.average)
def average(a: Any, axis: Axis = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """Weighted mean: sum(w * a) / sum(w)."""
    a = np.asarray(a) if isinstance(a, list | tuple) else a
    if weights is None:
        result = np.mean(a, axis=axis, keepdims=keepdims)
        total: Any = np.asarray(count(a.shape, axis), result.dtype)
    else:
        weights = np.asarray(weights) if isinstance(weights, list | tuple) else weights
        if weights.shape != a.shape:
            weights = spread_weights(weights, a.shape, axis)
        total = np.sum(weights, axis=axis, keepdims=keepdims)
        if (total == 0).any():
            raise ZeroDivisionError("average: the weights sum to zero.")
        result = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (result, np.broadcast_to(total, result.shape)) if returned else result


def spread_weights(weights: Any, shape: tuple[int, ...], axis: Axis) -> Any:
    """Weights of the places along `axis`, or along several axes, for an array of the given shape."""
    if axis is None:
        raise ArgumentError(f"average: weights have shape {weights.shape}, the array has shape {shape}. Write axis=.")
    _, along = axes_of(axis, len(shape))
    wanted = tuple([shape[i] for i in along])
    if weights.shape != wanted:
        raise ArgumentError(f"average: weights have shape {weights.shape}, axis {axis} of {shape} has shape {wanted}.")
    weights = np.transpose(weights, sorted(range(len(along)), key=along.__getitem__))
    return np.broadcast_to(np.reshape(weights, [n if i in along else 1 for i, n in enumerate(shape)]), shape)


@functools.partial(compose, np.diff)
def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """Differences of neighbours along `axis`, n times."""
    if n < 0:
        raise ArgumentError(f"diff: n must not be negative, got {n}.")
    a = np.moveaxis(a, axis, -1)
    for _ in range(n):
        a = a[..., 1:] - a[..., :-1]
    return np.moveaxis(a, -1, axis)


compose(np.amax, np.max)
compose(np.amin, np.min)

constant(
    np.argmax, np.argmin, np.argsort, np.argpartition, np.argwhere, np.nonzero, np.flatnonzero, np.count_nonzero,
    np.all, np.any, np.nanargmax, np.nanargmin, np.lexsort,
)  # fmt: skip
