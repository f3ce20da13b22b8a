"""A batch of cotangents: NumPy's functions see one row's shape, and do to all rows what they do to one."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest

from tinygrad_xe.batch import BATCHED, Batch, NotBatched

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))
V = RNG.normal(size=3)


def where_positive(x: Any) -> Any:
    return np.where(A > 0, x, 0)


# (shape of a row, function)
FUNCTIONS: list[tuple[tuple[int, ...], Any]] = [
    ((3, 4), lambda x: x + A),
    ((3, 4), lambda x: A * x),
    ((4,), lambda x: A * x),
    ((), lambda x: A * x),
    ((3, 4), lambda x: -x / 3.0),
    ((3, 4), lambda x: np.float64(2) * x),
    ((3, 1), lambda x: x * np.ones((2, 3, 4))),
    ((3, 4), lambda x: x @ B),
    ((4, 2), lambda x: A @ x),
    ((4,), lambda x: A @ x),
    ((3,), lambda x: x @ A),
    ((3,), lambda x: V @ x),
    ((3,), lambda x: x @ V),
    ((3, 4), lambda x: x @ B[:, 0]),
    ((3, 4), lambda x: V @ x),
    ((4, 2), lambda x: np.ones((5, 3, 4)) @ x),
    ((5, 3, 4), lambda x: x @ B),
    ((3, 4), lambda x: np.sum(x)),
    ((3, 4), lambda x: np.sum(x, axis=-1, keepdims=True)),
    ((3, 4), lambda x: np.sum(x, axis=(0, -1))),
    ((3, 4), lambda x: np.add.reduce(x)),
    ((3, 4), lambda x: np.add.reduce(x, (0,), keepdims=True)),
    ((3, 4), lambda x: x.sum(0, keepdims=True)),
    ((), lambda x: np.sum(x, axis=())),
    ((3, 4), lambda x: np.cumsum(x)),
    ((3, 4), lambda x: np.cumsum(x, axis=-1)),
    ((3, 4), lambda x: np.add.accumulate(x, axis=1)),
    ((3, 4), lambda x: np.reshape(x, (4, 3))),
    ((3, 4), lambda x: np.reshape(x, -1)),
    ((3, 4), lambda x: x.reshape(2, -1)),
    ((3, 4), lambda x: x.reshape((2, 6))),
    ((2, 3, 4), lambda x: np.transpose(x)),
    ((2, 3, 4), lambda x: np.transpose(x, (1, -1, 0))),
    ((2, 3, 4), lambda x: x.transpose(1, 0, 2)),
    ((2, 3, 4), lambda x: x.transpose([1, 0, 2])),
    ((2, 3, 4), lambda x: x.transpose()),
    ((2, 3), lambda x: x.T),
    ((2, 3, 4), lambda x: x.mT),
    ((2, 3, 4), lambda x: np.swapaxes(x, 0, -1)),
    ((2, 3, 4), lambda x: np.moveaxis(x, 0, -1)),
    ((2, 3, 4), lambda x: np.moveaxis(x, [0, 1], [-1, -2])),
    ((3, 4), lambda x: np.expand_dims(x, 0)),
    ((3, 4), lambda x: np.expand_dims(x, (0, -1))),
    ((1, 3, 1), lambda x: np.squeeze(x)),
    ((1, 3, 1), lambda x: np.squeeze(x, 0)),
    ((3, 4), lambda x: np.flip(x)),
    ((3, 4), lambda x: np.flip(x, 0)),
    ((3, 4), lambda x: np.flip(x, (0, 1))),
    ((3, 4), lambda x: np.roll(x, 1, 0)),
    ((3, 4), lambda x: np.roll(x, 2)),
    ((3, 1), lambda x: np.broadcast_to(x, (2, 3, 4))),
    ((), lambda x: np.broadcast_to(x, 4)),
    ((3, 4), where_positive),
    ((4,), where_positive),
    ((3, 4), lambda x: np.zeros_like(x)),
    ((3, 4), lambda x: np.zeros_like(x, shape=(2,))),
    ((3, 4), lambda x: np.concatenate([x, A, x], axis=-1)),
    ((3, 4), lambda x: np.concatenate([A, x], axis=None)),
    ((3, 4), lambda x: np.stack([A, x], axis=1)),
    ((3, 4), lambda x: np.triu(x, 1)),
    ((3, 4), lambda x: np.tril(x)),
    ((3, 4), lambda x: np.einsum("ij,jk->ki", x, B)),
    ((3, 4), lambda x: np.einsum("...j, jk -> ...k", x, B)),
    ((3, 4), lambda x: x[1]),
    ((3, 4), lambda x: x[:, 1:3]),
    ((3, 4), lambda x: x[..., None]),
    ((3, 4), lambda x: x[..., -1]),
    ((3, 4), lambda x: x[np.array([0, 2, 2])]),
    ((3, 4), lambda x: x[:, np.array([[0], [2]])]),
    ((3, 4), lambda x: x[np.array([0, 2]), 1]),
    ((3, 4), lambda x: x[A > 0]),
    ((3, 4), lambda x: x[[0, 1]]),
    ((3, 4), lambda x: x.astype(np.float32)),
    ((3, 4), lambda x: np.ones(np.shape(x)) * x * np.ndim(x) * x.size * len(x)),
]


@pytest.mark.parametrize(("shape", "function"), FUNCTIONS, ids=[str(i) for i in range(len(FUNCTIONS))])
def test_a_function_does_to_the_batch_what_it_does_to_each_row(shape, function):
    rows = RNG.normal(size=(5, *shape))
    found = function(Batch(rows))
    assert type(found) is Batch
    expected = np.stack([function(row) for row in rows])
    assert found.shape == expected.shape[1:] and found.ndim == expected.ndim - 1 and found.dtype == expected.dtype
    np.testing.assert_allclose(found.rows, expected, rtol=1e-14, atol=1e-15)


def test_batches_go_together():
    x, y = RNG.normal(size=(2, 5, 3, 4))
    np.testing.assert_array_equal((Batch(x) + Batch(y)).rows, x + y)
    np.testing.assert_allclose((Batch(x) @ Batch(y).T).rows, x @ y.transpose(0, 2, 1))


def test_values_are_added_at_places_in_every_row():
    x, values, key = np.zeros((2, 3)), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([0, 2, 0])
    np.add.at(Batch(x), key, Batch(values))
    assert x.tolist() == [[4, 0, 2], [10, 0, 5]]
    np.add.at(Batch(x), slice(0, 1), np.array([1.0]))
    assert x.tolist() == [[5, 0, 2], [11, 0, 5]]


def test_values_are_written_into_every_row():
    x = Batch(np.zeros((2, 3)))
    x[1:] = Batch(np.array([[1.0, 2.0], [3.0, 4.0]]))
    x[0] = 7.0
    assert x.rows.tolist() == [[7, 1, 2], [7, 3, 4]]


REFUSED: list[Any] = [
    lambda x: np.asarray(x),
    lambda x: x.cumsum(),
    lambda x: np.median(x),
    lambda x: np.add.outer(x, x),
    lambda x: np.add(x, x, dtype=np.float32),
    lambda x: np.linalg.inv(x),
    lambda x: np.vecdot(x, x) if hasattr(np, "vecdot") else np.median(x),
    lambda x: x.reshape(-1, order="F"),
    lambda x: x[:0].reshape(-1, 0),
    lambda x: x[np.array([0]), :, np.array([0])],
    lambda x: np.add.at(A.copy(), 0, x),
    lambda x: np.add.at(x, (slice(None), 0), np.ones(())),
    lambda x: np.triu(x[0]),
    lambda x: np.einsum(x, [0, 1], [1, 0]),
    lambda x: np.einsum("abcdefghijklmnopqrstuvwxyz,ABCDEFGHIJKLMNOPQRSTUVWXYZ->a", x, x),
]


@pytest.mark.parametrize("function", REFUSED, ids=[str(i) for i in range(len(REFUSED))])
def test_what_a_batch_does_not_know_is_refused(function):
    with pytest.raises(NotBatched):
        function(Batch(RNG.normal(size=(2, 3, 3))))


def test_every_function_that_a_batch_knows_is_tried_here():
    seen: set[Any] = set()

    class Seen(Batch):
        __slots__ = ()

        def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
            seen.add(function)
            return NotImplemented

    for shape, function in FUNCTIONS:
        with contextlib.suppress(TypeError):
            function(Seen(np.zeros((5, *shape))))
    assert set(BATCHED) <= seen
