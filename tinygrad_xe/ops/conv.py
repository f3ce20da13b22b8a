"""Convolution over one or two axes, with PyTorch's arguments."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from .convolution import convolution
from .windows import Lengths, Pairs, array, check_fit, check_rank, floating, lengths, settled


@functools.lru_cache(maxsize=256, typed=True)
def settings(
    owner: str, x: Lengths, weight: Lengths, bias: Lengths | None, stride: Any, padding: Any, dilation: Any, groups: Any
) -> tuple[Lengths, Pairs, Lengths]:
    """Stride, padding and dilation for each axis, once shapes and options were found to go together."""
    axes = 1 if owner == "conv1d" else 2
    check_rank(owner, x, axes)
    if len(weight) != axes + 2:
        names = "length" if axes == 1 else "height, width"
        raise ShapeError(f"{owner}: weight has shape {weight}; expected (out, in / groups, {names}).")
    (groups,) = lengths(owner, "groups", groups, 1, 1)
    strides = lengths(owner, "stride", stride, axes, 1)
    dilations = lengths(owner, "dilation", dilation, axes, 1)
    channels, made, kernel = x[-axes - 1], weight[0], weight[2:]
    if channels != weight[1] * groups:
        grouped = f", in each of {groups} groups" if groups > 1 else ""
        hint = f"Write a weight of shape {(made, max(channels // groups, 1), *kernel)}."
        if weight[1] * groups == 1 and len(x) == axes + 1:
            hint = f"Write x[:, None], if x is (batch, {'length' if axes == 1 else 'height, width'})."
        raise ShapeError(
            f"{owner}: x has shape {x}, {channels} channels; weight, shape {weight}, takes {weight[1]}{grouped}.\n"
            f"  {hint}"
        )
    if made % groups:
        raise ShapeError(
            f"{owner}: weight has shape {weight}; its {made} output channels can't be split into {groups} equal groups."
        )
    if bias is not None and bias != (made,):
        raise ShapeError(f"{owner}: bias has shape {bias}; expected {(made,)}, one number for each output channel.")
    pairs = pairs_of(owner, padding, kernel, strides, dilations)
    if not all(kernel):
        raise ShapeError(f"{owner}: weight has shape {weight}; a kernel must have at least one place.")
    check_fit(owner, x[-axes:], kernel, pairs, dilations)
    return strides, pairs, dilations


def pairs_of(owner: str, padding: Any, kernel: Lengths, stride: Lengths, dilation: Lengths) -> Pairs:
    """Zeros before and after, for each axis."""
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding == "same":
        if max(stride) > 1:
            raise ArgumentError(f"{owner}: padding='same' with stride {stride}, which makes the output smaller. "
                                f"Write padding={(kernel[0] - 1) // 2}, or stride=1.")
        total = [d * (k - 1) for k, d in zip(kernel, dilation)]
        return tuple([(n // 2, n - n // 2) for n in total])
    if isinstance(padding, str):
        raise ArgumentError(f"{owner}: padding={padding!r}; expected 'same', 'valid', or whole numbers.")
    return tuple([(n, n) for n in lengths(owner, "padding", padding, len(kernel), 0)])


def convolve(
    owner: str, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any
) -> Any:
    """`convolution` of arrays and options as a user gives them."""
    x, weight, bias = array(x), array(weight), bias if bias is None else array(bias)
    floating(owner, x=x, weight=weight, bias=bias)
    groups = settled(groups)
    found = settings(
        owner, x.shape, weight.shape, bias if bias is None else bias.shape,
        settled(stride), settled(padding), settled(dilation), groups,
    )  # fmt: skip
    return convolved(x, weight, bias, *found, groups)


def convolved(
    x: Any, weight: Any, bias: Any, stride: Lengths, padding: Pairs, dilation: Lengths, groups: int
) -> Any:
    """`convolution`, with a batch of one around `x` where it has none."""
    single = x.ndim < weight.ndim
    x = np.expand_dims(x, 0) if single else x
    out = convolution(x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return out[0] if single else out


def conv1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Convolution over one axis, as PyTorch's ``conv1d``: see `conv2d`.

    Parameters
    ----------
    x : array_like or Tensor
        (batch, channels, length) or (channels, length), floating-point.
    weight : array_like or Tensor
        (out, channels / groups, kernel).
    bias : array_like or Tensor, optional
        (out,).
    stride, padding, dilation, groups
        As for `conv2d`.

    Returns
    -------
    ndarray or Tensor
        (batch, out, windows) or (out, windows).

    Raises
    ------
    ShapeError, ArgumentError, DTypeError
        As for `conv2d`.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.conv1d(xe.tensor([[1.0, 2.0, 4.0, 8.0]]), [[[-1.0, 1.0]]])
    tensor([[1., 2., 4.]])
    """
    return convolve("conv1d", x, weight, bias, stride, padding, dilation, groups)


def conv2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Convolution over two axes, as PyTorch's ``conv2d``: cross-correlation, the kernel is not turned around.

    ``out[n, o, p, q] = bias[o] + sum over c, i, j of weight[o, c, i, j] * x[n, c, p * stride + i * dilation - padding,
    q * stride + j * dilation - padding]``, with zeros for `x` outside (Dumoulin and Visin, 2016, arXiv:1603.07285). The
    gradients are convolutions of the same kind, at every order.

    Parameters
    ----------
    x : array_like or Tensor
        (batch, channels, height, width) or (channels, height, width), floating-point.
    weight : array_like or Tensor
        (out, channels / groups, kernel height, kernel width).
    bias : array_like or Tensor, optional
        (out,).
    stride : int or tuple of int
        Distance of the windows, along both axes or each.
    padding : int, tuple of int, "same" or "valid"
        Zeros on each side. "same": as many as keep the lengths (the odd one after), at stride 1; "valid": none.
    dilation : int or tuple of int
        Distance of the places in a window.
    groups : int
        The channels are split into so many groups, of which each makes its share of the output channels alone.

    Returns
    -------
    ndarray or Tensor
        (batch, out, windows down, windows across), or without the batch, where the number of windows is
        ``(length + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1``. Its memory order is (out, height, width,
        batch), the faster one for the next layer; values and meaning do not depend on it.

    Raises
    ------
    ShapeError
        When the ranks are wrong, channels, groups and bias do not fit, or the kernel is larger than the padded input.
    ArgumentError
        For an option out of range.
    DTypeError
        For integers, and for options that are no whole numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> image, edges = np.eye(4)[None], np.array([[[[1.0, -1.0]]]])
    >>> xe.conv2d(xe.tensor(image), edges, stride=(2, 1))
    tensor([[[ 1.,  0.,  0.],
             [ 0., -1.,  1.]]])
    """
    return convolve("conv2d", x, weight, bias, stride, padding, dilation, groups)
