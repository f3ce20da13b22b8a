"""Folder: checkpoints that appear whole or not at all, and say what is wrong with one that was damaged."""

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygrad_xe.checkpoints import Folder
from tinygrad_xe.checkpoints.trees import read_tree, write_tree
from tinygrad_xe.errors import ArgumentError, DTypeError, FileError

ROOT = Path(__file__).parents[1]

STATE = {
    "w": np.arange(6.0).reshape(2, 3), "lr": 0.1, "step": 3, "none": None, "yes": True, "text": "é\n",
    "big": 2**127 + 1,
    "nan": float("nan"), "inf": -float("inf"), "pair": (0.9, 0.999), "list": [1, [2.5], {"k": np.int64(3)}],
    "f32": np.float32(0.1), "scalar": np.array(2.0), "empty": {}, "a/b": {"c": np.ones(1)}, "a": {"b/c": np.zeros(2)},
    "bool": np.array([True]), "key": np.arange(4, dtype=np.uint32),
}  # fmt: skip


def same(a, b):
    if isinstance(a, np.ndarray | np.generic):
        return type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return type(b) is dict and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or a != a)


def test_a_state_comes_back_the_same_in_kind_and_bits():
    text, arrays = write_tree(STATE)
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert same(read_tree(text, arrays, "x"), STATE)


@pytest.mark.parametrize("state", [{"f": print}, {"a": {3: 1}}, {"s": {1, 2}}, {"x": {"@array": "w"}}, [object()]])
def test_a_state_that_json_can_not_hold_is_refused(state):
    with pytest.raises(DTypeError, match="checkpoint: "):
        write_tree(state)


@pytest.mark.parametrize("format", ["safetensors", "npz"])
def test_the_newest_checkpoints_are_kept_and_the_newest_is_read(tmp_path, monkeypatch, format):
    if format == "npz":
        monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    else:
        pytest.importorskip("safetensors", reason="safetensors, of the extra [save], is not installed")
    folder = Folder(tmp_path / "new" / "run", keep=2)
    assert folder.complete() == []
    with pytest.raises(FileError, match="there is none"):
        folder.read()
    for step in (1, 20, 300):
        folder.write(STATE | {"step": step}, step=step, epoch=step // 100)
    assert [p.name for p in folder.complete()] == ["step-000000020-epoch-00000", "step-000000300-epoch-00003"]
    assert same(folder.read(), STATE | {"step": 300})
    assert folder.read(folder.complete()[0])["step"] == 20
    newest = folder.complete()[-1]
    assert sorted(p.name for p in newest.iterdir()) == [f"arrays.{format}", "manifest.json", "state.json"]
    assert sorted(p.name for p in folder.path.iterdir()) == [p.name for p in folder.complete()]
    assert folder.write({}, step=300, epoch=3) == newest and folder.read()["step"] == 300


def test_what_a_killed_process_left_is_no_checkpoint_and_is_cleared(tmp_path):
    folder = Folder(tmp_path)
    folder.write(STATE, step=1, epoch=0)
    half = tmp_path / ".step-000000002-epoch-00000.0123abcd.part"
    half.mkdir()
    (half / "state.json").write_text("{")
    (tmp_path / "notes.txt").write_text("mine")
    assert len(folder.complete()) == 1 and same(folder.read(), STATE)
    folder.clear()
    assert not half.exists() and (tmp_path / "notes.txt").exists()


def test_a_folder_can_not_be_a_file_nor_keep_nothing(tmp_path):
    (tmp_path / "f").write_text("x")
    with pytest.raises(ArgumentError, match="is a file"):
        Folder(tmp_path / "f")
    for keep in (0, -1, 1.5, True):
        with pytest.raises(ArgumentError, match="keep is"):
            Folder(tmp_path, keep=keep)


def damaged(tmp_path, act):
    """The error that reading a checkpoint gives after `act` on its folder."""
    folder = Folder(tmp_path)
    folder.write(STATE, step=1, epoch=0)
    folder.write(STATE, step=2, epoch=0)
    newest = folder.complete()[-1]
    act(newest)
    with pytest.raises(FileError) as caught:
        folder.read()
    message = str(caught.value)
    assert "step-000000002-epoch-00000" in message
    assert "to go on from step-000000001-epoch-00000" in message
    shutil.rmtree(newest)
    assert same(folder.read(), STATE)
    return message


def arrays_file(path):
    return next(path.glob("arrays.*"))


def rewrite(path, change):
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize("name", ["state.json", "arrays", "manifest.json"])
def test_a_file_cut_off_anywhere_is_named(tmp_path, name):
    def cut(newest, eighths):
        path = arrays_file(newest) if name == "arrays" else newest / name
        content = path.read_bytes()
        path.write_bytes(content[: eighths * len(content) // 8])

    for k in range(8):
        message = damaged(tmp_path / str(k), functools.partial(cut, eighths=k))
        assert name in message and "cut off or changed" in message


@pytest.mark.parametrize("name", ["state.json", "arrays"])
def test_a_file_that_was_edited_is_named(tmp_path, name):
    def edit(newest):
        path = arrays_file(newest) if name == "arrays" else newest / name
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 4
        path.write_bytes(content)

    message = damaged(tmp_path, edit)
    assert name in message and "SHA-256" in message


def test_a_manifest_that_was_edited_is_named(tmp_path):
    def edit(newest):
        rewrite(newest / "manifest.json", lambda manifest: manifest["files"].update({"state.json": "0" * 64}))

    assert "its checksum does not agree" in damaged(tmp_path, edit)


def test_a_checkpoint_of_a_later_version_is_named(tmp_path):
    def later(newest):
        rewrite(newest / "manifest.json", lambda manifest: manifest.update(format=2, version="9.1.0"))

    message = damaged(tmp_path, later)
    assert "has format 2, of tinygrad_xe 9.1.0" in message and "Install the later version" in message


@pytest.mark.parametrize("content", ["[]", "3", "{}", '{"kind": "other"}', '"x"'])
def test_a_foreign_manifest_is_named(tmp_path, content):
    message = damaged(tmp_path, lambda newest: (newest / "manifest.json").write_text(content))
    assert "was not written by tinygrad_xe" in message


@pytest.mark.parametrize("name", ["state.json", "arrays", "manifest.json"])
def test_a_missing_file_is_named(tmp_path, name):
    def remove(newest):
        (arrays_file(newest) if name == "arrays" else newest / name).unlink()

    message = damaged(tmp_path, remove)
    assert name in message and "is missing" in message


def test_a_disk_that_is_full_leaves_the_last_good_checkpoint(tmp_path):
    program = """
import resource, sys
import numpy as np
from tinygrad_xe.checkpoints import Folder
folder = Folder(sys.argv[1])
folder.write({"w": np.zeros(10)}, step=1, epoch=0)
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    folder.write({"w": np.zeros(100_000)}, step=2, epoch=0)
except OSError as error:
    print(error.errno, error)
"""
    run = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "checkpoint not written: File too large; the last good one is step-000000001-epoch-00000" in run.stdout
    folder = Folder(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["step-000000001-epoch-00000"]
    assert folder.read()["w"].shape == (10,)


@pytest.mark.parametrize("fails_at", [1, 2, 3, 4, 5])
def test_no_space_left_at_any_write_leaves_the_last_good_checkpoint(tmp_path, monkeypatch, fails_at):
    folder = Folder(tmp_path)
    folder.write({"w": 1}, step=1, epoch=0)
    calls, real = [], os.fsync

    def full(handle):
        calls.append(handle)
        if len(calls) == fails_at:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device; the last good one is step-") as caught:
        folder.write({"w": 2}, step=2, epoch=0)
    assert caught.value.errno == 28
    assert folder.read()["w"] == (2 if fails_at == 5 else 1)  # the fifth: all of it is there, but for the flush
    assert not list(tmp_path.glob(".*"))


def test_a_damaged_checkpoint_of_the_same_step_is_written_anew(tmp_path):
    folder = Folder(tmp_path)
    path = folder.write({"x": 1}, step=5, epoch=0)
    (path / "state.json").write_text("{}")
    assert folder.write({"x": 2}, step=5, epoch=0) == path and folder.read() == {"x": 2}
    assert folder.write({"x": 3}, step=5, epoch=0) == path and folder.read() == {"x": 2}


def test_a_file_in_the_place_of_a_checkpoint_is_no_checkpoint(tmp_path):
    (tmp_path / "step-000000005-epoch-00000").write_text("")
    with pytest.raises(OSError, match="checkpoint not written"):
        Folder(tmp_path).write({"x": 1}, step=5, epoch=0)


def test_a_folder_in_the_place_of_a_file_is_told_as_a_missing_file(tmp_path):
    path = Folder(tmp_path).write({"x": 1}, step=5, epoch=0)
    (path / "state.json").unlink()
    (path / "state.json").mkdir()
    with pytest.raises(FileError, match=r"state\.json is missing"):
        Folder(tmp_path).read()
