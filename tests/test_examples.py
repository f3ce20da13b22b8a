"""Every example runs, offline and in a process of its own, and prints what its docstring promises."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))


def promised(path):
    """The indented block after ``Output:`` in the docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    _, _, block = text.partition("Output:\n")
    lines = [line.removeprefix("    ") for line in block.strip("\n").splitlines()]
    return [line.rstrip() for line in lines]


def test_there_are_examples():
    assert len(EXAMPLES) >= 19


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_prints_what_it_promises(path, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "OPENBLAS_NUM_THREADS": "1"}
    ran = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    assert [line.rstrip() for line in ran.stdout.splitlines()] == promised(path)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_seeded(path):
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) < 80
    assert "default_rng()" not in source and "np.random.rand" not in source
