"""Declarations: signatures as text, rules by the names of their parameters, and the errors of both."""

import copy
import importlib
import inspect
import pickle
import traceback

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.errors import DeclarationError
from tinygrad_xe.op import COMPARISONS, COMPOSED, CONSTANT, REGISTRY, Op, restore

declarations = importlib.import_module("tinygrad_xe.op")  # xe.op is the function


def plus(a, b):
    return a + b


def declare(signature="a, b", function=plus, rules=None, **attributes):
    return Op(function, signature, {"a": lambda g: g, "b": lambda g: g} if rules is None else rules, **attributes)


def message(signature="a, b", rules=None, **attributes):
    with pytest.raises(DeclarationError) as raised:
        declare(signature, rules=rules, **attributes)
    return str(raised.value)


def leaf(*values, dtype=float):
    return xe.tensor(np.array(values, dtype), requires_grad=True)


# -- what a declaration says -------------------------------------------------------------------------------------------


def test_an_op_knows_its_inputs_options_and_what_it_saves():
    made = declare(
        "a, b, axis=0, *, scale=1.0",
        rules={"a": lambda g, out, b, *, scale: g, "b": lambda g, a_shape, b_shape: g},
    )
    assert made.inputs == made.tracked == ("a", "b")
    assert made.options == ("axis", "scale")
    assert made.saves == ("out", "b", "a_shape")  # b's own shape is known from its node
    assert made.name == "plus"
    assert repr(made) == "<op plus(a, b, axis=0, *, scale=1.0)>"


def test_a_word_that_a_rule_can_not_ask_for_is_refused_with_the_words_that_it_can():
    said = message("a, b, axis=0", rules={"a": lambda g, c: g, "b": None})
    assert said == (
        "plus: the rule for 'a' asks for 'c'. It can ask for out, a, b, a_shape, b_shape, "
        "and after a bare * for the options axis."
    )


def test_an_option_asked_for_by_position_is_refused():
    assert "after a bare * for the options axis" in message("a, b, axis=0", rules={"a": lambda g, axis: g, "b": None})


def test_an_unknown_option_is_refused_with_the_options():
    said = message("a, b, axis=0", rules={"a": lambda g, *, axes: g, "b": None})
    assert said == "plus: the rule for 'a' asks for the option 'axes'; the options are axis."
    assert "(there are none)" in message(rules={"a": lambda g, *, axes: g, "b": None})


def test_a_rule_takes_the_cotangent_first():
    said = message(rules={"a": lambda out, g: g, "b": None})
    assert said == "plus: the rule for 'a' must take g, the output's cotangent, first; got (out, g)."
    assert "got ()" in message(rules={"a": lambda: 0, "b": None})


def test_a_rule_is_a_function():
    assert "must be a lambda or a function, got 3" in message(rules={"a": 3, "b": None})
    assert "must be a lambda or a function" in message(rules={"a": np.negative, "b": None})


def test_taken_is_checked_as_rules_are():
    assert "taken for 'a' asks for 'c'" in message(taken={"a": lambda c: c})
    assert "taken for 'a' asks for the option 'k'" in message(taken={"a": lambda a, *, k: a})
    assert "'c' is none of ('a', 'b')" in message(taken={"c": lambda a: a})


@pytest.mark.parametrize("name", ["g", "out", "function", "signature", "kernel", "taken", "_a", "b_shape"])
def test_a_parameter_can_not_have_a_name_that_means_something_in_declarations(name):
    said = message(f"{name}, b", rules={name: lambda g: g, "b": None})
    assert said == f"plus: a parameter can't be named {name!r}: that word has a meaning in declarations."


def test_an_option_may_be_numpys_out_and_no_other_reserved_word():
    assert declare("a, b, out=None").options == ("out",)
    assert "can't be named 'g'" in message("a, b, g=1")
    assert "can't be named 'residuals'" in message("a, b, residuals=1")


@pytest.mark.parametrize(
    "signature", ["a, b=", "a b", "a, a", "lambda: 0", "a, b, class", "a=1, b", "a, b, k=unknown", "a, b, k=np.unknown"]
)
def test_a_signature_that_can_not_be_read_is_refused(signature):
    said = message(signature)
    assert said.startswith(f"plus: the signature {signature!r} is not a parameter list: ")


@pytest.mark.parametrize("signature", ["*a, b", "a, b, **kwargs"])
def test_every_parameter_has_a_name(signature):
    assert "has * or ** parameters; name each, or use a variadic" in message(signature)


def test_a_default_can_be_one_of_numpys_constants():
    made = declare("a, b, k=np.inf", function=lambda a, b, k: a + b + 1 / k)
    assert made(leaf(1.0), leaf(2.0)).item() == 3.0


def test_a_rule_for_something_that_is_not_a_parameter_is_refused():
    said = message("a, b", rules={"a": lambda g: g, "c": lambda g: g})
    assert said == "plus: a rule is given for 'c', which is not a parameter of (a, b)."


def test_attributes_name_inputs():
    assert "'c' is none of ('a', 'b')" in message("a, b, axis=0", reduces="c")
    assert "'axis' is none of ('a', 'b')" in message("a, b, axis=0", variadic="axis")
    assert message(reduces="a") == "plus: an op that reduces takes the option axis."


def test_residuals_are_declared_with_the_outputs():
    said = "each further one needs an entry in residuals"
    assert said in message("a, b -> out, p")
    assert said in message("a, b -> p, out", residuals={"out": None})
    assert said in message("a, b", residuals={"p": None})
    assert said in message("a, b -> out, b", residuals={"b": None})
    assert said in message("a, b -> out, g", residuals={"g": None})


def test_a_residual_names_an_op_and_the_inputs_of_ours_that_it_takes():
    product = declare("a, b, axis=0")
    assert "expected an op and, for each of its inputs, one of" in message(
        "a, b -> out, p", residuals={"p": (product, "a")}
    )
    assert "one of ('a', 'b')" in message("a, b, axis=0 -> out, p", residuals={"p": (product, "a", "c")})
    assert "its options must be among ()" in message("a, b -> out, p", residuals={"p": (product, "a", "b")})


# -- the registry ------------------------------------------------------------------------------------------------------


def test_numpys_functions_are_registered_once_each():
    assert REGISTRY[np.exp].name == "exp"
    tables = [set(REGISTRY), set(COMPOSED), set(CONSTANT), set(COMPARISONS)]
    for i, table in enumerate(tables):
        for other in tables[i + 1 :]:
            assert not table & other


def test_every_registered_op_can_be_printed_and_says_what_it_is():
    for made in REGISTRY.values():
        assert made.name in repr(made)
        assert isinstance(made.vjp_source(), str)


def test_our_own_functions_keep_their_documentation():
    assert xe.sigmoid.__name__ == "sigmoid"
    assert "Logistic function" in inspect.getdoc(xe.sigmoid)
    assert str(inspect.signature(xe.softmax)).startswith("(x")


def test_before_the_dispatcher_is_there_an_op_says_what_to_import(monkeypatch):
    with pytest.raises(DeclarationError, match="plus: import tinygrad_xe before calling an operation"):
        declarations.no_dispatcher(declare())


# -- rules at work -----------------------------------------------------------------------------------------------------

#: Words that the generated code could trip over.
AWKWARD = [
    "node",
    "saved",
    "tensor",
    "result",
    "mode",
    "frame",
    "code",
    "watch",
    "error",
    "Tensor",
    "np",
    "next",
    "shape",
    "self",
]


@pytest.mark.parametrize("name", AWKWARD)
def test_parameters_can_have_any_name_that_is_not_reserved(name):
    made = Op(
        lambda x, y: x * y,
        f"x, {name}=2.0",
        {"x": eval(f"lambda g, {name}: g * {name}"), name: eval(f"lambda g, x, {name}_shape: g * x")},
    )
    x, y = leaf(3.0), leaf(5.0)
    made(x, y).sum().backward()
    assert (x.grad, y.grad) == ([5.0], [3.0])
    option = Op(lambda x, **k: x * k[name], f"x, *, {name}=2.0", {"x": eval(f"lambda g, *, {name}: g * {name}")})
    x = leaf(3.0)
    option(x).sum().backward()
    assert x.grad == [2.0]


def test_an_op_made_of_a_lambda_works_and_errors_name_it():
    made = Op(lambda x: np.sin(x), "x", {"x": lambda g, x: g * np.cos(x)})
    x = leaf(0.5)
    made(x).sum().backward()
    np.testing.assert_allclose(x.grad, np.cos(0.5))
    failing = Op(lambda x: x.reshape(7), "x", {"x": lambda g: g})
    with pytest.raises(xe.ShapeError, match=r"^<lambda>: cannot reshape"):
        failing(x)


def test_an_input_left_out_is_none_for_the_rule():
    def scaled(x, weight=None):
        return x if weight is None else x * weight

    made = Op(
        scaled,
        "x, weight=None",
        {
            "x": lambda g, weight: g if weight is None else g * weight,
            "weight": lambda g, x: g * x,
        },
    )
    x, weight = leaf(3.0), leaf(4.0)
    made(x).sum().backward()
    assert x.grad == [1.0]
    made(x, weight).sum().backward()
    assert x.grad == [5.0] and weight.grad == [3.0]


def test_an_input_with_the_rule_none_gets_no_gradient():
    made = declare(rules={"a": lambda g: g, "b": None})
    a, b = leaf(1.0), leaf(2.0)
    made(a, b).sum().backward()
    assert a.grad == [1.0] and b.grad is None
    assert not made(1.0, b).requires_grad


def test_shapes_of_tracked_and_of_plain_inputs_reach_the_rules():
    seen = []
    made = declare(
        rules={
            "a": lambda g, a_shape, b_shape: seen.append((a_shape, b_shape)) or g[..., 0],
            "b": lambda g, b_shape, a_shape: seen.append((b_shape, a_shape)) or g,
        },
        function=lambda a, b: a[..., None] + np.asarray(b),
    )
    made(leaf(1.0, 2.0), np.ones((2, 1))).sum().backward()
    made(np.ones(2), xe.tensor(np.ones((2, 1)), requires_grad=True)).sum().backward()
    assert seen == [((2,), (2, 1)), ((2, 1), (2,))]


def softmax_parts(x, axis=-1):
    p = np.exp(x - x.max(axis, keepdims=True))
    p /= p.sum(axis, keepdims=True)
    return np.log(np.exp(x).sum(axis)), p


def test_a_residual_is_kept_for_the_rule_and_has_a_derivative_of_its_own():
    made = Op(
        softmax_parts,
        "x, axis=-1 -> out, p",
        {"x": lambda g, p, *, axis: np.expand_dims(g, axis) * p},
        residuals={"p": (xe.softmax, "x")},
    )
    values = np.array([[0.1, -0.4, 1.2], [0.0, 2.0, -1.0]])
    direction = np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]])
    found = []
    for function in (made, xe.logsumexp):
        x = xe.tensor(values, requires_grad=True)
        function(x, axis=-1).sum().backward(create_graph=True)
        first, x.grad = x.grad, None
        (first * direction).sum().backward()
        found.append((first.data, x.grad))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)
    assert type(made(values)) is np.ndarray  # a residual is nobody's result
    assert made(xe.tensor(values)).shape == (2,)


def test_a_residual_of_inputs_that_are_not_tracked_is_a_constant():
    scale = Op(lambda w: np.exp(w), "w", {"w": lambda g, out: g * out})
    made = Op(
        lambda x, w: (x * np.exp(w), np.exp(w)),
        "x, w -> out, e",
        {"x": lambda g, e: g * e, "w": lambda g, out: g * out},
        residuals={"e": (scale, "w")},
    )
    x = leaf(3.0)
    made(x, np.array([1.0])).sum().backward(create_graph=True)
    assert not x.grad.requires_grad
    np.testing.assert_allclose(x.grad.data, np.e)


def test_a_residual_without_an_op_is_a_constant():
    made = Op(
        lambda x: (np.abs(x), np.sign(x)), "x -> out, sign", {"x": lambda g, sign: g * sign}, residuals={"sign": None}
    )
    x = leaf(-3.0)
    made(x * x * x).sum().backward(create_graph=True)
    first, x.grad = x.grad, None
    assert first.item() == -27.0
    first.backward()
    assert x.grad == [18.0]


def test_a_residual_that_is_a_reduction_knows_the_shape_that_it_was_reduced_from():
    made = Op(
        lambda x, axis=None: (np.sum(x, axis) ** 2, np.sum(x, axis)),
        "x, axis=None, keepdims=False, dtype=None, out=None -> out, s",
        {"x": lambda g, s, x_shape, *, axis: np.broadcast_to(np.expand_dims(2 * g * s, axis), x_shape)},
        kernel=lambda x, axis, keepdims, dtype: (np.sum(x, axis) ** 2, np.sum(x, axis)),
        residuals={"s": (REGISTRY[np.sum], "x")},
    )
    x = xe.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    made(x, axis=1).sum().backward(create_graph=True)
    first, x.grad = x.grad, None
    np.testing.assert_array_equal(first.data, [[6.0] * 3, [24.0] * 3])
    (first * np.array([1.0, 0, 0])).sum().backward()
    np.testing.assert_array_equal(x.grad, np.full((2, 3), 2.0))


def test_a_variadic_rule_returns_one_cotangent_for_each_array():
    made = Op(lambda arrays: arrays[0] + arrays[1], "arrays", {"arrays": lambda g: [g]}, variadic="arrays")
    with pytest.raises(xe.ShapeError, match="its rule returned 1 cotangents for 2 arrays; expected one for each"):
        made([leaf(1.0), leaf(2.0)]).sum().backward()


def test_a_variadic_op_can_save_its_arrays():
    made = Op(
        lambda arrays: arrays[0] * arrays[1],
        "arrays",
        {"arrays": lambda g, arrays: [g * arrays[1], g * arrays[0]]},
        variadic="arrays",
    )
    a, b = leaf(2.0), leaf(5.0)
    made([a, b]).sum().backward()
    assert (a.grad, b.grad) == ([5.0], [2.0])
    a.grad = b.grad = None
    made([a, np.array([7.0])]).sum().backward(create_graph=True)
    assert a.grad.item() == 7.0
    a.grad = None
    made([a, b]).sum().backward(create_graph=True)
    first, a.grad = a.grad, None
    first.backward()
    assert b.grad.item() == 3.0  # 2 from the first sweep, 1 from the second


def test_a_rule_of_a_wrong_shape_is_found():
    made = declare(function=lambda a, b: a * b, rules={"a": lambda g, b: (g * b).sum(), "b": None})
    with pytest.raises(
        xe.ShapeError, match=r"plus: a gradient rule returned .* shape \(\) for an input of shape \(2,\)"
    ) as raised:
        Op(plus, "a, b", made.rules)(leaf(1.0, 2.0), 1.0).sum().backward()
    assert "only operations declared with broadcasts=True are summed" in str(raised.value)
    made = Op(lambda x, axis: x.sum(axis), "x, axis=0", {"x": lambda g: np.ones(5)}, reduces="x")
    with pytest.raises(xe.ShapeError, match=r"shape \(5,\) for an input of shape \(2,\)"):
        made(leaf(1.0, 2.0)).sum().backward()


# -- calls that do not fit ---------------------------------------------------------------------------------------------


def test_arguments_that_do_not_fit_are_answered_with_the_parameters():
    with pytest.raises(
        xe.DTypeError, match=r"plus: missing 1 required positional argument: 'b'.\n  With a tensor it takes \(a, b\)"
    ):
        declare()(leaf(1.0))
    with pytest.raises(
        xe.DTypeError, match=r"softmax: got an unexpected keyword argument 'axes'.\n.*it takes \(x, axis=-1\)"
    ):
        xe.softmax(leaf(1.0), axes=0)
    again = declare()
    again(leaf(1.0), 1.0)
    with pytest.raises(xe.DTypeError, match="takes 2 positional arguments but 3 were given"):
        again(leaf(1.0), 2.0, 3.0)


def test_a_type_error_from_inside_an_operation_is_not_taken_for_one_of_its_call():
    def kernel(x):
        return len(3)

    with pytest.raises(xe.DTypeError, match=r"^kernel: object of type 'int' has no len\(\)"):
        Op(kernel, "x", {"x": lambda g: g})(leaf(1.0))

    def observer_error(node):
        raise TypeError("from elsewhere")

    made = Op(lambda x: x, "x", {"x": lambda g: observer_error(g)})
    with pytest.raises(TypeError, match=r"^from elsewhere"):
        made(leaf(1.0)).backward()


def test_tracebacks_show_the_generated_code_under_the_name_of_the_op():
    with pytest.raises(xe.ShapeError) as raised:
        leaf(1.0, 2.0) + np.ones(3)
    frame = traceback.extract_tb(raised.value.__traceback__)[-1]
    assert (frame.filename, frame.name) == ("<op add>", "add")
    assert frame.line.startswith("raise _explained(")


# -- restore -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, (0, 2), (-1, 0), (), (0, 1, 2)])
def test_restore_gives_reduced_axes_back(axis):
    full = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(restore(full.sum(axis), axis, full.shape), full.sum(axis, keepdims=True))


def test_an_operation_is_copied_and_pickled_by_its_name():
    assert copy.deepcopy(xe.sigmoid) is xe.sigmoid
    assert pickle.loads(pickle.dumps({"activation": xe.relu})) == {"activation": xe.relu}
