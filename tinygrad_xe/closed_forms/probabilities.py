"""C4: the cross-entropy of several classes on probabilities, and the derivatives of softmax and its logarithm."""

from __future__ import annotations

import numpy as np

from .form import Array, ArrayLike, ClosedForm, pair, times
from .stable import softmax


def cross_entropy_on_probs(labels: ArrayLike, probs: ArrayLike, axis: int = -1) -> ClosedForm:
    r"""C4, from E3: the cross-entropy as a function of the probabilities, which count as independent of each other.

    .. math:: L = -\sum_c y_c \log p_c, \quad \partial_{p_c} L = -\frac{y_c}{p_c}, \quad
              \partial_{y_c} L = -\log p_c, \quad \partial_{p_c}^2 L = \frac{y_c}{p_c^2}, \quad
              \partial_{p_c} \partial_{y_c} L = -\frac{1}{p_c}

    A class with label 0 counts 0, with gradient 0, also at p = 0 (C10).

    Parameters
    ----------
    labels, probs : array_like
        Of one shape; any real labels, probabilities 0 or more.
    axis : int
        The axis of the classes.

    Returns
    -------
    ClosedForm
        A loss without `axis`. The second and the mixed derivative are the diagonals: all else is 0.

    Raises
    ------
    ShapeError
        When the shapes differ.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.cross_entropy_on_probs([0.0, 1.0, 0.0], [0.5, 0.25, 0.25]).gradient
    array([ 0., -4.,  0.])
    """
    y, p = pair("cross_entropy_on_probs", labels, probs)
    with np.errstate(divide="ignore", over="ignore"):
        n = -np.log(p)
        return ClosedForm(
            loss=np.sum(times(y, n), axis=axis),
            gradient=times(-y, 1 / p),
            label_gradient=n,
            second=times(y, p**-2),
            mixed=-1 / p,
        )


def softmax_jacobian(logits: ArrayLike, axis: int = -1) -> Array:
    r"""C4: the derivatives of each probability in each logit.

    .. math:: \frac{\partial p_i}{\partial z_j} = p_i\,(\delta_{ij} - p_j)

    On the diagonal :math:`1 - p_i` is taken as the sum of the others, which does not cancel.

    Parameters
    ----------
    logits : array_like
    axis : int
        The axis of the K classes.

    Returns
    -------
    ndarray
        Of the shape of `logits` without `axis`, and (K, K) after it: i, then j.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.softmax_jacobian([0.0, 0.0])
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    p = np.moveaxis(softmax(logits, axis), axis, -1)
    return np.asarray(p[..., :, None] * apart(p))


def log_softmax_jacobian(logits: ArrayLike, axis: int = -1) -> Array:
    r"""C4: the derivatives of each log-probability in each logit.

    .. math:: \frac{\partial \log p_i}{\partial z_j} = \delta_{ij} - p_j

    Parameters
    ----------
    logits : array_like
    axis : int
        The axis of the K classes.

    Returns
    -------
    ndarray
        Of the shape of `logits` without `axis`, and (K, K) after it: i, then j.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.log_softmax_jacobian([0.0, 0.0])
    array([[ 0.5, -0.5],
           [-0.5,  0.5]])
    """
    return apart(np.moveaxis(softmax(logits, axis), axis, -1))


def others(count: int) -> Array:
    """A matrix whose row c picks the classes other than c."""
    return 1 - np.eye(count)


def apart(p: Array) -> Array:
    """``delta_ij - p_j`` for probabilities along the last axis, with the sum of the others for ``1 - p_i``."""
    rest = p @ others(p.shape[-1])
    return np.asarray(np.eye(p.shape[-1]) * rest[..., None] - others(p.shape[-1]) * p[..., None, :])
