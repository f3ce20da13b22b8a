"""NumPy kernels of the cross-entropies of several classes: loss and derivative, for dense labels and class numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dispatch import answers_numpy, check_kind
from ..errors import ArgumentError, DTypeError, ShapeError
from ..ops.rows import Array, as_rows, from_rows, guarded, moderate, ones, shift, starts, without
from ..ops.rows import class_axis as position
from .kernels import Axes, mean, operands, wide

# With dense labels y: x = z - max z;  e = exp(x);  rest = sum of e without its largest term, which is exactly 1;
# s = 1 + rest;  S = sum of y:
#   loss   = S log1p(rest) - y . x
#   excess = p S - y;  at the top class  ((S - y) - y rest) / s, since p - 1 = -rest / s there.


def dense_rows(y: Array, z: Array, infinite: bool) -> tuple[Array, Array]:
    """The formulas above."""
    k = starts(*z.shape) + z.argmax(1)
    x = shift(z, k, infinite)
    one = ones(z.shape[1], z.dtype)
    e = np.exp(x)
    flat = e.reshape(-1)
    s = flat[k]  # 1, or NaN
    flat[k] = 0
    rest = e.dot(one)
    flat[k] = s
    s += rest
    if infinite:
        x[(y == 0) & (x == -np.inf)] = 0
    x *= y
    total = y.dot(one)
    top = y.reshape(-1)[k]
    e *= (total / s)[:, None]
    e -= y
    flat[k] = ((total - top) - top * rest) / s
    loss = np.log1p(rest, rest)
    loss *= total
    loss -= x.dot(one)
    return loss, e


def dense_cross_entropy(labels: Any, logits: Any, *, class_axis: int, axis: Axes) -> tuple[Any, Array]:
    """Loss and excess for one label for each class; with ``axis=None`` the mean loss."""
    who = "softmax_cross_entropy_with_logits"
    y, z = operands(who, "logits", labels, logits)
    class_axis = position(who, "logits", z, class_axis)
    if not z.size:
        loss, excess = np.zeros(without(z.shape, class_axis), z.dtype), z
    else:
        loss, excess = guarded(dense_rows, *(as_rows(a, class_axis) for a in wide(y, z)))
        if loss.dtype is not z.dtype:
            with np.errstate(all="ignore"):
                loss, excess = loss.astype(z.dtype), excess.astype(z.dtype)
        if z.ndim != 2:
            loss = loss.reshape(without(z.shape, class_axis))
        excess = from_rows(excess, z.shape, class_axis)
    return loss if axis is not None else mean(who, loss), excess


# With a class number t. Leaving out the label's own class, not the largest, serves loss and gradient without cases:
#   others = sum of e_c over c != t;  s = others + e_t:
#   loss     = log1p(others + (e_t - 1)) - x_t
#   excess_t = -others / s;  elsewhere  e_c / s
# Where t is the top class, e_t - 1 is exactly 0; elsewhere log(s) needs no more than absolute accuracy beside x_t.


def sparse_rows(t: Array, z: Array, infinite: bool) -> tuple[Array, Array]:
    """The formulas above."""
    k = starts(*z.shape)
    x = shift(z, k + z.argmax(1), infinite)
    k = k + t
    flat = x.reshape(-1)
    loss = flat[k]
    np.exp(x, x)
    s = flat[k]
    flat[k] = 0
    others = x.dot(ones(z.shape[1], z.dtype))
    flat[k] = -others
    x /= (others + s)[:, None]
    s -= 1
    s += others
    return np.subtract(np.log1p(s, s), loss, loss), x


def sparse_moderate(t: Array, z: Array) -> tuple[Array, Array]:
    """The same from logits that need no shift, with the loss log1p(others / e_t): 7 us at (64, 10) instead of 11."""
    e: Array = np.exp(z, order="C")
    flat = e.reshape(-1)
    k = starts(*z.shape) + t
    own = flat[k]
    flat[k] = 0
    others = e.dot(ones(z.shape[1], z.dtype))
    flat[k] = -others
    e /= (others + own)[:, None]
    others /= own
    return np.log1p(others, others), e


def class_numbers(who: str, labels: Any, shape: tuple[int, ...], axis: int) -> Array:
    """Labels as numpy.intp, their dtype, shape and range checked."""
    if type(labels) is not np.ndarray:
        labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise DTypeError(
            f"{who}: labels have dtype {labels.dtype}; class numbers are integers.\n"
            "  Write labels.astype(int); or, for one label for each class, softmax_cross_entropy_with_logits."
        )
    batch, classes = without(shape, axis), shape[axis]
    if labels.shape != batch:
        advice = ""
        if labels.shape == shape:
            advice = "\n  For one label for each class write softmax_cross_entropy_with_logits."
        elif labels.shape == (*batch, 1):
            advice = f"\n  Write labels[{':, ' * len(batch)}0]."
        raise ShapeError(
            f"{who}: labels have shape {labels.shape}, logits have shape {shape}.\n"
            f"  Labels must have the shape of the logits without the axis of the classes, {batch}.{advice}"
        )
    t: Array = labels if labels.dtype is INTP else labels.astype(np.intp)
    if t.size:
        # Read as unsigned, a negative number is a huge one; argmax and a look-up take 0.4 us, np.maximum.reduce 1.4.
        flat = t.ravel().view(np.uintp)
        worst = flat.argmax()
        if flat[worst] >= classes:
            i = [int(j) for j in np.unravel_index(worst, labels.shape)]
            there = f"classes 0 to {classes - 1}" if classes else "no classes"
            raise OutOfRangeError(
                f"{who}: the label at {i} is {labels[tuple(i)]}; logits of shape {shape} have {there}.\n"
                "  Write ignore_index= for a number that means no class."
            )
    return t


INTP = np.dtype(np.intp)


class OutOfRangeError(ArgumentError, IndexError):
    """A class number that there is no class for."""


def sparse_cross_entropy(labels: Any, logits: Any, *, class_axis: int, axis: Axes) -> tuple[Any, Array]:
    """Loss and excess for a class number for each sample; with ``axis=None`` the mean loss."""
    who = "sparse_softmax_cross_entropy_with_logits"
    z = logits if type(logits) is np.ndarray or answers_numpy(logits) else np.asarray(logits)
    if z.dtype.kind != "f":
        check_kind(who, "logits", z)
        z = z.astype(np.float64)
    class_axis = position(who, "logits", z, class_axis)
    t = class_numbers(who, labels, z.shape, class_axis)
    if not z.size:
        loss, excess = np.zeros(t.shape, z.dtype), z
    elif z.dtype.char == "e":
        wider = sparse_cross_entropy(t, z.astype(np.float32), class_axis=class_axis, axis=class_axis)
        loss, excess = (a.astype(z.dtype) for a in wider)
    else:
        rows = as_rows(z, class_axis)
        flat = t if t.ndim == 1 else t.reshape(-1)
        loss, excess = sparse_moderate(flat, rows) if moderate(rows) else guarded(sparse_rows, flat, rows)
        if z.ndim != 2:
            loss, excess = loss.reshape(t.shape), from_rows(excess, z.shape, class_axis)
        elif class_axis == 0:
            excess = excess.T
    return loss if axis is not None else mean(who, loss), excess
