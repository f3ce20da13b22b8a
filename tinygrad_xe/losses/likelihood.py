"""Negative log-likelihoods of the Bernoulli and the categorical distribution: cross-entropies by their other names."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..ops.rows import class_axis
from . import rules
from .binary import sigmoid_cross_entropy_with_logits
from .class_kernels import class_numbers
from .operands import floating, one_of, operand, pair, refuse_outside, values_of
from .options import dense_with_options, sparse_with_options, weighted_labels, whole_index
from .probabilities import binary_cross_entropy, cross_entropy
from .reduction import Reduction, checked_weight, reduced
from .terms import labelled


def bernoulli_nll(
    *, labels: Any, logits: Any = None, probs: Any = None, sample_weight: Any = None, reduction: Reduction = "none"
) -> Any:
    r"""Negative log-likelihood of binary outcomes under a Bernoulli distribution.

    .. math::
        L = -\log\left(p^y (1 - p)^{1 - y}\right) = -y \log p - (1 - y) \log(1 - p), \quad
        \partial_z L = \sigma(z) - y, \quad \partial_p L = \frac{p - y}{p (1 - p)}

    with :math:`p = \sigma(z)`: equations E4 to E7 of the article, one sample at a time. It is
    `sigmoid_cross_entropy_with_logits` of `logits`, or `binary_cross_entropy` of `probs`, with their limits.

    Parameters
    ----------
    labels : array_like or Tensor
        :math:`y`, 0 or 1. Between them this is the cross-entropy, which is no likelihood: it has no normaliser.
    logits, probs : array_like or Tensor
        :math:`z` or :math:`p`, of the shape of `labels`: exactly one of the two.
    sample_weight : array_like or Tensor, optional
        Of that shape, 0 or more. A weight 0 drops its term, even one that is not finite.
    reduction : {"none", "sum", "mean"}
        ``w * l``, ``sum(w * l)`` (the negative log-likelihood of independent outcomes), or ``sum(w * l) / sum(w)``.

    Returns
    -------
    ndarray or Tensor
        Of the shape of `labels`, or of shape (); in nats.

    Raises
    ------
    ArgumentError
        When not exactly one of `logits` and `probs` is given; for a probability outside [0, 1], another reduction, or a
        negative weight.
    ShapeError
        When the shapes differ, even if they broadcast; for the mean of no losses at all.

    Warns
    -----
    EmptyMeanWarning
        When every weight is 0: the mean is then 0, with gradient 0.

    Notes
    -----
    PyTorch's ``torch.distributions.Bernoulli(logits=z).log_prob(y)`` is minus this.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> logits = xe.tensor([0.0, 2.0, -1000.0], requires_grad=True)
    >>> nll = xe.losses.bernoulli_nll(labels=np.array([1, 0, 1]), logits=logits)
    >>> nll.data
    array([6.93147181e-01, 2.12692801e+00, 1.00000000e+03])
    >>> nll.sum().backward()
    >>> logits.grad
    array([-0.5       ,  0.88079708, -1.        ])
    """
    who = "bernoulli_nll"
    if one_of(who, logits=logits, probs=probs) == "logits":
        labels, logits = pair(who, labels, logits, "logits")
        loss = sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
    else:
        labels, probs = pair(who, labels, probs, "probs")
        refuse_outside(who, probs, "bernoulli_nll(labels=..., logits=...)")
        loss = binary_cross_entropy(labels=labels, probs=probs)
    return reduced(who, loss, reduction, sample_weight)


def categorical_nll(
    *,
    labels: Any,
    logits: Any = None,
    probs: Any = None,
    log_probs: Any = None,
    axis: int = -1,
    class_weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    reduction: Reduction = "none",
) -> Any:
    r"""Negative log-likelihood of classes under a categorical distribution.

    .. math::
        L = -\log p_t = -\sum_c y_c \log p_c, \quad \partial_z L = S\,p - y, \quad
        \partial_{p_c} L = -\frac{y_c}{p_c}, \quad \partial_{\log p} L = -y

    for the class t, which is 1 in the one-hot y, with :math:`p = \mathrm{softmax}(z)` and :math:`S = \sum_c y_c`:
    equation E3 of the article. It is `sparse_softmax_cross_entropy_with_logits` or
    `softmax_cross_entropy_with_logits_v2` of `logits`, or `cross_entropy` of `probs`, with their limits.

    Parameters
    ----------
    labels : array_like or Tensor
        Integers: the number of each sample's class, the shape of the prediction without `axis`. Floats or booleans:
        one label for each class, the shape of the prediction; gradients flow into them. Soft labels give the
        cross-entropy.
    logits, probs, log_probs : array_like or Tensor
        :math:`z`, :math:`p` or :math:`\log p`: exactly one of the three. That they sum to 1 is not checked, nor that
        `log_probs` are 0 or less, since rounding can leave 1e-17.
    axis : int
        The axis of the classes.
    class_weight : array_like or Tensor, shape (K,), optional
        Multiplies the label of each class. In the mean it counts as a weight of the sample: ``sum(w * y)``.
    sample_weight : array_like or Tensor, optional
        Of the shape of the unreduced loss, 0 or more. A weight 0 drops its sample, even one that is not finite.
    ignore_index : int, optional
        The class number that means no class: its loss, its gradient and its weight are 0. For integer labels.
    reduction : {"none", "sum", "mean"}
        ``w * l``, ``sum(w * l)``, or ``sum(w * l) / sum(w)``.

    Returns
    -------
    ndarray or Tensor
        Of the shape of the prediction without `axis`, or of shape (); in nats.

    Raises
    ------
    ArgumentError
        When not exactly one prediction is given; for a class number without a class, a probability outside [0, 1], an
        `ignore_index` for labels that are not integers, another reduction, or a negative weight.
    ShapeError
        When the shapes do not fit, even if they broadcast; for an axis out of range; for the mean of no losses at all.

    Warns
    -----
    EmptyMeanWarning
        When every weight is 0: the mean is then 0, with gradient 0.

    Notes
    -----
    Limits: a class with label 0 counts 0, also where its log-probability is -inf; one with a label above 0 makes the
    loss infinite there.

    PyTorch's ``nll_loss`` takes log-probabilities, under the name `input`, with the axis of the classes second; -100
    is its ``ignore_index`` unless another is given (here none is), and a class weight 0 beside a log-probability -inf
    gives NaN.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> log_probs = xe.tensor(np.log([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]]), requires_grad=True)
    >>> nll = xe.losses.categorical_nll(labels=np.array([1, 0]), log_probs=log_probs)
    >>> nll.data
    array([1.38629436, 2.07944154])
    >>> nll.sum().backward()
    >>> log_probs.grad
    array([[-0., -1., -0.],
           [-1., -0., -0.]])
    """
    who = "categorical_nll"
    given = one_of(who, logits=logits, probs=probs, log_probs=log_probs)
    labels, mass = operand(who, "labels", labels), None
    numbers = labels.dtype.kind in "iu"
    if ignore_index is not None and not numbers:
        raise ArgumentError(
            f"{who}: ignore_index is {ignore_index}, and labels have dtype {labels.dtype}; it is a class number,\n"
            "  for integer labels. Write sample_weight= with 0 for the samples to leave out."
        )
    if given == "logits" and numbers:
        loss, weight, mass = sparse_with_options(
            who, labels, logits, axis, 0.0, 1.0, class_weight, sample_weight, ignore_index
        )
        return reduced(who, loss, reduction, weight, mass)
    if given == "logits":
        pair(who, labels, logits, given)
        loss, mass = dense_with_options(
            who, rules.softmax_cross_entropy_v2, labels, logits, axis, 0.0, 1.0, class_weight
        )
        return reduced(who, loss, reduction, sample_weight, mass)
    values = floating(who, given, log_probs if probs is None else probs)
    axis = class_axis(who, given, values, axis)
    if numbers:
        labels, values, sample_weight = one_hot(who, labels, values, axis, sample_weight, ignore_index)
    labels, values = pair(who, labels, values, given)
    if class_weight is not None:
        w, mass = weighted_labels(who, labels, class_weight, values, axis)
        labels = labels * w
    if given == "probs":
        refuse_outside(who, values, "categorical_nll(labels=..., logits=...)")
        loss = cross_entropy(labels=labels, probs=values, axis=axis)
    else:
        loss = np.sum(labelled(labels, -values), axis=axis)
    return reduced(who, loss, reduction, sample_weight, mass)


def one_hot(
    who: str, labels: Any, values: Any, axis: int, sample_weight: Any, ignore_index: int | None
) -> tuple[Any, Any, Any]:
    """One label for each class, the prediction without the ignored samples, and the weights of the samples."""
    t = np.asarray(values_of(labels))
    if ignore_index is not None:
        kept = t != whole_index(who, ignore_index)
        t = np.where(kept, t, 0)
    t = class_numbers(who, t, values.shape, axis)
    hard = np.moveaxis(t[..., None] == np.arange(values.shape[axis]), -1, axis)
    if ignore_index is None:
        return hard, values, sample_weight
    values = np.where(np.expand_dims(kept, axis), values, 0)  # an ignored sample may hold anything, NaN too
    if sample_weight is None:
        return hard & np.expand_dims(kept, axis), values, kept
    weight = checked_weight(who, sample_weight, t.astype(values.dtype))
    return hard & np.expand_dims(kept, axis), values, np.where(kept, weight, 0)
