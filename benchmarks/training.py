"""``python -m benchmarks training``: what ``fit`` costs over the loop it stands for (W4), and memory."""

from __future__ import annotations

import gc
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_xe as xe
from tinygrad_xe import nn, optim
from tinygrad_xe.data import DataLoader
from tinygrad_xe.training import Callback, fit

from .children import answer, ask
from .report import markdown

BATCH = 64
EPOCHS = 50  # of a block: 1,100 steps, 150 ms
STEPS = 100_000  # of the measurement of memory


def parts() -> tuple[Any, Any, Any, Any]:
    """Model, optimizer, loss and loader of W4: MLP 64-64-10 relu, batch 64, float32, SGD."""
    X, y = xe.data.load_digits(split="train")
    model = nn.Sequential(nn.Linear(64, 64, rng=0), xe.relu, nn.Linear(64, 10, rng=1)).astype(np.float32)
    loader = DataLoader(((X / 16).astype(np.float32), y), BATCH, shuffle=True, rng=0)
    return model, optim.SGD(model.parameters(), lr=1e-3), nn.CrossEntropyLoss(), loader


def by_hand() -> Callable[[], None]:
    model, optimizer, loss, loader = parts()

    def run() -> None:
        losses = []
        for _ in range(EPOCHS):
            model.train()
            total, count = 0.0, 0
            for x, target in loader:
                optimizer.zero_grad()
                value = loss(model(x), target)
                value.backward()
                optimizer.step()
                total += value.item() * len(x)
                count += len(x)
            losses.append(total / count)

    return run


def by_fit() -> Callable[[], None]:
    model, optimizer, loss, loader = parts()
    return lambda: void(fit(model, loader, loss=loss, optimizer=optimizer, epochs=EPOCHS, progress=False))


def void(value: object) -> None:
    """Forget a value."""


def overhead(rounds: int) -> dict[str, Any]:
    """Microseconds of processor time a step of both loops, in blocks taken in turn: a busy machine disturbs it less."""
    loops = {"by hand": by_hand(), "fit": by_fit()}
    for run in loops.values():
        run()
    steps = EPOCHS * len(parts()[3])
    samples: dict[str, list[float]] = {name: [] for name in loops}
    gc.collect()
    gc.freeze()
    for turn in range(rounds):
        for name in list(loops)[:: 1 if turn % 2 else -1]:
            start = time.process_time()
            loops[name]()
            samples[name].append((time.process_time() - start) / steps * 1e6)
    return samples


def resident() -> float:
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found, "/proc/self/status has no VmRSS"
    return int(found[1]) / 1024


class Watch(Callback):
    """Notes the resident size, in MiB, twenty times after the first tenth of the steps."""

    def __init__(self, steps: int) -> None:
        self.next, self.every, self.sizes = steps // 10, max(1, steps // 22), list[float]()

    def on_batch(self, run: Any) -> None:
        if run.step >= self.next:
            self.next += self.every
            self.sizes.append(resident())


def memory(steps: int) -> dict[str, Any]:
    model, optimizer, loss, loader = parts()
    watch = Watch(steps)
    epochs = -(-steps // len(loader))
    fit(model, loader, loss=loss, optimizer=optimizer, epochs=epochs, callbacks=[watch], progress=False)
    return {"steps": epochs * len(loader), "sizes": watch.sizes}


def measure(what: str, number: int) -> dict[str, Any]:
    return overhead(number) if what == "overhead" else memory(number)


def measure_all(rounds: int, steps: int = STEPS) -> dict[str, dict[str, Any]]:
    return {
        "overhead": ask("training", {"what": "overhead", "number": rounds}),
        "memory": ask("training", {"what": "memory", "number": steps}),
    }


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """The best, the lower quartile and the median."""
    quarter, median, _ = statistics.quantiles(values if len(values) > 1 else values * 2, n=4)
    return min(values), quarter, median


def table(result: dict[str, dict[str, Any]]) -> str:
    samples, found = result["overhead"], result["memory"]
    rows = [["W4, SGD, 4 parameters", "best, us a step", "lower quartile", "median"]]
    if "error" in samples:
        rows.append([samples["error"], "", "", ""])
    else:
        numbers = {name: quartiles(values) for name, values in samples.items()}
        rows += [[name, *(f"{number:.1f}" for number in own)] for name, own in numbers.items()]
        more = [fitted / hand - 1 for hand, fitted in zip(numbers["by hand"], numbers["fit"])]
        rows.append(["fit over the loop by hand", *(f"{share:+.1%}" for share in more)])
    if "error" in found:
        return f"{markdown(rows)}\n\nMemory: {found['error']}"
    sizes = found["sizes"]
    return (
        f"{markdown(rows)}\n\nMiB resident over {found['steps']:,} steps: {sizes[0]:.1f} after a tenth, "
        f"{sizes[-1]:.1f} at the end, largest {max(sizes):.1f}.")


if __name__ == "__main__":
    answer(measure)
