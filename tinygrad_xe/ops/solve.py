"""Linear equations and what belongs to them: np.linalg.solve, inv, det, slogdet, cholesky, powers and chains."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..op import compose, differentiable, op, refuse_out
from .linalg import swap
from .reduce import before


class LinAlgError(ArgumentError, np.linalg.LinAlgError):
    """A matrix that NumPy's linear algebra refuses: singular, not positive definite, or not square."""


def named(function: Callable[..., Any], advice: str) -> Callable[..., Any]:
    """The kernel of one of NumPy's functions; its errors say which function met which shape, and what may help."""

    @functools.wraps(function)
    def kernel(a: Any, *others: Any, **options: Any) -> Any:
        try:
            return function(a, *others, **options)
        except np.linalg.LinAlgError as error:
            said = str(error).rstrip(".")
            hint = f"\n  {advice}" if "square" not in said and "dimensional" not in said else ""
            raise LinAlgError(f"{function.__name__}: {said}; a has shape {np.shape(a)}.{hint}") from None

    return kernel


SINGULAR = "Its rows are linearly dependent: add a small multiple of np.eye(n), or look at np.linalg.cond(a)."
INDEFINITE = "A covariance that is nearly singular becomes definite with a small multiple of np.eye(n) added."


# -- solve and inv -----------------------------------------------------------------------------------------------------


def solve_transposed(a: Any, g: Any, b_ndim: int) -> Any:
    """The solution of a^T x = g, where g is a vector, or a stack of vectors, if b was a vector."""
    return np.linalg.solve(swap(a), g[..., None])[..., 0] if b_ndim == 1 else np.linalg.solve(swap(a), g)


def solve_left(g: Any, out: Any, a: Any, b_ndim: int) -> Any:
    """Cotangent of `a` in solve(a, b): -(a^-T g) out^T."""
    x = solve_transposed(a, g, b_ndim)
    return -(x[..., None] * out[..., None, :]) if b_ndim == 1 else -(x @ swap(out))


# fmt: off
solve = op(np.linalg.solve, "a, b", kernel=named(np.linalg.solve, SINGULAR), broadcasts=True,
           a=lambda g, out, a, b_shape: solve_left(g, out, a, len(b_shape)),
           b=lambda g, a, b_shape: solve_transposed(a, g, len(b_shape)))
inv = op(np.linalg.inv, "a", kernel=named(np.linalg.inv, SINGULAR), a=lambda g, out: -(swap(out) @ g @ swap(out)))
# fmt: on


# -- determinants ------------------------------------------------------------------------------------------------------


def each(values: Any) -> Any:
    """One number for each matrix of a stack, with two axes more."""
    return values[..., None, None]


def of_finite(a: Any, compute: Callable[[Any], Any]) -> Any:
    """``compute(a)`` where a matrix is finite, NaN where it is not: np.linalg.svd raises for those."""
    finite = np.isfinite(a).all((-2, -1))
    return np.where(each(finite), compute(np.where(each(finite), a, 0)), np.nan).astype(a.dtype)


def accurate_inverse(a: Any) -> Any:
    """The inverse, if it has nearly all its digits for every matrix: at (3, 3) it takes 20 us, singular values 150."""
    try:
        inverse = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        return None
    size, size_of_inverse = (np.abs(m).sum(-1).max(-1, initial=0) for m in (a, inverse))
    return inverse if (size * size_of_inverse < (1e3 if inverse.dtype == np.float64 else 30)).all() else None


def products_without_one(s: Any) -> Any:
    """Products of all singular values (..., n) but each one."""
    return before(s) * np.flip(before(np.flip(s, -1)), -1)


def products_without_two(s: Any) -> Any:
    """Products of all singular values but the i-th and the j-th, (..., n, n), with 0 on the diagonal."""
    n = s.shape[-1]
    column = np.arange(n)
    inside = column > column[:, None] + 1
    between = np.cumprod(np.where(inside, s[..., None, np.maximum(column - 1, 0)], s.dtype.type(1)), axis=-1)
    after = np.flip(before(np.flip(s, -1)), -1)
    above = np.triu(before(s)[..., :, None] * between * after[..., None, :], 1)
    return above + swap(above)


def rotated(a: Any) -> tuple[Any, Any, Any, Any]:
    """Singular vectors and values of `a`, and the sign that the determinants of the vectors have together."""
    u, s, vh = np.linalg.svd(a)
    return u, s, vh, np.sign(np.linalg.det(u) * np.linalg.det(vh))


@differentiable("a", a=lambda g, a: cofactor_slope(a, g))  # type: ignore[has-type]
def cofactor(a: Any) -> Any:
    """The matrix of cofactors, d det(a) / d a: det(a) inv(a)^T, or from singular values, without a division by 0."""
    inverse = accurate_inverse(a)
    if inverse is not None:
        return each(np.linalg.det(a)) * swap(inverse)

    def compute(a: Any) -> Any:
        u, s, vh, sign = rotated(a)
        return each(sign) * ((u * products_without_one(s)[..., None, :]) @ vh)

    return of_finite(a if hasattr(a, "dtype") else np.asarray(a), compute)


@differentiable("a, h", a=lambda g, a, h: cofactor_curvature(a, g, h),
                h=lambda g, a: cofactor_slope(a, g))  # type: ignore[has-type]  # fmt: skip
def cofactor_slope(a: Any, h: Any) -> Any:
    """The second derivative of det at `a` along `h`, a symmetric form: <h, cofactor(a)> differentiated in a.

    With a = u s v^T and y = u^T h v it is det(u v^T) u r v^T, where r_ii = sum_j p_ij y_jj, r_ij = -p_ij y_ji and p_ij
    is the product of all singular values but the i-th and the j-th.
    """

    def compute(a: Any) -> Any:
        u, s, vh, sign = rotated(a)
        y = swap(u) @ h @ swap(vh)
        p = products_without_two(s)
        along = (p @ np.diagonal(y, 0, -2, -1)[..., None])[..., 0]
        r = along[..., None] * np.eye(s.shape[-1], dtype=a.dtype) - p * swap(y)
        return each(sign) * (u @ r @ vh)

    return of_finite(a if hasattr(a, "dtype") else np.asarray(a), compute)


def cofactor_curvature(a: Any, g: Any, h: Any) -> Any:
    """The third derivative of det at `a` along `g` and `h`: NaN where `a` is singular, or too near for its inverse."""
    b = nan_where_singular(a, 1e-4 if a.dtype == np.float64 else 3e-2)
    inverse = np.linalg.inv(b)
    x, y = inverse @ g, inverse @ h
    trace_x, trace_y = (each(np.trace(m, axis1=-2, axis2=-1)) for m in (x, y))
    eye = np.eye(a.shape[-1], dtype=a.dtype)
    both = x @ y
    inner = (trace_x * trace_y - each(np.trace(both, axis1=-2, axis2=-1))) * eye
    whole = inner - trace_x * y - trace_y * x + both + y @ x
    return each(np.linalg.det(b)) * swap(whole @ inverse)


@differentiable("a, least=0.0", a=lambda g: g)
def nan_where_singular(a: Any, least: float = 0.0) -> Any:
    """`a`, and NaN in each matrix whose smallest singular value is at most `least` times the largest, or det 0."""
    a = a if hasattr(a, "dtype") else np.asarray(a)
    if least == 0:
        good = np.linalg.slogdet(a)[0] != 0
    else:
        finite = np.isfinite(a).all((-2, -1))
        s = np.linalg.svd(np.where(each(finite), a, 0), compute_uv=False)
        good = finite & (s[..., -1] > least * s[..., 0]) if a.shape[-1] else finite
    return np.where(each(good), a, np.nan).astype(a.dtype)


# fmt: off
det = op(np.linalg.det, "a", kernel=named(np.linalg.det, ""), a=lambda g, a: each(g) * cofactor(a))
# fmt: on


@differentiable("a", a=lambda g, a: each(g) * swap(np.linalg.inv(nan_where_singular(a))))
def log_abs_det(a: Any) -> Any:
    """Logarithm of the absolute value of the determinant: -inf for a singular matrix, where its derivative is NaN."""
    return named(np.linalg.slogdet, "")(a)[1]


@functools.partial(compose, np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """Sign and logarithm of the absolute value of the determinant; the sign is a constant."""
    return named(np.linalg.slogdet, "")(a.detach().data)._replace(logabsdet=log_abs_det(a))


# -- cholesky ----------------------------------------------------------------------------------------------------------


def cholesky_cotangent(g: Any, out: Any, upper: bool) -> Any:
    """Cotangent of a symmetric matrix, itself symmetric: l^-T phi(l^T g) l^-1, where phi halves the diagonal.

    Murray, "Differentiation of the Cholesky decomposition" (2016), equation 10.
    """
    lower, g = (swap(out), swap(g)) if upper else (out, g)
    inner = swap(lower) @ g
    phi = 0.5 * (np.tril(inner) + np.tril(inner, -1))
    found = np.linalg.solve(swap(lower), swap(np.linalg.solve(swap(lower), phi)))
    return 0.5 * (found + swap(found))


# fmt: off
cholesky = op(np.linalg.cholesky, "a, /, *, upper=False", kernel=named(np.linalg.cholesky, INDEFINITE),
              a=lambda g, out, *, upper: cholesky_cotangent(g, out, upper))
# fmt: on


# -- powers and chains -------------------------------------------------------------------------------------------------


@functools.partial(compose, np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    """The product of `n` factors `a`, or of its inverse for negative `n`."""
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise ArgumentError(f"matrix_power: the exponent must be a whole number, got {n!r}.")
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(f"matrix_power: expected square matrices, got shape {a.shape}.")
    if n == 0:
        return np.where(np.ones(a.shape, bool), np.eye(a.shape[-1], dtype=a.dtype), a)  # of a's graph, with gradient 0
    if n < 0:
        a, n = np.linalg.inv(a), -n
    if n == 3:
        return a @ a @ a
    square, result = a, None
    while True:
        n, odd = divmod(n, 2)
        if odd:
            result = square if result is None else result @ square
        if n == 0:
            return result
        square = square @ square


def cheapest(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to cut each stretch of a chain of matrices, sizes[i] x sizes[i + 1], to multiply the least numbers."""
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    cut = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            price = {k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)}
            cut[i, j] = min(price, key=price.__getitem__)
            cost[i, j] = price[cut[i, j]]
    return cut


@functools.partial(compose, np.linalg.multi_dot)
def multi_dot(arrays: Any, *, out: None = None) -> Any:
    """Product of a chain of matrices, in the order that takes the fewest multiplications."""
    refuse_out("multi_dot", out)
    chain = list(arrays)
    if len(chain) < 2:
        raise ArgumentError(f"multi_dot: expected two arrays or more, got {len(chain)}.")
    if any(np.ndim(a) != 2 for a in chain[1:-1]) or not {np.ndim(chain[0]), np.ndim(chain[-1])} <= {1, 2}:
        shapes = list(map(np.shape, chain))
        raise ShapeError(f"multi_dot: expected matrices, and perhaps vectors at the ends; got {shapes}.")
    sizes = [1 if np.ndim(chain[0]) == 1 else np.shape(chain[0])[0], *(np.shape(a)[0] for a in chain[1:])]
    sizes.append(1 if np.ndim(chain[-1]) == 1 else np.shape(chain[-1])[1])
    cut = cheapest(sizes)

    def product(i: int, j: int) -> Any:
        return chain[i] if i == j else product(i, cut[i, j]) @ product(cut[i, j] + 1, j)

    return product(0, len(chain) - 1)
