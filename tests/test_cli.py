"""The command line: the demo, its options, and what it says of bad arguments."""

import os
import re
import signal
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from tinygrad_xe import __version__, demo
from tinygrad_xe.cli import main
from tinygrad_xe.viz.render import find


def test_the_demo_compares_trains_and_writes_the_graph(tmp_path, capsys):
    assert main(["demo", "--quick", "--out", str(tmp_path / "new" / "folder")]) == 0
    said = capsys.readouterr().out
    assert "Closed form against autodiff" in said
    assert len(re.findall(r"^  C\d", said, re.M)) == 9
    assert re.search(r"All agree to \d\.\de-1[3-9]", said)
    assert said.count("accuracy") == 4
    source = (tmp_path / "new" / "folder" / "graph.dot").read_text(encoding="utf-8")
    assert source.startswith("digraph") and "theta" in source and "sigmoid_cross_entropy_with_logits" in source


def test_the_demo_reaches_its_accuracies(tmp_path, capsys):
    assert demo.run(seed=0, out=str(tmp_path)) == 0
    said = capsys.readouterr().out
    reached = [float(a) for a in re.findall(r"accuracy (0\.\d+) \(at least", said)]
    assert len(reached) == 3
    assert reached[0] >= 0.97 and reached[1] >= 0.95 and reached[2] >= 0.97


def test_the_same_seed_gives_the_same_output(tmp_path, capsys):
    said = []
    for _ in range(2):
        main(["demo", "--quick", "--seed", "3", "--out", str(tmp_path)])
        said.append(re.sub(r"\d+\.\d s", "", capsys.readouterr().out))
    assert said[0] == said[1]


def test_the_demo_saves_pictures_or_says_what_they_need(tmp_path, capsys):
    assert main(["demo", "--quick", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert (tmp_path / "explorer.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    for name, there, extra in (("graph.svg", find() is not None, "viz"), ("loss.svg", find_spec("matplotlib"), "plot")):
        if there:
            assert "<svg" in (tmp_path / name).read_text(encoding="utf-8")
            assert f"Wrote {tmp_path / name}" in said
        else:
            assert not (tmp_path / name).exists()
            assert re.search(rf"No {name}: .*pip install 'tinygrad-xe\[{extra}\]'", said)


def test_without_the_extras_the_demo_names_them(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr("tinygrad_xe.viz.render.find", lambda dot=None: None)
    assert main(["demo", "--quick", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["article.py", "explorer.html", "graph.dot"]
    assert "pip install 'tinygrad-xe[viz]'" in said and "pip install 'tinygrad-xe[plot]'" in said


def test_each_training_has_a_line_with_the_curve_of_its_loss(tmp_path, capsys):
    assert main(["demo", "--quick", "--out", str(tmp_path)]) == 0
    curves = re.findall(r"^  .{34} ([▁-█]{10,20}) +loss \d\.\d{4}  accuracy 0\.\d{4}, ", capsys.readouterr().out, re.M)
    assert len(curves) == 3
    assert all(curve[0] == "█" and curve[-1] == "▁" for curve in curves)


def test_a_stream_that_takes_ascii_alone_gets_ascii(tmp_path):
    with open(tmp_path / "said", "w", encoding="ascii") as stream:
        assert demo.run(out=str(tmp_path), quick=True, stream=stream) == 0
    said = (tmp_path / "said").read_text(encoding="ascii")
    assert len(re.findall(r"^  .{34} #[-=+*~._#]{8,18}_ +loss", said, re.M)) == 3


def test_the_same_trainings_give_the_same_plot(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install '.[plot]'")
    plots = []
    for _ in range(2):
        main(["demo", "--quick", "--out", str(tmp_path)])
        plots.append((tmp_path / "loss.svg").read_bytes())
    assert plots[0] == plots[1]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["demo", "--seed", "x"], "a seed is a whole number, got 'x'"),
        (["demo", "--seed", "-1"], "a seed is 0 or more, got -1"),
        (["demo", "--speed"], "unrecognized arguments: --speed"),
        (["dance"], "invalid choice: 'dance'"),
        ([], "the following arguments are required: COMMAND"),
        (["graph", "loss"], "expected FILE.py:FUNCTION, got 'loss'"),
        (["graph", "no.py:loss"], "there is no file 'no.py'"),
        (["graph", f"{__file__}:f", "--out", "a.txt"], "'a.txt' has another ending than .svg, .png"),
        (["explore", f"{__file__}:f", "--out", "a.svg"], "'a.svg' has another ending than .html, .htm"),
        (["graph", f"{__file__}:f", "--out", "no/such/folder/a.svg"], "is not a folder you can write to"),
        (["graph", f"{__file__}:f", "--args", "__import__('os')"], "are no arguments; expected numbers"),
        (["graph", f"{__file__}:f", "--depth", "-1"], "a depth is a whole number, 0 or more"),
        (["explore", f"{__file__}:f", "--lang", "xx"], "invalid choice: 'xx'"),
    ],
)
def test_bad_arguments_are_named_and_give_exit_code_2(arguments, expected, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert expected in capsys.readouterr().err


def test_an_output_folder_that_is_a_file_is_refused_before_anything_runs(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(SystemExit) as stopped:
            main(["demo", "--out", str(path)])
        assert stopped.value.code == 2
    assert "is a file" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert __version__ in capsys.readouterr().out


def test_an_interrupted_demo_leaves_nothing_half_written(tmp_path, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    assert main(["demo", "--quick", "--out", str(tmp_path)]) == 130
    assert list(tmp_path.iterdir()) == []
    assert "interrupted" in capsys.readouterr().err


def test_ctrl_c_in_a_training_ends_the_demo(tmp_path, monkeypatch, capsys):
    made = []

    def step(self):
        made.append(self)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(demo.SGD, "step", step)
    assert main(["demo", "--quick", "--out", str(tmp_path)]) == 130
    assert len(made) == 1
    assert "interrupted" in capsys.readouterr().err


def test_the_noise_of_the_demo_is_new_each_time_and_only_in_training():
    x = np.zeros((2000, 4), np.float32)
    noise = demo.Noise(0.2, np.random.default_rng(0))
    first, second = noise(x), noise(x)
    assert first.dtype == np.float32 and abs(first.std() - 0.2) < 0.01
    assert (first != second).all()
    assert noise.eval()(x) is x
    assert repr(noise) == "Noise(0.2)"


def test_a_full_disk_is_told_in_one_line(tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device", "graph.dot")

    monkeypatch.setattr(os, "replace", full)
    assert main(["demo", "--quick", "--out", str(tmp_path)]) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_module_runs_as_the_command_does(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "tinygrad_xe", "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    assert __version__ in ran.stdout
