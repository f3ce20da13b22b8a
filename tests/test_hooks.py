"""Hooks and retained gradients: when they are called, with what, and what they may change."""

import gc

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.backward import hooked


def leaf(*values, name=None):
    return xe.tensor(np.array(values, float), requires_grad=True, name=name)


def same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)


# -- what a hook sees --------------------------------------------------------------------------------------------------


def test_a_hook_on_a_leaf_is_called_once_with_the_whole_gradient():
    x, seen = leaf(1, 2), []
    x.register_hook(lambda g: seen.append(g))
    (x * x + 3 * x).sum().backward()
    assert len(seen) == 1 and type(seen[0]) is np.ndarray
    same(seen[0], [5, 7])
    same(x.grad, [5, 7])


def test_a_hook_on_a_computed_tensor_is_called_once_with_the_whole_gradient():
    x, seen = leaf(1, 2), []
    y = np.exp(x)
    y.register_hook(lambda g: seen.append(g))
    (y * y + 3 * y).sum().backward()
    assert len(seen) == 1
    same(seen[0], 2 * np.exp([1, 2]) + 3)
    same(x.grad, np.exp([1, 2]) * seen[0])


def test_a_hook_on_the_root_sees_the_cotangent_that_was_given():
    x, seen = leaf(1, 2), []
    y = x * 2
    y.register_hook(lambda g: seen.append(g))
    y.backward([3, 4])
    same(seen, [[3, 4]])


def test_a_hook_on_a_leaf_that_is_the_root_is_called():
    x = leaf(5)
    x.register_hook(lambda g: 7 * g)
    x.backward()
    same(x.grad, [7])


def test_a_hook_is_called_at_every_backward():
    x, calls = leaf(1, 2), []
    x.register_hook(lambda g: calls.append(1))
    for _ in range(3):
        (x * x).sum().backward()
    assert len(calls) == 3
    same(x.grad, [6, 12])


def test_a_hook_on_a_tensor_that_is_not_reached_is_not_called():
    x, y, calls = leaf(1, 2), leaf(3), []
    y.register_hook(calls.append)
    (x * x).sum().backward()
    assert calls == [] and y.grad is None


def test_what_a_hook_sees_is_a_copy_that_it_can_keep_but_not_write():
    x, seen = leaf(1, 2), []

    def hook(g):
        seen.append(g)
        with pytest.raises(ValueError, match="read-only"):
            g += 100

    x.register_hook(hook)
    (x * x).sum().backward()
    x.grad *= 0
    same(seen[0], [2, 4])


def test_hooks_run_newest_node_first_and_on_one_tensor_in_order_of_registration():
    x, calls = leaf(1, 2), []
    y = x * 2
    z = y.sum()
    for t, name in ((x, "x1"), (z, "z1"), (y, "y1"), (y, "y2"), (x, "x2")):
        t.register_hook(lambda g, name=name: calls.append(name))
    z.backward()
    assert calls == ["z1", "y1", "y2", "x1", "x2"]


def test_a_hook_on_a_0d_tensor_sees_a_number():
    x, seen = xe.tensor(3.0, requires_grad=True), []
    x.register_hook(seen.append)
    (x * x).backward()
    assert np.shape(seen[0]) == () and seen[0] == 6


# -- what a hook changes -----------------------------------------------------------------------------------------------


def test_what_a_hook_returns_replaces_the_gradient_below_it():
    x = leaf(1, 2)
    y = x * 3
    y.register_hook(lambda g: np.clip(g, -1, 1))
    (y * y).sum().backward()
    same(x.grad, [3, 3])


def test_each_hook_gets_what_the_one_before_returned():
    x = leaf(1, 2)
    x.register_hook(lambda g: g + 1)
    x.register_hook(lambda g: None)
    x.register_hook(lambda g: g * 10)
    x.sum().backward()
    same(x.grad, [20, 20])


def test_what_a_hook_returns_is_cast_to_the_dtype_of_the_tensor():
    x = xe.tensor(np.array([1, 2], np.float32), requires_grad=True)
    x.register_hook(lambda g: g.astype(np.float64) * 2)
    x.sum().backward()
    assert x.grad.dtype == np.float32
    same(x.grad, [2, 2])


def test_a_hook_may_return_a_list_or_a_tensor():
    x, y = leaf(1, 2), leaf(1, 2)
    x.register_hook(lambda g: [3, 4])
    y.register_hook(lambda g: xe.tensor(g) * 5)
    (x + y).sum().backward()
    same(x.grad, [3, 4])
    same(y.grad, [5, 5])


def test_an_array_that_a_hook_returns_is_not_the_gradient_itself():
    x, mine = leaf(1, 2), np.array([3.0, 4.0])
    x.register_hook(lambda g: mine)
    x.sum().backward()
    x.grad += 100
    same(mine, [3, 4])


def test_a_hook_that_returns_a_wrong_shape_names_both_shapes_and_loses_nothing():
    x, y = leaf(1, 2, name="weights"), leaf(1, 2)
    remove = x.register_hook(lambda g: g.sum())
    out = (x * y).sum()
    with pytest.raises(xe.ShapeError, match=r"tensor 'weights' returned shape \(\) for a gradient of shape\s+\(2,\)"):
        out.backward()
    assert x.grad is None and y.grad is None
    remove()
    out.backward()
    same(x.grad, [1, 2])


def test_a_hook_that_raises_leaves_gradients_untouched_and_the_graph_usable():
    x, y = leaf(1, 2), leaf(3, 4)
    y.grad = np.array([100.0, 100.0])

    def hook(g):
        raise RuntimeError("of the user")

    remove = x.register_hook(hook)
    out = (x * y).sum()
    with pytest.raises(RuntimeError, match="of the user"):
        out.backward()
    assert x.grad is None
    same(y.grad, [100, 100])
    remove()
    out.backward()
    same(x.grad, [3, 4])
    same(y.grad, [101, 102])


def test_what_a_hook_returns_has_no_mask():
    x = leaf(0, 4)
    with np.errstate(all="ignore"):
        s = np.sqrt(x)
        out = np.where(x > 0, s, 0).sum()
        s.register_hook(lambda g: g + 0)
        out.backward()
    np.testing.assert_array_equal(x.grad, [np.nan, 0.25])


def test_a_hook_that_returns_nothing_keeps_the_mask():
    x, seen = leaf(0, 4), []
    with np.errstate(all="ignore"):
        s = np.sqrt(x)
        out = np.where(x > 0, s, 0).sum()
        s.register_hook(lambda g: seen.append(g))
        out.backward()
    same(x.grad, [0, 0.25])
    same(seen, [[0, 1]])


# -- with create_graph -------------------------------------------------------------------------------------------------


def test_with_create_graph_a_hook_gets_a_tensor_and_its_computation_is_differentiated():
    x, seen = leaf(1, 2), []

    def hook(g):
        seen.append(g)
        return g * g

    remove = x.register_hook(hook)
    (x**3).sum().backward(create_graph=True)
    assert isinstance(seen[0], xe.Tensor)
    first = x.grad
    same(first.data, [9, 144])  # (3 x^2)^2
    remove()
    x.zero_grad()
    first.sum().backward()
    same(x.grad, [36, 288])  # 36 x^3


def test_with_create_graph_a_hook_may_return_a_plain_array():
    x = leaf(1, 2)
    y = x * x
    y.register_hook(lambda g: np.array([5.0, 7.0]))
    y.sum().backward(create_graph=True)
    assert isinstance(x.grad, xe.Tensor)
    same(x.grad.data, [10, 28])


# -- removal -----------------------------------------------------------------------------------------------------------


def test_a_removed_hook_is_not_called_and_can_be_removed_again():
    x = leaf(1, 2)
    remove, _ = x.register_hook(lambda g: 10 * g), x.register_hook(lambda g: 3 * g)
    x.sum().backward()
    same(x.grad, [30, 30])
    x.zero_grad()
    remove()
    remove()
    x.sum().backward()
    same(x.grad, [3, 3])


def test_removing_one_of_several_keeps_the_others_in_order():
    x, calls = leaf(1), []
    removers = [x.register_hook(lambda g, i=i: calls.append(i)) for i in range(4)]
    removers[1]()
    x.sum().backward()
    assert calls == [0, 2, 3]


def test_hooks_stay_while_the_tensor_lives_and_go_with_it():
    before = len(hooked)
    x, calls = leaf(1), []
    x.register_hook(calls.append)
    gc.collect()
    x.sum().backward()
    assert len(calls) == 1 and len(hooked) == before + 1
    del x
    assert len(hooked) == before


def test_a_hook_needs_a_tensor_that_requires_grad():
    with pytest.raises(xe.GraphError, match=r"register_hook: tensor 'c' does not require grad"):
        xe.tensor([1.0], name="c").register_hook(print)
    with pytest.raises(xe.GraphError, match=r"retain_grad: the tensor does not require grad"):
        xe.tensor([1.0]).retain_grad()


# -- retain_grad -------------------------------------------------------------------------------------------------------


def test_a_computed_tensor_has_a_gradient_only_if_it_is_retained():
    x = leaf(1, 2)
    y, z = x * 2, x * 3
    y.retain_grad()
    (y * z).sum().backward()
    same(y.grad, [3, 6])
    assert z.grad is None
    same(x.grad, [12, 24])


def test_a_retained_gradient_accumulates_and_owns_its_memory():
    x = leaf(1, 2)
    y = x * 2
    y.retain_grad()
    out = y.sum()
    out.backward(retain_graph=True)
    y.grad += 10
    same(x.grad, [2, 2])
    out.backward()
    same(y.grad, [12, 12])
    same(x.grad, [4, 4])


def test_a_retained_root_keeps_the_gradient_that_was_given_as_a_copy():
    x, given = leaf(1, 2), np.array([5.0, 6.0])
    y = x + 0
    y.retain_grad()
    y.backward(given)
    same(y.grad, given)
    assert not np.shares_memory(y.grad, given)
    assert not np.shares_memory(y.grad, x.grad) and not np.shares_memory(x.grad, given)


def test_retaining_the_gradient_of_a_leaf_changes_nothing():
    x = leaf(1, 2)
    x.retain_grad()
    (x * x).sum().backward()
    same(x.grad, [2, 4])


def test_a_retained_tensor_that_was_dropped_disturbs_nobody():
    x = leaf(1, 2)
    y = x * 2
    y.retain_grad()
    out = y.sum()
    del y
    out.backward()
    same(x.grad, [2, 2])


def test_a_hook_changes_what_is_retained():
    x = leaf(1, 2)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: 10 * g)
    y.sum().backward()
    same(y.grad, [10, 10])
    same(x.grad, [20, 20])


def test_a_retained_gradient_under_create_graph_is_a_tensor():
    x = leaf(1, 2)
    y = x * x
    y.retain_grad()
    (y * y).sum().backward(create_graph=True)
    assert isinstance(y.grad, xe.Tensor)
    same(y.grad.data, [2, 8])


def test_hooks_and_retained_gradients_agree_with_pytorch(torch):
    def run(library, x, exp):
        y = exp(x)
        y.retain_grad()
        y.register_hook(lambda g: g * 2)
        x.register_hook(lambda g: g + 1)
        (y * y * x).sum().backward()
        return [np.asarray(x.grad), np.asarray(y.grad)]

    values = [0.3, -1.2, 2.0]
    ours = run(xe, leaf(*values), np.exp)
    theirs = run(torch, torch.tensor(values, dtype=torch.float64, requires_grad=True), torch.exp)
    for mine, reference in zip(ours, theirs, strict=True):
        same(mine, reference)


def test_a_hook_that_removes_itself_does_not_hide_the_next():
    x, calls = xe.tensor([1.0, 2.0], requires_grad=True), []

    def once(g):
        calls.append("once")
        remove()

    remove = x.register_hook(once)
    x.register_hook(lambda g: calls.append("always"))
    x.sum().backward()
    x.sum().backward()
    assert calls == ["once", "always", "always"]


def test_what_a_hook_returns_is_cast_in_a_recorded_sweep_too():
    x = xe.tensor([1.0, 2.0], requires_grad=True)
    x.register_hook(lambda g: xe.tensor(np.array([1, 2], np.float32)))
    x.sum().backward(create_graph=True)
    assert x.grad.dtype == np.float64


def test_a_hook_that_returns_no_array_is_named():
    x = xe.tensor([1.0, 2.0], requires_grad=True, name="x")
    x.register_hook(lambda g: "text")
    with pytest.raises(xe.DTypeError, match="a hook of tensor 'x' returned 'text'"):
        x.sum().backward()
