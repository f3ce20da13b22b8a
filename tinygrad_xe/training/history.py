"""History: what a training wrote down, one number per epoch or per step."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import FileError, GraphError

if TYPE_CHECKING:
    from .past import Moment, Past

#: Epochs of a longer history that its repr shows, at the beginning and at the end.
SHOWN = 5

FORMAT = 1


class History(Mapping[str, list[float]]):
    """The numbers of a training: a mapping from names to lists, one number per finished epoch.

    ``"loss"`` is the mean over the samples of the epoch, each at the weights of its step; ``"validation loss"`` is
    measured after the epoch; then there are the metrics, and ``"lr"`` where there is a schedule.
    `tinygrad_xe.viz.plot_history` draws it.

    Attributes
    ----------
    steps : dict of str to list of float
        One number per step, under ``"loss"``, of ``fit(steps=True)`` or ``fit(record=...)``; empty otherwise.
    interrupted : bool
        Whether it was ended by Ctrl-C.
    stopped : str
        Why training ended before all epochs were done; empty if it did not.
    best_epoch : int or None
        The epoch, counted from 0, of the smallest validation loss (loss, without validation) so far.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> history = xe.History()
    >>> for loss in (0.7, 0.4):
    ...     history.add({"loss": loss, "validation loss": loss + 0.05})
    >>> history
    History of 2 epochs
      epoch    loss  validation loss
          0     0.7             0.75
          1     0.4             0.45
    >>> history["loss"]
    [0.7, 0.4]
    >>> xe.History.from_json(history.to_json()) == history
    True
    """

    #: What the numbers are counted by, for `tinygrad_xe.viz.plot_history`.
    unit = "epoch"

    def __init__(self) -> None:
        self.steps: dict[str, list[float]] = {}
        self.interrupted = False
        self.stopped = ""
        self.best_epoch: int | None = None
        self._epochs: dict[str, list[float]] = {}
        self._past: Past | None = None

    def __getitem__(self, name: str) -> list[float]:
        return self._epochs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._epochs)

    def __len__(self) -> int:
        return len(self._epochs)

    def add(self, numbers: Mapping[str, float]) -> None:
        """Write down the numbers of an epoch; they have the same names in each."""
        for name, number in numbers.items():
            self._epochs.setdefault(name, []).append(number)

    @property
    def epochs(self) -> int:
        """How many epochs were finished."""
        return len(next(iter(self._epochs.values()), ()))

    def at(self, step: int) -> Moment:
        """Go back to a step: the model, batch, graph and gradients that it had.

        Parameters
        ----------
        step : int
            Counted from 0, or from the end if negative: ``at(k).loss`` is ``steps["loss"][k]``.

        Returns
        -------
        Moment

        Raises
        ------
        GraphError
            When the training was not recorded, is still going on, or comes out otherwise when it is run again.
        BoundsError
            When there was no such step.
        DTypeError
            When `step` is no whole number.

        Notes
        -----
        The training is run again from the nearest state that was kept, with the model, optimizer and loaders that it
        had; afterwards they are as they were before the call.
        """
        if self._past is None:
            raise GraphError("at: this training was not recorded. Write fit(..., record=100), or any number of steps.")
        return self._past.at(step)

    # -- keeping ---------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything but the way back to past steps, as a dict of lists, numbers and text."""
        return {
            "epochs": {name: list(numbers) for name, numbers in self._epochs.items()},
            "steps": {name: list(numbers) for name, numbers in self.steps.items()},
            "interrupted": self.interrupted,
            "stopped": self.stopped,
            "best_epoch": self.best_epoch,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Become what `state_dict` gave."""
        self._epochs = {name: list(numbers) for name, numbers in state["epochs"].items()}
        self.steps = {name: list(numbers) for name, numbers in state["steps"].items()}
        self.interrupted, self.stopped = bool(state["interrupted"]), str(state["stopped"])
        self.best_epoch = state["best_epoch"]

    def to_json(self) -> str:
        """As JSON; NaN and infinities, which JSON lacks, as ``"nan"``, ``"inf"`` and ``"-inf"``."""
        state = self.state_dict()
        for columns in (state["epochs"], state["steps"]):
            for name, numbers in columns.items():
                columns[name] = [x if math.isfinite(x) else str(x) for x in numbers]
        return json.dumps({"kind": "tinygrad_xe history", "format": FORMAT, **state}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> History:
        """What `to_json` gave.

        Raises
        ------
        FileError
            When the text is something else, or of a later version.
        """
        made = cls()
        try:
            state = json.loads(text)
            if state["kind"] != "tinygrad_xe history":
                raise ValueError("it is of another kind")
            if state["format"] > FORMAT:
                raise ValueError(f"it has format {state['format']}, of a later version; this one reads {FORMAT}")
            for part in ("epochs", "steps"):
                state[part] = {str(name): [float(x) for x in column] for name, column in state[part].items()}
            made.load_state_dict(state)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FileError(f"History.from_json: this is not what to_json() gave: {error!r}.") from None
        return made

    def __eq__(self, other: object) -> bool:
        """Whether all numbers are the same, NaN being the same as NaN."""
        return isinstance(other, History) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]

    # -- what people read --------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        count = self.epochs
        why = f", {self.stopped}" if self.stopped else ""
        head = f"History of {count} epoch{'' if count == 1 else 's'}{why}"
        if not count:
            return head
        names = list(self._epochs)
        numbers = [*range(count)]
        if count > 2 * SHOWN:
            numbers = [*range(SHOWN), -1, *range(count - SHOWN, count)]
        rows = [["epoch", *names]]
        for i in numbers:
            rows.append(["..."] * len(rows[0]) if i < 0 else [str(i), *(f"{self[name][i]:.4g}" for name in names)])
        if self.best_epoch is not None and "validation loss" in names:
            for row in rows:
                row.append("best" if row[0] == str(self.best_epoch) else "")
        widths = [max(7 if k else 5, *(len(row[k]) for row in rows)) for k in range(len(rows[0]))]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        return "\n  ".join([head, *lines])
