"""Schedules of the learning rate in closed form, under PyTorch's names."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ArgumentError
from .optimizer import Optimizer
from .schedule import Schedule, rising
from .settings import count, number


class ConstantLR(Schedule):
    """The learning rate times `factor` for `total_iters` steps, and then itself.

    Parameters
    ----------
    optimizer : Optimizer
    factor : float
        From 0 to 1.
    total_iters : int

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> optimizer = xe.optim.SGD([xe.tensor(0.0, requires_grad=True)], lr=1.0)
    >>> schedule = xe.optim.ConstantLR(optimizer, factor=0.5, total_iters=2)
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates.append(optimizer.lr)
    ...     schedule.step()  # after optimizer.step()
    >>> rates
    [0.5, 0.5, 1.0, 1.0]
    """

    settings = ("factor", "total_iters")

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5) -> None:
        self._take({"factor": factor, "total_iters": total_iters})
        super().__init__(optimizer)

    def _take(self, settings: Mapping[str, Any]) -> None:
        self.factor = fraction("ConstantLR", "factor", settings["factor"])
        self.total_iters = count("ConstantLR", "total_iters", settings["total_iters"], least=1)

    def rate(self, steps: int, initial: float, group: int = 0) -> float:
        """The learning rate after `steps` steps."""
        return initial * self.factor if steps < self.total_iters else initial


class LinearLR(Schedule):
    r"""A straight line, for warming up: the factor goes from `start_factor` to `end_factor` in `total_iters` steps.

    .. math:: \eta_t = \eta \left(s + (e - s) \frac{\min(t, T)}{T}\right)

    Parameters
    ----------
    optimizer : Optimizer
    start_factor : float
        Above 0, up to 1.
    end_factor : float
        From 0 to 1.
    total_iters : int

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> optimizer = xe.optim.SGD([xe.tensor(0.0, requires_grad=True)], lr=1.0)
    >>> schedule = xe.optim.LinearLR(optimizer, start_factor=0.25, total_iters=3)
    >>> rates = []
    >>> for batch in range(5):
    ...     rates.append(optimizer.lr)
    ...     schedule.step()  # after optimizer.step()
    >>> rates
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    settings = ("start_factor", "end_factor", "total_iters")

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        self._take({"start_factor": start_factor, "end_factor": end_factor, "total_iters": total_iters})
        super().__init__(optimizer)

    def _take(self, settings: Mapping[str, Any]) -> None:
        self.start_factor = fraction("LinearLR", "start_factor", settings["start_factor"], above=True)
        self.end_factor = fraction("LinearLR", "end_factor", settings["end_factor"])
        self.total_iters = count("LinearLR", "total_iters", settings["total_iters"], least=1)

    def rate(self, steps: int, initial: float, group: int = 0) -> float:
        """The learning rate after `steps` steps."""
        done = min(steps, self.total_iters) / self.total_iters
        return initial * (self.start_factor + (self.end_factor - self.start_factor) * done)


class StepLR(Schedule):
    """The learning rate times `gamma` after every `step_size` steps."""

    settings = ("step_size", "gamma")

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self._take({"step_size": step_size, "gamma": gamma})
        super().__init__(optimizer)

    def _take(self, settings: Mapping[str, Any]) -> None:
        self.step_size = count("StepLR", "step_size", settings["step_size"], least=1)
        self.gamma = number("StepLR", "gamma", settings["gamma"])

    def rate(self, steps: int, initial: float, group: int = 0) -> float:
        """The learning rate after `steps` steps."""
        return initial * self.gamma ** (steps // self.step_size)  # type: ignore[no-any-return]


class MultiStepLR(Schedule):
    """The learning rate times `gamma` at each of the `milestones`, numbers of steps in rising order."""

    settings = ("milestones", "gamma")

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        self._take({"milestones": milestones, "gamma": gamma})
        super().__init__(optimizer)

    def _take(self, settings: Mapping[str, Any]) -> None:
        self.milestones = rising("MultiStepLR", settings["milestones"])
        self.gamma = number("MultiStepLR", "gamma", settings["gamma"])

    def rate(self, steps: int, initial: float, group: int = 0) -> float:
        """The learning rate after `steps` steps."""
        return initial * self.gamma ** bisect_right(self.milestones, steps)  # type: ignore[no-any-return]


class ExponentialLR(Schedule):
    """The learning rate times `gamma` after each step."""

    settings = ("gamma",)

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self._take({"gamma": gamma})
        super().__init__(optimizer)

    def _take(self, settings: Mapping[str, Any]) -> None:
        self.gamma = number("ExponentialLR", "gamma", settings["gamma"])

    def rate(self, steps: int, initial: float, group: int = 0) -> float:
        """The learning rate after `steps` steps."""
        return initial * self.gamma**steps  # type: ignore[no-any-return]


class CosineAnnealingLR(Schedule):
    r"""Half a cosine from the learning rate down to `eta_min` in `T_max` steps; after these it rises again.

    .. math:: \eta_t = \eta_{\min} + (\eta - \eta_{\min}) \frac{1 + \cos(\pi t / T_{\max})}{2}

    Parameters
    ----------
    optimizer : Optimizer
    T_max : int
    eta_min : float

    Notes
    -----
    Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts, ICLR 2017,
    https://arxiv.org/abs/1608.03983, equation 5, without restarts.
    """

    settings = ("T_max", "eta_min")

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self._take({"T_max": T_max, "eta_min": eta_min})
        super().__init__(optimizer)

    def _take(self, settings: Mapping[str, Any]) -> None:
        self.T_max = count("CosineAnnealingLR", "T_max", settings["T_max"], least=1)
        self.eta_min = number("CosineAnnealingLR", "eta_min", settings["eta_min"])

    def rate(self, steps: int, initial: float, group: int = 0) -> float:
        """The learning rate after `steps` steps."""
        share = (1 + math.cos(math.pi * steps / self.T_max)) / 2
        return self.eta_min + (initial - self.eta_min) * share  # type: ignore[no-any-return]


def fraction(owner: str, name: str, value: Any, above: bool = False) -> float:
    """A number from 0 to 1, both included; without 0 by `above`."""
    value = number(owner, name, value, above=above)
    if value > 1:
        raise ArgumentError(f"{owner}: {name} is {value!r}; expected at most 1.")
    return value  # type: ignore[no-any-return]
