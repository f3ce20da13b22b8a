"""What a line of the table in ops_cases.py holds: a function, where its inputs are drawn, its options, its oracles."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Domain:
    """Where the numbers of an input are drawn: spread evenly over an interval, off a hole at 0; no two are close."""

    low: float
    high: float
    hole: float = 0.0
    far: tuple[float, ...] = (-300.0, -40.0, -1.5, 1.5, 40.0, 300.0)
    steps: int = 0  # whole numbers up to this are added

    def draw(self, rng: np.random.Generator, shapes: list[Shape]) -> list[np.ndarray]:
        """Arrays of the given shapes; all their elements differ by a good deal more than a difference step."""
        sizes = [math.prod(shape) for shape in shapes]
        grid = np.linspace(self.low, self.high, sum(sizes) + 2)[1:-1]
        grid = np.where(np.abs(grid) < self.hole, grid + math.copysign(2 * self.hole, self.high), grid)
        grid = grid + rng.integers(-self.steps, self.steps + 1, grid.shape)
        parts = np.split(rng.permutation(grid), np.cumsum(sizes)[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


REAL = Domain(-3, 3)
NONZERO = Domain(-2.9, 3.17, hole=0.2)  # not symmetric, so that absolute values do not tie
POSITIVE = Domain(0.3, 3, far=(1 / 300, 0.5, 40.0, 300.0))
UNIT = Domain(-0.9, 0.9, far=(-0.999, -0.5, 0.0, 0.999))
ABOVE_ONE = Domain(1.2, 4, far=(1.001, 40.0, 300.0))
ABOVE_MINUS_ONE = Domain(-0.8, 3, far=(-0.999, 40.0, 300.0))
HALVES = Domain(0.35, 0.65, far=(), steps=5)  # never near a multiple of the divisors below
DIVISORS = Domain(0.98, 1.02, far=())


@dataclass(frozen=True)
class Case:
    """One operation.

    ``call`` takes the arrays and the options of a variant; by default it is the function itself. ``torch`` is what
    PyTorch writes for it, with the same arguments. ``reference`` gives the value where NumPy has no such function.
    """

    function: Callable[..., Any]
    domains: tuple[Domain, ...]
    shapes: tuple[Shape, ...] = ()
    options: tuple[dict[str, Any], ...] = ({},)
    call: Callable[..., Any] | None = None
    torch: Callable[..., Any] | None = None
    reference: Callable[..., Any] | None = None
    float64: bool = False  # NumPy's function gives float64 for float32
    empty: bool = True  # False where NumPy's releases differ about arrays without elements

    @property
    def name(self) -> str:
        return str(getattr(self.function, "__name__", self.function))

    def run(self, *arrays: Any, **options: Any) -> Any:
        return (self.call or self.function)(*arrays, **options)

    def expected(self, *arrays: np.ndarray, **options: Any) -> Any:
        return (self.reference or self.run)(*arrays, **options)


@dataclass(frozen=True)
class Variant:
    """A case with one choice of options."""

    case: Case
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        chosen = ",".join(f"{key}={value}" for key, value in self.options.items())
        return self.case.name + (f"[{' '.join(chosen.split())}]" if chosen else "")

    @property
    def shapes(self) -> tuple[Shape, ...]:
        return self.case.shapes or ((3, 4),) * len(self.case.domains)

    def inputs(self, shapes: tuple[Shape, ...] | None = None, seed: int = 0) -> list[np.ndarray]:
        """Arrays for this case; inputs that share a domain are drawn from it together."""
        rng = np.random.default_rng(seed)
        wanted = self.shapes if shapes is None else shapes
        drawn: dict[int, np.ndarray] = {}
        for domain in dict.fromkeys(self.case.domains):
            places = [i for i, other in enumerate(self.case.domains) if other == domain]
            drawn |= zip(places, domain.draw(rng, [wanted[i] for i in places]), strict=True)
        return [drawn[i] for i in range(len(wanted))]

    def run(self, *arrays: Any) -> Any:
        return self.case.run(*arrays, **self.options)

    def expected(self, *arrays: np.ndarray) -> Any:
        return self.case.expected(*arrays, **self.options)


def each(**choices: list[Any]) -> tuple[dict[str, Any], ...]:
    """Every combination of the given options."""
    return tuple(dict(zip(choices, chosen, strict=True)) for chosen in itertools.product(*choices.values()))


def elements(function: Callable[..., Any], *domains: Domain, torch: Any = None, **more: Any) -> Case:
    """Make the case of an elementwise function; `torch` is PyTorch's, by name or as a function of module and arrays."""
    if isinstance(torch, str):
        found = operator.attrgetter(torch)
        torch = lambda t, *arrays, **options: found(t)(*arrays, **options)
    return Case(function, domains, torch=torch, **more)


def variants(cases: Iterable[Case]) -> Iterator[Variant]:
    """Every case with each of its options."""
    return (Variant(case, options) for case in cases for options in case.options)
