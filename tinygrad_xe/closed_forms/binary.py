"""C1 to C3: the binary cross-entropy on probabilities, on logits, and of logistic regression."""

from __future__ import annotations

import numpy as np

from ..errors import ShapeError
from .form import Array, ArrayLike, ClosedForm, pair, times
from .stable import sigma, softplus


def log_odds_against(p: Array) -> Array:
    """``log((1 - p) / p)``, which is ``2 artanh(1 - 2 p)``: the difference 1 - 2 p is exact from p = 1/4 on."""
    with np.errstate(divide="ignore"):
        middle = 2 * np.arctanh(1 - 2 * np.maximum(p, 0.25))
        value: Array = np.where(p >= 0.25, middle, np.log1p(-np.minimum(p, 0.25)) - np.log(p))
    return value


def binary_on_probs(labels: ArrayLike, probs: ArrayLike) -> ClosedForm:
    r"""C1, from E1: the binary cross-entropy as a function of the probability.

    .. math:: \partial_p L = \frac{p - y}{p(1-p)} = -\frac{y}{p} + \frac{1-y}{1-p}, \quad
              \partial_y L = \log\frac{1-p}{p}, \quad
              \partial_p^2 L = \frac{y}{p^2} + \frac{1-y}{(1-p)^2}, \quad
              \partial_p \partial_y L = -\frac{1}{p(1-p)}

    A term with label 0 is 0: the gradient is 1 at p = y = 0 and -1 at p = y = 1 (C10).

    Parameters
    ----------
    labels, probs : array_like
        Of one shape; labels may be soft, probabilities lie in [0, 1].

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
    >>> xe.closed_forms.binary_on_probs([1.0, 0.25, 0.0], [0.875, 0.625, 0.0]).gradient
    array([-1.14285714,  1.6       ,  1.        ])
    """
    y, p = pair("binary_on_probs", labels, probs)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        one_sided = np.where(y == 0, 1 / (1 - p), -1 / p)
        return ClosedForm(
            loss=times(y, -np.log(p)) + times(1 - y, -np.log1p(-p)),
            gradient=np.where((y == 0) | (y == 1), one_sided, (p - y) / (p * (1 - p))),
            label_gradient=log_odds_against(p),
            second=times(y, p**-2) + times(1 - y, (1 - p) ** -2),
            mixed=-1 / (p * (1 - p)),
        )


def binary_on_logits(labels: ArrayLike, logits: ArrayLike) -> ClosedForm:
    r"""C2: the binary cross-entropy as a function of the logit, from E1 with E8 for the probability.

    .. math::
        L = y\,\zeta(-z) + (1-y)\,\zeta(z), \quad
        \partial_z L = \sigma(z) - y = (1-y)\,\sigma(z) - y\,\sigma(-z), \quad \partial_y L = -z, \quad
        \partial_z^2 L = p(1-p), \quad \partial_z^3 L = p(1-p)(1-2p), \quad \partial_z \partial_y L = -1

    with :math:`p = \sigma(z)`. The second form of the gradient is used, which does not cancel for hard labels;
    :math:`1 - 2p` is taken as :math:`-\tanh(z/2)`.

    Parameters
    ----------
    labels, logits : array_like
        Of one shape; any real labels. Infinite logits give the limits of C10.

    Returns
    -------
    ClosedForm
        Elementwise: loss and all its derivatives.

    Raises
    ------
    ShapeError
        When the shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> form = xe.closed_forms.binary_on_logits([1.0, 0.0, 0.25], [0.0, 2.0, np.inf])
    >>> form.loss
    array([0.69314718, 2.12692801,        inf])
    >>> form.gradient
    array([-0.5       ,  0.88079708,  0.75      ])
    """
    y, z = pair("binary_on_logits", labels, logits)
    second = sigma(z) * sigma(-z)
    return ClosedForm(
        loss=times(y, softplus(-z)) + times(1 - y, softplus(z)),
        gradient=(1 - y) * sigma(z) - y * sigma(-z),
        label_gradient=-z,
        second=second,
        third=-second * np.tanh(z / 2),
        mixed=np.full_like(z, -1),
    )


def logistic_regression(X: ArrayLike, y: ArrayLike, theta: ArrayLike, *, mean: bool = False) -> ClosedForm:
    r"""C3: logistic regression, :math:`p = \sigma(X\theta)`; its gradient is the article's result, E17 and E18.

    .. math:: \nabla_\theta L = X^T (p - y), \quad \nabla_\theta^2 L = X^T \mathrm{diag}(p (1-p))\, X, \quad
              \partial_y L = -X\theta, \quad \partial_\theta \partial_y L = -X^T

    of the sum over the samples (E11); of their mean, each divided by N. `logistic_regression_hvp` multiplies the
    Hessian by a vector.

    Parameters
    ----------
    X : array_like, shape (N, D)
    y : array_like, shape (N,)
        Any real labels.
    theta : array_like, shape (D,)
    mean : bool
        Divide by N.

    Returns
    -------
    ClosedForm
        A loss of shape (), a gradient of shape (D,), a label gradient of shape (N,), the Hessian of shape (D, D) and
        the mixed derivative of shape (D, N).

    Raises
    ------
    ShapeError
        When the shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> X, y = np.array([[1, 2], [-0.5, 1], [1.5, -0.25]]), np.array([1.0, 0.0, 1.0])
    >>> xe.closed_forms.logistic_regression(X, y, np.array([0.5, -0.25])).gradient
    array([-1.14980736, -0.54561983])
    """
    X, z = linear(X, theta)
    sample = binary_on_logits(y, z)
    assert sample.second is not None
    n = len(X) if mean else 1
    return ClosedForm(
        loss=np.asarray(np.sum(sample.loss) / n),
        gradient=X.T @ sample.gradient / n,
        label_gradient=-z / n,
        second=X.T @ (sample.second[:, None] * X) / n,
        mixed=-X.T / n,
    )


def logistic_regression_hvp(X: ArrayLike, theta: ArrayLike, v: ArrayLike, *, mean: bool = False) -> Array:
    r"""C3: the Hessian of logistic regression times a vector, without the (D, D) matrix. It is free of the labels.

    .. math:: \nabla_\theta^2 L\; v = X^T \big(p (1-p) \circ X v\big)

    Parameters
    ----------
    X : array_like, shape (N, D)
    theta, v : array_like, shape (D,)
    mean : bool
        Divide by N.

    Returns
    -------
    ndarray, shape (D,)

    Raises
    ------
    ShapeError
        When the shapes do not fit.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> X = [[1, 2], [-0.5, 1], [1.5, -0.25]]
    >>> xe.closed_forms.logistic_regression_hvp(X, [0.5, -0.25], [1.0, 0.0])
    array([0.78775133, 0.30266474])
    """
    X, z = linear(X, theta)
    _, along = linear(X, v)
    product: Array = X.T @ (sigma(z) * sigma(-z) * along) / (len(X) if mean else 1)
    return product


def linear(X: ArrayLike, theta: ArrayLike) -> tuple[Array, Array]:
    """The rows as float64, and their products with the parameters."""
    X, theta = np.asarray(X, np.float64), np.asarray(theta, np.float64)
    if X.ndim != 2 or theta.shape != X.shape[1:]:
        raise ShapeError(
            f"logistic_regression: X has shape {X.shape}, the vector beside it {theta.shape}.\n"
            "  They must have shapes (N, D) and (D,)."
        )
    return X, X @ theta
