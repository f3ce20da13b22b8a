"""Modules in a recorded trace: the cluster of each call, its name in the model, and the names of what it returns."""

import numpy as np

import tinygrad_xe as xe
from tinygrad_xe.nn import Module, Sequential
from tinygrad_xe.viz.recording import trace


class Line(Module):
    def __init__(self, inputs, outputs):
        self.inputs, self.outputs = inputs, outputs
        self.weight = xe.tensor(np.ones((outputs, inputs)), requires_grad=True)

    def forward(self, x):
        return x @ self.weight.T

    def extra_repr(self):
        return f"{self.inputs}, {self.outputs}"


class Net(Module):
    def __init__(self):
        self.first = Line(2, 3)
        self.rest = [Line(3, 3), Line(3, 1)]

    def forward(self, x):
        hidden = np.tanh(self.first(x))
        for layer in self.rest:
            hidden = layer(hidden)
        return hidden


X = np.ones((4, 2))


def recorded(model):
    def loss():
        z = model(X)
        return z.sum()

    return trace(loss)


def scopes(value):
    return [(scope.name, scope.kind, scope.detail) for scope in value.scopes]


def test_each_value_lies_in_the_modules_that_were_called():
    products = [value for value in recorded(Net()).values if value.op == "matmul"]
    assert [scopes(value)[1:] for value in products] == [
        [("first", "module", "Line(2, 3)")],
        [("rest.0", "module", "Line(3, 3)")],
        [("rest.1", "module", "Line(3, 1)")],
    ]
    assert all(scopes(value)[0] == ("Net", "module", "") for value in products)


def test_forward_is_no_cluster_of_its_own():
    assert not [s for value in recorded(Net()).values for s in scopes(value) if "forward" in s[0]]


def test_what_a_model_returns_has_the_name_that_the_user_gives_it():
    values = {value.name: value for value in recorded(Sequential(np.tanh, Line(2, 1))).values}
    assert values["z"].op == "matmul" and "1.weight" in values


def test_parts_of_a_sequential_are_named_by_their_numbers_and_functions_are_no_clusters():
    values = recorded(Sequential(Line(2, 3), np.tanh, Line(3, 1))).values
    inner = [scopes(value)[-1] for value in values if value.op in ("matmul", "tanh")]
    assert inner == [("0", "module", "Line(2, 3)"), ("Sequential", "module", ""), ("2", "module", "Line(3, 1)")]


def test_two_calls_of_one_module_are_two_clusters():
    shared = Line(2, 2)
    values = [v for v in recorded(Sequential({"a": shared, "b": shared})).values if v.op == "matmul"]
    assert [value.scopes[-1].name for value in values] == ["a", "a"]
    assert len({value.scopes[-1].call for value in values}) == 2


def test_a_picture_of_a_model_shows_its_layers():
    source = xe.viz.graph(lambda: Net()(X).sum()).source
    assert "Line(2, 3)" in source and "<B>rest.0</B>" in source
