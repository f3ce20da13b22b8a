"""What a result depends on: the values on the way to it, found in a record and in the graph, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..graph import RELEASED, Leaf, Node
from ..op import Op
from ..program.trees import Tree
from ..tensor import Tensor
from ..watch import Step, record
from ..witness import COPIED, Call, Kept
from .records import Array, Scope

#: Variables that hold what a model is to answer.
TARGETS = frozenset({"y", "y_true", "Y", "target", "targets", "label", "labels"})

#: Names that data have, which a model's parameters stand beside.
DATA = frozenset({"x", "X", "x_train", "X_train", "data", "features", "images", "inputs", "batch"})

#: A value while it is looked at: its node, or for one without a gradient the identity of its array.
Key = Node | int


@dataclass(eq=False)
class Input:
    """What an operation took in one place: a value, or what is only written in its expression (`key` is None)."""

    place: int
    name: str
    key: Key | None
    array: Any
    tracked: bool


@dataclass(eq=False)
class Item:
    """A value of a trace while it is put together.

    Attributes
    ----------
    key, node, step, array
        `step` is None for a leaf, and for what was not recorded; `array` where it is not known.
    inputs : list of Input
    id : int
        Its place in order of computation.
    first : Kept or None
        A leaf as it was when it was first used.
    uses : int
        How many times others took it.
    labels : bool
        A loss took it as its labels.
    name : str
    given : bool
        The user gave the name to this very value.
    tree, reference : Tree or None
        How it was computed, and how others refer to it.
    scopes : tuple of Scope
    """

    key: Key
    node: Node | None
    step: Step | None
    array: Any
    inputs: list[Input] = field(default_factory=list)
    id: int = 0
    first: Kept | None = None
    uses: int = 0
    labels: bool = False
    name: str = ""
    given: bool = False
    tree: Tree | None = None
    reference: Tree | None = None
    scopes: tuple[Scope, ...] = ()

    @property
    def op(self) -> Op | None:
        """What made it; None for a leaf."""
        return self.step.op if self.step is not None else self.node.op if self.node is not None else None

    @property
    def order(self) -> int:
        """Time by the engine's clock, turned round so that it runs upwards."""
        if self.node is not None:
            return -self.node.order
        return -self.step.seen.order if self.step is not None and self.step.seen is not None else 0

    @property
    def calls(self) -> tuple[tuple[Call, int], ...]:
        """Where it was made."""
        return () if self.step is None or self.step.seen is None else self.step.seen.calls

    @property
    def options(self) -> tuple[Any, ...]:
        """The options of its operation; empty where they are not known."""
        if self.step is not None and self.step.seen is not None:
            return self.step.seen.options
        return getattr(self.node, "options", ())

    @property
    def saved(self) -> dict[str, Any]:
        """What was saved for the rules, by word, as it was then; empty where it is not there any more."""
        op = self.op
        if op is None or self.node is None:
            return {}
        if self.step is not None and self.step.seen is not None:
            kept = self.step.seen.kept
            values = [kept[id(value)].value() if id(value) in kept else value for value in self.step.seen.saved]
            return dict(zip(op.saves, values))
        return {} if self.node.saved is RELEASED else dict(zip(op.saves, self.node.saved))

    def value(self, time: int) -> Array | None:
        """The numbers as they were when they were made or first used; None where these are not there any more.

        Without a record a leaf's are known, unless it was assigned to before `time`, on the engine's clock.
        """
        if self.step is not None:
            kept = None if self.step.seen is None else self.step.seen.kept.get(id(self.step.out))
            return plain(self.step.out if kept is None else kept.value())
        if self.first is not None:
            return plain(self.first.value())
        if type(self.node) is Leaf:
            return None if self.node.changed < time else copied(self.node.memory)
        return None if self.node is not None else copied(self.array)


class Dependencies:
    """The values that a result depends on.

    Attributes
    ----------
    items : dict of Key to Item
    ordered : list of Item
        In order of computation; leaves stand where they are first used.
    result : Item
    """

    def __init__(self, result: Tensor, recorded: record | None) -> None:
        self.recorded = recorded
        self.names: dict[int, str] = {} if recorded is None else recorded.witness.names
        self._memories = self._leaves()
        self.items: dict[Key, Item] = {}
        self.result = self._item(result.node, result._data)
        self._collect()
        self.ordered = self._in_order()

    def _leaves(self) -> dict[int, Node]:
        """Leaves by the identity of their arrays, as a comparison sees them."""
        nodes = [step.node for step in (() if self.recorded is None else self.recorded.steps) if step.node is not None]
        return {id(leaf.memory): leaf for node in nodes for leaf in node.parents if type(leaf) is Leaf}

    def _item(self, node: Node | None, array: Any) -> Item:
        """The item of a node, or of an array without one; made if there is none."""
        step = None if self.recorded is None else self.recorded.step_of(node, array)
        if node is None:
            node = step.node if step is not None else self._memories.get(id(array))
        key: Key = id(array) if node is None else node
        item = self.items.get(key)
        if item is None:
            item = self.items[key] = Item(key, node, step, array if step is None else step.out)
        elif item.array is None:
            item.array = array
        return item

    def _collect(self) -> None:
        """Find all that the result depends on."""
        pending, found = [self.result], {self.result.key}
        while pending:
            item = pending.pop()
            for given in self._inputs(item):
                item.inputs.append(given)
                if given.key is None:
                    continue
                parent = self.items[given.key]
                parent.uses += 1
                parent.labels |= given.name == "labels"
                if given.key not in found:
                    found.add(given.key)
                    pending.append(parent)

    def _inputs(self, item: Item) -> Iterator[Input]:
        """What an item was computed from."""
        op, node = item.op, item.node
        if op is None:
            return
        parents: tuple[Node | None, ...] = () if node is None else node.parents
        if item.step is not None:
            values = item.step.inputs
        else:  # an ordinary graph knows what its rules saved
            values = tuple(item.saved.get(name) for name in op.inputs)
            if op.variadic is not None and not isinstance(values[0], list | tuple):
                values = ([None] * len(parents),)
        for i, (name, value) in enumerate(zip(op.inputs, values)):
            tracked = op.rules[name] is not None
            for k, array in enumerate(value) if name == op.variadic else ((i, value),):
                parent = parents[k] if tracked and k < len(parents) else None
                if parent is None and not self._is_value(array):
                    yield Input(k, name, None, array, False)
                else:
                    yield Input(k, name, self._item(parent, array).key, array, parent is not None)

    def _is_value(self, array: Any) -> bool:
        """Whether what is not tracked is a value of its own: arrays, and NumPy's numbers if they have a name."""
        if isinstance(array, np.ndarray):
            return True
        if not isinstance(array, np.generic) or self.recorded is None:
            return False
        return self.recorded.step_of(None, array) is not None or id(array) in self.names

    def _in_order(self) -> list[Item]:
        listed: dict[Key, Item] = {}
        for item in sorted((item for item in self.items.values() if item.op is not None), key=lambda item: item.order):
            kept = {} if item.step is None or item.step.seen is None else item.step.seen.kept
            for given in item.inputs:
                if given.key is not None:
                    parent = self.items[given.key]
                    parent.first = parent.first or kept.get(id(given.array))
                    listed.setdefault(given.key, parent)
            listed.setdefault(item.key, item)
        listed.setdefault(self.result.key, self.result)
        for i, item in enumerate(listed.values()):
            item.id = i
        return list(listed.values())


def plain(value: Any) -> Array | None:
    """An array, of one or of a Tensor or a NumPy scalar; None of anything else."""
    value = getattr(value, "_data", value)
    return np.asarray(value) if isinstance(value, np.ndarray | np.generic) else None


def copied(array: Any) -> Array:
    """A small array's copy; a large one as it is."""
    return np.array(array) if np.size(array) <= COPIED else np.asarray(array)
