"""The random generators that a training draws from: the library's, and those that models and data hold."""

from __future__ import annotations

import copy
import random as python_random
from collections.abc import Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from .. import random
from ..containers import leaves
from ..errors import ArgumentError
from ..nn.module import Module
from ..tensor import Tensor

#: How many objects are gone through, each held by the one before, in the search for generators.
DEPTH = 4

#: Objects that hold no generator of a training.
CLOSED = (type, ModuleType, FunctionType, np.ndarray, Tensor, str, int, float)


def named_generators(**owners: Any) -> dict[str, np.random.Generator]:
    """Each generator once, under the names of the attributes that lead to it; the library's is "library".

    Raises
    ------
    ArgumentError
        When there is a RandomState or a random.Random, whose state a checkpoint can't hold.
    """
    found = {"library": random.generator()}
    for owner, thing in owners.items():
        modules = list(thing.named_modules(owner)) if isinstance(thing, Module) else [(owner, thing)]
        seen = {id(module) for _, module in modules}
        for path, module in modules:
            for name, leaf in _attributes(path, module, seen, DEPTH):
                if isinstance(leaf, np.random.RandomState | python_random.Random):
                    kind = type(leaf)
                    raise ArgumentError(
                        f"fit: {name} is a {kind.__module__}.{kind.__name__}, which is not put back after a failure, "
                        "nor by resume.\n  Write np.random.default_rng(seed) in its place."
                    )
                if all(leaf is not known for known in found.values()):
                    found[name] = leaf
    return found


def _attributes(path: str, thing: Any, seen: set[int], depth: int) -> Iterator[tuple[str, Any]]:
    """The generators in the attributes of an object, and in those of the objects there."""
    for attribute, value in getattr(thing, "__dict__", {}).items():
        for i, leaf in enumerate(leaves(value)):
            name = f"{path}.{attribute}" + (f".{i}" if i else "")
            if isinstance(leaf, np.random.Generator | np.random.RandomState | python_random.Random):
                yield name, leaf
            elif depth > 1 and not isinstance(leaf, CLOSED) and id(leaf) not in seen:
                seen.add(id(leaf))
                yield from _attributes(name, leaf, seen, depth if isinstance(leaf, Module) else depth - 1)


def states(generators: Mapping[str, np.random.Generator]) -> dict[str, Any]:
    """Where they are."""
    return {name: copy.deepcopy(rng.bit_generator.state) for name, rng in generators.items()}


def set_states(generators: Mapping[str, np.random.Generator], saved: Mapping[str, Any]) -> None:
    """Put them where `states` was called."""
    if generators.keys() != saved.keys():
        raise ArgumentError(
            f"resume: the generators were {', '.join(saved)}; now they are {', '.join(generators)}.\n"
            "  Make model and data as they were made for the training that is to go on."
        )
    for name, rng in generators.items():
        try:
            rng.bit_generator.state = saved[name]
        except (ValueError, TypeError, KeyError) as error:
            kind = type(rng.bit_generator).__name__
            raise ArgumentError(f"resume: the state of the generator {name!r} is not of a {kind}: {error!r}.") from None


def differ(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """The names of the generators that have moved between two `states`."""
    return [name for name in a if repr(a[name]) != repr(b[name])]  # some hold arrays; all of it is printed
