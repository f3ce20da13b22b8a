"""A line plot of a sequence in one line of text."""

from __future__ import annotations

from math import frexp, ldexp
from typing import Any

import numpy as np

from ..errors import ArgumentError, DTypeError, ShapeError
from ..tensor import Tensor

BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = "_.-~=+*#"


def sparkline(values: Any, width: int = 60, *, ascii: bool = False) -> str:
    """Draw numbers, such as the loss at each step, as one line of text.

    Parameters
    ----------
    values : sequence of numbers, shape (n,)
        NaN is shown as ``×`` and the infinities as ``▲`` and ``▼``; in ASCII ``x``, ``^`` and ``v``.
    width : int
        Of more than `width` numbers, each character shows the mean of several neighbours. Neighbours with a NaN or an
        infinity among them show that.
    ascii : bool
        Use ASCII only, for terminals and files that take nothing else.

    Returns
    -------
    str
        At most `width` characters; empty for no numbers. The smallest mean has the lowest bar, the largest the highest.

    Raises
    ------
    ArgumentError
        When `width` is less than 1.
    ShapeError
        When there is not one dimension.
    DTypeError
        When `values` are no real numbers.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.viz.sparkline([5, 3, 2, 1.5, 1.2, 1.1, float("nan"), 1])
    '█▅▃▂▁▁×▁'
    >>> xe.viz.sparkline([5, 3, 2, 1.5, 1.2, 1.1, float("nan"), 1], ascii=True)
    '#=-.__x_'
    """
    if isinstance(width, bool) or not isinstance(width, int) or width < 1:
        raise ArgumentError(f"sparkline: width is {width!r}; it is a whole number, 1 or more.")
    try:
        found = values.data if isinstance(values, Tensor) else [v.data if isinstance(v, Tensor) else v for v in values]
        array = np.asarray(found, np.float64)
    except (TypeError, ValueError):
        raise DTypeError(f"sparkline: got a {type(values).__name__}; expected a sequence of numbers.") from None
    if array.ndim != 1:
        raise ShapeError(f"sparkline: values have shape {array.shape}; expected one dimension, shape (steps,).")
    if not array.size:
        return ""
    columns = min(width, array.size)
    means = np.array([column(part) for part in np.array_split(array, columns)])
    bars, (nan, high, low) = (ASCII_BARS, "x^v") if ascii else (BARS, "×▲▼")
    finite = means[np.isfinite(means)]
    least, most = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    shift = frexp(max(abs(least), abs(most)))[1]  # the difference of two large numbers may overflow
    line = ""
    for mean in means:
        if np.isnan(mean):
            line += nan
        elif np.isinf(mean):
            line += high if mean > 0 else low
        elif least == most:
            line += bars[3]
        else:
            share = (ldexp(mean, -shift) - ldexp(least, -shift)) / (ldexp(most, -shift) - ldexp(least, -shift))
            line += bars[min(int(share * len(bars)), len(bars) - 1)]
    return line


def column(values: np.ndarray[Any, Any]) -> float:
    """The mean of neighbours; NaN or the infinity among them, the NaN first."""
    if np.isfinite(values).all():
        return float((values / len(values)).sum())
    return float("nan") if np.isnan(values).any() else float(values[np.isinf(values)][0])
