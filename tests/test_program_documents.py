"""Programs as JSON: there and back, and nothing of a text is run or looked up that is not known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from programs import distance

import tinygrad_xe as xe
from tinygrad_xe import ArgumentError, Program, TraceError

rng = np.random.default_rng(0)
X = rng.standard_normal((5, 3))


def regression(w):
    z = X @ w
    return xe.losses.softmax_cross_entropy_with_logits(labels=np.eye(2)[[0, 1, 1, 0, 1]], logits=z, reduction="mean")


def indexed(x):
    return np.concatenate([x[1:, None], x[[0, 2]][..., None], np.full((1, 1), np.inf)]).astype(np.float32)


def drawn(x):
    return xe.random.draw(np.random.default_rng(0), "standard_normal", shape=(3,)) * x


PROGRAMS = [
    xe.trace(xe.value_and_grad(regression), np.ones((3, 2))),
    xe.trace(xe.hessian(lambda x: np.sum(x**3)), np.ones(2)),
    xe.trace(indexed, np.ones(3)),
    xe.trace(drawn, np.ones(3)),
    xe.trace(lambda x: {"a": [x, None, "word", 2], "b": (np.linalg.svd(x), 1.5, float("nan"))}, np.eye(3)),
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_a_program_comes_back_as_it_was(program):
    text = program.to_json()
    found = Program.from_json(text)
    assert found.to_json() == text
    assert found.source == program.source
    assert str(found) == str(program)
    assert found.counts() == program.counts()


def test_what_comes_back_runs_with_its_captured_arrays_given():
    program = PROGRAMS[0]
    found = Program.from_json(program.to_json())
    w = rng.standard_normal((3, 2))
    with pytest.raises(ArgumentError, match="captured X is not known"):
        found.run(w)
    assert distance(found.run(w, **program.captured), program.run(w)) == 0


def changed(path, value):
    """The text of a program with something else in one place."""
    document = json.loads(PROGRAMS[0].to_json())
    item = document
    for key in path[:-1]:
        item = item[key]
    item[path[-1]] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    "path, value",
    [
        (("name",), "f(): import os; g"), (("name",), "class"), (("name",), "__init__"),
        (("inputs", 0, "name"), "w, *x"), (("inputs", 0, "kind"), "file"), (("inputs", 0, "dtype"), "object"),
        (("inputs", 0, "shape"), [-1]), (("inputs", 1, "name"), "w"), (("steps", 0, "args"), [{"value": 999}]),
        (("steps", 0, "args"), [{"value": 3}]), (("steps", 0, "args"), [{"call": "os.system"}]),
        (("steps", 0, "options"), {"axis=0) or print(": 1}), (("steps", 0, "line"), "a\nimport os"),
        (("steps", 0, "backward"), 1), (("outputs",), {"value": -1}), (("version",), 2), (("format",), "other"),
        (("writes",), [[99, {"value": 0}]]),
    ],
)  # fmt: skip
def test_a_text_that_was_tampered_with_is_refused(path, value):
    with pytest.raises(ArgumentError, match="from_json"):
        Program.from_json(changed(path, value))


@pytest.mark.parametrize("name", ["os.system", "np.save", "np.fromfile", "eval", "np.linalg.linalg", "numpy.exp", ""])
def test_a_function_that_is_not_known_is_refused(name):
    with pytest.raises(TraceError, match="not one of the"):
        Program.from_json(changed(("steps", 0, "function"), name))


def test_a_draw_may_call_methods_that_draw_only():
    document = json.loads(PROGRAMS[3].to_json())
    document["steps"][0]["args"][1] = "__reduce__"
    with pytest.raises(ArgumentError, match="a draw"):
        Program.from_json(json.dumps(document))


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '"program"'])
def test_what_is_no_program_is_refused(text):
    with pytest.raises(ArgumentError, match="from_json"):
        Program.from_json(text)


def test_names_of_steps_can_not_bring_in_code():
    text = changed(("steps", 0, "name"), "z = 1; import os #")
    assert "import os" not in Program.from_json(text).source


def test_counts_of_a_matrix_product():
    program = xe.trace(lambda w: X @ w, np.ones((3, 2)))
    assert program.counts() == {"calls": 1, "flops": 2 * 5 * 3 * 2, "bytes": 8 * (15 + 6 + 10)}
