"""The colours of the pictures, light and dark: Okabe and Ito's hues, changed until text on them can be read."""

from __future__ import annotations

from dataclasses import dataclass, fields

from .records import Role


@dataclass(frozen=True)
class Palette:
    """Colours as ``#rrggbb``; an ink is for text and borders, its tint lies behind it.

    Text has at least 4.5 to 1 against what it lies on (WCAG 2.2, level AA).
    """

    text: str
    mute: str
    line: str
    edge: str
    value: str
    grad: str
    page: str
    card: str
    module_fill: str
    module_line: str
    function_fill: str
    function_line: str
    input_ink: str
    input_tint: str
    parameter_ink: str
    parameter_tint: str
    op_ink: str
    op_tint: str
    loss_ink: str
    loss_tint: str
    target_ink: str
    target_tint: str

    def ink(self, role: Role) -> str:
        """The colour of a role's border and word."""
        ink: str = getattr(self, f"{role}_ink")
        return ink

    def tint(self, role: Role) -> str:
        """The colour behind a card's heading."""
        tint: str = getattr(self, f"{role}_tint")
        return tint


LIGHT = Palette(
    text="#1f2937", mute="#5f6673", line="#9ca3af", edge="#4b5563", value="#005a8f", grad="#c2410c",
    page="#ffffff", card="#ffffff",
    module_fill="#f3f6fa", module_line="#cbd5e1", function_fill="#fbf6ee", function_line="#e3d3b8",
    input_ink="#0b5a8f", input_tint="#dcecf8", parameter_ink="#8a5a00", parameter_tint="#fdeecb",
    op_ink="#4b5563", op_tint="#e9edf2", loss_ink="#00694c", loss_tint="#d5f0e6",
    target_ink="#5f6673", target_tint="#f1f3f5",
)  # fmt: skip

DARK = Palette(
    text="#e6e9ee", mute="#a3adba", line="#6b7788", edge="#b6c0cd", value="#7cc4f5", grad="#ff9a66",
    page="#14181f", card="#1c232e",
    module_fill="#181e27", module_line="#3a4656", function_fill="#211d17", function_line="#51452f",
    input_ink="#7cc4f5", input_tint="#16354b", parameter_ink="#f2bd4b", parameter_tint="#43330d",
    op_ink="#b6c0cd", op_tint="#2a323e", loss_ink="#4fd1a5", loss_tint="#12382d",
    target_ink="#a3adba", target_tint="#262c35",
)  # fmt: skip


def dark_of() -> dict[str, str]:
    """For each light colour, the dark one in its place; the page, white as the cards are, is left out."""
    return {getattr(LIGHT, field.name): getattr(DARK, field.name) for field in fields(Palette) if field.name != "page"}


def dark_rules(scope: str) -> str:
    """CSS that darkens a picture drawn in the light colours: attribute selectors beat presentation attributes.

    Examples
    --------
    >>> dark_rules("svg").splitlines()[0]
    'svg [fill="#1f2937"]{fill:#e6e9ee}svg [stroke="#1f2937"]{stroke:#e6e9ee}'
    """
    return "\n".join(
        f'{scope} [fill="{light}"]{{fill:{dark}}}{scope} [stroke="{light}"]{{stroke:{dark}}}'
        for light, dark in dark_of().items()
    )
