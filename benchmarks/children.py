"""Runs one part of the benchmark in a child process whose environment is fixed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[1]
# the first two change the BLAS kernel, the last has an import compile every file anew
REMOVED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE")


def environment(threads: int) -> dict[str, str]:
    """The parent's environment, with `threads` threads everywhere and none of the settings in `REMOVED`."""
    env = {k: v for k, v in os.environ.items() if k not in REMOVED}
    counts = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")
    env.update(dict.fromkeys(counts, str(threads)), JAX_PLATFORMS="cpu", PYTHONHASHSEED="0")
    flags = [flag for flag in env.get("XLA_FLAGS", "").split() if "multi_thread_eigen" not in flag]
    env["XLA_FLAGS"] = " ".join(flags + ["--xla_cpu_multi_thread_eigen=false"] * (threads == 1))
    return env


def run(arguments: list[str], threads: int, timeout: float = 600) -> dict[str, Any]:
    """What ``python <arguments>`` answers on its last line, or ``{"error": why there is no answer}``."""
    try:
        child = subprocess.run([sys.executable, *arguments], env=environment(threads), cwd=CHECKOUT,
                               timeout=timeout, capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        return {"error": f"not done after {timeout:.0f} s"}
    if child.returncode:
        return {"error": (child.stderr.strip().splitlines() or [f"exit status {child.returncode}"])[-1][:300]}
    result: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    return result


def ask(module: str, request: dict[str, Any], threads: int = 1, timeout: float = 600) -> dict[str, Any]:
    """Have ``measure(**request)`` of a module of this package called in a child process."""
    return run(["-m", f"benchmarks.{module}", json.dumps(request)], threads, timeout)


def answer(measure: Callable[..., dict[str, Any]]) -> None:
    """The child's side: call `measure` with the request's entries and print what it returns."""
    print("\n" + json.dumps(measure(**json.loads(sys.argv[1]))))
