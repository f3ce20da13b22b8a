"""What every closed form takes and returns: labels beside values of one shape, a loss with its derivatives."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ShapeError

Array = np.ndarray[Any, np.dtype[Any]]
ArrayLike = npt.ArrayLike


class ClosedForm(NamedTuple):
    """A loss and its derivatives, all of float64; of shape () they may be NumPy scalars.

    Attributes
    ----------
    loss : ndarray
        Of each sample, or of the whole batch.
    gradient : ndarray
        In the probabilities, the logits or the parameters: the first argument below.
    label_gradient : ndarray or None
        In the labels.
    second : ndarray or None
        The second derivative in the first argument: elementwise where the loss is, or the Hessian of parameters.
        None for losses of logits over classes, whose Hessian `softmax_hessian` gives.
    third : ndarray or None
        The third derivative in the first argument, elementwise.
    mixed : ndarray or None
        The derivative in the first argument and the labels: elementwise, or a matrix with a row for each parameter.
        None for losses of logits over classes, for which `softmax_mixed` gives it.
    option_gradient : ndarray or None
        In what the variant is named after, as the share of each sample: ``pos_weight``, the class weights, the
        temperature, the amount of smoothing.
    """

    loss: Array
    gradient: Array
    label_gradient: Array | None = None
    second: Array | None = None
    third: Array | None = None
    mixed: Array | None = None
    option_gradient: Array | None = None


def pair(who: str, labels: ArrayLike, values: ArrayLike, name: str = "labels") -> tuple[Array, Array]:
    """Labels, or what `name` says, and the values beside them as float64 arrays of one shape.

    Raises
    ------
    ShapeError
        When the shapes differ, even if they broadcast.
    """
    y, x = np.asarray(labels, np.float64), np.asarray(values, np.float64)
    if y.shape != x.shape:
        raise ShapeError(
            f"{who}: {name} have shape {y.shape}, what they are compared with has shape {x.shape}.\n"
            f"  They must have the same shape. Write np.broadcast_to({name}, {x.shape}) if that is meant."
        )
    return y, x


def single(who: str, name: str, value: ArrayLike) -> Array:
    """One number as an array of shape ().

    Raises
    ------
    ShapeError
        For anything else.
    """
    number = np.asarray(value, np.float64)
    if number.ndim:
        raise ShapeError(f"{who}: {name} has shape {number.shape}; expected one number, of shape ().")
    return number


def times(factor: ArrayLike, x: ArrayLike) -> Array:
    """``factor * x``, and 0 where the factor is 0, even if x is infinite (C10).

    Parameters
    ----------
    factor, x : array_like
        Of shapes that broadcast.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.times([0.0, 0.5], [np.inf, 3.0])
    array([0. , 1.5])
    """
    with np.errstate(invalid="ignore"):
        product: Array = np.where(np.equal(factor, 0), 0.0, np.multiply(factor, x))
    return product
