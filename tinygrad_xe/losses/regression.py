"""Regression losses, mse, mae and huber, and the hinge loss of margin classifiers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..op import differentiable
from ..ops.special import relu
from .operands import pair, refuse, values_of
from .reduction import Reduction, reduced


def mse(*, labels: Any, predictions: Any, sample_weight: Any = None, reduction: Reduction = "none") -> Any:
    r"""Squared error, without a factor 1/2.

    .. math:: L = d^2, \quad \partial_{\hat y} L = 2 d, \quad \partial_y L = -2 d, \quad d = \hat y - y

    Parameters
    ----------
    labels, predictions : array_like or Tensor
        :math:`y` and :math:`\hat y`, of one shape, in one unit. Integers and booleans take the dtype of the other
        one, or float64.
    sample_weight : array_like or Tensor, optional
        Of that shape, 0 or more. A weight 0 drops its term, even one that is not finite.
    reduction : {"none", "sum", "mean"}
        ``w * l``, ``sum(w * l)``, or ``sum(w * l) / sum(w)``.

    Returns
    -------
    ndarray or Tensor
        Of the shape of `predictions`, or of shape ().

    Raises
    ------
    ShapeError
        When the shapes differ, even if they broadcast; for the mean of no losses at all.
    ArgumentError
        For another reduction, or a negative weight.

    Warns
    -----
    EmptyMeanWarning
        When every weight is 0: the mean is then 0, with gradient 0.

    Notes
    -----
    The square overflows to infinity for differences above 1.3e154, in float32 above 1.8e19; `huber` does not.
    PyTorch and Keras have the same values. PyTorch broadcasts predictions of shape (3, 1) against labels of shape (3,)
    to nine losses, with a warning; Keras removes or adds the axis. Both shapes are refused here.
    Source: A.-M. Legendre, Nouvelles méthodes pour la détermination des orbites des comètes, 1805.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> predictions = xe.tensor([1.0, 2.0, 4.0], requires_grad=True)
    >>> loss = xe.losses.mse(labels=np.array([1.0, 0.0, 5.0]), predictions=predictions)
    >>> loss.data
    array([0., 4., 1.])
    >>> loss.sum().backward()
    >>> predictions.grad
    array([ 0.,  4., -2.])
    """
    labels, predictions = pair("mse", labels, predictions, "predictions")
    return reduced("mse", np.square(predictions - labels), reduction, sample_weight)


def mae(*, labels: Any, predictions: Any, sample_weight: Any = None, reduction: Reduction = "none") -> Any:
    r"""Absolute error.

    .. math:: L = |d|, \quad \partial_{\hat y} L = \mathrm{sign}(d) = -\partial_y L, \quad d = \hat y - y

    Parameters
    ----------
    labels, predictions : array_like or Tensor
        As in `mse`.
    sample_weight : array_like or Tensor, optional
        As in `mse`.
    reduction : {"none", "sum", "mean"}
        As in `mse`.

    Returns
    -------
    ndarray or Tensor
        Of the shape of `predictions`, or of shape ().

    Raises
    ------
    ShapeError, ArgumentError
        As in `mse`.

    Warns
    -----
    EmptyMeanWarning
        As in `mse`.

    Notes
    -----
    The gradient is 0 where prediction and label agree, a subgradient, and the second derivative is 0 everywhere.
    PyTorch's ``l1_loss`` has the same values and gradients.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> predictions = xe.tensor([1.0, 2.0, 4.0], requires_grad=True)
    >>> loss = xe.losses.mae(labels=np.array([1.0, 0.0, 5.0]), predictions=predictions, reduction="mean")
    >>> loss.item()
    1.0
    >>> loss.backward()
    >>> predictions.grad
    array([ 0.        ,  0.33333333, -0.33333333])
    """
    labels, predictions = pair("mae", labels, predictions, "predictions")
    return reduced("mae", np.abs(predictions - labels), reduction, sample_weight)


def huber(
    *, labels: Any, predictions: Any, delta: float = 1.0, sample_weight: Any = None, reduction: Reduction = "none"
) -> Any:
    r"""Huber's loss: the square near 0, the absolute value from `delta` on.

    .. math::
        L = \begin{cases} d^2 / 2 & |d| \le \delta \\ \delta\,(|d| - \delta / 2) & |d| > \delta \end{cases}, \quad
        \partial_{\hat y} L = \min(\max(d, -\delta), \delta) = -\partial_y L, \quad d = \hat y - y

    Parameters
    ----------
    labels, predictions : array_like or Tensor
        As in `mse`.
    delta : float
        Where the line begins, in the unit of the labels; above 0. Infinity gives half of `mse`.
    sample_weight : array_like or Tensor, optional
        As in `mse`.
    reduction : {"none", "sum", "mean"}
        As in `mse`.

    Returns
    -------
    ndarray or Tensor
        Of the shape of `predictions`, or of shape ().

    Raises
    ------
    ArgumentError
        When `delta` is not above 0; else as in `mse`.
    ShapeError
        As in `mse`.

    Warns
    -----
    EmptyMeanWarning
        As in `mse`.

    Notes
    -----
    No difference above `delta` is squared, so that the loss is finite at 1e200, and infinite, with gradient `delta`,
    only at an infinite difference. The second derivative is 1 inside, 0 outside and 1/2 where ``|d| = delta``.
    PyTorch's ``huber_loss`` has the same values and gradients; its ``smooth_l1_loss(beta=delta)`` is this over `delta`.
    Source: P. J. Huber, Robust Estimation of a Location Parameter, 1964.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> predictions = xe.tensor([0.0, 0.5, 3.0, -1e200], requires_grad=True)
    >>> loss = xe.losses.huber(labels=np.zeros(4), predictions=predictions)
    >>> loss.data
    array([0.00e+000, 1.25e-001, 2.50e+000, 1.00e+200])
    >>> loss.sum().backward()
    >>> predictions.grad
    array([ 0. ,  0.5,  1. , -1. ])
    """
    if not delta > 0:
        raise ArgumentError(
            f"huber: delta is {delta}; it must be above 0. Write mae(...) for the limit of huber / delta at 0."
        )
    labels, predictions = pair("huber", labels, predictions, "predictions")
    return reduced("huber", huber_of(predictions - labels, delta=float(delta)), reduction, sample_weight)


@differentiable("d, *, delta", elementwise=True, d=lambda g, d, *, delta: g * np.clip(d, -delta, delta))
def huber_of(d: Any, *, delta: float) -> Any:
    """Huber's loss of the difference `d`."""
    if delta == math.inf:
        return 0.5 * d * d
    size = np.abs(d)
    square = np.minimum(size, delta)
    return square * (size - 0.5 * square)


def hinge(*, labels: Any, logits: Any, sample_weight: Any = None, reduction: Reduction = "none") -> Any:
    r"""Hinge loss of a margin classifier, for labels -1 and 1.

    .. math:: L = \max(0, 1 - y z), \quad \partial_z L = \begin{cases} -y & y z < 1 \\ 0 & y z \ge 1 \end{cases}

    Parameters
    ----------
    labels : array_like or Tensor
        -1 or 1, of the shape of `logits`. They are constants: no gradient flows into them.
    logits : array_like or Tensor
        :math:`z`, the signed distance from the boundary, in units of the margin.
    sample_weight : array_like or Tensor, optional
        As in `mse`.
    reduction : {"none", "sum", "mean"}
        As in `mse`.

    Returns
    -------
    ndarray or Tensor
        Of the shape of `logits`, or of shape ().

    Raises
    ------
    ArgumentError
        For labels other than -1 and 1; for labels 0 and 1 write ``2 * labels - 1``. Else as in `mse`.
    ShapeError
        As in `mse`.

    Warns
    -----
    EmptyMeanWarning
        As in `mse`.

    Notes
    -----
    Infinite logits give 0 or infinity. At the kink the gradient is 0; the second derivative is 0 everywhere.
    Keras turns labels that are all 0 or 1 into -1 and 1, tf.compat.v1 always does; PyTorch has no such loss: its
    ``hinge_embedding_loss`` is another function. Source: C. Cortes and V. Vapnik, Support-Vector Networks, 1995.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> logits = xe.tensor([2.0, 0.5, 3.0], requires_grad=True)
    >>> loss = xe.losses.hinge(labels=np.array([1, 1, -1]), logits=logits)
    >>> loss.data
    array([0. , 0.5, 4. ])
    >>> loss.sum().backward()
    >>> logits.grad
    array([-0., -1.,  1.])
    """
    labels, logits = pair("hinge", values_of(labels), logits, "logits")
    instead = "2 * labels - 1" if ((labels == 0) | (labels == 1)).all() else "np.where(positive, 1, -1)"
    refuse("hinge", "labels", labels, np.abs(labels) != 1, f"the labels of this loss are -1 and 1.\n  Write {instead}.")
    return reduced("hinge", relu(1 - labels * logits), reduction, sample_weight)
