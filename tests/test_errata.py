"""The errata R1 to R10 of the article: each printed line is wrong by the audit's numbers, its correction is right."""

import json
from pathlib import Path

import numpy as np
import pytest
from agreement import agree, gradients

import tinygrad_xe as xe
from tinygrad_xe import LabelGradientWarning, ShapeError, closed_forms

L = xe.losses
FORMS = {"stable": L, "article": L.article}
both_forms = pytest.mark.parametrize("form", FORMS)

X = np.array([[1.0, 2.0], [-0.5, 1.0], [1.5, -0.25]])
Y = np.array([1.0, 0.0, 1.0])
THETA = np.array([0.5, -0.25])


def printed(value, digits):
    """Equal to a number of the audit in every digit that it has there: to half a unit of the last of six decimals."""
    value, digits = np.asarray(value), np.asarray(digits)
    assert value.shape == digits.shape
    np.testing.assert_array_equal([f"{v:.6f}" for v in value.flat], [f"{d:.6f}" for d in digits.flat])


def nll(form, reduction="sum"):
    """The loss of logistic regression as a function of the parameters: E11 to E14."""
    loss = FORMS[form].sigmoid_cross_entropy_with_logits
    return lambda theta: loss(labels=Y, logits=X @ theta, reduction=reduction)


# -- R1 and R3: the sum over the samples -------------------------------------------------------------------------------


@both_forms
def test_r1_the_log_likelihood_of_three_samples_is_their_sum_and_none_of_the_readings_of_the_last_line_of_e6(form):
    y, p = Y, np.array([0.875, 0.25, 0.5])
    loss = FORMS[form].binary_cross_entropy
    right = -loss(labels=y, probs=p, reduction="sum")
    printed(right, -1.114361)
    single = -loss(labels=y, probs=p)
    printed(single, [-0.133531, -0.287682, -0.693147])
    means = -loss(labels=np.array([np.mean(y)]), probs=np.array([np.mean(p)]))
    printed(means, [-0.668789])
    for wrong in (*single, *means):
        assert abs(wrong - right) > 0.4
    agree(right, np.log(np.prod(p**y * (1 - p) ** (1 - y))))  # E4
    agree(right, -closed_forms.binary_on_probs(y, p).loss.sum())


@both_forms
def test_r3_the_loss_of_one_sample_on_the_first_line_of_e10_is_not_that_of_the_batch_on_the_second(form):
    printed(nll(form, "none")(THETA)[0], 0.693147)
    printed(nll(form)(THETA), 1.534466)
    agree(nll(form)(THETA), closed_forms.logistic_regression(X, Y, THETA).loss)


# -- R2: the complement ------------------------------------------------------------------------------------------------


def test_r2_the_complement_of_the_sigmoid_has_theta_x_in_both_of_its_exponents():
    theta, x = 2.0, 1.0
    wrong = np.exp(-x) / (1 + np.exp(-theta * x))
    right = np.exp(-theta * x) / (1 + np.exp(-theta * x))
    h = xe.sigmoid(theta * x)
    printed(wrong, 0.324027)
    printed(right, 0.119203)
    printed(h, 0.880797)
    printed(h + wrong, 1.204824)
    agree(h + right, 1.0)
    for same in (1 - h, xe.sigmoid(-theta * x), closed_forms.sigma(-theta * x), 1 / (1 + np.exp(theta * x))):
        agree(same, right, 1.0)


@both_forms
def test_r2_carried_into_the_loss_of_label_0_is_off_by_1(form):
    theta, x = 2.0, 1.0
    wrong = -np.log(np.exp(-x) / (1 + np.exp(-theta * x)))
    right = FORMS[form].sigmoid_cross_entropy_with_logits(labels=np.zeros(1), logits=np.array([theta * x]))[0]
    printed(wrong, 1.126928)
    printed(right, 2.126928)
    agree(right - wrong, theta * x - x)


def test_r2_for_a_vector_x_the_printed_complement_is_not_a_number_but_a_vector():
    wrong = np.exp(-X[0]) / (1 + np.exp(-X[0] @ THETA))
    assert wrong.shape == (2,)
    assert np.shape(xe.sigmoid(-(X[0] @ THETA))) == ()


# -- R4 and R5: the derivation of the gradient -------------------------------------------------------------------------


@both_forms
def test_r4_the_second_line_of_the_derivation_has_a_minus_before_its_second_term(form):
    e = np.exp(X @ THETA)
    share = X.T * (e / (1 + e))  # element j, i is the second term of sample i
    wrong, right = -np.sum(Y * X.T + share, axis=1), -np.sum(Y * X.T - share, axis=1)
    printed(wrong, [-3.850193, -2.954380])
    printed(right, [-1.149807, -0.545620])
    (found,) = gradients(nll(form), THETA)
    agree(found, right, 1.0)
    h = xe.sigmoid(X @ THETA)
    agree(-np.sum((Y - h) * X.T, axis=1), found, 1.0)  # E17
    agree(np.sum((h - Y) * X.T, axis=1), found, 1.0)  # E18
    agree(closed_forms.logistic_regression(X, Y, THETA).gradient, found, 1.0)
    assert (np.abs(wrong - found) > 1).all()


def test_r4_differences_of_the_loss_have_the_sign_of_the_correction():
    step = 1e-5 * np.eye(2)
    differences = [(nll("stable")(THETA + d) - nll("stable")(THETA - d)) / 2e-5 for d in step]
    np.testing.assert_allclose(differences, [-1.149807, -0.545620], atol=6e-7)


def test_r5_theta_x_without_its_index_read_as_one_fixed_sample_has_another_gradient():
    fixed = X[2]

    def without_index(theta):
        return -np.sum(Y * (fixed @ theta) - xe.softplus(X @ theta))

    def with_index(theta):
        return -np.sum(Y * (X @ theta) - xe.softplus(X @ theta))

    (wrong,), (right,) = gradients(without_index, THETA), gradients(with_index, THETA)
    printed(wrong, [-1.649807, 1.704380])
    printed(right, [-1.149807, -0.545620])
    agree(right, gradients(nll("stable"), THETA)[0], 1.0)


@both_forms
def test_the_lines_e11_to_e14_are_one_loss_and_only_one_of_them_needs_the_corrected_complement(form):
    z = X @ THETA
    e11 = L.article.binary_cross_entropy(labels=Y, probs=xe.sigmoid(z), reduction="sum")
    e12 = -np.sum(Y * np.log(1 / (1 + np.exp(-z))) + (1 - Y) * np.log(np.exp(-z) / (1 + np.exp(-z))))
    e13 = -np.sum(Y * z - Y * np.log(1 + np.exp(z)) - (1 - Y) * np.log(1 + np.exp(z)))
    e14 = -np.sum(Y * z - np.log(1 + np.exp(z)))
    for line in (e11, e12, e13, e14):
        agree(nll(form)(THETA), line)


# -- R6 to R8: TensorFlow's functions ----------------------------------------------------------------------------------

LOGITS = np.array([1.0, -0.5, 0.25])


def test_r6_both_versions_have_the_same_loss_and_gradient_in_the_logits_bit_for_bit():
    y = np.array([0.25, 0.5, 0.25])
    first, second = L.softmax_cross_entropy_with_logits, L.softmax_cross_entropy_with_logits_v2
    assert first(labels=y, logits=LOGITS) == second(labels=y, logits=LOGITS)
    slopes = [gradients(lambda z, f=f: f(labels=y, logits=z), LOGITS)[0] for f in (first, second)]
    np.testing.assert_array_equal(*slopes)


@both_forms
def test_r7_the_second_version_lets_the_gradient_into_labels_that_are_a_softmax_themselves(form):
    w = np.array([0.2, 0.3, 0.5])
    f = lambda z, w: FORMS[form].softmax_cross_entropy_with_logits_v2(labels=xe.softmax(w), logits=z)
    in_logits, in_w = gradients(f, LOGITS, w)
    printed(in_logits, [0.300365, -0.188271, -0.112093])
    printed(in_w, [-0.223683, 0.232602, -0.008920])
    slope = closed_forms.softmax_on_logits(closed_forms.softmax(w), LOGITS).label_gradient
    agree(in_w, closed_forms.softmax_jacobian(w).T @ slope, 1.0)


@both_forms
def test_r7_the_first_version_stops_it_there_and_has_the_same_gradient_in_the_logits(form):
    z, w = xe.tensor(LOGITS, requires_grad=True), xe.tensor([0.2, 0.3, 0.5], requires_grad=True)
    loss = FORMS[form].softmax_cross_entropy_with_logits
    if form == "stable":
        with pytest.warns(LabelGradientWarning, match="Write softmax_cross_entropy_with_logits_v2 for a gradient"):
            result = loss(labels=xe.softmax(w), logits=z)
    else:
        result = loss(labels=xe.softmax(w), logits=z)
    result.backward()
    assert w.grad is None
    printed(z.grad, [0.300365, -0.188271, -0.112093])


@pytest.mark.parametrize("shape", [(1, 4), (4,), (3, 1)])
@pytest.mark.parametrize("name", ["softmax_cross_entropy_with_logits", "softmax_cross_entropy_with_logits_v2"])
def test_r8_labels_that_would_broadcast_raise_and_name_both_shapes(name, shape):
    with pytest.raises(ShapeError) as caught:
        getattr(L, name)(labels=np.full(shape, 0.25), logits=np.zeros((3, 4)))
    assert f"labels have shape {shape}" in str(caught.value) and "(3, 4)" in str(caught.value)


# -- R9 and R10 --------------------------------------------------------------------------------------------------------


@both_forms
@pytest.mark.parametrize("name", ["softmax_cross_entropy_with_logits", "softmax_cross_entropy_with_logits_v2"])
def test_r9_the_functions_apply_softmax_themselves_so_that_probabilities_give_another_loss(form, name):
    loss, one_hot = getattr(FORMS[form], name), np.array([1.0, 0.0, 0.0])
    sparse = FORMS[form].sparse_softmax_cross_entropy_with_logits
    p = xe.softmax(LOGITS)
    for right in (loss(labels=one_hot, logits=LOGITS), sparse(labels=np.array(0), logits=LOGITS)):
        printed(right, 0.527976)
    for wrong in (loss(labels=one_hot, logits=p), sparse(labels=np.array(0), logits=p)):
        printed(wrong, 0.860775)
    agree(FORMS[form].cross_entropy(labels=one_hot, probs=p), loss(labels=one_hot, logits=LOGITS))


@pytest.mark.parametrize("dtype, last", [(np.float32, 88.72), (np.float64, 709.78)])
def test_r10_the_exponential_of_e14_overflows_and_the_stable_form_does_not(dtype, last):
    def e14(z, y):
        return -(y * z - np.log(1 + np.exp(z)))

    def stable(z, y):
        return L.sigmoid_cross_entropy_with_logits(labels=y, logits=z)

    for z, finite in ((last, True), (last + 0.01, False)):
        z, y = np.array([z], dtype), np.ones(1, dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            assert np.isfinite(np.exp(z)).all() == finite
            literal, slope = e14(z, np.zeros_like(y)), gradients(e14, z, y)[0]
        assert np.isfinite(literal).all() == finite and np.isfinite(slope).all() == finite
        if not finite:
            assert np.isposinf(literal).all() and np.isnan(slope).all()  # E16: inf / inf
        assert stable(z, np.zeros_like(y)) == z
        assert gradients(stable, z, np.zeros_like(y))[0] == 1
        assert -1e-38 < gradients(stable, z, y)[0] < 0


def test_the_base_of_the_logarithm_is_e_in_another_every_gradient_is_divided_by_its_logarithm():
    in_bits = lambda theta: nll("stable")(theta) / np.log(2)
    agree(gradients(in_bits, THETA)[0], closed_forms.logistic_regression(X, Y, THETA).gradient / np.log(2), 1.0)


def test_the_recorded_example_of_c3_is_that_of_the_errata():
    values = json.loads((Path(__file__).parent / "data" / "closed_forms.json").read_text())["C3_logistic"]
    for name, expected in (("X", X), ("y", Y), ("theta", THETA)):
        np.testing.assert_array_equal(np.array(values[name], float), expected)
    printed(np.array(values["grad_sum"], float), [-1.149807, -0.545620])
