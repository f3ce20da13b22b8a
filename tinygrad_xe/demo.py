"""The main job: compare autodiff with the article's closed forms, then train on real data, and draw."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TextIO

import numpy as np

from . import closed_forms, data, losses
from .demo_pictures import graph_of_the_article, plot_of_the_losses
from .graph import no_grad
from .losses import article
from .tensor import Tensor, tensor

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


class Progress:
    """A line that is drawn again at each tenth on a terminal, and written once, at the end, elsewhere."""

    def __init__(self, out: TextIO, title: str, steps: int) -> None:
        self._out, self._title, self._steps = out, title, steps
        self._terminal = out.isatty()
        self._shown = -1
        self.losses: list[float] = []

    def __call__(self, step: int, loss: float) -> None:
        """Show that `step` steps are done, and the loss, which is kept in `losses`."""
        self.losses.append(loss)
        tenth = 10 * step // self._steps
        if tenth == self._shown and step < self._steps:
            return
        self._shown = tenth
        bar = "#" * (2 * tenth) + "." * (20 - 2 * tenth)
        line = f"  {self._title:<34} [{bar}] loss {loss:.4f}"
        if self._terminal:
            self._out.write(f"\r{line}")
        elif step >= self._steps:
            self._out.write(line)
        self._out.flush()


def descend(parameters: list[Tensor], rate: float) -> None:
    """One step of gradient descent, in place."""
    with no_grad():
        for w in parameters:
            w -= rate * w.grad
            w.zero_grad()


def accuracy(scores: Any, labels: Array) -> float:
    """Share of rows whose largest score, or positive score, is at the label."""
    values = scores.data
    guess = values.argmax(axis=1) if values.ndim == 2 else (values > 0).astype(int)
    return float((guess == labels).mean())


def logistic_regression(steps: int, show: Progress) -> float:
    """Train on the breast-cancer data with the article's loss; held-out accuracy."""
    X, y = data.load_breast_cancer(split="train", standardize=True)
    held = data.load_breast_cancer(split="test", standardize=True)
    w, b = tensor(np.zeros(X.shape[1]), requires_grad=True, name="w"), tensor(0.0, requires_grad=True, name="b")
    for step in range(1, steps + 1):
        loss = losses.sigmoid_cross_entropy_with_logits(labels=y, logits=X @ w + b, reduction="mean")
        loss.backward()
        descend([w, b], 0.5)
        show(step, float(loss))
    return accuracy(held.X @ w + b, held.y)


def softmax_regression(steps: int, show: Progress) -> float:
    """Train on the digits; held-out accuracy."""
    X, y = data.load_digits(split="train", standardize=True, dtype=np.float32)
    held = data.load_digits(split="test", standardize=True, dtype=np.float32)
    W = tensor(np.zeros((X.shape[1], 10), np.float32), requires_grad=True, name="W")
    b = tensor(np.zeros(10, np.float32), requires_grad=True, name="b")
    for step in range(1, steps + 1):
        loss = losses.sparse_softmax_cross_entropy_with_logits(labels=y, logits=X @ W + b, reduction="mean")
        loss.backward()
        descend([W, b], 0.5)
        show(step, float(loss))
    return accuracy(held.X @ W + b, held.y)


def two_layers(epochs: int, rng: np.random.Generator, show: Progress) -> float:
    """Train a 64-64-10 tanh network on the digits, with noise on its inputs; held-out accuracy."""
    X, y = data.load_digits(split="train", dtype=np.float32)
    held = data.load_digits(split="test", dtype=np.float32)
    X, batch = X / 16, 32
    sizes = [(64, 64), (64, 10)]
    weights = [rng.uniform(-1, 1, shape).astype(np.float32) * math.sqrt(6 / sum(shape)) for shape in sizes]
    W1, W2 = (tensor(W.astype(np.float32), requires_grad=True, name=f"W{i}") for i, W in enumerate(weights, 1))
    b1, b2 = (tensor(np.zeros(n, np.float32), requires_grad=True, name=f"b{i}") for i, (_, n) in enumerate(sizes, 1))

    def network(x: Array) -> Any:
        return np.tanh(x @ W1 + b1) @ W2 + b2

    steps, step = epochs * (len(X) // batch), 0
    for _ in range(epochs):
        order = rng.permutation(len(X))
        for start in range(0, len(X) - batch + 1, batch):
            rows = order[start : start + batch]
            noisy = X[rows] + 0.2 * rng.standard_normal((batch, 64), np.float32)
            z = network(noisy)
            loss = losses.sparse_softmax_cross_entropy_with_logits(labels=y[rows], logits=z, reduction="mean")
            loss.backward()
            descend([W1, b1, W2, b2], 0.5 * (1 + math.cos(math.pi * step / steps)))
            step += 1
            show(step, float(loss))
    return accuracy(network(held.X / 16), held.y)


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
    curves: dict[str, list[float]] = {}
    jobs: tuple[tuple[str, int, Callable[[int, Progress], float], int, float], ...] = (
        ("logistic regression, breast cancer", 300 // share, logistic_regression, 1, 0.97),
        ("softmax regression, digits", 300 // share, softmax_regression, 1, 0.95),
        ("MLP 64-64-10 tanh, digits", 100 // share, lambda n, show: two_layers(n, rng, show), 42, 0.97),
    )
    for title, rounds, train, steps_in_round, bar in jobs:
        before = time.perf_counter()
        show = Progress(stream, title, rounds * steps_in_round)
        reached = train(rounds, show)
        curves[title] = show.losses
        verdict = "" if quick else f" ({'at least' if reached >= bar else 'BELOW'} {bar:.2f})"
        stream.write(f"  accuracy {reached:.4f}{verdict}, {time.perf_counter() - before:.1f} s\n")
        good = good and (quick or reached >= bar)
    stream.write("\n")
    for line in (*graph_of_the_article(out), *plot_of_the_losses(out, curves, stream)):
        stream.write(f"{line}\n")
    stream.write(f"{time.perf_counter() - started:.1f} s in all.\n")
    return 0 if good else 1
