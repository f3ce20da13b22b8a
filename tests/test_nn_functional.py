"""one_hot, embedding, dropout and layer_norm as functions."""

import re

import numpy as np
import pytest
from nn_agreement import our_derivatives, their_derivatives, torch

import tinygrad_xe as xe

RNG = np.random.default_rng(0)


# -- one_hot


@pytest.mark.parametrize("shape", [(), (4,), (2, 3)], ids=str)
def test_one_hot_agrees_with_pytorch(shape):
    t = torch()
    indices = RNG.integers(0, 5, shape)
    np.testing.assert_array_equal(xe.one_hot(indices, 7), t.nn.functional.one_hot(t.tensor(indices), 7).numpy())
    np.testing.assert_array_equal(xe.one_hot(indices), t.nn.functional.one_hot(t.tensor(indices)).numpy())


def test_one_hot_has_the_dtype_that_is_asked_for():
    assert xe.one_hot([0, 1]).dtype == np.float64
    assert xe.one_hot([0, 1], dtype=np.float32).dtype == np.float32
    assert xe.one_hot([0, 1], dtype=bool).dtype == bool
    assert type(xe.one_hot(xe.tensor([0, 1]))) is np.ndarray


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64])
def test_one_hot_takes_every_kind_of_integer(dtype):
    np.testing.assert_array_equal(xe.one_hot(np.array([2, 0], dtype), 3), [[0, 0, 1], [1, 0, 0]])


def test_one_hot_of_no_indices_needs_the_number_of_classes():
    assert xe.one_hot([], 3).shape == (0, 3)
    with pytest.raises(xe.ArgumentError, match="no indices to count the classes by"):
        xe.one_hot(np.zeros(0, int))


@pytest.mark.parametrize("indices, classes, said", [
    ([0, 3], 3, "index 3 at [1] is out of range; there are 3 classes, numbered 0 to 2."),
    ([[0, -1]], 3, "index -1 at [0, 1] is negative; the numbers begin at 0."),
    ([[0, -1]], None, "index -1 at [0, 1] is negative"),
    ([-2], None, "index -2 at [0] is negative"),
    (3, 3, "index 3 is out of range"),
])  # fmt: skip
def test_one_hot_names_an_index_that_is_no_class(indices, classes, said):
    with pytest.raises(xe.BoundsError, match=re.escape(said)):
        xe.one_hot(indices, classes)


def test_a_huge_unsigned_index_is_out_of_range_and_not_negative():
    with pytest.raises(xe.BoundsError, match=r"index 18446744073709551615 at \[0\] is out of range"):
        xe.one_hot(np.array([2**64 - 1], np.uint64), 3)


@pytest.mark.parametrize("indices", [[0.0, 1.0], [True, False], ["a"]], ids=repr)
def test_one_hot_refuses_what_are_no_integers(indices):
    with pytest.raises(xe.DTypeError, match="expected integers"):
        xe.one_hot(indices)


@pytest.mark.parametrize("classes, kind", [(0, xe.ArgumentError), (-1, xe.ArgumentError), (2.0, xe.DTypeError)])
def test_one_hot_needs_a_class(classes, kind):
    with pytest.raises(kind, match="num_classes is"):
        xe.one_hot([0], classes)


# -- embedding


@pytest.mark.parametrize("padding", [None, 0, 3])
@pytest.mark.parametrize("indices", [2, [1, 1, 3], [[0, 3], [3, 2]]], ids=str)
def test_embedding_agrees_with_pytorch(indices, padding):
    t, table = torch(), RNG.normal(size=(4, 3))
    mine, theirs = xe.tensor(table, requires_grad=True), t.tensor(table, requires_grad=True)
    found = our_derivatives(lambda: xe.embedding(indices, mine, padding), [mine])
    expected = their_derivatives(
        lambda: t.nn.functional.embedding(t.tensor(indices), theirs, padding_idx=padding), [theirs])
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-13)
    np.testing.assert_allclose(found[2], expected[2])


def test_a_row_with_padding_keeps_its_value():
    table = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(xe.embedding([1, 2], xe.tensor(table, requires_grad=True), 1).data, table[1:])
    np.testing.assert_array_equal(xe.embedding([1, 2], table, 1), table[1:])


@pytest.mark.parametrize("indices, said", [
    ([0, 4], "embedding: index 4 at [1] is out of range; the table has 4 rows, numbered 0 to 3."),
    ([[0], [-1]], "embedding: index -1 at [1, 0] is negative"),
])  # fmt: skip
def test_embedding_names_an_index_that_is_no_row(indices, said):
    with pytest.raises(IndexError, match=re.escape(said)):
        xe.embedding(indices, np.ones((4, 3)))


def test_embedding_refuses_masks_floats_and_tables_that_are_no_matrix():
    with pytest.raises(xe.DTypeError, match="the indices have dtype bool; expected integers"):
        xe.embedding(np.array([True, False]), np.ones((2, 3)))
    with pytest.raises(xe.DTypeError, match="the indices have dtype float64"):
        xe.embedding([1.0], np.ones((2, 3)))
    with pytest.raises(xe.ShapeError, match=re.escape("weight has shape (2,)")):
        xe.embedding([1], np.ones(2))
    with pytest.raises(xe.BoundsError, match="padding_idx is -1; the table has 2 rows"):
        xe.embedding([1], np.ones((2, 3)), -1)


def test_embedding_keeps_float32_and_takes_no_indices():
    table = xe.tensor(np.ones((2, 3), np.float32), requires_grad=True)
    assert xe.embedding([0, 1], table).dtype == np.float32
    out = xe.embedding([], table)
    assert out.shape == (0, 3)
    out.sum().backward()
    assert table.grad.dtype == np.float32 and not table.grad.any()


# -- layer_norm


@pytest.mark.parametrize("shape, last", [((5, 4), 4), ((2, 5, 4), (4,)), ((2, 5, 4), (5, 4)), ((4,), (4,))], ids=str)
@pytest.mark.parametrize("affine", [0, 1, 2])
def test_layer_norm_agrees_with_pytorch(shape, last, affine):
    t = torch()
    lengths = (last,) if isinstance(last, int) else last
    arrays = [RNG.normal(3, 2, shape), *RNG.normal(size=(2, *lengths))][: 1 + affine]
    mine, theirs = [xe.tensor(a, requires_grad=True) for a in arrays], [t.tensor(a, requires_grad=True) for a in arrays]
    found = our_derivatives(lambda: xe.layer_norm(mine[0], last, *mine[1:], eps=0.01), mine)
    expected = their_derivatives(lambda: t.nn.functional.layer_norm(theirs[0], lengths, *theirs[1:], eps=0.01), theirs)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-11, atol=1e-12)
    for ours, others in zip(found[1:], expected[1:], strict=True):
        for a, b in zip(ours, others, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def test_layer_norm_is_exactly_0_where_all_is_equal_also_far_from_0():
    x = np.full((3, 7), 1234.5678, np.float32)
    out = xe.layer_norm(x, 7)
    assert out.dtype == np.float32 and not out.any()


def test_layer_norm_is_accurate_where_the_mean_is_large():
    z = RNG.normal(size=(4, 1000))
    expected = (z - z.mean(-1, keepdims=True)) / z.std(-1, keepdims=True)
    np.testing.assert_allclose(xe.layer_norm(z + 1e8, 1000, eps=0), expected, atol=1e-7)  # z + 1e8 has steps of 1.5e-8


def test_layer_norm_of_float16_does_not_overflow():
    x = np.array([[-30000.0, 30000.0]], np.float16)
    out = xe.layer_norm(x, 2)
    assert out.dtype == np.float16
    np.testing.assert_array_equal(out, [[-1, 1]])


def test_layer_norm_names_shapes_that_differ():
    with pytest.raises(xe.ShapeError, match=re.escape("x has shape (2, 3), normalized_shape is (4,)")):
        xe.layer_norm(np.ones((2, 3)), 4)
    with pytest.raises(xe.ShapeError, match=re.escape("x has shape (3,), normalized_shape is (2, 3)")):
        xe.layer_norm(np.ones(3), (2, 3))
    with pytest.raises(xe.ShapeError, match=re.escape("bias has shape (1,); expected normalized_shape, (3,)")):
        xe.layer_norm(np.ones((2, 3)), 3, bias=np.ones(1))
    with pytest.raises(xe.ShapeError, match=re.escape("normalized_shape is ()")):
        xe.layer_norm(np.ones((2, 3)), ())
    with pytest.raises(xe.ArgumentError, match="eps is -1; expected 0 or more"):
        xe.layer_norm(np.ones((2, 3)), 3, eps=-1)
    with pytest.raises(xe.ShapeError, match="nothing to take a mean of"):
        xe.layer_norm(np.ones((2, 0)), 0)
