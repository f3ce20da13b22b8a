"""Checks of the numbers and words that optimizers and schedules are set by."""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, DTypeError


def number(
    owner: str, name: str, value: Any, *, least: float = 0.0, below: float = math.inf, above: bool = False
) -> Any:
    """`value` as a Python number of `least` or more (more, with `above`) and less than `below`.

    Raises
    ------
    DTypeError
        When it is no number.
    ArgumentError
        When it is NaN, infinite, or out of range.
    """
    if isinstance(value, np.integer | np.floating):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DTypeError(f"{owner}: {name} is {shown(value)}; expected a number.")
    if not (math.isfinite(value) and value < below and (value > least if above else value >= least)):
        low = "" if least == -math.inf else f" {'above' if above else 'from'} {least:g}{' on' if not above else ''}"
        high = "" if below == math.inf else f"{' and' if low else ''} below {below:g}"
        raise ArgumentError(f"{owner}: {name} is {value!r}; expected a finite number{low}{high}.")
    return value


def count(owner: str, name: str, value: Any, least: int = 0) -> int:
    """`value` as a Python integer of `least` or more."""
    if isinstance(value, np.integer):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int):
        raise DTypeError(f"{owner}: {name} is {shown(value)}; expected a whole number.")
    if value < least:
        raise ArgumentError(f"{owner}: {name} is {value}; expected {least} or more.")
    return value


def flag(owner: str, name: str, value: Any) -> bool:
    """`value`, which must be True or False."""
    if not isinstance(value, bool | np.bool_):
        raise DTypeError(f"{owner}: {name} is {shown(value)}; expected True or False.")
    return bool(value)


def word(owner: str, name: str, value: Any, allowed: Sequence[str | None]) -> Any:
    """`value`, which must be one of `allowed`."""
    if value not in allowed:
        raise ArgumentError(f"{owner}: {name} is {value!r}; expected {' or '.join(map(repr, allowed))}.")
    return value


#: Other names of the settings.
ALIASES = {"learning_rate": "lr", "step_size": "lr", "rho": "alpha", "epsilon": "eps", "decay": "weight_decay"}
#: PyTorch's settings that are not there, and what to write.
INSTEAD = {
    "maximize": "To maximize, write (-loss).backward().",
    "decoupled_weight_decay": "Write AdamW.",
    **dict.fromkeys(("foreach", "fused", "capturable", "differentiable"), "It has no meaning here: leave it out."),
}


def refuse_unknown(kind: type, settings: Mapping[str, Any]) -> None:
    """Raise where the class can't be made with one of these settings, and list those that it has.

    Raises
    ------
    DTypeError
        As Python raises TypeError.
    """
    found = inspect.signature(kind.__init__).parameters  # type: ignore[misc]
    unknown = [name for name in settings if name not in found]
    if not unknown or any(parameter.kind is parameter.VAR_KEYWORD for parameter in found.values()):
        return
    known = [name for name in found if name not in ("self", "params")]
    alike = [ALIASES[unknown[0]]] if unknown[0] in ALIASES else difflib.get_close_matches(unknown[0], known, 1)
    hint = INSTEAD.get(unknown[0]) or (f"Write {alike[0]}=." if alike and alike[0] in known else "")
    raise DTypeError(
        f"{kind.__name__}: there is no setting {', '.join(map(repr, unknown))}; the settings are "
        f"{', '.join(map(repr, known))}." + f"\n  {hint}" * bool(hint)
    )


def shown(value: Any) -> str:
    """A value for a message: what it is, and how it looks."""
    kind = type(value).__name__
    return "None" if value is None else f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}, {value!r:.60}"
