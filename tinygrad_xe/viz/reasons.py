"""Why a step of the explorer does what it does, read off the form of its rule and off shapes, not off a table."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..program.expressions import Expression
from ..program.trees import Call, Name, Number, Tree, children, names
from .records import Flow, Value
from .text import clean, finite
from .words import Words

#: Functions that move elements, or pick some of them.
MOVES = frozenset({
    "reshape", "ravel", "transpose", "matrix_transpose", "swapaxes", "moveaxis", "expand_dims", "squeeze", "getitem",
    "flip", "roll", "rot90", "take", "take_along_axis", "scatter_add",
    "concatenate", "stack", "split", "array_split", "astype",
})  # fmt: skip

#: Products of matrices.
PRODUCTS = frozenset({"matmul", "dot", "tensordot", "einsum", "outer", "multiply.outer", "vecdot", "matvec", "vecmat"})

#: A local derivative of this size lets hardly anything through.
FAINT = 1e-3


def title_of(value: Value) -> str:
    """What a value is called: its name, else how it was computed."""
    return clean(value.name or value.expression or value.op or f"[{value.id}]")


def functions(tree: Tree) -> Iterator[str]:
    """The names of the functions in a tree."""
    waiting: list[Any] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Call):
            owner = getattr(node.function, "__self__", None)
            before = f"{owner.__name__}." if isinstance(owner, np.ufunc) else ""
            yield before + str(getattr(node.function, "__name__", ""))
            waiting += children(node)


def forward_reason(value: Value, parents: list[Value], uses: int, last: bool, words: Words) -> str:
    """What is to be known about an operation: repetition, reduction, and what will come back."""
    whole = value.shape
    found = [
        words.say("why_repeats", name=title_of(parent), shape=parent.shape, whole=whole)
        for parent in parents
        if len(parents) > 1 and parent.shape != whole and repeats(parent.shape, whole)
    ]
    size, count = max((math.prod(parent.shape) for parent in parents), default=0), math.prod(value.shape)
    if len(parents) == 1 and count < size:
        found.append(words.say("why_reduces", size=size, count=count))
    if last:
        found.append(words.say("why_result"))
    elif uses > 1:
        found.append(words.say("why_uses", count=uses, name=title_of(value)))
    elif uses == 1:
        found.append(words.say("why_uses_one"))
    else:
        found.append(words.say("why_untracked"))
    return words.say("join").join(found)


def repeats(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Whether broadcasting repeats an array of `shape` to `whole`."""
    try:
        return np.broadcast_shapes(shape, whole) == whole
    except ValueError:
        return False


def backward_reason(flow: Flow, parent: Value, child: Value, inputs: list[Value], words: Words) -> str:
    """Why this is what `child` sends to `parent`."""
    found = []
    if flow.local is not None:
        found.append(of_local(flow.local, parent, child, inputs, words))
        faint = flow.local.size and not isinstance(flow.local.tree, Number) and finite(flow.local.value)
        if faint and float(np.abs(flow.local.value).max()) < FAINT:
            found.append(words.say("why_faint"))
    elif flow.rule is not None:
        found.append(of_rule(flow.rule, child, words))
    if flow.local is not None and parent.shape != child.shape and repeats(parent.shape, child.shape):
        said = words.say("why_sums", parent=title_of(parent), shape=parent.shape, whole=child.shape)
        found.append(said)
    if flow.sent is not None and not finite(np.asarray(flow.sent)):
        found.append(words.say("why_not_finite"))
    return words.say("join").join(found)


def of_local(local: Expression, parent: Value, child: Value, inputs: list[Value], words: Words) -> str:
    """What the form of a local derivative says."""
    tree = local.tree
    reduced = math.prod(parent.shape) > math.prod(child.shape)
    if isinstance(tree, Number) and tree.scalar:
        if reduced and tree.value == 1:
            return words.say("why_spreads")
        return words.say({1: "why_copies", -1: "why_flips"}.get(tree.value, "why_scales"))
    used = names(tree)
    if reduced and not used:
        return words.say("why_shares")
    if not used:
        return words.say("why_scales")
    if local.text() in [value.name or value.expression for value in inputs if value.id != parent.id]:
        return words.say("why_other", other=clean(local.text()))
    if chooses(tree):
        return words.say("why_chooses", parent=title_of(parent))
    if isinstance(tree, Name) and tree.text == title_of(child):
        return words.say("why_itself", child=title_of(child))
    if used == [title_of(child)]:
        return words.say("why_from_out", child=title_of(child))
    return words.say("why_chain")


def chooses(tree: Tree) -> bool:
    """Whether a tree is 0 unless a condition holds."""
    if not isinstance(tree, Call) or tree.function is not np.where:
        return False
    return any(isinstance(arg, Number) and arg.scalar and arg.value == 0 for arg in tree.args[1:])


def of_rule(rule: Expression, child: Value, words: Words) -> str:
    """What the form of a rule says that is not the gradient times a local derivative."""
    called = set(functions(rule.tree))
    if called & PRODUCTS:
        return words.say("why_matrix")
    if called <= MOVES:
        return words.say("why_moves")
    if called <= MOVES | {"broadcast_to"}:
        return words.say("why_spreads")
    return words.say("why_rule", op=clean(child.op))


def arrival(parent: str, k: int, count: int, words: Words) -> list[str]:
    """What the `k`-th of `count` gradients of a value does to its sum."""
    if count == 1:
        return []
    said = [words.say("why_path", k=k, count=count, parent=parent)]
    return [*said, words.say("why_complete", count=count)] if k == count else said


def silence(inputs: list[str], words: Words) -> list[str]:
    """To which inputs nothing is sent."""
    inputs = list(dict.fromkeys(inputs))
    if not inputs:
        return []
    return [words.say("why_silent", names=words.say("list").join(inputs))]
