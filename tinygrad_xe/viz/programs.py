"""A program as a picture: the lines of its source, forward and backward, as one graph."""

from __future__ import annotations

from typing import Any

from ..program import values
from ..program.notation import render
from ..program.program import Program
from ..program.source import STYLE, Writer
from ..program.trees import Tree, names
from .records import Flow, Role, Scope, Trace, Value

#: What an input of each kind is in a picture; state is what a training step trains.
ROLES: dict[str, Role] = {"argument": "parameter", "state": "parameter"}


def trace_of(program: Program) -> Trace:
    """The records of a program: its inputs, and a value for each line, in the frame of its pass."""
    writer = Writer(program)
    found: list[Value] = []
    flows: list[Flow] = []
    known: dict[str, Value] = {}

    def enter(name: str, expression: str, step: values.Value, scopes: tuple[Scope, ...], role: Role) -> Value:
        operation = step.function.__name__ if isinstance(step, values.Step) else ""
        line = step.line if isinstance(step, values.Step) and not step.backward else ""
        made = Value(
            len(found), name, expression, operation, role, step.shape or (), step.dtype, None,  # type: ignore[arg-type]
            scopes=scopes, line=line,
        )  # fmt: skip
        found.append(made)
        return made

    def connect(tree: Tree, child: Value) -> None:
        for position, name in enumerate(names(tree)):
            if name in known:
                flows.append(Flow(len(flows), known[name].id, child.id, position, tracked=True))

    for i in program.inputs:
        if i.kind != "generator":
            name = writer.names[i]
            known[name] = enter(name, "", i, (), ROLES.get(i.kind, "input"))
    several = len({statement.phase for statement in writer.statements}) > 1 or bool(writer.writes)
    details = {"forward": "pass", "backward": "pass", "update": "of the state"}
    scopes = {phase: (Scope(phase, "function", detail),) if several else () for phase, detail in details.items()}
    for statement in writer.statements:
        role: Role = "loss" if statement.name in ("loss", "value") and statement.phase == "forward" else "op"
        made = enter(statement.name, render(statement.tree, STYLE), statement.step, scopes[statement.phase], role)
        known[statement.name] = made
        connect(statement.tree, made)
    results: list[tuple[Any, str]] = [(value, "update" if i.kind == "state" else "") for i, value in program.writes]
    for value, phase in [*results, *((value, "") for value in values.values_in(program.outputs))]:
        tree = writer.operand(value)
        text = render(tree, STYLE)
        if isinstance(value, values.Step) and text not in known:
            connect(tree, enter("", text, value, scopes[phase or ("backward" if value.backward else "forward")], "op"))
            known[text] = found[-1]
    return Trace(found, flows, title=program.name)
