"""NumPy's functions that are not ufuncs, on arrays of symbols (NEP 18)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DTypeError
from . import ordering, reductions
from .algebras import Algebra
from .scalars import FLOAT, WRITTEN, exact, inside, outside

#: The modules that fill `WRITTEN`.
TABLES = ordering, reductions

#: Functions that move elements, whatever they are; views stay views.
MOVES = frozenset({
    np.reshape, np.ravel, np.transpose, np.matrix_transpose, np.swapaxes, np.moveaxis, np.rollaxis, np.expand_dims,
    np.squeeze, np.broadcast_to, np.broadcast_arrays, np.flip, np.fliplr, np.flipud, np.roll, np.rot90, np.tile,
    np.repeat, np.take, np.take_along_axis, np.compress, np.extract, np.delete, np.split, np.array_split, np.hsplit,
    np.vsplit, np.dsplit, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.diagonal, np.copy, np.resize,
})  # fmt: skip

#: Functions that put arrays together, or compute with the operators of objects: numbers among them become scalars.
OPERATORS = frozenset({
    np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack, np.block, np.append, np.diag, np.tril,
    np.triu, np.pad, np.trace, np.dot, np.vdot, np.inner, np.outer, np.tensordot, np.einsum, np.kron, np.diff,
    np.cross, np.convolve, np.correlate,
})  # fmt: skip

#: Functions that look at no element.
LOOKS = frozenset({np.shape, np.ndim, np.size})


def run(function: Callable[..., Any], algebra: Algebra, args: Any, kwargs: dict[str, Any]) -> Any:
    """NumPy's `function` on arguments of which one at least is a SymbolArray.

    Raises
    ------
    DTypeError
        When it has no counterpart.
    """
    if kwargs.get("out") is not None:
        raise DTypeError(f"np.{function.__name__}: out= is not supported for symbols. Take what it returns.")
    if function in WRITTEN:
        return WRITTEN[function](*args, **kwargs)
    if function in LOOKS:
        return function(*inside(args), **inside(kwargs))
    if function in MOVES:
        return outside(function(*inside(args), **inside(kwargs)), algebra)
    if function in OPERATORS:
        kwargs = {key: value for key, value in kwargs.items() if key not in ("dtype", "casting") or value is not None}
        if kwargs.pop("casting", "same_kind") == "same_kind" and np.dtype(kwargs.pop("dtype", FLOAT)).kind == "f":
            return outside(function(*exact(args, algebra), **exact(kwargs, algebra)), algebra, fresh=True)
    name = f"{function.__module__}.{function.__name__}".replace("numpy", "np", 1)
    raise DTypeError(
        f"{name} is not supported for symbols of {algebra.name}.\n"
        "  Write it with sums, products and elementwise functions, or use x.values, the array of scalars."
    )
