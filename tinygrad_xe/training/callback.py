"""Callback: what a user adds to the loop of `fit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .run import Run


class Callback:
    """Base of what `fit` calls at each step and epoch; write the methods that are wanted.

    Each is given the `Run`: ``run.model``, ``run.optimizer``, ``run.history``; ``run.epoch`` and ``run.step``, how many
    are done; ``run.batch`` and ``run.last_loss``, of the step that was just made; and ``run.stop(reason)``, which ends
    the training after this step or epoch.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> class GradientNorm(xe.training.Callback):
    ...     def on_start(self, run):
    ...         self.norms = []
    ...     def on_batch(self, run):
    ...         self.norms.append(sum(float(np.vdot(p.grad, p.grad)) for p in run.model.parameters()) ** 0.5)
    """

    def on_start(self, run: Run) -> None:
        """Before the first step, also of a training that is resumed."""

    def on_batch(self, run: Run) -> None:
        """After each update; the gradients that it was made from are in ``grad`` of the parameters."""

    def on_epoch(self, run: Run) -> None:
        """After each epoch, when its numbers are in ``run.history``."""

    def on_end(self, run: Run) -> None:
        """When training has ended, also early or by Ctrl-C; not after an error."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint holds of this callback: numbers, text, arrays, and lists and dicts of them."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
