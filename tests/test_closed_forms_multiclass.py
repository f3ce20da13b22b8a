"""C4 to C6: automatic differentiation, of the stable losses and the article's, against the forms of several classes."""

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
    hvp,
    leaf,
    mixed,
    recorded,
    vector,
)
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_xe as xe
from tinygrad_xe import DTypeError, ShapeError, closed_forms
from tinygrad_xe.losses import article

both_forms = pytest.mark.parametrize("form", FORMS)
reductions = st.sampled_from(["none", "sum", "mean"])
kinds = st.sampled_from(sorted(LABELS))


def on_probs(form, **options):
    return lambda p, y: FORMS[form].cross_entropy(labels=y, probs=p, **options)


def on_logits(form, **options):
    return lambda z, y: FORMS[form].softmax_cross_entropy_with_logits_v2(labels=y, logits=z, **options)


def reduced(losses, reduction):
    return {"none": losses, "sum": np.sum(losses), "mean": np.sum(losses) / np.size(losses)}[reduction]


def draw(data, form, kind):
    """Labels, logits and a direction, of shape (n, classes)."""
    n, classes = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    z = data.draw(vector(LOGITS[form], n * classes)).reshape(n, classes)
    v = data.draw(vector(st.floats(-2, 2), n * classes)).reshape(n, classes)
    return data.draw(class_labels(kind, n, classes)), z, v


# -- C4: on probabilities, and softmax ---------------------------------------------------------------------------------


@both_forms
def test_c4_agrees_with_50_digits_in_closed_form_and_by_autodiff(form):
    y, p, loss, dp, dy = recorded("C4_ce_p", "y", "p", "loss", "dp", "dy")
    closed, f = closed_forms.cross_entropy_on_probs(y, p), on_probs(form)
    for found in ((closed.loss, closed.gradient, closed.label_gradient), (f(p, y), *gradients(f, p, y))):
        for a, b in zip(found, (loss, dp, dy)):
            np.testing.assert_allclose(a, b, rtol=4e-16)


@both_forms
@EXAMPLES
@given(st.data(), kinds, reductions)
def test_autodiff_is_c4_on_random_probabilities(form, data, kind, reduction):
    n, classes = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    p = data.draw(vector(st.floats(1e-100, 1), n * classes)).reshape(n, classes)
    y = data.draw(class_labels(kind, n, classes))
    closed, f = closed_forms.cross_entropy_on_probs(y, p), on_probs(form, reduction=reduction)
    share = 1 / n if reduction == "mean" else 1.0
    agree(f(p, y), reduced(closed.loss, reduction), reduced(np.sum(np.abs(y * np.log(p)), axis=1), reduction))
    in_probs, in_labels = gradients(f, p, y)
    agree(in_probs, share * closed.gradient)
    agree(in_labels, share * closed.label_gradient)
    diagonal = np.eye(p.size).reshape(p.shape * 2)  # the probabilities are independent of each other
    agree(hessian(lambda p: f(p, y), p), share * diagonal * closed.second)
    agree(mixed(f, p, y), share * diagonal * closed.mixed)


@pytest.mark.parametrize("function", [xe.softmax, article.softmax])
def test_the_jacobian_of_softmax_agrees_with_50_digits_in_closed_form_and_by_autodiff(function):
    z, p, jacobian = recorded("C4_softmax", "z", "p", "jacobian")
    close(closed_forms.softmax(z), p)
    close(closed_forms.softmax_jacobian(z), jacobian)
    close(function(z), p)
    close(xe.jacobian(function)(z), jacobian)


@both_forms
@EXAMPLES
@given(st.data())
def test_autodiff_has_the_jacobians_of_softmax_log_softmax_and_lse_for_logits_of_any_size(form, data):
    classes = data.draw(st.integers(1, 5))
    z = data.draw(vector(LOGITS[form], classes))
    p, diagonal = closed_forms.softmax(z), np.eye(classes)
    stable = form == "stable"
    softmax = xe.softmax if stable else article.softmax
    log_softmax = xe.log_softmax if stable else (lambda z: np.log(article.softmax(z)))
    lse = xe.logsumexp if stable else (lambda z: np.log(np.sum(np.exp(z))))
    # only 1 - p_i, on the diagonal, is a difference that cancels, where the engine has no more than absolute accuracy
    terms = diagonal if stable else np.ones((classes, classes))
    agree(xe.jacobian(softmax)(z), closed_forms.softmax_jacobian(z), terms * p[:, None])
    agree(xe.jacobian(log_softmax)(z), closed_forms.log_softmax_jacobian(z), terms)
    agree(xe.grad(lse)(z), p)


@both_forms
def test_the_chain_of_c4_is_c5_for_labels_of_any_sum(form):
    y, z = recorded("C5_softmax_unnormalised", "y", "z")
    p = closed_forms.softmax(z)
    chained = closed_forms.softmax_jacobian(z).T @ closed_forms.cross_entropy_on_probs(y, p).gradient
    by_parts = gradients(lambda z: on_probs(form)(xe.softmax(z), y), z)[0]
    agree(chained, closed_forms.softmax_on_logits(y, z).gradient, np.sum(np.abs(y)))
    agree(by_parts, chained, np.sum(np.abs(y)))


# -- C5: on logits -----------------------------------------------------------------------------------------------------


@both_forms
@pytest.mark.parametrize("key", ["hard", "soft", "unnormalised", "negative", "zero"])
def test_c5_and_c6_agree_with_50_digits_for_any_labels(form, key):
    y, z, loss, dz, dy, curvature = recorded(f"C5_softmax_{key}", "y", "z", "loss", "dz", "dy", "hessian")
    closed, f = closed_forms.softmax_on_logits(y, z), on_logits(form)
    by_hand = (closed.loss, closed.gradient, closed.label_gradient, closed_forms.softmax_hessian(y, z))
    by_autodiff = (f(z, y), *gradients(f, z, y), hessian(lambda z: f(z, y), z))
    for a, b, right in zip(by_hand, by_autodiff, (loss, dz, dy, curvature)):
        close(a, right)
        close(b, right, terms=np.sum(np.abs(y)) if form == "article" else 0.0)


@pytest.mark.parametrize("key", ["unnormalised", "zero"])
def test_p_minus_y_as_tensorflow_has_it_is_not_the_gradient_where_labels_do_not_sum_to_1(key):
    y, z, dz, wrong = recorded(f"C5_softmax_{key}", "y", "z", "dz", "tensorflow_dz")
    assert np.max(np.abs(wrong - dz)) > 0.1
    close(closed_forms.softmax(z) - y, wrong)
    close(gradients(on_logits("stable"), z, y)[0], dz)


@both_forms
@EXAMPLES
@given(st.data(), kinds, reductions, st.sampled_from([0, 1, -1, -2]))
def test_autodiff_is_c5_on_random_and_extreme_logits(form, data, kind, reduction, axis):
    y, z, _ = draw(data, form, kind)
    n = len(z)
    if axis in (0, -2):
        y, z = y.T, z.T
    closed, f = closed_forms.softmax_on_logits(y, z, axis), on_logits(form, axis=axis, reduction=reduction)
    share, stable = 1 / n if reduction == "mean" else 1.0, form == "stable"
    total = np.sum(np.abs(y), axis=axis, keepdims=True)
    # the terms p S and y of the gradient cancel unless labels are hard, or the form is the article's; the loss is
    # S log1p(rest) + y (m - z), which for hard labels has no two terms of the same size
    losses = np.sum(np.abs(y) * closed.label_gradient, axis=axis) + (total.squeeze(axis) if not stable else 0)
    if kind == "any":  # S log1p(rest), where S is the sum of labels that cancel
        losses = losses + total.squeeze(axis) * np.min(closed.label_gradient, axis=axis)
    agree(f(z, y), reduced(closed.loss, reduction), reduced(losses, reduction))
    in_logits, in_labels = gradients(f, z, y)
    loose = 0.0 if stable and kind == "hard" else np.abs(y) + closed_forms.softmax(z, axis) * total
    agree(in_logits, share * closed.gradient, share * loose)
    agree(in_labels, share * closed.label_gradient, share * (not stable))
    agree(np.sum(in_logits, axis=axis), np.zeros(n), share * total.squeeze(axis))
    # the first version has the same gradient, with constant labels
    first = FORMS[form].softmax_cross_entropy_with_logits
    np.testing.assert_array_equal(
        gradients(lambda z: first(labels=y, logits=z, axis=axis, reduction=reduction), z)[0], in_logits)


@both_forms
@EXAMPLES
@given(st.data(), reductions)
def test_autodiff_is_c5_for_class_numbers_to_the_last_digits(form, data, reduction):
    n, classes = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5))
    z = data.draw(vector(LOGITS[form], n * classes)).reshape(n, classes)
    t = data.draw(vector(st.integers(0, classes - 1), n)).astype(int)
    loss = FORMS[form].sparse_softmax_cross_entropy_with_logits
    f = lambda z: loss(labels=t, logits=z, reduction=reduction)
    closed = closed_forms.sparse_softmax_on_logits(t, z)
    share, article = 1 / n if reduction == "mean" else 1.0, form == "article"
    agree(f(z), reduced(closed.loss, reduction), reduced(np.full(n, float(article)), reduction))
    agree(gradients(f, z)[0], share * closed.gradient, share * article)
    one_hot = np.eye(classes)[t]
    found = blocks(hessian(f, z))
    agree(found, share * closed_forms.softmax_hessian(one_hot, z), share * curvature_terms(one_hot, z, article))
    assert closed.label_gradient is None


# -- C6: second order --------------------------------------------------------------------------------------------------


def curvature_terms(y, z, article):
    """What the engine takes differences of in each element of S (diag p - p p^T); in the article's form, sums of 1."""
    total = np.sum(np.abs(y), axis=-1)[..., None, None]
    if article:
        return total * np.ones((*z.shape, z.shape[-1]))
    p = closed_forms.softmax(z)
    return total * (np.eye(z.shape[-1]) * p[..., None] + p[..., None] * p[..., None, :])


@both_forms
@EXAMPLES
@given(st.data(), kinds, st.sampled_from(["sum", "mean"]))
def test_autodiff_is_c6_hessian_its_product_and_the_mixed_derivatives_on_random_logits(form, data, kind, reduction):
    y, z, v = draw(data, form, kind)
    f = on_logits(form, reduction=reduction)
    share, article = 1 / len(z) if reduction == "mean" else 1.0, form == "article"
    expected, terms = closed_forms.softmax_hessian(y, z), curvature_terms(y, z, article)
    agree(blocks(hessian(lambda z: f(z, y), z)), share * expected, share * terms)
    product = closed_forms.softmax_hvp(y, z, v)
    loose = np.einsum("ncd,nd->nc", terms, np.abs(v))
    agree(hvp(lambda z: f(z, y), z, v), share * product, share * loose)
    agree(product, np.einsum("ncd,nd->nc", expected, v), loose)
    # p_c - delta_ck cancels on the diagonal
    one = np.ones(expected.shape) if article else np.eye(z.shape[1]) * np.ones(expected.shape)
    agree(blocks(mixed(f, z, y)), share * closed_forms.softmax_mixed(z), share * one)
    swapped = blocks(mixed(lambda y, z: f(z, y), y, z))
    agree(swapped, share * closed_forms.softmax_mixed(z).transpose(0, 2, 1), share * one)


@EXAMPLES
@given(st.data(), st.sampled_from(["hard", "soft"]))
def test_the_hessian_has_rows_that_sum_to_0_and_no_negative_eigenvalue_where_labels_sum_to_0_or_more(data, kind):
    y, z, _ = draw(data, "stable", kind)
    found = blocks(hessian(lambda z: on_logits("stable")(z, y), z))
    assert np.max(np.abs(np.sum(found, axis=-1))) <= 1e-15 * z.shape[1]
    assert np.linalg.eigvalsh(found).min() >= -1e-15 * z.shape[1]


def test_the_hessian_is_negative_semidefinite_where_labels_have_a_negative_sum():
    y, z = np.array([-2.0, 0.5, 0.25]), np.array([1.0, -0.5, 0.25])
    assert np.linalg.eigvalsh(hessian(lambda z: on_logits("stable")(z, y), z)).max() < 1e-15


def test_a_hessian_vector_product_by_two_backward_passes_is_c6():
    y, z, v = np.array([2.0, 0.5, -0.25]), leaf([1.0, -0.5, 0.25]), np.array([0.5, -1.0, 2.0])
    on_logits("stable")(z, y).backward(create_graph=True)
    first, z.grad = z.grad, None
    np.sum(first * v).backward()
    close(z.grad, closed_forms.softmax_hvp(y, z.data, v))


# -- bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function", [closed_forms.cross_entropy_on_probs, closed_forms.softmax_on_logits, closed_forms.softmax_hessian])
def test_labels_of_another_shape_are_refused_even_if_they_broadcast(function):
    with pytest.raises(ShapeError, match=r"labels have shape \(1, 3\), .* has shape \(2, 3\)"):
        function(np.full((1, 3), 0.5), np.full((2, 3), 0.5))


def test_a_vector_of_another_shape_than_the_logits_is_refused():
    with pytest.raises(ShapeError, match=r"softmax_hvp: vectors have shape \(3,\), .* has shape \(1, 3\)"):
        closed_forms.softmax_hvp(np.ones((1, 3)), np.ones((1, 3)), np.ones(3))


def test_class_numbers_must_be_integers_of_the_right_shape_and_range():
    with pytest.raises(DTypeError, match="labels have dtype float64; class numbers are integers"):
        closed_forms.sparse_softmax_on_logits([0.0], np.zeros((1, 3)))
    with pytest.raises(ShapeError, match=r"labels have shape \(1, 1\), logits have shape \(1, 3\)"):
        closed_forms.sparse_softmax_on_logits([[0]], np.zeros((1, 3)))
    for wrong in (-1, 3):
        with pytest.raises(IndexError, match="there are classes 0 to 2"):
            closed_forms.sparse_softmax_on_logits([wrong], np.zeros((1, 3)))


def test_logits_without_classes_are_refused():
    with pytest.raises(ShapeError, match=r"logits have shape \(2, 0\), without classes"):
        closed_forms.softmax(np.zeros((2, 0)))
