"""What a loss is given, checked and brought to one dtype: labels beside logits, probabilities or predictions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dispatch import NUMBERS, plain
from ..errors import ArgumentError, ShapeError
from ..tensor import Tensor


def operand(who: str, name: str, value: Any) -> Any:
    """`value` as a Tensor or an array of numbers."""
    if isinstance(value, Tensor):
        return value
    value = plain(who, name, value)
    return np.asarray(value) if type(value) in NUMBERS else value


def floating(who: str, name: str, value: Any) -> Any:
    """`value` as a Tensor or an array of floating-point numbers; integers and booleans become float64."""
    value = operand(who, name, value)
    return value if value.dtype.kind == "f" else value.astype(np.float64)


def values_of(value: Any) -> Any:
    """The plain array of a Tensor, for a look at its values; an array as it is."""
    return value._data if isinstance(value, Tensor) else value


def pair(who: str, labels: Any, values: Any, name: str) -> tuple[Any, Any]:
    """Labels and `values` of one shape; integers and booleans take the dtype of the other, two kinds of float promote.

    Raises
    ------
    ShapeError
        When the shapes differ, even if they broadcast.
    """
    labels, values = operand(who, "labels", labels), operand(who, name, values)
    if labels.shape != values.shape:
        why, write = advice(labels.shape, values.shape, name)
        shapes = f"labels have shape {labels.shape}, {name} have shape {values.shape}"
        raise ShapeError(f"{who}: {shapes}.\n  {why}\n  {write}")
    if values.dtype.kind != "f":
        values = values.astype(labels.dtype if labels.dtype.kind == "f" else np.float64)
    return (labels if labels.dtype.kind == "f" else labels.astype(values.dtype)), values


def one_of(who: str, **given: Any) -> str:
    """The name of the one argument among `given` that is not None.

    Raises
    ------
    ArgumentError
        When there is none, or more than one.
    """
    names = [name for name, value in given.items() if value is not None]
    if len(names) != 1:
        raise ArgumentError(
            f"{who}: got {' and '.join(names) or 'no prediction'}; expected exactly one of {', '.join(given)}.\n"
            "  Logits are any numbers, the scores before a sigmoid or softmax; probabilities lie in [0, 1]."
        )
    return names[0]


def advice(labels: tuple[int, ...], values: tuple[int, ...], name: str) -> tuple[str, str]:
    """Why the shapes of labels and values must agree, and what to write instead."""
    try:
        together = np.broadcast_shapes(labels, values)
        why = f"They must have the same shape, since broadcasting would make a {together} loss."
    except ValueError:
        why = "They must have the same shape."
    for shorter, longer, short, long in ((labels, values, "labels", name), (values, labels, name, "labels")):
        if longer == (*shorter, 1):
            axes = ":, " * len(shorter)
            return why, f"Write {long}[{axes}0], or {short}[{axes}None]."
    return why, f"Write np.reshape(labels, {values}) or np.broadcast_to(labels, {values}), whichever is meant."


def refuse(who: str, name: str, value: Any, wrong: Any, instead: str) -> None:
    """Raise for the first element of `value` at which the plain boolean array `wrong` is true.

    Raises
    ------
    ArgumentError
        With the place and the value, and `instead`: what was expected, what to write.
    """
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ArgumentError(f"{who}: {name}{list(place) or ''} is {values_of(value)[place]}; {instead}")


def refuse_outside(who: str, probs: Any, logits_function: str) -> None:
    """Raise for the first of `probs` that is outside [0, 1]; NaN passes, and stays NaN."""
    p = values_of(probs)
    instead = f"probabilities lie in [0, 1].\n  For logits write {logits_function}."
    refuse(who, "probs", probs, (p < 0) | (p > 1), instead)
