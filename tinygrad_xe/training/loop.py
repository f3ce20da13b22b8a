"""`fit`: the training loop."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike

from ..errors import ArgumentError
from .batches import Batches
from .callback import Callback
from .checks import check_loss, check_model, check_optimizer, check_rest, warn_of_left_out
from .history import History
from .interrupt import Interrupt
from .past import Past
from .progress import Progress
from .run import Run
from .saver import Saver
from .weights import modes, set_mode

Array = np.ndarray[Any, np.dtype[Any]]


def fit(
    model: Any,
    data: Any,
    *,
    loss: Callable[[Any, Any], Any],
    optimizer: Any,
    epochs: int,
    validation: Any = None,
    metrics: Mapping[str, Callable[[Array, Array], Any]] | None = None,
    batch_size: int | None = None,
    shuffle: bool | None = None,
    schedule: Any = None,
    schedule_every: Literal["epoch", "step"] = "epoch",
    clip_norm: float | None = None,
    patience: int | None = None,
    keep_best: bool = False,
    callbacks: Sequence[Callback] = (),
    dtype: DTypeLike | None = None,
    debug: bool = False,
    progress: bool = True,
    steps: bool = False,
    record: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | Literal["epoch"] = "epoch",
    keep: int = 3,
    resume: bool = False,
) -> History:
    """Train a model.

    It is this loop, with what its arguments ask for around it::

        for epoch in range(epochs):
            model.train()
            for x, target in loader:
                optimizer.zero_grad()
                loss(model(x), target).backward()
                optimizer.step()

    Parameters
    ----------
    model : Module
        Or any object that can be called and has ``parameters()``. It is trained in place.
    data : tuple of arrays, DataLoader, or iterable of batches
        A batch is a tuple of inputs and, last, the target: ``loss(model(*inputs), target)``. A tuple of arrays, such as
        a `Dataset`, is cut into batches, in a new order at each epoch.
    loss : callable
        ``loss(output, target)`` gives a Tensor of shape (): a module, such as ``xe.nn.CrossEntropyLoss()``, or a
        function.
    optimizer : Optimizer
        Made from the parameters of this model: ``xe.optim.Adam(model.parameters(), lr=0.001)``.
    epochs : int
        How often to go through the data; for a training that is resumed, counted from its beginning.
    validation : like data, optional
        Measured after each epoch, in evaluation mode and without gradients. Arrays keep their order. A loss of it that
        is NaN is no error, since the weights are not made from it: the history shows it, and it is never the best.
    metrics : dict of str to callable, optional
        ``metric(output, target)`` of plain arrays gives a number. In training the mean over the batches, as they come;
        in validation the value for all samples together.
    batch_size : int, optional
        Of `data` and `validation` that are arrays; 32 by default.
    shuffle : bool, optional
        For arrays: whether each epoch has an order of its own, drawn from the library's generator. True by default.
    schedule : optional
        One of `tinygrad_xe.optim`, made from this optimizer. Its ``step()`` is called after each epoch; one that looks
        at a loss, as `ReduceLROnPlateau` does, is given the validation loss, or the loss where there is no validation.
    schedule_every : {"epoch", "step"}
        Call ``schedule.step()`` after each update instead, for a warm-up, say.
    clip_norm : float, optional
        Scale the gradients down to this norm, that of all together, where they are longer.
    patience : int, optional
        Stop when the validation loss (the loss, without validation) has not been below its minimum for so many epochs.
    keep_best : bool
        Give the model the weights and buffers of the epoch with the smallest validation loss at the end.
    callbacks : sequence of Callback
        Called after each step and epoch.
    dtype : floating dtype, optional
        Cast the model, and the floating-point arrays of all batches, to it.
    debug : bool
        Look for the first NaN or infinity in every operation, and warn of parameters that the loss does not depend on.
        A few times slower.
    progress : bool
        On standard error: a bar by tqdm (extra ``[progress]``) on a terminal and in a notebook, else a line per tenth.
    steps : bool
        Write down the loss of each step, in ``history.steps["loss"]``.
    record : int, optional
        Keep the whole state in memory every so many steps, so that ``history.at(step)`` can go back to any step;
        implies `steps`. The state is as large as weights and optimizer together.
    checkpoint : path, optional
        A folder, to which the state of the training is written: see `tinygrad_xe.checkpoints.Folder`.
    checkpoint_every : int or "epoch"
        Write after so many steps, or after each epoch; and when training ends, by Ctrl-C too.
    keep : int
        How many checkpoints are kept, the newest.
    resume : bool
        Go on from the newest checkpoint in the folder, if there is one, to the same bits that a training without a stop
        ends with. All arguments must be as before, but `epochs` may be more. Classes, numbers and sizes are compared;
        the content of the data and of functions is not. Schedules keep the lengths that they began with.

    Returns
    -------
    History
        Numbers per epoch. Ctrl-C ends the training after the step that is being made, with ``interrupted=True``.

    Raises
    ------
    NonFiniteError
        When a loss or a gradient is NaN or infinite: which operation made it, in which line. The model is as it was
        before this step; the error has ``history``, ``step`` and ``epoch``.
    ArgumentError, DTypeError, ShapeError
        For arguments that do not go together: a loss by keywords, a loss of more than one number, an optimizer of
        another model, a schedule of another optimizer, data without batches, a checkpoint of another training.
    FileError
        When a checkpoint is to be read that is cut off, changed, or of a later version.
    OSError
        When a checkpoint can't be written. The one before is whole.

    Warns
    -----
    OptimizerWarning
        When the optimizer leaves out parameters that want a gradient.
    XeWarning
        When the training that is to be resumed had been stopped, or has made more epochs than asked for.

    Notes
    -----
    Random numbers are those of the library's generator (`tinygrad_xe.seed`), and of generators that model, loss and
    data hold as attributes, or objects in their attributes; checkpoints have the states of all of them. A generator
    that only a local variable holds is not known, nor is the global one of ``np.random`` or ``random``.

    The state of a training is that of the model, of the optimizer, and of a loss with parameters of its own that the
    optimizer holds. ``model.train()`` is called at the beginning, for all its parts, also those in evaluation mode.

    NumPy does not warn of overflows, invalid operations and divisions by zero in the forward and backward pass of a
    step: where they reach the loss or a gradient, NonFiniteError names the line, and ``debug=True`` finds all others.
    An ``np.errstate`` that raises stays in force, and updates, metrics, validation and callbacks warn as ever.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.seed(0)
    >>> X, y = xe.data.load_iris(split="train", standardize=True)
    >>> model = xe.nn.Sequential(xe.nn.Linear(4, 8), np.tanh, xe.nn.Linear(8, 3))
    >>> history = xe.fit(
    ...     model, (X, y), loss=xe.nn.CrossEntropyLoss(), optimizer=xe.optim.Adam(model.parameters(), lr=0.05),
    ...     epochs=10, validation=xe.data.load_iris(split="test", standardize=True), progress=False,
    ... )
    >>> history.epochs, list(history)
    (10, ['loss', 'validation loss'])
    >>> history["loss"][-1] < 0.1 < history["loss"][0]
    True
    """
    check_model(model)
    check_loss(loss)
    check_optimizer(model, optimizer)
    kind = check_rest(
        epochs=epochs, metrics=metrics, schedule=schedule, schedule_every=schedule_every, clip_norm=clip_norm,
        patience=patience, callbacks=callbacks, record=record, checkpoint=checkpoint, checkpoint_every=checkpoint_every,
        resume=resume, optimizer=optimizer,
    )  # fmt: skip
    batches = Batches("data", data, batch_size, shuffle, dtype)
    tested = None if validation is None else Batches("validation", validation, batch_size, False, dtype)
    for given in (batches, tested):
        if given is not None and given.once and (epochs > 1 or record is not None):
            raise ArgumentError(
                f"fit: {given.what} is an iterator, which can be gone through once.\n"
                f"  Write {given.what}=list(...) for {epochs} epochs, or a DataLoader."
            )
    if dtype is not None:
        model.astype(dtype)
    with Interrupt() as interrupt, modes(model), refusing_nonfinite(optimizer):
        run = Run(
            model, batches, loss=loss, optimizer=optimizer, epochs=int(epochs), validation=tested,
            metrics=metrics or {}, schedule=schedule, schedule_every=kind, clip_norm=clip_norm, patience=patience,
            keep_best=keep_best, steps=steps or record is not None, callbacks=callbacks, debug=debug,
            interrupt=interrupt,
        )  # fmt: skip
        warn_of_left_out(run.trained_parts.left_out, optimizer)
        saver = None if checkpoint is None else Saver(run, checkpoint, checkpoint_every, keep, resume)
        past = None if record is None else Past(run, record)
        run.history._past = past
        set_mode(model, training=True)
        train(run, saver, past, Progress(progress, run))
        run.history.interrupted |= interrupt.asked  # pressed when all was done, in on_end say
        return run.history


def train(run: Run, saver: Saver | None, past: Past | None, bar: Progress) -> None:
    """Make all steps that are left; between them, call and write what is due."""
    after_batch = overridden(run.callbacks, "on_batch")
    after_epoch = overridden(run.callbacks, "on_epoch")
    history, interrupt = run.history, run.interrupt
    run.going_on = True
    try:
        for callback in run.callbacks:
            callback.on_start(run)
        while not run.finished:
            for batch in run.begin_epoch():
                run.train_step(batch)
                if run.step >= interrupt.due:  # one comparison for all that is not done at each step: 2 us less
                    for call in after_batch:
                        call(run)
                    occasionally(run, saver, past, bar)
                    interrupt.due = 0 if after_batch else next_step(saver, past, bar)
                    if interrupt.asked:
                        raise KeyboardInterrupt
                    if history.stopped:
                        break
            else:
                run.end_epoch()
                for call in after_epoch:
                    call(run)
                bar.epoch(run)
                if saver and saver.each_epoch:
                    saver.write()
                if interrupt.asked:
                    raise KeyboardInterrupt
        if saver:
            saver.write()
    except KeyboardInterrupt:
        half = run.break_off()
        if saver and not half:
            saver.write()
        history.interrupted, history.stopped = True, "interrupted"
    finally:
        run.going_on = False
        bar.close(run)
    if run.best["weights"] is not None:
        run.trained_parts.put_weights(run.best["weights"])
    for callback in run.callbacks:
        callback.on_end(run)


def occasionally(run: Run, saver: Saver | None, past: Past | None, bar: Progress) -> None:
    """Write, keep and show what is due."""
    if saver and run.step >= saver.next_step:
        saver.write()
    if past and run.step >= past.next_step:
        past.keep()
    if run.step >= bar.next_step:
        bar.show(run)


def next_step(*parts: Saver | Past | Progress | None) -> float:
    """The step at which the next of these has something to do."""
    return min(part.next_step for part in parts if part is not None)


@contextmanager
def refusing_nonfinite(optimizer: Any) -> Iterator[None]:
    """Have the optimizer raise before it updates by a gradient that is NaN or infinite."""
    before = getattr(optimizer, "refuses_nonfinite", False)
    optimizer.refuses_nonfinite = True
    try:
        yield
    finally:
        optimizer.refuses_nonfinite = before


def overridden(callbacks: Sequence[Callback], name: str) -> list[Callable[[Run], None]]:
    """The methods of this name that somebody wrote: a step does not pay for those that do nothing."""
    return [
        getattr(callback, name) for callback in callbacks
        if getattr(type(callback), name) is not getattr(Callback, name)
    ]  # fmt: skip
