"""Optimizer: the step, which updates whole vectors, and the state that is saved."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from operator import is_
from typing import Any, Self

import numpy as np

from ..errors import DTypeError, NonFiniteError
from ..graph import mode, watching
from . import saving, usage
from .gathering import Gathering, Group
from .groups import as_groups, refuse_repeated
from .settings import refuse_unknown
from .vectors import Array, Block, Segment, State, joined

reference_to = weakref.ref


class Optimizer(Gathering):
    """Base of the optimizers: write `update`, a pure function on arrays, and `checked` for the settings.

    Parameters
    ----------
    params : iterable
        Tensors; or (name, Tensor) pairs; or groups: dicts with ``"params"`` and settings that differ from the others.
    **settings
        Of all groups that do not have their own.

    Attributes
    ----------
    param_groups : list of dict
        ``"params"``, a list of Tensors, ``"lr"`` and the other settings. They can be changed at any time.
    refuses_nonfinite : bool
        Whether `step` raises NonFiniteError, before anything is changed, when a gradient is NaN or infinite; False, as
        in PyTorch. `fit` sets it.
    state_names : tuple of str
        The arrays that the optimizer may keep for each parameter.
    needed_state : tuple of str
        What a state that is not empty must have.

    Raises
    ------
    ArgumentError
        When there are no parameters, one is given twice or was computed, or a setting is out of range.
    DTypeError
        When a parameter is not a Tensor of floating-point values, or a setting not of its type.

    Notes
    -----
    The values of all parameters of one group and dtype are kept in one vector, of which the Tensors hold views: a step
    of four parameters, 4,810 values together, is then one update and not four. Whoever moves the values of a
    parameter elsewhere (``model.astype``, another optimizer) need not care: the next step gathers them again, and the
    state with them.

    A step leaves alone, with their state, the parameters that have no gradient and those that are frozen.
    """

    state_names: tuple[str, ...] = ()
    refuses_nonfinite: bool = False
    needed_state: tuple[str, ...] = ()

    def __new__(cls, *_: Any, **settings: Any) -> Self:
        """Refuse settings that the class does not have, with a list of those that it has."""
        if settings:
            refuse_unknown(cls, settings)
        return super().__new__(cls)

    def __init__(self, params: Iterable[Any], **settings: Any) -> None:
        owner = type(self).__name__
        self.defaults = self.checked(settings)
        self.param_groups: list[Group] = []
        self._blocks: list[Block] = []
        self._checked: list[Group] = []
        self._warned: set[str] = set()
        made = [self._group(group) for group in as_groups(owner, params)]
        refuse_repeated(type(self).__name__, made)
        self.param_groups = made
        self._gather({})

    @staticmethod
    def update(values: Array, gradients: Array, state: State, settings: Mapping[str, Any]) -> tuple[Array, State]:
        """Compute new values and a new state; nothing that is handed in is changed.

        Parameters
        ----------
        values, gradients : ndarray
            Of the same shape. Every step is elementwise, so that parameters can be laid end to end.
        state : dict
            ``"step"``, how many updates there were, and arrays of the shape of the values, by name. Empty at first.
        settings : mapping
            The group.

        Returns
        -------
        values : ndarray
        state : dict
            What has changed in the state.
        """
        raise DTypeError("an Optimizer needs update(values, gradients, state, settings). Write it in the class.")

    # -- the step --------------------------------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient.

        Parameters
        ----------
        closure : callable, optional
            Computes the gradients, and returns the loss: it is called first.

        Returns
        -------
        What the closure returned, or None.

        Raises
        ------
        NonFiniteError
            With `refuses_nonfinite`, when a gradient is NaN or infinite. Nothing is changed.

        Warns
        -----
        OptimizerWarning
            When backward() added to gradients that the last step had used, when the same are used again, or when no
            parameter has a gradient, nor had one before: once each.
        """
        loss = None if closure is None else evaluate(closure)
        if not self._has_same_groups():
            self._prepare()
        if mode.tape is not None:
            self._prepare()
            mode.tape.step(self)
            return loss
        found = []
        for block in self._blocks:
            gradients = [p._grad if p._data is view and p.node is not None else None for p, view in block.held]
            try:
                found.append((block, gradients, [*map(reference_to, gradients)]))
            except TypeError:  # there are no references to None: something is missing, frozen, or was moved
                self._step_with_care()
                return loss
        for block, gradients, references in found:
            seen = block.usage
            # A gradient has one weak reference, so that the same object means the same gradient.
            if seen.added or any(map(is_, references, seen.references)):
                self._warn_about(block, gradients)
            vector = joined(gradients, block.gradients)
            if self.refuses_nonfinite:
                self._refuse_nonfinite(vector)
        for block, _, references in found:
            vector = block.gradients
            for segment in block.segments:
                self._advance(block, segment, vector[segment.start : segment.stop])
            block.usage.used(references)
        return loss

    def _step_with_care(self) -> None:
        """Update the parameters that have a gradient, wherever they are."""
        self._prepare()
        if self.refuses_nonfinite:
            for p in (p for block in self._blocks for p in block.parameters):
                if p.node is not None and p.grad is not None:
                    self._refuse_nonfinite(usage.values_of(p.grad).ravel("K"))
        nowhere = True
        for block in self._blocks:
            gradients = [p._grad if p.node is not None else None for p in block.parameters]
            there = [g is not None for g in gradients]
            if not any(there):
                continue
            nowhere = False
            self._warn_about(block, gradients)
            filled = [np.zeros(p.shape, p.dtype) if g is None else g for p, g in zip(block.parameters, gradients)]
            vector = joined(filled, block.gradients)
            block.split([i for i in range(1, len(there)) if there[i] != there[i - 1]])
            for segment in block.segments:
                if there[segment.first]:
                    self._advance(block, segment, vector[segment.start : segment.stop])
            block.merge()
            block.usage.used([usage.nothing if g is None else reference_to(g) for g in gradients])
        # Later it may be meant: a part of a model that rests for some steps.
        if nowhere and not any(block.usage.references for block in self._blocks):
            self._warn(self._no_gradient())

    def _refuse_nonfinite(self, gradients: Array) -> None:
        # vdot does not warn where a square overflows, as dot does
        if not isfinite(np.vdot(gradients, gradients)) and not np.isfinite(gradients).all():
            raise NonFiniteError(f"{type(self).__name__}.step: a gradient is NaN or infinite; nothing was changed.")

    def _advance(self, block: Block, segment: Segment, gradients: Array) -> None:
        values, state = self.update(segment.values, gradients, segment.state, block.group)
        block.write(segment, values, state)

    def _warn_about(self, block: Block, gradients: list[Any]) -> None:
        message = block.usage.finding(gradients)
        if message is not None:
            self._warn(message)

    def _warn(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            usage.warn(message.format(who=f"{type(self).__name__}.step"))

    def _no_gradient(self) -> str:
        """What to say when no parameter has a gradient."""
        frozen = all(p.node is None for group in self.param_groups for p in group["params"])
        return usage.ALL_FROZEN if frozen else usage.NO_GRADIENT

    # -- saving ----------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All settings and copies of the state: strings, numbers, lists, dicts and arrays only.

        Returns
        -------
        dict
            ``{"param_groups": [{"lr": 0.1, ..., "params": [0, 1]}], "state": {"0": {"step": 3, ...}, "1": ...}}``,
            the parameters being numbered through all groups.
        """
        return saving.state_dict(self.param_groups, self._states())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put settings and state back; the arrays are cast to the dtypes of their parameters.

        Nothing is changed unless everything fits.

        Raises
        ------
        ArgumentError
            When groups, settings, parameters or the names of the state differ: which.
        ShapeError
            When an array has another shape than its parameter.
        """
        groups, states = saving.read(self, state)
        for group, settings in zip(self.param_groups, groups):
            group.update(settings)
        self._gather(states)

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles take along: the vectors are made anew."""
        own = {k: v for k, v in vars(self).items() if k not in ("_blocks", "_checked", "_members")}
        states = self._states()
        own["_kept"] = [
            {k: np.array(v) if isinstance(v, np.ndarray) else v for k, v in states.get(id(p), {}).items()}
            for group in self.param_groups for p in group["params"]
        ]  # fmt: skip
        return own

    def __setstate__(self, own: dict[str, Any]) -> None:
        kept = own.pop("_kept")
        vars(self).update(own)
        self._blocks = []
        parameters = [p for group in self.param_groups for p in group["params"]]
        self._gather({id(p): state for p, state in zip(parameters, kept)})

    def __repr__(self) -> str:
        lines = []
        for i, group in enumerate(self.param_groups):
            values = sum(p.size for p in group["params"])
            settings = ", ".join(f"{k}={v!r}" for k, v in group.items() if k not in ("params", "param_names"))
            which = "" if len(self.param_groups) == 1 else f"group {i}: "
            lines.append(f"{which}{settings}  # {len(group['params'])} tensors, {values:,} values")
        if len(lines) == 1:
            settings, _, comment = lines[0].partition("  #")
            return f"{type(self).__name__}({settings})  #{comment}"
        return "\n  ".join([f"{type(self).__name__}(", *lines]) + "\n)"


def evaluate(closure: Callable[[], Any]) -> Any:
    """What `closure` returns, run so that gradients are recorded."""
    if not callable(closure):
        raise DTypeError(f"step: the closure is a {type(closure).__name__}; expected a function that returns the loss.")
    with watching(mode.watch or None):
        return closure()
