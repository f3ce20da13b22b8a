"""Metrics of scores and probabilities, before a class is chosen: the area under the ROC curve, and log loss."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..errors import ArgumentError, ShapeError
from .operands import (
    Array,
    array,
    beside,
    class_numbers,
    in_range,
    probabilities,
    refuse_nan,
    refuse_no_weight,
    weights,
)

SOFTMAX = "Write xe.softmax(logits) for the logits of several classes, xe.sigmoid(logits) for those of class 1."


def roc_auc(
    output: Any,
    target: Any,
    *,
    average: Literal["macro", "weighted"] | None = "macro",
    sample_weight: Any = None,
) -> Any:
    r"""Area under the ROC curve: how likely a sample of a class has a higher score for it than one of the rest.

    .. math:: A = P(s_+ > s_-) + \tfrac12 P(s_+ = s_-)

    Parameters
    ----------
    output : array_like or Tensor
        For two classes, any score of class 1, such as a logit or a probability, of the shape of `target`: only the
        order counts. For more, the probability of each class, shape (n, classes), which sum to 1; each class is then
        taken against the rest.
    target : array_like or Tensor
        The right class numbers, shape (n,), from 0.
    average : {"macro", "weighted"} or None
        For several classes: the mean; the mean with each class counting as often as it occurs; or an array with the
        area of each.
    sample_weight : array_like, optional
        How much each sample counts, of the shape of `target`; 0 or more.

    Returns
    -------
    float, or ndarray of shape (classes,) for ``average=None`` and several classes
        From 0 to 1; 0.5 is chance.

    Raises
    ------
    ArgumentError
        When a class does not occur, or nothing else does: there are no pairs to compare. When scores are NaN, or those
        of several classes no probabilities: logits of one class can't be compared between samples.
    ShapeError, DTypeError
        As in `accuracy`.

    Notes
    -----
    Equal to scikit-learn's ``roc_auc_score``, for several classes with ``multi_class="ovr"``. By sorting, in
    n log n time. Source: J. A. Hanley and B. J. McNeil, The meaning and use of the area under a receiver operating
    characteristic (ROC) curve, Radiology 143, 1982.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.metrics.roc_auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """
    who = "roc_auc"
    if average not in ("macro", "weighted", None):
        raise ArgumentError(f"{who}: average is {average!r}; expected 'macro', 'weighted' or None.")
    scores, truth, weight = with_target(who, output, target, sample_weight)
    if scores.ndim == 1:
        return area(who, scores, truth == 1, weight, 1)
    probabilities(who, scores, SOFTMAX)
    each = np.array([area(who, scores[:, k], truth == k, weight, k) for k in range(scores.shape[1])])
    if average is None:
        return each
    counts = np.bincount(truth, weight, len(each)) if average == "weighted" else None
    return float(np.average(each, weights=counts))


def log_loss(output: Any, target: Any, *, sample_weight: Any = None) -> float:
    r"""Mean cross-entropy of predicted probabilities, in nats.

    .. math:: L = -\frac{1}{n} \sum_i \log p_{i, y_i}

    Parameters
    ----------
    output : array_like or Tensor
        For two classes the probability of class 1, of the shape of `target`; or that of each class, shape
        (n, classes), which sum to 1.
    target : array_like or Tensor
        The right class numbers, shape (n,), from 0.
    sample_weight : array_like, optional
        How much each sample counts, of the shape of `target`; 0 or more.

    Returns
    -------
    float
        0 or more; infinite when a right class has probability 0.

    Raises
    ------
    ArgumentError
        When the probabilities are none: outside [0, 1], NaN, or with another sum than 1.
    ShapeError, DTypeError
        As in `accuracy`.

    Notes
    -----
    Equal to scikit-learn's ``log_loss``, which takes a probability 0 of the right class for the smallest that the
    dtype can add to 1, so that float64 gives 36.04 there. In training use the losses of logits,
    ``xe.losses.sparse_softmax_cross_entropy_with_logits``, which are exact for confident logits too.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> round(xe.metrics.log_loss([0.5, 0.25], [1, 0]), 4)  # (log 2 + log 4/3) / 2
    0.4904
    """
    who = "log_loss"
    p, truth, weight = with_target(who, output, target, sample_weight)
    probabilities(who, p, SOFTMAX)
    p = p.astype(np.float64)
    with np.errstate(divide="ignore"):
        if p.ndim == 2:
            each = -np.log(p[np.arange(len(truth)), truth])
        else:
            each = -np.where(truth == 1, np.log(p), np.log1p(-p))
    if weight is None:
        return float(each.mean()) + 0.0  # not -0.0
    return float(np.average(each[weight > 0], weights=weight[weight > 0])) + 0.0


def with_target(who: str, output: Any, target: Any, sample_weight: Any) -> tuple[Array, Array, Array | None]:
    """Scores, shape (n,) for two classes or (n, classes), class numbers, shape (n,), and weights.

    Raises
    ------
    ShapeError, DTypeError, ArgumentError
        When they do not fit.
    """
    scores, truth = array(who, "output", output), array(who, "target", target)
    if scores.shape != truth.shape or truth.ndim != 1:
        if scores.ndim != 2 or truth.ndim != 1 or len(scores) != len(truth):
            advice = " Write target.argmax(axis=-1) if target is one-hot." if truth.ndim == 2 != truth.shape[1] else ""
            raise ShapeError(
                f"{who}: output has shape {scores.shape}, target {truth.shape}.\n"
                f"  Expected (n,) for two classes or (n, classes), and (n,).{advice}"
            )
        if scores.shape[1] == 1:
            raise ShapeError(f"{who}: output has shape {scores.shape}, target {truth.shape}.\n  Write output[:, 0].")
        scores, truth, weight = beside(who, scores, truth, sample_weight, None)
        in_range(who, "target", truth, scores.shape[1])
        return scores, truth, weight
    if not len(truth):
        raise ShapeError(f"{who}: there are no samples.")
    weight = None if sample_weight is None else weights(who, sample_weight, truth.shape)
    refuse_no_weight(who, weight)
    refuse_nan(who, "output", scores)
    truth = class_numbers(who, "target", truth)
    in_range(who, "target", truth, 2)
    return scores, truth, weight


def area(who: str, scores: Array, positive: Array, weight: Array | None, number: int) -> float:
    """The area for one class: each group of equal scores beats the lower ones, and half of its own."""
    if weight is None:
        weight = np.ones(len(scores))
    _, place = np.unique(scores, return_inverse=True)
    mine = np.bincount(place, weight * positive)
    rest = np.bincount(place, weight * ~positive)
    total, others = mine.sum(), rest.sum()
    if not (total and others):
        what = f"class {number} does not occur" if not total else f"nothing but class {number} occurs"
        counted = "" if weight.all() else " with a weight above 0"
        raise ArgumentError(f"{who}: {what} in target{counted}; there are no pairs to compare.")
    lower = np.cumsum(rest) - rest
    return float(np.sum(mine * (lower + rest / 2)) / (total * others))
