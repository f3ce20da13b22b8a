"""Derivatives along a direction by differences of a function, and their comparison with a gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

#: Takes arrays; returns a number, and the size that its rounding error is relative to.
Projection = Callable[[list[Array]], tuple[float, float]]

#: Steps of the differences, relative to the elements: the first, and how many halvings of it.
FIRST_STEP, HALVINGS = 0.1, 24

#: How often the differences' own estimate of their error may be exceeded.
SAFETY = 10.0


def compare(
    project: Projection, arrays: list[Array], i: int, gradient: Array, tolerance: float, precision: float,
    generator: np.random.Generator,
) -> tuple[float, float, float, float, str]:  # fmt: skip
    """Compare along one random direction in input `i`: both numbers, error, tolerance, verdict."""
    x = arrays[i]
    direction = steps_of(x) * signed(generator, x.shape)
    products = np.asarray(gradient, np.float64) * direction
    autodiff = float(np.sum(products))
    size = project(arrays)[1]
    seen: list[float] = []
    for first in (FIRST_STEP, 0.37 * FIRST_STEP):  # a second look, at other steps, before anything is called wrong
        difference, uncertain = ridders(project, arrays, i, direction, size, first, precision)
        scale = float(np.nanmax([abs(autodiff), abs(difference), np.sqrt(np.sum(products**2)), 1e-5 * size]))
        if scale < NOTHING:
            return 0.0, 0.0, 0.0, tolerance, "ok"
        error, allowed = abs(autodiff - difference) / scale, tolerance + SAFETY * uncertain / scale
        settled = SAFETY * uncertain <= 1e-2 * max(scale, size) and all(abs(d - difference) < 0.1 * scale for d in seen)
        if settled and error <= allowed:
            return autodiff, difference, error, allowed, "ok"
        seen.append(difference)
    return autodiff, difference, error, allowed, "wrong" if settled else "unclear"


#: Below this a product of two numbers may have underflowed: no digits are left to be compared.
NOTHING = float(np.sqrt(np.finfo(np.float64).tiny))


def signed(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Random numbers between 1/2 and 1, and -1 and -1/2: none that would leave an element unchecked."""
    return np.asarray(generator.uniform(0.5, 1, shape) * generator.choice([-1, 1], shape))


def steps_of(x: Array) -> Array:
    """What steps are relative to: the size of each element, of all together where it is 0 but for rounding."""
    typical = float(np.sqrt(np.mean(x * x))) or 1.0
    return np.where(np.abs(x) > 1e-15 * typical, np.abs(x), typical)


def ridders(
    project: Projection, arrays: list[Array], i: int, direction: Array, size: float, first: float, precision: float
) -> tuple[float, float]:
    """The derivative of `project` along `direction` in input `i`, and an estimate of its error.

    A table in which column k holds central differences with the first k even powers of the step removed.
    """
    best, error = np.nan, np.inf
    previous: list[float] = []
    for halving in range(HALVINGS):
        step = first / 2**halving
        row = [central(project, arrays, i, direction, step)]
        if not np.isfinite(row[0]):  # beyond the edge of the domain
            previous = []
            continue
        noise = 4 * precision * size / step
        for k, before in enumerate(previous[:4]):
            row.append(row[k] + (row[k] - before) / (4 ** (k + 1) - 1))
            estimate = max(abs(row[-1] - row[-2]), abs(row[-1] - before)) + noise
            if k and estimate < error:  # two differences may agree by accident, three do not
                best, error = row[-1], estimate
        previous = row
        if noise > error:
            break
    return best, error


def central(project: Projection, arrays: list[Array], i: int, direction: Array, step: float) -> float:
    """The central difference; NaN where the function can't be computed."""
    values = []
    for sign in (1, -1):
        moved = [a.copy() for a in arrays]
        moved[i] = np.asarray(arrays[i] + sign * step * direction)
        try:
            values.append(float(project(moved)[0]))
        except (ValueError, ArithmeticError):  # outside of its domain
            return np.nan
    return (values[0] - values[1]) / (2 * step)


def worst_element(
    project: Projection, arrays: list[Array], i: int, gradient: Array, precision: float, generator: np.random.Generator
) -> dict[str, Any]:
    """An element in which the gradient is wrong, found by halving."""
    x = arrays[i]
    steps, signs = steps_of(x), generator.choice([-1.0, 1.0], x.shape)
    size = project(arrays)[1]
    places = np.arange(x.size)

    def discrepancy(part: Array) -> float:
        direction = np.zeros(x.shape)
        direction.flat[part] = (steps * signs).flat[part]
        difference, _ = ridders(project, arrays, i, direction, size, FIRST_STEP, precision)
        return abs(float(np.sum(np.asarray(gradient).flat[part] * direction.flat[part])) - difference)

    while len(places) > 1:
        halves = np.array_split(places, 2)
        found = [discrepancy(half) for half in halves]
        places = halves[int(np.argmax(np.where(np.isnan(found), np.inf, found)))]
    direction = np.zeros(x.shape)
    direction.flat[places[0]] = step = steps.flat[places[0]]
    difference, _ = ridders(project, arrays, i, direction, size, FIRST_STEP, precision)
    index = tuple(map(int, np.unravel_index(places[0], x.shape)))
    return dict(
        element=index, element_autodiff=float(np.asarray(gradient)[index]), element_difference=float(difference / step)
    )
