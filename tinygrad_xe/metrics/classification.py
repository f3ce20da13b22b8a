"""Metrics of the classes that a classifier chose: accuracy, top-k accuracy and the confusion matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from .operands import Array, Judged, beside, columns, in_range, judged, refuse_unlikely, whole


def accuracy(output: Any, target: Any, *, sample_weight: Any = None, ignore_index: int | None = None) -> float:
    """Share of the samples whose class is right.

    Parameters
    ----------
    output : array_like or Tensor
        Class numbers, integers or booleans, of the shape of `target`; or a score for each class, logits or
        probabilities alike, with the classes in one more axis, the last: shape (n, classes) for n samples. The largest
        score wins, of equal ones the first, as in ``np.argmax``.
    target : array_like or Tensor
        The right class numbers, from 0, of any shape: integers, booleans, or floats that are whole.
    sample_weight : array_like, optional
        How much each sample counts, of the shape of `target`; 0 or more.
    ignore_index : int, optional
        A number in `target` that marks samples which do not count, such as padding. Its scores may be anything.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    ShapeError
        When the shapes do not fit, for scores of one class only, and when there are no samples.
    DTypeError
        When `output` is one float for each sample, which may be a logit or a probability: write ``output > 0`` or
        ``output > 0.5``. When `target` is not whole.
    ArgumentError
        For NaN, negative class numbers or weights, classes that there is no score of, and when nothing counts.

    Notes
    -----
    Equal to scikit-learn's ``accuracy_score``.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> logits = np.array([[2.0, 1.0], [0.5, 1.5], [3.0, 0.0]])
    >>> xe.metrics.accuracy(logits, [0, 1, 1])
    0.6666666666666666
    >>> xe.metrics.accuracy(np.array([-0.3, 1.2]) > 0, [0, 1])
    1.0
    """
    truth, said, weight, _ = judged("accuracy", output, target, None, sample_weight, ignore_index)
    return mean(truth == said, weight)


def top_k_accuracy(
    output: Any, target: Any, k: int = 5, *, sample_weight: Any = None, ignore_index: int | None = None
) -> float:
    """Share of the samples whose class is among the `k` with the largest scores.

    Parameters
    ----------
    output : array_like or Tensor
        A score for each class, logits or probabilities: the shape of `target`, and the classes as the last axis.
    target : array_like or Tensor
        As in `accuracy`.
    k : int
        From 1 to one less than the number of classes.
    sample_weight, ignore_index
        As in `accuracy`.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    ShapeError, DTypeError, ArgumentError
        As in `accuracy`; also for class numbers instead of scores, and for a `k` that leaves no class out.

    Notes
    -----
    Equal to scikit-learn's ``top_k_accuracy_score`` for three classes or more, also where scores are equal: the larger
    class number comes first. With ``k=1`` this is `accuracy`, but for equal scores.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> logits = np.array([[2.0, 1.0, 0.0], [0.5, 1.5, 0.7], [3.0, 0.0, 1.0]])
    >>> xe.metrics.top_k_accuracy(logits, [0, 2, 1], k=2)
    0.6666666666666666
    """
    who = "top_k_accuracy"
    k = whole(who, "k", k, 1)
    scores, truth, weight = beside(who, output, target, sample_weight, ignore_index)
    if scores.ndim == 1:
        raise ShapeError(
            f"{who}: output has the shape of target, {np.shape(target)}: class numbers.\n"
            "  Expected a score for each class, in one more axis, the last. Write accuracy for class numbers."
        )
    count = columns(who, scores, None)
    in_range(who, "target", truth, count)
    if k >= count:
        raise ArgumentError(f"{who}: k is {k}, but there are {count} classes: each sample would be right.")
    own = scores[np.arange(len(truth)), truth][:, None]
    ahead = (scores > own) | ((scores == own) & (np.arange(count) > truth[:, None]))
    return mean(ahead.sum(axis=1) < k, weight)


def confusion_matrix(
    output: Any,
    target: Any,
    *,
    classes: int | None = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
) -> Array:
    """How often each class was taken for each: a row for each right class, a column for each chosen one.

    Parameters
    ----------
    output, target : array_like or Tensor
        As in `accuracy`.
    classes : int, optional
        The number of classes. By default that of the scores, or one more than the largest class number.
    sample_weight, ignore_index
        As in `accuracy`.

    Returns
    -------
    ndarray, shape (classes, classes)
        int64, or float64 sums of weights. Classes that do not occur have rows and columns of zeros.

    Raises
    ------
    ShapeError, DTypeError, ArgumentError
        As in `accuracy`; also for class numbers of 10,000 and more unless `classes` is given.

    Notes
    -----
    Equal to scikit-learn's ``confusion_matrix(target, output, labels=range(classes))``; mind the order of the two.
    ``m / m.sum(axis=1, keepdims=True)`` has the shares of each right class.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.metrics.confusion_matrix([0, 1, 1, 1], [0, 0, 1, 1])
    array([[1, 1],
           [0, 2]])
    """
    who = "confusion_matrix"
    classes = None if classes is None else whole(who, "classes", classes, 1)
    found = judged(who, output, target, classes, sample_weight, ignore_index)
    refuse_unlikely(who, found.classes, classes)
    return counts(found)


def counts(found: Judged) -> Array:
    """A row for each right class, a column for each chosen one."""
    n = found.classes
    return np.bincount(found.truth * n + found.said, found.weight, n * n).reshape(n, n)


def mean(right: Array, weight: Array | None) -> float:
    """The share of `right`, by weight."""
    return float(np.average(right, weights=weight))
