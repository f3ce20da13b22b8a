"""What a graph keeps and for how long: only what rules name, freed by reference counting, at any depth."""

import contextlib
import gc
import sys
import threading
import weakref

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.graph import RELEASED


def leaf(*values):
    return xe.tensor(np.array(values, float), requires_grad=True)


def reachable(node):
    """Every node below `node`, itself included."""
    found, waiting = set(), [node]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in found:
            found.add(node)
            waiting.extend(node.parents)
    return found


@contextlib.contextmanager
def no_collector():
    """Collect what there is, then leave everything to reference counting."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


# -- what is saved -----------------------------------------------------------------------------------------------------

SAVES_NOTHING = {
    "x + y": lambda x, y: x + y,
    "x - y": lambda x, y: x - y,
    "-x": lambda x, y: -x,
    "x + 1.0": lambda x, y: x + 1.0,
    "transpose": lambda x, y: x.T,
    "concatenate": lambda x, y: np.concatenate([x, y]),
    "reshape": lambda x, y: x.reshape(3, 1),
    "index": lambda x, y: x[1:],
    "sum": lambda x, y: x.sum(),
    "mean": lambda x, y: x.mean(axis=0),
}


@pytest.mark.parametrize("function", SAVES_NOTHING.values(), ids=SAVES_NOTHING)
def test_an_operation_whose_rule_names_no_array_saves_none(function):
    node = function(leaf(1, 2, 3), leaf(4, 5, 6)).node
    assert not any(isinstance(value, np.ndarray) for value in node.saved)


def test_an_operand_is_saved_only_if_the_other_one_is_tracked():
    x, y = leaf(1, 2, 3), leaf(4, 5, 6)
    assert (x * 2.0).node.saved[0] == 2.0 and (x * 2.0).node.saved[1] is None
    assert (x + 2.0).node.saved == ()
    assert [value is not None for value in (x * y).node.saved] == [True, True]


def test_a_plain_array_is_saved_without_a_copy():
    x, weights = leaf(1, 2, 3), np.array([4.0, 5.0, 6.0])
    assert any(value is weights for value in (x * weights).node.saved)


def test_a_result_is_saved_where_the_rule_names_it():
    x = leaf(1, 2, 3)
    y = np.exp(x)
    assert y.node.saved[0] is y._data and len(y.node.saved) == 1
    assert np.log(x).node.saved[0] is x._data


def test_an_operation_on_untracked_tensors_keeps_no_node():
    x = xe.tensor([1.0, 2.0])
    assert (x * x).node is None
    with xe.no_grad():
        assert (leaf(1) * 2).node is None


def test_a_node_holds_nodes_and_never_a_tensor():
    x = leaf(1, 2, 3)
    out = (np.exp(x) * np.where(x > 1, x, 0)).sum()
    for node in reachable(out.node):
        assert not any(isinstance(held, xe.Tensor) for held in gc.get_referents(node))


def test_a_comparison_saves_no_array():
    x = leaf(1, 2, 3)
    assert (x > 2).origin.saved is False
    assert (x == 2).origin.saved is True
    assert (x > 2).origin.parents == ()


# -- when it is freed --------------------------------------------------------------------------------------------------


def test_a_saved_array_dies_with_the_result():
    with no_collector():
        out = np.exp(leaf(1, 2, 3)).sum()
        saved = weakref.ref(out.node.parents[0].saved[0])
        assert saved() is not None
        del out
        assert saved() is None


def test_a_saved_array_dies_after_backward_while_the_result_lives():
    with no_collector():
        x = leaf(1, 2, 3)
        out = np.exp(x).sum()
        saved = weakref.ref(out.node.parents[0].saved[0])
        out.backward()
        assert saved() is None
        assert all(node.saved is RELEASED and node.marks is None for node in reachable(out.node) if node.op)
        assert "released" in repr(out.node.saved)
        np.testing.assert_array_equal(x.grad, np.exp([1, 2, 3]))


def test_a_saved_array_lives_after_backward_that_retains_the_graph():
    with no_collector():
        out = np.exp(leaf(1, 2, 3)).sum()
        saved = weakref.ref(out.node.parents[0].saved[0])
        out.backward(retain_graph=True)
        assert saved() is not None
        out.backward()
        assert saved() is None


def test_a_captured_plain_array_dies_after_backward():
    with no_collector():
        weights = np.array([1.0, 2.0, 3.0])
        watched = weakref.ref(weights)
        out = (leaf(1, 2, 3) * weights).sum()
        del weights
        assert watched() is not None
        out.backward()
        assert watched() is None


def test_a_leaf_dies_while_its_graph_lives():
    with no_collector():
        x = leaf(1, 2, 3)
        watched, out = weakref.ref(x), np.exp(x).sum()
        del x
        assert watched() is None
        out.backward()  # there is nobody to give the gradient to


def test_an_intermediate_result_dies_as_soon_as_it_is_dropped():
    with no_collector():
        x = leaf(1, 2, 3)
        middle = x + 1
        array, out = weakref.ref(middle._data), (middle + 1).sum()
        del middle
        assert array() is None
        out.backward()
        np.testing.assert_array_equal(x.grad, [1, 1, 1])


def step(x, w):
    """A graph with a selection, a product, views and a reduction."""
    h = np.maximum(x @ w, 0)
    return (np.where(h > 1, np.sqrt(h), h).reshape(-1)[1:] ** 2).mean()


def plainly(x, w):
    step(x, w).backward()


def never_swept(x, w):
    step(x, w)


def retained(x, w):
    out = step(x, w)
    out.backward(retain_graph=True)
    out.backward()


def second_order(x, w):
    step(x, w).backward(create_graph=True)
    grad = w.grad
    x.zero_grad(), w.zero_grad()
    (grad**2).sum().backward()


def create_graph_only(x, w):
    step(x, w).backward(create_graph=True)
    x.zero_grad(), w.zero_grad()


def with_hooks(x, w):
    h = x @ w
    remove = w.register_hook(lambda g: 2 * g)
    h.register_hook(lambda g: -g)
    h.retain_grad()
    np.exp(h).sum().backward()
    remove()


def recorded(x, w):
    with xe.record() as kept:
        step(x, w).backward()
    assert kept.steps


def recorded_second_order(x, w):
    with xe.record():
        second_order(x, w)


def watched_for_nan(x, w):
    with xe.detect_nonfinite():
        step(x, w).backward()


WAYS = [
    plainly, never_swept, retained, second_order, create_graph_only, with_hooks, recorded, recorded_second_order,
    watched_for_nan,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda f: f.__name__)
def test_a_thousand_graphs_leave_no_cyclic_garbage(way):
    rng = np.random.default_rng(0)
    x, w = (xe.tensor(rng.uniform(0.5, 1, (3, 3)), requires_grad=True) for _ in range(2))
    way(x, w)  # what is built at first use is not garbage of the graphs
    with no_collector():
        for _ in range(1000):
            way(x, w)
            x.zero_grad()
            w.zero_grad()
        assert gc.collect() == 0


def test_hooks_and_retained_gradients_do_not_keep_a_graph_alive():
    with no_collector():
        x = leaf(1, 2, 3)
        y = np.exp(x)
        y.register_hook(lambda g: g)
        y.retain_grad()
        node, array = weakref.ref(y.node), weakref.ref(y._data)
        y.sum().backward()
        assert y.grad is not None
        del y
        assert node() is None and array() is None


# -- depth -------------------------------------------------------------------------------------------------------------

DEPTH = 100_000


def test_a_chain_of_100_000_operations_works_and_is_dropped():
    x = y = xe.tensor(1.0, requires_grad=True)
    for _ in range(DEPTH):
        y = y * 1.00001
    y.backward()
    np.testing.assert_allclose(x.grad, 1.00001**DEPTH, rtol=1e-9)
    del y


def test_a_chain_of_100_000_operations_is_dropped_without_backward_too():
    y = xe.tensor(1.0, requires_grad=True)
    for _ in range(DEPTH):
        y = y + 1.0
    last = weakref.ref(y.node)
    del y
    assert last() is None


def test_a_deep_graph_needs_no_room_on_the_stack():
    failures = []

    def work():
        try:
            x = y = xe.tensor(1.0, requires_grad=True)
            for _ in range(20_000):
                y = y * 1.0
            y.backward(create_graph=True)
            assert x.grad.item() == 1
            x.zero_grad()
        except BaseException as error:
            failures.append(error)

    before = threading.stack_size(256 * 1024)
    limit = sys.getrecursionlimit()
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert failures == [] and sys.getrecursionlimit() == limit


def test_a_deep_chain_with_a_mask_works():
    x = y = leaf(0.0, 4.0)
    with np.errstate(all="ignore"):
        y = np.where(x > 0, np.sqrt(x) * 1.0, 0)
        for _ in range(5_000):
            y = y + 0.0
        y.sum().backward()
    np.testing.assert_array_equal(x.grad, [0, 0.25])


def test_two_paths_at_every_step_of_a_deep_graph_are_swept_once():
    x = y = xe.tensor(1.0, requires_grad=True)
    for _ in range(1000):
        y = y * 0.5 + y * 0.5  # 2**1000 paths
    y.backward()
    assert x.grad == 1
