"""Options of the cross-entropies: smoothing, temperature, class weights, sample weights, ignored labels, means."""

import json
from pathlib import Path

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.errors import ArgumentError, DTypeError, EmptyMeanWarning, LabelGradientWarning, ShapeError

DIGITS = json.loads((Path(__file__).parent / "data" / "closed_forms.json").read_text())

L = xe.losses
SIGMOID, WEIGHTED = L.sigmoid_cross_entropy_with_logits, L.weighted_cross_entropy_with_logits
SOFTMAX, SOFTMAX_V2 = L.softmax_cross_entropy_with_logits, L.softmax_cross_entropy_with_logits_v2
SPARSE, BINARY, CROSS = L.sparse_softmax_cross_entropy_with_logits, L.binary_cross_entropy, L.cross_entropy

rng = np.random.default_rng(11)
Z = rng.normal(size=(6, 3)) * 2
T = np.array([0, 2, 1, 1, 0, 2])
ONE_HOT = np.eye(3)[T]
SOFT = rng.dirichlet(np.ones(3), 6)
W = np.array([1.0, 0.25, 4.0])
dense_functions = pytest.mark.parametrize("function", [SOFTMAX, SOFTMAX_V2])


def leaf(values, dtype=np.float64):
    return xe.tensor(np.asarray(values, dtype), requires_grad=True)


def value_and_gradient(function, labels, logits, **options):
    z = leaf(logits)
    loss = function(labels=labels, logits=z, **options)
    loss.sum().backward()
    return loss.numpy(), z.grad


def same(found, expected, rtol=1e-13):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-15)


def recorded(key, *names):
    """Recorded 50-digit values in double precision."""
    return [np.array(DIGITS[key][name], np.float64) for name in names]


# -- the recorded variants of C8 ---------------------------------------------------------------------------------------


def test_pos_weight_agrees_with_50_digits():
    q, y, z, loss, dz, dy, dq = recorded("C8_weighted", "q", "y", "z", "loss", "dz", "dy", "dq")
    weight, labels, logits = leaf(q), leaf(y), leaf(z)
    found = WEIGHTED(labels=labels, logits=logits, pos_weight=weight)
    found.sum().backward()
    for a, b in ((found.data, loss), (logits.grad, dz), (labels.grad, dy)):
        np.testing.assert_allclose(a, b, rtol=3e-15)
    np.testing.assert_allclose(weight.grad, np.sum(dq), rtol=3e-15)
    for y in ("0", "1"):
        (expected,) = recorded("C8_weighted", f"dz_at_0_y{y}")
        at_zero = value_and_gradient(WEIGHTED, np.array([float(y)]), np.zeros(1), pos_weight=float(q))[1]
        np.testing.assert_allclose(at_zero, [expected], rtol=1e-15)


@dense_functions
def test_class_weights_agree_with_50_digits(function):
    w, y, z, loss, dz = recorded("C8_class_weights", "w", "y", "z", "loss", "dz")
    same(value_and_gradient(function, y, z, class_weight=w), (loss, dz), rtol=2e-15)


@dense_functions
def test_temperature_agrees_with_50_digits_its_own_gradient_too(function):
    T, y, z, loss, dz, dT = recorded("C8_temperature", "T", "y", "z", "loss", "dz", "dT")
    same(value_and_gradient(function, y, z, temperature=float(T)), (loss, dz), rtol=2e-15)
    temperature = leaf(T)
    function(labels=y, logits=z, temperature=temperature).backward()
    np.testing.assert_allclose(temperature.grad, dT, rtol=2e-15)


@dense_functions
def test_label_smoothing_agrees_with_50_digits(function):
    eps, y, z, loss, dz = recorded("C8_label_smoothing", "eps", "y", "z", "loss", "dz")
    same(value_and_gradient(function, y, z, label_smoothing=float(eps)), (loss, dz), rtol=2e-15)
    sparse = value_and_gradient(SPARSE, np.argmax(y), z, label_smoothing=float(eps))
    same(sparse, (loss, dz), rtol=2e-15)


# -- smoothing and temperature -----------------------------------------------------------------------------------------


def test_smoothing_spreads_a_share_of_each_label_over_the_classes():
    expected = value_and_gradient(SOFTMAX, 0.75 * SOFT + 0.25 / 3, Z)
    same(value_and_gradient(SOFTMAX, SOFT, Z, label_smoothing=0.25), expected)
    bits = ONE_HOT.astype(bool)
    for function, more in ((SIGMOID, {}), (WEIGHTED, {"pos_weight": 3.0})):
        smooth = value_and_gradient(function, bits, Z, label_smoothing=0.5, **more)
        same(smooth, value_and_gradient(function, 0.5 * ONE_HOT + 0.25, Z, **more))


def test_smoothing_of_class_numbers_has_the_closed_form_and_a_gradient_in_its_amount():
    eps = leaf(0.125)
    loss = SPARSE(labels=T, logits=Z, label_smoothing=eps)
    lse = np.log(np.sum(np.exp(Z), axis=1))
    plain, mean = lse - Z[np.arange(6), T], Z.mean(axis=1)
    np.testing.assert_allclose(loss.data, 0.875 * plain + 0.125 * (lse - mean), rtol=1e-14)
    loss.sum().backward()
    np.testing.assert_allclose(eps.grad, np.sum(Z[np.arange(6), T] - mean), rtol=1e-13)


def test_smoothing_along_another_axis():
    first = value_and_gradient(SPARSE, T, Z, label_smoothing=0.25, class_weight=W, reduction="mean")
    other = value_and_gradient(SPARSE, T, Z.T, label_smoothing=0.25, class_weight=W, reduction="mean", axis=0)
    same((other[0], other[1].T), first)


def test_a_masked_class_costs_infinity_when_labels_are_smoothed():
    assert SPARSE(labels=[0], logits=np.array([[1.0, -np.inf]]), label_smoothing=0.125) == np.inf


def test_temperature_divides_the_logits_and_puts_no_square_in_front():
    for function, labels in ((SIGMOID, SOFT), (SPARSE, T), (SOFTMAX_V2, SOFT)):
        value, slope = value_and_gradient(function, labels, Z, temperature=4.0)
        expected = value_and_gradient(function, labels, Z / 4)
        same((value, slope), (expected[0], expected[1] / 4))


def test_a_high_temperature_makes_classes_equal_and_a_low_one_takes_the_largest():
    np.testing.assert_allclose(SPARSE(labels=T, logits=Z, temperature=np.inf), np.log(3))
    top = np.argmax(Z, axis=1)
    np.testing.assert_array_equal(SPARSE(labels=top, logits=Z, temperature=1e-6), 0)


@pytest.mark.parametrize(
    "options", [{"label_smoothing": 0.125}, {"temperature": 2.0}, {"label_smoothing": 0.5, "temperature": 3}]
)
@pytest.mark.parametrize("function", [SIGMOID, SOFTMAX, SOFTMAX_V2, SPARSE])
def test_float32_stays_float32_with_options(function, options):
    z = leaf(Z, np.float32)
    loss = function(labels=T if function is SPARSE else ONE_HOT.astype(int), logits=z, reduction="mean", **options)
    assert loss.dtype == np.float32
    loss.backward()
    assert z.grad.dtype == np.float32


# -- class weights -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.25}, {"temperature": 2.0, "label_smoothing": 0.125}])
@pytest.mark.parametrize("weight", [None, np.array([1.0, 2.0, 0.0, 0.5, 1.0, 3.0])])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_class_weights_mean_the_same_for_class_numbers_and_one_hot_labels(options, weight, reduction):
    options = dict(class_weight=W, sample_weight=weight, reduction=reduction, **options)
    found = value_and_gradient(SPARSE, T, Z, **options)
    for function in (SOFTMAX, SOFTMAX_V2):
        same(value_and_gradient(function, ONE_HOT, Z, **options), found)
    if "temperature" not in options and "label_smoothing" not in options:
        p = leaf(xe.softmax(Z))
        loss = CROSS(labels=ONE_HOT, probs=p, **options)
        np.testing.assert_allclose(loss.data, found[0], rtol=1e-13)


def test_the_class_weighted_mean_divides_by_the_weights_of_the_labels_before_smoothing():
    plain, smooth = SPARSE(labels=T, logits=Z), SPARSE(labels=T, logits=Z, label_smoothing=0.25, class_weight=W)
    mean = SPARSE(labels=T, logits=Z, class_weight=W, reduction="mean")
    np.testing.assert_allclose(mean, np.sum(W[T] * plain) / np.sum(W[T]), rtol=1e-14)
    mean = SPARSE(labels=T, logits=Z, class_weight=W, label_smoothing=0.25, reduction="mean")
    np.testing.assert_allclose(mean, np.sum(smooth) / np.sum(W[T]), rtol=1e-14)
    mean = SOFTMAX(labels=SOFT, logits=Z, class_weight=W, reduction="mean")
    np.testing.assert_allclose(mean, np.sum(SOFTMAX(labels=SOFT * W, logits=Z)) / np.sum(SOFT * W), rtol=1e-14)


def test_class_weights_have_a_gradient_through_the_loss_and_the_divisor():
    def value(w):
        return SPARSE(labels=T, logits=Z, class_weight=w, label_smoothing=0.25, reduction="mean")

    for function, labels in ((SPARSE, T), (SOFTMAX_V2, SOFT)):
        for smoothing in (0.0, 0.25):
            w = leaf(W)
            options = dict(labels=labels, logits=Z, label_smoothing=smoothing, reduction="mean")
            function(class_weight=w, **options).backward()
            for i, step in enumerate(1e-6 * np.eye(3)):
                difference = function(class_weight=W + step, **options) - function(class_weight=W - step, **options)
                np.testing.assert_allclose(w.grad[i], difference / 2e-6, rtol=1e-7, atol=1e-9)


def test_a_class_of_weight_0_counts_nothing_even_with_an_infinite_loss():
    z = np.array([[1.0, -np.inf, 0.0], [0.5, 0.25, 0.0]])
    weights = np.array([1.0, 0.0, 1.0])
    found = value_and_gradient(SPARSE, np.array([1, 0]), z, class_weight=weights, reduction="mean")
    expected = value_and_gradient(SPARSE, np.array([0]), z[1:])
    np.testing.assert_allclose(found[0], expected[0][0], rtol=1e-15)
    np.testing.assert_array_equal(found[1][0], 0)
    np.testing.assert_allclose(found[1][1:], expected[1], rtol=1e-15)


def test_class_weights_along_another_axis_and_in_float32():
    found = SPARSE(labels=T, logits=Z.T, class_weight=W, reduction="mean", axis=0)
    np.testing.assert_allclose(found, SPARSE(labels=T, logits=Z, class_weight=W, reduction="mean"), rtol=1e-14)
    z = Z.astype(np.float32)
    for function, labels in ((SPARSE, T), (SOFTMAX, ONE_HOT.astype(np.float32)), (SOFTMAX_V2, ONE_HOT.astype(bool))):
        assert function(labels=labels, logits=z, class_weight=W, reduction="mean").dtype == np.float32
    for function, labels in ((SPARSE, T), (SOFTMAX_V2, ONE_HOT.astype(int))):
        assert function(labels=labels, logits=z, class_weight=leaf(W), reduction="mean").dtype == np.float32
    probs = xe.softmax(Z).astype(np.float32)
    assert CROSS(labels=ONE_HOT.astype(int), probs=probs, class_weight=W, reduction="mean").dtype == np.float32
    expected = W[T] * -np.log(probs[np.arange(6), T])
    np.testing.assert_allclose(CROSS(labels=ONE_HOT.T, probs=probs.T, class_weight=W, axis=0), expected, rtol=1e-6)


# -- sample weights and ignored labels ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sigmoid", "weighted", "softmax", "softmax_v2", "sparse", "binary", "cross"])
def test_sample_weights_multiply_and_the_mean_divides_by_their_sum(name):
    arguments = {
        "sigmoid": (SIGMOID, dict(labels=SOFT, logits=Z)),
        "weighted": (WEIGHTED, dict(labels=SOFT, logits=Z, pos_weight=3.0)),
        "softmax": (SOFTMAX, dict(labels=SOFT, logits=Z)),
        "softmax_v2": (SOFTMAX_V2, dict(labels=SOFT, logits=Z)),
        "sparse": (SPARSE, dict(labels=T, logits=Z)),
        "binary": (BINARY, dict(labels=SOFT, probs=xe.sigmoid(Z))),
        "cross": (CROSS, dict(labels=SOFT, probs=xe.softmax(Z))),
    }
    function, given = arguments[name]
    loss = function(**given)
    w = rng.uniform(size=loss.shape)
    np.testing.assert_allclose(function(**given, sample_weight=w), w * loss, rtol=1e-15)
    np.testing.assert_allclose(function(**given, sample_weight=w, reduction="sum"), np.sum(w * loss), rtol=1e-14)
    np.testing.assert_allclose(
        function(**given, sample_weight=w, reduction="mean"), np.sum(w * loss) / np.sum(w), rtol=1e-14
    )


def test_sample_weights_have_a_gradient():
    w = leaf(np.ones(6))
    loss = SPARSE(labels=T, logits=Z, sample_weight=w, reduction="mean")
    loss.backward()
    np.testing.assert_allclose(w.grad, (SPARSE(labels=T, logits=Z) - loss.data) / 6, rtol=1e-13)


def test_pos_weight_is_not_part_of_the_divisor():
    loss = WEIGHTED(labels=ONE_HOT, logits=Z, pos_weight=5.0)
    mean = WEIGHTED(labels=ONE_HOT, logits=Z, pos_weight=5.0, reduction="mean")
    np.testing.assert_allclose(mean, loss.mean(), rtol=1e-15)


@pytest.mark.parametrize("ignored", [-100, -1, 1, 255])
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.25}, {"class_weight": W}, {"temperature": 2.0}])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_ignored_samples_have_no_loss_no_gradient_and_no_weight_whatever_their_logits(ignored, options, reduction):
    labels = np.append(np.where(T == ignored, 0, T), [ignored, ignored])
    logits = np.vstack([Z, [[np.nan, 1, 2], [np.inf, 0, -np.inf]]])
    found = value_and_gradient(SPARSE, labels, logits, ignore_index=ignored, reduction=reduction, **options)
    expected = value_and_gradient(SPARSE, labels[:6], Z, reduction=reduction, **options)
    if reduction == "none":
        np.testing.assert_array_equal(found[0][6:], 0)
        found = (found[0][:6], found[1])
    np.testing.assert_array_equal(found[1][6:], 0)
    same((found[0], found[1][:6]), expected)


def test_ignored_samples_have_no_curvature_either():
    z = leaf([[1.0, 2.0], [np.nan, 1.0]])
    SPARSE(labels=np.array([0, -1]), logits=z, ignore_index=-1, reduction="mean").backward(create_graph=True)
    first, z.grad = z.grad, None
    (first * np.array([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    p = xe.softmax(np.array([1.0, 2.0]))
    np.testing.assert_allclose(z.grad, [p * (np.array([1, 2]) - p @ [1, 2]), [0, 0]], rtol=1e-14)


def test_ignoring_goes_with_sample_weights_and_another_axis():
    w = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    kept = T != 1
    found = SPARSE(labels=T, logits=Z.T, axis=0, ignore_index=1, sample_weight=w, reduction="mean")
    np.testing.assert_allclose(found, SPARSE(labels=T[kept], logits=Z[kept], sample_weight=w[kept], reduction="mean"))


def test_without_ignore_index_no_label_is_special():
    with pytest.raises(IndexError, match=r"the label at \[0\] is -100"):
        SPARSE(labels=np.array([-100]), logits=Z[:1])


@pytest.mark.parametrize(
    "options",
    [{"ignore_index": 5, "labels": np.full(6, 5)}, {"sample_weight": np.zeros(6)}, {"class_weight": np.zeros(3)},
     {"class_weight": np.zeros(3), "label_smoothing": 0.5}, {"class_weight": np.array([0, 0, 1.0]), "labels": T % 2,
                                                              "label_smoothing": 0.5}],
)  # fmt: skip
def test_a_mean_of_nothing_is_0_with_gradient_0_and_a_warning_that_names_the_caller(options):
    z = leaf(Z)
    with pytest.warns(EmptyMeanWarning, match="all 6 weights are 0") as caught:
        loss = SPARSE(**{"labels": T, "logits": z, "reduction": "mean", **options})
    assert caught[0].filename == __file__
    assert loss.item() == 0
    loss.backward()
    np.testing.assert_array_equal(z.grad, np.zeros((6, 3)))


def test_a_weight_of_zero_drops_a_row_of_nan():
    logits = np.vstack([Z, np.full((1, 3), np.nan)])
    w = np.append(np.ones(6), 0)
    for function, labels in ((SPARSE, np.append(T, 0)), (SOFTMAX, np.vstack([SOFT, np.ones((1, 3))]))):
        found = value_and_gradient(function, labels, logits, sample_weight=w, reduction="mean")
        expected = value_and_gradient(function, labels[:6], Z, reduction="mean")
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-14)
        np.testing.assert_array_equal(found[1][6], 0)
        np.testing.assert_allclose(found[1][:6], expected[1], rtol=1e-13)


# -- tensorflow 1's function -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, value", [("label_smoothing", 0.25), ("class_weight", W)])
def test_tensorflow_1s_function_gives_no_gradient_to_options_that_change_labels_and_says_so(name, value):
    option, z = leaf(value), leaf(Z)
    with pytest.warns(LabelGradientWarning, match=f"{name}.*require grad"):
        loss = SOFTMAX(labels=SOFT, logits=z, reduction="mean", **{name: option})
    loss.backward()
    assert option.grad is None
    other = leaf(value)
    expected = SOFTMAX_V2(labels=SOFT, logits=Z, reduction="mean", **{name: other})
    expected.backward()
    assert other.grad is not None
    np.testing.assert_allclose(loss.data, expected.data, rtol=1e-15)


def test_smoothed_labels_have_a_gradient_in_version_2():
    y, bits = leaf(SOFT), leaf(SOFT)
    SOFTMAX_V2(labels=y, logits=Z, label_smoothing=0.25).sum().backward()
    np.testing.assert_allclose(y.grad, -0.75 * xe.log_softmax(Z), rtol=1e-14)
    SIGMOID(labels=bits, logits=Z, label_smoothing=0.25).sum().backward()
    np.testing.assert_allclose(bits.grad, -0.75 * Z, rtol=1e-14)


# -- messages ----------------------------------------------------------------------------------------------------------

MESSAGES = {
    "smoothing above 1": (dict(label_smoothing=1.5), ArgumentError, "label_smoothing is 1.5; it lies in [0, 1]"),
    "smoothing below 0": (dict(label_smoothing=-0.1), ArgumentError, "label_smoothing is -0.1"),
    "smoothing of NaN": (dict(label_smoothing=np.nan), ArgumentError, "label_smoothing is nan"),
    "smoothing that is no number": (dict(label_smoothing="a"), DTypeError, "label_smoothing is 'a'"),
    "smoothing of several numbers": (dict(label_smoothing=np.ones(2)), DTypeError, "label_smoothing is array"),
    "a temperature of 0": (dict(temperature=0.0), ArgumentError, "temperature is 0.0; it is a number above 0"),
    "a negative temperature": (dict(temperature=-1), ArgumentError, "temperature is -1.0"),
    "a negative sample weight": (
        dict(sample_weight=np.array([1, 1, -1, 1, 1, 1])), ArgumentError,
        "the weight at [2] is -1; weights are finite, 0 or more"),
    "an infinite sample weight": (dict(sample_weight=np.full(6, np.inf)), ArgumentError, "the weight at [0] is inf"),
    "sample weights of another shape": (
        dict(sample_weight=np.ones((6, 1))), ShapeError, "the weights have shape (6, 1), the losses have shape (6,)"),
}  # fmt: skip
CLASS_MESSAGES = {
    "a negative class weight": (dict(class_weight=[1, -1, 1]), ArgumentError, "class_weight at [1] is -1"),
    "class weights of another length": (
        dict(class_weight=np.ones(2)), ShapeError,
        "class_weight has shape (2,); there are 3 classes.\n  It must have shape (3,)"),
}  # fmt: skip
SPARSE_MESSAGES = {
    "an ignore_index that is no integer": (dict(ignore_index=1.5), DTypeError, "ignore_index is 1.5"),
    "a label that is no class beside ignored ones": (
        dict(labels=np.array([0, 9, -1, 0, 0, 0]), ignore_index=-1), IndexError, "the label at [1] is 9"),
    "floating labels beside ignored ones": (
        dict(labels=T * 1.0, ignore_index=-1), DTypeError, "labels have dtype float64"),
    "labels of another shape beside ignored ones": (
        dict(labels=T[:, None], ignore_index=-1), ShapeError, "labels have shape (6, 1)"),
    "weights of another shape beside ignored samples": (
        dict(sample_weight=np.ones((6, 1)), ignore_index=-1), ShapeError, "the weights have shape (6, 1)"),
}  # fmt: skip


TABLES = {SIGMOID: MESSAGES, SOFTMAX: MESSAGES | CLASS_MESSAGES, SPARSE: MESSAGES | CLASS_MESSAGES | SPARSE_MESSAGES}
TABLES[SOFTMAX_V2] = TABLES[SOFTMAX]


@pytest.mark.parametrize(
    "function, case", [pytest.param(f, case, id=f"{f.__name__}: {case}") for f in TABLES for case in TABLES[f]]
)
def test_bad_options_are_named_with_what_was_expected(function, case):
    options, kind, message = TABLES[function][case]
    given = dict(labels=T if function is SPARSE else ONE_HOT, logits=Z)
    if function is SIGMOID:
        given = dict(labels=T % 2, logits=Z[:, 0])
    with pytest.raises(kind) as caught:
        function(**{**given, **options})
    assert message in str(caught.value)
    assert isinstance(caught.value, xe.XeError)


# -- PyTorch -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.0, 0.25])
@pytest.mark.parametrize("weights", [None, W])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_pytorch_agrees_on_smoothing_class_weights_and_ignored_labels(torch, smoothing, weights, reduction):
    labels = np.where(np.arange(6) == 3, -100, T)
    theirs = torch.tensor(Z, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(
        theirs, torch.tensor(labels), weight=None if weights is None else torch.tensor(weights),
        label_smoothing=smoothing, reduction=reduction)  # fmt: skip
    loss.sum().backward()
    found = value_and_gradient(
        SPARSE, labels, Z, class_weight=weights, label_smoothing=smoothing, ignore_index=-100, reduction=reduction
    )
    same(found, (loss.detach().numpy(), theirs.grad.numpy()))


def test_pytorch_divides_the_class_weighted_mean_of_dense_labels_by_the_number_of_samples(torch):
    cross_entropy = torch.nn.functional.cross_entropy
    z, w = torch.tensor(Z), torch.tensor(W)
    indices, dense = cross_entropy(z, torch.tensor(T), weight=w), cross_entropy(z, torch.tensor(ONE_HOT), weight=w)
    assert indices != dense
    for function, labels in ((SPARSE, T), (SOFTMAX, ONE_HOT)):
        found = function(labels=labels, logits=Z, class_weight=W, reduction="mean")
        np.testing.assert_allclose(found, indices, rtol=1e-14)
        np.testing.assert_allclose(found * np.sum(W[T]) / 6, dense, rtol=1e-14)


def test_pytorch_divides_the_weighted_mean_of_binary_losses_by_their_number(torch):
    w = np.array([1.0, 2.0, 3.0])
    theirs = torch.nn.functional.binary_cross_entropy_with_logits(torch.zeros(3), torch.ones(3), weight=torch.tensor(w))
    ours = SIGMOID(labels=np.ones(3), logits=np.zeros(3), sample_weight=w, reduction="mean")
    np.testing.assert_allclose([theirs, ours], [2 * np.log(2), np.log(2)], rtol=1e-6)


def test_pytorch_has_nan_where_every_sample_is_ignored_and_in_ignored_rows_of_nan(torch):
    cross_entropy = torch.nn.functional.cross_entropy
    assert torch.isnan(cross_entropy(torch.tensor(Z), torch.full((6,), -100)))
    z = torch.tensor([[np.nan, 1.0], [0.5, 1.0]], requires_grad=True)
    cross_entropy(z, torch.tensor([-100, 0])).backward()
    assert torch.isnan(z.grad[0]).any()
