"""C7: entropy and divergence, maximum likelihood by Newton's method, scores and Fisher information by enumeration."""

import itertools

import numpy as np
import pytest
from agreement import EXAMPLES, agree, blocks, class_labels, close, gradients, hessian, recorded, slopes, vector
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_xe as xe
from tinygrad_xe import closed_forms

L = xe.losses


def softmax_ce(z, y):
    return L.softmax_cross_entropy_with_logits_v2(labels=y, logits=z)


def sigmoid_ce(z, y):
    return L.sigmoid_cross_entropy_with_logits(labels=y, logits=z)


def divergence(z, y):
    return L.kl_divergence(labels=y, logits=z)


def entropy(y):
    return L.entropy(probs=y)


def draw(data, spread=30.0):
    """Labels that sum to 1, and logits, of shape (n, classes)."""
    n, classes = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    z = data.draw(vector(st.floats(-spread, spread), n * classes)).reshape(n, classes)
    return data.draw(class_labels("soft", n, classes)), z


# -- entropy and divergence --------------------------------------------------------------------------------------------


def test_cross_entropy_entropy_and_divergence_agree_with_50_digits():
    y, z, ce, h, kl = recorded("C7_kl", "y", "z", "ce", "entropy", "kl")
    for found in (
        (closed_forms.softmax_on_logits(y, z).loss, closed_forms.entropy(y).loss, closed_forms.kl_on_logits(y, z).loss),
        (softmax_ce(z, y), entropy(y), divergence(z, y)),
    ):
        for a, b in zip(found, (ce, h, kl)):
            close(a, b)


@EXAMPLES
@given(st.data())
def test_the_cross_entropy_is_the_entropy_of_the_labels_and_the_divergence(data):
    y, z = draw(data)
    ce, p = softmax_ce(z, y), closed_forms.softmax(z)
    agree(ce, entropy(y) + divergence(z, y))
    agree(ce, closed_forms.entropy(y).loss + closed_forms.kl_on_logits(y, z).loss)
    # from probabilities, where the logarithm of a p near 1 has no more than absolute accuracy
    agree(L.cross_entropy(labels=y, probs=p), entropy(y) + L.kl_divergence(labels=y, probs=p), 1.0)


@EXAMPLES
@given(st.data())
def test_the_divergence_and_its_derivatives_are_those_of_c7_and_in_the_logits_those_of_the_cross_entropy(data):
    y, z = draw(data)
    closed, n = closed_forms.kl_on_logits(y, z), closed_forms.surprisal(z)
    agree(divergence(z, y), closed.loss, np.sum(y * (n - np.log(y)), axis=1))  # CE - H cancels near the minimum
    in_logits, in_labels = gradients(divergence, z, y)
    agree(in_logits, gradients(softmax_ce, z, y)[0])
    agree(in_logits, closed.gradient, 1.0)
    agree(in_labels, closed.label_gradient, 1 - np.log(y) + n)
    found = blocks(hessian(lambda z: divergence(z, y), z))
    agree(found, closed_forms.softmax_hessian(y, z), 1.0)
    # the derivatives in labels and logits: those of the cross-entropy; in the labels twice: 1 / y
    agree(xe.jacobian(xe.grad(lambda z, y: np.sum(divergence(z, y))), 1)(z[:1], y[:1])[0, :, 0],
          closed_forms.softmax_mixed(z[0]), 1.0)  # fmt: skip
    agree(slopes(divergence_terms, 1, 1)(z, y), 1 / y)


def divergence_terms(z, y):
    return L.kl_divergence(labels=y, logits=z)


@EXAMPLES
@given(st.data())
def test_the_divergence_on_probabilities_is_that_of_c7(data):
    y, _ = draw(data)
    p = data.draw(vector(st.floats(1e-6, 1), y.size)).reshape(y.shape)
    closed = closed_forms.kl_on_probs(y, p)
    f = lambda p, y: L.kl_divergence(labels=y, probs=p)
    size = np.abs(y * np.log(y)) + np.abs(y * np.log(p)) + y + p
    agree(f(p, y), closed.loss, np.sum(size, axis=1))
    in_probs, in_labels = gradients(f, p, y)
    agree(in_probs, closed.gradient)
    agree(in_labels, closed.label_gradient, 1 - np.log(y) - np.log(p))
    agree(slopes(f, 0, 0)(p, y), closed.second)
    agree(slopes(f, 0, 1)(p, y), closed.mixed)


@EXAMPLES
@given(st.data())
def test_entropies_and_their_derivatives_are_those_of_c7(data):
    p = data.draw(vector(st.floats(1e-9, 1, exclude_max=True), 3))
    closed, binary = closed_forms.entropy(p), closed_forms.binary_entropy(p)
    agree(entropy(p), closed.loss)
    agree(gradients(entropy, p)[0], closed.gradient, 1.0)  # -log p - 1
    agree(slopes(entropy, 0, 0)(p), closed.second)
    f = lambda p: L.entropy(probs=p, axis=None)
    agree(f(p), binary.loss)
    agree(gradients(f, p)[0], binary.gradient)
    agree(slopes(f, 0, 0)(p), binary.second)


@EXAMPLES
@given(st.data())
def test_the_minimum_over_the_logits_is_the_entropy_of_the_labels_where_the_softmax_equals_them(data):
    y, z = draw(data, spread=5.0)
    best = np.log(y)
    agree(softmax_ce(best, y), entropy(y), 1.0)
    agree(gradients(softmax_ce, best, y)[0], np.zeros_like(z), 1.0)
    agree(closed_forms.kl_on_logits(y, best).loss, np.zeros(len(y)), 1.0)
    assert (divergence(best, y) >= 0).all() and (divergence(best, y) < 1e-30).all()
    # it is the minimum: the cross-entropy is convex, and anywhere else it is higher
    assert np.linalg.eigvalsh(blocks(hessian(lambda z: softmax_ce(z, y), best))).min() > -1e-15
    assert (softmax_ce(z, y) >= entropy(y) * (1 - 1e-15)).all()


# -- maximum likelihood ------------------------------------------------------------------------------------------------


def newton(f, x, steps=12):
    """Where the gradient of a scalar function of a vector is 0; the shortest step where its Hessian is singular."""
    for _ in range(steps):
        x = x - np.linalg.lstsq(xe.hessian(f)(x), xe.grad(f)(x), rcond=1e-12)[0]
    return x


def bernoulli(y):
    """The negative log-likelihoods of one probability, and of one logit, as functions of a vector of length 1."""
    ones = np.ones(len(y))
    return (
        lambda p: L.bernoulli_nll(labels=y, probs=p * ones, reduction="sum"),
        lambda z: L.bernoulli_nll(labels=y, logits=z * ones, reduction="sum"),
    )


def test_the_bernoulli_estimate_agrees_with_50_digits():
    y, p, minimum, curvature, logit = recorded("C7_mle", "y", "p_hat", "min_nll", "curvature", "logit_hat")
    closed, (on_probs, on_logits) = closed_forms.bernoulli_mle(y), bernoulli(y)
    for a, b in zip((closed.probs, closed.logits, closed.minimum, closed.curvature), (p, logit, minimum, curvature)):
        close(a, b)
    close(on_probs(p[None]), minimum)
    close(on_logits(logit[None]), minimum)
    close(xe.hessian(on_probs)(p[None]), curvature[None, None])


@EXAMPLES
@given(st.lists(st.integers(0, 1), min_size=2, max_size=30).filter(lambda y: 0 < sum(y) < len(y)))
def test_newton_s_method_by_autodiff_finds_the_bernoulli_estimate(labels):
    y = np.array(labels, float)
    n, mean = len(y), np.mean(y)
    closed, (on_probs, on_logits) = closed_forms.bernoulli_mle(y), bernoulli(y)
    assert closed.probs == mean
    p, z = newton(on_probs, np.array([0.5])), newton(on_logits, np.array([0.0]))
    agree(p, [closed.probs])
    agree(z, [closed.logits], 1.0)
    agree(xe.sigmoid(z), [closed.probs])
    for f, x, curvature in ((on_probs, p, n / (mean * (1 - mean))), (on_logits, z, n * mean * (1 - mean))):
        agree(f(x), closed.minimum)
        agree(f(x), n * closed_forms.binary_entropy(mean).loss)
        agree(xe.grad(f)(x), [0.0], n)
        agree(xe.hessian(f)(x), [[curvature]])
    agree(closed.curvature, n / (mean * (1 - mean)))
    agree(closed.logit_curvature, n * mean * (1 - mean))


def test_labels_of_one_kind_have_their_estimate_at_the_end_of_the_interval_and_at_an_infinite_logit():
    for label, logit in ((0, -np.inf), (1, np.inf)):
        closed, (on_probs, on_logits) = closed_forms.bernoulli_mle([label] * 3), bernoulli(np.full(3, float(label)))
        assert closed.probs == label and closed.logits == logit and closed.minimum == 0
        assert on_probs(np.array([float(label)])) == on_logits(np.array([logit])) == 0
        assert closed.curvature == np.inf and closed.logit_curvature == 0


@EXAMPLES
@given(st.lists(st.integers(1, 9), min_size=2, max_size=5))
def test_newton_s_method_by_autodiff_finds_the_categorical_estimate(counts):
    n, K = np.array(counts, float), len(counts)
    total, closed = np.sum(n), closed_forms.categorical_mle(counts)
    t = np.repeat(np.arange(K), counts)  # the labels themselves, one a sample
    agree(closed.probs, n / total)
    f = lambda z: L.categorical_nll(labels=t, logits=z * np.ones((len(t), 1)), reduction="sum")
    z = newton(f, np.zeros(K))  # its shortest steps keep the sum of the logits at 0
    agree(xe.softmax(z), closed.probs)
    agree(z, closed.logits - np.mean(closed.logits), 1.0)
    agree(f(z), closed.minimum)
    agree(f(z), total * closed_forms.entropy(n / total).loss)
    agree(xe.grad(f)(z), np.zeros(K), total)
    agree(xe.hessian(f)(z), closed.logit_curvature, total)
    agree(closed.logit_curvature, total * closed_forms.categorical_information(z), total)
    # on probabilities, that sum to 1: the gradient is the same in all classes, -N, and the curvature N / p
    on_probs = lambda p: L.cross_entropy(labels=n, probs=p)
    agree(on_probs(closed.probs), closed.minimum)
    agree(xe.grad(on_probs)(closed.probs), np.full(K, -total))
    agree(xe.hessian(on_probs)(closed.probs), closed.curvature)


def test_a_class_that_was_never_seen_has_probability_0_and_counts_nothing_in_the_minimum():
    closed = closed_forms.categorical_mle([3, 0, 1])
    np.testing.assert_array_equal(closed.probs, [0.75, 0, 0.25])
    assert closed.logits[1] == -np.inf
    close(closed.minimum, closed_forms.categorical_mle([3, 1]).minimum)
    close(L.cross_entropy(labels=np.array([3.0, 0.0, 1.0]), probs=closed.probs), closed.minimum)


def test_the_likelihood_of_independent_labels_is_the_product_e4_and_its_logarithm_the_sum_e5():
    rng = np.random.default_rng(7)
    p, y = rng.uniform(0.1, 0.9, 6), rng.integers(0, 2, 6).astype(float)
    likelihood = np.prod(p**y * (1 - p) ** (1 - y))
    agree(L.bernoulli_nll(labels=y, probs=p, reduction="sum"), -np.log(likelihood), 1.0)
    # all labels together have probability 1
    every = [np.exp(-L.bernoulli_nll(labels=np.array(y, float), probs=p, reduction="sum"))
             for y in itertools.product((0, 1), repeat=6)]  # fmt: skip
    agree(np.sum(every), 1.0)


# -- score and Fisher information --------------------------------------------------------------------------------------


@EXAMPLES
@given(st.data())
def test_for_labels_drawn_from_the_softmax_the_score_has_mean_0_and_a_covariance_that_is_the_hessian_c6(data):
    z = data.draw(vector(st.floats(-30, 30), data.draw(st.integers(1, 5))))
    K, p = len(z), closed_forms.softmax(z)
    scores = np.array([gradients(softmax_ce, z, label)[0] for label in np.eye(K)])  # by enumeration of the labels
    agree(p @ scores, np.zeros(K), 1.0)
    information = np.einsum("t,ti,tj->ij", p, scores, scores)
    agree(information, closed_forms.categorical_information(z))
    curvature = hessian(lambda z: softmax_ce(z, np.eye(K)[0]), z)
    agree(information, curvature, 1.0)
    agree(information, closed_forms.softmax_jacobian(z))
    # the Hessian is free of the label, so that its mean over the labels is the Hessian itself
    for label in np.eye(K):
        agree(hessian(lambda z, y=label: softmax_ce(z, y), z), curvature, np.diag(p))
    t = lambda z, t: L.sparse_softmax_cross_entropy_with_logits(labels=t, logits=z)
    by_number = np.array([gradients(lambda z, i=i: t(z, np.array(i)), z)[0] for i in range(K)])
    agree(by_number, scores)


@EXAMPLES
@given(vector(st.floats(-300, 300), 4))
def test_for_labels_drawn_from_the_sigmoid_the_score_has_mean_0_and_a_variance_that_is_the_second_derivative(z):
    p, q = closed_forms.sigma(z), closed_forms.sigma(-z)
    zero, one = (gradients(sigmoid_ce, z, np.full(4, label))[0] for label in (0.0, 1.0))
    agree(q * zero + p * one, np.zeros(4), p * q)
    agree(q * zero**2 + p * one**2, slopes(sigmoid_ce, 0, 0)(z, np.full(4, 0.25)))
    agree(closed_forms.bernoulli_information(z), slopes(sigmoid_ce, 0, 0)(z, np.ones(4)))


def regression(X, y):
    return lambda theta: np.sum(sigmoid_ce(X @ theta, y))


def enumerated(X, theta):
    """Mean and covariance of the score of logistic regression over all 2^N labels, by autodiff."""
    p = closed_forms.sigma(X @ theta)
    mean, covariance = np.zeros(X.shape[1]), np.zeros((X.shape[1],) * 2)
    for labels in itertools.product((0.0, 1.0), repeat=len(X)):
        y = np.array(labels)
        probability = np.prod(np.where(y == 1, p, 1 - p))
        score = xe.grad(regression(X, y))(theta)
        mean += probability * score
        covariance += probability * np.outer(score, score)
    return mean, covariance


@pytest.mark.parametrize("seed", range(3))
def test_the_fisher_information_of_logistic_regression_over_all_labels_is_the_hessian_c3(seed):
    rng = np.random.default_rng(seed)
    X, theta, y = rng.normal(size=(6, 3)), rng.normal(size=3), rng.integers(0, 2, 6).astype(float)
    mean, information = enumerated(X, theta)
    size = np.abs(X).T @ np.abs(X)
    agree(mean, np.zeros(3), np.sum(np.abs(X), axis=0))
    agree(information, xe.hessian(regression(X, y))(theta), size)
    agree(information, closed_forms.logistic_regression(X, y, theta).second, size)
    agree(information, X.T @ (closed_forms.bernoulli_information(X @ theta)[:, None] * X), size)


@pytest.mark.parametrize("seed", range(3))
def test_a_newton_step_is_a_step_of_fisher_scoring_and_of_iterated_reweighted_least_squares(seed):
    rng = np.random.default_rng(seed)
    X, theta, y = rng.normal(size=(6, 3)), 0.5 * rng.normal(size=3), rng.integers(0, 2, 6).astype(float)
    f = regression(X, y)
    score = xe.grad(f)(theta)
    step = theta - np.linalg.solve(xe.hessian(f)(theta), score)
    scoring = theta - np.linalg.solve(enumerated(X, theta)[1], score)
    z, p = X @ theta, closed_forms.sigma(X @ theta)
    root = np.sqrt(p * (1 - p))
    least_squares = np.linalg.lstsq(root[:, None] * X, root * (z + (y - p) / (p * (1 - p))), rcond=None)[0]
    condition = np.linalg.cond(xe.hessian(f)(theta))
    assert condition < 100
    agree(step, scoring, np.max(np.abs(step)))
    agree(step, least_squares, np.max(np.abs(step)))


def test_the_maximum_likelihood_of_logistic_regression_makes_the_residuals_orthogonal_to_the_data():
    X, y = np.array([[1.0, 2.0], [1.0, -1.0], [1.0, 0.5], [1.0, 1.0], [1.0, -2.0]]), np.array([1.0, 0.0, 1.0, 0.0, 1.0])
    theta = newton(regression(X, y), np.zeros(2))
    p = closed_forms.sigma(X @ theta)
    agree(X.T @ (p - y), np.zeros(2), np.sum(np.abs(X), axis=0))
    agree(np.mean(p), np.mean(y))  # with a constant in X, E17 says that the mean prediction is the mean label
