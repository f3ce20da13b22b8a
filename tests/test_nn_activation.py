"""Activations as layers."""

import re

import numpy as np
import pytest
from nn_agreement import assert_agreement, torch

import tinygrad_xe as xe
from tinygrad_xe.nn import activation

X = np.random.default_rng(0).normal(0, 2, (4, 5))

PAIRS = [
    ("Identity", (), ()), ("ReLU", (), ()), ("LeakyReLU", (), ()), ("LeakyReLU", (0.3,), (0.3,)), ("ELU", (), ()),
    ("ELU", (0.5,), (0.5,)), ("GELU", (), ()), ("GELU", ("tanh",), ("tanh",)), ("SiLU", (), ()), ("Sigmoid", (), ()),
    ("Tanh", (), ()), ("Softplus", (), ()), ("Softmax", (), (-1,)), ("Softmax", (0,), (0,)), ("LogSoftmax", (), (-1,)),
    ("LogSoftmax", (0,), (0,)),
]  # fmt: skip


@pytest.mark.parametrize("name, arguments, theirs", PAIRS, ids=str)
def test_each_activation_agrees_with_pytorch(name, arguments, theirs):
    layer = getattr(activation, name)(*arguments)
    assert_agreement(layer, getattr(torch().nn, name)(*theirs), X, rtol=1e-8)


@pytest.mark.parametrize("name, arguments, theirs", PAIRS, ids=str)
def test_float32_is_kept(name, arguments, theirs):
    x = xe.tensor(X.astype(np.float32), requires_grad=True)
    out = getattr(activation, name)(*arguments)(x)
    out.sum().backward()
    assert out.dtype == np.float32 and x.grad.dtype == np.float32


@pytest.mark.parametrize("name, arguments, theirs", PAIRS, ids=str)
def test_an_activation_has_no_parameters_and_no_state(name, arguments, theirs):
    layer = getattr(activation, name)(*arguments)
    assert not [*layer.parameters()] and not layer.state_dict()
    assert type(layer(X)) is np.ndarray


def test_arguments_are_shown():
    assert [repr(getattr(activation, name)(*arguments)) for name, arguments, _ in PAIRS] == [
        "Identity()", "ReLU()", "LeakyReLU(0.01)", "LeakyReLU(0.3)", "ELU(alpha=1.0)", "ELU(alpha=0.5)",
        "GELU(approximate='none')", "GELU(approximate='tanh')", "SiLU()", "Sigmoid()", "Tanh()", "Softplus()",
        "Softmax(axis=-1)", "Softmax(axis=0)", "LogSoftmax(axis=-1)", "LogSoftmax(axis=0)",
    ]  # fmt: skip


def test_an_unknown_form_of_gelu_is_refused_when_the_layer_is_made():
    with pytest.raises(xe.ArgumentError, match="approximate must be 'none' or 'tanh', got 'exact'"):
        activation.GELU("exact")


def test_an_axis_that_is_not_there_is_named():
    with pytest.raises(xe.ShapeError, match=re.escape("softmax: axis 2 is out of range for x of shape (4, 5)")):
        activation.Softmax(2)(X)


@pytest.mark.parametrize("make, said", [
    (lambda: xe.nn.LeakyReLU("a"), "LeakyReLU: negative_slope is 'a'; expected a number."),
    (lambda: xe.nn.ELU(None), "ELU: alpha is None; expected a number."),
])  # fmt: skip
def test_slopes_that_are_no_numbers_are_refused(make, said):
    with pytest.raises(xe.DTypeError) as error:
        make()
    assert str(error.value) == said
