"""Cross-entropies of probabilities, as the article's first equations have them. Where there are logits, use those."""

from __future__ import annotations

from typing import Any

from ..ops.rows import class_axis
from . import rules
from .operands import pair
from .options import weighted_labels, whole_axis
from .reduction import Reduction, reduced


def binary_cross_entropy(*, labels: Any, probs: Any, sample_weight: Any = None, reduction: Reduction = "none") -> Any:
    r"""Binary cross-entropy of probabilities, elementwise: equations E1 and E2 of the article.

    .. math::
        L = -[y \log p + (1-y) \log(1-p)], \quad \partial_p L = \frac{p - y}{p (1-p)}, \quad
        \partial_y L = \log\frac{1-p}{p}, \quad \partial_p^2 L = \frac{y}{p^2} + \frac{1-y}{(1-p)^2}

    (form C1 of the article's audit).

    Parameters
    ----------
    labels : array_like or Tensor
        :math:`y`, of the shape of `probs`; hard or soft. Gradients flow into them.
    probs : array_like or Tensor
        :math:`p`, the probability of the positive class, in [0, 1].
    sample_weight : array_like or Tensor, optional
        :math:`w`, of the shape of `probs`, 0 or more. A weight 0 drops its element, even one that is not finite.
    reduction : {"none", "sum", "mean"}
        ``w * l``, ``sum(w * l)``, or ``sum(w * l) / sum(w)``.

    Returns
    -------
    ndarray or Tensor
        Of the shape of `probs`, or of shape (); of their dtype, in nats.

    Raises
    ------
    ArgumentError
        For a probability outside [0, 1], with its place; another reduction; a negative weight.
    ShapeError
        When the shapes differ, even if they broadcast; for the mean of no elements at all.

    Warns
    -----
    EmptyMeanWarning
        When every weight is 0: the mean is then 0, with gradient 0.

    Notes
    -----
    Limits: :math:`0 \log 0 = 0`. At p = y = 0 the loss is 0 with gradient 1, at p = y = 1 it is 0 with gradient -1; at
    p = 0 with y > 0, and at p = 1 with y < 1, the loss is infinite, and so is its gradient. Probabilities are not
    clipped. A sigmoid that has rounded to 0 or 1 has lost the loss: use `sigmoid_cross_entropy_with_logits`.

    PyTorch clamps the logarithms at -100 and has the gradient 0 at (0, 0) and (1, 1), and -1e12 at p = 0, y = 1. Keras
    clips p to [1e-7, 1 - 1e-7].

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> p = xe.tensor([0.875, 0.0, 0.625], requires_grad=True)
    >>> loss = xe.losses.binary_cross_entropy(labels=np.array([1.0, 0.0, 0.25]), probs=p)
    >>> loss.data
    array([0.13353139, 0.        , 0.85312285])
    >>> loss.sum().backward()
    >>> p.grad
    array([-1.14285714,  1.        ,  1.6       ])
    """
    loss = rules.binary_cross_entropy.call(labels, probs)
    return reduced("binary_cross_entropy", loss, reduction, sample_weight)


def cross_entropy(
    *,
    labels: Any,
    probs: Any,
    axis: int = -1,
    class_weight: Any = None,
    sample_weight: Any = None,
    reduction: Reduction = "none",
) -> Any:
    r"""Cross-entropy of class probabilities with one label for each class: equation E3 of the article.

    .. math::
        L = -\sum_c y_c \log p_c, \quad \partial_{p_c} L = -\frac{y_c}{p_c}, \quad \partial_{y_c} L = -\log p_c

    (form C4 of the article's audit). The probabilities of a sample count as independent of each other.

    Parameters
    ----------
    labels : array_like or Tensor
        :math:`y`, of the shape of `probs`: one-hot, soft, or any real numbers. Gradients flow into them.
    probs : array_like or Tensor
        :math:`p`, in [0, 1]. That they sum to 1 along `axis` is not checked, and they are not normalised.
    axis : int
        The axis of the classes.
    class_weight : array_like or Tensor, optional
        :math:`v`, shape (classes,), 0 or more: the labels become :math:`v_c y_c`, and a sample counts
        :math:`\sum_c v_c y_c` in a mean.
    sample_weight : array_like or Tensor, optional
        :math:`w`, of the shape of `probs` without `axis`, 0 or more.
    reduction : {"none", "sum", "mean"}
        ``w * l``, ``sum(w * l)``, or ``sum(w * l) / sum(w)``, w times what the class weights count.

    Returns
    -------
    ndarray or Tensor
        Of the shape of `probs` without `axis`, or of shape (); of their dtype, in nats.

    Raises
    ------
    ArgumentError
        For a probability outside [0, 1], with its place; another reduction; a negative weight.
    ShapeError
        When the shapes differ, even if they broadcast; for an axis out of range; for the mean of no samples at all.

    Warns
    -----
    EmptyMeanWarning
        When every weight is 0: the mean is then 0, with gradient 0.

    Notes
    -----
    Limits: a class with label 0 counts 0, with gradient 0, also at p = 0; with a label above 0 at p = 0 the loss is
    infinite. Nothing is clipped. A softmax that has rounded to 0 has lost the loss: use
    `softmax_cross_entropy_with_logits_v2`.

    PyTorch's function of the same name takes logits. Keras divides p by its sum and clips it to [1e-7, 1 - 1e-7].

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> p = xe.tensor([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]], requires_grad=True)
    >>> loss = xe.losses.cross_entropy(labels=np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]), probs=p)
    >>> loss.data
    array([1.38629436, 0.        ])
    >>> loss.sum().backward()
    >>> p.grad
    array([[ 0., -4.,  0.],
           [-1.,  0.,  0.]])
    """
    who = "cross_entropy"
    axis = whole_axis(who, axis)
    mass = None
    if class_weight is not None:
        labels, probs = pair(who, labels, probs, "probs")
        axis = class_axis(who, "probs", probs, axis)
        w, mass = weighted_labels(who, labels, class_weight, probs, axis)
        labels = labels * w
    loss = rules.cross_entropy.call(labels, probs, axis=axis)
    return reduced(who, loss, reduction, sample_weight, mass)
