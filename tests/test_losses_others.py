"""Focal losses, likelihoods, divergence, entropy, regression and hinge: against mpmath, PyTorch, and their limits."""

import math

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.errors import ArgumentError, DTypeError, EmptyMeanWarning, ShapeError
from tinygrad_xe.losses.divergence import entropy, kl_divergence
from tinygrad_xe.losses.focal import binary_focal_cross_entropy, focal_cross_entropy
from tinygrad_xe.losses.likelihood import bernoulli_nll, categorical_nll
from tinygrad_xe.losses.regression import hinge, huber, mae, mse

inf, nan = math.inf, math.nan


@pytest.fixture
def mp():
    """mpmath at 500 digits: 1 - sigmoid(1000) is 5e-435."""
    mpmath = pytest.importorskip("mpmath", reason="the oracle is mpmath")
    with mpmath.workdps(500):
        yield mpmath


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="the oracle is PyTorch")


def leaf(values, dtype=np.float64):
    return xe.tensor(np.asarray(values, dtype), requires_grad=True)


def value_and_gradient(loss, *leaves):
    """The values of a loss, and the gradients of its sum."""
    result = loss(*leaves)
    result.sum().backward()
    return (result.data, *(x.grad for x in leaves))


def directional(loss, x, v):
    """The Hessian of the sum of a loss times v."""
    x = leaf(x)
    loss(x).sum().backward(create_graph=True)
    first, x.grad = x.grad, None
    (first * v).sum().backward()
    return x.grad


def close(actual, expected, rtol=4e-15):
    """Equal to `rtol`, and below the smallest normal numbers to an absolute 1e-300."""
    np.testing.assert_allclose(actual, np.array(expected, dtype=float), rtol=rtol, atol=1e-300)


# -- elementwise losses, one logit, prediction or probability at a time ------------------------------------------------


def true_focal(mp, y, z, gamma, alpha=None):
    """By E1 with the focal factors, as the paper has it for y in {0, 1}."""
    p, q = 1 / (1 + mp.exp(-z)), 1 / (1 + mp.exp(z))
    a, b = (1, 1) if alpha is None else (mp.mpf(alpha), 1 - mp.mpf(alpha))
    return -a * y * q**gamma * mp.log(p) - b * (1 - y) * p**gamma * mp.log(q)


def true_binary_entropy(mp, p, q):
    return -(p * mp.log(p) if p else 0) - (q * mp.log(q) if q else 0)


LOGITS = (-1000.0, -700.0, -50.0, -5.0, -0.3, 0.0, 0.3, 5.0, 20.0, 50.0, 100.0, 700.0, 1000.0)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_the_binary_focal_loss_and_its_derivatives_are_exact_for_logits_of_any_size(mp, gamma, label):
    def ours(z):
        return binary_focal_cross_entropy(labels=np.full(z.shape, label), logits=z, gamma=gamma)

    def truth(z):
        return true_focal(mp, label, z, gamma)

    loss, gradient = value_and_gradient(ours, leaf(LOGITS))
    close(loss, [truth(mp.mpf(z)) for z in LOGITS])
    close(gradient, [mp.diff(truth, z) for z in LOGITS])
    if gamma:  # second derivatives are sums that cancel, to an absolute accuracy of the first
        second = [float(mp.diff(truth, z, 2)) for z in LOGITS]
        np.testing.assert_allclose(directional(ours, LOGITS, 1.0), second, rtol=1e-12, atol=4e-16)


@pytest.mark.parametrize("alpha", [None, 0.0, 0.25, 1.0])
def test_the_binary_focal_loss_takes_soft_labels_and_alpha(mp, alpha):
    labels = np.array([0.0, 0.25, 0.5, 1.0])[:, None] * np.ones(4)
    logits = np.array([-30.0, -0.5, 0.125, 40.0]) * np.ones((4, 1))
    points = list(zip(labels.flat, logits.flat))

    def ours(y, z):
        return binary_focal_cross_entropy(labels=y, logits=z, gamma=1.5, alpha=alpha)

    loss, by_label, by_logit = value_and_gradient(ours, leaf(labels), leaf(logits))
    truth = lambda y, z: true_focal(mp, y, z, mp.mpf(1.5), alpha)
    close(loss.flat, [truth(mp.mpf(y), mp.mpf(z)) for y, z in points])
    close(by_label.flat, [mp.diff(lambda t, z=z: truth(t, mp.mpf(z)), y) for y, z in points])
    close(by_logit.flat, [mp.diff(lambda t, y=y: truth(mp.mpf(y), t), z) for y, z in points], rtol=1e-14)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_the_binary_focal_loss_takes_its_limits_at_infinite_logits(gamma, label):
    right, wrong = (inf, -inf) if label else (-inf, inf)
    loss, gradient = value_and_gradient(
        lambda z: binary_focal_cross_entropy(labels=np.full(2, label), logits=z, gamma=gamma), leaf([right, wrong])
    )
    np.testing.assert_array_equal(loss, [0.0, inf])
    np.testing.assert_array_equal(gradient, [0.0, 1 - 2 * label])


def test_without_gamma_the_focal_losses_are_the_cross_entropies():
    rng = np.random.default_rng(0)
    z, y, t = rng.normal(size=(5, 4)) * 9, rng.random((5, 4)), rng.integers(4, size=5)
    binary = binary_focal_cross_entropy(labels=y, logits=z, gamma=0)
    close(binary, xe.losses.sigmoid_cross_entropy_with_logits(labels=y, logits=z))
    np.testing.assert_array_equal(
        focal_cross_entropy(labels=t, logits=z, gamma=0),
        xe.losses.sparse_softmax_cross_entropy_with_logits(labels=t, logits=z),
    )
    dense = focal_cross_entropy(labels=y, logits=z, gamma=0)
    close(dense, xe.losses.softmax_cross_entropy_with_logits_v2(labels=y, logits=z))


def test_the_binary_entropy_of_logits_and_its_derivatives_are_exact(mp):
    points = (-1000.0, -700.0, -40.0, -3.0, -1e-8, 1e-8, 3.0, 40.0, 700.0, 1000.0)
    truth = lambda z: true_binary_entropy(mp, 1 / (1 + mp.exp(-z)), 1 / (1 + mp.exp(z)))
    h, gradient = value_and_gradient(lambda z: entropy(logits=z, axis=None), leaf(points))
    close(h, [truth(mp.mpf(z)) for z in points])
    close(gradient, [mp.diff(truth, z) for z in points])
    second = directional(lambda z: entropy(logits=z, axis=None), points, 1.0)
    close(second, [mp.diff(truth, z, 2) for z in points], rtol=1e-14)


def test_the_binary_entropy_is_zero_with_gradient_zero_at_infinite_logits():
    h, gradient = value_and_gradient(lambda z: entropy(logits=z, axis=None), leaf([-inf, 0.0, inf]))
    np.testing.assert_array_equal(h, [0.0, math.log(2), 0.0])
    np.testing.assert_array_equal(gradient, [0.0, 0.0, 0.0])
    np.testing.assert_array_equal(directional(lambda z: entropy(logits=z, axis=None), [-inf, inf], 1.0), [0.0, 0.0])


def test_the_binary_entropy_of_probabilities_and_its_gradient_are_exact_up_to_the_ends(mp):
    points = (1e-300, 1e-20, 0.125, 0.4999, 0.5, 0.75, 1 - 2**-53)
    truth = lambda p: true_binary_entropy(mp, p, 1 - p)
    h, gradient = value_and_gradient(lambda p: entropy(probs=p, axis=None), leaf(points))
    close(h, [truth(mp.mpf(p)) for p in points])
    close(gradient, [mp.log((1 - mp.mpf(p)) / p) for p in points])
    h, gradient = value_and_gradient(lambda p: entropy(probs=p, axis=None), leaf([0.0, 1.0]))
    np.testing.assert_array_equal(h, [0.0, 0.0])
    np.testing.assert_array_equal(gradient, [inf, -inf])


DIFFERENCES = (-1e200, -1000.0, -1.5, -0.5, -1e-9, 0.0, 0.25, 2.0, 1000.0)


@pytest.mark.parametrize("delta", [0.5, 1.0, 3.0])
def test_hubers_loss_is_the_square_inside_and_the_line_outside(mp, delta):
    def truth(d):
        return d * d / 2 if abs(d) <= delta else delta * (abs(d) - mp.mpf(delta) / 2)

    for ours, sign in (
        (lambda d: huber(labels=np.zeros(d.shape), predictions=d, delta=delta), 1),
        (lambda d: huber(labels=d, predictions=np.zeros(d.shape), delta=delta), -1),
    ):
        loss, gradient = value_and_gradient(ours, leaf(np.multiply(DIFFERENCES, sign)))
        close(loss, [truth(mp.mpf(d)) for d in DIFFERENCES])
        np.testing.assert_array_equal(gradient, sign * np.clip(DIFFERENCES, -delta, delta))
        smooth = np.abs(DIFFERENCES) != delta
        second = directional(ours, np.multiply(DIFFERENCES, sign), 1.0)
        np.testing.assert_array_equal(second[smooth], (np.abs(DIFFERENCES) < delta)[smooth])


def test_hubers_gradient_is_continuous_where_the_line_begins():
    loss, gradient = value_and_gradient(lambda d: huber(labels=np.zeros(2), predictions=d, delta=2), leaf([-2.0, 2.0]))
    np.testing.assert_array_equal(loss, [2.0, 2.0])
    np.testing.assert_array_equal(gradient, [-2.0, 2.0])
    np.testing.assert_array_equal(
        directional(lambda d: huber(labels=np.zeros(2), predictions=d, delta=2), [-2.0, 2.0], 1.0), [0.5, 0.5]
    )


def test_hubers_loss_is_infinite_with_gradient_delta_at_an_infinite_difference():
    loss, gradient = value_and_gradient(
        lambda d: huber(labels=np.zeros(2), predictions=d, delta=0.5), leaf([-inf, inf])
    )
    np.testing.assert_array_equal(loss, [inf, inf])
    np.testing.assert_array_equal(gradient, [-0.5, 0.5])


def test_hubers_loss_with_an_infinite_delta_is_half_the_square():
    d = leaf([-3.0, 0.0, 1e100, inf])
    loss, gradient = value_and_gradient(lambda d: huber(labels=np.zeros(4), predictions=d, delta=inf), d)
    np.testing.assert_array_equal(loss, [4.5, 0.0, 0.5e200, inf])
    np.testing.assert_array_equal(gradient, [-3.0, 0.0, 1e100, inf])


@pytest.mark.parametrize("delta", [0.0, -1.0, nan])
def test_hubers_delta_must_be_above_zero(delta):
    with pytest.raises(ArgumentError, match=rf"huber: delta is {delta}; it must be above 0"):
        huber(labels=np.zeros(2), predictions=np.ones(2), delta=delta)


def test_squared_and_absolute_errors_have_their_gradients_in_predictions_and_labels():
    d = np.array([-3.0, 0.0, 0.5, 1e100])
    loss, by_label, by_prediction = value_and_gradient(
        lambda y, z: mse(labels=y, predictions=z), leaf(1 - d), leaf(np.ones(4))
    )
    exact = 1 - (1 - d)
    np.testing.assert_array_equal(loss, exact**2)
    np.testing.assert_array_equal(by_prediction, 2 * exact)
    np.testing.assert_array_equal(by_label, -2 * exact)
    np.testing.assert_array_equal(
        directional(lambda z: mse(labels=1 - d, predictions=z), np.ones(4), 3.0), np.full(4, 6.0)
    )
    loss, by_label, by_prediction = value_and_gradient(
        lambda y, z: mae(labels=y, predictions=z), leaf(1 - d), leaf(np.ones(4))
    )
    np.testing.assert_array_equal(loss, np.abs(exact))
    np.testing.assert_array_equal(by_prediction, np.sign(exact))
    np.testing.assert_array_equal(by_label, -np.sign(exact))


def test_the_hinge_loss_has_slope_zero_at_its_kink_and_takes_infinite_logits():
    y = np.array([1, 1, 1, -1, -1, -1, 1, 1])
    z = np.array([0.5, 1.0, 2.0, 0.5, -1.0, -2.0, -inf, inf])
    loss, gradient = value_and_gradient(lambda z: hinge(labels=y, logits=z), leaf(z))
    np.testing.assert_array_equal(loss, [0.5, 0.0, 0.0, 1.5, 0.0, 0.0, inf, 0.0])
    np.testing.assert_array_equal(gradient, [-1.0, 0.0, 0.0, 1.0, 0.0, 0.0, -1.0, 0.0])


def test_hinge_labels_of_zeros_and_ones_raise_and_say_what_to_write():
    with pytest.raises(ArgumentError, match=r"hinge: labels\[1\] is 0\.0; .* -1 and 1") as caught:
        hinge(labels=np.array([1, 0, 1]), logits=np.zeros(3))
    assert "Write 2 * labels - 1." in str(caught.value)
    with pytest.raises(ArgumentError, match=r"hinge: labels\[0\] is 0\.5") as caught:
        hinge(labels=xe.tensor([0.5, -1.0]), logits=np.zeros(2))
    assert "2 * labels" not in str(caught.value)


def test_hinge_labels_are_constants():
    y, z = leaf([1.0, -1.0]), leaf([0.5, 0.5])
    hinge(labels=y, logits=z).sum().backward()
    assert y.grad is None
    np.testing.assert_array_equal(z.grad, [-1.0, 1.0])


# -- losses of several classes -----------------------------------------------------------------------------------------


def mp_softmax(mp, row):
    e = [mp.exp(mp.mpf(z)) for z in row]
    return [a / mp.fsum(e) for a in e]


def partials(mp, function, row):
    """Partial derivatives by differences at 500 digits."""
    row = [mp.mpf(a) for a in row]
    return [mp.diff(lambda t, c=c: function([*row[:c], t, *row[c + 1 :]]), row[c]) for c in range(len(row))]


def hessian_times(mp, function, row, v):
    """The Hessian of `function` times v, by differences at 500 digits."""
    row = [mp.mpf(a) for a in row]

    def moved(s, t, c):
        return function([a + t * b + (s if i == c else 0) for i, (a, b) in enumerate(zip(row, v))])

    return [mp.diff(lambda s, t, c=c: moved(s, t, c), (0, 0), (1, 1)) for c in range(len(row))]


ROWS = np.array([[0.5, -1.25, 2.0], [3.0, 3.0, -4.0], [40.0, 0.0, 2.0], [-1000.0, 1000.0, 0.0], [300.0, -20.0, 1000.0]])
SOFT = np.array([[0.25, 0.5, 0.25], [0.125, 0.0, 0.875], [0.5, 0.25, 0.25], [0.75, 0.25, 0.0], [0.0, 0.0, 1.0]])
V = np.array([1.0, -0.5, 2.0])


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 3.5])
@pytest.mark.parametrize("target", [0, 1, 2])
def test_the_focal_loss_of_class_numbers_and_its_derivatives_are_exact(mp, gamma, target):
    def truth(row):
        p = mp_softmax(mp, row)
        rest = mp.fsum(a for c, a in enumerate(p) if c != target)
        return -(rest**gamma) * mp.log(p[target])

    def ours(z):
        return focal_cross_entropy(labels=np.full(len(ROWS), target), logits=z, gamma=gamma)

    loss, gradient = value_and_gradient(ours, leaf(ROWS))
    close(loss, [truth(row) for row in ROWS], rtol=2e-14)
    close(gradient, [partials(mp, truth, row) for row in ROWS], rtol=1e-13)
    second = [[float(a) for a in hessian_times(mp, truth, row, V)] for row in ROWS]
    np.testing.assert_allclose(directional(ours, ROWS, V), second, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_the_focal_loss_of_soft_labels_has_gradients_in_labels_and_logits(mp, gamma):
    weights = np.array([1.0, 0.5, 2.0])

    def truth(y, row):
        p = mp_softmax(mp, row)
        return mp.fsum(-w * a * (1 - b) ** gamma * mp.log(b) for w, a, b in zip(weights, y, p))

    loss, by_label, by_logit = value_and_gradient(
        lambda y, z: focal_cross_entropy(labels=y, logits=z, gamma=gamma, class_weight=weights), leaf(SOFT), leaf(ROWS)
    )
    close(loss, [truth(y, row) for y, row in zip(SOFT, ROWS)], rtol=1e-13)
    close(by_label, [partials(mp, lambda t, row=row: truth(t, row), y) for y, row in zip(SOFT, ROWS)], rtol=1e-13)
    expected = np.array([partials(mp, lambda t, y=y: truth(y, t), row) for y, row in zip(SOFT, ROWS)], dtype=float)
    np.testing.assert_allclose(by_logit, expected, rtol=1e-12, atol=2e-15)


def test_the_focal_loss_of_one_hot_labels_equals_that_of_class_numbers():
    t = np.array([0, 2, 1, 1, 2])
    options = dict(logits=ROWS, class_weight=np.array([1.0, 0.5, 2.0]), reduction="mean")
    one_hot = focal_cross_entropy(labels=np.eye(3)[t], **options)
    assert focal_cross_entropy(labels=t, **options) == pytest.approx(one_hot, rel=1e-14)
    assert focal_cross_entropy(labels=np.eye(3)[t] > 0, **options) == one_hot


def test_the_focal_loss_lets_masked_classes_drop_out():
    z = leaf([[0.0, -inf, 0.0], [0.0, -inf, 0.0]])
    by_number = focal_cross_entropy(labels=np.array([0, 1]), logits=z, gamma=0.5)
    np.testing.assert_array_equal(by_number.data[1], inf)
    by_number[0].backward()
    kept = z.grad.copy()
    z.grad = None
    focal_cross_entropy(labels=np.array([[1.0, 0.0, 0.0]]), logits=z[:1], gamma=0.5).sum().backward()
    np.testing.assert_allclose(z.grad, kept, rtol=1e-15)
    assert kept[0, 1] == 0 and np.isfinite(kept).all()


@pytest.mark.parametrize("gamma", [-1.0, inf, nan])
@pytest.mark.parametrize(
    "function, labels", [(binary_focal_cross_entropy, np.zeros((1, 2))), (focal_cross_entropy, np.zeros(1, int))]
)
def test_gamma_must_be_finite_and_not_negative(function, labels, gamma):
    with pytest.raises(
        ArgumentError, match=rf"{function.__name__}: gamma is {gamma}; it is a finite number, 0 or more"
    ):
        function(labels=labels, logits=np.zeros((1, 2)), gamma=gamma)


@pytest.mark.parametrize("alpha", [-0.1, 1.5, nan])
def test_alpha_must_lie_between_zero_and_one(alpha):
    with pytest.raises(ArgumentError, match=rf"binary_focal_cross_entropy: alpha is {alpha}; it lies in \[0, 1\]"):
        binary_focal_cross_entropy(labels=np.zeros(2), logits=np.zeros(2), alpha=alpha)


def true_kl(mp, y, p):
    return mp.fsum(a * mp.log(a / b) for a, b in zip(y, p) if a)


def test_the_divergence_from_logits_and_its_derivatives_are_exact(mp):
    def truth(y, row):
        return true_kl(mp, [mp.mpf(a) for a in y], mp_softmax(mp, row))

    loss, gradient = value_and_gradient(lambda z: kl_divergence(labels=SOFT, logits=z), leaf(ROWS))
    close(loss, [truth(y, row) for y, row in zip(SOFT, ROWS)])
    close(gradient, [partials(mp, lambda t, y=y: truth(y, t), row) for y, row in zip(SOFT, ROWS)])
    second = [[float(a) for a in hessian_times(mp, lambda t, y=y: truth(y, t), row, V)] for y, row in zip(SOFT, ROWS)]
    np.testing.assert_allclose(
        directional(lambda z: kl_divergence(labels=SOFT, logits=z), ROWS, V), second, rtol=1e-13, atol=1e-16
    )


def test_the_divergence_of_labels_of_any_sum_follows_the_formula(mp):
    labels = np.array([[2.0, 0.5, 0.25], [0.125, 0.25, 0.125]])
    probs = np.array([[0.5, 0.25, 0.125], [0.75, 0.5, 0.25]])
    truth = lambda y, p: true_kl(mp, [mp.mpf(a) for a in y], [mp.mpf(a) for a in p])
    loss, by_label, by_prob = value_and_gradient(
        lambda y, p: kl_divergence(labels=y, probs=p), leaf(labels), leaf(probs)
    )
    close(loss, [truth(y, p) for y, p in zip(labels, probs)])
    close(by_label, [[mp.log(mp.mpf(a) / mp.mpf(b)) + 1 for a, b in zip(y, p)] for y, p in zip(labels, probs)])
    close(by_prob, -labels / probs)
    z = ROWS[:2]
    loss, by_label, by_logit = value_and_gradient(lambda y, z: kl_divergence(labels=y, logits=z), leaf(labels), leaf(z))
    close(loss, [truth(y, mp_softmax(mp, row)) for y, row in zip(labels, z)])
    close(
        by_label, [[mp.log(a / b) + 1 for a, b in zip(y, mp_softmax(mp, row))] for y, row in zip(labels, z)], rtol=1e-14
    )
    excess = [[float(y.sum() * b - a) for a, b in zip(y, mp_softmax(mp, row))] for y, row in zip(labels, z)]
    assert (np.abs(by_logit - excess) <= 4e-16 * labels).all()  # S p - y is a difference, here with a root near by


def test_second_derivatives_of_the_divergence_in_probabilities_and_labels_are_those_of_the_formula():
    y, p = np.array([[0.25, 0.75]]), np.array([[0.5, 0.5]])
    close(directional(lambda t: kl_divergence(labels=y, probs=t), p, 1.0), y / p**2)
    close(directional(lambda t: kl_divergence(labels=t, probs=p), y, 1.0), 1 / y)
    close(directional(lambda t: kl_divergence(labels=t, logits=np.log(p)), y, 1.0), 1 / y)


@pytest.mark.parametrize("distance", [0.0, 1e-2, 1e-5, 1e-8, 1e-12])
def test_the_divergence_keeps_its_digits_near_its_minimum(mp, distance):
    rng = np.random.default_rng(1)
    z = rng.normal(size=(4, 5))
    moved = z + distance * rng.normal(size=(4, 5))
    y = xe.softmax(z)
    for given, bound in (({"logits": moved}, 1e-15), ({"probs": xe.softmax(moved)}, 1e-15)):
        loss = kl_divergence(labels=y, **given)
        for row in range(4):
            labels = mp_softmax(mp, z[row])
            truth = float(true_kl(mp, labels, mp_softmax(mp, moved[row])))
            assert loss[row] >= 0
            assert abs(loss[row] - truth) <= bound * distance + 1e-30


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_divergence_is_never_negative_and_zero_where_the_prediction_equals_the_labels(dtype):
    rng = np.random.default_rng(2)
    p = xe.softmax(rng.normal(size=(200, 7)).astype(dtype))
    np.testing.assert_array_equal(kl_divergence(labels=p, probs=p), np.zeros(200, dtype))
    other = xe.softmax(np.log(p) + rng.normal(size=p.shape).astype(dtype) * dtype(1e-4))
    assert (kl_divergence(labels=p, probs=other) >= 0).all()


def test_the_divergence_takes_its_limits_where_labels_or_probabilities_are_zero():
    labels = np.array([[0.0, 1.0], [0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])
    probs = np.array([[0.0, 1.0], [0.5, 0.5], [0.0, 1.0], [1.0, 0.0]])
    loss, gradient = value_and_gradient(lambda p: kl_divergence(labels=labels, probs=p), leaf(probs))
    close(loss, [0.0, math.log(2), inf, 0.0])
    np.testing.assert_array_equal(gradient, [[0.0, -1.0], [0.0, -2.0], [-inf, -0.5], [-1.0, 0.0]])
    logits = np.array([[-inf, 0.0], [0.0, 0.0], [-inf, 0.0], [0.0, -inf]])
    loss, gradient = value_and_gradient(lambda z: kl_divergence(labels=labels, logits=z), leaf(logits))
    close(loss, [0.0, math.log(2), inf, 0.0])
    np.testing.assert_array_equal(gradient, [[0.0, 0.0], [0.5, -0.5], [-0.5, 0.5], [0.0, 0.0]])
    y = leaf([[0.0, 1.0]])
    kl_divergence(labels=y, probs=np.array([[0.5, 0.5]])).sum().backward()
    close(y.grad, [[-inf, 1 + math.log(2)]])


def test_the_cross_entropy_is_the_entropy_of_the_labels_and_the_divergence():
    cross = xe.losses.softmax_cross_entropy_with_logits_v2(labels=SOFT[:2], logits=ROWS[:2])
    close(entropy(probs=SOFT[:2]) + kl_divergence(labels=SOFT[:2], logits=ROWS[:2]), cross)


def test_the_entropy_of_logits_and_its_derivatives_are_exact(mp):
    def truth(row):
        return mp.fsum(-p * mp.log(p) for p in mp_softmax(mp, row))

    h, gradient = value_and_gradient(lambda z: entropy(logits=z), leaf(ROWS))
    close(h, [truth(row) for row in ROWS])
    expected = np.array([partials(mp, truth, row) for row in ROWS], dtype=float)
    p, log_p = xe.softmax(ROWS), xe.log_softmax(ROWS)
    terms = p * (h[:, None] - log_p)  # the gradient is p (-log p - H), a difference with a root where log p = -H
    assert (np.abs(gradient - expected) <= 1e-15 * terms + 1e-300).all()
    second = np.array([hessian_times(mp, truth, row, V) for row in ROWS], dtype=float)
    # to an absolute accuracy only: the rule of log_softmax is a difference
    np.testing.assert_allclose(directional(lambda z: entropy(logits=z), ROWS, V), second, rtol=1e-12, atol=2e-16)


def test_the_entropy_of_probabilities_and_its_gradient_are_exact_and_zero_log_zero_is_zero(mp):
    probs = np.array([[0.25, 0.5, 0.25], [1.0, 0.0, 0.0], [1e-300, 0.75, 0.25]])
    truth = lambda p: mp.fsum(-a * mp.log(a) for a in map(mp.mpf, p) if a)
    h, gradient = value_and_gradient(lambda p: entropy(probs=p), leaf(probs))
    close(h, [truth(p) for p in probs])
    assert not np.signbit(h).any()
    close(gradient, [[-(mp.log(a) + 1) if a else mp.inf for a in map(mp.mpf, p)] for p in probs])
    np.testing.assert_array_equal(directional(lambda p: entropy(probs=p), probs[:1], 1.0), -1 / probs[:1])


def test_a_class_with_logit_minus_infinity_drops_out_of_the_entropy():
    h, gradient = value_and_gradient(lambda z: entropy(logits=z), leaf([[0.0, -inf, 0.0], [-inf, 5.0, -inf]]))
    close(h, [math.log(2), 0.0])
    np.testing.assert_allclose(gradient, np.zeros((2, 3)), atol=1e-16)
    assert not np.signbit(h).any()


# -- likelihoods -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["logits", "probs"])
def test_the_bernoulli_likelihood_is_the_binary_cross_entropy(given):
    y = np.array([0, 1, 1, 0, 1])
    x = {"logits": np.array([0.5, -1000.0, 1000.0, -40.0, -inf]), "probs": np.array([0.25, 0.5, 1.0, 0.0, 0.0])}[given]
    name = {"logits": "sigmoid_cross_entropy_with_logits", "probs": "binary_cross_entropy"}[given]
    ours = value_and_gradient(lambda t: bernoulli_nll(labels=y, **{given: t}), leaf(x))
    theirs = value_and_gradient(lambda t: getattr(xe.losses, name)(labels=y, **{given: t}), leaf(x))
    for a, b in zip(ours, theirs):
        np.testing.assert_array_equal(a, b)


def test_the_sum_of_bernoulli_terms_is_minus_the_log_of_the_product_of_the_likelihoods():
    y, p = np.array([1, 0, 1]), np.array([0.875, 0.25, 0.5])
    assert bernoulli_nll(labels=y, probs=p, reduction="sum") == pytest.approx(-math.log(0.875 * 0.75 * 0.5), rel=1e-15)


@pytest.mark.parametrize("given", ["logits", "probs", "log_probs"])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("class_weight", [None, np.array([1.0, 2.0, 0.5])])
def test_the_categorical_likelihood_is_the_same_for_class_numbers_and_one_hot_labels_and_every_prediction(
    given, axis, class_weight
):
    rng = np.random.default_rng(3)
    z = np.moveaxis(rng.normal(size=(4, 3)), -1, axis)
    t = np.array([0, 2, 1, 1])
    one_hot = np.moveaxis(np.eye(3)[t], -1, axis)
    x = {"logits": z, "probs": xe.softmax(z, axis), "log_probs": xe.log_softmax(z, axis)}[given]
    expected = xe.losses.sparse_softmax_cross_entropy_with_logits(
        labels=t, logits=z, axis=axis, class_weight=class_weight, reduction="mean"
    )
    for labels in (t, one_hot, one_hot > 0):
        result = categorical_nll(
            labels=labels, axis=axis, class_weight=class_weight, reduction="mean", **{given: leaf(x)}
        )
        assert result.item() == pytest.approx(expected, rel=1e-14)


def test_the_gradients_of_the_categorical_likelihood_are_those_of_the_formulas():
    p = np.array([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]])
    t, y = np.array([1, 0]), np.array([[0.25, 0.75, 0.0], [1.0, 0.0, 0.0]])
    for labels, dense in ((t, np.eye(3)[t]), (y, y)):
        close(value_and_gradient(lambda x, y=labels: categorical_nll(labels=y, probs=x), leaf(p))[1], -dense / p)
        close(
            value_and_gradient(lambda x, y=labels: categorical_nll(labels=y, log_probs=x), leaf(np.log(p)))[1], -dense
        )
        close(
            value_and_gradient(lambda x, y=labels: categorical_nll(labels=y, logits=x), leaf(np.log(p)))[1],
            p - dense,
            rtol=1e-14,
        )
    for given in ({"probs": p}, {"log_probs": np.log(p)}, {"logits": np.log(p)}):
        close(
            value_and_gradient(lambda y, given=given: categorical_nll(labels=y, **given), leaf(y))[1],
            -np.log(p),
            rtol=1e-14,
        )


@pytest.mark.parametrize("given, masked", [("logits", -inf), ("probs", 0.0), ("log_probs", -inf)])
def test_an_impossible_class_counts_only_where_it_is_the_label(given, masked):
    half = {"logits": 0.0, "probs": 0.5, "log_probs": math.log(0.5)}[given]
    x = leaf([[half, masked, half], [half, masked, half]])
    loss = categorical_nll(labels=np.array([0, 1]), **{given: x})
    np.testing.assert_allclose(loss.data, [math.log(2), inf], rtol=1e-15)
    loss[0].backward()
    assert np.isfinite(x.grad).all() and x.grad[0, 1] == 0


@pytest.mark.parametrize("given", ["logits", "probs", "log_probs"])
@pytest.mark.parametrize("sample_weight", [None, np.array([2.0, 3.0, 1.0])])
def test_ignored_samples_count_nothing_and_may_hold_anything(given, sample_weight):
    x = leaf([[0.5, 0.25], [nan, inf if given != "probs" else nan], [0.25, 0.5]])
    functions = [categorical_nll, focal_cross_entropy] if given == "logits" else [categorical_nll]
    for function in functions:
        x.grad = None
        labels = np.array([0, -1, 1])
        mean = function(labels=labels, ignore_index=-1, sample_weight=sample_weight, reduction="mean", **{given: x})
        rest = None if sample_weight is None else sample_weight[[0, 2]]
        kept = function(labels=labels[[0, 2]], sample_weight=rest, reduction="mean", **{given: x.data[[0, 2]]})
        assert mean.item() == pytest.approx(kept, rel=1e-15)
        mean.backward()
        np.testing.assert_array_equal(x.grad[1], [0.0, 0.0])
        assert np.isfinite(x.grad).all() and x.grad[0].any()


def test_a_class_weight_of_an_ignored_sample_is_not_looked_up():
    options = dict(
        labels=np.array([0, -7]), logits=np.zeros((2, 2)), ignore_index=-7, class_weight=np.array([2.0, 5.0])
    )
    np.testing.assert_allclose(focal_cross_entropy(**options), [2 * 0.25 * math.log(2), 0.0])
    assert focal_cross_entropy(reduction="mean", **options) == pytest.approx(0.25 * math.log(2), rel=1e-15)


@pytest.mark.parametrize("function", [categorical_nll, focal_cross_entropy])
def test_ignore_index_is_refused_for_labels_that_are_not_class_numbers(function):
    with pytest.raises(
        ArgumentError, match=rf"{function.__name__}: ignore_index is 0, and labels have dtype float64"
    ) as caught:
        function(labels=np.eye(2), logits=np.zeros((2, 2)), ignore_index=0)
    assert "sample_weight" in str(caught.value)


# -- what all of them share --------------------------------------------------------------------------------------------

Y, P = np.array([[0.25, 0.75], [1.0, 0.0]]), np.array([[0.5, 0.5], [0.25, 0.75]])
CALLS = {
    "binary_focal_cross_entropy": lambda x, **k: binary_focal_cross_entropy(labels=Y, logits=x, **k),
    "focal_cross_entropy, numbers": lambda x, **k: focal_cross_entropy(labels=np.array([1, 0]), logits=x, **k),
    "focal_cross_entropy, labels": lambda x, **k: focal_cross_entropy(labels=Y, logits=x, gamma=1.5, **k),
    "bernoulli_nll, logits": lambda x, **k: bernoulli_nll(labels=Y, logits=x, **k),
    "bernoulli_nll, probs": lambda x, **k: bernoulli_nll(labels=Y, probs=x, **k),
    "categorical_nll, logits": lambda x, **k: categorical_nll(labels=Y, logits=x, **k),
    "categorical_nll, numbers": lambda x, **k: categorical_nll(labels=np.array([1, 0]), logits=x, **k),
    "categorical_nll, probs": lambda x, **k: categorical_nll(labels=np.array([1, 0]), probs=x, **k),
    "categorical_nll, log_probs": lambda x, **k: categorical_nll(labels=Y, log_probs=x, **k),
    "kl_divergence, logits": lambda x, **k: kl_divergence(labels=Y, logits=x, **k),
    "kl_divergence, probs": lambda x, **k: kl_divergence(labels=Y, probs=x, **k),
    "entropy, logits": lambda x, **k: entropy(logits=x, **k),
    "entropy, probs": lambda x, **k: entropy(probs=x, **k),
    "entropy, binary logits": lambda x, **k: entropy(logits=x, axis=None, **k),
    "entropy, binary probs": lambda x, **k: entropy(probs=x, axis=None, **k),
    "mse": lambda x, **k: mse(labels=Y, predictions=x, **k),
    "mae": lambda x, **k: mae(labels=Y, predictions=x, **k),
    "huber": lambda x, **k: huber(labels=Y, predictions=x, delta=0.3, **k),
    "hinge": lambda x, **k: hinge(labels=np.where(Y > 0.5, 1, -1), logits=x, **k),
}
every_loss = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


@every_loss
def test_the_gradient_agrees_with_central_differences(call):
    x, v = P + np.array([[0.01, 0.03], [-0.02, 0.05]]), np.array([[1.0, -0.5], [0.25, 2.0]])
    _, gradient = value_and_gradient(call, leaf(x))
    h = 1e-6
    difference = (call(x + h * v).sum() - call(x - h * v).sum()) / (2 * h)
    assert np.sum(gradient * v) == pytest.approx(difference, rel=1e-7, abs=1e-9)


@every_loss
def test_the_second_derivative_agrees_with_central_differences_of_the_gradient(call):
    x, v = P + np.array([[0.01, 0.03], [-0.02, 0.05]]), np.array([[1.0, -0.5], [0.25, 2.0]])
    h = 1e-5
    difference = (value_and_gradient(call, leaf(x + h * v))[1] - value_and_gradient(call, leaf(x - h * v))[1]) / (2 * h)
    try:
        second = directional(call, x, v)
    except xe.GraphError:  # a gradient that does not depend on x has no graph
        second = np.zeros_like(x)
    np.testing.assert_allclose(second, difference, rtol=1e-6, atol=1e-8)


@every_loss
def test_sums_and_weighted_means_are_those_of_the_unreduced_losses(call):
    each = call(P)
    w = np.linspace(0.5, 2, each.size).reshape(each.shape)
    close(call(P, reduction="sum"), each.sum())
    close(call(P, reduction="mean"), each.mean())
    close(call(P, sample_weight=w), w * each)
    close(call(P, sample_weight=w, reduction="sum"), (w * each).sum())
    close(call(P, sample_weight=w, reduction="mean"), (w * each).sum() / w.sum())


@every_loss
def test_the_gradient_of_a_weighted_mean_is_the_weighted_gradient_over_the_sum_of_the_weights(call):
    shape = call(P).shape
    w = np.linspace(0.5, 2, math.prod(shape)).reshape(shape)
    plain = value_and_gradient(call, leaf(P))[1]
    x = leaf(P)
    call(x, sample_weight=w, reduction="mean").backward()
    np.testing.assert_allclose(
        x.grad, plain * w.reshape(shape + (1,) * (2 - len(shape))) / w.sum(), rtol=1e-14, atol=1e-16
    )


@every_loss
def test_weights_that_are_all_zero_give_zero_with_gradient_zero_and_a_warning(call):
    x = leaf(P)
    with pytest.warns(EmptyMeanWarning) as caught:
        mean = call(x, sample_weight=np.zeros(call(P).shape), reduction="mean")
    assert caught[0].filename == __file__
    mean.backward()
    assert mean.item() == 0
    np.testing.assert_array_equal(x.grad, np.zeros((2, 2)))


@every_loss
def test_a_float32_prediction_keeps_its_dtype_in_loss_and_gradient(call):
    for reduction in ("none", "sum", "mean"):
        x = leaf(P, np.float32)
        with_float32_labels = call(x, reduction=reduction)
        assert with_float32_labels.dtype in (np.float32, np.float64)  # Y is float64
        with_float32_labels.sum().backward()
        assert x.grad.dtype == np.float32


INTEGER_CALLS = {
    "binary_focal_cross_entropy": lambda x, dtype: binary_focal_cross_entropy(
        labels=np.eye(2, dtype=dtype), logits=x, alpha=0.25
    ),
    "focal_cross_entropy": lambda x, dtype: focal_cross_entropy(
        labels=np.eye(2, dtype=dtype) > 0, logits=x, class_weight=[1, 2]
    ),
    "focal_cross_entropy, numbers": lambda x, dtype: focal_cross_entropy(
        labels=np.array([0, 1]), logits=x, class_weight=[1.0, 2.0]
    ),
    "bernoulli_nll": lambda x, dtype: bernoulli_nll(labels=np.eye(2, dtype=dtype), logits=x),
    "bernoulli_nll, probs": lambda x, dtype: bernoulli_nll(labels=np.eye(2, dtype=dtype), probs=x),
    "categorical_nll": lambda x, dtype: categorical_nll(labels=np.array([0, 1]), logits=x, class_weight=[1.0, 2.0]),
    "categorical_nll, probs": lambda x, dtype: categorical_nll(
        labels=np.array([0, 1]), probs=x, class_weight=[1.0, 2.0]
    ),
    "categorical_nll, log_probs": lambda x, dtype: categorical_nll(
        labels=np.array([0, 1]), log_probs=x, ignore_index=0
    ),
    "kl_divergence": lambda x, dtype: kl_divergence(labels=np.eye(2, dtype=dtype), logits=x),
    "kl_divergence, probs": lambda x, dtype: kl_divergence(labels=np.eye(2, dtype=dtype), probs=x),
    "entropy": lambda x, dtype: entropy(logits=x),
    "entropy, probs": lambda x, dtype: entropy(probs=x),
    "entropy, binary": lambda x, dtype: entropy(logits=x, axis=None),
    "entropy, binary probs": lambda x, dtype: entropy(probs=x, axis=None),
    "mse": lambda x, dtype: mse(labels=np.eye(2, dtype=dtype), predictions=x),
    "mae": lambda x, dtype: mae(labels=np.eye(2, dtype=dtype), predictions=x),
    "huber": lambda x, dtype: huber(labels=np.eye(2, dtype=dtype), predictions=x, delta=np.float64(0.25)),
    "hinge": lambda x, dtype: hinge(labels=2 * np.eye(2, dtype=int) - 1, logits=x),
}


@pytest.mark.parametrize("call", INTEGER_CALLS.values(), ids=INTEGER_CALLS.keys())
@pytest.mark.parametrize("dtype", [bool, np.int64, np.float32])
def test_float32_stays_float32_with_boolean_integer_and_float32_labels(call, dtype):
    x = leaf(P, np.float32)
    loss = call(x, dtype)
    assert loss.dtype == np.float32
    x64 = leaf(P)
    np.testing.assert_allclose(loss.data, call(x64, dtype).data, rtol=2e-6)
    loss.sum().backward(create_graph=True)
    assert x.grad.dtype == np.float32
    call(x64, dtype).sum().backward()
    np.testing.assert_allclose(x.grad.data, x64.grad, rtol=4e-6, atol=1e-7)


@every_loss
def test_a_nan_prediction_stays_nan_and_spoils_nothing_else(call):
    x = P.copy()
    x[0, 0] = nan
    each, clean = call(x), call(P)
    assert np.isnan(each[0]).any()
    close(each[1], clean[1])


@every_loss
def test_plain_arrays_and_lists_give_plain_arrays(call):
    assert isinstance(call(P), np.ndarray)
    np.testing.assert_array_equal(call(P.tolist()), call(P))
    np.testing.assert_array_equal(call(xe.tensor(P)).data, call(P))


def test_everything_is_keyword_only():
    for function in {function for _, function in SHAPED.values()} | {entropy}:
        with pytest.raises(TypeError, match="positional"):
            function(Y, P)


SHAPED = {
    "binary_focal_cross_entropy": ("logits", binary_focal_cross_entropy),
    "focal_cross_entropy": ("logits", focal_cross_entropy),
    "bernoulli_nll": ("logits", bernoulli_nll),
    "bernoulli_nll, probs": ("probs", bernoulli_nll),
    "categorical_nll": ("logits", categorical_nll),
    "categorical_nll, probs": ("probs", categorical_nll),
    "categorical_nll, log_probs": ("log_probs", categorical_nll),
    "kl_divergence": ("logits", kl_divergence),
    "kl_divergence, probs": ("probs", kl_divergence),
    "mse": ("predictions", mse),
    "mae": ("predictions", mae),
    "huber": ("predictions", huber),
    "hinge": ("logits", hinge),
}


@pytest.mark.parametrize("name, function", SHAPED.values(), ids=SHAPED.keys())
def test_a_wrong_shape_names_both_shapes_and_what_to_write(name, function):
    with pytest.raises(ShapeError) as caught:
        function(labels=np.ones(32), **{name: np.ones((32, 1))})
    message = str(caught.value)
    assert message.startswith(f"{function.__name__}: labels have shape (32,), {name} have shape (32, 1).")
    assert "(32, 32) loss" in message
    assert f"Write {name}[:, 0], or labels[:, None]." in message


@pytest.mark.parametrize("function", [categorical_nll, focal_cross_entropy])
def test_class_numbers_of_a_wrong_shape_or_range_are_refused(function):
    with pytest.raises(ShapeError, match=rf"{function.__name__}: labels have shape \(2,\), .* shape \(3, 4\)"):
        function(labels=np.array([0, 1]), logits=np.zeros((3, 4)))
    with pytest.raises(ArgumentError, match=rf"{function.__name__}: the label at \[1\] is 4"):
        function(labels=np.array([0, 4, 1]), logits=np.zeros((3, 4)))


@pytest.mark.parametrize("call", [
    lambda: focal_cross_entropy(labels=np.zeros(3, int), logits=np.zeros((3, 4)), axis=2),
    lambda: categorical_nll(labels=np.zeros(3, int), logits=np.zeros((3, 4)), axis=2),
    lambda: categorical_nll(labels=np.zeros(3, int), probs=np.zeros((3, 4)), axis=2),
    lambda: kl_divergence(labels=np.ones((3, 4)), logits=np.zeros((3, 4)), axis=2),
    lambda: entropy(logits=np.zeros((3, 4)), axis=2),
])  # fmt: skip
def test_an_axis_out_of_range_is_refused(call):
    with pytest.raises(ShapeError, match=r"axis 2 is out of range"):
        call()


@pytest.mark.parametrize("function, names", [
    (bernoulli_nll, ("logits", "probs")), (categorical_nll, ("logits", "probs", "log_probs")),
    (kl_divergence, ("logits", "probs")), (entropy, ("logits", "probs")),
])  # fmt: skip
def test_exactly_one_prediction_must_be_given(function, names):
    labels = {} if function is entropy else {"labels": Y}
    with pytest.raises(
        ArgumentError, match=f"{function.__name__}: got no prediction; expected exactly one of {', '.join(names)}"
    ):
        function(**labels)
    with pytest.raises(ArgumentError, match=f"{function.__name__}: got logits and probs; expected exactly one"):
        function(logits=P, probs=P, **labels)


@pytest.mark.parametrize("function", [bernoulli_nll, categorical_nll, kl_divergence, entropy])
@pytest.mark.parametrize("bad", [-0.125, 1.5])
def test_a_probability_outside_its_range_is_named_with_its_place_and_the_form_for_logits(function, bad):
    probs = P.copy()
    probs[1, 0] = bad
    labels = {} if function is entropy else {"labels": Y}
    with pytest.raises(
        ArgumentError, match=rf"{function.__name__}: probs\[1, 0\] is {bad}; probabilities lie in \[0, 1\]"
    ) as caught:
        function(probs=probs, **labels)
    assert "logits=..." in str(caught.value)


def test_a_negative_label_of_a_divergence_is_refused():
    with pytest.raises(ArgumentError, match=r"kl_divergence: labels\[0, 1\] is -0\.5; .* 0 or more"):
        kl_divergence(labels=np.array([[1.5, -0.5]]), logits=np.zeros((1, 2)))


def test_the_mean_of_no_losses_is_refused():
    for call in (
        lambda: mse(labels=np.zeros(0), predictions=np.zeros(0), reduction="mean"),
        lambda: kl_divergence(labels=np.zeros((0, 2)), probs=np.zeros((0, 2)), reduction="mean"),
        lambda: entropy(logits=np.zeros((0, 2)), reduction="mean"),
        lambda: focal_cross_entropy(labels=np.zeros(0, int), logits=np.zeros((0, 2)), reduction="mean"),
    ):
        with pytest.raises(ShapeError, match="the mean of no losses"):
            call()


def test_complex_and_text_predictions_are_refused():
    with pytest.raises(DTypeError, match="mse: predictions is complex128"):
        mse(labels=np.zeros(2), predictions=np.zeros(2, complex))
    with pytest.raises(DTypeError, match="kl_divergence: labels has dtype <U1"):
        kl_divergence(labels=np.array(["a", "b"]), logits=np.zeros(2))


# -- PyTorch: where conventions agree, and where they differ -----------------------------------------------------------


def theirs(torch, function, x, *args, **options):
    """Value and gradient by PyTorch in float64."""
    x = torch.tensor(np.asarray(x, float), requires_grad=True)
    loss = function(x, *args, **options)
    loss.sum().backward()
    return loss.detach().numpy(), x.grad.numpy()


def test_pytorch_agrees_on_regression_losses_kinks_included(torch):
    F, d, zero = (
        torch.nn.functional,
        np.array([-2.0, -1.0, -0.3, 0.0, 0.7, 1.0, 2.0, 1e200]),
        torch.zeros(8, dtype=torch.float64),
    )
    for ours, function, options in (
        (lambda x: mae(labels=np.zeros(8), predictions=x), F.l1_loss, {}),
        (lambda x: huber(labels=np.zeros(8), predictions=x), F.huber_loss, {}),
        (lambda x: huber(labels=np.zeros(8), predictions=x, delta=2), F.huber_loss, {"delta": 2.0}),
        (lambda x: huber(labels=np.zeros(8), predictions=x, delta=2) / 2, F.smooth_l1_loss, {"beta": 2.0}),
    ):
        loss, gradient = value_and_gradient(ours, leaf(d))
        their_loss, their_gradient = theirs(torch, function, d, zero, reduction="none", **options)
        np.testing.assert_allclose(loss, their_loss, rtol=1e-15)
        np.testing.assert_allclose(gradient, their_gradient, rtol=1e-15)
    loss, gradient = value_and_gradient(lambda x: mse(labels=np.ones(7), predictions=x), leaf(d[:-1]))
    their_loss, their_gradient = theirs(torch, F.mse_loss, d[:-1], torch.ones(7, dtype=torch.float64), reduction="none")
    np.testing.assert_array_equal(loss, their_loss)
    np.testing.assert_array_equal(gradient, their_gradient)


def test_pytorch_broadcasts_labels_where_we_raise(torch):
    with pytest.warns(UserWarning, match="broadcasting"):
        assert torch.nn.functional.mse_loss(torch.zeros(3, 1), torch.zeros(3), reduction="none").shape == (3, 3)
    with pytest.raises(ShapeError):
        mse(labels=np.zeros(3), predictions=np.zeros((3, 1)))


def test_pytorchs_divergence_takes_log_probabilities_and_has_nan_where_a_masked_class_has_label_zero(torch):
    kl_div = torch.nn.functional.kl_div
    z = ROWS[:2]
    expected = kl_div(torch.tensor(xe.log_softmax(z)), torch.tensor(SOFT[:2]), reduction="batchmean").item()
    assert kl_divergence(labels=SOFT[:2], logits=z, reduction="mean") == pytest.approx(expected, rel=1e-14)
    masked = torch.tensor([[math.log(0.5), math.log(0.5), -inf]]), torch.tensor([[0.5, 0.5, 0.0]])
    assert torch.isnan(kl_div(*masked, reduction="sum"))
    assert kl_divergence(labels=np.array([[0.5, 0.5, 0.0]]), logits=np.array([[0.0, 0.0, -inf]]))[0] == 0


def test_pytorch_agrees_on_entropies_of_ordinary_logits_and_loses_the_tail_of_the_binary_one(torch):
    Categorical, Bernoulli = torch.distributions.Categorical, torch.distributions.Bernoulli
    loss, gradient = value_and_gradient(lambda z: entropy(logits=z), leaf(ROWS[:2]))
    their_loss, their_gradient = theirs(torch, lambda z: Categorical(logits=z).entropy(), ROWS[:2])
    np.testing.assert_allclose(loss, their_loss, rtol=1e-14)
    np.testing.assert_allclose(gradient, their_gradient, rtol=1e-12, atol=1e-15)
    z = np.array([-1.5, 0.25, 40.0])
    loss, gradient = value_and_gradient(lambda z: entropy(logits=z, axis=None), leaf(z))
    their_loss, their_gradient = theirs(torch, lambda z: Bernoulli(logits=z).entropy(), z)
    np.testing.assert_allclose(loss[:2], their_loss[:2], rtol=1e-14)
    np.testing.assert_allclose(gradient[:2], their_gradient[:2], rtol=1e-12)
    assert their_loss[2] == pytest.approx(math.exp(-40), rel=1e-12)
    assert loss[2] == pytest.approx(41 * math.exp(-40), rel=1e-14)


def test_pytorchs_distributions_have_minus_our_likelihoods_as_log_prob(torch):
    z, y = np.array([0.5, -3.0, 2.0]), np.array([1.0, 0.0, 0.0])
    expected = -torch.distributions.Bernoulli(logits=torch.tensor(z)).log_prob(torch.tensor(y)).numpy()
    np.testing.assert_allclose(bernoulli_nll(labels=y, logits=z), expected, rtol=1e-14)
    t = np.array([0, 2])
    expected = -torch.distributions.Categorical(logits=torch.tensor(ROWS[:2])).log_prob(torch.tensor(t)).numpy()
    np.testing.assert_allclose(categorical_nll(labels=t, logits=ROWS[:2]), expected, rtol=1e-14)


def test_pytorchs_nll_loss_agrees_and_has_nan_for_a_class_weight_of_zero_at_minus_infinity(torch):
    nll_loss = torch.nn.functional.nll_loss
    l, t, w = xe.log_softmax(ROWS[:2]), np.array([2, 1]), np.array([1.0, 2.0, 5.0])
    for options in ({}, {"class_weight": w}):
        weight = {"weight": torch.tensor(w)} if options else {}
        expected = nll_loss(torch.tensor(l), torch.tensor(t), **weight).item()
        assert categorical_nll(labels=t, log_probs=l, reduction="mean", **options) == pytest.approx(expected, rel=1e-14)
    log_probs, weight = np.array([[-inf, 0.0], [-1.0, -0.5]]), np.array([0.0, 1.0])
    assert torch.isnan(nll_loss(torch.tensor(log_probs), torch.tensor([0, 1]), weight=torch.tensor(weight)))
    assert categorical_nll(labels=np.array([0, 1]), log_probs=log_probs, class_weight=weight, reduction="mean") == 0.5


def torchvisions_focal(torch, z, y, gamma):
    p = torch.sigmoid(z)
    cross = torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none")
    return cross * (1 - (p * y + (1 - p) * (1 - y))) ** gamma


def test_the_formula_of_torchvision_agrees_for_hard_labels_and_ordinary_logits_only(torch):
    z = np.array([-3.0, -0.5, 0.25, 4.0])
    for label in (0.0, 1.0):
        y = np.full(4, label)
        loss, gradient = value_and_gradient(lambda z, y=y: binary_focal_cross_entropy(labels=y, logits=z), leaf(z))
        their_loss, their_gradient = theirs(torch, lambda z, y=y: torchvisions_focal(torch, z, torch.tensor(y), 2), z)
        np.testing.assert_allclose(loss, their_loss, rtol=1e-12)
        np.testing.assert_allclose(gradient, their_gradient, rtol=1e-12)
    far = np.array([40.0])
    loss, gradient = theirs(torch, lambda z: torchvisions_focal(torch, z, torch.ones(1, dtype=torch.float64), 0.5), far)
    assert np.isnan(gradient).all()
    gradient = value_and_gradient(
        lambda z: binary_focal_cross_entropy(labels=np.ones(1), logits=z, gamma=0.5), leaf(far)
    )[1]
    close(gradient, [-1.5 * math.exp(-60)], rtol=1e-13)
    loss, _ = theirs(torch, lambda z: torchvisions_focal(torch, z, torch.ones(1, dtype=torch.float64), 2), [inf])
    assert np.isnan(loss).all()
    soft = torchvisions_focal(torch, torch.tensor([1.0]), torch.tensor([0.5]), 2).item()
    assert soft != pytest.approx(binary_focal_cross_entropy(labels=np.array([0.5]), logits=np.array([1.0]))[0], rel=0.1)
