"""C9 and C10: the stable forms by identities and autodiff, and the limits at infinite logits and certain outcomes."""

import numpy as np
import pytest
from agreement import EXAMPLES, EXTREME, FORMS, LOGITS, agree, gradients, slopes, vector
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_xe as xe
from tinygrad_xe import closed_forms

wide = LOGITS["stable"]

# -- C9 ----------------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(vector(wide, 4))
def test_softplus_has_sigma_as_its_slope_and_differs_from_its_mirror_image_by_z(z):
    agree(slopes(xe.softplus, 0)(z), closed_forms.sigma(z))
    agree(slopes(xe.softplus, 0, 0)(z), closed_forms.sigma(z) * closed_forms.sigma(-z))
    agree(closed_forms.softplus(z) - closed_forms.softplus(-z), z, 1.0)
    agree(xe.softplus(z), closed_forms.softplus(z))
    agree(xe.sigmoid(z), closed_forms.sigma(z))


@EXAMPLES
@given(st.data())
def test_both_stable_forms_of_the_binary_loss_are_that_of_the_library(data):
    y, z = data.draw(vector(st.floats(-3, 3), 4)), data.draw(vector(wide, 4))
    by_max = np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))
    terms = (1 + np.abs(y)) * (np.abs(z) + 1)
    agree(by_max, closed_forms.binary_on_logits(y, z).loss, terms)
    agree(xe.losses.sigmoid_cross_entropy_with_logits(labels=y, logits=z), by_max, terms)


@pytest.mark.parametrize("zero", [0.0, -0.0])
@pytest.mark.parametrize("y", [0.0, 0.25, 1.0])
def test_the_gradient_at_zero_is_one_half_minus_the_label_and_not_a_sum_of_sub_gradients(zero, y):
    f = lambda z, y: xe.losses.sigmoid_cross_entropy_with_logits(labels=y, logits=z)
    z, y = np.array([zero]), np.array([y])
    for found in (closed_forms.binary_on_logits(y, z).gradient, gradients(f, z, y)[0]):
        np.testing.assert_array_equal(found, 0.5 - y)


@EXAMPLES
@given(st.data())
def test_lse_and_surprisals_are_the_library_s_and_keep_the_tail_of_a_certain_class(data):
    z = data.draw(vector(wide, data.draw(st.integers(1, 5))))
    agree(xe.logsumexp(z), closed_forms.lse(z), np.max(np.abs(z)) + 1)
    agree(-xe.log_softmax(z), closed_forms.surprisal(z))
    agree(xe.softmax(z), closed_forms.softmax(z))
    t = int(np.argmax(z))
    others = np.sum(np.exp(np.delete(z, t) - z[t]))
    agree(closed_forms.surprisal(z)[t], np.log1p(others))


@EXAMPLES
@given(st.data(), st.floats(-50, 50))
def test_a_constant_added_to_the_logits_changes_nothing_for_labels_of_any_sum(data, constant):
    y, z = data.draw(vector(st.floats(-3, 3), 3)), data.draw(vector(st.floats(-30, 30), 3))
    f = lambda z, y: xe.losses.softmax_cross_entropy_with_logits_v2(labels=y, logits=z)
    # the sum z + constant is itself rounded
    size = np.sum(np.abs(y)) * (np.max(np.abs(z)) + abs(constant) + 1)
    agree(f(z + constant, y), f(z, y), size)
    agree(gradients(f, z + constant, y)[0], gradients(f, z, y)[0], size)
    closed = [closed_forms.softmax_on_logits(y, x) for x in (z, z + constant)]
    agree(closed[1].loss, closed[0].loss, size)


@EXAMPLES
@given(st.floats(0, 1), vector(wide, 2))
def test_two_classes_are_the_binary_loss_of_the_difference_of_the_logits(y, z):
    both, difference = np.array([y, 1 - y]), np.array([z[0] - z[1]])
    size = y not in (0, 1)  # otherwise 1 - y is rounded, and with it the sum of the labels, which p is multiplied by
    binary = closed_forms.binary_on_logits([y], difference)
    f = lambda z, y: xe.losses.softmax_cross_entropy_with_logits_v2(labels=y, logits=z)
    agree(f(z, both), binary.loss[0])
    in_first, in_second = gradients(f, z, both)[0]
    agree(in_first, binary.gradient[0], size)
    agree(in_second, -binary.gradient[0], size)
    classes = closed_forms.softmax_on_logits(both, z)
    agree(classes.loss, binary.loss[0])
    agree(classes.gradient[0], binary.gradient[0], size)


# -- C10 ---------------------------------------------------------------------------------------------------------------

TABLES = {
    "BINARY_LIMITS": (closed_forms.binary_on_logits, "sigmoid_cross_entropy_with_logits", "logits"),
    "SOFTMAX_LIMITS": (closed_forms.softmax_on_logits, "softmax_cross_entropy_with_logits_v2", "logits"),
    "BINARY_PROBS_LIMITS": (closed_forms.binary_on_probs, "binary_cross_entropy", "probs"),
    "PROBS_LIMITS": (closed_forms.cross_entropy_on_probs, "cross_entropy", "probs"),
}
LINES = [(table, line) for table in TABLES for line in getattr(closed_forms, table)]


@pytest.mark.parametrize("table, line", LINES)
def test_closed_form_and_autodiff_take_the_limits_of_c10(table, line):
    closed, name, argument = TABLES[table]
    labels, at = np.asarray(line.labels), np.asarray(line.at)
    form = closed(labels, at)
    f = lambda x, y: getattr(xe.losses, name)(**{"labels": y, argument: x})
    for loss, gradient, label_gradient in (
        (form.loss, form.gradient, form.label_gradient), (f(at, labels), *gradients(f, at, labels))
    ):
        np.testing.assert_allclose(loss, line.loss, rtol=1e-15)
        np.testing.assert_allclose(gradient, line.gradient, rtol=1e-15)
        np.testing.assert_allclose(label_gradient, line.label_gradient, rtol=1e-15)


@pytest.mark.parametrize("line", closed_forms.BINARY_LIMITS)
def test_the_loss_approaches_its_limit_with_the_gradient_of_the_table_as_its_slope(line):
    far = np.copysign(np.array([600.0, 700.0]), line.at)
    labels = np.full(2, line.labels)
    f = lambda z: xe.losses.sigmoid_cross_entropy_with_logits(labels=labels, logits=z)
    agree(f(far), far * line.gradient, 1e-200)
    (slope,) = gradients(f, far)
    np.testing.assert_allclose(slope, line.gradient, rtol=0, atol=1e-250)
    if line.gradient == 0:  # 0 from below for label 1, from above for label 0
        assert (np.sign(slope) == (1 if line.labels == 0 else -1)).all()
        assert (f(far) > 0).all()


@pytest.mark.parametrize("classes", [0, 1, 2])
def test_a_class_with_logit_minus_infinity_leaves_the_form_of_the_others(classes):
    y, z = np.array([0.25, 0.75, 0.5]), np.array([1.0, -0.5, 0.25])
    y, z = np.insert(y, classes, 0.0), np.insert(z, classes, -np.inf)
    rest = np.delete(np.arange(4), classes)
    closed, smaller = closed_forms.softmax_on_logits(y, z), closed_forms.softmax_on_logits(y[rest], z[rest])
    agree(closed.loss, smaller.loss)
    agree(closed.gradient[rest], smaller.gradient, 1.0)
    assert closed.gradient[classes] == 0
    curvature = closed_forms.softmax_hessian(y, z)
    agree(curvature[np.ix_(rest, rest)], closed_forms.softmax_hessian(y[rest], z[rest]), 1.0)
    assert not curvature[classes].any()


@pytest.mark.parametrize("form", FORMS)
def test_a_term_with_label_0_is_0_in_the_stable_form_and_nan_in_the_article_s(form):
    f = lambda p: FORMS[form].binary_cross_entropy(labels=np.array([0.0, 1.0]), probs=p)
    with np.errstate(all="ignore"):
        loss, slope = f(np.array([0.0, 1.0])), gradients(f, np.array([0.0, 1.0]))[0]
    if form == "stable":
        np.testing.assert_array_equal(loss, [0, 0])
        np.testing.assert_array_equal(slope, [1, -1])
    else:
        assert np.isnan(loss).all() and np.isnan(slope).all()


def test_infinite_logits_have_no_curvature_and_no_third_derivative():
    z = np.array([np.inf, -np.inf])
    form = closed_forms.binary_on_logits([0.25, 0.25], z)
    np.testing.assert_array_equal(form.second, 0)
    np.testing.assert_array_equal(form.third, 0)
    weighted = closed_forms.weighted_on_logits([1.0, 0.0], z, 2.0)
    np.testing.assert_array_equal(weighted.loss, 0)
    np.testing.assert_array_equal(weighted.gradient, 0)
    focal = closed_forms.focal_on_logits([1.0, 0.0, 1.0], [np.inf, -np.inf, -np.inf], 2.0)
    np.testing.assert_array_equal(focal.loss, [0, 0, np.inf])
    np.testing.assert_array_equal(focal.gradient, [0, 0, -1])
    np.testing.assert_array_equal(focal.second, 0)


def test_at_every_extreme_logit_the_closed_forms_are_finite_and_warn_of_nothing():
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        for y in (0.0, 0.25, 1.0):
            labels = np.full(EXTREME.shape, y)
            for form in (closed_forms.binary_on_logits(labels, EXTREME),
                         closed_forms.weighted_on_logits(labels, EXTREME, 2.0),
                         closed_forms.focal_on_logits(labels, EXTREME, 2.0),
                         closed_forms.softmax_on_logits(labels, EXTREME)):  # fmt: skip
                assert all(np.isfinite(part).all() for part in form if part is not None)
