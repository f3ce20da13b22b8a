"""Precision, recall and F1: shares of the samples of a class, and of those that were called it."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np

from ..errors import ArgumentError
from .operands import judged, refuse_unlikely, whole

Average = Literal["binary", "macro", "micro", "weighted"]


def precision(
    output: Any,
    target: Any,
    *,
    average: Average | None = "binary",
    classes: int | None = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    zero_division: float = 0.0,
) -> Any:
    r"""Share of what was called a class that is of this class.

    .. math:: P_c = \frac{TP_c}{TP_c + FP_c}

    Parameters
    ----------
    output, target : array_like or Tensor
        As in `accuracy`.
    average : {"binary", "macro", "micro", "weighted"} or None
        ``"binary"``: that of class 1 of two. None: an array with that of each class. ``"macro"``: the mean over the
        classes that occur in `target` or `output`. ``"weighted"``: the same, each class counting as often as it is
        right. ``"micro"``: that of all decisions together, which is the accuracy.
    classes : int, optional
        As in `confusion_matrix`.
    sample_weight, ignore_index
        As in `accuracy`.
    zero_division : {0.0, 1.0, nan}
        What stands for 0 / 0, here for a class that was never called. NaN leaves the class out of a mean.

    Returns
    -------
    float, or ndarray of shape (classes,) for ``average=None``
        From 0 to 1.

    Raises
    ------
    ShapeError, DTypeError, ArgumentError
        As in `accuracy`; also for ``"binary"`` when there are more than two classes, and for other words.

    Notes
    -----
    Equal to scikit-learn's ``precision_score`` with the same `zero_division`, which there is 0 with a warning by
    default. Source: C. J. van Rijsbergen, Information Retrieval, 1979.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> output, target = [0, 1, 1, 1], [0, 0, 1, 1]
    >>> xe.metrics.precision(output, target)
    0.6666666666666666
    >>> xe.metrics.precision(output, target, average=None)
    array([1.        , 0.66666667])
    """
    return share("precision", output, target, average, classes, sample_weight, ignore_index, zero_division)


def recall(
    output: Any,
    target: Any,
    *,
    average: Average | None = "binary",
    classes: int | None = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    zero_division: float = 0.0,
) -> Any:
    r"""Share of a class that was called this class.

    .. math:: R_c = \frac{TP_c}{TP_c + FN_c}

    Parameters
    ----------
    output, target : array_like or Tensor
        As in `accuracy`.
    average, classes, sample_weight, ignore_index
        As in `precision`. The weighted mean is the accuracy.
    zero_division : {0.0, 1.0, nan}
        As in `precision`, here for a class that does not occur in `target`.

    Returns
    -------
    float, or ndarray of shape (classes,) for ``average=None``
        From 0 to 1.

    Raises
    ------
    ShapeError, DTypeError, ArgumentError
        As in `precision`.

    Notes
    -----
    Equal to scikit-learn's ``recall_score``; see `precision`.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.metrics.recall([0, 1, 1, 1], [0, 0, 1, 1], average=None)
    array([0.5, 1. ])
    """
    return share("recall", output, target, average, classes, sample_weight, ignore_index, zero_division)


def f1(
    output: Any,
    target: Any,
    *,
    average: Average | None = "binary",
    classes: int | None = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    zero_division: float = 0.0,
) -> Any:
    r"""Harmonic mean of precision and recall.

    .. math:: F_c = \frac{2\,TP_c}{2\,TP_c + FP_c + FN_c}

    Parameters
    ----------
    output, target : array_like or Tensor
        As in `accuracy`.
    average, classes, sample_weight, ignore_index
        As in `precision`. A mean is that of the classes' F1, not the F1 of mean precision and mean recall.
    zero_division : {0.0, 1.0, nan}
        As in `precision`, here for a class that neither occurs nor was called.

    Returns
    -------
    float, or ndarray of shape (classes,) for ``average=None``
        From 0 to 1.

    Raises
    ------
    ShapeError, DTypeError, ArgumentError
        As in `precision`.

    Notes
    -----
    Equal to scikit-learn's ``f1_score``; see `precision`.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.metrics.f1([0, 1, 1, 1], [0, 0, 1, 1])
    0.8
    """
    return share("f1", output, target, average, classes, sample_weight, ignore_index, zero_division)


def share(
    who: str, output: Any, target: Any, average: Any, classes: Any, sample_weight: Any, ignore_index: Any,
    zero_division: Any,
) -> Any:  # fmt: skip
    """Precision, recall or F1, by name: a share of the counts of right, called and true."""
    words = get_args(Average)
    if average is not None and average not in words:
        raise ArgumentError(f"{who}: average is {average!r}; expected one of {', '.join(map(repr, words))} or None.")
    if not isinstance(zero_division, int | float) or not (zero_division in (0, 1) or np.isnan(zero_division)):
        raise ArgumentError(f"{who}: zero_division is {zero_division!r}; expected 0.0, 1.0 or float('nan').")
    classes = None if classes is None else whole(who, "classes", classes, 1)
    truth, said, weight, count = judged(who, output, target, classes, sample_weight, ignore_index)
    refuse_unlikely(who, count, classes)
    if average == "binary" and count > 2:
        raise ArgumentError(
            f"{who}: there are {count} classes, and average is 'binary', which is that of class 1 of two.\n"
            "  Write average='macro', 'micro' or 'weighted', or None for each class."
        )
    known, count = count, max(count, 2)
    right = np.bincount(truth[truth == said], None if weight is None else weight[truth == said], count)
    called, true = np.bincount(said, weight, count), np.bincount(truth, weight, count)
    above, below = {
        "precision": (right, called),
        "recall": (right, true),
        "f1": (2 * right, called + true),
    }[who]
    if average == "micro":
        return float(above.sum() / below.sum())
    each = np.full(count, float(zero_division))
    np.divide(above, below, out=each, where=below > 0)
    if average == "binary":
        return float(each[1])
    if average is None:
        return each[:known]
    counted = np.zeros(count, bool)
    counted[truth] = counted[said] = True
    counted &= ~np.isnan(each)
    weighting = true[counted] if average == "weighted" and true[counted].any() else None
    return float(np.average(each[counted], weights=weighting)) if counted.any() else float("nan")
