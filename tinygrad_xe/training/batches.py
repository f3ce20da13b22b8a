"""Batches: the data of a training, of whatever kind, one batch after another, with a position to come back to."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..data.loader import DataLoader
from ..errors import ArgumentError, DTypeError
from ..tensor import Tensor
from .generators import named_generators, set_states, states

#: Batch size for arrays, where none is given.
BATCH_SIZE = 32


class Batches:
    """The batches of each epoch.

    Parameters
    ----------
    what : str
        "data" or "validation", for messages.
    data : tuple of arrays, DataLoader, or iterable of batches
    batch_size, shuffle
        For arrays; None where not given.
    dtype : dtype or None
        What floating-point arrays are cast to.

    Attributes
    ----------
    length : int or None
        Batches in an epoch, where that is known.
    once : bool
        Whether `data` can be gone through once only.
    """

    def __init__(self, what: str, data: Any, batch_size: int | None, shuffle: bool | None, dtype: Any) -> None:
        self.what, self.dtype = what, dtype
        self._casts = dtype is not None and not isinstance(data, tuple)  # arrays are cast here, batches one by one
        if isinstance(data, tuple):
            if len(data) < 2:
                raise ArgumentError(
                    f"fit: {what} is a tuple of {len(data)}; expected inputs and targets: {what}=(X, y).\n"
                    f"  Write {what}=(X, X) for a model that learns to reproduce its input."
                )
            arrays = tuple(self._cast(part) for part in data)
            size = BATCH_SIZE if batch_size is None else batch_size
            self.data: Any = DataLoader(arrays, size, shuffle=what == "data" if shuffle is None else shuffle)
        else:
            self.data = data
            self._check(batch_size, shuffle)
        self.saves = hasattr(self.data, "state_dict") and hasattr(self.data, "load_state_dict")
        self.length = len(self.data) if hasattr(self.data, "__len__") else None
        self.once = isinstance(self.data, Iterator)
        self.generators = {} if self.saves else named_generators(**{what: self.data})
        # a DataLoader gives tuples and counts them: another generator around it costs 2 us a batch
        self._counts = isinstance(self.data, DataLoader) and len(self.data.arrays) > 1 and not self._casts
        self._done = 0
        self._newest: Any = None  # the iterator of this epoch, if a DataLoader has it: others may begin more of them
        self._exhausted = False  # whether `load` brought the end of an epoch, after which a loader would begin another
        self._begin: dict[str, Any] | None = None  # states of the generators when the epoch began

    def _check(self, batch_size: int | None, shuffle: bool | None) -> None:
        what, data = self.what, self.data
        kind = type(data).__name__
        first = data[0] if isinstance(data, list) and data else None
        if isinstance(data, np.ndarray | Tensor) or (isinstance(data, list) and not isinstance(first, tuple | list)):
            held = "which may be inputs and targets, or batches" if kind == "list" else "without targets"
            raise DTypeError(
                f"fit: {what} is one {kind}, {held}; expected a tuple of arrays. Write {what}=(X, y);\n"
                f"  {what}=(X, X) for a model that learns to reproduce its input; or a list of batches [(X0, y0), ...]."
            )
        if not hasattr(data, "__iter__"):
            raise DTypeError(f"fit: {what} is a {kind}; expected (X, y), a DataLoader, or an iterable of batches.")
        given = {"batch_size": batch_size, "shuffle": shuffle} if what == "data" else {}
        for name, value in given.items():
            if value is not None:
                raise ArgumentError(
                    f"fit: {name}={value!r} is for arrays, but {what} is a {kind}, which makes its own batches.\n"
                    f"  Write DataLoader(..., {name}={value!r}), or {what}=(X, y)."
                )

    def _cast(self, part: Any) -> Any:
        array = part.data if isinstance(part, Tensor) else part
        if self.dtype is None:
            return array
        array = np.asarray(array)
        return array.astype(self.dtype, copy=False) if array.dtype.kind == "f" else array

    @property
    def done(self) -> int:
        """How many batches of the current epoch were handed out."""
        if not self._counts or not self._done:
            return self._done
        return int(self._position()["batch"])

    def _position(self) -> dict[str, Any]:
        """Where the loader is, in the epoch that was begun here, whoever else went through it meanwhile."""
        position: dict[str, Any] = self.data.state_dict()
        mine = self._newest
        return position if mine is None else position | {"epoch": mine.number, "batch": mine.batch, "seed": mine.seed}

    def apart(self) -> Batches:
        """The same batches; a DataLoader's with a position of their own."""
        other = copy.copy(self)
        if isinstance(self.data, DataLoader):
            other.data = copy.copy(self.data)
        return other

    def begin(self) -> Iterator[tuple[Any, ...]]:
        """Begin an epoch, or go on with the one that `load` brought: its batches, inputs and last the target."""
        skipped = 0
        if not self.saves:
            now = states(self.generators)
            if self._begin is None or not self._done:
                self._begin, self._done = now, 0
            set_states(self.generators, self._begin)
            skipped = self._done
        iterator: Iterator[Any] = iter(()) if self._exhausted else iter(self.data)
        if isinstance(self.data, DataLoader) and iterator is self.data._epoch:
            self._newest = iterator
        for _ in range(skipped):
            next(iterator, None)
        if skipped:
            set_states(self.generators, now)
        if self._counts:
            self._done = 1  # from now on the loader knows
            return iterator
        return self._checked(iterator)

    def _checked(self, iterator: Iterator[Any]) -> Iterator[tuple[Any, ...]]:
        casts = self._casts
        for batch in iterator:
            self._done += 1
            yield self._tuple(batch) if casts or type(batch) is not tuple or len(batch) < 2 else batch

    def _tuple(self, batch: Any) -> tuple[Any, ...]:
        if not isinstance(batch, tuple | list) or len(batch) < 2:
            got = f"a {type(batch).__name__}" + (f" of {len(batch)}" if isinstance(batch, tuple | list) else "")
            raise DTypeError(
                f"fit: batch {self.done - 1} of {self.what} is {got}; expected a tuple (inputs, target).\n"
                "  Make the loader of several arrays: DataLoader((X, y))."
            )
        return tuple(self._cast(part) for part in batch)

    def end(self) -> None:
        """The epoch is over: the next `begin` begins another."""
        self._done, self._exhausted = 0, False
        self._begin = None

    def state(self) -> dict[str, Any]:
        """Where the epoch is, for `load`."""
        if self.saves:
            return {"done": self.done, "data": self._position()}
        return {"done": self.done, "length": self.length, "begin": self._begin, "now": states(self.generators)}

    def load(self, state: dict[str, Any]) -> None:
        """Go where `state` was called."""
        if self.saves:
            if "data" not in state:
                raise ArgumentError(f"resume: {self.what} was an iterable of batches; now it is a loader.")
            self.data.load_state_dict(state["data"])
        else:
            if "length" not in state or state["length"] != self.length:
                was = f"{state['length']} batches" if "length" in state else "a loader"
                raise ArgumentError(f"resume: {self.what} was {was}; now it has {self.length} batches.")
            self._begin = state["begin"]
            set_states(self.generators, state.get("now", states(self.generators)))
        self._done, self._newest = state["done"], None
        self._exhausted = self.saves and self.length is not None and self._done >= self.length


def size(batch: tuple[Any, ...]) -> int:
    """The samples in a batch; 1 for what has no axis."""
    try:
        return len(batch[0])
    except TypeError:
        return 1
