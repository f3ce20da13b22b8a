"""The files that the main job writes: the article's loss, its graph in three forms, and the losses of the trainings."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping

from . import user_code, viz
from .training import History
from .viz.files import write_atomically

#: Is run as the user's own file would be: its variables name the nodes, its lines explain them.
ARTICLE = '''\
"""The article's loss of three samples; draw it with: tinygrad-xe graph article.py:L"""

import numpy as np

import tinygrad_xe as xe

X = np.array([[1.0, 2.0], [-0.5, 1.0], [1.5, -0.25]])
y = np.array([1.0, 0.0, 1.0])
theta = xe.tensor([0.5, -0.25], requires_grad=True, name="theta")


def L():
    z = X @ theta
    return xe.losses.article.sigmoid_cross_entropy_with_logits(labels=y, logits=z, reduction="sum")
'''


def graph_of_the_article(out: str) -> Iterator[str]:
    """Write the article's loss as a file of the user's, and draw it as DOT, as SVG and as an explorer; what to tell."""
    path = os.path.join(out, "article.py")
    write_atomically(path, ARTICLE)
    yield f"Wrote {path}: the article's loss. Draw a changed copy by: tinygrad-xe graph COPY.py:L"
    with user_code.loaded(os.path.abspath(path)) as module:
        yield from written(
            (os.path.join(out, "graph.dot"), viz.graph(module.L).save, "its graph, with values and gradients."),
            (os.path.join(out, "graph.svg"), viz.graph(module.L).save, "the graph's picture."),
            (os.path.join(out, "explorer.html"), lambda path: viz.explore(module.L, path=path),
             "forward and backward, step by step; open it in a browser."),
        )  # fmt: skip


def written(*files: tuple[str, Callable[[str], object], str]) -> Iterator[str]:
    """Write files, each by its function; what to tell of each, written or not drawn."""
    for path, write, content in files:
        try:
            write(path)
            yield f"Wrote {path}: {content}"
        except viz.RenderError as error:
            yield f"No {os.path.basename(path)}: {error}"


def plot_of_the_losses(out: str, histories: Mapping[str, History]) -> Iterator[str]:
    """Plot the losses of trainings, one beside the other; what to tell."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        yield "No loss.svg: matplotlib is not installed. Run: pip install 'tinygrad-xe[plot]'"
        return
    figure = Figure(figsize=(11, 3), layout="constrained")
    for ax, (title, history) in zip(figure.subplots(1, len(histories)), histories.items()):
        viz.plot_history({"loss": history["loss"]}, log=True, ax=ax)
        ax.set_xlabel("epoch")
        ax.set_title(title, fontsize="medium")
    drawn = io.BytesIO()
    with rc_context({"svg.hashsalt": "tinygrad_xe"}):  # the same bytes each time
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    path = os.path.join(out, "loss.svg")
    write_atomically(path, drawn.getvalue())
    yield f"Wrote {path}: the losses of the three trainings."
