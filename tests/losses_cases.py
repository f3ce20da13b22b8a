"""The lines of the table for the operations inside the losses."""

from __future__ import annotations

from typing import Any

import numpy as np
from cases import POSITIVE, REAL, Case, Domain, each, elements

from tinygrad_xe.losses import divergence, regression, rules, terms

PROBS = Domain(0.2, 0.8, far=(1e-3, 0.5, 0.999))
LABELS = Domain(0.05, 0.95, far=(0.25, 1.0))
SURPRISALS = Domain(0.05, 4, far=(1e-3, 40.0, 300.0))
OVER_CLASSES = ({"class_axis": -1, "axis": -1}, {"class_axis": 1, "axis": 1}, {"class_axis": 1, "axis": None})
SHAPES = ((2, 4, 3), (2, 4, 3))


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def softmax(z: Any, axis: int) -> Any:
    return np.exp(z) / np.exp(z).sum(axis, keepdims=True)


def dense(y: Any, z: Any, class_axis: int, axis: Any) -> Any:
    """The cross-entropies of the samples, or with ``axis=None`` their mean."""
    losses = -np.sum(y * np.log(softmax(z, class_axis)), class_axis)
    return losses.mean() if axis is None else losses


def numbers(shape: tuple[int, ...], axis: int) -> Any:
    """A class number for each sample."""
    rest = np.delete(shape, axis)
    return (np.arange(rest.prod()) * 2 % shape[axis]).reshape(rest)


def one_hot(shape: tuple[int, ...], axis: int) -> Any:
    """The same as ones and zeros."""
    return np.moveaxis(np.eye(shape[axis])[numbers(shape, axis)], -1, axis)


def constant(z: Any) -> Any:
    """Soft labels of the shape and dtype of `z`."""
    return (0.2 + np.arange(z.size) % 5 / 8).reshape(z.shape).astype(z.dtype)


# fmt: off
LOSSES = [
    elements(terms.surprisal.function,    PROBS, call=terms.surprisal, reference=lambda p: -np.log(p)),
    elements(terms.log_odds.function,     PROBS, call=terms.log_odds, reference=lambda p: np.log((1 - p) / p)),
    elements(terms.labelled.function,     REAL, REAL, call=terms.labelled, reference=lambda y, x: y * x),
    elements(terms.information.function,  SURPRISALS, call=terms.information, reference=lambda n: n * np.exp(-n)),
    elements(terms.miss.function,         SURPRISALS, call=terms.miss, options=each(power=[0, 1, 2.5, -0.5]),
         reference=lambda n, power: (1 - np.exp(-n)) ** power),
    elements(terms.bernoulli_function.function, SURPRISALS, call=terms.bernoulli_function,
         reference=lambda n: n / np.expm1(n)),
    elements(terms.focal.function,        SURPRISALS, call=terms.focal, options=each(gamma=[0, 0.5, 2]),
         reference=lambda n, gamma: (1 - np.exp(-n)) ** gamma * n),
    elements(rules.sigmoid_excess.function, LABELS, REAL, call=rules.sigmoid_excess,
         reference=lambda y, z: sigmoid(z) - y),
    Case(rules.sigmoid_cross_entropy.function, (LABELS, REAL), options=({}, {"axis": None}), empty=False,
         call=rules.sigmoid_cross_entropy,
         reference=lambda y, z, axis=(): np.mean(np.log1p(np.exp(z)) - y * z, axis)),
    elements(rules.label_slope.function,  REAL, POSITIVE, call=rules.label_slope,
         reference=lambda z, w: w * np.log1p(np.exp(-z)) - np.log1p(np.exp(z))),
    elements(rules.weighted_excess.function, LABELS, REAL, POSITIVE, call=rules.weighted_excess,
         reference=lambda y, z, w: (1 - y) * sigmoid(z) - w * y * sigmoid(-z)),
    elements(rules.weighted_cross_entropy.function, LABELS, REAL, POSITIVE, call=rules.weighted_cross_entropy,
         reference=lambda y, z, w: (1 - y) * np.log1p(np.exp(z)) + w * y * np.log1p(np.exp(-z))),
    elements(rules.binary_slope.function, LABELS, PROBS, call=rules.binary_slope,
         reference=lambda y, p: (1 - y) / (1 - p) - y / p),
    elements(rules.binary_cross_entropy.function, LABELS, PROBS, call=rules.binary_cross_entropy,
         reference=lambda y, p: -y * np.log(p) - (1 - y) * np.log(1 - p)),
    Case(rules.softmax_excess.function, (LABELS, REAL), SHAPES, each(class_axis=[-1, 1]), call=rules.softmax_excess,
         reference=lambda y, z, class_axis: y.sum(class_axis, keepdims=True) * softmax(z, class_axis) - y),
    Case(rules.softmax_cross_entropy_v2.function, (LABELS, REAL), SHAPES, OVER_CLASSES,
         call=rules.softmax_cross_entropy_v2, reference=dense, empty=False),
    Case(rules.softmax_cross_entropy.function, (REAL,), SHAPES[:1], OVER_CLASSES, empty=False,
         call=lambda z, **options: rules.softmax_cross_entropy(constant(z), z, **options),
         reference=lambda z, **options: dense(constant(z), z, **options)),
    Case(rules.sparse_excess.function, (REAL,), SHAPES[:1], each(class_axis=[-1, 1]), empty=False,
         call=lambda z, class_axis: rules.sparse_excess(numbers(z.shape, class_axis), z, class_axis=class_axis),
         reference=lambda z, class_axis: softmax(z, class_axis) - one_hot(z.shape, class_axis)),
    Case(rules.sparse_cross_entropy.function, (REAL,), SHAPES[:1], OVER_CLASSES, empty=False,
         call=lambda z, class_axis, axis:
            rules.sparse_cross_entropy(numbers(z.shape, class_axis), z, class_axis=class_axis, axis=axis),
         reference=lambda z, class_axis, axis: dense(one_hot(z.shape, class_axis), z, class_axis, axis)),
    Case(rules.prob_slope.function, (LABELS, PROBS), SHAPES, each(axis=[-1, 1]), call=rules.prob_slope,
         reference=lambda y, p, axis: -y / p),
    Case(rules.cross_entropy.function, (LABELS, PROBS), SHAPES, each(axis=[-1, 1]), call=rules.cross_entropy,
         reference=lambda y, p, axis: -np.sum(y * np.log(p), axis)),
    Case(divergence.kl_on_probs.function, (LABELS, PROBS), SHAPES, each(axis=[-1, 1]), call=divergence.kl_on_probs,
         reference=lambda y, p, axis: np.sum(y * np.log(y / p), axis)),
    Case(divergence.kl_on_logits.function, (LABELS, REAL), SHAPES, each(axis=[-1, 1]), call=divergence.kl_on_logits,
         reference=lambda y, z, axis: np.sum(y * np.log(y / softmax(z, axis)), axis), empty=False),
    Case(divergence.entropy_on_logits.function, (REAL,), SHAPES[:1], each(axis=[-1, 1]),
         call=divergence.entropy_on_logits,
         reference=lambda z, axis: -np.sum(softmax(z, axis) * np.log(softmax(z, axis)), axis), empty=False),
    Case(divergence.entropy_on_probs.function, (PROBS,), SHAPES[:1], each(axis=[-1, 1]),
         call=divergence.entropy_on_probs,
         reference=lambda p, axis: -np.sum(p * np.log(p), axis)),
    elements(divergence.binary_entropy_on_logits.function, REAL, call=divergence.binary_entropy_on_logits,
         reference=lambda z: -sigmoid(z) * np.log(sigmoid(z)) - sigmoid(-z) * np.log(sigmoid(-z))),
    elements(divergence.binary_entropy_on_probs.function, PROBS, call=divergence.binary_entropy_on_probs,
         reference=lambda p: -p * np.log(p) - (1 - p) * np.log(1 - p)),
    elements(regression.huber_of.function, REAL, call=regression.huber_of, options=each(delta=[1.01, 1e9]),
         reference=lambda d, delta: np.where(np.abs(d) < delta, 0.5 * d * d, delta * np.abs(d) - 0.5 * delta**2)),
]
# fmt: on
