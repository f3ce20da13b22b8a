"""What identifies a training, so that another one does not go on from its checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ArgumentError
from ..optim.saving import plain
from .run import Run


def identity(run: Run) -> dict[str, Any]:
    """The arguments that the next steps depend on, as numbers and text.

    Not those that are compared elsewhere: the loader compares its samples and ``batch_size``, the weights tell the
    model and ``dtype``.
    """
    return {
        "optimizer": type(run.optimizer).__name__,
        "settings": settings(run.optimizer),
        "loss": getattr(run.loss, "__name__", type(run.loss).__name__),
        "schedule": name_of(run.schedule),
        "schedule_every": run.schedule_every,
        "clip_norm": None if run.clip_norm is None else float(run.clip_norm),
        "patience": None if run.patience is None else int(run.patience),
        "keep_best": bool(run.keep_best),
        "callbacks": [type(callback).__name__ for callback in run.callbacks],
    }


def name_of(thing: Any) -> str | None:
    """The name of its class."""
    return None if thing is None else type(thing).__name__


def settings(optimizer: Any) -> list[dict[str, Any]]:
    """The numbers and words in each group of an optimizer."""
    groups = [{name: plain(value) for name, value in group.items()} for group in optimizer.param_groups]
    return [
        {
            name: value for name, value in group.items()
            if all(isinstance(x, int | float | str | None) for x in (value if isinstance(value, list) else [value]))
        }
        for group in groups
    ]  # fmt: skip


def compare(now: Mapping[str, Any], saved: Mapping[str, Any], reached: list[dict[str, Any]]) -> None:
    """Refuse arguments that differ from those in a checkpoint.

    Parameters
    ----------
    now, saved : dict
        Of `identity`.
    reached : list of dict
        The settings of the optimizer in the checkpoint, which schedules and callbacks may have changed: an optimizer
        that has been used since has these.

    Raises
    ------
    ArgumentError
        With both values.
    """
    for name, value in now.items():
        if name in saved and name != "settings" and value != saved[name]:
            raise ArgumentError(
                f"resume: {name} was {shown(saved[name])} in the training that is to go on; now it is {shown(value)}.\n"
                f"  Write {name} as before, or begin another training in another folder."
            )
    for i, group in enumerate(now["settings"]):
        for name, value in group.items():
            known = [groups[i][name] for groups in (saved.get("settings", []), reached)
                     if i < len(groups) and name in groups[i]]  # fmt: skip
            if known and value not in known:
                raise ArgumentError(
                    f"resume: {name} of the optimizer was {shown(known[0])} in the training that is to go on; now it "
                    f"is {shown(value)}.\n  It would be put back to {shown(known[-1])}. Write {name}="
                    f"{shown(known[0])}; to change it on the way, set optimizer.param_groups in on_start of a callback."
                )


def shown(value: Any) -> str:
    """A value in a message; names are written as they are."""
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return value if isinstance(value, str) else repr(value)
