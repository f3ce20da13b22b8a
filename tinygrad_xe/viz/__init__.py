"""Pictures: `graph` draws a computation, `explore` steps through it, the `plot_` functions show a training.

What is named here loads on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .confusion import plot_confusion
    from .decision import plot_decision
    from .explorer import Explorer, explore
    from .histograms import plot_hist
    from .picture import Picture, PictureWarning, graph
    from .plots import plot_history, plot_update_ratio, update_ratio
    from .render import RenderError
    from .spark import sparkline

#: Which module has what.
HOME = {
    "explore": "explorer",
    "Explorer": "explorer",
    "graph": "picture",
    "Picture": "picture",
    "PictureWarning": "picture",
    "RenderError": "render",
    "plot_confusion": "confusion",
    "plot_decision": "decision",
    "plot_hist": "histograms",
    "plot_history": "plots",
    "plot_update_ratio": "plots",
    "update_ratio": "plots",
    "sparkline": "spark",
}

__all__ = [
    "explore", "graph", "Explorer", "Picture", "PictureWarning", "RenderError",
    "plot_confusion", "plot_decision", "plot_hist", "plot_history", "plot_update_ratio", "sparkline", "update_ratio",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """Load the module that has `name`."""
    if name not in HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})
