"""Files and folders that appear whole or not at all, also when the process is killed or the disk is full."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import uuid
from collections.abc import Mapping
from pathlib import Path

#: The names of what is not finished end with this.
UNFINISHED = ".part"


def write_file(path: Path, content: bytes) -> None:
    """Write `content` beside `path`, have it on the disk, then give it its name.

    Raises
    ------
    OSError
        When it can't be written; what was at `path` before is still there.
    """
    path = path.resolve()  # a link stays one
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{UNFINISHED}")
    try:
        _write_through(temporary, content)
        if path.exists():
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _flush_names(path.parent)


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files under another name, have it on the disk, then give it its name, which must be free.

    Raises
    ------
    OSError
        When it can't be written; nothing is left of it.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{UNFINISHED}")
    try:
        temporary.mkdir()
        for name, content in files.items():
            _write_through(temporary / name, content)
        _flush_names(temporary)
        os.rename(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _flush_names(path.parent)


def remove_folder(path: Path) -> None:
    """Take a folder away: its name first, so that nobody finds half of it."""
    doomed = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{UNFINISHED}")
    os.rename(path, doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def remove_unfinished(folder: Path) -> None:
    """Clear away what a killed process has left in `folder`."""
    for path in folder.glob(f".*{UNFINISHED}"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()


def _write_through(path: Path, content: bytes) -> None:
    """Write a new file, and wait until the disk has it."""
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_names(folder: Path) -> None:
    """Wait until the disk has the names in a folder. Windows can't open folders, and needs no such thing."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
