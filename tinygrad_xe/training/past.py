"""Past: states of a training that were kept on the way, from which a past step is made again; and the Moment found."""

from __future__ import annotations

import copy
import math
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import BoundsError, DTypeError, GraphError
from ..graph import Leaf
from ..tensor import Tensor
from ..watch import record
from .generators import named_generators, set_states, states
from .history import History
from .interrupt import Interrupt
from .run import Run
from .weights import modes, named_parameters, set_mode

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(eq=False)
class Moment:
    """A past step of a training.

    ``tinygrad_xe.viz.graph(moment.loss)`` and ``explore(moment.loss)`` draw it, with all values and gradients.

    Attributes
    ----------
    step, epoch : int
        Counted from 0.
    model : Module
        A copy, with the weights that it had before the update of this step, and their gradients in ``grad``.
    batch : tuple of arrays
        Inputs, and last the target.
    output : Tensor
        What the model returned.
    loss : Tensor
        Of shape ().
    gradients : dict of str to ndarray
        Of the loss, by the name of the parameter; before clipping. A parameter that got none is left out. Those of the
        loss's own parameters are there too, as ``"loss.…"``.
    record : record
        All steps of the computation, forward and backward.
    """

    step: int
    epoch: int
    model: Any
    batch: tuple[Any, ...]
    output: Any
    loss: Tensor
    gradients: dict[str, Array]
    record: record = field(repr=False)

    def __repr__(self) -> str:
        return f"<step {self.step}, in epoch {self.epoch}: loss {self.loss.item():.6g}>"


class Past:
    """States of a `Run`, every so many steps.

    Attributes
    ----------
    next_step : int
        When `keep` is to be called again.
    """

    def __init__(self, run: Run, every: int) -> None:
        self.run, self.every = run, int(every)
        self.first = run.step  # a training that was resumed knows its losses from before, but no states
        self.states: list[dict[str, Any]] = []
        self.keep()

    def keep(self) -> None:
        """Keep the state between two steps."""
        self.states.append(self.run.state())
        self.next_step = self.run.step + self.every

    def at(self, step: int) -> Moment:
        """Make a step again; see `History.at`."""
        run = self.run
        losses = run.losses
        assert losses is not None
        if isinstance(step, bool) or not isinstance(step, int | np.integer):
            raise DTypeError(f"at: step is {step!r}; expected a whole number, the step counted from 0.")
        wanted = step + len(losses) if step < 0 else step
        if not self.first <= wanted < len(losses):
            told = f"steps {self.first} to {len(losses) - 1}" if len(losses) > self.first else "no step"
            raise BoundsError(f"at: there is no step {step}; {told} were recorded.")
        if run.going_on:
            raise GraphError(
                "at: this training is still going on, and would be disturbed by running its past again.\n"
                "  Call it after fit, or in on_end of a callback; batch, loss and gradients of the newest step are in "
                "run.batch,\n  run.last_loss and the grad of the parameters."
            )
        parameters = [parameter for _, parameter in run.trained_parts.named_parameters()]
        live, gradients = run.state(), [None if p.grad is None else p.grad.copy() for p in parameters]
        kept = run.history, run.losses, run.batch, run.last_loss, run.interrupt, run.batches, run.validation
        given = {"data": run.batches.data, "validation": None if run.validation is None else run.validation.data}
        drawing = named_generators(**given)
        drawn = states(drawing)
        nearest = max((s for s in self.states if s["position"]["step"] <= wanted), key=lambda s: s["position"]["step"])
        try:
            with modes(run.model):
                set_mode(run.model, training=True)
                run.history, run.losses, run.interrupt = History(), None, Interrupt()
                run.batches, run.validation = run.batches.apart(), run.validation and run.validation.apart()
                run.restore(nearest)
                for batch in _batches(run):
                    if run.step == wanted:
                        return self._look(batch, losses[wanted])
                    run.train_step(batch)
                    self._compare(run.step - 1, run.last_loss, losses[run.step - 1])
            raise AssertionError("batches never end")
        finally:
            run.restore(live)
            run.history, run.losses, run.batch, run.last_loss, run.interrupt, run.batches, run.validation = kept
            set_states(drawing, drawn)
            for parameter, g in zip(parameters, gradients):
                parameter.grad = g

    def _look(self, batch: tuple[Any, ...], loss: float) -> Moment:
        """Run the step, recorded, on the model itself, which the loss may know; the graph becomes that of a copy."""
        run = self.run
        named = run.trained_parts.named_parameters()
        parameters = [parameter for _, parameter in named]
        with memory_of_their_own(parameters), np.errstate(**run.quiet), record() as recorded:
            output = run.model(*batch[:-1])
            value = run.loss(output, batch[-1])
            value.backward()
            gradients = {name: parameter.grad for name, parameter in named if parameter.grad is not None}
            model = copy.deepcopy(run.model)
            for (_, parameter), (_, twin) in zip(named_parameters(run.model), named_parameters(model)):
                hand_over(parameter, twin)
        self._compare(run.step, value.item(), loss)
        return Moment(run.step, run.epoch, model, batch, output, value, gradients, recorded)

    @staticmethod
    def _compare(step: int, again: float, before: float) -> None:
        if again != before and not (math.isnan(again) and math.isnan(before)):
            raise GraphError(
                f"at: step {step} had the loss {before!r}, and has {again!r} when it is run again.\n"
                "  Data were changed since, a callback changes weights or learning rates, or numbers are drawn from a "
                "generator that fit does not know of:\n  np.random, or one that neither model nor data hold as an "
                "attribute."
            )


@contextmanager
def memory_of_their_own(parameters: list[Tensor]) -> Iterator[None]:
    """Inside the block the parameters are other leaves, with the same values and no gradient."""
    before = [(p, p._data, p.node) for p in parameters]
    try:
        for p in parameters:
            p._data, p.grad = np.array(p._data), None
            if p.requires_grad:
                p._become_leaf()
        yield
    finally:
        for p, data, node in before:
            p._data, p.node = data, node


def hand_over(parameter: Tensor, twin: Tensor) -> None:
    """Make `twin` the owner of the leaf that `parameter` is now."""
    twin._data, twin.node, twin.grad = parameter._data, parameter.node, parameter.grad
    if isinstance(twin.node, Leaf):
        twin.node.owner = weakref.ref(twin)


def _batches(run: Run) -> Iterator[tuple[Any, ...]]:
    """The batches of this epoch and the next ones, whose ends are passed on the way."""
    while True:
        yield from run.begin_epoch()
        run.end_epoch()
