"""A training holds its size: nothing piles up from step to step."""

import gc
import sys

import pytest
from training_samples import blobs, trainable

from benchmarks.training import measure_all, memory, table
from tinygrad_xe.graph import Node
from tinygrad_xe.training import Callback, fit


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the resident size is read from /proc")
def test_the_resident_size_stays_within_2_mib():
    sizes = memory(8_000)["sizes"]
    assert len(sizes) >= 19
    assert max(sizes) - sizes[0] < 2


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the resident size is read from /proc")
def test_the_benchmark_prints_what_fit_costs():
    page = table(measure_all(1, 500))
    assert "| by hand | " in page and "| fit | " in page and "| fit over the loop by hand | " in page
    assert "MiB resident over 506 steps" in page


def test_the_benchmark_says_why_there_is_no_number():
    page = table({"overhead": {"error": "KeyError: lost"}, "memory": {"error": "not done after 600 s"}})
    assert "| KeyError: lost |" in page and page.endswith("Memory: not done after 600 s")


def test_nothing_of_a_step_is_left_for_the_collector():
    counts = []

    class Count(Callback):
        def on_batch(self, run):
            if run.step in (3, 30):
                counts.append(sum(issubclass(type(thing), Node) for thing in gc.get_objects()))

    model, arguments = trainable()
    gc.collect()
    gc.disable()
    try:
        fit(model, blobs(), epochs=15, batch_size=30, callbacks=[Count()], **arguments)
    finally:
        gc.enable()
    assert counts[0] == counts[1]
