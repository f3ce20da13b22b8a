"""Masks: a branch that was not taken sends no 0 * inf = NaN back, and where a limit may be meant the NaN stays.

"PyTorch: ..." in a docstring is the gradient that PyTorch 2.13 gives for the same expression.
"""

import numpy as np
import pytest

import tinygrad_xe as xe

NAN = np.nan


@pytest.fixture(autouse=True)
def quiet():
    """Branches that are not taken divide by zero on the way forward."""
    with np.errstate(all="ignore"):
        yield


def leaf(values):
    return xe.tensor(np.array(values, float), requires_grad=True)


def gradient(function, *values, **options):
    """The gradient of the sum of ``function(x)``, at `values`."""
    x = leaf(values)
    function(x).sum().backward(**options)
    return np.array(x.grad.data if isinstance(x.grad, xe.Tensor) else x.grad)


def two_gradients(function, *values):
    """The first and the second derivative of an elementwise function."""
    x = leaf(values)
    function(x).sum().backward(create_graph=True)
    first = x.grad
    x.zero_grad()
    first.sum().backward()
    return first.detach().numpy(), x.grad


def same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0, equal_nan=True)


# -- conditions --------------------------------------------------------------------------------------------------------


def test_a_branch_not_taken_by_greater_sends_nothing():
    """PyTorch: [nan, 0.25]."""
    same(gradient(lambda x: np.where(x > 0, np.sqrt(x), 0), 0, 4), [0, 0.25])


def test_a_branch_not_taken_by_less_or_equal_sends_nothing():
    """PyTorch: [nan, 0.25]."""
    same(gradient(lambda x: np.where(x <= 0, 0, np.sqrt(x)), 0, 4), [0, 0.25])


def test_a_branch_not_taken_by_less_sends_nothing():
    """PyTorch: [nan, 0.25]."""
    same(gradient(lambda x: np.where(x < 1, 0, np.sqrt(x)), 0, 4), [0, 0.25])


def test_a_branch_not_taken_by_greater_or_equal_sends_nothing():
    """PyTorch: [nan, 0.25]."""
    same(gradient(lambda x: np.where(x >= 1, np.sqrt(x), 0), 0, 4), [0, 0.25])


def test_both_branches_are_cleaned_where_each_is_not_taken():
    """PyTorch: [nan, nan, nan]: outside its domain each branch has the derivative NaN."""
    same(gradient(lambda x: np.where(x > 0, np.sqrt(x), np.sqrt(1 - x)), 0, -3, 4), [-0.5, -0.25, 0.25])


def test_the_taken_branch_keeps_its_own_nan_and_infinity():
    """PyTorch: [inf, nan, 0.25]."""
    same(gradient(lambda x: np.where(x < 9, np.sqrt(x), 0), 0, -1, 4), [np.inf, NAN, 0.25])


LOGICAL = {
    "and": lambda x: (x > 0) & (x < 9),
    "or not": lambda x: ~((x <= 0) | (x >= 9)),
    "np.logical_and": lambda x: np.logical_and(x > 0, x < 9),
    "np.logical_not of np.logical_or": lambda x: np.logical_not(np.logical_or(x <= 0, x >= 9)),
    "xor": lambda x: (x > 0) ^ (x >= 9),
    "np.logical_xor": lambda x: np.logical_xor(x > 0, x >= 9),
    "and a plain array": lambda x: (x > 0) & np.array([True, True, False]),
    "a plain array and": lambda x: np.array([True, True, False]) & (x > 0),
}


@pytest.mark.parametrize("condition", LOGICAL.values(), ids=LOGICAL)
def test_a_logical_combination_of_inequalities_masks(condition):
    """PyTorch: [nan, 0.25, 0.0]."""
    same(gradient(lambda x: np.where(condition(x), np.sqrt(x), 0), 0, 4, 9), [0, 0.25, 0])


def test_isnan_masks():
    """PyTorch: [nan, 1.0] for ``where(isnan(x / x), 0, x / x * x)``."""
    same(gradient(lambda x: np.where(np.isnan(x / x), 0, x / x * x), 0, 4), [0, 1])


def test_isfinite_masks():
    """PyTorch: [nan, 0.25] for ``where(isfinite(log(x)), log(x), 0)``."""
    same(gradient(lambda x: np.where(np.isfinite(np.log(x)), np.log(x), 0), 0, 4), [0, 0.25])


def test_isinf_and_signbit_mask():
    """PyTorch: [nan, 0.25] for both."""
    same(gradient(lambda x: np.where(np.isinf(1 / x), 0, np.sqrt(x)), 0, 4), [0, 0.25])
    same(gradient(lambda x: np.where(np.signbit(x), 0, np.sqrt(x)), -0.0, 4), [0, 0.25])


def test_an_untracked_boolean_array_masks():
    """PyTorch: [nan, 0.25]."""
    same(gradient(lambda x: np.where(np.array([False, True]), np.sqrt(x), 0), 0, 4), [0, 0.25])


def test_an_untracked_boolean_tensor_masks():
    """PyTorch: [nan, 0.25]."""
    same(gradient(lambda x: np.where(xe.tensor([False, True]), np.sqrt(x), 0), 0, 4), [0, 0.25])


def test_an_equality_of_untracked_values_masks():
    """PyTorch: [nan, 0.25]; no limit can be meant, since the condition does not depend on x."""
    labels = xe.tensor([0, 1])
    same(gradient(lambda x: np.where(labels == 1, np.sqrt(x), 0), 0, 4), [0, 0.25])
    same(gradient(lambda x: np.where(x.detach() != 0, np.sqrt(x), 0), 0, 4), [0, 0.25])


def test_integers_as_a_condition_mask():
    """PyTorch: an error; NumPy takes any number that is not 0 for true."""
    same(gradient(lambda x: np.where(np.array([0, 2]), np.sqrt(x), 0), 0, 4), [0, 0.25])


def test_nested_wheres_mask_at_each_level():
    """PyTorch: [nan, 0.0, 0.25, -0.00390625]."""
    inner = lambda x: np.where(x > 0, 1 / x, 0)
    same(gradient(lambda x: np.where(x > 1, np.where(x < 9, np.sqrt(x), inner(x)), 0), 0, 0.5, 4, 16),
         [0, 0, 0.25, -1 / 256])  # fmt: skip


def test_a_scalar_where_masks():
    """PyTorch: nan."""
    x = xe.tensor(0.0, requires_grad=True)
    np.where(x > 0, np.sqrt(x), 2 * x).backward()
    assert x.grad.shape == () and x.grad == 2


# -- what a mask passes through ----------------------------------------------------------------------------------------

VIEWS = {
    "reshape": lambda s: s.reshape(3, 2),
    "transpose": lambda s: s.T,
    "swapaxes": lambda s: np.swapaxes(s, 0, 1),
    "ravel": lambda s: s.ravel(),
    "flip": lambda s: np.flip(s, 1),
    "roll": lambda s: np.roll(s, 1, 1),
    "expand_dims": lambda s: s[None],
    "concatenate": lambda s: np.concatenate([s, s], 1),
    "concatenate with plain": lambda s: np.concatenate([s, np.ones((1, 3))]),
    "stack": lambda s: np.stack([s, s], 1),
    "broadcast_to": lambda s: np.broadcast_to(s, (2, 2, 3)),
    "repeat": lambda s: np.repeat(s, 2, 1),
    "negative": lambda s: -s,
    "exp": np.exp,
    "add, broadcasting": lambda s: s + np.ones((2, 1, 1)),
    "multiply": lambda s: 3 * s,
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_mask_passes_through(view):
    """PyTorch: NaN at 0. The gradient must be the one of a square root that never sees the 0."""
    values = np.array([[0.0, 4.0, 1.0], [9.0, 0.0, 16.0]])
    taken = view(np.where(values > 0, 1.0, 0.0)) != view(np.zeros((2, 3)))
    x, y = leaf(values), leaf(values)
    np.where(taken, view(np.sqrt(x)), 0).sum().backward()
    np.where(taken, view(np.sqrt(np.where(values > 0, y, 1))), 0).sum().backward()
    assert taken.any() and not taken.all()
    same(x.grad, y.grad)


@pytest.mark.parametrize("reduce", [np.sum, np.mean, np.prod, np.max, np.std], ids=lambda f: f.__name__)
@pytest.mark.parametrize("keepdims", [False, True])
def test_a_mask_passes_through_a_reduction_over_an_axis(reduce, keepdims):
    """PyTorch: NaN at 0, since 0 * inf comes from the square root; the same numbers elsewhere."""
    values = np.array([[0.0, 4.0], [9.0, 16.0]])
    x, y = leaf(values), leaf(values[1])
    reduced = reduce(np.sqrt(x), axis=1, keepdims=keepdims)
    np.where(np.reshape([False, True], reduced.shape), reduced, 0).sum().backward()
    reduce(np.sqrt(y)).backward()
    same(x.grad, [[0, 0], y.grad])


def test_a_mask_passes_through_a_whole_reduction():
    """PyTorch: [nan, 0.0]."""
    same(gradient(lambda x: np.where(x.sum() > 9, np.sqrt(x).sum(), 0), 0, 4), [0, 0])
    same(gradient(lambda x: np.where(x.sum() > 9, np.sqrt(x).mean(), 0), 0, 4), [0, 0])


def test_a_mask_passes_through_a_reduction_over_several_axes():
    """PyTorch: NaN at 0."""
    values = np.array([[[0.0], [4.0]], [[9.0], [16.0]]])
    x = leaf(values)
    np.where([False, True], np.sqrt(x).sum(axis=(1, 2)), 0).sum().backward()
    same(x.grad, [[[0], [0]], [[1 / 6], [1 / 8]]])


def test_an_element_that_was_broadcast_is_kept_if_any_of_its_places_was_taken():
    """PyTorch: [nan, 0.25]; masks are any()-reduced with the cotangent."""
    x = leaf([0.0, 4.0])
    np.where([[False, False], [False, True], [False, False]], np.sqrt(x), 0).sum().backward()
    same(x.grad, [0, 0.25])


def test_paths_that_meet_keep_what_either_takes():
    """PyTorch: [nan, 1.0, 0.5]."""

    def both(x):
        s = np.sqrt(x)
        return np.where(x > 0, s, 0) + np.where(x > 1, s, 0)

    same(gradient(both, 0, 0.25, 4), [0, 1, 0.5])


def test_a_path_without_a_mask_keeps_the_nan():
    """PyTorch: [nan, 0.25]; ``0 * s`` is a path that merely has a zero cotangent."""

    def both(x):
        s = np.sqrt(x)
        return np.where(x > 0, s, 0) + 0 * s

    same(gradient(both, 0, 4), [NAN, 0.25])

    def other_way(x):
        s = np.sqrt(x)
        return 0 * s + np.where(x > 0, s, 0)

    same(gradient(other_way, 0, 4), [NAN, 0.25])


# -- other operations that select --------------------------------------------------------------------------------------

SOURCES = {
    "maximum": (lambda x: np.maximum(np.sqrt(x), 0.5), [0, 0.25]),
    "maximum, second": (lambda x: np.maximum(0.5, np.sqrt(x)), [0, 0.25]),
    "fmax": (lambda x: np.fmax(np.sqrt(x), 0.5), [0, 0.25]),
    "minimum": (lambda x: np.minimum(-np.sqrt(x), -0.5), [0, -0.25]),
    "fmin": (lambda x: np.fmin(-np.sqrt(x), -0.5), [0, -0.25]),
    "minimum of an infinity": (lambda x: np.minimum(1 / x, 0.5), [0, -0.0625]),
    "clip": (lambda x: np.clip(np.sqrt(x), 0.5, 3), [0, 0.25]),
    "clip of log": (lambda x: np.clip(np.log(x), -100, None), [0, 0.25]),
    "relu": (lambda x: xe.relu(np.sqrt(x) - 1), [0, 0.25]),
    "max": (lambda x: np.max(np.sqrt(x)), [0, 0.25]),
    "max over an axis": (lambda x: np.max(np.sqrt(x), axis=0), [0, 0.25]),
    "max over an axis, kept": (lambda x: np.max(np.sqrt(x), axis=0, keepdims=True), [0, 0.25]),
    "min": (lambda x: np.min(-np.sqrt(x)), [0, -0.25]),
    "an index": (lambda x: np.sqrt(x)[1], [0, 0.25]),
    "a slice": (lambda x: np.sqrt(x)[1:], [0, 0.25]),
    "a mask as an index": (lambda x: np.sqrt(x)[np.array([False, True])], [0, 0.25]),
    "an inequality as an index": (lambda x: np.sqrt(x)[x > 0], [0, 0.25]),
    "an index array": (lambda x: np.sqrt(x)[[1, 1]], [0, 0.5]),
    "take": (lambda x: np.take(np.sqrt(x), [1]), [0, 0.25]),
}


@pytest.mark.parametrize("function, expected", SOURCES.values(), ids=SOURCES)
def test_what_an_operation_does_not_select_gets_gradient_zero(function, expected):
    """PyTorch: NaN at 0, and the same number at 4, in every case."""
    same(gradient(function, 0, 4), expected)
    same(gradient(function, 0, 4, create_graph=True), expected)


def test_a_slice_of_a_square_root_at_zero_and_one():
    """PyTorch: [nan, 0.5]."""
    same(gradient(lambda x: np.sqrt(x)[1:], 0, 1), [0, 0.5])


def test_an_index_meets_a_mask_from_above():
    """PyTorch: [nan, nan, 0.25]."""
    same(gradient(lambda x: np.where(x[1:] > 0, np.sqrt(x)[1:], 0), 0, 0, 4), [0, 0, 0.25])


def test_an_index_that_takes_everything_makes_no_mask():
    """PyTorch: [nan]."""
    same(gradient(lambda x: (0 * np.sqrt(x))[:], 0), [NAN])


def test_masks_from_several_sources_are_combined():
    """PyTorch: [nan, 0.25, 0.0]."""
    same(gradient(lambda x: np.minimum(np.where(x > 0, np.sqrt(x), 0), 3), 0, 4, 100), [0, 0.25, 0])
    same(gradient(lambda x: np.where(x > 0, np.maximum(np.sqrt(x), 1), 0), 0, 4, 0.25), [0, 0.25, 0])


def test_a_nan_that_an_extremum_takes_stays():
    """PyTorch: [nan, 0.0] for maximum at [-1, 0.25]: the result is NaN as well."""
    same(gradient(lambda x: np.maximum(np.sqrt(x), 1), -1, 0.25), [NAN, 0])


# -- where the NaN stays -----------------------------------------------------------------------------------------------


def test_a_mask_stops_at_matmul():
    """PyTorch: [nan, 0.25]; a product mixes its operands, and detect_nonfinite names the step."""
    same(gradient(lambda x: np.where(x > 0, np.eye(2) @ np.sqrt(x), 0), 0, 4), [NAN, 0.25])


def test_a_mask_stops_at_cumsum():
    """PyTorch: [nan, 0.25]."""
    sums = lambda x: np.flip(np.cumsum(np.flip(np.sqrt(x))))
    same(gradient(lambda x: np.where([False, True], sums(x), 0), 0, 4), [NAN, 0.25])


EQUALITIES = {
    "==": lambda x: x == 0,
    "!=": lambda x: ~(x != 0),
    "np.equal": lambda x: np.equal(x, 0),
    "np.logical_not of !=": lambda x: np.logical_not(x != 0),
    "np.logical_and of ==": lambda x: np.logical_and(x == 0, x < 9),
    "and of ==": lambda x: (x < 9) & (x == 0),
    "or of ==": lambda x: (x == 0) | (x < -9),
    "np.logical_or of ==": lambda x: np.logical_or(x < -9, x == 0),
    "xor of ==": lambda x: (x == 0) ^ (x < -9),
    "reshaped ==": lambda x: (x == 0).reshape(2, 1)[:, 0],
    "np.logical_not of x": np.logical_not,
    "== of a computed tensor": lambda x: np.abs(x) == 0,
}


@pytest.mark.parametrize("condition", EQUALITIES.values(), ids=EQUALITIES)
def test_an_equality_of_a_tracked_tensor_makes_no_mask(condition):
    """PyTorch: [nan, -0.1161...]. A limit is meant: sin(x) / x, whose derivative at 0 is not that of 1."""
    slope = np.cos(4) / 4 - np.sin(4) / 16
    same(gradient(lambda x: np.where(condition(x), 1, np.sin(x) / x), 0, 4), [NAN, slope])


def test_a_tracked_number_as_a_condition_counts_as_compared_with_zero():
    """PyTorch: an error, as for integers; with ``x != 0``, [nan, -0.1161...]."""
    slope = np.cos(4) / 4 - np.sin(4) / 16
    same(gradient(lambda x: np.where(x, np.sin(x) / x, 1), 0, 4), [NAN, slope])


def test_a_mask_from_above_still_passes_a_where_on_an_equality():
    """PyTorch: [nan, -0.1161...]; the outer inequality says that the place is not wanted at all."""
    slope = np.cos(4) / 4 - np.sin(4) / 16
    same(gradient(lambda x: np.where(x > 0, np.where(x == 0, 1, np.sin(x) / x), 0), 0, 4), [0, slope])


def test_a_cotangent_that_merely_is_zero_kills_nothing():
    """PyTorch: [nan]: the cotangent of sqrt(x) is 2 * sqrt(x) = 0 there."""
    same(gradient(lambda x: np.sqrt(x) ** 2, 0), [NAN])
    same(gradient(lambda x: np.sqrt(x) ** 2, 0, create_graph=True), [NAN])


def test_a_factor_of_zero_kills_nothing():
    """PyTorch: [nan, 0.0] for both."""
    same(gradient(lambda x: np.sqrt(x) * 0, 0, 4), [NAN, 0])
    same(gradient(lambda x: np.sqrt(x) * (x > 0), 0, 4), [NAN, 0.25])


# -- second derivatives ------------------------------------------------------------------------------------------------


def test_the_second_derivative_of_a_masked_power_is_masked():
    """PyTorch: first [0, 3], second [nan, 0.375]."""
    first, second = two_gradients(lambda x: np.where(x > 0, x**1.5, 0), 0, 4)
    same(first, [0, 3])
    same(second, [0, 0.375])


def test_the_second_derivative_of_a_masked_square_root_is_masked():
    """PyTorch: first [nan, 0.25], second [nan, -0.03125]."""
    first, second = two_gradients(lambda x: np.where(x > 0, np.sqrt(x), 0), 0, 4)
    same(first, [0, 0.25])
    same(second, [0, -0.03125])


@pytest.mark.parametrize("function", [
    lambda x: np.maximum(np.sqrt(x), 0.5),
    lambda x: np.clip(np.sqrt(x), 0.5, 3),
    lambda x: np.sqrt(x)[1:],
    lambda x: np.max(np.sqrt(x)),
    lambda x: np.where(x > 0, np.sqrt(x), 0).reshape(2, 1).T,
], ids=["maximum", "clip", "slice", "max", "where through views"])  # fmt: skip
def test_the_second_derivative_of_what_is_not_selected_is_zero(function):
    """PyTorch: first [nan, 0.25], second [nan, -0.03125]."""
    first, second = two_gradients(function, 0, 4)
    same(first, [0, 0.25])
    same(second, [0, -0.03125])


def test_a_mask_over_broadcasting_holds_in_the_second_derivative():
    """PyTorch: first [nan, 0.5], second [nan, -0.0625]."""
    _, second = two_gradients(lambda x: np.where(x > np.zeros((2, 1)), np.sqrt(x), 0), 0, 4)
    same(second, [0, -0.0625])


def test_paths_that_meet_are_ored_with_create_graph_too():
    """PyTorch: first [nan, 1.0, 0.5], second [nan, -2.0, -0.0625]."""

    def both(x):
        s = np.sqrt(x)
        return np.where(x > 0, s, 0) + np.where(x > 1, s, 0)

    first, second = two_gradients(both, 0, 0.25, 4)
    same(first, [0, 1, 0.5])
    same(second, [0, -2, -1 / 16])


def test_float32_stays_float32_under_a_mask():
    """PyTorch: [nan, 0.25]."""
    x = xe.tensor(np.array([0, 4], np.float32), requires_grad=True)
    np.where(x > 0, np.sqrt(x), np.float32(0)).sum().backward()
    assert x.grad.dtype == np.float32
    same(x.grad, [0, 0.25])


def test_where_nothing_is_nan_the_masked_and_the_plain_sweep_agree():
    x = leaf(np.linspace(0.1, 3, 7))
    out = np.where(x > 1, np.sqrt(x), np.maximum(x**3, 0.2)).reshape(7, 1).T[:, 1:].sum()
    out.backward(retain_graph=True)
    plain = x.grad
    x.zero_grad()
    out.backward(create_graph=True)
    np.testing.assert_array_equal(plain, x.grad.data)


# -- PyTorch -----------------------------------------------------------------------------------------------------------

THEIRS = {
    "where": (lambda x: np.where(x > 0, np.sqrt(x), 0),
              lambda t, x: t.where(x > 0, t.sqrt(x), t.zeros_like(x)), [NAN, 0.25]),
    "slice": (lambda x: np.sqrt(x)[1:], lambda t, x: t.sqrt(x)[1:], [NAN, 0.25]),
    "maximum": (lambda x: np.maximum(np.sqrt(x), 0.5), lambda t, x: t.clamp(t.sqrt(x), min=0.5), [NAN, 0.25]),
    "max": (lambda x: np.max(np.sqrt(x)), lambda t, x: t.sqrt(x).max(), [NAN, 0.25]),
    "relu": (lambda x: xe.relu(np.sqrt(x) - 1), lambda t, x: t.relu(t.sqrt(x) - 1), [NAN, 0.25]),
    "isnan": (lambda x: np.where(np.isnan(x / x), 0, x / x * x),
              lambda t, x: t.where(t.isnan(x / x), t.zeros_like(x), x / x * x), [NAN, 1.0]),
}  # fmt: skip


@pytest.mark.parametrize("ours, theirs, answer", THEIRS.values(), ids=THEIRS)
def test_pytorch_answers_what_the_docstrings_say_and_agrees_where_it_is_finite(torch, ours, theirs, answer):
    x = torch.tensor([0.0, 4.0], dtype=torch.float64, requires_grad=True)
    theirs(torch, x).sum().backward()
    same(x.grad.numpy(), answer)
    same(gradient(ours, 0, 4), [0, answer[1]])
