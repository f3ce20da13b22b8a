"""Random numbers: one generator for initialisation, dropout and shuffling, set by `seed`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import ArgumentError, DTypeError
from .graph import mode

Array = np.ndarray[Any, np.dtype[Any]]
Rng = np.random.Generator | int | None

_shared = np.random.default_rng()


def seed(number: int) -> None:
    """Set the library's generator: the same seed gives the same bits, run after run.

    Parameters
    ----------
    number : int
        Not negative.

    Raises
    ------
    ArgumentError
        For a negative number.
    DTypeError
        For anything that is not a whole number.

    Notes
    -----
    The generator object stays the same one, so that whoever holds it is seeded too. NumPy's own ``np.random.seed``
    has no influence here.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.seed(0)
    >>> xe.random.generator().integers(100)
    np.int64(85)
    """
    _shared.bit_generator.state = type(_shared.bit_generator)(_seed("seed", number)).state


def generator(rng: Rng = None) -> np.random.Generator:
    """The generator that `rng` stands for; every function of the library that draws takes its ``rng=`` through here.

    Parameters
    ----------
    rng : numpy.random.Generator, int or None
        A generator is used as it is; a number makes a new one with this seed; None is the one that `seed` sets.

    Returns
    -------
    numpy.random.Generator

    Raises
    ------
    ArgumentError
        For a negative number.
    DTypeError
        For anything else, such as NumPy's older ``RandomState``.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> bool(xe.random.generator(3).random() == xe.random.generator(3).random())
    True
    """
    if rng is None:
        return _shared
    if isinstance(rng, np.random.Generator):
        return rng
    return np.random.default_rng(_seed("rng", rng))


def draw(rng: Rng, method: str, *args: Any, shape: tuple[int, ...] = ()) -> Array:
    """Draw an array: ``draw(rng, "uniform", -1, 1, shape=(2, 3))`` is ``generator(rng).uniform(-1, 1, (2, 3))``.

    The one way in which layers and functions of the library draw, so that a draw can be told from a computation.

    Parameters
    ----------
    rng : numpy.random.Generator, int or None
        See `generator`.
    method : str
        A method of ``numpy.random.Generator``, such as ``"random"`` or ``"standard_normal"``.
    *args
        Its positional arguments before the size.
    shape : tuple of int

    Returns
    -------
    ndarray
    """
    if mode.tape is not None:
        return mode.tape.draw(generator(rng), method, *args, shape)  # type: ignore[no-any-return]
    return np.asarray(getattr(generator(rng), method)(*args, shape))


def state() -> dict[str, Any]:
    """Where the library's generator is: a dict of strings and whole numbers, which JSON can hold.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> before = xe.random.state()
    >>> first = xe.random.generator().random()
    >>> xe.random.set_state(before)
    >>> bool(xe.random.generator().random() == first)
    True
    """
    return dict(_shared.bit_generator.state)


def set_state(state: dict[str, Any]) -> None:
    """Put the library's generator where `state` says; see `state`.

    Raises
    ------
    ArgumentError
        When it is not a state of this kind of generator.
    """
    try:
        _shared.bit_generator.state = state
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        kind = type(_shared.bit_generator).__name__
        said = f"random.set_state: not the state of a {kind}: {error!r}. Pass what random.state() gave."
        raise ArgumentError(said) from None


def _seed(owner: str, number: object) -> int:
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        what = "a numpy.random.Generator, a whole number or None" if owner == "rng" else "a whole number"
        raise DTypeError(f"{owner}: got a {type(number).__name__}, {number!r}; expected {what}.")
    if number < 0:
        raise ArgumentError(f"{owner}: a seed can't be negative, got {number}.")
    return int(number)
