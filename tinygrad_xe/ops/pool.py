"""Pooling over one or two axes, with PyTorch's arguments."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..errors import ArgumentError
from .pooling import window_max, window_mean
from .windows import Lengths, Pairs, array, check_fit, check_rank, floating, lengths, settled


@functools.lru_cache(maxsize=256, typed=True)
def settings(
    owner: str, x: Lengths, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: Any
) -> tuple[Lengths, Lengths, Pairs, Lengths]:
    """Kernel, stride, padding and dilation for each axis, once they were found to go together."""
    axes = 1 if owner.endswith("1d") else 2
    check_rank(owner, x, axes)
    kernel = lengths(owner, "kernel_size", kernel_size, axes, 1)
    strides = kernel if stride is None else lengths(owner, "stride", stride, axes, 1)
    dilations = lengths(owner, "dilation", dilation, axes, 1)
    around = lengths(owner, "padding", padding, axes, 0)
    spans = check_padding(owner, kernel, around, dilations)
    pairs = tuple([(p, p) for p in around])
    check_fit(owner, x[-axes:], kernel, pairs, dilations)
    if ceil_mode:
        more = [rest(n, span, s, p) for n, span, s, p in zip(x[-axes:], spans, strides, around)]
        pairs = tuple([(p, p + n) for p, n in zip(around, more)])
    return kernel, strides, pairs, dilations


def check_padding(owner: str, kernel: Lengths, padding: Lengths, dilation: Lengths) -> Lengths:
    """Raise where a window could lie in the padding alone; the lengths that windows span."""
    spans = tuple([d * (k - 1) + 1 for k, d in zip(kernel, dilation)])
    if any(2 * p > span for p, span in zip(padding, spans)):
        raise ArgumentError(
            f"{owner}: padding={padding} is more than half of what a window spans, {spans}: a window could lie in the "
            f"padding alone. Write padding={tuple([span // 2 for span in spans])} at most."
        )
    return spans


def rest(length: int, span: int, stride: int, padding: int) -> int:
    """How far the last window reaches out if what is left over gets one too; it must begin before the padding."""
    total = length + 2 * padding - span
    windows = -(-total // stride) + 1
    windows -= (windows - 1) * stride >= length + padding
    return max(0, (windows - 1) * stride - total)


def pooled(op: Any, x: Any, **options: Any) -> Any:
    """`op` of `x`, with a batch of one around it where it has none."""
    if x.ndim > len(options["kernel_size"]) + 1:
        return op(x, **options)
    return op(np.expand_dims(x, 0), **options)[0]


def max_pool(
    owner: str, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Any:
    """`window_max` of an array and options as a user gives them."""
    x = array(x)
    floating(owner, x=x)
    given = map(settled, (kernel_size, stride, padding, dilation, ceil_mode))
    kernel, strides, pairs, dilations = settings(owner, x.shape, *given)
    return pooled(window_max, x, kernel_size=kernel, stride=strides, padding=pairs, dilation=dilations)


def avg_pool(
    owner: str, x: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool
) -> Any:
    """`window_mean` of an array and options as a user gives them."""
    x = array(x)
    floating(owner, x=x)
    given = map(settled, (kernel_size, stride, padding, 1, ceil_mode))
    kernel, strides, pairs, _ = settings(owner, x.shape, *given)
    counted = bool(count_include_pad)
    return pooled(window_mean, x, kernel_size=kernel, stride=strides, padding=pairs, count_padding=counted)


def max_pool1d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    """The largest element of each window along one axis: see `max_pool2d`.

    Parameters
    ----------
    x : array_like or Tensor
        (batch, channels, length) or (channels, length), floating-point.
    kernel_size, stride, padding, dilation, ceil_mode
        As for `max_pool2d`.

    Returns
    -------
    ndarray or Tensor
        (batch, channels, windows) or (channels, windows).

    Raises
    ------
    ShapeError, ArgumentError, DTypeError
        As for `max_pool2d`.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.max_pool1d(xe.tensor([[1.0, 5.0, 2.0, 3.0]]), 2)
    tensor([[5., 3.]])
    """
    return max_pool("max_pool1d", x, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    """The largest element of each window over two axes, as PyTorch's ``max_pool2d``.

    The gradient goes to the largest element; of equal ones to the first, row by row, as in PyTorch. A NaN in a window
    is its largest element.

    Parameters
    ----------
    x : array_like or Tensor
        (batch, channels, height, width) or (channels, height, width), floating-point.
    kernel_size : int or tuple of int
        Height and width of a window.
    stride : int or tuple of int, optional
        Distance of the windows; None: `kernel_size`, so that each element is in one window.
    padding : int or tuple of int
        Places on each side that are never the largest; at most half of the kernel.
    dilation : int or tuple of int
        Distance of the places in a window.
    ceil_mode : bool
        Whether elements that are left over at the end get a window too.

    Returns
    -------
    ndarray or Tensor
        (batch, channels, windows down, windows across), or without the batch, where the number of windows is
        ``(length + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1``. Its memory order is (channels,
        height, width, batch), the faster one for the next layer; values and meaning do not depend on it.

    Raises
    ------
    ShapeError
        When `x` has the wrong number of axes, or is smaller than a window.
    ArgumentError
        For an option out of range.
    DTypeError
        For integers, and for options that are no whole numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.max_pool2d(np.arange(16.0).reshape(1, 4, 4), 2)
    array([[[ 5.,  7.],
            [13., 15.]]])
    """
    return max_pool("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode)


def avg_pool1d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:  # fmt: skip
    """The mean of each window along one axis: see `avg_pool2d`.

    Parameters
    ----------
    x : array_like or Tensor
        (batch, channels, length) or (channels, length), floating-point.
    kernel_size, stride, padding, ceil_mode, count_include_pad
        As for `avg_pool2d`.

    Returns
    -------
    ndarray or Tensor
        (batch, channels, windows) or (channels, windows).

    Raises
    ------
    ShapeError, ArgumentError, DTypeError
        As for `avg_pool2d`.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.avg_pool1d(xe.tensor([[1.0, 5.0, 2.0, 3.0]]), 2)
    tensor([[3. , 2.5]])
    """
    return avg_pool("avg_pool1d", x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:  # fmt: skip
    """The mean of each window over two axes, as PyTorch's ``avg_pool2d``.

    Parameters
    ----------
    x : array_like or Tensor
        (batch, channels, height, width) or (channels, height, width), floating-point.
    kernel_size : int or tuple of int
        Height and width of a window.
    stride : int or tuple of int, optional
        Distance of the windows; None: `kernel_size`, so that each element is in one window.
    padding : int or tuple of int
        Zeros on each side; at most half of the kernel.
    ceil_mode : bool
        Whether elements that are left over at the end get a window too, of those that there are.
    count_include_pad : bool
        Whether the sum is divided by the number of all places of the window, or of those that are not padding.

    Returns
    -------
    ndarray or Tensor
        (batch, channels, windows down, windows across), or without the batch; in the memory order of `max_pool2d`.

    Raises
    ------
    ShapeError
        When `x` has the wrong number of axes, or is smaller than a window.
    ArgumentError
        For an option out of range.
    DTypeError
        For integers, and for options that are no whole numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.avg_pool2d(np.arange(16.0).reshape(1, 4, 4), 2)
    array([[[ 2.5,  4.5],
            [10.5, 12.5]]])
    """
    return avg_pool("avg_pool2d", x, kernel_size, stride, padding, ceil_mode, count_include_pad)
