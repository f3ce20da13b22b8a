"""Text for pictures: user text made printable, escaped for DOT, and numbers in a few words."""

from __future__ import annotations

import html
import re
from typing import Any

import numpy as np

from .records import Array

#: The longest name that a picture shows.
LIMIT = 40

#: Line and paragraph breaks and tabs, which become spaces.
BREAKS = re.compile("[\t\n\v\f\r\x85\u2028\u2029]+")

#: Characters that are not XML, are invisible, or change the direction of the text around them.
UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff0-\ufffb\ufffe\uffff"
    + "".join(f"{chr(plane * 0x10000 + 0xFFFE)}-{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(1, 17))
    + "\U000e0000-\U000e007f]"
)


def clean(text: object, limit: int = LIMIT) -> str:
    r"""User text as one printable line of at most `limit` characters.

    Control characters, bidirectional overrides, lone surrogates and what XML can't hold become U+FFFD.

    Examples
    --------
    >>> clean("a\nb\x00")
    'a b�'
    >>> clean("x" * 10_000, 5)
    'xxxx…'
    """
    line = str(text)
    long = len(line) > limit
    line = UNPRINTABLE.sub("\ufffd", BREAKS.sub(" ", line[: limit + 1]))
    return line[: limit - 1] + "…" if long else line


def in_label(text: object, limit: int = LIMIT) -> str:
    r"""User text inside an HTML-like label, where ``\N``, ``\G`` and ``\L`` would be expanded.

    Examples
    --------
    >>> print(in_label(r'<b>\N"'))
    &lt;b&gt;\\N&quot;
    """
    return html.escape(clean(text, limit)).replace("\\", "\\\\")


def in_quotes(text: object, limit: int = LIMIT) -> str:
    r"""User text inside a quoted attribute, whose backslashes are processed twice.

    Examples
    --------
    >>> print(in_quotes(r'"];\N'))
    &quot;];\\\\N
    """
    return html.escape(clean(text, limit)).replace("\\", "\\" * 4)


def number(value: Any) -> str:
    """One number: four decimals, or three significant digits and an exponent where these would show nothing.

    Examples
    --------
    >>> number(-0.19153), number(1e-9), number(float("nan")), number(3), number(True)
    ('-0.1915', '1.00e-09', 'NaN', '3', 'True')
    """
    item = value.item() if hasattr(value, "item") else value
    if isinstance(item, bool | int):
        return str(item)
    if not isinstance(item, float):
        item = float(item) if isinstance(item, np.floating) else item
    if not isinstance(item, float):
        return f"{item:.3g}" if isinstance(item, complex) else clean(item)
    if not np.isfinite(item):
        return word(item)
    if item and not 5e-5 <= abs(item) < 1e6:
        return f"{item:.2e}"
    return f"{item + 0.0:.4f}"


def word(item: float) -> str:
    """What a number that is not finite is called."""
    return "NaN" if np.isnan(item) else "inf" if item > 0 else "-inf"


def short(item: Any) -> str:
    """One element of a small array."""
    if isinstance(item, float | np.floating):
        return word(float(item)) if not np.isfinite(item) else f"{item + 0.0:.3g}"
    return number(item)


def nested(array: Array) -> str:
    """The elements of a small array in brackets."""
    if array.ndim == 0:
        return short(array[()])
    return "[" + ", ".join(nested(row) for row in array) + "]"


def finite(array: Array | None) -> bool:
    """Whether an array has no NaN and no infinity; whole numbers have none."""
    return array is None or array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


def numbers(array: Array) -> str:
    """An array in a few words: up to four elements as they are, of more, mean, spread and largest size.

    Examples
    --------
    >>> numbers(np.array([0.6, -1.1, 0.3]))
    '[0.6, -1.1, 0.3]'
    >>> numbers(np.arange(5.0))
    'mean 2 ± 1.41, |max| 4'
    >>> numbers(np.array([1, 2, np.nan, 4, np.inf]))
    '1 NaN and 1 inf of 5'
    """
    array = np.asarray(array)
    if array.size == 0:
        return "empty"
    if array.ndim == 0:
        return number(array[()])
    if array.size <= 4 and array.ndim <= 4:
        return nested(array)
    kind = array.dtype.kind
    first = array.reshape(-1)[0]
    if kind in "fiu" and (array == first).all():
        return f"all {short(first)}"
    if kind == "b":
        return f"{int(array.sum())} of {array.size} True"
    if kind in "iu":
        return f"from {array.min()} to {array.max()}"
    if kind not in "fc":
        return f"{array.size} elements"
    if not finite(array):
        nans = int(np.isnan(array).sum())
        infinite = int(np.isinf(array).sum())
        counts = [f"{count} {name}" for count, name in ((nans, "NaN"), (infinite, "inf")) if count]
        return f"{' and '.join(counts)} of {array.size}"
    with np.errstate(all="ignore"):  # huge values: the mean may be inf, and says so
        size = np.abs(array)
        exact = array.astype(np.promote_types(array.dtype, np.float64), copy=False)
        mean, largest = exact.mean(), size.max()
        if abs(mean) < 4 * np.finfo(array.dtype).eps * largest:  # what rounding leaves of 0
            mean = mean * 0
        return f"mean {short_of(mean)} ± {short_of(exact.std())}, |max| {short_of(largest)}"


def short_of(value: Any) -> str:
    """Three significant digits of a computed statistic."""
    item = value.item()
    return f"{item:.3g}" if isinstance(item, complex) else short(float(item))


def size(shape: tuple[int, ...]) -> str:
    """A shape in words.

    Examples
    --------
    >>> size(()), size((3,))
    ('scalar', 'shape (3,)')
    """
    return f"shape {shape}" if shape else "scalar"
