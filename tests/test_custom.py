"""Gradient rules of the user's own: what works, and what each mistake is told."""

import copy
import doctest
import importlib
import inspect
import linecache
import pickle
import pydoc
import threading
import traceback
import types
import warnings

import numpy as np
import pytest
from derivatives import gradients, inner, random, second, slope

import tinygrad_xe as xe
from tinygrad_xe.containers import leaves
from tinygrad_xe.custom import custom_gradient, op
from tinygrad_xe.errors import DeclarationError, DTypeError, GradientLostError, GraphError, ShapeError
from tinygrad_xe.op import COMPARISONS, COMPOSED, CONSTANT, REGISTRY


def leaf(*values, dtype=float):
    return xe.tensor(np.array(values, dtype), requires_grad=True)


def said(function, error, *args, **kwargs):
    with pytest.raises(error) as raised:
        function(*args, **kwargs)
    return str(raised.value)


@custom_gradient(x=lambda g, out, *, scale: g * out * scale)
def grow(x, *, scale=1.0):
    """exp(scale x)."""
    return np.exp(scale * x)


def wrong(rule, function=lambda x: x * 2.0, x=(1.0, 2.0), g=None):
    """Use a rule once."""
    t = leaf(*x)
    custom_gradient(x=rule)(function)(t).backward(np.ones(len(x)) if g is None else g)
    return t.grad


# -- what a declared function does -------------------------------------------------------------------------------------


def test_a_decorated_function_takes_tensors_and_arrays():
    x = leaf(0.0, 1.0)
    y = grow(x, scale=2.0)
    y.sum().backward()
    assert np.allclose(x.grad, 2 * np.exp(2 * x.data))
    plain = grow(np.array([0.0, 1.0]), scale=2.0)
    assert type(plain) is np.ndarray and np.array_equal(plain, y.data)
    assert type(grow(1.0)) is np.float64
    assert isinstance(grow(xe.tensor([1.0])), xe.Tensor)
    assert np.allclose(grow([0.0, 1.0]), np.exp([0, 1]))


def test_the_function_itself_gets_plain_arrays():
    seen = []

    @custom_gradient(x=lambda g, x: g * 2 * x, y=None)
    def look(x, y):
        seen.extend([type(x), type(y)])
        return np.asarray(float(x) ** 2 + float(y))

    x = xe.tensor(3.0, requires_grad=True)
    look(x, x).backward()
    assert not {xe.Tensor} & set(seen)
    assert x.grad == 6.0


def test_it_keeps_name_documentation_and_signature():
    assert (grow.__name__, grow.__doc__, grow.__module__) == ("grow", "exp(scale x).", __name__)
    assert str(inspect.signature(grow)) == "(x, *, scale=1.0)"
    assert repr(grow) == "<op grow(x, *, scale=1.0)>"
    assert inspect.unwrap(grow)(0.0) == 1.0
    page = pydoc.plain(pydoc.render_doc(grow))
    assert "grow(x, *, scale=1.0)" in page and "exp(scale x)." in page


def test_its_source_and_its_doctests_are_found():
    assert "def grow(x, *, scale=1.0):" in inspect.getsource(grow)
    module = types.ModuleType("made")
    module.custom_gradient = custom_gradient
    exec("@custom_gradient(x=lambda g: g)\ndef f(x):\n    '''>>> 1 + 1\n    2'''\n    return x\n", module.__dict__)
    found = doctest.DocTestFinder().find(module)
    assert [test.name for test in found if test.examples] == ["made.f"]


def test_it_is_copied_and_sent_to_other_processes_by_name():
    assert copy.deepcopy({"f": grow})["f"] is grow
    assert copy.copy(grow) is grow
    assert pickle.loads(pickle.dumps(grow)) is grow


def test_the_signature_as_text_serves_functions_that_tell_none():
    rules = dict(a=lambda g, a, out: g * a / out, b=lambda g, b, out: g * b / out)
    hypot = op(np.hypot, "a, b", broadcasts=True, elementwise=True, **rules)
    a, b = leaf(3.0, 5.0), leaf(4.0)
    out = hypot(a, b)
    out.sum().backward()
    assert np.allclose(a.grad, a.data / out.data)
    assert np.allclose(b.grad, np.sum(4 / out.data))
    assert repr(hypot) == "<op hypot(a, b)>" and str(inspect.signature(hypot)) == "(a, b)"
    assert type(hypot(3.0, 4.0)) is np.float64  # NumPy's function, called without tensors, gives what NumPy gives


def test_the_registry_does_not_grow():
    tables = [REGISTRY, COMPOSED, CONSTANT, COMPARISONS]
    before = [set(table) for table in tables]
    mine = op(np.hypot, "a, b", a=lambda g: g, b=lambda g: g)
    mine(leaf(1.0), leaf(2.0)).backward(np.ones(1))
    custom_gradient(m=lambda g: g)(np.flip)
    assert [set(table) for table in tables] == before
    assert REGISTRY[np.exp](0.0) == 1.0


def test_second_derivatives_come_from_the_rules():
    x = leaf(0.3, -0.4)
    grow(x, scale=2.0).sum().backward(create_graph=True)
    g, x.grad = x.grad, None
    g.sum().backward()
    assert np.allclose(x.grad, 4 * np.exp(2 * x.data))


@custom_gradient(a=lambda g, b: g @ b.T, b=lambda g, a: a.T @ g)
def product(a, b):
    return a @ b


@custom_gradient(x=lambda g, out, *, axis: out * (g - np.sum(g * out, axis=axis, keepdims=True)))
def normalised(x, axis=-1):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


@custom_gradient(a=lambda g, b: g * b, b=lambda g, a: g * a, broadcasts=True)
def times(a, b):
    return a * b


@custom_gradient(x=lambda g, x, *, axis: g * 2 * x, reduces="x")
def squares(x, axis=None, keepdims=False):
    return np.sum(x * x, axis=axis, keepdims=keepdims)


@custom_gradient(x=lambda g, p: g * p, residuals={"p": (xe.sigmoid, "x")})
def log1pexp(x):
    p = 1 / (1 + np.exp(-x))
    return -np.log1p(-p), p


@custom_gradient(items=lambda g, items: [g * np.cos(item) for item in items], variadic="items")
def sines(items):
    return np.sum([np.sin(item) for item in items], axis=0)


FUNCTIONS = {
    "scale": (lambda x: grow(x, scale=0.7), [(3,)]),
    "product": (product, [(2, 3), (3, 4)]),
    "axis": (lambda x: normalised(x, 0), [(3, 2)]),
    "broadcasts": (times, [(2, 3), (3,)]),
    "reduces": (squares, [(2, 3)]),
    "reduces one axis": (lambda x: squares(x, axis=1), [(2, 3)]),
    "reduces a list of axes": (lambda x: squares(x, axis=(0, 2)), [(2, 3, 2)]),
    "residual": (log1pexp, [(4,)]),
    "variadic": (lambda a, b: sines([a, b]), [(3,), (3,)]),
    "chained": (lambda x: np.tanh(log1pexp(grow(x) * 2)), [(3,)]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_first_and_second_derivatives_agree_with_differences(name):
    function, shapes = FUNCTIONS[name]
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(-1, 1, shape) for shape in shapes]
    cotangent = rng.uniform(-1, 1, np.shape(function(*arrays)))
    direction, other = random(rng, arrays), random(rng, arrays)
    found = gradients(function, arrays, cotangent)
    expected = slope(lambda a: inner(function(*a), cotangent), arrays, direction)
    assert sum(map(inner, found, direction)) == pytest.approx(expected, rel=1e-9, abs=1e-9)

    def projected(a):
        return sum(map(inner, gradients(function, a, cotangent), other))

    found = second(function, arrays, cotangent, other)[:-1]
    assert sum(map(inner, found, direction)) == pytest.approx(slope(projected, arrays, direction), rel=1e-8, abs=1e-8)


def test_float32_stays_float32():
    x = leaf(0.5, 1.0, dtype=np.float32)
    y = grow(x, scale=2.0)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == np.float32


def test_an_input_may_be_left_out():
    @custom_gradient(x=lambda g, w: g if w is None else g * w, w=lambda g, x: g * x)
    def weighted(x, w=None):
        return x if w is None else x * w

    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    weighted(x).sum().backward()
    assert x.grad.tolist() == [1, 1]
    weighted(x, w).sum().backward()
    assert x.grad.tolist() == [4, 5] and w.grad.tolist() == [1, 2]


def test_inputs_may_follow_options_and_be_keyword_only():
    @custom_gradient(x=lambda g, y, *, n: g * n * y, y=lambda g, x, *, n: g * n * x)
    def mixed(n, x, /, k=1, *, y):
        return n * x * y

    x, y = leaf(2.0), leaf(5.0)
    mixed(3, x, y=y).backward()
    assert (x.grad.item(), y.grad.item()) == (15, 6)
    assert mixed(3, 2.0, y=5.0) == 30


def test_options_of_ufuncs_and_before_a_slash_are_given_by_place():
    x = leaf(2.0)
    power = op(np.power, "x, n", x=lambda g, x, *, n: g * n * x ** (n - 1))
    power(x, 3).backward()
    power(x, n=3).backward()
    assert x.grad.item() == 24
    root = op(divmod, "x, y, /", x=lambda g: g, y=None)
    assert "returned a tuple of length 2" in said(root, DTypeError, x, 2.0)
    clipped = op(lambda x, low, /: np.maximum(x, low), "x, low=0.0, /", x=lambda g, x, *, low: g * (x > low))
    clipped(x).backward()
    assert x.grad.item() == 25


def test_defaults_are_the_objects_themselves():
    table = {"a": 2.0}

    @custom_gradient(x=lambda g, *, table: g * table["a"])
    def look_up(x, table=table, limit=np.inf, how=np.mean, name="it's", both=(1, 2)):
        assert (limit, how, name, both) == (np.inf, np.mean, "it's", (1, 2))
        return x * table["a"]

    x = leaf(1.0)
    look_up(x).backward()
    assert x.grad.item() == 2.0
    assert "limit=inf" in repr(look_up)


def test_annotations_do_not_matter():
    @custom_gradient(x=lambda g, *, k: g * k)
    def annotated(x: "np.ndarray", *, k: "UnknownName" = 2) -> "np.ndarray":  # noqa: F821  # undefined on purpose
        return x * k

    x = leaf(1.0)
    annotated(x).backward()
    assert x.grad.item() == 2.0


def test_a_method_can_be_decorated():
    class Layer:
        factor = 3.0

        @custom_gradient(x=lambda g, *, self: g * self.factor)
        def __call__(self, x):
            return x * self.factor

    x = leaf(1.0)
    Layer()(x).backward()
    assert x.grad.item() == 3.0
    assert repr(Layer.__call__) == "<op __call__(self, x)>"


def test_none_declares_that_no_gradient_flows():
    @custom_gradient(x=None)
    def rounded(x, digits=0):
        return np.round(x, digits)

    x = leaf(1.26)
    y = rounded(x, 1)
    assert isinstance(y, xe.Tensor) and not y.requires_grad and y.item() == 1.3
    assert rounded(np.array([1.26]), digits=1).tolist() == [1.3]
    assert "missing a required argument" in said(rounded, DTypeError)


def test_straight_through_and_reversed_gradients():
    straight = op(np.round, "x", x=lambda g: g)
    reverse = op(np.positive, "x", x=lambda g: -g)
    x = leaf(0.2, 1.7)
    straight(x).sum().backward()
    assert x.grad.tolist() == [1, 1]
    x.zero_grad()
    reverse(x).sum().backward()
    assert x.grad.tolist() == [-1, -1]


def test_a_constant_residual_is_a_name_as_text_or_a_list():
    def top(x):
        i = np.argmax(x)
        return x[i], i

    one_hot = lambda g, x_shape, i: g * np.eye(x_shape[0])[i]
    for residuals in ("i", ["i"], {"i": None}):
        x = leaf(1.0, 3.0, 2.0)
        y = custom_gradient(x=one_hot, residuals=residuals)(top)(x)
        y.backward()
        assert y.item() == 3.0 and x.grad.tolist() == [0, 1, 0]
    assert op(top, "x -> out, i", x=one_hot)(np.array([1.0, 5.0])) == 5.0


def test_taken_cuts_off_what_is_not():
    choose = op(
        np.where, "condition, a, b", broadcasts=True, elementwise=True, condition=None,
        a=lambda g, condition: np.where(condition, g, 0), b=lambda g, condition: np.where(condition, 0, g),
        taken={"a": lambda condition: condition, "b": lambda condition: ~condition},
    )  # fmt: skip
    x = leaf(-1.0, 4.0)
    with np.errstate(invalid="ignore"):
        choose(x.data > 0, np.sqrt(x), 0.0).sum().backward()
    assert x.grad.tolist() == [0, 0.25]


def test_a_parameter_may_have_a_name_that_only_the_librarys_declarations_use():
    @custom_gradient(kernel=lambda g, x: g * x, x=lambda g, kernel: g * kernel)
    def blur(x, kernel, selects=None, function=None, signature=None):
        return x * kernel

    x, kernel = leaf(2.0), leaf(3.0)
    blur(x, kernel).backward()
    assert (x.grad.item(), kernel.grad.item()) == (3, 2)


def test_a_rule_may_be_a_function_and_may_use_tensors_and_other_declared_functions():
    w = leaf(2.0)

    def rule(g, x):
        return g * w * grow(x)

    f = custom_gradient(x=rule)(lambda x: 2 * np.exp(x))
    x = leaf(0.5)
    f(x).backward()
    assert isinstance(x.grad, np.ndarray) and np.allclose(x.grad, 2 * np.exp(0.5))
    x.zero_grad()
    f(x).backward(create_graph=True)
    x.grad.backward()
    assert np.allclose(w.grad, np.exp(0.5))


def test_functions_of_the_library_can_be_given_another_gradient():
    mine = custom_gradient(x=lambda g: 3 * g)(xe.sigmoid)
    x = leaf(0.0)
    mine(x).backward()
    assert mine.__name__ == "sigmoid" and x.grad.item() == 3
    x.zero_grad()
    xe.sigmoid(x).backward()
    assert x.grad.item() == 0.25


def test_recording_ends_under_no_grad():
    with xe.no_grad():
        assert not grow(leaf(1.0)).requires_grad


def test_the_observers_see_one_step():
    x = leaf(1.0)
    with xe.record() as recorded:
        grow(x).backward()
    assert [step.op for step in recorded.steps] == [grow]


def test_the_check_of_linearity_is_not_recorded():
    w = leaf(2.0)
    f = custom_gradient(x=lambda g: g * w)(lambda x: 2 * x)
    with xe.record() as first:
        f(leaf(1.0)).backward(create_graph=True)
    with xe.record() as second:
        f(leaf(1.0)).backward(create_graph=True)
    assert [step.op.name for step in first.steps] == [step.op.name for step in second.steps]


def test_a_changed_array_is_found_as_in_the_librarys_own_operations():
    b = np.array([2.0])
    y = times(leaf(1.0), b)
    b += 1
    assert "was changed after it was used" in said(y.backward, GraphError, np.ones(1))


def test_threads_share_a_declaration():
    grads = []

    def work():
        x = leaf(0.0)
        grow(x, scale=2.0).backward()
        grads.append(x.grad.item())

    threads = [threading.Thread(target=work) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert grads == [2.0] * 4


# -- notebooks ---------------------------------------------------------------------------------------------------------


def cell(number, source, scope):
    """Run source as a notebook does: each cell a file of its own, known to linecache."""
    name = f"<cell {number}>"
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
    exec(compile(source, name, "exec"), scope)


def test_a_cell_can_be_run_again_with_another_rule():
    scope = {"xe": xe, "np": np, "custom_gradient": custom_gradient}
    source = "@custom_gradient(x=lambda g: g * {})\ndef f(x):\n    return x * 2\n"
    cell(1, source.format(2), scope)
    x = leaf(1.0)
    first = scope["f"](x)
    cell(1, source.format(5), scope)
    scope["f"](x).backward()
    assert x.grad.item() == 5  # the new rule
    first.backward()
    assert x.grad.item() == 7  # what was recorded with the old rule keeps it


def test_a_rule_that_raises_shows_the_users_line_and_tells_its_name():
    scope = {"np": np, "op": op}
    cell(2, "f = op(np.hypot, 'a, b', a=lambda g, a: g / missing, b=lambda g: g)\n", scope)
    with pytest.raises(NameError, match="missing") as raised:
        scope["f"](leaf(1.0), leaf(2.0)).backward()
    shown = "".join(traceback.format_exception(raised.value))
    assert "g / missing" in shown
    assert "raised by the gradient rule of hypot for 'a'" in shown


def test_a_recorded_step_knows_the_users_line():
    scope = {"f": grow}
    cell(3, "def use(x):\n    return f(x)\n", scope)
    from tinygrad_xe.graph import place

    assert place(scope["use"](leaf(1.0)).node) == "<cell 3>:2: return f(x)"


# -- declarations that do not fit --------------------------------------------------------------------------------------


def test_an_unknown_word_is_told_with_the_known_ones():
    message = said(custom_gradient(x=lambda g, y: g), DeclarationError, grow.__wrapped__)
    assert message == (
        "grow: the rule for 'x' asks for 'y'. It can ask for out, x, x_shape, and after a bare * for the options scale."
    )


def test_an_option_asked_for_by_place_is_told_in_two_ways():
    message = said(custom_gradient(x=lambda g, scale: g), DeclarationError, grow.__wrapped__)
    assert message == (
        "grow: the rule for 'x' asks for 'scale', which has no rule of its own and so is an option.\n"
        "  Write lambda g, ..., *, scale: ...; or declare scale=None if it is an array without a gradient."
    )


def test_a_rule_takes_g_first():
    message = said(custom_gradient(x=lambda out, g: g), DeclarationError, grow.__wrapped__)
    assert message == "grow: the rule for 'x' must take g, the output's cotangent, first; got (out, g)."


def test_a_rule_belongs_to_a_parameter():
    message = said(custom_gradient(y=lambda g: g), DeclarationError, grow.__wrapped__)
    assert message == "grow: a rule is given for 'y', which is not a parameter of (x, *, scale=1.0)."


def test_a_misspelt_attribute_is_told_with_the_known_ones():
    message = said(custom_gradient(broadcast=True, x=lambda g: g), DeclarationError, grow.__wrapped__)
    assert "broadcast=True: a rule is a lambda, a function or None" in message
    assert "broadcasts, elementwise, reduces, variadic, taken, residuals" in message
    assert "x=2: a rule is" in said(custom_gradient(x=2), DeclarationError, grow.__wrapped__)


def test_the_decorator_needs_rules():
    assert "takes rules by name" in said(custom_gradient, DeclarationError, lambda x: x)
    assert "no rule is given" in said(custom_gradient(), DeclarationError, lambda x: x)
    assert "decorates a function, got an int" in said(custom_gradient(x=None), DeclarationError, 3)
    assert "got a function and a function" in said(op, DeclarationError, grow.__wrapped__, lambda x: x)


def test_a_function_without_a_signature_is_told_of_op():
    for function, name in ((max, "max"), (np.log, "log")):
        with pytest.raises(DeclarationError, match=rf'xe\.op\({name}, "x, \*, option=0", x=lambda'):
            custom_gradient(x=lambda g: g)(function)


def test_star_parameters_are_refused():
    with pytest.raises(DeclarationError, match=r"has \* or \*\* parameters"):
        custom_gradient(x=lambda g: g)(lambda x, **options: x)


def test_a_signature_that_can_not_be_read_is_refused():
    assert "is not a parameter list" in said(op, DeclarationError, np.hypot, "a b", a=lambda g: g)
    assert "is not a parameter list" in said(op, DeclarationError, np.hypot, "a, b=UNKNOWN", a=lambda g: g)


def test_parameters_can_not_have_the_names_of_the_declarations_words():
    for name in ("g", "broadcasts", "taken", "residuals"):
        with pytest.raises(DeclarationError, match=f"can't be named '{name}'"):
            op(lambda *a: a, f"x, {name}", x=lambda g: g)


def test_a_residual_comes_from_a_function_that_has_a_rule():
    declare = custom_gradient(x=lambda g, p: g * p, residuals={"p": (np.unique, "x")})
    assert "which has no gradient rule" in said(declare, DeclarationError, lambda x: (x, x))
    declare = custom_gradient(x=lambda g, p: g * p, residuals={"p": (np.exp, "y")})
    assert "a residual is given as" in said(declare, DeclarationError, lambda x: (x, x))
    f = custom_gradient(x=lambda g, p: g * p, residuals={"p": (np.exp, "x")})(lambda x: (np.exp(x), np.exp(x)))
    x = leaf(0.5)
    f(x).backward()
    assert np.allclose(x.grad, np.exp(0.5))


# -- calls that do not fit ---------------------------------------------------------------------------------------------


def test_a_tensor_without_a_rule_is_told_what_to_write():
    message = said(grow, GradientLostError, leaf(1.0), scale=leaf(2.0))
    assert message == (
        "grow: scale wants a gradient, and no rule is declared for it.\n"
        "  Declare scale=lambda g, ...: ..., or scale=None to say that no gradient flows into it; "
        "or pass scale.detach()."
    )
    assert grow(leaf(1.0), scale=leaf(2.0).detach()).item() == pytest.approx(np.exp(2))


@pytest.mark.parametrize("nest", [lambda t: [t], lambda t: (1, t), lambda t: {"w": t}, lambda t: {"w": [t]}])
def test_a_tensor_inside_a_container_is_found_too(nest):
    f = custom_gradient(x=lambda g: g)(lambda x, params=None: x)
    assert "params wants a gradient" in said(f, GradientLostError, leaf(1.0), nest(leaf(2.0)))
    assert f(leaf(1.0), nest(leaf(2.0).detach())).item() == 1.0
    constant = custom_gradient(x=None)(lambda x, params=None: x)
    assert "params wants a gradient" in said(constant, GradientLostError, leaf(1.0), nest(leaf(2.0)))


def test_a_tensor_from_outside_is_told():
    w = leaf(2.0)
    f = custom_gradient(x=lambda g: g)(lambda x: x * w)
    message = said(f, GradientLostError, leaf(1.0))
    assert "uses one beside its parameters" in message and "Make it a parameter" in message
    v = w.detach()
    assert custom_gradient(x=lambda g: g)(lambda x: x * v)(leaf(1.0)).item() == 2.0


def test_arguments_that_do_not_fit_are_told_with_the_parameters():
    assert "missing 1 required positional argument: 'x'" in said(grow, DTypeError)
    assert "(x, *, scale=1.0" in said(grow, DTypeError, 1.0, 2.0)
    assert "unexpected keyword argument 'scales'" in said(grow, DTypeError, 1.0, scales=3)


@pytest.mark.parametrize(
    "result, words",
    [
        ([1.0], "returned a list of length 1; expected one array.\n  Write np.stack"),
        ((np.ones(1), 2), 'returned a tuple of length 2; expected one array.\n  Of several outputs, .*residuals="p"'),
        (None, "returned None; expected an array. Is the return statement missing?"),
        (np.ones(1) * 1j, "returned an array of dtype complex128. Complex numbers are not supported"),
        (1j, "returned a complex; expected an array"),
        (np.array([None]), "returned an array of dtype object"),
        ("x", "returned a str; expected an array"),
        (np.ma.masked_array([1.0], [True]), "returned a MaskedArray; expected an array"),
        ({"a": 1}, "returned a dict with the keys .*; expected one array"),
    ],
)
def test_a_function_that_returns_no_array_is_told(result, words):
    with pytest.raises(DTypeError, match=words):
        custom_gradient(x=lambda g: g)(lambda x: result)(leaf(1.0))


def test_declared_residuals_must_be_returned():
    declare = custom_gradient(x=lambda g, p: g * p, residuals="p")
    words = r"expected a tuple of 2, \(out, p\), since residuals are declared"
    with pytest.raises(DTypeError, match="returned a ndarray; " + words):
        declare(lambda x: x)(leaf(1.0))
    with pytest.raises(DTypeError, match="returned a tuple of length 3; " + words):
        declare(lambda x: (x, x, x))(leaf(1.0))


def test_numbers_are_arrays_too():
    f = custom_gradient(x=lambda g: g)(lambda x: float(x[0]))
    y = f(leaf(3.0))
    assert y.item() == 3.0 and y.shape == ()


@pytest.mark.parametrize("error", [ValueError, TypeError, IndexError, KeyError, np.linalg.LinAlgError, StopIteration])
def test_what_the_function_raises_comes_through(error):
    mine = type("Mine", (error,), {})
    raised = mine("my words")

    @custom_gradient(x=lambda g: g)
    def fails(x):
        raise raised from OSError("the cause")

    with pytest.raises(mine) as found:
        fails(leaf(1.0))
    assert found.value is raised and isinstance(raised.__cause__, OSError)
    assert "raise raised from" in "".join(traceback.format_exception(raised))


# -- rules that are wrong ----------------------------------------------------------------------------------------------


def test_a_wrong_shape_names_function_input_and_shapes():
    message = said(wrong, ShapeError, lambda g: g[:1])
    assert message.startswith("<lambda>: the gradient rule for 'x' returned shape (1,); x has shape (2,).\n")
    assert "It was recorded at test_custom.py:" in message
    assert "A rule returns the shape of its input." in message


def test_a_missing_broadcast_is_told():
    f = custom_gradient(a=lambda g, b: g * b, b=lambda g, a: g * a)(lambda a, b: a * b)
    a, b = leaf(1.0, 2.0), leaf(3.0)
    message = said(f(a, b).sum().backward, ShapeError)
    assert "rule for 'b' returned shape (2,); b has shape (1,)" in message and "declare broadcasts=True" in message


def test_with_broadcasts_a_shape_that_can_not_be_summed_is_told():
    f = custom_gradient(a=lambda g, b: (g * b)[:1], b=lambda g, a: g * a, broadcasts=True)(lambda a, b: a * b)
    message = said(f(leaf(1.0, 2.0), leaf(1.0)).sum().backward, ShapeError)
    assert "rule for 'a' returned shape (1,); a has shape (2,)" in message


def test_a_missing_transpose_is_guessed():
    f = custom_gradient(a=lambda g, b: (g @ b.T).T, b=None)(lambda a, b: a @ b)
    a = xe.tensor(np.ones((2, 3)), requires_grad=True)
    assert "Is a transpose missing?" in said(f(a, np.ones((3, 4))).sum().backward, ShapeError)


def test_a_single_number_is_told_how_to_write_zero():
    assert "Write g * 0" in said(wrong, ShapeError, lambda g: 0.0)
    x = xe.tensor(2.0, requires_grad=True)
    custom_gradient(x=lambda g: 0.0)(lambda x: x)(x).backward()  # a number is right for one number
    assert x.grad == 0.0


@pytest.mark.parametrize(
    "result, words",
    [
        (None, "returned None; expected an array.\n  Declare x=None where no gradient flows."),
        ([np.ones(2)], "returned a list of length 1; expected one array, of the shape of x."),
        ((np.ones(2), 1), "returned a tuple of length 2; expected one array, of the shape of x."),
        (np.ones(2) * 1j, "returned an array of dtype complex128; expected floats."),
        ("g", "returned a str; expected one array"),
        (np.exp, "returned a ufunc; expected an array."),
    ],
)
def test_a_rule_that_returns_no_array_is_told(result, words):
    assert words in said(wrong, DTypeError, lambda g: result)


def test_a_variadic_rule_returns_one_for_each():
    declare = custom_gradient(items=lambda g: [g], variadic="items")
    f = declare(lambda items: items[0] + items[1])
    assert "returned 1 cotangents for 2 arrays" in said(f([leaf(1.0), leaf(2.0)]).backward, ShapeError)
    f = custom_gradient(items=lambda g: g, variadic="items")(lambda items: items[0] + items[1])
    assert "expected a list with one array for each" in said(f([leaf(1.0), leaf(2.0)]).backward, DTypeError)
    f = custom_gradient(items=lambda g: [g, g[:1]], variadic="items")(lambda items: items[0] + items[1])
    both = [leaf(1.0, 2.0), leaf(1.0, 2.0)]
    assert "rule for 'items[1]' returned shape (1,)" in said(f(both).sum().backward, ShapeError)


@pytest.mark.parametrize("error", [ValueError, ZeroDivisionError, ShapeError])
def test_what_a_rule_raises_comes_through_with_its_name(error):
    raised = error("my words")

    def rule(g):
        raise raised

    with pytest.raises(error) as found:
        wrong(rule)
    assert found.value is raised
    assert found.value.__notes__ == ["raised by the gradient rule of <lambda> for 'x'"]


@pytest.mark.parametrize("write", ["g *= 2", "out *= g"])
def test_a_rule_that_writes_into_its_arguments_is_told(write):
    scope = {}
    exec(f"def rule(g, out):\n    {write}\n    return g\n", scope)
    with pytest.raises(ValueError, match="read-only") as raised:
        wrong(scope["rule"])
    assert any("write g * 2, and not g *= 2" in note for note in raised.value.__notes__)


LOG = lambda x: np.log(x)

NONLINEAR = {
    "a square": lambda g: g**2,
    "a constant": lambda g: 2 * g + 1,
    "a value instead of a derivative": lambda g, x: x,
    "clip": lambda g: np.clip(g, -1, 1),
    "sign": lambda g: np.sign(g),
    "abs": lambda g: np.abs(g),
    "normalised": lambda g: g / np.linalg.norm(g),
    "one branch": lambda g: np.where(g > 0, g, 0),
    "plus instead of times": lambda g, x: g + x,
}


@pytest.mark.parametrize("name", NONLINEAR)
def test_a_rule_that_is_not_linear_is_told(name):
    message = said(wrong, DeclarationError, NONLINEAR[name], g=np.array([1.0, -2.0]))
    assert message.startswith("<lambda>: the gradient rule for 'x' is not linear in g.\n  It was recorded at ")
    assert "rule(g - 3*h) at x[" in message and "register_hook" in message


def test_the_numbers_are_told():
    t = xe.tensor(2.0, requires_grad=True)
    message = said(custom_gradient(x=lambda g: g + 1)(lambda x: x)(t).backward, DeclarationError)
    h = np.random.default_rng(0).standard_normal()
    h += np.sign(h)
    assert f"rule(g - 3*h) is {2 - 3 * h:.6g}, and rule(g) - 3*rule(h) is {2 - 3 * (h + 1):.6g}" in message


def test_a_rule_that_is_not_linear_is_told_when_the_graph_is_made_too():
    t = leaf(1.0, 2.0)
    y = custom_gradient(x=lambda g: g * g)(lambda x: x)(t)
    with pytest.raises(DeclarationError, match="not linear"):
        y.sum().backward(create_graph=True)


def test_the_second_input_is_checked_when_it_is_first_used():
    f = custom_gradient(a=lambda g, b: g * b, b=lambda g, a: g * a + 1)(lambda a, b: a * b)
    f(leaf(1.0), 2.0 * np.ones(1)).backward()
    f(leaf(1.0), 2.0 * np.ones(1)).backward()
    with pytest.raises(DeclarationError, match="rule for 'b' is not linear"):
        f(leaf(1.0), leaf(2.0)).backward()


def test_an_empty_array_leaves_the_check_for_the_next_time():
    f = custom_gradient(x=lambda g: g**2)(lambda x: x * 1.0)
    f(leaf()).backward(np.zeros(0))
    with pytest.raises(DeclarationError, match="not linear"):
        f(leaf(1.0)).backward()


def test_linearity_is_checked_once():
    calls = []

    def rule(g):
        calls.append(g)
        return g * 2

    f = custom_gradient(x=rule)(lambda x: x * 2)
    for expected in (4, 5, 6):
        f(leaf(1.0)).backward()
        assert len(calls) == expected


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_rounding_is_no_alarm(dtype):
    rng = np.random.default_rng(1)
    for seed in range(20):
        matrix = rng.standard_normal((30, 30)).astype(dtype)
        f = op(np.dot, "x, m", x=lambda g, m: g @ m.T, m=None)
        x = xe.tensor((rng.standard_normal((4, 30)) * 10.0 ** (seed % 3 - 1)).astype(dtype), requires_grad=True)
        f(x, matrix).sum().backward()
        stretch = op(np.multiply, "x, s", x=lambda g, s: g * s, s=None, elementwise=True)
        stretch(x, np.logspace(-3, 2, 30).astype(dtype) * np.ones((4, 1), dtype)).sum().backward()


def test_an_ill_conditioned_rule_is_no_alarm():
    i = np.arange(8)
    hilbert = 1.0 / (i + i[:, None] + 1)  # condition number 1.5e10
    f = custom_gradient(x=lambda g, *, m: np.linalg.solve(m.T, g))(lambda x, m: np.linalg.solve(m, x))
    x = leaf(*np.ones(8))
    f(x, hilbert).sum().backward()
    assert np.all(np.isfinite(x.grad))


def test_nan_and_infinity_do_not_confuse_the_check():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = np.array([0.0, np.inf, np.nan, 1.0])
        found = wrong(lambda g, x: g * (1 / x), LOG, (1.0, 1.0, 1.0, 1.0), values)
        assert np.array_equal(found, values, equal_nan=True)
        with np.errstate(divide="ignore"):
            found = wrong(lambda g, x: g / x, LOG, (0.0, 1.0))
        assert found.tolist() == [np.inf, 1]
        assert np.isnan(wrong(lambda g: g * np.nan)).all()
    assert "not linear" in said(wrong, DeclarationError, lambda g, x: (g / x) ** 2, g=np.array([np.nan, 2.0]))


def test_a_rule_that_gave_nothing_finite_is_checked_the_next_time():
    f = custom_gradient(x=lambda g, x: g**2 / x)(lambda x: x * 1.0)
    f(leaf(0.0)).backward()
    with pytest.raises(DeclarationError, match="not linear"):
        f(leaf(1.0)).backward()


def test_the_check_leaves_the_global_random_state_alone():
    np.random.seed(0)  # noqa: NPY002  # the old generator is what must not move
    before = np.random.get_state()[1].copy()  # noqa: NPY002  # the old generator is what must not move
    wrong(lambda g: g * 2)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002  # the old generator is what must not move


# -- cotangents that are not arrays of NumPy ---------------------------------------------------------------------------


class Rows(np.lib.mixins.NDArrayOperatorsMixin):
    """Cotangents that a rule takes for one; it can't be converted."""

    def __init__(self, rows):
        self.rows = rows

    shape = property(lambda self: self.rows.shape[1:])
    ndim = property(lambda self: self.rows.ndim - 1)
    dtype = property(lambda self: self.rows.dtype)

    def __array__(self, *args, **kwargs):
        raise AssertionError("converted")

    def __getattr__(self, name):
        raise AssertionError(name)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return Rows(ufunc(*[i.rows if isinstance(i, Rows) else i for i in inputs]))

    def __array_function__(self, function, types, args, kwargs):
        raise AssertionError(function)


def test_a_foreign_cotangent_is_passed_through_and_an_array_stands_in_for_it_in_the_check():
    f = custom_gradient(x=lambda g, x: g * x**2)(lambda x: x**3 / 3)
    node = f(leaf(2.0, 3.0)).node
    (found,) = f.vjp(node, node.saved, Rows(np.eye(2)))
    assert type(found) is Rows and np.array_equal(found.rows, np.diag([4, 9]))
    assert f.unchecked == set()
    wrong_one = custom_gradient(x=lambda g, x: g * g)(lambda x: x**3 / 3)
    with pytest.raises(DeclarationError, match="not linear"):
        wrong_one.vjp(node, node.saved, Rows(np.eye(2)))


def test_nothing_is_checked_where_the_values_are_foreign():
    f = custom_gradient(x=lambda g, x: g * x * g)(lambda x: x**3 / 3)
    node = f(leaf(2.0, 3.0)).node
    f.vjp(node, (Rows(np.ones((1, 2))),), Rows(np.eye(2)))
    assert f.unchecked == {"x"}


# -- transforms --------------------------------------------------------------------------------------------------------



def slope_of(f):
    return xe.grad(lambda x: np.sum(f(x)))


SAME = {
    "cube": (custom_gradient(x=lambda g, x: g * 3 * x**2)(lambda x: x**3), lambda x: x**3),
    "softmax": (normalised, xe.softmax),
    "broadcasts": (lambda x: times(x, x[:1]), lambda x: x * x[:1]),
    "residual": (log1pexp, xe.softplus),
    "reduces": (squares, lambda x: np.sum(x**2)),
}
TRANSFORMS = {
    "jacobian": xe.jacobian,
    "jacobian of jacobian": lambda f: xe.jacobian(xe.jacobian(f)),
    "hessian": lambda f: xe.hessian(lambda x: np.sum(np.sin(f(x)))),
    "jvp": lambda f: lambda x: xe.jvp(f, (x,), (x[::-1],)),
    "hvp": lambda f: lambda x: xe.hvp(lambda x: np.sum(np.exp(f(x))), x, x[::-1]),
    "checkpoint": lambda f: xe.grad(lambda x: np.sum(xe.checkpoint(f)(x) ** 2)),
    "third order": lambda f: slope_of(lambda x: slope_of(slope_of(f))(x) ** 2),
}  # fmt: skip


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", SAME)
def test_transforms_take_declared_functions_as_they_take_the_librarys(name, transform):
    mine, theirs = SAME[name]
    x = np.array([0.3, -1.2, 0.7])
    for found, expected in zip(*(leaves(TRANSFORMS[transform](f)(x)) for f in (mine, theirs)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_a_jacobian_finds_that_a_rule_is_not_linear():
    f = custom_gradient(x=lambda g: g**2)(lambda x: x)
    with pytest.raises(DeclarationError, match="not linear"):
        xe.jacobian(f)(np.ones(3))


def test_derivatives_inside_of_derivatives_do_not_mix():
    cube = SAME["cube"][0]
    assert xe.grad(lambda x: xe.grad(lambda y: cube(x * y))(2.0))(1.0) == 36.0


# -- the name ----------------------------------------------------------------------------------------------------------


def test_the_module_of_declarations_can_be_imported_whatever_the_package_exports():
    from tinygrad_xe.op import REGISTRY as found

    assert found is REGISTRY
    assert importlib.import_module("tinygrad_xe.op").REGISTRY is REGISTRY


def test_a_residual_of_floats_that_nobody_called_constant_is_not_taken_for_one():
    sine = custom_gradient(x=lambda g, c: g * c, residuals="c")(lambda x: (np.sin(x), np.cos(x)))
    x = np.array([0.3, 1.0])
    np.testing.assert_array_equal(xe.grad(lambda x: np.sum(sine(x)))(x), np.cos(x))
    np.testing.assert_array_equal(xe.jvp(sine, (x,), (x,))[1], x * np.cos(x))
    message = r"the residual 'c' was computed.\n  Write residuals=\{'c': \(np.cos, \"x\"\)\}"
    with pytest.raises(GraphError, match=message):
        xe.hessian(lambda x: np.sum(sine(x)))(x)
    said = custom_gradient(x=lambda g, c: g * c, residuals={"c": (np.cos, "x")})(sine.__wrapped__)
    np.testing.assert_allclose(xe.hessian(lambda x: np.sum(said(x)))(x), np.diag(-np.sin(x)))


def test_a_residual_is_given_as_a_function_and_its_inputs():
    with pytest.raises(DeclarationError, match=r"given as <ufunc 'cos'>; expected a tuple of a function and inputs"):
        custom_gradient(x=lambda g, c: g * c, residuals={"c": np.cos})(lambda x: (np.sin(x), np.cos(x)))


def test_a_function_can_not_write_into_the_tensor_that_it_is_given():
    def squared(x):
        x *= x
        return x

    x = xe.tensor([0.5, 2.0], requires_grad=True)
    with pytest.raises(ValueError, match="read-only") as raised:
        custom_gradient(x=lambda g, x: g * 2 * x)(squared)(x)
    assert "write x * 2, not x *= 2" in raised.value.__notes__[0]
    assert x.tolist() == [0.5, 2.0]
