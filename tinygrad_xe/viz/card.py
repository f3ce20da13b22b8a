"""The card of a value or a group: an HTML-like label of Graphviz's, and the lines of its tooltip."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from .fold import Group, Layout
from .palette import Palette
from .records import Flow, Role, Value
from .text import finite, in_label, in_quotes, number, numbers, size

ROLES: dict[Role, str] = {
    "input": "input", "parameter": "parameter", "op": "op result", "target": "target", "loss": "loss",
}  # fmt: skip

#: The longest expression in a heading, in characters.
EXPRESSION = 36


class CardPen:
    """Writes the cards of one picture."""

    def __init__(self, layout: Layout, palette: Palette) -> None:
        self.layout, self.trace, self.palette = layout, layout.trace, palette
        self.back: dict[int, list[Flow]] = defaultdict(list)  # what each value is sent
        for flow in self.trace.flows:
            if flow.tracked and flow.sent is not None:
                self.back[flow.parent].append(flow)

    def font(self, text: str, color: str, points: float) -> str:
        """Escaped text in a colour and size."""
        return f'<FONT COLOR="{color}" POINT-SIZE="{points:g}">{text}</FONT>'

    def mute(self, text: str) -> str:
        """Escaped text of the second rank."""
        return self.font(text, self.palette.mute, 9)

    def table(self, heading: str, right: str, rows: list[tuple[str, str]], ink: str, tint: str, border: int = 1) -> str:
        """A card as an HTML-like label."""
        # one cell: between two, a seam shows
        head = f'<TD ALIGN="LEFT">{heading}</TD>' + (f'<TD ALIGN="RIGHT">{right}</TD>' if right else "")
        head = (
            f'<TD COLSPAN="2" BGCOLOR="{tint}" CELLPADDING="0"><TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" '
            f'CELLPADDING="4"><TR>{head}</TR></TABLE></TD>'
        )
        lines = "".join(f'<TR><TD ALIGN="LEFT">{a}</TD><TD ALIGN="RIGHT">{b}</TD></TR>' for a, b in rows)
        return (
            f'<<TABLE BORDER="{border}" COLOR="{ink}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3" '
            f'BGCOLOR="{self.palette.card}"><TR>{head}</TR>{lines}</TABLE>>'
        )

    def heading(self, name: str, rest: str = "") -> str:
        """The name in bold, and what follows it."""
        if not name.strip() and not rest:
            return self.font("constant", self.palette.mute, 11)
        bold = self.font(f"<B>{in_label(name)}</B>", self.palette.text, 13) if name.strip() else ""
        equals = " = " if bold and rest else ""
        return bold + (self.font(equals + in_label(rest, EXPRESSION), self.palette.text, 11) if rest else "")

    def value(self, value: Value) -> str:
        """The card of a value."""
        ink, tint, detail = self.palette.ink(value.role), self.palette.tint(value.role), self.layout.detail
        brief = self.heading(value.name, "" if value.name else value.expression or value.op)
        if detail == "names":
            return self.table(brief, "", [], ink, tint)
        word = "loss" if value.role == "loss" and not value.op else value.op or ROLES[value.role]
        chip = self.font(in_label(word), ink, 9)
        kind = (self.mute(in_label(value.dtype)), self.mute(size(value.shape)))
        if detail == "short":
            return self.table(brief, chip, [kind], ink, tint)
        if detail == "lines":
            return self.table(self.heading(value.name, value.expression), chip, [kind], ink, tint)
        rows = [
            kind,
            (self.mute("value"), self.number_of(value)),
            (self.mute("grad"), self.grad_of(value)),
        ]
        if total := self.total(value):
            rows.append(("", self.font(total, self.palette.grad, 9)))
        if value.id == self.trace.result and value.grad is not None:
            rows.append(("", self.mute("seed of backward()")))
        border = 1 if finite(value.value) and finite(value.grad) else 2
        return self.table(self.heading(value.name, value.expression), chip, rows, ink, tint, border)

    def number_of(self, value: Value) -> str:
        """The value of a card."""
        if value.value is None:
            return self.mute("<I>not kept</I>")
        color = self.palette.value if finite(value.value) else self.palette.grad
        return self.font(in_label(numbers(value.value), 60), color, 11)

    def grad_of(self, value: Value) -> str:
        """The gradient of a card, or why there is none."""
        if value.grad is None:
            return self.mute(f"<I>{in_label(value.grad_note or 'none')}</I>")
        return self.font(f"<B>{in_label(numbers(value.grad), 60)}</B>", self.palette.grad, 11)

    def total(self, value: Value) -> str:
        """The sum of what several paths send, where it can be seen."""
        sent = [np.asarray(flow.sent) for flow in self.back[value.id]]
        if len(sent) < 2 or value.grad is None:
            return ""
        if any(each.ndim for each in sent) or len(sent) > 4:
            return f"Σ  {len(sent)} paths"
        terms = number(sent[0][()])
        for each in sent[1:]:
            text = number(each[()])
            terms += f" − {text[1:]}" if text.startswith("-") else f" + {text}"
        return f"Σ  {terms}"

    def group(self, group: Group) -> str:
        """The card of a collapsed scope or folded block."""
        palette = self.palette
        fill = palette.function_fill if group.kind == "function" else palette.module_fill
        name = group.name if group.name.strip() else group.kind
        heading = self.font(f"<B>{in_label(name)}</B>", palette.text, 13)
        if group.repeats > 1:
            heading += self.font(f" × {group.repeats:,}", palette.text, 13)
        chip = self.mute("folded" if group.kind == "block" else group.kind)
        rows = []
        if group.detail and self.layout.detail != "names":
            rows.append((self.mute(in_label(group.detail)), ""))
        rows.append((self.mute(group.counts or str(group.result.dtype)), self.mute(size(group.result.shape))))
        if group.result.id == self.trace.result and self.layout.detail in ("full", "cards"):
            rows.append((self.mute("value"), self.number_of(group.result)))
        return self.table(heading, chip, rows, palette.op_ink, fill)

    def value_tip(self, value: Value) -> list[str]:
        """The lines of a value's tooltip."""
        what = value.expression or ROLES[value.role]
        lines = [in_quotes(f"{value.name} = ") + in_quotes(what, 120) if value.name else in_quotes(what, 120)]
        lines.append(f"{size(value.shape)}, {in_quotes(value.dtype)}")
        if self.layout.detail != "lines":
            lines.append("value " + ("not kept" if value.value is None else in_quotes(numbers(value.value), 80)))
            grad = value.grad_note or "none" if value.grad is None else numbers(value.grad)
            lines.append("grad " + in_quotes(grad, 80))
        if value.line:
            lines.append(in_quotes(value.line, 120))
        return lines

    def group_tip(self, group: Group) -> list[str]:
        """The lines of a group's tooltip."""
        times = f" × {group.repeats:,}" if group.repeats > 1 else ""
        lines = [f"{group.kind} {in_quotes(group.name)}{times}"]
        if group.detail:
            lines.append(in_quotes(group.detail, 120))
        lines.append(f"{len(group.members):,} values, {group.count('parameter'):,} of them parameters")
        lines.append(f"result: {size(group.result.shape)}, {in_quotes(group.result.dtype)}")
        return lines
