"""The Tensor: values, attributes, operators and methods, changes of leaves, copies, and what people read."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.errors import BoundsError, GradientLostError


def leaf(values, name=None, dtype=float):
    return xe.tensor(np.array(values, dtype), requires_grad=True, name=name)


# -- making ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.0, float),
        ([1, 2], int),
        ((1.0, 2), float),
        (True, bool),
        (np.float32(1), np.float32),
        (np.ones(2, np.int8), np.int8),
        (xe.tensor([1.0]), float),
        (np.ones((0, 3)), float),
        (range(3), int),
        (memoryview(b"ab"), np.uint8),
    ],
)
def test_a_tensor_keeps_the_dtype_of_its_data(data, dtype):
    t = xe.tensor(data)
    assert t.dtype == dtype and not t.requires_grad and t.is_leaf and t.grad is None and t.name is None
    np.testing.assert_array_equal(
        t.data, np.asarray(getattr(data, "data", data) if isinstance(data, xe.Tensor) else data)
    )


def test_a_tensor_copies_its_data():
    data = np.array([1.0, 2.0])
    for t in (xe.tensor(data), xe.tensor(data, dtype=float), xe.Tensor(data), xe.tensor(xe.tensor(data).data)):
        data[0] = 9.0
        assert t.data[0] == 1.0
        data[0] = 1.0


def test_a_dtype_can_be_asked_for():
    assert xe.tensor([1, 2], dtype=np.float32, requires_grad=True).dtype == np.float32
    with pytest.raises(xe.DTypeError, match="tensor: data is complex128"):
        xe.tensor([1.0], dtype=complex)
    with pytest.raises(TypeError):
        xe.tensor([1.0], dtype="unheard of")


@pytest.mark.parametrize(
    "data",
    ["a", None, [object()], 1j, [1j], b"ab", {1: 2}, np.datetime64("2020"), [1, "a"]],
    ids=lambda value: repr(value).partition(" at 0x")[0],  # the same name in each process
)
def test_data_that_are_not_real_numbers_are_refused(data):
    with pytest.raises(xe.DTypeError, match=r"tensor: data (has dtype|is complex128|is None)"):
        xe.tensor(data)


def test_data_that_are_no_array_are_refused():
    with pytest.raises(xe.ShapeError, match="tensor: data is a list that does not make an array"):
        xe.tensor([[1], [1, 2]])
    with pytest.raises(xe.DTypeError, match=r"tensor: data is a list with tensors in it\. Write np\.stack"):
        xe.tensor([leaf(1.0), leaf(2.0)])


@pytest.mark.parametrize("dtype", [int, bool, np.uint8])
def test_whole_numbers_can_not_want_a_gradient(dtype):
    message = (
        r"tensor: requires_grad=True needs floating-point values, got \w+.\n"
        r"  A derivative in whole numbers has no meaning. Write xe.tensor\(x.astype"
    )
    with pytest.raises(xe.DTypeError, match=message):
        xe.tensor(np.ones(2, dtype), requires_grad=True)
    t = xe.tensor(np.ones(2, dtype))
    with pytest.raises(xe.DTypeError, match=message):
        t.requires_grad = True
    assert not t.requires_grad


def test_a_tensor_of_a_tensor_would_lose_its_gradient():
    x = leaf([1.0])
    for source in (x, x * 2):
        with pytest.raises(
            GradientLostError, match=r"tensor: a copy of .*\n.*\n  Write the tensor itself; or .* t.detach\(\)"
        ):
            xe.tensor(source)
        assert xe.tensor(source.detach()).data == source.data
        with xe.no_grad():
            assert not xe.tensor(source).requires_grad


def test_a_tensor_can_not_be_subclassed():
    with pytest.raises(xe.DTypeError, match=r"class Mine\(Tensor\): a Tensor can't be subclassed"):

        class Mine(xe.Tensor):
            pass


# -- the array ---------------------------------------------------------------------------------------------------------


def test_attributes_are_numpys():
    t = leaf([[1.0, 2.0, 3.0]])
    assert (t.shape, t.ndim, t.size, t.dtype, len(t)) == ((1, 3), 2, 3, np.float64, 1)
    s = np.exp(leaf(1.0))
    assert (s.shape, s.ndim, s.size, s.dtype) == ((), 0, 1, np.float64)


def test_data_is_a_read_only_view():
    t = leaf([1.0, 2.0])
    for view in (t.data, t.sum().data, t.detach().data, xe.tensor([1.0]).data):
        assert type(view) is np.ndarray
        with pytest.raises(ValueError, match="read-only"):
            view[...] = 3.0
    assert np.shares_memory(t.data, t.data)


def test_numpy_item_and_tolist_are_plain_copies():
    t = leaf([1.0, 2.0])
    values = t.numpy()
    values[0] = 9.0
    assert t.tolist() == [1.0, 2.0] and type(t.tolist()) is list
    assert t.sum().item() == 3.0 and type(t.sum().item()) is float and type(t.sum().tolist()) is float
    assert type(xe.tensor([[3]]).item()) is int and type((t > 1)[:1].item()) is bool
    assert type(t.sum().numpy()) is np.ndarray
    with pytest.raises(xe.ShapeError, match=r"item: tensor has shape \(2,\), 2 values. Write t.tolist\(\)"):
        t.item()


def test_a_plain_array_of_a_tensor_can_not_be_written_into():
    t = xe.tensor([1.0, 2.0])
    for array in (np.asarray(t), t.__array__(), np.array(t, copy=None), np.asarray(t, float)):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 9.0
    for mine in (np.array(t), np.asarray(t, np.float32), np.array(t, np.float32, copy=None)):
        mine[0] = 9.0
    assert t.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="copy"):
        np.array(t, np.float32, copy=False)
    assert np.asarray(xe.tensor(3.0)) == 3.0


def test_a_scalar_has_no_length_and_is_not_iterated_over():
    t = leaf(1.0)
    with pytest.raises(xe.DTypeError, match=r"len: a tensor of shape \(\) has no length"):
        len(t)
    with pytest.raises(xe.DTypeError, match=r"can't be iterated over. Write t.item\(\)"):
        iter(t)


def test_iteration_gives_parts_of_the_graph():
    t = leaf([1.0, 2.0, 3.0])
    a, b, c = t
    (a * b * c).backward()
    np.testing.assert_array_equal(t.grad, [6.0, 3.0, 2.0])
    assert [row.shape for row in leaf(np.ones((2, 3)))] == [(3,), (3,)]
    assert list(leaf([])) == []


def test_truth_is_asked_of_single_values():
    assert leaf(1.0) and not leaf([0.0]) and leaf([1.0]) > 0
    with pytest.raises(
        xe.ShapeError, match=r"bool\(\) of a tensor of shape \(2,\) is ambiguous. Write t.any\(\) or t.all\(\)"
    ):
        bool(leaf([1.0, 2.0]))


def test_in_looks_for_values():
    t = leaf([1.0, 2.0])
    assert 2.0 in t and 3 not in t and xe.tensor(1.0) in t


def test_a_tensor_is_hashed_by_identity():
    t, u = leaf([1.0]), leaf([1.0])
    assert len({t, u, t}) == 2 and {t: 1}[t] == 1
    assert (t == u).tolist() == [True]


def test_whole_numbers_can_be_indices():
    values = ["a", "b", "c"]
    assert values[xe.tensor(1)] == "b" and list(range(xe.tensor(2))) == [0, 1]
    for wrong in (leaf(1.0), xe.tensor(1.0), xe.tensor(True)):
        with pytest.raises(xe.DTypeError, match=r"an index must be an integer, got a tensor of (float64|bool)"):
            values[wrong]
    assert int(xe.tensor(2.7)) == 2 and float(xe.tensor(2)) == 2.0


# -- requires_grad, name, grad, detach ---------------------------------------------------------------------------------


def test_requires_grad_can_be_set_on_leaves():
    t = xe.tensor([1.0], name="t")
    t.requires_grad = True
    t.requires_grad = True
    assert (t * 2).requires_grad and t.node.name == "t"
    t.requires_grad = False
    assert not (t * 2).requires_grad
    t.requires_grad = False
    y = leaf([1.0]) * 2
    for wanted in (True, False):
        with pytest.raises(xe.GraphError, match=r"requires_grad: multiply was computed. Write t.detach\(\) first"):
            y.requires_grad = wanted


def test_a_detached_tensor_that_becomes_a_leaf_has_memory_of_its_own():
    x = leaf([1.0, 2.0])
    for y in (np.exp(x), x.T, np.exp(x).sum()):
        z = y.detach()
        z.requires_grad = True
        with xe.no_grad():
            z -= 1.0
            z[...] = 3.0
        y.backward(np.ones(y.shape))
    np.testing.assert_allclose(x.grad, 2 * np.exp([1.0, 2.0]) + 1.0)


def test_a_detached_tensor_stops_the_gradient():
    x = leaf([2.0])
    (x * x.detach() + (x * x).detach()).backward()
    assert x.grad == [2.0] and x.detach().name is None
    before = x.detach()
    with xe.no_grad():
        x -= 1.0
    assert before.tolist() == [2.0]
    c = xe.tensor([1.0])
    assert c.detach().tolist() == [1.0]


def test_names_are_for_messages():
    x = leaf([1.0], name="weights")
    assert x.name == x.node.name == "weights" and repr(x) == "tensor([1.], requires_grad=True, name='weights')"
    y = x * 2
    assert y.name is None
    y.name = "y"
    assert y.node.name == "y" and repr(y) == "tensor([2.], op=multiply, name='y')"
    y.name = None
    assert y.name is None
    c = xe.tensor([1.0])
    c.name = "c"
    assert c.name == "c"


def test_grad_can_be_set_to_a_buffer_or_to_none():
    t = leaf([1.0, 2.0], name="t")
    t.grad = np.zeros(2)
    t.grad = xe.tensor([1.0, 1.0])
    t.zero_grad()
    assert t.grad is None
    with pytest.raises(xe.DTypeError, match="grad: got a list; expected an array or None"):
        t.grad = [1.0, 2.0]
    with pytest.raises(xe.ShapeError, match=r"grad: got shape \(3,\); tensor 't' has shape \(2,\)"):
        t.grad = np.zeros(3)
    with pytest.raises(xe.DTypeError, match=r"grad: got float32; tensor 't' is float64. Write g.astype\(t.dtype\)"):
        t.grad = np.zeros(2, np.float32)
    with pytest.raises(xe.GraphError, match=r"grad: got a read-only array, but backward\(\) adds to it in place"):
        t.grad = np.broadcast_to(np.zeros(()), (2,))
    assert t.grad is None


# -- operators and methods ---------------------------------------------------------------------------------------------


def test_operators_are_numpys():
    a, b = np.array([[1.5, -2.0], [3.0, 0.5]]), np.array([[2.0, 3.0], [-1.0, 2.0]])
    x = leaf(a)
    for result, expected in [
        (+x, +a),
        (-x, -a),
        (abs(x), abs(a)),
        (x**2, a**2),
        (x**3, a**3),
        (2.0**x, 2.0**a),
        (b - x, b - a),
        (b / x, b / a),
        (b % x, b % a),
        (x % 2, a % 2),
        (b @ x, b @ a),
        (b.tolist() @ x, b @ a),
        (1 - x, 1 - a),
        (1 / x, 1 / a),
        (x**True, a),
        (x**2.0, a**2),
        (x**-1, 1 / a),
    ]:
        assert result.requires_grad
        np.testing.assert_allclose(result.data, expected, rtol=1e-15)
    for result, expected in [
        (x // 2, a // 2),
        (7 // x, 7 // a),
        (round(x), np.round(a)),
        (round(x, 1), np.round(a, 1)),
    ]:
        np.testing.assert_array_equal(result, expected)


def test_methods_are_numpys():
    a = np.array([[1.5, -2.0, 0.25], [3.0, 0.5, 4.0]])
    x = leaf(a)
    for method in ("sum", "mean", "max", "min", "prod", "var", "std", "cumsum", "cumprod"):
        for args in ((), (0,), (1,)):
            result = getattr(x, method)(*args)
            assert result.requires_grad
            np.testing.assert_allclose(result.data, getattr(a, method)(*args), rtol=1e-14)
    for method in ("sum", "mean", "max", "std"):
        np.testing.assert_allclose(getattr(x, method)(1, keepdims=True).data, getattr(a, method)(1, keepdims=True))
    for result, expected in [
        (x.T, a.T),
        (x.mT, a.mT),
        (x.transpose(), a.T),
        (x.transpose(1, 0), a.T),
        (x.transpose((1, 0)), a.T),
        (x.transpose([1, 0]), a.T),
        (x.reshape(3, 2), a.reshape(3, 2)),
        (x.reshape((3, 2)), a.reshape(3, 2)),
        (x.reshape(-1), a.reshape(-1)),
        (x.reshape(3, 2, order="F"), a.reshape(3, 2, order="F")),
        (x.ravel(), a.ravel()),
        (x.flatten(), a.flatten()),
        (x.swapaxes(0, 1), a.T),
        (x[None].squeeze(0), a),
        (x.dot(a.T), a.dot(a.T)),
        (x.take([1, 0], 1), a.take([1, 0], 1)),
        (x.clip(0, 1), a.clip(0, 1)),
        (x.repeat(2, 0), a.repeat(2, 0)),
        (x.var(ddof=1), a.var(ddof=1)),
    ]:
        assert result.requires_grad
        np.testing.assert_allclose(result.data, expected)
    assert leaf([1.0]).transpose(0).shape == (1,)
    for result, expected in [
        (x.argmax(), 5),
        (x.argmin(1), [1, 1]),
        (x.argsort(1), a.argsort(1)),
        (x.round(1), a.round(1)),
        ((x > 0).all(), False),
        ((x > 0).any(1), [True, True]),
        (x.nonzero()[0], a.nonzero()[0]),
    ]:
        assert not isinstance(result, xe.Tensor)
        np.testing.assert_array_equal(result, expected)
    assert (
        x.sum.__doc__.startswith("Sum over")
        and xe.Tensor.prod.__doc__ == "See np.prod."
        and xe.Tensor.prod.__name__ == "prod"
    )


def test_a_method_that_is_not_there_names_numpys_function():
    t = leaf([1.0])
    with pytest.raises(
        AttributeError, match=r"^a tensor has no method 'exp'. Write np.exp\(t\): NumPy's functions do.$"
    ):
        t.exp()
    for name in ("nothing", "linalg", "_private", "__array_interface__"):
        with pytest.raises(AttributeError, match=f"^a tensor has no attribute '{name}'.$"):
            getattr(t, name)
    assert not hasattr(t, "toarray")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_the_gradient_flows_through_a_change_of_precision(dtype):
    x = leaf([1.0, 2.0])
    y = x.astype(dtype)
    assert y.dtype == dtype and not np.shares_memory(y.data, x.data)
    (y * 3).sum().backward()
    assert x.grad.dtype == np.float64
    np.testing.assert_array_equal(x.grad, [3.0, 3.0])
    assert xe.tensor([1, 2]).astype(dtype).dtype == dtype


def test_the_gradient_ends_where_numbers_become_whole():
    x = leaf([1.5, 0.0])
    assert x.astype(int).tolist() == [1, 0] and x.astype("bool").tolist() == [True, False]
    assert not x.astype(int).requires_grad
    for wrong in (complex, str, object):
        with pytest.raises(xe.DTypeError, match="tensor: data"):
            x.astype(wrong)


# -- changing leaves ---------------------------------------------------------------------------------------------------

IN_PLACE = {
    "+=": lambda t, v: t.__iadd__(v),
    "-=": lambda t, v: t.__isub__(v),
    "*=": lambda t, v: t.__imul__(v),
    "/=": lambda t, v: t.__itruediv__(v),
    "%=": lambda t, v: t.__imod__(v),
    "**=": lambda t, v: t.__ipow__(v),
    "//=": lambda t, v: t.__ifloordiv__(v),
}


@pytest.mark.parametrize("symbol", IN_PLACE)
def test_in_place_operators_on_a_leaf_are_refused_in_a_graph_with_the_functional_way(symbol):
    x = leaf([4.0], name="x")
    with pytest.raises(xe.GraphError) as raised:
        IN_PLACE[symbol](x, 2.0)
    said = str(raised.value)
    assert said.startswith(f"t {symbol} v: tensor 'x', shape (1,), is part of a graph, and writing into it would\n")
    assert f"Write t = t {symbol[:-1]} v;\n" in said and "with xe.no_grad()" in said
    assert x.tolist() == [4.0]


@pytest.mark.parametrize("symbol", IN_PLACE)
@pytest.mark.parametrize(
    "value", [3, 2.0, np.array([2.0, 3.0]), [2.0, 3.0], xe.tensor([2.0, 3.0]), np.float32(2), leaf(3.0)], ids=repr
)
def test_in_place_operators_write_into_leaves_under_no_grad(symbol, value):
    x = leaf([7.5, 8.0])
    node, memory = x.node, x._data
    expected = x.numpy()
    expected = IN_PLACE[symbol](expected, np.asarray(getattr(value, "_data", value)))
    with xe.no_grad():
        result = IN_PLACE[symbol](x, value)
    assert result is x and x.node is node and x._data is memory and x.requires_grad
    np.testing.assert_array_equal(x.data, expected)


def test_in_place_products_of_matrices():
    w = leaf([[1.0, 2.0], [3.0, 4.0]])
    with xe.no_grad():
        w @= np.array([[0.0, 1.0], [1.0, 0.0]])
    assert w.tolist() == [[2.0, 1.0], [4.0, 3.0]]
    with pytest.raises(xe.GraphError, match="t @= v"):
        w @= np.eye(2)


def test_an_update_keeps_float32():
    w = leaf([1.0, 2.0], dtype=np.float32)
    (w * w).sum().backward()
    with xe.no_grad():
        w -= 0.5 * w.grad
        w += np.ones(2)
    assert w.dtype == np.float32 and w.tolist() == [1.0, 1.0]


def test_in_place_operators_replace_constants_and_leave_other_names_of_them_alone():
    c = other = xe.tensor([1, 2])
    c += 1.5
    assert c.tolist() == [2.5, 3.5] and other.tolist() == [1, 2]
    with xe.no_grad():
        c *= leaf([2.0, 2.0])
    assert c.tolist() == [5.0, 7.0] and not c.requires_grad


def test_a_wrong_update_is_named_and_changes_nothing():
    w = leaf([1.0, 2.0], name="w")
    with xe.no_grad():
        with pytest.raises(
            xe.ShapeError, match=r"tensor 'w' \+= v: operands could not be broadcast|non-broadcastable output"
        ):
            w += np.ones((3, 2))
        with pytest.raises(xe.DTypeError, match=r"\+=: the operand is complex128"):
            w += 1j
        with pytest.raises(xe.DTypeError, match="-=: the operand has dtype"):
            w -= "a"
    computed = w * 2
    with xe.no_grad(), pytest.raises(xe.GraphError, match=r"multiply was computed; only leaves can be changed"):
        computed[0] = 1
    assert w.tolist() == [1.0, 2.0]


def test_assign_gives_a_leaf_new_values_in_its_memory():
    w = leaf([1.0, 2.0], name="w", dtype=np.float32)
    memory = w._data
    assert w.assign([3, 4]) is w and w._data is memory and w.dtype == np.float32
    w.assign(xe.tensor([5.0, 6.0]))
    assert w.tolist() == [5.0, 6.0]
    w.assign(w.data[::-1])
    assert w.tolist() == [6.0, 5.0]
    with pytest.raises(xe.ShapeError, match=r"assign: got shape \(\), tensor 'w' has shape \(2,\). They must agree"):
        w.assign(0.0)
    with pytest.raises(xe.DTypeError, match="assign: data is complex128"):
        w.assign([1j, 1j])
    with pytest.raises(xe.GraphError, match=r"assign: multiply was computed. Make a new tensor: xe.tensor\(value\)"):
        (w * 2).assign([1.0, 2.0])
    c = xe.tensor([1, 2])
    c.assign([3.9, 4.9])
    assert c.tolist() == [3, 4] and c.dtype == int


def test_parts_of_leaves_can_be_set_under_no_grad():
    w = leaf([1.0, 2.0, 3.0], name="w")
    with xe.no_grad():
        w[0] = 9.0
        w[1:] = xe.tensor([8.0, 7.0])
        w[w > 8.5] = leaf(0.5)
        w[xe.tensor(1)] = -1
    assert w.tolist() == [0.5, -1.0, 7.0]
    with xe.no_grad():
        with pytest.raises(xe.ShapeError, match=r"t\[i\]: could not broadcast"):
            w[:2] = [1.0, 2.0, 3.0]
        with pytest.raises(BoundsError, match=r"t\[i\]: index 5 is out of bounds"):
            w[5] = 1.0
        with pytest.raises(xe.DTypeError, match=r"t\[i\] = v: data is complex128"):
            w[0] = 1j
    assert w.tolist() == [0.5, -1.0, 7.0]


def test_setting_a_part_is_refused_in_a_graph_with_the_functional_way():
    w, c = leaf([1.0, 2.0], name="w"), xe.tensor([1.0, 2.0])
    for target, value in ((w, 1.0), (w * 2, 1.0), (c, w[0])):
        with pytest.raises(
            xe.GraphError,
            match=r"t\[i\] = v: .*is part of a graph(.|\n)*Write np.where\(mask, v, t\), or xe.scatter_add",
        ):
            target[0] = value
    c[0] = 5
    c[xe.tensor([False, True])] = 6.0
    assert c.tolist() == [5.0, 6.0]


# -- copies ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))], ids=["copy", "deepcopy", "pickle"]
)
def test_copies_of_leaves_have_values_gradient_and_name_of_their_own(how):
    x = leaf([1.0, 2.0], name="x", dtype=np.float32)
    (x * x).sum().backward()
    c = xe.tensor([1, 2])
    for original in (x, c, xe.tensor(3.0, requires_grad=True)):
        made = how(original)
        assert (type(made) is xe.Tensor and made is not original and made.node is not original.node) or original is c
        assert (made.name, made.dtype, made.requires_grad, made.tolist()) == (
            original.name,
            original.dtype,
            original.requires_grad,
            original.tolist(),
        )
        assert not np.shares_memory(made.data, original.data)
    y = how(x)
    np.testing.assert_array_equal(y.grad, x.grad)
    assert not np.shares_memory(y.grad, x.grad) and y.node.name == "x"
    (y * y).sum().backward()
    np.testing.assert_array_equal(x.grad, [2.0, 4.0])
    np.testing.assert_array_equal(y.grad, [4.0, 8.0])


def test_a_recorded_gradient_is_copied_as_values():
    x = leaf([1.0, 2.0])
    (x * x).sum().backward(create_graph=True)
    for made in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert type(made.grad) is np.ndarray and made.grad.tolist() == [2.0, 4.0]


def test_a_shared_leaf_stays_shared_in_a_deep_copy():
    x = leaf([1.0])
    a, b = copy.deepcopy([x, x])
    assert a is b and a is not x


def test_computed_tensors_are_not_copied():
    y = leaf([1.0]) * 2
    for how, name in ((copy.deepcopy, "deepcopy"), (copy.copy, "copy"), (pickle.dumps, "pickle")):
        with pytest.raises(
            xe.GraphError, match=rf"{name}: multiply was computed; a graph can't be copied. Write t.detach\(\) first"
        ):
            how(y)
        assert how(y.detach()) is not None


# -- what people read --------------------------------------------------------------------------------------------------


def test_a_tensor_shows_values_gradient_flag_operation_and_name():
    x = leaf([1.0, 2.0], dtype=np.float32)
    assert repr(x) == "tensor([1., 2.], dtype=float32, requires_grad=True)"
    assert repr(np.exp(x) * 0) == str(np.exp(x) * 0) == "tensor([0., 0.], dtype=float32, op=multiply)"
    assert (
        repr(x > 1) == "tensor([False,  True])"
        and repr(xe.tensor([[1, 2], [3, 4]])) == "tensor([[1, 2],\n        [3, 4]])"
    )
    assert repr(xe.tensor(2.5).sum()) == "tensor(2.5)"
    assert len(repr(xe.tensor(np.zeros(100_000)))) < 200


def test_numbers_can_be_formatted():
    loss = np.sum(leaf([1.0, 0.23456]))
    assert f"{loss:.3f}" == "1.235" and f"{loss:>8.2e}" == "1.23e+00" and f"{leaf([[0.5]]):.0%}" == "50%"
    assert f"{xe.tensor(3):04d}" == "0003" and f"{loss}" == repr(loss)
    with pytest.raises(xe.ShapeError, match=r"format: '.3f' is for one number, not for shape \(2,\)"):
        format(leaf([1.0, 2.0]), ".3f")
