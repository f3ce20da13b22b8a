"""Operations that move elements without changing them: reshape, transpose, concatenate, split, tile, flip, roll."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..op import compose, op
from .reduce import axis_index, check_axes, refuse_whole


def _reshape(a: Any, *, shape: Any, order: str, copy: bool | None) -> Any:
    if order not in ("C", "F"):
        raise ValueError(f"order must be 'C' or 'F', got {order!r}.")
    return a.reshape(shape, order=order)


def _squeeze(a: Any, *, axis: Any) -> Any:
    return a.squeeze(axis)


def _concatenate(arrays: Any, *, axis: Any, dtype: Any, casting: Any) -> Any:
    if dtype is not None:
        refuse_whole("concatenate", dtype, *arrays)
    return np.concatenate(arrays, axis=axis, dtype=dtype, casting=casting)


def _stack(arrays: Any, *, axis: Any, dtype: Any, casting: Any) -> Any:
    if dtype is not None:
        refuse_whole("stack", dtype, *arrays)
    return np.stack(arrays, axis=axis, dtype=dtype, casting=casting)


def inverse(axes: Sequence[int] | None) -> list[int] | None:
    """The permutation that undoes `axes`."""
    if axes is None:
        return None
    places = [axis % len(axes) for axis in axes]
    return sorted(range(len(places)), key=places.__getitem__)


def cut(g: Any, shapes: list[tuple[int, ...]], axis: int | None) -> list[Any]:
    """Cut `g` into the pieces that were concatenated."""
    if axis is None:
        ends = np.cumsum([math.prod(shape) for shape in shapes]).tolist()
        return [g[end - math.prod(shape) : end].reshape(shape) for shape, end in zip(shapes, ends, strict=True)]
    ends = np.cumsum([shape[axis] for shape in shapes]).tolist()
    before = (slice(None),) * (axis % g.ndim)
    return [g[(*before, slice(end - shape[axis], end))] for shape, end in zip(shapes, ends, strict=True)]


def unstack(g: Any, axis: int) -> list[Any]:
    """The slices of `g` along `axis`."""
    before = (slice(None),) * (axis % g.ndim)
    return [g[(*before, i)] for i in range(g.shape[axis])]


# fmt: off
reshape = op(np.reshape, "a, shape, order='C', *, copy=None", kernel=_reshape, permutes=True,
             a=lambda g, a_shape, *, order: g.reshape(a_shape, order=order))
transpose = op(np.transpose, "a, axes=None", permutes=True,
               a=lambda g, *, axes: np.transpose(g, inverse(axes)))
swapaxes = op(np.swapaxes, "a, axis1, axis2", permutes=True,
              a=lambda g, *, axis1, axis2: np.swapaxes(g, axis1, axis2))
moveaxis = op(np.moveaxis, "a, source, destination", permutes=True,
              a=lambda g, *, source, destination: np.moveaxis(g, destination, source))
expand_dims = op(np.expand_dims, "a, axis", permutes=True, a=lambda g, a_shape: g.reshape(a_shape))
squeeze = op(np.squeeze, "a, axis=None", kernel=_squeeze, permutes=True, a=lambda g, a_shape: g.reshape(a_shape))
broadcast_to = op(np.broadcast_to, "array, shape, subok=False", broadcasts=True, permutes=True, array=lambda g: g)
flip = op(np.flip, "m, axis=None", permutes=True, m=lambda g, *, axis: np.flip(g, axis))
roll = op(np.roll, "a, shift, axis=None", permutes=True,
          a=lambda g, *, shift, axis: np.roll(g, np.negative(shift), axis))
concatenate = op(np.concatenate, "arrays, axis=0, out=None, *, dtype=None, casting='same_kind'", variadic="arrays",
                 kernel=_concatenate, permutes=True, arrays=lambda g, arrays_shape, *, axis: cut(g, arrays_shape, axis))
stack = op(np.stack, "arrays, axis=0, out=None, *, dtype=None, casting='same_kind'", variadic="arrays",
           kernel=_stack, permutes=True, arrays=lambda g, *, axis: unstack(g, axis))
# fmt: on


@functools.partial(compose, np.ravel)
def ravel(a: Any, order: Any = "C") -> Any:
    """Flatten to one axis."""
    return np.reshape(a, -1, order=order)


@functools.partial(compose, np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """The same values in other memory, on the same graph."""
    return np.logical_or(a, False) if a.dtype.kind == "b" else +a


@functools.partial(compose, np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None,
    *, device: None = None,
) -> Any:  # fmt: skip
    """`fill_value` everywhere in an array of the shape and dtype of `a`; the gradient flows to `fill_value`."""
    shape, dtype = a.shape if shape is None else shape, a.dtype if dtype is None else np.dtype(dtype)
    if not hasattr(fill_value, "requires_grad"):
        return np.full(shape, fill_value, dtype)
    return np.broadcast_to(fill_value, shape).astype(dtype)


@functools.partial(compose, np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Any, ...]:
    """Every array repeated to the common shape."""
    shape = np.broadcast_shapes(*[np.shape(a) for a in args])
    return tuple([np.broadcast_to(a, shape) for a in args])


def at_least(ndim: int, a: Any) -> Any:
    """`a` with axes of length 1 added as np.atleast_1d, 2d and 3d do."""
    shape = np.shape(a)
    if len(shape) >= ndim:
        return a
    if len(shape) == 1:
        return np.reshape(a, (1, *shape) if ndim == 2 else (1, *shape, 1))
    return np.reshape(a, (*shape, 1) if shape else (1,) * ndim)


def _at_least(ndim: int) -> Any:
    def every(*arys: Any) -> Any:
        found = tuple([at_least(ndim, a) for a in arys])
        return found[0] if len(found) == 1 else found

    return every


for _ndim, _function in ((1, np.atleast_1d), (2, np.atleast_2d), (3, np.atleast_3d)):
    compose(_function, _at_least(_ndim))


@functools.partial(compose, np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Stack as rows."""
    return np.concatenate([at_least(2, a) for a in tup], axis=0, dtype=dtype, casting=casting)  # type: ignore[call-overload]


@functools.partial(compose, np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Stack side by side."""
    arrays = [at_least(1, a) for a in tup]
    axis = 0 if np.ndim(arrays[0]) == 1 else 1
    return np.concatenate(arrays, axis=axis, dtype=dtype, casting=casting)  # type: ignore[call-overload]


@functools.partial(compose, np.dstack)
def dstack(tup: Any) -> Any:
    """Stack along the third axis."""
    return np.concatenate([at_least(3, a) for a in tup], axis=2)


@functools.partial(compose, np.column_stack)
def column_stack(tup: Any) -> Any:
    """Stack vectors as columns."""
    return np.concatenate([np.reshape(a, (-1, 1)) if np.ndim(a) < 2 else a for a in tup], axis=1)


@functools.partial(compose, np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """Concatenate two arrays."""
    return np.concatenate([arr, values], axis=axis)


def sections(length: int, indices: Any) -> list[tuple[int, int]]:
    """Start and end of the parts of np.array_split."""
    if np.ndim(indices) == 0:
        parts = int(indices)
        if parts < 1:
            raise ArgumentError(f"split: the number of parts must be positive, got {parts}.")
        each, extra = divmod(length, parts)
        ends = [(i + 1) * each + min(i + 1, extra) for i in range(parts)]
        return list(itertools.pairwise([0, *ends]))
    edges = [0, *(int(i) for i in indices), length]
    return list(itertools.pairwise(edges))


@functools.partial(compose, np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Split into parts of as equal a size as can be, or at given places."""
    axis = axis_index("split", axis, ary.ndim)
    before = (slice(None),) * axis
    return [ary[(*before, slice(start, end))] for start, end in sections(ary.shape[axis], indices_or_sections)]


@functools.partial(compose, np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Split into equal parts, or at given places."""
    parts = array_split(ary, indices_or_sections, axis)
    if np.ndim(indices_or_sections) == 0 and parts[0].shape != parts[-1].shape:
        raise ShapeError(
            f"split: {ary.shape[axis]} elements can't be cut into {indices_or_sections} equal parts.\n"
            "  Write np.array_split for parts that differ in size by one."
        )
    return parts  # type: ignore[no-any-return]


@functools.partial(compose, np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Split along the first axis of a matrix."""
    if ary.ndim < 2:
        raise ShapeError(f"vsplit: the array must have 2 axes or more, got shape {ary.shape}. Write np.split.")
    return split(ary, indices_or_sections, 0)  # type: ignore[no-any-return]


@functools.partial(compose, np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Split a vector, or along the second axis."""
    return split(ary, indices_or_sections, 1 if ary.ndim > 1 else 0)  # type: ignore[no-any-return]


@functools.partial(compose, np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Split along the third axis."""
    return split(ary, indices_or_sections, 2)  # type: ignore[no-any-return]


@functools.partial(compose, np.flipud)
def flipud(m: Any) -> Any:
    """Reverse the first axis."""
    return np.flip(m, 0)


@functools.partial(compose, np.fliplr)
def fliplr(m: Any) -> Any:
    """Reverse the second axis."""
    return np.flip(m, 1)


@functools.partial(compose, np.tile)
def tile(A: Any, reps: Any) -> Any:
    """Repeat the whole array `reps` times along each axis."""
    times = (reps,) if np.ndim(reps) == 0 else tuple(reps)
    ndim = A.ndim if A.ndim > len(times) else len(times)
    times = (1,) * (ndim - len(times)) + tuple(int(n) for n in times)
    shape = (1,) * (ndim - A.ndim) + A.shape
    between = [n for length in shape for n in (1, length)]
    spread = [n for pair in zip(times, shape, strict=True) for n in pair]
    return np.reshape(
        np.broadcast_to(np.reshape(A, between), spread), [t * n for t, n in zip(times, shape, strict=True)]
    )


@functools.partial(compose, np.repeat)
def repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    """Repeat each element, along `axis` or of the flattened array."""
    if axis is None:
        a, axis = np.reshape(a, -1), 0
    axis = axis_index("repeat", axis, a.ndim)
    return np.take(a, np.repeat(np.arange(a.shape[axis]), repeats), axis=axis)


@functools.partial(compose, np.rot90)
def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """Rotate by k quarter turns in the plane of two axes."""
    first, second = axes
    check_axes("rot90", first, m.ndim)
    check_axes("rot90", second, m.ndim)
    if first % m.ndim == second % m.ndim:
        raise ArgumentError(f"rot90: axes must name two different axes, got {axes}.")
    for _ in range(k % 4):
        m = np.flip(np.swapaxes(m, first, second), first)
    return m
