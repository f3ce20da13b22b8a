"""Nodes and their places, the mode of recording, fingerprints, and the memory that graphs hold."""

import gc
import threading
import weakref

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.graph import FINGERPRINT_BYTES, RELEASED, fingerprint, label, mode, place, unusual, watching


def leaf(values, name=None, dtype=float):
    return xe.tensor(np.array(values, dtype), requires_grad=True, name=name)


class Noted:
    """An observer that notes what it is told."""

    def __init__(self):
        self.forwards, self.cotangents, self.contributions = [], [], []

    def forward(self, op, node, inputs, out):
        self.forwards.append((op.name, node, inputs, out))

    def cotangent(self, node, g):
        self.cotangents.append((label(node), g))

    def contribution(self, node, i, gx):
        self.contributions.append((label(node), i, gx))


# -- what a node keeps -------------------------------------------------------------------------------------------------


def test_a_sum_saves_nothing():
    assert (leaf([1.0]) + leaf([2.0])).node.saved == ()


def test_a_product_with_a_constant_saves_the_constant_alone():
    x, c = leaf([1.0]), np.array([3.0])
    for product in (x * c, c * x):
        assert [value for value in product.node.saved if value is not None] == [c]
    assert all(value is not None for value in (x * x).node.saved)


def test_an_exponential_saves_its_result_alone():
    y = np.exp(leaf([1.0]))
    assert y.node.saved == (y._data,)


def test_a_node_never_holds_a_tensor():
    x = leaf([1.0, 2.0])
    tensors = [x, x * 2, np.exp(x * 2), np.where(x > 1, x, 0), x[:1], np.concatenate([x, x])]
    for t in tensors:
        for value in (*t.node.parents, *(t.node.saved or ()), *getattr(t.node, "options", ())):
            assert not isinstance(value, xe.Tensor)


def test_nothing_is_recorded_where_nothing_wants_a_gradient():
    y = np.exp(xe.tensor([1.0])) * np.ones(1)
    assert y.node is None and not y.requires_grad


def test_nodes_describe_themselves():
    x = leaf([1.0, 2.0], name="x")
    y = np.exp(x)
    assert repr(x.node) == "<node tensor 'x' (2,) float64>"
    assert repr(y.node) == "<node exp (2,) float64>"
    y.name = "y"
    assert label(y.node) == "exp 'y'"
    y.sum().backward()
    assert y.node.saved is RELEASED and repr(RELEASED) == "<released by backward()>"


# -- memory ------------------------------------------------------------------------------------------------------------


def refs_to_saved(t):
    """Weak references to the arrays in the graph of `t`."""
    found, stack = [], [t.node]
    while stack:
        node = stack.pop()
        found += [weakref.ref(value) for value in node.saved or () if type(value) is np.ndarray]
        stack += [parent for parent in node.parents if parent is not None]
    return found


def graph_of(x):
    h = np.tanh(x * 2.0)
    return np.sum(np.exp(h) * h)


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
def test_a_graph_is_freed_with_its_result():
    x = leaf(np.ones(3))
    y = graph_of(x)
    refs = refs_to_saved(y)
    assert len(refs) >= 3 and all(ref() is not None for ref in refs)
    del y
    assert all(ref() is None for ref in refs)


@pytest.mark.usefixtures("no_collector")
def test_backward_releases_the_saved_arrays_though_the_result_lives():
    x, captured = leaf(np.ones(3)), np.array([1.0, 2.0, 3.0])
    y = graph_of(x * captured)
    refs, captured_ref = refs_to_saved(y), weakref.ref(captured)
    y.backward(retain_graph=True)
    assert all(ref() is not None for ref in refs)
    y.backward()
    del captured
    assert all(ref() is None for ref in refs) and captured_ref() is None
    assert y.item() == pytest.approx(float(y))


def build(kind, x):
    y = graph_of(x)
    if kind == "plain":
        return y
    if kind == "create_graph":
        y.backward(create_graph=True)
        (x.grad**2).sum().backward()
        x.grad = None
    elif kind == "hooks":
        h = x * 3.0
        h.register_hook(lambda g: g * 2)
        (y + h.sum()).backward()
    elif kind == "retain_grad":
        h = x * 3.0
        h.retain_grad()
        (y + h.sum()).backward()
        assert h.grad is not None
    elif kind == "record":
        with xe.record() as recorded:
            graph_of(x).backward()
        assert recorded.steps
    elif kind == "comparison":
        return np.where((x > 0) & (y > 1) & (x == x), x, y)
    return y


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("kind", ["plain", "create_graph", "hooks", "retain_grad", "record", "comparison"])
def test_a_thousand_graphs_leave_no_cyclic_garbage(kind):
    x = leaf([0.5, 1.5])
    build(kind, x)
    gc.collect()
    for _ in range(1000):
        build(kind, x)
    assert gc.collect() == 0


@pytest.mark.usefixtures("no_collector")
def test_leaves_are_freed_without_the_collector():
    x = leaf([1.0, 2.0])
    graph_of(x).backward()
    refs = weakref.ref(x), weakref.ref(x.node)
    del x
    assert refs[0]() is None and refs[1]() is None


def test_a_hook_that_knows_its_tensor_does_not_keep_it_for_ever():
    x = leaf([1.0])

    def hooked():
        y = x * 2
        y.register_hook(lambda g: print(y, g))
        return weakref.ref(y)

    ref = hooked()
    gc.collect()
    assert ref() is None


@pytest.mark.usefixtures("no_collector")
def test_a_mask_does_not_keep_the_graph_that_it_was_made_from():
    x = leaf(np.ones(3))
    y = np.exp(x)
    ref, mask = weakref.ref(y.node), y > 1
    del y
    assert ref() is None and mask.origin is not None


# -- places ------------------------------------------------------------------------------------------------------------


def test_a_node_knows_the_line_that_made_it():
    x = leaf([1.0, 2.0])
    y = np.exp(x)  # this line
    z = x * y
    w = np.sum(x)
    v = xe.softmax(x)
    u = x[0]
    t = x.mean()
    s = np.clip(x, 0, 1)
    where = __file__.rpartition("/")[2]
    for made, text in [
        (y, "y = np.exp(x)  # this line"), (z, "z = x * y"), (w, "w = np.sum(x)"), (v, "v = xe.softmax(x)"),
        (u, "u = x[0]"), (t, "t = x.mean()"), (s, "s = np.clip(x, 0, 1)"),
    ]:  # fmt: skip
        assert place(made.node).startswith(f"{where}:") and place(made.node).endswith(f": {text}")


def test_a_line_that_spans_several_is_named_by_the_part_that_made_the_node():
    x = leaf([1.0, 2.0])
    # fmt: off
    y = np.sum(
        np.exp(x)
    )
    # fmt: on
    assert place(y.node.parents[0]).endswith(": np.exp(x)")


def test_code_without_a_file_has_a_place_without_text():
    scope = {"x": leaf([1.0])}
    exec(compile("\n\ny = x * 2", "<cell>", "exec"), scope)
    assert place(scope["y"].node) == "<cell>:3"


def test_code_without_line_numbers_is_placed_at_its_first_line():
    def make(x):
        return x * 2

    code = make.__code__
    bare = code.replace(co_linetable=b"")
    make.__code__ = bare
    assert place(make(leaf([1.0])).node).startswith(f"test_graph.py:{code.co_firstlineno}")


def test_a_leaf_has_no_place():
    assert place(leaf([1.0]).node) == ""


def test_a_graph_made_by_the_library_alone_is_placed_at_the_outermost_line():
    found = []
    x = leaf([1.0])
    thread = threading.Thread(target=x.sum)
    thread.start()
    thread.join()

    def run():
        found.append(x.sum())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert place(found[0].node).endswith("found.append(x.sum())")


# -- the mode of recording ---------------------------------------------------------------------------------------------


def test_no_grad_records_nothing_inside():
    x = leaf([1.0])
    with xe.no_grad():
        y = x * 2
    assert not y.requires_grad and (x * 2).requires_grad


def test_no_grad_decorates_a_function_and_keeps_its_name():
    x = leaf([1.0])

    @xe.no_grad()
    def double(t, times=1):
        """Twice."""
        return t * 2 * times

    assert not double(x, times=2).requires_grad
    assert (double.__name__, double.__doc__) == ("double", "Twice.")
    assert (x * 2).requires_grad


def test_no_grad_refuses_to_decorate_what_gives_control_back():
    def generator():
        yield 1

    async def coroutine():
        return 1

    for function in (generator, coroutine):
        with pytest.raises(xe.DTypeError, match=rf"no_grad: {function.__name__} gives control back"):
            xe.no_grad()(function)
    assert list(generator()) == [1]
    with pytest.raises(StopIteration):
        coroutine().send(None)


def test_blocks_nest_and_one_object_can_be_entered_twice():
    x, quiet = leaf([1.0]), xe.no_grad()
    with quiet:
        with quiet, xe.no_grad():
            pass
        assert not (x * 2).requires_grad
        with watching(None):
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad and not unusual


def test_an_exception_restores_the_mode():
    x = leaf([1.0])
    for block in (xe.no_grad(), watching((Noted(),))):
        with pytest.raises(ZeroDivisionError), block:
            raise ZeroDivisionError
        assert mode.watch is None and not unusual
    assert (x * 2).requires_grad


def test_an_observer_that_raises_stops_the_computation_and_nothing_else():
    class Failing(Noted):
        def forward(self, op, node, inputs, out):
            raise ZeroDivisionError

        cotangent = contribution = forward

    x = leaf([1.0])
    y = x * 2
    with pytest.raises(ZeroDivisionError), watching((Failing(),)):
        x * 2
    Failing.cotangent = lambda self, node, g: 1 / 0
    with pytest.raises(ZeroDivisionError), watching((Failing(),)):
        y.backward()
    assert x.grad is None and mode.watch is None and not unusual
    y.backward()
    assert x.grad == [2.0]


def test_the_mode_belongs_to_the_thread():
    x, found, inside, done = leaf([1.0]), [], threading.Event(), threading.Event()

    def other():
        inside.wait()
        found.append((x * 2).requires_grad)
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with xe.no_grad():
        inside.set()
        assert done.wait(10)
        assert not (x * 2).requires_grad
    thread.join()
    assert found == [True]


def test_observers_are_told_of_each_step_forward_and_backward():
    noted, x = Noted(), leaf([1.0, 2.0], name="x")
    with watching((noted,)):
        y = np.sum(np.exp(x * np.array([3.0, 0.0])))
        constant = np.exp(xe.tensor([0.0]))
        y.backward()
    names = [name for name, *_ in noted.forwards]
    assert names == ["multiply", "exp", "sum", "exp"]
    assert noted.forwards[-1][1] is None and noted.forwards[-1][3] is constant._data
    assert all(not isinstance(value, xe.Tensor) for _, _, inputs, _ in noted.forwards for value in inputs)
    assert [name for name, _ in noted.cotangents] == ["sum", "exp", "multiply", "tensor 'x'"]
    assert [(name, i) for name, i, _ in noted.contributions] == [("sum", 0), ("exp", 0), ("multiply", 0)]
    np.testing.assert_array_equal(noted.cotangents[-1][1], x.grad)


def test_what_observers_keep_is_not_changed_by_later_gradients():
    noted, x = Noted(), leaf([1.0, 2.0])
    with watching((noted,)):
        (x * 3.0).backward(np.ones(2))
    kept = noted.cotangents[-1][1]
    (x * 3.0).backward(np.ones(2))
    np.testing.assert_array_equal(kept, [3.0, 3.0])
    np.testing.assert_array_equal(x.grad, [6.0, 6.0])


def test_observers_are_not_told_of_what_rules_compute():
    noted, x = Noted(), leaf([1.0, 2.0])
    with watching((noted,)):
        y = xe.softplus(x[np.array([0, 0])]).sum()
        del noted.forwards[:]
        y.backward()
    assert noted.forwards == []


def test_observers_are_told_of_a_recorded_sweep():
    noted, x = Noted(), leaf([1.0, 2.0])
    with watching((noted,)):
        y = np.exp(x).sum()
        del noted.forwards[:]
        y.backward(create_graph=True)
    assert "multiply" in [name for name, *_ in noted.forwards]


# -- fingerprints ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int64, np.uint8, np.bool_])
def test_a_fingerprint_changes_with_any_element_of_a_small_array(dtype):
    array = np.zeros((4, 5), dtype)
    before = fingerprint(array)
    assert fingerprint(array.copy()) == before
    for i in range(array.size):
        array.flat[i] = 1
        assert fingerprint(array) != before
        array.flat[i] = 0
    assert fingerprint(array) == before


def test_a_fingerprint_knows_the_order():
    assert fingerprint(np.array([1.0, 2.0])) != fingerprint(np.array([2.0, 1.0]))


def test_a_fingerprint_sees_a_change_beside_nan_and_infinity():
    array = np.array([np.nan, np.inf, 1.0])
    before = fingerprint(array)
    assert fingerprint(array) == before
    array[2] = 2.0
    assert fingerprint(array) != before


@pytest.mark.parametrize(
    "view", [lambda a: a, lambda a: a.T, lambda a: a[:, ::2], lambda a: a[::-1]], ids=["C", "F", "strided", "reversed"]
)
def test_a_large_array_is_sampled_at_equal_strides(view):
    array = view(np.zeros((600, 100)))
    assert array.nbytes > FINGERPRINT_BYTES
    before = fingerprint(array)
    assert len(before) <= FINGERPRINT_BYTES
    array[...] = 1.0
    assert fingerprint(array) != before
    array[...] = 0.0
    step = -(-array.nbytes // FINGERPRINT_BYTES)
    changed = 0
    in_memory = array.T if array.flags.fnc else array
    for i in range(3 * step):
        in_memory.flat[i] = 1.0
        changed += fingerprint(array) != before
        array[...] = 0.0
    assert changed == 3  # one in every `step` elements counts
