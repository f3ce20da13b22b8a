"""Values scaled by the numbers of inputs and outputs: Xavier's, He's, and orthogonal matrices."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import ArgumentError, ShapeError
from ...random import Rng, draw
from ...tensor import Tensor
from .plain import changed, normal_, uniform_

GAINS: dict[str, Callable[[float], float]] = {
    "linear": lambda a: 1.0, "conv1d": lambda a: 1.0, "conv2d": lambda a: 1.0, "sigmoid": lambda a: 1.0,
    "tanh": lambda a: 5 / 3, "relu": lambda a: math.sqrt(2), "leaky_relu": lambda a: math.sqrt(2 / (1 + a * a)),
    "selu": lambda a: 3 / 4,
}  # fmt: skip


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights in front of a nonlinearity are made larger, so that variances stay the same.

    Parameters
    ----------
    nonlinearity : {"linear", "conv1d", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"}
    param : float, optional
        The slope of leaky_relu; 0.01 if left out.

    Returns
    -------
    float

    Raises
    ------
    ArgumentError
        For another nonlinearity.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.nn.init.calculate_gain("relu")
    1.4142135623730951
    """
    if nonlinearity not in GAINS:
        known = ", ".join(map(repr, GAINS))
        raise ArgumentError(f"calculate_gain: nonlinearity is {nonlinearity!r}; there are gains for {known}.")
    return GAINS[nonlinearity](0.01 if param is None else float(param))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, *, rng: Rng = None) -> Tensor:
    r"""Draw evenly from :math:`\pm g \sqrt{6 / (n_\text{in} + n_\text{out})}`: for tanh and sigmoid.

    Parameters
    ----------
    tensor : Tensor
        Weights, shape (out, in, ...), which are changed. Axes after the second, the places of a kernel, multiply both
        numbers.
    gain : float
        :math:`g`, see `calculate_gain`.
    rng : numpy.random.Generator, int or None
        None is the library's generator, see ``xe.seed``.

    Returns
    -------
    Tensor
        The same one.

    Raises
    ------
    ShapeError
        For fewer than two axes.

    Notes
    -----
    The variance is :math:`2 g^2 / (n_\text{in} + n_\text{out})`. Source: X. Glorot and Y. Bengio, Understanding the
    difficulty of training deep feedforward neural networks, 2010, equation 16.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> layer = xe.nn.Linear(3, 3)
    >>> float(abs(xe.nn.init.xavier_uniform_(layer.weight, rng=0).data).max()) < 1
    True
    """
    fan_in, fan_out = fans("xavier_uniform_", tensor)
    bound = gain * math.sqrt(6 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, rng=rng)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, *, rng: Rng = None) -> Tensor:
    r"""Draw from a normal distribution of variance :math:`2 g^2 / (n_\text{in} + n_\text{out})`.

    As `xavier_uniform_`, whose page has the parameters and the source.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> layer = xe.nn.Linear(300, 300)
    >>> round(float(xe.nn.init.xavier_normal_(layer.weight, rng=0).data.var() * 300), 2)
    1.0
    """
    fan_in, fan_out = fans("xavier_normal_", tensor)
    return normal_(tensor, 0, gain * math.sqrt(2 / (fan_in + fan_out)), rng=rng)


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", *, rng: Rng = None
) -> Tensor:
    r"""Draw evenly from :math:`\pm g \sqrt{3 / n}`: for relu and its kin.

    Parameters
    ----------
    tensor : Tensor
        Weights, shape (out, in, ...), which are changed.
    a : float
        The slope of leaky_relu.
    mode : {"fan_in", "fan_out"}
        Whether :math:`n` is the number of inputs, which keeps the variance of what goes forward, or of outputs, which
        keeps that of the gradients.
    nonlinearity : str
        What :math:`g` is taken for, see `calculate_gain`.
    rng : numpy.random.Generator, int or None
        None is the library's generator, see ``xe.seed``.

    Returns
    -------
    Tensor
        The same one.

    Raises
    ------
    ShapeError
        For fewer than two axes.
    ArgumentError
        For another mode or nonlinearity.

    Notes
    -----
    The variance is :math:`g^2 / n`. Source: K. He et al., Delving Deep into Rectifiers, 2015, equations 10 and 14.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> layer = xe.nn.Linear(6, 3)
    >>> float(abs(xe.nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu", rng=0).data).max()) < 1
    True
    """
    bound = math.sqrt(3) * kaiming_deviation("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, rng=rng)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", *, rng: Rng = None
) -> Tensor:
    r"""Draw from a normal distribution of variance :math:`g^2 / n`.

    As `kaiming_uniform_`, whose page has the parameters and the source.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> layer = xe.nn.Linear(300, 300)
    >>> round(float(xe.nn.init.kaiming_normal_(layer.weight, rng=0).data.var() * 300), 1)
    2.0
    """
    return normal_(tensor, 0, kaiming_deviation("kaiming_normal_", tensor, a, mode, nonlinearity), rng=rng)


def orthogonal_(tensor: Tensor, gain: float = 1, *, rng: Rng = None) -> Tensor:
    """Draw a matrix with orthonormal rows, or columns if these are fewer, evenly among all such, times `gain`.

    Parameters
    ----------
    tensor : Tensor
        At least two axes; those after the first are taken as one. It is changed.
    gain : float
    rng : numpy.random.Generator, int or None
        None is the library's generator, see ``xe.seed``.

    Returns
    -------
    Tensor
        The same one.

    Raises
    ------
    ShapeError
        For fewer than two axes.

    Notes
    -----
    The Q of a QR decomposition of normal numbers, with the signs of R's diagonal. Source: A. M. Saxe, J. L. McClelland
    and S. Ganguli, Exact solutions to the nonlinear dynamics of learning in deep linear neural networks, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> w = xe.nn.init.orthogonal_(xe.nn.Linear(5, 3).weight, rng=0).data
    >>> np.allclose(w @ w.T, np.eye(3))
    True
    """
    fans("orthogonal_", tensor)
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    q, r = np.linalg.qr(draw(rng, "standard_normal", shape=(max(rows, columns), min(rows, columns))))
    q *= np.where(np.diagonal(r) < 0, -gain, gain)
    return tensor.assign((q if rows >= columns else q.T).reshape(tensor.shape))


# -- checks ------------------------------------------------------------------------------------------------------------


def fans(who: str, tensor: Any) -> tuple[int, int]:
    """How many inputs an output is computed from, and how many outputs an input goes to."""
    shape = changed(who, tensor).shape
    if len(shape) < 2:
        raise ShapeError(
            f"{who}: the tensor has shape {shape}; expected weights of shape (out, in, ...). "
            "For a bias write zeros_ or uniform_."
        )
    if not tensor.size:
        raise ShapeError(f"{who}: the tensor has shape {shape}, without a single weight.")
    places = math.prod(shape[2:])
    return shape[1] * places, shape[0] * places


def kaiming_deviation(who: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    """The standard deviation ``g / sqrt(n)``."""
    fan_in, fan_out = fans(who, tensor)
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"{who}: mode is {mode!r}; expected 'fan_in' or 'fan_out'.")
    return calculate_gain(nonlinearity, a) / math.sqrt(fan_in if mode == "fan_in" else fan_out)
