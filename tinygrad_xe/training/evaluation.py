"""Evaluation: the mean loss and the metrics of a model on data that it does not train on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentError, DTypeError
from ..graph import no_grad
from ..tensor import Tensor
from .batches import Batches, size
from .interrupt import Interrupt
from .weights import modes, set_mode

Array = np.ndarray[Any, np.dtype[Any]]


def evaluate(
    model: Any,
    loss: Callable[[Any, Any], Any],
    metrics: Mapping[str, Callable[[Array, Array], Any]],
    batches: Batches,
    interrupt: Interrupt,
) -> dict[str, float]:
    """Mean loss over the samples, and the metrics of all of them together, in evaluation mode.

    Raises
    ------
    KeyboardInterrupt
        When Ctrl-C was pressed.
    ArgumentError
        When there is no batch.
    """
    total, count = 0.0, 0
    outputs: list[Array] = []
    targets: list[Array] = []
    with modes(model), no_grad():
        set_mode(model, training=False)
        batches.end()
        for batch in batches.begin():
            output = model(*batch[:-1])
            total += as_number(loss(output, batch[-1])) * size(batch)
            count += size(batch)
            if metrics:
                outputs.append(plain(output))
                targets.append(plain(batch[-1]))
            if interrupt.asked:
                raise KeyboardInterrupt
    if not count:
        raise ArgumentError("fit: validation gave no batch. An empty list, or a generator that was used up before?")
    found = {"loss": total / count}
    if metrics:
        whole = np.concatenate(outputs), np.concatenate(targets)
        found.update({name: as_number(metric(*whole), name) for name, metric in metrics.items()})
    return found


def plain(value: Any) -> Any:
    """The array of a Tensor; anything else as it is."""
    return value.data if isinstance(value, Tensor) else value


def as_number(value: Any, name: str = "loss") -> float:
    """A Python number of what the loss, or a metric of this name, has given."""
    try:
        return float(plain(value))
    except (TypeError, ValueError):
        what = f"shape {np.shape(plain(value))}" if isinstance(value, Tensor | np.ndarray) else type(value).__name__
        raise DTypeError(
            f"fit: the {'loss in validation' if name == 'loss' else f'metric {name!r}'} gave {what}; expected a number."
        ) from None
