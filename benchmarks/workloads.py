"""The workloads: fixed data and initial parameters as NumPy arrays, the same for every engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Workload:
    """What an engine has to compute.

    An engine copies the parameters and never writes into these arrays.

    Attributes
    ----------
    title : str
        One line for the table.
    kind : {"logistic", "softmax", "mlp", "convnet", "chain"}
        logistic: weights (features,), bias (1,), sigmoid cross-entropy.
        softmax: weights (features, classes), bias (classes,), softmax cross-entropy.
        mlp: weights and bias of each layer in turn, `activation` between the layers, then `loss`.
        convnet: weights (out, in, 3, 3) and bias of two convolutions, padded to keep the size, each with relu and
        max-pooling of 2 by 2 behind it, then weights (features, classes) and bias; cross-entropy.
        chain: parameters x, y, z and perhaps w; see `chain`.
    parameters : list of ndarray
        Initial values.
    inputs, labels, onehot : ndarray
        ``(n, features)``, of a convnet (n, 1, height, width); ``(n,)`` class numbers, {0, 1} or {-1, 1};
        ``(n, classes)`` the class numbers as indicators.
    update : {"sgd", "adam", None}
        None: forward and backward only, and the gradients are compared, not the losses.
        Adam has the usual constants 0.9, 0.999 and 1e-8.
    fused : bool
        Softmax only. True: the engine's own cross-entropy; False: written with exp, sum and log, the row maximum
        subtracted as a constant.
    torch_budget : float, optional
        The share of PyTorch eager's time that tinygrad_xe is meant to stay within.
    """

    title: str
    kind: str
    parameters: list[np.ndarray]
    inputs: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    labels: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    activation: str = "relu"
    loss: str = "cross_entropy"
    fused: bool = True
    repeats: int = 0
    update: str | None = "sgd"
    learning_rate: float = 0.1
    torch_budget: float | None = None

    @property
    def dtype(self) -> np.dtype:
        return self.parameters[0].dtype

    @property
    def onehot(self) -> np.ndarray:
        return np.eye(self.parameters[-1].size, dtype=self.dtype)[self.labels]


def digits(dtype: type, count: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` handwritten digits, pixels in [0, 1], shapes (count, 64) and (count,)."""
    from tinygrad_xe.data import load_digits

    images, labels = load_digits()
    return np.ascontiguousarray(images[:count] / 16.0, dtype=dtype), labels[:count].astype(np.int64)


def moons(count: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two interleaved half circles with Gaussian noise, shapes (count, 2) and (count,); labels -1 and 1."""
    angle = np.linspace(0, np.pi, count // 2)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    points = np.concatenate([upper, lower]) + noise * rng.standard_normal((2 * len(angle), 2))
    return points, np.repeat([-1.0, 1.0], len(angle))


def layers(rng: np.random.Generator, sizes: Sequence[int], dtype: type) -> list[np.ndarray]:
    """Weights (He initialisation) and zero biases of a multilayer perceptron."""
    parameters = []
    for fan_in, fan_out in pairwise(sizes):
        parameters.append((rng.standard_normal((fan_in, fan_out)) * np.sqrt(2 / fan_in)).astype(dtype))
        parameters.append(np.zeros(fan_out, dtype))
    return parameters


def moons_mlp() -> Workload:
    rng = np.random.default_rng(0)
    inputs, labels = moons(100, 0.1, rng)
    return Workload("moons, MLP 2-16-16-1 relu, hinge, batch 100, float64", "mlp",
                    layers(rng, (2, 16, 16, 1), np.float64), inputs, labels, loss="hinge")


def logistic_regression() -> Workload:
    rng = np.random.default_rng(0)
    inputs, labels = digits(np.float64, 32)
    return Workload("logistic regression, 64 features, batch 32, float64", "logistic",
                    [rng.standard_normal(64) * 0.1, np.zeros(1)], inputs, (labels == 0).astype(np.float64))


def softmax_regression(fused: bool) -> Workload:
    rng = np.random.default_rng(0)
    inputs, labels = digits(np.float64)
    how = "fused cross-entropy" if fused else "cross-entropy from exp, sum, log"
    return Workload(f"softmax regression 64-10, {how}, batch 1797, float64", "softmax",
                    [rng.standard_normal((64, 10)) * 0.1, np.zeros(10)], inputs, labels, fused=fused)


def digits_mlp(activation: str, update: str | None = "sgd", torch_budget: float | None = None) -> Workload:
    rng = np.random.default_rng(0)
    inputs, labels = digits(np.float32, 64)
    how = {"sgd": "SGD", "adam": "Adam", None: "no update"}[update]
    return Workload(f"MLP 64-64-10 {activation}, batch 64, float32, {how}", "mlp",
                    layers(rng, (64, 64, 10), np.float32), inputs, labels, activation=activation, update=update,
                    learning_rate=1e-3 if update == "adam" else 0.1, torch_budget=torch_budget)


def large_mlp(batch: int = 128) -> Workload:
    rng = np.random.default_rng(0)
    inputs, labels = rng.standard_normal((batch, 784)).astype(np.float32), rng.integers(0, 10, batch)
    return Workload(f"MLP 784-256-128-10 relu, batch {batch}, float32, SGD", "mlp",
                    layers(rng, (784, 256, 128, 10), np.float32), inputs, labels)


def convnet(batch: int = 64) -> Workload:
    rng = np.random.default_rng(0)
    images, labels = digits(np.float32, batch)
    # noise, so that no pixels in a pooling window are equal: which of them takes the gradient is a convention
    images = (images + 0.01 * rng.standard_normal(images.shape)).astype(np.float32).reshape(batch, 1, 8, 8)
    shapes = (8, 1, 3, 3), (16, 8, 3, 3), (64, 10)
    parameters = []
    for shape, fan_in in zip(shapes, (9, 72, 64)):
        parameters.append((rng.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32))
        parameters.append(np.zeros(shape[0] if len(shape) > 2 else shape[1], np.float32))
    return Workload(f"convnet 8-16 on 8x8 pixels, relu, max-pooling, batch {batch}, float32, SGD", "convnet",
                    parameters, images, labels, torch_budget=1.0)


def chain() -> Workload:
    """Repeats ``x = x * y; x = x + z; x = tanh(x); x = x - w``, then sums; gradients of all four."""
    x, y, z, w = np.random.default_rng(0).standard_normal((4, 16))
    return Workload("chain of 100 small ops on 16 values, float64, no update", "chain",
                    [x, 1 + 0.1 * y, 0.1 * z, 0.1 * w], repeats=25, update=None, torch_budget=0.6)


def deep_chain(ops: int) -> Workload:
    """Repeats ``x = x * y; x = x + z``, then sums; no gradient would survive thousands of tanh."""
    x, y, z = np.random.default_rng(0).standard_normal((3, 16))
    return Workload(f"chain of {ops:,} ops on 16 values, float64, no update", "chain",
                    [x, 1 + y / ops, z / ops], repeats=ops // 2, update=None)


# W7 is kept for a transformer block.
WORKLOADS: dict[str, Callable[[], Workload]] = {
    "chain": chain,
    "mlp": lambda: digits_mlp("tanh", update=None, torch_budget=0.7),
    "W1": moons_mlp,
    "W2": logistic_regression,
    "W3": lambda: softmax_regression(fused=False),
    "W3f": lambda: softmax_regression(fused=True),
    "W4": lambda: digits_mlp("relu"),
    "W4t": lambda: digits_mlp("tanh"),
    "W4a": lambda: digits_mlp("relu", update="adam"),
    "W5": large_mlp,
    "W6": convnet,
    "W9": lambda: deep_chain(10_000),
}
ALIASES = {"W8": "chain"}
