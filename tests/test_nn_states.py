"""functional_call: a module as a function of its parameters, for the transforms."""

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe import nn

X = np.random.default_rng(0).standard_normal((5, 3))
Y = np.random.default_rng(1).standard_normal((5, 2))


def model():
    return nn.Sequential(nn.Linear(3, 4, rng=0), np.tanh, nn.BatchNorm1d(4), nn.Linear(4, 2, rng=1))


def parameters(net):
    return {name: parameter.numpy() for name, parameter in net.named_parameters()}


def loss_of(net):
    return lambda state: xe.losses.mse(labels=Y, predictions=nn.functional_call(net, state, X), reduction="mean")


def test_the_gradient_is_that_of_backward_and_the_model_is_left_as_it_was():
    net = model().eval()
    before = net.state_dict()
    gradient = xe.grad(loss_of(net))(parameters(net))
    xe.losses.mse(labels=Y, predictions=net(X), reduction="mean").backward()
    for name, parameter in net.named_parameters():
        assert isinstance(gradient[name], np.ndarray)
        assert np.allclose(gradient[name], parameter.grad, rtol=1e-13)
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())
    assert all(parameter.is_leaf and parameter.requires_grad for parameter in net.parameters())


def test_a_hessian_times_a_vector_agrees_with_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")
    net = nn.Sequential(nn.Linear(3, 4, rng=0), np.tanh, nn.Linear(4, 2, rng=1))
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).double()
    theirs.load_state_dict({name: torch.tensor(value) for name, value in net.state_dict().items()})
    state = parameters(net)
    direction = {name: np.cos(np.arange(value.size)).reshape(value.shape) for name, value in state.items()}
    found = xe.hvp(loss_of(net), state, direction)

    def loss(*values):
        named = dict(zip(state, values))
        out = torch.func.functional_call(theirs, named, torch.tensor(X))
        return ((out - torch.tensor(Y)) ** 2).mean()

    _, wanted = torch.autograd.functional.hvp(
        loss, tuple(torch.tensor(v) for v in state.values()), tuple(torch.tensor(v) for v in direction.values())
    )
    for name, value in zip(state, wanted):
        assert np.allclose(found[name], value.numpy(), rtol=1e-11)


def test_some_of_the_values_can_be_given_and_others_stay():
    net = model().eval()
    out = nn.functional_call(net, {"3.bias": np.array([100.0, 200.0])}, X)
    assert np.allclose((out - net(X)).data, np.array([100.0, 200.0]) - net[3].bias.data)


def test_tied_parameters_change_together():
    net = nn.Sequential(nn.Linear(3, 3, rng=0), nn.Linear(3, 3, rng=1))
    net[1].weight = net[0].weight
    out = nn.functional_call(net, {"0.weight": np.eye(3), "0.bias": np.zeros(3), "1.bias": np.zeros(3)}, X)
    assert np.allclose(out.data, X)


def test_buffers_that_are_not_given_are_written_to_and_given_ones_are_not():
    net = model()
    nn.functional_call(net, parameters(net), X)
    assert net[2].num_batches_tracked.item() == 1
    nn.functional_call(net, net.state_dict(), X)
    assert net[2].num_batches_tracked.item() == 1


def test_the_model_has_its_own_values_back_after_an_error():
    net = model()
    before = net[0].weight.numpy()
    with pytest.raises(xe.ShapeError):
        nn.functional_call(net, {"0.weight": before * 2}, X[:, :2])
    assert np.array_equal(net[0].weight.data, before) and net[0].weight.is_leaf


def test_names_and_shapes_are_checked():
    with pytest.raises(xe.ArgumentError, match=r"has no '0.weigth'(?s:.*)Its names are '0.weight'"):
        nn.functional_call(model(), {"0.weigth": 1}, X)
    with pytest.raises(xe.ShapeError, match=r"'0.bias' has shape \(3,\) in the state, \(4,\)"):
        nn.functional_call(model(), {"0.bias": np.ones(3)}, X)


def test_names_of_pytorch_that_are_not_needed_are_answered_with_what_is():
    with pytest.raises(AttributeError, match="'ModuleList': store a list of modules in an attribute"):
        assert nn.ModuleList
    with pytest.raises(AttributeError, match=r"no attribute 'Lineer'$"):
        assert nn.Lineer
