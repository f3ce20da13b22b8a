"""What a picture is drawn from: plain records of the values of a computation, and of what flows between them.

The engine makes them (`viz.recording`), and so can anything else that computes in steps; drawings read nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..program.expressions import Expression

Array = np.ndarray[Any, np.dtype[Any]]
Role = Literal["input", "parameter", "op", "target", "loss"]
GradNote = Literal["", "not tracked", "not kept", "not computed yet"]


def letter_of_gradient(names: Iterable[str]) -> str:
    """What rules call a gradient that has no name: g, unless a value is called so.

    Examples
    --------
    >>> letter_of_gradient(["x", "z"]), letter_of_gradient(["x", "g"])
    ('g', 'g_')
    """
    taken, letter = set(names), "g"
    while letter in taken:
        letter += "_"
    return letter


@dataclass(frozen=True)
class Scope:
    """A module or a function that a value was computed in: a cluster of the picture.

    Attributes
    ----------
    name : str
        ``"linear1"``, ``"bce_with_logits"``; the user's text, not cleaned.
    kind : {"module", "function"}
    detail : str
        Shown beside the name: ``"Linear(3 -> 1)"``, or nothing.
    call : int
        Tells two calls of one function apart.
    """

    name: str
    kind: Literal["module", "function"]
    detail: str = ""
    call: int = 0


@dataclass(frozen=True)
class Value:
    """One tensor with the operation that made it: a node of the picture.

    Attributes
    ----------
    id : int
        Its place among the values of the trace, in order of computation; leaves come where they are first used.
    name : str
        The user's: given, or that of the variable. Empty where there is none.
    expression : str
        How it was computed, from the names of its parents: ``"w * x"``, ``"sum(u)"``. Empty for leaves.
    op : str
        Name of the operation; empty for leaves.
    role : {"input", "parameter", "op", "target", "loss"}
    shape, dtype
    value : ndarray or None
        None where it was not kept.
    grad : ndarray or None
    grad_note : str
        Why there is no gradient: ``"not tracked"``, ``"not kept"`` or ``"not computed yet"``; else empty.
    scopes : tuple of Scope
        Outermost first.
    line : str
        ``"file.py:12: z = X @ w + b"``.
    """

    id: int
    name: str
    expression: str
    op: str
    role: Role
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    value: Array | None
    grad: Array | None = None
    grad_note: GradNote = ""
    scopes: tuple[Scope, ...] = ()
    line: str = ""


@dataclass(frozen=True)
class Flow:
    """An edge of the picture: `child` was computed from `parent`.

    Attributes
    ----------
    id : int
        Its place among the flows of the trace.
    parent, child : int
        Ids of values.
    position : int
        Which input of the operation.
    tracked : bool
        Whether a gradient flows back along it.
    rule : Expression or None
        What the gradient rule sends back, as a function of the child's gradient, in the names of the values.
    local : Expression or None
        For an elementwise operation, the local derivative: the rule without the gradient.
    sent : ndarray or None
        What was sent back, of the parent's shape; None before backward.
    """

    id: int
    parent: int
    child: int
    position: int
    tracked: bool
    rule: Expression | None = None
    local: Expression | None = None
    sent: Array | None = None


@dataclass(frozen=True)
class Sending:
    """One step of the backward pass: a flow that adds to its parent's gradient.

    Attributes
    ----------
    flow : int
    before, after : ndarray
        The parent's gradient before and after; zeros before the first.
    """

    flow: int
    before: Array
    after: Array


@dataclass(frozen=True)
class Trace:
    """A computation to be drawn.

    Attributes
    ----------
    values : list of Value
    flows : list of Flow
        In the order of their children, then of their positions.
    sendings : list of Sending
        In the order in which the backward pass made them; empty before it.
    result : int or None
        The value that backward started from, or would start from.
    title : str
    """

    values: list[Value]
    flows: list[Flow]
    sendings: list[Sending] = field(default_factory=list)
    result: int | None = None
    title: str = ""
