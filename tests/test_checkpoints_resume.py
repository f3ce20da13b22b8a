"""A training that was stopped anywhere, or killed, ends with the same bits as one that was not."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from resumed_training import make, result
from training_samples import blobs, trainable

import tinygrad_xe as xe
from tinygrad_xe import nn, optim
from tinygrad_xe.checkpoints import Folder, load
from tinygrad_xe.errors import ArgumentError, FileError, XeWarning
from tinygrad_xe.training import Callback, fit

TESTS = Path(__file__).parent


class StopAt(Callback):
    def __init__(self, step=None, epoch=None):
        self.step, self.epoch = step, epoch

    def on_batch(self, run):
        if run.step == self.step:
            raise KeyboardInterrupt

    def on_epoch(self, run):
        if run.epoch == self.epoch:
            raise KeyboardInterrupt


def same(first, second):
    assert first[1] == second[1]
    assert first[0].keys() == second[0].keys()
    for name, value in first[0].items():
        assert value.tobytes() == second[0][name].tobytes(), name


@pytest.mark.parametrize("kind, data", [("adam", "arrays"), ("sgd", "loader"), ("adam", "list"), ("sgd", "arrays")])
@pytest.mark.parametrize("stops", [
    [{"step": 1}], [{"step": 10}], [{"step": 14}], [{"epoch": 1}],
    [{"step": 3}, {"step": 5}, {"epoch": 2}, {"step": 20}],
])  # fmt: skip
def test_a_training_that_was_stopped_ends_with_the_bits_of_one_that_was_not(tmp_path, kind, data, stops):
    model, given, arguments, average = make(kind, data)
    history = fit(model, given, epochs=4, **arguments)
    whole = result(model, history, average, arguments["optimizer"])
    for i, stop in enumerate([*stops, {}]):
        model, given, arguments, average = make(kind, data, seed=i or 11)  # another seed: the checkpoint knows better
        arguments["callbacks"] = [*arguments["callbacks"], StopAt(**stop)]
        history = fit(model, given, epochs=4, checkpoint=tmp_path, checkpoint_every=100, resume=True, **arguments)
        assert history.interrupted == bool(stop)
    same(result(model, history, average, arguments["optimizer"]), whole)


def test_a_checkpoint_of_an_earlier_step_leads_to_the_same_end(tmp_path):
    model, given, arguments, average = make()
    history = fit(model, given, epochs=3, checkpoint=tmp_path, checkpoint_every=2, keep=99, **arguments)
    whole = result(model, history, average, arguments["optimizer"])
    complete = Folder(tmp_path).complete()
    assert [p.name for p in complete[:4]] == [f"step-{k:09d}-epoch-{k // 7:05d}" for k in (2, 4, 6, 8)]
    for path in complete:
        other = tmp_path.parent / f"{tmp_path.name}-{path.name}"
        other.mkdir()
        os.rename(path, other / path.name)
        model, given, arguments, average = make(seed=1)
        history = fit(model, given, epochs=3, checkpoint=other, resume=True, **arguments)
        same(result(model, history, average, arguments["optimizer"]), whole)


class PressedInValidation:
    """A loss in whose fifth call without gradients, in the second validation, Ctrl-C is pressed."""

    def __init__(self, pressed):
        self.calls, self.pressed = 0, pressed

    def __call__(self, output, target):
        self.calls += not output.requires_grad
        if self.calls == 5 and self.pressed:
            os.kill(os.getpid(), signal.SIGINT)
        return nn.CrossEntropyLoss()(output, target)


def test_ctrl_c_in_validation_is_resumed_with_the_same_bits(tmp_path):
    results = []
    for losses in ([PressedInValidation(False)], [PressedInValidation(True), PressedInValidation(False)]):
        for loss in losses:
            xe.seed(0)
            model, arguments = trainable()
            arguments |= {"loss": loss, "checkpoint": tmp_path / str(len(losses)), "resume": True, "batch_size": 10}
            history = fit(model, blobs(), epochs=3, validation=blobs(40, 1), **arguments)
            assert history.interrupted == loss.pressed
        results.append((model.state_dict(), history.to_json()))
    same(*results)


def test_early_stopping_is_remembered(tmp_path):
    X, y = blobs(20, 1)
    arguments = {"validation": (X, (y + 1) % 3), "patience": 2, "keep_best": True}
    arguments |= {"checkpoint": tmp_path, "resume": True}
    histories, models = [], []
    for told in (contextlib.nullcontext(), pytest.warns(XeWarning, match=r"was ended in epoch \d+, at step \d+, by")):
        model, more = trainable()
        with told:
            histories.append(fit(model, blobs(), epochs=60, **arguments, **more))
        models.append(model.state_dict())
    assert "stopped early" in histories[0].stopped and histories[0] == histories[1]
    same((models[0], ""), (models[1], ""))


def test_a_finished_training_can_go_on_for_more_epochs(tmp_path):
    results = []
    for goals in ((6,), (2, 6)):
        for epochs in goals:
            model, arguments = trainable(momentum=0.9)
            loader = [(x, y) for x, y in [blobs(20), blobs(20, 1)]]
            folder = tmp_path / str(len(goals))
            history = fit(model, loader, epochs=epochs, checkpoint=folder, resume=True, **arguments)
        results.append((model.state_dict(), history.to_json()))
    same(*results)


def test_checkpoints_of_an_earlier_training_are_not_written_over(tmp_path):
    model, arguments = trainable()
    fit(model, blobs(), epochs=1, checkpoint=tmp_path, **arguments)
    with pytest.raises(ArgumentError, match=r"holds checkpoints of an earlier training.*\n.*resume=True"):
        fit(model, blobs(), epochs=1, checkpoint=tmp_path, **arguments)


def test_a_model_optimizer_or_data_that_differ_are_refused(tmp_path):
    def attempt(match, make_model=None, data=None, **changes):
        model, arguments = trainable()
        if make_model is not None:
            model = make_model()
            arguments["optimizer"] = optim.SGD(model.parameters(), lr=0.05)
        with pytest.raises(ArgumentError, match=match):
            fit(model, blobs() if data is None else data, epochs=2, checkpoint=tmp_path, resume=True,
                **arguments | changes)  # fmt: skip

    model, arguments = trainable()
    fit(model, blobs(), epochs=1, checkpoint=tmp_path, **arguments)
    attempt("shape", lambda: nn.Sequential(nn.Linear(2, 9), np.tanh, nn.Linear(9, 3)))
    attempt("names of the parameters differ", lambda: nn.Linear(2, 3))
    attempt("batch_size=32, this loader has batch_size=8", batch_size=8)
    attempt("was a loader; now it has 1 batches", data=[blobs()])
    attempt("validation was not given before", validation=blobs())
    attempt("had 0 callbacks, now there are 1", callbacks=[StopAt()])
    attempt("metrics of the training that is to go on were none; now m", metrics={"m": lambda a, b: 0.0})
    attempt("wrote down no steps", steps=True)
    attempt("iterator", data=iter([blobs()]))
    model, arguments = trainable()
    schedule = optim.StepLR(arguments["optimizer"], step_size=1)
    with pytest.raises(ArgumentError, match="schedule was None in the training that is to go on; now it is StepLR"):
        fit(model, blobs(), epochs=2, checkpoint=tmp_path, resume=True, schedule=schedule, **arguments)


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_too(tmp_path):
    model, arguments = trainable()
    fit(model, blobs(), epochs=3, checkpoint=tmp_path, **arguments)
    newest = Folder(tmp_path).complete()[-1]
    (newest / "state.json").write_text("{}")
    model, arguments = trainable()
    before = model.state_dict()
    with pytest.raises(FileError, match=r"state\.json was cut off or changed"):
        fit(model, blobs(), epochs=4, checkpoint=tmp_path, resume=True, **arguments)
    same((model.state_dict(), ""), (before, ""))


def test_a_disk_that_is_full_stops_training_and_leaves_the_last_good_checkpoint(tmp_path, monkeypatch):
    model, arguments = trainable()
    calls, real = [], os.fsync

    def full(handle):
        calls.append(1)
        if len(calls) > 12:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="checkpoint not written: No space left on device; the last good one is"):
        fit(model, blobs(), epochs=9, checkpoint=tmp_path, **arguments)
    monkeypatch.undo()
    assert Folder(tmp_path).read()["run"]["position"]["epoch"] >= 1
    other, arguments = trainable()
    history = fit(other, blobs(), epochs=9, checkpoint=tmp_path, resume=True, **arguments)
    assert history.epochs == 9


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_training_killed_at_20_random_moments_ends_with_the_bits_of_one_that_was_not(tmp_path):
    epochs, chance = 60, random.Random(0)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}

    def start(name):
        return subprocess.Popen(
            [sys.executable, TESTS / "resumed_training.py", tmp_path / name, tmp_path / f"{name}.npz", str(epochs)],
            stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path,
        )  # fmt: skip

    def wait_until_ready(child):
        assert child.stdout.readline() == "ready\n"

    whole = start("whole")
    wait_until_ready(whole)
    began = time.perf_counter()
    whole.communicate()
    seconds = time.perf_counter() - began
    killed, reached = 0, [0]
    while killed < 20:
        child = start("killed")
        wait_until_ready(child)
        time.sleep(chance.uniform(0, seconds / 12))
        child.kill()
        child.communicate()
        folder = Folder(tmp_path / "killed")
        if child.returncode == 0:  # it came to its end before it could be killed: begin another
            shutil.rmtree(folder.path)
            reached = [0]
            continue
        assert child.returncode == -signal.SIGKILL
        killed += 1
        if folder.complete():
            step = folder.read()["run"]["position"]["step"]
            assert step >= reached[-1]
            reached.append(step)
    child = start("killed")
    child.communicate()
    assert child.returncode == whole.returncode == 0
    same(*((load(tmp_path / f"{name}.npz"), (tmp_path / f"{name}.json").read_text()) for name in ("whole", "killed")))
    assert not list((tmp_path / "killed").glob(".*"))
    assert time.perf_counter() - began < 60
