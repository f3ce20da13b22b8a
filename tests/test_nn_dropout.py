"""Dropout as a function and as a layer."""

import re

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.nn.dropout import Dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_share_that_is_dropped_is_p_and_the_rest_grows(p):
    out = xe.dropout(np.ones(20_000), p, rng=0)
    np.testing.assert_allclose(np.unique(out), [0, 1 / (1 - p)])
    assert abs((out == 0).mean() - p) < 4 * (p * (1 - p) / out.size) ** 0.5  # four standard deviations
    assert out.mean() == pytest.approx(1, abs=0.03)


def test_elements_are_dropped_independently_of_their_neighbours():
    kept = xe.dropout(np.ones((200, 200)), 0.3, rng=1) != 0
    for axis in (0, 1):
        assert abs(np.corrcoef(kept.ravel(), np.roll(kept, 1, axis).ravel())[0, 1]) < 0.02


def test_the_gradient_passes_where_the_value_does():
    x = xe.tensor(np.linspace(1, 2, 50), requires_grad=True)
    out = xe.dropout(x, 0.4, rng=0)
    out.sum().backward()
    np.testing.assert_allclose(x.grad, out.data / x.data)
    assert {0.0, 1 / 0.6} == set(x.grad)


def test_a_second_derivative_flows_through_with_the_same_mask():
    x = xe.tensor(np.linspace(1, 2, 50), requires_grad=True)
    (xe.dropout(x, 0.4, rng=0) ** 3).sum().backward(create_graph=True)
    first, x.grad = x.grad, None
    first.sum().backward()
    kept = first.data != 0
    np.testing.assert_allclose(x.grad, np.where(kept, 6 * x.data / 0.6**3, 0))


def test_nothing_is_dropped_in_evaluation_or_for_p_0_and_nothing_is_drawn():
    x, rng = xe.tensor([1.0, 2.0]), np.random.default_rng(0)
    before = rng.bit_generator.state
    assert xe.dropout(x, 0.5, training=False, rng=rng) is x and xe.dropout(x, 0.0, rng=rng) is x
    assert Dropout(0.5, rng=rng).eval()(x) is x
    assert rng.bit_generator.state == before


def test_everything_is_dropped_for_p_1():
    out = xe.dropout(xe.tensor([1.0, 2.0], requires_grad=True), 1, rng=0)
    assert not out.data.any()
    out.sum().backward()


def test_float32_is_kept():
    x = xe.tensor(np.ones(8, np.float32), requires_grad=True)
    out = xe.dropout(x, 0.3, rng=0)
    out.sum().backward()
    assert out.dtype == np.float32 and x.grad.dtype == np.float32


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan, np.inf])
def test_p_outside_0_to_1_is_refused(p):
    with pytest.raises(xe.ArgumentError, match=re.escape(f"dropout: p is {p}; it is the share of elements")):
        xe.dropout(np.ones(2), p)
    with pytest.raises(xe.ArgumentError, match=re.escape(f"Dropout: p is {p}")):
        Dropout(p)


def test_what_is_no_share_or_no_float_is_refused():
    with pytest.raises(xe.DTypeError, match="p is 'half'; expected a number"):
        xe.dropout(np.ones(2), "half")
    with pytest.raises(xe.DTypeError, match="x has dtype int64; expected floating-point numbers"):
        xe.dropout(np.array([1, 2]), 0.5)
    with pytest.raises(xe.DTypeError, match="x is None"):
        xe.dropout(None)


def test_the_same_seed_gives_the_same_masks_and_each_call_a_new_one():
    one, two, x = Dropout(0.5, rng=3), Dropout(0.5, rng=3), np.ones(64)
    first, second = one(x), one(x)
    assert (first != second).any()
    np.testing.assert_array_equal(two(x), first)
    np.testing.assert_array_equal(two(x), second)
    xe.seed(3)
    np.testing.assert_array_equal(Dropout(0.5)(x), first)


def test_a_layer_without_rng_follows_seed_at_each_call():
    layer, x = Dropout(0.5), np.ones(64)
    xe.seed(0)
    first = layer(x)
    xe.seed(0)
    np.testing.assert_array_equal(layer(x), first)


def test_train_and_eval_reach_a_dropout_inside_a_model():
    model = xe.nn.Sequential(xe.nn.Linear(4, 64, rng=0), Dropout(0.5, rng=0))
    x = np.ones((1, 4))
    assert (model(x).data == 0).any()
    assert not (model.eval()(x).data == 0).any()
    assert (model.train()(x).data == 0).any()
    assert repr(model[1]) == "Dropout(p=0.5)"
