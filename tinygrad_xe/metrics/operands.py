"""What a metric is given, checked and flattened: class numbers, scores of the classes, probabilities and weights."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from ..dispatch import plain
from ..errors import ArgumentError, DTypeError, ShapeError
from ..tensor import Tensor

Array = np.ndarray[Any, np.dtype[Any]]

#: Up to so many classes are inferred from the largest class number; a larger one is most likely no class number.
INFERRED = 10_000

#: How far from 1 the probabilities of a sample may sum; more by rounding, in float16 or with many classes.
TOLERANCE = 1e-6


class Judged(NamedTuple):
    """Class numbers side by side: what is right, and what the classifier said."""

    truth: Array  # (n,), int64
    said: Array  # (n,), int64
    weight: Array | None  # (n,), float64
    classes: int


def array(who: str, name: str, value: Any) -> Array:
    """An array or Tensor of numbers or booleans as a plain array.

    Raises
    ------
    DTypeError
        For text, objects, complex numbers and None.
    """
    found = np.asarray(value.data if isinstance(value, Tensor) else plain(who, name, value))
    if found.dtype.kind not in "fiub":
        raise DTypeError(f"{who}: {name} holds {found.dtype}; expected real numbers.")
    return found


def judged(
    who: str, output: Any, target: Any, classes: int | None, sample_weight: Any, ignore_index: int | None
) -> Judged:
    """The class numbers in `target`, and those in `output` or its largest score's, flattened.

    Raises
    ------
    ShapeError, DTypeError, ArgumentError
        When the two do not fit, or are not class numbers, or NaN, or nothing is left.
    """
    said, truth, weight = beside(who, output, target, sample_weight, ignore_index)
    if said.ndim == 2:
        count = columns(who, said, classes)
        said = said.argmax(axis=1)
    else:
        said = class_numbers(who, "output", said)
        count = max(int(said.max()), int(truth.max())) + 1 if classes is None else classes
        in_range(who, "output", said, count)
    in_range(who, "target", truth, count)
    return Judged(truth, said, weight, count)


def beside(
    who: str, output: Any, target: Any, sample_weight: Any, ignore_index: int | None
) -> tuple[Array, Array, Array | None]:
    """Output, shape (n,) or (n, classes), target, shape (n,), and weights, (n,) or None, without what is ignored."""
    said, truth = array(who, "output", output), array(who, "target", target)
    scores = said.ndim == truth.ndim + 1 and said.shape[:-1] == truth.shape
    if not scores and said.shape != truth.shape:
        write = ""
        if truth.shape == (*said.shape, 1) or truth.shape == (*said.shape[:-1], 1):
            write = f"\n  Write target[{':, ' * (truth.ndim - 1)}0]."
        elif truth.shape[:-1] == said.shape and truth.ndim:
            write = (
                f"\n  Write {who}(output, target) if the two are swapped, target.argmax(axis=-1) if target is one-hot."
            )
        raise ShapeError(
            f"{who}: output has shape {said.shape}, target {truth.shape}.\n"
            f"  Expected class numbers of the shape of target, or a score for each class, {truth.shape} and one more "
            f"axis, the last.{write}"
        )
    if scores and said.shape[-1] == 1:
        column = f"output[{':, ' * truth.ndim}0]"
        raise ShapeError(
            f"{who}: output has shape {said.shape}, one score for each sample; which class it stands for is not said.\n"
            f"  Write {column} > 0 for logits of class 1, {column} > 0.5 for probabilities, {column} for class numbers."
        )
    if not truth.size:
        raise ShapeError(f"{who}: there are no samples; output has shape {said.shape}.")
    if not scores and said.dtype.kind == "f":
        one_hot = " If target is one-hot, write target.argmax(axis=-1)." if truth.ndim > 1 else ""
        raise DTypeError(
            f"{who}: output is {said.dtype} of the shape of target, {said.shape}; expected class numbers, which are "
            "integers or booleans.\n"
            "  Write output > 0 for logits of class 1, output > 0.5 for probabilities, output.astype(int) for class "
            f"numbers.{one_hot}"
        )
    weight = None if sample_weight is None else weights(who, sample_weight, truth.shape)
    said = said.reshape(-1, said.shape[-1]) if scores else said.reshape(-1)
    truth = truth.reshape(-1)
    if ignore_index is not None:
        kept = truth != whole(who, "ignore_index", ignore_index)
        said, truth, weight = said[kept], truth[kept], None if weight is None else weight[kept]
        if not len(truth):
            raise ArgumentError(f"{who}: target is ignore_index, {ignore_index}, throughout; no sample is left.")
    refuse_no_weight(who, weight)
    if said.dtype.kind == "f":
        refuse_nan(who, "output", said)
    return said, class_numbers(who, "target", truth), weight


def class_numbers(who: str, name: str, values: Array) -> Array:
    """`values` as int64, if they are whole numbers from 0.

    Raises
    ------
    DTypeError, ArgumentError
        When they are not.
    """
    if values.dtype.kind == "f":
        wrong = values != np.floor(np.where(np.isfinite(values), values, -0.5))
        if wrong.any():
            raise DTypeError(
                f"{who}: {name} holds {values[wrong][0]}{shown(wrong)}; expected class numbers, which are "
                "whole.\n  Write roc_auc or log_loss for probabilities."
            )
    negative = values < 0
    if negative.any():
        hint = f" Write ignore_index={int(values[negative][0])} if it marks what does not count." * (name == "target")
        raise ArgumentError(
            f"{who}: {name} holds {values[negative][0]}{shown(negative)}; class numbers begin at 0.{hint}"
        )
    if values.size and values.max() > np.iinfo(np.int64).max // 2:
        raise ArgumentError(f"{who}: {name} holds {values.max()}, which is too large for a class number.")
    return values.astype(np.int64)


def columns(who: str, scores: Array, classes: int | None) -> int:
    """The number of classes that there are scores of."""
    count = int(scores.shape[1])
    if classes is not None and classes != count:
        raise ShapeError(f"{who}: output has scores of {count} classes, but classes is {classes}.")
    return count


def refuse_unlikely(who: str, count: int, classes: int | None) -> None:
    """Raise for very many classes that were not asked for, but read off the largest class number."""
    if classes is None and count > INFERRED:
        raise ArgumentError(
            f"{who}: the largest class number is {count - 1:,}, so there would be {count:,} classes.\n"
            f"  Write classes={count} if that is meant."
        )


def in_range(who: str, name: str, numbers: Array, count: int) -> None:
    """Raise unless all `numbers` are below `count`."""
    wrong = numbers >= count
    if wrong.any():
        raise ArgumentError(
            f"{who}: {name} holds class {numbers[wrong][0]}{shown(wrong)}; there are {count} classes, 0 to {count - 1}."
        )


def whole(who: str, name: str, value: Any, low: int | None = None) -> int:
    """An option that is a whole number, from `low` on."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise DTypeError(f"{who}: {name} is {value!r}; expected a whole number.") from None
    if low is not None and number < low:
        raise ArgumentError(f"{who}: {name} is {number}; expected {low} or more.")
    return number


def weights(who: str, sample_weight: Any, shape: tuple[int, ...]) -> Array:
    """Finite weights, not negative, one for each sample, flattened."""
    weight = array(who, "sample_weight", sample_weight).astype(np.float64)
    if weight.shape != shape:
        raise ShapeError(f"{who}: sample_weight has shape {weight.shape}; expected that of target, {shape}.")
    weight = weight.reshape(-1)
    wrong = ~((weight >= 0) & (weight < np.inf))
    if wrong.any():
        raise ArgumentError(
            f"{who}: sample_weight holds {weight[wrong][0]}{shown(wrong)}; expected finite numbers, 0 or more."
        )
    return weight


def shown(wrong: Array) -> str:
    """In how many samples something is."""
    return f" in {int(wrong.sum()):,} of {len(wrong):,} samples"


def refuse_no_weight(who: str, weight: Array | None) -> None:
    """Raise when all weights are 0."""
    if weight is not None and not weight.any():
        raise ArgumentError(f"{who}: every sample_weight is 0; no sample is left.")


def refuse_nan(who: str, name: str, values: Array) -> None:
    """Raise for the first sample with a NaN."""
    wrong: Array = np.isnan(values.reshape(len(values), -1)).max(axis=1)
    if wrong.any():
        raise ArgumentError(
            f"{who}: {name} holds NaN{shown(wrong)}.\n"
            "  Write with xe.detect_nonfinite(): around the model to find where it comes from."
        )


def probabilities(who: str, p: Array, instead: str) -> None:
    """Raise unless `p` lie in [0, 1], and each row of several classes sums to 1."""
    wrong = (p < 0) | (p > 1)
    if wrong.any():
        raise ArgumentError(f"{who}: output holds {p[wrong][0]:.6g}; probabilities lie in [0, 1].\n  {instead}")
    if p.ndim == 2:
        total = p.sum(axis=1, dtype=np.float64)
        tolerance = max(TOLERANCE, 8 * p.shape[1] * float(np.finfo(p.dtype).eps)) if p.dtype.kind == "f" else 0
        off = np.abs(total - 1) > tolerance
        if off.any():
            raise ArgumentError(
                f"{who}: the probabilities of a sample sum to {total[off][0]:.6g}, not to 1,{shown(off)}.\n  {instead}"
            )
