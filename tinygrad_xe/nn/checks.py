"""What a layer refuses or warns of before it computes: inputs that are no floats, wider floats, missing features."""

from __future__ import annotations

import math
import operator
import warnings
from typing import Any

import numpy as np

from ..dispatch import NUMBERS, plain
from ..errors import ArgumentError, DTypeError, MixedDtypeWarning, ShapeError
from ..graph import users_level
from ..tensor import Tensor

#: Above 0 by as little as a float can be.
SMALLEST = math.ulp(0.0)


def title(layer: Any) -> str:
    """The layer in messages, as one would write it: ``Linear(64, 10)``."""
    return f"{type(layer).__name__}({layer.extra_repr()})"


def floating(layer: Any, x: Any, weight: Tensor | None) -> Any:
    """`x` as a Tensor or an array, which `layer` can compute with: 0.1 us when its dtype is that of the weights.

    Parameters
    ----------
    layer : Module
        Speaks in messages.
    x : array_like or Tensor
        The input. Lists of numbers become arrays.
    weight : Tensor or None
        A parameter of the layer, whose dtype all of them have; None for a layer without parameters.

    Returns
    -------
    ndarray or Tensor

    Raises
    ------
    DTypeError
        When `x` holds integers or booleans, or no numbers at all.

    Warns
    -----
    MixedDtypeWarning
        When `x` is of a wider dtype than the weights, as float64 beside float32: the layer, and all that follows,
        would compute in the wider one. It names the user's line.
    """
    dtype = getattr(x, "dtype", None)
    if weight is not None and dtype is weight._data.dtype:
        return x
    if type(x) is not Tensor:
        refuse_tuple(layer, x)
        x = plain(title(layer), "the input", x)
        if type(x) in NUMBERS:
            raise ShapeError(f"{title(layer)}: got the number {x}; expected an array. Write np.array([...]).")
    if x.dtype.kind != "f":
        wanted = "float64" if weight is None else weight.dtype
        raise DTypeError(
            f"{title(layer)}: the input has dtype {x.dtype}; the layer computes with floating-point numbers.\n"
            f"  Write x.astype(np.{wanted}); or, for the numbers of words or categories, put an Embedding in front."
        )
    if weight is not None and x.dtype.itemsize > weight.dtype.itemsize:
        warnings.warn(
            f"{title(layer)}: the input is {x.dtype}, the weights are {weight.dtype}: all that follows is computed in "
            f"{x.dtype}.\n  Write x.astype(np.{weight.dtype}), or model.astype(np.{x.dtype}).",
            MixedDtypeWarning,
            stacklevel=users_level(),
        )
    return x


def refuse_tuple(layer: Any, x: Any) -> None:
    """Raise for a tuple with Tensors in it, which is what a layer with a state returns: most often in `Sequential`."""
    if isinstance(x, tuple) and any(isinstance(item, Tensor) for item in x):
        raise DTypeError(
            f"{title(layer)}: the input is a tuple of {len(x)}; expected one array. GRU, LSTM, RNN and attention "
            "return (output, state).\n  Write output[0]; in a Sequential put lambda output: output[0] between the two."
        )


def features(layer: Any, x: Any, count: int) -> None:
    """Raise a ShapeError unless the last axis of `x` has length `count`."""
    shape = x.shape
    if not shape or shape[-1] != count:
        raise ShapeError(
            f"{title(layer)}: the input has shape {shape}; its last axis must have length {count}, one for each input "
            f"feature.\n  {advice(shape, count)}"
        )


def advice(shape: tuple[int, ...], count: int) -> str:
    """What to write instead of an input of this shape, where its last axis should have length `count`."""
    rest = 1
    for length in shape[1:]:
        rest *= length
    if len(shape) > 2 and rest == count:
        return f"Write x.reshape({shape[0]}, {count}), or put a Flatten() in front."
    if len(shape) == 2 and shape[0] == count:
        return f"Write x.T, which has shape {shape[::-1]}."
    if count == 1:
        return "Write x[..., None]."
    return f"Make the layer with {shape[-1]} input features." if shape else "Write x[None] for an array of one number."


def number(owner: str, name: str, value: Any, expected: str, low: float, high: float = math.inf) -> float:
    """A number from `low` to `high` as a Python float.

    Raises
    ------
    DTypeError
        For anything that is no number: a Tensor too, which would count as a parameter of the layer.
    ArgumentError
        For one out of range, and NaN.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise DTypeError(f"{owner}: {name} is {value!r}; expected {expected}.")
    if not low <= value <= high:
        raise ArgumentError(f"{owner}: {name} is {value}; expected {expected}.")
    return float(value)


def positive(owner: str, name: str, value: Any) -> float:
    """A number above 0, see `number`."""
    return number(owner, name, value, "a number above 0", SMALLEST)


def count(owner: str, name: str, value: Any, least: int = 1) -> int:
    """A number of things, `least` or more, as a Python integer.

    Raises
    ------
    DTypeError
        For anything that is not a whole number.
    ArgumentError
        For a smaller one.
    """
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        raise DTypeError(f"{owner}: {name} is {value!r}; expected a whole number.")
    number = operator.index(value)
    if number < least:
        raise ArgumentError(f"{owner}: {name} is {number}; expected {least} or more.")
    return number
