"""What bytecode tells of an instruction that runs: the variable that its result is stored to, and its line."""

from __future__ import annotations

import bisect
import dis
import functools
import linecache
import os
from collections.abc import Sequence
from types import CodeType

from .variables import writable


class Returned:
    """What a value is stored to if it is handed to the caller."""


RETURNED = Returned()

#: A place where a value may go: a variable, the caller, or nowhere that has a name.
Target = str | Returned | None


@functools.lru_cache(maxsize=256)
def instructions(code: CodeType) -> tuple[list[int], list[dis.Instruction]]:
    """The instructions of `code`, without inline caches, and their places."""
    steps = list(dis.get_instructions(code))
    return [step.offset for step in steps], steps


@functools.lru_cache(maxsize=16_384)
def stored_to(code: CodeType, lasti: int) -> Target:
    """Where the result of the instruction that runs at `lasti` is stored: the next instruction takes it.

    While a function written in Python runs, `lasti` may be the end of the caches of the call.
    """
    places, steps = instructions(code)
    i = bisect.bisect_right(places, lasti)
    if i == 0 or steps[i - 1].opname.startswith("UNPACK"):
        return None
    following: list[dis.Instruction] = []
    while i < len(steps) and len(following) < 12:
        following.append(steps[i])  # a jump forward, as over the other branch of `a if c else b`, is followed
        i = bisect.bisect_left(places, steps[i].argval) if steps[i].opname == "JUMP_FORWARD" else i + 1
    return target(following)


@functools.lru_cache(maxsize=16_384)
def is_operator(code: CodeType, lasti: int) -> bool:
    """Whether the instruction that runs at a place makes one value each time, as an operator does; a call may not."""
    places, steps = instructions(code)
    i = bisect.bisect_right(places, lasti)
    return i > 0 and not steps[i - 1].opname.startswith("CALL")


def target(following: Sequence[dis.Instruction]) -> Target:
    """Where the value on top of the stack goes: ``z``, ``self.w``, ``params['w']``, the caller, or None.

    Of several variables, ``a = b = f(x)``, the first.
    """
    stack: list[str] = []  # what was pushed above the value
    keys: list[str] = []
    for step in following:
        name, value = step.opname, step.argval
        if name in ("COPY", "NOP", "PUSH_NULL", "RESUME", "EXTENDED_ARG", "NOT_TAKEN", "JUMP_FORWARD"):
            if name == "COPY" and step.arg != 1:
                return None
        elif name == "RETURN_VALUE":
            return RETURNED if not stack else None
        elif name.startswith("STORE_") and "ATTR" not in name and "SUBSCR" not in name and "SLICE" not in name:
            return None if stack else str(value[0] if isinstance(value, tuple) else value)
        elif name == "STORE_ATTR":
            return f"{stack[0]}.{value}" if len(stack) == 1 else None
        elif name == "STORE_SUBSCR":
            return f"{stack[0]}[{keys[0]}]" if len(stack) == 2 and keys else None
        elif name.startswith("LOAD_CONST") or name == "LOAD_SMALL_INT":
            if not writable(value):
                return None
            keys.append(repr(value))
            stack.append(repr(value))
        elif name == "LOAD_ATTR" and stack and not str(step.argrepr).startswith("NULL"):
            stack[-1] += f".{value}"
        elif name.startswith(("LOAD_FAST", "LOAD_NAME", "LOAD_GLOBAL", "LOAD_DEREF")):
            stack += [str(part) for part in value] if isinstance(value, tuple) else [str(value)]
        else:
            return None
    return None


@functools.lru_cache(maxsize=256)
def lines(code: CodeType) -> list[int | None]:
    """The line of each instruction."""
    return [position[0] for position in code.co_positions()]


def line_of(code: CodeType, lasti: int) -> str:
    """A place in the user's code: ``"file.py:12: z = X @ w + b"``."""
    known = lines(code)
    number = (known[lasti // 2] if 0 <= lasti // 2 < len(known) else None) or code.co_firstlineno
    text = linecache.getline(code.co_filename, number).strip()
    where = f"{os.path.basename(code.co_filename)}:{number}"
    return f"{where}: {text}" if text else where
