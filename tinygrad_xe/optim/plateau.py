"""ReduceLROnPlateau: a learning rate that falls when a metric no longer gets better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..errors import ArgumentError, DTypeError
from ..tensor import Tensor
from .optimizer import Optimizer
from .schedule import Schedule
from .settings import count, number, shown, word


class ReduceLROnPlateau(Schedule):
    """The learning rate times `factor` when a metric has not become better for more than `patience` steps.

    Parameters
    ----------
    optimizer : Optimizer
    mode : {"min", "max"}
        Whether a smaller metric is better, or a larger one.
    factor : float
        Below 1.
    patience : int
        How many steps without improvement are let pass.
    threshold : float
        By how much a metric must be better than the best one to count.
    threshold_mode : {"rel", "abs"}
        Whether `threshold` is a share of the best metric, or a difference from it.
    cooldown : int
        How many steps after a reduction are not counted.
    min_lr : float or list of float
        The least learning rate, of all groups or of each.
    eps : float
        A reduction by no more than this is left out.

    Raises
    ------
    ArgumentError
        When a setting is out of range.

    Notes
    -----
    A metric that is NaN is not better. With another schedule of the same optimizer, such as a warm-up by `LinearLR`, a
    reduction stays: the other goes on from the reduced learning rate (see `Schedule`).

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> optimizer = xe.optim.SGD([xe.tensor(0.0, requires_grad=True)], lr=1.0)
    >>> schedule = xe.optim.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     schedule.step(loss)
    >>> optimizer.lr
    0.5
    """

    settings = (
        "mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "min_lr", "eps",
        "best", "bad_steps", "cooling",
    )  # fmt: skip

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        self.optimizer = optimizer
        self._take({
            "mode": mode, "factor": factor, "patience": patience, "threshold": threshold,
            "threshold_mode": threshold_mode, "cooldown": cooldown, "min_lr": min_lr, "eps": eps,
            "best": None, "bad_steps": 0, "cooling": 0,
        })  # fmt: skip
        super().__init__(optimizer)

    def _take(self, settings: Mapping[str, Any]) -> None:
        owner = "ReduceLROnPlateau"
        self.mode = word(owner, "mode", settings["mode"], ("min", "max"))
        self.factor = number(owner, "factor", settings["factor"], below=1.0)
        self.patience = count(owner, "patience", settings["patience"])
        self.threshold = number(owner, "threshold", settings["threshold"])
        self.threshold_mode = word(owner, "threshold_mode", settings["threshold_mode"], ("rel", "abs"))
        self.cooldown = count(owner, "cooldown", settings["cooldown"])
        self.eps = number(owner, "eps", settings["eps"])
        least, groups = settings["min_lr"], len(getattr(self.optimizer, "param_groups", ()))
        if isinstance(least, list | tuple):
            self.min_lr: Any = [number(owner, f"min_lr[{i}]", value) for i, value in enumerate(least)]
            if len(least) != groups:
                raise ArgumentError(f"{owner}: min_lr has {len(least)} numbers; the optimizer has {groups} groups.")
        else:
            self.min_lr = number(owner, "min_lr", least)
        best = settings["best"]  # None until a first metric, since JSON has no infinities
        self.best = None if best is None else number(owner, "best", best, least=-math.inf)
        self.bad_steps = count(owner, "bad_steps", settings["bad_steps"])
        self.cooling = count(owner, "cooling", settings["cooling"])

    def _set(self, steps: int) -> None:
        """The learning rates are what they are."""

    def step(self, metric: Any = None) -> None:
        """Count a step, after which the metric was `metric`: a number, or a Tensor of one."""
        if isinstance(metric, Tensor):
            metric = metric.item()
        try:
            if metric is None or isinstance(metric, str):
                raise TypeError
            current = float(metric)
        except TypeError:
            raise DTypeError(
                f"ReduceLROnPlateau.step: got {shown(metric)}; expected the metric. Write schedule.step(loss)."
            ) from None
        least = self._least()
        self.steps += 1
        if self._is_better(current):
            self.best, self.bad_steps = current, 0
        else:
            self.bad_steps += 1
        if self.cooling > 0:
            self.cooling -= 1
            self.bad_steps = 0
        if self.bad_steps > self.patience:
            self._reduce(least)
            self.cooling, self.bad_steps = self.cooldown, 0

    def _is_better(self, current: float) -> bool:
        if self.best is None:
            return current < math.inf if self.mode == "min" else current > -math.inf
        sign = -1 if self.mode == "min" else 1
        if self.threshold_mode == "rel":
            bound = self.best * (1 + sign * self.threshold)
        else:
            bound = self.best + sign * self.threshold
        return bool(current < bound if self.mode == "min" else current > bound)

    def _least(self) -> list[float]:
        """The least learning rate of each group."""
        groups = self.optimizer.param_groups
        least = self.min_lr if isinstance(self.min_lr, list) else [self.min_lr] * len(groups)
        if len(least) != len(groups):
            raise ArgumentError(
                f"ReduceLROnPlateau: min_lr has {len(least)} numbers, the optimizer now {len(groups)} groups. "
                "Write one number for all."
            )
        return least

    def _reduce(self, least: list[float]) -> None:
        for group, low in zip(self.optimizer.param_groups, least):
            lower = max(group["lr"] * self.factor, low)
            if group["lr"] - lower > self.eps:
                group["lr"] = lower
