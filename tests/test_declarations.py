"""Declarations of operations: what is checked when they are made, what nodes keep, and the code made from them."""

import importlib.util
import traceback

import numpy as np
import pytest

import tinygrad_xe as xe
import tinygrad_xe.op as declarations
from tinygrad_xe.errors import DeclarationError
from tinygrad_xe.op import COMPARISONS, REGISTRY, Op, restore
from tinygrad_xe.ops import elementwise, linalg, shape
from tinygrad_xe.ops.special import softmax


def half(x):
    return 0.5 * x


def declare(signature="x", function=half, *, rules=None, **attributes):
    return Op(function, signature, {"x": lambda g: g} if rules is None else rules, **attributes)


@pytest.mark.parametrize(
    ("signature", "declaration", "said"),
    [
        ("x", {"rules": {"x": lambda g, y: g}}, "the rule for 'x' asks for 'y'. It can ask for out, x, x_shape"),
        ("x", {"rules": {"x": lambda g, *, axis: g}}, "asks for the option 'axis'; the options are (there are none)"),
        ("x, axis=0", {"rules": {"x": lambda g, *, axes: g}}, "asks for the option 'axes'; the options are axis"),
        ("x", {"rules": {"x": lambda cotangent: cotangent}}, "must take g, the output's cotangent, first"),
        ("x", {"rules": {"x": lambda: 0}}, "must take g, the output's cotangent, first; got ()"),
        ("x", {"rules": {"x": np.negative}}, "the rule for 'x' must be a lambda or a function, got <ufunc 'negative'>"),
        ("x", {"rules": {"y": lambda g: g}}, "a rule is given for 'y', which is not a parameter of (x)"),
        ("x, *, ", {}, "is not a parameter list"),
        ("x, axis=nothing", {}, "is not a parameter list"),
        ("*x", {}, "has * or ** parameters"),
        ("g", {"rules": {"g": lambda g: g}}, "a parameter can't be named 'g'"),
        ("out", {"rules": {"out": lambda g: g}}, "a parameter can't be named 'out'"),
        ("x, x_shape", {}, "a parameter can't be named 'x_shape'"),
        ("x, _private=1", {}, "a parameter can't be named '_private'"),
        ("x, kernel=1", {}, "a parameter can't be named 'kernel'"),
        ("x -> out, extra", {}, "each further one needs an entry in residuals"),
        ("x -> result", {}, "The first output is 'out'"),
        ("x -> out, p", {"residuals": {"p": (softmax,)}}, "expected an op and, for each of its inputs, one of ('x',)"),
        ("x -> out, p", {"residuals": {"p": (softmax, "y")}}, "expected an op and, for each of its inputs"),
        ("x", {"taken": {"y": lambda x: x}}, "reduces, variadic and taken name inputs; 'y' is none of ('x',)"),
        ("x", {"taken": {"x": lambda y: y}}, "taken for 'x' asks for 'y'"),
        ("x", {"reduces": "x"}, "an op that reduces takes the option axis"),
        ("x", {"variadic": "xs"}, "'xs' is none of ('x',)"),
    ],
)
def test_a_declaration_that_does_not_fit_together_is_refused_with_the_reason(signature, declaration, said):
    with pytest.raises(DeclarationError) as caught:
        declare(signature, **declaration)
    assert str(caught.value).startswith("half: ")
    assert said in str(caught.value)


def test_an_op_shows_its_signature():
    assert repr(elementwise.multiply) == "<op multiply(a, b)>"
    assert repr(declare("x, scale=2")) == "<op half(x, scale=2)>"


def test_a_node_keeps_only_what_the_rules_of_tracked_inputs_name():
    x, c = xe.tensor([1.0, 2.0], requires_grad=True), np.array([3.0, 4.0])
    assert (x + c).node.saved == ()
    kept = (x * c).node.saved
    assert sum(value is not None for value in kept) == 1
    assert any(value is c for value in kept)
    (out,) = np.exp(x).node.saved
    np.testing.assert_array_equal(out, np.exp([1.0, 2.0]))
    assert (-x).node.saved == ()
    assert x.reshape(1, 2).node.saved == ()


def test_the_generated_gradient_reads_saved_words_by_name():
    source = elementwise.multiply.vjp_source()
    assert "_rule_a(g, b) if _a_node is not None else None" in source
    assert "g if _a_node is not None else None, g if" in elementwise.add.vjp_source()
    assert "_one_each" in shape.concatenate.vjp_source()


def test_generated_code_is_shown_in_tracebacks():
    x = xe.tensor([[1.0]], requires_grad=True)
    with pytest.raises(xe.ShapeError) as caught:
        x @ np.ones((2, 2))
    lines = "".join(traceback.format_exception(caught.value))
    assert "<op matmul>" in lines and "_kernel(" in lines
    assert linalg.matmul.call is not None


def test_an_op_called_with_arguments_that_do_not_fit_lists_its_parameters():
    with pytest.raises(xe.DTypeError, match=r"softmax: .* keyword argument 'axes'\.\n  With a tensor it takes"):
        xe.softmax(np.ones(3), axes=0)
    with pytest.raises(xe.DTypeError, match="missing 1 required positional argument"):
        xe.softmax()


def test_a_type_error_inside_an_op_is_not_taken_for_wrong_arguments():
    def broken(x):
        raise TypeError("inside")

    with pytest.raises(xe.DTypeError, match=r"broken: inside"):
        declare(function=broken)(np.ones(2))


def test_a_variadic_rule_gives_one_cotangent_for_each_array():
    def joined(arrays):
        return np.concatenate(arrays)

    op = Op(joined, "arrays", {"arrays": lambda g: [g]}, variadic="arrays")
    x = xe.tensor([1.0], requires_grad=True)
    with pytest.raises(xe.ShapeError, match="its rule returned 1 cotangents for 2 arrays; expected one for each"):
        op([x, x]).sum().backward()


def test_a_rule_of_the_wrong_shape_is_told_with_both_shapes():
    op = declare(rules={"x": lambda g: g[:1]})
    x = xe.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(xe.ShapeError, match=r"half: .* of shape \(1,\) for an input of shape \(2,\)"):
        op(x).sum().backward()
    assert x.grad is None


def test_restore_gives_reduced_axes_back():
    value = np.arange(6.0).reshape(2, 3)
    for axis in (0, 1, -1, (0, 1), (1,)):
        assert restore(value.sum(axis), axis, (2, 3)).shape == value.sum(axis, keepdims=True).shape


def test_an_op_without_the_engine_says_what_to_import():
    spec = importlib.util.spec_from_file_location("tinygrad_xe.unconnected", declarations.__file__)
    unconnected = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(unconnected)
    with pytest.raises(DeclarationError, match="half: import tinygrad_xe before calling an operation"):
        unconnected.Op(half, "x", {"x": lambda g: g})(1.0)


def test_numpys_other_names_for_a_function_are_the_same_op():
    assert REGISTRY[np.abs] is REGISTRY[np.absolute]
    assert np.greater in COMPARISONS
