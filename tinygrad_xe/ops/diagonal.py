"""Diagonals and triangles of matrices: np.diagonal, diag, diagflat, trace, tril, triu."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..op import compose, op, refuse_out
from .index import scatter_add


def places(rows: int, columns: int, offset: int) -> slice:
    """Where a diagonal lies among the elements of a matrix, row by row."""
    start = offset if offset >= 0 else -offset * columns
    length = min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns)
    stop = start + max(length, 0) * (columns + 1)
    return slice(start, min(max(stop - columns, start), rows * columns), columns + 1)


def set_diagonal(g: Any, shape: tuple[int, ...], offset: int, axis1: int, axis2: int) -> Any:
    """Zeros of the given shape with `g` on a diagonal: the transpose of np.diagonal."""
    rest = [n for i, n in enumerate(shape) if i not in (axis1 % len(shape), axis2 % len(shape))]
    rows, columns = shape[axis1], shape[axis2]
    flat = scatter_add(g, (..., places(rows, columns, offset)), (*rest, rows * columns))
    return np.moveaxis(np.reshape(flat, (*rest, rows, columns)), (-2, -1), (axis1, axis2))


# fmt: off
diagonal = op(np.diagonal, "a, offset=0, axis1=0, axis2=1", permutes=True, selects=True,
              a=lambda g, a_shape, *, offset, axis1, axis2: set_diagonal(g, a_shape, offset, axis1, axis2))
tril = op(np.tril, "m, k=0", broadcasts=True, permutes=True, selects=True, m=lambda g, *, k: np.tril(g, k))
triu = op(np.triu, "m, k=0", broadcasts=True, permutes=True, selects=True, m=lambda g, *, k: np.triu(g, k))
# fmt: on


@functools.partial(compose, np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix that has a vector on its diagonal."""
    if v.ndim == 2:
        return np.diagonal(v, k)
    if v.ndim != 1:
        raise ShapeError(f"diag: expected a vector or a matrix, got shape {v.shape}. Write np.diagonal for stacks.")
    n = v.shape[0] + abs(k)
    return set_diagonal(v, (n, n), k, 0, 1)


@functools.partial(compose, np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    """The matrix with the elements of `v` on its diagonal."""
    return diag(np.reshape(v, -1), k)


@functools.partial(compose, np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: None = None) -> Any:
    """Sum of a diagonal."""
    refuse_out("trace", out)
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)
