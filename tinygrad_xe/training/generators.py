"""The random generators that a training draws from: the library's, and those that models and data hold."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import random
from ..containers import leaves
from ..errors import ArgumentError
from ..nn.module import Module


def named_generators(**owners: Any) -> dict[str, np.random.Generator]:
    """Each generator once, under the name of the attribute that holds it; the library's is "library"."""
    found = {"library": random.generator()}
    for owner, thing in owners.items():
        modules = thing.named_modules(owner) if isinstance(thing, Module) else [(owner, thing)]
        for path, module in modules:
            for attribute, value in getattr(module, "__dict__", {}).items():
                for i, leaf in enumerate(leaves(value)):
                    if isinstance(leaf, np.random.Generator) and all(leaf is not known for known in found.values()):
                        found[f"{path}.{attribute}" + (f".{i}" if i else "")] = leaf
    return found


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
