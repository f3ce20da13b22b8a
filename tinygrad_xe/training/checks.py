"""What `fit` refuses before it begins, and the sentences that say what to write instead."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, DTypeError, OptimizerWarning, ShapeError
from ..nn.module import Module
from ..optim.lbfgs import LBFGS
from ..optim.plateau import ReduceLROnPlateau
from ..tensor import Tensor
from .callback import Callback

#: For a loss by keywords, the module that calls it with (output, target).
MODULES = {
    "sparse_softmax_cross_entropy_with_logits": "xe.nn.CrossEntropyLoss()",
    "softmax_cross_entropy_with_logits": "xe.nn.CrossEntropyLoss()",
    "softmax_cross_entropy_with_logits_v2": "xe.nn.CrossEntropyLoss()",
    "sigmoid_cross_entropy_with_logits": "xe.nn.BCEWithLogitsLoss()",
    "mse": "xe.nn.MSELoss()",
    "mae": "xe.nn.L1Loss()",
    "huber": "xe.nn.HuberLoss()",
}


def check_model(model: Any) -> None:
    """A model is called, and has parameters."""
    if isinstance(model, type):
        raise DTypeError(f"fit: model is the class {model.__name__}. Write {model.__name__}(...).")
    if not callable(model) or not hasattr(model, "parameters"):
        raise DTypeError(
            f"fit: model is a {type(model).__name__}; expected a xe.nn.Module, or an object that can be called and has "
            "parameters().\n  Write the loop yourself for plain functions; the documentation of fit shows it."
        )
    parameters = list(model.parameters())
    if not parameters:
        raise ArgumentError(
            f"fit: the model, a {type(model).__name__}, has no parameters: there is nothing to train.\n"
            "  Store Tensors with requires_grad=True in its attributes: self.w = xe.tensor(..., requires_grad=True)."
        )
    if not any(parameter.requires_grad for parameter in parameters):
        raise ArgumentError("fit: all parameters are frozen. Write model.requires_grad_(True).")


def check_optimizer(model: Any, optimizer: Any) -> None:
    """An optimizer is an object that holds parameters of this very model."""
    if isinstance(optimizer, type):
        name = optimizer.__name__
        raise DTypeError(f"fit: optimizer is the class {name}. Write optimizer={name}(model.parameters(), lr=0.01).")
    if not all(hasattr(optimizer, name) for name in ("step", "zero_grad", "param_groups")):
        raise DTypeError(
            f"fit: optimizer is {optimizer!r:.60}, a {type(optimizer).__name__}; expected an optimizer of xe.optim.\n"
            "  Write optimizer=xe.optim.Adam(model.parameters(), lr=0.001)."
        )
    if isinstance(optimizer, LBFGS):
        raise DTypeError(
            "fit: LBFGS computes the loss several times in a step, which fit does once.\n"
            "  Write the loop yourself: for x, target in loader: optimizer.step(closure)."
        )
    own = {id(parameter) for parameter in model.parameters()}
    held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if own.isdisjoint(map(id, held)):
        raise ArgumentError(
            f"fit: the optimizer holds {len(held)} parameters, none of which is the model's: the model would stay as "
            "it is.\n  It was made for another model, or before this one was made anew or loaded. Write "
            f"optimizer={type(optimizer).__name__}(model.parameters(), ...) after the model."
        )


def warn_of_left_out(left_out: Sequence[tuple[str, Tensor]], optimizer: Any) -> None:
    """Warn of parameters that want a gradient and that the optimizer does not hold."""
    if left_out:
        names = [repr(name) for name, _ in left_out]
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        warnings.warn(
            f"fit: {type(optimizer).__name__} does not hold {shown}: they stay as they are.\n"
            "  Write requires_grad_(False) for a part of the model that is to stay, or make the optimizer of all "
            "parameters.",
            OptimizerWarning, stacklevel=3,
        )  # fmt: skip


def check_loss(loss: Any) -> None:
    """A loss is a function of output and target."""
    if isinstance(loss, type):
        raise DTypeError(f"fit: loss is the class {loss.__name__}. Write loss={loss.__name__}().")
    if not callable(loss):
        raise DTypeError(
            f"fit: loss is {loss!r:.60}, a {type(loss).__name__}; expected a function of output and target.\n"
            "  Write loss=xe.nn.CrossEntropyLoss(), or loss=lambda output, target: ((output - target) ** 2).mean()."
        )
    try:
        called = type(loss).forward if isinstance(loss, Module) else loss
        parameters = inspect.signature(called).parameters.values()
    except (ValueError, TypeError):
        return
    required = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if not required:
        return
    name = getattr(loss, "__name__", type(loss).__name__)
    written = f"xe.losses.{name}" if str(getattr(loss, "__module__", "")).startswith("tinygrad_xe.losses") else name
    words = [f"{word}={'target' if word in ('labels', 'target', 'targets') else 'output'}" for word in required]
    if any(p.name == "reduction" for p in parameters):
        words.append('reduction="mean"')
    module = f"loss={MODULES[name]}, or " if name in MODULES else ""
    raise DTypeError(
        f"fit: {written} takes {', '.join(f'{word}=' for word in required)} by keyword; fit calls "
        "loss(output, target).\n"
        f"  Write {module}loss=lambda output, target: {written}({', '.join(words)})."
    )


def check_loss_value(loss: Any, value: Any) -> None:
    """Say what is wrong with what a loss returned, which is no Tensor of shape ()."""
    who = f"fit: the loss, {getattr(loss, '__name__', type(loss).__name__)},"
    if isinstance(value, Tensor):
        raise ShapeError(
            f"{who} returned shape {value.shape}; expected a single number.\n"
            '  Write reduction="mean", or loss=lambda output, target: loss(output, target).mean().'
        )
    raise DTypeError(
        f"{who} returned a {type(value).__name__}; expected a Tensor, computed from the model's output.\n"
        "  .data, .item() and .numpy() leave the graph: write it without them."
    )


def check_rest(
    *, epochs: Any, metrics: Any, schedule: Any, schedule_every: Any, clip_norm: Any, patience: Any, callbacks: Any,
    record: Any, checkpoint: Any, checkpoint_every: Any, resume: Any, optimizer: Any,
) -> str:  # fmt: skip
    """Check numbers and words; tell when the schedule is called: "step", "epoch", or with the "loss" of an epoch."""
    whole = {"epochs": epochs, "patience": patience, "record": record}
    whole |= {} if checkpoint_every == "epoch" else {"checkpoint_every": checkpoint_every}
    for name, value in whole.items():
        if value is None and name != "epochs":
            continue
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            unit = " of steps" if name in ("record", "checkpoint_every") else ""
            also = ', or "epoch"' if name == "checkpoint_every" else ""
            raise ArgumentError(f"fit: {name} is {value!r}; expected a whole number{unit}, 1 or more{also}.")
    real = isinstance(clip_norm, int | float | np.integer | np.floating)
    if clip_norm is not None and not (real and clip_norm > 0):
        raise ArgumentError(f"fit: clip_norm is {clip_norm!r}; expected a number above 0.")
    if metrics is not None and (not isinstance(metrics, Mapping) or not all(map(callable, metrics.values()))):
        raise DTypeError('fit: metrics must be a dict of functions: metrics={"accuracy": xe.metrics.accuracy}.')
    if metrics and "loss" in metrics:
        raise ArgumentError('fit: a metric can\'t be called "loss".')
    if not isinstance(callbacks, Sequence) or any(not isinstance(callback, Callback) for callback in callbacks):
        raise DTypeError(
            f"fit: callbacks is {callbacks!r:.60}; expected a list of xe.training.Callback objects.\n"
            "  Write a class with def on_epoch(self, run): ..., and callbacks=[ThatClass()]."
        )
    if checkpoint is not None and not os.fspath(checkpoint):
        raise ArgumentError('fit: checkpoint is ""; expected the name of a folder. Write "." for the current one.')
    if resume and checkpoint is None:
        raise ArgumentError('fit: resume=True needs the folder to go on from: checkpoint="folder".')
    kept = schedule is not None and (record is not None or checkpoint is not None)
    if kept and not (hasattr(schedule, "state_dict") and hasattr(schedule, "load_state_dict")):
        raise DTypeError(
            f"fit: checkpoint= and record= need a schedule with state_dict() and load_state_dict(); this "
            f"{type(schedule).__name__} lacks them."
        )
    return _check_schedule(schedule, schedule_every, optimizer)


def _check_schedule(schedule: Any, every: Any, optimizer: Any) -> str:
    if every not in ("epoch", "step"):
        raise ArgumentError(f'fit: schedule_every is {every!r}; expected "epoch" or "step".')
    if schedule is None:
        return ""
    if isinstance(schedule, type) or not hasattr(schedule, "step"):
        raise DTypeError("fit: schedule must be one of xe.optim: schedule=xe.optim.StepLR(optimizer, step_size=10).")
    if getattr(schedule, "optimizer", optimizer) is not optimizer:
        name = type(schedule).__name__
        raise ArgumentError(
            f"fit: the schedule, a {name}, belongs to another optimizer, whose learning rate it would change.\n"
            f"  Write schedule={name}(optimizer, ...), of the optimizer that fit is given."
        )
    needed = [p for p in inspect.signature(schedule.step).parameters.values() if p.default is p.empty]
    positional = [p for p in needed if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if positional or isinstance(schedule, ReduceLROnPlateau):
        if every == "step":
            raise ArgumentError(
                f"fit: {type(schedule).__name__} looks at the validation loss, which is known after an epoch.\n"
                '  Leave out schedule_every="step".'
            )
        return "loss"
    return str(every)
