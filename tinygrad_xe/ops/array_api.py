"""NumPy 2's names from the Python array API standard, written with the functions that NumPy had before.

A release of NumPy that lacks one of them is asked by getattr: np.matvec and np.vecmat are new in 2.2, np.unstack and
np.cumulative_sum in 2.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..op import compose, refuse_out
from .shape import unstack as slices


def named(module: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare the decorated function as NumPy's of the given name, where this NumPy has it."""
    theirs = getattr(module, name, None)
    return (lambda written: written) if theirs is None else lambda written: compose(theirs, written)


def columns(name: str, x: Any) -> Any:
    """A matrix or a stack of them; an error for what has fewer than two axes."""
    if x.ndim < 2:
        raise ShapeError(f"{name}: expected a matrix or a stack of matrices, got shape {x.shape}.")
    return x


@named(np.linalg, "matmul")
def matmul(x1: Any, x2: Any, /) -> Any:
    """Product of matrices."""
    return np.matmul(x1, x2)


@named(np.linalg, "outer")
def outer(x1: Any, x2: Any, /) -> Any:
    """Product of every element of a vector with every element of another."""
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ShapeError(f"outer: expected two vectors, got shapes {np.shape(x1)} and {np.shape(x2)}. Write np.outer.")
    return np.outer(x1, x2)


@named(np.linalg, "tensordot")
def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """Sum of products over some axes of both."""
    return np.tensordot(x1, x2, axes)


@named(np.linalg, "diagonal")
def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """The diagonals of a stack of matrices."""
    return np.diagonal(columns("diagonal", x), offset, -2, -1)


@named(np.linalg, "trace")
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """The sums of the diagonals of a stack of matrices."""
    return np.trace(columns("trace", x), offset, -2, -1, dtype)


@named(np.linalg, "matrix_transpose")
@named(np, "matrix_transpose")
def matrix_transpose(x: Any, /) -> Any:
    """The last two axes exchanged."""
    return np.swapaxes(columns("matrix_transpose", x), -1, -2)


@named(np.linalg, "cross")
def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Cross product of vectors of three components."""
    return np.cross(x1, x2, axis=axis)


@named(np.linalg, "vector_norm")
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """Norm over all elements, one axis or several, taken as one vector."""
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if len(axes) == 1:
        return np.linalg.norm(x, ord, axes[0], keepdims)
    rest = [i for i in range(x.ndim) if i not in {j % x.ndim for j in axes}]
    flat = np.reshape(np.moveaxis(x, axes, range(-len(axes), 0)), (*(x.shape[i] for i in rest), -1))
    found = np.linalg.norm(flat, ord, -1)
    return np.reshape(found, [n if i in rest else 1 for i, n in enumerate(x.shape)]) if keepdims else found


@named(np.linalg, "matrix_norm")
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Norm of each matrix of a stack."""
    return np.linalg.norm(columns("matrix_norm", x), ord, (-2, -1), keepdims)


@named(np.linalg, "vecdot")
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Product of vectors along `axis`."""
    return np.einsum("...i,...i->...", np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1))


@named(np, "vecdot")
def vecdot_of_last(x1: Any, x2: Any, /) -> Any:
    """Product of vectors along the last axis."""
    return np.einsum("...i,...i->...", x1, x2)


@named(np, "matvec")
def matvec(x1: Any, x2: Any, /) -> Any:
    """Product of matrices with vectors."""
    return np.einsum("...ij,...j->...i", x1, x2)


@named(np, "vecmat")
def vecmat(x1: Any, x2: Any, /) -> Any:
    """Product of vectors with matrices."""
    return np.einsum("...i,...ij->...j", x1, x2)


@named(np, "unstack")
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """The slices along `axis`."""
    return tuple(slices(x, axis))


def cumulative(function: Callable[..., Any], first: int) -> Callable[..., Any]:
    """np.cumulative_sum or np.cumulative_prod, from np.cumsum or np.cumprod and its value for no elements."""

    def written(
        x: Any, /, *, axis: int | None = None, dtype: Any = None, out: None = None, include_initial: bool = False
    ) -> Any:
        refuse_out(f"cumulative_{function.__name__.removeprefix('cum')}", out)
        if axis is None and x.ndim > 1:
            raise ArgumentError(f"cumulative_{function.__name__.removeprefix('cum')}: an array of shape {x.shape} "
                                "needs axis=.")
        axis = 0 if axis is None else axis
        found = function(x, axis=axis, dtype=dtype)
        if not include_initial:
            return found
        shape = [1 if i == axis % x.ndim else n for i, n in enumerate(x.shape)]
        return np.concatenate([np.full(shape, first, found.dtype), found], axis=axis)

    return written


named(np, "cumulative_sum")(cumulative(np.cumsum, 0))
named(np, "cumulative_prod")(cumulative(np.cumprod, 1))
