"""The closed forms themselves: NumPy alone, one for each of C1 to C10, and exact against derivatives by mpmath."""

import ast
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

from tinygrad_xe import ArgumentError, closed_forms

FOLDER = Path(closed_forms.__file__).parent
PUBLIC = {name: getattr(closed_forms, name) for name in closed_forms.__all__}
FUNCTIONS = {name: thing for name, thing in PUBLIC.items() if inspect.isfunction(thing)}


def test_nothing_in_the_closed_forms_uses_the_engine():
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= {"numpy", "numpy.typing", "math"}, path.name
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                assert node.module in ("__future__", "typing"), path.name
            elif isinstance(node, ast.ImportFrom) and node.level == 2:
                assert node.module == "errors", path.name


def test_the_table_of_contents_has_every_number_and_every_function():
    text = closed_forms.__doc__
    assert re.findall(r"^(C\d+)\b", text, re.MULTILINE) == [f"C{i}" for i in range(1, 11)]
    listed = set(re.findall(r"`(\w+)`", text))
    types = {"ClosedForm", "Limit", "MaximumLikelihood"}
    assert set(PUBLIC) - types <= listed
    assert listed <= set(PUBLIC)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_names_its_equation_and_has_an_example(name):
    text = FUNCTIONS[name].__doc__
    assert re.search(r"\bC\d+\b", text)
    assert ".. math::" in text or name == "times"
    assert ">>> " in text


# -- against derivatives by mpmath -------------------------------------------------------------------------------------


@pytest.fixture
def mp():
    """mpmath at 700 digits: 1 - sigmoid(700) is 1e-304, and third differences take another half of them."""
    mpmath = pytest.importorskip("mpmath", reason="mpmath, the oracle, is not installed: pip install '.[reference]'")
    with mpmath.workdps(700):
        yield mpmath


FAR = (-700.0, -40.0, -5.0, -0.25, 0.0, 0.25, 5.0, 40.0, 700.0)
INSIDE = (1e-100, 1e-9, 0.125, 0.25, 0.4999999, 0.5, 0.75, 1 - 2.0**-40)
LABELS = (0.0, 0.25, 1.0, -1.5)

#: Where to look, the options, and the losses of the labels 0 and 1 with mpmath's logarithm and exponential: for any
#: other label all losses here are linear between them.
BINARY = {
    "binary_on_probs": (INSIDE, (), lambda log, exp, p: (-log(1 - p), -log(p))),
    "binary_on_logits": (FAR, (), lambda log, exp, z: (log(1 + exp(z)), log(1 + exp(-z)))),
    "weighted_on_logits": (FAR, (2.5,), lambda log, exp, z: (log(1 + exp(z)), 2.5 * log(1 + exp(-z)))),
    "focal_on_logits": (
        FAR, (1.5,), lambda log, exp, z:
            (log(1 + exp(z)) / (1 + exp(-z)) ** 1.5, log(1 + exp(-z)) / (1 + exp(z)) ** 1.5)),
}  # fmt: skip

#: How often each part is differentiated in the label and in the other argument.
ORDERS = {
    "loss": (0, 0), "gradient": (0, 1), "label_gradient": (1, 0), "second": (0, 2), "third": (0, 3), "mixed": (1, 1)
}  # fmt: skip


@pytest.mark.parametrize("name", BINARY)
def test_the_binary_forms_and_all_their_derivatives_are_exact_in_both_tails(mp, name):
    points, options, losses = BINARY[name]
    for x in points:
        for part, (in_label, order) in ORDERS.items():
            zero, one = (
                mp.diff(lambda u, i=i: losses(mp.log, mp.exp, u)[i], mp.mpf(x), order, h=mp.mpf(10) ** -150)
                for i in (0, 1)
            )
            for y in LABELS:
                found = getattr(FUNCTIONS[name]([y], [x], *options), part)
                if found is None:
                    continue
                right = one - zero if in_label else (1 - mp.mpf(y)) * zero + mp.mpf(y) * one
                # the terms of a soft label's gradient cancel, and those of the second derivative of the focal loss
                cancels = y < 0 or (part == "gradient" and 0 < y < 1) or (name, part) in (
                    ("focal_on_logits", "second"), ("weighted_on_logits", "label_gradient"))
                size = max(abs(right), abs(1 - y) * abs(zero) + abs(y) * abs(one)) if cancels else abs(right)
                # floats end at 5e-324
                assert abs(mp.mpf(float(found[0])) - right) <= 4e-15 * size + 1e-322, (part, x, y, float(right))


def true_lse(mp, z):
    return mp.log(sum(mp.exp(t) for t in z))


ROWS = ((1.5, -0.5, 0.25, 3.0), (40.0, 0.0, -3.0, 0.5), (-700.0, 0.0, 1.0, -1.0), (300.0, -300.0, 299.0, 0.0))


@pytest.mark.parametrize("row", ROWS)
def test_surprisals_and_probabilities_are_exact_where_one_class_is_all_but_certain(mp, row):
    z = [mp.mpf(t) for t in row]
    lse = true_lse(mp, z)
    np.testing.assert_allclose(closed_forms.surprisal(row), [float(lse - t) for t in z], rtol=1e-15)
    np.testing.assert_allclose(closed_forms.softmax(row), [float(mp.exp(t - lse)) for t in z], rtol=1e-15)
    np.testing.assert_allclose(closed_forms.lse(row), float(lse), rtol=1e-15)


@pytest.mark.parametrize("row", ROWS)
def test_jacobians_hessian_and_mixed_derivatives_keep_the_relative_accuracy_of_every_element(mp, row):
    z, y = [mp.mpf(t) for t in row], [2.0, 0.5, 0.0, 1.5]
    lse = true_lse(mp, z)
    p = [mp.exp(t - lse) for t in z]
    apart = [[(i == j) - p[j] for j in range(4)] for i in range(4)]
    jacobian = [[p[i] * apart[i][j] for j in range(4)] for i in range(4)]
    for found, right in (
        (closed_forms.log_softmax_jacobian(row), apart),
        (closed_forms.softmax_jacobian(row), jacobian),
        (closed_forms.softmax_hessian(y, row), [[4 * a for a in line] for line in jacobian]),
        (closed_forms.categorical_information(row), jacobian),
        (closed_forms.softmax_mixed(row), [[-apart[k][c] for k in range(4)] for c in range(4)]),
    ):
        expected = np.array([[float(a) for a in line] for line in right])
        np.testing.assert_allclose(found, expected, rtol=2e-15, atol=1e-300)


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("y", [(0.0, 0.0, 1.0, 0.0), (1.0, 0.0, 0.0, 0.0), (2.0, 0.5, 0.0, 1.5)])
def test_the_form_of_several_classes_is_exact_for_labels_of_any_sum(mp, y, row):
    z = [mp.mpf(t) for t in row]
    lse = true_lse(mp, z)
    form = closed_forms.softmax_on_logits(y, row)
    np.testing.assert_allclose(form.loss, float(sum(y) * lse - sum(a * b for a, b in zip(y, z))), rtol=1e-15)
    gradient = [float(sum(y) * mp.exp(b - lse) - a) for a, b in zip(y, z)]
    hard = sum(y) == 1
    np.testing.assert_allclose(form.gradient, gradient, rtol=2e-15 if hard else 0, atol=1e-300 if hard else 2e-15)


def test_leading_axes_and_any_axis_of_classes_are_those_of_each_sample():
    rng = np.random.default_rng(5)
    y, z, v = rng.normal(size=(3, 2, 3, 4))
    for axis in (0, 1, 2, -3):
        moved = [np.moveaxis(a, axis, -1) for a in (y, z, v)]
        for index in np.ndindex(moved[0].shape[:-1]):
            a, b, c = (m[index] for m in moved)
            for name, args in (("softmax_hessian", (a, b)), ("softmax_jacobian", (b,)), ("softmax_mixed", (b,)),
                               ("categorical_information", (b,))):  # fmt: skip
                whole = FUNCTIONS[name](*((y, z) if len(args) == 2 else (z,)), axis=axis)
                np.testing.assert_allclose(whole[index], FUNCTIONS[name](*args), rtol=1e-13)
            product = np.moveaxis(closed_forms.softmax_hvp(y, z, v, axis), axis, -1)
            np.testing.assert_allclose(product[index], closed_forms.softmax_hessian(a, b) @ c, rtol=1e-12, atol=1e-15)


def test_an_estimate_needs_data():
    with pytest.raises(ArgumentError, match="there are no labels"):
        closed_forms.bernoulli_mle([])
    for counts in ([0, 0], [2, -1], [[1, 2]]):
        with pytest.raises(ArgumentError, match="expected a vector of numbers 0 or more, not all 0"):
            closed_forms.categorical_mle(counts)
