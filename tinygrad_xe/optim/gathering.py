"""Gathering: the groups of an optimizer, which can be edited at any time, and their parameters in vectors."""

from __future__ import annotations

from collections.abc import Mapping
from operator import is_
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..tensor import Tensor
from .groups import as_groups, read, refuse_repeated
from .settings import number
from .vectors import Block, State

Group = dict[str, Any]


class Gathering:
    """What an optimizer updates: groups of parameters with settings, each group and dtype gathered in one vector."""

    defaults: Group
    param_groups: list[Group]
    _blocks: list[Block]
    _checked: list[Group]
    _members: list[list[Tensor]]

    def checked(self, settings: Mapping[str, Any]) -> Group:
        """A copy of the settings as plain Python values; raises when one is out of range. Extended by subclasses."""
        return {**settings, "lr": number(type(self).__name__, "lr", settings.get("lr"))}

    # -- groups ----------------------------------------------------------------------------------------------------

    def _group(self, given: Mapping[str, Any]) -> Group:
        owner = type(self).__name__
        unknown = [name for name in given if name not in (*self.defaults, "params", "initial_lr")]
        if unknown:
            known = ", ".join(map(repr, self.defaults))
            raise ArgumentError(f"{owner}: a group has {', '.join(map(repr, unknown))}; the settings are {known}.")
        tensors, names = read(owner, given["params"])
        group = {"params": tensors, **self.checked({**self.defaults, **given, "params": None})} | {"params": tensors}
        if names is not None:
            group["param_names"] = names
        return group

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters, with settings of their own where the dict has them: ``{"params": [w], "lr": 0.01}``."""
        [given] = as_groups(type(self).__name__, [dict(group)])
        made = self._group(given)
        refuse_repeated(type(self).__name__, [*self.param_groups, made])
        self._check_groups()
        self.param_groups.append(made)
        self._gather(self._states())

    @property
    def lr(self) -> Any:
        """The learning rate; a list of those of the groups where they differ. Setting it sets it in all groups."""
        rates = [group["lr"] for group in self.param_groups]
        return rates[0] if all(rate == rates[0] for rate in rates) else rates

    @lr.setter
    def lr(self, lr: float) -> None:
        lr = number(type(self).__name__, "lr", lr)
        for group in self.param_groups:
            group["lr"] = lr

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Reset the gradients of all parameters to None; ``set_to_none=False`` is refused."""
        if not set_to_none:
            raise ArgumentError(
                f"{type(self).__name__}.zero_grad: set_to_none is {set_to_none!r}; a gradient that was reset is None.\n"
                "  Write optimizer.zero_grad(), and where zeros are wanted p.grad = np.zeros(p.shape, p.dtype)."
            )
        for group in self.param_groups:
            for p in group["params"]:
                p._grad = None

    # -- the vectors -----------------------------------------------------------------------------------------------

    def _states(self) -> dict[int, State]:
        """The state of each parameter, by ``id``: as views of the vectors."""
        return {id(p): state for block in self._blocks for p, state in block.states()}

    def _gather(self, states: Mapping[int, State]) -> None:
        """Move the parameters, with their states, into one vector for each group and dtype."""
        self._check_groups()
        blocks = []
        for group in self.param_groups:
            of_dtype: dict[np.dtype[Any], list[Tensor]] = {}
            for p in group["params"]:
                p._grad = p.grad  # the slot may never have been written
                of_dtype.setdefault(p.dtype, []).append(p)
            blocks += [Block(group, ps, [states.get(id(p), {}) for p in ps]) for ps in of_dtype.values()]
        self._blocks = blocks

    def _check_groups(self) -> None:
        """Check groups that were edited since they were last seen, so that a step begins only where it can end."""
        self._check_settings()
        for group in self.param_groups:
            read(type(self).__name__, group["params"])
        refuse_repeated(type(self).__name__, self.param_groups)
        self._members = [[*group["params"]] for group in self.param_groups]

    def _check_settings(self) -> None:
        found = [self.checked(group) for group in self.param_groups]
        for group, settings in zip(self.param_groups, found):
            group.update(settings)
        self._checked = [dict(group) for group in self.param_groups]

    def _has_same_groups(self) -> bool:
        """Whether the groups have the settings and parameters that they had when they were last checked."""
        # By identity, since == of Tensors goes element by element; dicts that hold the same list need not look into it.
        for group, known, seen in zip(self.param_groups, self._members, self._checked):
            listed = group["params"]
            if listed is not seen["params"] or len(listed) != len(known) or not all(map(is_, listed, known)):
                return False
        return self.param_groups == self._checked

    def _prepare(self) -> None:
        """Check edited settings; gather the parameters again if they or the groups are not where they were."""
        if not self._has_same_groups():
            kept = [group["params"] for group in self._checked]
            listed = [group["params"] for group in self.param_groups]
            if len(listed) == len(kept) and all(
                a is b and len(a) == len(c) and all(map(is_, a, c)) for a, b, c in zip(listed, kept, self._members)
            ):
                self._check_settings()
            else:
                self._gather(self._states())
        if not all(block.is_in_place() for block in self._blocks):
            self._gather(self._states())
