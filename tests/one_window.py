"""Convolution and pooling by their definitions, one window and one place at a time: the tests' own reference."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

Shape = tuple[int, ...]


def number(size: Shape, kernel: Shape, stride: Shape, padding: Any, dilation: Shape) -> Shape:
    """How many windows there are along each axis."""
    return tuple(
        (n + a + b - d * (k - 1) - 1) // s + 1 for n, k, s, (a, b), d in zip(size, kernel, stride, padding, dilation)
    )


def meetings(
    size: Shape, kernel: Shape, stride: Shape, padding: Any, dilation: Shape
) -> Iterator[tuple[Shape, Shape, Shape]]:
    """Each window, each place in it, and the element that it meets there, if there is one."""
    for window in np.ndindex(*number(size, kernel, stride, padding, dilation)):
        for place in np.ndindex(*kernel):
            element = tuple(
                w * s + k * d - before for w, s, k, d, (before, _) in zip(window, stride, place, dilation, padding)
            )
            if all(0 <= i < n for i, n in zip(element, size)):
                yield window, place, element


def convolution(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None, *,
    stride: Shape, padding: Any, dilation: Shape, groups: int = 1,
) -> np.ndarray:  # fmt: skip
    """The sum over the kernel, in windows of `x`."""
    size, kernel = x.shape[2:], weight.shape[2:]
    out = np.zeros((len(x), len(weight), *number(size, kernel, stride, padding, dilation)), x.dtype)
    for window, place, element in meetings(size, kernel, stride, padding, dilation):
        for o, c in by_group(weight, groups):
            product = x[(slice(None), c, *element)] @ weight[(o, slice(None), *place)].T
            out[(slice(None), o, *window)] += product
    return out if bias is None else out + bias.reshape(-1, *(1,) * len(size))


def transposed(
    y: np.ndarray, weight: np.ndarray, *, size: Shape, stride: Shape, padding: Any, dilation: Shape, groups: int
) -> np.ndarray:
    """Every element of `y`, spread over its window by the kernel."""
    out = np.zeros((len(y), weight.shape[1] * groups, *size), y.dtype)
    for window, place, element in meetings(size, weight.shape[2:], stride, padding, dilation):
        for o, c in by_group(weight, groups):
            product = y[(slice(None), o, *window)] @ weight[(o, slice(None), *place)]
            out[(slice(None), c, *element)] += product
    return out


def of_weight(
    x: np.ndarray, y: np.ndarray, *,
    kernel_size: Shape, stride: Shape, padding: Any, dilation: Shape, groups: int,
) -> np.ndarray:  # fmt: skip
    """The sum over the batch and the windows."""
    out = np.zeros((y.shape[1], x.shape[1] // groups, *kernel_size), x.dtype)
    for window, place, element in meetings(x.shape[2:], kernel_size, stride, padding, dilation):
        for o, c in by_group(out, groups):
            product = y[(slice(None), o, *window)].T @ x[(slice(None), c, *element)]
            out[(o, slice(None), *place)] += product
    return out


def by_group(weight: np.ndarray, groups: int) -> Iterator[tuple[slice, slice]]:
    """Output channels and input channels of each group."""
    o, c = len(weight) // groups, weight.shape[1]
    return ((slice(i * o, i * o + o), slice(i * c, i * c + c)) for i in range(groups))


def largest(x: np.ndarray, *, kernel_size: Shape, stride: Shape, padding: Any, dilation: Shape) -> np.ndarray:
    """The largest element of each window."""
    out = np.full((*x.shape[:2], *number(x.shape[2:], kernel_size, stride, padding, dilation)), -math.inf, x.dtype)
    for window, _, element in meetings(x.shape[2:], kernel_size, stride, padding, dilation):
        at = (slice(None), slice(None), *window)
        out[at] = np.maximum(out[at], x[(slice(None), slice(None), *element)])
    return out


def of_largest(values: np.ndarray, x: np.ndarray, **how: Any) -> np.ndarray:
    """The element of `values` where the first largest of each window of `x` is."""
    top = largest(x, **how)
    out, found = np.zeros(top.shape, values.dtype), np.zeros(top.shape, bool)
    for window, _, element in meetings(x.shape[2:], how["kernel_size"], how["stride"], how["padding"], how["dilation"]):
        at, there = (slice(None), slice(None), *window), (slice(None), slice(None), *element)
        here = (x[there] == top[at]) & ~found[at]
        out[at] += np.where(here, values[there], 0)
        found[at] |= here
    return out


def to_largest(values: np.ndarray, x: np.ndarray, **how: Any) -> np.ndarray:
    """The values, added up at the places that `of_largest` takes from."""
    out = np.zeros(x.shape, values.dtype)
    for i in np.ndindex(x.shape):
        one = np.zeros(x.shape, values.dtype)
        one[i] = 1
        out[i] = np.sum(of_largest(one, x, **how) * values)
    return out


def mean(
    x: np.ndarray, *, kernel_size: Shape, stride: Shape, padding: Any, count_padding: bool
) -> np.ndarray:
    """The sum of each window, divided by the number of its places, or of those that are no padding."""
    ones = (1,) * len(kernel_size)
    total = np.zeros((*x.shape[:2], *number(x.shape[2:], kernel_size, stride, padding, ones)), x.dtype)
    count = np.zeros_like(total)
    for window, _, element in meetings(x.shape[2:], kernel_size, stride, padding, ones):
        total[(slice(None), slice(None), *window)] += x[(slice(None), slice(None), *element)]
        count[(slice(None), slice(None), *window)] += 1
    return total / (math.prod(kernel_size) if count_padding else count)


def shared_mean(values: np.ndarray, *, size: Shape, **how: Any) -> np.ndarray:
    """The transpose of `mean`, element by element."""
    out = np.zeros((*values.shape[:2], *size), values.dtype)
    for element in np.ndindex(*size):
        one = np.zeros((1, 1, *size), values.dtype)
        one[(0, 0, *element)] = 1
        out[(slice(None), slice(None), *element)] = (mean(one, **how) * values).sum((2, 3))
    return out

