"""C7: maximum likelihood and Fisher information: where the cross-entropy comes from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import ArgumentError
from .divergence import binary_entropy, entropy
from .form import Array, ArrayLike, pair
from .multiclass import softmax_on_logits
from .stable import sigma, softmax


class MaximumLikelihood(NamedTuple):
    """Where a likelihood is largest: the minimum of its negative logarithm.

    Attributes
    ----------
    probs, logits : ndarray
        The estimate, as probabilities and as logits.
    minimum : ndarray, shape ()
        The negative log-likelihood there.
    curvature, logit_curvature : ndarray
        Its second derivative there: in the probabilities, and in the logits. For classes these are matrices.
    """

    probs: Array
    logits: Array
    minimum: Array
    curvature: Array
    logit_curvature: Array


def bernoulli_mle(labels: ArrayLike) -> MaximumLikelihood:
    r"""C7, from E4 and E5: maximum likelihood of one probability for N binary labels.

    .. math:: \hat p = \bar y, \quad \hat z = \log\frac{\bar y}{1 - \bar y}, \quad \min = N\,H(\bar y), \quad
              \partial_p^2 = \frac{N}{\hat p (1 - \hat p)}, \quad \partial_z^2 = N\,\hat p\,(1 - \hat p)

    Parameters
    ----------
    labels : array_like
        In [0, 1], of any shape with at least one element.

    Returns
    -------
    MaximumLikelihood
        All of shape (). Where all labels are 0, or all 1, the logit is infinite, and so is the curvature in p.

    Raises
    ------
    ArgumentError
        For no labels.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> found = xe.closed_forms.bernoulli_mle([1, 0, 1, 1, 0, 1, 0, 1])
    >>> found.probs, found.logits
    (array(0.625), array(0.51082562))
    >>> found.minimum, found.curvature
    (array(5.29250591), array(34.13333333))
    """
    y = np.asarray(labels, np.float64)
    if not y.size:
        raise ArgumentError("bernoulli_mle: there are no labels, so there is no estimate.")
    p = np.asarray(np.mean(y))
    h, n = binary_entropy(p), y.size
    assert h.second is not None
    return MaximumLikelihood(
        probs=p,
        logits=np.asarray(-h.gradient),
        minimum=np.asarray(n * h.loss),
        curvature=np.asarray(-n * h.second),
        logit_curvature=np.asarray(n * p * (1 - p)),
    )


def categorical_mle(counts: ArrayLike) -> MaximumLikelihood:
    r"""C7: maximum likelihood of the probabilities of K classes, seen :math:`n_c` times each.

    .. math:: \hat p_c = \frac{n_c}{N}, \quad \hat z_c = \log \hat p_c, \quad \min = N\,H(\hat p), \quad
              \partial_{p_c}^2 = \frac{n_c}{\hat p_c^2} = \frac{N}{\hat p_c}, \quad
              \nabla_z^2 = N\,(\mathrm{diag}(\hat p) - \hat p\,\hat p^T)

    The likelihood is :math:`\prod_c p_c^{n_c}`, with probabilities that sum to 1; the logits are determined up to a
    constant.

    Parameters
    ----------
    counts : array_like, shape (K,)
        0 or more; not all 0.

    Returns
    -------
    MaximumLikelihood
        Probabilities and logits of shape (K,), curvatures of shape (K, K).

    Raises
    ------
    ArgumentError
        For counts that are not a vector, are negative, or are all 0.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> found = xe.closed_forms.categorical_mle([3, 1, 4])
    >>> found.probs
    array([0.375, 0.125, 0.5  ])
    >>> found.minimum
    array(7.79451802)
    """
    n = np.asarray(counts, np.float64)
    if n.ndim != 1 or not np.sum(n) > 0 or (n < 0).any():
        raise ArgumentError(f"categorical_mle: counts are {n}; expected a vector of numbers 0 or more, not all 0.")
    total = np.sum(n)
    p = n / total
    with np.errstate(divide="ignore"):
        return MaximumLikelihood(
            probs=p,
            logits=np.log(p),
            minimum=np.asarray(total * entropy(p).loss),
            curvature=np.diag(total / p),
            logit_curvature=total * (np.diag(p) - np.outer(p, p)),
        )


def bernoulli_information(logits: ArrayLike) -> Array:
    r"""C7: the Fisher information of a logit, by enumeration of the two labels.

    .. math:: E_{y \sim p}[(p - y)^2] = p\,(1-p)^2 + (1-p)\,p^2 = p\,(1-p), \quad p = \sigma(z)

    It is the second derivative of the loss (C2), so that Newton's method is Fisher scoring. For logistic regression it
    is :math:`X^T \mathrm{diag}(p(1-p))\,X` (C3).

    Parameters
    ----------
    logits : array_like

    Returns
    -------
    ndarray
        Of the shape of `logits`.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.bernoulli_information([0.0, 40.0])
    array([2.50000000e-01, 4.24835426e-18])
    """
    p, q = sigma(logits), sigma(-np.asarray(logits, np.float64))
    return np.asarray(p * q**2 + q * p**2)


def categorical_information(logits: ArrayLike, axis: int = -1) -> Array:
    r"""C7: the Fisher information of the logits of K classes, by enumeration of the K labels.

    .. math:: E_{y \sim p}[(p - y)(p - y)^T] = \sum_t p_t\,(p - e_t)(p - e_t)^T = \mathrm{diag}(p) - p\,p^T

    with :math:`p = \mathrm{softmax}(z)` and unit vectors :math:`e_t`. It is the Hessian of the loss (C6) for labels
    that sum to 1, so that Newton's method is Fisher scoring.

    Parameters
    ----------
    logits : array_like
    axis : int
        The axis of the K classes.

    Returns
    -------
    ndarray
        Of the shape of `logits` without `axis`, and (K, K) after it.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.categorical_information([0.0, 0.0])
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    z = np.moveaxis(np.asarray(logits, np.float64), axis, -1)
    classes = z.shape[-1]
    every = np.broadcast_to(z[..., None, :], (*z.shape, classes))  # row t: the logits, for the label t
    one_hot = np.broadcast_to(np.eye(classes), every.shape)
    score = softmax_on_logits(*pair("categorical_information", one_hot, every)).gradient
    return np.asarray(np.einsum("...t,...ti,...tj->...ij", softmax(z), score, score))
