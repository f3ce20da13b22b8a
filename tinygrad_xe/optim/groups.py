"""Reading what an optimizer is given: parameters, named ones, or groups with settings of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentError, DTypeError
from ..graph import Argument
from ..tensor import Tensor
from .settings import shown

EXPECTED = "expected an iterable of Tensors, such as model.parameters()"


def listed(owner: str, params: Any) -> list[Any]:
    """What is in `params`, of which there must be something.

    Raises
    ------
    DTypeError
        When it is a single Tensor, a mapping, or no iterable.
    ArgumentError
        When it is empty.
    """
    if isinstance(params, Tensor):
        raise DTypeError(f"{owner}: got one Tensor, of shape {params.shape}; {EXPECTED}. Write [t].")
    if hasattr(params, "parameters"):
        raise DTypeError(f"{owner}: got a {type(params).__name__}; {EXPECTED}. Write model.parameters().")
    if isinstance(params, Mapping | str) or not isinstance(params, Iterable):
        more = " Write list(d.values())." if isinstance(params, Mapping) else ""
        raise DTypeError(f"{owner}: got {shown(params)}; {EXPECTED}.{more}")
    found = list(params)
    if not found:
        used_up = iter(params) is params
        raise ArgumentError(
            f"{owner}: no parameters"
            + (
                ": the generator gave none. Perhaps it was used up before.\n"
                "  Write model.parameters() again, or keep list(model.parameters())."
                if used_up
                else f": got an empty {type(params).__name__}; {EXPECTED}."
            )
        )
    return found


def as_groups(owner: str, params: Any) -> list[dict[str, Any]]:
    """`params` as a list of dicts that have "params", each an iterable."""
    found = listed(owner, params)
    if not any(isinstance(item, dict) for item in found):
        return [{"params": found}]
    for i, item in enumerate(found):
        if not isinstance(item, dict) or "params" not in item:
            what = shown(item)
            if isinstance(item, dict):
                what = f"a dict without 'params', with {', '.join(map(repr, item))}"
            raise DTypeError(f"{owner}: group {i} is {what}; expected a dict as in {{'params': [w, b], 'lr': 0.1}}.")
    return found


def read(owner: str, params: Any) -> tuple[list[Tensor], list[str] | None]:
    """The Tensors in `params`, and their names, if it holds (name, Tensor) pairs.

    Raises
    ------
    DTypeError
        When something else is among them, or a Tensor of whole numbers.
    ArgumentError
        When a Tensor was computed, or is given twice.
    """
    found = listed(owner, params)
    pairs = [isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str) for item in found]
    if any(pairs) and not all(pairs):
        raise DTypeError(f"{owner}: parameter {pairs.index(False)} has no name, others have. Name all or none.")
    names = [name for name, _ in found] if all(pairs) else None
    tensors = [tensor for _, tensor in found] if names is not None else found
    for i, tensor in enumerate(tensors):
        check(owner, f"parameter {i if names is None else names[i]!r}", tensor)
    repeated = first_repeated(tensors)
    if repeated is not None:
        i, j = repeated
        raise ArgumentError(f"{owner}: parameters {i} and {j} are the same Tensor; give each once.")
    return tensors, names


def check(owner: str, which: str, tensor: Any) -> None:
    """Raise unless `tensor` is one whose values an optimizer can change."""
    if not isinstance(tensor, Tensor):
        hint = " Write xe.tensor(values, requires_grad=True)." if hasattr(tensor, "__array__") else ""
        raise DTypeError(f"{owner}: {which} is {shown(tensor)}; expected a Tensor.{hint}")
    if not tensor.is_leaf or type(tensor.node) is Argument:
        raise ArgumentError(
            f"{owner}: {which}, shape {tensor.shape}, was computed; only leaves can be changed.\n"
            "  Give the Tensors that it was computed from, or t.detach() with requires_grad=True."
        )
    if tensor.dtype.kind != "f":
        raise DTypeError(f"{owner}: {which} holds {tensor.dtype}; expected floating-point values.")
    if not isinstance(tensor._data, np.ndarray | np.generic):
        raise DTypeError(f"{owner}: {which} holds a {type(tensor._data).__name__}; expected a NumPy array.")


def first_repeated(tensors: list[Tensor]) -> tuple[int, int] | None:
    """The numbers of the first two places that hold the same Tensor."""
    seen: dict[int, int] = {}
    for j, tensor in enumerate(tensors):
        if id(tensor) in seen:
            return seen[id(tensor)], j
        seen[id(tensor)] = j
    return None


def refuse_repeated(owner: str, groups: list[dict[str, Any]]) -> None:
    """Raise if a parameter is in two groups."""
    numbers = [(g, i) for g, group in enumerate(groups) for i in range(len(group["params"]))]
    repeated = first_repeated([p for group in groups for p in group["params"]])
    if repeated is not None:
        (g, i), (h, j) = numbers[repeated[0]], numbers[repeated[1]]
        raise ArgumentError(
            f"{owner}: parameter {i} of group {g} is parameter {j} of group {h} too; each can be in one group only."
        )
