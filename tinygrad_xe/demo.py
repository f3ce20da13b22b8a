"""The main job: compare autodiff with the article's closed forms, then train on real data, and draw."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TextIO

import numpy as np

from . import closed_forms, data, losses
from .data import DataLoader
from .data.embedded import Split
from .demo_pictures import graph_of_the_article, plot_of_the_losses
from .graph import no_grad
from .losses import article
from .metrics import accuracy
from .nn import BCEWithLogitsLoss, CrossEntropyLoss, Flatten, Linear, Module, Sequential, Tanh
from .optim import SGD, CosineAnnealingLR
from .random import draw
from .tensor import tensor
from .training import History, fit
from .viz.spark import BARS, sparkline

Array = np.ndarray[Any, Any]


# -- closed form against autodiff --------------------------------------------------------------------------------------


def gradients(loss: Callable[..., Any], *inputs: Array) -> list[Array]:
    """Gradient of ``sum(loss(*inputs))`` in each input, by autodiff."""
    leaves = [tensor(value, requires_grad=True) for value in inputs]
    loss(*leaves).sum().backward()
    return [leaf.grad for leaf in leaves]


def second_diagonal(loss: Callable[[Any], Any], x: Array) -> Array:
    """Second derivative of an elementwise loss at each element of `x`, by autodiff twice."""
    leaf = tensor(x, requires_grad=True)
    loss(leaf).sum().backward(create_graph=True)
    first, leaf.grad = leaf.grad, None
    first.sum().backward()
    return leaf.grad  # type: ignore[no-any-return]


def difference(got: Array, want: Array) -> float:
    """Largest difference, relative to the largest element."""
    return float(np.max(np.abs(got - want)) / np.max(np.abs(want)))


class Comparison(NamedTuple):
    """One closed form, and how autodiff finds the same from a module of losses."""

    name: str
    formula: str
    by_autodiff: Callable[[Any], Array]
    closed: Array | None


def comparisons(rng: np.random.Generator) -> list[Comparison]:
    """The closed forms at 200 random samples, with soft, hard and unnormalised labels."""
    n, d, k = 200, 6, 5
    y, z, p = rng.random(n), rng.uniform(-4, 4, n), rng.uniform(0.02, 0.98, n)
    X, theta, hard = rng.standard_normal((n, d)), rng.standard_normal(d), rng.integers(0, 2, n).astype(float)
    logits, labels, classes = 3 * rng.standard_normal((n, k)), rng.random((n, k)), rng.integers(0, k, n)
    c1, c2 = closed_forms.binary_on_probs(y, p), closed_forms.binary_on_logits(y, z)
    c3, c5 = closed_forms.logistic_regression(X, hard, theta), closed_forms.softmax_on_logits(labels, logits)
    sparse = closed_forms.sparse_softmax_on_logits(classes, logits)

    def bce(module: Any) -> list[Array]:
        return gradients(lambda q, t: module.binary_cross_entropy(labels=t, probs=q), p, y)

    def sigmoid_ce(module: Any) -> list[Array]:
        return gradients(lambda q, t: module.sigmoid_cross_entropy_with_logits(labels=t, logits=q), z, y)

    def curvature(module: Any) -> Array:
        return second_diagonal(lambda q: module.sigmoid_cross_entropy_with_logits(labels=y, logits=q), z)

    def regression(module: Any) -> Array:
        return gradients(lambda w: module.sigmoid_cross_entropy_with_logits(labels=hard, logits=X @ w), theta)[0]

    def softmax_ce(module: Any) -> list[Array]:
        return gradients(lambda q, t: module.softmax_cross_entropy_with_logits_v2(labels=t, logits=q), logits, labels)

    def sparse_ce(module: Any) -> Array:
        return gradients(lambda q: module.sparse_softmax_cross_entropy_with_logits(labels=classes, logits=q), logits)[0]

    return [
        Comparison("C1  (E1)", "dL/dp = -y/p + (1-y)/(1-p)", lambda m: bce(m)[0], c1.gradient),
        Comparison("C1", "dL/dy = log((1-p)/p)", lambda m: bce(m)[1], c1.label_gradient),
        Comparison("C2", "dL/dz = sigma(z) - y", lambda m: sigmoid_ce(m)[0], c2.gradient),
        Comparison("C2", "dL/dy = -z", lambda m: sigmoid_ce(m)[1], c2.label_gradient),
        Comparison("C2", "d2L/dz2 = sigma(z) (1 - sigma(z))", curvature, c2.second),
        Comparison("C3  (E18)", "dL/dtheta = X^T (p - y)", regression, c3.gradient),
        Comparison("C5  (E3)", "dL/dz = p sum(y) - y", lambda m: softmax_ce(m)[0], c5.gradient),
        Comparison("C5", "dL/dy = lse(z) - z", lambda m: softmax_ce(m)[1], c5.label_gradient),
        Comparison("C5", "dL/dz_c = p_c - delta_ct", sparse_ce, sparse.gradient),
    ]


def print_table(out: TextIO, rng: np.random.Generator) -> float:
    """Print the table and return its largest difference."""
    out.write("Closed form against autodiff: largest difference, relative, on 200 random samples\n\n")
    out.write(f"  {'':<10} {'derivative':<36} {'as the article':>15} {'stable':>10}\n")
    worst = 0.0
    for name, formula, by_autodiff, closed in comparisons(rng):
        assert closed is not None
        plain, stable = (difference(by_autodiff(module), closed) for module in (article, losses))
        out.write(f"  {name:<10} {formula:<36} {plain:>15.1e} {stable:>10.1e}\n")
        worst = max(worst, plain, stable)
    out.write(f"\n  All agree to {worst:.1e}.\n\n")
    return worst


# -- training ----------------------------------------------------------------------------------------------------------


class Noise(Module):
    """Adds normal noise to its input while training, new each time, so that a network can't learn few images by heart.

    Parameters
    ----------
    scale : float
        The noise's standard deviation.
    rng : numpy.random.Generator
    """

    def __init__(self, scale: float, rng: np.random.Generator) -> None:
        self.scale, self.rng = scale, rng

    def forward(self, x: Array) -> Array:
        """`x`, noisy while training."""
        return x + draw(self.rng, "normal", 0, self.scale, shape=x.shape).astype(x.dtype) if self.training else x

    def extra_repr(self) -> str:
        """``0.2``."""
        return f"{self.scale}"


class Training(NamedTuple):
    """A model, what it learns from, and how."""

    title: str
    model: Module
    batches: DataLoader
    held_out: tuple[Array, Array]
    loss: Module
    epochs: int
    rate: float
    bar: float  # on the accuracy
    cosine: bool = False  # whether the learning rate goes down to 0, along half a cosine


def trainings(rng: np.random.Generator) -> list[Training]:
    """Two regressions, by the gradient of all samples at once, and a network, by batches of 32."""
    parts: tuple[Split, Split] = ("train", "test")
    cancer, cancer_held_out = (data.load_breast_cancer(split=part, standardize=True) for part in parts)
    digits, digits_held_out = (data.load_digits(split=part, standardize=True, dtype=np.float32) for part in parts)
    # from 0 to 1 without standardizing, so that noise of one size fits all pixels
    pixels, pixels_held_out = ((X / 16, y) for X, y in (data.load_digits(split=p, dtype=np.float32) for p in parts))
    return [
        Training(
            "logistic regression, breast cancer", Sequential(Linear(30, 1, rng=rng), Flatten(0)),
            DataLoader(cancer, len(cancer.X)), cancer_held_out, BCEWithLogitsLoss(), epochs=300, rate=0.5, bar=0.97,
        ),
        Training(
            "softmax regression, digits", Linear(64, 10, rng=rng),
            DataLoader(digits, len(digits.X)), digits_held_out, CrossEntropyLoss(), epochs=300, rate=0.5, bar=0.95,
        ),
        Training(
            "MLP 64-64-10 tanh, digits",
            Sequential(Noise(0.2, rng), Linear(64, 64, rng=rng), Tanh(), Linear(64, 10, rng=rng)),
            DataLoader(pixels, 32, shuffle=True, rng=rng), pixels_held_out, CrossEntropyLoss(), epochs=100, rate=1.0,
            bar=0.97, cosine=True,
        ),
    ]  # fmt: skip


def train(training: Training, epochs: int) -> tuple[History, float]:
    """Train; the losses, and the held-out accuracy."""
    model, (X, y) = training.model, training.held_out
    optimizer = SGD(model.parameters(), lr=training.rate)
    history = fit(
        model, training.batches, loss=training.loss, optimizer=optimizer, epochs=epochs, dtype=X.dtype,
        schedule=CosineAnnealingLR(optimizer, epochs) if training.cosine else None, progress=False,
    )  # fmt: skip
    if history.interrupted:
        raise KeyboardInterrupt
    with no_grad():
        output = model.eval()(X)
    return history, accuracy(output if output.ndim == 2 else output > 0, y)


# -- all of it ---------------------------------------------------------------------------------------------------------


def run(*, seed: int = 0, out: str = "tinygrad-xe-demo", quick: bool = False, stream: TextIO | None = None) -> int:
    """Run the main job.

    Parameters
    ----------
    seed : int
        Of every random number.
    out : str
        Folder for the pictures; made if it is not there.
    quick : bool
        A tenth of the training, and no bars on accuracy.
    stream : text file, optional
        Where to print; standard output by default.

    Returns
    -------
    int
        0, or 1 when a difference or an accuracy is not what it should be.
    """
    stream = stream or sys.stdout
    rng = np.random.default_rng(seed)
    started = time.perf_counter()
    os.makedirs(out, exist_ok=True)
    good = print_table(stream, rng) < 1e-12
    stream.write("Training on real data (held-out accuracy on fixed splits)\n\n")
    share = 10 if quick else 1
    ascii = not takes(stream, BARS)
    histories: dict[str, History] = {}
    for training in trainings(rng):
        stream.write(f"  {training.title:<34} ")
        stream.flush()  # the rest of the line comes when it is trained
        before = time.perf_counter()
        history, reached = train(training, training.epochs // share)
        histories[training.title] = history
        curve = sparkline(np.log(history["loss"]), 20, ascii=ascii)
        verdict = "" if quick else f" ({'at least' if reached >= training.bar else 'BELOW'} {training.bar:.2f})"
        stream.write(f"{curve:<20} loss {history['loss'][-1]:.4f}  accuracy {reached:.4f}{verdict}, ")
        stream.write(f"{time.perf_counter() - before:.1f} s\n")
        good = good and (quick or reached >= training.bar)
    stream.write("\n")
    for line in (*graph_of_the_article(out), *plot_of_the_losses(out, histories)):
        stream.write(f"{line}\n")
    stream.write(f"{time.perf_counter() - started:.1f} s in all.\n")
    return 0 if good else 1


def takes(stream: TextIO, text: str) -> bool:
    """Whether the encoding of a stream has all characters of a text."""
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True
