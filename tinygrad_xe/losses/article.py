r"""The losses exactly as the article writes them: sigmoid, softmax, log, sums and division, for study.

Each function is plain arithmetic, so it takes arrays, Tensors, and object arrays whose elements have the methods
``exp`` and ``log``: symbols, or numbers of any precision. It is not what to train with: ``exp`` overflows above 88.7 in
float32 and 709.8 in float64, a probability that has rounded to 0 has the logarithm -inf, and ``0 * inf`` is NaN (R10 of
the article's audit). `tinygrad_xe.losses` has the same names in forms that are exact there. The numbers E1, E3, ... are
those of the article's equations in its audit.

Examples
--------
>>> import numpy as np
>>> import tinygrad_xe as xe
>>> case = dict(labels=np.array([1.0]), logits=np.array([-1000.0]))
>>> with np.errstate(all="ignore"):
...     xe.losses.article.sigmoid_cross_entropy_with_logits(**case)
array([inf])
>>> xe.losses.sigmoid_cross_entropy_with_logits(**case)
array([1000.])
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ArgumentError
from .reduction import Reduction


def sigmoid(z: Any) -> Any:
    """``1 / (1 + exp(-z))``: E8, with z for the linear model."""
    return 1 / (1 + np.exp(-z))


def softmax(z: Any, axis: int = -1) -> Any:
    """``exp(z) / sum(exp(z))`` along `axis`."""
    return np.exp(z) / np.sum(np.exp(z), axis=axis, keepdims=True)


def reduced(loss: Any, reduction: Reduction) -> Any:
    """The losses of the samples, their sum (E11), or their mean."""
    if reduction not in ("none", "sum", "mean"):
        raise ArgumentError(f"article: reduction is {reduction!r}; it can be 'none', 'sum' or 'mean'.")
    if reduction == "none":
        return loss
    return np.sum(loss) if reduction == "sum" else np.sum(loss) / math.prod(np.shape(loss))


def binary_cross_entropy(*, labels: Any, probs: Any, reduction: Reduction = "none") -> Any:
    """E1: ``-[y log p + (1 - y) log(1 - p)]``; with reduction="sum" the negative of E5.

    Parameters
    ----------
    labels, probs : ndarray, Tensor or array of objects
        Of one shape.
    reduction : {"none", "sum", "mean"}

    Returns
    -------
    Of the kind and shape of `probs`, or reduced.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.losses.article.binary_cross_entropy(labels=np.array([1, 0]), probs=np.array([0.875, 0.25]))
    array([0.13353139, 0.28768207])
    """
    return reduced(-(labels * np.log(probs) + (1 - labels) * np.log(1 - probs)), reduction)


def cross_entropy(*, labels: Any, probs: Any, axis: int = -1, reduction: Reduction = "none") -> Any:
    """E3: ``-sum(y_c log p_c)`` over the classes.

    Parameters
    ----------
    labels, probs : ndarray, Tensor or array of objects
        Of one shape.
    axis : int
        The axis of the classes.
    reduction : {"none", "sum", "mean"}

    Returns
    -------
    Of the kind of `probs`, without `axis`, or reduced.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.losses.article.cross_entropy(labels=np.array([0, 1]), probs=np.array([0.75, 0.25]))
    np.float64(1.3862943611198906)
    """
    return reduced(-np.sum(labels * np.log(probs), axis=axis), reduction)


def sigmoid_cross_entropy_with_logits(*, labels: Any, logits: Any, reduction: Reduction = "none") -> Any:
    """E8 put into E1, as in E12: ``-[y log h + (1 - y) log(1 - h)]`` with ``h = 1 / (1 + exp(-z))``.

    The complement is ``1 - h``; the article's E9 has a slip there (R2 of its audit). The gradient in z is ``h - y``,
    from which E18 follows by the chain rule.

    Parameters
    ----------
    labels, logits : ndarray, Tensor or array of objects
        Of one shape.
    reduction : {"none", "sum", "mean"}

    Returns
    -------
    Of the kind and shape of `logits`, or reduced.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.losses.article.sigmoid_cross_entropy_with_logits(labels=np.array([1.0]), logits=np.array([0.0]))
    array([0.69314718])
    """
    return binary_cross_entropy(labels=labels, probs=sigmoid(logits), reduction=reduction)


def weighted_cross_entropy_with_logits(
    *, labels: Any, logits: Any, pos_weight: Any, reduction: Reduction = "none"
) -> Any:
    """E1 with the positive term weighted: ``-[q y log h + (1 - y) log(1 - h)]``, ``h`` as in E8 (C8 of the audit).

    Parameters
    ----------
    labels, logits : ndarray, Tensor or array of objects
        Of one shape.
    pos_weight : number, or an array that broadcasts
    reduction : {"none", "sum", "mean"}

    Returns
    -------
    Of the kind and shape of `logits`, or reduced.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> labels, logits = np.array([1.0]), np.array([0.0])
    >>> xe.losses.article.weighted_cross_entropy_with_logits(labels=labels, logits=logits, pos_weight=2.0)
    array([1.38629436])
    """
    h = sigmoid(logits)
    return reduced(-(pos_weight * labels * np.log(h) + (1 - labels) * np.log(1 - h)), reduction)


def softmax_cross_entropy_with_logits_v2(
    *, labels: Any, logits: Any, axis: int = -1, reduction: Reduction = "none"
) -> Any:
    """E3 with ``p = exp(z) / sum(exp(z))``; gradients flow into the labels (T3).

    Parameters
    ----------
    labels, logits : ndarray, Tensor or array of objects
        Of one shape.
    axis : int
        The axis of the classes.
    reduction : {"none", "sum", "mean"}

    Returns
    -------
    Of the kind of `logits`, without `axis`, or reduced.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> labels, logits = np.array([[1.0, 0.0, 0.0]]), np.array([[1.0, -0.5, 0.25]])
    >>> xe.losses.article.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
    array([0.52797574])
    """
    return cross_entropy(labels=labels, probs=softmax(logits, axis), axis=axis, reduction=reduction)


def softmax_cross_entropy_with_logits(
    *, labels: Any, logits: Any, axis: int = -1, reduction: Reduction = "none"
) -> Any:
    """E3 with ``p = exp(z) / sum(exp(z))`` and constant labels (T1): a Tensor of labels is detached.

    Parameters
    ----------
    labels, logits : ndarray, Tensor or array of objects
        Of one shape.
    axis : int
        The axis of the classes.
    reduction : {"none", "sum", "mean"}

    Returns
    -------
    Of the kind of `logits`, without `axis`, or reduced.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> labels, logits = np.array([[1.0, 0.0, 0.0]]), np.array([[1.0, -0.5, 0.25]])
    >>> xe.losses.article.softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    array([0.52797574])
    """
    labels = labels.detach() if hasattr(labels, "detach") else labels
    return softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits, axis=axis, reduction=reduction)


def sparse_softmax_cross_entropy_with_logits(
    *, labels: Any, logits: Any, axis: int = -1, reduction: Reduction = "none"
) -> Any:
    """E3 with ``p = exp(z) / sum(exp(z))`` and class numbers (T2): ``y_c`` is 1 where c is the label, else 0.

    Parameters
    ----------
    labels : ndarray of int
        Of the shape of `logits` without `axis`.
    logits : ndarray, Tensor or array of objects
    axis : int
        The axis of the classes.
    reduction : {"none", "sum", "mean"}

    Returns
    -------
    Of the kind of `logits`, without `axis`, or reduced.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> logits = np.array([[1.0, -0.5, 0.25]])
    >>> xe.losses.article.sparse_softmax_cross_entropy_with_logits(labels=np.array([0]), logits=logits)
    array([0.52797574])
    """
    classes = np.arange(logits.shape[axis])
    one_hot = np.moveaxis((np.asarray(labels)[..., None] == classes).astype(int), -1, axis)
    return cross_entropy(labels=one_hot, probs=softmax(logits, axis), axis=axis, reduction=reduction)
