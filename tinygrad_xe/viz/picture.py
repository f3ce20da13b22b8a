"""The static picture of a computation: DOT text that draws itself as SVG or PNG, in a notebook or a file."""

from __future__ import annotations

import html
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError, XeWarning
from ..tensor import Tensor
from .dot import Direction, Theme, digraph
from .files import write_atomically
from .fold import Layout, arrange
from .font import fitted
from .palette import dark_rules
from .render import render, svg
from .text import clean

if TYPE_CHECKING:
    from graphviz import Digraph

    from ..program.program import Program

#: File endings, and what is written for each.
FORMATS = {".svg": "svg", ".png": "png", ".pdf": "pdf", ".dot": "dot", ".gv": "dot"}

#: A picture that follows the system's colour scheme, wherever it is shown.
AUTO_STYLE = (
    "svg.tg-auto{color-scheme:light dark}\n@media(prefers-color-scheme:dark){\n" + dark_rules("svg.tg-auto") + "\n}\n"
)


class PictureWarning(XeWarning):
    """A picture is shown as text, since it could not be drawn."""


class Picture:
    """The picture of a computation, as `graph` makes it.

    In a notebook it shows itself as SVG, and where no Graphviz program is found, as DOT text with a warning.

    Attributes
    ----------
    digraph : graphviz.Digraph
        To go on from: what is added to it is drawn too.
    layout : viz.fold.Layout
        The cards and links that it was drawn from.
    theme : {"light", "dark", "auto"}
    """

    def __init__(
        self,
        digraph: Digraph,
        layout: Layout,
        *,
        theme: Theme = "light",
        dot: str | os.PathLike[str] | None = None,
    ) -> None:
        self.digraph, self.layout, self.theme, self._dot = digraph, layout, theme, dot

    @property
    def source(self) -> str:
        """The DOT text."""
        source: str = self.digraph.source
        return source

    def svg(self) -> str:
        """The picture as an SVG element.

        Raises
        ------
        RenderError
            When no Graphviz program is found, or when it fails or takes more than 20 seconds.
        """
        auto = self.theme == "auto"
        text = fitted(svg(self.source, self._dot, AUTO_STYLE if auto else ""))
        kind = "tg-graph tg-auto" if auto else "tg-graph"
        what = "computation graph" + (f" of {clean(self.layout.trace.title)}" if self.layout.trace.title else "")
        role = f'class="{kind}" role="graphics-document" aria-label="{html.escape(what)}"'
        return text.replace("<svg ", f"<svg {role} ", 1)

    def png(self) -> bytes:
        """The picture as PNG, 144 dots an inch; with ``theme="auto"``, the light one. The errors are those of `svg`."""
        return self._rendered("png", "-Gdpi=144")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file, in the format of its ending: .svg, .png, .pdf, or .dot and .gv for the text.

        The file is complete or not there: it is written under another name first. Not every Graphviz program can write
        PDF; graphviz-pure can't.

        Raises
        ------
        ArgumentError
            When the ending is another.
        RenderError
            As for `svg`; a file that was there before is left as it is.
        """
        ending = os.path.splitext(os.fspath(path))[1].lower()
        format = FORMATS.get(ending)
        if format is None:
            raise ArgumentError(f"Picture.save: the ending is {ending!r}; it is one of {', '.join(FORMATS)}.")
        if format == "svg":
            content: str | bytes = '<?xml version="1.0" encoding="UTF-8"?>\n' + self.svg()
        elif format == "dot":
            content = self.source
        else:
            content = self.png() if format == "png" else self._rendered(format)
        write_atomically(path, content)

    def _rendered(self, format: str, *options: str) -> bytes:
        page = ("-Gbgcolor=white",) if self.theme == "auto" else ()
        source = self.source
        if page:  # the graph's own attribute wins over the program's option
            source = source.replace("bgcolor=transparent", "bgcolor=white", 1)
        return render(source, format, self._dot, *options)

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None
    ) -> dict[str, str]:
        """What a notebook shows; never raises."""
        try:
            return {"image/svg+xml": self.svg(), "text/plain": repr(self)}
        except Exception as error:  # whatever a changed digraph or a strange program may do
            message = f"the picture is shown as DOT text: {error}"
        try:
            warnings.warn(message, PictureWarning, stacklevel=2)
        except PictureWarning:  # warnings are errors here, but a repr is none
            print(message, file=sys.stderr)
        return {"text/plain": self.source}

    def __repr__(self) -> str:
        cards, links = len(self.layout.cards), len(self.layout.links)
        return f"<viz.Picture of {cards:,} nodes and {links:,} edges: .save('graph.svg'), .svg(), .png(), .source>"


def graph(
    f_or_result: Callable[..., Any] | Tensor | Program,
    *args: Any,
    argnums: int | Sequence[int] | None = None,
    depth: int | None = None,
    scope: str | None = None,
    theme: Theme = "light",
    direction: Direction = "TB",
    force: bool = False,
    dot: str | os.PathLike[str] | None = None,
) -> Picture:
    """Draw a computation: values, gradients, and what flows between them.

    A node is a tensor with the operation that made it. An edge shows the local derivative and what was sent back along
    it; it is dashed where no gradient flows. Modules and functions are frames.

    Parameters
    ----------
    f_or_result : callable, Tensor or Program
        A function, which is called with `args` and differentiated where its result is a scalar; or a result, which
        shows values and gradients where it was computed inside ``with xe.record():``; or a program, whose lines,
        forward and backward, are the nodes.
    *args : array_like
        What the function is called with. Floats and arrays of them get gradients.
    argnums : int or sequence of int, optional
        The positions of the arguments that get gradients. By default all, but for those with the names of targets
        (``y``, ``labels``, ...) and, where others are left, of data (``x``, ``X``, ``inputs``, ...).
    depth : int, optional
        How many levels of modules and functions are open; what is inside them is one node each, and equal consecutive
        blocks are one too, "block × 12". By default up to 150 values are drawn as they are.
    scope : str, optional
        Draw one module or function alone: its name or path, ``"model/linear1"``.
    theme : {"light", "dark", "auto"}
        "auto" follows the system's colour scheme in SVG; a PNG of it is light.
    direction : {"TB", "LR", "auto"}
        From top to bottom, or from left to right; "auto" takes the latter for up to four ranks of scalars.
    force : bool
        Draw more than 1,500 nodes.
    dot : path, optional
        The Graphviz program to draw with; else the variable ``TINYGRAD_XE_DOT``, ``dot`` or ``graphviz-pure``.

    Returns
    -------
    Picture
        ``.save("graph.svg")``, ``.svg()``, ``.png()``, and the DOT text in ``.source``.

    Raises
    ------
    ArgumentError
        When there are too many nodes, or when an option has another value than these.
    GraphError
        When a result has no graph.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> picture = xe.viz.graph(lambda x: (np.exp(x) * x).sum(), np.array([1.0, 2.0]))
    >>> print(picture.source.splitlines()[0])
    digraph tinygrad_xe {
    >>> picture.source.count("->")
    4
    """
    from ..program.program import Program
    from .programs import trace_of
    from .recording import trace

    for name, value, options in (("theme", theme, Theme), ("direction", direction, Direction)):
        words = options.__args__  # type: ignore[attr-defined]  # a Literal
        if value not in words:
            raise ArgumentError(f"graph: {name} is {value!r}; it is one of {', '.join(words)}.")
    if isinstance(f_or_result, Program):
        drawn = trace_of(f_or_result)
    else:
        drawn = trace(f_or_result, *args, argnums=argnums)
    layout = arrange(drawn, depth=depth, scope=scope, force=force)
    if isinstance(f_or_result, Program) and layout.detail in ("full", "cards"):  # it has no values to show
        layout = replace(layout, detail="lines")
    return Picture(digraph(layout, theme=theme, direction=direction), layout, theme=theme, dot=dot)
