"""What an expression consists of: names, numbers and calls, nested; and the few simplifications that keep its value.

A tree is made of three types of nodes:

- ``Name(text)``: a value that the user knows by that name;
- ``Number(value)``: a number of Python's, or an array of them that a rule itself made;
- ``Call(function, args, options)``: `function` is NumPy's (``np.multiply`` for ``*``, ``np.matmul`` for ``@``,
  ``np.transpose`` for ``.T``, ``operator.getitem`` for indexing, a bound ``np.multiply.outer``), or an `Op` of this
  library. `args` are trees where they are operands, and plain Python values where they are not (axes, shapes, keys,
  text); lists, tuples and slices of either occur too. `options` are the arguments by name, without those that have
  their default value.
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from ..errors import XeError

#: More nodes than this nobody reads; a rule that loops over elements makes them by the thousand.
MOST_NODES = 2000

#: Calls inside each other; printing recurses.
DEEPEST = 100


class ExpressionError(XeError, TypeError):
    """A computation that can't be written down: it took numbers out of an expression, wrote into it, or is too long."""


class TooLong(ExpressionError):
    """An expression of more parts than anybody reads."""


@dataclass(frozen=True)
class Name:
    """A value with a name."""

    text: str


@dataclass(frozen=True, eq=False)
class Number:
    """A number, or an array of numbers that the rule itself made.

    Two are equal when they are numbers and the same one.
    """

    value: Any

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Number) or not (self.scalar and other.scalar):
            return self is other
        return bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash(self.value) if self.scalar else id(self)

    @property
    def scalar(self) -> bool:
        """Whether it is one number of Python's."""
        return not isinstance(self.value, np.ndarray)


@dataclass(frozen=True, eq=False)
class Call:
    """A function of trees."""

    function: Any
    args: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    nodes: int = 1
    depth: int = 1


Tree = Name | Number | Call


def children(value: Any) -> Iterator[Tree]:
    """The trees in an argument of a call, or directly below a call."""
    if isinstance(value, Call):
        yield from children([*value.args, *value.options.values()])
    elif isinstance(value, list | tuple):
        for item in value:
            if isinstance(item, Tree):
                yield item
            else:
                yield from children(item)
    elif isinstance(value, slice):
        yield from children([value.start, value.stop, value.step])


def names(tree: Tree) -> list[str]:
    """The names in a tree, each once, in the order in which they are read."""
    if isinstance(tree, Name):
        return [tree.text]
    return list(dict.fromkeys(name for child in children(tree) for name in names(child)))


def call(function: Any, args: tuple[Any, ...], options: Mapping[str, Any] | None = None) -> Tree:
    """A call, in the one form that each has, and simplified.

    Raises
    ------
    ExpressionError
        When it has become too long to be read.
    """
    args, options = by_name(function, args, options or {})
    simple = SIMPLER.get(function)
    found = None if simple is None or options else simple(*args)
    if found is not None:
        return found
    below = list(children([*args, *options.values()]))
    nodes = 1 + sum(child.nodes if isinstance(child, Call) else 1 for child in below)
    depth = 1 + max((child.depth if isinstance(child, Call) else 0 for child in below), default=0)
    if nodes > MOST_NODES or depth > DEEPEST:
        raise TooLong(
            f"the expression has {nodes} parts, in {depth} levels; more than {MOST_NODES} parts, or {DEEPEST} levels, "
            "are not written down."
        )
    return Call(function, args, MappingProxyType(dict(options)), nodes, depth)


@functools.lru_cache(maxsize=256)
def parameters(function: Any) -> tuple[inspect.Parameter, ...]:
    """The parameters of a function of NumPy's that is written in Python; of others none are known."""
    if isinstance(function, np.ufunc) or function is operator.getitem:
        return ()
    try:
        return tuple(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return ()


def by_name(
    function: Any, args: tuple[Any, ...], options: Mapping[str, Any]
) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Arguments that have a default are given by name, and left out where they equal it: sum(x, axis=0)."""
    known = parameters(function)
    named = dict(options)
    for parameter, value in zip(known, args, strict=False):
        if parameter.kind is parameter.VAR_POSITIONAL:
            return args, without_defaults(known, named)
        if parameter.default is not parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            named[parameter.name] = value
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    count = sum(1 for p in known if p.kind in by_place and (p.default is p.empty or p.kind is p.POSITIONAL_ONLY))
    return args[:count] if known else args, without_defaults(known, named)


def without_defaults(known: tuple[inspect.Parameter, ...], named: Mapping[str, Any]) -> dict[str, Any]:
    """Options that differ from their default."""
    defaults = {p.name: p.default for p in known}
    axis = named.get("axis")
    if isinstance(axis, tuple) and len(axis) == 1:
        named = {**named, "axis": axis[0]}
    order = [key for key in defaults if key in named] + [key for key in named if key not in defaults]
    named = {key: named[key] for key in order}
    return {key: value for key, value in named.items() if not is_default(value, defaults.get(key, inspect._empty))}


def is_default(value: Any, default: Any) -> bool:
    """Whether an option has its default value; arrays and trees never do."""
    simple = (int, float, bool, str, tuple)
    return value is default or (type(value) is type(default) and isinstance(value, simple) and value == default)


# -- simplification ----------------------------------------------------------------------------------------------------


def number(tree: Any) -> Any:
    """The number of Python's that a tree is; None for any other."""
    return tree.value if isinstance(tree, Number) and tree.scalar else None


def negated(tree: Any) -> Any:
    """x, of a tree that is -x; None for others."""
    return tree.args[0] if isinstance(tree, Call) and tree.function is np.negative else None


def folded(function: Any, a: Any, b: Any) -> Tree | None:
    """The number that an operation on two numbers gives."""
    x, y = number(a), number(b)
    if x is None or y is None:
        return None
    value = function(x, y)
    return Number(value) if math.isfinite(value) else None


def simpler_add(a: Any, b: Any) -> Tree | None:
    """0 + x, x + 0, x + -y."""
    if number(a) == 0:
        return b  # type: ignore[no-any-return]
    if number(b) == 0:
        return a  # type: ignore[no-any-return]
    if negated(b) is not None:
        return call(np.subtract, (a, negated(b)))
    return folded(operator.add, a, b)


def simpler_subtract(a: Any, b: Any) -> Tree | None:
    """x - 0, 0 - x, x - -y."""
    if number(b) == 0:
        return a  # type: ignore[no-any-return]
    if number(a) == 0:
        return call(np.negative, (b,))
    if negated(b) is not None:
        return call(np.add, (a, negated(b)))
    return folded(operator.sub, a, b)


def simpler_multiply(a: Any, b: Any) -> Tree | None:
    """1 * x, -1 * x, 1 / y * x, -x * y, and x * x."""
    for one, other in ((a, b), (b, a)):
        if number(one) in (1, -1):
            return other if number(one) == 1 else call(np.negative, (other,))
        if isinstance(one, Call) and one.function is np.divide and number(one.args[0]) == 1:
            return call(np.divide, (other, one.args[1]))
    if negated(a) is not None:
        return call(np.negative, (call(np.multiply, (negated(a), b)),))
    if isinstance(a, Name) and a == b:
        return call(np.power, (a, Number(2)))
    return folded(operator.mul, a, b)


def simpler_divide(a: Any, b: Any) -> Tree | None:
    """x / 1, -x / y. A quotient of numbers stays one: 1 / 30."""
    if number(b) == 1:
        return a  # type: ignore[no-any-return]
    if negated(a) is not None:
        return call(np.negative, (call(np.divide, (negated(a), b)),))
    return None


def simpler_power(a: Any, b: Any) -> Tree | None:
    """x ** 1."""
    return a if number(b) == 1 else None


def simpler_negative(x: Any) -> Tree | None:
    """-(-x), and numbers."""
    if number(x) is not None:
        return Number(-number(x))
    return negated(x)  # type: ignore[no-any-return]


def simpler_where(condition: Any, a: Any, b: Any) -> Tree | None:
    """A condition that is a constant."""
    known = number(condition)
    return None if known is None else a if known else b


def unmoved(x: Any, *how: Any) -> Tree | None:
    """A number, repeated or laid out in any way, is itself."""
    return x if number(x) is not None else None


def simpler_transpose(x: Any, *axes: Any) -> Tree | None:
    """x.T.T."""
    if axes and axes[0] is not None:
        return unmoved(x)
    if isinstance(x, Call) and x.function is np.transpose and len(x.args) == 1 and not x.options:
        return x.args[0]  # type: ignore[no-any-return]
    return unmoved(x)


def simpler_matrix_transpose(x: Any) -> Tree | None:
    """x.mT.mT."""
    return x.args[0] if isinstance(x, Call) and x.function is np.matrix_transpose else unmoved(x)


SIMPLER: dict[Any, Callable[..., Tree | None]] = {
    np.add: simpler_add,
    np.subtract: simpler_subtract,
    np.multiply: simpler_multiply,
    np.divide: simpler_divide,
    np.power: simpler_power,
    np.float_power: simpler_power,
    np.negative: simpler_negative,
    np.positive: lambda x: x,
    np.where: simpler_where,
    np.transpose: simpler_transpose,
    np.matrix_transpose: simpler_matrix_transpose,
    **dict.fromkeys((operator.getitem, np.reshape, np.broadcast_to, np.expand_dims, np.swapaxes), unmoved),
}
