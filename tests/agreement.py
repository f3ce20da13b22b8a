"""What the tests of closed forms share: recorded 50-digit values, drawn inputs, the engine's derivatives, the bound."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tinygrad_xe as xe

Function = Callable[..., Any]

EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True, database=None)

DIGITS = json.loads((Path(__file__).parent / "data" / "closed_forms.json").read_text())

#: The losses in their stable form and as the article writes them.
FORMS = {"stable": xe.losses, "article": xe.losses.article}

# -- inputs ------------------------------------------------------------------------------------------------------------

#: Where exponentials overflow, underflow, or nearly do; the kink of max(z, 0); the smallest numbers.
EXTREME = np.array([0.0, -0.0, 1e-300, -1e-300, 17.0, -17.0, 37.0, -37.0, 88.8, -88.8, 709.8, -709.8, 745.2, -745.2,
                    1000.0, -1000.0])  # fmt: skip

#: The article's forms lose a factor exp(|z|) of their accuracy, so that they are compared for moderate logits only.
LOGITS = {"stable": st.one_of(st.floats(-30, 30), st.sampled_from(EXTREME.tolist())), "article": st.floats(-3, 3)}


def labels_between(low: float, high: float) -> Any:
    """Labels, and 0 for those below 1e-60: a share of a subnormal one has no digits left to be divided by p^2."""
    return st.floats(low, high).map(lambda y: y if abs(y) > 1e-60 else 0.0)


LABELS = {"hard": st.sampled_from([0.0, 1.0]), "soft": labels_between(0, 1), "any": labels_between(-3, 3)}


def vector(elements: Any, n: int) -> Any:
    return arrays(np.float64, n, elements=elements)


def class_labels(kind: str, n: int, classes: int) -> Any:
    """Labels of n samples: one-hot, soft labels that sum to 1, or any numbers: unnormalised and negative ones."""
    if kind == "hard":
        return vector(st.integers(0, classes - 1), n).map(lambda t: np.eye(classes)[t.astype(int)])
    if kind == "soft":
        return arrays(np.float64, (n, classes), elements=st.floats(0.01, 1)).map(lambda y: y / y.sum(1, keepdims=True))
    return arrays(np.float64, (n, classes), elements=LABELS["any"])


def recorded(key: str, *names: str) -> list[np.ndarray]:
    """Arrays of the recorded 50-digit values, rounded to double precision."""
    return [np.array(DIGITS[key][name], np.float64) for name in names]


# -- derivatives by the engine -----------------------------------------------------------------------------------------


def leaf(values: Any) -> xe.Tensor:
    return xe.tensor(np.array(values, np.float64), requires_grad=True)


def gradients(f: Function, *inputs: Any) -> list[np.ndarray]:
    """The gradients of the sum of f in every input."""
    return list(xe.grad(lambda *x: np.sum(f(*x)), tuple(range(len(inputs))))(*inputs))


def slopes(f: Function, *orders: int) -> Function:
    """Derivative of an elementwise function, elementwise: once in each of the argument numbers `orders`, in turn."""
    for argument in orders:
        f = xe.grad(lambda *x, inner=f: np.sum(inner(*x)), argument)
    return f


def hessian(f: Function, x: Any) -> np.ndarray:
    """The second derivatives of the sum of f; of shape (n, n) for a vector, (N, K, N, K) for a batch."""
    return xe.hessian(lambda x: np.sum(f(x)))(x)


def hvp(f: Function, x: Any, v: Any) -> np.ndarray:
    """The Hessian of the sum of f times v."""
    return xe.hvp(lambda x: np.sum(f(x)), x, v)


def mixed(f: Function, x: Any, y: Any) -> np.ndarray:
    """The derivatives of the sum of f in each element of x and each of y, of shape ``x.shape + y.shape``."""
    return xe.jacobian(xe.grad(lambda x, y: np.sum(f(x, y))), 1)(x, y)


def blocks(matrix: np.ndarray) -> np.ndarray:
    """The (K, K) blocks of the samples in an (N, K, N, K) array, all the rest of which must be exactly 0."""
    n = len(matrix)
    same = np.eye(n, dtype=bool)
    apart = matrix.transpose(0, 2, 1, 3)
    assert not apart[~same].any()
    return apart[same]


# -- the bound ---------------------------------------------------------------------------------------------------------


def agree(actual: Any, expected: Any, terms: Any = 0.0) -> None:
    """Equal to 1e-12 of the result; or, where the result is a difference that cancels, of the given terms of it.

    Below the smallest normal number, 2.2e-308, floats have fewer digits: there, equal to 16 units in the last place.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, (actual.shape, expected.shape)
    error = np.abs(actual - expected)
    bound = 1e-12 * np.maximum(np.abs(expected), terms) + 16 * np.finfo(float).smallest_subnormal
    assert (error <= bound).all(), (actual, expected, float(np.max(error / bound)))


def close(actual: Any, expected: Any, ulps: float = 8, terms: float = 0.0) -> None:
    """Equal to a few units in the last place of each number, or to one of the largest, or of the given terms."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, (actual.shape, expected.shape)
    unit = np.finfo(float).eps
    largest = max(np.max(np.abs(expected), initial=0), terms)
    np.testing.assert_allclose(actual, expected, rtol=ulps * unit, atol=unit * largest)
