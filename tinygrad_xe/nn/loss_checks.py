"""What losses as modules share: the reduction, and the checks of output, target and class weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import losses
from ..dispatch import NUMBERS, bare, plain
from ..errors import ArgumentError, DTypeError, ShapeError
from ..losses.reduction import Reduction
from ..tensor import Tensor
from .checks import title
from .module import Module


class Loss(Module):
    """What the losses share: the reduction, and the checks of output and target."""

    reduction: Reduction

    def _reduce_by(self, reduction: Reduction) -> None:
        if reduction not in ("none", "sum", "mean"):
            raise ArgumentError(
                f"{type(self).__name__}: reduction is {reduction!r}; it can be 'none', 'sum' or 'mean'."
            )
        self.reduction = reduction

    def _operands(self, output: Any, target: Any) -> tuple[Any, Any]:
        return operand(self, "output", output), operand(self, "target", target)

    def _pair(self, output: Any, target: Any) -> tuple[Any, Any]:
        """Output and target of one shape."""
        output, target = self._operands(output, target)
        if output.shape != target.shape:
            raise mismatch(self, output.shape, target.shape)
        return output, target

    def _computed(self, function: Callable[..., Any], **given: Any) -> Any:
        """What `function` returns; the errors in its name are raised in that of the loss, which the user wrote."""
        try:
            return function(reduction=self.reduction, **given)
        except (ArgumentError, DTypeError, ShapeError) as error:
            speaker, _, said = str(error).partition(": ")
            if not hasattr(losses, speaker):
                raise
            raise type(error)(f"{title(self)}: {said}") from None

    def extra_repr(self) -> str:
        """What is not the default."""
        return "" if self.reduction == "mean" else f"reduction={self.reduction!r}"


def operand(layer: Module, name: str, value: Any) -> Any:
    """`value` as a Tensor or an array."""
    if type(value) is Tensor:
        return value
    value = plain(title(layer), f"the {name}", value)
    return np.asarray(value) if type(value) in NUMBERS else value


def mismatch(layer: Module, output: tuple[int, ...], target: tuple[int, ...]) -> ShapeError:
    """The error for an output and a target of different shapes: both, why they must agree, and what to write."""
    said = f"{title(layer)}: the output has shape {output}, the target {target}.\n  They must have the same shape"
    try:
        said += f", since broadcasting would make a loss of shape {np.broadcast_shapes(output, target)}."
    except ValueError:
        said += "."
    for shorter, longer, short, long in ((target, output, "target", "output"), (output, target, "output", "target")):
        if longer == (*shorter, 1):
            axes = ":, " * len(shorter)
            return ShapeError(f"{said}\n  Write {long}[{axes}0], or {short}[{axes}None].")
    return ShapeError(said)


def refuse_not_one_hot(layer: Module, target: Any) -> None:
    """Raise for whole numbers in the shape of probabilities, (..., C), unless each row has a single 1 and else 0."""
    values = bare(target).astype(np.int64)
    wrong = (values.min(-1) < 0) | (values.max(-1) > 1) | (values.sum(-1) != 1)
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        where = f"the row at {list(first)}" if first else "it"
        raise ArgumentError(
            f"{title(layer)}: the target has dtype {target.dtype} and the shape of the output, {target.shape}.\n"
            f"  Its rows must then be one-hot; {where} is {short(values[first])}. Class numbers have shape "
            f"{target.shape[:-1]}.\n  Write target / target.sum(-1, keepdims=True) for counts, "
            "or BCEWithLogitsLoss() if a sample may have several classes."
        )


def refuse_no_labels(layer: Module, target: Any) -> None:
    """Raise for whole numbers other than 0 and 1 as labels of two classes."""
    values = bare(target)
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if low >= 0 and high <= 1:
        return
    if low == -1 and high <= 1 and not (values == 0).any():
        advice = "Write (target + 1) / 2 for labels of -1 and 1."
    else:
        advice = "Write CrossEntropyLoss() for class numbers, with one logit for each class."
    raise ArgumentError(
        f"{title(layer)}: the target has dtype {target.dtype} and holds {low if low < 0 else high}; labels are 0 and 1,"
        f" or floats between.\n  {advice}"
    )


def factors(loss: Module, name: str) -> None:
    """Check a buffer of factors, such as class weights, when the loss is made: finite, 0 or more."""
    values = np.asarray(bare(getattr(loss, name)))
    wrong = ~((values >= 0) & (values < np.inf))
    if wrong.any():
        raise ArgumentError(
            f"{type(loss).__name__}: {name} holds {values[wrong][0]}; expected finite numbers, 0 or more."
        )


def constant(held: Tensor | None) -> Any:
    """A buffer as an array, so that plain arrays give a plain loss; as it is, if a gradient flows into it."""
    return held if held is None or held.node is not None else held._data


def short(row: Any) -> str:
    """A row of numbers as text, a long one cut."""
    shown = ", ".join(map(str, row[:8].tolist()))
    return f"[{shown}{', ...' if len(row) > 8 else ''}]"
