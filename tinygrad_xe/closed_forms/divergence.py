"""C7: the entropy, and the divergence: what the cross-entropy is above its minimum."""

from __future__ import annotations

import numpy as np

from .binary import binary_on_probs, log_odds_against
from .form import ArrayLike, ClosedForm, times
from .multiclass import softmax_on_logits
from .probabilities import cross_entropy_on_probs


def entropy(probs: ArrayLike, axis: int = -1) -> ClosedForm:
    r"""C7: the entropy of a distribution over classes, the least that its cross-entropy can be.

    .. math:: H(p) = -\sum_c p_c \log p_c, \quad \partial_{p_c} H = -(\log p_c + 1), \quad
              \partial_{p_c}^2 H = -\frac{1}{p_c}

    Parameters
    ----------
    probs : array_like
        They count as independent of each other; 0 log 0 is 0.
    axis : int
        The axis of the classes.

    Returns
    -------
    ClosedForm
        The entropy as `loss`, without `axis`; gradient and second derivative (the diagonal of the Hessian).

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.entropy([0.5, 0.5, 0.0]).loss
    array(0.69314718)
    """
    p = np.asarray(probs, np.float64)
    with np.errstate(divide="ignore"):
        n = -np.log(p)
        return ClosedForm(loss=np.asarray(np.sum(times(p, n), axis=axis)), gradient=n - 1, second=-1 / p)


def binary_entropy(probs: ArrayLike) -> ClosedForm:
    r"""C7: the entropy of an event of a given probability.

    .. math:: H(p) = -p \log p - (1-p) \log(1-p), \quad \partial_p H = \log\frac{1-p}{p}, \quad
              \partial_p^2 H = -\frac{1}{p(1-p)}

    Parameters
    ----------
    probs : array_like
        In [0, 1].

    Returns
    -------
    ClosedForm
        Elementwise: the entropy as `loss`, gradient and second derivative.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.binary_entropy([0.0, 0.5]).loss
    array([0.        , 0.69314718])
    """
    p = np.asarray(probs, np.float64)
    with np.errstate(divide="ignore"):
        return ClosedForm(
            loss=binary_on_probs(p, p).loss, gradient=log_odds_against(p), second=-1 / (p * (1 - p))
        )


def kl_on_probs(labels: ArrayLike, probs: ArrayLike, axis: int = -1) -> ClosedForm:
    r"""C7: the Kullback-Leibler divergence of probabilities from labels, as a function of the probabilities.

    .. math:: \mathrm{KL}(y \| p) = \sum_c y_c \log\frac{y_c}{p_c} = \mathrm{CE}(y, p) - H(y), \quad
              \partial_{p_c} = -\frac{y_c}{p_c}, \quad \partial_{y_c} = \log\frac{y_c}{p_c} + 1, \quad
              \partial_{p_c}^2 = \frac{y_c}{p_c^2}

    It is computed as the difference, so its accuracy is that of the two terms.

    Parameters
    ----------
    labels, probs : array_like
        Of one shape; 0 or more.
    axis : int
        The axis of the classes.

    Returns
    -------
    ClosedForm
        The divergence as `loss`, without `axis`; gradients, and the diagonals of the second and mixed derivatives.

    Raises
    ------
    ShapeError
        When the shapes differ.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.kl_on_probs([0.25, 0.75], [0.5, 0.5]).loss
    array(0.13081204)
    """
    return less_entropy(cross_entropy_on_probs(labels, probs, axis), labels, axis)


def kl_on_logits(labels: ArrayLike, logits: ArrayLike, axis: int = -1) -> ClosedForm:
    r"""C7: the Kullback-Leibler divergence of a softmax from labels, as a function of the logits.

    .. math:: \mathrm{KL}(y \| p) = \mathrm{CE}(y, p) - H(y), \quad
              \nabla_z \mathrm{KL} = \nabla_z \mathrm{CE} = p\,S - y, \quad
              \partial_{y_c} \mathrm{KL} = \log\frac{y_c}{p_c} + 1, \quad p = \mathrm{softmax}(z)

    The minimum over z is 0, at :math:`\mathrm{softmax}(z) = y`: that of the cross-entropy is :math:`H(y)`. The Hessian
    is `softmax_hessian`, that of the cross-entropy.

    Parameters
    ----------
    labels, logits : array_like
        Of one shape; labels are 0 or more.
    axis : int
        The axis of the classes.

    Returns
    -------
    ClosedForm
        The divergence as `loss`, without `axis`; gradient and label gradient.

    Raises
    ------
    ShapeError
        When the shapes differ.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> form = xe.closed_forms.kl_on_logits([0.25, 0.75], [0.0, 0.0])
    >>> form.loss, form.gradient
    (array(0.13081204), array([ 0.25, -0.25]))
    """
    return less_entropy(softmax_on_logits(labels, logits, axis), labels, axis)


def less_entropy(cross: ClosedForm, labels: ArrayLike, axis: int) -> ClosedForm:
    """The divergence, given the cross-entropy."""
    h = entropy(labels, axis)
    assert cross.label_gradient is not None
    return cross._replace(
        loss=np.asarray(cross.loss - h.loss), label_gradient=cross.label_gradient - h.gradient
    )
