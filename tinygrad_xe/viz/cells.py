"""An array as the explorer shows it: one number, a few numbers, or the cells of a heat map."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .records import Array
from .text import finite, nested, number, numbers, short
from .words import Words

#: Up to so many elements of a vector are written out in one line.
FEW = 6

#: Up to so many rows and columns of a matrix are written out.
SMALL = (6, 5)

#: The longest side of a heat map, and the most cells; an array with more is reduced to means of blocks.
LONGEST, MOST = 64, 2048

#: A vector is wrapped into rows of so many cells.
WIDE = 32

#: Significant digits of a cell.
DIGITS = 3


def shown(array: Array | None, words: Words) -> dict[str, Any]:
    """What the page needs to show an array, as JSON.

    Parameters
    ----------
    array : ndarray or None
        Of any shape; None for a value that was not kept.
    words : Words

    Returns
    -------
    dict
        ``text``: what is written, or written above the map. ``rows``: texts of a small matrix. ``cells``: numbers of a
        heat map, row by row, a word where one is not finite; then also ``shape``, ``columns``, ``low`` and ``high`` (of
        the finite elements), ``label`` for screen readers and, for what it isn't obvious how to read, ``note``,
        ``wrapped`` (a vector in several rows) and ``block`` (rows and columns that a cell is the mean of).

    Examples
    --------
    >>> shown(np.array([0.6, -1.1, 0.3]), Words("en"))
    {'text': '[0.6, -1.1, 0.3]'}
    >>> shown(np.zeros((9, 9)), Words("en"))
    {'text': '0 everywhere, shape (9, 9)'}
    """
    if array is None:
        return {"text": words.say("not_kept")}
    array = np.asarray(array)
    if array.size == 0:
        return {"text": words.say("empty", shape=array.shape)}
    if array.ndim == 0:
        return {"text": number(array[()])}
    if array.dtype.kind not in "biuf":
        return {"text": words.drawn(numbers(array))}
    if array.size <= FEW and array.ndim == 1:
        return {"text": nested(array)}
    if array.ndim == 2 and array.shape[0] <= SMALL[0] and array.shape[1] <= SMALL[1]:
        return {"text": nested(array), "rows": [[short(item) for item in row] for row in array]}
    if array.size > 1 and bool((array == array.flat[0]).all()):
        return {"text": words.say("everywhere", value=short(array.flat[0]), shape=array.shape)}
    return heat(array, words)


def heat(array: Array, words: Words) -> dict[str, Any]:
    """The cells of a heat map: the last axis across, all others down."""
    values = array.astype(np.float64, copy=False)
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    found: dict[str, Any] = {"shape": list(array.shape)}
    notes = []
    rows = values.reshape(-1, values.shape[-1])
    if array.ndim == 1 and array.size <= MOST:
        columns = min(array.size, WIDE)
        if array.size > columns:
            found["wrapped"] = True
            notes.append(words.say("wrapped", columns=columns))
        cells, found["columns"] = values, columns
    else:
        block = reduction(*rows.shape)
        found["height"] = rows.shape[0]
        if array.ndim > 2:
            notes.append(words.say("leading"))
        if block != (1, 1):
            rows = means(rows, *block)
            found["block"] = list(block)
            notes.append(words.say("block", count=math.prod(block)))
        cells, found["columns"] = rows.reshape(-1), rows.shape[1]
    if not finite(array):
        notes.append(words.say("nonfinite", count=array.size - known.size, size=array.size))
    found |= {"cells": [cell(item) for item in cells.tolist()], "low": cell(low), "high": cell(high)}
    found["text"] = words.say("shape", shape=array.shape) + (": " + words.drawn(numbers(array)) if known.size else "")
    found["label"] = words.say("heat", shape=array.shape, low=short(low), high=short(high))
    if notes:
        found["note"] = words.say("join").join(notes)
    return found


def reduction(rows: int, columns: int) -> tuple[int, int]:
    """Rows and columns of the blocks that leave few enough cells.

    Examples
    --------
    >>> reduction(64, 32), reduction(1000, 10), reduction(500, 500)
    ((1, 1), (16, 1), (12, 11))
    """
    high, wide = -(-rows // LONGEST), -(-columns // LONGEST)
    while -(-rows // high) * -(-columns // wide) > MOST:
        if -(-rows // high) >= -(-columns // wide):
            high += 1
        else:
            wide += 1
    return high, wide


def means(rows: Array, high: int, wide: int) -> Array:
    """The means of blocks of `high` rows and `wide` columns; those at the edges are smaller."""
    down, across = np.arange(0, rows.shape[0], high), np.arange(0, rows.shape[1], wide)
    with np.errstate(all="ignore"):  # infinities of both signs meet in a block: NaN, which is marked
        sums = np.add.reduceat(np.add.reduceat(rows, down, axis=0), across, axis=1)
    heights = np.diff(np.append(down, rows.shape[0]))[:, None]
    widths = np.diff(np.append(across, rows.shape[1]))
    found: Array = sums / (heights * widths)
    return found


def cell(item: float) -> float | str:
    """A number to the digits that a cell keeps, whole where it is, or the word for one that is not finite."""
    if not math.isfinite(item):
        return short(item)
    rounded = float(f"{item:.{DIGITS}g}")
    return int(rounded) if rounded == int(rounded) and abs(rounded) < 1e6 else rounded
