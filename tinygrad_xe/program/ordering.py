"""Truth and order of arrays of symbols: where, any, all, clip, sorting, the place of the largest element."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .scalars import is_symbolic, made, scalars_of, symbolic, write


def truths(function: Callable[..., Any]) -> None:
    """Declare that `function` looks only at which elements are not 0."""
    write(function)(lambda a, *args, **kwargs: function(a != 0, *args, **kwargs))


for _function in (np.any, np.all, np.count_nonzero, np.nonzero, np.flatnonzero, np.argwhere):
    truths(_function)


@write(np.where)
def where(condition: Any, a: Any, b: Any) -> Any:
    """Elements of `a` where the condition holds, else of `b`; the others are not looked at."""
    if is_symbolic(condition):
        condition = condition != 0
    if not is_symbolic(a) and not is_symbolic(b):
        return np.where(condition, a, b)
    algebra = symbolic(a, b).algebra
    return made(np.where(condition, scalars_of(a, algebra), scalars_of(b, algebra)), algebra)


@write(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, out: None = None, *, min: Any = None, max: Any = None) -> Any:
    """Limit to a range."""
    low, high = a_min if min is None else min, a_max if max is None else max
    a = a if low is None else np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


def ordered(row: Any) -> list[int]:
    """Places of the elements of a vector, from the smallest on; NaN last."""

    def compare(i: int, j: int) -> int:
        return -1 if before(row[i], row[j]) else 1 if before(row[j], row[i]) else 0

    def before(a: Any, b: Any) -> bool:
        return bool(a < b) or bool((a == a) & (b != b))

    return sorted(range(len(row)), key=functools.cmp_to_key(compare))


def first_largest(row: Any) -> int:
    """Place of the largest element, the first of equal ones; of the first NaN, if there is one."""
    best = 0
    for i in range(1, len(row)):
        if row[best] == row[best] and not row[i] <= row[best]:
            best = i
    return best


def along(row_function: Callable[[Any], Any], a: Any, axis: int | None, keepdims: bool = False) -> Any:
    """Whole numbers that a function gives for each vector along `axis`, or for all elements."""
    if axis is None:
        found = np.asarray(row_function(a.reshape(-1)), np.intp)
        return found.reshape((1,) * a.ndim) if keepdims else found[()]
    rows = np.moveaxis(a.values, axis, -1)
    places = [row_function(made(rows[place], a.algebra)) for place in np.ndindex(rows.shape[:-1])]
    found = np.asarray(places, np.intp)
    found = found.reshape(rows.shape[:-1] + found.shape[1:])
    if found.ndim == a.ndim:
        return np.moveaxis(found, -1, axis)
    return np.expand_dims(found, axis) if keepdims else found[()]


@write(np.argmax)
def argmax(a: Any, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Any:
    """Place of the largest element."""
    return along(first_largest, a, axis, keepdims)


@write(np.argmin)
def argmin(a: Any, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Any:
    """Place of the smallest element."""
    return along(first_largest, -a, axis, keepdims)


@write(np.argsort)
def argsort(a: Any, axis: int | None = -1, kind: Any = None, order: None = None, *, stable: Any = None) -> Any:
    """Places in ascending order; equal elements keep theirs."""
    return along(ordered, a, axis)


@write(np.sort)
def sort(a: Any, axis: int | None = -1, kind: Any = None, order: None = None, *, stable: Any = None) -> Any:
    """Elements in ascending order."""
    if axis is None:
        a, axis = a.reshape(-1), 0
    return np.take_along_axis(a, argsort(a, axis), axis)


@write(np.partition)
def partition(a: Any, kth: Any, axis: int | None = -1, kind: Any = None, order: None = None) -> Any:
    """Elements in ascending order, which is a partition at every place."""
    return sort(a, axis)


@write(np.argpartition)
def argpartition(a: Any, kth: Any, axis: int | None = -1, kind: Any = None, order: None = None) -> Any:
    """Places in ascending order of the elements."""
    return argsort(a, axis)


@write(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> bool:
    """Whether shapes agree, and all elements."""
    return np.shape(a1) == np.shape(a2) and bool(np.all(np.equal(a1, a2)))


write(np.isposinf)(lambda x: np.isinf(x) & (x > 0))
write(np.isneginf)(lambda x: np.isinf(x) & (x < 0))
write(np.iscomplexobj)(lambda x: False)
write(np.isrealobj)(lambda x: True)
