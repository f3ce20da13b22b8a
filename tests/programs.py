"""What the tests of programs share: running the printed source, and how far two results are apart."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import tinygrad_xe as xe
from tinygrad_xe.containers import leaves


def run_source(program: xe.Program, *arguments: Any) -> Any:
    """What the printed function returns; its text must know NumPy alone."""
    scope: dict[str, Any] = {}
    exec(compile(program.source, "<program>", "exec"), scope)
    assert {name for name in scope if getattr(scope[name], "__name__", "") in sys.modules} <= {"np", "math"}
    given = [program.captured[i.name] for i in program.inputs if i.kind != "argument"]
    return scope[program.name](*leaves(list(arguments)), *given)


def distance(found: Any, expected: Any) -> float:
    """The largest difference, in units in the last place of the largest element expected."""
    pairs = list(zip(leaves(found), leaves(expected), strict=True))
    return max([one_distance(plain(a), plain(b)) for a, b in pairs], default=0.0)


def plain(value: Any) -> np.ndarray:
    return np.asarray(value.data if isinstance(value, xe.Tensor) else value)


def one_distance(a: np.ndarray, b: np.ndarray) -> float:
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
    finite = np.isfinite(b)
    np.testing.assert_array_equal(a[~finite], b[~finite])
    if not finite.any() or b.dtype.kind != "f":
        np.testing.assert_array_equal(a, b)
        return 0.0
    unit = np.spacing(np.max(np.abs(b[finite])))
    return float(np.max(np.abs(a[finite] - b[finite])) / unit)
