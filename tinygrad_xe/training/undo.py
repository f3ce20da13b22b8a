"""Undo: what a forward pass changes beside its result, noted before a step, so that it can be taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..nn.module import Module
from ..tensor import Tensor
from .generators import differ, set_states, states

#: The attributes of a module, and the name of a buffer there.
Slot = tuple[dict[str, Any], str]


class Undo:
    """The buffers of a model, and the generators that a step draws from, as they were before it.

    Attributes
    ----------
    needed : bool
        Whether a step changes anything at all: noting the state of one generator costs 1.4 us.
    """

    __slots__ = ("_before", "_drawing", "_generators", "_model", "_slots", "known", "needed")

    def __init__(self, model: Any, generators: Mapping[str, np.random.Generator]) -> None:
        self._model, self._generators = model, generators
        self._drawing, self._slots = generators, buffer_slots(model)
        self.needed, self.known = True, False

    def note(self) -> None:
        """Note how things are."""
        self._before = fragile(self._slots), states(self._drawing)

    def learn(self) -> None:
        """After the first step: see which generators have moved, and which buffers there are now."""
        buffers, before = self._before
        moved = differ(before, states(self._generators))
        self._before = buffers, {name: before[name] for name in moved}
        self._drawing = {name: self._generators[name] for name in moved}
        self._slots = buffer_slots(self._model)
        self.needed, self.known = bool(self._slots or self._drawing), True

    def take_back(self) -> None:
        """Make things as they were, and drop the gradients."""
        buffers, drawn = self._before
        for own, name, tensor, data in buffers:
            own[name] = tensor
            if tensor is not None:
                tensor._data = data
        set_states({name: self._generators[name] for name in drawn}, drawn)
        for parameter in self._model.parameters():
            parameter.zero_grad()


def buffer_slots(model: Any) -> list[Slot]:
    """Where the buffers are, which a forward pass may change."""
    modules = model.modules() if isinstance(model, Module) else ()
    return [(own, name) for own in map(vars, modules) for name in own.get("_buffers", ())]


def fragile(slots: list[Slot]) -> list[tuple[dict[str, Any], str, Tensor | None, Any]]:
    """The buffers with their arrays, not copied: assigning gives a buffer a new array."""
    found = []
    for own, name in slots:
        tensor = own[name]
        found.append((own, name, tensor, None if tensor is None else tensor._data))
    return found
