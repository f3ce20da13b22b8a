"""Identities that hold for every floating-point number, -0.0, infinities and NaN included, as rewrites of a step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .registry import FULL_NAMES
from .values import Constant, Step, Value

#: A rewrite: a value that equals the step, there already or a new step, or None.
Rule = Callable[[Step], Value | None]

#: ufuncs that broadcast, and where, which does too.
BROADCASTING = frozenset(f for f in FULL_NAMES if isinstance(f, np.ufunc) and f.signature is None) | {np.where}

REDUCTIONS = frozenset({np.sum, np.prod, np.max, np.min, np.mean, np.amax, np.amin, np.any, np.all})

NUMBERS = (int, float)


def unchanged(step: Step) -> Value | None:
    """Calls that return what they are given: x * 1, x / 1, x - 0, --x, a shape or dtype that x has already."""
    f, args = step.function, step.args
    first = args[0] if args and isinstance(args[0], Value) else None
    if f is np.negative and isinstance(first, Step) and first.function is np.negative:
        return first.args[0]  # type: ignore[no-any-return]
    for i in range(len(args)) if f in NEUTRAL else ():
        other = args[1 - i]
        if number(args[i]) in NEUTRAL[f][i] and isinstance(other, Value) and like(other, step):
            zero = number(args[i])
            if zero == 0 and math.copysign(1, zero) != NEUTRAL_ZERO[f]:
                continue
            return other
    if first is None or not like(first, step):
        return None
    if f in SAME or (f in SAME_IF_SHAPE and len(args) <= 2):
        return first
    if f is np.transpose and (step.options.get("axes") or (args[1:] and args[1])):
        axes = step.options.get("axes", args[1] if len(args) > 1 else None)
        return first if list(axes) == list(range(len(step.shape or ()))) else None
    return first if f is np.transpose and len(step.shape or ()) < 2 else None


#: For each ufunc, the numbers that change nothing as its first and its second argument.
NEUTRAL: dict[Any, tuple[tuple[int, ...], tuple[int, ...]]] = {
    np.multiply: ((1,), (1,)), np.divide: ((), (1,)), np.add: ((0,), (0,)), np.subtract: ((), (0,)),
}  # fmt: skip

#: The sign of the zero that changes nothing: -0.0 + 0.0 is 0.0, while x + -0.0 and x - 0.0 are x.
NEUTRAL_ZERO: dict[Any, float] = {np.add: -1.0, np.subtract: 1.0}

SAME = frozenset({np.positive, np.conjugate, np.copy, np.real})
SAME_IF_SHAPE = frozenset({np.reshape, np.broadcast_to, np.ravel, np.squeeze, np.astype, np.atleast_1d, np.atleast_2d})


def signs(step: Step) -> Value | None:
    """a + -b, a - -b, -a * -b, -1 * a, -(a * 2): a minus sign is moved where it costs nothing."""
    f, args = step.function, step.args
    if f in (np.add, np.subtract) and not step.options:
        a, b = args
        if negated(b) is not None:
            return replace(step, function=np.subtract if f is np.add else np.add, args=(a, negated(b)))
        if negated(a) is not None and f is np.add:
            return replace(step, function=np.subtract, args=(b, negated(a)))
    if f is np.multiply and not step.options:
        a, b = args
        if negated(a) is not None and negated(b) is not None:
            return replace(step, args=(negated(a), negated(b)))
        for one, other in ((a, b), (b, a)):
            if number(one) == -1 and isinstance(other, Value) and like(other, step):
                return replace(step, function=np.negative, args=(other,))
            if type(one) is float and negated(other) is not None:
                return replace(step, args=(negated(other), -one))
    if f is np.negative and isinstance(args[0], Step) and args[0].function is np.multiply:
        a, b = args[0].args
        if type(b) is float or type(a) is float:
            return replace(step, function=np.multiply, args=(a, -b) if type(b) is float else (-a, b))
    return None


def negated(value: Any) -> Any:
    """What a value is the negative of; None if it is not known for one."""
    return value.args[0] if isinstance(value, Step) and value.function is np.negative else None


def without_spreading(step: Step) -> Value | None:
    """Elementwise functions broadcast by themselves: no broadcast_to before them, and one number for equal ones."""
    if step.function not in BROADCASTING or step.options:
        return None
    args = list(step.args)
    for i, value in enumerate(args):
        others = [v.shape or () for j, v in enumerate(args) if j != i and isinstance(v, Value)]
        if isinstance(value, Step) and value.function is np.broadcast_to and not value.options:
            inner = value.args[0]
            if isinstance(inner, Value) and np.broadcast_shapes(inner.shape or (), *others) == step.shape:
                args[i] = inner
        elif isinstance(value, Constant):
            args[i] = scalar(value, args, step, others)
    return replace(step, args=tuple(args)) if any(a is not b for a, b in zip(args, step.args)) else None


def scalar(value: Constant, args: list[Any], step: Step, others: list[Any]) -> Any:
    """A constant as a number of Python's, where shape and dtype of the result do not depend on it."""
    array = np.asarray(value.value)
    beside = [v for v in args if isinstance(v, Value) and v is not value]
    weak = [v for v in beside if getattr(v, "weak", False)]
    if not beside or weak or not array.size or array.dtype.kind not in "fiu" or not math.isfinite(array.flat[0]):
        return value
    if number(value) is None:
        return value
    plain = array.flat[0].item()
    if np.broadcast_shapes(*others) != step.shape:
        return value
    dtypes = [v.dtype for v in beside if v.dtype is not None]
    if step.function is np.where:
        dtypes = [v.dtype for v in args[1:] if isinstance(v, Value) and v is not value and v.dtype is not None]
        if value is args[0] or not dtypes:
            return value
    with_array = np.result_type(*dtypes, array.dtype)
    return plain if np.result_type(*dtypes, plain) == with_array else value


def shapes(step: Step) -> Value | None:
    """Reshape of reshape, transpose of transpose, and reductions whose axes are dropped or restored afterwards."""
    f, args = step.function, step.args
    inner = args[0] if args and isinstance(args[0], Step) else None
    if inner is None or not inner.args or not isinstance(inner.args[0], Value):
        return None
    source = inner.args[0]
    if f is np.transpose and inner.function is np.transpose and len(args) == len(inner.args) == 1:
        return source if not (step.options or inner.options) else None
    if f not in RESHAPING or step.options.get("order", "C") != "C" or step.shape is None:
        return None
    if inner.function in RESHAPING and inner.options.get("order", "C") == "C":
        return replace(step, function=np.reshape, args=(source, step.shape), options={})
    if inner.function in REDUCTIONS and source.shape is not None and inner.options.get("axis") is not None:
        options = {key: value for key, value in inner.options.items() if key != "keepdims"}
        kept, dropped = reduced_shapes(source.shape, options["axis"])
        if step.shape == kept != inner.shape:
            return replace(inner, options=options | {"keepdims": True}, shape=kept, backward=step.backward)
        if step.shape == dropped != inner.shape:
            return replace(inner, options=options, shape=dropped, backward=step.backward)
    return None


RESHAPING = frozenset({np.reshape, np.expand_dims, np.squeeze})


def reduced_shapes(shape: tuple[int, ...], axis: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shape that a reduction over `axis` leaves, with the axes kept and without."""
    axes = {i % len(shape) for i in (axis if isinstance(axis, tuple) else (axis,))}
    kept = tuple([1 if i in axes else n for i, n in enumerate(shape)])
    return kept, tuple([n for i, n in enumerate(shape) if i not in axes])


def mean(step: Step) -> Value | None:
    """sum(x) / n, where n is the number of terms."""
    if step.function is not np.divide or step.options or not isinstance(step.args[0], Step):
        return None
    total, n = step.args[0], number(step.args[1])
    if total.function is not np.sum or not isinstance(total.args[0], Value) or total.args[0].dtype != step.dtype:
        return None
    terms = math.prod(total.args[0].shape or ()) / max(1, math.prod(total.shape or ()))
    plain = {*total.options} <= {"axis", "keepdims"}
    if step.dtype is None or step.dtype.char not in "fd" or not plain or n != terms or not n:
        return None
    return replace(total, function=np.mean, name=step.name, backward=step.backward, line=step.line)


IDENTITIES: tuple[Rule, ...] = (without_spreading, unchanged, signs, shapes, mean, unchanged)


def like(value: Value, step: Step) -> bool:
    """Whether a value has the shape and the dtype of a step, and is an array as it is."""
    return value.shape == step.shape and value.dtype == step.dtype and not getattr(value, "weak", False)


def number(argument: Any) -> float | None:
    """The number that an argument is, or that all elements of a constant are; else None."""
    if isinstance(argument, Constant):
        array = np.asarray(argument.value)
        if not array.size or array.dtype.kind not in "fiu" or not (array == array.flat[0]).all():
            return None
        mixed = array.dtype.kind == "f" and np.signbit(array).any() != np.signbit(array).all()  # 0.0 and -0.0
        return None if mixed else float(array.flat[0])
    return argument if type(argument) in NUMBERS else None
