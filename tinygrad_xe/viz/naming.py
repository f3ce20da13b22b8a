"""The user's names of values and functions, from the bytecode that stores a value and the calls that led to it."""

from __future__ import annotations

import bisect
import dis
import functools
import linecache
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from types import CodeType
from typing import Any

import numpy as np

from ..op import Op
from ..variables import writable
from ..witness import Call

# -- variables ---------------------------------------------------------------------------------------------------------


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


def variable(calls: tuple[tuple[Call, int], ...]) -> tuple[str, tuple[Call, int]] | None:
    """The variable that the result of a step is stored to, and the call and place that do it.

    A value that a function of the user's returns is followed into the caller. What a function of this library returns
    is its last step; the caller of `variable` sees to that, by the call and the place.
    """
    for call, lasti in reversed(calls):
        if call.kind in ("composed", "module"):
            continue
        if call.kind != "user":
            return None
        found = stored_to(call.code, lasti)
        if not isinstance(found, Returned):
            return None if found is None or found == "_" else (found, (call, lasti))
    return None


def composed(calls: tuple[tuple[Call, int], ...]) -> Call | None:
    """The function of this library, made of operations, that the user called; None if it was the operation itself."""
    found = None
    for call, _ in reversed(calls):
        if call.kind == "user":
            break
        if call.kind == "composed":
            found = call
    return found


def clusters(calls: tuple[tuple[Call, int], ...]) -> list[Call]:
    """The functions that a step is drawn inside of, outermost first.

    Not the one in which recording began, or whose trace this is; of this library's, those that the user called.
    """
    inner = calls[2:] if calls and calls[0][0].kind == "library" else calls[1:]
    found: list[Call] = []
    user = True
    before = ""
    for call, _ in inner:
        if call.kind == "module" and type(call.module).__name__ != "Function":
            found.append(call)
        if call.kind == "composed" and user and public(call.code.co_name) is not None:
            found.append(call)
        method = before == "module" and call.code.co_name == "forward"  # of the module, which is there already
        if call.kind == "user" and not call.code.co_name.startswith("<") and not method:
            found.append(call)
        before = call.kind
        if call.kind in ("user", "composed"):
            user = call.kind == "user"
    return found


def public(name: str) -> Any:
    """What a user calls by this name; None if there is nothing."""
    package = sys.modules[__package__.partition(".")[0]]
    places = (package, getattr(package, "losses", None), np, np.linalg)
    found = [getattr(place, name, None) for place in places]
    return None if name.startswith("_") else next((function for function in found if callable(function)), None)


def function_name(code: CodeType) -> str:
    """A function as the user knows it: ``bce``, ``Model.forward``; the class alone for ``__call__``."""
    return code.co_qualname.rpartition("<locals>.")[2].removesuffix(".__call__")


def loss_called(
    op: Op, calls: tuple[tuple[Call, int], ...], steps: Mapping[Call, int]
) -> tuple[str, dict[str, Any]] | None:
    """The public function that a step is the whole of, and the options that it was given.

    None if there is none that takes the op's inputs by keyword.
    """
    call = composed(calls)
    function = None if call is None or steps.get(call) != 1 else public(call.code.co_name)
    if call is None or function is None:
        return None
    code = call.code
    keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    if not op.inputs or not {*op.inputs} <= {*keywords}:
        return None
    usual = getattr(function, "__kwdefaults__", None) or {}
    given = {key: value for key, value in call.keywords.items() if key not in op.inputs and value != usual.get(key)}
    return code.co_name, given


# -- places ------------------------------------------------------------------------------------------------------------


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


def distinct(names: Iterable[tuple[str, bool]]) -> list[str]:
    """Names of which no two are equal: a variable's second value is ``z_2``; names that the user gave stay.

    Parameters
    ----------
    names : iterable of (str, bool)
        In order of computation: the name, and whether the user gave it to this value; "" for none.
    """
    each = list(names)
    taken = {name for name, _ in each}
    seen = {name: 1 for name, given in each if given}
    found = []
    for name, given in each:
        if name and not given:
            count = seen[name] = seen.get(name, 0) + 1
            if count > 1:
                while f"{name}_{count}" in taken:
                    count += 1
                seen[name] = count
                name = f"{name}_{count}"
        found.append(name)
    return found
