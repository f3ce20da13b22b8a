"""Checks of what the functions of `data` are given: whole numbers, fractions, arrays of equal length."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ArgumentError, DTypeError, ShapeError
from ..random import Array


def whole_number(owner: str, name: str, value: object, at_least: int) -> int:
    """``value`` as an int, not a float and not below ``at_least``."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise DTypeError(
            f"{owner}: {name} is {value!r}, a {type(value).__name__}; expected a whole number.\n"
            f"  Write {name}={_nearest(value, at_least)}."
        )
    if value < at_least:
        raise ArgumentError(f"{owner}: {name} is {value}; expected {at_least} or more.")
    return int(value)


def _nearest(value: object, at_least: int) -> int:
    """The whole number that was probably meant."""
    number = isinstance(value, float | np.floating) and math.isfinite(value)
    return max(at_least, int(value)) if number else at_least  # type: ignore[call-overload]


def real_number(owner: str, name: str, value: object, low: float, high: float = math.inf) -> float:
    """``value`` as a float from ``low`` to ``high``, both allowed; an infinity or NaN is not."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise DTypeError(f"{owner}: {name} is {value!r}, a {type(value).__name__}; expected a number.")
    if not (math.isfinite(value) and low <= value <= high):
        limits = f"from {low:g} to {high:g}" if high < math.inf else f"finite and at least {low:g}"
        raise ArgumentError(f"{owner}: {name} is {value}; expected a number {limits}.")
    return float(value)


def equally_long(owner: str, given: tuple[Any, ...], label: str) -> tuple[Array, ...]:
    """``given`` as arrays with the same number of rows, at least one; ``label`` names the array number ``{}``."""
    arrays = tuple(as_array(owner, label.format(i), value) for i, value in enumerate(given))
    for i, array in enumerate(arrays):
        name = label.format(i)
        if array.ndim == 0:
            raise ShapeError(
                f"{owner}: {name} is a single number, {array!r}; axis 0 must count the samples.\n"
                "  Write np.array([number]) for one sample."
            )
        if len(array) == 0:
            raise ShapeError(f"{owner}: {name} has shape {array.shape}: there are no samples.")
        if len(array) != len(arrays[0]):
            raise ShapeError(
                f"{owner}: {label.format(0)} has {len(arrays[0])} samples, shape {arrays[0].shape}, but {name} has "
                f"{len(array)}, shape {array.shape}.\n  Axis 0 counts the samples and must be equally long in all."
            )
    return arrays


def as_array(owner: str, name: str, value: Any) -> Array:
    """``value`` as an array of numbers, truth values, text or times: not of objects, and nothing masked out."""
    if isinstance(value, np.ma.MaskedArray):
        raise DTypeError(
            f"{owner}: {name} is a masked array, whose mask would be lost.\n"
            f"  Write {name}.filled(...) or {name}.compressed()."
        )
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ShapeError(f"{owner}: {name} is no array: {error}.\n  Its rows must have the same shape.") from None
    if array.dtype.hasobject:
        raise DTypeError(
            f"{owner}: {name} is an array of objects, made from a {type(value).__name__}.\n"
            f"  Write np.array(..., dtype=np.float64), or np.stack(...) for arrays of the same shape."
        )
    return array
