"""Elementwise operations: arithmetic, powers, exponentials, trigonometry, extrema, where, comparisons."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..op import comparison, compose, constant, differentiable, refuse_out, ufunc

NUMBERS = frozenset({int, float, bool})


def typed(x: Any, like: Any) -> Any:
    """`x` in the dtype that it has beside `like`: np.log alone makes a strong float64 of 2.0, and float16 of int8."""
    return x if type(x) not in NUMBERS and x.dtype.kind == "f" else np.where(True, x, like)


def over_square(x: Any, a: Any, b: Any) -> Any:
    """x / (a*a + b*b), where the squares of whole numbers would wrap around and others overflow."""
    r = np.hypot(a, b)
    return x / r / r


def base_of(a: Any, b: Any) -> Any:
    """The base that the derivatives of a**b are taken at: 1 where a and b are both 0."""
    if (type(a) in NUMBERS and a != 0) or (type(b) in NUMBERS and b != 0):
        return a
    return np.where(np.logical_and(a == 0, b == 0), 1, typed(a, b))


def less_one(b: Any) -> Any:
    """b - 1, where whole numbers do not wrap around: beside int16 unsigned ones are signed, and int8 is wide enough."""
    return b - 1 if type(b) in NUMBERS else b - np.int16(1)


@differentiable("a, b", broadcasts=True, elementwise=True,
                a=lambda g, b: g * np.log(typed(b, g)),
                b=lambda g, a, b: g * np.where(np.logical_and(a == 0, b == 0), 0, a / b))  # fmt: skip
def xlogy(a: Any, b: Any) -> Any:
    """a * log(b), and 0 where a is 0, unless b is NaN."""
    flat = (a == 0) & (b == b)
    return np.where(flat, 0, a * np.log(np.where(flat, 1, typed(b, a))))


# fmt: off
# -- arithmetic --------------------------------------------------------------------------------------------------------

add         = ufunc(np.add,         "a, b", a=lambda g: g,                 b=lambda g: g)
subtract    = ufunc(np.subtract,    "a, b", a=lambda g: g,                 b=lambda g: -g)
multiply    = ufunc(np.multiply,    "a, b", a=lambda g, b: g * b,          b=lambda g, a: g * a)
divide      = ufunc(np.divide,      "a, b", a=lambda g, b: g / b,          b=lambda g, out, b: -(g * out) / b)
negative    = ufunc(np.negative,    "x",    x=lambda g: -g)
positive    = ufunc(np.positive,    "x",    x=lambda g: g)
remainder   = ufunc(np.remainder,   "a, b", a=lambda g: g,                 b=lambda g, a, b: -g * np.floor_divide(a, b))
fmod        = ufunc(np.fmod,        "a, b", a=lambda g: g,       b=lambda g, out, a, b: -g * np.rint((a - out) / b))
reciprocal  = ufunc(np.reciprocal,  "x",    x=lambda g, out: -g * out * out)
square      = ufunc(np.square,      "x",    x=lambda g, x: g * (2 * x))
sqrt        = ufunc(np.sqrt,        "x",    x=lambda g, out: g / (2 * out))
cbrt        = ufunc(np.cbrt,        "x",    x=lambda g, out: g / (3 * (out * out)))
absolute    = ufunc(np.absolute,    "x",    x=lambda g, x: g * np.sign(x))
fabs        = ufunc(np.fabs,        "x",    x=lambda g, x: g * np.sign(x))

# x**0 is 1 everywhere, so its derivative is 0 at x = 0 too, where b * a**(b - 1) alone would be 0 * inf.
power       = ufunc(np.power,       "a, b",
                    a=lambda g, a, b: g * (b * base_of(a, b) ** less_one(b)),
                    b=lambda g, out, a, b: g * xlogy(out, base_of(a, b)))
float_power = ufunc(np.float_power, "a, b",
                    a=lambda g, a, b: g * (b * np.float_power(base_of(a, b), less_one(b))),
                    b=lambda g, out, a, b: g * xlogy(out, base_of(a, b)))

# -- exponentials and logarithms ---------------------------------------------------------------------------------------

exp         = ufunc(np.exp,         "x",    x=lambda g, out: g * out)
exp2        = ufunc(np.exp2,        "x",    x=lambda g, out: g * (out * math.log(2)))
expm1       = ufunc(np.expm1,       "x",    x=lambda g, x: g * np.exp(x))
log         = ufunc(np.log,         "x",    x=lambda g, x: g / x)
log2        = ufunc(np.log2,        "x",    x=lambda g, x: g / (x * math.log(2)))
log10       = ufunc(np.log10,       "x",    x=lambda g, x: g / (x * math.log(10)))
log1p       = ufunc(np.log1p,       "x",    x=lambda g, x: g / (1 + x))

# -- trigonometric and hyperbolic --------------------------------------------------------------------------------------

sin         = ufunc(np.sin,         "x",    x=lambda g, x: g * np.cos(x))
cos         = ufunc(np.cos,         "x",    x=lambda g, x: -g * np.sin(x))
tan         = ufunc(np.tan,         "x",    x=lambda g, out: g * (1 + out * out))
arcsin      = ufunc(np.arcsin,      "x",    x=lambda g, x: g / np.sqrt((1 - x) * (1 + x)))
arccos      = ufunc(np.arccos,      "x",    x=lambda g, x: -g / np.sqrt((1 - x) * (1 + x)))
arctan      = ufunc(np.arctan,      "x",    x=lambda g, x: g / (1 + x * x))
arctan2     = ufunc(np.arctan2,     "a, b", a=lambda g, a, b: g * over_square(b, a, b),
                                            b=lambda g, a, b: -g * over_square(a, a, b))
sinh        = ufunc(np.sinh,        "x",    x=lambda g, x: g * np.cosh(x))
cosh        = ufunc(np.cosh,        "x",    x=lambda g, x: g * np.sinh(x))
tanh        = ufunc(np.tanh,        "x",    x=lambda g, out: g - g * out * out)
arcsinh     = ufunc(np.arcsinh,     "x",    x=lambda g, x: g / np.hypot(x, 1))
arccosh     = ufunc(np.arccosh,     "x",    x=lambda g, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1)))
arctanh     = ufunc(np.arctanh,     "x",    x=lambda g, x: g / ((1 - x) * (1 + x)))
# At (0, 0), where there is a cone, the first derivative is 0 and the second NaN.
hypot       = ufunc(np.hypot,       "a, b", a=lambda g, out, a: g * np.where(out == 0, 0, a / out),
                                            b=lambda g, out, b: g * np.where(out == 0, 0, b / out))
copysign    = ufunc(np.copysign,    "a, b", a=lambda g, a, b: g * (np.sign(a) * np.copysign(1, b)), b=None)
conjugate   = ufunc(np.conjugate,   "x",    x=lambda g: g)   # of real numbers
deg2rad     = ufunc(np.deg2rad,     "x",    x=lambda g: g * (math.pi / 180))
rad2deg     = ufunc(np.rad2deg,     "x",    x=lambda g: g * (180 / math.pi))
radians     = ufunc(np.radians,     "x",    x=lambda g: g * (math.pi / 180))
degrees     = ufunc(np.degrees,     "x",    x=lambda g: g * (180 / math.pi))

# -- selections: ties share evenly; a NaN, which is the result, receives the cotangent ---------------------------------

maximum     = ufunc(np.maximum,     "a, b",
                    a=lambda g, a, b: np.where(a < b, 0, np.where(a == b, 0.5 * g, g)),
                    b=lambda g, a, b: np.where(b < a, 0, np.where(b == a, 0.5 * g, g)),
                    taken={"a": lambda a, b: np.logical_not(a < b), "b": lambda a, b: np.logical_not(b < a)})
minimum     = ufunc(np.minimum,     "a, b",
                    a=lambda g, a, b: np.where(a > b, 0, np.where(a == b, 0.5 * g, g)),
                    b=lambda g, a, b: np.where(b > a, 0, np.where(b == a, 0.5 * g, g)),
                    taken={"a": lambda a, b: np.logical_not(a > b), "b": lambda a, b: np.logical_not(b > a)})
fmax        = ufunc(np.fmax,        "a, b",                             # of a number and a NaN: the number
                    a=lambda g, a, b: np.where((a > b) | np.isnan(b), g, np.where(a == b, 0.5 * g, 0)),
                    b=lambda g, a, b: np.where((b > a) | np.isnan(a), g, np.where(a == b, 0.5 * g, 0)),
                    taken={"a": lambda a, b: (a >= b) | np.isnan(b), "b": lambda a, b: (b >= a) | np.isnan(a)})
fmin        = ufunc(np.fmin,        "a, b",
                    a=lambda g, a, b: np.where((a < b) | np.isnan(b), g, np.where(a == b, 0.5 * g, 0)),
                    b=lambda g, a, b: np.where((b < a) | np.isnan(a), g, np.where(a == b, 0.5 * g, 0)),
                    taken={"a": lambda a, b: (a <= b) | np.isnan(b), "b": lambda a, b: (b <= a) | np.isnan(a)})
where       = ufunc(np.where,       "condition, a, b", condition=None,
                    a=lambda g, condition: np.where(condition, g, 0),
                    b=lambda g, condition: np.where(condition, 0, g),
                    taken={"a": lambda condition: np.not_equal(condition, 0),
                           "b": lambda condition: np.equal(condition, 0)})
# fmt: on


@differentiable("x, *, dtype", broadcasts=True, elementwise=True, x=lambda g: g)
def astype(x: Any, *, dtype: Any) -> Any:
    """Cast to another floating-point dtype; the engine casts the cotangent back."""
    own = hasattr(x, "__array_function__") and not isinstance(x, np.ndarray)  # an array that answers NumPy's protocols
    return x.astype(dtype) if own else np.asarray(x, dtype)


@functools.partial(compose, np.astype)
def _astype(x: Any, dtype: Any, /, *, copy: bool = True, device: None = None) -> Any:
    return x.astype(dtype)


def sinc_series(z: Any, order: int) -> Any:
    """The derivative of sin(z) / z of the given order for abs(z) < 2, from its power series."""
    terms = range((order + 1) // 2, (order + 1) // 2 + 14)
    return sum((-1) ** k * z ** (2 * k - order) * (1 / (math.factorial(2 * k - order) * (2 * k + 1))) for k in terms)


@differentiable("x, *, order", broadcasts=True, elementwise=True,
                x=lambda g, x, *, order: g * sinc_derivative(x, order=order + 1))  # type: ignore[has-type]  # fmt: skip
def sinc_derivative(x: Any, *, order: int) -> Any:
    """The derivative of np.sinc of the given order: exact at 0 too, where a quotient would be 0 / 0.

    With s(z) = sin(z) / z, z = pi x: z s_n + n s_(n-1) = sin(z + n pi / 2), from differentiating z s = sin(z).
    """
    return sinc_slope(np.asarray(x), order=order)


def sinc_slope(x: Any, *, order: int) -> Any:
    """The same of an array."""
    z = x * math.pi
    near = np.abs(z) < 2
    far = np.where(near, 2, z)
    value = np.sin(far) / far
    for n in range(1, order + 1):
        turned = (np.sin(far), np.cos(far))[n % 2] * (1, 1, -1, -1)[n % 4]
        value = (turned - n * value) / far
    return np.where(near, sinc_series(np.where(near, z, 0), order), value) * math.pi**order


sinc = ufunc(np.sinc, "x", x=lambda g, x: g * sinc_derivative(x, order=1))


@functools.partial(compose, np.real)
def real(val: Any) -> Any:
    """The real part: numbers are real here."""
    return val


@functools.partial(compose, np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    """The real part: numbers are real here."""
    return a


@functools.partial(compose, np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, out: None = None, *, min: Any = None, max: Any = None) -> Any:
    """Limit values to a range. At a bound the gradient is shared with it, as maximum and minimum share ties."""
    refuse_out("clip", out)
    if (a_min is not None and min is not None) or (a_max is not None and max is not None):
        raise ArgumentError("clip: a bound was given twice. Write min= and max=, or a_min and a_max.")
    low, high = a_min if min is None else min, a_max if max is None else max
    a = a if low is None else np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


@functools.partial(compose, np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """Replace NaN and infinities by numbers; no gradient flows to the places that were replaced."""
    if not copy:
        raise ArgumentError("nan_to_num: copy=False would overwrite the values of a tensor. Leave it out.")
    if x.dtype.kind != "f":
        return np.copy(x)
    info = np.finfo(x.dtype)
    x = np.where(np.isnan(x), nan, x)
    x = np.where(np.isposinf(x), float(info.max) if posinf is None else posinf, x)
    return np.where(np.isneginf(x), float(info.min) if neginf is None else neginf, x)


# fmt: off
# -- comparisons know where they came from; rounding and its kin are constant almost everywhere ------------------------

for _function in (np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal, np.logical_and,
                  np.logical_or, np.logical_xor, np.bitwise_and, np.bitwise_or, np.bitwise_xor):
    comparison(_function, "a, b")
for _of_one in (np.logical_not, np.invert, np.isnan, np.isinf, np.isfinite, np.signbit, np.isposinf, np.isneginf):
    comparison(_of_one, "x")

constant(
    np.sign, np.floor, np.ceil, np.trunc, np.rint, np.round, np.around, np.fix, np.floor_divide, np.heaviside,
    np.spacing, np.isclose, np.allclose, np.array_equal, np.array_equiv, np.zeros_like, np.ones_like, np.empty_like,
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj, np.array2string,
    np.array_repr, np.array_str, np.shares_memory, np.may_share_memory, np.digitize, np.searchsorted, np.isin,
    np.common_type, np.min_scalar_type, np.imag, np.angle, np.isreal, np.iscomplex, np.isscalar,
)
# fmt: on
