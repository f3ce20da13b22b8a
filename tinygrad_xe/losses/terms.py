"""Ops that losses and their rules are composed of: logarithms of probabilities, products and powers at their limits.

In them n is a surprisal, ``-log(p)``: it keeps its accuracy for p near 0 and near 1, where p and 1 - p lose theirs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import differentiable


@differentiable("p", elementwise=True, p=lambda g, p: -g / p)
def surprisal(p: Any) -> Any:
    """-log(p), infinite at 0."""
    with np.errstate(divide="ignore"):
        return -np.log(p)


@differentiable("p", elementwise=True, p=lambda g, p: -g / (p * (1 - p)))
def log_odds(p: Any) -> Any:
    """log((1 - p) / p), which is 2 artanh(1 - 2 p); 1 - 2 p is exact for p >= 1/4, so nothing cancels near 1/2."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0.25, 2 * np.arctanh(1 - 2 * p), np.log1p(-p) - np.log(p))


@differentiable("label, x", broadcasts=True, elementwise=True, label=lambda g, x: g * x, x=lambda g, label: g * label)
def labelled(label: Any, x: Any) -> Any:
    """label * x, and 0 where the label is 0, even if x is infinite."""
    with np.errstate(invalid="ignore"):
        return np.where(label == 0, 0, label * x)


@differentiable("n", elementwise=True, n=lambda g, n, out: g * (np.exp(-n) - out))
def information(n: Any) -> Any:
    """n * exp(-n), which is -p log(p), and 0 at n = inf."""
    with np.errstate(invalid="ignore"):
        return np.where(n == np.inf, 0, n * np.exp(-n))


def miss_slope(n: Any, power: float) -> Any:
    """Derivative of `miss` in n."""
    return power * (miss(n, power=power - 1) * np.exp(-n))


@differentiable("n, *, power", elementwise=True, n=lambda g, n, *, power: g * miss_slope(n, power))
def miss(n: Any, *, power: float) -> Any:
    """(1 - p) ** power = (1 - exp(-n)) ** power; with a negative power, 0 where 1 - p has underflowed.

    Negative powers occur in second derivatives only, times derivatives of n that fall faster, so that the product has
    underflowed too.
    """
    m = -np.expm1(-n)
    if power >= 0:
        return np.power(m, power)
    with np.errstate(divide="ignore", over="ignore"):
        return np.where(m < np.finfo(m.dtype).tiny, 0, np.power(m, power))


def bernoulli_slope(n: Any) -> Any:
    """Derivative of `bernoulli_function`, from its series near 0: the next term is n**3 / 180."""
    return np.where(n < 1e-4, n / 6 - 0.5, bernoulli_function(n) * (1 / n + 1 / np.expm1(-n)))


@differentiable("n", elementwise=True, n=lambda g, n: g * bernoulli_slope(n))
def bernoulli_function(n: Any) -> Any:
    """n / (exp(n) - 1) for n >= 0: 1 at 0, 0 at infinity."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(n == 0, 1, np.where(n == np.inf, 0, n / np.expm1(n)))


def focal_slope(n: Any, gamma: float) -> Any:
    """Derivative of `focal` in n."""
    return miss(n, power=gamma) * (1 + gamma * bernoulli_function(n))


@differentiable("n, *, gamma", elementwise=True, n=lambda g, n, *, gamma: g * focal_slope(n, gamma))
def focal(n: Any, *, gamma: float) -> Any:
    """(1 - p) ** gamma * n: the surprisal, small where the prediction is already good."""
    return np.power(-np.expm1(-n), gamma) * (n + 0.0)  # + 0.0 takes the sign off -0.0
