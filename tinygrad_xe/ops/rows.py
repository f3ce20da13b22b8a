"""NumPy kernels along the axis of the classes, taken as rows (n, classes): softmax, its logarithm, and what they share.

Reductions over a short last axis are slow in NumPy: at (64, 10) in float32 ``np.maximum.reduce(z, 1)`` takes 4.4 us,
argmax and a gather 1.3; ``np.add.reduce(z, 1)`` takes 2.2, a dot product with ones 0.7.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError

Array = np.ndarray[Any, np.dtype[Any]]


@functools.lru_cache(maxsize=64)
def ones(count: int, dtype: np.dtype[Any]) -> Array:
    """A read-only vector of ones."""
    made = np.ones(count, dtype)
    made.flags.writeable = False
    return made


@functools.lru_cache(maxsize=64)
def starts(count: int, classes: int) -> Array:
    """Flat index of the first element of each row, read-only: 0.1 us, where np.arange takes 0.7 at (64, 10)."""
    made = np.arange(0, count * classes, classes)
    made.flags.writeable = False
    return made


def guarded(kernel: Callable[..., Any], *args: Any) -> Any:
    """``kernel(*args, False)``; ``kernel(*args, True)``, which takes limits, when NumPy reports inf - inf or 0 * inf.

    NumPy looks at the floating-point status after every ufunc anyway, so asking for it costs the errstate alone (1 us);
    to test the logits for infinities would be a pass over them. Overflow is silent: a loss too large for its dtype is
    inf.
    """
    try:
        with np.errstate(all="ignore", invalid="raise"):
            return kernel(*args, False)
    except FloatingPointError:
        with np.errstate(all="ignore"):
            return kernel(*args, True)


def class_axis(who: str, name: str, array: Any, axis: int) -> int:
    """The axis of the classes in an array or a Tensor, counted from the front."""
    try:
        axis = operator.index(axis)
    except TypeError:
        raise DTypeError(f"{who}: axis is {axis!r}; expected an integer, the axis of the classes.") from None
    n: int = array.ndim
    if not -n <= axis < n:
        there = f"expected {-n} to {n - 1}" if n else "a single number has no axis of classes: write x[None]"
        raise ShapeError(f"{who}: axis {axis} is out of range for {name} of shape {array.shape}; {there}.")
    return axis % n


def without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """`shape` without one axis."""
    return shape[:axis] + shape[axis + 1 :]


def as_rows(a: Array, axis: int) -> Array:
    """`a` as rows (n, classes), in any memory order; the usual case, (n, classes) already, costs nothing."""
    if axis != a.ndim - 1:
        a = np.moveaxis(a, axis, -1)
    return a if a.ndim == 2 else a.reshape(-1, a.shape[-1])


def from_rows(rows: Array, shape: tuple[int, ...], axis: int) -> Array:
    """The inverse of `as_rows` for an array of `shape`: a view."""
    if axis == len(shape) - 1:
        return rows if len(shape) == 2 else rows.reshape(shape)
    return np.moveaxis(rows.reshape((*without(shape, axis), shape[axis])), -1, axis)


#: Logits within these bounds need no shift: sums of exponentials and their quotients stay far from overflow and
#: underflow.
MODERATE = {"f": 32.0, "d": 300.0}


def moderate(z: Array) -> bool:
    """Whether all of `z` is within those bounds, and so finite: 0.7 us at (64, 10); np.errstate takes 1 to 1.5."""
    bound = MODERATE.get(z.dtype.char) if type(z) is np.ndarray else None
    flat = z.ravel()
    return bool(bound and flat.size and flat[flat.argmax()] <= bound and flat[flat.argmin()] >= -bound)


def shift(z: Array, k: Array, infinite: bool) -> Array:
    """``z - max(z)`` along rows; `k` are the flat indices of the maxima.

    With one +inf in a row the result is 0 there and -inf elsewhere; with two, with nothing but -inf, or with a NaN, it
    holds NaN.
    """
    m = z.reshape(-1)[k]
    x: Array = np.subtract(z, m[:, None], order="C")  # C order, so that x.reshape(-1) is a view that can be written
    if infinite:
        flat = x.reshape(-1)
        flat[k] = np.where(m == np.inf, 0, flat[k])
    return x


def softmax_rows(z: Array) -> Array:
    """exp(z) / sum(exp(z)) of each row."""
    if not moderate(z):
        return guarded(softmax_shifted, z)  # type: ignore[no-any-return]
    e: Array = np.exp(z)
    e /= e.dot(ones(z.shape[1], z.dtype))[:, None]
    return e


def softmax_shifted(z: Array, infinite: bool) -> Array:
    """The same for any logits."""
    x = shift(z, starts(*z.shape) + z.argmax(1), infinite)
    np.exp(x, x)
    x /= x.dot(ones(z.shape[1], z.dtype))[:, None]
    return x


def log_softmax_rows(z: Array) -> Array:
    """log(exp(z) / sum(exp(z))) of each row."""
    return guarded(log_softmax_shifted, z)  # type: ignore[no-any-return]


def log_softmax_shifted(z: Array, infinite: bool) -> Array:
    """``x - log1p(rest)``: x = z - max(z), and rest the sum of exp(x) without its largest term, which is exactly 1.

    x is rounded, which exp(x) feels as a relative error of |x| eps / 2: up to 28 ulp. The rounding error of a
    difference is exact in six operations (Knuth's TwoSum), and exp(x + err) = exp(x) (1 + err). That leaves 3 ulp, for
    5 us at (64, 10).
    """
    k = starts(*z.shape) + z.argmax(1)
    x = shift(z, k, infinite)
    e = np.exp(x)
    e.reshape(-1)[k] = 0
    one = ones(z.shape[1], z.dtype)
    rest = e.dot(one)
    if not infinite:
        b = x - z  # about -m; a logit of -inf makes NaN here, and the kernel is called again with infinite=True
        err = x - b
        np.subtract(z, err, err)
        b += z.reshape(-1)[k][:, None]
        err -= b  # (z - (x - b)) - (m + b): x + err is z - m exactly
        e *= err
        rest += e.dot(one)
    x -= np.log1p(rest)[:, None]
    return x


def along_axis(who: str, kernel: Callable[[Array], Array], x: Any, axis: int) -> Array:
    """Run a kernel of rows along `axis` of any array; whole numbers become float64, float16 is computed in float32."""
    z = x if hasattr(x, "__array_function__") else np.asarray(x)
    axis = class_axis(who, "x", z, axis)
    if z.dtype.kind != "f":
        z = z.astype(np.float64)
    if not z.size:
        return z.copy()
    if z.dtype.char == "e":
        return along_axis(who, kernel, z.astype(np.float32), axis).astype(np.float16)
    return from_rows(kernel(as_rows(z, axis)), z.shape, axis)
