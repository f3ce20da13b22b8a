"""A plot of what a classifier takes for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from .axes import Array, Theme, begin, class_names, class_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Up to so many classes, the cells have numbers in them.
NUMBERED = 20


def plot_confusion(
    labels: Any,
    predictions: Any,
    *,
    classes: Sequence[str] | None = None,
    ax: Axes | None = None,
    theme: Theme = "light",
) -> Axes:
    """Plot how often each class was taken for each.

    Parameters
    ----------
    labels, predictions : array, shape (n,)
        Class numbers, from 0: what is right, and what the classifier said.
    classes : sequence of str, optional
        Names of the classes; by default their numbers.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure. The figure behind it takes the colours of the theme too; made with
        ``layout="constrained"`` it leaves room for legends.
    theme : {"light", "dark"}

    Returns
    -------
    matplotlib Axes
        A row for each true class, a column for each prediction; the shade is the share of the row. What is right lies
        on the diagonal, in blue, errors are orange. Up to 20 classes have numbers in the cells.

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    ShapeError, DTypeError, ArgumentError
        When the two are no class numbers of the same shape, or there are too few names.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> ax = xe.viz.plot_confusion([0, 0, 1, 1], [0, 1, 1, 1], classes=["cat", "dog"])
    >>> ax.get_title()
    'accuracy 0.7500 (3 of 4)'
    """
    who = "plot_confusion"
    truth, said = class_numbers(who, "labels", labels), class_numbers(who, "predictions", predictions)
    if truth.shape != said.shape:
        raise ShapeError(f"{who}: labels have shape {truth.shape}, predictions {said.shape}; expected the same shape.")
    count = int(max(truth.max(), said.max())) + 1
    if classes is not None and len(classes) > count:
        count = len(classes)
    names = class_names(who, classes, count, numbers=True)
    if count > 1000:
        raise ArgumentError(f"{who}: the largest class number is {count - 1:,}; up to 1,000 classes can be drawn.")
    counts = np.zeros((count, count), np.int64)
    np.add.at(counts, (truth, said), 1)
    side = min(max(0.42 * count, 2.6), 9)
    ax, palette = begin(who, ax, theme, (side + 1.4, side + 1.2))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    page, right_ink, wrong_ink = (rgb(color) for color in (palette.page, palette.value, palette.grad))
    inks = np.where(np.eye(count, dtype=bool)[..., None], right_ink, wrong_ink)
    colors = page + (shares**0.5)[..., None] * (inks - page)
    ax.imshow(colors, interpolation="nearest", aspect="equal")
    if count <= NUMBERED:
        for i, j in np.argwhere(counts):
            text = palette.page if shares[i, j] ** 0.5 > 0.6 else palette.text
            ax.text(j, i, f"{counts[i, j]:,}", color=text, ha="center", va="center", fontsize="small")
        ax.set_xticks(np.arange(count) - 0.5, minor=True)
        ax.set_yticks(np.arange(count) - 0.5, minor=True)
        ax.grid(which="minor", color=palette.module_line, linewidth=0.6)
        ax.tick_params(which="minor", length=0)
        long = max(map(len, names)) > 9.5 * side / count  # letters that an inch has room for
        ax.set_xticks(np.arange(count), names, rotation=40 if long else 0, ha="right" if long else "center",
                      rotation_mode="anchor" if long else "default")  # fmt: skip
        ax.set_yticks(np.arange(count), names)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(True)
    right = int(np.trace(counts))
    ax.set_title(f"accuracy {right / len(truth):.4f} ({right:,} of {len(truth):,})", fontsize="medium")
    ax.set(xlabel="predicted", ylabel="true")
    return ax


def rgb(color: str) -> Array:
    """Red, green and blue, from 0 to 1."""
    return np.array([int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)])
