"""C8: the cross-entropies with a weight for positive labels, class weights, temperature, smoothing, and focal."""

from __future__ import annotations

import numpy as np

from ..errors import ShapeError
from .form import Array, ArrayLike, ClosedForm, pair, single, times
from .multiclass import softmax_on_logits
from .stable import sigma, softplus


def weighted_on_logits(labels: ArrayLike, logits: ArrayLike, pos_weight: ArrayLike) -> ClosedForm:
    r"""C8: the binary cross-entropy with the positive term multiplied by q.

    .. math::
        L = q\,y\,\zeta(-z) + (1-y)\,\zeta(z) = (1-y)\,z + (1 + (q-1)\,y)\,\zeta(-z), \quad
        \partial_z L = (1-y)\,\sigma(z) - q\,y\,\sigma(-z), \quad
        \partial_z^2 L = (1 - y + q y)\,p\,(1-p),

        \partial_y L = -z + (q-1)\,\zeta(-z) = q\,\zeta(-z) - \zeta(z), \quad \partial_q L = y\,\zeta(-z), \quad
        \partial_z \partial_y L = -\sigma(z) - q\,\sigma(-z)

    with :math:`p = \sigma(z)`. At z = 0 the gradient is :math:`(1-y)/2 - q y/2`.

    Parameters
    ----------
    labels, logits : array_like
        Of one shape; any real labels.
    pos_weight : array_like
        q, which broadcasts to that shape.

    Returns
    -------
    ClosedForm
        Elementwise; `option_gradient` is the derivative in q. The third derivative is
        :math:`(1 - y + q y)\,p(1-p)(1-2p)`.

    Raises
    ------
    ShapeError
        When labels and logits differ in shape, or `pos_weight` would enlarge them.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.weighted_on_logits([1.0, 0.0], [0.0, -20.0], 2.0).gradient
    array([-1.00000000e+00,  2.06115362e-09])
    """
    y, z = pair("weighted_on_logits", labels, logits)
    q = np.asarray(pos_weight, np.float64)
    if q.ndim > z.ndim or any(a not in (1, b) for a, b in zip(q.shape[::-1], z.shape[::-1])):
        raise ShapeError(f"weighted_on_logits: pos_weight has shape {q.shape}, logits have shape {z.shape}.")
    second = (1 - y + q * y) * (sigma(z) * sigma(-z))
    return ClosedForm(
        loss=times(q * y, softplus(-z)) + times(1 - y, softplus(z)),
        gradient=(1 - y) * sigma(z) - q * y * sigma(-z),
        label_gradient=times(q, softplus(-z)) - softplus(z),
        second=second,
        third=-second * np.tanh(z / 2),
        mixed=-sigma(z) - q * sigma(-z),
        option_gradient=times(y, softplus(-z)),
    )


def class_weighted_on_logits(
    labels: ArrayLike, logits: ArrayLike, class_weight: ArrayLike, axis: int = -1
) -> ClosedForm:
    r"""C8: the softmax cross-entropy with a weight for each class, which is C5 with :math:`w \circ y` for the labels.

    .. math:: L = -\sum_c w_c\,y_c \log p_c, \quad \partial_z L = p\,(w \cdot y) - w \circ y, \quad
              \partial_{y_c} L = w_c\,(\mathrm{lse}(z) - z_c), \quad \partial_{w_c} L = y_c\,(\mathrm{lse}(z) - z_c)

    The Hessian is `softmax_hessian` of the labels :math:`w \circ y`.

    Parameters
    ----------
    labels, logits : array_like
        Of one shape.
    class_weight : array_like, shape (K,)
    axis : int
        The axis of the K classes.

    Returns
    -------
    ClosedForm
        A loss without `axis`. `option_gradient` has the shape of `logits`: its sum over the samples is the gradient in
        the weights.

    Raises
    ------
    ShapeError
        When the shapes do not fit.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.class_weighted_on_logits([1.0, 0.0], [0.0, 0.0], [3.0, 1.0]).gradient
    array([-1.5,  1.5])
    """
    y, z = pair("class_weighted_on_logits", labels, logits)
    w = np.asarray(class_weight, np.float64)
    if w.shape != (z.shape[axis],):
        raise ShapeError(f"class_weighted_on_logits: class_weight has shape {w.shape}; expected ({z.shape[axis]},).")
    along = np.expand_dims(w, [i for i in range(z.ndim) if i != axis % z.ndim])
    form = softmax_on_logits(along * y, z, axis)
    n = form.label_gradient
    assert n is not None
    return form._replace(label_gradient=times(along, n), option_gradient=times(y, n))


def temperature_on_logits(
    labels: ArrayLike, logits: ArrayLike, temperature: ArrayLike, axis: int = -1
) -> ClosedForm:
    r"""C8: the softmax cross-entropy of :math:`z / T`.

    .. math:: \partial_z L = \frac{p_T\,S - y}{T}, \quad \partial_T L = -\frac{(p_T\,S - y) \cdot z}{T^2}, \quad
              \partial_{y_c} L = \mathrm{lse}(z/T) - \frac{z_c}{T}, \quad p_T = \mathrm{softmax}(z/T)

    In the derivative in T the logits are taken less their maximum, which changes nothing, since the gradient sums to 0.
    The Hessian is `softmax_hessian` of the logits :math:`z/T`, over :math:`T^2`.

    Parameters
    ----------
    labels, logits : array_like
        Of one shape; logits are finite.
    temperature : array_like, shape ()
        T, above 0.
    axis : int
        The axis of the classes.

    Returns
    -------
    ClosedForm
        A loss without `axis`. `option_gradient`, of the shape of the loss, is the share of each sample in the
        derivative in T.

    Raises
    ------
    ShapeError
        When the shapes differ, or the option is not one number.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> form = xe.closed_forms.temperature_on_logits([1.0, 0.0], 2 * np.log([1.0, 3.0]), 2.0)
    >>> form.gradient, form.option_gradient
    (array([-0.375,  0.375]), array(-0.41197961))
    """
    y, z = pair("temperature_on_logits", labels, logits)
    T = single("temperature_on_logits", "temperature", temperature)
    form = softmax_on_logits(y, z / T, axis)
    below = z - np.max(z, axis=axis, keepdims=True)
    return form._replace(
        gradient=form.gradient / T,
        option_gradient=np.asarray(-np.sum(form.gradient * below, axis=axis) / T**2),
    )


def smoothed_on_logits(
    labels: ArrayLike, logits: ArrayLike, smoothing: ArrayLike, axis: int = -1
) -> ClosedForm:
    r"""C8: the softmax cross-entropy of labels of which a share is spread evenly over the K classes.

    .. math:: y' = (1-\epsilon)\,y + \frac{\epsilon}{K}, \quad
              L = (1-\epsilon)\,L_y + \epsilon\,(\mathrm{lse}(z) - \bar z), \quad \partial_z L = p\,S' - y', \quad
              \partial_\epsilon L = \sum_c \Big(\frac1K - y_c\Big)(\mathrm{lse}(z) - z_c), \quad
              \partial_{y_c} L = (1-\epsilon)(\mathrm{lse}(z) - z_c)

    with :math:`S' = \sum_c y'_c`. For a hard label t they are :math:`\partial_z L = p - y'` and
    :math:`\partial_\epsilon L = z_t - \bar z`. The Hessian is `softmax_hessian` of the labels :math:`y'`.

    Parameters
    ----------
    labels, logits : array_like
        Of one shape.
    smoothing : array_like, shape ()
        :math:`\epsilon`, in [0, 1].
    axis : int
        The axis of the classes.

    Returns
    -------
    ClosedForm
        A loss without `axis`. `option_gradient`, of the shape of the loss, is the share of each sample in the
        derivative in :math:`\epsilon`.

    Raises
    ------
    ShapeError
        When the shapes differ, or the option is not one number.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> form = xe.closed_forms.smoothed_on_logits([1.0, 0.0], [2.0, 0.0], 0.5)
    >>> form.gradient, form.option_gradient
    (array([ 0.13079708, -0.13079708]), array(1.))
    """
    y, z = pair("smoothed_on_logits", labels, logits)
    eps = single("smoothed_on_logits", "smoothing", smoothing)
    even = 1 / z.shape[axis]
    form = softmax_on_logits((1 - eps) * y + eps * even, z, axis)
    n = form.label_gradient
    assert n is not None
    return form._replace(
        label_gradient=times(1 - eps, n),
        option_gradient=np.asarray(np.sum(times(even - y, n), axis=axis)),
    )


def focal_on_logits(labels: ArrayLike, logits: ArrayLike, gamma: float) -> ClosedForm:
    r"""C8: the binary focal loss; for label 0 it is that for label 1 at minus the logit, and between them linear.

    .. math::
        L = y\,F(z) + (1-y)\,F(-z), \quad F(z) = (1-p)^\gamma\,(-\log p), \quad
        F'(z) = (1-p)^\gamma\,(\gamma\,p \log p + p - 1),

        F''(z) = p\,(1-p)^\gamma\,\big[(1 + 2\gamma)(1-p) + \gamma\,\log p\,(1 - p - \gamma p)\big],
        \quad p = \sigma(z)

    so that for y = 0 the gradient is :math:`-F'(-z) = p^\gamma\,(p - \gamma\,(1-p) \log(1-p))`.

    Parameters
    ----------
    labels, logits : array_like
        Of one shape.
    gamma : float
        0 or more; with 0 it is C2.

    Returns
    -------
    ClosedForm
        Elementwise: loss, gradient, label gradient, second and mixed derivative.

    Raises
    ------
    ShapeError
        When the shapes differ.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.closed_forms.focal_on_logits([1.0, 0.0, 1.0], [0.0, 0.0, -1000.0], 2.0).gradient
    array([-0.2982868,  0.2982868, -1.       ])
    """
    y, z = pair("focal_on_logits", labels, logits)
    (right, slope, curve), (wrong, back, bend) = focal_terms(z, gamma), focal_terms(-z, gamma)
    return ClosedForm(
        loss=times(y, right) + times(1 - y, wrong),
        gradient=y * slope - (1 - y) * back,
        label_gradient=right - wrong,
        second=y * curve + (1 - y) * bend,
        mixed=slope + back,
    )


def focal_terms(z: Array, gamma: float) -> tuple[Array, Array, Array]:
    """The focal loss F of label 1, and its first and second derivative."""
    p, q, n = sigma(z), sigma(-z), softplus(-z)  # n is -log p
    factor = q**gamma
    p_log_p = -times(p, n)
    return (
        times(factor, n),
        factor * (gamma * p_log_p - q),
        factor * ((1 + 2 * gamma) * p * q + gamma * p_log_p * (q - gamma * p)),
    )
