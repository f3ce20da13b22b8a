"""Products of matrices and vectors, and norms."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..op import compose, differentiable, op, refuse_out
from .reduce import axis_index


def swap(a: Any) -> Any:
    """The last two axes exchanged; ``.T`` costs 0.05 us where np.swapaxes costs 0.6."""
    return a.T if a.ndim == 2 else np.swapaxes(a, -1, -2)


def left_cotangent(g: Any, b: Any, a_ndim: int) -> Any:
    """Cotangent of `a` in a @ b, before leading axes along which it was broadcast are summed."""
    if b.ndim == 1:
        return g[..., None] * b
    return g @ swap(b) if a_ndim > 1 else (b @ g[..., None])[..., 0]


def right_cotangent(g: Any, a: Any, b_ndim: int) -> Any:
    """Cotangent of `b` in a @ b, before leading axes along which it was broadcast are summed."""
    if a.ndim == 1:
        return a * g[..., None] if b_ndim == 1 else a[:, None] * g[..., None, :]
    if b_ndim == 1:
        return (swap(a) @ g[..., None])[..., 0] if a.ndim > 2 else a.T @ g
    if b_ndim == 2 and a.ndim > 2:  # one product of two tall matrices, not a batch of small ones to be summed
        rows = math.prod(a.shape[:-1])  # -1 is no answer where there are no columns
        return a.reshape(rows, a.shape[-1]).T @ g.reshape(rows, g.shape[-1])
    return swap(a) @ g


# fmt: off
matmul = op(np.matmul, "a, b", broadcasts=True,
            a=lambda g, b, a_shape: left_cotangent(g, b, len(a_shape)),
            b=lambda g, a, b_shape: right_cotangent(g, a, len(b_shape)))
# fmt: on


@functools.partial(compose, np.dot)
def dot(a: Any, b: Any, out: None = None) -> Any:
    """Product over the last axis of `a` and the last but one of `b`."""
    refuse_out("dot", out)
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    columns = np.moveaxis(b, -2, 0)
    rest = columns.shape[1:]
    return np.reshape(np.matmul(a, np.reshape(columns, (columns.shape[0], math.prod(rest)))), np.shape(a)[:-1] + rest)


@functools.partial(compose, np.outer)
def outer(a: Any, b: Any, out: None = None) -> Any:
    """Product of every element of `a` with every element of `b`."""
    refuse_out("outer", out)
    return np.multiply(np.reshape(a, (-1, 1)), np.reshape(b, (1, -1)))


@functools.partial(compose, np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """Product over the last axes of both."""
    return dot(a, b) if np.ndim(a) == 0 or np.ndim(b) < 2 else dot(a, np.swapaxes(b, -1, -2))


@functools.partial(compose, np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    """Product of the flattened arrays."""
    return np.matmul(np.reshape(a, -1), np.reshape(b, -1))


def axes_list(axes: Any, ndim: int) -> list[int]:
    """Axes given as one number or several, counted from the front."""
    return [axis_index("tensordot", int(axis), ndim) for axis in np.atleast_1d(axes)]


@functools.partial(compose, np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sum of products over some axes of `a` and as many of `b`."""
    a, b = (x if hasattr(x, "dtype") else np.asarray(x) for x in (a, b))
    if np.ndim(axes) == 0:
        count = int(axes)
        if not 0 <= count <= min(a.ndim, b.ndim):
            raise ShapeError(f"tensordot: axes={count} of arrays of shapes {a.shape} and {b.shape}.")
        left, right = list(range(a.ndim - count, a.ndim)), list(range(count))
    else:
        left, right = axes_list(axes[0], a.ndim), axes_list(axes[1], b.ndim)
    unlike = [a.shape[i] for i in left] != [b.shape[i] for i in right]
    if unlike or len({*left}) < len(left) or len({*right}) < len(right):
        raise ShapeError(
            f"tensordot: axes {left} of shape {a.shape} and axes {right} of shape {b.shape} must have the same lengths."
        )
    rows = [i for i in range(a.ndim) if i not in left]
    columns = [i for i in range(b.ndim) if i not in right]
    m, n, k = [a.shape[i] for i in rows], [b.shape[i] for i in columns], math.prod([a.shape[i] for i in left])
    flat_a = np.reshape(np.transpose(a, [*rows, *left]), (math.prod(m), k))
    flat_b = np.reshape(np.transpose(b, [*right, *columns]), (k, math.prod(n)))
    return np.reshape(np.matmul(flat_a, flat_b), (*m, *n))


@functools.partial(compose, np.kron)
def kron(a: Any, b: Any) -> Any:
    """Every element of `a` times the whole of `b`, as blocks."""
    a, b = (x if hasattr(x, "dtype") else np.asarray(x) for x in (a, b))
    ndim = max(a.ndim, b.ndim)
    m, n = (1,) * (ndim - a.ndim) + a.shape, (1,) * (ndim - b.ndim) + b.shape
    spread_a = np.reshape(a, [size for length in m for size in (length, 1)])
    spread_b = np.reshape(b, [size for length in n for size in (1, length)])
    return np.reshape(spread_a * spread_b, [i * j for i, j in zip(m, n)])


# -- norms -------------------------------------------------------------------------------------------------------------


def norm_slope(x: Any, out: Any, ord: float) -> Any:
    """Derivative of a vector norm. At the zero vector, where there is a cone, it is 0, and its own derivative NaN."""
    if ord == 2:
        return np.where(out == 0, 0, x / out)
    return np.sign(x) * np.where(out == 0, 0, np.abs(x) / out) ** (ord - 1)


@differentiable("x, ord=2, axis=None, keepdims=False", reduces="x",
                x=lambda g, out, x, *, ord: g * norm_slope(x, out, ord))  # fmt: skip
def vector_norm(x: Any, ord: float = 2, axis: Any = None, keepdims: bool = False) -> Any:
    """sum(abs(x)**ord)**(1/ord) over `axis`, for an `ord` that is not 0, 1 or infinite.

    Exact also where the powers, and with them np.linalg.norm, overflow or underflow.
    """
    out = sum_of_powers(x, ord, axis, keepdims)
    if x.size and isinstance(out, np.ndarray | np.floating) and out.dtype.kind == "f":
        limit, flat = largest_norm(out.dtype, ord), out.reshape(-1)
        if not (1 / limit < flat[flat.argmin()] and flat[flat.argmax()] < limit):  # 1 us where two comparisons take 5
            top = (np.max if ord > 0 else np.min)(np.abs(x), axis=axis, keepdims=True)
            top = np.where(np.isfinite(top) & (top > 0), top, 1).astype(x.dtype)
            scaled = sum_of_powers(x / top, ord, axis, True) * top
            return scaled if keepdims else scaled.reshape(out.shape)
    return out


@functools.lru_cache(maxsize=32)
def largest_norm(dtype: Any, ord: float) -> float:
    """A norm up to which, and down to the inverse of which, the powers of elements stay in the range of a dtype."""
    return float(2.0 ** (0.9 * int(np.finfo(dtype).maxexp) / max(1, abs(ord))))


def sum_of_powers(x: Any, ord: float, axis: Any, keepdims: bool) -> Any:
    """The same as NumPy computes it."""
    if ord == 2 and axis is None:
        return np.linalg.norm(x.ravel()).reshape((1,) * x.ndim if keepdims else ())
    if ord == 2 and isinstance(axis, tuple):
        return np.sqrt(np.sum(x * x, axis, keepdims=keepdims))
    return np.linalg.norm(x, ord, axis, keepdims)


def matrix_norm(x: Any, ord: Any, axes: tuple[int, int], keepdims: bool) -> Any:
    """Largest or smallest sum of absolute values of a column (ord 1, -1) or of a row (inf, -inf)."""
    if ord not in (1, -1, math.inf, -math.inf):
        raise ArgumentError(f"norm: ord={ord!r} of a matrix is not supported. Write None, 'fro', 1, -1, inf or -inf.")
    along, across = axes if abs(ord) == 1 else axes[::-1]
    sums = np.sum(np.abs(x), axis=along, keepdims=True)
    found = (np.max if ord > 0 else np.min)(sums, axis=across, keepdims=True)
    return found if keepdims else np.squeeze(found, axis=axes)


@functools.partial(compose, np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Norm of vectors, or the Frobenius, 1- and infinity-norm of matrices."""
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if len(axes) not in (1, 2) and not (ord is None and axis is None):
        raise ArgumentError(f"norm: axis={axis!r} of shape {x.shape}: vectors have one axis, matrices two.")
    if ord is None or (len(axes) == 2 and ord == "fro"):
        return vector_norm(x, 2, axis, keepdims)
    if len(axes) == 2:
        return matrix_norm(x, ord, axes, keepdims)
    if isinstance(ord, str):
        raise ArgumentError(f"norm: ord={ord!r} belongs to matrices, got a vector. Write a number, inf or -inf.")
    if abs(ord) == math.inf:
        return (np.max if ord > 0 else np.min)(np.abs(x), axis=axes, keepdims=keepdims)
    if ord == 0:
        return np.sum((x != 0).astype(x.dtype), axis=axes, keepdims=keepdims)
    return np.sum(np.abs(x), axis=axes, keepdims=keepdims) if ord == 1 else vector_norm(x, ord, axes[0], keepdims)
