"""The saved position of a `DataLoader`: states of generators that JSON can hold, and the checks on reading them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentError

OWNER = "DataLoader.load_state_dict"


def generator_state(rng: np.random.Generator) -> dict[str, Any]:
    """The state of a generator of any kind, its arrays as lists."""
    return {key: _plain(value) for key, value in rng.bit_generator.state.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def restore(rng: np.random.Generator | None, state: Any) -> None:
    """Set ``rng`` to a state of `generator_state`, or leave it as it is and say what is wrong.

    Raises
    ------
    ArgumentError
        When ``state`` is of another kind of generator, or broken.
    """
    if (rng is None) != (state is None):
        had, has = ("the library's generator", "one of its own")[:: 1 if state is None else -1]
        raise ArgumentError(
            f"{OWNER}: the state is of a loader that draws from {had}; this loader draws from {has}.\n"
            f"  Write DataLoader(..., {'rng=None' if state is None else 'rng=0'}) and load again."
        )
    if rng is None:
        return
    kind = type(rng.bit_generator)
    try:
        trial = kind()
        trial.state = _arrays(state)
        # a state that lists what is out of range might be cut to fit
        if generator_state(np.random.Generator(trial)) != state:
            raise ValueError("it does not read back as written")
    except (ValueError, TypeError, KeyError, OverflowError, IndexError, AttributeError) as error:
        raise ArgumentError(
            f"{OWNER}: state['generator'] is not the state of a {kind.__name__}: {error!r}.\n"
            "  Pass what state_dict() gave, to a loader whose rng= is of the same kind."
        ) from None
    rng.bit_generator.state = trial.state


def _arrays(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _arrays(item) for key, item in value.items()}
    return np.array(value, dtype=np.uint64) if isinstance(value, list) else value


def read_state(state: Any, fixed: dict[str, Any], batches: int, seeds: int) -> tuple[int, int, int | None]:
    """Epoch, batch and seed of a saved state, compared with what the loader has in ``fixed``.

    Raises
    ------
    ArgumentError
        When a key is missing or unknown, or has a value that this loader can't have.
    """
    if not isinstance(state, Mapping):
        raise ArgumentError(f"{OWNER}: state is a {type(state).__name__}; expected the dict that state_dict() gave.")
    expected = {"epoch", "batch", "seed", "generator", *fixed}
    if state.keys() != expected:
        wrong = ", ".join(
            [f"{key!r} is missing" for key in sorted(expected - state.keys())]
            + [f"{key!r} is unknown" for key in sorted(map(str, state.keys() - expected))]
        )
        raise ArgumentError(f"{OWNER}: {wrong}.\n  Pass the dict that state_dict() gave.")
    for key, value in fixed.items():
        if state[key] != value or type(state[key]) is not type(value):
            raise ArgumentError(
                f"{OWNER}: the state was saved with {key}={state[key]!r}, this loader has {key}={value!r}.\n"
                "  A position has a meaning only for the same data and batches."
            )
    epoch = _number(state, "epoch", None)
    batch = _number(state, "batch", batches if epoch else 0)
    shuffled = fixed["shuffle"] and epoch > 0
    if not shuffled and state["seed"] is not None:
        raise ArgumentError(f"{OWNER}: state['seed'] is {state['seed']!r}; nothing was shuffled, so it must be None.")
    return epoch, batch, _number(state, "seed", seeds - 1) if shuffled else None


def _number(state: Mapping[str, Any], key: str, largest: int | None) -> int:
    value = state[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < 0 or (largest is not None and value > largest):
        limits = "0 or more" if largest is None else f"from 0 to {largest}"
        raise ArgumentError(f"{OWNER}: state[{key!r}] is {value!r}; expected a whole number, {limits}.")
    return value
