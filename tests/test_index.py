"""Indexing of every kind and its transpose: gradients of both orders against counting which elements an index names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from derivatives import gradients, second
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import tinygrad_xe as xe
from tinygrad_xe import ArgumentError, DTypeError, ShapeError
from tinygrad_xe.errors import BoundsError

EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True, database=None)
SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)

X = np.arange(24.0).reshape(2, 3, 4) / 7 - 1
MASK = X[0] > -0.3
S = np.s_
KEYS: list[Any] = [
    0, -1, np.int64(1), np.array(1), True, False, None, ..., (), [], [[]], S[:], S[::-1], S[5:1], S[-1::-2],
    [0, 1, 1, 0], [-1], [True, False], np.array([1, 1, 1], np.uint8), np.array([[0], [1]]), X > 0, X[:, 0, 0] > 0,
    np.zeros((2, 3), bool), range(2), range(-2, 2), S[0, 1], S[0, 1, 2], S[0, ...], S[..., 0], S[..., None],
    S[None, 0, None, ..., None], S[:, [0, 2, 2]], S[[0, 1], [2, -1]], S[[0, 1], :, [3, 0]], S[[0, 1], None, [2, 2]],
    S[0, :, [1, 1]], S[[[0], [1]], [0, 2, 0]], S[[[0], [1]], 1:, [[1, 1, 3]]], S[0, MASK], S[:, MASK],
    S[np.array([True, False]), 0, [0, 0]], S[X[:, 0, 0] > -2, [0, 0]], S[..., [1, 1], 2],
    S[np.array(0), :, np.array(1)], S[:1, 0, np.array([], int)], S[True, 0], S[True, [0, 1, 1]],
    S[range(2), range(2)], S[[0, 0], range(2), [3, 3]],
]  # fmt: skip


def named(shape: tuple[int, ...], key: Any) -> np.ndarray:
    """The flat number of each element that ``a[key]`` takes: what NumPy itself takes from 0, 1, 2, ..."""
    return np.asarray(np.arange(np.prod(shape, dtype=int)).reshape(shape)[key])


def summed(shape: tuple[int, ...], numbers: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.bincount(numbers.reshape(-1), np.reshape(values, -1), int(np.prod(shape))).reshape(shape)


def check_both_orders(x: np.ndarray, key: Any) -> None:
    """<c, x[key]**3> has the gradient 3 c x**2, summed by the elements named, and the second derivative 6 c x."""
    rng = np.random.default_rng(0)
    numbers = named(x.shape, key)
    c, d = rng.uniform(-1, 1, numbers.shape), rng.uniform(-1, 1, x.shape)

    def cube(t: Any) -> Any:
        return t[key] ** 3

    np.testing.assert_array_equal(cube(xe.tensor(x)).data, x[key] ** 3)
    (found,) = gradients(cube, [x], c)
    np.testing.assert_allclose(found, summed(x.shape, numbers, 3 * c * x[key] ** 2), rtol=1e-12, atol=1e-14)
    in_x, in_c = second(cube, [x], c, [d])
    np.testing.assert_allclose(in_x, summed(x.shape, numbers, 6 * c * (x * d)[key]), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(in_c, 3 * x[key] ** 2 * d[key], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: " ".join(str(key).split()))
def test_an_index_of_any_kind_differentiates_twice(key):
    check_both_orders(X, key)


@pytest.mark.parametrize(
    "key", [key for key in KEYS if not isinstance(key, range)], ids=lambda key: " ".join(str(key).split())
)
def test_pytorch_agrees_about_indices(key, torch):
    parts = key if isinstance(key, tuple) else (key,)
    if any(isinstance(part, slice) and (part.step or 1) < 0 for part in parts):
        pytest.skip("PyTorch has no slices backwards")
    if repr(key) == "(0, slice(None, None, None), [1, 1])":
        pytest.skip("PyTorch does not count a number as an index array, so its axes come in another order")
    if any(isinstance(part, range | np.integer) or np.size(part) == 0 for part in parts):
        pytest.skip("PyTorch reads ranges, NumPy's integers and empty lists in other ways")
    theirs = torch.tensor(X, requires_grad=True)
    place = tuple(
        torch.tensor(part.astype(np.int64) if part.dtype != bool else part) if isinstance(part, np.ndarray) else part
        for part in parts
    )
    out = theirs[place if isinstance(key, tuple) else place[0]]
    c = np.random.default_rng(1).uniform(-1, 1, tuple(out.shape))
    (wanted,) = torch.autograd.grad((out**2 * torch.tensor(c)).sum(), theirs)
    (found,) = gradients(lambda t: t[key] ** 2, [X], c)
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-12, atol=1e-14)


@EXAMPLES
@given(st.data())
def test_slices_integers_none_and_ellipsis_of_any_array(data):
    shape = data.draw(arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    key = data.draw(arrays.basic_indices(shape, allow_newaxis=True))
    check_both_orders(np.arange(np.prod(shape, dtype=float)).reshape(shape) / 5 - 1, key)


@EXAMPLES
@given(st.data())
def test_integer_arrays_broadcast_and_repeat(data):
    shape = data.draw(SHAPES)
    key = data.draw(
        arrays.integer_array_indices(
            shape, result_shape=arrays.array_shapes(min_dims=0, max_dims=2, min_side=1, max_side=4)
        )
    )
    check_both_orders(np.arange(np.prod(shape, dtype=float)).reshape(shape) / 5 - 1, key)


@EXAMPLES
@given(st.data())
def test_mixtures_of_numbers_slices_arrays_and_masks(data):
    shape = data.draw(SHAPES)
    length = data.draw(st.integers(0, 3))
    key: list[Any] = []
    for n in shape[: data.draw(st.integers(1, len(shape)))]:
        kind = data.draw(st.sampled_from(["number", "slice", "array", "list", "mask"]))
        if kind == "number":
            key.append(data.draw(st.integers(-n, n - 1)))
        elif kind == "slice":
            key.append(data.draw(st.slices(n)))
        elif kind == "mask":
            key.append(np.isin(np.arange(n), np.arange(n)[:1]))  # one element, which broadcasts with the arrays
        else:
            places = data.draw(st.lists(st.integers(-n, n - 1), min_size=length, max_size=length))
            key.append(places if kind == "list" else np.array(places, int))
        if data.draw(st.booleans()):
            key.append(None)
    if data.draw(st.booleans()):
        key.append(...)
    check_both_orders(np.arange(np.prod(shape, dtype=float)).reshape(shape) / 5 - 1, tuple(key))


@EXAMPLES
@given(st.data())
def test_boolean_masks_of_any_rank(data):
    shape = data.draw(SHAPES)
    rank = data.draw(st.integers(0, len(shape)))
    mask = data.draw(arrays.arrays(bool, shape[:rank]))
    check_both_orders(np.arange(np.prod(shape, dtype=float)).reshape(shape) / 5 - 1, mask)


def test_a_tensor_is_an_index_too():
    places, mask = xe.tensor([1, 1, 0]), xe.tensor(X) > 0
    (found,) = gradients(lambda t: t[places], [X])
    np.testing.assert_array_equal(found, np.stack([np.ones((3, 4)), 2 * np.ones((3, 4))]))
    np.testing.assert_array_equal(gradients(lambda t: t[mask], [X])[0], X > 0)
    np.testing.assert_array_equal(gradients(lambda t: t[t > 0], [X])[0], X > 0)
    np.testing.assert_array_equal(
        gradients(lambda t: t[0, xe.tensor(1), [xe.tensor(2), 2]], [X])[0][0, 1], [0, 0, 2, 0]
    )


@pytest.mark.parametrize(
    "key",
    [np.array([0, 1]), [0, 1], (slice(None), np.array([0, 1])), (slice(None), [0, 1]), xe.tensor([0, 1])],
    ids=str,
)
def test_an_index_that_changes_after_its_use_leaves_the_gradient_alone(key):
    t = xe.tensor(X, requires_grad=True)
    out = t[key].sum()
    expected = summed(
        X.shape, named(X.shape, np.s_[:2] if not isinstance(key, tuple) else np.s_[:, :2]), 1.0 + 0 * out_of(key)
    )
    part = key[1] if isinstance(key, tuple) else key
    if isinstance(part, xe.Tensor):
        part.assign([1, 1])
    else:
        part[0] = 1
    out.backward()
    np.testing.assert_array_equal(t.grad, expected)


def out_of(key: Any) -> np.ndarray:
    return X[:, :2] if isinstance(key, tuple) else X[:2]


def test_iterating_and_unpacking_differentiate():
    (found,) = gradients(lambda t: sum(i * row for i, row in enumerate(t, 1)), [X])
    np.testing.assert_array_equal(found, np.stack([np.ones((3, 4)), 2 * np.ones((3, 4))]))


@pytest.mark.parametrize(
    "key, error, words",
    [(5, IndexError, "out of bounds"), (1.5, IndexError, "only integers"), ("a", IndexError, "only integers"),
     ((0, 0, 0, 0), IndexError, "too many"), (np.ones(3, bool), IndexError, "boolean"),
     (([0, 1], [0, 1, 2]), IndexError, "shape mismatch")],
    ids=str,
)  # fmt: skip
def test_an_index_that_numpy_refuses_is_refused_with_the_operation_named(key, error, words):
    with pytest.raises(error, match=f"(?s)t.i.: .*{words}"):
        xe.tensor(X, requires_grad=True)[key]


# -- scatter_add -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS, ids=lambda key: " ".join(str(key).split()))
def test_scatter_add_is_the_transpose_of_indexing(key):
    rng = np.random.default_rng(2)
    values, weights = rng.uniform(-1, 1, named(X.shape, key).shape), rng.uniform(-1, 1, X.shape)
    placed = xe.scatter_add(values, key, X.shape)
    assert isinstance(placed, np.ndarray)
    assert np.vdot(placed, weights) == pytest.approx(np.vdot(values, weights[key]), abs=1e-13)
    (found,) = gradients(lambda v: xe.scatter_add(v, key, X.shape), [values], weights)
    np.testing.assert_array_equal(found, weights[key])


def test_scatter_add_takes_lists_numbers_and_values_that_broadcast():
    assert xe.scatter_add([1.0, 2.0], [1, 1], (3,)).tolist() == [0, 3, 0]
    assert xe.scatter_add(1.5, [0, 2, 2], (3,)).tolist() == [1.5, 0, 3]
    (found,) = gradients(
        lambda v: xe.scatter_add(v, (slice(None), [0, 0, 1]), (2, 2)), [np.ones((2, 1))], np.array([[1.0, 2], [3, 4]])
    )
    assert found.tolist() == [[4], [10]]


@pytest.mark.parametrize(
    ("shape", "keys"), [((5,), (40,)), ((5, 3), (40,)), ((5, 3), (8, 9)), ((4, 2, 3), (50,)), ((5, 0), (40,))]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_rows_are_added_to_the_same_bits_as_numpy_adds_them(shape, keys, dtype):
    rng = np.random.default_rng(0)
    key = rng.integers(-shape[0], shape[0], keys)
    values = rng.standard_normal(keys + shape[1:]).astype(dtype)
    wanted = np.zeros(shape, dtype)
    np.add.at(wanted, key, values)
    assert np.array_equal(xe.scatter_add(values, key, shape), wanted)
    one = values[(0,) * len(keys)]
    wanted = np.zeros(shape, dtype)
    np.add.at(wanted, key, one)
    assert np.array_equal(xe.scatter_add(one, key, shape), wanted)


def test_many_rows_that_are_not_there_are_an_error():
    with pytest.raises(xe.BoundsError, match="out of bounds"):
        xe.scatter_add(xe.tensor(np.ones((40, 2))), np.full(40, 5), (5, 2))


def test_scatter_add_of_values_that_do_not_fit_names_itself():
    with pytest.raises(ShapeError, match="scatter_add"):
        xe.scatter_add(xe.tensor(np.ones(3)), [0, 1], (4,))


# -- take, take_along_axis, compress, bincount -------------------------------------------------------------------------


@EXAMPLES
@given(st.data())
def test_take_is_numpys_in_every_mode(data):
    shape = data.draw(SHAPES)
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    length = int(np.prod(shape)) if axis is None else shape[axis]
    mode = data.draw(st.sampled_from(["raise", "wrap", "clip"]))
    reach = st.integers(-length, length - 1) if mode == "raise" else st.integers(-9, 9)
    indices = data.draw(
        arrays.arrays(np.int64, arrays.array_shapes(min_dims=0, max_dims=2, max_side=3), elements=reach)
    )
    x = np.arange(np.prod(shape, dtype=float)).reshape(shape)
    numbers = np.take(np.arange(x.size).reshape(shape), indices, axis, mode=mode)
    c = np.random.default_rng(3).uniform(-1, 1, numbers.shape)
    np.testing.assert_array_equal(
        np.take(xe.tensor(x), indices, axis, mode=mode).data, np.take(x, indices, axis, mode=mode)
    )
    (found,) = gradients(lambda t: np.take(t, indices, axis=axis, mode=mode), [x], c)
    np.testing.assert_allclose(found, summed(shape, numbers, c), rtol=1e-13, atol=1e-15)


@EXAMPLES
@given(st.data())
def test_take_along_axis_is_numpys(data):
    shape = data.draw(SHAPES)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    lengths = [
        data.draw(st.integers(1, 3)) if i == axis % len(shape) else data.draw(st.sampled_from([1, n]))
        for i, n in enumerate(shape)
    ]
    indices = data.draw(arrays.arrays(np.int64, tuple(lengths), elements=st.integers(-shape[axis], shape[axis] - 1)))
    x = np.arange(np.prod(shape, dtype=float)).reshape(shape)
    numbers = np.take_along_axis(np.arange(x.size).reshape(shape), indices, axis)
    c = np.random.default_rng(4).uniform(-1, 1, numbers.shape)
    np.testing.assert_array_equal(
        np.take_along_axis(xe.tensor(x), indices, axis).data, np.take_along_axis(x, indices, axis)
    )
    (found,) = gradients(lambda t: np.take_along_axis(t, indices, axis=axis), [x], c)
    np.testing.assert_allclose(found, summed(shape, numbers, c), rtol=1e-13, atol=1e-15)


def test_booleans_are_numbers_to_take_as_they_are_to_numpy():
    assert np.take(xe.tensor([10.0, 20.0, 30.0]), [True, False, True]).tolist() == [20, 10, 20]
    with pytest.raises(DTypeError, match=r"take_along_axis: indices must be integers, got bool\."):
        np.take_along_axis(xe.tensor([10.0, 20.0]), np.array([True, False]), 0)


@pytest.mark.parametrize(
    "call, error, words",
    [(lambda t: np.take(t, 0, axis=5), BoundsError, "take: axis 5"),
     (lambda t: np.take(t, 99), IndexError, "out of bounds"),
     (lambda t: np.take(t, 1.5), DTypeError, "take: indices must be integers, got float64"),
     (lambda t: np.take(t, 0, mode="round"), ArgumentError,
         "take: mode must be 'raise', 'wrap' or 'clip', got 'round'"),
     (lambda t: np.take_along_axis(t, np.array([0]), 0), ShapeError, "indices have 1 axes, the array has 3"),
     (lambda t: np.take_along_axis(t, np.zeros((1, 1, 1), int), 4), BoundsError, "axis 4")],
)  # fmt: skip
def test_wrong_arguments_of_take_and_its_kin_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call(xe.tensor(X, requires_grad=True))


def test_bincount_sums_weights_by_number():
    numbers = np.array([0, 2, 2, 0, 4])
    assert (
        np.bincount(numbers, xe.tensor([1.0, 2, 3, 4, 5])).tolist() == np.bincount(numbers, [1.0, 2, 3, 4, 5]).tolist()
    )
    assert np.bincount(xe.tensor(numbers)).tolist() == [2, 0, 2, 0, 1]
    assert gradients(lambda w: np.bincount(numbers, w), [np.ones(5)], np.arange(5.0))[0].tolist() == [0, 2, 2, 0, 4]
