"""Clipping of gradients, by their norm or element by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import DTypeError, NonFiniteError
from ..tensor import Tensor
from .groups import listed
from .settings import number, shown
from .usage import values_of

Array = np.ndarray[Any, np.dtype[Any]]


def clip_grad_norm(
    parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> float:
    r"""Scale all gradients together, in place, so that their norm is at most `max_norm`.

    .. math:: g \leftarrow g \cdot \min\left(1, \frac{c}{\lVert g \rVert_p + 10^{-6}}\right)

    Parameters
    ----------
    parameters : iterable of Tensor, or Module
        Those without a gradient are skipped.
    max_norm : float
        :math:`c`.
    norm_type : float
        :math:`p`, above 0; ``math.inf`` for the largest element.
    error_if_nonfinite : bool
        Raise when the norm is NaN or infinite. By False the gradients are then NaN or 0, as in PyTorch.

    Returns
    -------
    float
        The norm before, of all gradients as one vector.

    Raises
    ------
    ArgumentError
        When there are no parameters, or a number is out of range.
    NonFiniteError
        See `error_if_nonfinite`; the gradients are left as they are.

    Notes
    -----
    Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, ICML 2013,
    https://proceedings.mlr.press/v28/pascanu13.html, algorithm 1. The sum of squares can't overflow or underflow.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> w = xe.tensor([1.5, -2.0], requires_grad=True)
    >>> (w**2).sum().backward()
    >>> xe.optim.clip_grad_norm([w], max_norm=1.0)
    5.0
    >>> w.grad.round(4)
    array([ 0.6, -0.8])
    """
    owner = "clip_grad_norm"
    max_norm = number(owner, "max_norm", max_norm)
    if norm_type != math.inf:
        norm_type = number(owner, "norm_type", norm_type, above=True)
    holders = with_gradients(owner, parameters)
    total = combined([norm(values_of(p.grad), norm_type) for p in holders], norm_type)
    if error_if_nonfinite and not math.isfinite(total):
        raise NonFiniteError(f"{owner}: the norm of the gradients is {total}; they are left as they are.")
    factor = max_norm / (total + 1e-6)
    if not factor >= 1:  # a NaN goes on into the gradients
        for p in holders:
            if isinstance(p.grad, Tensor):
                p.grad = p.grad * factor
            else:
                np.multiply(p.grad, factor, out=p.grad)
    return total


def clip_grad_value(parameters: Any, limit: float) -> None:
    """Limit each element of the gradients, in place, to the range from ``-limit`` to `limit`.

    Parameters
    ----------
    parameters : iterable of Tensor, or Module
        Those without a gradient are skipped.
    limit : float

    Raises
    ------
    ArgumentError
        When there are no parameters, or the limit is negative.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> w = xe.tensor([1.5, -0.2], requires_grad=True)
    >>> (w**2).sum().backward()
    >>> xe.optim.clip_grad_value([w], 1.0)
    >>> w.grad
    array([ 1. , -0.4])
    """
    limit = number("clip_grad_value", "limit", limit)
    for p in with_gradients("clip_grad_value", parameters):
        if isinstance(p.grad, Tensor):
            p.grad = np.clip(p.grad, -limit, limit)
        else:
            np.clip(p.grad, -limit, limit, out=p.grad)


def with_gradients(owner: str, parameters: Any) -> list[Tensor]:
    """The Tensors in `parameters`, or of a Module, that have a gradient."""
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    elif hasattr(parameters, "parameters"):
        parameters = list(parameters.parameters())
    found = listed(owner, parameters)
    for i, p in enumerate(found):
        if not isinstance(p, Tensor):
            raise DTypeError(f"{owner}: parameter {i} is {shown(p)}; expected a Tensor.")
    return [p for p in found if p.grad is not None]


def norm(g: Array, p: float) -> float:
    """The p-norm of all elements, scaled first where powers would overflow, underflow or be inexact."""
    if not g.size:
        return 0.0
    if p == 2 and g.dtype != np.float16:
        squares = float(np.vdot(g, g))
        if 1e-20 < squares < 1e30:
            return math.sqrt(squares)
    largest = float(np.max(np.abs(g)))
    if p == math.inf or largest == 0 or not math.isfinite(largest):
        return largest
    scaled = np.abs(g.astype(np.float64)) / largest
    return float(largest * np.sum(scaled**p) ** (1 / p))


def combined(norms: list[float], p: float) -> float:
    """The p-norm of arrays of these norms, laid end to end."""
    if not norms:
        return 0.0
    if any(math.isnan(n) for n in norms):
        return math.nan
    if p == 2:
        return math.hypot(*norms)
    return norm(np.array(norms), p)
