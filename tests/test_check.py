"""Gradient checks: right rules pass, without a false alarm; each kind of wrong rule is found and told."""

import numpy as np
import pytest
from cases import variants
from ops_cases import CASES

import tinygrad_xe as xe
from tinygrad_xe.check import GradientReport, check_gradients
from tinygrad_xe.custom import custom_gradient, op
from tinygrad_xe.errors import ArgumentError, DTypeError, GradientMismatchError, NonFiniteError, XeError

RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((3, 4)), RNG.standard_normal((4, 2))
VECTOR = np.array([0.5, -1.5, 2.0, 0.25])


def failed(f, *inputs, **options):
    with pytest.raises(GradientMismatchError) as raised:
        check_gradients(f, *inputs, **options)
    return raised.value


def rule(forward, **rules):
    attributes = {key: rules.pop(key) for key in ("broadcasts", "residuals") if key in rules}
    return custom_gradient(**attributes, **rules)(forward)


# -- right gradients ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", list(variants(CASES)), ids=str)
def test_every_operation_of_the_library_passes_to_second_order(variant):
    assert check_gradients(variant.run, *variant.inputs(), order=2).ok


def mlp(params, x):
    for w, b in params["hidden"]:
        x = np.tanh(x @ w + b)
    return x @ params["out"]


PROGRAMS = {
    "linear": (lambda x: 3 * x, [VECTOR]),
    "constant": (lambda x: np.ones(3), [VECTOR]),
    "partly unused": (lambda x, y: x[0] * x[1], [VECTOR, VECTOR]),
    "product": (np.matmul, [A, B]),
    "log of small and large": (np.log, [np.array([1e-9, 1e-3, 1.0, 1e6])]),
    "poles": (lambda x: 1 / x, [np.array([1e-6, -1e-3, 1e3])]),
    "steep": (lambda x: np.exp(1e4 * x), [np.array([1e-3, -2e-3])]),
    "oscillating": (lambda x: np.sin(1e3 * x), [np.array([1.0, 2.0])]),
    "at zero": (lambda x: np.tanh(x) + x**2, [np.zeros(4)]),
    "far from zero": (lambda x: np.log1p(x), [np.full(3, 1e8)]),
    "near a kink": (lambda x: np.abs(x) * x, [np.array([1e-4, -1e-4, 1.0])]),
    "many kinks": (lambda x: np.sum(xe.relu(A.T @ x) ** 2), [np.array([0.1, 0.2, -0.3])]),
    "the edge of a domain": (np.arcsin, [np.array([1 - 1e-6, 0.5])]),
    "softmax": (lambda z: xe.log_softmax(z), [1000 * A]),
    "cross-entropy": (
        lambda z: xe.losses.sigmoid_cross_entropy_with_logits(labels=np.array([1.0, 0, 1, 0]), logits=z), [40 * VECTOR]
    ),
    "refused beyond its domain": (
        lambda p: xe.losses.binary_cross_entropy(labels=np.array([1.0, 0.0]), probs=p), [np.array([0.99, 0.02])]
    ),
    "network": (
        mlp, [{"hidden": [(B, np.zeros(2)), (B[:2], np.zeros(2))], "out": np.ones(2) / 3}, A],
    ),
    "containers out": (lambda x: {"a": x**2, "b": [np.sin(x), (x[0], 3)]}, [VECTOR]),
    "integers beside": (lambda x: (np.sum(x**3), np.argmax(np.asarray(xe.stop_gradient(x)))), [VECTOR]),
    "a solved system": (np.linalg.solve, [A[:, :3] + 3 * np.eye(3), np.ones(3)]),
    "numbers": (lambda x, y: x**y, [2.0, 3.5]),
    "cancellation": (lambda x: np.sum(x) - 1e6, [np.full(5, 2e5)]),
    "empty": (lambda x, y: np.sum(x) + y, [np.zeros((0, 3)), 1.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_right_gradients_raise_no_alarm_for_any_seed(name):
    f, inputs = PROGRAMS[name]
    for seed in range(10):
        assert check_gradients(f, *inputs, order=2, rng=seed).ok


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_gradients_in_less_precision_pass(dtype):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x, w = rng.standard_normal((5, 4)).astype(dtype), rng.standard_normal(4).astype(dtype)
        report = check_gradients(lambda x, w: np.mean(np.logaddexp(0, x @ w)), x, w, order=2, rng=seed)
        assert report.ok and {row.dtype for row in report.comparisons} == {np.dtype(dtype)}


def test_a_function_that_computes_in_float32_inside_passes():
    f = lambda x: np.sum(np.sin(x.astype(np.float32)) ** 2)
    for seed in range(10):
        assert check_gradients(f, VECTOR, order=2, rng=seed, rtol=2e-3).ok


def test_tensors_can_be_given_and_are_left_alone():
    x = xe.tensor(VECTOR, requires_grad=True)
    assert check_gradients(lambda x: x**2, x).ok
    assert x.grad is None


def test_a_function_that_writes_into_its_input_writes_into_a_copy():
    def f(x):
        y = x * 2.0
        if isinstance(x, np.ndarray):
            x += 1
        return y

    x = VECTOR.copy()
    assert check_gradients(f, x).ok
    assert np.array_equal(x, VECTOR)


def test_the_state_of_numpys_global_generator_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002  # the old generator is what must not move
    check_gradients(np.sin, VECTOR)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002  # the old generator is what must not move


# -- wrong gradients ---------------------------------------------------------------------------------------------------

WRONG = {
    "sign": (rule(lambda x: np.sin(x), x=lambda g, x: -g * np.cos(x)), [VECTOR]),
    "factor": (rule(lambda x: x**2, x=lambda g, x: g * x), [VECTOR]),
    "slightly off": (rule(lambda x: x**2, x=lambda g, x: g * x * 2.00001), [VECTOR]),
    "transposed": (rule(lambda a: a @ a, a=lambda g, a: g @ a + a @ g), [A[:, :3]]),
    "missing term": (rule(lambda a: a @ a, a=lambda g, a: g @ a.T), [A[:, :3]]),
    "missing sum": (
        rule(lambda a, b: a + b, a=lambda g: g, b=lambda g: g[0], broadcasts=True), [A, VECTOR]
    ),
    "another axis": (rule(lambda x: np.cumsum(x, 0), x=lambda g: np.cumsum(g[:, ::-1], 1)[:, ::-1]), [A]),
    "forgotten": (rule(lambda x, y: x * y, x=lambda g, y: g * y, y=None), [VECTOR, VECTOR]),
    "no gradient at all": (rule(lambda x: x * 2, x=None), [VECTOR]),
    "the value": (rule(lambda x: np.log(x), x=lambda g, out: g * out), [np.abs(VECTOR)]),
    "one element": (rule(lambda x: x * 1, x=lambda g: g * np.where(np.arange(500) == 321, 1.5, 1)), [np.ones(500)]),
    "NaN": (rule(lambda x: x * 1, x=lambda g: g * np.where(np.arange(4) == 2, np.nan, 1)), [VECTOR]),
    "infinite": (rule(lambda x: x * 1, x=lambda g: g * np.where(np.arange(4) == 2, np.inf, 1)), [VECTOR]),
    "swapped inputs": (
        rule(lambda a, b: a**2 * b, a=lambda g, a: g * a**2, b=lambda g, a, b: 2 * g * a * b), [VECTOR, 1 + VECTOR]
    ),
    "lost on the way": (lambda x: xe.stop_gradient(x) * x, [VECTOR]),
    "a small part": (rule(lambda x, y: 1e6 * x + y, x=lambda g: 1e6 * g, y=lambda g: 2 * g), [VECTOR, VECTOR]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_gradient_is_found_with_any_seed(name):
    f, inputs = WRONG[name]
    for seed in range(10):
        error = failed(f, *inputs, rng=seed)
        assert not error.report.ok
        assert any(row.verdict == "wrong" for row in error.report.comparisons)


SECOND = {
    "residual said to be constant": rule(lambda x: (np.sin(x), np.cos(x)), x=lambda g, p: g * p, residuals={"p": None}),
    "computed outside of NumPy": rule(
        lambda x: x**3, x=lambda g, x: g * 3 * np.array([v**2 for v in xe.stop_gradient(x).tolist()])
        if isinstance(x, xe.Tensor) else g * 3 * x**2,
    ),
    "cut off": rule(lambda x: np.exp(x), x=lambda g, out: g * xe.stop_gradient(out)),
}  # fmt: skip


@pytest.mark.parametrize("name", SECOND)
def test_a_wrong_second_derivative_is_found(name):
    f = SECOND[name]
    assert check_gradients(f, VECTOR).ok
    for seed in range(10):
        error = failed(f, VECTOR, order=2, rng=seed)
        assert [row.verdict for row in error.report.comparisons] == ["ok", "wrong"]
        assert "the second derivative in x[" in str(error)


def test_float32_does_not_hide_a_wrong_rule():
    f = rule(lambda x: x**2, x=lambda g, x: g * x * np.float32(2.02))
    failed(f, VECTOR.astype(np.float32))


def test_a_rule_that_is_found_wrong_by_its_declaration_says_so():
    with pytest.raises(XeError, match="declare broadcasts=True"):
        check_gradients(rule(lambda a, b: a + b, a=lambda g: g, b=lambda g: g), A, VECTOR)


# -- what is told ------------------------------------------------------------------------------------------------------


def test_the_error_names_the_element_and_both_numbers():
    f = rule(lambda w: w**2, w=lambda g, w: g * w * np.where(np.arange(12).reshape(3, 4) == 6, 3.0, 2.0))
    error = failed(lambda params: np.sum(f(params["w"][0])), {"w": [np.arange(12.0).reshape(3, 4) + 1], "b": 1.0})
    assert str(error).startswith(
        "check_gradients: <lambda>: the gradient in params['w'][0][1, 2] is 21, by differences 14\n"
    )
    wrong, right = error.report.comparisons
    assert (wrong.input, wrong.element, wrong.verdict) == ("params['w'][0]", (1, 2), "wrong")
    assert wrong.element_autodiff == pytest.approx(21) and wrong.element_difference == pytest.approx(14)
    assert (right.input, right.verdict) == ("params['b']", "ok")
    assert isinstance(error, AssertionError)


def test_a_single_number_is_checked_with_the_cotangent_1():
    error = failed(rule(lambda x: x**3, x=lambda g, x: g * x), 2.0)
    assert "the gradient in x is 2, by differences 12" in str(error)


def test_a_nan_is_told():
    assert "the gradient in x[2] is NaN, by differences" in str(failed(*[WRONG["NaN"][0], VECTOR]))


def test_the_report_is_a_table():
    report = check_gradients(lambda x, y: x * y, VECTOR, 2.0, order=2)
    lines = str(report).splitlines()
    assert lines[0] == "<lambda>: ok" and repr(report) == str(report) and bool(report)
    assert lines[1].split() == ["input", "order", "shape", "dtype", "autodiff", "difference", "error", "tolerance"]
    assert [line.split()[0] for line in lines[2:]] == ["x", "y", "x", "y"]
    assert [row.order for row in report.comparisons] == [1, 1, 2, 2]
    assert all(row.error < 1e-12 and row.tolerance < 2e-6 for row in report.comparisons)


def test_a_mismatch_can_be_returned():
    report = check_gradients(WRONG["factor"][0], VECTOR, raise_exception=False)
    assert isinstance(report, GradientReport) and not report
    assert str(report).endswith("wrong")


def test_the_tolerance_can_be_chosen():
    f = WRONG["slightly off"][0]
    assert check_gradients(f, VECTOR, rtol=1e-4).ok
    failed(f, VECTOR)


def test_the_same_seed_gives_the_same_numbers_and_another_does_not():
    first, again, other = (check_gradients(np.sin, VECTOR, rng=seed) for seed in (1, 1, 2))
    assert first.comparisons == again.comparisons
    assert first.comparisons != other.comparisons
    assert check_gradients(np.sin, VECTOR, rng=np.random.default_rng(1)).comparisons == first.comparisons


class Unreadable:
    """A function that does not tell its parameters."""

    __signature__ = "none"

    def __call__(self, x):
        return x * 2.0


def test_names_are_the_functions_own_where_it_has_them():
    first = lambda report: [row.input for row in report.comparisons]
    assert first(check_gradients(lambda w, *rest: w * rest[0], 1.0, 2.0)) == ["w", "inputs[1]"]
    assert first(check_gradients(Unreadable(), 1.0)) == ["inputs[0]"]
    hypot = op(np.hypot, "a, b", broadcasts=True, a=lambda g, a, out: g * a / out, b=lambda g, b, out: g * b / out)
    assert first(check_gradients(hypot, 3.0, 4.0, order=2)) == ["a", "b"] * 2


def test_differences_that_do_not_settle_are_told():
    def rough(x):
        return x + 0.1 * np.sin(1e15 * xe.stop_gradient(x))  # a random number for each x, but the same each time

    for seed in range(10):
        error = failed(rough, np.array(1.0), rng=seed)
        assert "the differences for the gradient in x do not settle on a value" in str(error)
        assert error.report.comparisons[0].verdict == "unclear"


# -- what can not be checked -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [3, np.arange(3), True, 1j, np.array(["a"]), "a"])
def test_inputs_are_floats(value):
    with pytest.raises(DTypeError, match=r"params\['n'\] is .*; gradients are of floats"):
        check_gradients(lambda x, params: x, 1.0, {"n": value})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_inputs_are_finite(value):
    with pytest.raises(NonFiniteError, match="x has NaN or infinite values"):
        check_gradients(lambda x: x, np.array([1.0, value]))


def test_values_are_finite():
    with pytest.raises(NonFiniteError, match="returned NaN or infinite values at the inputs"):
        check_gradients(np.log, -VECTOR**2)
    with pytest.raises(NonFiniteError):
        check_gradients(np.log, np.zeros(1))


def test_a_function_must_give_the_same_value_twice():
    rng = np.random.default_rng(0)

    def noisy(x):
        return x * rng.uniform()

    with pytest.raises(ArgumentError, match="two calls of noisy at the same inputs gave different values"):
        check_gradients(noisy, VECTOR)


def test_a_function_must_return_floats():
    for f in (lambda x: 3, lambda x: None, lambda x: [], lambda x: np.argmax(x)):
        with pytest.raises(DTypeError, match="returned no floats"):
            check_gradients(f, VECTOR)


def test_arguments_that_make_no_sense_are_told():
    with pytest.raises(DTypeError, match="expected a function, got ndarray"):
        check_gradients(VECTOR, VECTOR)
    with pytest.raises(ArgumentError, match="there are no inputs"):
        check_gradients(np.sin)
    with pytest.raises(ArgumentError, match="order is 3; expected 1 or 2"):
        check_gradients(np.sin, 1.0, order=3)
    with pytest.raises(ArgumentError, match="directions is 0"):
        check_gradients(np.sin, 1.0, directions=0)


def test_what_the_function_raises_comes_through():
    def broken(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        check_gradients(broken, VECTOR)
