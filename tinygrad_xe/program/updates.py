"""A step of an optimizer in a program: one update for each parameter, in whose terms a person reads it."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from .traced import Traced


def record_step(tape: Any, optimizer: Any) -> None:
    """Write down what `Optimizer.step` computes for whole vectors: every update is elementwise, so both are the same.

    Parameters
    ----------
    tape : Tape
    optimizer : Optimizer
        Its settings are part of the program; the number of its steps is read and written.

    Raises
    ------
    TraceError
        At a second step of the same optimizer, whose state is written back when the run ends.
    """
    if any(known is optimizer for known in tape.stepped):
        raise tape.error(
            f"{type(optimizer).__name__}.step runs a second time in one program.",
            "Trace a function that makes one step, and write the loop around the program.",
        )
    tape.stepped.append(optimizer)
    for block in optimizer._blocks:
        settings = {name: value for name, value in block.group.items() if name not in ("params", "param_names")}
        tape.settings.append((block.group, settings))
        for segment in block.segments:
            counted = dict(segment.state)
            for i in range(segment.first, segment.last):
                parameter = block.parameters[i]
                if parameter.grad is not None and parameter.node is not None:
                    counted = record_update(tape, optimizer, block, segment, i)
            for name, held in counted.items():
                if name != "step":
                    held = block.array(name)[segment.start : segment.stop]
                segment.state[name] = held.value if type(held) is Traced else held


def record_update(tape: Any, optimizer: Any, block: Any, segment: Any, i: int) -> dict[str, Any]:
    """One parameter: its value and state, before and after."""
    parameter = block.parameters[i]
    own = slice(block.bounds[i], block.bounds[i + 1])
    values = tape.lifted(parameter)._data
    g = parameter.grad
    g = tape.lifted(g._data if type(g) is Tensor else g)

    def held(name: str) -> Traced:
        label = f"{values.step.name}_{name}"
        made: Traced = tape.state(block.array(name)[own].reshape(parameter.shape), label)
        return made

    before = {name: held(name) for name in segment.state if name != "step"}
    if "step" in segment.state:
        before["step"] = tape.number(segment.state, "step", "step")
    value, after = optimizer.update(values, g, before, block.group)
    for name, new in after.items():
        if name != "step":
            tape.write(before[name] if name in before else held(name), new)
        elif name in before:
            tape.write_number(before[name], new)
    tape.assign(parameter, value)
    return {**segment.state, **after}
