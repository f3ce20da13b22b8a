"""NumPy's own files, .npy and .npz: never unpickled, and checked before memory is taken for what they claim."""

from __future__ import annotations

import io
import lzma
import math
import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..errors import ArgumentError, DTypeError, XeError
from ..random import Array
from .checks import whole_number

MAGIC = b"\x93NUMPY"
MAX_BYTES = 2**32
#: What reading a damaged archive raises.
DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError)
#: Deflate can't make more of a byte than this.
EXPANSION = 1032


def load_npy(path: str | os.PathLike[str]) -> Array:
    """The array in a ``.npy`` file.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    ndarray
        With the dtype and shape that were saved; yours to change.

    Raises
    ------
    OSError
        When the file can't be read.
    ArgumentError
        When it is no ``.npy`` file, is cut short, or holds more than one array.
    DTypeError
        When it holds Python objects, which would have to be unpickled and can do harm.

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile
    >>> import tinygrad_xe as xe
    >>> path = pathlib.Path(tempfile.mkdtemp(), "x.npy")
    >>> np.save(path, np.arange(3))
    >>> xe.data.load_npy(path)
    array([0, 1, 2])
    """
    who = f"load_npy: {Path(path)}"
    with Path(path).open("rb") as file:
        return _array(file, os.fstat(file.fileno()).st_size, who)


def load_npz(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> dict[str, Array]:
    """The arrays in a ``.npz`` file, by name.

    Parameters
    ----------
    path : str or path
    max_bytes : int, default 4294967296
        How much memory the arrays may need together. A small compressed file can claim much.

    Returns
    -------
    dict of str to ndarray
        In the order of the file.

    Raises
    ------
    OSError
        When the file can't be read.
    ArgumentError
        When it is no ``.npz`` file, is damaged or cut short, has something that is not an array, or needs more than
        ``max_bytes``.
    DTypeError
        When it holds Python objects, which would have to be unpickled and can do harm.

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile
    >>> import tinygrad_xe as xe
    >>> path = pathlib.Path(tempfile.mkdtemp(), "xy.npz")
    >>> np.savez_compressed(path, X=np.ones((4, 2)), y=np.arange(4))
    >>> arrays = xe.data.load_npz(path)
    >>> list(arrays), arrays["y"]
    (['X', 'y'], array([0, 1, 2, 3]))
    """
    limit = whole_number("load_npz", "max_bytes", max_bytes, at_least=1)
    who = f"load_npz: {Path(path)}"
    with Path(path).open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return _members(archive, who, limit)
        except XeError:
            raise
        except (*DAMAGE, NotImplementedError, RuntimeError, ValueError, OSError) as error:
            file.seek(0)
            if file.read(6) == MAGIC:
                raise ArgumentError(f"{who}: this is one array, a .npy file.\n  Write load_npy(path).") from None
            raise ArgumentError(
                f"{who}: no .npz file, or a damaged one: {error}.\n  np.savez(path, X=X, y=y) writes one."
            ) from None


def _members(archive: zipfile.ZipFile, who: str, limit: int) -> dict[str, Array]:
    """The arrays of an archive whose sizes are credible and within the limit."""
    infos = archive.infolist()
    arrays: dict[str, Array] = {}
    total = sum(info.file_size for info in infos)
    if total > limit:
        raise ArgumentError(
            f"{who}: the arrays need {total} bytes, more than max_bytes={limit}.\n"
            f"  Write max_bytes={total} if you trust the file."
        )
    for info in infos:
        name = info.filename.removesuffix(".npy")
        if name == info.filename or name in arrays:
            fault = "is not an array, a .npy file" if name == info.filename else "stands there twice"
            raise ArgumentError(f"{who}: the member {info.filename!r} {fault}.")
        if info.compress_type == zipfile.ZIP_DEFLATED and info.file_size > EXPANSION * info.compress_size:
            raise ArgumentError(
                f"{who}: {name!r} claims {info.file_size} bytes out of {info.compress_size}; none are packed so well."
            )
        with archive.open(info) as stream:
            arrays[name] = _array(stream, info.file_size, f"{who}: {name!r}")
    return arrays


def _array(stream: IO[bytes], size: int, who: str) -> Array:
    """The array in ``stream``, a .npy file of ``size`` bytes."""
    head = stream.read(8)
    if len(head) < 8 or head[:6] != MAGIC:
        raise ArgumentError(f"{who}: not a .npy file; it begins with {head!r}.\n  np.save(path, array) writes one.")
    version = (head[6], head[7])
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ArgumentError(f"{who}: version {version[0]}.{version[1]} of the .npy format; expected 1.0 or 2.0.")
    # the text of the header alone, so that a wrong length reads no more than the file has
    width = 2 if version == (1, 0) else 4
    field = stream.read(width)
    length = int.from_bytes(field, "little")
    if len(field) < width or 8 + width + length > size or length > 2**16:
        raise ArgumentError(f"{who}: cut short or damaged: the header takes {length} bytes, the whole file {size}.")
    try:
        shape, fortran_order, dtype = readers[version](io.BytesIO(field + stream.read(length)))
    except Exception as error:  # a damaged header, which NumPy evaluates as a literal, can fail in any way
        raise ArgumentError(f"{who}: the header is damaged: {error}.") from None
    if dtype.hasobject:
        raise DTypeError(
            f"{who}: an array of Python objects, which are not unpickled, since that can run any program.\n"
            "  Save it as numbers: np.save(path, array.astype(np.float64))."
        )
    return _payload(stream, size - 8 - width - length, who, shape, fortran_order, dtype)


def _payload(
    stream: IO[bytes], size: int, who: str, shape: tuple[int, ...], fortran_order: bool, dtype: np.dtype[Any]
) -> Array:
    """The elements, of which ``size`` bytes must be there, no fewer and no more."""
    needed = math.prod(shape) * dtype.itemsize
    if any(extent < 0 for extent in shape) or needed != size:
        more = "\n  It holds more than one array." if 0 <= needed < size else ""
        raise ArgumentError(
            f"{who}: shape {shape} of {dtype} takes {needed} bytes, {size} are there: cut short or damaged.{more}"
        )
    raw = bytearray(size)
    read = 0
    with memoryview(raw) as view:
        while read < size and (piece := stream.read(min(2**20, size - read))):
            view[read : read + len(piece)] = piece
            read += len(piece)
    if read < size:
        raise ArgumentError(f"{who}: cut short: {read} of {size} bytes are there.")
    try:
        return np.ndarray(shape, dtype, raw, order="F" if fortran_order else "C")
    except (ValueError, TypeError) as error:
        raise ArgumentError(f"{who}: shape {shape} of {dtype} is impossible: {error}.") from None
