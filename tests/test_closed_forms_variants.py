"""C8: autodiff against the closed forms of positive and class weights, temperature, smoothing and the focal loss."""

import numpy as np
import pytest
from agreement import (
    EXAMPLES,
    FORMS,
    LABELS,
    LOGITS,
    agree,
    blocks,
    class_labels,
    close,
    gradients,
    hessian,
    mixed,
    recorded,
    slopes,
    vector,
)
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_xe as xe
from tinygrad_xe import ShapeError, closed_forms

L = xe.losses
both_forms = pytest.mark.parametrize("form", FORMS)
reductions = st.sampled_from(["none", "sum", "mean"])
kinds = st.sampled_from(sorted(LABELS))
moderate = st.floats(-30, 30)


def reduced(losses, reduction):
    return {"none": losses, "sum": np.sum(losses), "mean": np.sum(losses) / np.size(losses)}[reduction]


def softmax(z, y, **options):
    return L.softmax_cross_entropy_with_logits_v2(labels=y, logits=z, **options)


def draw(data, kind, logits=moderate):
    """Labels and logits of shape (n, classes), and the sum of the labels without signs."""
    n, classes = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    z = data.draw(vector(logits, n * classes)).reshape(n, classes)
    y = data.draw(class_labels(kind, n, classes))
    return y, z, np.sum(np.abs(y), axis=1, keepdims=True)


# -- positive weight ---------------------------------------------------------------------------------------------------


def weighted(form, reduction="none"):
    loss = FORMS[form].weighted_cross_entropy_with_logits
    return lambda z, y, q: loss(labels=y, logits=z, pos_weight=q, reduction=reduction)


@both_forms
def test_pos_weight_agrees_with_50_digits_in_closed_form_and_by_autodiff(form):
    q, y, z, loss, dz, dy, dq = recorded("C8_weighted", "q", "y", "z", "loss", "dz", "dy", "dq")
    if form == "article":  # without the logit 20, where 1 - h has lost 9 digits
        y, z, loss, dz, dy, dq = (a[:4] for a in (y, z, loss, dz, dy, dq))
    closed, f = closed_forms.weighted_on_logits(y, z, q), weighted(form)
    each = np.full(z.shape, q)
    for found in (
        (closed.loss, closed.gradient, closed.label_gradient, closed.option_gradient),
        (f(z, y, each), *gradients(f, z, y, each)),
    ):
        for a, b in zip(found, (loss, dz, dy, dq)):
            np.testing.assert_allclose(a, b, rtol=4e-15 if form == "stable" else 1e-13)
    at_zero = recorded("C8_weighted", "dz_at_0_y0", "dz_at_0_y1")
    for label, expected in enumerate(at_zero):
        args = (np.zeros(1), np.full(1, float(label)), q)
        close(closed_forms.weighted_on_logits(args[1], args[0], q).gradient, expected[None])
        close(xe.grad(lambda z, *rest: np.sum(f(z, *rest)))(*args), expected[None])


@both_forms
@EXAMPLES
@given(st.data(), kinds, reductions)
def test_autodiff_is_c8_for_pos_weight_in_logits_labels_and_weight_to_second_order(form, data, kind, reduction):
    n = data.draw(st.integers(1, 4))
    y, z = data.draw(vector(LABELS[kind], n)), data.draw(vector(LOGITS[form], n))
    q = data.draw(vector(st.floats(0, 5), n))
    closed, f = closed_forms.weighted_on_logits(y, z, q), weighted(form, reduction)
    share = 1 / n if reduction == "mean" else 1.0
    p, not_p = closed_forms.sigma(z), closed_forms.sigma(-z)
    positive, negative = closed_forms.softplus(-z), closed_forms.softplus(z)
    size = (form == "article") * (np.abs(q * y) + np.abs(1 - y) + q)
    agree(f(z, y, q), reduced(closed.loss, reduction),
          reduced(np.abs(q * y) * positive + np.abs(1 - y) * negative + size, reduction))
    in_logits, in_labels, in_weight = gradients(f, z, y, q)
    agree(in_logits, share * closed.gradient, share * (np.abs(q * y) * not_p + np.abs(1 - y) * p + size))
    agree(in_labels, share * closed.label_gradient, share * (q * positive + negative + size))
    agree(in_weight, share * closed.option_gradient, share * size)
    curvature = (np.abs(1 - y) + np.abs(q * y)) * p * not_p
    agree(slopes(f, 0, 0)(z, y, q), share * closed.second, share * (curvature + size))
    agree(slopes(f, 0, 0, 0)(z, y, q), share * closed.third, share * (curvature + size))
    agree(slopes(f, 0, 1)(z, y, q), share * closed.mixed, share * size)
    agree(slopes(f, 0, 2)(z, y, q), share * -y * not_p, share * size)
    agree(slopes(f, 1, 2)(z, y, q), share * positive, share * size)


def test_the_two_ways_to_write_the_weighted_loss_agree():
    y, z, q = np.array([0.0, 0.25, 1.0, 2.0]), np.array([-2.0, 0.5, 3.0, 1.0]), 2.5
    other = (1 - y) * z + (1 + (q - 1) * y) * closed_forms.softplus(-z)
    agree(closed_forms.weighted_on_logits(y, z, q).loss, other, 1.0)


# -- class weights -----------------------------------------------------------------------------------------------------


def test_class_weights_agree_with_50_digits():
    w, y, z, loss, dz = recorded("C8_class_weights", "w", "y", "z", "loss", "dz")
    closed = closed_forms.class_weighted_on_logits(y, z, w)
    f = lambda z: softmax(z, y, class_weight=w)
    for found in ((closed.loss, closed.gradient), (f(z), gradients(f, z)[0])):
        close(found[0], loss)
        close(found[1], dz)


@EXAMPLES
@given(st.data(), kinds, st.sampled_from(["none", "sum"]), st.sampled_from([0, 1]))
def test_autodiff_is_c8_for_class_weights_in_logits_labels_and_weights(data, kind, reduction, axis):
    y, z, total = draw(data, kind, LOGITS["stable"])
    w = data.draw(vector(st.floats(0, 5), z.shape[1]))
    closed = closed_forms.class_weighted_on_logits(*((y, z, w) if axis else (y.T, z.T, w)), axis=axis)
    total = 5 * (total if axis else total.T)
    if axis == 0:
        y, z = y.T, z.T
    f = lambda z, y, w: softmax(z, y, class_weight=w, axis=axis, reduction=reduction)
    n = closed_forms.surprisal(z, axis)
    agree(f(z, y, w), reduced(closed.loss, reduction), reduced(np.sum(5 * np.abs(y) * n, axis=axis), reduction)
          + reduced(total.squeeze(axis) * np.min(n, axis=axis), reduction))
    in_logits, in_labels, in_weights = gradients(f, z, y, w)
    agree(in_logits, closed.gradient, total)
    agree(in_labels, closed.label_gradient)
    agree(in_weights, np.sum(closed.option_gradient, axis=1 - axis), np.sum(np.abs(y) * n, axis=1 - axis))
    along = w if axis else w[:, None]
    if axis == 1:
        found = blocks(hessian(lambda z: f(z, y, w), z))
        agree(found, closed_forms.softmax_hessian(along * y, z), total[..., None])


def test_the_weighted_mean_divides_gradient_and_loss_by_the_weights_of_the_labels():
    w, y = np.array([1.0, 2.0, 0.5]), np.array([[0.0, 1.0, 0.0], [0.25, 0.25, 0.5]])
    z = np.array([[1.0, -0.5, 0.25], [0.0, 2.0, -1.0]])
    closed = closed_forms.class_weighted_on_logits(y, z, w)
    f = lambda z: softmax(z, y, class_weight=w, reduction="mean")
    agree(f(z), np.sum(closed.loss) / np.sum(w * y))
    agree(gradients(f, z)[0], closed.gradient / np.sum(w * y))


@EXAMPLES
@given(st.data(), reductions, st.sampled_from(["class_weight", "temperature"]))
def test_for_class_numbers_class_weights_and_temperature_are_those_of_one_hot_labels(data, reduction, option):
    y, z, _ = draw(data, "hard")
    t, w, T = np.argmax(y, axis=1), data.draw(vector(st.floats(0.25, 5), z.shape[1])), data.draw(st.floats(0.25, 8))
    value = w if option == "class_weight" else np.array(T)
    f = lambda z, value: L.sparse_softmax_cross_entropy_with_logits(
        labels=t, logits=z, reduction=reduction, **{option: value})
    if option == "class_weight":
        closed, total = closed_forms.class_weighted_on_logits(y, z, w), np.sum(w * y)
    else:
        closed, total = closed_forms.temperature_on_logits(y, z, T), float(len(z))
    share = 1 / total if reduction == "mean" else 1.0
    agree(f(z, value), closed.loss if reduction == "none" else share * np.sum(closed.loss))
    agree(gradients(f, z, value)[0], share * closed.gradient)
    if reduction != "mean":  # in a mean the class weights are in the divisor too
        in_option = np.sum(closed.option_gradient, axis=0)
        agree(gradients(f, z, value)[1], in_option, np.sum(2 * np.abs(z)) / T**2 if option == "temperature" else 0.0)


# -- temperature -------------------------------------------------------------------------------------------------------


def test_temperature_agrees_with_50_digits():
    T, y, z, loss, dz, dT = recorded("C8_temperature", "T", "y", "z", "loss", "dz", "dT")
    closed = closed_forms.temperature_on_logits(y, z, T)
    f = lambda z, T: softmax(z, y, temperature=T)
    for found in ((closed.loss, closed.gradient, closed.option_gradient), (f(z, T), *gradients(f, z, T))):
        for a, b in zip(found, (loss, dz, dT)):
            close(a, b)


@EXAMPLES
@given(st.data(), kinds, reductions, st.floats(0.25, 8))
def test_autodiff_is_c8_for_the_temperature_in_logits_labels_and_temperature(data, kind, reduction, T):
    y, z, total = draw(data, kind)
    closed = closed_forms.temperature_on_logits(y, z, T)
    share = 1 / len(z) if reduction == "mean" else 1.0
    f = lambda z, y, T: softmax(z, y, temperature=T, reduction=reduction)
    by_division = lambda z, y: softmax(z / T, y, reduction=reduction)
    n = closed_forms.surprisal(z / T)
    agree(f(z, y, T), reduced(closed.loss, reduction),
          reduced(np.sum(np.abs(y) * n, axis=1) + total[:, 0] * np.min(n, axis=1), reduction))
    in_logits, in_labels, in_T = gradients(f, z, y, np.array(T))
    agree(in_logits, share * closed.gradient, share * total / T)
    agree(in_labels, share * closed.label_gradient)
    agree(gradients(by_division, z, y)[0], in_logits, share * total / T)
    # the engine has the logits as they are, and not less their maximum, in -gradient . z / T^2
    agree(in_T, share * np.sum(closed.option_gradient), share * np.sum(2 * total * np.abs(z)) / T**2)
    found = blocks(hessian(lambda z: f(z, y, T), z))
    agree(found, share * closed_forms.softmax_hessian(y, z / T) / T**2, share * total[..., None] / T**2)


# -- label smoothing ---------------------------------------------------------------------------------------------------


def test_label_smoothing_agrees_with_50_digits():
    eps, y, z, loss, dz = recorded("C8_label_smoothing", "eps", "y", "z", "loss", "dz")
    closed, t = closed_forms.smoothed_on_logits(y, z, eps), np.argmax(y)
    f = lambda z, eps: softmax(z, y, label_smoothing=eps)
    sparse = lambda z, eps: L.sparse_softmax_cross_entropy_with_logits(labels=t, logits=z, label_smoothing=eps)
    change = np.asarray(z[t] - np.mean(z))
    for found in (
        (closed.loss, closed.gradient, closed.option_gradient),
        (f(z, eps), *gradients(f, z, eps)),
        (sparse(z, eps), *gradients(sparse, z, eps)),
    ):
        for a, b in zip(found, (loss, dz, change)):
            close(a, b)


@EXAMPLES
@given(st.data(), kinds, reductions, st.floats(0, 1))
def test_autodiff_is_c8_for_smoothing_in_logits_labels_and_amount(data, kind, reduction, eps):
    y, z, total = draw(data, kind)
    closed, total = closed_forms.smoothed_on_logits(y, z, eps), total + 1
    share = 1 / len(z) if reduction == "mean" else 1.0
    f = lambda z, y, eps: softmax(z, y, label_smoothing=eps, reduction=reduction)
    n = closed_forms.surprisal(z)
    losses = np.sum((np.abs(y) + 1) * n, axis=1)
    agree(f(z, y, eps), reduced(closed.loss, reduction), reduced(losses, reduction))
    in_logits, in_labels, in_eps = gradients(f, z, y, np.array(eps))
    agree(in_logits, share * closed.gradient, share * total)
    agree(in_labels, share * closed.label_gradient)
    agree(in_eps, share * np.sum(closed.option_gradient), share * np.sum(losses))
    agree(mixed(lambda z, e: f(z, y, e), z, np.array(eps)), share * smoothing_slope(y, z), share * total)


def smoothing_slope(y, z):
    """The derivative in logits and amount, p (1 - S) - (1/K - y): that of p S' - y'."""
    K = z.shape[1]
    return closed_forms.softmax(z) * (1 - np.sum(y, axis=1, keepdims=True)) - (1 / K - y)


@EXAMPLES
@given(st.data(), st.floats(0, 1))
def test_for_hard_labels_the_smoothed_loss_is_the_mixture_of_the_article_s_audit(data, eps):
    y, z, _ = draw(data, "hard")
    closed, lse = closed_forms.smoothed_on_logits(y, z, eps), closed_forms.lse(z)
    own, mean = np.sum(y * z, axis=1), np.mean(z, axis=1)
    size = 1 + np.max(np.abs(z))
    agree(closed.loss, (1 - eps) * (lse - own) + eps * (lse - mean), size)
    agree(closed.option_gradient, own - mean, size)
    agree(closed.gradient, closed_forms.softmax(z) - (1 - eps) * y - eps / z.shape[1], 1.0)


# -- focal -------------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(st.data(), st.sampled_from(["hard", "soft"]), reductions, st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0]))
def test_autodiff_is_c8_for_the_focal_loss_of_both_labels_to_second_order(data, kind, reduction, gamma):
    n = data.draw(st.integers(1, 4))
    y, z = data.draw(vector(LABELS[kind], n)), data.draw(vector(moderate, n))
    closed = closed_forms.focal_on_logits(y, z, gamma)
    share = 1 / n if reduction == "mean" else 1.0
    f = lambda z, y: L.binary_focal_cross_entropy(labels=y, logits=z, gamma=gamma, reduction=reduction)
    agree(f(z, y), reduced(closed.loss, reduction))
    in_logits, in_labels = gradients(f, z, y)
    positive = closed_forms.focal_on_logits(np.ones(n), z, gamma)
    negative = closed_forms.focal_on_logits(np.zeros(n), z, gamma)
    slope = y * np.abs(positive.gradient) + (1 - y) * np.abs(negative.gradient)
    agree(in_logits, share * closed.gradient, share * slope)
    agree(in_labels, share * closed.label_gradient, share * (positive.loss + negative.loss))
    p, q = closed_forms.sigma(z), closed_forms.sigma(-z)
    agree(slopes(f, 0, 0)(z, y), share * closed.second,
          share * (y * curvature(p, q, -z, gamma) + (1 - y) * curvature(q, p, z, gamma)))
    agree(slopes(f, 0, 1)(z, y), share * closed.mixed)


def curvature(p, q, z, gamma):
    """The terms of F'' without their signs; z is the argument of the surprisal."""
    return p * q**gamma * ((1 + 2 * gamma) * q + gamma * closed_forms.softplus(z) * (q + gamma * p))


def test_without_gamma_the_focal_loss_is_c2():
    y, z = np.array([0.0, 0.25, 1.0]), np.array([-2.0, 0.5, 700.0])
    focal, plain = closed_forms.focal_on_logits(y, z, 0.0), closed_forms.binary_on_logits(y, z)
    for name in ("loss", "gradient", "second", "mixed"):
        np.testing.assert_allclose(getattr(focal, name), getattr(plain, name), rtol=1e-15)


def test_the_derivatives_of_the_focal_loss_follow_by_symbols():
    sympy = pytest.importorskip("sympy", reason="SymPy, the oracle, is not installed: pip install '.[reference]'")
    z, gamma = sympy.symbols("z gamma", real=True)
    p = 1 / (1 + sympy.exp(-z))
    q = sympy.exp(-z) / (1 + sympy.exp(-z))
    F = -(q**gamma) * sympy.log(p)
    slope = q**gamma * (gamma * p * sympy.log(p) + p - 1)
    bend = p * q**gamma * ((1 + 2 * gamma) * q + gamma * sympy.log(p) * (q - gamma * p))
    assert sympy.simplify(sympy.diff(F, z) / slope - 1) == 0
    assert sympy.simplify(sympy.diff(slope, z) / bend - 1) == 0
    # for label 0, by the symmetry of z and -z
    negative = p**gamma * (p - gamma * q * sympy.log(q))
    assert sympy.simplify((-slope.subs(z, -z) - negative) / p**gamma) == 0


# -- bad input ---------------------------------------------------------------------------------------------------------


def test_variants_refuse_labels_of_another_shape_and_weights_for_other_classes():
    y, z = np.full((1, 3), 0.5), np.full((2, 3), 0.5)
    for call in (
        lambda: closed_forms.weighted_on_logits(y, z, 2.0), lambda: closed_forms.temperature_on_logits(y, z, 2.0),
        lambda: closed_forms.smoothed_on_logits(y, z, 0.5), lambda: closed_forms.focal_on_logits(y, z, 2.0),
        lambda: closed_forms.class_weighted_on_logits(y, z, np.ones(3)),
    ):
        with pytest.raises(ShapeError, match=r"labels have shape \(1, 3\), .* has shape \(2, 3\)"):
            call()
    with pytest.raises(ShapeError, match=r"class_weight has shape \(2,\); expected \(3,\)"):
        closed_forms.class_weighted_on_logits(z, z, np.ones(2))
    for shape in ((2, 3), (2,)):
        with pytest.raises(ShapeError, match=r"pos_weight has shape \(2,.*\), logits have shape \(3,\)"):
            closed_forms.weighted_on_logits(z[0], z[0], np.ones(shape))
    for function, name in (
        (closed_forms.temperature_on_logits, "temperature"), (closed_forms.smoothed_on_logits, "smoothing")
    ):
        with pytest.raises(ShapeError, match=rf"{name} has shape \(1,\); expected one number"):
            function(z, z, [0.5])
