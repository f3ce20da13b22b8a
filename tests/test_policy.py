"""The policy: where others are silently wrong, we are right, or raise with the fix, or stay NaN and name the place.

What others answer was measured with PyTorch 2.13, JAX 0.10.2 (64-bit, on a CPU), autograd 1.9.1 and MyGrad 2.5.0. The
tests of masks in all their forms are elsewhere; here stands one test a point, with the answers beside it.
"""

import math

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.errors import GradientLostError

NAN = math.nan


def gradient(function, values):
    x = xe.tensor(values, requires_grad=True, name="x")
    with np.errstate(all="ignore"):
        np.sum(function(x)).backward()
    return x.grad.tolist()


def second(function, values):
    x = xe.tensor(values, requires_grad=True)
    with np.errstate(all="ignore"):
        np.sum(function(x)).backward(create_graph=True)
        first, x.grad = x.grad, None
        first.sum().backward()
    return x.grad.tolist()


def same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-14)


# -- branches that are not taken ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "values", "expected"),
    [
        (lambda x: np.where(x > 0, np.sqrt(x), 0 * x), [-1.0, 4.0], [0.0, 0.25]),
        (lambda x: np.where(x > 0, np.sqrt(x), 0), [0.0, 4.0], [0.0, 0.25]),
        (lambda x: np.where(x > 0, np.log(x), 0), [0.0, 4.0], [0.0, 0.25]),
        (lambda x: np.where(x <= 0, 0, 1 / x), [0.0, 4.0], [0.0, -0.0625]),
        (lambda x: np.where((x > 0) & (x < 9), np.sqrt(x), 0), [-1.0, 4.0], [0.0, 0.25]),
        (lambda x: np.where(np.isnan(x), 0, x * x), [NAN, 4.0], [0.0, 8.0]),
        (lambda x: np.maximum(np.sqrt(x) - 1, 0), [0.0, 4.0], [0.0, 0.25]),
        (lambda x: np.sqrt(x)[1:], [0.0, 4.0], [0.0, 0.25]),
        (lambda x: np.where(x > 0, np.sum(np.sqrt(np.stack([x, x])), axis=0), 0), [0.0, 4.0], [0.0, 0.5]),
        (lambda x: np.where(x > 0, np.max(np.sqrt(np.stack([x, x])), axis=0), 0), [0.0, 4.0], [0.0, 0.25]),
        (lambda x: np.max(np.sqrt(x)), [0.0, 4.0], [0.0, 0.25]),
    ],
    ids=[
        "sqrt of -1",
        "sqrt at 0",
        "log at 0",
        "1/x at 0",
        "logical and",
        "isnan",
        "maximum",
        "index",
        "over a sum",
        "over a maximum",
        "largest",
    ],
)
def test_the_gradient_of_a_selection_is_that_of_what_was_selected(function, values, expected):
    """PyTorch, JAX, autograd and MyGrad: NaN in the first place of each, the same number in the second."""
    same(gradient(function, values), expected)


def test_the_second_derivative_of_a_selection_is_masked_too():
    """PyTorch, JAX and autograd: first [0, 3], second [NaN, 0.375]. MyGrad has no second derivatives."""
    function = lambda x: np.where(x > 0, x**1.5, 0)
    same(gradient(function, [0.0, 4.0]), [0.0, 3.0])
    same(second(function, [0.0, 4.0]), [0.0, 0.375])


def test_an_equality_usually_means_a_limit_so_nan_stays_and_the_equality_is_named():
    """PyTorch, JAX, autograd and MyGrad: NaN. The slope of (exp(x) - 1) / x at 0 is 1/2, that of the constant is 0."""
    function = lambda x: np.where(x == 0, 1, np.expm1(x) / x)
    found = gradient(function, [0.0, 1.0])
    assert math.isnan(found[0]) and found[1] == pytest.approx(1.0)
    with (
        pytest.raises(xe.NonFiniteError, match=r"compares with == or !=, where a limit is usually meant"),
        xe.detect_nonfinite(),
    ):
        gradient(function, [0.0, 1.0])


@pytest.mark.parametrize(
    "function", [lambda x: np.sqrt(x) ** 2, lambda x: 0 * np.sqrt(x)], ids=["square of root", "0 times root"]
)
def test_a_gradient_that_merely_is_zero_hides_no_nan(function):
    """PyTorch, JAX, autograd and MyGrad: NaN at 0 as well, and [1] and [0] at 4."""
    assert math.isnan(gradient(function, [0.0, 4.0])[0])


def test_a_selection_before_a_matrix_product_is_right():
    """PyTorch, JAX, autograd and MyGrad: [0, 1]."""
    same(gradient(lambda x: np.where(x > 0, x, 0) @ np.ones(2), [0.0, 4.0]), [0.0, 1.0])


def test_nan_stays_where_a_matrix_product_mixes_what_was_selected():
    """PyTorch: [NaN, 0.25], for the root lies below the product."""
    found = gradient(lambda x: np.where(x > 0, np.eye(2) @ np.sqrt(x), 0), [0.0, 4.0])
    assert math.isnan(found[0]) and found[1] == 0.25


# -- kinks and other special points ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "values", "expected"),
    [
        (lambda x: np.abs(x), [0.0, 1.0], [0.0, 1.0]),
        (lambda x: np.maximum(x, 0), [0.0, 1.0], [0.5, 1.0]),
        (lambda x: xe.relu(x), [0.0, 1.0], [0.0, 1.0]),
        (lambda x: np.max(x) + np.min(x), [1.0, 1.0], [1.0, 1.0]),
        (lambda x: x**0, [0.0, 1.0], [0.0, 0.0]),
        (lambda x: np.prod(x), [0.0, 3.0], [3.0, 0.0]),
        (lambda x: np.linalg.norm(x), [0.0, 0.0], [0.0, 0.0]),
        (lambda x: np.std(x), [1.0, 1.0], [0.0, 0.0]),
    ],
    ids=["abs", "maximum", "relu", "max + min", "x**0", "prod", "norm", "std"],
)
def test_special_points_take_a_documented_value(function, values, expected):
    """Where others differ: abs at 0 is 1 in JAX; maximum at a tie [0, 1] in MyGrad; prod at 0 [NaN, 0] in autograd;
    norm and std at a single point NaN in JAX, autograd and MyGrad; max + min of ties [2, 0] in PyTorch's ``max(0)`` and
    MyGrad.
    """
    same(gradient(function, values), expected)


@pytest.mark.parametrize("function", [lambda x: np.linalg.norm(x - 1), lambda x: np.std(x)], ids=["norm", "std"])
def test_unbounded_curvature_is_nan_and_not_zero(function):
    """The second derivative of std at (1, 1): 0 in PyTorch; NaN in JAX and autograd. Of norm: NaN in all three."""
    assert all(map(math.isnan, second(function, [1.0, 1.0])))


# -- values that leave the graph ---------------------------------------------------------------------------------------


def test_a_mathematical_function_of_a_tensor_raises():
    """x * math.exp(x) at 1 (5.437): 2.718 in PyTorch (with a warning) and MyGrad; errors in JAX and autograd."""
    x = xe.tensor(1.0, requires_grad=True)
    with pytest.raises(GradientLostError, match=r"Write np.exp\(t\) for math.exp\(t\)"):
        x * math.exp(x)
    (x * np.exp(x)).backward()
    assert x.grad == pytest.approx(2 * math.e)


def test_a_plain_array_of_a_tensor_raises():
    """np.asarray: an error in PyTorch and JAX; plain values, without a word, in MyGrad."""
    with pytest.raises(GradientLostError, match=r"t.detach\(\)"):
        np.asarray(np.exp(xe.tensor([1.0], requires_grad=True)))


def test_an_element_that_is_put_into_an_array_raises():
    """out[0] = x[0]: a plain number in PyTorch (with a warning) and in MyGrad (with none); a ValueError in autograd."""
    x, out = xe.tensor([1.0, 2.0], requires_grad=True), np.zeros(2)
    with pytest.raises(ValueError) as raised:
        out[0] = x[0]
    assert isinstance(raised.value.__cause__, GradientLostError)
    with pytest.raises(GradientLostError):
        out[:] = x


def test_a_tensor_made_of_a_tensor_raises():
    """torch.tensor(y): a copy without a gradient, and a warning."""
    with pytest.raises(GradientLostError, match="Write the tensor itself"):
        xe.tensor(xe.tensor([1.0], requires_grad=True) * 2)


# -- what changes between forward and backward -------------------------------------------------------------------------


def test_a_captured_array_that_changed_is_noticed():
    """Gradient [0, 0] instead of [3, 4], without a word: PyTorch (torch.from_numpy), JAX (jax.vjp, which may borrow the
    memory) and autograd. MyGrad makes the array read-only, so that the assignment raises.
    """
    x, c = xe.tensor([1.0, 2.0], requires_grad=True), np.array([3.0, 4.0])
    y = np.sum(x * c)
    c[:] = 0
    with pytest.raises(xe.GraphError, match=r"the array b of multiply, shape .*, was changed after it was used"):
        y.backward()


def test_a_leaf_that_was_updated_before_backward_is_noticed():
    """PyTorch: a RuntimeError, but [1, 3] instead of [2, 4] when the update goes by ``.data``. MyGrad: no gradient."""
    w = xe.tensor([1.0, 2.0], requires_grad=True, name="w")
    y = np.sum(w * w)
    with xe.no_grad():
        w -= 0.5
    with pytest.raises(xe.GraphError, match=r"tensor 'w', .* was assigned to after it was used"):
        y.backward()
    with pytest.raises(ValueError, match="read-only"):
        w.data[...] = 0


# -- requests that mean nothing ----------------------------------------------------------------------------------------


def test_a_graph_is_swept_once_unless_it_is_kept():
    """PyTorch: an error only if the graph kept something: x + x is swept twice. MyGrad: swept once, then nothing."""
    for function in (np.exp, lambda x: x + x):
        x = xe.tensor([1.0], requires_grad=True)
        y = np.sum(function(x))
        y.backward()
        with pytest.raises(xe.GraphError, match="retain_graph=True"):
            y.backward()


def test_several_values_have_no_single_gradient():
    """PyTorch, JAX and autograd: errors. MyGrad: the gradient of the sum."""
    x = xe.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(
        xe.ShapeError, match=r"exp has shape \(2,\) \(made at test_policy.py:.*\n.*belongs to a single value"
    ):
        np.exp(x).backward()


def test_whole_numbers_have_no_derivative():
    """PyTorch, JAX, autograd and MyGrad: errors."""
    with pytest.raises(xe.DTypeError, match="requires_grad=True needs floating-point values, got int64"):
        xe.tensor([1, 2], requires_grad=True)


# -- the answers of PyTorch, measured anew -----------------------------------------------------------------------------


def test_pytorch_still_answers_what_is_said_here(torch):
    def theirs(function, values):
        x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
        (first,) = torch.autograd.grad(function(x).sum(), x, create_graph=True)
        (curve,) = torch.autograd.grad(first.sum(), x, allow_unused=True) if first.requires_grad else (None,)
        return first.tolist(), None if curve is None else curve.tolist()

    zero = torch.zeros(2, dtype=torch.float64)
    same(theirs(lambda x: torch.where(x > 0, x.sqrt(), 0 * x), [-1.0, 4.0])[0], [NAN, 0.25])
    same(theirs(lambda x: torch.where(x > 0, x.log(), zero), [0.0, 4.0])[0], [NAN, 0.25])
    same(theirs(lambda x: torch.where(x.isnan(), zero, x * x), [NAN, 4.0])[0], [NAN, 8.0])
    same(theirs(lambda x: x.sqrt()[1:], [0.0, 4.0])[0], [NAN, 0.25])
    same(theirs(lambda x: torch.where(x > 0, x**1.5, zero), [0.0, 4.0]), [[0.0, 3.0], [NAN, 0.375]])
    assert math.isnan(theirs(lambda x: x.sqrt() ** 2, [0.0, 4.0])[0][0])
    same(theirs(lambda x: x.std(), [1.0, 1.0]), [[0.0, 0.0], [0.0, 0.0]])
    same(theirs(lambda x: x.max(0).values + x.min(0).values, [1.0, 1.0])[0], [2.0, 0.0])
    x, c = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True), np.array([3.0, 4.0])
    y = (x * torch.from_numpy(c)).sum()
    c[:] = 0
    y.backward()
    same(x.grad.tolist(), [0.0, 0.0])
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    y = (w * w).sum()
    w.data -= 0.5
    y.backward()
    same(w.grad.tolist(), [1.0, 3.0])
