"""The graph inside the explorer's page: Graphviz's SVG with its moving parts marked, or a list of cards without it."""

from __future__ import annotations

import html
import os
import re
from collections import defaultdict

from . import render
from .dot import digraph
from .fold import Card, Group, Layout, Link
from .palette import LIGHT
from .reasons import title_of
from .records import Value
from .text import clean, numbers
from .words import Words

#: Where a card or an edge begins.
PART = re.compile(r'(?=<g id="[nec]_[0-9_]+" class="(?:node|edge|cluster) tg-)')

TEXT = re.compile(r"<text ([^>]*)>([^<]*)</text>")

#: What stands at the right of a card, beside what the colours tell.
RIGHT = re.compile(r"scalar|shape \(.*\)|not (?:kept|tracked|computed yet)")

FILL = re.compile(r'fill="([^"]*)"')


def drawn(layout: Layout, words: Words, dot: str | os.PathLike[str] | None = None) -> str:
    """The SVG of a layout, in which the texts that come and go have classes.

    ``tg-v`` is a value, ``tg-g`` a gradient, ``tg-sum`` the sum of several paths, ``tg-seed`` the note where backward
    starts, ``tg-sent`` what an edge sends back, ``tg-frame`` the border of a card, ``tg-right`` what else stands at its
    right.

    Raises
    ------
    RenderError
        When no Graphviz program is found, or when it fails.
    """
    svg = render.svg(digraph(layout, theme="auto").source, dot)
    parts = PART.split(svg)
    parts[0] = parts[0].replace("<svg ", '<svg class="drawing" role="group" ', 1)
    return TEXT.sub(lambda text: translated(text, words), "".join(map(marked, parts)))


def translated(text: re.Match[str], words: Words) -> str:
    """A text element in the page's language, unless it is the user's: names are in the main colour."""
    if fill(text) == LIGHT.text:
        return text[0]
    said = html.unescape(text[2]).strip()
    found = words.drawn(said)
    return text[0] if found == said else f"<text {text[1]}>{html.escape(found, quote=False)}</text>"


def marked(part: str) -> str:
    """One card or edge with classes on its texts."""
    if part.startswith('<g id="e_'):
        return TEXT.sub(lambda text: as_class(text, "tg-sent") if fill(text) == LIGHT.grad else text[0], part)
    if not part.startswith('<g id="n_'):
        return part
    row = ""

    def mark(text: re.Match[str]) -> str:
        nonlocal row
        before, row = row, ""
        color, content = fill(text), html.unescape(text[2]).strip()
        if color == LIGHT.mute:
            row = content
            if content.startswith("seed of "):
                return as_class(text, "tg-seed")
            return as_class(text, "tg-right") if RIGHT.fullmatch(content) else text[0]
        if before == "value":
            return as_class(text, "tg-v")
        if color != LIGHT.grad:
            return text[0] if color == LIGHT.text else as_class(text, "tg-right")
        return as_class(text, "tg-g" if before == "grad" else "tg-sum")

    return TEXT.sub(mark, part).replace('<polygon fill="none"', '<polygon class="tg-frame" fill="none"')


def fill(text: re.Match[str]) -> str:
    """The colour of a text element."""
    found = FILL.search(text[1])
    return found[1] if found else ""


def as_class(text: re.Match[str], name: str) -> str:
    """The text element with a class."""
    return f'<text class="{name}" {text[1]}>{text[2]}</text>'


# -- without Graphviz --------------------------------------------------------------------------------------------------


def listed(layout: Layout, words: Words) -> str:
    """The cards of a layout as a list, each with the edges that leave it, in the order of computation."""
    leaving: dict[int, list[Link]] = defaultdict(list)
    for link in layout.links:
        leaving[link.parent].append(link)
    titles = {card.id: name_of(card) for card in layout.cards}
    cards = "".join(card_of(card, leaving[card.id], titles, words) for card in layout.cards)
    return f'<p class="note">{html.escape(words.say("no_drawing"))}</p><ol class="cards">{cards}</ol>'


def name_of(card: Card) -> str:
    """What a card is called."""
    if isinstance(card, Group):
        return clean(card.name) + (f" × {card.repeats}" if card.repeats > 1 else "")
    return title_of(card)


def card_of(card: Card, links: list[Link], titles: dict[int, str], words: Words) -> str:
    """One card."""
    if isinstance(card, Group):
        role, chip, expression, lines = "group", clean(card.detail or card.kind), "", ""
    else:
        role, chip = card.role, clean(card.op or words.say(card.role))
        expression = f" = {clean(card.expression)}" if card.name and card.expression else ""
        lines = lines_of(card, words)
    edges = "".join(edge_of(link, titles, words) for link in links)
    return (
        f'<li id="n_{card.id}" class="tg-node tg-{role}"><div class="head"><span><b>{html.escape(titles[card.id])}</b>'
        f"{html.escape(expression)}</span><small>{html.escape(chip)}</small></div>{lines}"
        + (f"<ul>{edges}</ul>" if edges else "")
        + "</li>"
    )


def lines_of(value: Value, words: Words) -> str:
    """Shape, value and gradient of a card."""
    shape = words.say("shape", shape=value.shape) if value.shape else words.say("scalar")
    known = words.say("not kept") if value.value is None else words.drawn(numbers(value.value))
    if value.grad is None:
        grad = f"<dd><small>{html.escape(words.say(value.grad_note or 'not kept'))}</small></dd>"
    else:
        grad = f'<dd class="tg-g">{html.escape(words.drawn(numbers(value.grad)))}</dd>'
    return (
        f"<dl><dt>{html.escape(str(value.dtype))}</dt><dd><small>{html.escape(shape)}</small></dd>"
        f'<dt>{html.escape(words.say("value"))}</dt><dd class="tg-v">{html.escape(known)}</dd>'
        f"<dt>{html.escape(words.say('grad'))}</dt>{grad}</dl>"
    )


def edge_of(link: Link, titles: dict[int, str], words: Words) -> str:
    """One edge, on the card that it leaves."""
    sent = ""
    if len(link.flows) == 1 and link.flows[0].sent is not None:
        said = f"{words.say('sends')} {words.drawn(numbers(link.flows[0].sent))}"
        sent = f' <span class="tg-sent">{html.escape(said)}</span>'
    return f'<li id="{link.id}" class="tg-edge">→ {html.escape(titles[link.child])}{sent}</li>'
