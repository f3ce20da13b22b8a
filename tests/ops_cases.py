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
    Shape,
    each,
    elements,
)

import tinygrad_xe as xe
from tinygrad_xe.ops import elementwise, linalg


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
]
# fmt: on
