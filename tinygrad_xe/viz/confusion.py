"""A plot of what a classifier takes for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError
from ..metrics.classification import counts
from ..metrics.operands import judged
from .axes import Array, Theme, begin, class_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Up to so many classes, the cells have numbers in them.
NUMBERED = 20

#: So many classes can be drawn.
DRAWN = 1000


def plot_confusion(
    *,
    output: Any,
    target: Any,
    classes: Sequence[str] | None = None,
    ignore_index: int | None = None,
    ax: Axes | None = None,
    theme: Theme = "light",
) -> Axes:
    """Plot how often each class was taken for each.

    Parameters
    ----------
    output, target : array_like or Tensor
        What the classifier said, class numbers or a score for each class, and what is right: as in
        `tinygrad_xe.metrics.confusion_matrix`, which counts them. By name only: class numbers in the wrong order
        would silently be drawn as the transpose.
    classes : sequence of str, optional
        Names of the classes; by default their numbers.
    ignore_index : int, optional
        A number in `target` that marks samples which do not count.
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
        As for `tinygrad_xe.metrics.confusion_matrix`; also for more than 1,000 classes, and for too few names.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> ax = xe.viz.plot_confusion(output=[0, 1, 1, 1], target=[0, 0, 1, 1], classes=["cat", "dog"])
    >>> ax.get_title()
    'accuracy 0.7500 (3 of 4)'
    """
    who = "plot_confusion"
    found = judged(who, output, target, None, None, ignore_index)
    count = max(found.classes, 0 if classes is None else len(classes))
    if count > DRAWN:
        raise ArgumentError(f"{who}: the largest class number is {count - 1:,}; up to {DRAWN:,} classes can be drawn.")
    names = class_names(who, classes, count, numbers=True)
    table = counts(found._replace(classes=count))
    side = min(max(0.42 * count, 2.6), 9)
    ax, palette = begin(who, ax, theme, (side + 1.4, side + 1.2))
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    page, right_ink, wrong_ink = (rgb(color) for color in (palette.page, palette.value, palette.grad))
    inks = np.where(np.eye(count, dtype=bool)[..., None], right_ink, wrong_ink)
    colors = page + (shares**0.5)[..., None] * (inks - page)
    ax.imshow(colors, interpolation="nearest", aspect="equal")
    if count <= NUMBERED:
        for i, j in np.argwhere(table):
            text = palette.page if shares[i, j] ** 0.5 > 0.6 else palette.text
            ax.text(j, i, f"{table[i, j]:,}", color=text, ha="center", va="center", fontsize="small")
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
    right = int(np.trace(table))
    ax.set_title(f"accuracy {right / len(found.truth):.4f} ({right:,} of {len(found.truth):,})", fontsize="medium")
    ax.set(xlabel="predicted", ylabel="true")
    return ax


def rgb(color: str) -> Array:
    """Red, green and blue, from 0 to 1."""
    return np.array([int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)])
