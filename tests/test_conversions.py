"""Leaving the graph: conversions that would lose a gradient, copies, pickles, and what people read."""

import copy
import math
import pickle
import re

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe import DTypeError, GradientLostError, GraphError, ShapeError


def weights():
    return xe.tensor([1.0, 2.0], requires_grad=True, name="w")


def into_array(t):
    out = np.zeros(t.shape)
    for i in range(len(t)):
        out[i] = t[i]
    return out


CONVERSIONS = {
    "asarray": (np.asarray, lambda: weights(), "np.exp(t)"),
    "array of a list": (lambda t: np.array([t, t]), lambda: weights(), "np.stack([t, u])"),
    "float": (float, lambda: weights().sum(), "np.exp(t) for math.exp(t)"),
    "math.exp": (math.exp, lambda: weights().sum(), "np.exp(t) for math.exp(t)"),
    "complex": (complex, lambda: weights().sum(), "t.item()"),
    "int": (int, lambda: weights().sum(), "np.floor(t)"),
    "tensor": (xe.tensor, lambda: weights(), "the tensor itself"),
    "np.ma.array": (np.ma.array, lambda: weights(), "t.numpy()"),
}


@pytest.mark.parametrize("name", CONVERSIONS)
def test_a_conversion_that_would_lose_a_gradient_raises_with_the_fix(name):
    convert, make, fix = CONVERSIONS[name]
    with pytest.raises(GradientLostError, match=re.escape(fix)) as raised:
        convert(make())
    assert "a plain value without a gradient" in str(raised.value) and "t.detach()" in str(raised.value)
    with pytest.raises(TypeError):  # the built-in that a caller would expect
        convert(make())


@pytest.mark.parametrize("name", CONVERSIONS)
def test_the_same_conversion_works_under_no_grad_and_after_detach(name):
    convert, make, _ = CONVERSIONS[name]
    if name == "np.ma.array":
        pytest.skip("np.ma refuses every tensor")
    expected = convert(make().numpy())
    with xe.no_grad():
        found = convert(make())
    np.testing.assert_array_equal(found.numpy() if isinstance(found, xe.Tensor) else found, expected)
    found = convert(make().detach())
    np.testing.assert_array_equal(found.numpy() if isinstance(found, xe.Tensor) else found, expected)


def test_writing_elements_into_an_array_raises_while_the_gradient_would_be_lost():
    with pytest.raises(ValueError, match="setting an array element") as raised:  # NumPy's, from ours
        into_array(weights())
    assert isinstance(raised.value.__cause__, GradientLostError) and "t.item()" in str(raised.value.__cause__)
    with xe.no_grad():
        np.testing.assert_array_equal(into_array(weights()), [1.0, 2.0])
    np.testing.assert_array_equal(into_array(weights().detach()), [1.0, 2.0])


def test_a_computed_tensor_can_be_converted_after_backward_has_released_its_graph():
    w = weights()
    loss = (w**2).sum()
    with pytest.raises(GradientLostError, match="float"):
        float(loss)
    loss.backward()
    assert float(loss) == 5.0 and int(loss) == 5 and math.sqrt(loss) == math.sqrt(5.0)
    np.testing.assert_array_equal(np.asarray(loss), 5.0)
    np.testing.assert_array_equal(np.array([loss, loss]), [5.0, 5.0])
    with pytest.raises(GradientLostError):
        np.asarray(w)  # a leaf is never used up


def test_a_graph_that_is_retained_still_wants_its_gradient():
    loss = (weights() ** 2).sum()
    loss.backward(retain_graph=True)
    with pytest.raises(GradientLostError):
        float(loss)


def test_the_message_names_the_tensor_its_shape_and_the_line_that_made_it():
    with pytest.raises(GradientLostError, match=r"tensor 'w', shape \(2,\)"):
        np.asarray(weights())
    product = weights() * 3.0
    with pytest.raises(GradientLostError, match=r"multiply, shape \(2,\) \(made at test_conversions.py:\d+: product"):
        np.asarray(product)


def test_asarray_of_a_constant_is_read_only_and_array_is_a_copy():
    c = xe.tensor([1.0, 2.0])
    view = np.asarray(c)
    assert np.shares_memory(view, c.data) and not view.flags.writeable
    mine = np.array(c)
    mine[0] = 9.0
    assert c.tolist() == [1.0, 2.0]
    assert np.asarray(c, np.float32).dtype == np.float32
    assert np.asarray(c, np.float64) is not c.data and c.__array__(copy=True).flags.writeable
    with pytest.raises(ValueError, match="copy"):
        np.array(c, dtype=np.float32, copy=False)
    assert np.asarray(c.sum()).shape == ()


def test_data_is_a_read_only_view():
    t = weights()
    with pytest.raises(ValueError, match="read-only"):
        t.data[0] = 5.0
    with xe.no_grad():
        t += 1.0
    np.testing.assert_array_equal(t.data, [2.0, 3.0])
    assert (t * 2).data.flags.writeable is False and t.sum().data.shape == ()


def test_item_tolist_and_numpy_give_plain_copies():
    t = weights()
    loss = t.sum()
    assert type(loss.item()) is float and loss.item() == 3.0
    assert type(xe.tensor(3).item()) is int and type((t > 1)[0].item()) is bool
    assert t.tolist() == [1.0, 2.0] and loss.tolist() == 3.0
    copied = t.numpy()
    copied[0] = 7.0
    assert t.tolist() == [1.0, 2.0] and type(loss.numpy()) is np.ndarray
    assert xe.tensor([[4.0]]).item() == 4.0
    with pytest.raises(ShapeError, match=re.escape("item: tensor 'w' has shape (2,), 2 values. Write t.tolist().")):
        t.item()


def test_shape_ndim_size_dtype_and_length():
    t = xe.tensor(np.ones((2, 3), np.float32))
    assert t.shape == (2, 3) and t.ndim == 2 and t.size == 6 and t.dtype == np.float32 and len(t) == 2
    with pytest.raises(DTypeError, match="no length"):
        len(t.sum())


def test_iterating_gives_rows_through_which_gradients_flow():
    t = xe.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = t
    (first * second).sum().backward()
    np.testing.assert_array_equal(t.grad, [[3.0, 4.0], [1.0, 2.0]])
    with pytest.raises(DTypeError, match=re.escape("t.item()")):
        iter(t.sum())


def test_bool_needs_a_single_value():
    assert bool(xe.tensor(2.0)) and not xe.tensor([0.0]) and bool(weights().sum() > 0)
    with pytest.raises(ShapeError, match=re.escape("shape (2,) is ambiguous. Write t.any() or t.all().")):
        bool(weights() > 0)
    with pytest.raises(ShapeError, match="ambiguous"):
        bool(xe.tensor(np.ones(0)))


def test_contains_looks_at_the_values():
    t = weights()
    assert 2.0 in t and 3.0 not in t and xe.tensor(1.0) in t and np.float64(2) in t


def test_equality_is_elementwise_and_the_hash_is_the_identity():
    t, u = weights(), weights()
    equal = t == u
    assert type(equal) is xe.Tensor and equal.dtype == np.bool_ and equal.tolist() == [True, True]
    assert (t != xe.tensor([1.0, 3.0])).tolist() == [False, True]
    assert hash(t) == hash(t) and len({t, u, t}) == 2 and {t: "t"}[t] == "t"


def test_an_integer_tensor_is_an_index_and_others_are_not():
    assert ["a", "b"][xe.tensor(1)] == "b" and list(range(xe.tensor(2))) == [0, 1]
    assert "ab"[xe.tensor(np.uint8(1))] == "b"
    with pytest.raises(DTypeError, match="an index must be an integer, got a tensor of float64"):
        [1, 2][xe.tensor(1.0)]


def test_format_works_on_one_number():
    loss = xe.tensor(2.0, requires_grad=True) / 3
    assert f"{loss:.3f}" == "0.667" and f"{xe.tensor(7):05d}" == "00007"
    assert f"{xe.tensor([0.5]):.1%}" == "50.0%"
    assert f"{loss}" == repr(loss) and f"{weights()}" == str(weights())
    with pytest.raises(ShapeError, match=re.escape("format: '.3f' is for one number, not for shape (2,).")):
        f"{weights():.3f}"


def test_repr_shows_the_value_the_flag_the_operation_the_dtype_and_the_name():
    t = weights()
    assert repr(t) == "tensor([1., 2.], requires_grad=True, name='w')"
    assert repr(np.exp(t * 0)) == "tensor([1., 1.], op=exp)"
    assert repr(xe.tensor([1.5], dtype=np.float32)) == "tensor([1.5], dtype=float32)"
    assert repr(xe.tensor(2)) == "tensor(2)" and repr(t > 1) == "tensor([False,  True])"
    assert repr(xe.tensor([1, 2], dtype=np.int8, name="i")) == "tensor([1, 2], dtype=int8, name='i')"
    assert repr(xe.tensor([[1.0, 2.0], [3.0, 4.0]])) == "tensor([[1., 2.],\n        [3., 4.]])"
    assert repr(xe.tensor(1.0) + 1) == "tensor(2.)"


def test_names_appear_in_messages_and_can_be_given_later():
    t = xe.tensor([1.0, 2.0], requires_grad=True)
    assert t.name is None and (t * 2).name is None
    t.name = "weights"
    with pytest.raises(GradientLostError, match="tensor 'weights'"):
        np.asarray(t)
    out = t * 2
    out.name = "scaled"
    with pytest.raises(GradientLostError, match="multiply 'scaled'"):
        np.asarray(out)
    constant = xe.tensor([1.0, 2.0])
    constant.name = "c"
    with pytest.raises(ShapeError, match="tensor 'c' has shape"):
        constant.item()
    constant.requires_grad = True
    with pytest.raises(GradientLostError, match="tensor 'c'"):
        np.asarray(constant)


def test_astype_between_floats_passes_the_gradient():
    t = weights()
    narrow = t.astype(np.float32)
    assert narrow.dtype == np.float32 and narrow.requires_grad
    (narrow * narrow).sum().backward()
    assert t.grad.dtype == np.float64
    np.testing.assert_array_equal(t.grad, [2.0, 4.0])
    same = t.astype("float64")
    assert same.requires_grad and same is not t and not np.shares_memory(same.data, t.data)


@pytest.mark.parametrize("dtype", [int, np.int8, bool])
def test_astype_to_whole_numbers_makes_a_constant(dtype):
    out = xe.tensor([0.5, 2.5], requires_grad=True).astype(dtype)
    assert not out.requires_grad and out.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(out.data, np.array([0.5, 2.5]).astype(dtype))


def test_astype_of_constants_gives_constants():
    ints = xe.tensor([1, 2]).astype(float)
    assert ints.dtype == np.float64 and not ints.requires_grad
    with pytest.raises(DTypeError):
        weights().astype(complex)


def test_requires_grad_can_be_set_on_leaves_only():
    t = xe.tensor([1.0, 2.0])
    assert t.is_leaf and not t.requires_grad
    t.requires_grad = True
    t.requires_grad = True
    (t * t).sum().backward()
    np.testing.assert_array_equal(t.grad, [2.0, 4.0])
    out = t * 2
    assert not out.is_leaf
    with pytest.raises(GraphError, match=re.escape("multiply was computed. Write t.detach() first.")):
        out.requires_grad = False
    t.requires_grad = False
    assert not (t * 2).requires_grad
    np.testing.assert_array_equal(np.asarray(t), [1.0, 2.0])


def test_a_constant_that_becomes_a_leaf_owns_its_memory():
    base = xe.tensor([1.0, 2.0])
    view = base[:]
    view.requires_grad = True
    with xe.no_grad():
        view += 10.0
    assert base.tolist() == [1.0, 2.0] and view.tolist() == [11.0, 12.0]


@pytest.mark.parametrize("data", [[1, 2], 3, [True, False], np.arange(3, dtype=np.uint8)])
def test_whole_numbers_can_not_want_a_gradient(data):
    with pytest.raises(DTypeError, match=re.escape("x.astype(float)")):
        xe.tensor(data, requires_grad=True)
    t = xe.tensor(data)
    with pytest.raises(DTypeError, match="needs floating-point values"):
        t.requires_grad = True


def test_tensor_copies_casts_and_normalizes_the_byte_order():
    values = np.array([1.0, 2.0])
    t = xe.tensor(values)
    values[0] = 9.0
    assert t.tolist() == [1.0, 2.0]
    swapped = xe.tensor(np.array([1.0, 2.0], ">f4"))
    assert swapped.dtype.isnative and swapped.tolist() == [1.0, 2.0]
    leaf = xe.tensor([1, 2], dtype=np.float32, requires_grad=True, name="n")
    assert leaf.dtype == np.float32 and leaf.requires_grad and leaf.name == "n"
    made = xe.Tensor([1.0], True, "direct")
    assert made.requires_grad and made.name == "direct" and not np.shares_memory(xe.tensor(t).data, t.data)


@pytest.mark.parametrize(
    "data, message",
    [
        ("text", "data has dtype <U4; expected floats, integers or booleans"),
        ([1j], "Complex numbers are not supported: use .real and .imag"),
        ([object()], "data has dtype object"),
        (np.array(["2020-01-01"], "datetime64[D]"), "data has dtype datetime64"),
        (np.ma.array([1.0], mask=[True]), "MaskedArray, whose meaning would be lost"),
        ([xe.tensor(1.0), 2.0], "Write np.stack"),
    ],
)
def test_values_that_are_not_real_numbers_are_refused(data, message):
    with pytest.raises(DTypeError, match=re.escape(message)):
        xe.tensor(data)


def test_ragged_lists_are_refused():
    with pytest.raises(ShapeError, match="tensor: data is a list that does not make an array"):
        xe.tensor([[1.0], [1.0, 2.0]])


def test_the_class_can_not_be_inherited_from():
    with pytest.raises(DTypeError, match=re.escape("class Parameter(Tensor): a Tensor can't be subclassed")):
        type("Parameter", (xe.Tensor,), {})


COPIES = {"deepcopy": copy.deepcopy, "copy": copy.copy, "pickle": lambda t: pickle.loads(pickle.dumps(t))}


@pytest.mark.parametrize("how", COPIES)
def test_copies_of_leaves_keep_the_name_and_the_gradient_and_share_nothing(how):
    t = weights()
    (t * t).sum().backward()
    copied = COPIES[how](t)
    assert copied is not t and copied.name == "w" and copied.requires_grad and copied.tolist() == [1.0, 2.0]
    np.testing.assert_array_equal(copied.grad, [2.0, 4.0])
    (copied * 3).sum().backward()
    np.testing.assert_array_equal(copied.grad, [5.0, 7.0])
    np.testing.assert_array_equal(t.grad, [2.0, 4.0])
    with xe.no_grad():
        copied += 1.0
    assert t.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("how", COPIES)
def test_copies_of_constants_and_of_leaves_without_a_gradient(how):
    constant = COPIES[how](xe.tensor([True, False]))
    assert constant.dtype == np.bool_ and not constant.requires_grad and constant.grad is None
    assert COPIES[how](weights()).grad is None
    scalar = COPIES[how](xe.tensor(1.0) + 1)
    assert scalar.item() == 2.0 and scalar.shape == ()


def test_a_gradient_that_is_a_tensor_is_copied_as_an_array():
    t = weights()
    (t**3).sum().backward(create_graph=True)
    assert type(t.grad) is xe.Tensor
    assert type(copy.deepcopy(t).grad) is np.ndarray


def test_deepcopy_of_a_model_keeps_shared_tensors_shared():
    t = weights()
    copied = copy.deepcopy({"a": t, "b": [t]})
    assert copied["a"] is copied["b"][0] and copied["a"] is not t


@pytest.mark.parametrize("how", COPIES)
def test_computed_tensors_refuse_to_be_copied(how):
    with pytest.raises(GraphError, match=f"{how}: exp was computed; a graph can't be copied. Write t.detach"):
        COPIES[how](np.exp(weights()))


def test_detach_cuts_the_history_and_leaves_the_values():
    t = weights()
    out = t * 2
    cut = out.detach()
    assert not cut.requires_grad and cut.is_leaf and cut.tolist() == [2.0, 4.0]
    (t * cut).sum().backward()
    np.testing.assert_array_equal(t.grad, [2.0, 4.0])
    before = t.detach()
    with xe.no_grad():
        t += 1.0
    assert before.tolist() == [1.0, 2.0]
    assert xe.tensor([3.0]).detach().tolist() == [3.0]


def test_zero_grad_resets_to_none():
    t = weights()
    t.zero_grad()
    t.sum().backward()
    assert t.grad is not None
    t.zero_grad()
    assert t.grad is None


def test_the_gradient_can_be_set_and_backward_adds_to_it():
    t = weights()
    t.grad = mine = np.array([10.0, 20.0])
    t.sum().backward()
    np.testing.assert_array_equal(mine, [11.0, 21.0])
    t.grad = None
    assert t.grad is None
    t.grad = xe.tensor([1.0, 1.0])
    t.sum().backward()
    assert type(t.grad) is xe.Tensor and t.grad.tolist() == [2.0, 2.0]


def read_only(values):
    array = np.array(values)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "value, kind, message",
    [
        ([1.0, 2.0], DTypeError, "grad: got a list; expected an array or None."),
        (1.0, DTypeError, "grad: got a float"),
        (np.ones(3), ShapeError, "grad: got shape (3,); tensor 'w' has shape (2,)."),
        (np.ones(2, np.float32), DTypeError, "grad: got float32; tensor 'w' is float64. Write g.astype(t.dtype)."),
        (xe.tensor([1, 2]), DTypeError, "grad: got int64"),
        (read_only([1.0, 2.0]), GraphError, "read-only array, but backward() adds to it in place. Write g.copy()."),
    ],
)
def test_a_gradient_that_does_not_fit_is_refused_and_the_old_one_stays(value, kind, message):
    t = weights()
    t.grad = old = np.array([1.0, 2.0])
    with pytest.raises(kind, match=re.escape(message)):
        t.grad = value
    assert t.grad is old


def test_an_unknown_attribute_says_what_to_write():
    t = weights()
    with pytest.raises(AttributeError, match=re.escape("a tensor has no method 'exp'. Write np.exp(t)")):
        t.exp()
    with pytest.raises(AttributeError, match="a tensor has no attribute 'gradient_'"):
        t.gradient_
    with pytest.raises(AttributeError, match="'_private'"):
        t._private
    with pytest.raises(AttributeError):
        t.grdient = 1
    assert not hasattr(t, "pi") and not hasattr(t, "__cuda_array_interface__")
