"""Arrays of symbols taken apart into object arrays of scalars, and put together; the table of NumPy's functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DTypeError
from .algebras import Algebra

#: The SymbolArray class, handed in by `connect`.
SymbolArray: Any = None

FLOAT = np.dtype(np.float64)

#: NumPy's functions to what runs for symbols.
WRITTEN: dict[Callable[..., Any], Callable[..., Any]] = {}


def connect(cls: type) -> None:
    """Hand in the SymbolArray class, which the functions here take apart and make."""
    global SymbolArray
    SymbolArray = cls


def made(values: Any, algebra: Algebra) -> Any:
    """A SymbolArray of an object array, or of one scalar."""
    if type(values) is not np.ndarray:
        scalar, values = values, np.empty((), object)
        values[()] = scalar
    return SymbolArray(values, algebra)


def scalars_of(value: Any, algebra: Algebra) -> Any:
    """The object array of scalars in a SymbolArray, in numbers, or in one number.

    Raises
    ------
    DTypeError
        For symbols of another algebra, and for what is not a number.
    """
    if isinstance(value, SymbolArray):
        if value.algebra is not algebra:
            raise DTypeError(
                f"symbols: scalars of {value.algebra.name} and of {algebra.name} can't be mixed.\n"
                f"  Write symbols.array(x, {algebra.name!r}) of the numbers."
            )
        return value.values
    return algebra.scalars(value)


def inside(value: Any) -> Any:
    """The object arrays inside SymbolArrays, also in lists, tuples and dicts; anything else as it is."""
    if isinstance(value, SymbolArray):
        return value.values
    if isinstance(value, list | tuple):
        return type(value)(inside(item) for item in value)
    return {key: inside(item) for key, item in value.items()} if isinstance(value, dict) else value


def exact(value: Any, algebra: Algebra) -> Any:
    """The same, with the numbers of arrays made scalars too."""
    if isinstance(value, SymbolArray | np.ndarray):
        return scalars_of(value, algebra)
    if isinstance(value, list | tuple):
        return type(value)(exact(item, algebra) for item in value)
    return {key: exact(item, algebra) for key, item in value.items()} if isinstance(value, dict) else value


def outside(value: Any, algebra: Algebra, fresh: bool = False) -> Any:
    """The inverse of `inside`. A `fresh` array may hold NumPy's own zeros, which become scalars."""
    if isinstance(value, list | tuple):
        return type(value)(outside(item, algebra, fresh) for item in value)
    return made(algebra.scalars(value) if fresh else value, algebra)


def is_symbolic(value: Any) -> bool:
    """Whether `value` is a SymbolArray."""
    return isinstance(value, SymbolArray)


def symbolic(*values: Any) -> Any:
    """The first SymbolArray among the arguments."""
    return next(value for value in values if isinstance(value, SymbolArray))


def write(*functions: Callable[..., Any]) -> Callable[..., Any]:
    """Declare that the decorated function is one of NumPy's, or several, for symbols."""

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        WRITTEN.update(dict.fromkeys(functions, function))
        return function

    return declare
