"""A computation as the steps of the explorer: leaves, one step an operation, the seed, one step an edge backward."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from . import mathml
from .fold import Group
from .reasons import arrival, backward_reason, forward_reason, silence, title_of
from .records import Array, Flow, Sending, Trace, Value, letter_of_gradient
from .text import clean, numbers
from .words import Words

#: The first step lists so many leaves.
LEAVES = 12


@dataclass(frozen=True)
class Row:
    """A line of the table of numbers.

    Attributes
    ----------
    label : str
    array : ndarray or None
        None for a value that was not kept.
    kind : {"va", "gr", ""}
        A value of the forward pass, a gradient, or neither.
    """

    label: str
    array: Array | None
    kind: str = ""


@dataclass(frozen=True)
class Step:
    """What the page shows at one moment, and what is new in it.

    Attributes
    ----------
    phase : {"forward", "backward"}
    what, code, at, why : str
        Heading, line of code, where the line is, and one or two sentences.
    formula : str
        MathML; may be empty.
    rows : tuple of Row
    nodes : tuple of int
        Values that are highlighted.
    near : tuple of int
        Values that should be in view too: the other ends of the edges.
    edges : tuple of int
        Flows that are highlighted.
    shows : tuple of int
        Values that are known from now on.
    grads : tuple of (int, str)
        Values whose gradient so far is now this text.
    sums : tuple of int
        Values to which the last of several gradients has come.
    sent : tuple of int
        Flows along which a gradient has been sent.
    """

    phase: str
    what: str
    code: str = ""
    at: str = ""
    why: str = ""
    formula: str = ""
    rows: tuple[Row, ...] = ()
    nodes: tuple[int, ...] = ()
    near: tuple[int, ...] = ()
    edges: tuple[int, ...] = ()
    shows: tuple[int, ...] = ()
    grads: tuple[tuple[int, str], ...] = ()
    sums: tuple[int, ...] = ()
    sent: tuple[int, ...] = ()


def gradient_of(name: str) -> str:
    """What the gradient of a value is called: ``z.grad``, ``(h @ W).grad``."""
    return f"{name}.grad" if name.isidentifier() else f"({name}).grad"


def line_of(value: Value) -> tuple[str, str]:
    """The line of code that made a value, and where it is."""
    place, found, code = value.line.partition(": ")
    return (clean(code, 200), clean(place, 200)) if found else (clean(value.line, 200), "")


def steps(trace: Trace, words: Words, groups: Sequence[Group] = ()) -> list[Step]:
    """The steps of a computation, in the order in which the engine made them.

    Parameters
    ----------
    trace : Trace
        With or without a backward pass.
    words : Words
    groups : sequence of Group
        Values that are shown as one: they are computed in one step, and what they send each other is no step.

    Returns
    -------
    list of Step
        One for all leaves; one for each operation, in order; where the trace has sendings, one for the seed and one
        for each of them.
    """
    values = {value.id: value for value in trace.values}
    parents: dict[int, list[Flow]] = defaultdict(list)
    for flow in trace.flows:
        parents[flow.child].append(flow)
    uses = Counter(flow.parent for flow in trace.flows if flow.tracked)
    group_of = {value.id: group for group in groups for value in group.members}
    leaves = [value for value in trace.values if not value.op and value.id not in group_of]
    found = [first(leaves, words)] if leaves else []
    for value in trace.values:
        group = group_of.get(value.id)
        if group is not None and group.result.id == value.id:
            found.append(forward_group(group, parents, values, words))
        elif group is None and value.op:
            found.append(forward(value, parents[value.id], values, uses[value.id], value.id == trace.result, words))
    if trace.sendings and trace.result is not None:
        found.append(seed(values[trace.result], words))
        crossing = [s for s in trace.sendings if crosses(trace.flows[s.flow], group_of)]
        found += backward(trace, crossing, values, parents, words)
    return found


def crosses(flow: Flow, group_of: dict[int, Group]) -> bool:
    """Whether a flow goes from one card to another."""
    group = group_of.get(flow.parent)
    return group is None or group is not group_of.get(flow.child)


def first(leaves: list[Value], words: Words) -> Step:
    """The step that shows what is given."""
    rows = [Row(title_of(value), value.value, "va") for value in leaves[:LEAVES]]
    lines = list(dict.fromkeys(line_of(value)[0] for value in leaves[:LEAVES] if value.line))
    why = [words.say("why_leaves")]
    if len(leaves) > LEAVES:
        why.append(words.say("more", count=len(leaves) - LEAVES))
    ids = tuple(value.id for value in leaves)
    return Step("forward", words.say("leaves"), "\n".join(lines), why=words.say("join").join(why), rows=tuple(rows),
                nodes=ids, shows=ids)  # fmt: skip


def forward(value: Value, flows: list[Flow], values: dict[int, Value], uses: int, last: bool, words: Words) -> Step:
    """The step that computes a value."""
    name = title_of(value)
    given = list(dict.fromkeys(flow.parent for flow in flows))
    rows = [Row(title_of(values[id]), values[id].value, "va") for id in given]
    code, at = line_of(value)
    expression = clean(value.expression, 200)
    return Step(
        "forward",
        f"{name} = {expression}" if value.name and expression else name,
        code or expression,
        at,
        forward_reason(value, [values[id] for id in given], uses, last, words),
        mathml.definition(clean(value.name), expression, any(values[id].shape for id in (value.id, *given))),
        (*rows, Row("→ " + name, value.value, "va")),
        (value.id,),
        tuple(given),
        tuple(flow.id for flow in flows),
        (value.id,),
    )


def forward_group(group: Group, parents: dict[int, list[Flow]], values: dict[int, Value], words: Words) -> Step:
    """The step that computes all that is in a group."""
    name = clean(group.name) + (f" × {group.repeats}" if group.repeats > 1 else "")
    ids = tuple(value.id for value in group.members)
    inside = set(ids)
    entering = [flow for id in ids for flow in parents[id] if flow.parent not in inside]
    given = list(dict.fromkeys(flow.parent for flow in entering))
    rows = [Row(title_of(values[id]), values[id].value, "va") for id in given]
    count = sum(bool(value.op) for value in group.members)
    return Step(
        "forward",
        f"{name}: {clean(group.detail)}" if group.detail else name,
        *line_of(group.result),
        words.say("why_group", count=count),
        rows=(*rows, Row("→ " + title_of(group.result), group.result.value, "va")),
        nodes=ids,
        near=tuple(given),
        edges=tuple(flow.id for flow in entering),
        shows=ids,
    )


def seed(value: Value, words: Words) -> Step:
    """The step that starts the backward pass."""
    name = title_of(value)
    grad = np.ones(value.shape, value.dtype) if value.grad is None else value.grad
    one = bool((grad == 1).all())
    return Step(
        "backward",
        words.say("seed"),
        f"{name}.backward()" if name.isidentifier() else "backward()",
        why=words.say("why_seed", name=name) if one else words.say("why_seed_given"),
        formula=mathml.seed(name) if one else "",
        rows=(Row(gradient_of(name), grad, "gr"),),
        nodes=(value.id,),
        grads=((value.id, words.drawn(numbers(grad))),),
    )


def backward(
    trace: Trace, sendings: list[Sending], values: dict[int, Value], parents: dict[int, list[Flow]], words: Words
) -> list[Step]:
    """The steps of the backward pass, one for each gradient that is sent."""
    flows = {flow.id: flow for flow in trace.flows}
    letter = letter_of_gradient(value.name for value in trace.values)
    paths = Counter(flows[sending.flow].parent for sending in sendings)
    arrived: Counter[int] = Counter()
    totals: dict[int, Array] = {}
    told: set[int] = set()
    found = []
    for sending in sendings:
        flow = flows[sending.flow]
        parent, child = values[flow.parent], values[flow.child]
        arrived[parent.id] += 1
        why = [backward_reason(flow, parent, child, [values[f.parent] for f in parents[child.id]], words)]
        why += arrival(title_of(parent), arrived[parent.id], paths[parent.id], words)
        if child.id not in told:
            told.add(child.id)
            why += silence([title_of(values[f.parent]) for f in parents[child.id] if not f.tracked], words)
        done = 1 < arrived[parent.id] == paths[parent.id]
        above = totals.get(child.id, child.grad)
        result = title_of(values[trace.result]) if trace.result is not None else "loss"
        said = words.say("join").join(why)
        found.append(sending_step(flow, sending, parent, child, above, done, said, result, letter, words))
        totals[parent.id] = sending.after
    return found


def sending_step(
    flow: Flow, sending: Sending, parent: Value, child: Value, above: Array | None, done: bool, why: str, result: str,
    letter: str, words: Words,
) -> Step:  # fmt: skip
    """The step in which `child` sends a gradient to `parent`."""
    name, sender = title_of(parent), title_of(child)
    grad = gradient_of(name)
    sent = flow.sent if flow.sent is not None else np.asarray(sending.after) - np.asarray(sending.before)
    rows = [Row(words.say("from_above", grad=gradient_of(sender)), above, "gr")]
    if flow.local is not None:
        rows.append(Row(words.say("local"), np.asarray(flow.local.value)))
    rows += [
        Row(words.say("sent"), sent, "gr"),
        Row(words.say("before", grad=grad), sending.before, "gr"),
        Row(words.say("now", grad=grad), sending.after, "gr"),
    ]
    # what the rule calls the child's gradient
    above_name = f"{child.name}.grad" if child.name.isidentifier() else letter
    code = "" if flow.rule is None else f"{grad} += {clean(flow.rule.source(), 400)}"
    if code and above_name == letter:
        code = f"{letter} = {gradient_of(sender)}\n{code}"
    return Step(
        "backward",
        words.say("sends_to", child=sender, parent=name),
        code,
        why=why,
        formula=mathml.sending(result, name, sender, above_name, flow.rule, flow.local, parent.shape == child.shape),
        rows=tuple(rows),
        nodes=(parent.id,),
        near=(child.id,),
        edges=(flow.id,),
        grads=((parent.id, words.drawn(numbers(sending.after))),),
        sums=(parent.id,) if done else (),
        sent=(flow.id,),
    )
