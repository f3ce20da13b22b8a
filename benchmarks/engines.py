"""The engines that can be timed, and what an engine gives the timer."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .workloads import Workload

LIMIT = "numpy_hand"
REFERENCE = "numpy_plain"


@dataclass
class Bench:
    """One workload, ready to run in one engine.

    Attributes
    ----------
    step : callable
        Runs one step and returns its loss, taken before the update: a float, or whatever `loss` can read.
    loss : callable
        Turns what `step` returned into a float.
    gradients : callable, optional
        The gradients of the last step, one array a parameter; required when ``workload.update`` is None.
    wait : callable, optional
        Waits for work that `step` left running.
    checked_steps : int
        Number of steps compared with the reference; smaller only where a step takes seconds.
    """

    step: Callable[[], Any]
    loss: Callable[[Any], float] = float
    gradients: Callable[[], Sequence[Any]] | None = None
    wait: Callable[[], Any] = lambda: None
    checked_steps: int = 8


@dataclass(frozen=True)
class Engine:
    """Where an engine lives, and what it takes to have it.

    Its module holds ``KINDS``, the kinds of workload that it has, and ``build(workload)``, which returns a Bench,
    or None when a workload of these kinds is beyond the engine.
    """

    module: str
    package: str
    imports: str

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec(self.package) is not None


ENGINES = {
    "tinygrad_xe": Engine("benchmarks.tinygrad_xe_eager", "tinygrad_xe", "import tinygrad_xe"),
    LIMIT: Engine("benchmarks.numpy_hand", "numpy", "import numpy"),
    REFERENCE: Engine("benchmarks.numpy_plain", "numpy", "import numpy"),
    "torch": Engine("benchmarks.rivals.torch_eager", "torch", "import torch"),
    "jax": Engine("benchmarks.rivals.jax_jit", "jax", "import jax, jax.numpy"),
    "autograd": Engine("benchmarks.rivals.autograd_", "autograd", "import autograd, autograd.numpy"),
    "mygrad": Engine("benchmarks.rivals.mygrad_", "mygrad", "import mygrad"),
    "micrograd": Engine("benchmarks.rivals.micrograd_", "micrograd", "import micrograd.engine"),
}


def installed() -> list[str]:
    """Names of the engines that this Python can import, in the order of the table."""
    return [name for name, engine in ENGINES.items() if engine.installed]


def build(name: str, workload: Workload) -> Bench | None:
    """Make `workload` ready in the engine `name`; None when the engine does not have that workload."""
    module = importlib.import_module(ENGINES[name].module)
    bench: Bench | None = module.build(workload) if workload.kind in module.KINDS else None
    return bench
