"""What training plots show, read from their Axes; and the small examples that several tests draw."""

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.viz.palette import DARK, LIGHT

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install '.[plot]'")
matplotlib.use("agg")
from matplotlib import colors, pyplot  # noqa: E402  # after the skip and the choice of a backend

NAN, INF = float("nan"), float("inf")
THEMES = pytest.mark.parametrize(("theme", "palette"), [("light", LIGHT), ("dark", DARK)])


@pytest.fixture(autouse=True)
def closed():
    """No figure, and no setting of matplotlib, stays from one test to the next."""
    before = dict(matplotlib.rcParams)
    yield
    pyplot.close("all")
    assert dict(matplotlib.rcParams) == before


def drawn(ax):
    """Draw it, so that warnings and errors of drawing show; the Axes."""
    ax.figure.canvas.draw()
    return ax


def entries(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def lines(ax):
    """The lines that are in the legend, or would be."""
    return {line.get_label(): line for line in ax.get_lines() if not line.get_label().startswith("_")}


def marks(ax, word):
    """Steps that are marked with this word on the frame."""
    return [x for line in ax.get_lines() if line.get_label() == f"_{word}" for x in line.get_xdata()]


def same(color, other):
    return colors.to_hex(color) == other


def relu_parameters():
    w = xe.tensor(np.concatenate([-np.ones(6), np.ones(2)]), requires_grad=True)
    np.sum(xe.relu(w)).backward()
    return {"w": w, "frozen": np.array([0.0, 1e-3, 10.0, -10.0])}


CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


def right_half(x):
    return xe.sigmoid(20 * (xe.tensor(x)[:, 0] - 0.5))
