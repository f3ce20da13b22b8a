"""The user's names of values and functions, from the bytecode that stores a value and the calls that led to it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import CodeType
from typing import Any

import numpy as np

from ..bytecode import Returned, stored_to
from ..op import Op
from ..witness import Call

# -- variables ---------------------------------------------------------------------------------------------------------


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
