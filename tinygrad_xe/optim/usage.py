"""Which gradients an optimizer has used, to tell those that were never zeroed and those that are used twice."""

from __future__ import annotations

import warnings
import weakref
from typing import Any

import numpy as np

from ..errors import OptimizerWarning
from ..graph import users_level
from ..tensor import Tensor, before_adding

Array = np.ndarray[Any, np.dtype[Any]]

NEVER_ZEROED = (
    "{who}: the gradients were never zeroed: backward() added to those that the last step() had used.\n"
    "  Write optimizer.zero_grad() before loss.backward(). To add up several batches on purpose, zero once a step."
)
USED_TWICE = (
    "{who}: the gradients are used twice: there was no backward() since the last step().\n"
    "  Write optimizer.zero_grad(); loss.backward(); optimizer.step(), in this order."
)
NO_GRADIENT = (
    "{who}: no parameter has a gradient: nothing was changed.\n"
    "  Write loss.backward() before step(), of a loss that was computed from these parameters."
)
ALL_FROZEN = (
    "{who}: all parameters are frozen: nothing was changed.\n"
    "  Write model.requires_grad_(True), or p.requires_grad = True, for those that are to learn."
)


class Usage:
    """The gradients of one vector that the last step used: weak references, and what they held.

    A gradient that was zeroed in place holds something else when backward() adds to it, and so does one that the user
    wrote into.
    """

    __slots__ = ("__weakref__", "added", "bounds", "places", "references", "vector")

    def __init__(self, bounds: list[int], vector: Array) -> None:
        self.bounds = bounds  # where the gradient of each parameter begins in the vector, and the last one ends
        self.vector = vector  # the step writes there what it uses
        self.references: list[Any] = []
        self.places: dict[int, int] | None = None
        self.added = False  # whether backward() added to a gradient that was used
        recent.append(weakref.ref(self, recent.remove))

    def used(self, references: list[Any]) -> None:
        """Note that a step has used the gradients behind `references`."""
        self.references, self.places, self.added = references, None, False

    def still_holds(self, i: int, gradient: Array) -> bool:
        """Whether the gradient of parameter `i` holds what was used, and that was not zero."""
        then = self.vector[self.bounds[i] : self.bounds[i + 1]]
        return bool(then.any()) and np.array_equal(then, gradient.ravel(), equal_nan=True)

    def finding(self, gradients: list[Any]) -> str | None:
        """What is wrong with `gradients`, which are about to be used: a message, or None."""
        if self.added:
            return NEVER_ZEROED
        for i, (reference, gradient) in enumerate(zip(self.references, gradients)):
            if reference() is gradient is not None and self.still_holds(i, values_of(gradient)):
                return USED_TWICE
        return None

    def add(self, gradient: Any) -> None:
        """Note that backward() is about to add to `gradient`."""
        if self.added or not self.references:
            return
        if self.places is None:
            alive = [reference() for reference in self.references]
            self.places = {id(g): i for i, g in enumerate(alive) if g is not None}
        i = self.places.get(id(gradient))
        if i is not None and self.references[i]() is gradient:
            self.added = self.still_holds(i, values_of(gradient))


#: Those of all optimizers that are alive.
recent: list[weakref.ref[Usage]] = []


def adding(gradient: Any) -> None:
    """Tell every optimizer that backward() is about to add to `gradient`."""
    for reference in [*recent]:
        usage = reference()
        if usage is not None:
            usage.add(gradient)


before_adding.append(adding)


def values_of(gradient: Any) -> Array:
    """The array in a gradient, which is a Tensor after ``backward(create_graph=True)``."""
    return gradient._data if isinstance(gradient, Tensor) else gradient  # type: ignore[no-any-return]


def nothing() -> None:
    """Stands for the reference to a gradient where there is none."""


def warn(message: str) -> None:
    """Warn at the user's line."""
    warnings.warn(message, OptimizerWarning, stacklevel=users_level())
