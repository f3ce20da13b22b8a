"""Differences, integrals and interpolation along an axis: np.gradient, trapezoid, interp, unwrap, ediff1d; np.cross."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..op import compose
from .index import getitem
from .reduce import axis_index


def shaped(a: Any) -> Any:
    """`a`, or the array that a number or a list makes."""
    return a if hasattr(a, "dtype") else np.asarray(a)


# -- np.gradient -------------------------------------------------------------------------------------------------------


def gradient_along(f: Any, spacing: Any, edge_order: int) -> Any:
    """Derivative along the last axis: central differences of second order, one-sided ones at the ends."""
    n = f.shape[-1]
    if n < edge_order + 1:
        raise ShapeError(f"gradient: an axis of length {n} is too short; it needs edge_order + 1 = {edge_order + 1}.")
    if np.ndim(spacing) == 0:
        middle = (f[..., 2:] - f[..., :-2]) / (2.0 * spacing)
        first, last = spacing, spacing
        if edge_order == 2:
            left = (-1.5 * f[..., :1] + 2.0 * f[..., 1:2] - 0.5 * f[..., 2:3]) / spacing
            right = (1.5 * f[..., -1:] - 2.0 * f[..., -2:-1] + 0.5 * f[..., -3:-2]) / spacing
            return np.concatenate([left, middle, right], axis=-1)
    else:
        steps = spacing[1:] - spacing[:-1]
        before, after = steps[:-1], steps[1:]
        total = before + after
        middle = (
            -(after / (before * total)) * f[..., :-2]
            + ((after - before) / (before * after)) * f[..., 1:-1]
            + (before / (after * total)) * f[..., 2:]
        )
        first, last = steps[0], steps[-1]
        if edge_order == 2:
            left = one_sided(f[..., 0:1], f[..., 1:2], f[..., 2:3], steps[0], steps[1])
            right = one_sided(f[..., -1:], f[..., -2:-1], f[..., -3:-2], -steps[-1], -steps[-2])
            return np.concatenate([left, middle, right], axis=-1)
    left = (f[..., 1:2] - f[..., :1]) / first
    right = (f[..., -1:] - f[..., -2:-1]) / last
    return np.concatenate([left, middle, right], axis=-1)


def one_sided(at: Any, near: Any, far: Any, step: Any, next_step: Any) -> Any:
    """Derivative of the parabola through an end and the two points beside it."""
    total = step + next_step
    first = -(2 * step + next_step) / (step * total) * at
    return first + total / (step * next_step) * near - step / (next_step * total) * far


@functools.partial(compose, np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Numerical derivative along each axis, with the spacing or the coordinates given."""
    f = shaped(f)
    axes = tuple(range(f.ndim)) if axis is None else axis if isinstance(axis, tuple | list) else (axis,)
    axes = tuple([axis_index("gradient", i, f.ndim) for i in axes])
    if edge_order not in (1, 2):
        raise ArgumentError(f"gradient: edge_order must be 1 or 2, got {edge_order!r}.")
    given = [shaped(v) for v in varargs] or [1.0]
    if len(given) == 1 and np.ndim(given[0]) == 0:
        given = given * len(axes)
    if len(given) != len(axes):
        raise ArgumentError(f"gradient: got {len(given)} spacings for {len(axes)} axes.")
    if f.dtype.kind != "f":
        f = f.astype(np.float64)
    found = []
    for i, spacing in zip(axes, given):
        if np.ndim(spacing) > 1 or (np.ndim(spacing) == 1 and len(spacing) != f.shape[i]):
            raise ShapeError(f"gradient: coordinates of shape {np.shape(spacing)} for an axis of length {f.shape[i]}.")
        found.append(np.moveaxis(gradient_along(np.moveaxis(f, i, -1), spacing, edge_order), -1, i))
    return found[0] if len(found) == 1 else tuple(found)


# -- the others --------------------------------------------------------------------------------------------------------


@functools.partial(compose, np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Integral along `axis` by the trapezoidal rule."""
    y = np.moveaxis(shaped(y), axis, -1)
    if x is None:
        widths = dx
    else:
        x = shaped(x)
        widths = np.diff(x if x.ndim == 1 else np.moveaxis(x, axis, -1), axis=-1)
    return np.sum(widths * (y[..., 1:] + y[..., :-1]) / 2.0, axis=-1)


@functools.partial(compose, np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """Linear interpolation between points (xp, fp); differentiable in all three, and in `left` and `right`."""
    if period is not None:
        raise ArgumentError("interp: period= is not supported on a tensor. Write x % period.")
    x, xp, fp = shaped(x), shaped(xp), shaped(fp)
    if xp.ndim != 1 or fp.shape != xp.shape or not len(xp):
        raise ShapeError(f"interp: xp and fp must be vectors of the same length, got {xp.shape} and {fp.shape}.")
    if len(xp) == 1:
        inner = fp[0] + 0 * x
    else:
        i = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, len(xp) - 2)
        start, value = getitem(xp, i), getitem(fp, i)  # an array of NumPy's could not be indexed by one of another kind
        slope = (getitem(fp, i + 1) - value) / (getitem(xp, i + 1) - start)
        inner = slope * (x - start) + value

    below, above = x < xp[0], x > xp[-1]
    inner = np.where(above, fp[-1] if right is None else right, inner)
    return np.where(below, fp[0] if left is None else left, inner)


@functools.partial(compose, np.unwrap)
def unwrap(p: Any, discont: float | None = None, axis: int = -1, *, period: float = 2 * math.pi) -> Any:
    """Add multiples of the period, which are constants, so that neighbours differ by half a period at most."""
    plain = p.detach().data
    whole = np.round((np.unwrap(plain, discont, axis, period=period) - plain) / period)
    shifts = (whole * period).astype(p.dtype)
    return p + shifts


@functools.partial(compose, np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Differences of neighbours of the flattened array, with elements put before and after."""
    steps = np.diff(np.reshape(ary, -1))
    parts = [None if to_begin is None else np.reshape(to_begin, -1), steps,
             None if to_end is None else np.reshape(to_end, -1)]  # fmt: skip
    return np.concatenate([part for part in parts if part is not None])


@functools.partial(compose, np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """Cross product of vectors of three components."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(shaped(a), axisa, -1), np.moveaxis(shaped(b), axisb, -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ShapeError(f"cross: vectors must have three components, got {a.shape[-1]} and {b.shape[-1]}.")
    a, b = ([v[..., 0], v[..., 1], v[..., 2]] for v in (a, b))
    parts = [a[i] * b[j] - a[j] * b[i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return np.stack(parts, axis=axisc)
