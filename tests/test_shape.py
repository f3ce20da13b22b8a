"""Operations that move elements: where each element goes, NumPy's spellings, lists of arrays, and what is refused."""

from __future__ import annotations

import inspect
from math import prod
from typing import Any

import numpy as np
import pytest
from derivatives import gradients, second
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from ops_cases import CASES

import tinygrad_xe as xe
from tinygrad_xe import ArgumentError, DTypeError, GraphError, ShapeError
from tinygrad_xe.errors import BoundsError
from tinygrad_xe.op import COMPOSED, REGISTRY

EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True, database=None)
X = np.arange(24.0).reshape(2, 3, 4) / 7 - 1


def check_moves(move: Any, *shapes: tuple[int, ...], dtypes: Any = np.float64) -> None:
    """Let NumPy move the numbers of the elements: that tells where each goes, how often, and so every derivative."""
    counts = [prod(shape) for shape in shapes]
    starts = np.cumsum([0, *counts])[:-1]
    numbers = np.asarray(
        move(*(np.arange(n).reshape(shape) + start for n, shape, start in zip(counts, shapes, starts, strict=True)))
    )
    rng = np.random.default_rng(0)
    kinds = [dtypes] * len(shapes) if isinstance(dtypes, type) else dtypes
    values = [rng.uniform(-1, 1, shape).astype(kind) for shape, kind in zip(shapes, kinds, strict=True)]
    expected = move(*values)
    cotangent = rng.uniform(-1, 1, numbers.shape).astype(expected.dtype)
    out = move(*(xe.tensor(v) for v in values))
    np.testing.assert_array_equal(out.data, expected)
    assert out.dtype == expected.dtype and out.shape == expected.shape

    total = np.bincount(numbers.reshape(-1), cotangent.reshape(-1), sum(counts))
    found = gradients(move, values, cotangent)
    for g, value, start in zip(found, values, starts, strict=True):
        assert g.shape == value.shape and g.dtype == value.dtype
        tolerance = 1e-13 if g.dtype == np.float64 else 1e-5
        np.testing.assert_allclose(
            g, total[start : start + value.size].reshape(value.shape), rtol=tolerance, atol=tolerance
        )
    direction = [rng.uniform(-1, 1, v.shape).astype(v.dtype) for v in values]
    *in_values, in_cotangent = second(move, values, cotangent, direction)
    assert not any(np.any(g) for g in in_values)  # moving is linear
    np.testing.assert_allclose(in_cotangent, move(*direction), rtol=1e-5 if np.float32 in kinds else 1e-14)


@EXAMPLES
@given(st.data())
def test_reshape_and_ravel_in_both_orders(data):
    shape = data.draw(arrays.array_shapes(min_dims=0, max_dims=4, max_side=4))
    order = data.draw(st.sampled_from("CF"))
    if data.draw(st.booleans()):
        check_moves(lambda a: np.ravel(a, order=order), shape)
    else:
        n = prod(shape)
        first = data.draw(st.sampled_from([d for d in range(1, n + 1) if n % d == 0]))
        wanted = data.draw(st.sampled_from([(first, n // first), (first, -1), (-1, 1, first), -1, n, [n], (1, n)]))
        check_moves(lambda a: np.reshape(a, wanted, order=order), shape)


@EXAMPLES
@given(st.data())
def test_transpose_swapaxes_and_moveaxis(data):
    shape = data.draw(arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=3))
    n = len(shape)
    axis = st.integers(-n, n - 1)
    order = data.draw(st.permutations(range(n)))
    signs = [i - n if data.draw(st.booleans()) else i for i in order]
    one, other = data.draw(axis), data.draw(axis)
    some = data.draw(st.integers(0, n))
    targets = data.draw(st.permutations(range(n)))[:some]
    check_moves(lambda a: np.transpose(a, signs), shape)
    check_moves(lambda a: np.transpose(a), shape)
    check_moves(lambda a: np.swapaxes(a, one, other), shape)
    check_moves(lambda a: np.moveaxis(a, one, other), shape)
    check_moves(lambda a: np.moveaxis(a, signs[:some], targets), shape)


@EXAMPLES
@given(st.data())
def test_expand_dims_squeeze_and_broadcast_to(data):
    shape = data.draw(arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
    n = len(shape) + 2
    axes = tuple(data.draw(st.lists(st.integers(0, n - 1), min_size=2, max_size=2, unique=True)))
    check_moves(lambda a: np.expand_dims(a, axes), shape)
    check_moves(lambda a: np.expand_dims(a, axes[0] % (n - 1) - (n - 1)), shape)
    wide = [1 if data.draw(st.booleans()) else k for k in shape]
    check_moves(lambda a: np.squeeze(a), tuple(wide))
    check_moves(lambda a: np.squeeze(a, tuple(i - len(wide) for i, k in enumerate(wide) if k == 1)), tuple(wide))
    check_moves(lambda a: np.broadcast_to(a, (2, *shape)), tuple(wide))


@EXAMPLES
@given(st.data())
def test_flip_roll_rot90_tile_and_repeat(data):
    shape = data.draw(arrays.array_shapes(min_dims=2, max_dims=3, min_side=0, max_side=3))
    n = len(shape)
    axis = data.draw(st.none() | st.integers(-n, n - 1))
    several = data.draw(arrays.valid_tuple_axes(n, min_size=1))
    shift = data.draw(st.integers(-5, 5))
    reps = data.draw(st.integers(0, 3) | st.lists(st.integers(0, 2), min_size=1, max_size=4))
    check_moves(lambda a: np.flip(a, axis), shape)
    check_moves(lambda a: np.flip(a, several), shape)
    check_moves(lambda a: np.roll(a, shift, axis), shape)
    check_moves(lambda a: np.roll(a, [shift] * len(several), several), shape)
    check_moves(lambda a: np.rot90(a, shift, (several[0], (several[0] + 1) % n)), shape)
    check_moves(lambda a: np.tile(a, reps), shape)
    length = prod(shape) if axis is None else shape[axis]
    each = data.draw(st.integers(0, 3) | st.lists(st.integers(0, 2), min_size=length, max_size=length))
    check_moves(lambda a: np.repeat(a, each, axis), shape)


@EXAMPLES
@given(st.data())
def test_concatenate_and_stack_of_mixed_dtypes(data):
    shape = data.draw(arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3))
    n, count = len(shape), data.draw(st.integers(1, 3))
    axis = data.draw(st.integers(-n, n - 1))
    dtypes = data.draw(st.lists(st.sampled_from([np.float32, np.float64]), min_size=count, max_size=count))
    lengths = [data.draw(st.integers(0, 3)) for _ in range(count)]
    shapes = [tuple(length if i == axis % n else k for i, k in enumerate(shape)) for length in lengths]
    check_moves(lambda *a: np.concatenate(a, axis=axis), *shapes, dtypes=dtypes)
    check_moves(lambda *a: np.concatenate(a, axis=None), *shapes, dtypes=dtypes)
    check_moves(lambda *a: np.stack(a, axis=data.draw(st.just(axis))), *[shape] * count, dtypes=dtypes)
    check_moves(lambda *a: np.stack(a, axis=-n - 1), *[shape] * count, dtypes=dtypes)


@EXAMPLES
@given(st.data())
def test_split_and_array_split(data):
    shape = data.draw(arrays.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=6))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    parts = data.draw(st.integers(1, 4) | st.lists(st.integers(-3, 7), max_size=3))
    sizes = [p.shape for p in np.array_split(np.zeros(shape), parts, axis)]
    assert [p.shape for p in np.array_split(xe.tensor(np.zeros(shape)), parts, axis)] == sizes
    for i in range(len(sizes)):
        check_moves(lambda a, i=i: np.array_split(a, parts, axis=axis)[i], shape)
        if not isinstance(parts, int) or shape[axis] % parts == 0:
            check_moves(lambda a, i=i: np.split(a, parts, axis)[i], shape)


STACKS = [
    (np.vstack, [(3,), (2, 3), (1, 3)]),
    (np.hstack, [(3,), (2,)]),
    (np.hstack, [(2, 1), (2, 3)]),
    (np.hstack, [(), (3,)]),
    (np.dstack, [(3,), (1, 3), (1, 3, 2)]),
    (np.dstack, [(2, 3), (2, 3)]),
    (np.column_stack, [(3,), (3, 2), (3, 0)]),
]


@pytest.mark.parametrize("function, shapes", STACKS, ids=lambda value: getattr(value, "__name__", str(value)))
def test_stacks_of_any_rank(function, shapes):
    check_moves(lambda *a: function(a), *shapes)
    check_moves(lambda *a: function(list(a)), *shapes)


@pytest.mark.parametrize("function", [np.atleast_1d, np.atleast_2d, np.atleast_3d])
def test_atleast_adds_axes_where_numpy_does(function):
    for shape in ((), (3,), (2, 3), (2, 3, 4), (1, 2, 3, 4)):
        check_moves(function, shape)
    both = function(xe.tensor(1.0), [2.0, 3.0])
    assert isinstance(both, tuple) and [np.shape(b) for b in both] == [b.shape for b in function(1.0, [2.0, 3.0])]


@pytest.mark.parametrize("function", [np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack])
def test_lists_may_mix_tensors_arrays_and_lists_of_numbers(function):
    t = xe.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    others = np.full((2, 2), 5.0), [[6, 7], [8, 9]]
    out = function([others[0], t, others[1], t])
    np.testing.assert_array_equal(out.data, function([others[0], t.numpy(), others[1], t.numpy()]))
    out.sum().backward()
    assert t.grad.tolist() == [[2, 2], [2, 2]]


def test_a_tensor_is_a_sequence_of_its_rows():
    for function in (np.concatenate, np.stack, np.vstack, np.hstack):
        check_moves(function, (2, 3, 4))


def test_splits_of_low_rank_are_refused_or_done_as_numpy_does():
    check_moves(lambda a: np.hsplit(a, 2)[1], (4,))
    with pytest.raises(
        ShapeError, match=r"vsplit: the array must have 2 axes or more, got shape \(4,\). Write np.split"
    ):
        np.vsplit(xe.tensor(np.zeros(4)), 2)
    with pytest.raises(ValueError, match="axis 2 is out of bounds"):
        np.dsplit(xe.tensor(np.zeros((4, 4))), 2)


def test_broadcast_arrays_carries_gradients():
    check_moves(lambda a, b: np.broadcast_arrays(a, b)[0], (3, 1), (4,))
    check_moves(lambda a, b: np.broadcast_arrays(a, b)[1], (3, 1), (4,))


def test_full_like_carries_the_gradient_of_its_value():
    like = xe.tensor(X.astype(np.float32))
    value = xe.tensor(np.arange(4.0), requires_grad=True)
    filled = np.full_like(like, value)
    assert filled.dtype == np.float32 and filled.tolist() == np.full_like(like.numpy(), value.numpy()).tolist()
    filled.sum().backward()
    assert value.grad.dtype == np.float64 and value.grad.tolist() == [6] * 4
    assert np.full_like(xe.tensor(X), 2.0, shape=(2,)).tolist() == [2, 2]
    assert np.full_like(xe.tensor(X), 1, dtype=np.float32).dtype == np.float32


def test_a_copy_does_not_share_memory():
    t = xe.tensor(X)
    assert not np.shares_memory(np.copy(t).data, t.data)
    assert np.copy(t > 0).tolist() == (X > 0).tolist() and np.copy(xe.tensor([1, 2])).tolist() == [1, 2]


# -- NumPy's spelling --------------------------------------------------------------------------------------------------


def declared_parameters(function: Any) -> list[inspect.Parameter]:
    written = COMPOSED[function] if function in COMPOSED else eval(f"lambda {REGISTRY[function].signature}: 0")
    return list(inspect.signature(written).parameters.values())


NUMPYS = [
    case.function
    for case in CASES
    if not isinstance(case.function, np.ufunc) and (case.function.__module__ or "").startswith("numpy")
]


@pytest.mark.parametrize(
    "function", [f for f in NUMPYS if f not in (np.where, np.reshape, np.amax, np.amin)], ids=lambda f: f.__name__
)
def test_parameters_have_numpys_names_in_numpys_order(function):
    try:
        theirs = list(inspect.signature(function).parameters.values())
    except ValueError:
        pytest.skip("this release of NumPy gives no signature for it")
    ours = declared_parameters(function)
    positional = [p.name for p in ours if p.kind is not p.KEYWORD_ONLY]
    assert positional == [p.name for p in theirs if p.kind is not p.KEYWORD_ONLY][: len(positional)]
    if np.__version__ >= "2.1":
        assert {p.name for p in ours} <= {p.name for p in theirs}


def test_numpys_spellings_work_by_keyword_by_position_and_as_methods():
    t = xe.tensor(X, requires_grad=True)
    pairs = [
        (np.sum(a=t, axis=1, keepdims=True), np.sum(t, 1, None, None, True), t.sum(1, keepdims=True)),
        (np.mean(a=t, axis=(0, 2)), np.mean(t, (0, 2)), t.mean(axis=(0, 2))),
        (np.max(a=t, axis=-1), np.max(t, -1), t.max(axis=-1)), (np.min(t, axis=0), np.min(t, 0), t.min(0)),
        (np.prod(t, axis=2), np.prod(t, 2), t.prod(2)),
        (np.var(t, axis=0, ddof=1), np.var(t, 0, None, None, 1), t.var(0, ddof=1)),
        (np.std(t, ddof=1, keepdims=True), np.std(t, None, None, None, 1, True), t.std(ddof=1, keepdims=True)),
        (np.cumsum(t, axis=1), np.cumsum(t, 1), t.cumsum(1)),
        (np.cumprod(t, axis=1), np.cumprod(t, 1), t.cumprod(axis=1)),
        (np.clip(t, a_min=0, a_max=1), np.clip(t, 0, 1), t.clip(0, 1)),
        (np.clip(t, a_max=1, a_min=0), np.clip(t, 0, a_max=1), t.clip(min=0, max=1)),
        (np.clip(t, 0, None), np.clip(t, a_min=0, a_max=None), t.clip(0), t.clip(min=0)),
        (np.reshape(t, (4, 6)), np.reshape(t, [4, -1]), t.reshape(4, 6)),
        (np.reshape(t, -1, order="F"), np.ravel(t, "F"), t.ravel(order="F")),
        (np.transpose(t, axes=(2, 0, 1)), np.transpose(t, [2, 0, 1]), t.transpose(2, 0, 1)),
        (np.transpose(t), t.transpose(), t.T),
        (np.swapaxes(t, axis1=0, axis2=1), np.swapaxes(t, 0, 1), t.swapaxes(0, 1)),
        (np.swapaxes(t, -1, -2), np.moveaxis(t, 1, 2), t.mT),
        (np.squeeze(t[:1], axis=0), np.squeeze(t[:1]), t[:1].squeeze(0)),
        (np.repeat(t, repeats=2, axis=1), np.repeat(t, 2, 1), t.repeat(2, axis=1)),
        (np.take(t, indices=[0, 1], axis=2), np.take(t, [0, 1], 2), t.take([0, 1], axis=2)),
        (np.dot(t[0], t[0].T), t[0].dot(t[0].T), t[0] @ t[0].T),
        (np.concatenate([t, t], axis=1), np.concatenate((t, t), 1), np.concatenate([t, t], -2)),
        (np.stack([t, t], axis=1), np.stack((t, t), 1), np.stack(arrays=[t, t], axis=1)),
        (np.tile(A=t, reps=2), np.tile(t, 2), np.tile(t, (2,))),
        (np.roll(t, shift=1, axis=0), np.roll(t, 1, 0), np.roll(t, (1,), (0,))),
        (np.flip(m=t, axis=0), np.flip(t, 0), t[::-1]),
        (np.expand_dims(t, axis=1), np.expand_dims(t, 1), t[:, None]),
        (np.linalg.norm(t[0], ord=1), np.linalg.norm(t[0], 1), np.linalg.norm(x=t[0], ord=1)),
        (np.split(t, 2, axis=2)[1], np.split(ary=t, indices_or_sections=2, axis=-1)[1], t[..., 2:]),
        (np.matmul(t[0], t[0].T), np.matmul(t, t.mT)[0], t[0].numpy() @ t[0].T), (np.power(t, 2), t**2, np.square(t)),
        (abs(t), np.abs(t), np.absolute(t)), (-t, np.negative(t), 0 - t),
        (np.sum(t), t.sum(), np.add.reduce(t, axis=None)),
    ]  # fmt: skip
    for spellings in pairs:
        assert all(isinstance(s, xe.Tensor) and s.requires_grad for s in spellings)
        for other in spellings[1:]:
            np.testing.assert_allclose(other.data, spellings[0].data, rtol=1e-14)


@pytest.mark.parametrize(
    "call, error, words",
    [(lambda t: np.reshape(t, (5, 5)), ShapeError, r"reshape: cannot reshape array of size 24 into shape \(5,\s?5\)"),
     (lambda t: np.reshape(t, -1, order="A"), ShapeError, "reshape: order must be 'C' or 'F', got 'A'"),
     (lambda t: np.transpose(t, (0, 1)), ShapeError, "transpose: axes don't match"),
     (lambda t: np.squeeze(t, 0), ShapeError, "squeeze"),
     (lambda t: np.broadcast_to(t, (3,)), ShapeError, "broadcast_to"),
     (lambda t: np.concatenate([t, t[0]]), ShapeError, "concatenate: all the input array"),
     (lambda t: np.concatenate([t, t], out=np.zeros(1)), GraphError, "out= is not supported"),
     (lambda t: np.concatenate([t, t], dtype=int, casting="unsafe"), DTypeError,
         "concatenate: dtype=int64 would cut the gradient off"),
     (lambda t: np.vstack([t, t], dtype=int, casting="unsafe"), DTypeError, "dtype=int64 would cut the gradient off"),
     (lambda t: np.stack([t, t[0]]), ShapeError, "stack: all input arrays must have the same shape"),
     (lambda t: np.stack([t, t], dtype=int, casting="unsafe"), DTypeError,
         "stack: dtype=int64 would cut the gradient off"),
     (lambda t: np.split(t, 2, axis=1), ShapeError,
         "split: 3 elements can't be cut into 2 equal parts.\n  Write np.array_split"),
     (lambda t: np.array_split(t, 0), ArgumentError, "the number of parts must be positive, got 0"),
     (lambda t: np.array_split(t, 2, axis=3), BoundsError, "axis 3 is out of bounds"),
     (lambda t: np.repeat(t, 2, axis=3), BoundsError, "axis 3 is out of bounds"),
     (lambda t: np.rot90(t, axes=(1, -2)), ArgumentError, "axes must name two different axes"),
     (lambda t: np.tile(t, reps=2, axis=1), TypeError, "axis")],
)  # fmt: skip
def test_wrong_arguments_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call(xe.tensor(X, requires_grad=True))


@pytest.mark.parametrize("function", [np.concatenate, np.vstack, np.hstack, np.stack], ids=lambda f: f.__name__)
def test_a_dtype_for_the_result_is_kept_and_the_gradient_keeps_the_inputs(function):
    t = xe.tensor(X, requires_grad=True)
    out = function([t, t], dtype=np.float32)
    assert out.dtype == np.float32
    out.backward(np.ones(out.shape))
    assert t.grad.dtype == np.float64 and (t.grad == 2).all()


@pytest.mark.parametrize(
    "call", [np.unique, np.histogram, lambda t: np.copyto(np.zeros(X.shape), t), lambda t: np.nextafter(t, 0)]
)
def test_functions_that_would_lose_a_gradient_silently_raise(call):
    with pytest.raises((GraphError, DTypeError), match=r"detach\(\)"):
        call(xe.tensor(X, requires_grad=True))
    call(xe.tensor(X))
