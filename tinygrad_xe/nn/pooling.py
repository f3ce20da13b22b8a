"""MaxPool1d, MaxPool2d, AvgPool1d and AvgPool2d."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from ..ops import pool
from ..ops.windows import lengths, settled
from .checks import floating, title
from .module import Module


class _Pooling(Module):
    """Pooling over `axes` axes by the function called `function`."""

    axes: int
    function: str

    def __init__(self, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, dilation: Any = 1) -> None:
        who, axes = type(self).__name__, self.axes
        self.kernel_size, self.padding, self.dilation = settled(kernel_size), settled(padding), settled(dilation)
        self.stride = self.kernel_size if stride is None else settled(stride)
        self.ceil_mode = bool(ceil_mode)
        kernel = lengths(who, "kernel_size", self.kernel_size, axes, 1)
        lengths(who, "stride", self.stride, axes, 1)
        dilations = lengths(who, "dilation", self.dilation, axes, 1)
        pool.check_padding(who, kernel, lengths(who, "padding", self.padding, axes, 0), dilations)

    def _pooled(self, x: Any, **options: Any) -> Any:
        x = floating(self, x, None)
        try:
            return getattr(pool, self.function)(
                x, self.kernel_size, self.stride, self.padding, ceil_mode=self.ceil_mode, **options
            )
        except ShapeError as error:
            raise ShapeError(str(error).replace(self.function, title(self), 1)) from None


class _MaxPool(_Pooling):
    """The largest element of each window."""

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, *, ceil_mode: bool = False
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, dilation)

    def forward(self, x: Any) -> Any:
        """The largest element of each window of `x`."""
        return self._pooled(x, dilation=self.dilation)

    def extra_repr(self) -> str:
        """``kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False``."""
        return (f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
                f"dilation={self.dilation}, ceil_mode={self.ceil_mode}")  # fmt: skip


class _AvgPool(_Pooling):
    """The mean of each window."""

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(kernel_size, stride, padding, ceil_mode)
        self.count_include_pad = bool(count_include_pad)

    def forward(self, x: Any) -> Any:
        """The mean of each window of `x`."""
        return self._pooled(x, count_include_pad=self.count_include_pad)

    def extra_repr(self) -> str:
        """``kernel_size=2, stride=2, padding=0``."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxPool1d(_MaxPool):
    """The largest element of each window along one axis, see `tinygrad_xe.max_pool1d`.

    Parameters
    ----------
    kernel_size, stride, padding, dilation, ceil_mode
        As for `tinygrad_xe.max_pool1d`.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.nn.MaxPool1d(2)(xe.tensor([[1.0, 5.0, 2.0, 3.0]]))
    tensor([[5., 3.]])
    """

    axes, function = 1, "max_pool1d"


class MaxPool2d(_MaxPool):
    """The largest element of each window over two axes, see `tinygrad_xe.max_pool2d`.

    Parameters
    ----------
    kernel_size, stride, padding, dilation, ceil_mode
        As for `tinygrad_xe.max_pool2d`.

    Raises
    ------
    ShapeError
        When called with an input of the wrong number of axes, or smaller than a window.
    DTypeError
        When called with whole numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> layer = xe.nn.MaxPool2d(2)
    >>> layer
    MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
    >>> layer(np.zeros((32, 8, 8, 8))).shape
    (32, 8, 4, 4)
    """

    axes, function = 2, "max_pool2d"


class AvgPool1d(_AvgPool):
    """The mean of each window along one axis, see `tinygrad_xe.avg_pool1d`.

    Parameters
    ----------
    kernel_size, stride, padding, ceil_mode, count_include_pad
        As for `tinygrad_xe.avg_pool1d`.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.nn.AvgPool1d(2)(xe.tensor([[1.0, 5.0, 2.0, 3.0]]))
    tensor([[3. , 2.5]])
    """

    axes, function = 1, "avg_pool1d"


class AvgPool2d(_AvgPool):
    """The mean of each window over two axes, see `tinygrad_xe.avg_pool2d`.

    Parameters
    ----------
    kernel_size, stride, padding, ceil_mode, count_include_pad
        As for `tinygrad_xe.avg_pool2d`.

    Raises
    ------
    ShapeError
        When called with an input of the wrong number of axes, or smaller than a window.
    DTypeError
        When called with whole numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> layer = xe.nn.AvgPool2d(2)
    >>> layer
    AvgPool2d(kernel_size=2, stride=2, padding=0)
    >>> layer(np.zeros((32, 8, 8, 8))).shape
    (32, 8, 4, 4)
    """

    axes, function = 2, "avg_pool2d"
