"""``python -m benchmarks memory``: peak memory of training steps of a large batch (Linux)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from .children import answer, ask
from .engines import build
from .report import markdown
from .workloads import large_mlp

BATCH = 4096
STEPS = 12


def _mebibytes(entry: str) -> float:
    found = re.search(rf"^{entry}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found, f"/proc/self/status has no {entry}"
    return int(found[1]) / 1024


def measure(engine: str) -> dict[str, Any]:
    """MiB before the first large step, when a small one has started thread pools and compilers, and at the peak."""
    workload, small = large_mlp(BATCH), large_mlp(8)
    bench = build(engine, small)
    if bench is None:
        return {"error": "not run"}
    bench.loss(bench.step())
    before = _mebibytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark
    bench = build(engine, workload)
    assert bench is not None
    for _ in range(STEPS):
        loss = bench.step()
    bench.loss(loss)
    return {"before": before, "peak": _mebibytes("VmHWM")}


def measure_all(engines: list[str]) -> dict[str, dict[str, Any]]:
    return {engine: ask("memory", {"engine": engine}) for engine in engines}


def table(result: dict[str, dict[str, Any]]) -> str:
    rows = [["engine", "before, MiB", "at the peak, MiB", "more, MiB"]]
    for engine, said in result.items():
        if "error" in said:
            rows.append([engine, said["error"], "", ""])
        else:
            numbers = (said["before"], said["peak"], said["peak"] - said["before"])
            rows.append([engine, *(f"{number:.1f}" for number in numbers)])
    return (
        f"{markdown(rows)}\n\n{large_mlp(BATCH).title}; {STEPS} steps. The input is 12.2 MiB,\n"
        "the parameters 0.9 MiB; torch and jax copy the input, the engines on NumPy share it.")


if __name__ == "__main__":
    answer(measure)
