"""The user's variables: which one holds an array, as a local, a global, or inside a container or an object."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from itertools import islice
from types import FrameType, ModuleType
from typing import Any

import numpy as np

from . import dispatch

#: Items of containers that are searched for an array.
ITEMS = 256


def variable(array: Any, frames: list[FrameType], everywhere: bool) -> str:
    """The variable in which the user holds `array`, or a Tensor of it; empty if there is none.

    Parameters
    ----------
    array : ndarray or NumPy scalar
    frames : list of FrameType
        Searched in this order.
    everywhere : bool
        Whether to look into containers and objects too, at a limited number of items.
    """
    found = [mentioned(frame) for frame in frames]
    for variables in found:
        for name, value in variables:
            if value is array or (type(value) is dispatch.Tensor and value._data is array):
                return name if value is array else value.name or name
    if everywhere:
        left = ITEMS
        for variables in found:
            for name, holder in variables:
                if left <= 0:
                    return ""
                for path, value in items(name, holder, left):
                    left -= 1
                    if value is array or (type(value) is dispatch.Tensor and value._data is array):
                        return path
    return ""


def mentioned(frame: FrameType) -> list[tuple[str, Any]]:
    """The variables of a frame, and the globals that its code mentions."""
    code, variables = frame.f_code, frame.f_globals
    found: list[tuple[str, Any]] = []
    if code.co_flags & inspect.CO_OPTIMIZED:  # a function, which has variables of its own
        own = frame.f_locals
        found += [(name, value) for name, value in own.items() if not name.startswith("__")]
        if type(own) is dict and sys.getrefcount(own) <= 3:
            # Before Python 3.13 the frame keeps this copy of its variables, and what is in it, to its end. It's filled
            # again whenever it is asked for; if anyone else holds it, as by locals(), it stays.
            own.clear()
    elif frame.f_locals is not variables:  # the body of a class
        own = frame.f_locals
        found += [(name, own[name]) for name in code.co_names if name in own]
    found += [(name, variables[name]) for name in code.co_names if name in variables and not name.startswith("__")]
    return found


def items(name: str, holder: Any, most: int) -> Iterator[tuple[str, Any]]:
    """What a variable holds, up to three levels deep, as the user would write it: ``params['w']``, ``self.w``.

    It asks the types, never the objects, whose own methods could do anything.
    """
    pending: list[tuple[str, Any, int]] = [(name, holder, 0)]
    for path, value, level in pending:
        kind = type(value)
        if kind in (list, tuple):
            inner = [(f"{path}[{i}]", item) for i, item in enumerate(value[:most])]
        elif issubclass(kind, dict):
            listed = list(islice(dict.items(value), most))
            inner = [(f"{path}[{key!r}]", item) for key, item in listed if writable(key)]
        elif not issubclass(kind, ModuleType | type):
            inner = [(f"{path}.{key}", item) for key, item in islice(attributes(value).items(), most)]
        else:
            continue
        for path_inside, item in inner:
            yield path_inside, item
            if level < 2 and len(pending) < most and type(item) not in (np.ndarray, dispatch.Tensor):
                pending.append((path_inside, item, level + 1))


def writable(key: Any) -> bool:
    """Whether a key of a dict has a short way to be written: Python refuses to write whole numbers of 5000 digits."""
    return type(key) is str or (type(key) is int and key.bit_length() < 64)


def attributes(value: Any) -> dict[str, Any]:
    """The attributes that an object itself holds."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except (AttributeError, TypeError):
        return {}
    return dict(found) if type(found) is dict else {}
