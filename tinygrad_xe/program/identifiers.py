"""Names for code, from the names of the user's variables."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

#: Words that the text of a program uses itself.
RESERVED = frozenset({"np", "math"})


def identifier(name: str) -> str:
    """A name for code: ``self.w`` is ``w``, ``params['w']`` too, ``layers[0]`` is ``layers_0``."""
    words: list[str] = re.findall(r"\w+", name)
    while len(words) > 1 and words[-1].isdigit() and len(words) > 2 and not words[-2].isdigit():
        words = [*words[:-2], f"{words[-2]}_{words[-1]}"]
    made = "_".join(words[-2:]) if words and words[-1].isdigit() else words[-1] if words else ""
    made = re.sub(r"\W", "_", made)
    if not made or made[0].isdigit():
        made = f"x_{made}"
    return f"{made}_" if keyword.iskeyword(made) or made in RESERVED else made


def of_path(name: str) -> str:
    """A name for code, from that of a module's parameter: ``layers.0.weight`` is ``layers_0_weight``; ``0.weight``,
    since no name begins with a digit, ``weight_0``.
    """
    words = name.split(".")
    leading = next((i for i, word in enumerate(words) if not word.isdigit()), 0)
    return "_".join([*words[leading:], *words[:leading]])


def distinct(names: Iterable[str]) -> list[str]:
    """Identifiers of which no two are equal."""
    taken: set[str] = set()
    found = []
    for name in names:
        base, count = name, 2
        while name in taken:
            name, count = f"{base}_{count}", count + 1
        taken.add(name)
        found.append(name)
    return found
