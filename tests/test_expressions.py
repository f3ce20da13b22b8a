"""Self-printing arrays: what they write down has the value that they have, for the rules of all operations."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from cases import Case, variants
from losses_cases import LOSSES
from ops_cases import CASES as OPS

import tinygrad_xe as xe
from tinygrad_xe.backward import fit
from tinygrad_xe.graph import Node
from tinygrad_xe.losses import rules
from tinygrad_xe.op import REGISTRY, Op
from tinygrad_xe.program import notation
from tinygrad_xe.program.expressions import Call, Expression, ExpressionError, Name, Number, scope
from tinygrad_xe.program.readings import LONGEST, local_derivative, rule_of
from tinygrad_xe.program.trees import names
from tinygrad_xe.watch import Observer

CASES: list[Case] = [*OPS, *LOSSES]


class Recorder(Observer):
    """Keeps what every operation was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Node, dict[str, Any]]] = []

    def forward(self, op: Op, node: Node | None, inputs: tuple[Any, ...], out: Any) -> None:
        if node is not None:
            self.calls.append((node, dict(zip(op.inputs, inputs, strict=True))))


class Step:
    """One recorded operation and one of its inputs."""

    def __init__(self, node: Node, inputs: dict[str, Any], i: int) -> None:
        self.node, self.op, self.i = node, node.op, i
        self.name = self.op.variadic or self.op.inputs[i]
        self.saved = inputs | dict(zip(self.op.saves, node.saved, strict=True))
        self.options = dict(zip(self.op.options, node.options if self.op.options else (), strict=True))
        rng = np.random.default_rng(3)
        self.g = np.asarray(rng.uniform(0.5, 1.5, node.shape), node.dtype)
        self.shape = node.parents[i].shape

    def rule(self, **called: Any) -> Expression:
        return rule_of(self.op, self.name, self.saved, self.options, called, self.g, self.shape, self.i)

    def local(self, **called: Any) -> Expression | None:
        return local_derivative(self.op, self.name, self.saved, self.options, called, self.g, self.shape)

    def sent(self) -> Any:
        """What the engine sends back."""
        with np.errstate(all="ignore"):
            found = list(self.op.vjp(self.node, self.node.saved, self.g))[self.i]
            return fit(found, self.node.parents[self.i], self.op)

    def evaluated(self, expression: Expression) -> Any:
        """The source, run with the names bound to what was saved."""
        given = {key: value for key, value in self.saved.items() if value is not None}
        with np.errstate(all="ignore"):
            return eval(expression.source(), scope(expression), given | {"g": self.g})


def steps(call: Any, *arrays: Any) -> Iterator[Step]:
    """Every recorded operation in a call, with each of its inputs that a gradient flows into."""
    recorder = Recorder()
    with recorder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call(*(xe.tensor(a, requires_grad=True) if isinstance(a, np.ndarray) else a for a in arrays))
    for node, inputs in recorder.calls:
        tracked = range(len(node.parents)) if node.op.variadic else [node.op.inputs.index(n) for n in node.op.tracked]
        yield from (Step(node, inputs, i) for i in tracked if node.parents[i] is not None)


def every_step(case: Case) -> Iterator[Step]:
    """The steps of a case with each choice of its options."""
    for variant in variants([case]):
        yield from steps(variant.run, *variant.inputs())


def first_step(op: Any, *arrays: Any, **options: Any) -> Step:
    """The first recorded operation of a call."""
    return next(steps(lambda *tensors: op(*tensors, **options), *arrays))


# -- every rule ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_rule_on_expressions_has_the_value_of_the_rule_on_arrays(case):
    for step in every_step(case):
        expression, expected = step.rule(), step.sent()
        assert expression.shape == expected.shape == step.shape
        np.testing.assert_allclose(expression.value, expected, 1e-13, 1e-15)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_source_of_a_rule_evaluates_to_its_value(case):
    for step in every_step(case):
        for expression in (step.rule(), step.local()):
            if expression is not None:
                found = np.broadcast_to(step.evaluated(expression), expression.shape)
                np.testing.assert_allclose(found, expression.value, 1e-12, 1e-14, err_msg=expression.source())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_rule_prints_as_text_of_a_readable_length(case):
    for step in every_step(case):
        expression = step.rule(g="dout")
        assert "dout" in names(expression.tree) or not np.any(step.sent())  # where nothing is taken, 0
        for text in (expression.text(), expression.text(unicode=True)):
            assert 0 < len(text) <= LONGEST + 60
            assert " at 0x" not in text and "lambda" not in text


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_local_derivative_times_the_cotangent_is_the_rule(case):
    for step in every_step(case):
        local = step.local()
        assert (local is None) == (not step.op.elementwise and not step.op.reduces)
        if local is not None and step.op.elementwise and local.shape == step.shape:
            np.testing.assert_allclose(local.value * step.g, step.sent(), 1e-12, 1e-14)


# -- what common rules look like -----------------------------------------------------------------------------------

X = np.linspace(0.2, 0.9, 12).reshape(3, 4)
Y = np.linspace(1.3, 2.9, 12).reshape(3, 4)

#: Operation, arrays, options; for each input the text of the rule and of the local derivative.
WRITTEN: list[tuple[Any, tuple[Any, ...], dict[str, Any], list[tuple[str, str | None]]]] = [
    (np.add, (X, Y), {}, [("g", "1"), ("g", "1")]),
    (np.subtract, (X, Y), {}, [("g", "1"), ("-g", "-1")]),
    (np.multiply, (X, Y), {}, [("g * b", "b"), ("g * a", "a")]),
    (np.multiply, (X, 2.5), {}, [("g * 2.5", "2.5")]),
    (np.multiply, (X, Y[0]), {}, [("g * b", "b"), ("sum(g * a, axis=0)", "a")]),
    (np.add, (X, Y[:, :1]), {}, [("g", "1"), ("sum(g, axis=1, keepdims=True)", "1")]),
    (np.divide, (X, Y), {}, [("g / b", "1 / b"), ("-g * out / b", "-out / b")]),
    (np.negative, (X,), {}, [("-g", "-1")]),
    (np.power, (X, 3), {}, [("g * (3 * a**2)", "3 * a**2")]),
    (np.power, (X, 0.5), {}, [("g * (0.5 * a**(-0.5))", "0.5 * a**(-0.5)")]),
    (np.power, (X, Y), {}, [("g * (b * a**(b - 1))", "b * a**(b - 1)"), ("g * (out * log(a))", "out * log(a)")]),
    (np.square, (X,), {}, [("g * (2 * x)", "2 * x")]),
    (np.sqrt, (X,), {}, [("g / (2 * out)", "1 / (2 * out)")]),
    (np.reciprocal, (X,), {}, [("-g * out * out", "-out**2")]),
    (np.absolute, (X,), {}, [("g * sign(x)", "sign(x)")]),
    (np.exp, (X,), {}, [("g * out", "out")]),
    (np.log, (X,), {}, [("g / x", "1 / x")]),
    (np.log2, (X,), {}, [("g / (x * log(2))", "1 / (x * log(2))")]),
    (np.sin, (X,), {}, [("g * cos(x)", "cos(x)")]),
    (np.cos, (X,), {}, [("-g * sin(x)", "-sin(x)")]),
    (np.tanh, (X,), {}, [("g - g * out * out", "1 - out**2")]),
    (np.remainder, (X, Y), {}, [("g", "1"), ("-g * (a // b)", "-(a // b)")]),
    (np.deg2rad, (X,), {}, [("g * (pi / 180)", "pi / 180")]),
    (np.hypot, (X, Y), {}, [("g * (a / out)", "a / out"), ("g * (b / out)", "b / out")]),
    (np.maximum, (X, Y), {}, [("where(a < b, 0, g)", "where(a < b, 0, 1)"),
                              ("where(b < a, 0, g)", "where(b < a, 0, 1)")]),
    (xe.sigmoid, (X,), {}, [("g * out * sigmoid(-x)", "out * sigmoid(-x)")]),
    (xe.softplus, (X,), {}, [("g * sigmoid(x)", "sigmoid(x)")]),
    (xe.relu, (X,), {}, [("g * (out != 0)", "out != 0")]),
    (xe.softmax, (X,), {}, [("out * (g - sum(g * out, axis=-1, keepdims=True))", None)]),
    (xe.log_softmax, (X,), {}, [("g - exp(out) * sum(g, axis=-1, keepdims=True)", None)]),
    (xe.logsumexp, (X,), {"axis": 1}, [("g[:, None] * exp(x - out[:, None])", "exp(x - out[:, None])")]),
    (np.sum, (X,), {}, [("g", "1")]),
    (np.sum, (X,), {"axis": 1}, [("g[:, None]", "1")]),
    (np.sum, (X[0],), {"axis": 0}, [("g", "1")]),
    (np.mean, (X,), {}, [("g / 12", "1 / 12")]),
    (np.mean, (X,), {"axis": 0}, [("g[None] / 3", "1 / 3")]),
    (np.max, (X,), {}, [("g * ((a == out) / sum(a == out, keepdims=True))",
                         "(a == out) / sum(a == out, keepdims=True)")]),
    (np.prod, (X,), {"axis": 1}, [("g[:, None] * product_of_others(a, 1)", "product_of_others(a, 1)")]),
    (np.matmul, (X, Y.T), {}, [("g @ b.T", None), ("a.T @ g", None)]),
    (np.matmul, (X, Y[0]), {}, [("g[..., None] * b", None), ("a.T @ g", None)]),
    (np.transpose, (X,), {}, [("g.T", None)]),
    (np.reshape, (X, (2, 6)), {}, [("reshape(g, (3, 4))", None)]),
    (lambda a: a[1:, 0], (X,), {}, [("scatter_add(g, (1:, 0), (3, 4))", None)]),
    (lambda a: a[[2, 0]], (X,), {}, [("scatter_add(g, [2, 0], (3, 4))", None)]),
    (lambda a, b: np.concatenate([a, b]), (X, Y[:1]), {}, [("g[0:3]", None), ("g[3:4]", None)]),
    (rules.sigmoid_cross_entropy, (X, Y), {}, [("-g * logits", "-logits"),
                                               ("g * (sigmoid(logits) - labels)", "sigmoid(logits) - labels")]),
    (rules.sigmoid_cross_entropy, (X, Y), {"axis": None}, [
        ("-g / 12 * logits", "-logits / 12"),
        ("g / 12 * (sigmoid(logits) - labels)", "(sigmoid(logits) - labels) / 12"),
    ]),
    (rules.binary_cross_entropy, (X, X), {}, [
        ("g * log_odds(probs)", "log_odds(probs)"),
        ("g * ((probs - labels) / (probs * (1 - probs)))", "(probs - labels) / (probs * (1 - probs))"),
    ]),
    (lambda z: rules.sparse_cross_entropy(np.array([1, 0, 3]), z, class_axis=-1, axis=-1), (X,), {}, [
        ("g[:, None] * (softmax(logits) - (labels[:, None] == arange(4)))",
         "softmax(logits) - (labels[:, None] == arange(4))"),
    ]),
]  # fmt: skip


@pytest.mark.parametrize("call, arrays, options, expected", WRITTEN, ids=lambda value: getattr(value, "__name__", ""))
def test_common_rules_read_as_in_a_textbook(call, arrays, options, expected):
    found = []
    for step in steps(lambda *tensors: call(*tensors, **options), *arrays):
        local = step.local()
        found.append((step.rule().text(), None if local is None else local.text()))
    assert found == expected


def test_values_are_called_as_the_user_calls_them():
    step = first_step(np.tanh, X)
    assert step.rule(out="h", g="dh").text() == "dh - dh * h * h"
    assert step.local(out="h").text() == "1 - h**2"


def test_a_value_without_a_name_is_written_by_its_expression():
    step = first_step(np.multiply, X, Y)
    product = Call(np.matmul, (Name("X"), Name("w")))
    total = Call(np.add, (product, Name("b")))
    assert step.rule(b=product).text() == "g * (X @ w)"
    assert step.rule(b=total).text() == "g * (X @ w + b)"


def test_numbers_that_have_a_name_are_called_by_it():
    assert first_step(np.power, X, 3).rule(a="x", b="n").text() == "g * (n * x**(n - 1))"


def test_arrays_of_a_sequence_have_names_of_their_own():
    @xe.custom_gradient(arrays=lambda g, arrays: [g * arrays[1], g * arrays[0]], variadic="arrays")
    def product(arrays):
        return arrays[0] * arrays[1]

    first, second = steps(lambda a, b: product([a, b]), X, Y)
    assert first.rule(arrays=["p", "q"]).text() == "g * q" and second.rule(arrays=["p", "q"]).text() == "g * p"
    assert first.rule().text() == "g * arrays[1]"


def test_a_case_of_equality_that_occurs_is_written_down():
    step = first_step(np.maximum, np.array([1.0, 2.0]), np.array([1.0, 3.0]))
    assert step.rule().text() == "where(a < b, 0, where(a == b, 0.5 * g, g))"


@pytest.mark.parametrize("op", [op for op in REGISTRY.values() if op.formula is not None], ids=lambda op: op.name)
def test_the_formula_of_a_residual_has_the_values_of_its_kernel(op):
    case = next(case for case in CASES if case.function is op.function)
    for variant in variants([case]):
        for step in steps(variant.run, *variant.inputs()):
            given = [step.saved[name] for name in op.inputs]
            out = op.kernel(*given, **step.options)
            np.testing.assert_allclose(op.formula(*given, **step.options), out, 1e-10, 1e-13)


# -- expressions ---------------------------------------------------------------------------------------------------


def named(**values: Any) -> list[Expression]:
    return [Expression(value, name) for name, value in values.items()]


def test_parentheses_stand_where_they_are_needed_and_nowhere_else():
    a, b, c = named(a=np.float64(2), b=np.float64(3), c=np.float64(5))
    written = [
        (a + b + c, "a + b + c"), (a + (b + c), "a + (b + c)"), (a - (b - c), "a - (b - c)"),
        ((a + b) * c, "(a + b) * c"), (a * b + c, "a * b + c"), (a / (b * c), "a / (b * c)"), (a / b / c, "a / b / c"),
        (a**b**c, "a**b**c"), ((a**b) ** c, "(a**b)**c"), ((-a) ** b, "(-a)**b"), (-(a**b), "-a**b"),
        (a * -b, "a * (-b)"), (-(a + b), "-(a + b)"), ((a + b) < c, "a + b < c"),
        ((a < b) & (b < c), "(a < b) & (b < c)"), (np.exp(a + b), "exp(a + b)"), (-2.0 * a, "-2 * a"),
        (a**-2.0, "a**(-2)"), (-(a / b), "-a / b"), (-(a // b), "-(a // b)"), ((a + b)[None], "(a + b)[None]"),
    ]  # fmt: skip
    for expression, text in written:
        assert expression.text() == text
        given = {"a": a.value, "b": b.value, "c": c.value}
        assert eval(expression.source(), scope(expression), given) == expression.value


def test_what_does_not_change_a_value_is_left_out():
    (x, y) = named(x=X, y=Y)
    same = [1 * x, x * 1, x + 0, 0 + x, x - 0, x / 1, x**1, np.negative(-x), +x, x.T.T, x.reshape(3, 4)]
    for expression in (*same, np.where(True, x, y)):
        assert expression.text() == "x"
    assert (-1 * x).text() == (0 - x).text() == "-x"
    assert (x + -y).text() == "x - y" and (x - -y).text() == "x + y"
    assert (x * x).text() == "x**2"
    assert (1 / Expression(4.0) * x).text() == "x / 4"


def test_numbers_of_python_are_added_up():
    two = Expression(np.full(3, 2.0), Number(2.0))
    assert (two + 3).text() == "5" and (two * 3).text() == "6" and (-two).text() == "-2"
    assert (two / 3).text() == "2 / 3"


def test_an_array_that_is_written_as_one_number_is_whole_where_its_shape_counts():
    ones = Expression(np.ones((2, 3)), Number(1))
    total = np.sum(ones)
    assert total.value == eval(total.source(), {"np": np}) == 6


def test_methods_and_indices_are_written_as_numpy_has_them():
    (x,) = named(x=X)
    assert x.T.text() == x.transpose().text() == np.transpose(x).text() == "x.T"
    assert x[:, None].text() == x.reshape(3, 1, 4).text() == np.expand_dims(x, 1).text() == "x[:, None]"
    assert x[0, ..., ::-1].text() == "x[0, ..., ::-1]"
    assert x.sum(axis=0).text() == np.add.reduce(x).text() == np.sum(x, 0).text() == "sum(x, axis=0)"
    assert x.mean().text() == "mean(x)" and x.max(-1, keepdims=True).text() == "max(x, axis=-1, keepdims=True)"
    cube = Expression(np.ones((2, 3, 4)), "c")
    assert cube.mT.text() == np.swapaxes(cube, -1, -2).text() == "c.mT"
    assert np.linalg.det(cube[:, :, :3]).text() == "det(c[:, :, :3])"
    assert np.linalg.inv(cube[:, :, :3] + np.eye(3)).source().startswith("np.linalg.inv(c[:, :, :3] + np.array([[1.0,")


def test_it_has_the_shape_and_dtype_of_its_value():
    x = Expression(X.astype(np.float32), "x")
    assert (x.shape, x.ndim, x.size, x.dtype, len(x)) == ((3, 4), 2, 12, np.float32, 3)
    assert (x * 2).dtype == np.float32 and (x > 0).dtype == bool
    assert x.astype(np.float64).dtype == np.float64 and x.astype(np.float64).text() == "x"
    assert x.astype(np.float64).source() == "np.astype(x, np.dtype('float64'))"
    assert np.shape(x) == (3, 4) and np.ndim(x) == 2


def test_signs_of_mathematics_are_an_option():
    (z,) = named(z=X)
    assert xe.sigmoid(z).text(unicode=True) == "σ(z)" and xe.sigmoid(z).text() == "sigmoid(z)"
    assert (z <= 1).text(unicode=True) == "z ≤ 1" and (z * math.pi).text(unicode=True) == "z * π"


def test_the_functions_of_this_library_are_called_by_name():
    (z,) = named(z=X)
    assert xe.softmax(z).source() == "xe.softmax(z)" and xe.softmax(z, 0).text() == "softmax(z, axis=0)"
    np.testing.assert_array_equal(xe.softmax(z).value, xe.softmax(X))
    assert xe.scatter_add(z, np.array([0, 0, 1]), (2, 4)).text() == "scatter_add(z, [0, 0, 1], (2, 4))"


def test_functions_with_several_results_give_each_its_place():
    found = np.linalg.slogdet(Expression(np.eye(2), "a"))
    assert found.logabsdet.text() == found[1].text() == "slogdet(a)[1]"


def test_a_branch_on_a_value_is_the_one_that_is_taken():
    (x,) = named(x=2.0)
    assert (x * 3 if x > 1 else -x).text() == "x * 3"


# -- what can't be written down ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "take",
    [float, int, np.asarray, np.array, lambda x: x.item(), lambda x: x.tolist(), math.exp, lambda x: [1, 2][x],
     lambda x: x.__setitem__(0, 1), lambda x: np.add(x, 1, out=np.zeros(())), lambda x: np.copyto(x, 1),
     lambda x: np.add.at(x, 0, 1)],
)  # fmt: skip
def test_taking_numbers_out_of_an_expression_raises(take):
    with pytest.raises(ExpressionError):
        take(Expression(1.0, "x"))


def test_an_expression_that_nobody_could_read_raises():
    def doubled(x: Any) -> Any:
        for _ in range(100):
            x = x + x
        return x

    with pytest.raises(ExpressionError, match="parts"):
        doubled(Expression(1.0, "x"))


def test_a_rule_that_does_odd_things_raises_the_one_error():
    @xe.custom_gradient(x=lambda g, x: np.array([float(v) for v in x]) * g)
    def odd(x):
        return x * 1.0

    step = first_step(odd, X[0])
    with pytest.raises(ExpressionError, match="odd"):
        step.rule()


def test_the_rule_of_a_user_is_read_like_any_other():
    @xe.custom_gradient(x=lambda g, x: g * xe.sigmoid(x) * 2, elementwise=True)
    def log1pexp(x):
        return 2 * np.logaddexp(0, x)

    step = first_step(log1pexp, X)
    assert step.rule(x="z").text() == "g * sigmoid(z) * 2" and step.local().text() == "sigmoid(x) * 2"
    (z,) = named(z=X)
    found = log1pexp(z)
    assert found.text() == "log1pexp(z)"
    np.testing.assert_array_equal(eval(found.source(), scope(found), {"z": X}), found.value)


def test_an_input_without_a_rule_has_nothing_to_be_read():
    step = first_step(xe.relu, X)
    with pytest.raises(ExpressionError, match="no gradient flows into 'y'"):
        rule_of(step.op, "y", step.saved, step.options, {}, step.g)


def test_an_expression_beside_a_tensor_is_refused():
    with pytest.raises(xe.XeError):
        xe.sigmoid(Expression(X, "x") * xe.tensor(X))


def test_another_alphabet_is_another_style():
    a, b, c = named(a=2.0, b=3.0, c=5.0)
    forms = {**notation.OPERATORS, np.divide: notation.Form("\\frac{{{0}}}{{{1}}}", notation.ATOM, (0, 0))}
    latex = dataclasses.replace(notation.TEXT, forms=forms, parentheses="\\left({}\\right)".format)
    assert notation.render(((a + b) / c * (a - b)).tree, latex) == r"\frac{a + b}{c} * \left(a - b\right)"
    assert notation.precedence((a + b).tree, latex) == notation.SUM
