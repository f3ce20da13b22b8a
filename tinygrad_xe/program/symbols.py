"""Arrays of symbols: what a gradient rule is evaluated on when its result shall be a formula, or have 50 digits.

A gradient rule is plain NumPy, so it runs on anything that answers NumPy's protocols. A `SymbolArray` does: inside it
is an array of scalars that are not floats, and an `Algebra` that says what NumPy's functions do to them. Put into a
Tensor it goes through the engine as an array of floats would, forward and backward, to any order; no second table of
derivatives translates anything. With SymPy's scalars the engine's gradient is an expression, and whether it equals a
closed form is decided exactly; with mpmath's it is a number with as many digits as are asked for. Every number that
meets symbols is taken exactly: 0.5 is one half, 0.1 the binary fraction that the computer holds for it.

Numbers of the library's own are exact too, where they have an exact form as floats (the 0.5 of a tie, the 2 of a
square). Where they have none, as log(2) in the rule of exp2 or 2 / sqrt(pi) in that of erf, they are the float that
NumPy would use, and 16 digits of such a gradient are right.

The scalars are the algebra's affair. One whose scalars print themselves turns the same rules into mathematics on
screen.

Examples
--------
>>> import numpy as np
>>> import tinygrad_xe as xe
>>> from tinygrad_xe.program import symbols
>>> xe.grad(xe.losses.article.sigmoid)(symbols.sympy_array("z"))
symbols(exp(-z)/(1 + exp(-z))**2, sympy)
>>> import mpmath
>>> with mpmath.workdps(40):
...     print(xe.grad(np.tanh)(symbols.array("0.1", "mpmath")))
symbols(0.9900662908474397783478055699095446038174, mpmath)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .algebras import Algebra, algebra_called, sympy_algebra
from .scalars import scalars_of
from .symbol_array import SymbolArray, wrapped

__all__ = ["SymbolArray", "array", "sympy_array"]


def array(values: Any, algebra: str | Algebra) -> SymbolArray:
    """An array of exact numbers.

    Parameters
    ----------
    values : array_like
        Numbers of Python or NumPy, of any floating-point dtype, fractions, scalars of the algebra, or text: ``"0.1"``
        is one tenth, where the number ``0.1`` is the binary fraction that stands for it.
    algebra : {"sympy", "mpmath"} or Algebra
        What the numbers become.

    Returns
    -------
    SymbolArray
        Of the shape of `values`.

    Raises
    ------
    DTypeError
        When a value is not a number, and for an unknown algebra.
    ImportError
        When SymPy or mpmath is not installed; they come with ``tinygrad_xe[symbolic]``.

    Notes
    -----
    mpmath's numbers are computed at the precision of the caller: ``with mpmath.workdps(50)``.

    Examples
    --------
    >>> from tinygrad_xe.program import symbols
    >>> symbols.array([0.5, "0.1", 3], "sympy") ** 2
    symbols([1/4, 1/100, 9], sympy)
    """
    algebra = algebra_called(algebra)
    if isinstance(values, SymbolArray):
        return wrapped(scalars_of(values, algebra).copy(), algebra)
    return wrapped(algebra.scalars(values), algebra)


def sympy_array(name: str, shape: int | tuple[int, ...] = (), *, positive: bool = False, **known: bool) -> SymbolArray:
    """An array of SymPy's symbols.

    Parameters
    ----------
    name : str
        The symbols are called ``name_01`` at the place [0, 1], with commas between numbers above 9, and just ``name``
        for the shape ().
    shape : int or tuple of int
    positive : bool
        The symbols are positive; otherwise all that is known of them is that they are real.
    **known : bool
        Further assumptions of SymPy's: ``negative=True``, ``integer=True``.

    Returns
    -------
    SymbolArray

    Raises
    ------
    ImportError
        When SymPy is not installed; it comes with ``tinygrad_xe[symbolic]``.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_xe.program import symbols
    >>> np.exp(symbols.sympy_array("x", (2, 2))) @ np.array([1, 0.5])
    symbols([exp(x_00) + exp(x_01)/2, exp(x_10) + exp(x_11)/2], sympy)
    """
    algebra = sympy_algebra()
    import sympy as sp

    shape = (shape,) if isinstance(shape, int) else shape
    values = np.empty(shape, object)
    comma = "," if any(n > 10 for n in shape) else ""
    known = {"real": True, **known, **({"positive": True} if positive else {})}
    for place in np.ndindex(*shape):
        values[place] = sp.Symbol(f"{name}_{comma.join(map(str, place))}" if shape else name, **known)
    return wrapped(values, algebra)
