"""Values that do not depend on a shape: constants, and draws from a uniform, a normal or a truncated normal."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np

from ...errors import ArgumentError, DTypeError
from ...random import Rng, draw
from ...tensor import Tensor


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Set every element to `val`.

    Parameters
    ----------
    tensor : Tensor
        A leaf, which is changed.
    val : float

    Returns
    -------
    Tensor
        The same one.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.nn.init.constant_(xe.tensor(np.zeros(3), requires_grad=True), 0.5)
    tensor([0.5, 0.5, 0.5], requires_grad=True)
    """
    return changed("constant_", tensor).assign(np.full(tensor.shape, val))


def zeros_(tensor: Tensor) -> Tensor:
    """Set every element to 0; see `constant_`.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> layer = xe.nn.Linear(3, 2)
    >>> xe.nn.init.zeros_(layer.bias).data
    array([0., 0.])
    """
    return changed("zeros_", tensor).assign(np.zeros(tensor.shape))


def ones_(tensor: Tensor) -> Tensor:
    """Set every element to 1; see `constant_`.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> layer = xe.nn.Linear(3, 2)
    >>> xe.nn.init.ones_(layer.bias).data
    array([1., 1.])
    """
    return changed("ones_", tensor).assign(np.ones(tensor.shape))


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, *, rng: Rng = None) -> Tensor:
    """Draw every element evenly from [a, b).

    Parameters
    ----------
    tensor : Tensor
        A leaf, which is changed.
    a, b : float
    rng : numpy.random.Generator, int or None
        None is the library's generator, see ``xe.seed``.

    Returns
    -------
    Tensor
        The same one.

    Raises
    ------
    ArgumentError
        When `a` is above `b`, or they are not finite.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> layer = xe.nn.Linear(3, 2)
    >>> xe.nn.init.uniform_(layer.bias, -1, 1, rng=0).data
    array([ 0.27392337, -0.46042657])
    """
    changed("uniform_", tensor)
    if not (math.isfinite(a) and math.isfinite(b) and a <= b):
        raise ArgumentError(f"uniform_: a is {a}, b is {b}; expected two finite numbers, the smaller first.")
    return tensor.assign(draw(rng, "uniform", a, b, shape=tensor.shape))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, *, rng: Rng = None) -> Tensor:
    """Draw every element from a normal distribution.

    Parameters
    ----------
    tensor : Tensor
        A leaf, which is changed.
    mean, std : float
        Mean and standard deviation.
    rng : numpy.random.Generator, int or None
        None is the library's generator, see ``xe.seed``.

    Returns
    -------
    Tensor
        The same one.

    Raises
    ------
    ArgumentError
        For a negative `std`.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> layer = xe.nn.Linear(3, 2)
    >>> xe.nn.init.normal_(layer.bias, std=0.02, rng=0).data.round(6)
    array([ 0.002515, -0.002642])
    """
    changed("normal_", tensor)
    return tensor.assign(draw(rng, "normal", mean, deviation("normal_", std), shape=tensor.shape))


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, *, rng: Rng = None
) -> Tensor:
    """Draw every element from the part of a normal distribution that lies in [a, b].

    Parameters
    ----------
    tensor : Tensor
        A leaf, which is changed.
    mean, std : float
        Mean and standard deviation of the whole distribution.
    a, b : float
        The bounds of the values themselves, not in units of `std`, as in PyTorch.
    rng : numpy.random.Generator, int or None
        None is the library's generator, see ``xe.seed``.

    Returns
    -------
    Tensor
        The same one.

    Raises
    ------
    ArgumentError
        When `a` is not below `b`, when `std` is not above 0, or when next to nothing of the distribution lies between.

    Notes
    -----
    By the inverse of the distribution function: M. J. Wichura, Algorithm AS 241, 1988, as Python's ``statistics`` has
    it; 1 us for an element.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> layer = xe.nn.Linear(3, 2)
    >>> xe.nn.init.trunc_normal_(layer.bias, std=0.02, a=-0.04, b=0.04, rng=0).data.round(6)
    array([ 0.006676, -0.011641])
    """
    changed("trunc_normal_", tensor)
    if not (a < b and deviation("trunc_normal_", std) > 0):
        raise ArgumentError(f"trunc_normal_: a is {a}, b is {b}, std is {std}; expected a < b, and std above 0.")
    low, high = (a - mean) / std, (b - mean) / std
    mirrored = low > 0  # the lower tail is where a small probability is a small number
    if mirrored:
        low, high = -high, -low
    standard = NormalDist()
    least, most = standard.cdf(low), standard.cdf(high)
    if not most - least > 1e-300:
        raise ArgumentError(
            f"trunc_normal_: next to nothing of the normal distribution with mean {mean} and deviation {std} lies "
            f"between {a} and {b}."
        )
    u = np.clip(draw(rng, "uniform", least, most, shape=tensor.shape), 5e-324, math.nextafter(1, 0))
    z = np.frompyfunc(standard.inv_cdf, 1, 1)(u)
    z = np.asarray(z, np.float64)
    return tensor.assign(np.clip(mean + std * (-z if mirrored else z), a, b))


# -- checks ------------------------------------------------------------------------------------------------------------


def changed(who: str, tensor: Any) -> Tensor:
    """`tensor`, if it is one that can be given values."""
    if type(tensor) is not Tensor:
        raise DTypeError(f"{who}: got a {type(tensor).__name__}; expected a Tensor to change, such as layer.weight.")
    if tensor.dtype.kind != "f":
        raise DTypeError(f"{who}: the tensor has dtype {tensor.dtype}; expected floating-point numbers.")
    return tensor


def deviation(who: str, std: float) -> float:
    """`std`, if it is a standard deviation."""
    if not (math.isfinite(std) and std >= 0):
        raise ArgumentError(f"{who}: std is {std}; expected a finite number, 0 or more.")
    return std
