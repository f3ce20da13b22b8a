"""BatchNorm1d, BatchNorm2d and LayerNorm."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dispatch import bare
from ..errors import ShapeError
from ..ops.normalize import normalize
from ..tensor import Tensor, tensor
from .checks import count, floating, number, positive, title
from .functional import layer_norm
from .module import Module


class BatchNorm(Module):
    """What `BatchNorm1d` and `BatchNorm2d` share: one mean and one variance for each channel, axis 1 of the input."""

    layouts: dict[int, str]

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:  # fmt: skip
        who = type(self).__name__
        self.num_features = count(who, "num_features", num_features)
        self.eps = positive(who, "eps", eps)
        share = "a share of the new value, 0 to 1, or None"
        self.momentum = None if momentum is None else number(who, "momentum", momentum, share, 0, 1)
        self.affine, self.track_running_stats = bool(affine), bool(track_running_stats)
        shape = (self.num_features,)
        self.weight = tensor(np.ones(shape), requires_grad=True) if affine else None
        self.bias = tensor(np.zeros(shape), requires_grad=True) if affine else None
        self.register_buffer("running_mean", np.zeros(shape) if track_running_stats else None)
        self.register_buffer("running_var", np.ones(shape) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", np.array(0) if track_running_stats else None)

    def forward(self, x: Any) -> Any:
        """Normalise by the batch while training, by the running statistics in evaluation."""
        x = floating(self, x, self.running_mean if self.weight is None else self.weight)
        self._check(x.shape)
        axes = (0, *range(2, x.ndim))
        if self.training or self.running_mean is None:
            self._refuse_single(x.shape)
            out = normalize.call(x, axis=0 if len(axes) == 1 else axes, eps=self.eps)
            if self.training and self.running_mean is not None:
                self._track(bare(x), axes)
            scale: Any = 1 if self.weight is None else self._per_channel(self.weight, x.ndim)
        else:
            scale = 1 / np.sqrt(self.running_var + self.eps)
            scale = self._per_channel(scale if self.weight is None else scale * self.weight, x.ndim)
            out = x - self._per_channel(self.running_mean, x.ndim)
            if self.weight is None:
                return out * scale
        return out if self.bias is None else out * scale + self._per_channel(self.bias, x.ndim)

    def _per_channel(self, values: Tensor, ndim: int) -> Any:
        """Numbers of shape (channels,) in a shape that broadcasts to the input."""
        return values if ndim == 2 else values.reshape(-1, *[1] * (ndim - 2))

    def _track(self, x: Any, axes: tuple[int, ...]) -> None:
        """Move the running statistics towards those of a batch, a plain array: no gradient flows through them."""
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        batches = self.num_batches_tracked.detach()._data + 1
        share = 1 / batches if self.momentum is None else self.momentum
        self.num_batches_tracked.assign(batches)
        for held, new in ((self.running_mean, np.mean(x, axes)), (self.running_var, np.var(x, axes, ddof=1))):
            held.assign((1 - share) * held.detach()._data + share * new)

    def _check(self, shape: tuple[int, ...]) -> None:
        if len(shape) in self.layouts and shape[1] == self.num_features:
            return
        expected = " or ".join(self.layouts.values()).replace("C", str(self.num_features))
        said = f"{title(self)}: the input has shape {shape}; expected {expected}."
        if len(shape) in self.layouts and shape[-1] == self.num_features:
            said += "\n  The channels are on axis 1; write np.moveaxis(x, -1, 1)."
        elif len(shape) + 1 in self.layouts and shape and shape[0] == self.num_features:
            said += "\n  Write x[None] for a batch of one sample."
        raise ShapeError(said)

    def _refuse_single(self, shape: tuple[int, ...]) -> None:
        """Raise where each channel has one value, or none: it would be 0 whatever the input."""
        if math.prod(shape) > self.num_features:
            return
        raise ShapeError(
            f"{title(self)}: the input has shape {shape}, less than two values for each channel, so that there is no "
            "variance.\n  Train on larger batches (drop_last=True leaves out a last, smaller one), or write "
            "model.eval() first to use the running statistics."
        )

    def extra_repr(self) -> str:
        """``32``, and what is not the default."""
        said = f"{self.num_features}"
        for name, usual in (("eps", 1e-5), ("momentum", 0.1), ("affine", True), ("track_running_stats", True)):
            value = getattr(self, name)
            said += "" if value == usual else f", {name}={value}"
        return said


class BatchNorm1d(BatchNorm):
    r"""Give each channel mean 0 and variance 1 over the batch, then scale and shift it.

    .. math:: y = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}\, w + b

    While training, :math:`\mu` and :math:`\sigma^2` are the mean and the (biased) variance of the batch, for each
    channel; in evaluation, after ``model.eval()``, they are the running statistics.

    Parameters
    ----------
    num_features : int
        Number of channels, the length of axis 1 of the input.
    eps : float
        Above 0.
    momentum : float or None
        The share that a new batch has in the running statistics; None takes the mean over all batches.
    affine : bool
        Whether there are `weight` and `bias`.
    track_running_stats : bool
        Whether there are running statistics; by False those of the batch are used in evaluation too.

    Attributes
    ----------
    weight, bias : Tensor or None
        Shape (num_features,); at first 1 and 0.
    running_mean, running_var : Tensor or None
        Buffers of shape (num_features,); at first 0 and 1. The variances are unbiased ones (``ddof=1``).
    num_batches_tracked : Tensor or None
        A buffer, an int64.

    Raises
    ------
    ShapeError
        When called with an input that is not (N, C) or (N, C, L), or, while training, with one value per channel.
    DTypeError
        When called with whole numbers.

    Warns
    -----
    MixedDtypeWarning
        When called with float64 numbers while the weights are float32.

    Notes
    -----
    PyTorch's layer has the same values. In a part of a model that `tinygrad_xe.checkpoint` computes again, a batch
    counts twice in the running statistics, as in PyTorch.
    Source: S. Ioffe and C. Szegedy, Batch Normalization, 2015, algorithms 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> layer = xe.nn.BatchNorm1d(2)
    >>> layer(np.array([[0.0, 10.0], [2.0, 30.0]]))
    tensor([[-0.999995  , -0.99999995],
            [ 0.999995  ,  0.99999995]], op=add)
    >>> layer.running_mean, layer.running_var
    (tensor([0.1, 2. ], name='running_mean'), tensor([ 1.1, 20.9], name='running_var'))
    >>> layer.eval()(np.array([[0.1, 2.0]]))
    tensor([[0., 0.]], op=add)
    """

    layouts = {2: "(N, C)", 3: "(N, C, L)"}


class BatchNorm2d(BatchNorm):
    """Give each channel of images mean 0 and variance 1 over the batch and all places, then scale and shift it.

    The same as `BatchNorm1d`, whose page has the equation, for inputs of shape (N, C, H, W).

    Parameters
    ----------
    num_features, eps, momentum, affine, track_running_stats
        As for `BatchNorm1d`.

    Raises
    ------
    ShapeError
        When called with an input that is not (N, C, H, W), or, while training, with one value per channel.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> layer = xe.nn.BatchNorm2d(3)
    >>> layer
    BatchNorm2d(3)  # 6 parameters
    >>> y = layer(np.random.default_rng(0).normal(5, 2, (16, 3, 8, 8)))
    >>> y.data.mean((0, 2, 3)).round(6) + 0, y.data.std((0, 2, 3)).round(3)
    (array([0., 0., 0.]), array([1., 1., 1.]))
    """

    layouts = {4: "(N, C, H, W)"}


class LayerNorm(Module):
    """Give each sample mean 0 and variance 1 over its last axes, then scale and shift its features.

    See `tinygrad_xe.layer_norm`, whose page has the equation.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        Lengths of the last axes.
    eps : float
        Above 0.
    elementwise_affine : bool
        Whether there is `weight`, and `bias` if that is not False.
    bias : bool

    Attributes
    ----------
    weight, bias : Tensor or None
        Of shape `normalized_shape`; at first 1 and 0.

    Raises
    ------
    ShapeError
        When called with an input whose last axes have other lengths.
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
    >>> layer = xe.nn.LayerNorm(3)
    >>> layer
    LayerNorm((3,))  # 6 parameters
    >>> layer(np.array([[1.0, 2.0, 3.0]]))
    tensor([[-1.22473569,  0.        ,  1.22473569]], op=add)
    """

    def __init__(
        self, normalized_shape: int | tuple[int, ...], eps: float = 1e-5, elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:  # fmt: skip
        lengths = normalized_shape if isinstance(normalized_shape, list | tuple) else (normalized_shape,)
        self.normalized_shape = tuple(count("LayerNorm", "normalized_shape", length) for length in lengths)
        if not self.normalized_shape:
            raise ShapeError("LayerNorm: normalized_shape is (); expected the lengths of one axis or more.")
        self.eps = positive("LayerNorm", "eps", eps)
        self.elementwise_affine = bool(elementwise_affine)
        shape = self.normalized_shape
        self.weight = tensor(np.ones(shape), requires_grad=True) if elementwise_affine else None
        self.bias = tensor(np.zeros(shape), requires_grad=True) if elementwise_affine and bias else None

    def forward(self, x: Any) -> Any:
        """``layer_norm(x, normalized_shape, weight, bias, eps)``."""
        x = floating(self, x, self.weight)
        last = self.normalized_shape
        if x.shape[-len(last) :] != last:
            raise ShapeError(f"{title(self)}: the input has shape {x.shape}; its last axes must be {last}.")
        return layer_norm(x, last, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """``(3,)``, and what is not the default."""
        said = f"{self.normalized_shape}" + ("" if self.eps == 1e-5 else f", eps={self.eps}")
        if not self.elementwise_affine:
            return f"{said}, elementwise_affine=False"
        return said + ("" if self.bias is not None else ", bias=False")
