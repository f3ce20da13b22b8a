"""Folder: checkpoints of one training, the newest of which it goes on from."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import ArgumentError, FileError
from .arrays import has_safetensors, pack, unpack
from .files import remove_folder, remove_unfinished, write_folder
from .trees import read_tree, write_tree

#: Changes when what is written can't be read by earlier versions.
FORMAT = 1

KIND = "tinygrad_xe checkpoint"
NAME = re.compile(r"step-(\d{9,})-epoch-(\d{5,})")


class Folder:
    """A folder with the newest checkpoints of one training.

    Each is a folder of its own, ``step-000000300-epoch-00002``, with the state as JSON and arrays as safetensors (npz
    without the extra ``[save]``), and ``manifest.json`` with the version of the format and a SHA-256 of each file. It
    is written under another name, and gets its own when all of it is on the disk: a process that is killed, or a disk
    that is full, leaves the ones before as they were. Nothing is pickled.

    Parameters
    ----------
    path : str or path-like
        Made, if it is not there.
    keep : int, default 3
        How many of the newest are kept.

    Raises
    ------
    ArgumentError
        When `keep` is less than 1, or `path` is a file.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from tinygrad_xe.checkpoints import Folder
    >>> with tempfile.TemporaryDirectory() as place:
    ...     folder = Folder(place, keep=2)
    ...     for step in (10, 20, 30):
    ...         path = folder.write({"w": np.full(2, step / 10)}, step=step, epoch=0)
    ...     [path.name for path in folder.complete()], folder.read()
    (['step-000000020-epoch-00000', 'step-000000030-epoch-00000'], {'w': array([3., 3.])})
    """

    def __init__(self, path: str | os.PathLike[str], keep: int = 3) -> None:
        if isinstance(keep, bool) or not isinstance(keep, int) or keep < 1:
            raise ArgumentError(f"checkpoint: keep is {keep!r}; expected a whole number of 1 or more.")
        self.path, self.keep = Path(path), keep
        if self.path.exists() and not self.path.is_dir():
            raise ArgumentError(f"checkpoint: {os.fspath(path)!r} is a file; expected the name of a folder.")

    def complete(self) -> list[Path]:
        """The checkpoints, the oldest first."""
        found = []
        for path in self.path.iterdir() if self.path.is_dir() else ():
            match = NAME.fullmatch(path.name)
            if match and path.is_dir():
                found.append((int(match[1]), int(match[2]), path))
        return [path for _, _, path in sorted(found)]

    def clear(self) -> None:
        """Remove what a killed process has left unfinished."""
        if self.path.is_dir():
            remove_unfinished(self.path)

    def write(self, state: Any, *, step: int, epoch: int) -> Path:
        """Write a checkpoint, and remove the oldest ones. One that is there, whole, of this step and epoch, is kept.

        Returns
        -------
        Path
            Its folder.

        Raises
        ------
        OSError
            When it can't be written. Those before are left as they are.
        DTypeError
            When the state holds something else than numbers, text, arrays, lists, tuples and dicts.
        """
        path = self.path / f"step-{step:09d}-epoch-{epoch:05d}"
        if path.is_dir():
            try:
                _checked(path)
                return path
            except FileError:
                remove_folder(path)
        text, arrays = write_tree(state)
        long = any(array.dtype.itemsize > 8 for array in arrays.values())  # for which safetensors has no word
        suffix = ".safetensors" if has_safetensors() and not long else ".npz"
        files = {"state.json": text.encode("utf-8"), f"arrays{suffix}": pack(arrays, suffix, "checkpoint")}
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_folder(path, {**files, "manifest.json": _manifest(files)})
        except OSError as error:
            before = self.complete()
            left = f"the last good one is {before[-1].name}" if before else "there is none before it"
            why = f"checkpoint not written: {error.strerror}; {left}"
            raise type(error)(error.errno, why, os.fspath(path)) from None
        for old in self.complete()[: -self.keep]:
            remove_folder(old)
        return path

    def read(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Read a checkpoint of this folder, by default the newest.

        Raises
        ------
        FileError
            When a file is missing, cut off, changed, of another kind, or of a later version: which, and why.
        """
        if path is None:
            complete = self.complete()
            if not complete:
                raise FileError(f"checkpoint: there is none in {os.fspath(self.path)!r}.")
            path = complete[-1]
        folder = Path(path)
        try:
            return _read(folder)
        except FileError as error:
            others = [other for other in self.complete() if other != folder]
            if not others:
                raise
            raise FileError(
                f"{error}\n  Remove the folder {os.fspath(folder)!r} to go on from {others[-1].name}."
            ) from None


def _manifest(files: dict[str, bytes]) -> bytes:
    content = {
        "kind": KIND,
        "format": FORMAT,
        "version": __version__,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    return json.dumps(content | {"checksum": _checksum(content)}, indent=1).encode("utf-8")


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8")).hexdigest()


def _read(folder: Path) -> Any:
    files = _checked(folder)
    name = next((name for name in files if name.startswith("arrays.")), "")
    if set(files) != {"state.json", name}:
        raise FileError(f"checkpoint: {os.fspath(folder / 'manifest.json')} lists {sorted(files)}, not a state.")
    where = os.fspath(folder / name)
    arrays = unpack(files[name], Path(name).suffix, "checkpoint", where)
    return read_tree(files["state.json"].decode("utf-8"), arrays, os.fspath(folder / "state.json"))


def _checked(folder: Path) -> dict[str, bytes]:
    """The files that the manifest names, each compared with its checksum."""
    path = folder / "manifest.json"
    where = os.fspath(path)
    try:
        manifest = json.loads(path.read_bytes())
    except (FileNotFoundError, IsADirectoryError):
        raise FileError(f"checkpoint: {where} is missing: this is no checkpoint, or not all of it.") from None
    except ValueError as error:
        raise FileError(f"checkpoint: {where} is cut off or changed: {error}.") from None
    if not isinstance(manifest, dict) or manifest.get("kind") != KIND:
        raise FileError(f"checkpoint: {where} was not written by tinygrad_xe.")
    if not isinstance(manifest.get("format"), int):
        raise FileError(f"checkpoint: {where} names no format.")
    if manifest["format"] > FORMAT:
        raise FileError(
            f"checkpoint: {where} has format {manifest['format']}, of tinygrad_xe {manifest.get('version')}; this is "
            f"tinygrad_xe {__version__}, which reads formats up to {FORMAT}. Install the later version."
        )
    stated = manifest.pop("checksum", None)
    if stated != _checksum(manifest) or not isinstance(manifest.get("files"), dict):
        raise FileError(f"checkpoint: {where} was changed: its checksum does not agree with its content.")
    files: dict[str, bytes] = {}
    for name, wanted in manifest["files"].items():
        file = folder / os.path.basename(name)
        try:
            content = file.read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            raise FileError(f"checkpoint: {os.fspath(file)} is missing.") from None
        if hashlib.sha256(content).hexdigest() != wanted:
            raise FileError(
                f"checkpoint: {os.fspath(file)} was cut off or changed: its SHA-256 is not the one in manifest.json."
            )
        files[name] = content
    return files
