"""Turns samples into Markdown: versions, the table of steps, the budgets, and how to read them."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from .engines import ENGINES, LIMIT
from .workloads import WORKLOADS

HOW_TO_READ = f"""\
How to read: times are microseconds a step, `best / median` over blocks of about 20 ms that the engines run in turn, in
one process a workload. The best block is the least disturbed by the machine's other users; trust a median that lies
close to it. Ratios are best to best, and the median of the ratios round by round. Below 10 % a difference is noise.
`{LIMIT}` is the limit of one NumPy call an operation; a compiler that fuses operations (jax) can go below it. Every
engine first agreed with plain NumPy, `differs` being the largest relative difference (of the losses of the first
steps, or of the gradients where there is no update). An engine without a line does not have the workload."""


def versions(engines: Iterable[str]) -> str:
    """Versions of the engines' packages, of NumPy and of Python, and the machine."""
    found = []
    packages = [ENGINES[name].package for name in engines if ENGINES[name].installed]
    for package in dict.fromkeys([*packages, "numpy"]):
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{package} {getattr(importlib.import_module(package), '__version__', '(version not known)')}")
    machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
    load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return ", ".join(found) + f"; {machine}{load}"


def kernels(results: Sequence[dict[str, Any]]) -> str:
    """Which BLAS ran, as the children saw it."""
    seen = list(dict.fromkeys(line for result in results for line in result.get("blas", [])))
    return "; ".join(seen) or "not known (install threadpoolctl to have it named)"


def _microseconds(us: float) -> str:
    return f"{us:,.0f}" if us >= 100 else f"{us:.1f}"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def ratios(us: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """Best to best, and the median of the ratios round by round."""
    return min(us) / min(other), median(a / b for a, b in zip(us, other))


def _row(
    name: str, engine: str, said: dict[str, Any], engines: dict[str, dict[str, Any]], against: list[str]
) -> list[str]:
    if "us" not in said:
        return [name, engine, said["error"]] + [""] * (len(against) + 1)
    us = said["us"]
    cells = [f"{_microseconds(min(us))} / {_microseconds(median(us))}"]
    for other in against:
        theirs = engines.get(other, {}).get("us")
        cells.append(" / ".join(map(_ratio, ratios(us, theirs))) if theirs else "")
    return [name, engine, *cells, f"{said['difference']:.0e}" if said["difference"] else "0"]


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first row is its head."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def steps_table(results: Sequence[dict[str, Any]]) -> str:
    """One line for each workload and engine; an engine that does not have a workload has no line there."""
    timed = {engine for result in results for engine, said in result["engines"].items() if "us" in said}
    against = [engine for engine in (LIMIT, "torch") if engine in timed]
    rows = [["workload", "engine", "best / median us", *(f"of {engine}'s time" for engine in against), "differs"]]
    for result in results:
        name = result["workload"]
        for engine, said in result["engines"].items():
            if "absent" not in said:
                rows.append(_row(f"**{name}**", engine, said, result["engines"], against))
    return markdown(rows)


def budgets(results: Sequence[dict[str, Any]]) -> str:
    """Where tinygrad_xe is meant to stay within a share of PyTorch eager's time, and where it is."""
    lines = []
    for result in results:
        budget = WORKLOADS[result["workload"]]().torch_budget
        ours, theirs = (result["engines"].get(engine, {}).get("us") for engine in ("tinygrad_xe", "torch"))
        if budget is not None and ours and theirs:
            best, middle = ratios(ours, theirs)
            verdict = "kept" if max(best, middle) <= budget else "missed"
            lines.append(
                f"* {result['workload']}: {best:.2f} / {middle:.2f} of torch's time; budget {budget}: {verdict}")
    return "\n".join(lines)


def report(results: Sequence[dict[str, Any]], threads: int) -> str:
    """The whole page for one run."""
    engines = dict.fromkeys(engine for result in results for engine in result["engines"])
    names = "\n".join(f"* {result['workload']}: {WORKLOADS[result['workload']]().title}" for result in results)
    parts = [
        f"## Steps, {threads} thread(s)", f"{versions(engines)}\n\nBLAS: {kernels(results)}", names,
        steps_table(results), budgets(results), HOW_TO_READ]
    return "\n\n".join(part for part in parts if part)
