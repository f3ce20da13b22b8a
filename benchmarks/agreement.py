"""Holds an engine to the plain NumPy reference: nothing that disagrees with it is timed."""

from __future__ import annotations

import numpy as np

from .engines import REFERENCE, Bench, build
from .workloads import Workload


def tolerance(workload: Workload) -> float:
    """The largest accepted difference, relative to the largest entry of each array."""
    return 1e-4 if workload.dtype == np.float32 else 1e-9


def observe(bench: Bench, workload: Workload, steps: int) -> list[np.ndarray]:
    """The losses of `steps` training steps, or the loss and the gradients of one step without update."""
    if workload.update is not None:
        return [np.asarray(bench.loss(bench.step()), dtype=np.float64) for _ in range(steps)]
    loss = bench.loss(bench.step())
    assert bench.gradients is not None, "a workload without update needs Bench(gradients=...)"
    return [np.asarray(a, dtype=np.float64) for a in (loss, *bench.gradients())]


def disagreement(bench: Bench, workload: Workload) -> float:
    """Run the first steps of `bench`: its largest relative difference from the reference."""
    reference = build(REFERENCE, workload)
    assert reference is not None
    got, wanted = (observe(b, workload, bench.checked_steps) for b in (bench, reference))
    if [a.shape for a in got] != [a.shape for a in wanted]:
        return float("inf")
    # np.max, since the built-in max may pass over a NaN
    return float(np.max([np.max(np.abs(a - b)) / np.max(np.abs(b)) for a, b in zip(got, wanted)]))


def agrees(difference: float, workload: Workload) -> bool:
    """False for NaN too."""
    return difference <= tolerance(workload)
