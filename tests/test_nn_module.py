"""Modules: what counts as a parameter, names, modes, dtypes, saving and loading, errors."""

import copy

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.nn import Module


class Line(Module):
    """A weight, a bias, and a counter that is a buffer."""

    def __init__(self, inputs=2, outputs=3):
        self.weight = xe.tensor(np.arange(1.0, inputs * outputs + 1).reshape(outputs, inputs), requires_grad=True)
        self.bias = xe.tensor(np.zeros(outputs), requires_grad=True)
        self.register_buffer("calls", np.array(0))

    def forward(self, x):
        self.calls.assign(self.calls.data + 1)
        return x @ self.weight.T + self.bias

    def extra_repr(self):
        return "2, 3"


class Net(Module):
    def __init__(self):
        self.layers = [Line(2, 4), Line(4, 3)]
        self.heads = {"left": Line(3, 1), "right": Line(3, 2)}
        self.scale = xe.tensor(2.0, requires_grad=True)

    def forward(self, x):
        for layer in self.layers:
            x = np.tanh(layer(x))
        return self.scale * self.heads["left"](x), self.heads["right"](x)


def names(model):
    return [name for name, _ in model.named_parameters()]


# -- what counts as a parameter --------------------------------------------------------------------------------------


def test_parameters_are_found_in_attributes_lists_and_dicts_under_dotted_names():
    assert names(Net()) == [
        "scale", "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias",
        "heads.left.weight", "heads.left.bias", "heads.right.weight", "heads.right.bias",
    ]  # fmt: skip


def test_the_names_are_those_of_torch():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")

    class Other(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.ModuleList([torch.nn.Linear(2, 4), torch.nn.Linear(4, 3)])
            self.heads = torch.nn.ModuleDict({"left": torch.nn.Linear(3, 1), "right": torch.nn.Linear(3, 2)})
            self.scale = torch.nn.Parameter(torch.tensor(2.0))

    assert names(Net()) == [name for name, _ in Other().named_parameters()]


def test_a_parameter_in_two_places_counts_once_and_is_saved_under_both_names():
    net = Net()
    net.layers[1].bias = net.heads["right"].bias = xe.tensor(np.zeros(3), requires_grad=True)
    assert names(net).count("heads.right.bias") == 0 and len(list(net.parameters())) == 8
    assert {"layers.1.bias", "heads.right.bias"} <= set(net.state_dict())


def test_computed_tensors_and_plain_arrays_are_no_parameters():
    net = Line()
    net.last = net(np.ones((1, 2)))
    net.mean = np.zeros(3)
    net.mask = xe.tensor(np.ones(3))
    assert names(net) == ["weight", "bias"]


def test_an_attribute_that_gets_another_value_is_a_parameter_no_more():
    net = Line()
    net.bias = None
    assert names(net) == ["weight"]
    del net.weight
    assert names(net) == []


def test_tensors_appended_to_a_list_later_are_parameters():
    net = Module()
    net.scales = []
    net.scales.append(xe.tensor(1.0, requires_grad=True))
    assert names(net) == ["scales.0"]


def test_attributes_that_begin_with_an_underscore_count_as_others_do():
    net = Line()
    net._body = Line()
    assert names(net) == ["weight", "bias", "_body.weight", "_body.bias"]
    assert not net.eval()._body.training and "_body.calls" in net.state_dict()


def test_a_part_may_know_the_module_that_it_belongs_to():
    net = Net()
    for layer in net.layers:
        layer.parent = net
    assert len(list(net.modules())) == 5 and len(names(net)) == 9
    assert "parent): ..." in repr(net)
    assert net.eval().layers[0].training is False


def test_a_parameter_that_was_put_into_a_dict_later_stays_one_when_it_is_frozen():
    net = Module()
    net.weights = {}
    net.weights["w"] = xe.tensor(np.ones(2), requires_grad=True)
    for wanted in (False, True):
        net.requires_grad_(wanted)
        assert list(net.state_dict()) == names(net) == ["weights.w"]
        assert net.weights["w"].requires_grad is wanted


@pytest.mark.parametrize("value", [np.ones((3, 2)), [[1.0, 2.0]] * 3, 1.0, xe.tensor(np.ones((3, 2)))])
def test_numbers_can_not_take_the_place_of_a_parameter(value):
    net = Line()
    with pytest.raises(xe.DTypeError, match=r"Line.weight is a parameter.*\n.*weight.assign\(value\)"):
        net.weight = value
    assert names(net) == ["weight", "bias"]


def test_another_parameter_can_take_the_place_of_one():
    net = Line()
    net.weight = xe.tensor(np.ones((3, 2)), requires_grad=True)
    assert names(net) == ["weight", "bias"] and net.weight.name == "weight"


def test_parameters_get_the_name_of_the_way_to_them():
    net = Net()
    assert [p.name for p in net.parameters()] == names(net)
    outer = Module()
    outer.body = net
    assert [p.name for p in outer.parameters()] == [f"body.{name}" for name in names(net)]


def test_a_name_that_the_user_gave_stays():
    net = Module()
    net.w = xe.tensor(1.0, requires_grad=True, name="omega")
    assert net.w.name == "omega"


# -- buffers ----------------------------------------------------------------------------------------------------------


def test_a_buffer_is_saved_but_is_no_parameter():
    net = Line()
    net(np.ones((1, 2)))
    assert [name for name, _ in net.named_buffers()] == ["calls"]
    assert net.state_dict()["calls"] == 1 and names(net) == ["weight", "bias"]


def test_a_buffer_can_be_left_out_of_what_is_saved():
    net = Line()
    net.register_buffer("positions", np.arange(3), persistent=False)
    assert "positions" not in net.state_dict() and len(list(net.buffers())) == 2


def test_a_buffer_may_be_none_or_be_set_to_a_plain_array():
    net = Line()
    net.register_buffer("running", None)
    assert "running" not in net.state_dict()
    net.running = np.ones(2)
    assert isinstance(net.running, xe.Tensor) and "running" in net.state_dict()


def test_a_parameter_can_not_become_a_buffer():
    with pytest.raises(xe.ArgumentError, match="'weight' is a parameter already"):
        Line().register_buffer("weight", np.ones(2))


# -- running ----------------------------------------------------------------------------------------------------------


def test_calling_a_module_runs_forward_and_gradients_reach_all_parameters():
    net = Net()
    left, right = net(np.ones((5, 2)))
    (left.sum() + right.sum()).backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_a_module_without_forward_says_so():
    with pytest.raises(xe.DTypeError, match=r"Module has no forward\(\). Write def forward"):
        Module()(1)


def test_train_and_eval_reach_every_part_and_return_the_module():
    net = Net()
    assert net.training and net.eval() is net
    assert not any(module.training for module in net.modules())
    assert net.train() is net and all(module.training for module in net.modules())


def test_frozen_parameters_get_no_gradient_and_stay_parameters():
    net = Net()
    net.layers[0].requires_grad_(False)
    left, right = net(np.ones((5, 2)))
    (left.sum() + right.sum()).backward()
    assert net.layers[0].weight.grad is None and net.layers[1].weight.grad is not None
    assert len(list(net.parameters())) == 9 and "layers.0.weight" in net.state_dict()
    net.requires_grad_()
    assert all(p.requires_grad for p in net.parameters())


def test_apply_visits_the_parts_first():
    visited = []
    net = Net()
    assert net.apply(lambda module: visited.append(type(module).__name__)) is net
    assert visited == ["Line", "Line", "Line", "Line", "Net"]


def test_a_forward_hook_sees_and_may_replace_the_output():
    net, seen = Line(), []
    remove = net.register_forward_hook(lambda module, args, out: seen.append((module, args[0].shape, out.shape)))
    net(np.ones((4, 2)))
    assert seen == [(net, (4, 2), (4, 3))]
    remove()
    remove = net.register_forward_hook(lambda module, args, out: out * 0)
    assert not np.any(net(np.ones((4, 2))).data)
    remove()
    assert np.any(net(np.ones((4, 2))).data) and len(seen) == 1


def test_a_copy_shares_nothing_with_its_original():
    net = Net()
    other = copy.deepcopy(net)
    other.scale.assign(5.0)
    assert net.scale.item() == 2.0 and names(other) == names(net)


# -- dtypes -----------------------------------------------------------------------------------------------------------


def test_astype_changes_floating_parameters_and_buffers_in_place():
    net = Net()
    held = list(net.parameters())
    assert net.astype(np.float32) is net
    assert all(a is b and a.dtype == np.float32 for a, b in zip(held, net.parameters()))
    assert net.layers[0].calls.dtype == np.int64
    left, _ = net(np.ones((2, 2), np.float32))
    left.sum().backward()
    assert left.dtype == net.scale.grad.dtype == np.float32


def test_astype_keeps_frozen_parameters_frozen_and_drops_gradients():
    net = Line()
    net(np.ones((1, 2))).sum().backward()
    net.bias.requires_grad = False
    net.astype(np.float32)
    assert not net.bias.requires_grad and net.weight.requires_grad and net.weight.grad is None


def test_parameters_can_not_become_integers():
    with pytest.raises(xe.DTypeError, match="need a floating-point dtype, got int64"):
        Line().astype(int)


# -- saving -----------------------------------------------------------------------------------------------------------


def test_a_state_dict_holds_copies():
    net = Line()
    state = net.state_dict()
    state["weight"][:] = 0
    assert net.weight.data.any()


def test_loading_gives_the_same_outputs_and_keeps_the_tensors():
    first, second = Net(), Net()
    for parameter in first.parameters():
        parameter.assign(np.random.default_rng(0).standard_normal(parameter.shape))
    held = list(second.parameters())
    second.load_state_dict(first.state_dict())
    x = np.ones((2, 2))
    assert np.array_equal(first(x)[0].data, second(x)[0].data)
    assert all(a is b for a, b in zip(held, second.parameters()))


def test_values_are_cast_to_the_dtype_of_the_model():
    net = Line().astype(np.float32)
    net.load_state_dict(Line().state_dict())
    assert net.weight.dtype == np.float32


def test_tensors_of_torch_can_be_loaded():
    torch = pytest.importorskip("torch", reason="the tensors are PyTorch's")
    net = Line()
    net.load_state_dict({"weight": torch.full((3, 2), 7.0), "bias": torch.zeros(3), "calls": torch.tensor(4)})
    assert np.all(net.weight.data == 7) and net.calls.item() == 4


def test_missing_and_unexpected_names_are_listed_and_nothing_is_changed():
    net, state = Line(), Line().state_dict()
    state["weigth"] = state.pop("weight") * 0
    with pytest.raises(xe.ArgumentError, match=r"(?s)lacks 'weight'.*has no 'weigth'.*strict=False"):
        net.load_state_dict(state)
    state["bias"] += 1
    assert net.load_state_dict(state, strict=False) == (["weight"], ["weigth"])
    assert net.weight.data.any() and net.bias.data.all()


def test_a_state_without_a_common_name_is_refused():
    with pytest.raises(xe.ArgumentError, match=r"(?s)no name is the same.*lacks 'weight'.*has no 'm.weight'"):
        Line().load_state_dict({"m.weight": np.ones((3, 2))}, strict=False)


@pytest.mark.parametrize("state", [None, "model.npz", [1]])
def test_a_state_is_a_mapping(state):
    with pytest.raises(xe.DTypeError, match=r"expected a mapping(?s:.*)Write xe.load\(path\)"):
        Line().load_state_dict(state)


def test_a_number_too_large_for_the_dtype_of_the_model_is_refused_and_nothing_is_changed():
    net, state = Line().astype(np.float16), Line().state_dict()
    state["weight"] *= 0
    state["bias"] += 1e10
    with pytest.raises(xe.ArgumentError, match=r"'bias' has a number too large for float16: 1e\+10"):
        net.load_state_dict(state)
    assert net.weight.data.any()
    state["bias"] = np.full(3, np.inf)
    net.load_state_dict(state)
    assert np.isinf(net.bias.data).all()


def test_what_is_no_array_is_named():
    state = {**Line().state_dict(), "bias": [[1.0], [2.0, 3.0]]}
    with pytest.raises(xe.DTypeError, match="'bias' can't be made an array"):
        Line().load_state_dict(state)


def test_loading_an_argument_of_a_transform_is_refused_instead_of_giving_a_gradient_of_zero():
    net = Line()

    def loss(state):
        net.load_state_dict(state)
        return net(np.ones((1, 2))).sum()

    with pytest.raises(xe.GradientLostError, match=r"differentiated in(?s:.*)functional_call"):
        xe.grad(loss)({name: value for name, value in net.state_dict().items() if name != "calls"} | {"calls": 1.0})


def test_assigning_what_was_computed_from_parameters_or_by_a_transform_goes_on_working():
    w = xe.tensor([1.0, 2.0], requires_grad=True)
    w.assign(w - 0.5 * w)
    w.assign(w - 0.1 * xe.grad(lambda w: (w**2).sum())(w))
    assert np.allclose(w.data, [0.4, 0.8])


def test_a_wrong_shape_names_the_key_and_both_shapes_and_nothing_is_changed():
    net, state = Line(), Line().state_dict()
    state["weight"] *= 0
    state["bias"] = np.zeros(4)
    with pytest.raises(xe.ShapeError, match=r"'bias' has shape \(4,\) in the state, \(3,\) in the model"):
        net.load_state_dict(state)
    assert net.weight.data.any()


def test_a_value_that_is_no_number_is_refused():
    state = {**Line().state_dict(), "bias": np.array(["a", "b", "c"])}
    with pytest.raises(xe.DTypeError, match="'bias' holds <U1; expected numbers"):
        Line().load_state_dict(state)


# -- what people read -------------------------------------------------------------------------------------------------


def test_repr_shows_the_tree_with_counts():
    assert repr(Net()) == (
        "Net(  # 39 parameters\n"
        "  (layers.0): Line(2, 3)  # 12 parameters\n"
        "  (layers.1): Line(2, 3)  # 15 parameters\n"
        "  (heads.left): Line(2, 3)  # 4 parameters\n"
        "  (heads.right): Line(2, 3)  # 8 parameters\n"
        ")"
    ).replace("39", str(sum(p.size for p in Net().parameters())))


def test_a_mistyped_attribute_is_answered_with_the_one_that_is_there():
    with pytest.raises(AttributeError, match=r"Line has no attribute 'wieght'\. Did you mean 'weight'\?"):
        assert Line().wieght  # the access is what is tested
