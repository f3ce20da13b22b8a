"""Sliding windows, which convolution and pooling share: how many, which slices they read, padding, layout in memory.

Inside these operations arrays are (channels, *lengths, batch): whatever the window, rows of the whole batch are then
read and written, which was 4.6 times as fast as windows of the last axes. Results are returned as views (batch,
channels, *lengths) of that memory; NumPy's elementwise functions keep the order, so that the next layer finds it.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np

from ..errors import ArgumentError, DTypeError, ShapeError

Lengths = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]
Key = tuple[slice, ...]


# -- what a user gives -------------------------------------------------------------------------------------------------


def settled(value: Any) -> Any:
    """An option that the caches below can take: a tuple for a list or an array, a number for a number of NumPy's."""
    if type(value) is int or value is None or type(value) is str:
        return value
    if isinstance(value, np.integer | np.ndarray):
        value = value.tolist()
    value = tuple(value) if isinstance(value, list) else value
    try:
        hash(value)
    except TypeError:  # a dict, a list in a tuple: which `lengths` names, as any text
        return repr(value)
    return value


def lengths(owner: str, name: str, value: Any, axes: int, least: int) -> Lengths:
    """One whole number for each axis, from one for all or one for each."""
    numbers = value if isinstance(value, tuple) else (value,) * axes
    if not all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in numbers):
        raise DTypeError(f"{owner}: {name}={value!r}; expected a whole number, or one for each of the {axes} axes.")
    if len(numbers) != axes:
        example = "one number" if axes == 1 else f"one number, or {axes} of them"
        raise ArgumentError(f"{owner}: {name}={value!r} has {len(numbers)} numbers. Write {example}.")
    if any(n < least for n in numbers):
        raise ArgumentError(f"{owner}: {name}={value!r}; it must be at least {least}.")
    return tuple([int(n) for n in numbers])


def floating(owner: str, **arrays: Any) -> None:
    """Raise for arrays that do not hold floating-point numbers."""
    for name, array in arrays.items():
        if array is not None and array.dtype.kind != "f":
            raise DTypeError(
                f"{owner}: {name} has dtype {array.dtype}; expected floating-point numbers.\n"
                f"  Write {name}.astype(np.float64)."
            )


def array(value: Any) -> Any:
    """`value`, or the array that a list makes."""
    return value if hasattr(value, "dtype") else np.asarray(value)


def check_rank(owner: str, shape: Lengths, axes: int) -> None:
    """Raise unless there are `axes` lengths behind the channels, and perhaps a batch before them."""
    if len(shape) not in (axes + 1, axes + 2):
        names = ("length",) if axes == 1 else ("height", "width")
        inner = ", ".join(("channels", *names))
        hint = "Write x[None], which has one channel." if len(shape) == axes else "Write x.reshape of such a shape."
        raise ShapeError(
            f"{owner}: x has shape {shape}, {len(shape)} axes; expected (batch, {inner}) or ({inner}).\n  {hint}"
        )


# -- windows -----------------------------------------------------------------------------------------------------------


def count(length: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int) -> int:
    """Number of windows along an axis; not positive where the kernel is longer than the padded axis."""
    return (length + sum(padding) - dilation * (kernel - 1) - 1) // stride + 1


def counts(lengths: Lengths, kernel: Lengths, stride: Lengths, padding: Pairs, dilation: Lengths) -> Lengths:
    """Numbers of windows along all axes."""
    return tuple(map(count, lengths, kernel, stride, padding, dilation))


def check_fit(owner: str, lengths: Lengths, kernel: Lengths, padding: Pairs, dilation: Lengths) -> None:
    """Raise where a kernel is longer than the padded axis."""
    padded = tuple([n + sum(pair) for n, pair in zip(lengths, padding)])
    spans = tuple([d * (k - 1) + 1 for k, d in zip(kernel, dilation)])
    if any(span > n for span, n in zip(spans, padded)):
        around = f", {padded} with padding" if padded != lengths else ""
        over = f", which spans {spans} with dilation {dilation}" if spans != kernel else ""
        raise ShapeError(
            f"{owner}: the kernel {kernel}{over} is larger than x, whose lengths are {lengths}{around}.\n"
            "  Write a smaller kernel or more padding."
        )


@functools.lru_cache(maxsize=256)
def places(kernel: Lengths, counts: Lengths, stride: Lengths, dilation: Lengths) -> tuple[tuple[Lengths, Key], ...]:
    """Each place in the kernel, row by row, and the index of what windows have there in (channels, *lengths, batch)."""
    found = []
    for place in itertools.product(*map(range, kernel)):
        key = [
            slice(i * d, i * d + s * (n - 1) + 1 if n else i * d, s)
            for i, n, s, d in zip(place, counts, stride, dilation)
        ]
        found.append((place, (slice(None), *key)))
    return tuple(found)


# -- memory ------------------------------------------------------------------------------------------------------------


def batch_last(x: Any) -> Any:
    """(batch, channels, *lengths) as (channels, *lengths, batch), a view."""
    return x.transpose((*range(1, x.ndim), 0))


def batch_first(x: Any) -> Any:
    """The inverse of `batch_last`, a view."""
    return x.transpose((x.ndim - 1, *range(x.ndim - 1)))


def blank(like: Any, shape: Lengths) -> Any:
    """An array to be filled; one that answers NumPy's protocols if `like` does."""
    return np.empty(shape, like.dtype) if type(like) is np.ndarray else np.zeros_like(like, shape=shape)


def zeros(like: Any, shape: Lengths) -> Any:
    """An array of zeros, of the kind that `like` is."""
    return np.zeros(shape, like.dtype) if type(like) is np.ndarray else np.zeros_like(like, shape=shape)


def inside(lengths: Lengths, padding: Pairs) -> Key:
    """The index of an array, (channels, *lengths, batch), in the padded one."""
    return (slice(None), *[slice(before, before + n) for n, (before, _) in zip(lengths, padding)])


def padded(x: Any, padding: Pairs, value: float = 0.0) -> Any:
    """`x`, (batch, channels, *lengths), as (channels, *lengths, batch) with `value` around, contiguous."""
    x = batch_last(x)
    if not any(map(any, padding)):
        return np.ascontiguousarray(x) if type(x) is np.ndarray else x
    shape = (x.shape[0], *[n + sum(pair) for n, pair in zip(x.shape[1:-1], padding)], x.shape[-1])
    out = zeros(x, shape)
    if value:
        out += value
    out[inside(x.shape[1:-1], padding)] = x
    return out


def add_into(total: Any, key: Key, part: Any) -> None:
    """``total[key] += part``, also for arrays that answer NumPy's protocols but don't write in place."""
    if type(total) is np.ndarray:
        view = total[key]
        np.add(view, part, view)
    else:
        total[key] = total[key] + part


def cropped(x: Any, lengths: Lengths, padding: Pairs) -> Any:
    """The inverse of `padded`, a view: (batch, channels, *lengths)."""
    return batch_first(x[inside(lengths, padding)] if any(map(any, padding)) else x)
