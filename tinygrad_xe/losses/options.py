"""What the cross-entropies do to labels and logits on request: smoothing, temperature, class weights, ignoring."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..dispatch import answers_numpy
from ..errors import ArgumentError, DTypeError, ShapeError
from ..op import Op
from ..ops.rows import class_axis
from ..tensor import Tensor
from . import rules
from .class_kernels import class_numbers
from .operands import floating, operand, values_of
from .reduction import checked_weight, refuse_negative, weighted

#: The smallest number above 0.
SMALLEST = float(np.finfo(np.float64).smallest_subnormal)


def changed(label_smoothing: Any, temperature: Any) -> bool:
    """Whether one of the two is not its default; a Tensor counts as changed, since it may want a gradient."""
    numbers = (int, float)
    if isinstance(label_smoothing, numbers) and isinstance(temperature, numbers):
        return label_smoothing != 0 or temperature != 1
    return True


def wants_gradient(*values: Any) -> bool:
    """Whether any of `values` is a Tensor on a graph."""
    return any(type(value) is Tensor and value.node is not None for value in values)


def constant(value: Any) -> Any:
    """A Tensor without its graph; anything else as it is."""
    return value.detach() if isinstance(value, Tensor) else value


def whole_axis(who: str, axis: Any) -> int:
    """`axis` as a Python integer."""
    try:
        return operator.index(axis)
    except TypeError:
        raise DTypeError(f"{who}: axis is {axis!r}; expected an integer, the axis of the classes.") from None


def number(who: str, name: str, value: Any, right: str, low: float, high: float) -> Any:
    """An option that is one number between `low` and `high`: a Tensor or symbols as they are, else a Python float."""
    try:
        plain = float(value._data.item() if isinstance(value, Tensor) else value)
    except (TypeError, ValueError):
        raise DTypeError(f"{who}: {name} is {value!r}; {right}.") from None
    if not low <= plain <= high:
        raise ArgumentError(f"{who}: {name} is {plain}; {right}.")
    return value if answers_numpy(value) else plain


def share(who: str, label_smoothing: Any) -> Any:
    """The amount of smoothing, checked."""
    right = "it lies in [0, 1]: the share of each label that is spread evenly over the classes"
    return number(who, "label_smoothing", label_smoothing, right, 0, 1)


def smoothed(labels: Any, amount: Any, classes: int) -> Any:
    """``(1 - a) y + a / K`` (C8)."""
    return (1 - amount) * labels + amount / classes


def floating_labels(who: str, labels: Any, values: Any) -> Any:
    """Labels as floats; booleans and whole numbers take the dtype of `values`, so that float32 stays float32."""
    labels = operand(who, "labels", labels)
    return labels if labels.dtype.kind == "f" else labels.astype(values.dtype)


def scaled(who: str, logits: Any, temperature: Any) -> Any:
    """``z / T`` (C8)."""
    right = "it is a number above 0 that the logits are divided by"
    return logits / number(who, "temperature", temperature, right, SMALLEST, np.inf)


def binary_with_options(who: str, labels: Any, logits: Any, label_smoothing: Any, temperature: Any) -> tuple[Any, Any]:
    """Labels and logits of two classes, after smoothing and scaling."""
    logits = floating(who, "logits", logits)
    labels = floating_labels(who, labels, logits)
    return smoothed(labels, share(who, label_smoothing), 2), scaled(who, logits, temperature)


def checked_class_weight(who: str, class_weight: Any, classes: int, dtype: np.dtype[Any]) -> Any:
    """One finite weight, not negative, for each class."""
    if not answers_numpy(class_weight):
        class_weight = np.asarray(class_weight)
    if class_weight.shape != (classes,):
        raise ShapeError(
            f"{who}: class_weight has shape {class_weight.shape}; there are {classes} classes.\n"
            f"  It must have shape ({classes},): one weight for each class."
        )
    return refuse_negative(who, class_weight, "class_weight", dtype)


def weighted_labels(who: str, labels: Any, class_weight: Any, values: Any, axis: int) -> tuple[Any, Any]:
    """The weights in a shape that multiplies labels, and what each sample counts in a mean: ``sum(w * y)``."""
    w = checked_class_weight(who, class_weight, values.shape[axis], values.dtype)
    w = w.reshape([-1 if i == axis else 1 for i in range(values.ndim)])
    return w, np.sum(w * labels, axis=axis)


def dense_with_options(
    who: str, operation: Op, labels: Any, logits: Any, axis: int, label_smoothing: Any, temperature: Any, class_weight:
    Any
) -> tuple[Any, Any]:
    """Loss of dense labels, and what each sample counts in a mean: None for 1."""
    logits = floating(who, "logits", logits)
    labels = floating_labels(who, labels, logits)
    axis = class_axis(who, "logits", logits, axis)
    if labels.shape != logits.shape:
        operation.call(labels, logits, class_axis=axis, axis=axis)  # raises, and says what to write
    mass, y = None, smoothed(labels, share(who, label_smoothing), logits.shape[axis])
    if class_weight is not None:
        w, mass = weighted_labels(who, labels, class_weight, logits, axis)
        y = y * w
    return operation.call(y, scaled(who, logits, temperature), class_axis=axis, axis=axis), mass


def sparse_with_options(
    who: str, labels: Any, logits: Any, axis: int, label_smoothing: Any, temperature: Any, class_weight: Any,
    sample_weight: Any, ignore_index: int | None,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Loss of class numbers, the weight of each sample, and what it counts in a mean beside that: None for 1."""
    logits, t = floating(who, "logits", logits), np.asarray(values_of(labels))
    axis = class_axis(who, "logits", logits, axis)
    kept = None
    if ignore_index is not None:
        kept = t != whole_index(who, ignore_index)
        t = class_numbers(who, np.where(kept, t, 0), logits.shape, axis)
        # An ignored row may hold anything, NaN too: zeros in its place give derivatives of 0 in every order.
        logits = np.where(np.expand_dims(kept, axis), logits, 0)
    else:
        t = class_numbers(who, t, logits.shape, axis)
    classes = logits.shape[axis]
    weights = None if class_weight is None else checked_class_weight(who, class_weight, classes, logits.dtype)
    mass = None if weights is None else weights[t]
    logits = scaled(who, logits, temperature)
    amount = share(who, label_smoothing)
    if isinstance(amount, Tensor) or amount != 0:
        hard = np.moveaxis(t[..., None] == np.arange(classes), -1, axis).astype(logits.dtype)
        y = smoothed(hard, amount, classes)
        if weights is not None:
            y = y * weights.reshape([-1 if i == axis else 1 for i in range(logits.ndim)])
        loss = rules.softmax_cross_entropy_v2.call(y, logits, class_axis=axis, axis=axis)
    else:
        loss = rules.sparse_cross_entropy.call(t, logits, class_axis=axis, axis=axis)
        if mass is not None:
            loss = weighted(loss, mass)
    weight = None if sample_weight is None else checked_weight(who, sample_weight, loss)
    if kept is not None:
        weight = kept.astype(loss.dtype) if weight is None else np.where(kept, weight, 0)
    return loss, weight, mass


def whole_index(who: str, ignore_index: Any) -> int:
    """`ignore_index` as a Python integer."""
    try:
        return operator.index(ignore_index)
    except TypeError:
        raise DTypeError(f"{who}: ignore_index is {ignore_index!r}, not the integer that means no class.") from None
