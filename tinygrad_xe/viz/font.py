"""Widths of Arial's characters, by which text keeps its length where a viewer has another font."""

from __future__ import annotations

import html
import re

#: Thousandths of the font size, of the characters from space to ~ (Helvetica's metrics, which are Arial's).
REGULAR = (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 "
    "278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 "
    "667 944 667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 "
    "556 333 500 278 556 500 722 500 500 500 334 260 334 584"
)
BOLD = (
    "278 333 474 556 556 889 722 238 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 333 "
    "333 584 584 584 611 975 722 722 722 722 667 611 778 722 278 556 722 611 833 722 778 667 778 722 667 611 722 "
    "667 944 667 667 611 333 278 333 584 556 333 556 611 556 611 556 333 611 611 278 278 556 278 889 611 611 611 "
    "611 389 556 333 611 556 778 556 556 500 389 280 389 584"
)

#: Further characters that the pictures write themselves.
SIGNS = {"±": 549, "×": 584, "−": 584, "∂": 494, "σ": 578, "Σ": 618, "…": 1000, "\xa0": 278}

WIDTHS = {
    weight: {chr(32 + i): int(width) for i, width in enumerate(table.split())} | SIGNS
    for weight, table in (("normal", REGULAR), ("bold", BOLD))
}

TEXT = re.compile(r'<text ([^>]*font-size="([\d.]+)"[^>]*)>([^<]*)</text>')


def width(text: str, points: float, bold: bool = False) -> float | None:
    """The length of a text in points, or None if a character is not known.

    Examples
    --------
    >>> width("loss", 10), width("中", 10)
    (17.78, None)
    """
    widths = WIDTHS["bold" if bold else "normal"]
    if not all(character in widths for character in text):
        return None
    return sum(widths[character] for character in text) * points / 1000


def fitted(svg: str) -> str:
    """An SVG of Graphviz's whose texts have the length that they have in Arial, whatever font they are shown in."""
    return TEXT.sub(with_length, svg)


def with_length(text: re.Match[str]) -> str:
    """A text element with its length, if that is known and can be seen."""
    content = html.unescape(text[3])
    length = width(content, float(text[2]), 'font-weight="bold"' in text[1])
    if not length or not content.strip():
        return text[0]
    return f'<text {text[1]} textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs">{text[3]}</text>'
