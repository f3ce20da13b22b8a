"""The operations of pooling, over any number of axes: the largest or the mean element of each window."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..op import differentiable
from .windows import (
    Key,
    Lengths,
    Pairs,
    add_into,
    batch_first,
    batch_last,
    blank,
    count,
    counts,
    cropped,
    inside,
    padded,
    places,
    zeros,
)

# -- the largest element -----------------------------------------------------------------------------------------------


def chosen(
    x: Any, largest: Any, kernel_size: Lengths, stride: Lengths, padding: Pairs, dilation: Lengths
) -> Iterator[tuple[Key, Any]]:
    """For each place in the window its index in the padded array, and the windows whose first largest is there."""
    source, top = padded(x, padding, -math.inf), batch_last(largest)
    nan: Any = None
    real: Any = None
    if not all_finite(top):
        nan = np.isnan(top)
        if any(map(any, padding)) and np.equal(top, -math.inf).any():  # which padding equals, but is not
            real = np.zeros((1, *source.shape[1:-1], 1), bool)
            real[inside(x.shape[2:], padding)] = True
    waiting: Any = None  # windows whose largest has not been met
    several = places(kernel_size, largest.shape[2:], stride, dilation)
    for i, (_, key) in enumerate(several):
        if 0 < i == len(several) - 1:
            yield key, waiting
            return
        here = np.equal(source[key], top)
        if nan is not None:
            here = here | (nan & np.isnan(source[key]))
        if real is not None:
            here = here & real[key]
        if waiting is None:
            waiting = np.logical_not(here)
        else:
            here = np.logical_and(here, waiting)
            waiting = np.not_equal(waiting, here)
        yield key, here


def only(values: Any, where: Any, finite: bool) -> Any:
    """`values` there, else 0; a product takes a quarter of the time of np.where, but 0 * inf is NaN."""
    return values * where if finite else np.where(where, values, 0)


def all_finite(values: Any) -> bool:
    """Whether `values` are floats, and none of them infinite or NaN."""
    return type(values) is np.ndarray and math.isfinite(np.vdot(values, values))


def apart(kernel_size: Lengths, stride: Lengths, dilation: Lengths, lengths: Lengths, found: Lengths) -> bool:
    """Whether the windows cover all of the padded array, and no element twice."""
    whole = tuple([n * k for n, k in zip(found, kernel_size)])
    return kernel_size == stride and max(dilation) == 1 and whole == lengths


@differentiable(
    "x, *, kernel_size, stride, padding, dilation", permutes=True, selects=True,
    x=lambda g, out, x, *, kernel_size, stride, padding, dilation: give_to_largest(  # type: ignore[has-type]
        g, x, out, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation),
)  # fmt: skip
def window_max(x: Any, *, kernel_size: Lengths, stride: Lengths, padding: Pairs, dilation: Lengths) -> Any:
    """The largest element of each window of `x` (batch, channels, *lengths); NaN where there is one."""
    source = padded(x, padding, -math.inf)
    found = counts(x.shape[2:], kernel_size, stride, padding, dilation)
    (_, first), *others = places(kernel_size, found, stride, dilation)
    out = source[first]
    for i, (_, key) in enumerate(others):
        out = np.maximum(out, source[key], out=out) if i and type(out) is np.ndarray else np.maximum(out, source[key])
    return batch_first(out if others else out.copy())


@differentiable(
    "values, x, largest, *, kernel_size, stride, padding, dilation", permutes=True, x=None, largest=None,
    values=lambda g, x, largest, *, kernel_size, stride, padding, dilation: take_from_largest(  # type: ignore[has-type]
        g, x, largest, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation),
)  # fmt: skip
def give_to_largest(
    values: Any, x: Any, largest: Any, *, kernel_size: Lengths, stride: Lengths, padding: Pairs, dilation: Lengths
) -> Any:
    """The value of each window of `x`, put where the first of its `largest` elements is."""
    around = tuple([n + sum(pair) for n, pair in zip(x.shape[2:], padding)])
    given = batch_last(values)
    given = np.ascontiguousarray(given) if type(given) is np.ndarray else given
    finite, shape = all_finite(given), (x.shape[1], *around, x.shape[0])
    once = finite and apart(kernel_size, stride, dilation, around, largest.shape[2:])
    total = blank(given, shape) if once else zeros(given, shape)
    for key, here in chosen(x, largest, kernel_size, stride, padding, dilation):
        if once:
            np.multiply(given, here, out=total[key])
        else:
            add_into(total, key, only(given, here, finite))
    return cropped(total, x.shape[2:], padding)


@differentiable(
    "values, x, largest, *, kernel_size, stride, padding, dilation", permutes=True, selects=True, x=None, largest=None,
    values=lambda g, x, largest, *, kernel_size, stride, padding, dilation: give_to_largest(
        g, x, largest, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation),
)  # fmt: skip
def take_from_largest(
    values: Any, x: Any, largest: Any, *, kernel_size: Lengths, stride: Lengths, padding: Pairs, dilation: Lengths
) -> Any:
    """`values`, of the shape of `x`, at the place of the first `largest` element of each window of `x`."""
    source, total = padded(values, padding), None
    finite = all_finite(source)
    for key, here in chosen(x, largest, kernel_size, stride, padding, dilation):
        part = only(source[key], here, finite)
        total = part if total is None else total + part
    return batch_first(total)


# -- the mean ----------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=64)
def areas(size: Lengths, kernel_size: Lengths, stride: Lengths, padding: Pairs, count_padding: bool) -> Any:
    """What the sum of each window is divided by: one number, or an array (*counts, 1)."""
    total: Any = np.ones(1)
    for n, k, s, (before, after) in zip(size, kernel_size, stride, padding):
        start = np.arange(count(n, k, s, (before, after), 1)) * s - before
        # what is there beyond the padding that was asked for, so that the last window is whole, is never counted
        first, last = (start, n + before) if count_padding else (np.maximum(start, 0), n)
        total = np.multiply.outer(total[..., 0], np.minimum(start + k, last) - first)[..., None]
    return int(total.flat[0]) if total.size and np.all(total == total.flat[0]) else total


def divisor(
    like: Any, size: Lengths, kernel_size: Lengths, stride: Lengths, padding: Pairs, count_padding: bool
) -> Any:
    """`areas` in the dtype of `like`."""
    found = areas(size, kernel_size, stride, padding, count_padding)
    return found if type(found) is int else found.astype(like.dtype)


@differentiable(
    "x, *, kernel_size, stride, padding, count_padding",
    x=lambda g, x_shape, *, kernel_size, stride, padding, count_padding: spread_over_windows(  # type: ignore[has-type]
        g, size=x_shape[2:], kernel_size=kernel_size, stride=stride, padding=padding, count_padding=count_padding),
)  # fmt: skip
def window_mean(x: Any, *, kernel_size: Lengths, stride: Lengths, padding: Pairs, count_padding: bool) -> Any:
    """The mean of each window of `x` (batch, channels, *lengths)."""
    one = (1,) * len(kernel_size)
    source, total = padded(x, padding), None
    for _, key in places(kernel_size, counts(x.shape[2:], kernel_size, stride, padding, one), stride, one):
        total = source[key] if total is None else total + source[key]
    return batch_first(total / divisor(total, x.shape[2:], kernel_size, stride, padding, count_padding))


@differentiable(
    "values, *, size, kernel_size, stride, padding, count_padding",
    values=lambda g, *, kernel_size, stride, padding, count_padding: window_mean(
        g, kernel_size=kernel_size, stride=stride, padding=padding, count_padding=count_padding),
)  # fmt: skip
def spread_over_windows(
    values: Any, *, size: Lengths, kernel_size: Lengths, stride: Lengths, padding: Pairs, count_padding: bool
) -> Any:
    """The transpose of `window_mean`, whose input's lengths were `size`: each value shared by its window."""
    one = (1,) * len(kernel_size)
    around = tuple([n + sum(pair) for n, pair in zip(size, padding)])
    shares = batch_last(values) / divisor(values, size, kernel_size, stride, padding, count_padding)
    total = zeros(shares, (values.shape[1], *around, values.shape[0]))
    for _, key in places(kernel_size, values.shape[2:], stride, one):
        add_into(total, key, shares)
    return cropped(total, size, padding)
