"""What of a trace is drawn: scopes collapsed, equal consecutive blocks folded into one, and how much a card shows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Literal

from ..errors import ArgumentError
from .blocks import Blocks
from .records import Flow, Scope, Trace, Value
from .text import clean

#: How much is shown: cards with edge labels, cards alone, two lines with the expression (of a program, which has no
#: values) or without, one line.
Detail = Literal["full", "cards", "lines", "short", "names"]

#: The most cards that are drawn in each detail.
TIERS: tuple[tuple[int, Detail], ...] = ((60, "full"), (150, "cards"), (400, "short"), (1500, "names"))
MOST = TIERS[-1][0]

#: A trace of more values is collapsed and folded without being asked.
COLLAPSE = 150

#: Scopes inside so many others have no cluster of their own: Graphviz recurses into clusters.
NESTED = 8


@dataclass(frozen=True)
class Group:
    """Values that are drawn as one card: a collapsed scope, or a folded block.

    Attributes
    ----------
    id : int
        The smallest id of its values.
    name : str
    kind : {"module", "function", "block"}
    detail : str
        ``"Linear(3 -> 1)"``, or the operations of a block.
    repeats : int
        How many equal blocks it stands for.
    members : tuple of Value
    result : Value
        The last value that was computed in it.
    scopes : tuple of Scope
        The clusters around it.
    """

    id: int
    name: str
    kind: Literal["module", "function", "block"]
    detail: str
    repeats: int
    members: tuple[Value, ...]
    result: Value
    scopes: tuple[Scope, ...]

    @property
    def counts(self) -> str:
        """Its operations and parameter tensors, in words: those of each block where they are equal.

        Empty where each block is one operation, which its name says.
        """
        if self.kind == "block" and len(self.members) == self.repeats:
            return ""
        counts = {what: self.count(what) for what in ("op", "parameter")}
        each = 1 if any(count % self.repeats for count in counts.values()) else self.repeats
        words = [f"{n // each:,} {what}" + "s" * (n != each) for what, n in counts.items() if n]
        return ", ".join(words) + " each" * (each > 1)

    def count(self, what: str) -> int:
        """How many operations or parameters are in it."""
        return sum(bool(value.op) if what == "op" else value.role == what for value in self.members)


Card = Value | Group


@dataclass(frozen=True)
class Link:
    """An edge between cards: one flow, or all flows between two cards of which one stands for several values."""

    id: str
    parent: int
    child: int
    flows: tuple[Flow, ...]

    @property
    def tracked(self) -> bool:
        """Whether a gradient flows back along it."""
        return any(flow.tracked for flow in self.flows)


@dataclass(frozen=True)
class Layout:
    """The cards and links of a picture.

    Attributes
    ----------
    trace : Trace
    cards : list of Value and Group
    links : list of Link
    detail : {"full", "cards", "short", "names"}
    """

    trace: Trace
    cards: list[Card]
    links: list[Link]
    detail: Detail


def arrange(trace: Trace, *, depth: int | None = None, scope: str | None = None, force: bool = False) -> Layout:
    """Decide what of a trace is drawn.

    Parameters
    ----------
    trace : Trace
    depth : int, optional
        Levels of scopes that are drawn open; a scope inside them is one card, and equal consecutive blocks are folded.
        By default, everything is drawn up to 150 values, and beyond as much as fits.
    scope : str, optional
        Draw this scope alone: its name, or its path, ``"model/linear1"``.
    force : bool
        Draw more than 1,500 cards.

    Raises
    ------
    ArgumentError
        When there are too many cards, when no scope has this name, or when `depth` is no whole number from 0.
    """
    if depth is not None and (not hasattr(depth, "__index__") or depth < 0):
        raise ArgumentError(f"graph: depth is {depth!r}; it counts the open levels of modules and functions, from 0.")
    outer = 0
    if scope is not None:
        trace, outer = only(trace, scope)
    if depth is not None:
        cards, unit = fold(trace, outer + depth)
    elif len(trace.values) <= COLLAPSE or force:
        cards, unit = fold(trace, None)
    else:
        for level in (outer + 1, outer):
            cards, unit = fold(trace, level)
            if len(cards) <= COLLAPSE:
                break
    detail: Detail = next((name for most, name in TIERS if len(cards) <= most), "names")
    if len(cards) > MOST and not force:
        scopes = any(len(value.scopes) > outer for value in trace.values)
        remedy = (
            "depth=0 draws each module or function as one card, scope='name' draws one alone"
            if scopes
            else "Draw an earlier result, or compute parts in functions, for depth= and scope="
        )
        raise ArgumentError(
            f"graph: the picture would have {len(cards):,} nodes, of {len(trace.values):,} values; "
            f"at most {MOST:,} are drawn.\n"
            f"  {remedy}; force=True draws all, which may take minutes."
        )
    return Layout(trace, cards, links(trace, cards, unit, detail), detail)


def only(trace: Trace, scope: str) -> tuple[Trace, int]:
    """A trace of one scope and of what enters it, and at which level the scope is."""
    inside: dict[int, int] = {}
    known: dict[str, None] = {}
    for value in trace.values:
        path = ""
        for level, each in enumerate(value.scopes, 1):
            path = f"{path}/{each.name}" if path else each.name
            known[path] = None
            if path == scope or path.endswith("/" + scope):
                inside[value.id] = level
                break
    if not inside:
        names = ", ".join(repr(clean(path)) for path in list(known)[:8]) + (", ..." if len(known) > 8 else "")
        raise ArgumentError(f"graph: no scope {clean(scope)!r}. There {'are ' + names if known else 'is none'}.")
    flows = [flow for flow in trace.flows if flow.child in inside]
    entering = {flow.parent for flow in flows} - inside.keys()
    values = [
        value if value.id in inside else replace(value, scopes=())
        for value in trace.values
        if value.id in inside or value.id in entering
    ]
    shown = {value.id for value in values}
    kept = {flow.id for flow in flows}
    sendings = [sending for sending in trace.sendings if sending.flow in kept]
    result = trace.result if trace.result in shown else None
    return replace(trace, values=values, flows=flows, sendings=sendings, result=result), min(inside.values())


def fold(trace: Trace, level: int | None) -> tuple[list[Card], dict[int, int]]:
    """The cards with scopes open down to `level`, and for each value the id of its card; None opens all."""
    if level is None:
        return list(trace.values), {value.id: value.id for value in trace.values}
    cards = collapse(trace.values, level)
    unit = {member.id: card.id for card in cards for member in members(card)}
    cards = repeated(trace, cards, unit)
    return cards, {member.id: card.id for card in cards for member in members(card)}


def members(card: Card) -> tuple[Value, ...]:
    """The values of a card."""
    return card.members if isinstance(card, Group) else (card,)


def collapse(values: list[Value], level: int) -> list[Card]:
    """Each scope inside `level` others as one card, in order of computation."""
    inside: dict[tuple[Scope, ...], list[Value]] = defaultdict(list)
    for value in values:
        if len(value.scopes) > level:
            inside[value.scopes[: level + 1]].append(value)
    cards: list[Card] = []
    for value in values:
        path = value.scopes[: level + 1]
        if len(path) <= level:
            cards.append(value)
            continue
        group = inside.pop(path, None)
        if group is None:
            continue
        if len(group) == 1:  # one card either way: the value's own says more
            cards.append(replace(value, scopes=path[:level]))
            continue
        last = next((member for member in reversed(group) if member.op), group[-1])
        scope = path[-1]
        cards.append(Group(group[0].id, scope.name, scope.kind, scope.detail, 1, tuple(group), last, path[:level]))
    return cards


def repeated(trace: Trace, cards: list[Card], unit: dict[int, int]) -> list[Card]:
    """The cards with equal consecutive blocks of them in one; `unit` has the id of each value's card."""
    parents: dict[int, list[int]] = defaultdict(list)
    children: dict[int, set[int]] = defaultdict(set)
    for flow in trace.flows:
        parent, child = unit[flow.parent], unit[flow.child]
        if parent != child:
            parents[child].append(parent)
            children[parent].add(child)
    by_id = {card.id: card for card in cards}
    steps = [card for card in cards if any(member.op for member in members(card))]
    index = {card.id: i for i, card in enumerate(steps)}
    blocks = Blocks({card.id: kind(card, trace.result) for card in cards}, index, parents, children)
    gone: set[int] = set()
    groups: dict[int, Group] = {}
    for start, period, count in blocks.repeats():
        folded = steps[start : start + period * count]
        ids = {card.id for card in folded} | blocks.leaves(start, period, count)
        inside = sorted((value for i in ids for value in members(by_id[i])), key=lambda value: value.id)
        groups[folded[0].id] = block(folded, period, count, tuple(inside))
        gone |= ids
    return [groups.get(card.id, card) for card in cards if card.id not in gone or card.id in groups]


def kind(card: Card, result: int | None) -> Hashable:
    """What two cards have in common that may stand for each other; the result is alone of its kind."""
    if isinstance(card, Value):
        return card.scopes, card.op, card.role, card.shape, card.dtype, card.id == result
    kinds = tuple((value.op, value.role, value.shape, value.dtype) for value in card.members)
    has_result = any(value.id == result for value in card.members)
    return card.scopes, card.kind, stem(card.name), card.detail, kinds, has_result


def block(folded: list[Card], period: int, count: int, inside: tuple[Value, ...]) -> Group:
    """The card of equal blocks."""
    first, last = folded[0], folded[-1]
    result = last.result if isinstance(last, Group) else last
    kind: Literal["module", "function", "block"] = "block"
    if period > 1:
        name, detail = "block", ", ".join(title(card) for card in folded[: min(period, 4)])
        detail += f", and {period - 4} more" if period > 4 else ""
    elif isinstance(first, Group):
        name, detail, kind = stem(first.name) or first.name, first.detail, first.kind
    else:
        name, detail = first.op, ""
    return Group(inside[0].id, name, kind, detail, count, inside, result, first.scopes)


def title(card: Card) -> str:
    """What a card is called in the list of a block."""
    return card.op if isinstance(card, Value) else stem(card.name) or card.name


def stem(name: str) -> str:
    """A name without the number that tells it from its like.

    Examples
    --------
    >>> stem("layer12"), stem("block_3"), stem("relu")
    ('layer', 'block', 'relu')
    """
    return re.sub(r"[\s_.\-]*\d+$", "", name[:200])


def links(trace: Trace, cards: list[Card], unit: dict[int, int], detail: Detail) -> list[Link]:
    """The edges between cards, in the order of the flows."""
    single = {card.id for card in cards if isinstance(card, Value)}
    joined: dict[tuple[int, int, int], list[Flow]] = defaultdict(list)
    seen: dict[tuple[int, int], int] = defaultdict(int)
    for flow in trace.flows:
        parent, child = unit[flow.parent], unit[flow.child]
        if parent == child:
            continue
        apart = detail in ("full", "cards") and parent in single and child in single
        joined[parent, child, seen[parent, child] if apart else 0].append(flow)
        seen[parent, child] += 1
    return [
        Link(f"e_{parent}_{child}" + (f"_{again}" if again else ""), parent, child, tuple(flows))
        for (parent, child, again), flows in joined.items()
    ]
