"""Arrays of another kind than NumPy's, that answer its protocols, stay what they are in a Tensor: rules run on them.

The arrays here hold Python's fractions, so nothing but the standard library is needed.
"""

from __future__ import annotations

import operator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe import DTypeError
from tinygrad_xe.dispatch import plain
from tinygrad_xe.program import symbols
from tinygrad_xe.program.algebras import Algebra
from tinygrad_xe.program.symbols import SymbolArray


def number(value: Any) -> Fraction:
    return value if isinstance(value, Fraction) else Fraction(value)


RATIONAL = Algebra("fractions", number, {
    "divide": operator.truediv, "power": lambda a, b: a ** int(b), "absolute": abs, "less": operator.lt,
    "equal": operator.eq, "maximum": max, "minimum": min, "isnan": lambda a: False, "isinf": lambda a: False,
})  # fmt: skip


def fractions(*values: Any) -> SymbolArray:
    return symbols.array(values, RATIONAL)


def test_backward_starts_from_an_exact_one():
    x = xe.Tensor(fractions(1, 2, 4), requires_grad=True)
    np.mean(x * x).backward()
    assert x.grad.values.tolist() == [Fraction(2, 3), Fraction(4, 3), Fraction(8, 3)]


class Duck:
    """An array that answers both protocols, and is of any dtype."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
        return NotImplemented

    def __array_function__(self, *args: Any, **kwargs: Any) -> Any:
        return NotImplemented


def test_an_array_that_answers_both_protocols_stays_what_it_is():
    duck = Duck(np.float32)
    assert plain("add", "a", duck) is duck


@pytest.mark.parametrize("dtype", [complex, object, "U3"])
def test_its_dtype_is_checked_as_that_of_any_array(dtype):
    with pytest.raises(DTypeError, match="add: a"):
        plain("add", "a", Duck(dtype))


def test_an_array_that_answers_only_one_protocol_is_converted():
    class Column:
        dtype = np.dtype(float)

        def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
            return NotImplemented

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return np.array([1.0, 2.0])

    assert type(plain("add", "a", Column())) is np.ndarray


def test_rules_run_on_fractions_and_stay_exact():
    x = fractions(1, 2, 4)
    gradient = xe.grad(lambda x: np.sum(1 / x + x * x))(x)
    assert isinstance(gradient, SymbolArray)
    assert gradient.tolist() == [1, Fraction(15, 4), Fraction(127, 16)]
    curvature = xe.hessian(lambda x: np.sum(1 / x))(x)
    assert curvature.tolist() == [[2, 0, 0], [0, Fraction(1, 4), 0], [0, 0, Fraction(1, 32)]]
    assert xe.grad(np.mean)(x).tolist() == [Fraction(1, 3)] * 3
    assert xe.grad(lambda x: np.max(x) * np.min(x))(x).tolist() == [4, 0, 1]


def test_masks_work_on_fractions():
    gradient = xe.grad(lambda x: np.sum(np.where(x > 1, x * x, 0) + np.maximum(x, 2)))(fractions(1, 2, 4))
    assert gradient.tolist() == [0, Fraction(9, 2), 9]


def test_losses_take_fractions_beside_plain_labels():
    loss = xe.losses.mse(labels=np.array([0.5, 0.0]), predictions=fractions(1, "1/3"), reduction="sum")
    assert loss.item() == Fraction(13, 36)


def test_a_function_that_an_algebra_lacks_is_named():
    with pytest.raises(DTypeError, match=r"np\.exp: fractions has no counterpart"):
        np.exp(fractions(1))


def test_nothing_is_turned_into_floats_unasked():
    with pytest.raises(DTypeError, match=r"would keep 16 digits"):
        np.asarray(fractions(1))
    assert fractions("1/3").numpy().tolist() == [1 / 3]
