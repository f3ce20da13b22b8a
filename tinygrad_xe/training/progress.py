"""How far a training is: a bar by tqdm where somebody looks on, else one plain line per tenth."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .run import Run

#: Seconds between two drawings of the bar.
REFRESH = 0.25


class Progress:
    """Tells of a `Run` on standard error.

    Attributes
    ----------
    next_step : float
        The step at which `show` is to be called again. Comparing a number costs 30 ns a step.
    """

    def __init__(self, wanted: bool, run: Run) -> None:
        self.next_step: float = float("inf")
        self._bar: Any = None
        self._plain = False
        self._started, self._first = time.perf_counter(), run.step
        self._tenth = 0
        if not wanted:
            return
        self._length = run.batches.length
        self._total = None if self._length is None else self._length * run.epochs
        if watched():
            self._bar = make_bar(self._total, run.step)
        self._plain = self._bar is None
        self._tenth = int(10 * self._part(run))
        if self._bar is not None or self._total is not None:
            self.next_step = run.step + 1

    def show(self, run: Run) -> None:
        """Draw what there is now."""
        elapsed = time.perf_counter() - self._started
        if self._bar is not None:
            rate = (run.step - self._first) / max(elapsed, 1e-9)
            self.next_step = run.step + max(1, int(rate * REFRESH))
            self._bar.set_postfix_str(self._words(run), refresh=False)
            self._bar.update(run.step - self._bar.n)
            return
        if run.seen and self._length and run.step % self._length == 0:
            return  # the epoch is about to end: its validation loss belongs to the line
        part = self._part(run)
        if int(10 * part) > self._tenth:
            self._tenth = int(10 * part)
            tell(f"{10 * self._tenth:3d} %  step {run.step}, {self._words(run)}, {elapsed:.1f} s")
        if self._total is not None:
            self.next_step = -(-self._total * (self._tenth + 1) // 10)

    def epoch(self, run: Run) -> None:
        """After an epoch, when the validation loss is known."""
        if run.step >= self.next_step or (self._plain and self._total is None):
            self.show(run)

    def close(self, run: Run) -> None:
        """Draw the end."""
        if self._bar is not None:
            self._bar.set_postfix_str(self._words(run), refresh=False)
            self._bar.update(run.step - self._bar.n)
            self._bar.close()
        elif self._plain and run.history.stopped:
            tell(f"{run.history.stopped}: step {run.step}, {self._words(run)}")

    def _part(self, run: Run) -> float:
        if self._total:
            return run.step / self._total
        return run.epoch / run.epochs

    @staticmethod
    def _words(run: Run) -> str:
        loss = run.mean_loss() if run.seen else run.history.get("loss", [float("nan")])[-1]
        words = [f"epoch {run.epoch + (run.seen > 0)}/{run.epochs}", f"loss {loss:.4g}"]
        if "validation loss" in run.history:
            words.append(f"validation loss {run.history['validation loss'][-1]:.4g}")
        return ", ".join(words)


def tell(line: str) -> None:
    """Print on standard error, if it is open: a training does not end with the program that reads along."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(line, file=sys.stderr, flush=True)


def watched() -> bool:
    """Whether standard error is a terminal, or the cell of a notebook."""
    if sys.stderr is not None and sys.stderr.isatty():
        return True
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def make_bar(total: int | None, initial: int) -> Any:
    """A bar by tqdm; None where that is not installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    # tqdm.auto would warn in a notebook without ipywidgets; its own throttle is off, for `next_step` is one
    return tqdm(total=total, initial=initial, unit="step", mininterval=0, miniters=0)
