"""The focal losses: cross-entropies in which a sample counts less, the better it is predicted already."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..ops.rows import class_axis
from ..ops.special import log_softmax, softplus
from .operands import floating, operand, pair, values_of
from .options import checked_class_weight, sparse_with_options, weighted_labels
from .reduction import Reduction, reduced, weighted
from .terms import focal, labelled


def binary_focal_cross_entropy(
    *,
    labels: Any,
    logits: Any,
    gamma: float = 2.0,
    alpha: float | None = None,
    sample_weight: Any = None,
    reduction: Reduction = "none",
) -> Any:
    r"""Binary focal loss.

    .. math::
        L = \alpha\,y\,F(z) + (1 - \alpha)(1 - y)\,F(-z), \quad F(z) = (1 - p)^\gamma\,(-\log p), \quad
        p = \sigma(z), \quad F'(z) = (1 - p)^\gamma\,(\gamma\,p \log p + p - 1)

    and both factors of :math:`\alpha` are 1 where it is None (form C8 of the article's audit). With ``gamma=0`` it is
    `sigmoid_cross_entropy_with_logits`.

    Parameters
    ----------
    labels : array_like or Tensor
        :math:`y`, 0 or 1, of the shape of `logits`. Between them the loss is linear in :math:`y`.
    logits : array_like or Tensor
        :math:`z`.
    gamma : float
        :math:`\gamma`, 0 or more: how fast the weight of a sample falls as its prediction gets better.
    alpha : float, optional
        The weight of positive labels, from 0 to 1; negative ones have 1 - alpha. It does not count in the mean.
    sample_weight : array_like or Tensor, optional
        Of the shape of `logits`, 0 or more. A weight 0 drops its term, even one that is not finite.
    reduction : {"none", "sum", "mean"}
        ``w * l``, ``sum(w * l)``, or ``sum(w * l) / sum(w)``.

    Returns
    -------
    ndarray or Tensor
        Of the shape of `logits`, or of shape ().

    Raises
    ------
    ArgumentError
        For gamma below 0, alpha outside [0, 1], another reduction, or a negative weight.
    ShapeError
        When the shapes differ, even if they broadcast; for the mean of no losses at all.

    Warns
    -----
    EmptyMeanWarning
        When every weight is 0: the mean is then 0, with gradient 0.

    Notes
    -----
    Limits for y = 1: as z goes to infinity the loss and its gradient go to 0, for every gamma; at -1000 the loss is
    1000 and its gradient -1. Infinite logits give the limits.

    The formula of torchvision and of Keras has ``p_t = p y + (1 - p) (1 - y)`` in it and agrees for 0 and 1 only.
    As PyTorch code it gives NaN gradients for 0 < gamma < 1 where ``1 - p`` rounds to 0, and a NaN loss at infinite
    logits. Keras clips p to [1e-7, 1 - 1e-7], and uses alpha with ``apply_class_balancing`` only.
    Source: T.-Y. Lin et al., Focal Loss for Dense Object Detection, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> logits = xe.tensor([0.0, 1000.0, -1000.0], requires_grad=True)
    >>> loss = xe.losses.binary_focal_cross_entropy(labels=np.ones(3), logits=logits)
    >>> loss.data
    array([1.73286795e-01, 0.00000000e+00, 1.00000000e+03])
    >>> loss.sum().backward()
    >>> logits.grad
    array([-0.2982868,  0.       , -1.       ])
    """
    who = "binary_focal_cross_entropy"
    gamma = checked_gamma(who, gamma)
    if alpha is not None and not 0 <= alpha <= 1:
        raise ArgumentError(f"{who}: alpha is {alpha}; it lies in [0, 1], the share of the positive labels.")
    labels, logits = pair(who, labels, logits, "logits")
    positive, negative = labels, 1 - labels
    if alpha is not None:
        positive, negative = float(alpha) * positive, (1 - float(alpha)) * negative
    # n = -log p of label 1 is softplus(-z); of label 0, softplus(z)
    loss = labelled(positive, focal(softplus(-logits), gamma=gamma)) + labelled(
        negative, focal(softplus(logits), gamma=gamma)
    )
    return reduced(who, loss, reduction, sample_weight)


def focal_cross_entropy(
    *,
    labels: Any,
    logits: Any,
    gamma: float = 2.0,
    axis: int = -1,
    class_weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    reduction: Reduction = "none",
) -> Any:
    r"""Focal loss of several classes.

    .. math::
        L = -\sum_c w_c\,y_c\,(1 - p_c)^\gamma \log p_c, \quad p = \mathrm{softmax}(z), \quad
        \partial_{\log p_c} L = w_c\,y_c \left(\gamma\,p_c\,(1 - p_c)^{\gamma - 1} \log p_c - (1 - p_c)^\gamma\right)

    With ``gamma=0`` it is the softmax cross-entropy.

    Parameters
    ----------
    labels : array_like or Tensor
        Integers: the number of each sample's class, the shape of `logits` without `axis`. Floats or booleans: one label
        for each class, :math:`y`, the shape of `logits`; gradients flow into them.
    logits : array_like or Tensor
        :math:`z`.
    gamma : float
        :math:`\gamma`, 0 or more: how fast the weight of a sample falls as its prediction gets better.
    axis : int
        The axis of the classes.
    class_weight : array_like or Tensor, shape (K,), optional
        :math:`w`. In the mean it counts as a weight of the sample: ``sum(w * y)``.
    sample_weight : array_like or Tensor, optional
        Of the shape of the unreduced loss, 0 or more. A weight 0 drops its sample, even one that is not finite.
    ignore_index : int, optional
        The class number that means no class: its loss, its gradient and its weight are 0. For integer labels.
    reduction : {"none", "sum", "mean"}
        ``w * l``, ``sum(w * l)``, or ``sum(w * l) / sum(w)``.

    Returns
    -------
    ndarray or Tensor
        Of the shape of `logits` without `axis`, or of shape ().

    Raises
    ------
    ArgumentError
        For gamma below 0, a class number without a class, an `ignore_index` for labels that are not integers, another
        reduction, or a negative weight.
    ShapeError
        When the shapes do not fit, even if they broadcast; for an axis out of range; for the mean of no losses at all.

    Warns
    -----
    EmptyMeanWarning
        When every weight is 0: the mean is then 0, with gradient 0.

    Notes
    -----
    ``1 - p`` is computed as ``-expm1(log p)``, so that loss and gradient keep their digits for a certain prediction. A
    class with label 0 counts 0, also where its logit is -inf.

    PyTorch has no such loss. Keras's CategoricalFocalCrossentropy clips p to [1e-7, 1 - 1e-7] and has alpha = 0.25.
    Source: T.-Y. Lin et al., Focal Loss for Dense Object Detection, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> logits = xe.tensor([[0.0, 0.0], [1000.0, 0.0]], requires_grad=True)
    >>> loss = xe.losses.focal_cross_entropy(labels=np.array([0, 1]), logits=logits)
    >>> loss.data
    array([1.73286795e-01, 1.00000000e+03])
    >>> loss.sum().backward()
    >>> logits.grad
    array([[-0.2982868,  0.2982868],
           [ 1.       , -1.       ]])
    """
    who = "focal_cross_entropy"
    gamma = checked_gamma(who, gamma)
    labels, logits, mass = operand(who, "labels", labels), floating(who, "logits", logits), None
    axis = class_axis(who, "logits", logits, axis)
    if labels.dtype.kind in "iu":
        n, weight, _ = sparse_with_options(who, labels, logits, axis, 0.0, 1.0, None, sample_weight, ignore_index)
        loss = focal(n, gamma=gamma)
        if class_weight is not None:
            t = values_of(labels)
            t = t if ignore_index is None else np.where(t == ignore_index, 0, t)
            mass = checked_class_weight(who, class_weight, logits.shape[axis], logits.dtype)[t]
            loss = weighted(loss, mass)
        return reduced(who, loss, reduction, weight, mass)
    if ignore_index is not None:
        raise ArgumentError(
            f"{who}: ignore_index is {ignore_index}, and labels have dtype {labels.dtype}; it is a class number,\n"
            "  for integer labels. Write sample_weight= with 0 for the samples to leave out."
        )
    labels, logits = pair(who, labels, logits, "logits")
    if class_weight is not None:
        w, mass = weighted_labels(who, labels, class_weight, logits, axis)
        labels = labels * w
    loss = np.sum(labelled(labels, focal(-log_softmax(logits, axis), gamma=gamma)), axis=axis)
    return reduced(who, loss, reduction, sample_weight, mass)


def checked_gamma(who: str, gamma: float) -> float:
    """The exponent of the focal factor as a Python float."""
    if not 0 <= gamma < math.inf:
        raise ArgumentError(
            f"{who}: gamma is {gamma}; it is a finite number, 0 or more. With 0 it is the cross-entropy."
        )
    return float(gamma)
