"""Padding: np.pad with constants, with edges, and by reflection, symmetry or wrapping."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..errors import ArgumentError, DTypeError, GradientLostError, ShapeError
from ..op import compose
from .index import scatter_add
from .reduce import axis_index

#: Modes in which every element of the result is an element of the array.
COPIES = ("edge", "reflect", "symmetric", "wrap")


def widths(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    """How many elements go before and after, for each axis, from any form that NumPy takes."""
    if isinstance(pad_width, dict):
        given = {axis_index("pad", axis, ndim): value for axis, value in pad_width.items()}
        pairs = [np.broadcast_to(given.get(i, 0), (2,)) for i in range(ndim)]
    else:
        try:
            pairs = list(np.broadcast_to(np.asarray(pad_width), (ndim, 2)))
        except ValueError:
            raise ArgumentError(
                f"pad: pad_width={pad_width!r} does not fit {ndim} axes. Write one number, (before, after), or a pair "
                "for each axis."
            ) from None
    if any(np.asarray(pair).dtype.kind not in "iu" for pair in pairs):
        raise DTypeError(f"pad: pad_width must be whole numbers, got {pad_width!r}.")
    found = [(int(before), int(after)) for before, after in pairs]
    if any(n < 0 for pair in found for n in pair):
        raise ArgumentError(f"pad: pad_width must not be negative, got {pad_width!r}.")
    return found


def pad_constant(array: Any, pairs: list[tuple[int, int]], constant_values: Any) -> Any:
    """The array inside a larger one that holds constants; one constant may be a tensor that wants a gradient."""
    shape = tuple([before + n + after for n, (before, after) in zip(array.shape, pairs)])
    key = tuple([slice(before, before + n) for n, (before, _) in zip(array.shape, pairs)])
    padded = scatter_add(array, key, shape)
    tensor = hasattr(constant_values, "requires_grad")
    if tensor and constant_values.ndim and constant_values.requires_grad:
        raise GradientLostError("pad: constant_values is a tensor of several numbers, which has no gradient rule.\n"
                                "  Write one number, or constant_values.detach().")
    if tensor and constant_values.ndim == 0:
        around = constant_values.astype(array.dtype)
    elif not tensor and np.ndim(constant_values) == 0:
        if constant_values == 0:
            return padded
        around = np.asarray(constant_values).astype(array.dtype)
    else:
        around = np.pad(np.zeros(array.shape, array.dtype), pairs, constant_values=np.array(constant_values))
    inside = np.zeros(shape, bool)
    inside[key] = True
    return np.where(inside, padded, around)


@functools.partial(compose, np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    """A larger array with `array` inside: constants around it, or its own elements again."""
    array = array if hasattr(array, "dtype") else np.asarray(array)
    pairs = widths(pad_width, array.ndim)
    if mode == "constant":
        if stray := kwargs.keys() - {"constant_values"}:
            raise ArgumentError(f"pad: mode 'constant' has no option {min(stray)!r}.")
        return pad_constant(array, pairs, kwargs.get("constant_values", 0))
    if mode not in COPIES:
        raise ArgumentError(
            f"pad: mode={mode!r} is not supported on a tensor. Write 'constant', 'edge', 'reflect', 'symmetric' or "
            "'wrap'."
        )
    if kwargs.get("reflect_type", "even") != "even":
        raise ArgumentError("pad: reflect_type='odd' is not supported on a tensor. Write 'even'.")
    if array.ndim == 0:
        return +array
    # NumPy pads the numbers of the elements, which keeps its meaning of each mode
    numbers = np.arange(math.prod(array.shape)).reshape(array.shape)
    try:
        places = np.pad(numbers, pairs, mode, **kwargs)
    except ValueError as error:
        raise ShapeError(f"pad: {error}") from None
    return np.reshape(array, -1)[places]
