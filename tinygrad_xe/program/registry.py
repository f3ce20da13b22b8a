"""The functions that a program may call, by name: NumPy's that compute, indexing, and the library's own primitives."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import TraceError
from .primitives import PRIMITIVES

#: NumPy's functions beside its ufuncs. None of them reads or writes a file, or runs code that it is given.
NAMES = """
abs all allclose amax amin angle any append argmax argmin argpartition argsort argwhere array_split array_equal astype
atleast_1d atleast_2d atleast_3d average bincount block broadcast_arrays broadcast_to choose clip column_stack compress
concatenate convolve copy correlate count_nonzero cov corrcoef cross cumprod cumsum cumulative_prod cumulative_sum
delete diag diagflat diagonal diff digitize dot dsplit dstack ediff1d einsum expand_dims extract fix flatnonzero flip
fliplr flipud full_like gradient heaviside histogram hsplit hstack imag inner insert interp isclose isin isneginf
isposinf kron lexsort linspace matrix_transpose max mean median meshgrid min moveaxis nan_to_num nanargmax nanargmin
nancumprod nancumsum nanmax nanmean nanmedian nanmin nanprod nanquantile nanpercentile nanstd nansum nanvar ndim
nonzero ones_like outer pad partition percentile polyval prod ptp quantile ravel real repeat reshape resize roll
rollaxis rot90 round searchsorted select shape sinc size sort split squeeze stack std sum swapaxes take take_along_axis
tensordot tile trace transpose trapezoid trapz tril triu trim_zeros unique unstack unwrap vander var vdot vecdot vsplit
vstack where zeros_like
""".split()  # noqa: SIM905  # as words, which are easier to read and to compare

#: Those of ``np.linalg``.
LINALG = """
cholesky cond det diagonal eig eigh eigvals eigvalsh inv lstsq matrix_norm matrix_power matrix_rank matrix_transpose
matmul multi_dot norm outer pinv qr slogdet solve svd svdvals tensordot tensorinv tensorsolve trace vecdot vector_norm
cross
""".split()  # noqa: SIM905  # as words, which are easier to read and to compare


def collected() -> dict[str, Callable[..., Any]]:
    """Every function by the name that code has for it; what this NumPy lacks is left out."""
    found: dict[str, Callable[..., Any]] = {"getitem": operator.getitem, **PRIMITIVES}
    for name in dir(np):
        function = getattr(np, name)
        if isinstance(function, np.ufunc) and name == function.__name__:
            found[f"np.{name}"] = function
    for name in NAMES:
        if name in dir(np):
            found.setdefault(f"np.{name}", getattr(np, name))
    for name in LINALG:
        if hasattr(np.linalg, name):
            found[f"np.linalg.{name}"] = getattr(np.linalg, name)
    return found


FUNCTIONS = collected()
FULL_NAMES = {function: name for name, function in reversed(FUNCTIONS.items())}


def computed(function: Callable[..., Any], args: Any, options: Any) -> Any:
    """Call a function of the registry. ``np.astype`` of NumPy 2.0 refuses a scalar, which has a method for it."""
    if function is np.astype:
        return args[0].astype(*args[1:], **options)
    return function(*args, **options)


def name_of(function: Any) -> str:
    """The name of a function that programs may call.

    Raises
    ------
    TraceError
        When it is none of them.
    """
    try:
        return FULL_NAMES[function]
    except (KeyError, TypeError):
        name = getattr(function, "__name__", repr(function))
        raise TraceError(f"{name}: not one of the {len(FUNCTIONS)} functions that a program can hold.") from None


def function_called(name: str) -> Callable[..., Any]:
    """The function of that name.

    Raises
    ------
    TraceError
        When there is none; nothing is looked up elsewhere.
    """
    if name not in FUNCTIONS:
        raise TraceError(f"program: {name!r} is not one of the {len(FUNCTIONS)} functions that a program can call.")
    return FUNCTIONS[name]
