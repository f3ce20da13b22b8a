"""Histograms of the weights and gradients of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import ArgumentError, DTypeError
from ..tensor import Tensor
from .axes import LARGEST, Array, Theme, begin, label, legend, named, plain
from .palette import Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Decades below the largest magnitude that are shown.
DECADES = 12


class Magnitudes(NamedTuple):
    """The magnitudes of an array's finite elements that are not 0, and how many elements are something else."""

    sizes: Array
    zeros: float
    odd: int


def plot_hist(
    parameters: Mapping[str, Any], *, bins: int = 60, ax: Axes | None = None, theme: Theme = "light"
) -> Axes:
    """Plot histograms of weights and gradients, a row for each parameter, with the share of zeros.

    Magnitudes are shown, on a logarithmic axis: weights and gradients differ by powers of ten, and gradients that
    vanish from layer to layer show as a drift to the left. Zeros, which have no place there, are told in numbers: a
    large share among the gradients means dead units. Each histogram is scaled to its own highest bar.

    Parameters
    ----------
    parameters : mapping of str to Tensor or array
        A Tensor's ``.grad``, if there is one, is its gradient.
    bins : int
        Bars, equally wide in the logarithm, from the smallest to the largest magnitude. What is more than 12 powers of
        ten below the largest counts in the first bar.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure. The figure behind it takes the colours of the theme too; made with
        ``layout="constrained"`` it leaves room for legends.
    theme : {"light", "dark"}

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    ArgumentError, DTypeError
        When there are no parameters, or one is no array of real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> w = xe.tensor(np.linspace(-1, 1, 100), requires_grad=True)
    >>> np.sum(xe.relu(w)).backward()
    >>> ax = xe.viz.plot_hist({"w": w})
    >>> [text.get_text() for text in ax.texts]
    ['zeros', '0 %', '50 %']
    """
    who = "plot_hist"
    named(who, "parameters", parameters, '{"W": W, "b": b}')
    if isinstance(bins, bool) or not isinstance(bins, int) or bins < 1:
        raise ArgumentError(f"{who}: bins is {bins!r}; it is a whole number, 1 or more.")
    rows = {name: (magnitudes(name, plain(p)), gradient_of(name, p)) for name, p in parameters.items()}
    ax, palette = begin(who, ax, theme, (7.2, min(1.3 + 0.5 * len(rows), 30)))
    sizes = np.concatenate([kind.sizes for row in rows.values() for kind in row if kind is not None])
    most = sizes.max() if sizes.size else 1.0
    least = max(sizes.min(), most * 10.0**-DECADES) if sizes.size else 0.1
    low, high = (least, most) if most > least * 1.001 else (least / 3, most * 3)
    edges = np.geomspace(low, high, bins + 1)
    edges[0], edges[-1] = low, high
    ax.set_xscale("log")
    strange = any(kind is not None and kind.odd for row in rows.values() for kind in row)
    titles = ["zeros", "not finite"][: 1 + strange]
    place: dict[str, Any] = dict(xycoords=ax.get_yaxis_transform(), textcoords="offset points", fontsize="small")
    place |= dict(ha="center", va="bottom", annotation_clip=False)
    for k, title in enumerate(titles):
        ax.annotate(title, (1, 0.9), (44 + 80 * k, 0), color=palette.mute, **place)
    for k, row in enumerate(rows.values()):
        for side, kind, color in zip((0, 1), row, (palette.value, palette.grad)):
            if kind is None:
                continue
            counts = np.histogram(np.clip(kind.sizes, low, high), edges)[0]
            bars = -k + 0.8 * counts / max(counts.max(), 1)
            ax.stairs(bars, edges, baseline=-k, fill=True, color=color, alpha=0.35, linewidth=0)
            ax.stairs(bars, edges, baseline=-k, color=color, linewidth=1.1)
            for j, told in enumerate((share(kind.zeros), f"{kind.odd:,}")[: len(titles)]):
                ax.annotate(told, (1, -k), (26 + 36 * side + 80 * j, 0), color=color, **place)
        ax.axhline(-k, color=palette.line, linewidth=1.2, zorder=3)
    names = [f"{label(name, 24)}  {np.shape(plain(p))}" for name, p in parameters.items()]
    ax.set_yticks(-np.arange(len(rows)), names, va="bottom")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(-len(rows) + 0.9, 0.95)
    ax.set_xlabel("magnitude")
    legend(ax, palette, hist_handles(palette, any(row[1] is not None for row in rows.values())))
    return ax


def hist_handles(palette: Palette, gradients: bool) -> list[Any]:
    """The legend's weights and gradients."""
    from matplotlib.patches import Patch

    kinds = [("weights", palette.value), ("gradients", palette.grad)][: 1 + gradients]
    return [Patch(facecolor=color + "59", edgecolor=color, label=word) for word, color in kinds]


def magnitudes(name: str, array: Any) -> Magnitudes:
    """What a histogram shows of an array."""
    values = np.asarray(array)
    if values.dtype.kind not in "fiub":
        raise DTypeError(f"plot_hist: {name!r} has dtype {values.dtype}; expected an array of real numbers.")
    sizes = np.abs(values.astype(np.float64)).ravel()
    usable = sizes[sizes <= LARGEST]
    zeros = float(np.mean(sizes == 0)) if sizes.size else float("nan")
    return Magnitudes(usable[usable > 0], zeros, sizes.size - usable.size)


def gradient_of(name: str, parameter: Any) -> Magnitudes | None:
    """What a histogram shows of a Tensor's gradient; None if there is none."""
    gradient = parameter.grad if isinstance(parameter, Tensor) else None
    return None if gradient is None else magnitudes(f"{name}.grad", plain(gradient))


def share(value: float) -> str:
    """A share in percent, never rounded to none or all; a dash for a share of nothing.

    Examples
    --------
    >>> share(0.0), share(0.0004), share(0.5), share(0.9999)
    ('0 %', '<1 %', '50 %', '>99 %')
    """
    if np.isnan(value):
        return "–"
    if 0 < value < 0.01:
        return "<1 %"
    return ">99 %" if 0.99 < value < 1 else f"{100 * value:.0f} %"
