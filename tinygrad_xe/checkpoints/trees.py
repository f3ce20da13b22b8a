"""Nested state, of dicts, lists, numbers, text and arrays, as JSON and named arrays, and back without a loss."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ..errors import DTypeError, FileError

Array = np.ndarray[Any, np.dtype[Any]]

#: What JSON has no word for is a dict with one of these keys alone.
MARKS = {"array": "@array", "scalar": "@scalar", "tuple": "@tuple", "float": "@float"}


def write_tree(tree: Any) -> tuple[str, dict[str, Array]]:
    """The text and the arrays of `tree`.

    Examples
    --------
    >>> import numpy as np
    >>> write_tree({"lr": 0.1, "w": np.zeros(2)})
    ('{"lr": 0.1, "w": {"@array": "w"}}', {'w': array([0., 0.])})
    """
    arrays: dict[str, Array] = {}
    return json.dumps(_plain(tree, "", arrays), allow_nan=False), arrays


def read_tree(text: str, arrays: dict[str, Array], where: str) -> Any:
    """What `write_tree` was given; `where` is the name of the file, for messages."""
    try:
        return _rebuilt(json.loads(text), arrays)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError(f"checkpoint: {where} holds no state: {error!r}.") from None


def _plain(value: Any, path: str, arrays: dict[str, Array]) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        name = path or "value"
        while name in arrays:  # of a key with a slash in it
            name += "'"
        arrays[name] = np.asarray(value)
        return {MARKS["array" if isinstance(value, np.ndarray) else "scalar"]: name}
    if isinstance(value, float) and not np.isfinite(value):
        return {MARKS["float"]: repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        items = [_plain(item, f"{path}/{i}", arrays) for i, item in enumerate(value)]
        return items if isinstance(value, list) else {MARKS["tuple"]: items}
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or key in MARKS.values():
                raise DTypeError(f"checkpoint: {path or 'the state'} has the key {key!r}; expected text.")
        return {key: _plain(item, f"{path}/{key}" if path else key, arrays) for key, item in value.items()}
    raise DTypeError(
        f"checkpoint: {path} is a {type(value).__name__}; expected numbers, text, None, arrays, and lists, tuples and "
        "dicts of them.\n  A state_dict() that is to be saved returns those alone."
    )


def _rebuilt(value: Any, arrays: dict[str, Array]) -> Any:
    if isinstance(value, list):
        return [_rebuilt(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (mark, inner), = value.items()
        if mark == MARKS["array"]:
            return arrays[inner]
        if mark == MARKS["scalar"]:
            return arrays[inner][()]
        if mark == MARKS["float"]:
            return float(inner)
        if mark == MARKS["tuple"]:
            return tuple(_rebuilt(item, arrays) for item in inner)
    return {key: _rebuilt(item, arrays) for key, item in value.items()}
