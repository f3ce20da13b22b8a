"""``python -m benchmarks depth``: whether forward and backward of a chain take time linear in its length."""

from __future__ import annotations

import gc
import time
from statistics import median
from typing import Any

from .agreement import agrees, disagreement
from .children import answer, ask
from .engines import build
from .report import markdown
from .workloads import deep_chain

HOW_TO_READ = """\
Best / median microseconds an operation, forward and backward together, 16 float64 values. The same at every length:
linear. Ten times as long and ten times as slow an operation: quadratic. Up to about twice as slow at 100,000 is the
processor's cache and the memory allocator: the values alone take 13 MB there."""
LENGTHS = (1_000, 10_000, 100_000)


def measure(engine: str, ops: int) -> dict[str, Any]:
    """Microseconds an operation of at least three runs in a process that has done nothing else."""
    workload = deep_chain(ops)
    bench = build(engine, workload)
    if bench is None:
        return {"error": "not run"}
    difference = disagreement(bench, workload)
    if not agrees(difference, workload):
        return {"error": f"disagrees with the reference: relative difference {difference:.1e}"}
    gc.collect()
    gc.freeze()
    samples: list[float] = []
    began = time.perf_counter()
    while len(samples) < 3 or time.perf_counter() - began < 0.5:
        start = time.perf_counter()
        bench.step()
        bench.wait()
        samples.append((time.perf_counter() - start) / ops * 1e6)
    return {"us_per_op": samples}


def measure_all(engines: list[str]) -> dict[str, dict[str, Any]]:
    return {
        engine: {str(ops): ask("depth", {"engine": engine, "ops": ops}, timeout=120) for ops in LENGTHS}
        for engine in engines
    }


def table(result: dict[str, dict[str, Any]]) -> str:
    rows = [["engine", *(f"{ops:,} ops" for ops in LENGTHS), "longest to shortest, an op"]]
    for engine, by_length in result.items():
        cells, best = [], []
        for said in by_length.values():
            us = said.get("us_per_op")
            cells.append(f"{min(us):.2f} / {median(us):.2f}" if us else said["error"])
            best.append(min(us) if us else None)
        growth = f"{best[-1] / best[0]:.2f}" if best[0] and best[-1] else ""
        rows.append([engine, *cells, growth])
    return f"{markdown(rows)}\n\n{HOW_TO_READ}"


if __name__ == "__main__":
    answer(measure)
