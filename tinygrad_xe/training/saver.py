"""Saver: writes the state of a `Run` into a folder of checkpoints, and goes on from it."""

from __future__ import annotations

import os
import warnings
from typing import Any

from ..checkpoints.folder import Folder
from ..errors import ArgumentError, XeWarning
from .identity import compare, identity
from .run import Run


class Saver:
    """Writes checkpoints of a run, after each epoch or every so many steps.

    Attributes
    ----------
    next_step : float
        When `write` is to be called in the middle of an epoch.
    """

    def __init__(self, run: Run, path: str | os.PathLike[str], every: int | str, keep: int, resume: bool) -> None:
        if run.batches.once:
            raise ArgumentError(
                "fit: checkpoint= needs data that can be gone through again from the start of an epoch.\n"
                "  Write a DataLoader, arrays, or a list of batches in the place of the iterator."
            )
        self.run, self.folder = run, Folder(path, keep)
        self.identity = identity(run)
        self.every = float("inf") if isinstance(every, str) else int(every)
        complete = self.folder.complete()
        if complete and not resume:
            raise ArgumentError(
                f"fit: {os.fspath(path)!r} holds checkpoints of an earlier training, the newest {complete[-1].name}.\n"
                "  Write resume=True to go on from there, or give another folder."
            )
        if resume:
            self.folder.clear()
            if complete:
                self._resume()
        self.next_step = run.step + self.every

    @property
    def each_epoch(self) -> bool:
        """Whether to write after each epoch."""
        return self.every == float("inf")

    def write(self) -> None:
        """Write a checkpoint of this moment, between two steps."""
        run = self.run
        state = {
            "training": self.identity,
            "run": run.state(),
            "history": run.history.state_dict(),
            "callbacks": [callback.state_dict() for callback in run.callbacks],
        }
        self.folder.write(state, step=run.step, epoch=run.epoch)
        self.next_step = run.step + self.every

    def _resume(self) -> None:
        state: dict[str, Any] = self.folder.read()
        run = self.run
        if len(state["callbacks"]) != len(run.callbacks):
            raise ArgumentError(
                f"fit: the training that is to go on had {len(state['callbacks'])} callbacks, now there are "
                f"{len(run.callbacks)}. Give the same ones."
            )
        compare(self.identity, state.get("training", {}), state["run"]["optimizer"].get("param_groups", []))
        if state["run"]["sums"].keys() != run.sums.keys():
            before, now = (", ".join(list(names)[1:]) or "none" for names in (state["run"]["sums"], run.sums))
            raise ArgumentError(f"fit: the metrics of the training that is to go on were {before}; now {now}.")
        run.restore(state["run"])
        run.history.load_state_dict(state["history"])
        if run.losses is not None or run.history.steps:  # what was written down is not dropped
            run.losses = run.history.steps.setdefault("loss", [])
            if len(run.losses) != run.step:
                raise ArgumentError("fit: the training that is to go on wrote down no steps: leave out steps=, record=")
        for callback, saved in zip(run.callbacks, state["callbacks"]):
            callback.load_state_dict(saved)
        said = run.history.stopped
        run.lose_patience()
        if said:
            self._warn(
                f"was ended in epoch {run.epoch}, at step {run.step}, by {said!r}, and stays so.\n"
                '  To go on, write run.history.stopped = "" in on_start of a callback.'
            )
        elif run.epoch > run.epochs:
            self._warn(f"has made {run.epoch} epochs, and epochs={run.epochs} asks for no more.")

    def _warn(self, what: str) -> None:
        warnings.warn(f"fit: the training in {os.fspath(self.folder.path)!r} {what}", XeWarning, stacklevel=5)
