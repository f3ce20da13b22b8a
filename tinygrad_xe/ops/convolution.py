"""The three operations of convolution, over any number of axes, by strided views and matrix products.

The value, and the gradients in input and weight, are the three ways to sum out one of three arrays:

    sum over n, o, c, p, k of   y[n, o, p] * weight[o, c, k] * x[n, c, stride * p + dilation * k - padding]

summed over c, k it is `convolution`, over o `transposed_convolution`, over n, p `weight_convolution`. The rules of each
are the other two, so that derivatives of every order are these three again.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..op import differentiable
from .rows import ones
from .windows import (
    Lengths,
    Pairs,
    add_into,
    batch_first,
    batch_last,
    blank,
    counts,
    cropped,
    padded,
    places,
    zeros,
)

#: Bytes of columns, which are as many times as large as the input as the kernel has places, that are made at once.
#: Larger batches are taken in parts.
MOST = 1 << 26

#: Bytes of columns that are kept for the gradient in the weight, which saves the time to make them again.
KEPT = 1 << 24

#: Multiplications in a product of matrices up to which OpenBLAS has faster kernels for some processors.
QUICK = 100**3


# -- columns -----------------------------------------------------------------------------------------------------------


def columns_of(x: Any, kernel: Lengths, stride: Lengths, padding: Pairs, dilation: Lengths) -> Any:
    """What each place in the kernel meets: (channels, *kernel, *counts, batch), of `x` (batch, channels, *lengths)."""
    found = counts(x.shape[2:], kernel, stride, padding, dilation)
    source = padded(x, padding)
    if max(kernel) == max(stride) == 1:
        return source.reshape((source.shape[0], *kernel, *source.shape[1:]))
    columns = blank(source, (source.shape[0], *kernel, *found, source.shape[-1]))
    for place, key in places(kernel, found, stride, dilation):
        columns[(slice(None), *place)] = source[key]
    return columns


def by_group(matrix: Any, groups: int, rows: int, count: int) -> Any:
    """`matrix` as (rows, count), or as one such matrix for each of several groups."""
    return matrix.reshape((rows, count) if groups == 1 else (groups, rows // groups, count))


def parts(batch: int, size: int, itemsize: int) -> list[slice] | None:
    """Parts of a batch whose columns, `size` numbers an item, fit into `MOST` bytes; None where the whole does."""
    if batch * size * itemsize <= MOST or batch < 2:
        return None
    step = max(1, MOST // (size * itemsize))
    return [slice(i, i + step) for i in range(0, batch, step)]


def joined(results: list[Any]) -> Any:
    """Results (batch, channels, *lengths) of several parts of a batch, in the memory order of one."""
    return batch_first(np.concatenate([batch_last(part) for part in results], axis=-1))


# -- products ----------------------------------------------------------------------------------------------------------


def at_once(rows: int, columns: int, length: int) -> int:
    """How much of the `length` of two long matrices to multiply at once; all of it where parts would be too short."""
    if rows * columns * length <= QUICK:
        return length
    step = QUICK // (rows * columns) // 16 * 16
    return step if 256 <= step < length <= 64 * step else length


def wide_product(left: Any, right: Any) -> Any:
    """``left @ right`` where `right` is long: (16, 72) @ (72, 1024) in float32 takes 56 us, in two parts 26."""
    if type(left) is type(right) is np.ndarray and left.ndim == 2:
        length = right.shape[1]
        step = at_once(left.shape[0], left.shape[1], length)
        if step < length:
            out = np.empty((len(left), length), np.result_type(left, right))
            for i in range(0, length, step):
                np.matmul(left, right[:, i : i + step], out=out[:, i : i + step])
            return out
    return np.matmul(left, right)


def long_product(left: Any, right: Any) -> Any:
    """``left @ right.mT`` where both are long: (16, 1024) by (72, 1024) in float32 takes 67 us, in two parts 26."""
    if type(left) is type(right) is np.ndarray and left.ndim == 2:
        length = left.shape[1]
        step = at_once(len(left), len(right), length)
        if step < length:
            several = [left[:, i : i + step] @ right[:, i : i + step].T for i in range(0, length, step)]
            return functools.reduce(np.add, several)
    return np.matmul(left, right.mT)


# -- the three sums ----------------------------------------------------------------------------------------------------


def _convolution(x: Any, weight: Any, bias: Any, **how: Any) -> tuple[Any, Any]:
    out, columns = summed_over_kernel(x, weight, how["groups"], how["stride"], how["padding"], how["dilation"])
    if bias is not None:
        column = bias.reshape((1, -1) + (1,) * (out.ndim - 2))
        same = type(out) is type(column) is np.ndarray and out.dtype == column.dtype
        out = np.add(out, column, out) if same else out + column
    return out, columns


def summed_over_kernel(
    x: Any, weight: Any, groups: int, stride: Lengths, padding: Pairs, dilation: Lengths
) -> tuple[Any, Any]:
    """The convolution without bias, and the columns that it was made of; None where they are too large to keep."""
    kernel, channels = weight.shape[2:], weight.shape[0]
    found = counts(x.shape[2:], kernel, stride, padding, dilation)
    size = x.shape[1] * math.prod(kernel)
    if several := parts(x.shape[0], size * math.prod(found), x.dtype.itemsize):
        return joined([summed_over_kernel(x[p], weight, groups, stride, padding, dilation)[0] for p in several]), None
    columns = columns_of(x, kernel, stride, padding, dilation)
    many = math.prod(found) * x.shape[0]
    matrix = by_group(weight, groups, channels, size // groups)
    out = wide_product(matrix, by_group(columns, groups, size, many))
    kept = columns if columns.size * columns.dtype.itemsize <= KEPT else None
    return batch_first(out.reshape((channels, *found, x.shape[0]))), kept


def channel_sums(g: Any) -> Any:
    """The sum for each channel of `g` (batch, channels, *lengths)."""
    if type(g) is np.ndarray:
        rows = batch_last(g)
        if rows.flags.c_contiguous and rows.size:
            rows = rows.reshape((len(rows), -1))
            return rows.dot(ones(rows.shape[1], g.dtype))
    return np.sum(g, axis=(0, *range(2, g.ndim)))


# -- the operations ----------------------------------------------------------------------------------------------------


@differentiable(
    "x, weight, bias=None, *, stride, padding, dilation, groups -> out, columns",
    kernel=_convolution, residuals={"columns": None},
    x=lambda g, weight, x_shape, *, stride, padding, dilation, groups: transposed_convolution(  # type: ignore[has-type]
        g, weight, size=x_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups),
    weight=lambda g, x, columns, weight_shape, *, stride, padding, dilation, groups: weight_convolution(  # type: ignore[has-type]
        x, g, columns, kernel_size=weight_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups),
    bias=lambda g: channel_sums(g),
)  # fmt: skip
def convolution(
    x: Any, weight: Any, bias: Any = None, *, stride: Lengths, padding: Pairs, dilation: Lengths, groups: int
) -> Any:
    """Cross-correlation of `x` (batch, channels, *lengths) with `weight` (out, channels / groups, *kernel)."""
    return _convolution(x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)[0]


@differentiable(
    "y, weight, *, size, stride, padding, dilation, groups",
    y=lambda g, weight, *, stride, padding, dilation, groups: convolution(
        g, weight, stride=stride, padding=padding, dilation=dilation, groups=groups),
    weight=lambda g, y, weight_shape, *, stride, padding, dilation, groups: weight_convolution(  # type: ignore[has-type]
        g, y, kernel_size=weight_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups),
)  # fmt: skip
def transposed_convolution(
    y: Any, weight: Any, *, size: Lengths, stride: Lengths, padding: Pairs, dilation: Lengths, groups: int
) -> Any:
    """Transpose of `convolution` in its input, whose lengths were `size`: (batch, channels, *size)."""
    batch, found, kernel = y.shape[0], y.shape[2:], weight.shape[2:]
    channels, rows = weight.shape[1] * groups, weight.shape[1] * groups * math.prod(kernel)
    if several := parts(batch, rows * math.prod(found), y.dtype.itemsize):
        how: dict[str, Any] = dict(size=size, stride=stride, padding=padding, dilation=dilation, groups=groups)
        return joined([transposed_convolution.function(y[p], weight, **how) for p in several])
    left = by_group(weight, groups, weight.shape[0], rows // groups).mT
    columns = wide_product(left, by_group(batch_last(y), groups, y.shape[1], batch * math.prod(found)))
    around = tuple([n + sum(pair) for n, pair in zip(size, padding)])
    if max(kernel) == max(stride) == 1:
        return cropped(columns.reshape((channels, *around, batch)), size, padding)
    columns = columns.reshape((channels, *kernel, *found, batch))
    total = zeros(columns, (channels, *around, batch))
    for place, key in places(kernel, found, stride, dilation):
        add_into(total, key, columns[(slice(None), *place)])
    return cropped(total, size, padding)


@differentiable(
    "x, y, columns=None, *, kernel_size, stride, padding, dilation, groups", columns=None,
    x=lambda g, y, x_shape, *, stride, padding, dilation, groups: transposed_convolution(
        y, g, size=x_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups),
    y=lambda g, x, *, stride, padding, dilation, groups: convolution(
        x, g, stride=stride, padding=padding, dilation=dilation, groups=groups),
)  # fmt: skip
def weight_convolution(
    x: Any, y: Any, columns: Any = None, *,
    kernel_size: Lengths, stride: Lengths, padding: Pairs, dilation: Lengths, groups: int,
) -> Any:  # fmt: skip
    """Transpose of `convolution` in its weight: (out, channels / groups, *kernel); `columns`, if kept, save time."""
    batch, channels, found = x.shape[0], y.shape[1], y.shape[2:]
    size, many = x.shape[1] * math.prod(kernel_size), batch * math.prod(found)
    if columns is None:
        how: dict[str, Any] = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
        if several := parts(batch, size * math.prod(found), x.dtype.itemsize):
            found_in = functools.partial(weight_convolution.function, kernel_size=kernel_size, **how)
            return functools.reduce(np.add, [found_in(x[p], y[p]) for p in several])
        columns = columns_of(x, kernel_size, stride, padding, dilation)
    left = by_group(batch_last(y), groups, channels, many)
    out = long_product(left, by_group(columns, groups, size, many))
    return out.reshape((channels, x.shape[1] // groups, *kernel_size))
