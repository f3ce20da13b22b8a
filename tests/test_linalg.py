"""Products of every pair of ranks, and norms: broadcasting, sizes of 0, the cone at the zero vector, refusals."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from derivatives import gradients, inner, random, second, slope
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_xe as xe
from tinygrad_xe import ArgumentError, GraphError, ShapeError

LEFT = {1: [(4,)], 2: [(3, 4), (1, 4)], 3: [(2, 3, 4), (1, 3, 4)], 4: [(5, 2, 3, 4), (5, 1, 3, 4), (1, 2, 1, 4)]}
RIGHT = {1: [(4,)], 2: [(4, 3), (4, 1)], 3: [(2, 4, 3), (1, 4, 3)], 4: [(5, 2, 4, 3), (1, 2, 4, 3), (5, 1, 4, 1)]}
PAIRS = [pair for m, n in itertools.product(LEFT, RIGHT) for pair in itertools.product(LEFT[m], RIGHT[n])]


def drawn(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.uniform(-1, 1, shape) for shape in shapes]


def check(function: Any, arrays: list[np.ndarray], loose: bool = False) -> None:
    """Value, first and second derivatives against NumPy and differences; `loose` where sums run in another order."""
    rng = np.random.default_rng(1)
    expected = function(*arrays)
    np.testing.assert_allclose(
        function(*(xe.tensor(a) for a in arrays)).data, expected, rtol=1e-12 if loose else 1e-14, atol=1e-15
    )
    cotangent, direction, along = (
        rng.uniform(-1, 1, np.shape(expected)),
        random(rng, arrays),
        random(rng, [*arrays, expected]),
    )
    found = gradients(function, arrays, cotangent)
    assert [g.shape for g in found] == [a.shape for a in arrays]
    wanted = slope(lambda at: inner(function(*at), cotangent), arrays, direction)
    assert sum(inner(g, d) for g, d in zip(found, direction, strict=True)) == pytest.approx(wanted, rel=1e-9, abs=1e-10)
    again = second(function, arrays, cotangent, direction)

    def first(at: list[np.ndarray]) -> float:
        return sum(inner(g, d) for g, d in zip(gradients(function, at[:-1], at[-1]), direction, strict=True))

    wanted = slope(first, [*arrays, cotangent], along)
    assert sum(inner(g, d) for g, d in zip(again, along, strict=True)) == pytest.approx(wanted, rel=1e-9, abs=1e-10)


@pytest.mark.parametrize("a, b", PAIRS, ids=str)
def test_matmul_of_every_pair_of_ranks(a, b):
    check(np.matmul, drawn(a, b))


@pytest.mark.parametrize("a, b", PAIRS, ids=str)
def test_pytorch_agrees_about_matmul(a, b, torch):
    x, y = drawn(a, b)
    theirs = [torch.tensor(v, requires_grad=True) for v in (x, y)]
    out = torch.matmul(*theirs)
    (c,) = drawn(tuple(out.shape))
    for found, wanted in zip(
        gradients(lambda s, t: s @ t, [x, y], c), torch.autograd.grad(out, theirs, torch.tensor(c)), strict=True
    ):
        np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-12, atol=1e-13)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_matmul_of_broadcast_batches_of_any_size(data):
    batch = data.draw(st.lists(st.integers(0, 3), max_size=2))
    sides = st.integers(0, 3)
    m, k, n = data.draw(sides), data.draw(sides), data.draw(sides)
    shapes = []
    for matrix in ((m, k), (k, n)):
        own = [data.draw(st.sampled_from([1, size])) for size in batch[data.draw(st.integers(0, len(batch))) :]]
        shapes.append((*own, *matrix))
    check(np.matmul, drawn(*shapes))


@pytest.mark.parametrize(
    "a, b",
    [((2, 3, 0), (0, 4)), ((2, 0, 3), (3, 4)), ((0, 3), (3,)), ((3, 0), (0,)), ((0,), (0,)), ((2, 0, 3), (2, 3, 1))],
    ids=str,
)
def test_matmul_with_sides_of_0(a, b):
    check(np.matmul, drawn(a, b))


def test_a_plain_array_on_either_side_of_at():
    a, b = drawn((3, 4), (4, 2))
    np.testing.assert_allclose(gradients(lambda t: t @ b, [a])[0], np.ones((3, 2)) @ b.T)
    np.testing.assert_allclose(gradients(lambda t: a @ t, [b])[0], a.T @ np.ones((3, 2)))
    np.testing.assert_allclose(gradients(lambda t: a.tolist() @ t, [b])[0], a.T @ np.ones((3, 2)))


def test_mixed_dtypes_give_float64_and_gradients_of_their_own_dtype():
    a, b = drawn((3, 4), (4, 2))
    t, u = xe.tensor(a.astype(np.float32), requires_grad=True), xe.tensor(b, requires_grad=True)
    out = t @ u
    out.sum().backward()
    assert (out.dtype, t.grad.dtype, u.grad.dtype) == (np.float64, np.float32, np.float64)


@pytest.mark.parametrize("b", [2.0, np.ones(5), np.ones((3, 4))], ids=np.shape)
def test_shapes_that_do_not_go_together_are_named(b):
    with pytest.raises(ShapeError, match=r"(?s)matmul.*Shapes: a \(3, 4\), b \("):
        np.matmul(xe.tensor(np.ones((3, 4)), requires_grad=True), b)


DOTS = [
    ((), ()), ((), (3,)), ((2, 3), ()), ((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 3), (3, 2)),
    ((4, 2, 3), (3, 2)), ((4, 2, 3), (3,)), ((3,), (2, 3, 4)), ((2, 3), (2, 3, 4)), ((2, 2, 3), (2, 2, 3, 4)),
    ((2, 0), (3, 0, 2)), ((2, 3), (0, 3, 4)),
]  # fmt: skip


@pytest.mark.parametrize("a, b", DOTS, ids=str)
def test_dot_of_every_pair_of_ranks(a, b):
    check(np.dot, drawn(a, b))


@pytest.mark.parametrize(
    "a, b",
    [((), ()), ((), (2, 3)), ((2, 3), ()), ((3,), (3,)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 3), (4, 5, 3))],
    ids=str,
)
def test_inner_of_every_pair_of_ranks(a, b):
    check(np.inner, drawn(a, b))


@pytest.mark.parametrize("a, b", [((2,), (3,)), ((2, 2), (3,)), ((), (2, 3)), ((0,), (2,))], ids=str)
def test_outer_flattens_its_arguments(a, b):
    check(np.outer, drawn(a, b))


@pytest.mark.parametrize("function", [np.dot, np.outer])
def test_out_is_refused(function):
    with pytest.raises(GraphError, match="out= is not supported"):
        function(xe.tensor([1.0]), [2.0], out=np.zeros(1))


# -- norms -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"axis": 1}, {"axis": (0, 1)}, {"ord": 3, "axis": 1}, {"ord": 1.5, "axis": 1}], ids=str
)
def test_a_norm_at_the_zero_vector_has_first_derivative_0_and_second_nan(options):
    x = np.zeros((2, 2))
    norm = lambda t: np.linalg.norm(t, **options)
    assert gradients(norm, [x])[0].tolist() == [[0, 0], [0, 0]]
    assert np.isnan(second(norm, [x], np.ones(norm(x).shape), [np.ones((2, 2))])[0]).all()


def test_a_zero_row_leaves_the_derivatives_of_other_rows_alone():
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    norm = lambda t: np.linalg.norm(t, axis=1)
    np.testing.assert_allclose(gradients(norm, [x])[0], [[0, 0], [0.6, 0.8]])
    again = second(norm, [x], np.ones(2), [np.array([[1.0, 0.0], [1.0, 0.0]])])[0]
    assert np.isnan(again[0]).all()
    np.testing.assert_allclose(again[1], [16 / 125, -12 / 125])


def test_the_number_of_nonzero_elements_is_a_constant():
    t = xe.tensor([[0.0, 2.0], [3.0, 4.0]], requires_grad=True)
    counted = np.linalg.norm(t, 0, axis=1)
    assert counted.tolist() == [1, 2] and not counted.requires_grad


@pytest.mark.parametrize("ord", [2, -2, "nuc"])
def test_norms_of_matrices_that_need_singular_values_are_refused_by_name(ord):
    with pytest.raises(
        ArgumentError,
        match=f"norm: ord={ord!r} of a matrix is not supported. Write None, 'fro', 1, -1, inf or -inf",
    ):
        np.linalg.norm(xe.tensor(np.eye(2)), ord)


def test_norms_that_numpy_refuses_are_refused():
    with pytest.raises(ArgumentError, match="ord='fro' belongs to matrices, got a vector"):
        np.linalg.norm(xe.tensor([1.0]), "fro")
    with pytest.raises(
        ArgumentError, match=r"norm: axis=None of shape \(1, 1, 1\): vectors have one axis, matrices two"
    ):
        np.linalg.norm(xe.tensor([[[1.0]]]), 1)
    with pytest.raises(ArgumentError, match=r"norm: axis=\(0, 1, 2\) of shape"):
        np.linalg.norm(xe.tensor([[[1.0]]]), axis=(0, 1, 2))
    with pytest.raises((ValueError, IndexError), match="axis 3 is out of bounds"):
        np.linalg.norm(xe.tensor([1.0]), axis=3)


@pytest.mark.parametrize("dtype, size", [(np.float64, 200), (np.float32, 30)])
@pytest.mark.parametrize(
    "options", [{}, {"axis": 0}, {"axis": (0, 1)}, {"ord": 3, "axis": 0}, {"ord": 1.5, "axis": 0}], ids=str
)
def test_a_vector_whose_squares_leave_the_range_of_floats_has_its_norm_and_its_direction(options, dtype, size):
    unit = np.array([[3.0], [-4.0]])
    norm = lambda t: np.linalg.norm(t, **options)
    value, slope_of_unit = norm(unit), gradients(norm, [unit])[0]
    for scale in (10.0**size, 10.0**-size):
        x = (unit * scale).astype(dtype)
        with np.errstate(over="ignore"):  # NumPy's own attempt
            found = norm(xe.tensor(x)).data
            np.testing.assert_allclose(np.float64(found) / scale, value, rtol=1e-5)
            np.testing.assert_allclose(gradients(norm, [x])[0], slope_of_unit, rtol=1e-5)


def test_rows_of_very_different_size_have_each_their_norm():
    x = np.array([[3e-200, 4e-200], [3.0, 4.0], [3e200, 4e200], [0.0, 0.0], [np.inf, 1.0]])
    with np.errstate(over="ignore"):
        found = np.linalg.norm(xe.tensor(x), axis=1)
    np.testing.assert_allclose(found.data, [5e-200, 5, 5e200, 0, np.inf], rtol=1e-14)
