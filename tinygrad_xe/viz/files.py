"""Writing a file so that no reader ever sees half of it."""

from __future__ import annotations

import errno
import os
import tempfile


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a file under a temporary name beside it, then give it its own; text as UTF-8."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    whole = os.path.abspath(os.fspath(path))
    folder = os.path.dirname(whole)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "there is no such folder to write into", folder)
    if os.path.isdir(whole):
        raise IsADirectoryError(errno.EISDIR, "this is a folder; a file's name is needed", whole)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
