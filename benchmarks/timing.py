"""Times one workload in several engines, in blocks taken in turn; runs in a child process of its own."""

from __future__ import annotations

import gc
import time
from typing import Any

from .agreement import agrees, disagreement
from .children import answer
from .engines import Bench, build
from .workloads import WORKLOADS

# the same for all: a shorter block has a better chance of falling between disturbances
BLOCK_SECONDS = 0.02


def ready(engine: str, name: str) -> tuple[Bench | None, dict[str, Any]]:
    """The engine's bench when it agrees with the reference, and what is to be said of it."""
    workload = WORKLOADS[name]()
    try:
        bench = build(engine, workload)
        if bench is None:
            return None, {"absent": True}
        difference = disagreement(bench, workload)
    except Exception as error:  # an engine that fails is reported, the others are still timed
        return None, {"error": f"{type(error).__name__}: {error}"[:300]}
    if not agrees(difference, workload):
        return None, {"error": f"disagrees with the reference: relative difference {difference:.1e}"}
    return bench, {"difference": difference}


def warm_up(bench: Bench) -> float:
    """Seconds a step takes once caches and compilers are warm."""
    steps, start = 0, time.perf_counter()
    while steps < 2 or (steps < 1000 and time.perf_counter() - start < 0.1):
        bench.step()
        steps += 1
    bench.wait()
    return (time.perf_counter() - start) / steps


def block(bench: Bench, steps: int, warm_steps: int) -> float:
    """Microseconds a step, over `steps` steps in a row."""
    step, wait = bench.step, bench.wait
    for _ in range(warm_steps):
        step()
    wait()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    wait()
    return (time.perf_counter() - start) / steps * 1e6


def blas() -> list[str]:
    """Name, version, kernel and threads of each BLAS in this process; empty when threadpoolctl is not installed."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    return [
        f"{p['internal_api']} {p['version']}, kernel {p.get('architecture', 'not known')}, {p['num_threads']} thread(s)"
        for p in threadpool_info() if p["user_api"] == "blas"
    ]


def measure(workload: str, engines: list[str], threads: int, rounds: int) -> dict[str, Any]:
    """Samples in microseconds a step for each engine that agrees with the reference."""
    found = {engine: ready(engine, workload) for engine in engines}
    result = {engine: said for engine, (_, said) in found.items()}
    benches = {engine: bench for engine, (bench, _) in found.items() if bench is not None}
    seconds = {engine: warm_up(bench) for engine, bench in benches.items()}
    samples: dict[str, list[float]] = {engine: [] for engine in benches}
    # the heap left by other engines' imports is not rescanned on behalf of whoever allocates next
    gc.collect()
    gc.freeze()
    order = list(benches)
    for turn in range(rounds if order else 0):
        for engine in order[turn % len(order) :] + order[: turn % len(order)]:
            one = seconds[engine]
            if one > 0.1 and turn >= 5:
                continue
            # OpenBLAS's worker threads spin for a while after their last job
            time.sleep(0.001 if threads == 1 else 0.03)
            steps = max(1, int(BLOCK_SECONDS / one))
            samples[engine].append(block(benches[engine], steps, min(50, int(0.001 / one))))
    for engine, values in samples.items():
        result[engine]["us"] = values
    return {"workload": workload, "threads": threads, "blas": blas(), "engines": result}


if __name__ == "__main__":
    answer(measure)
