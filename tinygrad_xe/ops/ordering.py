"""Sorting, and what is read from sorted values: np.sort, partition, median, quantile, percentile."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..errors import ArgumentError, GradientLostError
from ..op import compose, differentiable, op, refuse_out
from .reduce import Axis, axes_of, check_axes, last

REFUSED = "structured arrays, which are not supported on a tensor. Leave it out."


@differentiable("values, keys, axis=-1", keys=None,
                values=lambda g, keys, *, axis: share_ties(g, keys, axis))  # type: ignore[has-type]  # fmt: skip
def share_ties(values: Any, keys: Any, axis: int = -1) -> Any:
    """`values` averaged over runs of equal `keys`, which are sorted along `axis`: it is its own transpose."""
    values, keys = np.moveaxis(values, axis, -1), np.moveaxis(keys, axis, -1)
    fresh = np.ones(keys.shape, bool)
    np.not_equal(keys[..., 1:], keys[..., :-1], out=fresh[..., 1:])
    if fresh.all():
        return np.moveaxis(values, -1, axis).copy()
    run = np.cumsum(fresh) - 1  # a run of equal keys ends with its line, since `fresh` begins each
    sums = np.zeros_like(values, shape=run[-1] + 1)
    np.add.at(sums, run, values.reshape(-1))
    means = sums / np.bincount(run).astype(values.dtype)
    return np.moveaxis(means[run].reshape(values.shape), -1, axis)


def sort_cotangent(g: Any, a: Any, out: Any, axis: int | None) -> Any:
    """Each element gets the cotangent of its place; equal elements share those of their places evenly."""
    shape = a.shape
    a, axis = (np.reshape(a, -1), -1) if axis is None else (a, axis)
    place = np.argsort(np.argsort(a, axis=axis, kind="stable"), axis=axis)
    return np.reshape(np.take_along_axis(share_ties(g, out, axis), place, axis), shape)


def partition_cotangent(g: Any, a: Any, out: Any, axis: int | None) -> Any:
    """The same where `out` is sorted in part: sorted whole, its elements are those of np.sort."""
    along = -1 if axis is None else axis
    order = np.argsort(out, axis=along, kind="stable")
    return sort_cotangent(np.take_along_axis(g, order, along), a, np.take_along_axis(out, order, along), axis)


def _sort(a: Any, *, axis: int | None, kind: Any, order: None, stable: Any) -> Any:
    if order is not None:
        raise ArgumentError(f"sort: order= belongs to {REFUSED}")
    return np.sort(a, axis=axis, kind=kind, stable=stable)


def _partition(a: Any, *, kth: Any, axis: int | None, kind: Any, order: None) -> Any:
    if order is not None:
        raise ArgumentError(f"partition: order= belongs to {REFUSED}")
    return np.partition(a, kth, axis=axis, kind=kind)


# fmt: off
sort = op(np.sort, "a, axis=-1, kind=None, order=None, *, stable=None", kernel=_sort, permutes=True,
          a=lambda g, out, a, *, axis: sort_cotangent(g, a, out, axis))
partition = op(np.partition, "a, kth, axis=-1, kind='introselect', order=None", kernel=_partition, permutes=True,
               a=lambda g, out, a, *, axis: partition_cotangent(g, a, out, axis))
# fmt: on


def nan_where_the_last_is(value: Any, ordered: Any) -> Any:
    """NaN, which is sorted to the end, where a line holds one; else `value`."""
    top = ordered[..., -1]
    return np.where(np.isnan(top), top, value) if ordered.dtype.kind == "f" else value


def with_axes(value: Any, shape: tuple[int, ...], axis: Axis, keepdims: bool) -> Any:
    """`value`, reduced from `shape` over `axis`, with the reduced axes at length 1 if they are to be kept."""
    _, reduced = axes_of(axis, len(shape))
    return np.reshape(value, [1 if i in reduced else n for i, n in enumerate(shape)]) if keepdims else value


@functools.partial(compose, np.median)
def median(a: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """The middle value, or the mean of the two middle ones."""
    refuse_out("median", out)
    axis = tuple(axis) if isinstance(axis, list) else axis
    check_axes("median", axis, a.ndim)
    ordered = np.sort(last(a, axis), axis=-1)
    n = ordered.shape[-1]
    if n == 0:
        return np.mean(a, axis=axis, keepdims=keepdims)  # NaN, with NumPy's warning
    middle = ordered[..., n // 2] if n % 2 else np.mean(ordered[..., n // 2 - 1 : n // 2 + 1], axis=-1)
    middle = middle if middle.dtype.kind == "f" else middle.astype(np.float64)
    return with_axes(nan_where_the_last_is(middle, ordered), a.shape, axis, keepdims)


def quantiles(name: str, a: Any, q: Any, scale: float, axis: Any, method: str, keepdims: bool) -> Any:
    """Values at the fraction q / scale of the way through the sorted elements, interpolated linearly."""
    if method != "linear":
        raise ArgumentError(f"{name}: method={method!r} is not supported on a tensor; only 'linear' is.")
    if hasattr(q, "requires_grad"):
        if q.requires_grad:
            raise GradientLostError(f"{name}: q is a tensor that wants a gradient; there is no rule for it. "
                                    "Write q.detach().")
        q = np.array(q)
    if a.dtype.kind != "f":
        a = a.astype(np.float64)
    fractions = np.asarray(q, a.dtype if type(q) in (int, float) else None) / scale
    if not np.all((fractions >= 0) & (fractions <= 1)):
        raise ArgumentError(f"{name}: q must be between 0 and {scale:g}, got {q!r}.")
    axis = tuple(axis) if isinstance(axis, list) else axis
    check_axes(name, axis, a.ndim)
    ordered = np.sort(last(a, axis), axis=-1)
    n = ordered.shape[-1]
    if n == 0:
        raise IndexError(f"{name}: there are no elements to take a quantile of, shape {a.shape}.")
    where = fractions.reshape(-1) * (n - 1)
    low = np.floor(where).astype(np.intp)
    part = where - low.astype(where.dtype)
    below, above = ordered[..., low], ordered[..., np.minimum(low + 1, n - 1)]
    step = above - below
    # from the nearer end, as NumPy does; an infinite step of length 0 stays where it is
    value = np.where(part < 0.5, below + np.where(part == 0, 0, step * part), above - step * (1 - part))
    value = nan_where_the_last_is(value, ordered[..., None, :])
    value = np.moveaxis(value, -1, 0)
    if not len(where):
        kept = with_axes(ordered[..., 0], a.shape, axis, keepdims).shape
        return np.reshape(np.reshape(ordered, -1)[:0], (*fractions.shape, *kept))
    rows = [with_axes(value[i], a.shape, axis, keepdims) for i in range(len(where))]
    return rows[0] if fractions.ndim == 0 else np.reshape(np.stack(rows), (*fractions.shape, *rows[0].shape))


@functools.partial(compose, np.quantile)
def quantile(
    a: Any, q: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: bool = False, *, weights: None = None,
) -> Any:  # fmt: skip
    """Values below which lies the fraction `q` of the elements."""
    refuse_out("quantile", out)
    refuse_weights("quantile", weights)
    return quantiles("quantile", a, q, 1, axis, method, keepdims)


@functools.partial(compose, np.percentile)
def percentile(
    a: Any, q: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: bool = False, *, weights: None = None,
) -> Any:  # fmt: skip
    """Values below which lie `q` of a hundred elements."""
    refuse_out("percentile", out)
    refuse_weights("percentile", weights)
    return quantiles("percentile", a, q, 100, axis, method, keepdims)


def refuse_weights(name: str, weights: Any) -> None:
    """Raise for ``weights=``."""
    if weights is not None:
        raise ArgumentError(f"{name}: weights= is not supported on a tensor. Leave it out.")
