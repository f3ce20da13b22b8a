"""First values: bounds, variances, orthogonality, gains, seeds, and what is refused."""

import math
import re

import numpy as np
import pytest
from nn_agreement import torch

import tinygrad_xe as xe
from tinygrad_xe.nn import init


def weights(*shape: int, dtype: type = np.float64) -> xe.Tensor:
    return xe.tensor(np.full(shape, 9.0, dtype), requires_grad=True)


DRAWS = {
    "uniform_": lambda t, rng: init.uniform_(t, -2, 1, rng=rng),
    "normal_": lambda t, rng: init.normal_(t, 1, 2, rng=rng),
    "trunc_normal_": lambda t, rng: init.trunc_normal_(t, rng=rng),
    "xavier_uniform_": lambda t, rng: init.xavier_uniform_(t, rng=rng),
    "xavier_normal_": lambda t, rng: init.xavier_normal_(t, rng=rng),
    "kaiming_uniform_": lambda t, rng: init.kaiming_uniform_(t, rng=rng),
    "kaiming_normal_": lambda t, rng: init.kaiming_normal_(t, rng=rng),
    "orthogonal_": lambda t, rng: init.orthogonal_(t, rng=rng),
}
EACH = pytest.mark.parametrize("name", DRAWS)


@EACH
def test_the_same_seed_gives_the_same_bits(name):
    one, two, other = (DRAWS[name](weights(6, 5), seed).data for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert (one != other).all()
    xe.seed(1)
    np.testing.assert_array_equal(DRAWS[name](weights(6, 5), None).data, one)


@EACH
def test_the_tensor_itself_is_changed_and_returned_with_its_dtype(name):
    tensor = weights(6, 5, dtype=np.float32)
    assert DRAWS[name](tensor, 0) is tensor
    assert tensor.dtype == np.float32 and tensor.requires_grad and (tensor.data != 9).all()


@EACH
def test_arrays_and_whole_numbers_are_refused(name):
    with pytest.raises(xe.DTypeError, match=f"{name}: got a ndarray; expected a Tensor to change"):
        DRAWS[name](np.ones((2, 2)), 0)
    with pytest.raises(xe.DTypeError, match=f"{name}: the tensor has dtype int64"):
        DRAWS[name](xe.tensor([[1, 2]]), 0)


@EACH
def test_a_graph_that_used_the_old_values_says_so(name):
    tensor = weights(3, 3)
    out = (tensor * tensor).sum()
    DRAWS[name](tensor, 0)
    with pytest.raises(xe.GraphError, match="was assigned to after it was used"):
        out.backward()


@EACH
def test_a_computed_tensor_is_refused(name):
    with pytest.raises(xe.GraphError, match="was computed"):
        DRAWS[name](weights(3, 3) * 2, 0)


def test_constants():
    assert (init.constant_(weights(2, 3), 0.5).data == 0.5).all()
    assert (init.zeros_(weights(2, 3)).data == 0).all()
    assert (init.ones_(weights(2, 3)).data == 1).all()
    with pytest.raises(xe.DTypeError, match="zeros_: got a list"):
        init.zeros_([0.0])


def test_uniform_fills_the_interval_evenly():
    values = init.uniform_(weights(200, 200), -2, 1, rng=0).data
    assert -2 <= values.min() < -1.99 and 0.99 < values.max() < 1
    assert values.mean() == pytest.approx(-0.5, abs=0.02) and values.var() == pytest.approx(9 / 12, rel=0.02)


def test_normal_has_the_mean_and_the_deviation():
    values = init.normal_(weights(200, 200), 1, 2, rng=0).data
    assert values.mean() == pytest.approx(1, abs=0.05) and values.std() == pytest.approx(2, rel=0.02)
    assert (np.abs(values - 1) < 2).mean() == pytest.approx(math.erf(math.sqrt(0.5)), abs=0.01)


@pytest.mark.parametrize("a, b", [(-2, 2), (-0.5, 3), (0.1, 0.2), (3, 9), (-9, -3), (7, 7.5)], ids=str)
def test_a_truncated_normal_has_the_moments_of_the_cut_distribution(a, b):
    stats = pytest.importorskip("scipy.stats", reason="SciPy's truncated normal distribution is the oracle")
    values = init.trunc_normal_(weights(100, 100), a=a, b=b, rng=0).data
    assert values.min() >= a and values.max() <= b
    assert stats.kstest(values.ravel(), stats.truncnorm(a, b).cdf).pvalue > 1e-3


def test_a_truncated_normal_takes_bounds_in_units_of_the_values():
    values = init.trunc_normal_(weights(100, 100), 5, 0.1, 4.9, 5.1, rng=0).data
    assert 4.9 <= values.min() < 4.91 and 5.09 < values.max() <= 5.1


@pytest.mark.parametrize("shape, fan_in, fan_out", [
    ((40, 160), 160, 40), ((16, 8, 5, 5), 200, 400), ((64, 32, 3), 96, 192),
], ids=str)  # fmt: skip
def test_xavier_and_kaiming_have_the_variances_of_their_papers(shape, fan_in, fan_out):
    expected = {
        2 / (fan_in + fan_out): (init.xavier_uniform_, init.xavier_normal_, {}),
        9 * 2 / (fan_in + fan_out): (init.xavier_uniform_, init.xavier_normal_, {"gain": 3}),
        2 / fan_in: (init.kaiming_uniform_, init.kaiming_normal_, {"nonlinearity": "relu"}),
        2 / fan_out: (init.kaiming_uniform_, init.kaiming_normal_, {"mode": "fan_out"}),
        2 / (1 + 5) / fan_in: (init.kaiming_uniform_, init.kaiming_normal_, {"a": math.sqrt(5)}),
        1.0 / fan_in: (init.kaiming_uniform_, init.kaiming_normal_, {"nonlinearity": "linear"}),
    }
    for variance, (uniform, normal, options) in expected.items():
        even, bell = (function(weights(*shape), rng=0, **options).data for function in (uniform, normal))
        bound = math.sqrt(3 * variance)
        assert 0.99 * bound < np.abs(even).max() <= bound
        assert even.var() == pytest.approx(variance, rel=0.05) and bell.var() == pytest.approx(variance, rel=0.08)
        assert np.abs(bell).max() > bound  # no bound


@pytest.mark.parametrize("name", ["xavier_uniform_", "kaiming_uniform_"])
@pytest.mark.parametrize("shape", [(7, 3), (4, 5, 3), (4, 5, 3, 2)], ids=str)
def test_the_bounds_are_pytorchs(name, shape):
    t = torch()
    theirs = getattr(t.nn.init, name)
    largest = max(theirs(t.empty(shape, dtype=t.float64)).abs().max().item() for _ in range(300))
    ours = np.abs([DRAWS[name](weights(*shape), seed).data for seed in range(300)]).max()
    assert ours == pytest.approx(largest, rel=0.02)  # each is the largest of 6300 draws or more


@pytest.mark.parametrize("nonlinearity", init.GAINS)
@pytest.mark.parametrize("param", [None, 0.2])
def test_gains_are_pytorchs(nonlinearity, param):
    expected = torch().nn.init.calculate_gain(nonlinearity, param)
    assert init.calculate_gain(nonlinearity, param) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3), (4, 2, 3, 3), (1, 5), (5, 1)], ids=str)
@pytest.mark.parametrize("gain", [1, 0.5])
def test_orthogonal_matrices_have_orthonormal_rows_or_columns(shape, gain):
    w = init.orthogonal_(weights(*shape), gain, rng=0).data.reshape(shape[0], -1) / gain
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-14)


def test_orthogonal_matrices_are_drawn_evenly():
    rng = np.random.default_rng(0)
    many = np.array([init.orthogonal_(weights(2, 2), rng=rng).data for _ in range(2000)])
    assert np.abs(many.mean(0)).max() < 0.06 and (np.linalg.det(many) > 0).mean() == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose((many**2).mean(0), 0.5, atol=0.04)


@pytest.mark.parametrize("name", [name for name in DRAWS if name[0] in "xko"])
def test_a_bias_has_no_fans(name):
    with pytest.raises(xe.ShapeError, match=re.escape(f"{name}: the tensor has shape (3,); expected weights")):
        DRAWS[name](weights(3), 0)
    with pytest.raises(xe.ShapeError, match="without a single weight"):
        DRAWS[name](weights(0, 3), 0)


def test_arguments_out_of_range_are_named():
    t = weights(2, 2)
    with pytest.raises(xe.ArgumentError, match="uniform_: a is 1, b is 0"):
        init.uniform_(t, 1, 0)
    with pytest.raises(xe.ArgumentError, match="uniform_: a is 0, b is inf"):
        init.uniform_(t, 0, math.inf)
    with pytest.raises(xe.ArgumentError, match="normal_: std is -1"):
        init.normal_(t, 0, -1)
    with pytest.raises(xe.ArgumentError, match="trunc_normal_: a is 2, b is 2"):
        init.trunc_normal_(t, a=2, b=2)
    with pytest.raises(xe.ArgumentError, match="next to nothing of the normal distribution"):
        init.trunc_normal_(t, a=50, b=51)
    with pytest.raises(xe.ArgumentError, match="mode is 'in'; expected 'fan_in' or 'fan_out'"):
        init.kaiming_normal_(t, mode="in")
    with pytest.raises(xe.ArgumentError, match="nonlinearity is 'swish'; there are gains for 'linear'"):
        init.kaiming_normal_(t, nonlinearity="swish")
    assert (t.data == 9).all()
