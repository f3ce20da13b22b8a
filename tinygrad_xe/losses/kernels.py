"""NumPy kernels of the binary cross-entropies: each gives the loss and its derivative, from the same exponentials.

The derivative in the logits is called `excess`: p - y, in the simplest case. What is written here never takes the
difference of two nearly equal numbers where labels are 0 or 1, so that losses and gradients keep their relative
accuracy down to the smallest numbers; no exponent is large, so that nothing overflows. ``0 * inf`` is 0 where a label
is 0: the limit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dispatch import answers_numpy, check_kind
from ..errors import ArgumentError, ShapeError
from ..ops.rows import Array, class_axis, guarded, moderate, ones
from .operands import advice, refuse_outside
from .reduction import no_mean

#: Names of dtypes that are computed in float64 and rounded once: an element costs little more, and the loss has an
#: error of 1/2 ulp, where float32 has 70 when labels of both signs nearly cancel and 11 when the label's class is all
#: but certain.
NARROW = "ef"


def operands(who: str, name: str, labels: Any, values: Any) -> tuple[Array, Array]:
    """Labels and logits (or probabilities) of one shape and one floating dtype.

    Booleans and whole numbers take the dtype of the other; two floating dtypes give the wider one.
    """
    if type(labels) is not np.ndarray or type(values) is not np.ndarray:
        labels, values = alike(labels, values)
    if labels.shape != values.shape:
        why, write = advice(labels.shape, values.shape, name)
        if labels.shape == values.shape[:-1] and who.startswith("softmax"):
            write = "For class numbers write sparse_softmax_cross_entropy_with_logits."
        shapes = f"labels have shape {labels.shape}, {name} have shape {values.shape}"
        raise ShapeError(f"{who}: {shapes}.\n  {why}\n  {write}")
    if labels.dtype is values.dtype and labels.dtype.kind == "f":
        return labels, values
    check_kind(who, "labels", labels)
    check_kind(who, name, values)
    if values.dtype.kind != "f":
        values = values.astype(labels.dtype if labels.dtype.kind == "f" else np.float64)
    dtype = np.result_type(labels, values) if labels.dtype.kind == "f" else values.dtype
    return labels.astype(dtype, copy=False), values.astype(dtype, copy=False)


def alike(a: Any, b: Any) -> tuple[Any, Any]:
    """Two arrays of one kind: beside an array of another kind than NumPy's, one of NumPy's becomes such a one, exactly.

    A kernel writes results into what it was given, and computes with it before the two meet.
    """
    a, b = (x if answers_numpy(x) else np.asarray(x) for x in (a, b))
    if type(a) is np.ndarray is not type(b):
        return np.zeros_like(b, shape=a.shape) + a, b
    if type(b) is np.ndarray is not type(a):
        return a, np.zeros_like(a, shape=b.shape) + b
    return a, b


Axes = tuple[()] | int | None

#: As arrays of no axes, constants cost an operation 0.3 us; as Python's numbers 0.5 to 0.6.
ZERO, ONE = np.array(0.0), np.array(1.0)


def mean(who: str, loss: Array) -> Any:
    """The mean of all losses. Up to 4096 a dot product, 0.4 us, where np.add.reduce takes 1.3."""
    n = loss.size
    if n == 0:
        raise no_mean(who, loss.shape)
    if n > 4096 or loss.dtype.char == "e" or type(loss) is not np.ndarray:
        return loss.mean()
    return loss.reshape(-1).dot(ones(n, loss.dtype)) / n


# -- binary, on logits -------------------------------------------------------------------------------------------------
# h = 1 where z >= 0, else 0;  e = exp(-|z|);  r = h - sigma(z) = +-e / (1 + e), with the sign of z:
#   loss       = z (h - y) + log1p(e)
#   d loss/d z = (h - y) - r
# For y in {0, 1}, h - y is 0 or +-1, exactly: neither line cancels, and both share it.


def sigmoid_rows(y: Array, z: Array, infinite: bool) -> tuple[Array, Array]:
    """The formulas above."""
    z = z + ZERO  # -0.0 becomes 0.0: heaviside and copysign must agree on its side
    e: Array = np.abs(z)
    np.negative(e, e)
    np.exp(e, e)
    d: Array = np.heaviside(z, ONE)
    d -= y
    r = e + ONE
    np.divide(e, r, r)
    np.copysign(r, z, r)
    if infinite:
        z[(d == 0) & np.isinf(z)] = 0
    z *= d
    z += np.log1p(e, e)
    d -= r
    return z, d


def sigmoid_cross_entropy(labels: Any, logits: Any, axis: Axes = ()) -> tuple[Any, Array]:
    """Loss and excess, elementwise; with ``axis=None`` the mean loss."""
    who = "sigmoid_cross_entropy_with_logits"
    y, z = operands(who, "logits", labels, logits)
    if not z.ndim or z.dtype.char in NARROW:
        loss, excess = finished(guarded(sigmoid_rows, *widened(y, z)), z)
    elif moderate(z):
        loss, excess = sigmoid_rows(y, z, False)
    else:
        loss, excess = guarded(sigmoid_rows, y, z)
    return loss if axis is not None else mean(who, loss), excess


def widened(*arrays: Array) -> tuple[Array, ...]:
    """At least one axis, and float64 for narrower dtypes."""
    return wide(*(np.atleast_1d(a) for a in arrays))


def wide(*arrays: Array) -> tuple[Array, ...]:
    """float64 for narrower dtypes."""
    return tuple([a.astype(np.float64) if a.dtype.char in NARROW else a for a in arrays])


def finished(results: tuple[Array, Array], like: Array) -> tuple[Array, Array]:
    """The inverse of `widened`."""
    with np.errstate(all="ignore"):  # a loss may overflow, or underflow, float32
        loss, excess = (a.astype(like.dtype, copy=False).reshape(like.shape) for a in results)
    return loss, excess


# pos_weight q:  b = 1 - y where z >= 0, else -q y;  c = 1 - y + q y:
#   loss = z b + c log1p(e),   d loss/d z = b - c r


def weighted_rows(y: Array, z: Array, q: Any, infinite: bool) -> tuple[Array, Array]:
    """The formulas above."""
    z = z + 0.0
    e = np.abs(z)
    np.negative(e, e)
    np.exp(e, e)
    r = 1 + e
    np.divide(e, r, r)
    np.copysign(r, z, r)
    a = 1 - y
    c = q * y
    b = np.where(z >= 0, a, -c)
    c += a
    r *= c
    if infinite:
        z[(b == 0) & np.isinf(z)] = 0
    z *= b
    np.log1p(e, e)
    e *= c
    z += e
    b -= r
    return z, b


def weighted_cross_entropy(labels: Any, logits: Any, pos_weight: Any) -> tuple[Array, Array]:
    """Loss and excess, elementwise; `pos_weight` is broadcast to the logits."""
    who = "weighted_cross_entropy_with_logits"
    y, z = operands(who, "logits", labels, logits)
    q = pos_weight
    if not answers_numpy(q):
        q = np.asarray(pos_weight, np.float64 if z.dtype.char in NARROW else z.dtype)
    if type(q) is not type(z):
        q, z = alike(q, z)
        y, z = alike(y, z)
    try:
        fits = np.broadcast_shapes(q.shape, z.shape) == z.shape
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"{who}: pos_weight has shape {q.shape}, logits have shape {z.shape}.\n"
            "  It must be one number, or broadcast to the shape of the logits: one for each class, shape (classes,)."
        )
    if not (q >= 0).all():
        raise ArgumentError(f"{who}: pos_weight is {pos_weight}; it is 0 or more, a factor of positive labels' loss.")
    return finished(guarded(weighted_rows, *widened(y, z), q), z)


def label_slope_at(z: Array, q: Any, infinite: bool) -> Array:
    """``q softplus(-z) - softplus(z)``, without the cancellation for large |z|."""
    a = np.where(z >= 0, -1, -q).astype(z.dtype, copy=False)
    linear = (np.where((a == 0) & np.isinf(z), 0, z) if infinite else z) * a
    return linear + (q - 1) * np.log1p(np.exp(-np.abs(z)))  # type: ignore[no-any-return]


# -- on probabilities --------------------------------------------------------------------------------------------------


def binary_cross_entropy(labels: Any, probs: Any) -> tuple[Array, Array]:
    """Loss, and slope = (p - y) / (p (1 - p)), in which a hard label cancels the factor that can be 0."""
    y, p = operands("binary_cross_entropy", "probs", labels, probs)
    refuse_outside("binary_cross_entropy", p, "sigmoid_cross_entropy_with_logits")
    with np.errstate(all="ignore"):
        y0, y1 = y == 0, y == 1
        loss = -y * np.log(np.where(y0, 1, p)) - (1 - y) * np.log1p(-np.where(y1, 0, p))
        slope = np.where(y0, 1, np.where(y1, -1, p - y)) / (np.where(y0, 1, p) * np.where(y1, 1, 1 - p))
    return loss, slope


def cross_entropy(labels: Any, probs: Any, *, axis: int) -> tuple[Array, Array]:
    """Loss, and slope = -y / p, 0 where both are 0."""
    y, p = operands("cross_entropy", "probs", labels, probs)
    axis = class_axis("cross_entropy", "probs", p, axis)
    refuse_outside("cross_entropy", p, "softmax_cross_entropy_with_logits")
    with np.errstate(all="ignore"):
        safe = np.where((y == 0) & (p == 0), 1, p)
        return np.add.reduce(-y * np.log(safe), axis), 0 - y / safe  # 0 and not -0 where y is 0
