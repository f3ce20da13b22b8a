"""linear: the product with a transposed matrix of weights, and a bias, as one operation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..op import differentiable

Shape = tuple[int, ...]


def rows(a: Any) -> Any:
    """`a` as a matrix, all axes but the last taken as one: one large product or sum, not a batch of small ones.

    At (32, 16, 64) by (64, 64) in float32 that takes 70 us forward, not 80, and 3 for the bias, not 14.
    """
    return a if a.ndim == 2 else a.reshape(math.prod(a.shape[:-1]), a.shape[-1])  # -1 is no answer for no columns


@differentiable("x, weight, bias=None", broadcasts=True,  # the bias, along all axes but the last
                x=lambda g, weight: g @ weight,
                weight=lambda g, x: rows(g).T @ rows(x),
                bias=lambda g: rows(g))  # fmt: skip
def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    r"""``x @ weight.T + bias`` as one operation, with the weights as PyTorch lays them out.

    .. math::
        y = x W^T + b, \quad \bar x = \bar y\, W, \quad \bar W = \bar y^T x, \quad \bar b = \sum_n \bar y_n

    Parameters
    ----------
    x : array_like or Tensor
        Shape (..., in).
    weight : array_like or Tensor
        :math:`W`, shape (out, in): a row for each output.
    bias : array_like or Tensor, optional
        :math:`b`, shape (out,).

    Returns
    -------
    ndarray or Tensor
        Shape (..., out), of the dtype of ``x @ weight.T + bias``.

    Raises
    ------
    ShapeError
        When the shapes do not go together; a bias is not broadcast along the outputs.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> W = xe.tensor([[1.0, 2.0], [0.0, 1.0], [3.0, 0.0]], requires_grad=True)
    >>> b = xe.tensor([0.5, 0.0, 0.0], requires_grad=True)
    >>> y = xe.linear(np.array([[1.0, 1.0], [2.0, 0.0]]), W, b)
    >>> y
    tensor([[3.5, 1. , 3. ],
            [2.5, 0. , 6. ]], op=linear)
    >>> y.sum().backward()
    >>> W.grad, b.grad
    (array([[3., 1.],
           [3., 1.],
           [3., 1.]]), array([2., 2., 2.]))
    """
    try:
        fits = x.shape[-1] == weight.shape[1] and (bias is None or bias.shape == weight.shape[:1]) and weight.ndim == 2
    except (AttributeError, IndexError):  # a number, or an array with too few axes
        fits = False
    if not fits:
        raise mismatch(np.shape(x), np.shape(weight), None if bias is None else np.shape(bias))
    flat = rows(x) if x.ndim > 2 else x
    out = flat @ transposed(weight, flat)
    if bias is not None:
        alike = type(out) is np.ndarray and out.dtype is bias.dtype
        out = np.add(out, bias, out) if alike else out + bias  # without a second array: 0.2 us less at (64, 64)
    return out if flat is x else out.reshape((*x.shape[:-1], len(weight)))


def transposed(weight: Any, x: Any) -> Any:
    """``weight.T`` as x is multiplied with it fastest: a copy for products that OpenBLAS calls small.

    Its kernels for those are slower on a transposed matrix: (64, 64) by (64, 64) in float32 takes 8.7 us, with a copy
    7.4, in float64 18.4 and 16.4; a copy does not pay for few rows or columns.
    """
    n = len(weight)
    small = type(weight) is np.ndarray and n >= 32 and x.ndim == 2 and len(x) >= 32 and x.size * n <= 1e6
    return weight.T.copy() if small else weight.T


def mismatch(x: Shape, weight: Shape, bias: Shape | None) -> ShapeError:
    """The error for shapes that do not go together: which, what was expected, and what to write."""
    shapes = f"x has shape {x}, weight {weight}" + ("" if bias is None else f", bias {bias}")
    if len(weight) != 2:
        said = "The weight must be a matrix of shape (out, in)."
    elif not x or x[-1] != weight[1]:
        said = "The last axis of x must be as long as the second of weight: (..., in) and (out, in)."
        if x and x[-1] == weight[0]:
            said += "\n  Write weight.T if the weight was made for x @ weight."
    else:
        said = f"The bias must have shape ({weight[0]},): a number for each output."
        if bias in ((), (1,)):
            said += f" Write np.broadcast_to(bias, ({weight[0]},)) if one number is meant for all."
    return ShapeError(f"linear: {shapes}.\n  {said}")
