"""The cross-entropies as operations: a kernel, and one gradient rule for each input.

A kernel's second result, `excess`, is the derivative of the loss in the logits, so the rule there is one
multiplication. It is the output of an operation of its own, whose rules only derivatives of higher order call.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import Op, differentiable, op
from ..ops.rows import guarded
from ..ops.special import log_softmax, sigmoid, softmax, softplus
from . import class_kernels, kernels
from .terms import log_odds, surprisal


def part(g: Any, count: int, axis: Any) -> Any:
    """The cotangent of each loss, given that of the result: its n-th part where the result is the mean (axis None)."""
    return g / count if axis is None else g


def second(kernel: Any, name: str) -> Any:
    """The function that computes the second result of a kernel."""

    def function(*args: Any, **options: Any) -> Any:
        if "class_axis" in options:
            options["axis"] = options["class_axis"]  # the losses of the samples, not their mean
        return kernel(*args, **options)[1]

    function.__name__, function.__doc__ = name, f"The derivative that {kernel.__name__} gives beside the loss."
    return function


def residual(kernel: Any, name: str, signature: str, formula: Any, **rules: Any) -> Op:
    """The second result of a kernel as an operation.

    A picture of a recorded backward pass shows `name`, an explanation `formula`: the same values, but for rounding.
    """
    made = op(second(kernel, name), signature, **rules)
    made.formula = formula
    return made


# -- binary
# --------------------------------------------------------------------------------------------------------------

sigmoid_excess = residual(
    kernels.sigmoid_cross_entropy, "sigmoid_cross_entropy_excess", "labels, logits", elementwise=True,
    formula=lambda labels, logits: sigmoid(logits) - labels,
    labels=lambda g: -g,
    logits=lambda g, logits: g * sigmoid(logits) * sigmoid(-logits),
)  # fmt: skip
sigmoid_cross_entropy = op(
    kernels.sigmoid_cross_entropy, "labels, logits, axis=() -> out, excess", reduces="logits",
    residuals={"excess": (sigmoid_excess, "labels", "logits")},
    labels=lambda g, logits, *, axis: -part(g, logits.size, axis) * logits,
    logits=lambda g, excess, *, axis: part(g, excess.size, axis) * excess,
)  # fmt: skip


def _label_slope(logits: Any, pos_weight: Any) -> Any:
    z, q = kernels.alike(logits, pos_weight)
    return guarded(kernels.label_slope_at, z, q.astype(z.dtype, copy=False)).astype(z.dtype, copy=False)


label_slope = op(
    _label_slope, "logits, pos_weight", broadcasts=True, elementwise=True,
    logits=lambda g, logits, pos_weight: -g * (sigmoid(logits) + pos_weight * sigmoid(-logits)),
    pos_weight=lambda g, logits: g * softplus(-logits),
)  # fmt: skip
weighted_excess = residual(
    kernels.weighted_cross_entropy, "weighted_cross_entropy_excess", "labels, logits, pos_weight",
    broadcasts=True, elementwise=True,
    formula=lambda labels, logits, pos_weight:
        (1 - labels + pos_weight * labels) * sigmoid(logits) - pos_weight * labels,
    labels=lambda g, logits, pos_weight: -g * (sigmoid(logits) + pos_weight * sigmoid(-logits)),
    logits=lambda g, labels, logits, pos_weight:
        g * (1 - labels + pos_weight * labels) * sigmoid(logits) * sigmoid(-logits),
    pos_weight=lambda g, labels, logits: -g * labels * sigmoid(-logits),
)  # fmt: skip
weighted_cross_entropy = op(
    kernels.weighted_cross_entropy, "labels, logits, pos_weight -> out, excess", broadcasts=True, elementwise=True,
    residuals={"excess": (weighted_excess, "labels", "logits", "pos_weight")},
    labels=lambda g, logits, pos_weight: g * label_slope(logits, pos_weight),
    logits=lambda g, excess: g * excess,
    pos_weight=lambda g, labels, logits: g * labels * softplus(-logits),
)  # fmt: skip

binary_slope = residual(
    kernels.binary_cross_entropy, "binary_cross_entropy_slope", "labels, probs", elementwise=True,
    formula=lambda labels, probs: (probs - labels) / (probs * (1 - probs)),
    labels=lambda g, probs: -g / (probs * (1 - probs)),
    probs=lambda g, labels, probs: g * binary_curvature(labels, probs),
)  # fmt: skip
binary_cross_entropy = op(
    kernels.binary_cross_entropy, "labels, probs -> out, slope", elementwise=True,
    residuals={"slope": (binary_slope, "labels", "probs")},
    labels=lambda g, probs: g * log_odds(probs),
    probs=lambda g, slope: g * slope,
)  # fmt: skip


def binary_curvature(y: Any, p: Any) -> Any:
    """``y / p^2 + (1 - y) / (1 - p)^2``, where a term with the factor 0 is 0 (C1)."""
    positive = y / np.where(np.logical_and(y == 0, p == 0), 1, p) ** 2
    negative = (1 - y) / (1 - np.where(np.logical_and(y == 1, p == 1), 0, p)) ** 2
    return positive + negative


# -- multi-class
# ---------------------------------------------------------------------------------------------------------


def samples(logits: Any, class_axis: int) -> int:
    """How many samples there are; 1 where there is nothing at all to differentiate in."""
    return logits.size // logits.shape[class_axis] if logits.size else 1


def along_softmax(g: Any, p: Any, axis: int) -> Any:
    """The Jacobian of softmax times g: p (g - sum(g p)) (C4)."""
    return p * (g - np.sum(g * p, axis=axis, keepdims=True))


def class_numbers(logits: Any, class_axis: int) -> Any:
    """0, 1, ... along the axis of the classes, of length 1 along those after it."""
    count = logits.shape[class_axis]
    return np.arange(count).reshape((count,) + (1,) * (logits.ndim - 1 - class_axis % logits.ndim))


softmax_excess = residual(
    class_kernels.dense_cross_entropy, "softmax_cross_entropy_excess", "labels, logits, *, class_axis",
    formula=lambda labels, logits, *, class_axis:
        np.sum(labels, axis=class_axis, keepdims=True) * softmax(logits, class_axis) - labels,
    labels=lambda g, logits, *, class_axis: np.sum(g * softmax(logits, class_axis), axis=class_axis, keepdims=True) - g,
    logits=lambda g, labels, logits, *, class_axis:
        np.sum(labels, axis=class_axis, keepdims=True) * along_softmax(g, softmax(logits, class_axis), class_axis),
)  # fmt: skip


@differentiable(
    "labels, logits, *, class_axis, axis -> out, excess", kernel=class_kernels.dense_cross_entropy, reduces="logits",
    residuals={"excess": (softmax_excess, "labels", "logits")},
    labels=lambda g, logits, *, class_axis, axis:
        -part(g, samples(logits, class_axis), axis) * log_softmax(logits, class_axis),
    logits=lambda g, excess, *, class_axis, axis: part(g, samples(excess, class_axis), axis) * excess,
)  # fmt: skip
def softmax_cross_entropy_v2(labels: Any, logits: Any, *, class_axis: int, axis: kernels.Axes) -> Any:
    """Loss and excess for one label for each class; with ``axis=None`` the mean loss."""
    return class_kernels.dense_cross_entropy(labels, logits, class_axis=class_axis, axis=axis)


@differentiable(
    "labels, logits, *, class_axis, axis -> out, excess", kernel=class_kernels.dense_cross_entropy, reduces="logits",
    residuals={"excess": (softmax_excess, "labels", "logits")},
    labels=None,
    logits=lambda g, excess, *, class_axis, axis: part(g, samples(excess, class_axis), axis) * excess,
)  # fmt: skip
def softmax_cross_entropy(labels: Any, logits: Any, *, class_axis: int, axis: kernels.Axes) -> Any:
    """The same with constant labels."""
    return class_kernels.dense_cross_entropy(labels, logits, class_axis=class_axis, axis=axis)



sparse_excess = residual(
    class_kernels.sparse_cross_entropy, "sparse_softmax_cross_entropy_excess", "labels, logits, *, class_axis",
    formula=lambda labels, logits, *, class_axis:
        softmax(logits, class_axis) - (np.expand_dims(labels, class_axis) == class_numbers(logits, class_axis)),
    labels=None,
    logits=lambda g, logits, *, class_axis: along_softmax(g, softmax(logits, class_axis), class_axis),
)  # fmt: skip
sparse_cross_entropy = op(
    class_kernels.sparse_cross_entropy, "labels, logits, *, class_axis, axis -> out, excess", reduces="logits",
    residuals={"excess": (sparse_excess, "labels", "logits")},
    labels=None,
    logits=lambda g, excess, *, class_axis, axis: part(g, samples(excess, class_axis), axis) * excess,
)  # fmt: skip

prob_slope = residual(
    kernels.cross_entropy, "cross_entropy_slope", "labels, probs, *, axis",
    formula=lambda labels, probs, *, axis: -labels / probs,
    labels=lambda g, probs: -g / probs,
    probs=lambda g, labels, probs: g * labels / np.where(np.logical_and(labels == 0, probs == 0), 1, probs) ** 2,
)  # fmt: skip
cross_entropy = op(
    kernels.cross_entropy, "labels, probs, *, axis -> out, slope", reduces="probs",
    residuals={"slope": (prob_slope, "labels", "probs")},
    labels=lambda g, probs: g * surprisal(probs),
    probs=lambda g, slope: g * slope,
)  # fmt: skip
