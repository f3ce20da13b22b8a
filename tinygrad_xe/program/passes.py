"""Passes: small functions from a program to an equal one. Every rewrite keeps every value, to the last bit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .identities import IDENTITIES, Rule
from .primitives import draw
from .program import Program, with_steps
from .registry import computed
from .values import Constant, Step, Value, operands, replaced, with_operands

#: Elements up to which the result of a call on constants becomes a constant, if it is no larger than these.
FOLDED = 4096


def simplified(program: Program) -> Program:
    """All passes. The rewrites are made in one walk, in which each step finds its operands rewritten already."""
    return late(dead_code(rewritten(program, in_turn(identities, folded, Shared().rule))))


# -- the passes --------------------------------------------------------------------------------------------------------


def dead_code(program: Program) -> Program:
    """Without the steps that no result needs. A draw stays: it moves its generator on."""
    live: set[Value] = set()
    waiting = [*program.results(), *(step for step in program.steps if step.function is draw)]
    while waiting:
        value = waiting.pop()
        if value not in live:
            live.add(value)
            if isinstance(value, Step):
                waiting += operands(value)
    return replace(program, steps=tuple([step for step in program.steps if step in live]))


def common_subexpressions(program: Program) -> Program:
    """With equal calls made once. Two draws are never equal."""
    return rewritten(program, Shared().rule)


def constant_folding(program: Program) -> Program:
    """With the results of calls on constants in their place, but for draws and results larger than what made them."""
    return rewritten(program, folded)


def algebra(program: Program) -> Program:
    """Simplified by identities that hold for every floating-point number, -0.0, infinities and NaN included."""
    return rewritten(program, identities)


# -- the rules ---------------------------------------------------------------------------------------------------------


def identities(step: Step) -> Value | None:
    """The step after all identities that apply."""
    if step.dtype is None or step.weak:
        return None
    found: Value | None = None
    for identity in IDENTITIES:
        made = identity(step)
        if made is not None:
            found = made
            if not isinstance(made, Step) or made in step.args:
                return made
            step = made
    return found


def folded(step: Step) -> Value | None:
    """The constant that a call on constants gives."""
    if step.function is draw or step.dtype is None:
        return None
    found = operands(step)
    if not all(type(v) is Constant for v in found):
        return None
    size = math.prod(step.shape or ())
    if size > max([FOLDED, *(math.prod(v.shape or ()) for v in found)]):
        return None
    with np.errstate(all="ignore"):
        made = computed(step.function, replaced(step.args, value_of), replaced(step.options, value_of))
    return Constant(shape=step.shape, dtype=step.dtype, value=made, name=step.name)


def value_of(constant: Any) -> Any:
    """The array of a constant."""
    return constant.value


class Shared:
    """The calls made so far, so that an equal one need not be made again."""

    def __init__(self) -> None:
        self._known: dict[Any, Step] = {}

    def rule(self, step: Step) -> Value | None:
        """The call that equals the step."""
        if step.function is draw:
            return None
        key = step.function, *map(key_of, step.args), key_of(step.options) if step.options else None
        found = self._known.setdefault(key, step)
        return None if found is step else found


def in_turn(*rules: Rule) -> Rule:
    """Each rule on what the one before it gives."""

    def rule(step: Step) -> Value | None:
        found: Value | None = None
        for each in rules:
            made = each(step)
            if made is not None:
                found = made
                if not isinstance(made, Step) or made in step.args:
                    return made
                step = made
        return found

    return rule


def rewritten(program: Program, rule: Rule) -> Program:
    """The program with each step put to a rule, after the steps that it is computed from.

    A rule gives a value that is there already, or a new step, which takes the place of the old one. A name of the
    user's goes on to what takes the place of its value.
    """
    new: dict[Value, Value] = {}
    steps: list[Step] = []
    names: dict[Value, Step] = {}
    there: set[Value] = set()
    for old in program.steps:
        step = with_operands(old, new) if new else old
        made = rule(step) or step
        if isinstance(made, Step) and made not in there:
            if made.name is None and step.name is not None:
                made = replace(made, name=step.name, own=step.own)
            steps.append(made)
            there.add(made)
        elif step.name is not None and isinstance(made, Step) and made.name is None:
            names.setdefault(made, step)
        if made is not old:
            new[old] = made
    result = with_steps(program, steps, new)
    return renamed(result, names) if names else result


def renamed(program: Program, names: Mapping[Value, Step]) -> Program:
    """The program with names for steps that had none."""
    new: dict[Value, Value] = {}
    steps: list[Step] = []
    for old in program.steps:
        step = with_operands(old, new) if new else old
        if old in names:
            step = replace(step, name=names[old].name, own=names[old].own)
        if step is not old:
            new[old] = step
        steps.append(step)
    return with_steps(program, steps, new)


def late(program: Program) -> Program:
    """With each step that only a backward pass needs in that pass, right before its first use."""
    places = {step: (i, 1, i) for i, step in enumerate(program.steps)}
    first: dict[Value, int] = {}
    forward = {value for value in program.results() if isinstance(value, Step)}
    if all(step.backward for step in forward):
        return program  # all that is forward is there for the backward pass
    forward |= {step for step in program.steps if step.name is not None and not step.own}
    moved: set[Step] = set()
    for step in reversed(program.steps):
        if not step.backward and step not in forward and step in first and step.function is not draw:
            moved.add(step)
            places[step] = first[step], 0, places[step][2]
        for value in operands(step):
            first[value] = min(places[step][0], first.get(value, len(places)))
            if not step.backward and step not in moved and isinstance(value, Step):
                forward.add(value)
    if not moved:
        return program
    new: dict[Value, Value] = {}
    steps: list[Step] = []
    for old in sorted(program.steps, key=places.__getitem__):
        step = with_operands(old, new) if new else old
        if old in moved:
            step = replace(step, backward=True)
        if step is not old:
            new[old] = step
        steps.append(step)
    return with_steps(program, steps, new)


def key_of(argument: Any) -> Any:
    """What two equal arguments have in common."""
    kind = type(argument)
    if isinstance(argument, Constant):
        value = np.asarray(argument.value)
        return "constant", value.dtype.str, value.shape, value.tobytes()
    if isinstance(argument, Value):
        return id(argument)
    if kind in (tuple, list):
        return kind, *map(key_of, argument)
    if isinstance(argument, Mapping):
        return tuple([(name, key_of(argument[name])) for name in sorted(argument)])
    if kind is slice:
        return slice, key_of(argument.start), key_of(argument.stop), key_of(argument.step)
    return kind, repr(argument)  # 0.0 and -0.0 are equal numbers, and differ
