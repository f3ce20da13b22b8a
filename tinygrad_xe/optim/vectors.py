"""Flat vectors: the parameters of one group and dtype, and their state, each in one array."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from ..graph import clock
from ..tensor import Tensor
from .usage import Usage, values_of

Array = np.ndarray[Any, np.dtype[Any]]
#: What an optimizer keeps: "step", a whole number, and arrays by name.
State = dict[str, Any]


class Segment:
    """A run of parameters that have taken the same steps: their values and state, views of the block's vectors.

    Attributes
    ----------
    first, last : int
        Which parameters of the block: ``range(first, last)``.
    start, stop : int
        Where they are in the vectors.
    parameters : list of Tensor
    values : ndarray
    state : dict
    """

    __slots__ = ("first", "last", "parameters", "start", "state", "stop", "values")

    def __init__(self, block: Block, first: int, last: int, state: State) -> None:
        self.first, self.last = first, last
        self.start, self.stop = block.bounds[first], block.bounds[last]
        self.values = block.values[self.start : self.stop]
        self.parameters = block.parameters[first:last]
        self.state = {
            name: held if name == "step" else block.arrays[name][self.start : self.stop] for name, held in state.items()
        }

    def goes_on_in(self, other: Segment) -> bool:
        """Whether the next segment has taken the same steps."""
        return self.state.keys() == other.state.keys() and self.state.get("step") == other.state.get("step")


class Block:
    """The parameters of one group and dtype in one vector. One update of the whole is what makes tiny models fast.

    The vectors stay where they are: a step writes into them.

    Attributes
    ----------
    group : dict
        The settings.
    parameters : list of Tensor
    values : ndarray
        All values, in the order of the parameters, each in C order. Each Tensor holds a view of it.
    gradients : ndarray
        Those that the last step used, in the same order. A new array in each step would cost 3 of 20 us.
    arrays : dict of str to ndarray
        The state, in the same order.
    segments : list of Segment
        One, as long as all parameters have had a gradient at each step.
    """

    __slots__ = ("arrays", "bounds", "gradients", "group", "held", "parameters", "segments", "usage", "values")

    def __init__(self, group: dict[str, Any], parameters: list[Tensor], states: list[State]) -> None:
        self.group, self.parameters = group, parameters
        self.bounds = [0]
        for p in parameters:
            self.bounds.append(self.bounds[-1] + p.size)
        self.values = np.empty(self.bounds[-1], parameters[0].dtype)
        self.arrays: dict[str, Array] = {}
        self.segments: list[Segment] = []
        self.held: list[tuple[Tensor, Array]] = []
        for i, (p, state) in enumerate(zip(parameters, states)):
            view = self.values[self.bounds[i] : self.bounds[i + 1]].reshape(p.shape)
            p.move(view)
            self.held.append((p, view))
            for name, value in state.items():
                if name != "step":
                    self.array(name)[self.bounds[i] : self.bounds[i + 1]] = np.ravel(value)
            self.segments.append(Segment(self, i, i + 1, state))
        self.merge()
        self.gradients = np.empty_like(self.values)
        self.usage = Usage(self.bounds, self.gradients)

    def array(self, name: str) -> Array:
        """The vector of a state, made when it is first needed."""
        if name not in self.arrays:
            self.arrays[name] = np.zeros_like(self.values)
        return self.arrays[name]

    def states(self) -> Iterator[tuple[Tensor, State]]:
        """The state of each parameter, as views in its shape."""
        for segment in self.segments:
            for i in range(segment.first, segment.last):
                own, shape = slice(self.bounds[i], self.bounds[i + 1]), self.parameters[i].shape
                yield self.parameters[i], {
                    name: held if name == "step" else self.arrays[name][own].reshape(shape)
                    for name, held in segment.state.items()
                }

    def is_in_place(self) -> bool:
        """Whether every parameter is still kept in the vector; another optimizer or `astype` may have moved it."""
        return all(p._data is view for p, view in self.held)

    def split(self, at: list[int]) -> None:
        """Cut the segments before each parameter whose number is in `at`."""
        pieces = []
        for segment in self.segments:
            cuts = [segment.first, *(i for i in at if segment.first < i < segment.last), segment.last]
            pieces += [Segment(self, a, b, segment.state) for a, b in pairwise(cuts)]
        self.segments = pieces

    def merge(self) -> None:
        """Join neighbours that have taken the same steps."""
        joined = self.segments[:1]
        for segment in self.segments[1:]:
            if joined[-1].goes_on_in(segment):
                joined[-1] = Segment(self, joined[-1].first, segment.last, segment.state)
            else:
                joined.append(segment)
        self.segments = joined

    def write(self, segment: Segment, values: Array, state: Mapping[str, Any]) -> None:
        """Write what an update returned into the vectors, and note it on the parameters, as ``Tensor.touch()`` does."""
        np.copyto(segment.values, values)
        if state:
            held = segment.state
            for name, value in state.items():
                if name == "step":
                    held[name] = value
                    continue
                if name not in held:
                    held[name] = self.array(name)[segment.start : segment.stop]
                np.copyto(held[name], value)
        now = next(clock)
        for p in segment.parameters:
            p.node.changed = now  # type: ignore[union-attr]


def joined(gradients: list[Any], vector: Array) -> Array:
    """Write the gradients, each in C order, into `vector`, and return it."""
    parts = [g.ravel() for g in gradients]
    if Tensor in map(type, parts):  # after backward(create_graph=True)
        parts = [values_of(g).ravel() for g in gradients]
    return np.concatenate(parts, out=vector)
