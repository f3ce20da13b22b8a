"""Cross-entropies of the softmax of logits: TensorFlow's three functions."""

from __future__ import annotations

import warnings
from typing import Any

from ..errors import LabelGradientWarning
from ..graph import mode
from . import rules
from .options import changed, constant, dense_with_options, sparse_with_options, wants_gradient, whole_axis
from .reduction import Reduction, reduced


def softmax_cross_entropy_with_logits(
    *,
    labels: Any,
    logits: Any,
    axis: int = -1,
    label_smoothing: Any = 0.0,
    temperature: Any = 1.0,
    class_weight: Any = None,
    sample_weight: Any = None,
    reduction: Reduction = "none",
) -> Any:
    r"""Cross-entropy of the softmax of logits with constant labels: the function of TensorFlow 1.

    .. math:: L = S\,\mathrm{lse}(z) - y \cdot z, \quad \partial_z L = p\,S - y

    as `softmax_cross_entropy_with_logits_v2`, whose page has the parameters, the limits and the errors. The one
    difference: no gradient flows into the labels (statement T3 of the article).

    Parameters
    ----------
    labels, logits : array_like or Tensor
        Of one shape.
    axis, label_smoothing, temperature, class_weight, sample_weight, reduction
        As for `softmax_cross_entropy_with_logits_v2`.

    Returns
    -------
    ndarray or Tensor
        Of the shape of `logits` without `axis`, or of shape ().

    Raises
    ------
    ShapeError, ArgumentError, DTypeError
        As for `softmax_cross_entropy_with_logits_v2`.

    Warns
    -----
    LabelGradientWarning
        When the labels, `label_smoothing` or `class_weight` want a gradient, which they will not get.
    EmptyMeanWarning
        When every weight is 0: the mean is then 0, with gradient 0.

    Notes
    -----
    In TensorFlow 2 the function of this name is what `softmax_cross_entropy_with_logits_v2` is here (R6 and R7 of the
    article's audit); TensorFlow 1's is ``tf.compat.v1.nn.softmax_cross_entropy_with_logits``. TensorFlow broadcasts
    labels of other shapes silently and gives the gradient p - y for labels that do not sum to 1 (R8, D1). PyTorch's
    ``cross_entropy`` has a gradient in the labels, as _v2 has.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> z = xe.tensor([[1.0, -0.5, 0.25], [1000.0, 0.0, 0.0]], requires_grad=True)
    >>> labels = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> loss = xe.losses.softmax_cross_entropy_with_logits(labels=labels, logits=z)
    >>> loss.data
    array([5.27975744e-01, 1.00000000e+03])
    >>> loss.sum().backward()
    >>> z.grad
    array([[-0.41020234,  0.13160165,  0.27860069],
           [ 1.        , -1.        ,  0.        ]])
    """
    who = "softmax_cross_entropy_with_logits"
    if type(axis) is not int:
        axis = whole_axis(who, axis)
    if wants_gradient(labels, label_smoothing, class_weight) and mode.watch is not False:
        warnings.warn(
            f"{who}: labels, label_smoothing or class_weight require grad, but labels are constants in this function, "
            "as in TensorFlow 1: no gradient reaches them.\n"
            f"  Write {who}_v2 for a gradient in the labels, or labels.detach() if none is meant.",
            LabelGradientWarning,
            stacklevel=2,
        )
        labels, label_smoothing, class_weight = constant(labels), constant(label_smoothing), constant(class_weight)
    mass = None
    if class_weight is None and not changed(label_smoothing, temperature):
        if reduction == "mean" and sample_weight is None:
            return rules.softmax_cross_entropy.call(labels, logits, class_axis=axis, axis=None)
        loss = rules.softmax_cross_entropy.call(labels, logits, class_axis=axis, axis=axis)
    else:
        loss, mass = dense_with_options(
            who, rules.softmax_cross_entropy, labels, logits, axis, label_smoothing, temperature, class_weight
        )
    return reduced(who, loss, reduction, sample_weight, mass)


def softmax_cross_entropy_with_logits_v2(
    *,
    labels: Any,
    logits: Any,
    axis: int = -1,
    label_smoothing: Any = 0.0,
    temperature: Any = 1.0,
    class_weight: Any = None,
    sample_weight: Any = None,
    reduction: Reduction = "none",
) -> Any:
    r"""Cross-entropy of the softmax of logits with one label for each class; gradients flow into the labels too.

    .. math::
        L = -\sum_c y_c \log p_c = S\,\mathrm{lse}(z) - y \cdot z, \quad p = \mathrm{softmax}(z), \quad S = \sum_c y_c,
        \quad \partial_z L = p\,S - y, \quad \partial_{y_c} L = \mathrm{lse}(z) - z_c, \quad
        \nabla_z^2 L = S\,(\mathrm{diag}(p) - p p^T)

    (equation E3 of the article; forms C5 and C6 of its audit). The gradient is p - y only where the labels sum to 1.

    Parameters
    ----------
    labels : array_like or Tensor
        :math:`y`, of the shape of `logits`: one-hot, soft, or any real numbers. Booleans and whole numbers take the
        dtype of the logits.
    logits : array_like or Tensor
        :math:`z`: scores before a softmax, not probabilities. A class with logit -inf and label 0 drops out.
    axis : int
        The axis of the classes.
    label_smoothing : float or Tensor
        :math:`\epsilon` in [0, 1]: the labels become :math:`(1-\epsilon) y + \epsilon/K` with K classes.
    temperature : float or Tensor
        :math:`T > 0`: the logits become :math:`z / T`. No factor :math:`T^2` is put in front, as distillation has it.
    class_weight : array_like or Tensor, optional
        :math:`v`, shape (K,), 0 or more: the labels, after smoothing, become :math:`v_c y_c`. A sample counts
        :math:`\sum_c v_c y_c` of the labels before smoothing in a mean.
    sample_weight : array_like or Tensor, optional
        :math:`w`, of the shape of `logits` without `axis`, 0 or more. A weight 0 drops its sample, even one that is not
        finite.
    reduction : {"none", "sum", "mean"}
        ``w * l``, ``sum(w * l)``, or ``sum(w * l) / sum(w)``, w times what the class weights count.

    Returns
    -------
    ndarray or Tensor
        Of the shape of `logits` without `axis`, or of shape (); in nats. float32 logits give float32. A Tensor if an
        argument is one.

    Raises
    ------
    ShapeError
        When the shapes differ, even if they broadcast; for an axis out of range; for the mean of no samples at all.
    ArgumentError
        For an option out of its range, another reduction, or a negative weight.
    DTypeError
        For an axis that is not an integer.

    Warns
    -----
    EmptyMeanWarning
        When every weight is 0: the mean is then 0, with gradient 0.

    Notes
    -----
    Limits (C10): a class with :math:`z_c = -\infty` and :math:`y_c = 0` has probability and gradient 0; with
    :math:`y_c > 0` the loss is infinite. One :math:`z_c = \infty`: p is 1 there. Two of them, nothing but -inf, or a
    NaN: NaN. With smoothing no label is 0, so a logit -inf makes the loss infinite.

    TensorFlow 2 has this function under the name ``tf.nn.softmax_cross_entropy_with_logits``. Its gradient is p - y
    whatever the labels sum to (D1), its loss is NaN at a logit -inf with label 0 (D3), and 0 where the label's class is
    all but certain (D8). PyTorch's ``cross_entropy`` with dense targets has the same loss; with class weights its mean
    divides by the number of samples for dense targets, by the sum of the weights for indices. Here both divide by the
    sum of the weights.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> z = xe.tensor([1.0, -0.5, 0.25], requires_grad=True)
    >>> y = xe.tensor([2.0, 0.5, 0.0], requires_grad=True)
    >>> loss = xe.losses.softmax_cross_entropy_with_logits_v2(labels=y, logits=z)
    >>> loss.backward()
    >>> z.grad, y.grad
    (array([-0.52550584, -0.17099588,  0.69650172]), array([0.52797574, 2.02797574, 1.27797574]))
    """
    who = "softmax_cross_entropy_with_logits_v2"
    if type(axis) is not int:
        axis = whole_axis(who, axis)
    mass = None
    if class_weight is None and not changed(label_smoothing, temperature):
        if reduction == "mean" and sample_weight is None:
            return rules.softmax_cross_entropy_v2.call(labels, logits, class_axis=axis, axis=None)
        loss = rules.softmax_cross_entropy_v2.call(labels, logits, class_axis=axis, axis=axis)
    else:
        loss, mass = dense_with_options(
            who, rules.softmax_cross_entropy_v2, labels, logits, axis, label_smoothing, temperature, class_weight
        )
    return reduced(who, loss, reduction, sample_weight, mass)


def sparse_softmax_cross_entropy_with_logits(
    *,
    labels: Any,
    logits: Any,
    axis: int = -1,
    label_smoothing: Any = 0.0,
    temperature: Any = 1.0,
    class_weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    reduction: Reduction = "none",
) -> Any:
    r"""Cross-entropy of the softmax of logits with a class number for each sample.

    .. math::
        L = -\log p_t = \mathrm{lse}(z) - z_t, \quad p = \mathrm{softmax}(z), \quad \partial_{z_c} L = p_c - \delta_{ct}

    (equation E3 of the article with :math:`y_t = 1`; form C5 of its audit, and statement T2).

    Parameters
    ----------
    labels : array_like of int
        :math:`t`, from 0 to K - 1, of the shape of `logits` without `axis`.
    logits : array_like or Tensor
        :math:`z`: scores before a softmax, not probabilities. A class with logit -inf drops out.
    axis : int
        The axis of the K classes.
    label_smoothing : float or Tensor
        :math:`\epsilon` in [0, 1]: :math:`L = (1-\epsilon) L_t + \epsilon (\mathrm{lse}(z) - \bar z)`.
    temperature : float or Tensor
        :math:`T > 0`: the logits become :math:`z / T`. No factor :math:`T^2` is put in front, as distillation has it.
    class_weight : array_like or Tensor, optional
        :math:`v`, shape (K,), 0 or more. The loss is multiplied by :math:`v_t`, which also counts in the divisor of a
        mean; with smoothing each class's term is multiplied by :math:`v_c`.
    sample_weight : array_like or Tensor, optional
        :math:`w`, of the shape of `labels`, 0 or more. A weight 0 drops its sample, even one that is not finite.
    ignore_index : int, optional
        Samples with this label have loss 0, gradient 0 and weight 0, whatever their logits. None: no label is special.
    reduction : {"none", "sum", "mean"}
        ``w * l``, ``sum(w * l)``, or ``sum(w * l) / sum(w * v_t)``.

    Returns
    -------
    ndarray or Tensor
        Of the shape of `labels`, or of shape (); of the dtype of `logits`, in nats.

    Raises
    ------
    IndexError
        For a label that is no class, with its place. It is an ArgumentError too.
    DTypeError
        For labels that are not integers, and an axis or `ignore_index` that is none.
    ShapeError
        For labels or weights of another shape, an axis out of range, and the mean of no samples at all.
    ArgumentError
        For an option out of its range, another reduction, or a negative weight.

    Warns
    -----
    EmptyMeanWarning
        When every sample is ignored or has weight 0: the mean is then 0, with gradient 0.

    Notes
    -----
    Limits as for `softmax_cross_entropy_with_logits_v2`. The loss is within 2.3 units in the last place also where the
    label's class is all but certain: logits (40, 0), t = 0 give 4.2e-18.

    TensorFlow and PyTorch give 0 there. PyTorch ignores the label -100 unless told otherwise, gives NaN gradients for
    ignored rows with NaN logits, and a NaN mean when every sample is ignored. Keras calls the option ``ignore_class``.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> z = xe.tensor([[1.0, -0.5, 0.25], [1000.0, 0.0, -np.inf], [0.0, 0.0, 0.0]], requires_grad=True)
    >>> labels = np.array([0, 1, -1])
    >>> loss = xe.losses.sparse_softmax_cross_entropy_with_logits(
    ...     labels=labels, logits=z, ignore_index=-1, reduction="mean")
    >>> loss
    tensor(500.26398787, op=divide)
    >>> loss.backward()
    >>> z.grad
    array([[-0.20510117,  0.06580082,  0.13930034],
           [ 0.5       , -0.5       ,  0.        ],
           [ 0.        ,  0.        ,  0.        ]])
    """
    who = "sparse_softmax_cross_entropy_with_logits"
    if type(axis) is not int:
        axis = whole_axis(who, axis)
    mass = None
    if ignore_index is None and class_weight is None and not changed(label_smoothing, temperature):
        if reduction == "mean" and sample_weight is None:
            return rules.sparse_cross_entropy.call(labels, logits, class_axis=axis, axis=None)
        loss = rules.sparse_cross_entropy.call(labels, logits, class_axis=axis, axis=axis)
    else:
        loss, sample_weight, mass = sparse_with_options(
            who, labels, logits, axis, label_smoothing, temperature, class_weight, sample_weight, ignore_index
        )
    return reduced(who, loss, reduction, sample_weight, mass)
