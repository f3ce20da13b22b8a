"""A layout as a ``graphviz.Digraph``: a card for each tensor or group, edges, clusters for modules and functions."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Literal

import numpy as np

from .card import ROLES, CardPen
from .fold import NESTED, Card, Group, Layout, Link
from .palette import DARK, LIGHT, Palette
from .records import Flow, Scope, Value, letter_of_gradient
from .text import in_label, in_quotes, number, numbers, size

if TYPE_CHECKING:
    from graphviz import Digraph

Theme = Literal["light", "dark", "auto"]
Direction = Literal["TB", "LR", "auto"]

#: Exactly one family: engines without fonts know the widths of Arial, and measure a list of names as Times.
FONT = "Arial"

#: What flows back; both are in WGL4, which every Arial-like font has.
BACK = {"LR": "◄", "TB": "▲"}

#: An expression that needs no parentheses.
CALL = re.compile(r"[\w.]+(\([^()]*\))?")

#: The longest derivative on an edge, in characters.
DERIVATIVE = 28


def digraph(layout: Layout, *, theme: Theme = "light", direction: Direction = "TB") -> Digraph:
    """Draw a layout.

    Nodes have the ids ``n_<id>`` and the classes ``tg-node tg-<role>``, edges the ids of the layout's links and the
    class ``tg-edge``, with ``tg-nograd`` where no gradient flows; clusters ``c_<number>`` and ``tg-cluster``. With
    ``theme="auto"`` it is drawn in the light colours on a transparent ground, to be darkened by `palette.dark_rules`.
    """
    from graphviz import Digraph

    palette = DARK if theme == "dark" else LIGHT
    rankdir = ("LR" if flat(layout) else "TB") if direction == "auto" else direction
    pen = Pen(layout, palette, rankdir)
    graph = Digraph(
        "tinygrad_xe",
        graph_attr={
            "rankdir": rankdir,
            "ranksep": "0.45" if rankdir == "LR" else "0.3",
            "nodesep": "0.3",
            "bgcolor": "transparent" if theme == "auto" else palette.page,
            "fontname": FONT,
            "fontsize": "10",
            "pad": "0.25",
            "label": pen.legend(),
            "labelloc": "b",
            "labeljust": "l",
            "newrank": "true",
            "splines": "true",
            "tooltip": " ",
        },
        node_attr={"shape": "plain", "fontname": FONT, "fontsize": "11", "fontcolor": palette.text},
        edge_attr={
            "fontname": FONT, "fontsize": "9", "color": palette.edge, "arrowsize": "0.6", "penwidth": "1.1",
        },
    )  # fmt: skip
    pen.clusters(graph)
    for link in layout.links:
        pen.link(graph, link)
    for upper, lower in stacking(layout):
        graph.edge(f"n_{upper}", f"n_{lower}", style="invis", weight="0")
    return graph


def stacking(layout: Layout) -> list[tuple[int, int]]:
    """Pairs of an operation outside a cluster and a leaf in it that are used together: the leaf comes below.

    Without this, the parameters of a layer stand beside the layer before it, and the clusters go down in a diagonal.
    """
    cards = {card.id: card for card in layout.cards}
    parents: dict[int, list[int]] = defaultdict(list)
    for link in layout.links:
        parents[link.child].append(link.parent)
    leaves = {card.id for card in layout.cards if card.id not in parents}
    pairs: dict[tuple[int, int], None] = {}
    for child, above in parents.items():
        home = cards[child].scopes
        for leaf in above:
            if home and leaf in leaves and cards[leaf].scopes == home:
                pairs |= {(op, leaf): None for op in above if op not in leaves and cards[op].scopes != home}
    return list(pairs)


def flat(layout: Layout) -> bool:
    """Whether a picture from left to right is narrow: at most four ranks, and scalars only."""
    rank = {card.id: 1 for card in layout.cards}
    for link in layout.links:  # in the order of their children
        rank[link.child] = max(rank[link.child], rank[link.parent] + 1)
    scalars = all(isinstance(card, Value) and not card.shape for card in layout.cards)
    return scalars and max(rank.values(), default=1) <= 4


class Pen(CardPen):
    """Writes the cards, edges, clusters and legend of one picture."""

    def __init__(self, layout: Layout, palette: Palette, rankdir: str) -> None:
        super().__init__(layout, palette)
        self.rankdir = rankdir
        self.values = {value.id: value for value in self.trace.values}

    def card(self, graph: Digraph, card: Card) -> None:
        """Add a card to a graph or cluster."""
        label = self.group(card) if isinstance(card, Group) else self.value(card)
        role = "group" if isinstance(card, Group) else card.role
        tooltip = "&#10;".join(self.group_tip(card) if isinstance(card, Group) else self.value_tip(card))
        attributes = {"id": f"n_{card.id}", "class": f"tg-node tg-{role}", "tooltip": tooltip, "label": label}
        graph.node(f"n_{card.id}", **attributes)

    # -- edges ---------------------------------------------------------------------------------------------------------

    def link(self, graph: Digraph, link: Link) -> None:
        """Add an edge."""
        attributes = {"id": link.id, "class": "tg-edge" if link.tracked else "tg-edge tg-nograd"}
        parent = self.label_of(self.values[link.flows[0].parent])
        if not link.tracked:
            attributes |= {"style": "dashed", "color": self.palette.line}
            attributes["tooltip"] = f"no gradient flows to {in_quotes(parent)}"
        elif len(link.flows) > 1:
            attributes["tooltip"] = f"{len(link.flows):,} uses of {in_quotes(parent)}"
        else:
            flow = link.flows[0]
            derivative = self.derivative(flow, 120)
            sent = "" if flow.sent is None else f"sends {numbers(flow.sent)} to "
            attributes["tooltip"] = (in_quotes(derivative, 160) + "&#10;") * bool(derivative) + sent + in_quotes(parent)
            if self.layout.detail == "full" and (label := self.edge_label(flow)):
                attributes["label"] = label
        graph.edge(f"n_{link.parent}", f"n_{link.child}", **attributes)

    def edge_label(self, flow: Flow) -> str:
        """The local derivative and what is sent back."""
        rows = []
        if derivative := self.derivative(flow, DERIVATIVE):
            rows.append(self.mute(in_label(derivative, 60)))
        if flow.sent is not None:
            # numbers where they say more than the parent's card does, and are short
            seen = not np.ndim(flow.sent) or (len(self.back[flow.parent]) > 1 and np.size(flow.sent) <= 4)
            sent = numbers(flow.sent) if seen else size(np.shape(flow.sent))
            arrow = f'<FONT POINT-SIZE="7">{BACK[self.rankdir]}</FONT> '
            rows.append(self.font(arrow + in_label(sent, 60), self.palette.grad, 10))
        if not rows:
            return ""
        gap = '<TD WIDTH="5"></TD>'  # else the text touches the line
        lines = "".join(f"<TR>{gap}<TD>{row}</TD></TR>" for row in rows)
        return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{lines}</TABLE>>'

    def derivative(self, flow: Flow, limit: int) -> str:
        """``∂c/∂z = y = 1.0000``, or where the rule is no product with a local derivative, the rule; not escaped."""
        parent, child = self.values[flow.parent], self.values[flow.child]
        if flow.local is None:
            rule = "" if flow.rule is None else flow.rule.text(unicode=True)
            return rule if len(rule) <= limit else ""
        text = flow.local.text(unicode=True)
        local = np.asarray(flow.local.value)
        plain = text.lstrip("-").replace(".", "", 1).isdigit()
        equals = f" = {text}" if len(text) <= limit else ""
        equals += f" = {number(local[()])}" if local.ndim == 0 and not plain else ""
        return f"∂{self.label_of(child)}/∂{self.label_of(parent)}{equals}" if equals else ""

    def label_of(self, value: Value) -> str:
        """What a value is called in a derivative."""
        if value.name.strip():
            return value.name[:24]
        if 0 < len(value.expression) <= 24:
            return value.expression if CALL.fullmatch(value.expression) else f"({value.expression})"
        return value.op or ROLES[value.role]

    # -- clusters and legend -------------------------------------------------------------------------------------------

    def clusters(self, graph: Digraph) -> None:
        """Add all cards, those of a scope in a cluster, inner ones first: no recursion."""
        inside: dict[tuple[Scope, ...], list[Card]] = defaultdict(list)
        for card in self.layout.cards:
            inside[card.scopes[:NESTED]].append(card)
        paths: dict[tuple[Scope, ...], int] = {}
        for path in list(inside):
            for end in range(1, len(path) + 1):
                paths.setdefault(path[:end], len(paths))
        leaving = self.leaving(set(paths))
        subgraphs: dict[tuple[Scope, ...], Digraph] = {}
        for path in sorted(paths, key=lambda path: (-len(path), paths[path])):
            subgraphs[path] = self.cluster(paths[path], path, path in leaving)
            for card in inside[path]:
                self.card(subgraphs[path], card)
            for inner in [other for other in subgraphs if other[:-1] == path and len(other) == len(path) + 1]:
                subgraphs[path].subgraph(subgraphs.pop(inner))
        for subgraph in sorted(subgraphs, key=paths.__getitem__):
            graph.subgraph(subgraphs[subgraph])
        for card in inside[()]:
            self.card(graph, card)

    def leaving(self, paths: set[tuple[Scope, ...]]) -> set[tuple[Scope, ...]]:
        """The clusters that an edge leaves, whose label is at the top."""
        scopes = {card.id: card.scopes[:NESTED] for card in self.layout.cards}
        found = set()
        for link in self.layout.links:
            here, there = scopes[link.parent], scopes[link.child]
            found |= {here[:end] for end in range(1, len(here) + 1) if here[:end] != there[:end]}
        return found & paths

    def cluster(self, count: int, path: tuple[Scope, ...], leaves: bool) -> Digraph:
        """An empty cluster."""
        from graphviz import Digraph

        palette, scope = self.palette, path[-1]
        function = scope.kind == "function"
        name = self.font(f"<B>{in_label(scope.name)}</B>", palette.text, 11) if scope.name.strip() else ""
        detail = self.font("  " + in_label(scope.detail or scope.kind), palette.mute, 10)
        return Digraph(
            f"cluster_{count}",
            graph_attr={
                "id": f"c_{count}",
                "class": "tg-cluster",
                "label": f"<{name}{detail}>",
                "labeljust": "l",
                "labelloc": "t" if leaves or self.rankdir == "LR" else "b",
                "style": "rounded,filled",
                "fillcolor": palette.function_fill if function else palette.module_fill,
                "color": palette.function_line if function else palette.module_line,
                "margin": "12",
                "tooltip": f"{scope.kind} {in_quotes(scope.name)}&#10;{in_quotes(scope.detail or ' ')}",
            },
        )

    def legend(self) -> str:
        """The meaning of colours and signs, of those in the picture."""
        palette, shown = self.palette, {card.role for card in self.layout.cards if isinstance(card, Value)}
        roles = [
            self.font("■", palette.ink(role), 10) + " " + self.mute(word)
            for role, word in ROLES.items()
            if role in shown
        ]
        signs = []
        if self.layout.detail in ("full", "cards"):
            signs = [
                self.font("value", palette.value, 9) + " " + self.mute("forward"),
                self.font("<B>grad</B>", palette.grad, 9) + " " + self.mute("∂loss/∂node"),
            ]
        flows = [link.flows[0] for link in self.layout.links if link.tracked and len(link.flows) == 1]
        if self.layout.detail == "full" and any(flow.sent is not None for flow in flows):
            signs.append(self.font(BACK[self.rankdir], palette.grad, 7) + " " + self.mute("sent back along the edge"))
        rules = [self.derivative(flow, DERIVATIVE) for flow in flows if flow.local is None]
        letter = letter_of_gradient(value.name for value in self.trace.values)
        if self.layout.detail == "full" and any(re.search(rf"\b{letter}\b", rule) for rule in rules):
            signs.append(self.mute(f"{letter}: the gradient of the result"))
        if any(self.total(card) for card in self.layout.cards if isinstance(card, Value)) and signs:
            signs.append(self.font("Σ", palette.grad, 9) + " " + self.mute("paths added up"))
        if any(isinstance(card, Value) and card.grad_note == "not kept" for card in self.layout.cards) and signs:
            signs.append(self.mute("not kept: compute inside with xe.record():"))
        if not all(link.tracked for link in self.layout.links):
            signs.append(self.mute("dashed: no gradient"))
        rows = "".join(f'<TR><TD ALIGN="LEFT">{"     ".join(row)}</TD></TR>' for row in (roles, signs) if row)
        return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3">{rows}</TABLE>>' if rows else ""
