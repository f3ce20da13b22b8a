"""Weights and reductions of losses, in one place: ``sum(w * l)`` and ``sum(w * l) / sum(w)``."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np

from ..dispatch import answers_numpy
from ..errors import ArgumentError, EmptyMeanWarning, ShapeError
from ..graph import users_level
from ..tensor import Tensor
from .operands import values_of

Reduction = Literal["none", "sum", "mean"]


def reduced(who: str, loss: Any, reduction: Reduction = "none", weight: Any = None, mass: Any = None) -> Any:
    """Weigh the losses of the samples and reduce them.

    Parameters
    ----------
    who : str
        The function that speaks in an error. It must call this function itself, so that a warning names its caller.
    loss : Tensor or ndarray
        Of each sample.
    reduction : {"none", "sum", "mean"}
        ``w * l``, ``sum(w * l)``, or ``sum(w * l) / sum(w * m)``.
    weight : array_like or Tensor, optional
        Of the shape of `loss`, finite and not negative. Where it is 0 the loss is dropped, even one that is not finite.
    mass : Tensor or ndarray, optional
        What each sample counts in the divisor of the mean beside its weight (1): the class weight that `loss` contains.

    Raises
    ------
    ArgumentError
        For another reduction, or a weight that is negative, infinite or NaN.
    ShapeError
        For weights of another shape, and for the mean of no losses at all.

    Warns
    -----
    EmptyMeanWarning
        When the weights are all 0: the mean is then 0, with gradient 0.
    """
    if weight is not None:
        weight = checked_weight(who, weight, loss)
        loss = weighted(loss, weight)
    if reduction == "none":
        return loss
    if reduction == "sum":
        return np.sum(loss)
    if reduction != "mean":
        raise ArgumentError(f"{who}: reduction is {reduction!r}; it can be 'none', 'sum' or 'mean'.")
    if loss.size == 0:
        raise no_mean(who, loss.shape)
    if weight is None and mass is None:
        return loss.mean()
    total = np.sum(mass if weight is None else weight if mass is None else weight * mass)
    if total == 0:
        warnings.warn(
            f"{who}: all {loss.size} weights are 0 (every sample is ignored or weighs nothing): "
            "the mean is taken as 0, with gradient 0.",
            EmptyMeanWarning,
            stacklevel=users_level(),
        )
        return np.sum(np.where(np.zeros(loss.shape, bool), loss, 0))
    # A Python float keeps float32; a Tensor carries the gradient in the weights.
    return np.sum(loss) / (float(total) if isinstance(total, np.generic) else total)


def no_mean(who: str, shape: tuple[int, ...]) -> ShapeError:
    """The error for the mean of an empty array."""
    return ShapeError(
        f"{who}: the mean of no losses is not defined; the losses have shape {shape}. Write reduction='sum'."
    )


def checked_weight(who: str, weight: Any, loss: Any, name: str = "the weight") -> Any:
    """`weight` as a Tensor or an array of the dtype of `loss`: one finite number, not negative, for each loss."""
    if not answers_numpy(weight):
        weight = np.asarray(weight)
    if weight.shape != loss.shape:
        raise ShapeError(
            f"{who}: the weights have shape {weight.shape}, the losses have shape {loss.shape}.\n"
            "  There is one weight for each loss; write np.broadcast_to(weight, shape) if that is meant."
        )
    return refuse_negative(who, weight, name, loss.dtype)


def refuse_negative(who: str, weight: Any, name: str, dtype: np.dtype[Any]) -> Any:
    """Raise for a weight that is negative, infinite or NaN, and cast to `dtype`, so that float32 stays float32."""
    values = values_of(weight)
    right = (values >= 0) & (values < np.inf)
    if not right.all():
        first = tuple(int(i) for i in np.argwhere(~right)[0])
        raise ArgumentError(f"{who}: {name} at {list(first)} is {values[first]}; weights are finite, 0 or more.")
    return weight if weight.dtype == dtype else weight.astype(dtype)


def weighted(loss: Any, weight: Any) -> Any:
    """``w * l``, and 0 where w is 0, even if l is not finite.

    A weight 0 that wants a gradient keeps its place, since its derivative is l; unless l is not finite.
    """
    dropped = values_of(weight) == 0
    if isinstance(weight, Tensor) and weight.requires_grad:
        dropped = dropped & ~np.isfinite(values_of(loss))
    return weight * (np.where(dropped, 0, loss) if dropped.any() else loss)
