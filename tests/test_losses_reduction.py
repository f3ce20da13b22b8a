"""Weights and reductions of losses: sums, weighted means, dropped terms, empty means, messages."""

import warnings

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.errors import ArgumentError, EmptyMeanWarning, ShapeError
from tinygrad_xe.losses.reduction import reduced

LOSS = np.array([[1.0, 2.0], [4.0, 8.0]])
WEIGHT = np.array([[1.0, 0.0], [0.5, 2.5]])


def leaf(values, dtype=np.float64):
    return xe.tensor(np.asarray(values, dtype), requires_grad=True)


def test_without_weights_and_reduction_the_loss_comes_back_as_it_is():
    assert reduced("f", LOSS) is LOSS


@pytest.mark.parametrize(
    "reduction, expected", [("none", WEIGHT * LOSS), ("sum", 23.0), ("mean", 5.75)], ids=["none", "sum", "mean"]
)
def test_weights_multiply_and_the_mean_divides_by_their_sum(reduction, expected):
    np.testing.assert_array_equal(reduced("f", LOSS, reduction, WEIGHT), expected)
    np.testing.assert_array_equal(reduced("f", leaf(LOSS), reduction, WEIGHT).data, expected)


def test_without_weights_the_mean_divides_by_the_number_of_losses():
    assert reduced("f", LOSS, "mean") == 3.75
    assert reduced("f", LOSS, "sum") == 15.0


def test_the_gradient_of_the_mean_is_the_weight_over_the_sum_of_the_weights():
    loss = leaf(LOSS)
    reduced("f", loss, "mean", WEIGHT).backward()
    np.testing.assert_array_equal(loss.grad, WEIGHT / 4)


def test_the_gradient_in_a_weight_is_the_loss_above_the_mean_over_the_sum_of_the_weights():
    weight = leaf(WEIGHT)
    mean = reduced("f", LOSS, "mean", weight)
    mean.backward()
    kept = WEIGHT > 0
    np.testing.assert_allclose(weight.grad[kept], ((LOSS - 5.75) / 4)[kept], rtol=1e-15)


@pytest.mark.parametrize("bad", [np.inf, np.nan, -np.inf])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_a_weight_of_zero_drops_a_loss_that_is_not_finite_and_its_gradient(bad, reduction):
    x = leaf([bad, 2.0, 3.0])
    weight = np.array([0.0, 1.0, 3.0])
    with np.errstate(invalid="ignore"):
        result = reduced("f", x * x, reduction, weight)
    expected = {"none": [0.0, 4.0, 27.0], "sum": 31.0, "mean": 7.75}[reduction]
    np.testing.assert_array_equal(result.data, expected)
    result.sum().backward()
    np.testing.assert_array_equal(x.grad, np.array([0.0, 4.0, 18.0]) / (4 if reduction == "mean" else 1))


def test_when_every_weight_is_zero_the_mean_is_zero_with_gradient_zero_and_a_warning():
    x = leaf([1.0, np.inf])
    with pytest.warns(EmptyMeanWarning, match="my_loss: all 2 weights are 0"):
        mean = reduced("my_loss", x * 2, "mean", np.zeros(2))
    assert mean.item() == 0
    mean.backward()
    np.testing.assert_array_equal(x.grad, [0.0, 0.0])


@pytest.mark.parametrize("reduction", ["none", "sum"])
def test_weights_that_are_all_zero_need_no_warning_where_nothing_is_divided(reduction):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(reduced("f", LOSS, reduction, 0 * LOSS), 0 * LOSS if reduction == "none" else 0)


@pytest.mark.parametrize("weight", [None, np.ones((0, 3))])
def test_the_mean_of_no_losses_raises_and_says_what_to_write(weight):
    with pytest.raises(ShapeError, match=r"my_loss: the mean of no losses.*shape \(0, 3\).*reduction='sum'"):
        reduced("my_loss", np.ones((0, 3)), "mean", weight)
    assert reduced("my_loss", np.ones((0, 3)), "sum", weight) == 0
    assert reduced("my_loss", np.ones((0, 3)), "none", weight).shape == (0, 3)


def test_weights_are_not_broadcast():
    with pytest.raises(
        ShapeError, match=r"my_loss: the weights have shape \(2,\), the losses have shape \(2, 2\)"
    ) as caught:
        reduced("my_loss", LOSS, "sum", np.ones(2))
    assert "np.broadcast_to" in str(caught.value)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
@pytest.mark.parametrize("wrap", [np.asarray, xe.tensor])
def test_a_negative_infinite_or_undefined_weight_is_named_with_its_place(bad, wrap):
    with pytest.raises(
        ArgumentError, match=rf"my_loss: the weight at \[1, 0\] is {bad}; weights are finite, 0 or more"
    ):
        reduced("my_loss", LOSS, "sum", wrap([[1.0, 1.0], [bad, 1.0]]))


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_another_reduction_is_refused_with_the_three_there_are(weight):
    with pytest.raises(ArgumentError, match="my_loss: reduction is 'average'; it can be 'none', 'sum' or 'mean'"):
        reduced("my_loss", LOSS, "average", weight)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("wrap", [np.asarray, np.ndarray.tolist, xe.tensor])
@pytest.mark.parametrize("weight", [WEIGHT, WEIGHT > 0, np.array([[1, 0], [2, 3]])], ids=["float64", "bool", "int64"])
def test_a_float32_loss_stays_float32_whatever_the_weights_are(reduction, weight, wrap):
    loss = leaf(LOSS, np.float32)
    result = reduced("f", loss, reduction, wrap(weight))
    assert result.dtype == np.float32
    result.sum().backward()
    assert loss.grad.dtype == np.float32


@pytest.mark.parametrize("wrap", [np.asarray, xe.tensor])
def test_plain_losses_give_plain_results_and_tensors_give_tensors(wrap):
    kind = xe.Tensor if wrap is xe.tensor else np.ndarray | np.generic
    for reduction in ("none", "sum", "mean"):
        for weight in (None, WEIGHT):
            assert isinstance(reduced("f", wrap(LOSS), reduction, weight), kind)


def test_pytorch_divides_a_weighted_mean_of_squares_by_the_sum_of_the_weights_too():
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch")
    prediction, weight = np.array([1.0, 2.0]), np.array([1.0, 3.0])
    theirs = torch.nn.functional.mse_loss(
        torch.tensor(prediction), torch.zeros(2, dtype=torch.float64), weight=torch.tensor(weight)
    )
    assert reduced("mse", prediction**2, "mean", weight) == theirs.item() == 3.25


def test_pytorch_divides_a_weighted_mean_of_binary_cross_entropies_by_their_number_instead():
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch")
    zeros, labels, weight = torch.zeros(2), torch.tensor([1.0, 0.0]), torch.tensor([3.0, 1.0])
    theirs = torch.nn.functional.binary_cross_entropy_with_logits(zeros, labels, weight=weight).item()
    assert theirs == pytest.approx(2 * np.log(2), rel=1e-6)
    assert reduced("f", np.full(2, np.log(2)), "mean", weight.numpy()) == pytest.approx(np.log(2), rel=1e-15)
