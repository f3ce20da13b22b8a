"""The sweep: accumulation, what it releases, what may have changed since, long chains, hooks, higher order, PyTorch."""

import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_xe as xe
from tinygrad_xe.backward import fit, hooked, ones, sum_to
from tinygrad_xe.graph import FINGERPRINT_BYTES
from tinygrad_xe.op import Op
from tinygrad_xe.ops import elementwise


def leaf(values, name=None, dtype=float):
    return xe.tensor(np.array(values, dtype), requires_grad=True, name=name)


# -- accumulation ------------------------------------------------------------------------------------------------------


def test_a_leaf_used_twice_adds_both_contributions():
    x = leaf([3.0])
    (x * x + x).sum().backward()
    assert x.grad == [7.0]


def test_paths_that_meet_again_are_added_up():
    x = leaf([0.5])
    a = np.exp(x)
    b, c = a * 2, np.sin(a)
    (b * c).sum().backward()
    e = np.exp(0.5)
    np.testing.assert_allclose(x.grad, (2 * np.sin(e) + 2 * e * np.cos(e)) * e)


def test_a_hundred_doublings_are_swept_once_each():
    x = leaf([1.0])
    a = x
    for _ in range(100):
        a = a + a
    a.backward()
    assert x.grad == [2.0**100]


def test_a_leaf_can_be_the_root():
    x, y = leaf(3.0), leaf([1.0, 2.0])
    x.backward()
    x.backward()
    assert x.grad == 2.0 and x.grad.shape == () and type(x.grad) is np.ndarray
    y.backward(np.array([5.0, 6.0]))
    np.testing.assert_array_equal(y.grad, [5.0, 6.0])
    x.grad = None
    x.backward(create_graph=True)
    assert x.grad.item() == 1.0


def test_gradients_are_added_to_what_is_there_in_place():
    x = leaf([1.0, 2.0])
    buffer = x.grad = np.array([10.0, 20.0])
    (x * 3).sum().backward()
    assert x.grad is buffer
    np.testing.assert_array_equal(buffer, [13.0, 23.0])


def test_a_recorded_gradient_is_added_to_without_changing_it():
    x = leaf([1.0, 2.0])
    (x * x).sum().backward(create_graph=True)
    first = x.grad
    (x * x).sum().backward(create_graph=True)
    np.testing.assert_array_equal(first.data, [2.0, 4.0])
    np.testing.assert_array_equal(x.grad.data, [4.0, 8.0])
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [6.0, 12.0])


def alias_cases():
    g = np.array([[1.0, 2.0], [3.0, 4.0]])
    return {
        "a sum": lambda x, y: (x + y).backward(g),
        "a view": lambda x, y: (x.T + y.reshape(4).reshape(2, 2)).backward(g),
        "the root": lambda x, y: x.backward(g),
        "a tensor": lambda x, y: (x + y).backward(xe.tensor(g)),
        "broadcast": lambda x, y: (x.sum() + np.broadcast_to(y, (2, 2))).backward(g),
        "rows": lambda x, y: np.stack([x, y])[0].backward(g),
        "concatenate": lambda x, y: np.concatenate([x, y]).backward(np.vstack([g, g])),
    }, g


@pytest.mark.parametrize("case", list(alias_cases()[0]))
def test_a_gradient_owns_its_memory(case):
    calls, g = alias_cases()
    before = g.copy()
    x, y = leaf(np.ones((2, 2))), leaf(np.ones((2, 2)))
    calls[case](x, y)
    grads = [t.grad for t in (x, y) if t.grad is not None]
    assert all(not np.shares_memory(grad, g) and grad.flags.owndata and grad.flags.writeable for grad in grads)
    assert len(grads) < 2 or not np.shares_memory(*grads)
    for grad in grads:
        grad += 100.0
    np.testing.assert_array_equal(g, before)


def test_a_graph_without_leaves_that_still_live_is_swept_in_peace():
    y = np.exp(leaf([1.0]))
    gc.collect()
    y.backward()


# -- roots and their cotangents ----------------------------------------------------------------------------------------


def test_the_cotangent_can_be_anything_that_numpy_makes_an_array_of():
    for g in (
        [1, 2],
        (1.0, 2.0),
        np.array([1, 2]),
        np.array([1.0, 2.0], np.float32),
        xe.tensor([1.0, 2.0]),
        xe.tensor([1, 2]),
    ):
        for create_graph in (False, True):
            x = leaf([1.0, 1.0])
            (x * 3).backward(g, create_graph=create_graph)
            assert type(x.grad) is (xe.Tensor if create_graph else np.ndarray) and x.grad.dtype == np.float64
            np.testing.assert_array_equal(getattr(x.grad, "data", x.grad) if create_graph else x.grad, [3.0, 6.0])


def test_a_cotangent_that_is_tracked_gets_a_gradient_in_a_recorded_sweep_and_none_in_a_plain_one():
    x, v = leaf([2.0, 3.0]), leaf([1.0, 1.0])
    (x * x).backward(v, create_graph=True)
    x.grad.sum().backward()
    np.testing.assert_array_equal(v.grad, [4.0, 6.0])
    x.grad = None
    (x * x).backward(v)
    assert type(x.grad) is np.ndarray


def test_a_cotangent_of_another_shape_or_kind_is_refused():
    y = np.exp(leaf([1.0, 2.0]))
    for g in (np.ones(3), 1.0, np.ones((2, 1))):
        with pytest.raises(
            xe.ShapeError, match=r"backward: the gradient has shape \(.*\), exp has shape \(2,\). They must agree"
        ):
            y.backward(g)
    with pytest.raises(xe.ShapeError):
        y.backward(xe.tensor(1.0), create_graph=True)
    with pytest.raises(xe.DTypeError, match="backward: the gradient: data is complex128"):
        y.backward([1j, 1j])
    with pytest.raises(xe.DTypeError, match="backward: the gradient: data has dtype"):
        y.backward("ab")


def test_a_root_of_several_values_needs_a_cotangent_and_names_itself_and_its_line():
    x = leaf([1.0, 2.0])
    y = np.exp(x)
    y.name = "y"
    with pytest.raises(xe.ShapeError) as raised:
        y.backward()
    assert str(raised.value).startswith("backward: exp 'y' has shape (2,) (made at test_backward.py:")
    assert ": y = np.exp(x)).\n  A gradient belongs to a single value. Write t.sum().backward(), or" in str(
        raised.value
    )
    with pytest.raises(xe.ShapeError, match=r"backward: tensor 'z' has shape \(0,\)\.\n"):
        leaf([], name="z").backward()
    for shape in ((1,), (1, 1), ()):
        np.exp(leaf(np.ones(shape))).backward()


def test_a_root_without_a_graph_says_why():
    c = xe.tensor([1.0], name="c")
    with xe.no_grad():
        quiet = leaf([1.0]) * 2
    for t, name in (
        (c, "tensor 'c'"),
        (quiet, "the tensor"),
        (leaf([1.0]).detach(), "the tensor"),
        (leaf([1.0]) > 0, "the tensor"),
    ):
        with pytest.raises(
            xe.GraphError, match=rf"backward: {name}, shape \(1,\), has no graph: nothing that it was computed from"
        ):
            t.backward()


# -- dtypes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_gradients_have_the_dtype_of_their_leaf(dtype):
    x = leaf([[1.0, 2.0], [3.0, 4.0]], dtype=dtype)
    y = np.sum(np.exp(x) * 2.0 + x @ x, axis=0).mean() / 3
    assert y.dtype == dtype
    y.backward()
    assert x.grad.dtype == dtype
    wide = leaf([1.0, 2.0], dtype=np.float64)
    (x[0] * wide).sum().backward()
    assert x.grad.dtype == dtype and wide.grad.dtype == np.float64


def test_a_tensor_of_another_byte_order_is_taken_over_in_ours():
    x = xe.tensor(np.array([1.0, 2.0], ">f8"), requires_grad=True)
    assert x.dtype.isnative
    (x * np.array([3.0, 4.0], ">f8")).sum().backward()
    np.testing.assert_array_equal(x.grad, [3.0, 4.0])


# -- using a graph up --------------------------------------------------------------------------------------------------


def test_a_second_backward_names_retain_graph_and_the_line():
    x = leaf([1.0])
    y = np.exp(x)
    y.backward()
    with pytest.raises(xe.GraphError) as raised:
        y.backward()
    said = str(raised.value)
    assert said.startswith("backward: this graph was used by an earlier backward(), which released its arrays.\n")
    assert ": y = np.exp(x)\n" in said and "Write backward(retain_graph=True) the first time" in said
    assert x.grad == [np.e]


@pytest.mark.parametrize("how", [{"retain_graph": True}, {"create_graph": True}])
def test_a_graph_that_is_retained_can_be_swept_again(how):
    x = leaf([2.0])
    y = x * x
    for total in (4.0, 8.0):
        y.backward(**how)
        assert x.grad.item() == total
    y.backward()
    with pytest.raises(xe.GraphError):
        y.backward()


@pytest.mark.parametrize("careful", [False, True])
def test_a_shared_part_that_another_backward_used_up_is_named(careful):
    x = leaf([2.0])
    shared = np.exp(x)
    shared.name = "h"
    one, other = (shared * 2).sum(), (shared * 3).sum()
    one.backward()
    with pytest.raises(
        xe.GraphError, match=r"backward: part of this graph \(exp 'h'\) was used by an earlier backward"
    ):
        other.backward(create_graph=careful)
    assert x.grad == pytest.approx(2 * np.exp(2.0))


def failing(times):
    """An identity whose rule fails the first `times` times."""
    left = [times]

    def rule(g):
        left[0] -= 1
        if left[0] >= 0:
            raise ZeroDivisionError("rule")
        return g

    return Op(lambda x: +x, "x", {"x": lambda g: rule(g)})


@pytest.mark.parametrize("how", [{}, {"create_graph": True}])
def test_a_sweep_that_fails_half_way_changes_nothing_and_can_be_repeated(how):
    x, y = leaf([1.0]), leaf([2.0])
    h = x * 3
    h.retain_grad()
    out = (failing(1)(h) + h + y).sum()
    with pytest.raises(ZeroDivisionError):
        out.backward(**how)
    assert x.grad is None and y.grad is None and h.grad is None
    out.backward(**how)
    assert (x.grad.item(), y.grad.item(), h.grad.item()) == (6.0, 1.0, 2.0)


def test_a_hook_that_fails_changes_nothing():
    x, y = leaf([1.0]), leaf([2.0])
    out = (x * y).sum()
    remove = x.register_hook(lambda g: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        out.backward()
    assert x.grad is None and y.grad is None
    remove()
    out.backward()
    assert (x.grad, y.grad) == ([2.0], [1.0])


# -- arrays that change in between -------------------------------------------------------------------------------------


CAPTURED = {
    "float64": np.arange(1.0, 7.0).reshape(2, 3),
    "float32": np.arange(1.0, 7.0, dtype=np.float32).reshape(2, 3),
    "float16": np.arange(1.0, 7.0, dtype=np.float16).reshape(2, 3),
    "integers": np.arange(1, 7).reshape(2, 3),
    "booleans": np.ones((2, 3), bool),
    "columns first": np.asfortranarray(np.arange(1.0, 7.0).reshape(2, 3)),
    "not contiguous": np.arange(1.0, 13.0).reshape(2, 6)[:, ::2],
    "with NaN": np.array([[np.nan, 1.0, 2.0], [np.inf, 1.0, 0.0]]),
    "a constant tensor's": xe.tensor(np.ones((2, 3))),
}


@pytest.mark.parametrize("name", CAPTURED)
@pytest.mark.parametrize("careful", [False, True])
def test_an_array_that_was_changed_after_its_use_is_named(name, careful):
    captured = CAPTURED[name].data.copy() if isinstance(CAPTURED[name], xe.Tensor) else CAPTURED[name].copy(order="K")
    x = leaf(np.ones((2, 3)))
    y = x * (xe.tensor(captured).data if name == "a constant tensor's" else captured)
    if name == "a constant tensor's":
        y = x * captured
    captured[1, 1] = ~captured[1, 1] if captured.dtype == bool else captured[1, 1] + 1
    with pytest.raises(xe.GraphError) as raised:
        y.backward(np.ones((2, 3)), create_graph=careful)
    said = str(raised.value)
    assert said.startswith(
        "backward: the array b of multiply, shape (2, 3), was changed after it was used at\n  test_backward.py:"
    )
    assert "Pass a copy: x.copy()." in said
    captured[1, 1] = ~captured[1, 1] if captured.dtype == bool else captured[1, 1] - 1
    y.backward(np.ones((2, 3)))


def test_an_array_that_no_rule_reads_may_change():
    x, other = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    y, z = x + other, np.concatenate([x, other])
    other[:] = 0
    (y.sum() + z.sum()).backward()
    np.testing.assert_array_equal(x.grad, [2.0, 2.0])


def test_a_large_array_is_sampled():
    x, large = leaf(1.0), np.zeros(FINGERPRINT_BYTES)  # eight times as many bytes
    y = np.sum(x * large)
    large[1] = 1.0  # between two samples: not seen, as documented
    y.backward(retain_graph=True)
    large[8] = 1.0
    with pytest.raises(xe.GraphError, match="was changed after it was used"):
        y.backward()


def test_a_condition_that_was_changed_is_named():
    x, condition = leaf([1.0, 2.0]), np.array([True, False])
    y = np.where(condition, x, 0).sum()
    condition[1] = True
    with pytest.raises(xe.GraphError, match="the array condition of where"):
        y.backward()


def test_a_constant_tensor_can_be_assigned_to_after_its_use():
    x, c = leaf([1.0, 2.0]), xe.tensor([3.0, 4.0])
    y = (x * c).sum()
    c.assign([0.0, 0.0])
    c[0] = 5.0
    y.backward()
    np.testing.assert_array_equal(x.grad, [3.0, 4.0])


USES = {
    "itself": lambda w, x: w * x,
    "its transpose": lambda w, x: w.T @ x,
    "another shape of it": lambda w, x: w.reshape(-1) * x.reshape(-1),
    "a part of it": lambda w, x: w[1:] * x[:1],
    "a part of its transpose": lambda w, x: np.swapaxes(w.T, 0, 1)[:, 1] * x[:, 0],
    "flipped and broadcast": lambda w, x: np.broadcast_to(np.flip(w, 0), (3, 2, 2)) * x,
    "with an axis more": lambda w, x: w[None] * x,
    "in a list": lambda w, x: np.square(w) + x,
    "in the same dtype": lambda w, x: np.exp(x) * np.expand_dims(w, 0),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("change", ["in place", "assign", "part"])
def test_a_leaf_that_was_assigned_to_after_its_use_is_named(use, change):
    w, x = leaf([[1.0, 2.0], [3.0, 4.0]], name="w"), leaf([[1.0, 1.0], [2.0, 2.0]])
    y = USES[use](w, x).sum()
    with xe.no_grad():
        if change == "in place":
            w -= 0.5
        elif change == "assign":
            w.assign(np.zeros((2, 2)))
        else:
            w[1, 1] = 7.0
    with pytest.raises(xe.GraphError) as raised:
        y.backward()
    said = str(raised.value)
    assert said.startswith(
        "backward: tensor 'w', shape (2, 2), was assigned to after it was used at\n  test_backward.py:"
    )
    assert "Call backward() before the update, or compute the result again." in said
    assert x.grad is None and w.grad is None
    USES[use](w, x).sum().backward()


NO_USES = {
    "a sum": lambda w, x: w + x,
    "a copy": lambda w, x: np.stack([w, w]) * x,
    "picked rows": lambda w, x: w[np.array([0, 1])] * x,
    "the same dtype": lambda w, x: w.astype(np.float64) * x,
    "another dtype": lambda w, x: w.astype(np.float32) * x,
    "a view that is not saved": lambda w, x: w.T + x,
    "detached": lambda w, x: w.detach() * x + w,
    "a result": lambda w, x: np.exp(w) + x,
}


@pytest.mark.parametrize("use", NO_USES)
def test_a_leaf_whose_memory_no_rule_reads_may_be_assigned_to(use):
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    grads = []
    for update in (False, True):
        w, x = leaf(values), leaf(values + 1)
        y = NO_USES[use](w, x).sum()
        if update:
            with xe.no_grad():
                w -= 0.5
        y.backward()
        grads.append((w.grad, x.grad))
    np.testing.assert_array_equal(*grads)


def test_an_assignment_before_the_use_is_no_matter():
    w = leaf([1.0, 2.0])
    first = w * w
    with xe.no_grad():
        w -= 0.5
    view = w.T
    second = view * view
    second.sum().backward()
    np.testing.assert_array_equal(w.grad, [1.0, 3.0])
    with pytest.raises(xe.GraphError, match="was assigned to after it was used"):
        (first + w * w).sum().backward()


def test_a_leaf_that_is_gone_may_have_been_assigned_to_all_the_same():
    w, x = leaf([1.0, 2.0], name="w"), leaf([3.0, 4.0])
    y = (w * x).sum()
    with xe.no_grad():
        w -= 0.5
    del w
    with pytest.raises(xe.GraphError, match=r"tensor 'w'.*was assigned to"):
        y.backward()


def test_data_of_a_leaf_that_was_captured_is_guarded_too():
    w, x = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    y = (x * w.data).sum()
    with xe.no_grad():
        w -= 0.5
    with pytest.raises(xe.GraphError, match="the array b of multiply"):
        y.backward()


# -- long chains -------------------------------------------------------------------------------------------------------


def chain(length):
    x = leaf([1.0])
    y = x
    for _ in range(length):
        y = y * 1.0
    return x, y


def test_a_chain_of_a_hundred_thousand_operations_is_built_swept_and_freed():
    x, y = chain(100_000)
    y.backward()
    assert x.grad == [1.0]
    del y


def test_a_long_chain_that_is_never_swept_is_freed():
    x, y = chain(100_000)
    with xe.no_grad():
        assert y.item() == 1.0
    del x, y


def test_a_long_chain_is_swept_with_a_recorded_gradient():
    x, y = chain(5_000)
    y.backward(create_graph=True)
    assert x.grad.item() == 1.0


def test_a_wide_graph_is_swept_in_reverse_order_of_creation():
    x = leaf([1.0])
    order = []
    parts = [failing(0)(x * float(i)) for i in range(50)]
    for i, part in enumerate(parts):
        part.register_hook(lambda g, i=i: order.append(i))
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    total.backward()
    assert order == list(range(49, -1, -1))
    assert x.grad == [sum(range(50))]


# -- hooks -------------------------------------------------------------------------------------------------------------


def test_a_hook_is_called_with_the_whole_gradient_once():
    x = leaf([2.0])
    h, seen = x * 3, []
    h.register_hook(seen.append)
    (h * 2 + h * 5).backward()
    assert seen == [[7.0]] and x.grad == [21.0]


def test_what_a_hook_returns_replaces_the_gradient():
    for returned in (np.array([10.0]), [10], xe.tensor([10.0]), np.array([10.0], np.float32)):
        x = leaf([2.0])
        h = x * 3
        h.register_hook(lambda g, returned=returned: returned)
        h.backward()
        assert x.grad == [30.0] and x.grad.dtype == np.float64


def test_hooks_follow_one_another_and_can_be_removed():
    x = leaf([2.0])
    first, second = x.register_hook(lambda g: g + 1), x.register_hook(lambda g: g * 10)
    (x * 1.0).backward()
    assert x.grad == [20.0]
    first()
    first()
    x.grad = None
    (x * 1.0).backward()
    assert x.grad == [10.0]
    second()
    x.grad = None
    (x * 1.0).backward()
    assert x.grad == [1.0]


def test_a_hook_can_neither_change_the_gradient_in_place_nor_keep_its_memory():
    x, y, kept = leaf([2.0, 3.0]), leaf([2.0, 3.0]), []

    def doubles(g):
        g *= 2

    remove = x.register_hook(doubles)
    with pytest.raises(ValueError, match="read-only"):
        (x + y).backward([1.0, 1.0])
    remove()
    mine = np.array([7.0, 7.0])
    x.register_hook(lambda g: kept.append(g) or mine)
    (x + y).backward([1.0, 1.0])
    (x + y).backward([1.0, 1.0])
    np.testing.assert_array_equal(kept, [[1.0, 1.0], [1.0, 1.0]])
    np.testing.assert_array_equal(mine, [7.0, 7.0])
    np.testing.assert_array_equal(x.grad, [14.0, 14.0])


def test_a_hook_that_returns_another_shape_is_named():
    x = leaf([2.0, 3.0], name="x")
    x.register_hook(lambda g: g[:1])
    with pytest.raises(
        xe.ShapeError, match=r"register_hook: a hook of tensor 'x' returned shape \(1,\) for a gradient of shape \(2,\)"
    ):
        (x * 2).sum().backward()


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("returned", ["no gradient", [[1.0], [2.0, 3.0]], object()], ids=["text", "ragged", "object"])
def test_a_hook_that_returns_no_numbers_is_named(returned, create_graph):
    x = leaf([2.0, 3.0], name="x")
    x.register_hook(lambda g: returned)
    with pytest.raises(xe.DTypeError, match=r"register_hook: a hook of tensor 'x' returned .*: "):
        (x * 2).sum().backward(create_graph=create_graph)


@pytest.mark.parametrize("returned", [lambda g: g * g, lambda g: np.array([5.0]), lambda g: None])
def test_hooks_in_a_recorded_sweep_are_given_tensors(returned):
    x, seen = leaf([2.0]), []
    y = x * x
    y.register_hook(lambda g: seen.append(type(g)) or returned(g))
    y.backward(create_graph=True)
    assert seen == [xe.Tensor] and type(x.grad) is xe.Tensor
    assert x.grad.item() == 4.0 * getattr(returned(np.array([1.0])), "item", lambda: 1.0)()


def test_a_replaced_gradient_counts_where_the_old_one_did_not():
    x = leaf([-1.0, 4.0])
    root = np.sqrt(np.abs(x))
    root.register_hook(lambda g: np.ones(2))
    np.where(x > 0, root, 0.0).sum().backward()
    np.testing.assert_array_equal(x.grad, [-0.5, 0.25])


def test_a_hook_needs_a_gradient():
    for call in (lambda t: t.register_hook(print), lambda t: t.retain_grad()):
        with pytest.raises(
            xe.GraphError, match="tensor 'c' does not require grad, so no gradient of it will be computed"
        ):
            call(xe.tensor([1.0], name="c"))


def test_a_retained_gradient_is_that_of_the_computed_tensor():
    x = leaf([2.0, 3.0])
    h = x * x
    h.retain_grad()
    x.retain_grad()
    total = (h * 5).sum()
    total.retain_grad()
    total.backward(retain_graph=True)
    np.testing.assert_array_equal(h.grad, [5.0, 5.0])
    assert total.grad == 1.0 and type(total.grad) is np.ndarray
    total.backward()
    np.testing.assert_array_equal(h.grad, [10.0, 10.0])
    np.testing.assert_array_equal(x.grad, [40.0, 60.0])


def test_a_retained_gradient_comes_after_hooks_and_needs_its_tensor():
    x = leaf([2.0])
    h = x * x
    h.retain_grad()
    h.register_hook(lambda g: g * 3)
    k = h * 1.0
    k.backward(retain_graph=True)
    assert h.grad == [3.0]
    del h
    k.backward()
    assert x.grad == [24.0]


def test_nothing_is_hooked_for_ever():
    x = leaf([2.0])
    (x * x).retain_grad()
    gc.collect()
    assert not hooked


# -- higher order ------------------------------------------------------------------------------------------------------


def derivatives(function, at, order):
    x = leaf(at)
    y, found = function(x), []
    for _ in range(order):
        x.grad = None
        y.sum().backward(create_graph=True)
        y = x.grad
        found.append(y.data.copy())
    return found


def test_derivatives_of_any_order():
    at = np.array([0.3, 1.2])
    found = derivatives(np.sin, at, 5)
    expected = [np.cos(at), -np.sin(at), -np.cos(at), np.sin(at), np.cos(at)]
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    np.testing.assert_allclose(derivatives(lambda x: x**4, at, 4), [4 * at**3, 12 * at**2, 24 * at, 24 + 0 * at])


def test_a_hessian_vector_product():
    rng = np.random.default_rng(0)
    A, v = rng.standard_normal((4, 4)), rng.standard_normal(4)
    x = leaf(rng.standard_normal(4))
    (x @ A @ x).backward(create_graph=True)
    first, x.grad = x.grad, None
    (first * v).sum().backward()
    np.testing.assert_allclose(x.grad, (A + A.T) @ v)


def test_a_recorded_sweep_records_under_no_grad_too():
    x = leaf([2.0])
    y = x**3
    with xe.no_grad():
        y.backward(create_graph=True)
    assert x.grad.requires_grad
    first, x.grad = x.grad, None
    first.backward()
    assert x.grad == [12.0]


def test_a_plain_sweep_works_under_no_grad():
    x = leaf([2.0])
    y = x**3
    with xe.no_grad():
        y.backward()
    assert x.grad == [12.0]


def test_a_gradient_through_a_gradient_and_the_original():
    x, y = leaf([2.0]), leaf([3.0])
    (x * x * y).backward(create_graph=True)
    penalty = (x.grad**2).sum() + y.grad.sum()
    x.grad = y.grad = None
    penalty.backward()
    np.testing.assert_allclose((x.grad, y.grad), [[2 * 12 * 6 + 4], [2 * 12 * 4]])


def test_second_order_through_every_kind_of_saved_value():
    x, w = leaf([[0.5, 1.0], [2.0, 0.1]]), leaf([0.3, 0.7])

    def f(x, w):
        return np.sum(np.max(xe.softmax(x @ w * np.stack([w, w])), axis=1) * np.exp(np.mean(x, axis=0)) / (w + 1.0))

    eps, direction = 1e-6, np.array([[1.0, -2.0], [0.5, 0.25]])
    f(x, w).backward(create_graph=True)
    first, x.grad, w.grad = x.grad, None, None
    (first * direction).sum().backward()

    def first_at(values):
        t = leaf(values)
        f(t, w.detach()).backward()
        return t.grad

    slope = (first_at(x.data + eps * direction) - first_at(x.data - eps * direction)) / (2 * eps)
    np.testing.assert_allclose(x.grad, slope, rtol=1e-6, atol=1e-8)


# -- fitting -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3,), (1, 3), (2, 1), (1, 1), (1,), (), (2, 3), (4, 1, 3), (1, 2, 1)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_cotangents_are_summed_over_broadcast_axes(shape, dtype):
    g = np.arange(24, dtype=dtype).reshape(4, 2, 3)
    small = np.ones(shape, dtype)
    expected = g.copy()
    while expected.ndim > len(shape):
        expected = expected.sum(0)
    for i, n in enumerate(shape):
        if n == 1:
            expected = expected.sum(i, keepdims=True)
    for found in (sum_to(g, shape), sum_to(xe.tensor(g), shape).data):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == dtype
    x = leaf(small, dtype=dtype)
    (x * g).sum().backward()
    np.testing.assert_allclose(x.grad, expected)


def test_a_bias_is_summed_by_a_product_with_ones():
    for dtype in (np.float32, np.float64):
        b = leaf([1.0, 2.0, 3.0], dtype=dtype)
        (b + np.ones((5, 3), dtype)).sum().backward()
        np.testing.assert_array_equal(b.grad, [5.0, 5.0, 5.0])
    assert ones(5, np.dtype(float)) is ones(5, np.dtype(float)) and not ones(5, np.dtype(float)).flags.writeable


def test_a_reduced_cotangent_is_spread_again_in_a_recorded_sweep():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    (x.sum(axis=0) ** 2).sum().backward(create_graph=True)
    np.testing.assert_array_equal(x.grad.data, [[8.0, 12.0], [8.0, 12.0]])


def test_fit_leaves_what_fits():
    x = leaf([1.0, 2.0])
    g = np.ones(2)
    assert fit(g, x.node, elementwise.exp) is g


# -- PyTorch -----------------------------------------------------------------------------------------------------------

UNARY = [
    ("exp", lambda m, a: m.exp(-m.abs(a))),
    ("tanh", lambda m, a: m.tanh(a)),
    ("sin", lambda m, a: m.sin(a)),
    ("square", lambda m, a: a * a),
    ("negate", lambda m, a: -a),
    ("divide", lambda m, a: a / (1 + a * a)),
    ("log", lambda m, a: m.log(1 + a * a)),
    ("sqrt", lambda m, a: m.sqrt(1 + a * a)),
    ("reshape", lambda m, a: a.reshape(-1)[: a.shape[0] * a.shape[1]].reshape(a.shape)),
    ("transpose", lambda m, a: a.T @ a / a.shape[0]),
    ("row", lambda m, a: a[:1] * 1.5),
    ("columns", lambda m, a: a[:, [0, -1, 0]]),
    ("sum rows", lambda m, a: a.sum(0)[None] * 0.3),
    ("mean", lambda m, a: a.mean() + a),
    ("where", lambda m, a: m.where(a > 0.1, a, 0.5 * a * a)),
    ("maximum", lambda m, a: m.maximum(a, 0.5 * m.cos(a))),
    ("cumulate", lambda m, a: m.cumsum(a, 0)),
]
BINARY = [
    ("add", lambda m, a, b: a + b),
    ("subtract", lambda m, a, b: a - b[:1]),
    ("multiply", lambda m, a, b: a * b.mean(0)),
    ("matmul", lambda m, a, b: a @ b.T / a.shape[1]),
    ("logaddexp", lambda m, a, b: m.logaddexp(a, b.sum() + 0 * a)),
    ("stack", lambda m, a, b: m.stack([a * b.mean(), a]).mean(0)),
    ("concatenate", lambda m, a, b: m.concatenate([a, a * b[:1, :1]])),
]

steps = st.lists(
    st.tuples(st.integers(0, len(UNARY) + len(BINARY) - 1), st.integers(0, 30), st.integers(0, 30)),
    min_size=1,
    max_size=24,
)


def run(module, first, second, plan):
    """A random graph: each step takes one or two of the values so far; what does not fit together is left out."""
    values = [first, second]
    for which, i, j in plan:
        a, b = values[i % len(values)], values[j % len(values)]
        if which < len(UNARY):
            value = UNARY[which][1](module, a)
        else:
            name, function = BINARY[which - len(UNARY)]
            if tuple(a.shape) != tuple(b.shape) and not (name == "matmul" and a.shape[1] == b.shape[1]):
                continue
            value = function(module, a, b)
        values.append(value)
    return sum((value * value).sum() / (3.0 + i) for i, value in enumerate(values))


@settings(max_examples=150, deadline=None)
@given(plan=steps, seed=st.integers(0, 10_000))
def test_random_graphs_have_pytorchs_gradients(torch, plan, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((3, 3)), rng.standard_normal((3, 3))
    x, y = leaf(a), leaf(b)
    u, v = torch.tensor(a, requires_grad=True), torch.tensor(b, requires_grad=True)
    with np.errstate(over="ignore"):
        ours = run(np, x, y, plan)
    theirs = run(torch, u, v, plan)
    if not 1e-6 < abs(theirs.item()) < 1e8:
        return
    np.testing.assert_allclose(ours.item(), theirs.item(), rtol=1e-9)
    ours.backward()
    theirs.backward()
    for mine, other in ((x, u), (y, v)):
        scale = max(1.0, float(other.grad.abs().max()))
        np.testing.assert_allclose(mine.grad / scale, other.grad.numpy() / scale, rtol=1e-8, atol=1e-10)


@settings(max_examples=40, deadline=None)
@given(plan=st.lists(steps.map(lambda s: s[0]), min_size=1, max_size=6), seed=st.integers(0, 10_000))
def test_random_graphs_have_pytorchs_second_derivatives(torch, plan, seed):
    rng = np.random.default_rng(seed)
    a, b, direction = rng.standard_normal((3, 3, 3))
    x, y = leaf(a), leaf(b)
    u, v = torch.tensor(a, requires_grad=True), torch.tensor(b, requires_grad=True)
    ours, theirs = run(np, x, y, plan), run(torch, u, v, plan)
    if abs(theirs.item()) > 1e6:
        return
    ours.backward(create_graph=True)
    first, x.grad, y.grad = x.grad, None, None
    (first * direction).sum().backward()
    (gradient,) = torch.autograd.grad(theirs, u, create_graph=True)
    second = torch.autograd.grad((gradient * torch.tensor(direction)).sum(), [u, v], allow_unused=True)
    for mine, other in ((x, second[0]), (y, second[1])):
        expected = np.zeros((3, 3)) if other is None else other.numpy()
        found = np.zeros((3, 3)) if mine.grad is None else mine.grad
        scale = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(found / scale, expected / scale, rtol=1e-7, atol=1e-9)
