"""Plots over the steps of a training: its history, and the sizes of its updates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from .axes import (
    STYLES,
    Array,
    Theme,
    begin,
    draw_line,
    dress,
    label,
    legend,
    mark_handles,
    named,
    numbers,
    plain,
    series,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RATES = ("lr", "rate", "learning rate")

#: Ratio of update to weight that works well in most trainings.
GUIDE = 1e-3

#: Lines of more points are thinner.
DENSE = 200


def plot_history(
    history: Mapping[str, Any], *, log: bool = False, ax: Axes | None = None, theme: Theme = "light"
) -> Axes:
    """Plot the loss, and whatever else was written down, over the steps of a training.

    Parameters
    ----------
    history : mapping of str to sequence or mapping
        For each name, one number for each step, in a `tinygrad_xe.History` for each epoch; or ``{step: number}`` for
        what is not measured at every step. The learning rate, named so or ``"lr"``, gets an axis of its own on the
        right.
    log : bool
        Logarithmic axis for all but the learning rate.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure. The figure behind it takes the colours of the theme too; made with
        ``layout="constrained"`` it leaves room for legends.
    theme : {"light", "dark"}

    Returns
    -------
    matplotlib Axes
        NaNs, infinities, and with ``log=True`` numbers of 0 or less, are marked on the frame.

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    ShapeError
        When sequences have different lengths, or one is empty.
    ArgumentError, DTypeError
        When the history is empty, no mapping, or holds no numbers.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> ax = xe.viz.plot_history({"loss": [0.7, 0.4, 0.3, 0.25], "validation loss": {0: 0.7, 3: 0.35}})
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['loss', 'validation loss']
    """
    who, example = "plot_history", '{"loss": [0.7, 0.4, 0.3]}'
    named(who, "history", history, example)
    columns = {name: points(who, name, values) for name, values in history.items()}
    lengths = {name: len(columns[name][0]) for name, values in history.items() if not isinstance(values, Mapping)}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name!r} {length:,}" for name, length in lengths.items())
        raise ShapeError(
            f"{who}: the sequences have different lengths: {told}.\n"
            "  Write {step: number, ...} for what is not measured at every step."
        )
    ax, palette = begin(who, ax, theme, (6.4, 3.6))
    rates = {name: xy for name, xy in columns.items() if str(name).lower().replace("_", " ") in RATES}
    if len(rates) == len(columns):
        rates = {}  # alone, it needs no second axis
    if log:
        ax.set_yscale("log")
    lines, marks = draw_lines(ax, {name: xy for name, xy in columns.items() if name not in rates}, series(palette), log)
    step_axis(ax, palette, getattr(history, "unit", "step"))
    losses = all("loss" in str(name).lower() for name in columns if name not in rates)
    if losses or len(columns) == 1:
        ax.set_ylabel("loss" if losses else label(next(iter(columns))))
    if rates:
        right = ax.twinx()
        dress(right, palette)
        right.spines["right"].set_visible(True)
        right.spines["left"].set_visible(False)
        found, more = draw_lines(right, rates, [palette.mute], False, linewidth=1.2)
        right.set_ylabel(label(next(iter(rates))), color=palette.mute)
        right.tick_params(axis="y", labelcolor=palette.mute)
        lines, marks = lines + found, marks | more
    if len(lines) > 1 or marks:
        legend(ax, palette, lines + mark_handles(marks, palette))
    return ax


def plot_update_ratio(
    ratios: Mapping[str, Sequence[float] | Array], *, ax: Axes | None = None, theme: Theme = "light"
) -> Axes:
    """Plot how much of each parameter a step changed, over the steps, on a logarithmic axis.

    About 1e-3, where the guide is, is right for most trainings. Far above, the steps are too large and undo each
    other; far below, the parameter hardly learns.

    Parameters
    ----------
    ratios : mapping of str to sequence
        For each parameter, ``|update| / |weight|`` at each step, as `update_ratio` gives it.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure. The figure behind it takes the colours of the theme too; made with
        ``layout="constrained"`` it leaves room for legends.
    theme : {"light", "dark"}

    Returns
    -------
    matplotlib Axes
        The ratios, whose axis is logarithmic. A ratio that is 0, infinite or NaN is marked on the frame.

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    ArgumentError, DTypeError, ShapeError
        When there are no ratios, or they are no numbers.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> ax = xe.viz.plot_update_ratio({"W": [0.01, 0.004, 0.002]})
    >>> ax.get_yscale()
    'log'
    """
    who = "plot_update_ratio"
    named(who, "ratios", ratios, '{"W": [0.01, 0.004]}')
    columns = {name: points(who, name, values) for name, values in ratios.items()}
    ax, palette = begin(who, ax, theme, (6.4, 3.6))
    ax.set_yscale("log")
    lines, marks = draw_lines(ax, columns, series(palette), True, linewidth=1.2)
    guide = ax.axhline(GUIDE, color=palette.text, linewidth=1, linestyle=(0, (6, 3)), zorder=2.5, label="guide, 0.001")
    step_axis(ax, palette)
    ax.set_ylabel("|update| / |weight|")
    legend(ax, palette, [*lines, guide, *mark_handles(marks, palette)], beside=True)
    return ax


def update_ratio(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float]:
    """How much of each parameter a step changed: ``|after - before| / |before|``, with Euclidean norms.

    Parameters
    ----------
    before, after : mapping of str to array or Tensor
        The parameters before a step, copied, and after it.

    Returns
    -------
    dict of str to float
        0 for a parameter that did not change, infinity for one that left 0.

    Raises
    ------
    ArgumentError
        When the names differ.
    ShapeError
        When the shapes of a parameter differ.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.viz.update_ratio({"w": np.array([3.0, 4.0])}, {"w": np.array([3.0, 4.5])})
    {'w': 0.1}
    """
    if before.keys() != after.keys():
        odd = sorted(map(str, before.keys() ^ after.keys()))
        raise ArgumentError(f"update_ratio: {', '.join(odd)} is in one of before and after only; expected both.")
    ratios = {}
    for name in before:
        old, new = (np.asarray(plain(tree[name]), np.float64) for tree in (before, after))
        if old.shape != new.shape:
            raise ShapeError(f"update_ratio: {name} has shape {old.shape} before and {new.shape} after the step.")
        size, change = norm(old), norm(new - old)
        ratios[name] = change / size if size else (0.0 if change == 0 else change * float("inf"))
    return ratios


def norm(values: Array) -> float:
    """The Euclidean norm."""
    return float(np.sqrt(np.sum(values * values)))


def points(who: str, name: str, values: Any) -> tuple[Array, Array]:
    """Steps and numbers, of a sequence or of ``{step: number}``."""
    if isinstance(values, Mapping):
        y = numbers(who, repr(name), list(values.values()))
        x = numbers(who, f"the steps of {name!r}", list(values))
        if not np.isfinite(x).all():
            raise ArgumentError(f"{who}: a step of {name!r} is not finite.")
        order = np.argsort(x, kind="stable")
        return x[order], y[order]
    y = numbers(who, repr(name), values)
    return np.arange(len(y), dtype=np.float64), y


def draw_lines(
    ax: Axes, columns: Mapping[str, tuple[Array, Array]], colors: list[str], log: bool, linewidth: float = 1.6
) -> tuple[list[Any], set[tuple[str, str]]]:
    """A line for each name, and the marks that they needed."""
    lines, marks = [], set()
    for k, (name, (x, y)) in enumerate(columns.items()):
        style = STYLES[k // len(colors) % len(STYLES)]
        color = colors[k % len(colors)]
        width = linewidth if len(x) <= DENSE else 0.6 * linewidth
        line, kinds = draw_line(ax, x, y, log=log, color=color, linestyle=style, linewidth=width, label=label(name))
        lines.append(line)
        marks |= kinds
    return lines, marks


def step_axis(ax: Axes, palette: Any, unit: str = "step") -> None:
    """Whole steps below, and horizontal lines."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
    ax.margins(x=0.02)
    ax.grid(axis="y", color=palette.module_line, linewidth=0.6)
    ax.set_xlabel(unit)
