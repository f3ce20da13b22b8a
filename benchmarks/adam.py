"""Adam on NumPy arrays, for the engines that bring no optimizer of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np


def adam(parameters: Sequence[np.ndarray], learning_rate: float) -> Callable[[Iterable[np.ndarray]], list[np.ndarray]]:
    """A function that takes the gradients and returns what to subtract from the parameters."""
    means, squares = [np.zeros_like(p) for p in parameters], [np.zeros_like(p) for p in parameters]
    count = 0

    def changes(gradients: Iterable[np.ndarray]) -> list[np.ndarray]:
        nonlocal count
        count += 1
        # lr * (m / c1) / (sqrt(v / c2) + eps), the scalars gathered
        root = (1 - 0.999**count) ** 0.5
        factor = learning_rate * root / (1 - 0.9**count)
        result = []
        for mean, square, g in zip(means, squares, gradients):
            mean *= 0.9
            mean += 0.1 * g
            square *= 0.999
            square += 0.001 * g * g
            result.append(factor * mean / (np.sqrt(square) + 1e-8 * root))
        return result

    return changes
