"""Derivatives at singular points: exact where they exist, infinite or NaN where they do not, never a wrong number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_xe as xe

inf, nan = math.inf, math.nan


def pair(x: Any, *factors: float) -> Any:
    return np.stack([x * factor for factor in factors])


# (what, function, point, first, second and third derivative). A kink takes a subgradient, and its slope on either side
# has the derivative 0; NaN stands where the curvature is unbounded and has no sign.
POINTS: list[tuple[str, Any, float, tuple[float, float, float]]] = [
    ("abs", np.abs, 0.0, (0, 0, 0)),
    ("sqrt", np.sqrt, 0.0, (inf, -inf, inf)),
    ("log", np.log, 0.0, (inf, -inf, inf)),
    ("log2", lambda x: np.log2(x) * math.log(2), 0.0, (inf, -inf, inf)),
    ("log1p", np.log1p, -1.0, (inf, -inf, inf)),
    ("log1p, inside", np.log1p, 0.0, (1, -1, 2)),
    ("reciprocal", np.reciprocal, 0.0, (-inf, inf, -inf)),
    ("divide", lambda x: 1 / x, 0.0, (-inf, inf, -inf)),
    ("cbrt", np.cbrt, 0.0, (inf, nan, nan)),
    ("arcsin", np.arcsin, 1.0, (inf, nan, nan)),
    ("arccos", np.arccos, 1.0, (-inf, nan, nan)),
    ("arccosh", np.arccosh, 1.0, (inf, nan, nan)),
    ("arctanh", np.arctanh, 1.0, (inf, nan, nan)),
    ("x**0", lambda x: x**0, 0.0, (0, 0, 0)),
    ("x**1", lambda x: x**1, 0.0, (1, 0, 0)),
    ("x**2", lambda x: x**2, 0.0, (0, 2, 0)),
    ("x**3", lambda x: x**3, 0.0, (0, 0, 6)),
    ("x**3.0", lambda x: x**3.0, 0.0, (0, 0, 6)),
    ("x**2.0 by an array", lambda x: x ** np.array(2.0), 0.0, (0, 2, 0)),
    ("x**0.5", lambda x: x**0.5, 0.0, (inf, -inf, inf)),
    ("x**1.5", lambda x: x**1.5, 0.0, (0, inf, -inf)),
    ("x**2.5", lambda x: x**2.5, 0.0, (0, 0, inf)),
    ("x**-1", lambda x: x**-1, 0.0, (-inf, inf, -inf)),
    ("2**x", lambda x: 2**x, 0.0, (math.log(2), math.log(2) ** 2, math.log(2) ** 3)),
    ("1**x", lambda x: 1.0**x, 2.0, (0, 0, 0)),
    ("prod with zeros", lambda x: np.prod(np.stack([x, x, x + 1])), 0.0, (0, 2, 6)),
    ("cumprod with zeros", lambda x: np.sum(np.cumprod(np.stack([x, x, x + 1]))), 0.0, (1, 4, 6)),
    ("norm", lambda x: np.linalg.norm(pair(x, 1, 2)), 0.0, (0, nan, nan)),
    ("hypot", lambda x: np.hypot(x, 0.0), 0.0, (0, nan, nan)),
    ("std", lambda x: np.std(pair(x, 1, 2)), 0.0, (0, nan, nan)),
    ("var", lambda x: np.var(pair(x, 1, 2)), 0.0, (0, 0.5, 0)),
    ("maximum at a tie", lambda x: np.maximum(x, 0), 0.0, (0.5, 0, 0)),
    ("maximum of curves that touch", lambda x: np.maximum(x**2, 3 * x**2), 0.0, (0, 4, 0)),
    ("max with ties", lambda x: np.max(np.stack([x, x, 2 * x - 1])), 1.0, (4 / 3, 0, 0)),
    ("clip at a bound", lambda x: np.clip(x, 0, 1), 1.0, (0.5, 0, 0)),
    ("sort with ties", lambda x: np.sum(np.sort(np.stack([x**2, x])) * [1.0, 3.0]), 1.0, (6, 4, 0)),
    ("median with ties", lambda x: np.median(np.stack([x, x, x**2])), 1.0, (4 / 3, 2 / 3, 0)),
    ("remainder at a jump", lambda x: np.mod(x, 2.0), 2.0, (1, 0, 0)),
    ("arctan2 off the origin", lambda x: np.arctan2(x, 1.0), 0.0, (1, 0, -2)),
    ("arctan2 at the origin", lambda x: np.arctan2(x, 0.0), 0.0, (nan, nan, nan)),
    ("logaddexp with nothing", lambda x: np.logaddexp(x, -inf), 0.0, (1, 0, 0)),
    ("logsumexp with a class masked", lambda x: xe.logsumexp(np.stack([x, 0 * x - inf])), 0.0, (1, 0, 0)),
    ("softmax, saturated", lambda x: xe.softmax(np.stack([x, x * 0 + 1000]))[0], 0.0, (0, 0, 0)),
    ("sigmoid, saturated", xe.sigmoid, -800.0, (0, 0, 0)),
    ("softplus, saturated", xe.softplus, 800.0, (1, 0, 0)),
    ("log_sigmoid, saturated", xe.log_sigmoid, -800.0, (1, 0, 0)),
    ("relu", xe.relu, 0.0, (0, 0, 0)),
    ("gelu", xe.gelu, 0.0, (0.5, math.sqrt(2 / math.pi), 0)),
    ("silu", xe.silu, 0.0, (0.5, 0.5, 0)),
    ("sinc", np.sinc, 0.0, (0, -(math.pi**2) / 3, 0)),
    ("the branch taken", lambda x: np.where(x > 0, np.sqrt(x), x**3), 0.0, (0, 0, 6)),
    ("an equality, where a limit is meant", lambda x: np.where(x == 0, 1.0, np.sin(x) / x), 0.0, (nan, nan, nan)),
    ("sqrt squared", lambda x: np.sqrt(x) ** 2, 0.0, (nan, nan, nan)),
    ("det of a singular matrix", lambda x: np.linalg.det(np.stack([pair(x, 1, 1)] * 2)), 1.0, (0, 0, nan)),
    ("trace", lambda x: np.trace(np.stack([pair(x, 1, 2), pair(x**2, 3, 4)])), 0.0, (1, 8, 0)),
]


@pytest.mark.parametrize(("function", "point", "expected"), [p[1:] for p in POINTS], ids=[p[0] for p in POINTS])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_derivative_at_a_singular_point_is_right_or_not_finite(function, point, expected, order):
    derivative = function
    for _ in range(order):
        derivative = xe.grad(derivative)
    with np.errstate(all="ignore"):
        found = derivative(point)
    np.testing.assert_allclose(found, expected[order - 1], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("function", "point"), [p[1:3] for p in POINTS], ids=[p[0] for p in POINTS])
def test_create_graph_and_nested_transforms_agree_at_singular_points(function, point):
    x = xe.tensor(point, requires_grad=True)
    with np.errstate(all="ignore"):
        function(x).backward(create_graph=True)
        first, x.grad = x.grad, None
        nested = xe.grad(function), xe.grad(xe.grad(function))
        np.testing.assert_array_equal(first.item(), nested[0](point))
        if first.requires_grad:
            first.backward()
        np.testing.assert_array_equal(0.0 if x.grad is None else x.grad, nested[1](point))


def test_a_second_derivative_that_is_nan_is_named():
    def curvature(x: Any) -> Any:
        return xe.hessian(lambda x: np.linalg.norm(x))(x)

    assert np.isnan(curvature(np.zeros(2))).all()
    with pytest.raises(xe.NonFiniteError, match=r"vector_norm|divide|where"), xe.detect_nonfinite():
        curvature(np.zeros(2))
