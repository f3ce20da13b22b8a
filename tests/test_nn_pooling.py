"""The pooling layers: PyTorch's results and text, and errors that name the layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_xe as xe
from tinygrad_xe.nn.pooling import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d

OPTIONS: list[tuple[Any, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = [
    (MaxPool2d, (2,), {}, (2, 3, 6, 7)),
    (MaxPool2d, ((3, 2), (2, 1), (1, 0), (1, 2)), dict(ceil_mode=True), (2, 3, 6, 7)),
    (MaxPool1d, (3, 2), dict(padding=1), (2, 3, 8)),
    (AvgPool2d, (3, 2, 1, True, False), {}, (3, 6, 7)),
    (AvgPool1d, (2,), {}, (2, 3, 8)),
]


@pytest.mark.parametrize("layer, args, options, shape", OPTIONS)
def test_it_computes_what_pytorchs_does(torch, layer, args, options, shape):
    x = np.random.default_rng(0).normal(size=shape)
    expected = getattr(torch.nn, layer.__name__)(*args, **options)(torch.tensor(x))
    np.testing.assert_allclose(layer(*args, **options)(x), expected.numpy(), rtol=1e-13)


@pytest.mark.parametrize("layer, args, options, shape", [case for case in OPTIONS if case[0] is not AvgPool1d])
def test_it_prints_as_pytorchs(torch, layer, args, options, shape):
    assert repr(layer(*args, **options)) == repr(getattr(torch.nn, layer.__name__)(*args, **options))


def test_an_input_that_does_not_fit_is_named_with_the_layer():
    with pytest.raises(xe.ShapeError, match=r"^MaxPool2d\(kernel_size=3, .*\): the kernel \(3, 3\) is larger than x"):
        MaxPool2d(3)(np.ones((1, 1, 2, 4)))
    with pytest.raises(xe.ShapeError, match=r"^AvgPool1d\(kernel_size=2, .*\): x has shape \(4,\), 1 axes"):
        AvgPool1d(2)(np.ones(4))
    with pytest.raises(xe.DTypeError, match=r"^AvgPool2d\(.*int64"):
        AvgPool2d(2)(np.ones((1, 4, 4), int))


@pytest.mark.parametrize(
    "make, error, said",
    [
        (lambda: MaxPool2d(0), xe.ArgumentError, "MaxPool2d: kernel_size=0; it must be at least 1"),
        (lambda: MaxPool2d(2, padding=2), xe.ArgumentError, "MaxPool2d: padding=.* more than half"),
        (lambda: AvgPool2d(2, stride=(1, 2, 3)), xe.ArgumentError, "AvgPool2d: stride"),
        (lambda: MaxPool1d("2"), xe.DTypeError, "MaxPool1d: kernel_size='2'; expected a whole number"),
    ],
)
def test_options_that_make_no_layer_are_named(make, error, said):
    with pytest.raises(error, match=said):
        make()
