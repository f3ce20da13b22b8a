"""What the training plots share: their Axes, in the colours of the pictures, and how data come in and go missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ..errors import ArgumentError, DTypeError, ShapeError
from ..tensor import Tensor
from .palette import DARK, LIGHT, Palette
from .text import clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Theme = Literal["light", "dark"]
Array = np.ndarray[Any, Any]

STYLES = ("-", "--", ":")

#: Beyond it, a number is drawn as an infinity, and below one in it as 0 on a logarithmic axis: matplotlib's own sums
#: would overflow.
LARGEST = 1e300

#: Marks of what has no place on an axis, with their words in the legend.
NAN, HIGH, LOW = ("x", "not a number"), ("^", "infinite"), ("v", "minus infinity")
NOT_POSITIVE = ("v", "zero or less")


def begin(who: str, ax: Axes | None, theme: Theme, size: tuple[float, float]) -> tuple[Axes, Palette]:
    """The Axes to draw on, a new figure's if there are none, in the colours of a theme.

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    ArgumentError
        When the theme is neither.
    """
    if theme not in get_args(Theme):
        raise ArgumentError(f"{who}: theme is {theme!r}; it is one of {', '.join(get_args(Theme))}.")
    try:
        from matplotlib import pyplot
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise ImportError(
            f"{who} draws with matplotlib, which is not installed.\n"
            "  Run pip install 'tinygrad_xe[plot]'; or write viz.sparkline(losses), which needs nothing."
        ) from error
    if ax is None:
        ax = pyplot.subplots(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1))[1]  # inches
    palette = DARK if theme == "dark" else LIGHT
    dress(ax, palette)
    ax.figure.set_facecolor(palette.page)
    return ax, palette


def dress(ax: Axes, palette: Palette) -> None:
    """Give Axes the colours of a palette, and none of the frame but left and bottom."""
    ax.set_facecolor(palette.page)
    for side, spine in ax.spines.items():
        spine.set_color(palette.line)
        spine.set_visible(side in ("left", "bottom"))
    ax.tick_params(which="both", color=palette.line, labelcolor=palette.text)
    for text in (ax.title, ax.xaxis.label, ax.yaxis.label, ax.xaxis.get_offset_text(), ax.yaxis.get_offset_text()):
        text.set_color(palette.text)
    ax.set_axisbelow(True)


def series(palette: Palette) -> list[str]:
    """Colours of lines and classes, told apart by people who are colour-blind too; beyond five, the dash changes."""
    return [palette.value, palette.grad, palette.loss_ink, palette.parameter_ink, palette.mute]


def mixed(color: str, other: str, share: float) -> str:
    """A colour between two, as ``#rrggbb``; `share` is that of the first."""
    pairs = ((int(color[k : k + 2], 16), int(other[k : k + 2], 16)) for k in (1, 3, 5))
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in pairs)


def label(text: object, limit: int = 40) -> str:
    """Text of the user's that matplotlib takes as it is: neither a formula, nor left out of the legend."""
    return ("\u200b" if str(text).startswith("_") else "") + clean(str(text), limit).replace("$", r"\$")


def legend(ax: Axes, palette: Palette, handles: Iterable[Any], beside: bool = False) -> None:
    """A legend above the Axes, or to the right of them, where it hides no data."""
    found = list(handles)
    if beside:
        place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0)}
    else:
        place = {"loc": "lower left", "bbox_to_anchor": (-0.01, 1.0), "ncols": min(len(found), 3)}
    ax.legend(handles=found, frameon=False, labelcolor=palette.text, borderaxespad=0.2, **place)


def numbers(who: str, name: str, values: Any) -> Array:
    """One-dimensional float64 numbers; None is NaN.

    Raises
    ------
    DTypeError, ShapeError
        When they are no numbers, not in one dimension, or none at all.
    """
    try:
        array = np.asarray([plain(value) for value in plain(values)], np.float64)
    except (TypeError, ValueError):
        raise DTypeError(f"{who}: {name} is a {type(values).__name__}; expected a sequence of numbers.") from None
    if array.ndim != 1:
        raise ShapeError(f"{who}: {name} has shape {array.shape}; expected one number for each step, shape (steps,).")
    if not array.size:
        raise ShapeError(f"{who}: {name} is empty; there is nothing to draw.")
    return array


def plain(value: Any) -> Any:
    """A Tensor's array; anything else as it is."""
    return value.data if isinstance(value, Tensor) else value


def named(who: str, what: str, mapping: Any, example: str) -> Mapping[str, Any]:
    """`mapping`, if it is one and has something in it."""
    if not isinstance(mapping, Mapping):
        got = type(mapping).__name__
        raise DTypeError(f"{who}: {what} is a {got}; expected a mapping of names. Write {example}.")
    if not mapping:
        raise ArgumentError(f"{who}: {what} is empty; there is nothing to draw. Write {example}.")
    return mapping


def draw_line(ax: Axes, x: Array, values: Array, *, log: bool, **look: Any) -> tuple[Any, set[tuple[str, str]]]:
    """A line with gaps where values have no place; what lies outside is marked on the frame.

    Returns
    -------
    line, marks
        The line, and the kinds of marks that were needed, for the legend.
    """
    kinds = {NAN: np.isnan(values), HIGH: values > LARGEST, LOW: values < -LARGEST}
    if log:
        kinds[LOW], kinds[NOT_POSITIVE] = np.zeros(values.shape, bool), values < 1 / LARGEST
    shown = np.where(np.any(list(kinds.values()), axis=0), np.nan, values)
    (line,) = ax.plot(x, shown, **look)
    there = np.concatenate([[False], np.isfinite(shown), [False]])
    alone = there[1:-1] & ~there[:-2] & ~there[2:]
    if alone.any():  # a line needs two points
        ax.plot(x[alone], shown[alone], ".", color=line.get_color())
    for (marker, word), where in kinds.items():
        if where.any():
            height = np.full(where.sum(), 0.02 if marker == "v" else 0.98)
            look = dict(color=line.get_color(), clip_on=False, zorder=3, markersize=6)
            ax.plot(x[where], height, marker, transform=ax.get_xaxis_transform(), label=f"_{word}", **look)
    return line, {kind for kind, where in kinds.items() if where.any()}


def mark_handles(kinds: set[tuple[str, str]], palette: Palette) -> list[Any]:
    """Entries of the legend for the marks."""
    from matplotlib.lines import Line2D

    known = [kind for kind in (NAN, HIGH, LOW, NOT_POSITIVE) if kind in kinds]
    return [Line2D([], [], color=palette.mute, marker=marker, linestyle="", label=word) for marker, word in known]


def class_numbers(who: str, name: str, values: Any) -> Array:
    """Class numbers as integers, shape (n,)."""
    array = np.asarray(plain(values))
    if array.ndim == 2 and array.shape[1] > 1:
        raise ShapeError(
            f"{who}: {name} has shape {array.shape}; expected class numbers, shape (n,).\n"
            f"  Write {name}.argmax(axis=1)."
        )
    if array.ndim != 1 or not array.size:
        raise ShapeError(f"{who}: {name} has shape {array.shape}; expected class numbers, shape (n,), at least one.")
    if array.dtype.kind not in "fiub":
        raise DTypeError(f"{who}: {name} has dtype {array.dtype}; expected class numbers, 0, 1, ...")
    wrong = ~np.isfinite(array) | (array < 0) | (array != np.floor(array))
    if wrong.any():
        raise ArgumentError(
            f"{who}: {name} has {array[wrong][0]} at {int(np.argmax(wrong))}; expected class numbers, 0, 1, ...\n"
            "  Write (y > 0).astype(int) for labels of -1 and 1, or for logits."
        )
    return array.astype(np.int64)


def class_names(who: str, classes: Sequence[str] | None, count: int, numbers: bool = False) -> list[str]:
    """Names of the classes, the user's or made of their numbers."""
    if classes is None:
        return [str(k) if numbers else f"class {k}" for k in range(count)]
    if len(classes) < count:
        raise ArgumentError(f"{who}: there are {count} classes, 0 to {count - 1}, but {len(classes)} names.")
    return [label(name, 24) for name in classes][:count]
