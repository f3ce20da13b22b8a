"""Names, expressions, functions and gradients of what a result depends on: the Trace."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import bytecode
from ..graph import RELEASED, Node
from ..program.expressions import Expression
from ..program.readings import local_derivative, rule_of
from ..program.trees import ExpressionError, Name, Tree
from ..tensor import Tensor
from ..watch import Pass, record
from ..witness import Call
from . import formulas, naming
from .dependencies import TARGETS, Dependencies, Input, Item, plain
from .records import Array, Flow, GradNote, Role, Scope, Sending, Trace, Value, letter_of_gradient

#: The longest expression without a name of its own that is written inside another one.
NESTED = 30

#: More values than this are drawn without the mathematics of their edges, which takes 0.2 ms an edge.
EXPLAINED = 400


def read(result: Tensor, recorded: record | None, title: str = "") -> Trace:
    """The Trace of a result.

    Parameters
    ----------
    result : Tensor
    recorded : record or None
        What saw it being computed.
    title : str
        The name of the function whose value it is.
    """
    found = Dependencies(result, recorded)
    give_names(found, result, title)
    steps = add_scopes(found.ordered)
    add_expressions(found, steps)
    way = way_back(found.result.node, recorded)
    values = [value_of(item, found, way) for item in found.ordered]
    flows, numbered = flows_of(found, way)
    return Trace(values, flows, sendings(way, numbered), found.result.id, title or found.result.name)


# -- names -------------------------------------------------------------------------------------------------------------


def give_names(found: Dependencies, result: Tensor, title: str) -> None:
    """Give each value the user's name: the one given to it, or the variable that it was stored to."""
    stored: dict[tuple[Call, int], list[tuple[Item, str, Call | None]]] = {}
    last: dict[Call | None, Item] = {}
    for item in found.ordered:
        owner = item.node.owner() if item.node is not None and hasattr(item.node, "owner") else None
        given = getattr(item.node, "name", None) or getattr(owner, "name", None)
        if item is found.result:
            given = given or result.name
        item.name, item.given = given or found.names.get(id(item.array), ""), bool(given)
        place = naming.variable(item.calls)
        if place is not None and not given:
            function = naming.composed(item.calls)
            last[function] = item
            stored.setdefault(place[1], []).append((item, place[0], function))
    for (call, lasti), made in stored.items():
        # What a function of the library returns is its last step.
        made = [entry for entry in made if entry[2] is None or last[entry[2]] is entry[0]]
        items = [item for item, _, _ in made]
        each = bytecode.is_operator(call.code, lasti)
        seen = {item for item in items if item.name}
        for item, variable, _ in made:
            # Several values of one call are those of a loop, and then a variable was seen to hold them; or were made
            # inside it: only the last is stored, if it was made of the others, as sum() does, and else it's a list.
            if each or item in seen or (item is items[-1] and (len(items) == 1 or seen or takes(item, items))):
                item.name = variable
    for item, name in zip(found.ordered, naming.distinct((item.name, item.given) for item in found.ordered)):
        item.name = name
    if not found.result.name and found.result.op is not None:
        others = [(item.name, True) for item in found.ordered]
        found.result.name = naming.distinct([*others, (title or "out", False)])[-1]


def takes(item: Item, others: list[Item]) -> bool:
    """Whether a value was computed from one of `others` directly."""
    keys = {other.key for other in others}
    return any(given.key in keys for given in item.inputs)


def add_scopes(items: Iterable[Item]) -> dict[Call, int]:
    """Find the functions that each value was computed in; return the number of steps of each call."""
    steps: dict[Call, int] = {}
    for item in items:
        for call, _ in item.calls:
            steps[call] = steps.get(call, 0) + 1
    scopes: dict[Call, Scope] = {}
    count: dict[str, int] = {}
    for item in items:
        around = []
        for call in naming.clusters(item.calls):
            if call.kind == "composed" and steps[call] == 1:
                continue
            if call not in scopes:
                scopes[call] = scope_of(call, count)
            around.append(scopes[call])
        item.scopes = tuple(around)
    return steps


def scope_of(call: Call, count: dict[str, int]) -> Scope:
    """The cluster of one call; `count` is how many there were of each name."""
    name = naming.function_name(call.code)
    if call.module is not None:
        own, arguments = type(call.module).__name__, call.module.extra_repr()
        name, detail = call.path or own, f"{own}({arguments})" if call.path or arguments else ""
    nth = count[name] = count.get(name, -1) + 1
    return Scope(name, "function", "", nth) if call.module is None else Scope(name, "module", detail, nth)


# -- expressions -------------------------------------------------------------------------------------------------------


def add_expressions(found: Dependencies, steps: dict[Call, int]) -> None:
    """Write down how each value was computed, from the names of its parents.

    A value without a name is written inside the expression of the one that uses it, or gets a short name.
    """
    taken = {item.name for item in found.ordered}
    numbers = dict.fromkeys("tcp", 0)

    def generated(letter: str) -> str:
        while True:
            numbers[letter] += 1
            if (name := f"{letter}{numbers[letter]}") not in taken:
                return name

    for item in found.ordered:
        if item.op is not None:
            item.tree = tree_of(item, found, steps)
        if item.name:
            item.reference = Name(item.name)
        elif item.tree is not None and item.uses <= 1 and len(formulas.written(item.tree)) <= NESTED:
            item.reference = item.tree
        elif item.tree is None and item.node is None and np.size(item.array) <= 4:
            item.reference = formulas.number_tree(item.array)
        else:
            item.name = generated("t" if item.tree is not None else "c" if item.node is None else "p")
            item.reference = Name(item.name)


def tree_of(item: Item, found: Dependencies, steps: dict[Call, int]) -> Tree:
    """How one value was computed."""
    op = item.op
    assert op is not None
    known = references(item, found)
    called = naming.loss_called(op, item.calls, steps)
    return formulas.tree_of(op, [known.get(name) for name in op.inputs], item.options, called)


def references(item: Item, found: Dependencies) -> dict[str, Any]:
    """What the inputs of a value are called, by their names in the declaration; a list for a sequence of arrays."""
    op = item.op
    assert op is not None
    known: dict[str, Any] = {}
    for given in item.inputs:
        if given.key is not None:
            tree: Tree | None = found.items[given.key].reference
        elif given.array is None:
            tree = None if item.step is not None else Name("?")
        else:
            tree = formulas.number_tree(given.array)
        if given.name == op.variadic:
            known.setdefault(given.name, []).append(tree)
        else:
            known[given.name] = tree
    return known


# -- the way back ------------------------------------------------------------------------------------------------------


def way_back(node: Node | None, recorded: record | None) -> Pass | None:
    """The last backward pass that came by the result."""
    for way in () if recorded is None or node is None else reversed(recorded.passes):
        if node in way.cotangents and np.shape(way.cotangents[node]) == node.shape:
            return way
    return None


def gradient(item: Item, found: Dependencies, way: Pass | None) -> tuple[Array | None, GradNote]:
    """The gradient of a value, or why there is none."""
    result = found.result.node
    if item.node is None:
        return None, "not tracked"
    if way is not None:
        g = way.cotangents.get(item.node)
        return (None, "not tracked") if g is None else (plain(g), "")
    if found.recorded is None or result is None or result.saved is RELEASED:
        return None, "not kept"
    return None, "not computed yet"


def sendings(way: Pass | None, numbered: dict[tuple[Node, int], int]) -> list[Sending]:
    """What the backward pass sent along the flows, in its order, with the sums before and after."""
    sums: dict[Node, Array] = {}
    found = []
    for node, i, g in () if way is None else way.sent:
        parent = node.parents[i]
        assert parent is not None
        sent = np.asarray(getattr(g, "_data", g))
        before = sums.get(parent)
        with np.errstate(all="ignore"):  # the sweep itself has warned
            sums[parent] = sent if before is None else np.asarray(before + sent)
        if (node, i) in numbered:
            start = np.broadcast_to(np.zeros((), sent.dtype), sent.shape) if before is None else before
            found.append(Sending(numbered[node, i], start, sums[parent]))
    return found


def flows_of(found: Dependencies, way: Pass | None) -> tuple[list[Flow], dict[tuple[Node, int], int]]:
    """The edges, and the number of each by the node that sends along it and the place of its input."""
    sent = {(node, i): plain(g) for node, i, g in (() if way is None else way.sent)}
    explained = len(found.ordered) <= EXPLAINED
    letter = letter_of_gradient(item.name for item in found.ordered)
    flows: list[Flow] = []
    numbered: dict[tuple[Node, int], int] = {}
    for item in found.ordered:
        for given in item.inputs:
            if given.key is None:
                continue
            rule = local = arrived = None
            if given.tracked and item.node is not None:
                numbered[item.node, given.place] = len(flows)
                arrived = sent.get((item.node, given.place))
                if explained:
                    rule, local = mathematics(item, given, found, way, letter)
            parent = found.items[given.key].id
            flows.append(Flow(len(flows), parent, item.id, given.place, given.tracked, rule, local, arrived))
    return flows, numbered


def mathematics(
    item: Item, given: Input, found: Dependencies, way: Pass | None, letter: str
) -> tuple[Expression | None, Expression | None]:
    """The rule that sends a gradient from a value to one of its inputs, and the local derivative, in their names."""
    op, node, saved = item.op, item.node, item.saved
    parent = found.items[given.key].node if given.key is not None else None
    if op is None or node is None or parent is None or (op.saves and not saved):
        return None, None
    names = {"out": item.reference or Name("out"), "g": f"{item.name}.grad" if item.name.isidentifier() else letter}
    names |= {name: tree for name, tree in references(item, found).items() if tree is not None}
    options = dict(zip(op.options, item.options))
    g = None if way is None else plain(way.cotangents.get(node))
    rule = local = None
    try:
        one = np.ones(node.shape, node.dtype)
        local = local_derivative(op, given.name, saved, options, names, one, parent.shape)
        if g is not None:
            rule = rule_of(op, given.name, saved, options, names, g, parent.shape, given.place)
    except ExpressionError:  # a rule that can't be written down; its numbers are shown
        pass
    return rule, local


# -- values ------------------------------------------------------------------------------------------------------------


def value_of(item: Item, found: Dependencies, way: Pass | None) -> Value:
    """One value of the trace."""
    op, node, result = item.op, item.node, found.result.node
    if node is not None:
        shape, dtype = node.shape, node.dtype
    else:
        shape, dtype = np.shape(item.array), np.asarray(item.array).dtype
    grad, note = gradient(item, found, way)
    return Value(
        item.id, item.name, "" if item.tree is None else formulas.written(item.tree), "" if op is None else op.name,
        role(item, found.result), shape, dtype, item.value(-sys.maxsize if result is None else result.order),
        grad, note, item.scopes, line(item),
    )  # fmt: skip


def role(item: Item, result: Item) -> Role:
    """What a value is to the user."""
    if item.op is not None:
        return "loss" if item is result else "op"
    if item.labels or (item.node is None and item.name in TARGETS):
        return "target"
    return "input" if item.node is None else "parameter"


def line(item: Item) -> str:
    """The user's line that made a value; empty for leaves."""
    for call, lasti in reversed(item.calls):
        if call.kind == "user":
            return bytecode.line_of(call.code, lasti)
    code = getattr(item.node, "code", None)
    return "" if code is None or item.node is None else bytecode.line_of(code, item.node.lasti)
