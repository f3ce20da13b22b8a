"""The state of an optimizer as strings, numbers, lists, dicts and arrays, and the checks when it comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentError, DTypeError, ShapeError
from .settings import count, shown


def state_dict(groups: list[dict[str, Any]], states: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """Settings and copies of the states, the parameters numbered through all groups."""
    saved, state, first = [], {}, 0
    for group in groups:
        parameters = group["params"]
        numbers = list(range(first, first + len(parameters)))
        saved.append({**{k: plain(v) for k, v in group.items() if k != "params"}, "params": numbers})
        for i, p in zip(numbers, parameters):
            own = states.get(id(p), {})
            if own:
                state[str(i)] = {k: np.array(v) if isinstance(v, np.ndarray) else v for k, v in own.items()}
        first += len(parameters)
    return {"param_groups": saved, "state": state}


def plain(value: Any) -> Any:
    """A setting without tuples, which JSON does not know."""
    return list(value) if isinstance(value, tuple | list) else value


def read(optimizer: Any, given: Any) -> tuple[list[dict[str, Any]], dict[int, dict[str, Any]]]:
    """The settings of each group and the state of each parameter, by ``id``, in what `state_dict` gave.

    Raises
    ------
    ArgumentError, DTypeError, ShapeError
        When something does not fit: what, and what is expected.
    """
    who = f"load_state_dict of {type(optimizer).__name__}"
    if not isinstance(given, Mapping) or not {"param_groups", "state"} <= given.keys():
        what = f"a dict with {', '.join(map(repr, given))}" if isinstance(given, Mapping) else shown(given)
        raise ArgumentError(f"{who}: got {what}; expected what state_dict() gives: 'param_groups' and 'state'.")
    groups = read_groups(who, optimizer, given["param_groups"])
    numbered = {str(i): p for i, p in enumerate(p for group in optimizer.param_groups for p in group["params"])}
    own = given["state"]
    if not isinstance(own, Mapping):
        raise DTypeError(f"{who}: 'state' is {shown(own)}; expected a dict.")
    unknown = [str(i) for i in own if str(i) not in numbered]
    if unknown:
        raise ArgumentError(f"{who}: it has a state of parameter {unknown[0]}; there are {len(numbered)} parameters.")
    states = {}
    for i, values in own.items():
        p = numbered[str(i)]
        missing = [name for name in optimizer.needed_state if name not in values]
        if missing:
            raise ArgumentError(f"{who}: the state of parameter {i} lacks {', '.join(map(repr, missing))}.")
        states[id(p)] = {
            name: read_value(who, optimizer, f"{name!r} of parameter {i}", name, value, p)
            for name, value in values.items()
        }
    return groups, states


def read_groups(who: str, optimizer: Any, given: Any) -> list[dict[str, Any]]:
    """The settings of each group, which must have the same names and as many parameters as here."""
    here = optimizer.param_groups
    if not isinstance(given, list | tuple) or len(given) != len(here):
        there = f"{len(given)} groups" if isinstance(given, list | tuple) else shown(given)
        raise ArgumentError(f"{who}: the state has {there}, the optimizer {len(here)}.")
    found = []
    for g, (saved, group) in enumerate(zip(given, here)):
        if not isinstance(saved, Mapping):
            raise DTypeError(f"{who}: group {g} is {shown(saved)}; expected a dict.")
        free = {"initial_lr", "param_names"}  # a schedule sets the one; names may be left out
        missing = [name for name in group if name not in saved and name not in free]
        unexpected = [name for name in saved if name not in group and name not in free]
        if missing or unexpected:
            lacks = f" The state lacks {', '.join(map(repr, missing))}." if missing else ""
            has = f" The optimizer has no {', '.join(map(repr, unexpected))}." if unexpected else ""
            raise ArgumentError(
                f"{who}: the settings of group {g} differ.{lacks}{has}\n  Is it the state of another kind of optimizer?"
            )
        if len(saved["params"]) != len(group["params"]):
            raise ArgumentError(
                f"{who}: group {g} has {len(saved['params'])} parameters in the state, {len(group['params'])} here."
            )
        names, own = saved.get("param_names"), group.get("param_names")
        if names is not None and own is not None and list(names) != own:
            there, mine = next((a, b) for a, b in zip(names, own) if a != b)
            raise ArgumentError(f"{who}: parameter {there!r} in the state stands where {mine!r} stands here.")
        settings = {k: v for k, v in saved.items() if k not in ("params", "param_names")}
        found.append(optimizer.checked({**group, **settings, "params": None}))
        del found[-1]["params"]
    return found


def read_value(who: str, optimizer: Any, which: str, name: str, value: Any, p: Any) -> Any:
    """One number or array of the state of a parameter."""
    if name == "step":
        return count(who, which, np.asarray(value).item() if np.ndim(value) == 0 else value)
    if name not in optimizer.state_names:
        known = ", ".join(map(repr, ("step", *optimizer.state_names)))
        raise ArgumentError(f"{who}: {which} is unknown; the state has {known}.")
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise DTypeError(f"{who}: {which} holds {array.dtype}; expected numbers.")
    if array.shape != p.shape:
        raise ShapeError(f"{who}: {which} has shape {array.shape}, the parameter {p.shape}. They must be the same.")
    return array
