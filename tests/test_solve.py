"""Linear equations, determinants, Cholesky factors, powers and chains: every shape, singular matrices, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from derivatives import gradients, second
from test_linalg import check, drawn

import tinygrad_xe as xe
from tinygrad_xe import ArgumentError, DTypeError, ShapeError, XeError
from tinygrad_xe.ops import solve


def regular(*shape: int) -> np.ndarray:
    return drawn(shape)[0] + 3 * np.eye(shape[-1])


SOLVES = [
    ((3, 3), (3,)), ((3, 3), (3, 2)), ((4, 3, 3), (3, 2)), ((4, 3, 3), (4, 3, 2)), ((4, 3, 3), (3,)),
    ((3, 3), (4, 3, 2)), ((1, 3, 3), (4, 3, 1)), ((5, 1, 3, 3), (4, 3, 2)), ((0, 0), (0, 2)), ((1, 1), (1,)),
]  # fmt: skip


@pytest.mark.parametrize("a, b", SOLVES, ids=str)
def test_solve_of_every_pair_of_ranks(a, b):
    check(np.linalg.solve, [regular(*a), *drawn(b)], loose=True)


@pytest.mark.parametrize("a, b", [s for s in SOLVES if s[0][-1]], ids=str)
def test_pytorch_agrees_about_solve(a, b, torch):
    x, y = regular(*a), *drawn(b)
    theirs = [torch.tensor(v, requires_grad=True) for v in (x, y)]
    if len(b) == 1:
        out = torch.linalg.solve(theirs[0], theirs[1][..., None])[..., 0]
    else:
        out = torch.linalg.solve(*theirs)
    (c,) = drawn(tuple(out.shape))
    wanted = torch.autograd.grad(out, theirs, torch.tensor(c))
    for found, g in zip(gradients(np.linalg.solve, [x, y], c), wanted, strict=True):
        np.testing.assert_allclose(found, g.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 3), (1, 1), (2, 2, 3, 3), (0, 0), (0, 2, 2)], ids=str)
@pytest.mark.parametrize(
    "function", [np.linalg.inv, np.linalg.det, lambda a: np.linalg.slogdet(a).logabsdet], ids=["inv", "det", "slogdet"]
)
def test_matrices_and_stacks_of_any_size(function, shape):
    check(function, [regular(*shape)], loose=True)


# -- singular matrices -------------------------------------------------------------------------------------------------

SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda t: np.linalg.inv(t), "inv: Singular matrix"),
        (lambda t: np.linalg.solve(t, np.ones(2)), "solve: Singular matrix"),
        (lambda t: np.linalg.matrix_power(t, -2), "inv: Singular matrix"),
        (lambda t: np.linalg.cholesky(-t), "cholesky: Matrix is not positive definite"),
    ],
)
def test_a_matrix_that_can_not_be_used_raises_numpys_error_and_ours(call, said):
    t = xe.tensor(SINGULAR, requires_grad=True)
    with pytest.raises(np.linalg.LinAlgError, match=said + r"; a has shape \(2, 2\)\.\n  .*np\.eye\(n\)") as caught:
        call(t)
    assert isinstance(caught.value, XeError)


@pytest.mark.parametrize("function", [np.linalg.inv, np.linalg.det, np.linalg.slogdet, np.linalg.cholesky])
def test_a_matrix_that_is_not_square_is_named(function):
    with pytest.raises(np.linalg.LinAlgError, match=rf"{function.__name__}: .*square; a has shape \(2, 3\)\.$"):
        function(xe.tensor(np.ones((2, 3)), requires_grad=True))


def adjugate_transposed(a: np.ndarray) -> np.ndarray:
    """Cofactors from minors: what det's gradient is, singular or not."""
    n = len(a)
    minor = lambda i, j: np.delete(np.delete(a, i, 0), j, 1)
    det = lambda m: np.linalg.det(m) if n > 1 else 1
    return np.array([[(-1) ** (i + j) * det(minor(i, j)) for j in range(n)] for i in range(n)])


RANKS = {
    "rank 2 of 3, exactly": np.array([[1.0, 2, 3], [2, 4, 6], [1, 0, 1]]),
    "rank 2 of 3, to rounding": np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]),
    "rank 1 of 3": np.outer([1.0, 2, 3], [3.0, -1, 2]),
    "zero": np.zeros((3, 3)),
    "rank 3 of 4": np.vstack([np.eye(3, 4), np.ones(4) - np.eye(4)[3]]),
    "a row of zeros": np.array([[1.0, 2], [0, 0]]),
    "one number": np.zeros((1, 1)),
    "regular": np.array([[1.0, 2, 0], [0, 1, 5], [2, 0, 1]]),
    "badly scaled": np.diag([1e-200, 1.0, 1e150]),
}


@pytest.mark.parametrize("a", RANKS.values(), ids=RANKS)
def test_the_gradient_of_det_is_the_matrix_of_cofactors_at_singular_matrices_too(a):
    found = gradients(np.linalg.det, [a])[0]
    wanted = adjugate_transposed(a)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14 * max(1, np.abs(wanted).max()))


@pytest.mark.parametrize("a", [a for a in RANKS.values() if np.abs(a).max() < 100], ids=str)
def test_the_second_derivative_of_det_is_right_at_singular_matrices_too(a):
    rng = np.random.default_rng(0)
    h, k = rng.uniform(-1, 1, (2, *a.shape))
    found = np.sum(second(np.linalg.det, [a], np.ones(()), [h])[0] * k)
    # the cofactors along k are polynomials of third degree, for which these differences are exact
    weights = {-2: 1 / 12, -1: -2 / 3, 1: 2 / 3, 2: -1 / 12}
    wanted = sum(weight * np.sum(adjugate_transposed(a + s * k) * h) for s, weight in weights.items())
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-11)


def third(function: Any, a: np.ndarray, *along: np.ndarray) -> float:
    """The third derivative of a function of one array along three directions."""
    t = xe.tensor(a, requires_grad=True)
    value = function(t)
    for direction in along:
        t.zero_grad()
        value.backward(create_graph=True)
        value = np.sum(t.grad * direction)
    return value.item()


def test_the_third_derivative_of_det_is_right_at_regular_matrices_and_nan_at_singular_ones():
    along = drawn((3, 3), (3, 3), (3, 3))
    h, k, m = along
    a = regular(3, 3)
    wanted = sum(  # of a cubic polynomial of the three directions: the mixed coefficient, by inclusion and exclusion
        (-1) ** (3 - i - j - l) * np.linalg.det(i * h + j * k + l * m) for i in (0, 1) for j in (0, 1) for l in (0, 1)
    )
    assert third(np.linalg.det, a, *along) == pytest.approx(wanted, rel=1e-9)
    for singular in (RANKS["rank 2 of 3, exactly"], RANKS["rank 2 of 3, to rounding"], np.zeros((3, 3))):
        assert np.isnan(third(np.linalg.det, singular, *along))


def test_one_singular_matrix_in_a_stack_leaves_the_others_alone():
    a = np.stack([regular(2, 2), SINGULAR])
    np.testing.assert_allclose(
        gradients(np.linalg.det, [a])[0], [adjugate_transposed(m) for m in a], rtol=1e-12, atol=1e-14
    )
    with np.errstate(all="ignore"):
        found = gradients(lambda t: np.linalg.slogdet(t).logabsdet, [a])[0]
    np.testing.assert_allclose(found[0], np.linalg.inv(a[0]).T, rtol=1e-12)
    assert np.isnan(found[1]).all()


def test_nan_in_a_matrix_is_nan_in_the_gradient_of_its_determinant_and_in_no_other():
    a = np.stack([regular(2, 2), [[np.nan, 1.0], [1.0, 2.0]]])
    with np.errstate(invalid="ignore"):
        found = gradients(np.linalg.det, [a])[0]
    assert np.isfinite(found[0]).all() and np.isnan(found[1]).all()


def test_slogdet_is_a_pair_with_names_and_its_sign_is_a_constant():
    a = np.stack([regular(3, 3), -regular(3, 3)])
    t = xe.tensor(a, requires_grad=True)
    sign, logabsdet = np.linalg.slogdet(t)
    assert np.linalg.slogdet(t).sign.tolist() == sign.tolist() == [1, -1]
    assert not getattr(sign, "requires_grad", False) and logabsdet.requires_grad
    assert np.linalg.slogdet(xe.tensor(a)).logabsdet.tolist() == np.linalg.slogdet(a).logabsdet.tolist()


def test_products_without_one_and_two_numbers_need_no_division():
    s = np.array([[2.0, 3, 0, 5], [0, 0, 7, 11]])
    assert solve.products_without_one(s).tolist() == [[0, 0, 30, 0], [0, 0, 0, 0]]
    without = lambda row, i, j: 0 if i == j else np.prod(np.delete(row, [i, j]))
    expected = [[[without(row, i, j) for j in range(4)] for i in range(4)] for row in s]
    np.testing.assert_array_equal(solve.products_without_two(s), expected)


# -- cholesky, powers, chains ------------------------------------------------------------------------------------------


def test_the_gradient_of_cholesky_is_symmetric_as_in_pytorch(torch):
    a = regular(3, 3)
    a = a @ a.T
    theirs = torch.tensor(a, requires_grad=True)
    (c,) = drawn((3, 3))
    (wanted,) = torch.autograd.grad(torch.linalg.cholesky(theirs), theirs, torch.tensor(c))
    found = gradients(np.linalg.cholesky, [a], c)[0]
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(found, found.T)
    upper = gradients(lambda t: np.linalg.cholesky(t, upper=True), [a], c.T)[0]
    np.testing.assert_allclose(upper, found, rtol=1e-12, atol=1e-14)


def test_log_det_by_cholesky_agrees_with_slogdet():
    a = regular(3, 3)
    a = a @ a.T
    found = gradients(lambda t: 2 * np.sum(np.log(np.diagonal(np.linalg.cholesky(t)))), [a])[0]
    np.testing.assert_allclose(found, gradients(lambda t: np.linalg.slogdet(t).logabsdet, [a])[0], rtol=1e-11)


def test_a_matrix_to_the_power_0_is_the_identity_with_gradient_0():
    t = xe.tensor(np.ones((2, 3, 3)), requires_grad=True)
    identity = np.linalg.matrix_power(t, 0)
    np.testing.assert_array_equal(identity.data, np.linalg.matrix_power(t.data, 0))
    identity.sum().backward()
    assert not t.grad.any()


def test_matrix_power_refuses_what_numpy_refuses():
    with pytest.raises(ArgumentError, match=r"matrix_power: the exponent must be a whole number, got 0\.5"):
        np.linalg.matrix_power(xe.tensor(np.eye(2), requires_grad=True), 0.5)
    with pytest.raises(ShapeError, match=r"matrix_power: expected square matrices, got shape \(2, 3\)"):
        np.linalg.matrix_power(xe.tensor(np.ones((2, 3)), requires_grad=True), 2)


CHAINS = [
    ((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,)), ((3,), (3, 4), (4,)), ((2, 3), (3, 4), (4, 2),
    (2, 5)),
    ((4, 1), (1, 4), (4, 1), (1, 4), (4,)),
]  # fmt: skip


@pytest.mark.parametrize("shapes", CHAINS, ids=str)
def test_multi_dot_of_any_chain(shapes):
    check(lambda *arrays: np.linalg.multi_dot(arrays), drawn(*shapes), loose=True)


def test_a_chain_is_multiplied_in_the_cheapest_order():
    assert solve.cheapest([10, 100, 5, 50]) == {(0, 1): 0, (1, 2): 1, (0, 2): 1}
    assert solve.cheapest([30, 35, 15, 5, 10, 20, 25])[0, 5] == 2  # Cormen et al., Introduction to Algorithms, 15.2


def test_multi_dot_refuses_what_numpy_refuses():
    t = xe.tensor(np.ones((2, 2)), requires_grad=True)
    with pytest.raises(ArgumentError, match="expected two arrays or more, got 1"):
        np.linalg.multi_dot([t])
    with pytest.raises(ShapeError, match="expected matrices, and perhaps vectors at the ends"):
        np.linalg.multi_dot([t, xe.tensor(np.ones(2)), t])
    with pytest.raises(ShapeError, match="matmul"):
        np.linalg.multi_dot([t, np.ones((3, 2)), t])


def test_half_precision_is_refused_as_in_numpy():
    with pytest.raises(DTypeError, match="float16"):
        np.linalg.inv(xe.tensor(np.eye(2, dtype=np.float16), requires_grad=True))


def test_names_of_the_array_api_ask_for_matrices_and_vectors():
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    for function in (np.linalg.diagonal, np.linalg.trace, np.linalg.matrix_transpose, np.linalg.matrix_norm):
        with pytest.raises(ShapeError, match="expected a matrix or a stack of matrices"):
            function(t)
    with pytest.raises(ShapeError, match="expected two vectors"):
        np.linalg.outer(t, np.ones((2, 2)))


@pytest.mark.parametrize("a, b", [((3,), (3,)), ((3,), (2, 3)), ((4, 1, 3), (2, 3)), ((0, 3), (3,))], ids=str)
def test_cross_products_broadcast(a, b):
    check(np.cross, drawn(a, b))


def test_cross_refuses_other_than_three_components():
    with pytest.raises(ShapeError, match="cross: vectors must have three components, got 2 and 3"):
        np.cross(xe.tensor(np.ones(2), requires_grad=True), np.ones(3))
