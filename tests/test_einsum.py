"""np.einsum in all its forms: letters, lists, ellipses, diagonals, lengths of 1, many arrays, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from derivatives import gradients, inner, random, second, slope
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_xe as xe
from tinygrad_xe import ArgumentError, DTypeError, GraphError, ShapeError
from tinygrad_xe.ops.einsum import order_of_pairs, plan


def drawn(*shapes: tuple[int, ...], seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, shape) for shape in shapes]


def check(function: Any, arrays: list[np.ndarray]) -> None:
    """Value, first and second derivatives against NumPy and differences."""
    rng = np.random.default_rng(1)
    expected = function(*arrays)
    found = function(*(xe.tensor(a) for a in arrays))
    assert found.shape == np.shape(expected) and found.dtype == expected.dtype
    np.testing.assert_allclose(found.data, expected, rtol=1e-12, atol=1e-13)
    cotangent, direction = rng.uniform(-1, 1, np.shape(expected)), random(rng, arrays)
    first = gradients(function, arrays, cotangent)
    assert [g.shape for g in first] == [a.shape for a in arrays]
    wanted = slope(lambda at: inner(function(*at), cotangent), arrays, direction)
    assert sum(inner(g, d) for g, d in zip(first, direction, strict=True)) == pytest.approx(wanted, rel=1e-8, abs=1e-9)
    along = random(rng, [*arrays, cotangent])
    again = second(function, arrays, cotangent, direction)

    def slopes(at: list[np.ndarray]) -> float:
        return sum(inner(g, d) for g, d in zip(gradients(function, at[:-1], at[-1]), direction, strict=True))

    wanted = slope(slopes, [*arrays, cotangent], along)
    assert sum(inner(g, d) for g, d in zip(again, along, strict=True)) == pytest.approx(wanted, rel=1e-8, abs=1e-9)


FORMS = [
    ("i->", [(3,)]), ("i", [(3,)]), ("ij->i", [(2, 3)]), ("ji", [(2, 3)]), ("ij->ji", [(2, 3)]), ("->", [()]),
    ("", [()]),
    ("ii", [(3, 3)]), ("ii->i", [(3, 3)]), ("iij->ji", [(3, 3, 2)]), ("iii->i", [(2, 2, 2)]),
    ("iijj->ij", [(2, 2, 3, 3)]),
    ("ijij->", [(2, 3, 2, 3)]), ("...ii->...i", [(4, 2, 3, 3)]), ("...ii", [(4, 2, 3, 3)]), ("i...i", [(3, 2, 3)]),
    ("...", [(2, 3)]), ("i...->...", [(2, 3, 4)]), ("...i->i...", [(2, 3, 4)]),
    ("ij,jk->ik", [(2, 3), (3, 4)]), ("ij,jk", [(2, 3), (3, 4)]), ("ba,cb", [(2, 3), (4, 2)]),
    ("i,j->ij", [(2,), (3,)]),
    ("i,i", [(3,), (3,)]), ("i,i->i", [(3,), (3,)]), ("ij,ij->", [(2, 3), (2, 3)]), ("ij,ij->i", [(2, 3), (2, 3)]),
    ("ij,ik->ijk", [(2, 3), (2, 4)]), ("bij,bjk->bik", [(5, 2, 3), (5, 3, 4)]),
    ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 2, 5)]),
    ("ij,kl->", [(2, 3), (4, 2)]), ("ij,jk->i", [(2, 3), (3, 4)]), ("ii,ij->j", [(3, 3), (3, 2)]),
    ("ij,jj->i", [(2, 3), (3, 3)]),
    (",ij->ij", [(), (2, 3)]), (",", [(), ()]), ("i,->i", [(3,), ()]), ("Ab,bA->", [(2, 3), (3, 2)]),
    ("aB,Ba", [(2, 3), (3, 2)]),
    (" i j , j k -> i k ", [(2, 3), (3, 4)]), ("...ij,...jk->...ik", [(5, 1, 2, 3), (4, 3, 2)]),
    ("...ij,...jk", [(5, 1, 2, 3), (4, 3, 2)]), ("ij,...jk->...ik", [(2, 3), (4, 3, 2)]),
    ("...i,...i->...", [(2, 1, 3), (4, 3)]),
    ("...,...", [(2, 3), (3,)]), ("i...,i...->...", [(2, 3), (2, 1)]),
    ("i,i->i", [(1,), (3,)]), ("i,i->", [(1,), (3,)]), ("ij,jk->ik", [(2, 1), (3, 4)]), ("ij,ij->j", [(1, 3), (2, 1)]),
    ("bij,bjk->bik", [(1, 2, 3), (4, 1, 2)]), ("ij,jk,k->i", [(2, 1), (3, 4), (1,)]), ("i,i->i", [(1,), (0,)]),
    ("ij,jk->ik", [(2, 0), (0, 4)]), ("ij,jk->ik", [(0, 3), (3, 4)]), ("bij,bjk->ik", [(0, 2, 3), (0, 3, 2)]),
    ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]), ("i,j,k->ijk", [(2,), (3,), (4,)]), ("i,ij,j", [(2,), (2, 3), (3,)]),
    ("ij,ij,ij->i", [(2, 3)] * 3), ("ii,jj,k->", [(2, 2), (3, 3), (4,)]),
    ("ab,bc,cd,de->ae", [(2, 3), (3, 4), (4, 2), (2, 3)]),
    ("i,i,i,i", [(2,)] * 4), ("abc,abd,ace,de->", [(2, 3, 4), (2, 3, 5), (2, 4, 2), (5, 2)]),
]  # fmt: skip


@pytest.mark.parametrize("subscripts, shapes", FORMS, ids=str)
def test_every_form_and_its_derivatives(subscripts, shapes):
    check(lambda *arrays: np.einsum(subscripts, *arrays), drawn(*shapes))


@pytest.mark.parametrize("subscripts, shapes", [f for f in FORMS if f[0].strip()], ids=str)
def test_pytorch_agrees_about_every_form(subscripts, shapes, torch):
    arrays = drawn(*shapes)
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    try:
        out = torch.einsum(subscripts, *theirs)
    except RuntimeError as error:
        pytest.skip(f"PyTorch refuses it: {str(error)[:60]}")
    (c,) = drawn(tuple(out.shape), seed=3)
    wanted = torch.autograd.grad(out, theirs, torch.tensor(c))
    for found, g in zip(gradients(lambda *a: np.einsum(subscripts, *a), arrays, c), wanted, strict=True):
        np.testing.assert_allclose(found, g.numpy(), rtol=1e-12, atol=1e-13)


@st.composite
def any_form(draw: Any) -> tuple[str, list[tuple[int, ...]]]:
    length = {c: draw(st.integers(0, 3)) for c in "ijkl"}
    terms, shapes = [], []
    for _ in range(draw(st.integers(1, 4))):
        term = "".join(draw(st.lists(st.sampled_from("ijkl"), max_size=4)))
        one = {c: 1 if draw(st.integers(0, 4)) == 0 else n for c, n in length.items()}
        terms.append(term)
        shapes.append(tuple(one[c] for c in term))
    named = sorted(set("".join(terms)))
    result = draw(st.permutations(named))[: draw(st.integers(0, len(named)))]
    return ",".join(terms) + "->" + "".join(result), shapes


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(any_form())
def test_any_letters_and_lengths_give_what_numpy_gives(form):
    subscripts, shapes = form
    arrays = drawn(*shapes)
    expected = np.einsum(subscripts, *arrays)
    tensors = [xe.tensor(a, requires_grad=True) for a in arrays]
    out = np.einsum(subscripts, *tensors)
    np.testing.assert_allclose(out.data, expected, rtol=1e-12, atol=1e-13)
    (c,) = drawn(expected.shape, seed=5)
    out.backward(c)
    for i, (t, a) in enumerate(zip(tensors, arrays, strict=True)):  # linear in each: <g, f(.., a, ..)> = <gradient, a>
        assert t.grad is None or t.grad.shape == a.shape
        given = 0 if t.grad is None else inner(t.grad, a)
        assert given == pytest.approx(inner(c, expected), rel=1e-10, abs=1e-11), i


@pytest.mark.parametrize(
    "call",
    [
        lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [0, 2]),
        lambda a, b: np.einsum(a, [0, 1], b, [1, 2]),
        lambda a, b: np.einsum(a, [2, 7], b, [7, 0]),
        lambda a, b: np.einsum(a, [..., 1], b, [1, 2]),
        lambda a, b: np.einsum(a, (40, 1), b, (1, 51), (51, 40)),
        lambda a, b: np.einsum(a, [Ellipsis, 0], b, [0, 1], [Ellipsis, 1]),
    ],
)
def test_lists_of_labels_instead_of_letters(call):
    check(call, drawn((2, 3), (3, 4)))


@pytest.mark.parametrize(
    "optimize", [False, True, "greedy", "optimal", ["einsum_path", (1, 2), (0, 1)], ("greedy", 100)]
)
def test_optimize_is_accepted(optimize):
    check(lambda *a: np.einsum("ij,jk,kl->il", *a, optimize=optimize), drawn((2, 3), (3, 4), (4, 2)))


def test_three_arrays_are_multiplied_in_the_cheapest_order():
    terms, shapes = "ij,jk,k->i", ((50, 60), (60, 70), (70,))
    assert order_of_pairs(terms, shapes, "greedy") == ((1, 2), (0, 1))
    assert order_of_pairs(terms, shapes, ("einsum_path", (0, 1), (0, 1))) == ((0, 1), (0, 1))
    assert order_of_pairs("i,i,i,i->", ((3,),) * 4, ("einsum_path", (0, 1, 2, 3))) == ((0, 1),) * 3


def test_lists_and_numbers_stand_beside_tensors():
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    out = np.einsum("i,i,->", t, [3, 4], 2)
    out.backward()
    assert out == 22 and t.grad.tolist() == [6, 8]


def test_an_array_that_wants_no_gradient_costs_none():
    t, u = xe.tensor([1.0, 2.0], requires_grad=True), xe.tensor([3.0, 4.0])
    out = np.einsum("i,i->", t, u)
    out.backward()
    assert t.grad.tolist() == [3, 4] and u.grad is None
    assert not np.einsum("i,i->", u, u).requires_grad


def test_the_same_tensor_twice_counts_twice():
    t = xe.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    np.einsum("ij,ij->", t, t).backward()
    np.testing.assert_array_equal(t.grad, 2 * t.data)


@pytest.mark.parametrize("dtype", [np.int8, np.bool, np.float16, np.int64])
@pytest.mark.parametrize("subscripts, shapes", FORMS[2:3] + FORMS[19:20] + FORMS[33:34])
def test_other_dtypes_give_what_numpy_gives(dtype, subscripts, shapes):
    arrays = [np.arange(np.prod(shape)).reshape(shape).astype(dtype) for shape in shapes]
    found, expected = np.einsum(subscripts, *map(xe.tensor, arrays)), np.einsum(subscripts, *arrays)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.data, expected)


def test_an_infinity_that_meets_zero_is_nan_as_in_numpy():
    for n in (1, 40):  # by NumPy's loop, and by matmul
        a, b = np.full((n, 50), np.inf), np.zeros((50, n))
        assert np.isnan(np.einsum("ij,jk->ik", xe.tensor(a), b)).all() and np.isnan(np.einsum("ij,jk->ik", a, b)).all()


@pytest.mark.parametrize(
    "subscripts, shapes, said",
    [
        ("ij,jk->ik", [(2, 3)], "the subscripts name 2 arrays, got 1"),
        ("ijk->i", [(2, 3)], "array 0 has 2 axes, its subscripts 'ijk' name 3"),
        ("i->i", [(2, 3)], "array 0 has 2 axes, its subscripts 'i' name 1"),
        ("i1->i", [(2, 3)], "'1' is no letter"),
        ("i.j->i", [(2, 3)], "'.' is no letter"),
        ("i......->i", [(2, 3)], "'.' is no letter"),
        ("ij->i->j", [(2, 3)], "'-' is no letter"),
        ("ij->ii", [(2, 3)], "the result names 'i' twice"),
        ("ij->k", [(2, 3)], "the result names 'k' which no array has"),
        ("...i->i", [(2, 3)], "the result has none; write '...' after '->' too"),
    ],
)
def test_wrong_subscripts_are_named(subscripts, shapes, said):
    arrays = drawn(*shapes)
    with pytest.raises(ValueError):
        np.einsum(subscripts, *arrays)
    with pytest.raises(ArgumentError, match="einsum: ") as caught:
        np.einsum(subscripts, *map(xe.tensor, arrays))
    assert said in str(caught.value) and repr(subscripts) in str(caught.value)


@pytest.mark.parametrize(
    "subscripts, shapes",
    [("ij,jk->ik", [(2, 3), (4, 2)]), ("ii->i", [(2, 3)]), ("ii", [(1, 3)]), ("i,i,i", [(2,), (1,), (3,)]),
     ("...,...", [(2,), (3,)]),
     ("i,i", [(0,), (3,)])],
)  # fmt: skip
def test_lengths_that_do_not_go_together_are_named(subscripts, shapes):
    arrays = drawn(*shapes)
    with pytest.raises(ValueError):
        np.einsum(subscripts, *arrays)
    with pytest.raises(ShapeError, match=r"einsum: index '\w' has length \d and length \d"):
        np.einsum(subscripts, *map(xe.tensor, arrays))


def test_options_without_a_meaning_for_gradients_are_refused():
    t = xe.tensor(np.ones((2, 2)), requires_grad=True)
    with pytest.raises(GraphError, match="out= is not supported"):
        np.einsum("ij->i", t, out=np.zeros(2))
    with pytest.raises(DTypeError, match=r"dtype= is not supported on a tensor.*astype"):
        np.einsum("ij->i", t, dtype=np.float32)
    with pytest.raises(DTypeError, match="Complex numbers are not supported"):
        np.einsum("ij,ij->", t, np.ones((2, 2), complex))
    with pytest.raises(DTypeError, match="expected subscripts as text, or a list of whole numbers"):
        np.einsum(t, t)


def test_the_path_of_an_einsum_is_plain_data():
    path, _ = np.einsum_path("ij,jk->ik", xe.tensor(np.ones((2, 3)), requires_grad=True), np.ones((3, 4)))
    assert path == ["einsum_path", (0, 1)]


def test_third_derivatives():
    a = drawn((3, 3))[0]
    t = xe.tensor(a, requires_grad=True)
    np.einsum("ij,jk,ki->", t, t, t).backward(create_graph=True)  # tr(a^3)
    first = t.grad
    np.testing.assert_allclose(first.data, 3 * (a @ a).T, rtol=1e-12)
    t.zero_grad()
    first.sum().backward(create_graph=True)
    again, _ = t.grad, t.zero_grad()
    again.sum().backward()
    np.testing.assert_allclose(t.grad, np.full((3, 3), 18.0), rtol=1e-12)


LARGE = [
    ("ij,jk->ik", [(40, 30), (30, 50)]), ("ij,jk->ki", [(40, 30), (30, 50)]),
    ("abc,cbd->ad", [(12, 13, 14), (14, 13, 15)]),
    ("abc,acd->adb", [(12, 13, 14), (12, 14, 15)]), ("abcd,dbe->eca", [(5, 6, 7, 8), (8, 6, 50)]),
    ("abc,cbd->ad", [(12, 1, 14), (14, 13, 35)]), ("abc,acd->abd", [(1, 30, 14), (12, 1, 25)]),
]  # fmt: skip


@pytest.mark.parametrize("subscripts, shapes", LARGE, ids=str)
def test_large_products_which_are_made_by_matmul_agree_with_numpys_loop(subscripts, shapes):
    arrays = drawn(*shapes)
    assert plan(subscripts) is not None and arrays[0].size * arrays[1].size >= 100_000
    tensors = [xe.tensor(a, requires_grad=True) for a in arrays]
    out, expected = np.einsum(subscripts, *tensors), np.einsum(subscripts, *arrays)
    np.testing.assert_allclose(out.data, expected, rtol=1e-12, atol=1e-12)
    (c,) = drawn(expected.shape)
    out.backward(c)
    inputs, result = subscripts.split("->")
    left, right = inputs.split(",")
    for t, term, other in ((tensors[0], left, right), (tensors[1], right, left)):
        wanted = np.einsum(f"{result},{other}->{term}", c, arrays[t is tensors[0]])
        wanted = wanted.sum(tuple(i for i, n in enumerate(t.shape) if n == 1 and wanted.shape[i] > 1), keepdims=True)
        np.testing.assert_allclose(t.grad, np.broadcast_to(wanted, t.shape), rtol=1e-12, atol=1e-12, err_msg=term)
