"""The step-through explorer: a computation and its backward pass as one page of HTML that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any, Literal, get_args

from ..errors import ArgumentError
from ..tensor import Tensor
from . import cells, render
from .drawing import drawn, listed
from .files import write_atomically
from .fold import Group, Layout, arrange
from .palette import DARK, dark_of
from .reasons import title_of
from .recording import trace as trace_of
from .records import Array, Trace
from .steps import Step, steps
from .text import clean, numbers
from .words import FOR_SCRIPT, Language, Words

Theme = Literal["auto", "light", "dark"]

#: A page of more cards is refused.
MOST = 400

#: Beyond so many cards, nothing fades in and out.
STILL = 150

#: Height of the frame in a notebook, in pixels.
HEIGHT = 640


class Explorer:
    """A page that shows a computation step by step.

    Attributes
    ----------
    html : str
        The page. It has no links to anything, and its script alone may run.
    title : str
    steps : int
        How many steps it has.
    """

    def __init__(self, page: str, title: str, steps: int) -> None:
        self.html = page
        self.title = title
        self.steps = steps

    def __repr__(self) -> str:
        return f"<explorer of {clean(self.title)!r}, {self.steps} steps, {len(self.html) / 1000:.0f} kB>"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file: all of it, or nothing.

        Parameters
        ----------
        path : path
            ``"explorer.html"``. A file of this name is replaced.
        """
        write_atomically(path, self.html)

    def _repr_html_(self) -> str:
        """The page in a frame that lets its script run, but not touch the notebook."""
        return (
            f'<iframe sandbox="allow-scripts" title="{html.escape(clean(self.title))}" '
            f'style="width:100%;height:{HEIGHT}px;border:1px solid #8884;border-radius:6px" '
            f'srcdoc="{html.escape(self.html)}"></iframe>'
        )


def explore(
    f_or_result: Callable[..., Any] | Tensor | Trace,
    *args: Any,
    argnums: int | Sequence[int] | None = None,
    path: str | os.PathLike[str] | None = None,
    lang: Language = "en",
    theme: Theme = "auto",
    dot: str | os.PathLike[str] | None = None,
    depth: int | None = None,
) -> Explorer:
    """Step through a computation, forward and backward, as in a debugger.

    The page shows the graph, and for each step its formula, numbers, line of code and reason. In the backward pass
    each edge is a step of its own, so that gradients are seen to add up. The formula of a gradient is the rule of the
    operation itself, written down as it is evaluated.

    Parameters
    ----------
    f_or_result : callable, Tensor or Trace
        A function, which is called with `args` and whose result, if it is a scalar, is differentiated; or a Tensor
        computed inside ``with xe.record():``.
    *args
        Arrays, Tensors, and whatever else the function takes.
    argnums : int or sequence of int, optional
        The positions of the arguments that get gradients; see `graph`.
    path : path, optional
        Where to save the page.
    lang : {"en", "zh"}
        English or Chinese.
    theme : {"auto", "light", "dark"}
        ``"auto"`` is the browser's; the page has a button for it too.
    dot : path, optional
        The Graphviz program to draw with; see `graph`. Where there is none, the values are listed instead of drawn.
    depth : int, optional
        Levels of modules and functions that are shown open; those inside are one card, and one step.

    Returns
    -------
    Explorer
        With ``.html`` and ``.save(path)``; in a notebook it shows itself.

    Raises
    ------
    ArgumentError
        For more than 400 cards, and for an unknown language or theme.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> def loss(w):
    ...     return np.sum(w * w)
    >>> page = xe.viz.explore(loss, np.array([1.0, 2.0]))
    >>> page.steps    # w; w * w; the sum; the seed; three gradients
    7
    """
    words = Words(lang)
    if theme not in get_args(Theme):
        raise ArgumentError(f"explore: theme is {theme!r}; expected 'auto', 'light' or 'dark'.")
    trace = f_or_result if isinstance(f_or_result, Trace) else trace_of(f_or_result, *args, argnums=argnums)
    layout = arrange(trace, depth=depth)
    if len(layout.cards) > MOST:
        scopes = any(value.scopes for value in trace.values)
        raise ArgumentError(
            f"explore: the page would have {len(layout.cards):,} cards; up to {MOST} can be stepped through.\n  "
            + ("depth=0 or depth=1 shows each module or function as one card." if scopes else
               "Explore a smaller example, or put parts into functions or modules, which depth= shows as one card.")
        )  # fmt: skip
    try:
        picture = drawn(layout, words, dot)
    except render.RenderError:
        if dot is not None or render.find() is not None:  # one that is there, and failed
            raise
        picture = listed(layout, words)
    walk = steps(trace, words, [card for card in layout.cards if isinstance(card, Group)])
    title = trace.title or words.say("title")
    explorer = Explorer(page(title, picture, layout, walk, words, theme), title, len(walk))
    if path is not None:
        explorer.save(path)
    return explorer


# -- the page ----------------------------------------------------------------------------------------------------------


def asset(name: str) -> str:
    """A file of the folder ``page``, without indentation and lines that are comments."""
    text = resources.files(f"{__package__}.page").joinpath(name).read_text(encoding="utf-8")
    return "\n".join(line for line in map(str.strip, text.splitlines()) if line and not line.startswith("//"))


def style() -> str:
    """The style sheet: light, and dark by the system's wish or by the button."""
    p = DARK
    colors = dark_of()
    light = "".join(f"--c{k}:{color};" for k, color in enumerate(colors))
    dark = "".join(f"--c{k}:{color};" for k, color in enumerate(colors.values())) + (
        f"--bg:{p.page};--fg:{p.text};--mute:{p.mute};--line:{p.module_line};--panel:{p.module_fill};--value:{p.value};"
        f"--grad:{p.grad};--focus:#8ab4ff;--pos:#7fd08a;--neg:#c9a6dd;--zero:{p.card}"
    )
    chosen, wished = ":root[data-theme=dark]", ":root:not([data-theme=light])"
    rules = f":root{{{light}}}{chosen}{{{dark}}}@media(prefers-color-scheme:dark){{{wished}{{{dark}}}}}"
    # attribute selectors beat the presentation attributes that Graphviz writes
    rules += "".join(
        f'svg [{name}="{color}"]{{{name}:var(--c{k})}}' for k, color in enumerate(colors) for name in ("fill", "stroke")
    )
    return asset("explorer.css").replace("/*dark*/", rules)


def as_json(value: object) -> str:
    """JSON that can stand inside a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


class Arrays:
    """The arrays of a page, each once."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.shown: list[dict[str, Any]] = []
        self._places: dict[Any, int] = {}

    def place(self, array: Array | None) -> int:
        """The number of an array in the list."""
        key = None if array is None else (array.shape, array.dtype.str, array.tobytes())
        if key not in self._places:
            self._places[key] = len(self.shown)
            self.shown.append(cells.shown(array, self.words))
        return self._places[key]


def data(layout: Layout, walk: list[Step], words: Words) -> dict[str, Any]:
    """What the script of the page reads."""
    arrays = Arrays(words)
    told = [
        {
            "phase": step.phase, "what": step.what, "code": step.code, "at": step.at, "why": step.why,
            "numbers": [[row.label, arrays.place(row.array), row.kind] for row in step.rows],
            "nodes": step.nodes, "near": step.near, "edges": step.edges, "shows": step.shows, "grads": step.grads,
            "sums": step.sums, "sent": step.sent,
        }
        for step in walk
    ]  # fmt: skip
    needed = {"phase", "what", "code", "why", "numbers", "nodes", "near", "edges"}
    told = [{key: value for key, value in step.items() if value or key in needed} for step in told]
    nodes, edges = {}, {}
    for card in layout.cards:
        values = card.members if isinstance(card, Group) else (card,)
        ids = [value.id for value in values]
        result = card.result if isinstance(card, Group) else card
        at = [k for k, step in enumerate(walk) if set(ids) & set(step.nodes)]
        name = clean(card.name) if isinstance(card, Group) else title_of(card)
        label = f"{name}, {result.op or words.say(result.role)}, {words.say('shape', shape=result.shape)}"
        if result.value is not None:
            label += f", {words.say('value')} {words.drawn(numbers(result.value))}"
        nodes[f"n_{card.id}"] = {"ids": ids, "result": result.id, "at": at, "label": clean(label, 200)}
    for link in layout.links:
        edges[link.id] = {"flows": [flow.id for flow in link.flows], "child": link.flows[0].child}
    said = {key: words.say(key) for key in FOR_SCRIPT}
    return {"steps": told, "nodes": nodes, "edges": edges, "arrays": arrays.shown, "words": said}


def page(title: str, picture: str, layout: Layout, walk: list[Step], words: Words, theme: Theme) -> str:
    """The page."""
    say = {key: html.escape(words.say(key)) for key in (
        "html_lang", "hint", "graph", "panel", "controls", "zoom", "rule", "numbers", "code", "why", "first", "back",
        "play", "next", "last", "slider", "theme", "theme_long", "in", "out", "fit", "no_script",
    )}  # fmt: skip
    script = asset("explorer.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    chosen = "" if theme == "auto" else f' data-theme="{theme}"'
    large = ' data-large="1"' if len(layout.cards) > STILL else ""
    zoom = "".join(
        f'<button id="{name}" type="button" aria-label="{label}">{text}</button>'
        for name, label, text in (("out", say["out"], "−"), ("in", say["in"], "+"))
    )
    zoom += f'<button id="fit" type="button">{say["fit"]}</button>'
    zoom = f'<div class="zoom" role="group" aria-label="{say["zoom"]}">{zoom}</div>' if "<svg" in picture else ""
    buttons = "".join(
        f'<button id="{name}" type="button" aria-label="{say[name]}" title="{say[name]}">{text}</button>'
        for name, text in (("first", "«"), ("back", "‹"), ("next", "›"), ("last", "»"))
    )
    forth = buttons.index('<button id="next"')
    play = f'<button id="play" type="button">{say["play"]}</button>'
    formulas = "".join(f'<template id="m{k}">{step.formula}</template>' for k, step in enumerate(walk))
    return (
        f'<!doctype html><html lang="{say["html_lang"]}"{chosen}><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{html.escape(clean(title))}</title>'
        f'<style>{style()}</style></head><body class="forward"{large}>'
        f'<header><h1>{html.escape(clean(title))}</h1><p class="hint">{say["hint"]}</p>{zoom}</header>'
        f'<main id="graph" tabindex="0" aria-label="{say["graph"]}">{picture}</main>'
        f'<aside aria-label="{say["panel"]}"><noscript>{say["no_script"]}</noscript>'
        '<div role="status" aria-live="polite" aria-atomic="true"><span id="phase"></span><span id="what"></span></div>'
        f'<div id="rule"><h2>{say["rule"]}</h2><div id="math"></div></div>'
        f'<h2>{say["numbers"]}</h2><table id="nums"><tbody></tbody></table>'
        f'<div id="source"><h2>{say["code"]}</h2><pre id="code"></pre><div class="at" id="at"></div></div>'
        f'<h2>{say["why"]}</h2><div id="reason"></div></aside>'
        f'<footer role="group" aria-label="{say["controls"]}">{buttons[:forth]}{play}{buttons[forth:]}'
        f'<input id="slider" type="range" min="0" max="{len(walk) - 1}" value="0" aria-label="{say["slider"]}">'
        f'<span id="count"></span><button id="theme" type="button" aria-label="{say["theme_long"]}">'
        f"{say['theme']}</button></footer>"
        f'{formulas}<script type="application/json" id="data">{as_json(data(layout, walk, words))}</script>'
        f"<script>{script}</script></body></html>"
    )
