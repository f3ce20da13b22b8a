"""Pictures of a user's function from the command line: its arguments, and what is told when it fails."""

import re
import sys

import numpy as np
import pytest

from tinygrad_xe.cli import main
from tinygrad_xe.viz.render import find

LOSS = """
import numpy as np
import sibling

def loss(w, x, y):
    z = w @ x
    return np.logaddexp(0, z) - y * z
"""


@pytest.fixture
def user(tmp_path, monkeypatch):
    """Writes a file of the user's in the folder that the command is run in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sibling.py").write_text("three = 3\n")

    def write(source, name="mine.py"):
        (tmp_path / name).write_text(source, encoding="utf-8")
        return f"{name}:loss"

    yield write
    sys.modules.pop("sibling", None)


def graph_of(target, *options):
    """The DOT text of a user's function."""
    assert main(["graph", target, "--out", "graph.dot", *options]) == 0
    with open("graph.dot", encoding="utf-8") as file:
        return file.read()


ARGS = ("--args", "[0.6, -1.1], [1.5, -0.4], 1")


def test_a_function_is_drawn_with_arguments_from_the_command_line(user, capsys):
    source = graph_of(user(LOSS), *ARGS)
    assert capsys.readouterr().out == "Wrote graph.dot: 6 nodes, 6 edges.\n"
    for shown in ("w", "x", "z", "loss", "[0.6, -1.1]"):
        assert f">{shown}<" in source, shown
    assert f"{1.5 * (1 / (1 + np.exp(-1.34)) - 1):.3g}" in source  # the gradient in w


@pytest.mark.skipif(find() is None, reason="no dot, and graphviz-pure (extra [viz]) is not installed")
def test_pictures_are_written_in_the_format_of_their_ending(user, tmp_path):
    for ending, start in ((".svg", b"<?xml"), (".png", b"\x89PNG")):
        assert main(["graph", user(LOSS), *ARGS, "--out", f"a{ending}", "--theme", "dark", "--direction", "LR"]) == 0
        assert (tmp_path / f"a{ending}").read_bytes().startswith(start)


def test_without_a_program_to_draw_with_the_command_names_the_remedies(user, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("tinygrad_xe.viz.render.find", lambda dot=None: None)
    assert main(["graph", user(LOSS), *ARGS, "--out", "a.svg"]) == 1
    said = capsys.readouterr().err
    assert "pip install 'tinygrad-xe[viz]'" in said and "--out graph.dot" in said
    assert not (tmp_path / "a.svg").exists()


@pytest.mark.parametrize(("lang", "word"), [("en", "Numbers"), ("zh", "数值")])
def test_a_function_is_explored_in_either_language(user, capsys, tmp_path, lang, word):
    assert main(["explore", user(LOSS), *ARGS, "--out", "e.html", "--lang", lang]) == 0
    page = (tmp_path / "e.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and f'lang="{lang}' in page and word.lower() in page.lower()
    assert re.fullmatch(r"Wrote e.html: \d+ steps; open it in a browser.\n", capsys.readouterr().out)


def test_a_function_without_parameters_computes_with_its_own_tensors(user):
    source = graph_of(user("import tinygrad_xe as xe\nv = xe.tensor([1.0, 2.0], requires_grad=True)\n"
                           "def loss():\n    return (v * v).sum()\n"))  # fmt: skip
    assert ">v<" in source and "[2, 4]" in source


def test_arrays_that_are_defaults_get_gradients_and_numbers_stay_constants(user):
    source = graph_of(user("import numpy as np\ndef loss(v=np.array([1.0, 2.0]), k=2):\n    return (v**k).sum()"))
    assert ">v<" in source and "[2, 4]" in source and ">k<" not in source


def test_arguments_given_come_before_defaults(user):
    target = user("import numpy as np\ndef loss(v, w=np.array([3.0, 4.0])):\n    return v @ w")
    source = graph_of(target, "--args", "[1., 2.]")
    assert ">v<" in source and ">w<" in source and "[3, 4]" in source


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2.0", "4.0000"), ("-1.0", "1.0000"), ("[[1.0], [2.0]]", "5.0000"), ("{'a': [1.0, 3.0]}", "10.0000"),
        ("{'a': 2.0, 'b': ([3.0],)}", "4.0000"),
    ],
)
def test_arguments_are_literals(user, text, shown):
    source = graph_of(user("import numpy as np\ndef loss(v):\n    v = v['a'] if type(v) is dict else v\n"
                           "    return np.sum(v * v)"), f"--args={text}")  # fmt: skip
    assert shown in source


NO_LITERALS = ["1) + g(2", "1)(2", "x", "f()", "[[1, 2], [3]]", "['a']", "a=1", "*[1]", "[" * 300, "1 2"]


@pytest.mark.parametrize("text", NO_LITERALS)
def test_what_is_no_literal_is_refused_before_the_file_is_run(user, text, capsys, tmp_path):
    target = user("open('ran', 'w').close()\ndef loss(x): return x")
    with pytest.raises(SystemExit) as stopped:
        main(["graph", target, f"--args={text}"])
    assert stopped.value.code == 2
    assert "are no arguments; expected numbers" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("source", "code", "expected"),
    [
        ("def los(): pass\nloss = 3", 2, "mine.py has no function 'loss'; it has los"),
        ("", 2, "mine.py has no function 'loss'; it has no functions"),
        ("def loss(a, b): return a", 2, "loss(a, b) was given 0 arguments: missing a required argument: 'a'"),
        ("def loss(): return 1.0", 1, "the function returned a float; expected a Tensor"),
        ("def loss(): return {}['a']", 1, "KeyError: 'a'"),
        ("def loss(:", 1, "SyntaxError"),
        ("import no_such_module_anywhere", 1, "ModuleNotFoundError"),
        ("import sys\nsys.exit(3)", 1, "mine.py exits, with 3"),
        ("open('no such file')", 1, "No such file or directory"),
    ],
)
def test_what_is_wrong_with_the_file_is_told(user, source, code, expected, capsys, tmp_path):
    assert main(["graph", user(source), "--out", "graph.dot"]) == code
    said = capsys.readouterr().err
    assert expected in said
    assert "cli.py" not in said and "user_code.py" not in said
    assert not (tmp_path / "graph.dot").exists()


def test_an_error_in_the_file_is_shown_with_its_line(user, capsys):
    assert main(["graph", user(LOSS), "--args", "[1.0], [1.0, 2.0], 1", "--out", "graph.dot"]) == 1
    said = capsys.readouterr().err
    assert 'mine.py", line 6, in loss' in said and "z = w @ x" in said
    assert "ShapeError: matmul" in said and "Shapes: a (1,), b (2,)" in said


def test_a_file_is_run_without_a_trace_of_it_left(user, tmp_path):
    before = list(sys.path), set(sys.modules)
    graph_of(user(LOSS), *ARGS)
    assert list(sys.path) == before[0]
    assert not {name for name in set(sys.modules) - before[1] if "user" in name and name.endswith("file")}
    main_guard = 'if __name__ == "__main__":\n    raise SystemExit(9)\n'
    graph_of(user(f"# -*- coding: utf-8 -*-\n{LOSS}\n{main_guard}"), *ARGS)
    assert not list(tmp_path.glob("__pycache__/mine*"))


def test_dataclasses_in_the_file_find_their_module(user):
    target = user(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass P:\n    w: float = 2.0\n\ndef loss(x):\n    return x * P().w"
    )
    assert "3.0000" in graph_of(target, "--args", "1.5")


def test_the_help_says_that_the_file_is_run_and_has_an_example(capsys):
    for command in ("graph", "explore"):
        with pytest.raises(SystemExit) as stopped:
            main([command, "--help"])
        assert stopped.value.code == 0
        said = capsys.readouterr().out
        assert "FILE.py is run" in said and f"tinygrad-xe {command} loss.py:loss --args" in said


def test_an_interrupted_function_ends_the_command(user, capsys):
    assert main(["graph", user("def loss(): raise KeyboardInterrupt"), "--out", "graph.dot"]) == 130
    assert "interrupted" in capsys.readouterr().err
