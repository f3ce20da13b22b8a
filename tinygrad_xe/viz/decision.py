"""A plot of what a classifier says at each point of the plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..graph import no_grad
from ..nn.module import Module
from ..training.weights import modes
from .axes import Array, Theme, begin, class_names, class_numbers, legend, mixed, plain, series
from .palette import Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "o^sDvP*X<>"

#: Rows that the classifier is asked for at a time.
ROWS = 8192


def plot_decision(
    predict: Callable[[Array], Any],
    X: Any,
    y: Any,
    *,
    classes: Sequence[str] | None = None,
    resolution: int = 200,
    ax: Axes | None = None,
    theme: Theme = "light",
) -> Axes:
    """Plot what a classifier says at each point of the plane, and the data on top.

    Parameters
    ----------
    predict : callable
        Takes points, shape (n, 2), float64. Returns the probability of class 1, shape (n,) or (n, 1), each from 0 to 1;
        or a score for each class, shape (n, k), where the largest wins: probabilities or logits. An array or a Tensor.
        It runs without a graph; a Module in evaluation mode, and gets its mode back. A function around a module does
        not: write ``model.eval()`` before.
    X : array, shape (n, 2)
    y : array, shape (n,)
        Class numbers, from 0.
    classes : sequence of str, optional
        Names of the classes.
    resolution : int
        Points asked for along each axis.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure. The figure behind it takes the colours of the theme too; made with
        ``layout="constrained"`` it leaves room for legends.
    theme : {"light", "dark"}

    Returns
    -------
    matplotlib Axes
        With a line where the probability is 0.5, and thin ones at 0.1 and 0.9; or one between the classes. Where the
        classifier says NaN, the colour is that of gradients, solid.

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    ShapeError, DTypeError, ArgumentError
        When `X`, `y` or what `predict` returns is not as above.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> X = np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> ax = xe.viz.plot_decision(lambda x: xe.sigmoid(4 * x.sum(axis=1) - 4), X, [0, 1])
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['class 0', 'class 1', 'probability 0.5', '0.1 and 0.9']
    """
    who = "plot_decision"
    X, y = np.asarray(plain(X), np.float64), class_numbers(who, "y", y)
    if X.ndim != 2 or X.shape[1] != 2 or len(X) != len(y):
        raise ShapeError(f"{who}: X has shape {X.shape}, y has shape {y.shape}; expected (n, 2) and (n,).")
    if isinstance(resolution, bool) or not isinstance(resolution, int) or resolution < 2:
        raise ArgumentError(f"{who}: resolution is {resolution!r}; it is a whole number, 2 or more.")
    there = np.isfinite(X).all(axis=1)
    if not there.any():
        raise ArgumentError(f"{who}: no row of X is finite; there is nothing to draw.")
    low, high = X[there].min(axis=0), X[there].max(axis=0)
    room = 0.08 * (high - low) + (high == low)
    across, up = (np.linspace(a, b, resolution) for a, b in zip(low - room, high + room))
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    with modes(predict), no_grad():
        scores = scores_of(predict.eval() if isinstance(predict, Module) else predict, grid)
    count = max(2, scores.shape[1])
    if y.max() >= count:
        raise ArgumentError(f"{who}: y has class {y.max()}, but predict knows {count} classes, 0 to {count - 1}.")
    names = class_names(who, classes, count)
    ax, palette = begin(who, ax, theme, (5.6, 4.4))
    from matplotlib.patches import Patch

    colors = (series(palette) * (1 + count // 5))[:count]
    plane = (resolution, resolution)
    if scores.shape[1] == 1:
        handles = draw_probability(ax, palette, colors, across, up, scores.reshape(plane))
    else:
        handles = draw_classes(ax, palette, colors, across, up, scores.reshape(*plane, count))
    dots = []
    for k in range(count):
        mine = there & (y == k)
        lost = int(np.sum((y == k) & ~there))
        text = names[k] + (f" ({lost:,} not finite)" if lost else "")
        look: dict[str, Any] = dict(color=colors[k], marker=MARKERS[k % len(MARKERS)], edgecolors=palette.page)
        dots.append(ax.scatter(X[mine, 0], X[mine, 1], s=26, linewidths=0.6, label=text, zorder=3, **look))
    ax.set(xlim=across[[0, -1]], ylim=up[[0, -1]], xlabel="X[:, 0]", ylabel="X[:, 1]")
    if np.isnan(scores).any():
        handles.append(Patch(color=palette.grad, label="not a number"))
    legend(ax, palette, [*dots, *handles], beside=True)
    return ax


def scores_of(predict: Callable[[Array], Any], grid: Array) -> Array:
    """What `predict` says of the points, shape (n, 1) or (n, k)."""
    found = []
    for start in range(0, len(grid), ROWS):
        part = grid[start : start + ROWS]
        said = np.asarray(plain(predict(part)), np.float64)
        if said.ndim == 1:
            said = said[:, None]
        if said.ndim != 2 or len(said) != len(part) or not said.shape[1]:
            raise ShapeError(
                f"plot_decision: predict returned shape {said.shape} for points of shape {part.shape}; expected "
                f"({len(part)},) for the probability of class 1, or ({len(part)}, k) for the scores of k classes."
            )
        found.append(said)
    scores = np.concatenate(found)
    if scores.shape[1] == 1 and ((scores < 0) | (scores > 1)).any():
        raise ArgumentError(
            f"plot_decision: predict returned values from {np.nanmin(scores):.3g} to {np.nanmax(scores):.3g}; expected "
            "probabilities of class 1.\n  Write lambda x: xe.sigmoid(logits(x)) if these are logits."
        )
    return scores


def draw_probability(ax: Axes, palette: Palette, colors: list[str], across: Array, up: Array, p: Array) -> list[Any]:
    """The field of the probability of class 1, and its lines at 0.1, 0.5 and 0.9."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.lines import Line2D

    at = [([0.5], 1.6, "-", "probability 0.5"), ([0.1, 0.9], 0.8, "--", "0.1 and 0.9")]
    ends = [mixed(color, palette.page, 0.45) for color in colors]
    shades = LinearSegmentedColormap.from_list("probability", [ends[0], palette.page, ends[1]])
    image(ax, palette, shades, across, up, p, 0, 1)
    handles = []
    for levels, width, style, text in at:
        if cross(ax, palette, across, up, p, levels, width, style):
            look: dict[str, Any] = dict(color=palette.text, linewidth=width, linestyle=style, label=text)
            handles.append(Line2D([], [], **look))
    return handles


def draw_classes(ax: Axes, palette: Palette, colors: list[str], across: Array, up: Array, scores: Array) -> list[Any]:
    """The class with the largest score, and the lines between the classes."""
    from matplotlib.colors import ListedColormap
    from matplotlib.lines import Line2D

    count = scores.shape[-1]
    known = ~np.isnan(scores).any(axis=-1)
    winner = np.where(known, scores.argmax(axis=-1), np.nan)
    shades = ListedColormap([mixed(color, palette.page, 0.4 - 0.2 * (k // 5 % 2)) for k, color in enumerate(colors)])
    image(ax, palette, shades, across, up, winner, -0.5, count - 0.5)
    drawn = False
    finite = np.clip(scores, -1e300, 1e300)
    for k in range(count):
        margin = np.tanh(finite[..., k] / 2 - np.delete(finite, k, axis=-1).max(axis=-1) / 2)
        drawn |= cross(ax, palette, across, up, margin, [0], 1.2, "-")
    return [Line2D([], [], color=palette.text, linewidth=1.2, label="decision")] if drawn else []


def image(
    ax: Axes, palette: Palette, shades: Any, across: Array, up: Array, values: Array, low: float, high: float
) -> None:
    """A field of colours; NaN in the colour of gradients."""
    half = [(axis[1] - axis[0]) / 2 for axis in (across, up)]
    extent = (across[0] - half[0], across[-1] + half[0], up[0] - half[1], up[-1] + half[1])
    bad = shades.with_extremes(bad=palette.grad)
    look: dict[str, Any] = dict(cmap=bad, vmin=low, vmax=high, origin="lower", aspect="auto", extent=extent)
    ax.imshow(np.ma.masked_invalid(values), interpolation="nearest", **look)


def cross(
    ax: Axes, palette: Palette, across: Array, up: Array, values: Array, levels: list[float], width: float, style: str
) -> bool:
    """Lines where the values cross levels; whether there are any."""
    finite = values[np.isfinite(values)]
    found = [level for level in levels if finite.size and finite.min() < level < finite.max()]
    if found:
        masked = np.ma.masked_invalid(values)
        ax.contour(across, up, masked, levels=found, colors=palette.text, linewidths=width, linestyles=style)
    return bool(found)
