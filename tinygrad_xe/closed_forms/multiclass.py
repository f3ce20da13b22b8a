"""C5 and C6: the cross-entropy of several classes on logits, and its second derivatives."""

from __future__ import annotations

import numpy as np

from ..errors import DTypeError, ShapeError
from .form import Array, ArrayLike, ClosedForm, pair, times
from .probabilities import log_softmax_jacobian, others, softmax_jacobian
from .stable import softmax, surprisal


def softmax_on_logits(labels: ArrayLike, logits: ArrayLike, axis: int = -1) -> ClosedForm:
    r"""C5: the multi-class cross-entropy E3 as a function of the logits, for *any* labels.

    .. math:: L = S\,\mathrm{lse}(z) - y \cdot z, \quad \partial_z L = p\,S - y, \quad
              \partial_{y_c} L = \mathrm{lse}(z) - z_c, \quad S = \sum_c y_c

    It is ``p - y`` only where the labels sum to 1. The gradient is computed as
    :math:`p_c \sum_{j \ne c} y_j - y_c \sum_{j \ne c} p_j`, which does not cancel for hard labels. The Hessian is
    `softmax_hessian`, the derivative in logits and labels `softmax_mixed`.

    Parameters
    ----------
    labels, logits : array_like
        Of one shape. A logit -inf drops its class out where the label is 0 (C10).
    axis : int
        The axis of the classes.

    Returns
    -------
    ClosedForm
        A loss without the axis of the classes, gradient and label gradient.

    Raises
    ------
    ShapeError
        When the shapes differ, and for no classes at all.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.softmax_on_logits([2.0, 0.5, 0.0], [1.0, -0.5, 0.25]).gradient
    array([-0.52550584, -0.17099588,  0.69650172])
    """
    y, z = pair("softmax_on_logits", labels, logits)
    n, p = surprisal(z, axis), np.moveaxis(softmax(z, axis), axis, -1)
    y_last, rest = np.moveaxis(y, axis, -1), others(p.shape[-1])
    return ClosedForm(
        loss=np.sum(times(y, n), axis=axis),
        gradient=np.moveaxis(p * (y_last @ rest) - y_last * (p @ rest), -1, axis),
        label_gradient=n,
    )


def sparse_softmax_on_logits(labels: ArrayLike, logits: ArrayLike, axis: int = -1) -> ClosedForm:
    r"""C5 for class numbers.

    .. math:: L = \mathrm{lse}(z) - z_t, \quad \partial_{z_c} L = p_c - \delta_{ct}

    Parameters
    ----------
    labels : array_like of int
        The class t of each sample, from 0: the shape of `logits` without `axis`.
    logits : array_like
    axis : int
        The axis of the K classes.

    Returns
    -------
    ClosedForm
        A loss of the shape of `labels`, and the gradient. Class numbers have no gradient.

    Raises
    ------
    DTypeError
        For labels that are not integers.
    ShapeError
        For labels of another shape.
    IndexError
        For a label that is no class.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.sparse_softmax_on_logits([0], [[1.0, -0.5, 0.25]]).loss
    array([0.52797574])
    """
    t, z = np.asarray(labels), np.asarray(logits, np.float64)
    if t.dtype.kind not in "iu":
        raise DTypeError(f"sparse_softmax_on_logits: labels have dtype {t.dtype}; class numbers are integers.")
    expected = np.delete(z.shape, axis)
    if t.shape != tuple(expected):
        raise ShapeError(
            f"sparse_softmax_on_logits: labels have shape {t.shape}, logits have shape {z.shape}.\n"
            f"  Labels must have the shape of the logits without the axis of the classes, {tuple(expected.tolist())}."
        )
    classes = z.shape[axis]
    if ((t < 0) | (t >= classes)).any():
        raise IndexError(f"sparse_softmax_on_logits: there are classes 0 to {classes - 1}; labels are {t}.")
    hard = np.moveaxis(np.eye(classes)[t], -1, axis)
    return softmax_on_logits(hard, z, axis)._replace(label_gradient=None)


# -- second order ------------------------------------------------------------------------------------------------------


def softmax_hessian(labels: ArrayLike, logits: ArrayLike, axis: int = -1) -> Array:
    r"""C6: the Hessian of the cross-entropy in the logits.

    .. math:: \nabla_z^2 L = S\,(\mathrm{diag}(p) - p\,p^T)

    Its rows sum to 0, and it is positive semidefinite for :math:`S \ge 0`.

    Parameters
    ----------
    labels, logits : array_like
        Of one shape.
    axis : int
        The axis of the K classes.

    Returns
    -------
    ndarray
        Of the shape of `logits` without `axis`, and (K, K) after it: a matrix for each sample.

    Raises
    ------
    ShapeError
        When the shapes differ.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.softmax_hessian([2.0, 2.0], [0.0, 0.0])
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    y, z = pair("softmax_hessian", labels, logits)
    return np.asarray(np.sum(y, axis=axis)[..., None, None] * softmax_jacobian(z, axis))


def softmax_hvp(labels: ArrayLike, logits: ArrayLike, v: ArrayLike, axis: int = -1) -> Array:
    r"""C6: the Hessian of the cross-entropy times a vector, without the matrix.

    .. math:: H v = S\,\big(p \circ v - p\,(p \cdot v)\big)

    Parameters
    ----------
    labels, logits, v : array_like
        Of one shape.
    axis : int
        The axis of the classes.

    Returns
    -------
    ndarray
        Of the shape of `logits`.

    Raises
    ------
    ShapeError
        When the shapes differ.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.softmax_hvp([1.0, 0.0], [0.0, 0.0], [1.0, 3.0])
    array([-0.5,  0.5])
    """
    y, z = pair("softmax_hvp", labels, logits)
    v, z = pair("softmax_hvp", v, z, "vectors")
    p = softmax(z, axis)
    along = np.sum(p * v, axis=axis, keepdims=True)
    return np.asarray(np.sum(y, axis=axis, keepdims=True) * (p * (v - along)))


def softmax_mixed(logits: ArrayLike, axis: int = -1) -> Array:
    r"""C6: the derivatives of the cross-entropy in each logit and each label. They are free of the labels.

    .. math:: \partial_{z_c} \partial_{y_k} L = p_c - \delta_{ck}

    Parameters
    ----------
    logits : array_like
    axis : int
        The axis of the K classes.

    Returns
    -------
    ndarray
        Of the shape of `logits` without `axis`, and (K, K) after it: c, then k.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.softmax_mixed(np.log([1.0, 3.0]))
    array([[-0.75,  0.25],
           [ 0.75, -0.25]])
    """
    return np.asarray(-np.swapaxes(log_softmax_jacobian(logits, axis), -1, -2))
