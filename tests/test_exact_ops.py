"""Every elementwise rule of the library equals SymPy's own derivative exactly, at first and at second order.

SymPy's `diff` is an oracle that nobody here wrote. Functions with kinks are compared on each side of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from symbolic import is_zero, sp

import tinygrad_xe as xe
from tinygrad_xe.op import REGISTRY
from tinygrad_xe.ops import elementwise
from tinygrad_xe.program import symbols
from tinygrad_xe.program.algebras import Algebra, sympy_algebra
from tinygrad_xe.program.symbols import SymbolArray

Q = sp.Rational

#: What the floats in rules and kernels stand for; as binary fractions they would differ from it by 1e-17.
MEANT = {
    math.log(2): sp.log(2), math.log(10): sp.log(10), math.pi / 180: sp.pi / 180, 180 / math.pi: 180 / sp.pi,
    2 / math.sqrt(math.pi): 2 / sp.sqrt(sp.pi), -2 / math.sqrt(math.pi): -2 / sp.sqrt(sp.pi),
    math.sqrt(2 / math.pi): sp.sqrt(2 / sp.pi), 1 / math.sqrt(2 * math.pi): 1 / sp.sqrt(2 * sp.pi),
    math.sqrt(0.5): sp.sqrt(Q(1, 2)), 0.044715: Q(44715, 10**6), 3 * 0.044715: Q(3 * 44715, 10**6),
}  # fmt: skip


def read(value: Any) -> Any:
    """A number exactly, or what it stands for."""
    if isinstance(value, float) and value in MEANT:
        return MEANT[value]
    return sympy_algebra().number(value)


ALGEBRA = Algebra("sympy", read, sympy_algebra().functions)


@dataclass
class Exact:
    """An operation and the same function in SymPy, on regions given by what is known of the symbols."""

    function: Callable[..., Any]
    oracle: Callable[..., Any]
    regions: list[tuple[dict[str, bool], ...]]
    call: Callable[..., Any] | None = None

    @property
    def name(self) -> str:
        return str(self.function.__name__)


ANY, ABOVE, BELOW = {"real": True}, {"positive": True}, {"negative": True}
BROKEN = {"noninteger": True, "positive": True}
REAL, POSITIVE, SIDES = [(ANY,)], [(ABOVE,)], [(ABOVE,), (BELOW,)]
BOTH_REAL, BOTH_POSITIVE = [(ANY, ANY)], [(ABOVE, ABOVE)]
OPPOSITE = [(ABOVE, BELOW), (BELOW, ABOVE)]
QUARTERS = [(ABOVE, ABOVE), (ABOVE, BELOW), (BELOW, ABOVE), (BELOW, BELOW)]


def inverse_logistic(x: Any) -> Any:
    return 1 / (1 + sp.exp(-x))


def real_cube_root(x: Any) -> Any:
    return sp.cbrt(x) if x.is_positive else -sp.cbrt(-x)


def gelu(x: Any) -> Any:
    return x * (1 + sp.erf(x / sp.sqrt(2))) / 2


def gelu_tanh(x: Any) -> Any:
    return x / 2 * (1 + sp.tanh(sp.sqrt(2 / sp.pi) * (x + Q(44715, 10**6) * x**3)))


# fmt: off
TABLE = [
    Exact(np.add,         lambda a, b: a + b,                       BOTH_REAL),
    Exact(np.subtract,    lambda a, b: a - b,                       BOTH_REAL),
    Exact(np.multiply,    lambda a, b: a * b,                       BOTH_REAL),
    Exact(np.divide,      lambda a, b: a / b,                       [(ANY, ABOVE), (ANY, BELOW)]),
    Exact(np.negative,    lambda x: -x,                             REAL),
    Exact(np.positive,    lambda x: x,                              REAL),
    Exact(np.reciprocal,  lambda x: 1 / x,                          SIDES),
    Exact(np.square,      lambda x: x**2,                           REAL),
    Exact(np.sqrt,        sp.sqrt,                                  POSITIVE),
    Exact(np.cbrt,        real_cube_root,                           SIDES),
    Exact(np.absolute,    sp.Abs,                                   SIDES),
    Exact(np.fabs,        sp.Abs,                                   SIDES),
    Exact(np.power,       lambda a, b: a**b,                        [(ABOVE, BELOW), (ABOVE, BROKEN)]),
    Exact(np.float_power, lambda a, b: a**b,                        [(ABOVE, BELOW), (ABOVE, BROKEN)]),
    Exact(np.power,       lambda x: x**2,                           REAL, lambda x: x**2),
    Exact(np.power,       lambda x: x**3,                           REAL, lambda x: x**3),
    Exact(np.power,       lambda x: x**0,                           SIDES, lambda x: x**0),
    Exact(np.power,       lambda x: x**-2,                          SIDES, lambda x: x**-2.0),
    Exact(np.power,       lambda x: x ** Q(3, 4),                   POSITIVE, lambda x: x**0.75),
    Exact(np.power,       lambda x: 2**x,                           REAL, lambda x: 2.0**x),
    Exact(np.exp,         sp.exp,                                   REAL),
    Exact(np.exp2,        lambda x: 2**x,                           REAL),
    Exact(np.expm1,       lambda x: sp.exp(x) - 1,                  REAL),
    Exact(np.log,         sp.log,                                   POSITIVE),
    Exact(np.log2,        lambda x: sp.log(x, 2),                   POSITIVE),
    Exact(np.log10,       lambda x: sp.log(x, 10),                  POSITIVE),
    Exact(np.log1p,       lambda x: sp.log(1 + x),                  POSITIVE),
    Exact(np.logaddexp,   lambda a, b: sp.log(sp.exp(a) + sp.exp(b)), OPPOSITE),
    Exact(np.logaddexp2,  lambda a, b: sp.log(2**a + 2**b, 2),      OPPOSITE),
    Exact(elementwise.xlogy.function, lambda a, b: a * sp.log(b),   BOTH_POSITIVE, elementwise.xlogy),
    Exact(np.sin,         sp.sin,                                   REAL),
    Exact(np.cos,         sp.cos,                                   REAL),
    Exact(np.tan,         sp.tan,                                   REAL),
    Exact(np.arcsin,      sp.asin,                                  REAL),
    Exact(np.arccos,      sp.acos,                                  REAL),
    Exact(np.arctan,      sp.atan,                                  REAL),
    Exact(np.arctan2,     sp.atan2,                                 QUARTERS),
    Exact(np.sinh,        sp.sinh,                                  REAL),
    Exact(np.cosh,        sp.cosh,                                  REAL),
    Exact(np.tanh,        sp.tanh,                                  REAL),
    Exact(np.arcsinh,     sp.asinh,                                 REAL),
    Exact(np.arccosh,     sp.acosh,                                 POSITIVE),
    Exact(np.arctanh,     sp.atanh,                                 REAL),
    Exact(np.hypot,       lambda a, b: sp.sqrt(a**2 + b**2),        QUARTERS),
    Exact(np.deg2rad,     lambda x: sp.pi * x / 180,                REAL),
    Exact(np.radians,     lambda x: sp.pi * x / 180,                REAL),
    Exact(np.rad2deg,     lambda x: 180 * x / sp.pi,                REAL),
    Exact(np.degrees,     lambda x: 180 * x / sp.pi,                REAL),
    Exact(np.copysign,    lambda a, b: sp.Abs(a) * sp.sign(b),      QUARTERS),
    Exact(np.conjugate,   sp.conjugate,                             REAL),
    Exact(np.maximum,     sp.Max,                                   OPPOSITE),
    Exact(np.minimum,     sp.Min,                                   OPPOSITE),
    Exact(np.fmax,        sp.Max,                                   OPPOSITE),
    Exact(np.fmin,        sp.Min,                                   OPPOSITE),
    Exact(np.where,       lambda a, b: a,                           BOTH_REAL, lambda a, b: np.where(True, a, b)),
    Exact(np.where,       lambda a, b: b,                           BOTH_REAL, lambda a, b: np.where(False, a, b)),
    Exact(elementwise.astype.function, lambda x: x,                 REAL,
          lambda x: elementwise.astype(x, dtype=np.float64)),
    Exact(xe.sigmoid.function,     inverse_logistic,                SIDES, xe.sigmoid),
    Exact(xe.softplus.function,    lambda x: sp.log(1 + sp.exp(x)), SIDES, xe.softplus),
    Exact(xe.log_sigmoid.function, lambda x: -sp.log(1 + sp.exp(-x)), SIDES, xe.log_sigmoid),
    Exact(xe.silu.function,        lambda x: x * inverse_logistic(x), SIDES, xe.silu),
    Exact(xe.relu.function,        lambda x: sp.Max(x, 0),          SIDES, xe.relu),
    Exact(xe.leaky_relu.function,  lambda x, s: x if x.is_positive else s * x,
          [(ABOVE, ANY), (BELOW, ANY)], xe.leaky_relu),
    Exact(xe.elu.function,         lambda x, s: x if x.is_positive else s * (sp.exp(x) - 1),
          [(ABOVE, ANY), (BELOW, ANY)], xe.elu),
    Exact(xe.gelu.function,        gelu,                            REAL, xe.gelu),
    Exact(xe.gelu.function,        gelu_tanh,                       REAL, lambda x: xe.gelu(x, approximate="tanh")),
    Exact(xe.erf.function,         sp.erf,                          REAL, xe.erf),
    Exact(xe.erfc.function,        sp.erfc,                         REAL, xe.erfc),
]
# fmt: on

#: The modules whose operations are here.
TABLES = ("tinygrad_xe.ops.elementwise", "tinygrad_xe.ops.special")

#: Without a line: which multiple of b is taken off depends on the numbers, and at 0 sinc is a limit.
NOT_HERE = {"remainder", "fmod", "sinc", "sinc_derivative"}


def test_every_elementwise_operation_has_a_line():
    ops = [op for op in REGISTRY.values() if op.elementwise and op.tracked]
    tables = [op for op in ops if isinstance(op.function, np.ufunc) or op.function.__module__ in ("numpy", *TABLES)]
    missing = {op.name for op in tables} - {exact.name for exact in TABLE} - NOT_HERE
    assert not missing, f"give {sorted(missing)} a line in TABLE"


def nothing_left(d: Any) -> bool:
    """Whether an expression is 0, by SymPy's simplification or by writing everything in exponentials."""
    return d == 0 or sp.simplify(d.rewrite(sp.erf)) == 0 or is_zero(d.rewrite(sp.exp))


CASES = [
    pytest.param(exact, region, id=f"{exact.name} {'/'.join(next(iter(known)) for known in region)}")
    for exact in TABLE
    for region in exact.regions
]


@pytest.mark.parametrize("exact, region", CASES)
def test_the_derivatives_of_both_orders_are_sympys(exact, region):
    letters = [sp.Symbol(letter, **known) for letter, known in zip("ab", region, strict=False)]
    inputs = [symbols.array(letter, ALGEBRA) for letter in letters]
    call = exact.call or exact.function
    oracle = exact.oracle(*letters)
    assert nothing_left(call(*inputs).item() - oracle)
    for i, first in enumerate(letters):
        gradient = xe.grad(call, i)
        assert nothing_left(value(gradient(*inputs)) - sp.diff(oracle, first))
        for j, second in enumerate(letters):
            assert nothing_left(value(xe.grad(gradient, j)(*inputs)) - sp.diff(oracle, first, second))


def value(found: Any) -> Any:
    """The expression of a single symbol, or of a plain number where no symbol is left."""
    return found.item() if isinstance(found, SymbolArray) else read(found)


def test_a_wrong_rule_would_be_seen(monkeypatch):
    x = sp.Symbol("x", real=True)
    op = REGISTRY[np.tanh]
    xe.grad(np.tanh)(symbols.array(x, ALGEBRA))  # the first call generates the code
    monkeypatch.setattr(op, "vjp", lambda node, saved, g: (g - g * saved[0],))
    assert not nothing_left(xe.grad(np.tanh)(symbols.array(x, ALGEBRA)).item() - sp.diff(sp.tanh(x), x))
