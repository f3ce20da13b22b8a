"""Conv1d and Conv2d: PyTorch's shapes, names and first values, agreement with it, and errors that name the layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.nn.convolution import Conv1d, Conv2d

OPTIONS: list[tuple[Any, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = [
    (Conv2d, (3, 4, 3), {}, (2, 3, 6, 7)),
    (Conv2d, (4, 6, (3, 2), (2, 1), (1, 0), 1, 2), {}, (2, 4, 6, 7)),
    (Conv2d, (4, 4, 3), dict(padding="same", dilation=2, groups=4, bias=False), (2, 4, 6, 7)),
    (Conv1d, (3, 4, 3), dict(stride=2, padding=1), (2, 3, 8)),
    (Conv1d, (3, 4, 3), dict(bias=False, dilation=3), (3, 8)),
]


@pytest.mark.parametrize("layer, args, options, shape", OPTIONS)
def test_a_layer_with_pytorchs_state_computes_what_pytorchs_does(torch, layer, args, options, shape):
    theirs = getattr(torch.nn, layer.__name__)(*args, **options).double()
    ours = layer(*args, **options)
    ours.load_state_dict(theirs.state_dict())
    x = np.random.default_rng(0).normal(size=shape)
    u = torch.tensor(x, requires_grad=True)
    t = xe.tensor(x, requires_grad=True)
    expected, found = theirs(u), ours(t)
    np.testing.assert_allclose(found.data, expected.numpy(force=True), rtol=1e-11, atol=1e-12)
    (expected**2).sum().backward()
    np.sum(found**2).backward()
    np.testing.assert_allclose(t.grad, u.grad.numpy(), rtol=1e-10, atol=1e-11)
    for name, parameter in ours.named_parameters():
        np.testing.assert_allclose(parameter.grad, theirs.get_parameter(name).grad.numpy(), rtol=1e-10, atol=1e-11)
    theirs.load_state_dict({name: torch.tensor(value) for name, value in ours.state_dict().items()})


@pytest.mark.parametrize("layer, args, options, shape", OPTIONS)
def test_a_layer_prints_as_pytorchs(torch, layer, args, options, shape):
    theirs = repr(getattr(torch.nn, layer.__name__)(*args, **options))
    ours = layer(*args, **options)
    count = sum(p.size for p in ours.parameters())
    assert repr(ours) == f"{theirs}  # {count:,} parameters"


def test_the_first_values_are_uniform_within_pytorchs_bound():
    layer = Conv2d(4, 64, (3, 5), groups=2, rng=0)
    bound = 1 / np.sqrt(2 * 15)
    assert layer.weight.shape == (64, 2, 3, 5) and layer.bias.shape == (64,)
    for parameter in (layer.weight, layer.bias):
        assert np.abs(parameter.data).max() <= bound
    assert np.abs(layer.weight.data).max() > 0.99 * bound
    assert layer.weight.data.std() == pytest.approx(bound / np.sqrt(3), rel=0.05)


def test_the_same_seed_gives_the_same_bits():
    xe.seed(3)
    first = Conv2d(1, 2, 3).state_dict()
    xe.seed(3)
    again = Conv2d(1, 2, 3).state_dict()
    other = Conv2d(1, 2, 3, rng=3).state_dict()
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
        np.testing.assert_array_equal(value, other[name])


def test_float32_weights_give_float32_and_warn_of_float64_numbers():
    layer = Conv2d(1, 2, 3).astype(np.float32)
    assert layer(np.ones((1, 1, 4, 4), np.float32)).dtype == np.float32
    with pytest.warns(xe.MixedDtypeWarning, match=r"Conv2d\(1, 2, kernel_size"):
        assert layer(np.ones((1, 1, 4, 4))).dtype == np.float64


@pytest.mark.parametrize(
    "shape, said",
    [
        ((2, 4, 6, 6), r"^Conv2d\(3, 8, kernel_size=\(3, 3\), stride=\(1, 1\)\): the input has shape \(2, 4, 6, 6\), 4 "
                       r"channels; expected 3.\n  Make the layer with 4 input channels"),
        ((2, 6, 6, 3), r"Write np.moveaxis\(x, -1, -3\), if the channels come last"),
        ((6, 6), r"^Conv2d\(3, 8, kernel_size=\(3, 3\), stride=\(1, 1\)\): x has shape \(6, 6\), 2 axes"),
        ((2, 3, 6, 2), r"^Conv2d\(3, 8.*: the kernel \(3, 3\) is larger than x, whose lengths are \(6, 2\)"),
    ],
)  # fmt: skip
def test_an_input_that_does_not_fit_is_named_with_the_layer(shape, said):
    with pytest.raises(xe.ShapeError, match=said):
        Conv2d(3, 8, 3)(np.ones(shape))


def test_whole_numbers_are_refused():
    with pytest.raises(xe.DTypeError, match=r"Conv1d\(1, 1.*int64"):
        Conv1d(1, 1, 2)(np.ones((1, 1, 4), int))


@pytest.mark.parametrize(
    "make, error, said",
    [
        (lambda: Conv2d(3, 8, 0), xe.ArgumentError, "Conv2d: kernel_size=0; it must be at least 1"),
        (lambda: Conv2d(0, 8, 3), xe.ArgumentError, "Conv2d: in_channels is 0"),
        (lambda: Conv2d(3, 8.0, 3), xe.DTypeError, "Conv2d: out_channels is 8.0"),
        (lambda: Conv2d(3, 8, 3, groups=2), xe.ArgumentError, "in_channels=3 can't be split into 2 equal groups"),
        (lambda: Conv2d(4, 7, 3, groups=2), xe.ArgumentError, "out_channels=7 can't be split into 2 equal groups"),
        (lambda: Conv2d(3, 8, 3, padding="half"), xe.ArgumentError, "padding='half'; expected 'same', 'valid'"),
        (lambda: Conv2d(3, 8, 3, 2, "same"), xe.ArgumentError, "padding='same' with stride"),
        (lambda: Conv1d(3, 8, (3, 3)), xe.ArgumentError, r"kernel_size=\(3, 3\) has 2 numbers. Write one number"),
    ],
)
def test_options_that_make_no_layer_are_named(make, error, said):
    with pytest.raises(error, match=said):
        make()
