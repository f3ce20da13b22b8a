"""NumPy's reductions on arrays of symbols, and the functions that make arrays like them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DTypeError
from .scalars import FLOAT, is_symbolic, made, scalars_of, symbolic, write

Axis = int | tuple[int, ...] | None


def count(a: Any, axis: Axis) -> int:
    """Number of elements that a reduction takes together."""
    axes = range(a.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return math.prod([a.shape[i] for i in axes])


def reduction(ufunc: Any) -> Callable[..., Any]:
    """The function of NumPy's that reduces with `ufunc`."""

    def reduced(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Any:
        return ufunc.reduce(a, axis=axis, dtype=dtype, keepdims=keepdims)

    return reduced


write(np.sum)(reduction(np.add))
write(np.prod)(reduction(np.multiply))


def extremum(ufunc: Any) -> Callable[..., Any]:
    """np.max or np.min."""

    def reduced(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False) -> Any:
        return ufunc.reduce(a, axis=axis, keepdims=keepdims)

    return reduced


write(np.max, np.amax)(extremum(np.maximum))
write(np.min, np.amin)(extremum(np.minimum))


@write(np.mean)
def mean(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Any:
    """Sum divided by the number of elements."""
    return np.sum(a, axis=axis, dtype=dtype, keepdims=keepdims) / count(a, axis)


@write(np.var)
def var(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, ddof: Any = 0, keepdims: bool = False) -> Any:
    """Mean of squared deviations."""
    deviation = a - mean(a, axis, dtype, keepdims=True)
    return np.sum(deviation * deviation, axis=axis, keepdims=keepdims) / (count(a, axis) - ddof)


@write(np.std)
def std(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, ddof: Any = 0, keepdims: bool = False) -> Any:
    """Square root of the variance."""
    return np.sqrt(var(a, axis, dtype, ddof=ddof, keepdims=keepdims))


def accumulation(ufunc: Any) -> Callable[..., Any]:
    """np.cumsum or np.cumprod."""

    def accumulated(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Any:
        return ufunc.accumulate(a.reshape(-1) if axis is None else a, axis=0 if axis is None else axis, dtype=dtype)

    return accumulated


write(np.cumsum)(accumulation(np.add))
write(np.cumprod)(accumulation(np.multiply))


@write(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """Norm of a vector: sum(abs(x)**ord)**(1/ord)."""
    if ord in (None, 2) and (ord is None or x.ndim == 1 or isinstance(axis, int)):
        return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))
    if isinstance(ord, int | float) and math.isfinite(ord) and ord != 0 and (x.ndim == 1 or isinstance(axis, int)):
        total = np.sum(np.abs(x) ** ord, axis=axis, keepdims=keepdims)
        return total ** np.reciprocal(total * 0 + ord)  # 1 / ord, exactly
    raise DTypeError(f"np.linalg.norm: ord={ord!r}, axis={axis!r} is not supported for symbols of shape {x.shape}.")


# -- making arrays -----------------------------------------------------------------------------------------------------


def filled(a: Any, fill_value: Any, dtype: Any, shape: Any) -> Any:
    """`fill_value` everywhere, as symbols unless a dtype that is not floating-point is asked for."""
    shape = a.shape if shape is None else shape
    if dtype is not None and np.dtype(dtype).kind != "f":
        return np.full(shape, fill_value, dtype)
    values = np.empty(shape, object)
    values[...] = scalars_of(fill_value, a.algebra)
    return made(values, a.algebra)


@write(np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None
) -> Any:
    """`fill_value` everywhere."""
    like = symbolic(a, fill_value)
    return filled(like, fill_value, dtype, a.shape if shape is None else shape)


@write(np.zeros_like, np.empty_like)
def zeros_like(a: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None) -> Any:
    """Zeros."""
    return filled(a, 0, dtype, shape)


@write(np.ones_like)
def ones_like(a: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None) -> Any:
    """Ones."""
    return filled(a, 1, dtype, shape)


@write(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """The dtype of a result, with symbols as float64."""
    return np.result_type(*[FLOAT if is_symbolic(value) else value for value in arrays_and_dtypes])


@write(np.array2string, np.array_repr, np.array_str)
def text(a: Any, *args: Any, **kwargs: Any) -> str:
    """What `a` holds, for people."""
    return repr(a)
