"""C9, the stable forms that all others are made of: sigmoid, softplus, log-sum-exp, softmax and its surprisals.

Nothing here overflows, and what is near 0 keeps its relative accuracy. Infinite logits give the limits of C10.
"""

from __future__ import annotations

import numpy as np

from ..errors import ShapeError
from .form import Array, ArrayLike


def sigma(z: ArrayLike) -> Array:
    r"""C9, from E8: the logistic function.

    .. math:: \sigma(z) = \frac{1}{1 + e^{-z}}, \quad \sigma'(z) = \sigma(z)\,\sigma(-z)

    Parameters
    ----------
    z : array_like
        Of any shape.

    Returns
    -------
    ndarray
        Of the shape of `z`. ``1 - sigma(z)`` is ``sigma(-z)``, without cancellation.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.sigma([-1000.0, 0.0, 2.0])
    array([0.        , 0.5       , 0.88079708])
    """
    z = np.asarray(z, np.float64)
    e = np.exp(-np.abs(z))
    value: Array = np.where(z >= 0, 1, e) / (1 + e)
    return value


def softplus(z: ArrayLike) -> Array:
    r"""C9: the softplus, which is the surprisal of a Bernoulli outcome.

    .. math:: \zeta(z) = \log(1 + e^z) = \max(z, 0) + \mathrm{log1p}(e^{-|z|}), \quad \zeta'(z) = \sigma(z), \quad
              \zeta(z) - \zeta(-z) = z

    The gradient is that of the whole: taking max and absolute value apart at 0, with sub-gradients 0, would give 0 for
    the 1/2 that is right.

    Parameters
    ----------
    z : array_like
        Of any shape.

    Returns
    -------
    ndarray
        Of the shape of `z`.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.softplus([-1000.0, 0.0, 1000.0])
    array([0.00000000e+00, 6.93147181e-01, 1.00000000e+03])
    """
    z = np.asarray(z, np.float64)
    return np.asarray(np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))))


def lse(z: ArrayLike, axis: int = -1) -> Array:
    r"""C9: the logarithm of a sum of exponentials, whose gradient is `softmax` (C4).

    .. math:: \mathrm{lse}(z) = \log\sum_k e^{z_k} = m + \mathrm{log1p}\Big(\sum_{k \ne t} e^{z_k - m}\Big), \quad
              m = z_t = \max_k z_k, \quad \frac{\partial\,\mathrm{lse}}{\partial z_j} = p_j

    Parameters
    ----------
    z : array_like
        Logits.
    axis : int
        The axis of the classes.

    Returns
    -------
    ndarray
        Of the shape of `z` without `axis`.

    Raises
    ------
    ShapeError
        For no classes at all.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.lse([1000.0, 1000.0])
    array(1000.69314718)
    """
    z = np.asarray(z, np.float64)
    _, rest = exponentials(z, axis)
    return np.asarray(np.max(z, axis=axis) + np.log1p(np.squeeze(rest, axis)))


def surprisal(z: ArrayLike, axis: int = -1) -> Array:
    r"""C9: minus the logarithm of the softmax, accurate down to the smallest numbers when one class is all but certain.

    .. math:: -\log p_c = \mathrm{lse}(z) - z_c = (m - z_c) + \mathrm{log1p}\Big(\sum_{k \ne t} e^{z_k - m}\Big), \quad
              m = z_t = \max_k z_k

    Parameters
    ----------
    z : array_like
        Logits.
    axis : int
        The axis of the classes.

    Returns
    -------
    ndarray
        Of the shape of `z`.

    Raises
    ------
    ShapeError
        For no classes at all.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.surprisal([40.0, 0.0])
    array([4.24835426e-18, 4.00000000e+01])
    """
    shifted, rest = exponentials(np.asarray(z, np.float64), axis)
    return np.asarray(np.log1p(rest) - shifted)


def softmax(z: ArrayLike, axis: int = -1) -> Array:
    r"""C4 and C9: the probabilities of classes, which are also the gradient of `lse`.

    .. math:: p_c = \frac{e^{z_c}}{\sum_k e^{z_k}} = \frac{\partial\,\mathrm{lse}(z)}{\partial z_c}

    Parameters
    ----------
    z : array_like
        Logits. A class with logit -inf has probability 0, one with +inf has 1; two with +inf, or nothing but -inf, NaN.
    axis : int
        The axis of the classes.

    Returns
    -------
    ndarray
        Of the shape of `z`.

    Raises
    ------
    ShapeError
        For no classes at all.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.softmax([1000.0, 1000.0, -np.inf])
    array([0.5, 0.5, 0. ])
    """
    shifted, rest = exponentials(np.asarray(z, np.float64), axis)
    return np.asarray(np.exp(shifted) / (1 + rest))


def exponentials(z: Array, axis: int) -> tuple[Array, Array]:
    """``z - max(z)``, and the sum of its exponentials without the first largest, which is exactly 1.

    The second keeps its axis. NaN where the softmax has no limit: at nothing but -inf, and at two +inf.
    """
    if z.ndim == 0 or z.shape[axis] == 0:
        raise ShapeError(f"softmax: logits have shape {z.shape}, without classes along axis {axis}.")
    top = np.max(z, axis=axis, keepdims=True)
    highest = z == top
    with np.errstate(invalid="ignore"):
        shifted = np.where(highest, 0.0, z - top)
    several = np.sum(highest, axis=axis, keepdims=True) > 1
    shifted = np.where((top == -np.inf) | ((top == np.inf) & several), np.nan, shifted)
    e = np.exp(shifted)
    np.put_along_axis(e, np.argmax(z, axis=axis, keepdims=True), 0.0, axis)
    return shifted, np.sum(e, axis=axis, keepdims=True) + 0 * np.max(shifted, axis=axis, keepdims=True)
