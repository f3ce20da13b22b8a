"""The closed forms of the article: against 50-digit values, and automatic differentiation against them."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tinygrad_xe as xe
from tinygrad_xe import closed_forms

EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True, database=None)

DIGITS = json.loads((Path(__file__).parent / "data" / "closed_forms.json").read_text())

#: Where exponentials overflow, underflow, or nearly do; the kink of max(z, 0); the smallest numbers.
EXTREME = np.array([0.0, -0.0, 1e-300, -1e-300, 17.0, -17.0, 37.0, -37.0, 88.8, -88.8, 709.8, -709.8, 745.2, -745.2,
                    1000.0, -1000.0])  # fmt: skip

logit = st.one_of(st.floats(-30, 30), st.sampled_from(EXTREME.tolist()))
soft = st.floats(0, 1)
hard = st.sampled_from([0.0, 1.0])


def recorded(key, *names):
    """Arrays of the recorded 50-digit values, rounded to double precision."""

    def numbers(value):
        return [numbers(item) for item in value] if isinstance(value, list) else float(value)

    return [np.array(numbers(DIGITS[key][name])) for name in names]


def agree(actual, expected, terms=0.0):
    """Equal to 1e-12 of the result, or of the terms whose difference it is."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    error = np.abs(actual - expected)
    assert (error <= 1e-12 * np.maximum(np.abs(expected), terms)).all(), (actual, expected)


def exact(actual, expected):
    """Equal to a few units in the last place of the largest element."""
    actual = np.asarray(actual)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=2e-15, atol=5e-16 * np.max(np.abs(expected)))


def derivatives(loss, *leaves, second=False):
    """Gradients of a sum of losses in the leaves; after them the second derivatives in the first leaf, elementwise."""
    loss.sum().backward(create_graph=second)
    found = [leaf.grad for leaf in leaves]
    if second:
        first, leaves[0].grad = leaves[0].grad, None
        first.sum().backward()
        return [np.asarray(g.data) for g in found] + [leaves[0].grad]
    return found


def leaf(values):
    return xe.tensor(np.array(values, np.float64), requires_grad=True)


# -- against 50 digits -------------------------------------------------------------------------------------------------


def test_c1_agrees_with_50_digits_in_closed_form_and_by_autodiff():
    y, p, loss, dp, dy, d2p = recorded("C1_bce_p", "y", "p", "loss", "dp", "dy", "d2p")
    form = closed_forms.binary_on_probs(y, p)
    labels, probs = leaf(y), leaf(p)
    result = xe.losses.binary_cross_entropy(labels=labels, probs=probs)
    found = derivatives(result, probs, labels, second=True)
    for actual in ((form.loss, form.gradient, form.label_gradient, form.second), (result.data, *found[:2])):
        for a, b in zip(actual, (loss, dp, dy, d2p)):
            exact(a, b)
    exact(found[2], d2p)


def test_c2_agrees_with_50_digits_in_closed_form_and_by_autodiff():
    y, z, loss, dz, dy, d2z = recorded("C2_bce_z", "y", "z", "loss", "dz", "dy", "d2z")
    form = closed_forms.binary_on_logits(y, z)
    labels, logits = leaf(y), leaf(z)
    result = xe.losses.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
    found = derivatives(result, logits, labels, second=True)
    for actual in ((form.loss, form.gradient, form.label_gradient, form.second), (result.data, *found)):
        for a, b in zip(actual, (loss, dz, dy, d2z)):
            np.testing.assert_allclose(a, b, rtol=4e-15)  # elementwise: the tail at z = 20 too


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_c3_the_gradient_of_logistic_regression_e18_agrees_with_50_digits(reduction):
    X, y, theta, loss, gradient, hessian = recorded(
        "C3_logistic", "X", "y", "theta", f"loss_{reduction}", f"grad_{reduction}", "hessian_sum"
    )
    form = closed_forms.logistic_regression(X, y, theta, mean=reduction == "mean")
    parameters = leaf(theta)
    result = xe.losses.sigmoid_cross_entropy_with_logits(labels=y, logits=X @ parameters, reduction=reduction)
    (found,) = derivatives(result, parameters)
    exact(form.loss, loss)
    exact(result.data, loss)
    exact(form.gradient, gradient)
    exact(found, gradient)
    exact(form.second, hessian / (len(y) if reduction == "mean" else 1))


@pytest.mark.parametrize("key", ["hard", "soft", "unnormalised", "negative", "zero"])
def test_c5_agrees_with_50_digits_for_any_labels_hessian_included(key):
    y, z, loss, dz, dy, hessian = recorded(f"C5_softmax_{key}", "y", "z", "loss", "dz", "dy", "hessian")
    form = closed_forms.softmax_on_logits(y, z)
    labels, logits = leaf(y), leaf(z)
    result = xe.losses.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
    found = derivatives(result, logits, labels)
    for actual in ((form.loss, form.gradient, form.label_gradient), (result.data, *found)):
        for a, b in zip(actual, (loss, dz, dy)):
            exact(a, b)
    for row, direction in zip(hessian, np.eye(len(z))):
        logits = leaf(z)
        xe.losses.softmax_cross_entropy_with_logits_v2(labels=y, logits=logits).backward(create_graph=True)
        first, logits.grad = logits.grad, None
        (first * direction).sum().backward()
        exact(logits.grad, row)


def test_c5_for_class_numbers_is_c5_for_one_hot_labels():
    y, z, loss, dz = recorded("C5_softmax_hard", "y", "z", "loss", "dz")
    form = closed_forms.sparse_softmax_on_logits(np.array([y.argmax()]), z[None])
    logits = leaf(z[None])
    result = xe.losses.sparse_softmax_cross_entropy_with_logits(labels=np.array([y.argmax()]), logits=logits)
    (found,) = derivatives(result, logits)
    for actual in ((form.loss, form.gradient), (result.data, found)):
        exact(actual[0], loss[None])
        exact(actual[1], dz[None])
    assert form.label_gradient is None


# -- random and extreme inputs -----------------------------------------------------------------------------------------


@EXAMPLES
@given(st.data(), st.sampled_from([soft, hard]), st.sampled_from(["none", "sum", "mean"]))
def test_autodiff_is_c2_on_random_and_extreme_logits(data, label, reduction):
    n = data.draw(st.integers(1, 8))
    y, z = data.draw(arrays(np.float64, n, elements=label)), data.draw(arrays(np.float64, n, elements=logit))
    labels, logits = leaf(y), leaf(z)
    form = closed_forms.binary_on_logits(y, z)
    loss = xe.losses.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits, reduction=reduction)
    in_logits, in_labels, second = derivatives(loss, logits, labels, second=True)
    share = 1 / n if reduction == "mean" else 1.0
    agree(loss.data, form.loss if reduction == "none" else share * np.sum(form.loss))
    terms = np.abs(1 - y) * closed_forms.sigma(z) + np.abs(y) * closed_forms.sigma(-z)
    agree(in_logits, share * form.gradient, share * terms)
    agree(in_labels, share * form.label_gradient)
    agree(second, share * form.second)


@EXAMPLES
@given(st.data(), st.sampled_from([soft, hard]), st.sampled_from(["sum", "mean"]))
def test_autodiff_is_c3_and_so_e18_on_random_data(data, label, reduction):
    n, features = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 4))
    X = data.draw(arrays(np.float64, (n, features), elements=st.floats(-20, 20)))
    y, theta = data.draw(arrays(np.float64, n, elements=label)), data.draw(arrays(np.float64, features, elements=logit))
    form = closed_forms.logistic_regression(X, y, theta, mean=reduction == "mean")
    parameters = leaf(theta)
    loss = xe.losses.sigmoid_cross_entropy_with_logits(labels=y, logits=X @ parameters, reduction=reduction)
    (gradient,) = derivatives(loss, parameters)
    agree(loss.data, form.loss)
    agree(gradient, form.gradient, np.max(np.abs(X), axis=0, initial=0) * n)


@EXAMPLES
@given(st.data(), st.sampled_from([soft, hard]))
def test_autodiff_is_c1_on_random_probabilities(data, label):
    n = data.draw(st.integers(1, 8))
    y = data.draw(arrays(np.float64, n, elements=label))
    p = data.draw(arrays(np.float64, n, elements=st.floats(1e-6, 1 - 1e-6)))
    labels, probs = leaf(y), leaf(p)
    form = closed_forms.binary_on_probs(y, p)
    loss = xe.losses.binary_cross_entropy(labels=labels, probs=probs)
    in_probs, in_labels, second = derivatives(loss, probs, labels, second=True)
    agree(loss.data, form.loss)
    agree(in_probs, form.gradient, y / p + (1 - y) / (1 - p))
    agree(in_labels, form.label_gradient, np.abs(np.log(p)) + np.abs(np.log1p(-p)))
    agree(second, form.second)


@EXAMPLES
@given(st.data(), st.sampled_from(["hard", "soft", "any"]), st.sampled_from(["none", "sum", "mean"]))
def test_autodiff_is_c5_on_random_and_extreme_logits(data, kind, reduction):
    n, classes = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5))
    z = data.draw(arrays(np.float64, (n, classes), elements=logit))
    if kind == "hard":
        y = np.eye(classes)[data.draw(arrays(np.int64, n, elements=st.integers(0, classes - 1)))]
    else:
        y = data.draw(arrays(np.float64, (n, classes), elements=soft if kind == "soft" else st.floats(-3, 3)))
    axis = data.draw(st.sampled_from([0, 1, -1, -2]))
    if axis in (0, -2):
        y, z = y.T, z.T
    labels, logits = leaf(y), leaf(z)
    form = closed_forms.softmax_on_logits(y, z, axis)
    loss = xe.losses.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits, axis=axis, reduction=reduction)
    in_logits, in_labels = derivatives(loss, logits, labels)
    share = 1 / n if reduction == "mean" else 1.0
    # log(1 + tiny) is 0 in the closed form and tiny here, so a term counts as 1 at least
    terms = np.sum(np.abs(y) * (1 + np.abs(form.label_gradient)), axis=axis)
    agree(loss.data, *((a if reduction == "none" else share * np.sum(a)) for a in (form.loss, terms)))
    agree(in_logits, share * form.gradient, share * np.sum(np.abs(y), axis=axis, keepdims=True))
    agree(in_labels, share * form.label_gradient, share)
    constant = leaf(z)
    loss = xe.losses.softmax_cross_entropy_with_logits(labels=y, logits=constant, axis=axis, reduction=reduction)
    np.testing.assert_array_equal(derivatives(loss, constant)[0], in_logits)


@EXAMPLES
@given(st.data(), st.sampled_from(["none", "sum", "mean"]))
def test_autodiff_is_c5_for_class_numbers(data, reduction):
    n, classes = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5))
    z = data.draw(arrays(np.float64, (n, classes), elements=logit))
    t = data.draw(arrays(np.int64, n, elements=st.integers(0, classes - 1)))
    logits = leaf(z)
    form = closed_forms.sparse_softmax_on_logits(t, z)
    loss = xe.losses.sparse_softmax_cross_entropy_with_logits(labels=t, logits=logits, reduction=reduction)
    (gradient,) = derivatives(loss, logits)
    share = 1 / n if reduction == "mean" else 1.0
    agree(loss.data, form.loss if reduction == "none" else share * np.sum(form.loss), 1 if reduction == "none" else n)
    agree(gradient, share * form.gradient, share * 1e-3)


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_autodiff_is_c2_for_hard_labels_at_every_extreme_logit_to_the_last_digit_but_three(y):
    labels, logits = np.full(EXTREME.shape, y), leaf(EXTREME)
    form = closed_forms.binary_on_logits(labels, EXTREME)
    loss = xe.losses.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
    gradient, second = derivatives(loss, logits, second=True)
    np.testing.assert_allclose(loss.data, form.loss, rtol=1e-15)
    np.testing.assert_allclose(gradient, form.gradient, rtol=1e-15)
    np.testing.assert_allclose(second, form.second, rtol=1e-15)
