"""In-place operators, assignment to elements, `assign`, and `no_grad`."""

import asyncio
import operator
import re
import threading

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe import DTypeError, GraphError, ShapeError

OPERATORS = {
    "+": operator.iadd, "-": operator.isub, "*": operator.imul, "/": operator.itruediv, "%": operator.imod,
    "**": operator.ipow, "//": operator.ifloordiv,
}  # fmt: skip


def weights():
    return xe.tensor([5.0, 7.0], requires_grad=True, name="w")


@pytest.mark.parametrize("symbol", OPERATORS)
def test_an_in_place_operator_in_a_graph_raises_and_says_what_to_write(symbol):
    t = weights()
    with pytest.raises(GraphError, match=re.escape(f"t {symbol}= v: tensor 'w', shape (2,), is part of a graph")) as no:
        OPERATORS[symbol](t, 2.0)
    assert f"Write t = t {symbol} v;" in str(no.value) and "with xe.no_grad():" in str(no.value)
    assert t.tolist() == [5.0, 7.0]


@pytest.mark.parametrize("symbol", [s for s in OPERATORS if s != "//"])
def test_an_augmented_assignment_to_a_computed_tensor_gives_its_name_a_new_one(symbol):
    t = weights()
    computed = t * 1.0
    for left, right in ((computed, 2.0), (computed, t), (xe.tensor([1.0, 2.0]), t), (computed.detach(), t)):
        before = left.tolist()
        after = OPERATORS[symbol](left, right)
        assert after is not left and left.tolist() == before and after.requires_grad
        plain = OPERATORS[symbol](left.numpy(), right.numpy() if isinstance(right, xe.Tensor) else right)
        np.testing.assert_array_equal(after.data, plain)
    total = xe.tensor(0.0)
    for element in t:
        total += element**2
    total *= 2
    total.backward()
    assert t.grad.tolist() == [20.0, 28.0]


def test_an_argument_of_a_function_that_is_differentiated_can_not_be_assigned_to():
    def f(x):
        x += 1
        x *= x
        return x

    assert xe.grad(f)(2.0) == 6 and xe.grad(xe.grad(f))(2.0) == 2
    with pytest.raises(GraphError, match="assign: tensor is an argument that is being differentiated in"):
        xe.grad(lambda x: x.assign(3.0))(2.0)
    with pytest.raises(GraphError, match=r"t\[i\] = v: tensor, shape \(2,\), is part of a graph"):
        xe.grad(lambda x: x.__setitem__(0, 3.0))(np.ones(2))


@pytest.mark.parametrize("symbol", OPERATORS)
@pytest.mark.parametrize("operand", [2.0, 3, [2.0, 3.0], np.array([2.0, 3.0]), xe.tensor(2.0), np.float32(2)])
def test_under_no_grad_an_in_place_operator_writes_into_the_memory_of_a_leaf(symbol, operand):
    t = same = weights()
    view = t.data
    plain = operand.numpy() if isinstance(operand, xe.Tensor) else operand
    expected = OPERATORS[symbol](np.array([5.0, 7.0]), plain)
    with xe.no_grad():
        t = OPERATORS[symbol](t, operand)
    assert t is same and t.requires_grad and np.shares_memory(view, t.data)
    np.testing.assert_array_equal(view, expected)


def test_matmul_in_place_under_no_grad_and_in_a_graph():
    t = xe.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    with pytest.raises(GraphError, match=re.escape("Write t = t @ v;")):
        t @= np.eye(2)
    view = t.data
    with xe.no_grad():
        t @= np.array([[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_array_equal(view, [[2.0, 1.0], [4.0, 3.0]])


def test_a_narrow_leaf_keeps_its_dtype_in_place():
    t = xe.tensor([1.0, 2.0], dtype=np.float32, requires_grad=True)
    with xe.no_grad():
        t -= np.array([0.5, 0.5])
    assert t.dtype == np.float32 and t.tolist() == [0.5, 1.5]


def test_a_tracked_operand_counts_as_its_value_under_no_grad():
    t = weights()
    product = t * 2
    with xe.no_grad():
        t += product
    assert t.tolist() == [15.0, 21.0] and t.is_leaf


@pytest.mark.parametrize("symbol", OPERATORS)
def test_wrong_shapes_raise_in_place_and_change_nothing(symbol):
    t = weights()
    with xe.no_grad(), pytest.raises(ShapeError, match=re.escape(f"tensor 'w' {symbol}= v: ")) as raised:
        OPERATORS[symbol](t, np.ones((3, 2)))
    assert "(3,2)" in str(raised.value) and "(2,)" in str(raised.value) and t.tolist() == [5.0, 7.0]


def test_values_that_are_not_numbers_raise_in_place_and_change_nothing():
    t = weights()
    with xe.no_grad():
        with pytest.raises(DTypeError, match=re.escape("+=: the operand is complex128")):
            t += 1j
        with pytest.raises(DTypeError, match="MaskedArray"):
            t *= np.ma.array([1.0, 2.0], mask=[True, False])
    assert t.tolist() == [5.0, 7.0]


@pytest.mark.parametrize("symbol", OPERATORS)
@pytest.mark.parametrize("recording", [True, False])
def test_in_place_operators_give_constants_a_new_tensor(symbol, recording):
    c = other = xe.tensor([5.0, 7.0])
    expected = OPERATORS[symbol](np.array([5.0, 7.0]), 2.0)
    if recording:
        c = OPERATORS[symbol](c, 2.0)
    else:
        with xe.no_grad():
            c = OPERATORS[symbol](c, 2.0)
    assert c is not other and other.tolist() == [5.0, 7.0]
    np.testing.assert_array_equal(np.asarray(c), expected)


def test_a_computed_tensor_is_not_changed_in_place_under_no_grad_either():
    out = same = weights() * 2
    with xe.no_grad():
        out += 1.0
        with pytest.raises(GraphError, match="only leaves can be changed"):
            same[0] = 1.0
    assert out.tolist() == [11.0, 15.0] and same.tolist() == [10.0, 14.0]


def test_writing_into_an_element_raises_in_a_graph_with_the_functional_way_to_write_it():
    t = weights()
    for tensor in (t, t * 2):
        with pytest.raises(GraphError, match=re.escape("t[i] = v: ")) as raised:
            tensor[0] = 1.0
        assert "np.where(mask, v, t)" in str(raised.value) and "xe.scatter_add(v, i, t.shape)" in str(raised.value)
    constant = xe.tensor([1.0, 2.0])
    with pytest.raises(GraphError, match="part of a graph"):
        constant[0] = t[0]
    with pytest.raises(GraphError, match="part of a graph"):
        constant[:] = [1.0, t[0]]
    assert constant.tolist() == [1.0, 2.0]


def test_writing_into_elements_of_a_leaf_under_no_grad_keeps_its_memory():
    t = xe.tensor(np.zeros((2, 3)), requires_grad=True)
    view = t.data
    with xe.no_grad():
        t[0] = 1.0
        t[1, 2] = xe.tensor(7)
        t[xe.tensor([1])] = [[4.0, 5.0, 6.0]]
        t[t == 1.0] = 2.0
    np.testing.assert_array_equal(view, [[2.0, 2.0, 2.0], [4.0, 5.0, 6.0]])
    assert t.requires_grad


def test_writing_into_elements_of_a_constant_leaves_earlier_results_as_they_were():
    c = xe.tensor([1.0, 2.0])
    before, view, w = c.detach(), c.data, weights()
    product = w * c
    c[0] = 100.0
    product.sum().backward()
    np.testing.assert_array_equal(w.grad, [1.0, 2.0])
    assert c.tolist() == [100.0, 2.0] and before.tolist() == [1.0, 2.0] and view.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("key, value", [(0, [1.0, 2.0]), (slice(None), np.ones(3)), (5, 1.0), ((0, 0), 1.0)])
def test_writing_what_does_not_fit_raises_and_changes_nothing(key, value):
    t = weights()
    with xe.no_grad(), pytest.raises(ShapeError, match=re.escape("t[i]: ")) as raised:
        t[key] = value
    assert "(2,)" in str(raised.value) and t.tolist() == [5.0, 7.0]


def test_writing_text_into_an_element_raises():
    with pytest.raises(DTypeError, match=re.escape("t[i] = v: data has dtype <U1")):
        xe.tensor([1.0])[0] = "a"


def test_assign_gives_a_leaf_new_values_of_its_own_dtype():
    t = xe.tensor([1.0, 2.0], dtype=np.float32, requires_grad=True)
    view = t.data
    assert t.assign([3, 4]) is t
    assert view.tolist() == [3.0, 4.0] and t.dtype == np.float32 and t.requires_grad
    t.assign(xe.tensor([5.0, 6.0], requires_grad=True) * 2)
    assert t.tolist() == [10.0, 12.0] and t.is_leaf
    constant = xe.tensor([1.0, 2.0])
    old = constant.data
    assert constant.assign(np.array([3.0, 4.0])).tolist() == [3.0, 4.0] and old.tolist() == [1.0, 2.0]


def test_assign_copies_what_it_is_given():
    for t in (weights(), xe.tensor([0.0, 0.0])):
        values = np.array([1.0, 2.0])
        t.assign(values)
        values[0] = 9.0
        assert t.tolist() == [1.0, 2.0]


def test_assign_refuses_other_shapes_and_computed_tensors():
    t = weights()
    with pytest.raises(ShapeError, match=re.escape("assign: got shape (1,), tensor 'w' has shape (2,).")):
        t.assign([1.0])
    with pytest.raises(ShapeError, match=re.escape("got shape ()")):
        t.assign(1.0)
    with pytest.raises(GraphError, match=re.escape("exp was computed. Make a new tensor: xe.tensor(value).")):
        np.exp(t).assign([1.0, 2.0])
    with pytest.raises(DTypeError, match="assign: data is complex128"):
        t.assign([1j, 2.0])
    assert t.tolist() == [5.0, 7.0]


def assign(t):
    t.assign([1.0, 2.0])


def add(t):
    with xe.no_grad():
        t += 1.0


def write(t):
    with xe.no_grad():
        t[0] = 1.0


@pytest.mark.parametrize("change", [assign, add, write])
def test_a_graph_whose_leaf_was_changed_says_so_instead_of_giving_a_wrong_gradient(change):
    t = weights()
    loss = (t * t).sum()
    change(t)
    with pytest.raises(GraphError, match="tensor 'w'"):
        loss.backward()
    assert t.grad is None
    (t * t).sum().backward()
    np.testing.assert_array_equal(t.grad, 2 * t.data)


def test_no_grad_records_nothing_inside_and_recording_resumes_after():
    t = weights()
    with xe.no_grad():
        assert not (t * 2).requires_grad
        with xe.no_grad():
            assert not np.exp(t).requires_grad
        assert not (t @ t).requires_grad and t.requires_grad
    assert (t * 2).requires_grad


def test_no_grad_ends_with_an_exception_too():
    t = weights()

    def fail():
        raise KeyError("inner")

    with pytest.raises(KeyError, match="inner"), xe.no_grad():
        fail()
    with pytest.raises(KeyError, match="inner"):
        xe.no_grad()(fail)()
    assert (t * 2).requires_grad


def test_one_no_grad_can_be_entered_again_inside_itself():
    t, off = weights(), xe.no_grad()
    with off:
        with off:
            assert not (t * 2).requires_grad
        assert not (t * 2).requires_grad
    assert (t * 2).requires_grad


def test_no_grad_decorates_functions_also_recursive_ones():
    @xe.no_grad()
    def powers(t, n):
        """Multiply n times."""
        return t if n == 0 else powers(t, n - 1) * t

    t = weights()
    assert powers.__name__ == "powers" and powers.__doc__ == "Multiply n times."
    out = powers(t, n=2)
    assert not out.requires_grad and out.tolist() == [125.0, 343.0] and (t * 2).requires_grad


def test_no_grad_refuses_generators_and_coroutines():
    def batches():
        yield 1

    async def step():
        return 1

    assert list(batches()) == [1] and asyncio.run(step()) == 1
    for function in (batches, step):
        with pytest.raises(DTypeError, match=f"no_grad: {function.__name__} gives control back before it ends"):
            xe.no_grad()(function)


def test_no_grad_belongs_to_its_thread():
    t, found = weights(), {}
    inside, done = threading.Event(), threading.Event()

    def quiet():
        with xe.no_grad():
            found["quiet"] = (t * 2).requires_grad
            inside.set()
            done.wait(10)
            found["still quiet"] = (t * 2).requires_grad
        found["after"] = (t * 2).requires_grad

    thread = threading.Thread(target=quiet)
    thread.start()
    assert inside.wait(10)
    assert (t * 2).requires_grad
    with pytest.raises(GraphError):
        t += 1.0
    done.set()
    thread.join(10)
    assert found == {"quiet": False, "still quiet": False, "after": True}


def test_an_operand_that_is_no_number_is_refused_under_no_grad():
    w = xe.tensor([1.0], requires_grad=True, name="w")
    with xe.no_grad(), pytest.raises(xe.DTypeError, match="the operand is None"):
        w += None
