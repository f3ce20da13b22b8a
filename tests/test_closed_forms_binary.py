"""C1 to C3: automatic differentiation, of the stable losses and of the article's, against the binary closed forms."""

import numpy as np
import pytest
from agreement import (
    EXAMPLES,
    EXTREME,
    FORMS,
    LABELS,
    LOGITS,
    agree,
    close,
    gradients,
    hessian,
    hvp,
    leaf,
    mixed,
    recorded,
    slopes,
    vector,
)
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_xe as xe
from tinygrad_xe import ShapeError, closed_forms

both_forms = pytest.mark.parametrize("form", FORMS)
reductions = st.sampled_from(["none", "sum", "mean"])
kinds = st.sampled_from(sorted(LABELS))


def on_probs(form, reduction="none"):
    return lambda p, y: FORMS[form].binary_cross_entropy(labels=y, probs=p, reduction=reduction)


def on_logits(form, reduction="none"):
    return lambda z, y: FORMS[form].sigmoid_cross_entropy_with_logits(labels=y, logits=z, reduction=reduction)


def reduced(losses, reduction):
    return {"none": losses, "sum": np.sum(losses), "mean": np.sum(losses) / max(np.size(losses), 1)}[reduction]


# -- C1: on probabilities ----------------------------------------------------------------------------------------------


@both_forms
def test_c1_agrees_with_50_digits_in_closed_form_and_by_autodiff(form):
    y, p, loss, dp, dy, d2p = recorded("C1_bce_p", "y", "p", "loss", "dp", "dy", "d2p")
    closed, f = closed_forms.binary_on_probs(y, p), on_probs(form)
    for a, b in zip((closed.loss, closed.gradient, closed.label_gradient, closed.second), (loss, dp, dy, d2p)):
        np.testing.assert_allclose(a, b, rtol=4e-16)
    for a, b in zip((f(p, y), *gradients(f, p, y), slopes(f, 0, 0)(p, y)), (loss, dp, dy, d2p)):
        np.testing.assert_allclose(a, b, rtol=4e-15)


@both_forms
@EXAMPLES
@given(st.data(), kinds, reductions)
def test_autodiff_is_c1_on_random_probabilities(form, data, kind, reduction):
    n = data.draw(st.integers(1, 5))
    inside = st.floats(1e-100, 1, exclude_max=True) if form == "stable" else st.floats(0.01, 0.99)
    y, p = data.draw(vector(LABELS[kind], n)), data.draw(vector(inside, n))
    closed, f = closed_forms.binary_on_probs(y, p), on_probs(form, reduction)
    share = 1 / n if reduction == "mean" else 1.0
    # with hard or soft labels only the article's form has terms that cancel; with others the loss and curvature do too
    losses = np.abs(y) * -np.log(p) + np.abs(1 - y) * -np.log1p(-p)
    curvatures = np.abs(y) / p**2 + np.abs(1 - y) / (1 - p) ** 2
    article = form == "article"
    agree(f(p, y), reduced(closed.loss, reduction), reduced(losses + article, reduction))
    in_probs, in_labels = gradients(f, p, y)
    agree(in_probs, share * closed.gradient, share * article * (np.abs(y) / p + np.abs(1 - y) / (1 - p)))
    agree(in_labels, share * closed.label_gradient, share * article * -(np.log(p) + np.log1p(-p)))
    agree(slopes(f, 0, 0)(p, y), share * closed.second, share * curvatures)
    agree(slopes(f, 0, 1)(p, y), share * closed.mixed)
    agree(slopes(f, 1, 0)(p, y), share * closed.mixed)


# -- C2: on logits -----------------------------------------------------------------------------------------------------


@both_forms
def test_c2_agrees_with_50_digits_in_closed_form_and_by_autodiff(form):
    y, z, loss, dz, dy, d2z = recorded("C2_bce_z", "y", "z", "loss", "dz", "dy", "d2z")
    if form == "article":  # its fifth logit is 20, where 1 - h has lost 9 digits
        y, z, loss, dz, dy, d2z = (a[:4] for a in (y, z, loss, dz, dy, d2z))
    closed, f = closed_forms.binary_on_logits(y, z), on_logits(form)
    for a, b in zip((closed.loss, closed.gradient, closed.label_gradient, closed.second), (loss, dz, dy, d2z)):
        np.testing.assert_allclose(a, b, rtol=1e-15)
    for a, b in zip((f(z, y), *gradients(f, z, y), slopes(f, 0, 0)(z, y)), (loss, dz, dy, d2z)):
        np.testing.assert_allclose(a, b, rtol=4e-15 if form == "stable" else 1e-13)


@both_forms
@EXAMPLES
@given(st.data(), kinds, reductions)
def test_autodiff_is_c2_on_random_and_extreme_logits_up_to_the_third_derivative(form, data, kind, reduction):
    n = data.draw(st.integers(1, 5))
    y, z = data.draw(vector(LABELS[kind], n)), data.draw(vector(LOGITS[form], n))
    closed, f = closed_forms.binary_on_logits(y, z), on_logits(form, reduction)
    share = 1 / n if reduction == "mean" else 1.0
    p, q = closed_forms.sigma(z), closed_forms.sigma(-z)
    # the article's form goes by way of probabilities: its terms are of the size of the labels, whatever the result
    size = (form == "article") * (np.abs(y) + np.abs(1 - y))
    losses = np.abs(y) * closed_forms.softplus(-z) + np.abs(1 - y) * closed_forms.softplus(z)
    agree(f(z, y), reduced(closed.loss, reduction), reduced(losses + size, reduction))
    in_logits, in_labels = gradients(f, z, y)
    agree(in_logits, share * closed.gradient, share * (np.abs(1 - y) * p + np.abs(y) * q + size))
    agree(in_labels, share * closed.label_gradient, share * size)
    agree(slopes(f, 0, 0)(z, y), share * closed.second, share * size)
    # p q (q - p) is the sum of p q q and -p p q
    agree(slopes(f, 0, 0, 0)(z, y), share * closed.third, share * (closed.second + size))
    agree(slopes(f, 0, 1)(z, y), share * closed.mixed)
    agree(slopes(f, 1, 0)(z, y), share * closed.mixed)


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_autodiff_is_c2_for_hard_labels_at_every_extreme_logit_to_the_last_digit_but_three(y):
    labels, f = np.full(EXTREME.shape, y), on_logits("stable")
    closed = closed_forms.binary_on_logits(labels, EXTREME)
    np.testing.assert_allclose(f(EXTREME, labels), closed.loss, rtol=1e-15)
    np.testing.assert_allclose(gradients(f, EXTREME, labels)[0], closed.gradient, rtol=1e-15)
    np.testing.assert_allclose(slopes(f, 0, 0)(EXTREME, labels), closed.second, rtol=1e-15)


def test_one_leaf_differentiated_by_backward_three_times_has_the_derivatives_of_c2():
    y, z = np.array([0.25, 1.0, -2.0]), leaf([0.5, -2.0, 3.0])
    closed = closed_forms.binary_on_logits(y, z.data)
    derivative = xe.losses.sigmoid_cross_entropy_with_logits(labels=y, logits=z)
    for expected in (closed.gradient, closed.second, closed.third):
        derivative.sum().backward(create_graph=True)
        derivative, z.grad = z.grad, None
        agree(derivative.data, expected, 1.0)


# -- C3: logistic regression -------------------------------------------------------------------------------------------


def regression(form, X, reduction):
    return lambda theta, y: on_logits(form, reduction)(X @ theta, y)


@both_forms
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_c3_agrees_with_50_digits_in_closed_form_and_by_autodiff(form, reduction):
    X, y, theta, loss, gradient, curvature = recorded(
        "C3_logistic", "X", "y", "theta", f"loss_{reduction}", f"grad_{reduction}", "hessian_sum"
    )
    curvature = curvature / (len(y) if reduction == "mean" else 1)
    closed, f = closed_forms.logistic_regression(X, y, theta, mean=reduction == "mean"), regression(form, X, reduction)
    for a, b in zip((closed.loss, closed.gradient, closed.second), (loss, gradient, curvature)):
        close(a, b)
    found = (f(theta, y), gradients(f, theta, y)[0], hessian(lambda t: f(t, y), theta))
    for a, b in zip(found, (loss, gradient, curvature)):
        close(a, b)


@both_forms
@EXAMPLES
@given(st.data(), kinds, st.sampled_from(["sum", "mean"]))
def test_autodiff_is_c3_and_so_e18_on_random_data_with_hessian_and_mixed_derivatives(form, data, kind, reduction):
    n, features = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    wide = form == "stable"
    X = data.draw(vector(st.floats(-20, 20) if wide else st.floats(-1, 1), n * features)).reshape(n, features)
    theta = data.draw(vector(LOGITS[form] if wide else st.floats(-1, 1), features))
    y, v = data.draw(vector(LABELS[kind], n)), data.draw(vector(st.floats(-1, 1), features))
    mean = reduction == "mean"
    closed, f = closed_forms.logistic_regression(X, y, theta, mean=mean), regression(form, X, reduction)
    # the products X theta are the same bits on both sides; terms are the sums without signs
    z, size, share = X @ theta, np.abs(X), 1 / n if mean else 1.0
    p, q, article = closed_forms.sigma(z), closed_forms.sigma(-z), (not wide) * (np.abs(y) + np.abs(1 - y))
    losses = np.abs(y) * closed_forms.softplus(-z) + np.abs(1 - y) * closed_forms.softplus(z) + article
    agree(f(theta, y), closed.loss, share * np.sum(losses))
    in_theta, in_labels = gradients(f, theta, y)
    agree(in_theta, closed.gradient, share * size.T @ (np.abs(1 - y) * p + np.abs(y) * q + article))
    agree(in_labels, closed.label_gradient, share * article)
    curvature = share * size.T @ ((p * q + article)[:, None] * size)
    agree(hessian(lambda t: f(t, y), theta), closed.second, curvature)
    product = closed_forms.logistic_regression_hvp(X, theta, v, mean=mean)
    agree(hvp(lambda t: f(t, y), theta, v), product, curvature @ np.abs(v))
    agree(product, closed.second @ v, curvature @ np.abs(v))
    agree(mixed(f, theta, y), closed.mixed, share * size.T * (not wide))


def test_the_hessian_of_c3_has_no_negative_eigenvalue():
    rng = np.random.default_rng(3)
    X, y, theta = rng.normal(size=(6, 4)), rng.normal(size=6), rng.normal(size=4)
    found = hessian(lambda t: regression("stable", X, "sum")(t, y), theta)
    np.testing.assert_allclose(found, found.T, rtol=1e-14)
    assert np.linalg.eigvalsh(found).min() > 0


# -- bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [closed_forms.binary_on_probs, closed_forms.binary_on_logits])
def test_labels_of_another_shape_are_refused_even_if_they_broadcast(function):
    with pytest.raises(ShapeError, match=r"labels have shape \(3,\), .* has shape \(3, 1\)"):
        function(np.full(3, 0.5), np.full((3, 1), 0.5))


def test_parameters_that_do_not_fit_the_data_are_refused():
    with pytest.raises(ShapeError, match=r"X has shape \(3, 2\), the vector beside it \(3,\)"):
        closed_forms.logistic_regression(np.ones((3, 2)), np.ones(3), np.ones(3))
    with pytest.raises(ShapeError, match=r"labels have shape \(2,\)"):
        closed_forms.logistic_regression(np.ones((3, 2)), np.ones(2), np.ones(2))
    with pytest.raises(ShapeError, match=r"the vector beside it \(3,\)"):
        closed_forms.logistic_regression_hvp(np.ones((3, 2)), np.ones(2), np.ones(3))
