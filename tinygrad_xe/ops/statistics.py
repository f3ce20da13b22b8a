"""Statistics: covariance and correlation, and reductions that leave NaN out."""

from __future__ import annotations

import functools
import math
import warnings
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..op import compose, refuse_out
from .reduce import Axis


@functools.partial(compose, np.nansum)
def nansum(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Any:
    """Sum of what is not NaN."""
    refuse_out("nansum", out)
    return np.sum(np.where(np.isnan(a), 0, a), axis=axis, dtype=dtype, keepdims=keepdims)


@functools.partial(compose, np.nanprod)
def nanprod(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Any:
    """Product of what is not NaN."""
    refuse_out("nanprod", out)
    return np.prod(np.where(np.isnan(a), 1, a), axis=axis, dtype=dtype, keepdims=keepdims)


@functools.partial(compose, np.nanmean)
def nanmean(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Any:
    """Mean of what is not NaN; NaN, with a warning, where all is."""
    refuse_out("nanmean", out)
    total = nansum(a, axis, dtype, None, keepdims)
    count = np.sum(np.logical_not(np.isnan(a)), axis=axis, keepdims=keepdims).astype(total.dtype)
    if (count == 0).any():
        warnings.warn("Mean of empty slice", RuntimeWarning, stacklevel=5)
        count = np.where(count == 0, math.nan, count)
    return total / count


@functools.partial(compose, np.nanvar)
def nanvar(
    a: Any, axis: Axis = None, dtype: Any = None, out: None = None, ddof: float = 0, keepdims: bool = False
) -> Any:
    """Variance of what is not NaN; NaN, with a warning, where too little is left."""
    refuse_out("nanvar", out)
    there = np.logical_not(np.isnan(a))
    count = np.sum(there, axis=axis, keepdims=True).astype(a.dtype if dtype is None else dtype)
    total = np.sum(np.where(there, a, 0), axis=axis, dtype=dtype, keepdims=True)
    apart = np.where(there, a - total / np.where(count == 0, 1, count), 0)
    left = np.sum(there, axis=axis, keepdims=keepdims).astype(count.dtype) - ddof
    if (left <= 0).any():
        warnings.warn("Degrees of freedom <= 0 for slice.", RuntimeWarning, stacklevel=5)
        left = np.where(left <= 0, math.nan, left)
    return np.sum(apart * apart, axis=axis, dtype=dtype, keepdims=keepdims) / left


def extremum(name: str, function: Any, least: float) -> Any:
    """np.nanmax or np.nanmin, from np.max or np.min and the number that loses against all others."""

    def written(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False) -> Any:
        refuse_out(name, out)
        missing = np.isnan(a)
        found = function(np.where(missing, least, a), axis=axis, keepdims=keepdims)
        none = np.all(missing, axis=axis, keepdims=keepdims)
        if np.any(none):
            warnings.warn("All-NaN slice encountered", RuntimeWarning, stacklevel=5)
            found = np.where(none, math.nan, found)
        return found

    return written


compose(np.nanmax, extremum("nanmax", np.max, -math.inf))
compose(np.nanmin, extremum("nanmin", np.min, math.inf))


@functools.partial(compose, np.cov)
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None, fweights: None = None,
    aweights: None = None, *, dtype: None = None,
) -> Any:  # fmt: skip
    """Covariance matrix of variables, each a row of observations, or a column with rowvar=False."""
    if fweights is not None or aweights is not None or dtype is not None:
        raise ArgumentError("cov: fweights=, aweights= and dtype= are not supported on a tensor. Leave them out.")
    rows = [variables(v, rowvar) for v in (m, y) if v is not None]
    x = rows[0] if len(rows) == 1 else np.concatenate(rows, axis=0)
    n = x.shape[1]
    left = n - ((0 if bias else 1) if ddof is None else ddof)
    if left <= 0:
        raise ShapeError(f"cov: {n} observations are too few for ddof={n - left}.")
    x = x - np.mean(x, axis=1, keepdims=True)
    return np.squeeze((x @ x.T) / left)


def variables(v: Any, rowvar: bool) -> Any:
    """`v` as a matrix with a row for each variable."""
    if np.ndim(v) > 2:
        raise ShapeError(f"cov: expected a vector or a matrix, got shape {np.shape(v)}.")
    rows = np.atleast_2d(v)
    return rows.T if not rowvar and np.ndim(v) == 2 and rows.shape[0] != 1 else rows


@functools.partial(compose, np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: None = None) -> Any:
    """Matrix of correlation coefficients."""
    c = np.cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviation = np.sqrt(np.diagonal(c))
    return np.clip(c / deviation[:, None] / deviation[None, :], -1, 1)
