"""Functions that NumPy lacks: sigmoid, softmax and their logarithms, activations, the error function."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..op import differentiable, ufunc
from .rows import along_axis, log_softmax_rows, softmax_rows


def floats(x: Any) -> Any:
    """`x` as an array, of float64 if it holds integers or booleans: minus an unsigned integer would wrap around."""
    x = x if hasattr(x, "__array_function__") else np.asarray(x)  # arrays that answer NumPy's protocols stay theirs
    return x if x.dtype.kind == "f" else x.astype(np.float64)


# -- sigmoid and its logarithms ----------------------------------------------------------------------------------------


@differentiable("x", broadcasts=True, elementwise=True, x=lambda g, out, x: g * out * sigmoid(-x))  # type: ignore[has-type]
def sigmoid(x: Any) -> Any:
    """Logistic function, 1 / (1 + exp(-x)), elementwise; exact in both tails, without overflow.

    The gradient is ``g * sigmoid(x) * sigmoid(-x)``. As ``s * (1 - s)`` it would be 0 from x = 17 on in float32.

    Parameters
    ----------
    x : array_like or Tensor
        Any shape.

    Returns
    -------
    ndarray or Tensor
        Of the shape and dtype of `x`, between 0 and 1.

    Notes
    -----
    Equation E8 of the article, with ``x`` for the linear model's ``theta^T x``.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.sigmoid(xe.tensor([-1000.0, 0.0, 2.0]))
    tensor([0.        , 0.5       , 0.88079708])
    """
    x = floats(x)
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


@differentiable("x", broadcasts=True, elementwise=True, x=lambda g, x: g * sigmoid(x))
def softplus(x: Any) -> Any:
    """log(1 + exp(x)), elementwise: the smooth form of relu. Gradient: sigmoid(x).

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.softplus(xe.tensor([-1000.0, 0.0, 1000.0]))
    tensor([0.00000000e+00, 6.93147181e-01, 1.00000000e+03])
    """
    x = floats(x)
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@differentiable("x", broadcasts=True, elementwise=True, x=lambda g, x: g * sigmoid(-x))
def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)) = -softplus(-x), elementwise; finite where the sigmoid has underflowed. Gradient: sigmoid(-x).

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.log_sigmoid(xe.tensor([-1000.0, 0.0]))
    tensor([-1.00000000e+03, -6.93147181e-01])
    """
    x = floats(x)
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


# fmt: off
logaddexp   = ufunc(np.logaddexp,   "x1, x2", x1=lambda g, x1, x2: g * sigmoid(x1 - x2),
                                              x2=lambda g, x1, x2: g * sigmoid(x2 - x1))
logaddexp2  = ufunc(np.logaddexp2,  "x1, x2", x1=lambda g, x1, x2: g * sigmoid((x1 - x2) * math.log(2)),
                                              x2=lambda g, x1, x2: g * sigmoid((x2 - x1) * math.log(2)))
# fmt: on

# -- softmax and its logarithms ----------------------------------------------------------------------------------------


@differentiable("x, axis=-1", x=lambda g, out, *, axis: out * (g - np.sum(g * out, axis=axis, keepdims=True)))
def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) / sum(exp(x)) along `axis`; shifted by the maximum, so that nothing overflows.

    The gradient is ``p * (g - sum(g * p))`` with ``p = softmax(x)``: form C4, dp_i/dx_j = p_i (delta_ij - p_j).

    Parameters
    ----------
    x : array_like or Tensor
        Logits.
    axis : int
        The axis of the classes. A class with logit -inf has probability 0.

    Returns
    -------
    ndarray or Tensor
        Of the shape and dtype of `x`; sums to 1 along `axis`.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.softmax(xe.tensor([1000.0, 1000.0, -1000.0]))
    tensor([0.5, 0.5, 0. ])
    """
    return along_axis("softmax", softmax_rows, x, axis)


@differentiable("x, axis=-1", x=lambda g, out, *, axis: g - np.exp(out) * np.sum(g, axis=axis, keepdims=True))
def log_softmax(x: Any, axis: int = -1) -> Any:
    """log(softmax(x)) along `axis`, finite where a probability has underflowed, to within 3 units in the last place.

    The gradient is ``g - p * sum(g)``: form C4, dlog p_i/dx_j = delta_ij - p_j.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.log_softmax(xe.tensor([0.0, 1000.0]))
    tensor([-1000.,     0.])
    """
    return along_axis("log_softmax", log_softmax_rows, x, axis)


@differentiable("x, axis=None, keepdims=False", reduces="x", x=lambda g, out, x: g * np.exp(x - out))
def logsumexp(x: Any, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) over `axis`, shifted by the maximum. Gradient: the softmax of `x`.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.logsumexp(xe.tensor([1000.0, 1000.0]))
    tensor(1000.69314718)
    """
    x = floats(x)
    top = np.maximum.reduce(x, axis=axis, keepdims=True, initial=-math.inf)
    top = np.where(np.isfinite(top), top, 0)  # an infinite maximum would give inf - inf
    with np.errstate(divide="ignore"):  # all -inf: log(0) is the answer
        total = np.log(np.add.reduce(np.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else total.squeeze(axis)


@functools.lru_cache(maxsize=32)
def small_zeros(shape: tuple[int, ...], strides: tuple[int, ...], dtype: Any) -> Any:
    """Zeros of a small array's shape: at (64, 64), float32, np.maximum(x, zeros) takes 0.9 us, np.maximum(x, 0) 3.0.

    In its memory order too: with the batch last, as convolutions give it, zeros in C order take 5 times as long.
    """
    made = np.zeros_like(np.lib.stride_tricks.as_strided(np.empty(1, dtype), shape, strides))  # which reads no element
    made.flags.writeable = False
    return made


# -- activations -------------------------------------------------------------------------------------------------------


@differentiable("x", broadcasts=True, elementwise=True,
                x=lambda g, out: g * (out != 0), taken={"x": lambda x: np.logical_not(x < 0)})  # fmt: skip
def relu(x: Any) -> Any:
    """max(x, 0), elementwise. Gradient: 1 for x > 0, else 0, also at 0. A NaN stays one and receives the cotangent.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.relu(xe.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """
    x = x if hasattr(x, "__array_function__") else np.asarray(x)
    if type(x) is not np.ndarray:
        return np.maximum(x, 0)
    if x.size <= 65_536:
        return np.maximum(x, small_zeros(x.shape, x.strides, x.dtype))
    return np.maximum(x, np.zeros(x.shape, x.dtype) if x.flags.c_contiguous else np.zeros_like(x))


@differentiable("x, slope=0.01", broadcasts=True, elementwise=True,
                x=lambda g, x, slope: np.where(x > 0, g, g * slope),
                slope=lambda g, x: np.where(x > 0, 0, g * x))  # fmt: skip
def leaky_relu(x: Any, slope: Any = 0.01) -> Any:
    """x for x > 0, else ``slope * x``, elementwise. Gradient at 0: `slope`, which may be a Tensor too (PReLU).

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.leaky_relu(xe.tensor([-1.0, 2.0]))
    tensor([-0.01,  2.  ])
    """
    return np.where(x > 0, x, x * slope)


@differentiable("x, alpha=1.0", broadcasts=True, elementwise=True,
                x=lambda g, x, alpha: np.where(x > 0, g, g * (alpha * np.exp(np.minimum(x, 0)))),
                alpha=lambda g, x: np.where(x > 0, 0, g * np.expm1(np.minimum(x, 0.0))))  # fmt: skip
def elu(x: Any, alpha: Any = 1.0) -> Any:
    """x for x > 0, else ``alpha * (exp(x) - 1)``, elementwise (Clevert et al., 2015). Gradient at 0: `alpha`.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.elu(xe.tensor([-1.0, 2.0]))
    tensor([-0.63212056,  2.        ])
    """
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))  # 0.0: of int8, expm1 would give float16


@differentiable("x", broadcasts=True, elementwise=True, x=lambda g, x: g * (sigmoid(x) * (1 + x * sigmoid(-x))))
def silu(x: Any) -> Any:
    """x * sigmoid(x), elementwise (also called swish).

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.silu(xe.tensor([0.0, 1.0]))
    tensor([0.        , 0.73105858])
    """
    return x * sigmoid.kernel(x)


def gelu_tanh_slope(x: Any) -> Any:
    """Derivative of the tanh form of gelu."""
    c = math.sqrt(2 / math.pi)
    t = np.tanh(c * (x + 0.044715 * (x * x * x)))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (c * (1 + 3 * 0.044715 * (x * x)))


def gelu_slope(x: Any, approximate: str) -> Any:
    """Derivative of gelu: Phi(x) + x phi(x) for the exact form."""
    if approximate == "tanh":
        return gelu_tanh_slope(x)
    return 0.5 * erfc(-x * math.sqrt(0.5)) + x * (np.exp(-0.5 * (x * x)) * (1 / math.sqrt(2 * math.pi)))


@differentiable("x, approximate='none'", broadcasts=True, elementwise=True,
                x=lambda g, x, *, approximate: g * gelu_slope(x, approximate))  # fmt: skip
def gelu(x: Any, approximate: str = "none") -> Any:
    """x * Phi(x) with the normal distribution function Phi, elementwise (Hendrycks and Gimpel, 2016).

    Parameters
    ----------
    x : array_like or Tensor
    approximate : {"none", "tanh"}
        The exact form, or ``x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))``.

    Raises
    ------
    ArgumentError
        For another word in `approximate`.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.gelu(xe.tensor([0.0, 1.0])), xe.gelu(xe.tensor([0.0, 1.0]), approximate="tanh")
    (tensor([0.        , 0.84134475]), tensor([0.        , 0.84119199]))
    """
    x = floats(x)
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))))
    if approximate != "none":
        raise ArgumentError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}.")
    return 0.5 * x * erfc.kernel(-x * math.sqrt(0.5))


# -- error function ----------------------------------------------------------------------------------------------------

_erf = np.frompyfunc(math.erf, 1, 1)
_erfc = np.frompyfunc(math.erfc, 1, 1)


def elements(function: Any, x: Any) -> Any:
    """A function of Python's floats on each element; an array that answers NumPy's protocols does it in its own way."""
    y = function(x)
    return np.asarray(y, x.dtype) if isinstance(x, np.ndarray) else y


@differentiable("x", broadcasts=True, elementwise=True,
                x=lambda g, x: g * (np.exp(-(x * x)) * (2 / math.sqrt(math.pi))))  # fmt: skip
def erf(x: Any) -> Any:
    """Error function, elementwise, from the C library's double-precision one.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.erf(xe.tensor([0.0, 1.0]))
    tensor([0.        , 0.84270079])
    """
    x = floats(x)
    return elements(_erf, x)


@differentiable("x", broadcasts=True, elementwise=True,
                x=lambda g, x: g * (np.exp(-(x * x)) * (-2 / math.sqrt(math.pi))))  # fmt: skip
def erfc(x: Any) -> Any:
    """1 - erf(x), elementwise, without cancellation for large x.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.erfc(xe.tensor([0.0, 1.0]))
    tensor([1.        , 0.15729921])
    """
    x = floats(x)
    return elements(_erfc, x)


