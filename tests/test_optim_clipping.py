"""Clipping: PyTorch's norms and gradients, extreme sizes, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_xe as xe
from tinygrad_xe import ArgumentError, DTypeError, NonFiniteError, optim


def with_gradients(*gradients, dtype=np.float64):
    made = []
    for g in gradients:
        array = None if g is None else np.array(g, dtype)
        made.append(xe.tensor(np.zeros(() if g is None else array.shape, dtype), requires_grad=True))
        made[-1].grad = array
    return made


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6), max_norm=st.floats(0, 10), norm_type=st.sampled_from([1.0, 2.0, 3.0, 0.5, math.inf]),
    dtype=st.sampled_from([np.float32, np.float64]),
)  # fmt: skip
def test_norm_and_gradients_equal_pytorchs(torch, seed, max_norm, norm_type, dtype):
    rng = np.random.default_rng(seed)
    gradients = [rng.normal(size=s).astype(dtype) for s in [(3, 2), (), (4,), (0, 2)]]
    ours = with_gradients(*gradients, None, dtype=dtype)
    theirs = [torch.zeros(g.shape, dtype=getattr(torch, g.dtype.name), requires_grad=True) for g in gradients]
    for p, g in zip(theirs, gradients):
        p.grad = torch.tensor(g)
    held = [p.grad for p in ours]
    total = optim.clip_grad_norm(ours, max_norm, norm_type)
    if norm_type == math.inf:
        theirs = theirs[:-1]  # PyTorch has no largest element of an empty array
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    assert type(total) is float and total == pytest.approx(expected.item(), rel=rtol)
    for p, q, same in zip(ours, theirs, held):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=rtol, atol=1e-300)
        assert p.grad is same and p.grad.dtype == dtype


@pytest.mark.parametrize("size", [1e-200, 1e-30, 1e30, 1e200])
def test_squares_that_would_overflow_or_vanish_do_not(size):
    ps = with_gradients([3 * size], [4 * size])
    assert optim.clip_grad_norm(ps, size) == pytest.approx(5 * size, rel=1e-14)


def test_half_precision_has_an_exact_norm():
    ps = with_gradients(np.full(1000, 60.0), dtype=np.float16)
    assert optim.clip_grad_norm(ps, 1e6) == pytest.approx(60 * math.sqrt(1000), rel=1e-12)


def test_a_short_gradient_is_left_alone():
    ps = with_gradients([0.3, 0.4])
    assert optim.clip_grad_norm(ps, 1.0) == pytest.approx(0.5) and ps[0].grad.tolist() == [0.3, 0.4]
    assert optim.clip_grad_norm(with_gradients(None), 1.0) == 0.0
    assert optim.clip_grad_norm(with_gradients([0.0], np.zeros((0, 2))), 1.0, 3.0) == 0.0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_norm_that_is_not_finite_raises_where_that_is_asked_for(bad):
    ps = with_gradients([1.0, bad], [2.0])
    with pytest.raises(NonFiniteError, match=f"the norm of the gradients is {bad}"):
        optim.clip_grad_norm(ps, 1.0, error_if_nonfinite=True)
    assert ps[1].grad.tolist() == [2.0]
    with np.errstate(invalid="ignore"):
        total = optim.clip_grad_norm(ps, 1.0)
    assert not math.isfinite(total)
    assert math.isnan(ps[0].grad[1]) and (math.isnan(ps[1].grad[0]) if math.isnan(bad) else ps[1].grad[0] == 0)


def test_elements_are_limited_as_in_pytorch(torch):
    g = np.random.default_rng(0).normal(size=(4, 5))
    [p, none] = with_gradients(g, None)
    q = torch.zeros(4, 5, dtype=torch.float64, requires_grad=True)
    q.grad = torch.tensor(g)
    optim.clip_grad_value([p, none], 0.7)
    torch.nn.utils.clip_grad_value_([q], 0.7)
    np.testing.assert_array_equal(p.grad, q.grad.numpy())
    assert none.grad is None


def test_gradients_that_are_tensors_are_clipped_and_stay_tensors():
    w = xe.tensor([3.0, 4.0], requires_grad=True)
    (w**2 / 2).sum().backward(create_graph=True)
    assert optim.clip_grad_norm([w], 1.0) == 5.0
    np.testing.assert_allclose(w.grad.data, [0.6, 0.8], rtol=1e-6)
    optim.clip_grad_value([w], 0.7)
    assert isinstance(w.grad, xe.Tensor) and w.grad.tolist()[1] == 0.7


def test_a_module_and_a_single_tensor_are_taken():
    class One(xe.nn.Module):
        def __init__(self):
            self.w = xe.tensor([3.0, 4.0], requires_grad=True)

    model = One()
    (model.w**2 / 2).sum().backward()
    assert optim.clip_grad_norm(model, 1.0) == 5.0 and optim.clip_grad_norm(model.w, 9.0) == pytest.approx(1.0)
    optim.clip_grad_value(model, 0.1)
    assert model.w.grad.tolist() == [0.1, 0.1]


@pytest.mark.parametrize("parameters, max_norm, norm_type, kind, message", [
    ([], 1.0, 2.0, ArgumentError, "clip_grad_norm: no parameters: got an empty list"),
    (iter([]), 1.0, 2.0, ArgumentError, "Perhaps it was used up before"),
    ([np.ones(2)], 1.0, 2.0, DTypeError, "parameter 0 is a ndarray"),
    (None, 1.0, 2.0, DTypeError, "got None"),
    (with_gradients([1.0]), -1.0, 2.0, ArgumentError, "max_norm is -1.0"),
    (with_gradients([1.0]), "1", 2.0, DTypeError, "max_norm is a str"),
    (with_gradients([1.0]), 1.0, 0.0, ArgumentError, "norm_type is 0.0; expected a finite number above 0"),
])  # fmt: skip
def test_what_can_not_be_clipped_is_refused(parameters, max_norm, norm_type, kind, message):
    with pytest.raises(kind, match=message):
        optim.clip_grad_norm(parameters, max_norm, norm_type)


def test_a_negative_limit_is_refused():
    with pytest.raises(ArgumentError, match="clip_grad_value: limit is -1"):
        optim.clip_grad_value(with_gradients([1.0]), -1)
