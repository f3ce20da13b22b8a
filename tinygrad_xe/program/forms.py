"""How operations of this library are written down: whole, as a call of a primitive, or in the lines of their kernel."""

from __future__ import annotations

import copy
import functools
import inspect
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..losses import class_kernels, kernels, rules
from ..op import Op
from ..ops import elementwise, special
from ..ops.rows import class_axis as position
from .primitives import PRIMITIVES
from .traced import Traced, concrete
from .values import Step

getitem = operator.getitem

#: Operations of this library that are one step; they have a primitive of their name.
WHOLE = frozenset({
    "sigmoid", "softplus", "log_sigmoid", "softmax", "log_softmax", "logsumexp", "erf", "erfc", "scatter_add",
    "share_ties",
})  # fmt: skip

#: Functions of Python's floats on each element, and the primitive that stands for each.
PRIMITIVE_UFUNCS: dict[Any, Callable[..., Any]] = {
    special._erf: PRIMITIVES["erf"], special._erfc: PRIMITIVES["erfc"],
}  # fmt: skip


class RecordedOp(Op):
    """An operation whose kernel writes steps of a program down; its gradient rules are those of the operation."""

    recorded = True

    def __init__(self, op: Op, kernel: Callable[..., Any]) -> None:
        self.__dict__.update(copy.copy(op).__dict__)
        self.kernel = kernel
        self.vjp = lambda *args: op.vjp(*args)


@functools.lru_cache(maxsize=512)
def parameters_of(op: Op) -> tuple[inspect.Parameter, ...]:
    """The parameters of an operation, as its declaration has them."""
    scope: dict[str, Any] = {"np": np}
    exec(f"def parameters({op.signature}): 0", scope)
    return tuple(inspect.signature(scope["parameters"]).parameters.values())


def arguments_of(op: Op) -> Callable[[tuple[Any, ...], Mapping[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]:
    """From inputs and options as a kernel is given them, the arguments of a call as a person writes it."""
    parameters = parameters_of(op)

    def arguments(inputs: tuple[Any, ...], options: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        values = dict(zip(op.inputs, inputs, strict=True)) | dict(options)
        args: list[Any] = []
        named: dict[str, Any] = {}
        for p in parameters:
            value = values.get(p.name)
            if p.name not in values:
                continue
            if p.default is p.empty and p.kind is not p.KEYWORD_ONLY:
                args.append(value)
            elif not (value is p.default or (type(value) is type(p.default) and value == p.default)):
                named[p.name] = value
        return tuple(args), named

    return arguments


# -- losses ------------------------------------------------------------------------------------------------------------
# The same formulas as the kernels', which see for why; for finite logits. What is computed twice here, passes merge.


def named(name: str, value: Any) -> Any:
    """`value`, called so where the user has no name for it."""
    if type(value) is Traced and isinstance(value.step, Step):
        value.tape.naming.hints[value.step] = name
    return value


def sigmoid_cross_entropy(labels: Any, logits: Any, axis: kernels.Axes = ()) -> tuple[Any, Any]:
    """Loss and excess, elementwise; with ``axis=None`` the mean loss."""
    who = "sigmoid_cross_entropy_with_logits"
    y, z = kernels.operands(who, "logits", labels, logits)
    dtype = z.dtype
    y, z = kernels.wide(y, z)
    e = named("e", np.exp(-np.abs(z)))
    h = named("h", z >= 0)
    d = named("d", np.subtract(h, y))
    loss = z * d + np.log1p(e)
    excess = d + np.where(h, -e, e) / (1 + e)
    return averaged(who, loss.astype(dtype, copy=False), axis), excess.astype(dtype, copy=False)


def weighted_cross_entropy(labels: Any, logits: Any, pos_weight: Any) -> tuple[Any, Any]:
    """Loss and excess, elementwise; `pos_weight` is broadcast to the logits."""
    kernels.weighted_cross_entropy(*map(concrete, (labels, logits, pos_weight)))  # which checks them
    y, z = kernels.operands("weighted_cross_entropy_with_logits", "logits", labels, logits)
    dtype = z.dtype
    y, z = kernels.wide(y, z)
    q = pos_weight
    e = named("e", np.exp(-np.abs(z)))
    b = named("b", np.where(z >= 0, 1 - y, -(q * y)))
    c = named("c", 1 - y + q * y)
    loss = z * b + np.log1p(e) * c
    excess = b - c * (np.where(z >= 0, e, -e) / (1 + e))
    return loss.astype(dtype, copy=False), excess.astype(dtype, copy=False)


def places(z: Any, numbers: Any, axis: int) -> Any:
    """Where the class has the number given for each sample, with the axis of the classes or one of length 1."""
    classes = np.arange(z.shape[axis]).reshape((-1,) + (1,) * (z.ndim - 1 - axis))
    if np.ndim(numbers) < z.ndim:
        numbers = numbers[:, None] if z.ndim == 2 and axis == 1 else np.expand_dims(numbers, axis)
    return np.equal(numbers, z.tape.constant(classes))


def softmax_cross_entropy(labels: Any, logits: Any, *, class_axis: int, axis: kernels.Axes) -> tuple[Any, Any]:
    """Loss and excess for one label for each class; with ``axis=None`` the mean loss."""
    who = "softmax_cross_entropy_with_logits"
    y, z = kernels.operands(who, "logits", labels, logits)
    at = position(who, "logits", z, class_axis)
    dtype = z.dtype
    y, z = kernels.wide(y, z)
    top = named("top", places(z, np.argmax(z, axis=at, keepdims=True), at))
    shifted = named("shifted", z - np.max(z, axis=at, keepdims=True))
    e = named("e", np.exp(shifted))
    rest = named("rest", np.sum(np.where(top, 0, e), axis=at, keepdims=True))  # without the largest, exp(0)
    mass = named("mass", np.sum(y, axis=at, keepdims=True))
    loss = named("losses", mass * np.log1p(rest) - np.sum(y * shifted, axis=at, keepdims=True))
    total = named("total", 1 + rest)
    excess = np.where(top, (mass - y - y * rest) / total, e * (mass / total) - y)
    return of_classes(who, loss.astype(dtype, copy=False), at, axis), excess.astype(dtype, copy=False)


def sparse_cross_entropy(labels: Any, logits: Any, *, class_axis: int, axis: kernels.Axes) -> tuple[Any, Any]:
    """Loss and excess for a class number for each sample; with ``axis=None`` the mean loss."""
    who = "sparse_softmax_cross_entropy_with_logits"
    at = position(who, "logits", logits, class_axis)
    class_kernels.class_numbers(who, np.asarray(concrete(labels)), logits.shape, at)
    z = logits if logits.dtype.char != "e" else logits.astype(np.float32)
    own = named("own", places(z, labels, at))
    shifted = named("shifted", z - np.max(z, axis=at, keepdims=True))
    e = named("e", np.exp(shifted))
    others = named("others", np.sum(np.where(own, 0, e), axis=at, keepdims=True))
    e_own = named("e_own", np.sum(np.where(own, e, 0), axis=at, keepdims=True))
    picked = np.sum(np.where(own, shifted, 0), axis=at, keepdims=True)
    loss = named("losses", np.log1p(others + (e_own - 1)) - picked)
    excess = np.where(own, -others, e) / (others + e_own)
    dtype = logits.dtype
    return of_classes(who, loss.astype(dtype, copy=False), at, axis), excess.astype(dtype, copy=False)


def averaged(who: str, loss: Any, axis: kernels.Axes) -> Any:
    """The losses, or with ``axis=None`` their mean."""
    return loss if axis is not None else kernels.mean(who, loss)


def of_classes(who: str, loss: Any, at: int, axis: kernels.Axes) -> Any:
    """The same for losses that have an axis of length 1 in the place of the classes."""
    return np.squeeze(loss, axis=at) if axis is not None else kernels.mean(who, loss)


def excess_of(form: Callable[..., Any]) -> Callable[..., Any]:
    """The second result of a form alone."""

    def excess(*inputs: Any, **options: Any) -> Any:
        if "class_axis" in options:
            options["axis"] = options["class_axis"]
        return form(*inputs, **options)[1]

    return excess


FORMS: dict[Op, Callable[..., Any]] = {
    elementwise.sinc_derivative: elementwise.sinc_slope,
    rules.sigmoid_cross_entropy: sigmoid_cross_entropy,
    rules.weighted_cross_entropy: weighted_cross_entropy,
    rules.softmax_cross_entropy: softmax_cross_entropy,
    rules.softmax_cross_entropy_v2: softmax_cross_entropy,
    rules.sparse_cross_entropy: sparse_cross_entropy,
    rules.sigmoid_excess: excess_of(sigmoid_cross_entropy),
    rules.weighted_excess: excess_of(weighted_cross_entropy),
    rules.softmax_excess: excess_of(softmax_cross_entropy),
    rules.sparse_excess: excess_of(sparse_cross_entropy),
}
