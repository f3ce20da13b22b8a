"""Undo: what a forward pass changes beside its result, noted before a step, so that it can be taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..tensor import Tensor
from .generators import differ, set_states, states
from .weights import Trained

#: The attributes of a module, and the name of a buffer there.
Slot = tuple[dict[str, Any], str]


class Undo:
    """The buffers of model and loss, and the generators that a step draws from, as they were before it.

    Attributes
    ----------
    needed : bool
        Whether a step changes anything at all: noting the state of one generator costs 1.4 us.
    """

    __slots__ = ("_before", "_drawing", "_generators", "_resting", "_slots", "_trained", "known", "needed")

    def __init__(self, trained: Trained, generators: Mapping[str, np.random.Generator]) -> None:
        self._trained, self._generators = trained, generators
        self._drawing, self._slots = generators, buffer_slots(trained)
        self._resting: dict[str, Any] = {}
        self.needed, self.known = True, False

    def note(self) -> None:
        """Note how things are."""
        self._before = fragile(self._slots), states(self._drawing)

    def learn(self) -> None:
        """After the first step: see which generators have moved, and which buffers there are now."""
        buffers, before = self._before
        after = states(self._generators)
        moved = differ(before, after)
        self._resting = {name: state for name, state in after.items() if name not in moved}
        self._before = buffers, {name: before[name] for name in moved}
        self._drawing = {name: self._generators[name] for name in moved}
        self._slots = buffer_slots(self._trained)
        self.needed, self.known = bool(self._slots or self._drawing), True

    def awoken(self) -> list[str]:
        """The generators that the first step did not draw from, so that they are not noted, and that have moved."""
        return differ(self._resting, states(self._generators))

    def take_back(self) -> None:
        """Make things as they were, and drop the gradients."""
        buffers, drawn = self._before
        for own, name, tensor, data in buffers:
            own[name] = tensor
            if tensor is not None:
                tensor._data = data
        set_states({name: self._generators[name] for name in drawn}, drawn)
        for _, parameter in self._trained.named_parameters():
            parameter.zero_grad()


def buffer_slots(trained: Trained) -> list[Slot]:
    """Where the buffers are, which a forward pass may change."""
    modules = [module for _, module in trained.named_modules()]
    return [(own, name) for own in map(vars, modules) for name in own.get("_buffers", ())]


def fragile(slots: list[Slot]) -> list[tuple[dict[str, Any], str, Tensor | None, Any]]:
    """The buffers with their arrays, not copied: assigning gives a buffer a new array."""
    found = []
    for own, name in slots:
        tensor = own[name]
        found.append((own, name, tensor, None if tensor is None else tensor._data))
    return found
