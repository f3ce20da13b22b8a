"""Activations as layers, for `Sequential`: each calls the function of the same name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ops import special
from .checks import number
from .module import Module


class Identity(Module):
    """The input as it is: a place where another layer may stand later.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.nn.Identity()(xe.tensor([1.0, -2.0]))
    tensor([ 1., -2.])
    """

    def forward(self, x: Any) -> Any:
        """`x`."""
        return x


class ReLU(Module):
    """max(x, 0), see `tinygrad_xe.relu`.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.nn.ReLU()(xe.tensor([1.0, -2.0]))
    tensor([1., 0.])
    """

    def forward(self, x: Any) -> Any:
        """``relu(x)``."""
        return special.relu(x)


class LeakyReLU(Module):
    """x for x > 0, else ``negative_slope * x``, see `tinygrad_xe.leaky_relu`.

    Parameters
    ----------
    negative_slope : float

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.nn.LeakyReLU(0.1)(xe.tensor([1.0, -2.0]))
    tensor([ 1. , -0.2])
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = number("LeakyReLU", "negative_slope", negative_slope, "a number", -math.inf)

    def forward(self, x: Any) -> Any:
        """``leaky_relu(x, negative_slope)``."""
        return special.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        """``0.01``."""
        return f"{self.negative_slope}"


class ELU(Module):
    """x for x > 0, else ``alpha * (exp(x) - 1)``, see `tinygrad_xe.elu`.

    Parameters
    ----------
    alpha : float

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.nn.ELU()(xe.tensor([1.0, -2.0]))
    tensor([ 1.        , -0.86466472])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = number("ELU", "alpha", alpha, "a number", -math.inf)

    def forward(self, x: Any) -> Any:
        """``elu(x, alpha)``."""
        return special.elu(x, self.alpha)

    def extra_repr(self) -> str:
        """``alpha=1.0``."""
        return f"alpha={self.alpha}"


class GELU(Module):
    """x times the normal distribution function of x, see `tinygrad_xe.gelu`.

    Parameters
    ----------
    approximate : {"none", "tanh"}

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.nn.GELU()(xe.tensor([1.0, -2.0]))
    tensor([ 0.84134475, -0.04550026])
    """

    def __init__(self, approximate: str = "none") -> None:
        special.gelu.kernel(np.zeros(1), approximate)  # raises for another word
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        """``gelu(x, approximate)``."""
        return special.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        """``approximate='none'``."""
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """x * sigmoid(x), see `tinygrad_xe.silu`.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.nn.SiLU()(xe.tensor([1.0, -2.0]))
    tensor([ 0.73105858, -0.23840584])
    """

    def forward(self, x: Any) -> Any:
        """``silu(x)``."""
        return special.silu(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x)), see `tinygrad_xe.sigmoid`.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.nn.Sigmoid()(xe.tensor([0.0, -2.0]))
    tensor([0.5       , 0.11920292])
    """

    def forward(self, x: Any) -> Any:
        """``sigmoid(x)``."""
        return special.sigmoid(x)


class Tanh(Module):
    """Hyperbolic tangent, ``np.tanh``.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.nn.Tanh()(xe.tensor([0.0, -2.0]))
    tensor([ 0.        , -0.96402758])
    """

    def forward(self, x: Any) -> Any:
        """``np.tanh(x)``."""
        return np.tanh(x)


class Softplus(Module):
    """log(1 + exp(x)), see `tinygrad_xe.softplus`.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.nn.Softplus()(xe.tensor([0.0, -2.0]))
    tensor([0.69314718, 0.12692801])
    """

    def forward(self, x: Any) -> Any:
        """``softplus(x)``."""
        return special.softplus(x)


class Softmax(Module):
    """exp(x) / sum(exp(x)) along an axis, see `tinygrad_xe.softmax`.

    A loss such as `CrossEntropyLoss` takes logits: put no Softmax in front of it.

    Parameters
    ----------
    axis : int
        PyTorch's ``dim``.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.nn.Softmax()(xe.tensor([0.0, -2.0]))
    tensor([0.88079708, 0.11920292])
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Any:
        """``softmax(x, axis)``."""
        return special.softmax(x, self.axis)

    def extra_repr(self) -> str:
        """``axis=-1``."""
        return f"axis={self.axis}"


class LogSoftmax(Module):
    """log(softmax(x)) along an axis, see `tinygrad_xe.log_softmax`.

    Parameters
    ----------
    axis : int
        PyTorch's ``dim``.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.nn.LogSoftmax()(xe.tensor([0.0, -2.0]))
    tensor([-0.12692801, -2.12692801])
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Any:
        """``log_softmax(x, axis)``."""
        return special.log_softmax(x, self.axis)

    def extra_repr(self) -> str:
        """``axis=-1``."""
        return f"axis={self.axis}"
