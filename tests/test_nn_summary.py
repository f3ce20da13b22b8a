"""The table of a model: shapes by a run that changes nothing, counts, sizes."""

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.nn import Module, Sequential


class Line(Module):
    def __init__(self, inputs, outputs):
        self.weight = xe.tensor(np.ones((outputs, inputs)), requires_grad=True)
        self.register_buffer("calls", np.array(0))

    def forward(self, x):
        if self.training:
            self.calls.assign(self.calls.data + 1)
        return x @ self.weight.T


class Two(Module):
    def __init__(self):
        self.scale = xe.tensor(np.ones(3), requires_grad=True)
        self.body = Sequential(Line(2, 3), np.tanh)

    def forward(self, x):
        return self.body(x) * self.scale, {"sum": self.scale.sum()}


def test_the_table_shows_names_classes_shapes_and_own_parameters():
    assert str(Two().summary(np.ones((5, 2)))) == (
        "name    module      output      parameters\n"
        "------------------------------------------\n"
        "(all)   Two         (5, 3), ()           3\n"
        "body    Sequential  (5, 3)\n"
        "body.0  Line        (5, 3)               6\n"
        "body.1  Function    (5, 3)\n"
        "------------------------------------------\n"
        "9 parameters; 80 bytes"
    )


def test_without_inputs_nothing_is_run_and_the_shapes_are_left_out():
    summary = Two().summary()
    assert {row.shape for row in summary.rows} == {""} and summary.parameters == 9


def test_the_run_leaves_modes_buffers_hooks_and_gradients_as_they_were():
    model = Two()
    model.body.eval()
    before = model.state_dict()
    model.summary(np.ones((5, 2)))
    assert [module.training for module in model.modules()] == [True, False, False, False]
    assert all(np.array_equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(module.__dict__.get("_hooks") for module in model.modules())


def test_a_failing_run_leaves_the_modes_as_they_were_too():
    model = Two()
    with pytest.raises(xe.ShapeError):
        model.summary(np.ones((5, 4)))
    assert all(module.training for module in model.modules())
    assert not any(module.__dict__.get("_hooks") for module in model.modules())


def test_frozen_parameters_are_counted_apart():
    model = Two()
    model.body.requires_grad_(False)
    assert str(model.summary()).endswith("9 parameters, 6 of them frozen; 80 bytes")


def test_large_sizes_have_units():
    model = Sequential(Line(1000, 1000))
    assert str(model.summary()).endswith("1,000,000 parameters; 7.6 MiB")
