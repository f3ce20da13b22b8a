"""The arithmetic of scalars that are not floats: SymPy's expressions, and mpmath's numbers of any precision.

An `Algebra` says how a number of Python's or NumPy's becomes such a scalar, exactly, and what each elementwise function
of NumPy does to scalars. A `SymbolArray` of any kind of scalar needs no more than that.
"""

from __future__ import annotations

import functools
import numbers
import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from ..errors import DTypeError

Function = Callable[..., Any]

#: The neutral elements of functions whose reductions have one.
NEUTRAL = {"add": 0, "multiply": 1}

#: Functions that give truth values.
DECISIONS = frozenset({
    "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_xor",
    "logical_not", "isnan", "isinf", "isfinite", "signbit",
})  # fmt: skip


class Algebra:
    """Scalars of one kind: how numbers become scalars, and the elementwise functions.

    Parameters
    ----------
    name : str
        For messages.
    number : callable
        Makes a scalar of a number, exactly; a scalar stays what it is. Raises TypeError or ValueError for all else.
    functions : mapping of str to callable
        From the name of a ufunc of NumPy's to the function of scalars. Those that are not there but can be written
        with others that are (``square``, ``exp2``, ``fmax``, ...) are added.
    """

    def __init__(self, name: str, number: Function, functions: Mapping[str, Function]) -> None:
        self.name = name
        self.number = number
        self.functions = written(number, functions) | dict(functions)
        self._arrays: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"<algebra {self.name}>"

    def scalar(self, value: Any) -> Any:
        """A number as a scalar, exactly.

        Raises
        ------
        DTypeError
            When `value` is not a number of this algebra.
        """
        try:
            return self.number(value)
        except (TypeError, ValueError):
            raise DTypeError(
                f"symbols: {value!r:.80} is a {type(value).__name__}; expected a real number, exact or floating-point, "
                f"or a scalar of {self.name}."
            ) from None

    def scalars(self, values: Any) -> Any:
        """An object array of the same shape with every number made a scalar."""
        values = np.asarray(values, None if hasattr(values, "dtype") else object)
        made = np.empty(values.shape, object)
        made.reshape(-1)[:] = [self.scalar(value) for value in values.reshape(-1).tolist()]
        return made

    def ufunc(self, name: str) -> Any:
        """The function called `name` on object arrays, with NumPy's reduce, accumulate and outer.

        Raises
        ------
        DTypeError
            When the algebra has no such function.
        """
        if name not in self._arrays:
            if name not in self.functions:
                raise DTypeError(f"np.{name}: {self.name} has no counterpart for it here.")
            function = self.functions[name]
            neutral = self.number(NEUTRAL[name]) if name in NEUTRAL else None
            count = 1 if name in ONE_ARGUMENT else 2
            self._arrays[name] = np.frompyfunc(function, count, 1, identity=neutral)
        return self._arrays[name]


#: Functions of one scalar; all others take two.
ONE_ARGUMENT = frozenset({
    "positive", "negative", "reciprocal", "square", "sqrt", "cbrt", "absolute", "fabs", "sign", "exp", "exp2", "expm1",
    "log", "log2", "log10", "log1p", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh",
    "arcsinh", "arccosh", "arctanh", "deg2rad", "rad2deg", "radians", "degrees", "floor", "ceil", "trunc", "rint",
    "erf", "erfc", "logical_not", "isnan", "isinf", "isfinite", "signbit", "conjugate",
})  # fmt: skip


def written(number: Function, f: Mapping[str, Function]) -> dict[str, Function]:
    """Functions that are the same in every algebra, or can be written with others; what is missing stays missing."""
    zero, one, two = number(0), number(1), number(2)

    def nonzero(a: Any) -> bool:
        return not f["equal"](a, zero)

    def copysign(a: Any, b: Any) -> Any:
        size = f["absolute"](a)
        return -size if f["less"](b, zero) else size

    def heaviside(a: Any, at_zero: Any) -> Any:
        if f["isnan"](a):
            return a
        return zero if f["less"](a, zero) else one if f["less"](zero, a) else at_zero

    def trunc(a: Any) -> Any:
        return f["ceil"](a) if f["less"](a, zero) else f["floor"](a)

    def skipping(name: str) -> Function:
        return lambda a, b: b if f["isnan"](a) else a if f["isnan"](b) else f[name](a, b)

    divide, power = f["divide"], f["power"]
    return {
        "add": operator.add, "subtract": operator.sub, "multiply": operator.mul,
        "positive": lambda a: a, "negative": operator.neg, "conjugate": lambda a: a,
        "square": lambda a: a * a, "reciprocal": lambda a: divide(one, a),
        "fabs": f["absolute"], "float_power": power, "hypot": lambda a, b: f["sqrt"](a * a + b * b),
        "exp2": lambda a: power(two, a), "expm1": lambda a: f["exp"](a) - one, "log1p": lambda a: f["log"](one + a),
        "log2": lambda a: divide(f["log"](a), f["log"](two)),
        "log10": lambda a: divide(f["log"](a), f["log"](number(10))),
        "logaddexp": lambda a, b: f["log"](f["exp"](a) + f["exp"](b)),
        "logaddexp2": lambda a, b: divide(f["log"](power(two, a) + power(two, b)), f["log"](two)),
        "deg2rad": lambda a: a * f["pi"]() / number(180), "radians": lambda a: a * f["pi"]() / number(180),
        "rad2deg": lambda a: a * number(180) / f["pi"](), "degrees": lambda a: a * number(180) / f["pi"](),
        "floor_divide": lambda a, b: f["floor"](divide(a, b)), "trunc": trunc,
        "remainder": lambda a, b: a - b * f["floor"](divide(a, b)), "fmod": lambda a, b: a - b * trunc(divide(a, b)),
        "copysign": copysign, "heaviside": heaviside, "fmax": skipping("maximum"), "fmin": skipping("minimum"),
        "less_equal": lambda a, b: f["less"](a, b) or f["equal"](a, b),
        "greater": lambda a, b: f["less"](b, a), "greater_equal": lambda a, b: f["less"](b, a) or f["equal"](a, b),
        "not_equal": lambda a, b: not f["equal"](a, b), "signbit": lambda a: f["less"](a, zero),
        "logical_and": lambda a, b: nonzero(a) and nonzero(b), "logical_or": lambda a, b: nonzero(a) or nonzero(b),
        "logical_xor": lambda a, b: nonzero(a) != nonzero(b), "logical_not": lambda a: not nonzero(a),
        "isfinite": lambda a: not (f["isnan"](a) or f["isinf"](a)),
    }  # fmt: skip


def ratio(value: Any) -> tuple[int, int] | None:
    """Numerator and denominator of a finite number of Python's or NumPy's; None for anything else."""
    if isinstance(value, numbers.Rational | np.bool_):
        return (int(value), 1) if isinstance(value, np.bool_) else (int(value.numerator), int(value.denominator))
    if isinstance(value, float | np.floating) and np.isfinite(value):
        top, bottom = value.as_integer_ratio()
        return int(top), int(bottom)
    return None


# -- SymPy -------------------------------------------------------------------------------------------------------------


@functools.cache
def sympy_algebra() -> Algebra:
    """SymPy's expressions. A comparison whose answer does not follow from the signs of its symbols raises."""
    import sympy as sp

    def number(value: Any) -> Any:
        if isinstance(value, sp.Expr):
            return value
        parts = ratio(value)
        if parts is not None:
            return sp.Rational(*parts)
        if isinstance(value, float | np.floating):  # not finite
            return sp.nan if value != value else sp.oo if value > 0 else -sp.oo
        if isinstance(value, str | Decimal):
            return sp.Rational(str(value))
        raise TypeError

    def undecided(a: Any, sign: str, b: Any) -> DTypeError:
        return DTypeError(
            f"symbols: whether {a} {sign} {b} does not follow from what is known about the symbols.\n"
            "  Declare signs, sympy_array(..., positive=True), or take a form without cases, as in losses.article."
        )

    def less(a: Any, b: Any) -> bool:
        if a is sp.nan or b is sp.nan:
            return False
        known = a < b
        if known in (sp.true, sp.false):
            return bool(known)
        found = sp.expand(b - a).is_positive
        if found is None:
            raise undecided(a, "<", b)
        return bool(found)

    def equal(a: Any, b: Any) -> bool:
        if a is sp.nan or b is sp.nan:
            return False
        if a == b:
            return True
        found = (a - b).is_zero
        if found is None:
            found = sp.expand(a - b).is_zero
        if found is None:
            raise undecided(a, "==", b)
        return bool(found)

    third = sp.Rational(1, 3)
    names = {
        "sqrt": "sqrt", "absolute": "Abs", "sign": "sign", "exp": "exp", "log": "log", "sin": "sin", "cos": "cos",
        "tan": "tan", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "sinh": "sinh",
        "cosh": "cosh", "tanh": "tanh", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "floor": "floor",
        "ceil": "ceiling", "erf": "erf", "erfc": "erfc", "maximum": "Max", "minimum": "Min",
    }  # fmt: skip
    functions: dict[str, Function] = {name: getattr(sp, own) for name, own in names.items()}
    return Algebra("sympy", number, functions | {
        "divide": operator.truediv, "power": operator.pow, "cbrt": lambda a: sp.sign(a) * sp.Abs(a) ** third,
        "pi": lambda: sp.pi, "less": less, "equal": equal,
        "isnan": lambda a: a is sp.nan, "isinf": lambda a: bool(a.is_infinite),
    })  # fmt: skip


# -- mpmath ------------------------------------------------------------------------------------------------------------


@functools.cache
def mpmath_algebra() -> Algebra:
    """mpmath's real numbers at the working precision of the caller, ``with mpmath.workdps(50)``.

    Where a real function has no value the result is NaN, and a division by zero is infinite, as in NumPy;
    ``np.errstate(invalid="raise")`` is honoured too.
    """
    import mpmath
    from mpmath import libmp, mp

    nan, inf, zero = mp.nan, mp.inf, mp.mpf(0)

    def number(value: Any) -> Any:
        if isinstance(value, mpmath.mpf):
            return value
        parts = ratio(value)
        if parts is not None:
            top, bottom = parts
            if bottom & (bottom - 1):
                return mp.mpf(top) / bottom
            return mp.make_mpf(libmp.from_man_exp(top, 1 - bottom.bit_length()))  # exact at any working precision
        if isinstance(value, float | np.floating | str | Decimal):
            return mp.mpf(str(value))
        raise TypeError

    def real(function: Function) -> Function:
        def called(*args: Any) -> Any:
            found = function(*args)
            if not isinstance(found, mpmath.mpf):
                found = nan
            if found != found and all(a == a for a in args) and np.geterr()["invalid"] == "raise":
                raise FloatingPointError("invalid value")
            return found

        return called

    def divide(a: Any, b: Any) -> Any:
        return a / b if b else nan if a == 0 or a != a else mp.sign(a) * inf

    def power(a: Any, b: Any) -> Any:
        return inf if a == 0 and b < 0 else a**b

    def larger(a: Any, b: Any) -> Any:
        return a if a > b or a != a else b

    def logaddexp(a: Any, b: Any) -> Any:
        return a if a == b and mp.isinf(a) else larger(a, b) + mp.log1p(mp.exp(-abs(a - b)))

    names = {
        "sqrt": "sqrt", "exp": "exp", "expm1": "expm1", "log": "log", "log1p": "log1p", "sin": "sin", "cos": "cos",
        "tan": "tan", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "sinh": "sinh",
        "cosh": "cosh", "tanh": "tanh", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "erf": "erf",
        "erfc": "erfc", "hypot": "hypot",
    }  # fmt: skip
    functions: dict[str, Function] = {name: real(getattr(mp, own)) for name, own in names.items()}
    return Algebra("mpmath", number, functions | {
        "add": real(operator.add), "subtract": real(operator.sub), "multiply": real(operator.mul),
        "divide": real(divide), "power": real(power), "logaddexp": real(logaddexp),
        "absolute": abs, "sign": lambda a: nan if a != a else mp.sign(a),
        "cbrt": lambda a: mp.sign(a) * mp.cbrt(abs(a)),
        "floor": mp.floor, "ceil": mp.ceil, "rint": mp.nint, "pi": lambda: +mp.pi,
        "maximum": larger, "minimum": lambda a, b: a if a < b or a != a else b,
        "less": operator.lt, "equal": operator.eq, "isnan": mp.isnan, "isinf": mp.isinf,
        "less_equal": operator.le, "greater_equal": operator.ge,
        "heaviside": lambda a, at_zero: a if a != a else zero if a < 0 else mp.mpf(1) if a > 0 else at_zero,
    })  # fmt: skip


#: Algebras by name; each imports its package when it is first asked for.
ALGEBRAS: dict[str, Callable[[], Algebra]] = {"sympy": sympy_algebra, "mpmath": mpmath_algebra}


def algebra_called(name: str | Algebra) -> Algebra:
    """The algebra of that name; an algebra stays what it is."""
    if isinstance(name, Algebra):
        return name
    if name not in ALGEBRAS:
        raise DTypeError(f"symbols: there is no algebra {name!r}; write one of {', '.join(map(repr, ALGEBRAS))}.")
    return ALGEBRAS[name]()
