"""The Kullback-Leibler divergence from labels to a prediction, and the entropy of a prediction."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import differentiable
from ..ops.rows import class_axis
from ..ops.special import log_softmax, sigmoid, softmax, softplus
from .operands import floating, one_of, pair, refuse, refuse_outside, values_of
from .reduction import Reduction, reduced
from .rules import softmax_excess
from .terms import information, log_odds, surprisal


def kl_divergence(
    *,
    labels: Any,
    logits: Any = None,
    probs: Any = None,
    axis: int = -1,
    sample_weight: Any = None,
    reduction: Reduction = "none",
) -> Any:
    r"""Kullback-Leibler divergence of a prediction p from labels y: the cross-entropy less the entropy of the labels.

    .. math::
        L = \sum_c y_c \log\frac{y_c}{p_c} = \mathrm{CE}(y, p) - H(y), \quad
        \partial_{z_c} L = S\,p_c - y_c, \quad \partial_{p_c} L = -\frac{y_c}{p_c}, \quad
        \partial_{y_c} L = \log\frac{y_c}{p_c} + 1

    with :math:`p = \mathrm{softmax}(z)` and :math:`S = \sum_c y_c` (form C7 of the article's audit).

    Parameters
    ----------
    labels : array_like or Tensor
        :math:`y`, 0 or more, of the shape of the prediction; meant to sum to 1 along `axis`. Gradients flow into them.
    logits, probs : array_like or Tensor
        :math:`z` or :math:`p`: exactly one of the two.
    axis : int
        The axis of the classes.
    sample_weight : array_like or Tensor, optional
        Of the shape of the prediction without `axis`, 0 or more. A weight 0 drops its sample, even one that is not
        finite.
    reduction : {"none", "sum", "mean"}
        ``w * l``, ``sum(w * l)``, or ``sum(w * l) / sum(w)``: the mean over samples, not over elements.

    Returns
    -------
    ndarray or Tensor
        Of the shape of the prediction without `axis`, or of shape (); in nats.

    Raises
    ------
    ShapeError
        When the shapes differ, even if they broadcast; for an axis out of range; for the mean of no losses at all.
    ArgumentError
        When not exactly one of `logits` and `probs` is given; for a negative label, a probability outside [0, 1],
        another reduction, or a negative weight.

    Warns
    -----
    EmptyMeanWarning
        When every weight is 0: the mean is then 0, with gradient 0.

    Notes
    -----
    Limits: a class with label 0 counts 0, and its derivative in the label is -inf; a class with label above 0 and
    probability 0 makes the divergence infinite. The minimum is 0, at p = y. Near it ``y log y - y log p`` would lose
    all its digits; here it is the sum of ``y (w + exp(-w) - 1)`` with ``w = log(y / p)``, none of which is negative,
    and of ``sum(y) - sum(p)``, which is taken as 0 where it is no more than the rounding of sums that are 1.

    PyTorch's ``kl_div(input, target)`` takes log-probabilities first, gives NaN for a label 0 beside a log-probability
    -inf, and its "mean" divides by the number of elements ("batchmean" is the mean here). Keras clips both at 1e-7.
    Source: S. Kullback and R. A. Leibler, On Information and Sufficiency, 1951.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> logits = xe.tensor([[0.0, 0.0], [1000.0, -1000.0]], requires_grad=True)
    >>> loss = xe.losses.kl_divergence(labels=np.array([[0.25, 0.75], [1.0, 0.0]]), logits=logits)
    >>> loss.data
    array([0.13081204, 0.        ])
    >>> loss.sum().backward()
    >>> logits.grad
    array([[ 0.25, -0.25],
           [ 0.  ,  0.  ]])
    """
    who = "kl_divergence"
    given = one_of(who, logits=logits, probs=probs)
    labels, values = pair(who, labels, logits if probs is None else probs, given)
    axis = class_axis(who, given, values, axis)
    refuse(who, "labels", labels, values_of(labels) < 0, "labels of a divergence are probabilities, 0 or more.")
    if given == "logits":
        loss = kl_on_logits(labels, values, axis=axis)
    else:
        refuse_outside(who, values, "kl_divergence(labels=..., logits=...)")
        loss = kl_on_probs(labels, values, axis=axis)
    return reduced(who, loss, reduction, sample_weight)


def divergence(y: Any, p: Any, w: Any, total: Any, axis: int) -> Any:
    """sum(y log(y / p)) along `axis`, given w = log(y / p) and the sum of p.

    y w + p - y = y (w + exp(-w) - 1) of each class is 0 or more, and exact near y = p; what the sums differ by is
    added.
    """
    above = np.where(y == 0, p, y * w + np.where(np.abs(w) < 1, y * np.expm1(-w), p - y))
    surplus = np.sum(y, axis=axis) - total
    rounding = y.shape[axis] * max(float(np.finfo(a.dtype).eps) for a in (y, p))
    surplus = np.where(np.abs(surplus) <= rounding, 0, surplus)
    return np.sum(above, axis=axis) + surplus


@differentiable(
    "labels, probs, *, axis",
    reduces="probs",
    labels=lambda g, labels, probs: g * (np.log(labels) + 1 + surprisal(probs)),
    probs=lambda g, labels, probs: -g * (labels / np.where((labels == 0) & (probs == 0), 1, probs)),
)
def kl_on_probs(labels: Any, probs: Any, *, axis: int) -> Any:
    """sum(y log(y / p)) along `axis`."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        w = np.log(labels) - np.log(probs)
        return divergence(labels, probs, w, np.sum(probs, axis=axis), axis)


@differentiable(
    "labels, logits, *, axis",
    reduces="logits",
    labels=lambda g, labels, logits, *, axis: g * (np.log(labels) + 1 - log_softmax(logits, axis)),
    logits=lambda g, labels, logits, *, axis: g * softmax_excess(labels, logits, class_axis=axis),
)
def kl_on_logits(labels: Any, logits: Any, *, axis: int) -> Any:
    """sum(y log(y / softmax(z))) along `axis`."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        w = np.log(labels) - log_softmax(logits, axis)
        return divergence(labels, softmax(logits, axis), w, 1, axis)


def entropy(
    *,
    logits: Any = None,
    probs: Any = None,
    axis: int | None = -1,
    sample_weight: Any = None,
    reduction: Reduction = "none",
) -> Any:
    r"""Entropy of a prediction, in nats: of its classes along `axis`, or of each element as the chance of one event.

    .. math::
        H = -\sum_c p_c \log p_c, \quad \partial_{z_c} H = -p_c (\log p_c + H), \quad \partial_{p_c} H = -(\log p_c + 1)

    with :math:`p = \mathrm{softmax}(z)`; with ``axis=None``, for :math:`p = \sigma(z)`,

    .. math::
        H = -p \log p - (1 - p) \log(1 - p), \quad \partial_z H = -z\,p\,(1 - p), \quad
        \partial_p H = \log\frac{1 - p}{p}

    Parameters
    ----------
    logits, probs : array_like or Tensor
        :math:`z` or :math:`p`: exactly one of the two.
    axis : int or None
        The axis of the classes; None for the binary entropy of each element.
    sample_weight : array_like or Tensor, optional
        Of the shape of the unreduced result, 0 or more. A weight 0 drops its sample, even one that is not finite.
    reduction : {"none", "sum", "mean"}
        ``w * h``, ``sum(w * h)``, or ``sum(w * h) / sum(w)``.

    Returns
    -------
    ndarray or Tensor
        Of the shape of the prediction without `axis` (with ``axis=None``: of its shape), or of shape ().
        Between 0 and log K for K classes.

    Raises
    ------
    ArgumentError
        When not exactly one of `logits` and `probs` is given; for a probability outside [0, 1], another reduction, or a
        negative weight.
    ShapeError
        For an axis out of range, and for the mean of no samples at all.

    Warns
    -----
    EmptyMeanWarning
        When every weight is 0: the mean is then 0, with gradient 0.

    Notes
    -----
    Limits: 0 log 0 is 0. A class with logit -inf drops out, with gradient 0; in a probability the derivative at 0 is
    infinite. Probabilities are not checked to sum to 1. From logits nothing cancels, however sure the prediction is.

    PyTorch's ``Categorical.entropy`` replaces infinite logits by the largest finite ones and gives -0.0 for a certain
    prediction; its ``Bernoulli.entropy`` at the logit 40 is 4.2e-18 in float64, where 1.7e-16 is right.
    Source: C. E. Shannon, A Mathematical Theory of Communication, 1948; form C7 of the article's audit for its place in
    the cross-entropy.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> logits = xe.tensor([[0.0, 0.0], [0.0, 40.0]], requires_grad=True)
    >>> h = xe.losses.entropy(logits=logits)
    >>> h.data
    array([6.93147181e-01, 1.74182524e-16])
    >>> h.sum().backward()
    >>> logits.grad
    array([[ 0.0000000e+00,  0.0000000e+00],
           [ 1.6993417e-16, -1.6993417e-16]])
    """
    who = "entropy"
    given = one_of(who, logits=logits, probs=probs)
    values = floating(who, given, logits if probs is None else probs)
    if given == "probs":
        refuse_outside(who, values, "entropy(logits=...)")
    if axis is None:
        h = (binary_entropy_on_logits if given == "logits" else binary_entropy_on_probs)(values)
    else:
        axis = class_axis(who, given, values, axis)
        h = (entropy_on_logits if given == "logits" else entropy_on_probs)(values, axis=axis)
    return reduced(who, h, reduction, sample_weight)


def p_surprisal(p: Any) -> Any:
    """-p log(p) of a plain array, and 0 at 0."""
    return -p * np.log(np.where(p == 0, 1, p))


@differentiable(
    "logits, *, axis",
    reduces="logits",
    logits=lambda g, out, logits, *, axis: g * (information(-log_softmax(logits, axis)) - softmax(logits, axis) * out),
)
def entropy_on_logits(logits: Any, *, axis: int) -> Any:
    """Entropy of softmax(logits) along `axis`."""
    # + 0.0 takes the sign off -0.0
    return np.sum(information.kernel(-log_softmax(logits, axis)), axis=axis) + 0.0


@differentiable("probs, *, axis", reduces="probs", probs=lambda g, probs: g * (surprisal(probs) - 1))
def entropy_on_probs(probs: Any, *, axis: int) -> Any:
    """-sum(p log(p)) along `axis`."""
    return np.sum(p_surprisal(probs), axis=axis) + 0.0


@differentiable(
    "logits",
    elementwise=True,
    logits=lambda g, logits: -g * (np.where(np.isinf(logits), 0, logits) * (sigmoid(logits) * sigmoid(-logits))),
)
def binary_entropy_on_logits(logits: Any) -> Any:
    """Entropy of an event of probability sigmoid(logits): its outcomes have surprisals softplus(-z) and softplus(z)."""
    return information.kernel(softplus.kernel(-logits)) + information.kernel(softplus.kernel(logits))


@differentiable("probs", elementwise=True, probs=lambda g, probs: g * log_odds(probs))
def binary_entropy_on_probs(probs: Any) -> Any:
    """Entropy of an event of the given probability."""
    return p_surprisal(probs) - (1 - probs) * np.log1p(-np.where(probs == 1, 0, probs)) + 0.0
