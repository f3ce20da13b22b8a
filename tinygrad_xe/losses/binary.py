"""Binary cross-entropies on logits: plain, and with a weight for positive labels."""

from __future__ import annotations

from typing import Any

from . import rules
from .options import binary_with_options, changed
from .reduction import Reduction, reduced


def sigmoid_cross_entropy_with_logits(
    *,
    labels: Any,
    logits: Any,
    label_smoothing: Any = 0.0,
    temperature: Any = 1.0,
    sample_weight: Any = None,
    reduction: Reduction = "none",
) -> Any:
    r"""Binary cross-entropy of logits, elementwise: E1 with :math:`p = \sigma(z)`, exact for logits of any size.

    .. math::
        L = -[y \log \sigma(z) + (1-y) \log(1-\sigma(z))] = \max(z, 0) - z y + \log(1 + e^{-|z|}), \quad
        \partial_z L = \sigma(z) - y, \quad \partial_y L = -z, \quad \partial_z^2 L = \sigma(z)\,\sigma(-z)

    (equations E1, E8 and E14 of the article; forms C2 and C9 of its audit). For :math:`z = \theta^T x` the chain rule
    gives the article's result E18, :math:`\partial L / \partial \theta_j = \sum_i [\sigma(\theta^T x_i) - y_i]\,
    x_j^{(i)}`.

    Parameters
    ----------
    labels : array_like or Tensor
        :math:`y`, of the shape of `logits`. 0 and 1, booleans, or soft labels; any real number is allowed. Gradients
        flow into them.
    logits : array_like or Tensor
        :math:`z`, of any shape: the score before a sigmoid, not a probability.
    label_smoothing : float or Tensor
        :math:`\epsilon` in [0, 1]: the labels become :math:`(1-\epsilon) y + \epsilon/2`.
    temperature : float or Tensor
        :math:`T > 0`: the logits become :math:`z / T`. No factor :math:`T^2` is put in front, as distillation has it.
    sample_weight : array_like or Tensor, optional
        :math:`w`, of the shape of `logits`, 0 or more. A weight 0 drops its element, even one that is not finite.
    reduction : {"none", "sum", "mean"}
        ``w * l``, ``sum(w * l)``, or ``sum(w * l) / sum(w)``.

    Returns
    -------
    ndarray or Tensor
        Of the shape of `logits`, or of shape (); in nats. float32 logits give float32, whole numbers float64. A Tensor
        if an argument is one.

    Raises
    ------
    ShapeError
        When the shapes differ, even if they broadcast; for the mean of no elements at all.
    ArgumentError
        For an option out of its range, another reduction, or a negative weight.

    Warns
    -----
    EmptyMeanWarning
        When every weight is 0: the mean is then 0, with gradient 0.

    Notes
    -----
    Limits (C10): at :math:`z \to \infty` with y = 1 loss and gradient are 0, with y = 0 infinite and 1; mirrored at
    :math:`-\infty`. Nothing is clipped: at -1000 with y = 1 the loss is 1000 and the gradient -1, at 40 with y = 1 they
    are 4.2e-18 and -4.2e-18. For labels in [0, 1] the loss is within 1.9 units in the last place.

    TensorFlow has no reduction, gives NaN at infinite logits and flushes losses below 1e-308 to 0. PyTorch's
    ``binary_cross_entropy_with_logits`` averages by default, and divides by the number of elements also when weights
    are given; its gradient is 0 for y = 1 from z = 37 on (17 in float32).

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> z = xe.tensor([0.0, 1000.0, -1000.0, 40.0], requires_grad=True)
    >>> loss = xe.losses.sigmoid_cross_entropy_with_logits(labels=np.array([1, 0, 1, 1]), logits=z)
    >>> loss.data
    array([6.93147181e-01, 1.00000000e+03, 1.00000000e+03, 4.24835426e-18])
    >>> loss.sum().backward()
    >>> z.grad
    array([-5.00000000e-01,  1.00000000e+00, -1.00000000e+00, -4.24835426e-18])
    """
    who = "sigmoid_cross_entropy_with_logits"
    if changed(label_smoothing, temperature):
        labels, logits = binary_with_options(who, labels, logits, label_smoothing, temperature)
    if reduction == "mean" and sample_weight is None:
        return rules.sigmoid_cross_entropy.call(labels, logits, None)
    loss = rules.sigmoid_cross_entropy.call(labels, logits)
    return reduced(who, loss, reduction, sample_weight)


def weighted_cross_entropy_with_logits(
    *,
    labels: Any,
    logits: Any,
    pos_weight: Any,
    label_smoothing: Any = 0.0,
    temperature: Any = 1.0,
    sample_weight: Any = None,
    reduction: Reduction = "none",
) -> Any:
    r"""Binary cross-entropy of logits with the positive term weighted: larger `pos_weight`, fewer missed positives.

    .. math::
        L = q\,y\,\zeta(-z) + (1-y)\,\zeta(z), \quad \zeta(z) = \log(1 + e^z), \quad
        \partial_z L = (1-y)\,\sigma(z) - q\,y\,\sigma(-z), \quad
        \partial_y L = q\,\zeta(-z) - \zeta(z), \quad \partial_q L = y\,\zeta(-z)

    (form C8 of the article's audit). With :math:`q = 1` it is `sigmoid_cross_entropy_with_logits`.

    Parameters
    ----------
    labels, logits : array_like or Tensor
        :math:`y` and :math:`z`, of one shape.
    pos_weight : float, array_like or Tensor
        :math:`q`, 0 or more: one number, or an array that broadcasts to the shape of `logits`. Gradients flow into it
        too.
    label_smoothing, temperature, sample_weight, reduction
        As for `sigmoid_cross_entropy_with_logits`. `pos_weight` is not part of the divisor of the mean.

    Returns
    -------
    ndarray or Tensor
        Of the shape of `logits`, or of shape (); of their dtype.

    Raises
    ------
    ShapeError
        When labels and logits differ in shape, or `pos_weight` does not fit; for the mean of no elements at all.
    ArgumentError
        For a negative or NaN `pos_weight`, an option out of its range, another reduction, or a negative weight.

    Warns
    -----
    EmptyMeanWarning
        When every sample weight is 0: the mean is then 0, with gradient 0.

    Notes
    -----
    At :math:`z = 0` the gradient is :math:`(1-y)/2 - q y/2`; TensorFlow 2.21 gives :math:`1-y` at exactly 0, the sum of
    the sub-gradients 0 of its two kinks, and for y = 0 in float32 it loses the tail: 0 at z = -20, where 2.06e-9 is
    right. PyTorch's ``pos_weight`` has the same loss; its mean divides by the number of elements, as ours does without
    weights. TensorFlow allows a negative `pos_weight`, for which the loss has no minimum; here it raises.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> z = xe.tensor([0.0, -20.0], requires_grad=True)
    >>> loss = xe.losses.weighted_cross_entropy_with_logits(labels=np.array([1.0, 0.0]), logits=z, pos_weight=2.0)
    >>> loss.data
    array([1.38629436e+00, 2.06115362e-09])
    >>> loss.sum().backward()
    >>> z.grad
    array([-1.00000000e+00,  2.06115362e-09])
    """
    who = "weighted_cross_entropy_with_logits"
    if changed(label_smoothing, temperature):
        labels, logits = binary_with_options(who, labels, logits, label_smoothing, temperature)
    loss = rules.weighted_cross_entropy.call(labels, logits, pos_weight)
    return reduced(who, loss, reduction, sample_weight)
