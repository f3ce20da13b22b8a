"""Small models and data that the tests of training share."""

from __future__ import annotations

import numpy as np

import tinygrad_xe as xe
from tinygrad_xe import nn, optim


def digits(part="train", samples=None):
    X, y = xe.data.load_digits(split=part)
    return X[:samples] / 16, y[:samples]


def blobs(samples=60, seed=0):
    """Three clouds of points in the plane."""
    rng = np.random.default_rng(seed)
    y = np.arange(samples) % 3
    return rng.normal(size=(samples, 2)) * 0.4 + np.array([[0, 2], [2, -1], [-2, -1]])[y], y


def mlp(inputs=2, hidden=8, outputs=3, seed=0):
    return nn.Sequential(nn.Linear(inputs, hidden, rng=seed), np.tanh, nn.Linear(hidden, outputs, rng=seed + 1))


def trainable(rate=0.05, seed=0, kind=optim.SGD, **settings):
    """A model, and the arguments of fit that go with it."""
    model = mlp(seed=seed)
    optimizer = kind(model.parameters(), lr=rate, **settings)
    return model, {"loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "progress": False}


def same_weights(one, other):
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(first[name].tobytes() == second[name].tobytes() for name in first)
