"""``python -m benchmarks import``: what an import costs over and above NumPy's, in fresh processes."""

from __future__ import annotations

from statistics import median
from typing import Any

from .children import run
from .engines import ENGINES
from .report import markdown

BUDGET_MS = 40
PROCESSES = 15
CODE = """\
from time import perf_counter
start = perf_counter()
import numpy
middle = perf_counter()
{imports}
end = perf_counter()
print('{{"numpy": %r, "over": %r}}' % (1e3 * (middle - start), 1e3 * (end - middle)))
"""


def measure(engines: list[str]) -> dict[str, Any]:
    """Milliseconds of each engine's import after NumPy's, `PROCESSES` samples an engine, the engines in turn."""
    result: dict[str, Any] = {engine: {"numpy": [], "over": []} for engine in engines}
    for turn in range(-1, PROCESSES):  # turn -1 writes the .pyc files and fills the page cache
        for engine in engines:
            answer = run(["-c", CODE.format(imports=ENGINES[engine].imports)], threads=1)
            if "error" in answer:
                result[engine] = answer
            elif turn >= 0 and "error" not in result[engine]:
                for key, value in answer.items():
                    result[engine][key].append(value)
    return result


def table(result: dict[str, Any]) -> str:
    rows = [["import", "over NumPy, median ms", "least ms", "NumPy itself, median ms"]]
    for engine, said in result.items():
        if "error" in said:
            rows.append([engine, said["error"], "", ""])
        else:
            over, numpy = said["over"], said["numpy"]
            rows.append([engine, f"{median(over):.1f}", f"{min(over):.1f}", f"{median(numpy):.1f}"])
    note = f"{PROCESSES} fresh processes each. tinygrad_xe's budget: {BUDGET_MS} ms over NumPy (median)."
    return f"{markdown(rows)}\n\n{note}"
