"""The transforms on every operation of the tables: they agree with backward(), each other, and differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import Case, Variant, variants
from derivatives import gradients, inner, random, second, slope
from losses_cases import LOSSES
from ops_cases import CASES as OPS

import tinygrad_xe as xe
from tinygrad_xe.pullback import Pullback

CASES: list[Case] = [*OPS, *LOSSES]
EVERY = list(variants(CASES))
FIRST = [Variant(case, case.options[0]) for case in CASES]


def cotangent_of(variant: Variant, arrays: list[np.ndarray], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, np.shape(variant.expected(*arrays)))


@pytest.mark.parametrize("variant", EVERY, ids=str)
def test_vjp_is_what_backward_computes(variant):
    arrays = variant.inputs()
    g = cotangent_of(variant, arrays, 1)
    value, pull = xe.vjp(variant.run, *arrays)
    np.testing.assert_allclose(value, variant.expected(*arrays), rtol=1e-12, atol=1e-15)
    for found, expected in zip(pull(g), gradients(variant.run, arrays, g), strict=True):
        np.testing.assert_array_equal(found, expected)
        assert isinstance(found, np.ndarray | np.generic) and found.dtype == expected.dtype


@pytest.mark.parametrize("variant", EVERY, ids=str)
def test_jvp_is_the_transpose_of_vjp_and_the_slope(variant):
    rng = np.random.default_rng(2)
    arrays = variant.inputs()
    g, direction = cotangent_of(variant, arrays, 2), random(rng, arrays)
    value, tangent = xe.jvp(variant.run, tuple(arrays), tuple(direction))
    assert np.shape(tangent) == np.shape(value)
    _, pull = xe.vjp(variant.run, *arrays)
    expected = sum(inner(x, v) for x, v in zip(pull(g), direction, strict=True))
    assert inner(tangent, g) == pytest.approx(expected, rel=1e-11, abs=1e-12)
    difference = slope(lambda moved: inner(variant.expected(*moved), g), arrays, direction)
    assert inner(tangent, g) == pytest.approx(difference, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("variant", EVERY, ids=str)
def test_a_jacobian_swept_in_a_batch_has_the_rows_that_are_swept_one_by_one(variant):
    arrays = variant.inputs()
    run = Pullback("jacobian", variant.run, tuple(arrays), {}, range(len(arrays)), False)
    (shape,) = {np.shape(out) for out in run.outs}
    found = run.rows(0)
    for i in range(run.outs[0].size):
        unit = np.zeros(run.outs[0].size)
        unit[i] = 1
        for rows, expected in zip(found, run.pull([unit.reshape(shape)]), strict=True):
            np.testing.assert_allclose(rows[i], expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("variant", EVERY, ids=str)
def test_a_jacobian_by_columns_is_the_jacobian_by_rows(variant):
    arrays = variant.inputs()
    run = Pullback("jacobian", variant.run, tuple(arrays), {}, range(len(arrays)), False)
    columns = run.transposed()
    for i, rows in enumerate(run.rows(0)):
        by_columns = np.moveaxis(columns.rows(i)[0], 0, -1)
        np.testing.assert_allclose(by_columns.ravel(), rows.ravel(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("variant", EVERY, ids=str)
def test_nested_transforms_and_create_graph_agree_on_second_derivatives(variant):
    rng = np.random.default_rng(3)
    arrays = variant.inputs()
    g, direction = cotangent_of(variant, arrays, 3), random(rng, arrays)

    def projected(*xs: Any) -> Any:
        found = xe.vjp(variant.run, *xs[:-1])[1](xs[-1])
        return sum(np.sum(f * v) for f, v in zip(found, direction, strict=True))

    nested = xe.grad(projected, argnums=range(len(arrays) + 1))(*arrays, g)
    for found, expected in zip(nested, second(variant.run, arrays, g, direction), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    along = xe.jvp(lambda *xs: xe.vjp(variant.run, *xs)[1](g), tuple(arrays), tuple(direction))[1]
    for found, expected in zip(along, nested[:-1], strict=True):  # the Hessian is symmetric
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("variant", FIRST, ids=str)
def test_third_derivatives_are_the_slope_of_the_second(variant):
    rng = np.random.default_rng(4)
    arrays = variant.inputs()
    g, v, w = cotangent_of(variant, arrays, 4), random(rng, arrays), random(rng, arrays)

    def along(direction: Any, f: Any) -> Any:
        return lambda *xs: xe.jvp(f, xs, tuple(direction))[1]

    def value(*xs: Any) -> Any:
        return np.sum(variant.run(*xs) * g)

    twice = along(v, along(v, value))
    found = xe.grad(twice, argnums=range(len(arrays)))(*arrays)
    expected = slope(lambda moved: float(twice(*moved)), arrays, w)
    assert sum(inner(f, d) for f, d in zip(found, w, strict=True)) == pytest.approx(expected, rel=1e-6, abs=1e-6)
