"""A text for character models, Shakespeare's Sonnets, and characters as numbers: codes, and windows over them."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError, BoundsError, DTypeError, ShapeError
from .checks import as_array, whole_number

Codes = NDArray[np.int64]


def load_text() -> str:
    r"""Shakespeare's 154 sonnets: 95,608 characters, 62 different ones, all ASCII.

    Each sonnet stands under its number in Roman numerals, with an empty line after the number and after the sonnet; a
    line ends with ``"\n"``. The last two lines of a sonnet begin with two blanks.

    Returns
    -------
    str

    Notes
    -----
    William Shakespeare, *The Sonnets* (1609), in modern spelling. In the public domain.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> text = xe.data.load_text()
    >>> start = text.index("Shall I compare")
    >>> print(text[start : start + 80])
    Shall I compare thee to a summer's day?
    Thou art more lovely and more temperate:
    """
    with open(os.path.join(os.path.dirname(__file__), "sonnets.txt"), encoding="ascii") as file:
        return file.read()


def text_codes(text: str, alphabet: str | None = None) -> tuple[Codes, str]:
    """The characters of a text as numbers from 0 on, and the alphabet that the numbers count.

    Parameters
    ----------
    text : str
    alphabet : str, optional
        The characters that the codes stand for, each once. By default those of ``text``, in order of their code points.
        Give the alphabet of the training text to encode the beginning of a new one.

    Returns
    -------
    codes : ndarray of int64, shape (len(text),)
        ``alphabet[codes[i]] == text[i]``.
    alphabet : str

    Raises
    ------
    DTypeError
        When ``text`` or ``alphabet`` is not a str.
    ArgumentError
        When a character of ``text`` is not in ``alphabet``, or one of ``alphabet`` stands there twice.

    See Also
    --------
    codes_text : the way back.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> codes, alphabet = xe.data.text_codes("banana")
    >>> codes.tolist(), alphabet
    ([1, 0, 2, 0, 2, 0], 'abn')
    >>> xe.data.text_codes("nab", alphabet)[0].tolist()
    [2, 0, 1]
    """
    points = _points("text_codes", "text", text)
    if alphabet is None:
        alphabet = "".join(sorted(set(text)))
    letters = _letters("text_codes", alphabet)
    order = np.argsort(letters)
    if not len(letters):
        place = np.zeros(len(points), np.int64)
        known = np.zeros(len(points), bool)
    else:
        place = order[np.searchsorted(letters, points, sorter=order).clip(max=len(letters) - 1)]
        known = letters[place] == points
    if not known.all():
        first = int(np.argmin(known))
        raise ArgumentError(
            f"text_codes: the text has {text[first]!r} at {first}, which is not in the alphabet of {len(letters)} "
            f"characters.\n  Replace or leave out such characters, or put them into the alphabet before training."
        )
    return place.astype(np.int64), alphabet


def codes_text(codes: ArrayLike, alphabet: str) -> str:
    """The text that codes stand for, the way back from `text_codes`.

    Parameters
    ----------
    codes : array_like of whole numbers, shape (length,)
        From 0 to ``len(alphabet) - 1``.
    alphabet : str

    Returns
    -------
    str

    Raises
    ------
    ShapeError, BoundsError
        When ``codes`` is not a row of numbers, or one of them is no place in ``alphabet``.
    DTypeError
        When ``codes`` are not whole numbers.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.data.codes_text([1, 0, 2, 0, 2, 0], "abn")
    'banana'
    """
    letters = _letters("codes_text", alphabet)
    array = _codes("codes_text", codes)
    wrong = (array < 0) | (array >= len(letters))
    if wrong.any():
        first = int(np.argmax(wrong))
        raise BoundsError(
            f"codes_text: codes[{first}] is {array[first]}; the alphabet has {len(letters)} characters, "
            f"so expected 0 to {len(letters) - 1}."
        )
    return "".join(map(alphabet.__getitem__, array.tolist()))


def windows(codes: ArrayLike, length: int, *, step: int | None = None) -> tuple[Codes, Codes]:
    """Pieces of a row of codes, and the same pieces one place further on: what a model of the next character learns.

    Parameters
    ----------
    codes : array_like of whole numbers, shape (n,)
        As `text_codes` gives them; at least ``length + 1``.
    length : int
        Codes in a window.
    step : int, optional
        From the start of one window to the next. By default ``length``, so that the windows do not overlap; 1 takes
        every window there is.

    Returns
    -------
    inputs, targets : ndarray of int64, shape (windows, length)
        ``targets[i, t]`` follows ``inputs[i, t]`` in the text. Windows are full; a remainder at the end that fills none
        is left out. Both are read-only views of one copy of the codes, and need no memory of their own.

    Raises
    ------
    ShapeError
        When ``codes`` is not a row of at least ``length + 1`` numbers.
    DTypeError, ArgumentError
        When ``codes``, ``length`` or ``step`` are not whole numbers, or the last two are below 1.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> inputs, targets = xe.data.windows(np.arange(8), 3)
    >>> inputs.tolist(), targets.tolist()
    ([[0, 1, 2], [3, 4, 5]], [[1, 2, 3], [4, 5, 6]])
    >>> codes, alphabet = xe.data.text_codes(xe.data.load_text())
    >>> loader = xe.data.DataLoader(xe.data.windows(codes, 64, step=8), 16, shuffle=True)
    >>> x, y = next(iter(loader))
    >>> x.shape, y.shape
    ((16, 64), (16, 64))
    """
    length = whole_number("windows", "length", length, at_least=1)
    step = length if step is None else whole_number("windows", "step", step, at_least=1)
    row = _codes("windows", codes).copy()
    if len(row) <= length:
        raise ShapeError(
            f"windows: {len(row)} codes are too few for one window of {length}, which has a code to follow it.\n"
            f"  Write a length of {len(row) - 1} or less."
            if len(row) > 1
            else f"windows: codes has shape {row.shape}: no code follows another."
        )
    whole = np.lib.stride_tricks.sliding_window_view(row, length + 1)[::step]
    return whole[:, :-1], whole[:, 1:]


def _points(owner: str, name: str, text: Any) -> NDArray[np.uint32]:
    """The code points of ``text``."""
    if not isinstance(text, str):
        raise DTypeError(
            f"{owner}: {name} is a {type(text).__name__}; expected a str."
            + ("\n  Write text.decode('utf-8')." if isinstance(text, bytes) else "")
        )
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint32)


def _letters(owner: str, alphabet: Any) -> NDArray[np.uint32]:
    """The code points of ``alphabet``, each once."""
    letters = _points(owner, "alphabet", alphabet)
    if len(set(alphabet)) != len(alphabet):
        twice = next(letter for letter in alphabet if alphabet.count(letter) > 1)
        raise ArgumentError(f"{owner}: {twice!r} stands more than once in the alphabet {alphabet!r}.")
    return letters


def _codes(owner: str, codes: ArrayLike) -> Codes:
    array = as_array(owner, "codes", codes)
    if array.ndim != 1:
        raise ShapeError(f"{owner}: codes has shape {array.shape}; expected one row, (length,).")
    if array.dtype.kind not in "iu" and array.size:
        raise DTypeError(
            f"{owner}: codes has dtype {array.dtype}; expected whole numbers."
            + ("\n  Write text_codes(text)[0] for the codes of a text." if array.dtype.kind == "U" else "")
        )
    return array.astype(np.int64)
