"""The command line: ``python -m benchmarks [steps|import|depth|memory|training] [options]``."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from . import depth, import_time, memory, training
from .children import ask
from .engines import ENGINES, installed
from .report import report, versions
from .workloads import ALIASES, WORKLOADS


def names(known: Iterable[str], aliases: dict[str, str]) -> Callable[[str], list[str]]:
    """A parser of comma-separated names that refuses unknown ones."""

    def parse(text: str) -> list[str]:
        chosen = list(dict.fromkeys(aliases.get(name, name) for name in text.split(",")))
        unknown = [name for name in chosen if name not in known]
        if unknown:
            all_names = ", ".join([*known, *aliases])
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)} not known; there are {all_names}")
        return chosen

    return parse


def at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="python -m benchmarks", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Time tinygrad_xe beside hand-written NumPy and the other engines that are installed.",
        epilog="parts:\n  steps     training steps of the workloads (the default)\n"
               "  import    time of the import over NumPy's\n"
               "  depth     forward and backward of chains of 1,000 to 100,000 operations\n"
               "  memory    peak memory at batch 4096\n"
               "  training  fit beside the loop it stands for, and memory over 100,000 steps")
    p.add_argument("part", nargs="?", choices=("steps", "import", "depth", "memory", "training"), default="steps")
    p.add_argument("--impl", type=names(ENGINES, {}), metavar="A,B", help="engines (default: all that are installed)")
    p.add_argument("--workloads", type=names(WORKLOADS, ALIASES), default=list(WORKLOADS), metavar="W1,W2",
                   help=f"steps: any of {', '.join(WORKLOADS)} (default: all)")
    p.add_argument("--threads", type=at_least_one, default=1, help="steps: threads of each engine (default: 1)")
    p.add_argument("--rounds", type=at_least_one, default=21,
                   help="steps, training: blocks of each engine or loop (default: 21)")
    p.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    return p


def save(path: Path, results: Any) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(results, indent=1))
    os.replace(temporary, path)


def steps(engines: list[str], workloads: list[str], threads: int, rounds: int) -> list[dict[str, Any]]:
    """The samples of each workload; one line on stderr as each is done."""
    results = []
    for workload in workloads:
        start = time.perf_counter()
        request = {"workload": workload, "engines": engines, "threads": threads, "rounds": rounds}
        result = ask("timing", request, threads)
        if "error" in result:
            result = {"workload": workload, "threads": threads, "engines": dict.fromkeys(engines, result)}
        results.append(result)
        print(f"{workload}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    return results


def main() -> None:
    p = parser()
    arguments = p.parse_args()
    engines = arguments.impl or installed()
    missing = [name for name in engines if not ENGINES[name].installed]
    if missing:
        p.error(f"not installed: {', '.join(missing)}")
    if arguments.json and not arguments.json.parent.is_dir():
        p.error(f"--json: there is no directory {arguments.json.parent}")
    if arguments.part == "steps":
        results: Any = steps(engines, arguments.workloads, arguments.threads, arguments.rounds)
        page = report(results, arguments.threads)
    elif arguments.part == "training":
        results = training.measure_all(arguments.rounds)
        page = f"## Training\n\n{versions(['tinygrad_xe'])}\n\n{training.table(results)}"
    else:
        measure, table = {
            "import": (import_time.measure, import_time.table), "depth": (depth.measure_all, depth.table),
            "memory": (memory.measure_all, memory.table)}[arguments.part]
        results = measure(engines)
        page = f"## {arguments.part.capitalize()}\n\n{versions(engines)}\n\n{table(results)}"
    if arguments.json:
        save(arguments.json, results)
    print(page)


if __name__ == "__main__":
    main()
