"""The values of a program: inputs, constants and steps, immutable records, and how they are walked and counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from . import registry

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False, repr=False, slots=True, kw_only=True)
class Value:
    """A value of a program, known by its identity.

    Attributes
    ----------
    shape : tuple of int or None
        None for the result of a function that gives several arrays.
    dtype : numpy.dtype or None
    name : str or None
        The user's variable; "d" and that of a value, for its gradient.
    """

    shape: Shape | None
    dtype: np.dtype[Any] | None
    name: str | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} {self.name or '?'}: {self.type}>"

    @property
    def type(self) -> str:
        """dtype and shape: ``float64[30, 4]``."""
        if self.shape is None or self.dtype is None:
            return "tuple" if self.shape is None else "generator"
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True, eq=False, repr=False, slots=True, kw_only=True)
class Input(Value):
    """An array that is given.

    Attributes
    ----------
    kind : {"argument", "captured", "state", "generator", "number"}
        Passed by the caller; found by the traced function outside of it; found there and written to; a source of random
        numbers; a number of Python's that is read, and may be written.
    weak : bool
        A number of Python's, which leaves the dtype of arrays beside it alone (NEP 50).
    """

    kind: str = "argument"
    weak: bool = False


@dataclass(frozen=True, eq=False, repr=False, slots=True, kw_only=True)
class Constant(Value):
    """An array, or a scalar of NumPy's, that is part of the program."""

    value: Any


@dataclass(frozen=True, eq=False, repr=False, slots=True, kw_only=True)
class Step(Value):
    """One call of a function.

    Attributes
    ----------
    function : callable
        One of `registry.FUNCTIONS`.
    args : tuple
        Values; numbers, shapes, axes and words; lists, tuples and slices of either.
    options : mapping of str
        Arguments by name.
    line : str
        Where the user wrote it: ``"file.py:12: z = X @ w + b"``.
    backward : bool
        Part of a backward pass.
    weak : bool
        The result is a number of Python's.
    own : bool
        The name is the library's, not the user's.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    line: str = ""
    backward: bool = False
    weak: bool = False
    own: bool = False


#: The types of values, and of arguments that can hold some.
KINDS = frozenset({Input, Constant, Step})
CONTAINERS = frozenset({tuple, list, slice, dict})


def values_in(argument: Any) -> Iterator[Value]:
    """The values in an argument of a step, or in the outputs of a program."""
    if isinstance(argument, Value):
        yield argument
    elif isinstance(argument, tuple | list):
        for item in argument:
            yield from values_in(item)
    elif isinstance(argument, Mapping):
        for item in argument.values():
            yield from values_in(item)
    elif type(argument) is slice:
        yield from values_in((argument.start, argument.stop, argument.step))


def operands(step: Step) -> list[Value]:
    """The values that a step is computed from."""
    found: list[Value] = []
    for argument in (*step.args, *step.options.values()) if step.options else step.args:
        kind = type(argument)
        if kind in KINDS:
            found.append(argument)
        elif kind in CONTAINERS:
            found += values_in(argument)
    return found


def with_operands(step: Step, new: Mapping[Value, Value]) -> Step:
    """The step computed from `new` values in the place of old ones."""
    for value in operands(step):
        if value in new:

            def change(value: Value) -> Value:
                return new.get(value, value)

            return replace(step, args=replaced(step.args, change), options=replaced(step.options, change))
    return step


def completed(value: Value, **fields: Any) -> None:
    """Fill in what is known of a value only when a whole program has been written down; from then on it is fixed."""
    for name, found in fields.items():
        object.__setattr__(value, name, found)


def replaced(argument: Any, change: Callable[[Value], Any]) -> Any:
    """An argument with each value in it changed."""
    if isinstance(argument, Value):
        return change(argument)
    if type(argument) is tuple:
        return tuple([replaced(item, change) for item in argument])
    if type(argument) is list:
        return [replaced(item, change) for item in argument]
    if isinstance(argument, dict | MappingProxyType):
        return {key: replaced(item, change) for key, item in argument.items()}
    if type(argument) is slice:
        return slice(*(replaced(part, change) for part in (argument.start, argument.stop, argument.step)))
    return argument


# -- counting ----------------------------------------------------------------------------------------------------------

#: Functions that compute nothing: their result is a view, or elements moved.
VIEWS = frozenset({
    np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.expand_dims, np.squeeze, np.broadcast_to,
    np.matrix_transpose, np.diagonal, np.flip,
})  # fmt: skip
MOVES = VIEWS | {
    np.copy, np.concatenate, np.stack, np.astype, np.roll, np.tile, np.repeat, np.take, np.take_along_axis,
    registry.FUNCTIONS["getitem"], registry.FUNCTIONS["setitem"], registry.FUNCTIONS["draw"], np.where, np.pad,
}  # fmt: skip
PRODUCTS = frozenset({np.matmul, np.dot, np.inner, np.vdot})


def elements(value: Value) -> int:
    """How many numbers a value has."""
    return 0 if value.shape is None else math.prod(value.shape)


def flops(step: Step) -> int:
    """Floating-point operations of one call."""
    if step.function in MOVES:
        return 0
    sizes = [elements(v) for v in operands(step)]
    if step.function in PRODUCTS and len(sizes) == 2 and min(sizes):
        first = next(values_in(step.args))
        return 2 * max(elements(step), 1) * (first.shape[-1] if first.shape else 1)
    if step.function in (np.einsum, np.tensordot) and elements(step):
        return 2 * max(elements(step), *sizes)
    return max([elements(step), *sizes], default=0)


def traffic(step: Step) -> int:
    """Bytes that one call reads and writes."""
    if step.function in VIEWS:
        return 0
    return sum(elements(v) * (v.dtype.itemsize if v.dtype is not None else 0) for v in (*operands(step), step))
