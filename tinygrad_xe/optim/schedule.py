"""Schedule: the base of all schedules of the learning rate, its state, and the milestones that some have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from ..errors import ArgumentError, DTypeError
from .optimizer import Optimizer
from .settings import count, number, shown

#: Below, a rate is taken not to depend on its start: the start could overflow.
LEAST_SLOPE = 1e-150


class Schedule:
    """Base of the schedules: write `rate`, the learning rate after a number of steps.

    A schedule is stepped after the optimizer, once an epoch or once a batch.

    Attributes
    ----------
    optimizer : Optimizer
    steps : int
        How many steps were taken.
    settings : tuple of str
        The attributes that are saved.

    Notes
    -----
    The learning rate of a group follows from the number of steps and from the rate that the group had when the schedule
    was made, its start. Where a learning rate is not what the schedule has set last, since somebody has edited it or
    another schedule has changed it, the schedule goes on from there: it takes the start that would have led to this
    rate. So schedules of one optimizer multiply, as in PyTorch, whatever their order. Where no start leads there, since
    the rate was 0 times anything, the schedule adds what its own rate changes by.

    `SequentialLR` is what has one schedule after another. It begins at ``group["initial_lr"]``, the rate that the group
    had when the first schedule of the optimizer was made.
    """

    settings: tuple[str, ...] = ()

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise DTypeError(f"{type(self).__name__}: got {shown(optimizer)}; expected an optimizer.")
        self.optimizer, self.steps = optimizer, 0
        self._known: list[tuple[float, float]] = []  # of each group: the start, and the rate after these steps
        self._set(0)

    def rate(self, steps: int, initial: float, group: int = 0) -> float:
        """The learning rate of a group after `steps` steps from `initial`: a multiple of it, or that and a constant."""
        raise DTypeError(f"{type(self).__name__} has no rate(steps, initial, group). Write it in the class.")

    def _set(self, steps: int) -> None:
        """Go to a number of steps: compute all learning rates first, then set them."""
        groups = self.optimizer.param_groups
        found = [self._next(steps, i, group) for i, group in enumerate(groups)]
        for group, (_, _, lr) in zip(groups, found):
            group.setdefault("initial_lr", group["lr"])
            group["lr"] = lr
        self.steps, self._known = steps, [(start, rate) for start, rate, _ in found]

    def _next(self, steps: int, i: int, group: Mapping[str, Any]) -> tuple[float, float, float]:
        """The start of a group, its rate by it after `steps` steps, and the learning rate to set: mostly that rate."""
        if i >= len(self._known):
            start = self._start(group)
            rate = self._rate(steps, start, i)
            return start, rate, rate
        (start, before), lr = self._known[i], group["lr"]
        if lr == before:
            rate = self._rate(steps, start, i)
            return start, rate, rate
        constant = self.rate(self.steps, 0.0, i)
        slope = self.rate(self.steps, 1.0, i) - constant
        if abs(slope) < LEAST_SLOPE:
            rate = self._rate(steps, start, i)
            return start, rate, max(0.0, lr + rate - before)
        start = (lr - constant) / slope
        rate = self._rate(steps, start, i)
        return start, rate, rate

    def _rate(self, steps: int, start: float, i: int) -> float:
        """The rate; 0 where it is negative since the start is: a learning rate was edited to below the constant."""
        rate = self.rate(steps, start, i)
        return max(0.0, rate) if start < 0 else rate

    def _start(self, group: Mapping[str, Any]) -> float:
        """The rate of a group that the schedule begins with."""
        return group["lr"]  # type: ignore[no-any-return]

    def step(self) -> None:
        """Count a step and set the learning rates."""
        self._set(self.steps + 1)

    @property
    def last_lr(self) -> list[float]:
        """The learning rates of the groups."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The position, the settings, and the learning rates: strings, numbers, lists and dicts only."""
        own = {name: getattr(self, name) for name in self.settings}
        groups: list[dict[str, float]] = [{"lr": lr} for lr in self.last_lr]
        for group, (start, rate) in zip(groups, self._known):
            group.update(start=start, rate=rate)
        return {
            "schedule": type(self).__name__,
            "steps": self.steps,
            **{name: list(value) if isinstance(value, tuple) else value for name, value in own.items()},
            "groups": groups,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was, with its settings and learning rates.

        Raises
        ------
        ArgumentError
            When it is the state of another kind of schedule, or of an optimizer with more or fewer groups, or a setting
            is missing, unknown or out of range.
        """
        self._load(self._read(state))
        for group, own in zip(self.optimizer.param_groups, state["groups"]):
            group["lr"] = own["lr"]

    def _read(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The attributes in `state`, checked; nothing is changed."""
        owner = type(self).__name__
        who = f"load_state_dict of {owner}"
        if not isinstance(state, Mapping) or state.get("schedule") != owner:
            kind = state.get("schedule") if isinstance(state, Mapping) else state
            raise ArgumentError(f"{who}: got the state of {kind!r:.60}; expected one of {owner!r}.")
        names = {"schedule", "steps", "groups", *self.settings}
        if names != state.keys():
            differ = ", ".join(sorted(map(repr, names ^ state.keys())))
            raise ArgumentError(f"{who}: {differ} should be in both the state and the schedule.")
        trial = object.__new__(type(self))
        trial.optimizer = self.optimizer
        trial._take({name: state[name] for name in self.settings})
        known = read_groups(who, state["groups"], len(self.optimizer.param_groups))
        return vars(trial) | {"steps": count(who, "steps", state["steps"]), "_known": known}

    def _load(self, found: dict[str, Any]) -> None:
        vars(self).update(found)

    def _take(self, settings: Mapping[str, Any]) -> None:
        """Check settings and keep them."""
        vars(self).update(settings)

    def __repr__(self) -> str:
        own = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.settings)
        return f"{type(self).__name__}({own})  # {self.steps} steps, lr={self.optimizer.lr!r}"


def read_groups(who: str, given: Any, expected: int) -> list[tuple[float, float]]:
    """Check the saved learning rates of groups; of those that the schedule has set, the start and the rate."""
    if not isinstance(given, list | tuple) or len(given) != expected or not all(isinstance(g, Mapping) for g in given):
        raise ArgumentError(f"{who}: groups is {given!r:.60}; expected a dict for each of the {expected} groups.")
    known = []
    for i, group in enumerate(given):
        set_by_it = [name for name in ("start", "rate") if name in group]
        if {*group} - {"lr", *set_by_it} or "lr" not in group or len(set_by_it) == 1:
            names = ", ".join(map(repr, group))
            raise ArgumentError(f"{who}: groups[{i}] has {names or 'nothing'}; expected 'lr', 'start' and 'rate'.")
        number(who, f"lr of group {i}", group["lr"])
        if set_by_it:
            start, rate = (number(who, f"{k} of group {i}", group[k], least=-math.inf) for k in ("start", "rate"))
            known.append((start, rate))
    return known


def rising(owner: str, milestones: Any) -> list[int]:
    """Numbers of steps, each above the one before."""
    if not isinstance(milestones, list | tuple):
        raise DTypeError(f"{owner}: milestones is {shown(milestones)}; expected a list of whole numbers.")
    found = [count(owner, "a milestone", milestone) for milestone in milestones]
    if any(a >= b for a, b in pairwise(found)):
        raise ArgumentError(f"{owner}: milestones is {found}; expected rising numbers.")
    return found
