"""Conv1d and Conv2d."""

from __future__ import annotations

import math
from typing import Any

from ..errors import ArgumentError, ShapeError
from ..ops.conv import convolved, pairs_of, settings
from ..ops.windows import lengths, settled
from ..random import Rng, draw, generator
from ..tensor import tensor
from .checks import count, floating, title
from .module import Module


class _Convolution(Module):
    """A convolution over `axes` axes, whose function is called `function`."""

    axes: int
    function: str

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, bias: bool = True, *, rng: Rng = None,
    ) -> None:  # fmt: skip
        who, axes = type(self).__name__, self.axes
        self.in_channels = count(who, "in_channels", in_channels)
        self.out_channels = count(who, "out_channels", out_channels)
        self.groups = count(who, "groups", groups)
        for name, channels in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            if channels % self.groups:
                raise ArgumentError(f"{who}: {name}={channels} can't be split into {self.groups} equal groups.")
        self.kernel_size = lengths(who, "kernel_size", settled(kernel_size), axes, 1)
        self.stride = lengths(who, "stride", settled(stride), axes, 1)
        self.dilation = lengths(who, "dilation", settled(dilation), axes, 1)
        self.padding = padding if isinstance(padding, str) else lengths(who, "padding", settled(padding), axes, 0)
        pairs_of(who, self.padding, self.kernel_size, self.stride, self.dilation)
        shape = self.out_channels, self.in_channels // self.groups, *self.kernel_size
        rng, bound = generator(rng), 1 / math.sqrt(math.prod(shape[1:]))
        self.weight = tensor(draw(rng, "uniform", -bound, bound, shape=shape), requires_grad=True)
        self.bias = tensor(draw(rng, "uniform", -bound, bound, shape=shape[:1]), requires_grad=True) if bias else None

    def forward(self, x: Any) -> Any:
        """The convolution of `x` with the weights."""
        x = floating(self, x, self.weight)
        shape, axes = x.shape, self.axes
        if len(shape) in (axes + 1, axes + 2) and shape[-axes - 1] != self.in_channels:
            raise ShapeError(
                f"{title(self)}: the input has shape {shape}, {shape[-axes - 1]} channels; expected "
                f"{self.in_channels}.\n  {self._advice(shape)}"
            )
        try:
            how = settings(
                self.function, shape, self.weight.shape, None, self.stride, self.padding, self.dilation, self.groups
            )
        except ShapeError as error:
            raise ShapeError(str(error).replace(self.function, title(self), 1)) from None
        return convolved(x, self.weight, self.bias, *how, self.groups)

    def _advice(self, shape: tuple[int, ...]) -> str:
        if self.in_channels == 1 and len(shape) == self.axes + 1:
            return f"Write x[:, None], if it is (batch, {'length' if self.axes == 1 else 'height, width'})."
        if shape[-1] == self.in_channels:
            return f"Write np.moveaxis(x, -1, {-self.axes - 1}), if the channels come last."
        return f"Make the layer with {shape[-self.axes - 1]} input channels."

    def extra_repr(self) -> str:
        """``1, 8, kernel_size=(3, 3), stride=(1, 1)``, and what is not the default."""
        plain = (1,) * self.axes, (0,) * self.axes
        shown = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        if self.padding != plain[1]:
            shown.append(f"padding={self.padding}")
        if self.dilation != plain[0]:
            shown.append(f"dilation={self.dilation}")
        if self.groups != 1:
            shown.append(f"groups={self.groups}")
        if self.bias is None:
            shown.append("bias=False")
        return ", ".join(shown)


class Conv1d(_Convolution):
    r"""Convolution over one axis, see `tinygrad_xe.conv1d`.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int
    stride, padding, dilation, groups
        As for `tinygrad_xe.conv1d`.
    bias : bool
        Whether to add a bias.
    rng : numpy.random.Generator, int or None
        For the first values; None is the library's generator, see ``xe.seed``.

    Attributes
    ----------
    weight : Tensor
        Shape (out_channels, in_channels / groups, kernel_size); at first uniform in
        :math:`\pm 1/\sqrt{\text{in\_channels} / \text{groups} \cdot \text{kernel\_size}}`, PyTorch's choice.
    bias : Tensor or None
        Shape (out_channels,); drawn in the same way.

    Raises
    ------
    ShapeError, ArgumentError, DTypeError
        As for `Conv2d`.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> layer = xe.nn.Conv1d(1, 8, 3, rng=0)
    >>> layer
    Conv1d(1, 8, kernel_size=(3,), stride=(1,))  # 32 parameters
    >>> layer(np.zeros((32, 1, 10))).shape
    (32, 8, 8)
    """

    axes, function = 1, "conv1d"


class Conv2d(_Convolution):
    r"""Convolution over two axes, see `tinygrad_xe.conv2d`.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int or tuple of int
        Height and width of the kernel.
    stride, padding, dilation, groups
        As for `tinygrad_xe.conv2d`.
    bias : bool
        Whether to add a bias.
    rng : numpy.random.Generator, int or None
        For the first values; None is the library's generator, see ``xe.seed``.

    Attributes
    ----------
    weight : Tensor
        Shape (out_channels, in_channels / groups, height, width); at first uniform in
        :math:`\pm 1/\sqrt{\text{in\_channels} / \text{groups} \cdot \text{height} \cdot \text{width}}`, PyTorch's
        choice.
    bias : Tensor or None
        Shape (out_channels,); drawn in the same way.

    Raises
    ------
    ArgumentError
        When made with an option out of range, or channels that `groups` does not divide.
    ShapeError
        When called with an input of other channels, the wrong number of axes, or smaller than the kernel.
    DTypeError
        When called with whole numbers.

    Warns
    -----
    MixedDtypeWarning
        When called with float64 numbers while the weights are float32.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> layer = xe.nn.Conv2d(1, 8, 3, padding=1, rng=0)
    >>> layer
    Conv2d(1, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))  # 80 parameters
    >>> layer(np.zeros((32, 1, 8, 8))).shape
    (32, 8, 8, 8)
    """

    axes, function = 2, "conv2d"
