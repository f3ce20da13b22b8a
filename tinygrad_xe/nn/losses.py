"""Losses as modules, called as ``loss(output, target)``; the functions are in `tinygrad_xe.losses`."""

from __future__ import annotations

from typing import Any

from .. import losses
from ..errors import ArgumentError, DTypeError, ShapeError
from ..losses.reduction import Reduction
from .checks import SMALLEST, number, title
from .loss_checks import Loss, constant, factors, refuse_no_labels, refuse_not_one_hot


class CrossEntropyLoss(Loss):
    """Cross-entropy of the softmax of logits, for class numbers or for probabilities of the classes.

    Parameters
    ----------
    weight : array_like, optional
        Shape (C,), 0 or more: a factor for each class, which counts in the divisor of the mean too.
    ignore_index : int, optional
        A class number that means "no class": loss and gradient 0, left out of the mean. None: no number is special.
        PyTorch's default is -100.
    label_smoothing : float
        In [0, 1]: the share of each label that is spread evenly over the classes.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ShapeError
        When called with shapes that do not go together, or with a single class.
    DTypeError
        When called with class numbers that are not integers.
    ArgumentError
        When called with a class number that is no class, or with integers in the shape of probabilities whose rows are
        not one-hot; for an argument out of its range.

    Notes
    -----
    The logits are ``output``, shape (..., C): the classes are on the last axis, where PyTorch has them on axis 1. That
    is the same for (N, C); for more axes write ``np.moveaxis(output, 1, -1)``. Where shapes are told apart by nothing,
    as (N, C, C) and (N, C), the classes are on the last axis too. The target is either class numbers, integers of shape
    (...), or probabilities of shape (..., C), into which gradients flow too; integers of this shape are taken if each
    row is one-hot. See `tinygrad_xe.losses.sparse_softmax_cross_entropy_with_logits` and
    `tinygrad_xe.losses.softmax_cross_entropy_with_logits_v2` for the equations. With class weights and probabilities
    the mean divides by the sum of the weights, where PyTorch divides by the number of samples. With class weights and
    `label_smoothing` together, as in PyTorch, the smoothed share of each label is weighted by class too, which favours
    classes of a large weight.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> logits = xe.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    >>> loss = xe.nn.CrossEntropyLoss()(logits, np.array([0, 2]))
    >>> round(loss.item(), 6)
    0.669079
    >>> loss.backward()
    >>> logits.grad
    array([[-0.10650698,  0.05325349,  0.05325349],
           [ 0.16666667,  0.16666667, -0.33333333]])
    """

    def __init__(
        self, weight: Any = None, *, ignore_index: int | None = None, label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
    ) -> None:  # fmt: skip
        self._reduce_by(reduction)
        self.register_buffer("weight", weight)
        if self.weight is not None:
            if self.weight.ndim != 1:
                raise ShapeError(f"CrossEntropyLoss: weight has shape {self.weight.shape}; expected (classes,).")
            factors(self, "weight")
        self.label_smoothing = number("CrossEntropyLoss", "label_smoothing", label_smoothing, "a share, 0 to 1", 0, 1)
        if ignore_index is not None and (isinstance(ignore_index, bool) or not hasattr(ignore_index, "__index__")):
            raise DTypeError(f"CrossEntropyLoss: ignore_index is {ignore_index!r}; expected the integer of no class.")
        self.ignore_index = ignore_index

    def forward(self, output: Any, target: Any) -> Any:
        """The loss, of shape (), or of shape (...) without reduction."""
        output, target = self._operands(output, target)
        if not output.shape:
            raise ShapeError(f"{title(self)}: the output is a single number; expected logits of shape (..., classes).")
        if output.shape[-1] == 1:
            raise ShapeError(
                f"{title(self)}: the output has shape {output.shape}, a single class, whose loss is 0 for any logit.\n"
                "  For two classes and one logit write BCEWithLogitsLoss()."
            )
        if output.shape == target.shape:
            if self.ignore_index is not None:
                raise ArgumentError(
                    f"{title(self)}: ignore_index belongs to class numbers; the target has shape {target.shape}, that "
                    "of the output, and so holds probabilities.\n  Leave ignore_index out."
                )
            if target.dtype.kind != "f":
                refuse_not_one_hot(self, target)
            self._check_weight(output.shape)
            return self._computed(
                losses.softmax_cross_entropy_with_logits_v2, labels=target, logits=output,
                label_smoothing=self.label_smoothing, class_weight=constant(self.weight),
            )  # fmt: skip
        if output.shape[:-1] != target.shape:
            raise self._mismatch(output.shape, target.shape)
        if target.dtype.kind not in "iu":
            raise DTypeError(
                f"{title(self)}: the target has shape {target.shape} and dtype {target.dtype}; class numbers are "
                "integers.\n  Write target.astype(int)."
            )
        self._check_weight(output.shape)
        return self._computed(
            losses.sparse_softmax_cross_entropy_with_logits, labels=target, logits=output,
            label_smoothing=self.label_smoothing, class_weight=constant(self.weight), ignore_index=self.ignore_index,
        )  # fmt: skip

    def _check_weight(self, output: tuple[int, ...]) -> None:
        if self.weight is not None and self.weight.shape != output[-1:]:
            raise ShapeError(
                f"{title(self)}: weight has shape {self.weight.shape}; the output has shape {output}, {output[-1]} "
                f"classes.\n  There is one weight for each class: shape ({output[-1]},)."
            )

    def _mismatch(self, output: tuple[int, ...], target: tuple[int, ...]) -> ShapeError:
        said = (
            f"{title(self)}: the output has shape {output}, the target {target}.\n  The classes are on the last axis "
            f"of the output, {output[-1]} of them; class numbers have shape {output[:-1]}, probabilities {output}."
        )
        if output[:1] + output[2:] == target:
            said += "\n  Write np.moveaxis(output, 1, -1) if the classes are on axis 1, as in PyTorch."
        elif target == (*output[:-1], 1):
            said += f"\n  Write target[{':, ' * (len(target) - 1)}0]."
        elif target[:-1] == output:
            said += f"\n  They look swapped: write {title(self)}(output, target)."
        return ShapeError(said)

    def extra_repr(self) -> str:
        """What is not the default."""
        said = [] if self.ignore_index is None else [f"ignore_index={self.ignore_index}"]
        said += [f"label_smoothing={self.label_smoothing}"] if self.label_smoothing else []
        return ", ".join([*said, super().extra_repr()] if super().extra_repr() else said)


class BCEWithLogitsLoss(Loss):
    """Binary cross-entropy of logits, for labels from 0 to 1.

    Parameters
    ----------
    pos_weight : float or array_like, optional
        A factor of the positive labels' loss, 0 or more; one number, or one for each class on the last axis.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ShapeError
        When called with shapes that differ, even if they broadcast.
    ArgumentError
        When called with integers other than 0 and 1; for a `pos_weight` that is negative or not finite.

    Notes
    -----
    See `tinygrad_xe.losses.sigmoid_cross_entropy_with_logits` and
    `tinygrad_xe.losses.weighted_cross_entropy_with_logits` for the equations.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> logits = xe.tensor([0.0, 2.0], requires_grad=True)
    >>> loss = xe.nn.BCEWithLogitsLoss()(logits, np.array([1.0, 0.0]))
    >>> round(loss.item(), 6)
    1.410038
    >>> loss.backward()
    >>> logits.grad
    array([-0.25      ,  0.44039854])
    """

    def __init__(self, *, pos_weight: Any = None, reduction: Reduction = "mean") -> None:
        self._reduce_by(reduction)
        self.register_buffer("pos_weight", pos_weight)
        if pos_weight is not None:
            factors(self, "pos_weight")

    def forward(self, output: Any, target: Any) -> Any:
        """The loss, of shape (), or of the shape of the output without reduction."""
        output, target = self._pair(output, target)
        if target.dtype.kind in "iu":
            refuse_no_labels(self, target)
        if self.pos_weight is None:
            return self._computed(losses.sigmoid_cross_entropy_with_logits, labels=target, logits=output)
        pos_weight = constant(self.pos_weight)
        return self._computed(
            losses.weighted_cross_entropy_with_logits, labels=target, logits=output, pos_weight=pos_weight
        )


class MSELoss(Loss):
    """Squared error, see `tinygrad_xe.losses.mse`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ShapeError
        When called with shapes that differ, even if they broadcast.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.nn.MSELoss()(np.array([1.0, 4.0]), np.array([0.0, 1.0]))
    np.float64(5.0)
    """

    def __init__(self, *, reduction: Reduction = "mean") -> None:
        self._reduce_by(reduction)

    def forward(self, output: Any, target: Any) -> Any:
        """The loss, of shape (), or of the shape of the output without reduction."""
        output, target = self._pair(output, target)
        return self._computed(losses.mse, labels=target, predictions=output)


class L1Loss(Loss):
    """Absolute error, see `tinygrad_xe.losses.mae`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ShapeError
        When called with shapes that differ, even if they broadcast.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.nn.L1Loss()(np.array([1.0, 4.0]), np.array([0.0, 1.0]))
    np.float64(2.0)
    """

    def __init__(self, *, reduction: Reduction = "mean") -> None:
        self._reduce_by(reduction)

    def forward(self, output: Any, target: Any) -> Any:
        """The loss, of shape (), or of the shape of the output without reduction."""
        output, target = self._pair(output, target)
        return self._computed(losses.mae, labels=target, predictions=output)


class HuberLoss(Loss):
    """Half the squared error up to `delta`, a line from there on, see `tinygrad_xe.losses.huber`.

    Parameters
    ----------
    delta : float
        Where the line begins; above 0.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ShapeError
        When called with shapes that differ, even if they broadcast.
    ArgumentError
        When `delta` is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.nn.HuberLoss(delta=2.0)(np.array([1.0, 4.0]), np.array([0.0, 1.0]))
    np.float64(2.25)
    """

    def __init__(self, *, delta: float = 1.0, reduction: Reduction = "mean") -> None:
        self._reduce_by(reduction)
        self.delta = number(
            "HuberLoss", "delta", delta, "a number above 0. Write L1Loss() for the limit at 0", SMALLEST
        )

    def forward(self, output: Any, target: Any) -> Any:
        """The loss, of shape (), or of the shape of the output without reduction."""
        output, target = self._pair(output, target)
        return self._computed(losses.huber, labels=target, predictions=output, delta=self.delta)

    def extra_repr(self) -> str:
        """``delta=1.0``."""
        rest = super().extra_repr()
        return f"delta={self.delta}" + (f", {rest}" if rest else "")
