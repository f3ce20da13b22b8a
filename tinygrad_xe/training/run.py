"""Run: a training in progress, which can make a step, end an epoch, and say and change where it is."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, NonFiniteError, OptimizerWarning
from ..optim.clipping import clip_grad_norm
from ..optim.optimizer import Optimizer
from ..tensor import Tensor
from ..watch import detect_nonfinite
from .batches import Batches, size
from .callback import Callback
from .checks import check_loss_value
from .evaluation import as_number, evaluate, plain
from .generators import named_generators, set_states, states
from .history import History
from .interrupt import Interrupt
from .undo import Undo
from .weights import Trained, copied

Array = np.ndarray[Any, np.dtype[Any]]


class Run:
    """A training in progress; `fit` makes one and drives it, and callbacks are given it.

    Attributes
    ----------
    model, loss, optimizer, schedule
        As given to `fit`.
    history : History
    epochs : int
        How many are wanted.
    epoch, step : int
        How many are done.
    batch : tuple
        Inputs and target of the newest step.
    last_loss : float
        Its loss.
    """

    def __init__(
        self, model: Any, batches: Batches, *, loss: Callable[[Any, Any], Any], optimizer: Any, epochs: int,
        validation: Batches | None, metrics: Mapping[str, Callable[[Array, Array], Any]], schedule: Any,
        schedule_every: str, clip_norm: float | None, patience: int | None, keep_best: bool, steps: bool,
        callbacks: Sequence[Callback], debug: bool, interrupt: Interrupt,
    ) -> None:  # fmt: skip
        self.model, self.batches, self.loss, self.optimizer, self.epochs = model, batches, loss, optimizer, epochs
        self.validation, self.metrics = validation, metrics
        self.schedule, self.schedule_every = schedule, schedule_every
        self.clip_norm, self.patience, self.keep_best = clip_norm, patience, keep_best
        self.callbacks, self.debug, self.interrupt = callbacks, debug, interrupt
        self.history = History()
        self.losses: list[float] | None = self.history.steps.setdefault("loss", []) if steps else None
        self.epoch = self.step = 0
        self.batch: tuple[Any, ...] = ()
        self.last_loss = math.nan
        self.seen = 0  # samples of this epoch
        self.trained = False  # whether all steps of this epoch were made
        self.sums = dict.fromkeys(["loss", *metrics], 0.0)
        self.best: dict[str, Any] = {"loss": math.inf, "epoch": None, "weights": None}
        self.trained_parts = Trained(model, loss, optimizer)
        parameters = [parameter for _, parameter in self.trained_parts.named_parameters()]
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        self._updated = [p for p in parameters if id(p) in held]
        # An update by what is not finite would lose the weights. The optimizers of the library look for themselves.
        self._guarded = getattr(type(optimizer), "step", None) is Optimizer.step
        self._others = [p for p in parameters if id(p) not in held]
        self.generators = named_generators(model=model, loss=loss)
        self._undo = Undo(self.trained_parts, self.generators)
        self.going_on = False  # whether `fit` is in its loop
        self.inside = False  # whether a step was begun and not ended
        #: How NumPy is to treat what is not finite: its warnings would come before the error of fit, which says more.
        self.quiet: Any = {k: "ignore" for k, how in np.geterr().items() if how == "warn" and k != "under"}
        # 0.4 us a step as a decorator, 1 us as a with statement
        self._pass: Any = np.errstate(**self.quiet)(Run._forward_and_back)

    # -- what the loop is made of ------------------------------------------------------------------------------------

    def begin_epoch(self) -> Iterator[tuple[Any, ...]]:
        """Begin an epoch, or go on in the middle of the one that `restore` brought: the batches that are left."""
        return iter(()) if self.trained else self.batches.begin()

    def train_step(self, batch: tuple[Any, ...]) -> None:
        """One step: forward, backward, update."""
        self.batch = batch
        if self._undo.needed:
            self._undo.note()
        self.inside = True
        self.optimizer.zero_grad()
        if self._others:
            for parameter in self._others:
                parameter.zero_grad()
        output = self._carefully(batch) if self.debug else self._pass(self, batch)
        if not self._undo.known:
            self._undo.learn()
        if self.clip_norm is not None:
            self._clip(self.clip_norm)
        elif not self._guarded:
            self._check_gradients()
        self.interrupt.updating = True
        try:
            self.optimizer.step()
        except NonFiniteError:  # found in the one vector of all gradients, before anything was changed
            self._check_gradients()
            raise
        if self.schedule_every == "step":
            self.schedule.step()
        self.step += 1
        count = size(batch)
        self.seen += count
        self.sums["loss"] += self.last_loss * count
        if self.losses is not None:
            self.losses.append(self.last_loss)
        if self.metrics:
            for name, metric in self.metrics.items():
                self.sums[name] += as_number(metric(plain(output), plain(batch[-1])), name) * count
        self.inside = self.interrupt.updating = False

    def _forward_and_back(self, batch: tuple[Any, ...]) -> Any:
        output = self.model(*batch[:-1])
        value = self.loss(output, batch[-1])
        if type(value) is not Tensor or value.shape:
            check_loss_value(self.loss, value)
        self.last_loss = number = value.item()
        if number - number != 0:
            self._fail(f"the loss is {number}")
        value.backward()
        return output

    def _carefully(self, batch: tuple[Any, ...]) -> Any:
        """The same, with a look at each number that is made, and at who gets a gradient."""
        try:
            with detect_nonfinite():
                output = self._pass(self, batch)
        except NonFiniteError as error:
            if error.history is None:
                self._fail("a number is not finite")
            raise
        if not self.step:
            pairs = self.trained_parts.named_parameters()
            without = [name for name, parameter in pairs if parameter.requires_grad and parameter.grad is None]
            if without:
                warnings.warn(
                    f"fit: the loss does not depend on {', '.join(map(repr, without))}: no gradient arrived there.",
                    OptimizerWarning, stacklevel=4,
                )  # fmt: skip
        return output

    def end_epoch(self) -> None:
        """Validate, change the learning rate, write down the numbers, and keep the best weights."""
        if not self.seen:
            raise ArgumentError(
                f"fit: data gave no batch in epoch {self.epoch}. An empty list, or a generator that was used up before?"
            )
        self.trained = True
        numbers = {name: total / self.seen for name, total in self.sums.items()}
        if self.validation is not None:
            numbers.update({f"validation {name}": x for name, x in self._validate(self.validation).items()})
        self.interrupt.updating = True
        watched = numbers.get("validation loss", numbers["loss"])
        if self.schedule is not None:
            numbers["lr"] = float(self.optimizer.param_groups[0]["lr"])
            if self.schedule_every == "epoch":
                self.schedule.step()
            elif self.schedule_every == "loss":
                self.schedule.step(watched)
        if watched < self.best["loss"]:
            self.best = {
                "loss": watched, "epoch": self.epoch,
                "weights": self.trained_parts.weights() if self.keep_best else None
            }  # fmt: skip
            self.history.best_epoch = self.epoch
        self.history.add(numbers)
        self.epoch += 1
        self.seen, self.trained = 0, False
        self.sums = dict.fromkeys(self.sums, 0.0)
        self.batches.end()
        self.lose_patience()
        self.interrupt.updating = False

    def lose_patience(self) -> None:
        """Stop, if there are more epochs to make, and the loss has not been at a minimum for long enough."""
        since = self.epoch - 1 - (-1 if self.best["epoch"] is None else self.best["epoch"])
        if self.patience is not None and since >= self.patience and not self.finished:
            self.stop(f"stopped early: no better for {since} epoch{'' if since == 1 else 's'}")

    def _validate(self, batches: Batches) -> dict[str, float]:
        """Evaluate; broken off, leave generators and position as if it had not begun."""
        before = states(self.generators), batches.state()
        try:
            return evaluate(self.model, self.loss, self.metrics, batches, self.interrupt)
        except KeyboardInterrupt:
            set_states(self.generators, before[0])
            batches.load(before[1])
            raise

    def mean_loss(self) -> float:
        """Of the samples of this epoch so far."""
        return self.sums["loss"] / self.seen

    def stop(self, reason: str) -> None:
        """End the training after this step or epoch; `reason` is kept in the history."""
        self.history.stopped, self.interrupt.due = reason, 0.0

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or `stop` was called."""
        return self.epoch >= self.epochs or bool(self.history.stopped)

    # -- when a number is not finite ---------------------------------------------------------------------------------

    def _clip(self, norm: float) -> None:
        try:
            clip_grad_norm(self._updated, norm, error_if_nonfinite=True)
        except NonFiniteError:
            self._check_gradients()

    def _check_gradients(self) -> None:
        """Name the gradient that is not finite; a sum of squares may also have overflowed, which does no harm."""
        for name, parameter in self.trained_parts.named_parameters():
            if parameter.grad is not None and not np.isfinite(parameter.grad).all():
                self._fail(f"the gradient of {name!r} is not finite")

    def _fail(self, what: str) -> None:
        """Find the line that made it, and leave the model as it was before this step."""
        report = "Run again, this batch gives finite numbers: it draws from a generator that fit does not know of"
        awoken = self._undo.awoken()  # before running it again draws more
        report += f",\n  or from one that the first step did not draw from: {', '.join(awoken)}." if awoken else "."
        self._undo.take_back()
        try:
            with np.errstate(all="ignore"), detect_nonfinite():
                self.loss(self.model(*self.batch[:-1]), self.batch[-1]).backward()
        except NonFiniteError as error:
            report = str(error)
        self._undo.take_back()
        number = self.batches.done - 1
        self.history.stopped = f"{what} at step {self.step}"
        if self.losses is not None:
            self.losses.append(self.last_loss)
        indented = report.rstrip().replace("\n", "\n  ")
        failed = NonFiniteError(
            f"fit: {what} at step {self.step} (epoch {self.epoch}, batch {number}), with the weights that the steps "
            f"before have made.\n  {indented}\n"
            "  The model is as it was before this step. A smaller learning rate, clip_norm=1.0 or scaled inputs help."
        )
        failed.history, failed.step, failed.epoch = self.history, self.step, self.epoch
        raise failed

    # -- where it is -------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything that the next steps depend on; arrays are copies, but for the best weights, which never change."""
        return {
            "model": self.trained_parts.weights(),
            "frozen": [name for name, p in self.trained_parts.named_parameters() if not p.requires_grad],
            "optimizer": copied(self.optimizer.state_dict()),
            "schedule": None if self.schedule is None else copied(self.schedule.state_dict()),
            "data": self.batches.state(),
            "validation": None if self.validation is None else self.validation.state(),
            "generators": states(self.generators),
            "position": {"epoch": self.epoch, "step": self.step, "seen": self.seen, "trained": self.trained},
            "sums": dict(self.sums),
            "best": dict(self.best),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go to where `state` was called."""
        self.trained_parts.put_weights(state["model"])
        for name, parameter in self.trained_parts.named_parameters():
            wanted = name not in state["frozen"] if "frozen" in state else parameter.requires_grad
            if parameter.requires_grad != wanted:  # setting it makes another leaf
                parameter.requires_grad = wanted
        self.optimizer.load_state_dict(copied(state["optimizer"]))
        for name, thing in (("schedule", self.schedule), ("validation", self.validation)):
            if (thing is None) != (state[name] is None):
                raise ArgumentError(f"resume: {name} was {'not ' if state[name] is None else ''}given before.")
        if self.schedule is not None:
            self.schedule.load_state_dict(copied(state["schedule"]))
        if self.validation is not None:  # first, for it may be the same loader, which then is in the place of data
            self.validation.load(state["validation"])
        self.batches.load(state["data"])
        set_states(self.generators, state["generators"])
        position = state["position"]
        self.epoch, self.step = position["epoch"], position["step"]
        self.seen, self.trained = position["seen"], position["trained"]
        self.sums, self.best = dict(state["sums"]), dict(state["best"])

    def break_off(self) -> bool:
        """After a KeyboardInterrupt: undo what half a step changed, and tell whether there was such a step."""
        half, self.inside, self.interrupt.updating = self.inside, False, False
        if half:
            self._undo.take_back()
        return half
