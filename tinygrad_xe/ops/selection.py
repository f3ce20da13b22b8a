"""Choosing elements and laying numbers out: np.select, piecewise, extract, delete, meshgrid, linspace, convolve."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..errors import ArgumentError, DTypeError, ShapeError
from ..op import compose, differentiable
from .index import scatter_add
from .reduce import axis_index


@functools.partial(compose, np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """For each place the first choice whose condition holds there."""
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ArgumentError(f"select: got {len(condlist)} conditions and {len(choicelist)} choices; they go in pairs.")
    chosen = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist)):
        if not isinstance(condition, bool) and getattr(condition, "dtype", None) != np.bool:
            raise DTypeError("select: conditions must be booleans. Write x > 0, or c.astype(bool).")
        chosen = np.where(condition, choice, chosen)
    return chosen


@functools.partial(compose, np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """For each place the function of the last condition that holds there, called with the elements of those places."""
    single = not isinstance(condlist, list | tuple) or (np.ndim(condlist[0]) == 0 and x.ndim != 0)
    given = [c.detach().data if hasattr(c, "detach") else c for c in ([condlist] if single else condlist)]
    conditions = [c.astype(bool) if hasattr(c, "dtype") else np.asarray(c, bool) for c in given]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.any(np.stack(conditions), axis=0))
    if len(funclist) != len(conditions):
        raise ArgumentError(f"piecewise: got {len(conditions)} conditions and {len(funclist)} functions; "
                            "expected as many, or one function more for the rest.")
    made: Any = np.where(False, x, x.dtype.type(0))
    for condition, function in zip(conditions, funclist):
        if not callable(function):
            made = np.where(condition, function, made)
        elif type(condition) is not np.ndarray:  # of another kind, whose elements may not be known yet
            made = np.where(condition, function(x, *args, **kw), made)
        elif condition.any():
            made = np.where(condition, scatter_add(function(x[condition], *args, **kw), condition, x.shape), made)
    return made.astype(x.dtype)


@functools.partial(compose, np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """The elements where `condition` holds, as a vector."""
    return np.take(np.reshape(arr, -1), np.flatnonzero(condition))


@functools.partial(compose, np.delete)
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """All elements, or slices along `axis`, but those with the given numbers."""
    if axis is None:
        arr, axis = np.reshape(arr, -1), 0
    axis = axis_index("delete", axis, arr.ndim)
    return np.take(arr, np.delete(np.arange(arr.shape[axis]), obj), axis=axis)


@functools.partial(compose, np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """Move an axis to stand before another."""
    axis = axis_index("rollaxis", axis, a.ndim)
    start = start + a.ndim if start < 0 else start
    if not 0 <= start <= a.ndim:
        raise ArgumentError(f"rollaxis: start must be from {-a.ndim} to {a.ndim}, got {start}.")
    return np.moveaxis(a, axis, start - 1 if axis < start else start)


@functools.partial(compose, np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    """The coordinates of a grid, one array for each vector."""
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}.")
    axes = list(range(len(xi)))
    if indexing == "xy":
        axes[:2] = axes[:2][::-1]
    grids = [np.reshape(x, [-1 if i == axis else 1 for i in range(len(xi))]) for x, axis in zip(xi, axes)]
    return tuple(grids) if sparse else np.broadcast_arrays(*grids)


@functools.partial(compose, np.linspace)
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
    axis: int = 0, *, device: None = None,
) -> Any:  # fmt: skip
    """Numbers at equal distances from `start` to `stop`."""
    if dtype is not None:
        raise DTypeError("linspace: dtype= is not supported on a tensor. Write .astype(...) of the result.")
    if num < 0:
        raise ArgumentError(f"linspace: the number of values must not be negative, got {num}.")
    start, stop = 1.0 * start, 1.0 * stop
    parts = num - 1 if endpoint else num
    width = stop - start
    step = width / parts if parts > 0 else width * np.nan
    shape = np.shape(width)
    counts = np.reshape(np.arange(num, dtype=width.dtype), (num, *(1,) * len(shape)))
    made = counts * (step if parts > 0 else width) + start
    if endpoint and num > 1:
        made = np.concatenate([made[:-1], np.broadcast_to(stop, (1, *shape))])
    made = np.moveaxis(made, 0, axis) if axis != 0 else made
    return (made, step) if retstep else made


@functools.partial(compose, np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """Value at `x` of the polynomial with coefficients `p`, the highest power first."""
    p, x = (a if hasattr(a, "dtype") else np.asarray(a) for a in (p, x))
    value: Any = 0 * x
    for i in range(len(p)):
        value = value * x + p[i]
    return value


# -- convolution -------------------------------------------------------------------------------------------------------


def overlap(g: Any, other: Any, count: int) -> Any:
    """Cotangent of one factor of a convolution, `count` long."""
    start = other.shape[0] - 1
    return convolve_full(g, np.flip(other))[start : start + count]


@differentiable("a, v", a=lambda g, v, a_shape: overlap(g, v, a_shape[0]),
                v=lambda g, a, v_shape: overlap(g, a, v_shape[0]))  # fmt: skip
def convolve_full(a: Any, v: Any) -> Any:
    """Sums of a[i] v[n - i], for every n where the two overlap."""
    return np.convolve(a, v, "full")


def part(full: Any, longer: int, shorter: int, mode: str) -> Any:
    """What the modes of np.convolve keep of a full convolution."""
    if mode not in ("full", "same", "valid"):
        raise ArgumentError(f"convolve: mode must be 'full', 'same' or 'valid', got {mode!r}.")
    if mode == "full":
        return full
    first = (shorter - 1) // 2 if mode == "same" else shorter - 1
    return full[first : first + longer] if mode == "same" else full[first:longer]


def vectors(name: str, *arrays: Any) -> list[Any]:
    """Vectors that are not empty; a number is one of length 1."""
    found = [np.reshape(a, -1) if np.ndim(a) == 0 else a if hasattr(a, "dtype") else np.asarray(a) for a in arrays]
    if any(a.ndim != 1 or not a.size for a in found):
        raise ShapeError(f"{name}: expected two vectors that are not empty, got {[a.shape for a in found]}.")
    return found


@functools.partial(compose, np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """Discrete convolution of two vectors."""
    a, v = vectors("convolve", a, v)
    if v.size > a.size:
        a, v = v, a
    return part(convolve_full(a, v), a.size, v.size, mode)


@functools.partial(compose, np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """Sums of a[n + i] v[i]."""
    a, v = vectors("correlate", a, v)
    if v.size > a.size:
        return np.flip(part(convolve_full(v, np.flip(a)), v.size, a.size, mode))
    return part(convolve_full(a, np.flip(v)), a.size, v.size, mode)
