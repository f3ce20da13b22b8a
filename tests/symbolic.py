"""What tests of exact equality share: whether an expression in exponentials and logarithms is 0, decided by algebra."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

sp: Any = pytest.importorskip("sympy", reason="SymPy is not installed: pip install '.[symbolic]'")


def is_zero(expression: Any) -> bool:
    """Whether an expression in exponentials, logarithms and polynomials of real symbols is 0 everywhere.

    Exponentials become powers of positive symbols, and logarithms of rational functions are taken apart; what is left
    is a rational function. One symbol for each exponent is quick, and mostly enough; where one exponent is a sum of
    others, one for each monomial is needed. False means "not shown".
    """
    return any(rational(expression, parts) == 0 for parts in (lambda exponent: [exponent], sp.Add.make_args))


def rational(expression: Any, parts: Callable[[Any], Any]) -> Any:
    """The expression, cancelled, as a rational function of symbols for the exponentials of `parts` of exponents."""
    powers: dict[Any, Any] = {}

    def product(exponent: Any) -> Any:
        found = sp.Integer(1)
        for part in parts(sp.expand(exponent)):
            factor, rest = part.primitive()
            if rest.could_extract_minus_sign():
                factor, rest = -factor, -rest
            found *= powers.setdefault(rest, sp.Symbol(f"E{len(powers)}", positive=True)) ** factor
        return found

    def apart(argument: Any) -> Any:
        return sp.expand_log(sp.log(sp.factor(sp.together(argument))), force=True)

    d = sp.sympify(expression)
    d = d.replace(lambda e: isinstance(e, sp.exp), lambda e: product(e.args[0]))
    d = d.replace(lambda e: isinstance(e, sp.log), lambda e: apart(e.args[0]))
    return sp.cancel(sp.together(d.subs({sp.log(symbol): part for part, symbol in powers.items()})))


def assert_equal(left: Any, right: Any) -> None:
    """Two arrays of expressions are equal, element by element, everywhere."""
    assert np.shape(left) == np.shape(right)
    difference = (left - right).values
    for place in np.ndindex(difference.shape):
        a, b = left.values[place], right.values[place]
        assert is_zero(difference[place]), f"at {place}: {a} and {b} were not shown to be equal"
