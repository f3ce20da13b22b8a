"""The table of all operations, one line each, that test_ops.py puts to its tests."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from cases import (
    ABOVE_MINUS_ONE,
    ABOVE_ONE,
    DIVISORS,
    HALVES,
    NONZERO,
    POSITIVE,
    REAL,
    UNIT,
    Case,
    Domain,
    Shape,
    each,
    elements,
)
from window_cases import WINDOWS

import tinygrad_xe as xe
from tinygrad_xe.ops import einsum, elementwise, linalg, normalize, ordering, selection, solve


def normal_cdf(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2)))


MATRIX, CUBE = ((3, 4),), ((2, 3, 4),)
AXES = [None, 0, -1, (0, 2), (-1, 1), (0, 1, 2), ()]
REDUCED = each(axis=AXES, keepdims=[False, True])
MASK = np.array([[True, False, True, True], [False, False, True, False], [True, True, False, False]])
ROWS, COLUMNS = np.array([0, 2, 2, -1]), np.array([[1], [0], [-2]])


def as_tuple(value: Any) -> tuple[int, ...]:
    """One number or several, as PyTorch takes them everywhere."""
    return tuple(int(v) for v in np.atleast_1d(value))


def reduced(name: str) -> Callable[..., Any]:
    """PyTorch's reduction, which spells "all axes" as a tuple of them and "none" not at all."""

    def call(t: Any, a: Any, axis: Any = None, keepdims: bool = False, **options: Any) -> Any:
        if axis == ():
            return NotImplemented
        axes = tuple(range(a.ndim)) if axis is None else as_tuple(axis)
        return getattr(t, name)(a, dim=axes, keepdim=keepdims, **options)

    return call


def tanh_cdf(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


def two_of_three(a: Any, b: Any) -> np.ndarray:
    """A condition of the common shape of `a` and `b`."""
    shape = np.broadcast_shapes(np.shape(a), np.shape(b))
    return (np.arange(math.prod(shape)) % 3 > 0).reshape(shape)


def scattered(values: np.ndarray, key: Any, shape: Shape) -> np.ndarray:
    """What scatter_add gives, from np.add.at."""
    out = np.zeros(shape, values.dtype)
    np.add.at(out, key, values)
    return out




def sinc_derivative(x: np.ndarray, order: int) -> np.ndarray:
    """From sinc(x), the integral of cos(pi x t) over t from 0 to 1, by Gauss's rule."""
    t, w = np.polynomial.legendre.leggauss(60)
    t, w = (t + 1) / 2, w / 2
    turned = np.cos(np.multiply.outer(x * math.pi, t) + order * math.pi / 2)
    return np.asarray((w * (math.pi * t) ** order * turned).sum(-1), x.dtype)


def cofactor(a: np.ndarray) -> np.ndarray:
    """det(a) a^-T, the first derivative of det at a regular matrix."""
    return np.linalg.det(a)[..., None, None] * np.swapaxes(np.linalg.inv(a), -1, -2)


def cofactor_slope(a: np.ndarray, h: np.ndarray) -> np.ndarray:
    """det(a) (tr(a^-1 h) a^-T - (a^-1 h a^-1)^T), the second derivative of det at a regular matrix."""
    inverse = np.linalg.inv(a)
    along = inverse @ h
    found = np.trace(along, axis1=-2, axis2=-1)[..., None, None] * inverse - along @ inverse
    return np.linalg.det(a)[..., None, None] * np.swapaxes(found, -1, -2)


SMALL = Domain(-1, 1, far=())


def regular(call: Callable[..., Any]) -> dict[str, Any]:
    """`call` of matrices that are far from singular, ``a + 3 I``, compared with NumPy to 12 digits."""

    def of_sum(a: Any, *others: Any, **options: Any) -> Any:
        return call(a + 3 * np.eye(a.shape[-1], dtype=a.dtype), *others, **options)

    return dict(call=of_sum, reference=of_sum)


def gram(a: Any) -> Any:
    """A positive definite matrix."""
    return a @ np.swapaxes(a, -1, -2) + np.eye(a.shape[-2], dtype=a.dtype)


def torch_regular(t: Any, a: Any) -> Any:
    return a + 3 * t.eye(a.shape[-1], dtype=a.dtype)


def torch_gram(t: Any, a: Any) -> Any:
    return a @ a.swapaxes(-1, -2) + t.eye(a.shape[-2], dtype=a.dtype)


def close(call: Callable[..., Any]) -> dict[str, Any]:
    """`call`, compared with NumPy to 12 digits: products are added up in another order."""
    return dict(call=call, reference=call)


def einsums(*subscripts: str) -> tuple[dict[str, Any], ...]:
    return tuple({"subscripts": s} for s in subscripts)


def einsum_case(shapes: tuple[Shape, ...], *subscripts: str, **more: Any) -> dict[str, Any]:
    return dict(
        domains=(REAL,) * len(shapes), shapes=shapes, options=einsums(*subscripts),
        **close(lambda *arrays, subscripts, **options: np.einsum(subscripts, *arrays, **options)),
        torch=lambda t, *arrays, subscripts, **options: t.einsum(subscripts, *arrays), **more,
    )  # fmt: skip


def padded(t: Any, a: Any, mode: str, pad_width: Any, **options: Any) -> Any:
    """PyTorch's padding of the last axis, which wants a batch beside it."""
    if mode not in ("reflect", "edge", "wrap") or pad_width != ((0, 0), (1, 2)):
        return NotImplemented
    return t.nn.functional.pad(a[None], (1, 2), {"edge": "replicate", "wrap": "circular"}.get(mode, mode))[0]


TIES = np.array([[0, 1, 1, 2], [0, 0, 0, 0], [0, 1, 2, 3]])


def torch_quantile(t: Any, a: Any, q: Any, axis: Any, keepdims: bool) -> Any:
    """PyTorch's quantile, for one axis or all."""
    if isinstance(axis, tuple) or np.ndim(q) == 2:
        return NotImplemented
    return t.quantile(a, t.tensor(q, dtype=t.float64), axis, keepdims)


def new(module: Any, name: str, *args: Any, **more: Any) -> list[Case]:
    """The case of a function that older releases of NumPy lack."""
    function = getattr(module, name, None)
    return [] if function is None else [Case(function, *args, **more)]


def norm_2(t: Any, x: Any, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    return t.linalg.vector_norm(x, ord, axis, keepdims)


MIN_AND_MAX: list[dict[str, Any]] = [{"min": 0.11}, {"min": -1.01, "max": 1.51}] if np.__version__ >= "2.1" else []

# fmt: off
CASES: list[Case] = [
    # -- arithmetic
    elements(np.add,          REAL, REAL,        torch="add"),
    elements(np.subtract,     REAL, REAL,        torch="subtract"),
    elements(np.multiply,     REAL, REAL,        torch="multiply"),
    elements(np.divide,       REAL, NONZERO,     torch="divide"),
    elements(np.negative,     REAL,              torch="negative"),
    elements(np.positive,     REAL,              torch="positive"),
    elements(np.remainder,    HALVES, DIVISORS,  torch="remainder"),
    elements(np.fmod,         HALVES, DIVISORS,  torch="fmod"),
    elements(np.reciprocal,   NONZERO,           torch="reciprocal"),
    elements(np.square,       REAL,              torch="square"),
    elements(np.sqrt,         POSITIVE,          torch="sqrt"),
    elements(np.cbrt,         NONZERO),
    elements(np.absolute,     NONZERO,           torch="abs"),
    elements(np.fabs,         NONZERO,           torch="abs"),
    elements(np.power,        POSITIVE, REAL,    torch="pow"),
    elements(np.float_power,  POSITIVE, REAL,    torch="float_power", float64=True),
    # -- exponentials and logarithms
    elements(np.exp,          REAL,              torch="exp"),
    elements(np.exp2,         REAL,              torch="exp2"),
    elements(np.expm1,        REAL,              torch="expm1"),
    elements(np.log,          POSITIVE,          torch="log"),
    elements(np.log2,         POSITIVE,          torch="log2"),
    elements(np.log10,        POSITIVE,          torch="log10"),
    elements(np.log1p,        ABOVE_MINUS_ONE,   torch="log1p"),
    elements(np.logaddexp,    REAL, REAL,        torch="logaddexp"),
    elements(np.logaddexp2,   REAL, REAL,        torch="logaddexp2"),
    elements(elementwise.xlogy.function, REAL, POSITIVE, torch="xlogy", call=elementwise.xlogy,
         reference=lambda a, b: a * np.log(b)),
    # -- trigonometric and hyperbolic
    elements(np.sin,          REAL,              torch="sin"),
    elements(np.cos,          REAL,              torch="cos"),
    elements(np.tan,          UNIT,              torch="tan"),
    elements(np.arcsin,       UNIT,              torch="arcsin"),
    elements(np.arccos,       UNIT,              torch="arccos"),
    elements(np.arctan,       REAL,              torch="arctan"),
    elements(np.arctan2,      NONZERO, NONZERO,  torch="arctan2"),
    elements(np.sinh,         REAL,              torch="sinh"),
    elements(np.cosh,         REAL,              torch="cosh"),
    elements(np.tanh,         REAL,              torch="tanh"),
    elements(np.arcsinh,      REAL,              torch="arcsinh"),
    elements(np.arccosh,      ABOVE_ONE,         torch="arccosh"),
    elements(np.arctanh,      UNIT,              torch="arctanh"),
    elements(np.hypot,        REAL, NONZERO,     torch="hypot"),
    elements(np.sinc,         REAL,              torch="sinc"),
    elements(elementwise.sinc_derivative.function, REAL, options=each(order=[1, 2, 5]),
         call=elementwise.sinc_derivative, reference=sinc_derivative),
    elements(np.copysign,     NONZERO,
         call=lambda a: np.copysign(a, (two_of_three(a, a) - 0.5).astype(a.dtype)),
         torch=lambda t, a: t.copysign(a, t.from_numpy(two_of_three(a.detach(), a.detach()) - 0.5))),
    elements(np.conjugate,    REAL,              torch="conj"),
    elements(np.real,         REAL,              torch="real"),
    elements(np.real_if_close, REAL),
    elements(np.deg2rad,      REAL,              torch="deg2rad"),
    elements(np.rad2deg,      REAL,              torch="rad2deg"),
    elements(np.radians,      REAL,              torch="deg2rad"),
    elements(np.degrees,      REAL,              torch="rad2deg"),
    # -- selections
    elements(np.maximum,      REAL, REAL,        torch="maximum"),
    elements(np.minimum,      REAL, REAL,        torch="minimum"),
    elements(np.fmax,         REAL, REAL,        torch="fmax"),
    elements(np.fmin,         REAL, REAL,        torch="fmin"),
    elements(np.where,        REAL, REAL,        call=lambda a, b: np.where(two_of_three(a, b), a, b),
         torch=lambda t, a, b: t.where(t.from_numpy(two_of_three(a, b)), a, b)),
    elements(np.clip,         NONZERO,
         options=({"a_min": -1.01, "a_max": 1.51}, {"a_min": None, "a_max": 0.12}, *MIN_AND_MAX),
         torch=lambda t, x, a_min=None, a_max=None, **bounds: t.clip(x, **({"min": a_min, "max": a_max} | bounds))),
    elements(np.nan_to_num,   REAL,              torch="nan_to_num"),
    elements(np.astype,       REAL,              call=lambda x: np.astype(x, np.float64), float64=True),
    elements(elementwise.astype.function, REAL,  call=lambda x: elementwise.astype(x, dtype=np.float64), float64=True,
         reference=lambda x: x.astype(np.float64)),
    # -- functions that NumPy lacks
    elements(xe.sigmoid.function,     REAL,      call=xe.sigmoid, torch="sigmoid",
         reference=lambda x: 1 / (1 + np.exp(-x))),
    elements(xe.softplus.function,    REAL,      call=xe.softplus, torch="nn.functional.softplus",
         reference=lambda x: np.log(1 + np.exp(x))),
    elements(xe.log_sigmoid.function, REAL,      call=xe.log_sigmoid, torch="nn.functional.logsigmoid",
         reference=lambda x: -np.log(1 + np.exp(-x))),
    elements(xe.relu.function,        NONZERO,   call=xe.relu, torch="relu", reference=lambda x: np.where(x > 0, x, 0)),
    elements(xe.leaky_relu.function,  NONZERO, POSITIVE, call=xe.leaky_relu,
         reference=lambda x, slope: np.where(x > 0, x, slope * x)),
    elements(xe.elu.function,         NONZERO, POSITIVE, call=xe.elu,
         reference=lambda x, alpha: np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))),
    elements(xe.silu.function,        REAL,      call=xe.silu, torch="nn.functional.silu",
         reference=lambda x: x / (1 + np.exp(-x))),
    elements(xe.gelu.function,        REAL,      call=xe.gelu, torch="nn.functional.gelu",
         options=({}, {"approximate": "tanh"}),
         reference=lambda x, **form: x * (tanh_cdf(x) if form else normal_cdf(x))),
    elements(xe.erf.function,         REAL,      call=xe.erf, torch="erf",
         reference=lambda x: 2 * normal_cdf(x * math.sqrt(2)) - 1),
    elements(xe.erfc.function,        REAL,      call=xe.erfc, torch="erfc",
         reference=lambda x: 2 * normal_cdf(-x * math.sqrt(2))),
    Case(xe.softmax.function,     (REAL,), CUBE, each(axis=[0, 1, -1]), call=xe.softmax,
         torch=lambda t, x, axis: t.softmax(x, axis),
         reference=lambda x, axis: np.exp(x) / np.exp(x).sum(axis, keepdims=True)),
    Case(xe.log_softmax.function, (REAL,), CUBE, each(axis=[0, 1, -1]), call=xe.log_softmax,
         torch=lambda t, x, axis: t.log_softmax(x, axis),
         reference=lambda x, axis: x - np.log(np.exp(x).sum(axis, keepdims=True))),
    Case(xe.logsumexp.function,   (REAL,), CUBE, REDUCED, call=xe.logsumexp, torch=reduced("logsumexp"),
         reference=lambda x, axis, keepdims: np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))),
    # -- layers
    Case(xe.linear.function, (REAL, REAL, REAL), ((4, 3), (2, 3), (2,)), call=xe.linear,
         reference=lambda x, weight, bias: np.einsum("ni,oi->no", x, weight) + bias,
         torch=lambda t, x, weight, bias: t.nn.functional.linear(x, weight, bias)),
    Case(normalize.normalize.function, (REAL,), CUBE, each(axis=[-1, (0, 2), 1], eps=[0.01, 0.5]),
         call=normalize.normalize, empty=False,
         torch=lambda t, x, axis, eps: t.nn.functional.layer_norm(x, (4,), eps=eps) if axis == -1 else NotImplemented,
         reference=lambda x, axis, eps: (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + eps)),
    Case(normalize.inverse_deviation.function, (REAL,), CUBE, each(axis=[-1, (0, 2), 1], eps=[0.01, 0.5]),
         call=normalize.inverse_deviation, empty=False,
         reference=lambda x, axis, eps: 1 / np.sqrt(x.var(axis, keepdims=True) + eps)),
    # -- reductions
    Case(np.sum,     (REAL,),    CUBE, REDUCED, torch=reduced("sum")),
    Case(np.mean,    (REAL,),    CUBE, REDUCED, torch=reduced("mean")),
    Case(np.prod,    (NONZERO,), CUBE, REDUCED,
         torch=lambda t, a, axis, keepdims: t.prod(a, axis, keepdims) if isinstance(axis, int) else NotImplemented),
    Case(np.max,     (REAL,),    CUBE, REDUCED, torch=reduced("amax")),
    Case(np.min,     (REAL,),    CUBE, REDUCED, torch=reduced("amin")),
    Case(np.amax,    (REAL,),    CUBE, torch=reduced("amax")),
    Case(np.amin,    (REAL,),    CUBE, torch=reduced("amin")),
    Case(np.var,     (REAL,),    CUBE, each(axis=AXES[:-1], ddof=[0, 1, 0.5], keepdims=[False, True]),
         torch=lambda t, a, axis, ddof, keepdims: t.var(a, axis, correction=ddof, keepdim=keepdims)),
    Case(np.std,     (REAL,),    CUBE, each(axis=AXES[:-1], ddof=[0, 1], keepdims=[False, True]),
         torch=lambda t, a, axis, ddof, keepdims: t.std(a, axis, correction=ddof, keepdim=keepdims)),
    Case(np.cumsum,  (REAL,),    CUBE, each(axis=[None, 0, 1, -1]),
         torch=lambda t, a, axis: t.cumsum(a.reshape(-1) if axis is None else a, axis or 0)),
    Case(np.cumprod, (NONZERO,), ((2, 3, 2),), each(axis=[None, 0, 1, -1]),
         torch=lambda t, a, axis: t.cumprod(a.reshape(-1) if axis is None else a, axis or 0)),
    Case(np.ptp,     (REAL,),    CUBE, REDUCED),
    Case(np.average, (REAL, POSITIVE), ((3, 4), (3, 4)), each(axis=[None, 0, -1, (0, 1)], keepdims=[False, True]),
         call=lambda a, w, **options: np.average(a, weights=w, **options)),
    Case(np.diff,    (REAL,),    CUBE, each(n=[0, 1, 2], axis=[0, 1, -1]),
         torch=lambda t, a, n, axis: t.diff(a, n, axis)),
    # -- products and norms
    Case(np.matmul,  (REAL, REAL), ((3, 4), (4, 2)), torch=lambda t, a, b: t.matmul(a, b)),
    Case(np.dot,     (REAL, REAL), ((2, 3, 4), (2, 4, 3)), torch=lambda t, a, b: t.tensordot(a, b, ([-1], [-2]))),
    Case(np.outer,   (REAL, REAL), ((2, 3), (4,)), torch=lambda t, a, b: t.outer(a.reshape(-1), b)),
    Case(np.inner,   (REAL, REAL), ((2, 3), (2, 4, 3)), torch=lambda t, a, b: t.inner(a, b)),
    Case(np.vdot,    (REAL, REAL), ((2, 3), (3, 2)), torch=lambda t, a, b: t.vdot(a.reshape(-1), b.reshape(-1))),
    Case(linalg.vector_norm.function, (NONZERO,), CUBE,
         each(ord=[2, 3, 1.5], axis=[0, -1]) + each(axis=[None, (0, 2)], keepdims=[False, True]),
         call=linalg.vector_norm,
         reference=lambda x, ord=2, **options: np.sum(np.abs(x) ** ord, **options) ** (1 / ord),
         torch=lambda t, x, ord=2, axis=None, keepdims=False: t.linalg.vector_norm(x, ord, axis, keepdims)),
    Case(np.linalg.norm, (NONZERO,), MATRIX, empty=False,
         options=each(ord=[None, "fro", 1, -1, np.inf, -np.inf], keepdims=[False, True])
         + each(ord=[None, 1, 2, 2.5, 3, np.inf, -np.inf], axis=[0, (1,)])
         + each(axis=[(0, 1), (1, 0)], ord=[None, 1, np.inf]),
         torch=lambda t, x, ord=None, axis=None, keepdims=False: t.linalg.norm(x, ord, axis, keepdims)),
    # -- products over named axes; test_einsum.py says more
    Case(np.einsum, **einsum_case(((2, 3), (3, 4)), "ij,jk->ik", "ij,jk", "ij,jk->ki", "ij,jk->", "ij,kl->jikl",
                                  "... j, jk -> k ...", "aB,Bc->c")),
    Case(einsum.einsum_pair_of_numpy, (REAL, REAL), ((2, 3, 4), (3, 4, 5)), einsums("ijk,jkl->il", "ijk,jkl->jlik"),
         call=einsum.einsum_pair, reference=lambda a, b, subscripts: np.einsum(subscripts, a, b)),
    Case(np.tensordot, (REAL, REAL), ((2, 3, 4), (4, 3, 2)),
         each(axes=[0, 1, (2, 0), ([1, 2], [1, 0]), ((-1, 0, 1), (0, -1, 1))]), **close(np.tensordot),
         torch=lambda t, a, b, axes: t.tensordot(a, b, axes if isinstance(axes, int) else [*map(as_tuple, axes)])),
    Case(np.kron, (REAL, REAL), ((2, 3), (3, 1, 2)), torch=lambda t, a, b: t.kron(a, b)),
    Case(np.cross, (REAL, REAL), ((2, 3), (4, 2, 3)),
         ({}, {"axisc": 0}, {"axisb": -1, "axisa": 1, "axisc": 1}),
         torch=lambda t, a, b, **o: NotImplemented if o else t.linalg.cross(a[None], b)),
    # -- matrices
    Case(np.diagonal, (REAL,), ((2, 3, 4),), each(offset=[0, 1, -1, 5], axis1=[0, -1], axis2=[1]),
         torch=lambda t, a, offset, axis1, axis2: t.diagonal(a, offset, axis1, axis2)),
    Case(np.diag,     (REAL,), ((3, 4),), each(k=[0, 2, -1]), torch=lambda t, a, k: t.diag(a, k)),
    Case(np.diagflat, (REAL,), ((2, 2),), each(k=[0, 2, -1]), torch=lambda t, a, k: t.diagflat(a, k)),
    Case(np.trace,    (REAL,), ((2, 3, 4),), each(offset=[0, 1, -1], axis1=[0, 2], axis2=[1])),
    Case(np.tril,     (REAL,), ((2, 3, 4),), each(k=[0, 1, -2]), torch=lambda t, a, k: t.tril(a, k)),
    Case(np.triu,     (REAL,), ((4,),), each(k=[0, 1, -2])),
    Case(np.linalg.solve, (SMALL, SMALL), ((2, 3, 3), (3, 2)), **regular(np.linalg.solve),
         torch=lambda t, a, b: t.linalg.solve(torch_regular(t, a), b)),
    Case(np.linalg.inv, (SMALL,), ((2, 3, 3),), **regular(np.linalg.inv),
         torch=lambda t, a: t.linalg.inv(torch_regular(t, a))),
    Case(np.linalg.det, (SMALL,), ((2, 3, 3),), **regular(np.linalg.det),
         torch=lambda t, a: t.linalg.det(torch_regular(t, a))),
    Case(np.linalg.slogdet, (SMALL,), ((2, 3, 3),), **regular(lambda a: np.linalg.slogdet(a).logabsdet),
         torch=lambda t, a: t.linalg.slogdet(torch_regular(t, a)).logabsdet),
    Case(solve.log_abs_det.function, (SMALL,), ((2, 3, 3),), call=regular(solve.log_abs_det)["call"],
         reference=regular(lambda a: np.linalg.slogdet(a)[1])["call"]),
    Case(solve.cofactor.function, (SMALL,), ((2, 3, 3),), call=regular(solve.cofactor)["call"],
         reference=regular(cofactor)["call"]),
    Case(solve.cofactor_slope.function, (SMALL, SMALL), ((2, 4, 4), (2, 4, 4)),
         call=regular(solve.cofactor_slope)["call"], reference=regular(cofactor_slope)["call"]),
    Case(solve.nan_where_singular.function, (SMALL,), ((2, 3, 3),), each(least=[0.0, 1e-3]),
         call=regular(solve.nan_where_singular)["call"], reference=regular(lambda a, least: a)["call"]),
    Case(np.linalg.cholesky, (REAL,), ((2, 3, 4),), each(upper=[False, True]),
         **close(lambda a, upper: np.linalg.cholesky(gram(a), upper=upper)),
         torch=lambda t, a, upper: t.linalg.cholesky(torch_gram(t, a), upper=upper)),
    Case(np.linalg.matrix_power, (SMALL,), ((2, 3, 3),), each(n=[1, 2, 3, 5, 8, -1, -3]),
         **regular(np.linalg.matrix_power),
         torch=lambda t, a, n: t.linalg.matrix_power(torch_regular(t, a), n)),
    Case(np.linalg.multi_dot, (REAL, REAL, REAL), ((2, 3), (3, 4), (4,)), **close(lambda *a: np.linalg.multi_dot(a)),
         torch=lambda t, *a: t.linalg.multi_dot(a)),
    Case(np.linalg.matmul,      (REAL, REAL), ((3, 4), (4, 2)), torch=lambda t, a, b: t.matmul(a, b)),
    Case(np.linalg.outer,       (REAL, REAL), ((3,), (4,)), torch=lambda t, a, b: t.outer(a, b)),
    Case(np.linalg.tensordot,   (REAL, REAL), ((2, 3, 4), (3, 4, 2)), **close(np.linalg.tensordot)),
    Case(np.linalg.diagonal,    (REAL,), CUBE, each(offset=[0, 1, -1]),
         torch=lambda t, a, offset: t.linalg.diagonal(a, offset=offset)),
    Case(np.linalg.trace,       (REAL,), CUBE, each(offset=[0, 1, -1])),
    Case(np.linalg.cross,       (REAL, REAL), ((4, 3), (4, 3)), torch=lambda t, a, b: t.linalg.cross(a, b)),
    Case(np.linalg.matrix_transpose, (REAL,), CUBE, torch=lambda t, a: a.mT),
    Case(np.matrix_transpose,   (REAL,), CUBE, torch=lambda t, a: a.mT),
    Case(np.linalg.vector_norm, (NONZERO,), CUBE,
         each(axis=[None, 1, (0, 2), (2, -3)], keepdims=[False, True])
         + each(ord=[1, 3, np.inf], axis=[None, -1, (1, 2)]),
         **close(np.linalg.vector_norm), torch=norm_2, empty=False),
    Case(np.linalg.matrix_norm, (NONZERO,), CUBE, each(ord=["fro", 1, -np.inf], keepdims=[False, True]),
         **close(np.linalg.matrix_norm), empty=False,
         torch=lambda t, x, ord, keepdims: t.linalg.matrix_norm(x, ord, keepdim=keepdims)),
    Case(np.linalg.vecdot, (REAL, REAL), ((2, 3, 4), (3, 4)), **close(np.linalg.vecdot),
         torch=lambda t, a, b: t.linalg.vecdot(a, b)),
    Case(np.vecdot, (REAL, REAL), ((2, 3, 4), (3, 4)), **close(np.vecdot), torch=lambda t, a, b: t.linalg.vecdot(a, b)),
    *new(np, "matvec", (REAL, REAL), ((2, 3, 4), (2, 4)), **close(getattr(np, "matvec", None)),
         torch=lambda t, a, b: (a @ b[..., None])[..., 0]),
    *new(np, "vecmat", (REAL, REAL), ((2, 3), (2, 3, 4)), **close(getattr(np, "vecmat", None)),
         torch=lambda t, a, b: (a[..., None, :] @ b)[..., 0, :]),
    # -- sorted values; test_ordering.py says more
    Case(np.sort, (REAL,), CUBE, (*each(axis=[None, 0, 1, -1]), {"kind": "heapsort"}, {"stable": True}),
         torch=lambda t, a, axis=-1, **kind: (t.sort(a.reshape(-1)) if axis is None else t.sort(a, axis))[0]),
    Case(np.partition, (REAL,), CUBE, each(kth=[0, 1, [0, -1]], axis=[0, 1, -1]) + each(kth=[7], axis=[None])),
    Case(ordering.share_ties.function, (REAL,), ((3, 4),), each(keys=[TIES]), empty=False,
         call=lambda a, keys: ordering.share_ties(a, keys[: a.shape[0], : a.shape[1]]),
         reference=lambda a, keys: np.array([[v[k == one].mean() for one in k] for v, k in zip(a, keys)], a.dtype)),
    Case(np.median, (REAL,), CUBE, REDUCED[:-2], empty=False,
         torch=lambda t, a, **options: torch_quantile(t, a, 0.5, **options)),
    Case(np.quantile, (REAL,), CUBE, empty=False, float64=True, torch=torch_quantile,
         options=each(q=[0, 0.3, 1.0, [0.1, 0.5], [[0.25], [0.7]]], axis=[None, 1, (0, -1)], keepdims=[False, True])),
    Case(np.percentile, (REAL,), CUBE, each(q=[30, 62.5], axis=[None, 1])),
    # -- laying out
    Case(np.pad, (REAL,), ((3, 4),), each(mode=["constant", "edge", "reflect", "symmetric", "wrap"],
                                          pad_width=[1, (2, 1), ((0, 0), (1, 2)), ((1,), (7,))])
         + each(mode=["constant"], pad_width=[((1, 0), (2, 1))], constant_values=[1.5, (1, 2), ((1, 2), (3, 4))]),
         torch=padded),
    Case(np.select,   (REAL, REAL), ((3, 4), (3, 4)),
         call=lambda a, b: np.select([np.arange(a.shape[-1]) < 1, two_of_three(a, b)], [2 * a, b], 0.5)),
    Case(np.piecewise, (NONZERO,), ((3, 4),),
         call=lambda a: np.piecewise(a, [a < -1, two_of_three(a, a) & (a > 0)], [np.sin, lambda v: v * v, -1.5])),
    Case(np.extract,  (REAL,), ((3, 4),), call=lambda a: np.extract(two_of_three(a, a), a)),
    Case(np.delete,   (REAL,), ((3, 4),), each(obj=[1, [0, 2], slice(0, 2)], axis=[None, 0, -1])),
    Case(np.meshgrid, (REAL, REAL), ((3,), (4,)), each(indexing=["xy", "ij"], sparse=[False, True]),
         call=lambda a, b, **options: np.multiply(*np.meshgrid(a, b, **options))),
    Case(np.rollaxis, (REAL,), CUBE, each(axis=[0, 1, -1], start=[0, 1, 3, -1])),
    Case(np.linspace, (REAL, REAL), ((2,), (3, 1)), each(num=[1, 2, 5], endpoint=[False, True], axis=[0, -1])),
    *new(np, "unstack", (REAL,), CUBE, each(axis=[0, -1]), call=lambda a, axis: np.unstack(a, axis=axis)[1]),
    # -- differences, integrals, sums
    Case(np.gradient, (REAL,), ((5, 4),), each(axis=[0, -1], edge_order=[1, 2]), reference=np.gradient),
    Case(np.trapezoid, (REAL, REAL), ((3, 4), (4,)), torch=lambda t, y, x: t.trapezoid(y, x)),
    Case(np.interp, (UNIT, REAL), ((7,), (4,)), float64=True, empty=False,
         **close(lambda x, fp: np.interp(x, [-0.7, -0.21, 0.33, 0.71], fp))),
    Case(np.unwrap, (REAL,), ((3, 4),), each(axis=[0, -1], period=[2 * math.pi, 1.7]), reference=np.unwrap,
         empty=False),
    Case(np.ediff1d, (REAL, REAL), ((3, 4), (2,)), call=lambda a, b: np.ediff1d(a, to_end=b, to_begin=b[:1])),
    Case(np.convolve, (REAL, REAL), ((5,), (4,)), each(mode=["full", "same", "valid"]), **close(np.convolve)),
    Case(np.correlate, (REAL, REAL), ((3,), (6,)), each(mode=["full", "same", "valid"]), **close(np.correlate)),
    Case(selection.convolve_full.function, (REAL, REAL), ((5,), (3,)), call=selection.convolve_full,
         reference=lambda a, v: np.convolve(a, v)),
    Case(np.polyval, (REAL, REAL), ((4,), (3,))),
    Case(np.cov, (REAL, REAL), ((3, 4), (3, 4)), each(rowvar=[False, True], bias=[False, True]), **close(np.cov),
         float64=True, empty=False),
    Case(np.corrcoef, (REAL,), ((3, 4),), **close(np.corrcoef), float64=True, empty=False,
         torch=lambda t, a: t.corrcoef(a)),
    Case(np.nansum, (REAL,), CUBE, REDUCED, torch=reduced("nansum")),
    Case(np.nanprod, (NONZERO,), CUBE, REDUCED),
    Case(np.nanmean, (REAL,), CUBE, REDUCED, torch=reduced("nanmean")),
    Case(np.nanvar, (REAL,), CUBE, each(axis=AXES[:-1], ddof=[0, 1], keepdims=[False, True]), empty=False,
         reference=np.nanvar,
         torch=lambda t, a, axis, ddof, keepdims: t.var(a, axis, correction=ddof, keepdim=keepdims)),
    Case(np.nanmax, (REAL,), CUBE, REDUCED[:-2], empty=False),
    Case(np.nanmin, (REAL,), CUBE, REDUCED[:-2], empty=False),
    *new(np, "cumulative_sum",  (REAL,), CUBE, each(axis=[0, -1], include_initial=[False, True])),
    *new(np, "cumulative_prod", (NONZERO,), CUBE, each(axis=[0, -1], include_initial=[False, True])),
    # -- shapes
    Case(np.reshape,      (REAL,), CUBE, each(shape=[(4, 6), (-1, 2), -1, 24], order=["C", "F"]),
         call=lambda a, shape, order: np.reshape(a, shape, order=order)),
    Case(np.ravel,        (REAL,), CUBE, each(order=["C", "F"])),
    Case(np.transpose,    (REAL,), CUBE, each(axes=[None, (1, 2, 0), (-1, 0, 1)]),
         torch=lambda t, a, axes: t.permute(a, axes or (2, 1, 0))),
    Case(np.swapaxes,     (REAL,), CUBE, each(axis1=[0, -1], axis2=[1, -2]),
         torch=lambda t, a, axis1, axis2: t.swapaxes(a, axis1, axis2)),
    Case(np.moveaxis,     (REAL,), CUBE,
         each(source=[0], destination=[-1, 1]) + each(source=[(0, 1), [-1, 0]], destination=[(2, 0), [1, 2]]),
         torch=lambda t, a, source, destination: t.moveaxis(a, as_tuple(source), as_tuple(destination))),
    Case(np.expand_dims,  (REAL,), CUBE, each(axis=[0, 3, -2, (0, -1)])),
    Case(np.squeeze,      (REAL,), ((1, 3, 1, 2),), each(axis=[None, 0, -2, (0, 2)]),
         torch=lambda t, a, axis: t.squeeze(a) if axis is None else t.squeeze(a, axis)),
    Case(np.broadcast_to, (REAL,), ((3, 1),), each(shape=[(3, 1), (3, 4), (2, 3, 4), (2, 1, 3, 1)]),
         torch=lambda t, a, shape: t.broadcast_to(a, shape)),
    Case(np.broadcast_arrays, (REAL, REAL), ((3, 1), (4,)), call=lambda a, b: np.multiply(*np.broadcast_arrays(a, b))),
    Case(np.full_like,    (REAL,), ((3, 1),), call=lambda a: np.full_like(np.zeros((2, 3, 4), a.dtype) * a[0, 0], a)),
    Case(np.flip,         (REAL,), CUBE, each(axis=[None, 0, -1, (0, 2)]),
         torch=lambda t, a, axis: t.flip(a, (0, 1, 2) if axis is None else as_tuple(axis))),
    Case(np.flipud,       (REAL,), CUBE, torch=lambda t, a: t.flipud(a)),
    Case(np.fliplr,       (REAL,), CUBE, torch=lambda t, a: t.fliplr(a)),
    Case(np.roll,         (REAL,), CUBE,
         ({"shift": 2}, {"shift": -1, "axis": 1}, {"shift": (1, -2), "axis": (0, 2)}, {"shift": [1, 2], "axis": [1, 1]},
          {"shift": np.array(3)}),
         torch=lambda t, a, shift, axis=None: t.roll(a, as_tuple(shift), () if axis is None else as_tuple(axis))),
    Case(np.rot90,        (REAL,), CUBE, each(k=[0, 1, 2, 3, -1], axes=[(0, 1), (2, 0)]),
         torch=lambda t, a, k, axes: t.rot90(a, k, axes)),
    Case(np.copy,         (REAL,), CUBE, torch=lambda t, a: t.clone(a)),
    Case(np.atleast_1d,   (REAL,), ((),),  torch=lambda t, a: t.atleast_1d(a)),
    Case(np.atleast_2d,   (REAL,), ((3,),), torch=lambda t, a: t.atleast_2d(a)),
    Case(np.atleast_3d,   (REAL,), ((3,),), torch=lambda t, a: t.atleast_3d(a)),
    Case(np.concatenate,  (REAL, REAL), ((2, 3), (2, 2)), each(axis=[None, 1, -1]),
         call=lambda a, b, axis: np.concatenate([a, b], axis=axis),
         torch=lambda t, a, b, axis: NotImplemented if axis is None else t.concatenate([a, b], axis)),
    Case(np.stack,        (REAL, REAL), ((2, 3), (2, 3)), each(axis=[0, 1, -1, -3]),
         call=lambda a, b, axis: np.stack([a, b], axis=axis),
         torch=lambda t, a, b, axis: t.stack([a, b], axis)),
    Case(np.vstack,       (REAL, REAL), ((3,), (2, 3)), call=lambda a, b: np.vstack([a, b]),
         torch=lambda t, a, b: t.vstack([a, b])),
    Case(np.hstack,       (REAL, REAL), ((2, 1), (2, 3)), call=lambda a, b: np.hstack([a, b]),
         torch=lambda t, a, b: t.hstack([a, b])),
    Case(np.dstack,       (REAL, REAL), ((2, 3), (2, 3, 2)), call=lambda a, b: np.dstack([a, b]),
         torch=lambda t, a, b: t.dstack([a, b])),
    Case(np.column_stack, (REAL, REAL), ((3,), (3, 2)), call=lambda a, b: np.column_stack([a, b]),
         torch=lambda t, a, b: t.column_stack([a, b])),
    Case(np.append,       (REAL, REAL), ((2, 3), (2, 1)), each(axis=[None, 1]),
         call=lambda a, b, axis: np.append(a, b, axis=axis)),
    Case(np.split,        (REAL,), ((4, 6),), each(part=[0, 1], where=[2, [1, 3]], axis=[0, -1]),
         call=lambda a, part, where, axis: np.split(a, where, axis)[part],
         torch=lambda t, a, part, where, axis: t.tensor_split(a, where, axis)[part]),
    Case(np.array_split,  (REAL,), ((5, 7),), each(part=[0, 2], where=[3, [2, 2, 9]], axis=[0, -1]),
         call=lambda a, part, where, axis: np.array_split(a, where, axis)[part]),
    Case(np.vsplit,       (REAL,), ((4, 2),), call=lambda a: np.vsplit(a, 2)[1], torch=lambda t, a: t.vsplit(a, 2)[1]),
    Case(np.hsplit,       (REAL,), ((2, 4),), call=lambda a: np.hsplit(a, [1])[1],
         torch=lambda t, a: t.hsplit(a, [1])[1]),
    Case(np.dsplit,       (REAL,), ((2, 2, 4),), call=lambda a: np.dsplit(a, 2)[0],
         torch=lambda t, a: t.dsplit(a, 2)[0]),
    Case(np.tile,         (REAL,), ((2, 3),), each(reps=[2, (2, 2), (2, 1, 3), [3], 0]),
         torch=lambda t, a, reps: t.tile(a, (reps,) if isinstance(reps, int) else tuple(reps))),
    Case(np.repeat,       (REAL,), ((2, 3),),
         ({"repeats": 2}, {"repeats": 3, "axis": 1}, {"repeats": [2, 0], "axis": 0}, {"repeats": 0, "axis": -1})),
    # -- indexing; test_index.py says more
    Case(operator.getitem, (REAL,), ((3, 4),),
         each(key=[1, np.s_[:, -1], np.s_[::-2], ROWS, (ROWS, 1), np.s_[1:, None, [0, 0, 3]], MASK, (COLUMNS, ROWS)]),
         call=lambda a, key: a[key]),
    Case(xe.scatter_add.function, (REAL,), ((4,),), each(key=[slice(0, 4), slice(None, None, 2), [0, 2, 2, -1]]),
         call=lambda a, key: xe.scatter_add(a, key, (8,) if key == slice(None, None, 2) else (4,)),
         reference=lambda a, key: scattered(a, key, (8,) if key == slice(None, None, 2) else (4,))),
    Case(np.take,            (REAL,), ((3, 4),),
         each(indices=[1, [0, -1, 0], [[2, 0]]], axis=[None, 0, -1])
         + each(indices=[[5, -7]], axis=[1], mode=["wrap", "clip"])),
    Case(np.take_along_axis, (REAL,), ((3, 4),),
         ({"indices": ROWS, "axis": None}, {"indices": COLUMNS, "axis": 1}, {"indices": ROWS[None] % 3, "axis": 0})),
    Case(np.compress,        (REAL,), ((3, 4),), each(axis=[None, 0, 1]),
         call=lambda a, axis: np.compress([True, False, True], a, axis)),
    Case(np.bincount,        (REAL,), ((4,),), each(minlength=[0, 6]),
         call=lambda a, minlength: np.bincount([0, 2, 2, 3], a, minlength)),
    *WINDOWS,
]
# fmt: on
