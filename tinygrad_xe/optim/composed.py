"""Schedules that are composed: of functions of the user, or of other schedules in sequence."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import ArgumentError, DTypeError
from .optimizer import Optimizer
from .schedule import Schedule, rising
from .settings import number, shown


class LambdaLR(Schedule):
    """The learning rate times what a function of the number of steps returns; one function, or one for each group.

    The functions are not saved. One function is that of groups that are added later, too.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> optimizer = xe.optim.SGD([xe.tensor(0.0, requires_grad=True)], lr=1.0)
    >>> schedule = xe.optim.LambdaLR(optimizer, lambda steps: 1 / (1 + steps))
    >>> schedule.step()  # after optimizer.step()
    >>> optimizer.lr
    0.5
    """

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]]
    ) -> None:
        groups = len(getattr(optimizer, "param_groups", ()))
        self.shared = not isinstance(lr_lambda, list | tuple)
        self.functions: list[Any] = [lr_lambda] if self.shared else list(lr_lambda)  # type: ignore[arg-type]
        if not self.shared and len(self.functions) != groups:
            raise ArgumentError(f"LambdaLR: got {len(self.functions)} functions; the optimizer has {groups} groups.")
        if not all(map(callable, self.functions)):
            raise DTypeError(f"LambdaLR: lr_lambda is {shown(lr_lambda)}; expected a function of the number of steps.")
        super().__init__(optimizer)

    def rate(self, steps: int, initial: float, group: int = 0) -> float:
        """The learning rate after `steps` steps."""
        if not self.shared and group >= len(self.functions):
            raise ArgumentError(
                f"LambdaLR: got {len(self.functions)} functions, the optimizer now has "
                f"{len(self.optimizer.param_groups)} groups. Write one function for all, or a new schedule."
            )
        function = self.functions[0 if self.shared else group]
        factor: float = number("LambdaLR", f"the factor after {steps} steps", function(steps))
        return initial * factor


class SequentialLR(Schedule):
    """Schedules one after the other: the next begins, from its own first step, at each of the `milestones`.

    Parameters
    ----------
    optimizer : Optimizer
    schedulers : sequence of Schedule
        Of the same optimizer.
    milestones : sequence of int
        One fewer than the schedules, in rising order.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> optimizer = xe.optim.SGD([xe.tensor(0.0, requires_grad=True)], lr=1.0)
    >>> warm_up = xe.optim.LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> decay = xe.optim.ExponentialLR(optimizer, gamma=0.1)
    >>> schedule = xe.optim.SequentialLR(optimizer, [warm_up, decay], milestones=[2])
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates.append(optimizer.lr)
    ...     schedule.step()  # after optimizer.step()
    >>> rates
    [0.5, 0.75, 1.0, 0.1]
    """

    settings = ("milestones",)

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[Schedule], milestones: Sequence[int]) -> None:
        self.schedulers = list(schedulers)
        for i, part in enumerate(self.schedulers):
            if not isinstance(part, Schedule) or type(part).rate is Schedule.rate:
                raise DTypeError(
                    f"SequentialLR: schedule {i} is a {type(part).__name__}; expected one that follows from the number "
                    "of steps."
                )
            if part.optimizer is not optimizer:
                raise ArgumentError(f"SequentialLR: schedule {i} belongs to another optimizer.")
        self._take({"milestones": milestones})
        super().__init__(optimizer)

    def _take(self, settings: Mapping[str, Any]) -> None:
        self.milestones = rising("SequentialLR", settings["milestones"])
        parts = getattr(self, "schedulers", None)
        if parts is not None and len(self.milestones) != len(parts) - 1:
            raise ArgumentError(
                f"SequentialLR: got {len(parts)} schedules and {len(self.milestones)} milestones; "
                "there must be one milestone fewer."
            )

    def _start(self, group: Mapping[str, Any]) -> float:
        """The rate before the parts were made, each of which has set its own."""
        return group.get("initial_lr", group["lr"])  # type: ignore[no-any-return]

    def rate(self, steps: int, initial: float, group: int = 0) -> float:
        """The learning rate after `steps` steps."""
        i = bisect_right(self.milestones, steps)
        return self.schedulers[i].rate(steps - (self.milestones[i - 1] if i else 0), initial, group)

    def state_dict(self) -> dict[str, Any]:
        """The position and the settings, also of the parts."""
        return super().state_dict() | {"schedulers": [part.state_dict() for part in self.schedulers]}

    def _read(self, state: Mapping[str, Any]) -> dict[str, Any]:
        parts = state.get("schedulers") if isinstance(state, Mapping) else None
        own = super()._read({k: v for k, v in state.items() if k != "schedulers"} if parts is not None else state)
        expected = len(self.schedulers)
        if not isinstance(parts, list | tuple) or len(parts) != expected or len(own["milestones"]) != expected - 1:
            raise ArgumentError(f"load_state_dict of SequentialLR: expected the states of {expected} schedules.")
        return own | {"parts": [part._read(own_state) for part, own_state in zip(self.schedulers, parts)]}

    def _load(self, found: dict[str, Any]) -> None:
        for part, own in zip(self.schedulers, found.pop("parts")):
            part._load(own)
        super()._load(found)
