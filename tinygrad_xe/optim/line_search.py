"""A line search for the strong Wolfe conditions, by cubic interpolation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

#: Sufficient decrease, and the share of the slope that may be left.
DECREASE, CURVATURE = 1e-4, 0.9


@dataclass(frozen=True)
class Trial:
    """A point on the line: how far, the loss there, its gradient, and the slope along the line."""

    t: Any
    loss: Any
    gradient: Array
    slope: Any


def strong_wolfe(
    evaluate: Callable[[Any], tuple[Any, Array]],
    start: Trial,
    direction: Array,
    t: Any,
    tolerance_change: float,
    max_evaluations: int,
) -> tuple[Trial, int]:
    """Find a point with ``loss <= f + 1e-4 t f'`` and ``abs(slope) <= 0.9 abs(f')``.

    Parameters
    ----------
    evaluate : callable
        From t to the loss and its gradient there.
    start : Trial
        The point t = 0, whose slope is negative.
    direction : ndarray
    t : float
        What to try first.
    tolerance_change : float
        The search ends when the bracket moves no parameter by more.
    max_evaluations : int

    Returns
    -------
    trial : Trial
        The best point found.
    evaluations : int

    Notes
    -----
    Nocedal and Wright, Numerical optimization, 2nd ed. 2006, algorithms 3.5 and 3.6, with the safeguards of PyTorch's
    ``_strong_wolfe`` (from minFunc). Where that would go on from a loss that is not finite, the bracket is halved.
    """

    def at(t: Any) -> Trial:
        loss, gradient = evaluate(t)
        return Trial(t, np.float64(loss), gradient, np.float64(gradient @ direction))

    def too_high(trial: Trial) -> bool:
        return bool(trial.loss > start.loss + DECREASE * trial.t * start.slope) or not np.isfinite(trial.loss)

    def flat_enough(trial: Trial) -> bool:
        return bool(abs(trial.slope) <= -CURVATURE * start.slope)

    # Widen until a point is flat enough, or two enclose one that is.
    before, here = start, at(t)
    steps, evaluations, done = 0, 1, False
    bracket = [start, here]
    while steps < max_evaluations:
        if too_high(here) or (steps > 1 and here.loss >= before.loss):
            bracket = [before, here]
            break
        if flat_enough(here):
            bracket, done = [here], True
            break
        if here.slope >= 0:
            bracket = [before, here]
            break
        t = cubic_minimum(before, here, here.t + 0.01 * (here.t - before.t), here.t * 10)
        before, here = here, at(t)
        steps, evaluations = steps + 1, evaluations + 1
    else:
        bracket = [start, here]

    # Narrow the bracket; `low` is its end with the smaller loss.
    stalled = False
    low, high = (0, 1) if len(bracket) == 1 or not bracket[0].loss > bracket[1].loss else (1, 0)
    if len(bracket) == 2 and not np.isfinite(bracket[1].loss):
        low, high = 0, 1
    while not done and steps < max_evaluations:
        ends = bracket[0].t, bracket[1].t
        if abs(ends[1] - ends[0]) * np.abs(direction).max() < tolerance_change:
            break
        t = cubic_minimum(bracket[0], bracket[1], min(ends), max(ends))
        margin = 0.1 * (max(ends) - min(ends))
        if min(max(ends) - t, t - min(ends)) < margin:  # too close to an end: twice in a row, move away from it
            if stalled or t >= max(ends) or t <= min(ends):
                t = max(ends) - margin if abs(t - max(ends)) < abs(t - min(ends)) else min(ends) + margin
                stalled = False
            else:
                stalled = True
        else:
            stalled = False
        here = at(t)
        steps, evaluations = steps + 1, evaluations + 1
        if too_high(here) or here.loss >= bracket[low].loss:
            bracket[high] = here
            low, high = (0, 1) if not bracket[0].loss > bracket[1].loss else (1, 0)
            if not np.isfinite(here.loss):
                low, high = (1, 0) if bracket[0] is here else (0, 1)
        else:
            if flat_enough(here):
                done = True
            elif here.slope * (bracket[high].t - bracket[low].t) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = here
    return bracket[low], evaluations


def cubic_minimum(a: Trial, b: Trial, least: Any, most: Any) -> Any:
    """Where the cubic through two points with their slopes is lowest, within bounds; their middle if nowhere."""
    if a.t > b.t:
        a, b = b, a
    with np.errstate(all="ignore"):
        d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
        square = d1**2 - a.slope * b.slope
        if not square >= 0:
            return (least + most) / 2.0
        d2 = np.sqrt(square)
        lowest = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    return min(max(lowest, least), most) if np.isfinite(lowest) else (least + most) / 2.0
