"""`DataLoader`: batches of arrays, shuffled by a seed, with a position that can be saved in the middle of an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentError, DTypeError, ShapeError
from ..random import Array, Rng, draw, generator
from .checks import equally_long, whole_number
from .resume import generator_state, read_state, restore

SEEDS = 2**53  # the seeds of epochs lie below, so that a JSON reader with floating-point numbers keeps them too


class DataLoader:
    """Batches of one array, or of several with one row per sample each.

    Each ``iter(loader)``, so each ``for`` loop, is an *epoch*: every sample once, in the order of the data or, with
    ``shuffle=True``, in an order drawn anew. A batch is a copy, yours to change.

    Parameters
    ----------
    data : array_like, or a tuple of them
        Axis 0 counts the samples, in all arrays alike. A tuple holds several arrays (a `Dataset` is one); anything else
        is one array. Arrays are not copied; lists are made arrays once, here.
    batch_size : int, default 32
        Samples in a batch. The last batch of an epoch has what is left.
    shuffle : bool, default False
        Draw an order for each epoch.
    drop_last : bool, default False
        Leave out a last batch that is not full. With ``shuffle``, other samples are left out in each epoch.
    rng : numpy.random.Generator, int or None
        Where the orders come from; None is the library's generator, which `tinygrad_xe.seed` sets. An epoch draws one
        number from it, whatever the number of samples.

    Attributes
    ----------
    arrays : tuple of ndarray
        The data.
    samples : int
        Their length.
    batch_size, shuffle, drop_last
        As given.

    Raises
    ------
    ShapeError
        Arrays of different lengths, without samples, or without an axis.
    ArgumentError
        A ``batch_size`` below 1, or one that leaves no batch with ``drop_last``.
    DTypeError
        A ``batch_size`` that is not a whole number, arrays of objects, or a list of arrays, which may mean either.

    Notes
    -----
    Several iterators may go on at once: each has its own order and position. `state_dict` speaks of the newest.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> X, y = xe.data.load_digits(split="train")
    >>> loader = xe.data.DataLoader((X / 16, y), batch_size=100, shuffle=True, rng=0)
    >>> loader
    DataLoader(2 arrays of 1347 samples, batch_size=100, shuffle=True, drop_last=False)
    >>> len(loader)
    14
    >>> for x, labels in loader:
    ...     pass
    >>> x.shape, labels.shape
    ((47, 64), (47,))
    >>> [batch.tolist() for batch in xe.data.DataLoader(np.arange(5), 2)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self, data: Any, batch_size: int = 32, *, shuffle: bool = False, drop_last: bool = False, rng: Rng = None
    ) -> None:
        """Check the arrays and take note of the options."""
        self.arrays = _arrays(data)
        self.samples = len(self.arrays[0])
        self.batch_size = whole_number("DataLoader", "batch_size", batch_size, at_least=1)
        self.shuffle = _switch("shuffle", shuffle)
        self.drop_last = _switch("drop_last", drop_last)
        self._single = not isinstance(data, tuple)
        self._rng = None if rng is None else generator(rng)
        self._epoch = _Epoch(self, 0, None, 0)
        self._resume = False
        if not len(self):
            raise ArgumentError(
                f"DataLoader: drop_last=True leaves no batch of {self.batch_size}: there are {self.samples} samples.\n"
                f"  Write batch_size={self.samples} or less, or drop_last=False."
            )

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        full, rest = divmod(self.samples, self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        """Begin an epoch, or go on with the one that `load_state_dict` brought."""
        if not self._resume:
            # a position behind the last batch is the end of its epoch, so that one never resumes to nothing
            seed = int(draw(self._rng, "integers", 0, SEEDS)) if self.shuffle else None
            self._epoch = _Epoch(self, self._epoch.number + 1, seed, 0)
        self._resume = False
        return self._epoch

    def __repr__(self) -> str:
        """Return one line: how many arrays and samples, and the options."""
        arrays = "1 array" if self._single else f"{len(self.arrays)} arrays"
        return (
            f"DataLoader({arrays} of {self.samples} samples, batch_size={self.batch_size}, shuffle={self.shuffle}, "
            f"drop_last={self.drop_last})"
        )

    def state_dict(self) -> dict[str, Any]:
        """Where the newest iterator is: strings, numbers, lists and dicts, which JSON can hold.

        Returns
        -------
        dict
            ``epoch``, how many were begun; ``batch``, how many batches of this one were handed out; ``seed``, what its
            order is drawn from, None when not shuffled; ``generator``, the state of the loader's own generator, None
            when it has none or does not shuffle; and ``samples``, ``batch_size``, ``shuffle`` and ``drop_last``,
            which `load_state_dict` compares.

        Notes
        -----
        A loader with ``rng=None`` draws its *next* epochs from the library's generator: save `tinygrad_xe.random.state`
        too.

        Examples
        --------
        >>> import tinygrad_xe as xe
        >>> loader = xe.data.DataLoader(range(6), 2)
        >>> for batch in loader:
        ...     break
        >>> saved = loader.state_dict()
        >>> saved["epoch"], saved["batch"]
        (1, 1)
        """
        own = self._rng if self.shuffle else None
        return {
            "epoch": self._epoch.number,
            "batch": self._epoch.batch,
            "seed": self._epoch.seed,
            "generator": None if own is None else generator_state(own),
            **self._fixed(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to where `state_dict` was called: the next ``iter(loader)`` hands out the batches that were left.

        The order is the saved one and costs the library's generator no draw. After the last batch of an epoch nothing
        is left, so the next ``iter(loader)`` begins a new epoch. A loader with a generator of its own (``rng`` a number
        or a generator) sets it to the saved state, so that the epochs that follow are the same too.

        Parameters
        ----------
        state : mapping
            What `state_dict` gave.

        Raises
        ------
        ArgumentError
            When a key is missing or has an impossible value, when the loader that it was saved from had another length,
            ``batch_size``, ``shuffle`` or ``drop_last``, or a generator of another kind. The loader stays as it was.

        Examples
        --------
        >>> import tinygrad_xe as xe
        >>> loader = xe.data.DataLoader(range(6), 2, shuffle=True, rng=0)
        >>> batches = iter(loader)
        >>> first = next(batches)
        >>> saved = loader.state_dict()
        >>> left = [batch.tolist() for batch in batches]
        >>> other = xe.data.DataLoader(range(6), 2, shuffle=True, rng=1)
        >>> other.load_state_dict(saved)
        >>> [batch.tolist() for batch in other] == left
        True
        """
        own = self._rng if self.shuffle else None
        number, batch, seed = read_state(state, self._fixed(), len(self), SEEDS)
        restore(own, state["generator"])
        self._epoch = _Epoch(self, number, seed, batch)
        self._resume = 0 < number and batch < len(self)

    def _fixed(self) -> dict[str, Any]:
        """What a position has a meaning for."""
        return {
            "samples": self.samples,
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
        }


class _Epoch:
    """An iterator over the batches of one epoch."""

    def __init__(self, loader: DataLoader, number: int, seed: int | None, batch: int) -> None:
        self.number, self.seed, self.batch = number, seed, batch
        self._arrays, self._single, self._size = loader.arrays, loader._single, loader.batch_size
        self._batches, self._samples = len(loader), loader.samples
        # the kind of generator is named, since NumPy may change that of default_rng
        self._order = None if seed is None else np.random.Generator(np.random.PCG64(seed)).permutation(loader.samples)

    def __iter__(self) -> _Epoch:
        return self

    def __next__(self) -> Array | tuple[Array, ...]:
        if self.batch >= self._batches:
            raise StopIteration
        start = self.batch * self._size
        rows = slice(start, min(start + self._size, self._samples))
        self.batch += 1
        if self._order is None:
            made = tuple(array[rows].copy() for array in self._arrays)
        else:
            order = self._order[rows]  # no `take`: it would copy the whole of an array that is not contiguous
            made = tuple(array[order] for array in self._arrays)
        return made[0] if self._single else made


def _arrays(data: Any) -> tuple[Array, ...]:
    """The arrays of ``data``, checked."""
    if isinstance(data, list) and any(isinstance(item, np.ndarray) and item.ndim for item in data):
        raise DTypeError(
            f"DataLoader: data is a list of {len(data)} arrays, which may be several arrays or the samples of one.\n"
            "  Write DataLoader((X, y)), a tuple, for several arrays, and DataLoader(np.stack(data)) for the samples."
        )
    given = data if isinstance(data, tuple) else (data,)
    if not given:
        raise ShapeError("DataLoader: data is an empty tuple.\n  Write DataLoader((X, y)), or DataLoader(X).")
    return equally_long("DataLoader", given, "data" if given is not data else "data[{}]")


def _switch(name: str, value: object) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise DTypeError(
            f"DataLoader: {name} is {value!r}; expected True or False."
            + ("\n  Write shuffle=True, and rng= for the generator." if name == "shuffle" else "")
        )
    return bool(value)
