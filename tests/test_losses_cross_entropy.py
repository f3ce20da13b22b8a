"""The stable cross-entropies: exact limits, derivatives of every order, dtypes, axes, messages; PyTorch's answers."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tinygrad_xe as xe
from tinygrad_xe.errors import ArgumentError, DTypeError, LabelGradientWarning, ShapeError

EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True, database=None)

L = xe.losses
SIGMOID, WEIGHTED = L.sigmoid_cross_entropy_with_logits, L.weighted_cross_entropy_with_logits
SOFTMAX, SOFTMAX_V2 = L.softmax_cross_entropy_with_logits, L.softmax_cross_entropy_with_logits_v2
SPARSE, BINARY, CROSS = L.sparse_softmax_cross_entropy_with_logits, L.binary_cross_entropy, L.cross_entropy

INF, NAN = np.inf, np.nan
rng = np.random.default_rng(7)
Z = rng.normal(size=(5, 4)) * 3
SOFT = rng.dirichlet(np.ones(4), 5)
HARD = np.array([0, 3, 1, 1, 2])
ONE_HOT = np.eye(4)[HARD]
BITS = np.array([[0, 1, 1, 0], [1, 1, 0, 0], [0, 0, 0, 1], [1, 0, 1, 0], [1, 1, 1, 1]])


def leaf(values, dtype=np.float64):
    return xe.tensor(np.asarray(values, dtype), requires_grad=True)


def gradient(loss, *leaves):
    """The gradients of the sum of `loss`."""
    for t in leaves:
        t.grad = None
    loss.sum().backward()
    return leaves[0].grad if len(leaves) == 1 else tuple(t.grad for t in leaves)


def value_and_gradient(function, labels, logits, **options):
    z = leaf(logits, np.asarray(logits).dtype)
    loss = function(labels=labels, logits=z, **options)
    return loss.numpy(), gradient(loss, z)


#: Each function with labels of shape (5, 4) or (5,), a first argument of shape (5, 4) and what else it needs.
CALLS = {
    "sigmoid": (SIGMOID, "logits", BITS * 0.75 + 0.125, {}),
    "weighted": (WEIGHTED, "logits", BITS * 0.75 + 0.125, {"pos_weight": np.array([0.5, 1.0, 2.0, 3.0])}),
    "softmax": (SOFTMAX, "logits", SOFT, {}),
    "softmax_v2": (SOFTMAX_V2, "logits", SOFT * 1.5, {}),
    "sparse": (SPARSE, "logits", HARD, {}),
    "binary": (BINARY, "probs", BITS * 0.75 + 0.125, {}),
    "cross": (CROSS, "probs", SOFT, {}),
}
every_function = pytest.mark.parametrize("call", CALLS)
MULTICLASS = ["softmax", "softmax_v2", "sparse", "cross"]
LABEL_GRADIENT = ["sigmoid", "weighted", "softmax_v2", "binary", "cross"]
VALUES = {"logits": Z, "probs": xe.softmax(Z)}


def evaluate(call, x=None, labels=None, **options):
    function, name, y, more = CALLS[call]
    given_x = VALUES[name] if x is None else x
    return function(**{"labels": y if labels is None else labels, name: given_x, **more, **options})


# -- limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "label, logit, loss, slope",
    [(1, 1000, 0, 0), (0, 1000, 1000, 1), (1, -1000, 1000, -1), (0, -1000, 0, 0), (0.25, 1000, 750, 0.75),
     (0.25, -1000, 250, -0.25), (1, INF, 0, 0), (0, INF, INF, 1), (1, -INF, INF, -1), (0, -INF, 0, 0),
     (0.5, INF, INF, 0.5), (1, NAN, NAN, NAN)],
)  # fmt: skip
def test_sigmoid_takes_its_limits_at_huge_and_infinite_logits(dtype, label, logit, loss, slope):
    value, found = value_and_gradient(SIGMOID, np.array([label], dtype), np.array([logit], dtype))
    np.testing.assert_array_equal(value, np.array([loss], dtype))
    np.testing.assert_array_equal(found, np.array([slope], dtype))
    assert value.dtype == found.dtype == dtype


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_at_zero_the_gradient_is_one_half_minus_the_label_whatever_the_sign_of_the_zero(zero):
    y = np.array([0.0, 0.25, 1.0])
    np.testing.assert_array_equal(value_and_gradient(SIGMOID, y, np.full(3, zero))[1], 0.5 - y)
    # TensorFlow 2.21 gives 1 - y: the sum of the sub-gradients 0 of its two kinks
    found = value_and_gradient(WEIGHTED, y, np.full(3, zero), pos_weight=2.0)[1]
    np.testing.assert_array_equal(found, (1 - y) / 2 - y)


def test_the_tails_keep_their_relative_accuracy_where_pytorch_has_zero(torch):
    z = np.array([40.0, 100.0, 700.0])
    loss, slope = value_and_gradient(SIGMOID, np.ones(3), z)
    np.testing.assert_allclose(loss, np.exp(-z), rtol=1e-15)
    np.testing.assert_allclose(slope, -np.exp(-z), rtol=1e-15)
    theirs = torch.tensor(z, requires_grad=True)
    torch.nn.functional.binary_cross_entropy_with_logits(theirs, torch.ones(3, dtype=torch.float64)).backward()
    assert (theirs.grad == 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("function, labels", [(SPARSE, HARD), (SOFTMAX, ONE_HOT), (SOFTMAX_V2, ONE_HOT)])
def test_softmax_is_exact_at_logits_of_1000(dtype, function, labels):
    z = np.zeros((5, 4), dtype)
    z[:, 0], z[:, 3] = 1000, -1000
    labels = labels if labels.ndim == 1 else labels.astype(dtype)
    value, slope = value_and_gradient(function, labels, z)
    np.testing.assert_array_equal(value, np.array([0, 2000, 1000, 1000, 1000], dtype))
    np.testing.assert_array_equal(slope, np.eye(4)[[0]] - np.eye(4)[HARD])
    assert value.dtype == slope.dtype == dtype


@pytest.mark.parametrize("function, labels", [(SPARSE, np.array([0])), (SOFTMAX_V2, np.array([[1.0, 0.0, 0.0]]))])
def test_a_logit_of_minus_infinity_masks_its_class(function, labels):
    masked = value_and_gradient(function, labels, np.array([[1.0, -INF, 0.25]]))
    without = value_and_gradient(function, labels[..., [0, 2]] if labels.ndim > 1 else labels, np.array([[1.0, 0.25]]))
    np.testing.assert_allclose(masked[0], without[0], rtol=1e-15)
    np.testing.assert_allclose(masked[1][:, [0, 2]], without[1], rtol=1e-15)
    assert masked[1][0, 1] == 0


@pytest.mark.parametrize("function, labels", [(SPARSE, np.array([1])), (SOFTMAX_V2, np.array([[0.0, 1.0, 0.0]]))])
def test_a_masked_class_that_is_the_label_costs_infinity(function, labels):
    value, slope = value_and_gradient(function, labels, np.array([[1.0, -INF, 1.0]]))
    assert value == INF
    np.testing.assert_array_equal(slope, [[0.5, -1.0, 0.5]])


@pytest.mark.parametrize("function, labels", [(SPARSE, np.array([0])), (SOFTMAX_V2, np.array([[1.0, 0.0, 0.0]]))])
def test_one_infinite_logit_has_all_the_probability_and_two_or_none_give_nan(function, labels):
    value, slope = value_and_gradient(function, labels, np.array([[INF, 1.0, 0.0]]))
    assert value == 0
    np.testing.assert_array_equal(slope, [[0, 0, 0]])
    for bad in ([INF, INF, 0.0], [-INF, -INF, -INF], [1.0, NAN, 0.0]):
        assert np.isnan(value_and_gradient(function, labels, np.array([bad]))[0]).all()


def test_a_certain_class_keeps_its_tiny_loss_and_gradient():
    for function, labels in ((SPARSE, np.array([0])), (SOFTMAX, np.array([[1.0, 0.0]]))):
        value, slope = value_and_gradient(function, labels, np.array([[40.0, 0.0]]))
        np.testing.assert_allclose(value, [np.exp(-40.0)], rtol=1e-15)
        np.testing.assert_allclose(slope, [[-np.exp(-40.0), np.exp(-40.0)]], rtol=1e-15)


@pytest.mark.parametrize(
    "label, prob, loss, slope", [(0, 0, 0, 1), (1, 1, 0, -1), (1, 0, INF, -INF), (0, 1, INF, INF), (0.5, 0, INF, -INF)]
)
def test_binary_cross_entropy_takes_its_limits_at_probabilities_of_0_and_1(label, prob, loss, slope):
    p = leaf([prob])
    found = BINARY(labels=np.array([float(label)]), probs=p)
    assert found.data == loss
    assert gradient(found, p) == slope


def test_a_class_with_label_0_and_probability_0_counts_nothing():
    p = leaf([[1.0, 0.0, 0.0]])
    loss = CROSS(labels=np.array([[1.0, 0.0, 0.0]]), probs=p)
    assert loss.data == 0
    np.testing.assert_array_equal(gradient(loss, p), [[-1.0, 0.0, 0.0]])
    assert not np.signbit(p.grad[0, 1:]).any()


def test_losses_at_infinite_logits_warn_of_nothing_even_when_numpy_is_told_to_raise():
    z = np.array([[INF, -INF, 1000.0, -1000.0]])
    with np.errstate(all="raise"):
        for function, labels in ((SIGMOID, BITS[:1]), (SPARSE, np.array([2])), (SOFTMAX, BITS[:1])):
            z_leaf = leaf(z)
            gradient(function(labels=labels, logits=z_leaf), z_leaf)


# -- derivatives -------------------------------------------------------------------------------------------------------


def central_difference(function, x, direction, step):
    return (function(x + step * direction) - function(x - step * direction)) / (2 * step)


@every_function
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_gradients_of_first_and_second_order_agree_with_differences(call, reduction):
    if call in ("binary", "cross"):
        x = 0.1 + 0.8 * VALUES["probs"]
    else:
        x = Z / 3
    weight = rng.normal(size=evaluate(call, x, reduction=reduction).shape)
    direction, other = rng.normal(size=(2, *x.shape))

    def value(values):
        return np.sum(weight * evaluate(call, values, reduction=reduction))

    def slope(values):
        t = leaf(values)
        (evaluate(call, t, reduction=reduction) * weight).sum().backward(create_graph=True)
        return np.sum(t.grad.data * other)

    t = leaf(x)
    (evaluate(call, t, reduction=reduction) * weight).sum().backward()
    expected = central_difference(value, x, direction, 1e-5)
    np.testing.assert_allclose(np.sum(t.grad * direction), expected, rtol=1e-7, atol=1e-9)
    t.grad = None
    (evaluate(call, t, reduction=reduction) * weight).sum().backward(create_graph=True)
    first, t.grad = t.grad, None
    (first * other).sum().backward()
    expected = central_difference(slope, x, direction, 1e-5)
    np.testing.assert_allclose(np.sum(t.grad * direction), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("call", LABEL_GRADIENT)
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_gradients_in_the_labels_agree_with_differences_mixed_ones_too(call, reduction):
    labels = CALLS[call][2] * 1.0
    x = 0.1 + 0.8 * VALUES["probs"] if call in ("binary", "cross") else Z / 3
    direction = rng.normal(size=labels.shape)
    y, t = leaf(labels), leaf(x)
    evaluate(call, t, y, reduction=reduction).sum().backward(create_graph=True)
    in_labels, in_x = y.grad, t.grad

    def value(values):
        return np.sum(evaluate(call, x, values, reduction=reduction))

    expected = central_difference(value, labels, direction, 1e-5)
    np.testing.assert_allclose(np.sum(in_labels.data * direction), expected, rtol=1e-7)
    # d/dx of the gradient in the labels, and d/dlabels of the gradient in x, are each other's transposes
    other = rng.normal(size=x.shape)
    y.grad = t.grad = None
    (in_labels * direction).sum().backward(retain_graph=True)
    one = np.sum(t.grad * other)
    y.grad = t.grad = None
    (in_x * other).sum().backward()
    np.testing.assert_allclose(np.sum(y.grad * direction), one, rtol=1e-10)


def test_gradients_of_third_order_agree_with_c2():
    z = leaf([0.5, -2.0, 3.0])
    SIGMOID(labels=np.array([1.0, 0.0, 0.5]), logits=z).sum().backward(create_graph=True)
    first, z.grad = z.grad, None
    first.sum().backward(create_graph=True)
    second, z.grad = z.grad, None
    second.sum().backward()
    p = xe.sigmoid(z.data)
    np.testing.assert_allclose(z.grad, p * (1 - p) * (1 - 2 * p), rtol=1e-14)


def test_pos_weight_has_its_gradient_and_broadcasts_over_classes():
    z, y = Z, BITS * 1.0
    q = leaf([0.5, 1.0, 2.0, 3.0])
    loss = WEIGHTED(labels=y, logits=z, pos_weight=q)
    np.testing.assert_allclose(loss.data, q.data * y * xe.softplus(-z) + (1 - y) * xe.softplus(z), rtol=1e-14)
    np.testing.assert_allclose(gradient(loss, q), np.sum(y * xe.softplus(-z), axis=0), rtol=1e-14)
    one = leaf(2.0)
    np.testing.assert_allclose(
        gradient(WEIGHTED(labels=y, logits=z, pos_weight=one), one), np.sum(y * xe.softplus(-z)), rtol=1e-14
    )
    np.testing.assert_array_equal(
        WEIGHTED(labels=y, logits=z, pos_weight=1.0), SIGMOID(labels=y, logits=z)
    )


def test_the_gradient_of_the_softmax_loss_is_p_times_the_sum_of_the_labels_minus_the_labels():
    # TensorFlow gives p - y here: (-1.410202, -0.368398, 0.278601)
    found = value_and_gradient(SOFTMAX, np.array([2.0, 0.5, 0.0]), np.array([1.0, -0.5, 0.25]))[1]
    np.testing.assert_allclose(found, [-0.5255058408579685, -0.1709958821327141, 0.6965017229906825], rtol=1e-14)


def test_labels_that_are_a_softmax_themselves_get_the_gradient_of_the_article_s_audit():
    w = leaf([0.2, 0.3, 0.5])
    gradient(SOFTMAX_V2(labels=xe.softmax(w), logits=np.array([1.0, -0.5, 0.25])), w)
    np.testing.assert_allclose(w.grad, [-0.223683, 0.232602, -0.008920], atol=5e-7)


def test_labels_that_want_a_gradient_from_tensorflow_1s_function_get_none_and_a_warning_that_names_v2():
    z, y = leaf(Z), leaf(SOFT)
    with pytest.warns(LabelGradientWarning, match="softmax_cross_entropy_with_logits_v2") as caught:
        loss = SOFTMAX(labels=y, logits=z)
    assert caught[0].filename == __file__
    gradient(loss, z)
    assert y.grad is None
    np.testing.assert_array_equal(z.grad, value_and_gradient(SOFTMAX_V2, SOFT, Z)[1])


def test_without_recording_tensorflow_1s_function_does_not_warn():
    with xe.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("error")
        SOFTMAX(labels=leaf(SOFT), logits=leaf(Z))


@pytest.mark.parametrize("call", ["softmax", "softmax_v2", "sparse", "sigmoid"])
def test_the_mean_in_one_operation_is_the_mean_of_the_losses_bit_for_bit_in_its_gradient_up_to_rounding(call):
    t = leaf(Z)
    together = evaluate(call, t, reduction="mean")
    first = gradient(together, t)
    apart = evaluate(call, t).mean()
    np.testing.assert_allclose(together.data, apart.data, rtol=1e-15)
    np.testing.assert_allclose(first, gradient(apart, t), rtol=1e-15)


def test_a_large_mean_is_as_accurate_as_numpys():
    z = np.random.default_rng(0).normal(size=(20_000, 3)).astype(np.float32)
    t = np.arange(20_000) % 3
    exact = np.mean(SPARSE(labels=t, logits=z.astype(np.float64)))
    np.testing.assert_allclose(SPARSE(labels=t, logits=z, reduction="mean"), exact, rtol=3e-7)


def test_an_unused_branch_with_infinite_logits_leaves_the_gradient_alone():
    # 0 * inf in the branch not taken; PyTorch and JAX give NaN
    for reduction in ("none", "mean"):
        z = leaf([[1.0, 2.0], [INF, INF]])
        loss = SPARSE(labels=np.array([0, 1]), logits=z, reduction=reduction)
        np.where(np.isfinite(loss.data), loss, 0.0).sum().backward()
        assert np.isfinite(z.grad[1]).all()
    assert not z.grad.any()


def test_what_forward_keeps_for_the_gradient_is_the_output_of_an_operation_with_its_own_function():
    from tinygrad_xe.losses import rules

    y = SOFT[0]
    for op in (rules.sigmoid_cross_entropy, rules.weighted_cross_entropy, rules.binary_cross_entropy):
        arguments = (y, xe.softmax(Z[0]), *((2.0,) if op is rules.weighted_cross_entropy else ()))
        ((excess, *_),) = op.residuals.values()
        np.testing.assert_array_equal(excess.function(*arguments), op.function(*arguments)[1])
        np.testing.assert_array_equal(excess(*arguments), op.function(*arguments)[1])
    for op in (rules.softmax_cross_entropy, rules.softmax_cross_entropy_v2, rules.sparse_cross_entropy):
        labels = HARD if op is rules.sparse_cross_entropy else SOFT
        ((excess, *_),) = op.residuals.values()
        loss, kept = op.function(labels, Z, class_axis=1, axis=None)
        np.testing.assert_array_equal(excess.function(labels, Z, class_axis=1), kept)
        np.testing.assert_array_equal(op(labels, Z, class_axis=1, axis=None), loss)


# -- shapes and dtypes -------------------------------------------------------------------------------------------------


@every_function
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_the_dtype_stays_what_it_is(call, dtype, reduction):
    function, name, y, more = CALLS[call]
    x = leaf(VALUES[name], dtype)
    labels = y if call == "sparse" else y.astype(dtype)
    more = {key: v.astype(dtype) for key, v in more.items()}
    loss = function(**{"labels": labels, name: x, "reduction": reduction, **more})
    assert loss.dtype == dtype
    assert gradient(loss, x).dtype == dtype
    wide = function(**{"labels": labels.astype(float) if call != "sparse" else labels, name: x.data.astype(float),
                       "reduction": reduction, **more})  # fmt: skip
    np.testing.assert_allclose(loss.data.astype(float), wide, rtol=8 * float(np.finfo(dtype).eps) + 1e-14)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.uint8])
@pytest.mark.parametrize("call", ["sigmoid", "weighted", "softmax", "softmax_v2", "binary", "cross"])
def test_labels_may_be_booleans_or_whole_numbers_and_float32_stays_float32(call, dtype):
    x = VALUES[CALLS[call][1]].astype(np.float32)
    loss = evaluate(call, x, BITS.astype(dtype), **({"pos_weight": 2} if call == "weighted" else {}))
    expected = evaluate(call, x, BITS.astype(np.float32), **({"pos_weight": 2} if call == "weighted" else {}))
    assert loss.dtype == np.float32
    np.testing.assert_array_equal(loss, expected)


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i4", ">u8"])
def test_class_numbers_may_have_any_integer_dtype(dtype):
    np.testing.assert_array_equal(SPARSE(labels=HARD.astype(dtype), logits=Z), SPARSE(labels=HARD, logits=Z))


def test_whole_numbers_as_logits_become_float64_and_lists_will_do():
    assert SIGMOID(labels=[1, 0], logits=[2, -3]).dtype == np.float64
    expected = SPARSE(labels=np.array([1]), logits=np.array([[2.0, -3.0]]))
    np.testing.assert_array_equal(SPARSE(labels=[1], logits=[[2, -3]]), expected)
    np.testing.assert_array_equal(SOFTMAX(labels=[[0, 1]], logits=[[2, -3]]), SPARSE(labels=[1], logits=[[2, -3]]))


@every_function
def test_arrays_give_arrays_and_tensors_give_tensors(call):
    assert isinstance(evaluate(call), np.ndarray)
    x = VALUES[CALLS[call][1]]
    assert isinstance(evaluate(call, xe.tensor(x)), xe.Tensor)
    assert isinstance(evaluate(call, x, xe.tensor(CALLS[call][2])), xe.Tensor)
    np.testing.assert_array_equal(evaluate(call), evaluate(call, xe.tensor(x)).data)


@pytest.mark.parametrize("call", MULTICLASS)
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_the_classes_may_lie_along_any_axis(call, reduction):
    function, name, _, _ = CALLS[call]
    x = np.random.default_rng(1).normal(size=(2, 3, 4))
    x = xe.softmax(x, 2) if name == "probs" else x
    labels = np.arange(6).reshape(2, 3) % 4 if call == "sparse" else xe.softmax(x[::-1], 2)
    last = leaf(x)
    expected = function(**{"labels": labels, name: last, "reduction": reduction})
    wanted = gradient(expected, last)
    for axis, negative in itertools.product(range(3), (False, True)):
        moved = leaf(np.moveaxis(x, 2, axis))
        y = labels if call == "sparse" else np.moveaxis(labels, 2, axis)
        axis_given = np.int64(axis - 3 if negative else axis)
        loss = function(**{"labels": y, name: moved, "axis": axis_given, "reduction": reduction})
        np.testing.assert_allclose(loss.data, expected.data, rtol=1e-15)
        np.testing.assert_allclose(np.moveaxis(gradient(loss, moved), axis, 2), wanted, rtol=1e-14)


def test_one_sample_may_come_without_a_batch():
    batch = SPARSE(labels=np.array([2]), logits=Z[:1])
    np.testing.assert_array_equal(SPARSE(labels=np.array(2), logits=Z[0]), batch[0])
    z = leaf(Z[0])
    loss = SPARSE(labels=2, logits=z)
    assert loss.shape == ()
    loss.backward()
    np.testing.assert_allclose(z.grad, xe.softmax(Z[0]) - np.eye(4)[2], rtol=1e-14)
    one = leaf(0.5)
    SIGMOID(labels=1.0, logits=one).backward()
    np.testing.assert_allclose(one.grad, xe.sigmoid(0.5) - 1, rtol=1e-15)


@pytest.mark.parametrize("call", ["sigmoid", "softmax", "softmax_v2", "sparse"])
def test_views_in_any_memory_order_give_the_same(call):
    wide = np.zeros((10, 8))
    view = wide[::2, ::-2]
    view[...] = Z
    for x in (view, np.asfortranarray(Z)):
        t = leaf(Z)
        expected = gradient(evaluate(call, t, reduction="mean"), t)
        other = xe.tensor(x, requires_grad=True)
        np.testing.assert_array_equal(gradient(evaluate(call, other, reduction="mean"), other), expected)
        np.testing.assert_array_equal(evaluate(call, x), evaluate(call, Z))


@every_function
def test_inputs_are_not_written_to(call):
    function, name, y, more = CALLS[call]
    x, labels = VALUES[name].copy(), y.copy()
    for array in (x, labels):
        array.flags.writeable = False
    for values in (x, 1000 * x if name == "logits" else x):
        loss = function(**{"labels": labels, name: xe.tensor(values, requires_grad=True), **more})
        loss.sum().backward()
        function(**{"labels": labels, name: values, **more})


@pytest.mark.parametrize("shape", [(0, 4), (0, 3, 4), (3, 0, 4)])
@pytest.mark.parametrize("call", ["sigmoid", "softmax", "softmax_v2", "sparse", "binary", "cross"])
def test_an_empty_batch_has_no_losses_sum_0_and_no_mean(call, shape):
    function, name, _, _ = CALLS[call]
    labels = np.zeros(shape[:-1], int) if call == "sparse" else np.zeros(shape)
    x = leaf(np.zeros(shape))
    arguments = {"labels": labels, name: x}
    loss = function(**arguments)
    assert loss.shape == (shape if call in ("sigmoid", "binary") else shape[:-1])
    assert gradient(loss, x).shape == shape
    assert function(**arguments, reduction="sum").item() == 0
    with pytest.raises(ShapeError, match="the mean of no losses is not defined"):
        function(**arguments, reduction="mean")


def test_no_classes_at_all_cost_nothing():
    z = leaf(np.zeros((3, 0)))
    loss = SOFTMAX_V2(labels=np.zeros((3, 0)), logits=z)
    np.testing.assert_array_equal(loss.data, np.zeros(3))
    assert gradient(loss.mean(), z).shape == (3, 0)
    assert gradient(SOFTMAX_V2(labels=np.zeros((3, 0)), logits=z, reduction="mean"), z).shape == (3, 0)


# -- agreement between the functions -----------------------------------------------------------------------------------

rows = arrays(np.float64, (4, 3), elements=st.floats(-800, 800))


@EXAMPLES
@given(rows, arrays(np.int64, 4, elements=st.integers(0, 2)))
def test_class_numbers_and_one_hot_labels_have_the_same_loss_and_gradient(z, t):
    sparse, dense = value_and_gradient(SPARSE, t, z), value_and_gradient(SOFTMAX, np.eye(3)[t], z)
    np.testing.assert_allclose(sparse[0], dense[0], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(sparse[1], dense[1], rtol=1e-12, atol=1e-15)


@EXAMPLES
@given(arrays(np.float64, (4, 2), elements=st.floats(-800, 800)), arrays(np.float64, 4, elements=st.floats(0, 1)))
def test_two_classes_are_the_binary_loss_of_the_difference(z, y):
    dense = value_and_gradient(SOFTMAX, np.stack([1 - y, y], 1), z)
    binary = value_and_gradient(SIGMOID, y, z[:, 1] - z[:, 0])
    np.testing.assert_allclose(dense[0], binary[0], rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(dense[1][:, 1], binary[1], rtol=1e-10, atol=1e-13)


@EXAMPLES
@given(rows, st.floats(-1000, 1000))
def test_a_constant_added_to_the_logits_changes_nothing(z, c):
    first, second = (value_and_gradient(SPARSE, np.array([0, 1, 2, 0]), x)[0] for x in (z, z + c))
    np.testing.assert_allclose(first, second, rtol=1e-11, atol=1e-11)


@EXAMPLES
@given(rows)
def test_logits_that_need_no_shift_and_those_that_do_have_the_same_loss_and_gradient(z):
    from tinygrad_xe.losses.class_kernels import sparse_moderate, sparse_rows

    t, z = np.array([0, 1, 2, 0]), z / 10
    for a, b in zip(sparse_moderate(t, z), sparse_rows(t, z, False)):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-16)


@EXAMPLES
@given(rows)
def test_the_gradient_of_a_sample_sums_to_zero(z):
    slope = value_and_gradient(SPARSE, np.array([0, 1, 2, 0]), z)[1]
    np.testing.assert_allclose(slope.sum(axis=1), 0, atol=1e-15)
    assert (slope >= -1).all() and (slope <= 1).all()


def test_losses_on_probabilities_are_those_on_logits():
    np.testing.assert_allclose(CROSS(labels=SOFT, probs=xe.softmax(Z)), SOFTMAX(labels=SOFT, logits=Z), rtol=1e-13)
    np.testing.assert_allclose(
        BINARY(labels=BITS * 1.0, probs=xe.sigmoid(Z)), SIGMOID(labels=BITS * 1.0, logits=Z), rtol=1e-12
    )


# -- messages ----------------------------------------------------------------------------------------------------------

Z32, P32 = np.zeros((32, 1)), np.full(3, 0.5)
MESSAGES = {
    "a wrong shape names both shapes and what to write": (
        SIGMOID, dict(labels=np.zeros(32), logits=Z32), ShapeError,
        "sigmoid_cross_entropy_with_logits: labels have shape (32,), logits have shape (32, 1).\n"
        "  They must have the same shape, since broadcasting would make a (32, 32) loss.\n"
        "  Write logits[:, 0], or labels[:, None]."),
    "labels with an axis too many": (
        SIGMOID, dict(labels=Z32, logits=np.zeros(32)), ShapeError, "Write labels[:, 0], or logits[:, None]."),
    "shapes that broadcast are refused by the softmax too": (
        SOFTMAX, dict(labels=np.ones((1, 4)), logits=Z), ShapeError,
        "labels have shape (1, 4), logits have shape (5, 4)"),
    "class numbers for the dense function": (
        SOFTMAX, dict(labels=HARD, logits=Z), ShapeError, "write sparse_softmax_cross_entropy_with_logits"),
    "class numbers for the dense function with options": (
        SOFTMAX_V2, dict(labels=HARD, logits=Z, temperature=2.0), ShapeError,
        "write sparse_softmax_cross_entropy_with_logits"),
    "one-hot labels for the sparse function": (
        SPARSE, dict(labels=ONE_HOT.astype(int), logits=Z), ShapeError, "write softmax_cross_entropy_with_logits"),
    "class numbers in a column": (
        SPARSE, dict(labels=HARD[:, None], logits=Z), ShapeError, "Write labels[:, 0]."),
    "floating class numbers": (
        SPARSE, dict(labels=HARD * 1.0, logits=Z), DTypeError, "labels have dtype float64; class numbers are integers"),
    "a class number that is too large": (
        SPARSE, dict(labels=np.array([0, 3, 9, 1, 2]), logits=Z), IndexError,
        "the label at [2] is 9; logits of shape (5, 4) have classes 0 to 3"),
    "a negative class number": (
        SPARSE, dict(labels=np.array([[0, -1]]), logits=np.zeros((1, 2, 3))), IndexError, "the label at [0, 1] is -1"),
    "a class number of a huge unsigned dtype": (
        SPARSE, dict(labels=np.array([2**64 - 1], np.uint64), logits=Z[:1]), IndexError, "is 18446744073709551615"),
    "a class number where there are no classes": (
        SPARSE, dict(labels=np.array([0]), logits=np.zeros((1, 0))), IndexError, "of shape (1, 0) have no classes"),
    "an axis out of range": (
        SOFTMAX, dict(labels=SOFT, logits=Z, axis=2), ShapeError,
        "axis 2 is out of range for logits of shape (5, 4); expected -2 to 1"),
    "an axis of a single number": (
        SOFTMAX, dict(labels=1.0, logits=1.0), ShapeError, "a single number has no axis of classes"),
    "an axis that is no integer": (
        SPARSE, dict(labels=HARD, logits=Z, axis=1.0), DTypeError, "axis is 1.0; expected an integer"),
    "two axes": (SOFTMAX_V2, dict(labels=SOFT, logits=Z, axis=(0, 1)), DTypeError, "axis is (0, 1); expected"),
    "two axes for the first version": (SOFTMAX, dict(labels=SOFT, logits=Z, axis=None), DTypeError, "axis is None"),
    "an axis out of range on probabilities": (
        CROSS, dict(labels=SOFT, probs=SOFT, axis=5), ShapeError, "axis 5 is out of range for probs"),
    "a probability above 1": (
        BINARY, dict(labels=np.zeros(3), probs=np.array([0.5, 1.5, 0.5])), ArgumentError,
        "probs[1] is 1.5; probabilities lie in [0, 1].\n  For logits write sigmoid_cross_entropy_with_logits"),
    "a probability below 0": (
        CROSS, dict(labels=SOFT, probs=SOFT - 0.5), ArgumentError, "write softmax_cross_entropy_with_logits"),
    "a probability above 1 beside a NaN": (
        BINARY, dict(labels=np.zeros(3), probs=np.array([NAN, 1.5, 0.5])), ArgumentError, "probs[1] is 1.5"),
    "labels and probabilities of other shapes": (
        CROSS, dict(labels=SOFT[:1], probs=SOFT), ShapeError, "labels have shape (1, 4), probs have shape (5, 4)"),
    "labels and probabilities of other shapes with class weights": (
        CROSS, dict(labels=SOFT[:1], probs=SOFT, class_weight=np.ones(4)), ShapeError, "labels have shape (1, 4)"),
    "a reduction that does not exist": (
        SIGMOID, dict(labels=P32, logits=P32, reduction="average"), ArgumentError, "reduction is 'average'; it can be"),
    "a pos_weight that does not fit": (
        WEIGHTED, dict(labels=P32, logits=P32, pos_weight=np.ones(2)), ShapeError,
        "pos_weight has shape (2,), logits have shape (3,)"),
    "a pos_weight that would enlarge the loss": (
        WEIGHTED, dict(labels=P32, logits=P32, pos_weight=np.ones((2, 3))), ShapeError, "pos_weight has shape (2, 3)"),
    "a negative pos_weight": (
        WEIGHTED, dict(labels=P32, logits=P32, pos_weight=-1.0), ArgumentError, "pos_weight is -1.0; it is 0 or more"),
    "a pos_weight of NaN": (WEIGHTED, dict(labels=P32, logits=P32, pos_weight=NAN), ArgumentError, "pos_weight is nan"),
    "text": (SIGMOID, dict(labels=np.array(["yes"]), logits=np.zeros(1)), DTypeError, "labels has dtype <U3"),
    "complex logits": (SPARSE, dict(labels=HARD, logits=Z * 1j), DTypeError, "logits is complex128"),
}  # fmt: skip


@pytest.mark.parametrize("case", MESSAGES)
@pytest.mark.parametrize("recorded", [False, True])
def test_bad_input_is_named_with_what_to_write_instead(case, recorded):
    function, arguments, kind, message = MESSAGES[case]
    name = "probs" if "probs" in arguments else "logits"
    if recorded and np.asarray(arguments[name]).dtype.kind != "c":  # a tensor can't be complex
        arguments = {**arguments, name: leaf(arguments[name])}
    with pytest.raises(kind) as caught:
        function(**arguments)
    assert message in str(caught.value)
    assert isinstance(caught.value, xe.XeError)


def test_arguments_are_keywords_only():
    for function in (SIGMOID, WEIGHTED, SOFTMAX, SOFTMAX_V2, SPARSE, BINARY, CROSS):
        with pytest.raises(TypeError, match="positional"):
            function(BITS, Z)


# -- PyTorch -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_pytorch_agrees_on_losses_and_gradients_without_weights(torch, dtype, reduction):
    F = torch.nn.functional
    tolerance = dict(rtol=2e-6, atol=1e-7) if dtype == np.float32 else dict(rtol=1e-13, atol=1e-15)
    z, p = Z.astype(dtype), VALUES["probs"].astype(dtype)
    bits, soft = BITS.astype(dtype), SOFT.astype(dtype)
    q = np.array([0.5, 1, 2, 3], dtype)

    def compare(ours, theirs, x):
        t, u = xe.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        a, b = ours(t), theirs(u)
        a.sum().backward()
        b.sum().backward()
        np.testing.assert_allclose(a.data, b.detach().numpy(), **tolerance)
        np.testing.assert_allclose(t.grad, u.grad.numpy(), **tolerance)

    tensor = torch.tensor
    compare(lambda t: SIGMOID(labels=bits, logits=t, reduction=reduction),
            lambda u: F.binary_cross_entropy_with_logits(u, tensor(bits), reduction=reduction), z)  # fmt: skip
    compare(lambda t: WEIGHTED(labels=bits, logits=t, pos_weight=q, reduction=reduction),
            lambda u: F.binary_cross_entropy_with_logits(
                u, tensor(bits), pos_weight=tensor(q), reduction=reduction), z)  # fmt: skip
    compare(lambda t: SOFTMAX_V2(labels=soft, logits=t, reduction=reduction),
            lambda u: F.cross_entropy(u, tensor(soft), reduction=reduction), z)  # fmt: skip
    compare(lambda t: SPARSE(labels=HARD, logits=t, reduction=reduction),
            lambda u: F.cross_entropy(u, tensor(HARD), reduction=reduction), z)  # fmt: skip
    compare(lambda t: BINARY(labels=bits, probs=t, reduction=reduction),
            lambda u: F.binary_cross_entropy(u, tensor(bits), reduction=reduction), p)  # fmt: skip
    compare(lambda t: SPARSE(labels=HARD, logits=t, axis=0, reduction=reduction),
            lambda u: F.cross_entropy(u.T, tensor(HARD), reduction=reduction), np.ascontiguousarray(z.T))  # fmt: skip


def test_pytorch_differs_where_a_label_is_certain_or_a_probability_is_0(torch):
    F = torch.nn.functional
    z = np.array([[40.0, 0.0]])
    assert F.cross_entropy(torch.tensor(z), torch.tensor([0])) == 0 < SPARSE(labels=np.array([0]), logits=z)[0]
    p = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    F.binary_cross_entropy(p, torch.ones(1, dtype=torch.float64)).backward()  # clamped: 100 and -1e12, for inf and -inf
    assert p.grad.item() == pytest.approx(-1e12, rel=1e-6)
    masked = torch.tensor([[1.0, -INF]])
    assert torch.isnan(F.cross_entropy(masked, torch.tensor([[1.0, 0.0]])))
    assert SOFTMAX(labels=np.array([[1.0, 0.0]]), logits=np.array([[1.0, -INF]])) == 0
