"""The closed forms of the article's derivatives, in NumPy alone: what automatic differentiation is compared with.

Nothing here uses the engine. ``sigma(z) = 1 / (1 + exp(-z))``, ``p`` is ``sigma(z)`` or ``softmax(z)``, ``S`` is the
sum of a sample's labels, and lse is ``log(sum(exp(z)))``. The numbers C1, C2, ... and E18 are those of the article's
audit: E for its equations, C for the closed forms that follow from them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class ClosedForm(NamedTuple):
    """A loss and its derivatives.

    Attributes
    ----------
    loss : ndarray
        Of each sample, or of the whole batch.
    gradient : ndarray
        In the probabilities, the logits or the parameters.
    label_gradient : ndarray or None
        In the labels.
    second : ndarray or None
        The second derivative in the same argument as `gradient`: elementwise, or a matrix for parameters.
    """

    loss: Array
    gradient: Array
    label_gradient: Array | None = None
    second: Array | None = None


def sigma(z: Array) -> Array:
    """Logistic function (E8), without overflow."""
    e = np.exp(-np.abs(z))
    value: Array = np.where(z >= 0, 1, e) / (1 + e)
    return value


def softplus(z: Array) -> Array:
    """log(1 + exp(z)) = max(z, 0) + log1p(exp(-|z|)) (C9)."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def binary_on_probs(labels: Array, probs: Array) -> ClosedForm:
    r"""C1, from E1: the binary cross-entropy as a function of the probability.

    .. math:: \partial_p L = -y/p + (1-y)/(1-p), \quad \partial_y L = \log\frac{1-p}{p}, \quad
              \partial_p^2 L = y/p^2 + (1-y)/(1-p)^2

    Parameters
    ----------
    labels, probs : ndarray
        Of one shape; labels may be soft, probabilities lie inside (0, 1).

    Returns
    -------
    ClosedForm

    Examples
    --------
    >>> from tinygrad_xe import closed_forms
    >>> import numpy as np
    >>> closed_forms.binary_on_probs(np.array([1.0]), np.array([0.875])).gradient
    array([-1.14285714])
    """
    y, p = labels, probs
    return ClosedForm(
        loss=-(y * np.log(p) + (1 - y) * np.log1p(-p)),
        gradient=-y / p + (1 - y) / (1 - p),
        label_gradient=np.log1p(-p) - np.log(p),
        second=y / p**2 + (1 - y) / (1 - p) ** 2,
    )


def binary_on_logits(labels: Array, logits: Array) -> ClosedForm:
    r"""C2: the binary cross-entropy as a function of the logit.

    .. math:: \partial_z L = \sigma(z) - y = (1-y)\,\sigma(z) - y\,\sigma(-z), \quad \partial_y L = -z, \quad
              \partial_z^2 L = \sigma(z)\,\sigma(-z)

    The second form of the gradient is used, which does not cancel.

    Parameters
    ----------
    labels, logits : ndarray
        Of one shape; any real labels.

    Returns
    -------
    ClosedForm

    Examples
    --------
    >>> from tinygrad_xe import closed_forms
    >>> import numpy as np
    >>> closed_forms.binary_on_logits(np.array([1.0, 0.0]), np.array([0.0, 2.0])).gradient
    array([-0.5       ,  0.88079708])
    """
    y, z = labels, logits
    return ClosedForm(
        loss=y * softplus(-z) + (1 - y) * softplus(z),
        gradient=(1 - y) * sigma(z) - y * sigma(-z),
        label_gradient=-z,
        second=sigma(z) * sigma(-z),
    )


def logistic_regression(X: Array, y: Array, theta: Array, *, mean: bool = False) -> ClosedForm:
    r"""C3: logistic regression, ``p = sigma(X theta)``; its gradient is the article's result, E18.

    .. math:: \nabla_\theta L = X^T (p - y), \quad \nabla^2_\theta L = X^T \mathrm{diag}(p (1-p))\, X

    Parameters
    ----------
    X : ndarray, shape (N, D)
    y : ndarray, shape (N,)
    theta : ndarray, shape (D,)
    mean : bool
        Divide by N.

    Returns
    -------
    ClosedForm
        A loss of shape (), a gradient of shape (D,), the Hessian of shape (D, D).

    Examples
    --------
    >>> from tinygrad_xe import closed_forms
    >>> import numpy as np
    >>> X, y = np.array([[1, 2], [-0.5, 1], [1.5, -0.25]]), np.array([1.0, 0.0, 1.0])
    >>> closed_forms.logistic_regression(X, y, np.array([0.5, -0.25])).gradient
    array([-1.14980736, -0.54561983])
    """
    sample = binary_on_logits(y, X @ theta)
    assert sample.second is not None
    n = len(y) if mean else 1
    return ClosedForm(
        loss=np.asarray(np.sum(sample.loss) / n),
        gradient=X.T @ sample.gradient / n,
        label_gradient=-(X @ theta) / n,
        second=X.T @ (sample.second[:, None] * X) / n,
    )


def softmax_on_logits(labels: Array, logits: Array, axis: int = -1) -> ClosedForm:
    r"""C5: the multi-class cross-entropy E3 as a function of the logits, for *any* labels.

    .. math:: L = S\,\mathrm{lse}(z) - y \cdot z, \quad \partial_z L = p\,S - y, \quad
              \partial_{y_c} L = \mathrm{lse}(z) - z_c

    It is ``p - y`` only where the labels sum to 1. The gradient is computed as
    ``p_c * (sum of y_j, j != c) - y_c * (sum of p_j, j != c)``, which does not cancel for hard labels.

    Parameters
    ----------
    labels, logits : ndarray
        Of one shape.
    axis : int
        The axis of the classes.

    Returns
    -------
    ClosedForm
        A loss without the axis of the classes.

    Examples
    --------
    >>> from tinygrad_xe import closed_forms
    >>> import numpy as np
    >>> closed_forms.softmax_on_logits(np.array([2.0, 0.5, 0.0]), np.array([1.0, -0.5, 0.25])).gradient
    array([-0.52550584, -0.17099588,  0.69650172])
    """
    y, z = np.moveaxis(labels, axis, -1), np.moveaxis(logits, axis, -1)
    shifted = z - np.max(z, axis=-1, keepdims=True)
    e = np.exp(shifted)
    p = e / np.sum(e, axis=-1, keepdims=True)
    others = 1 - np.eye(z.shape[-1])  # row c picks the classes other than c
    log_p = shifted - np.log(np.sum(e, axis=-1, keepdims=True))
    return ClosedForm(
        loss=-np.sum(y * log_p, axis=-1),
        gradient=np.moveaxis(p * (y @ others) - y * (p @ others), -1, axis),
        label_gradient=np.moveaxis(-log_p, -1, axis),
    )


def sparse_softmax_on_logits(labels: Array, logits: Array, axis: int = -1) -> ClosedForm:
    r"""C5 for class numbers: ``L = lse(z) - z_t``, with gradient ``p_c - delta_ct``.

    Parameters
    ----------
    labels : ndarray of int
        The class of each sample: the shape of `logits` without `axis`.
    logits : ndarray
    axis : int
        The axis of the classes.

    Returns
    -------
    ClosedForm

    Examples
    --------
    >>> from tinygrad_xe import closed_forms
    >>> import numpy as np
    >>> closed_forms.sparse_softmax_on_logits(np.array([0]), np.array([[1.0, -0.5, 0.25]])).loss
    array([0.52797574])
    """
    hard = np.moveaxis(np.eye(logits.shape[axis])[labels], -1, axis)
    return softmax_on_logits(hard, logits, axis)._replace(label_gradient=None)
