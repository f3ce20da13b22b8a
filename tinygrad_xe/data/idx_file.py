"""IDX files, the format of MNIST, plain or compressed by gzip, from a path that the user gives."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import ArgumentError
from ..random import Array
from .array_files import EXPANSION, MAX_BYTES
from .checks import whole_number
from .embedded import Dataset, _floating

#: The third byte of a file: what its elements are. The bytes of an element stand in big-endian order.
TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
#: What NumPy 1 and 2 both can have.
MAX_RANK = 32


def load_idx(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> Array:
    """The array in an IDX file, the format in which MNIST is given out.

    Parameters
    ----------
    path : str or path
        A file, plain or compressed by gzip; which of the two is seen from its first bytes, whatever its name.
    max_bytes : int, default 4294967296
        How much memory the array may need. A small compressed file can claim much.

    Returns
    -------
    ndarray of uint8, int8, int16, int32, float32 or float64
        In this machine's byte order; yours to change.

    Raises
    ------
    OSError
        When the file can't be read.
    ArgumentError
        When it is no IDX file, is damaged, cut short or too long, or needs more than ``max_bytes``.

    Notes
    -----
    Two zero bytes, one for the type of the elements, one for the number of axes, an extent of four bytes for each axis,
    then the elements, the last axis fastest; numbers are big-endian. Y. LeCun, C. Cortes and C. J. C. Burges,
    *The MNIST database of handwritten digits* (1998).

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import tinygrad_xe as xe
    >>> path = pathlib.Path(tempfile.mkdtemp(), "labels-idx1-ubyte")
    >>> path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    11
    >>> xe.data.load_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    limit = whole_number("load_idx", "max_bytes", max_bytes, at_least=1)
    who = f"load_idx: {Path(path)}"
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not packed:
            return _array(file, who, size, limit, exact=True)
        try:
            with gzip.GzipFile(fileobj=file) as stream:
                return _array(stream, who, EXPANSION * size, limit, exact=False)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ArgumentError(f"{who}: the compressed file is cut short or damaged: {error}.") from None


def load_mnist(folder: str | os.PathLike[str], *, dtype: DTypeLike = np.float32) -> tuple[Dataset, Dataset]:
    """Training and test set out of a folder with MNIST's four files, or those of a set in its form.

    The files are ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
    ``t10k-labels-idx1-ubyte``, each with or without ``.gz``; ``.idx3`` and ``.idx1`` in place of ``-idx3`` and
    ``-idx1`` will do. Fashion-MNIST and KMNIST have files of these names. Nothing is downloaded.

    Parameters
    ----------
    folder : str or path
    dtype : floating dtype, default float32
        The dtype of ``X``; 60,000 images in float32 take 188 MB.

    Returns
    -------
    train, test : Dataset
        ``X`` of shape (samples, height * width), the pixels divided by 255, and ``y`` of shape (samples,), int64.

    Raises
    ------
    FileNotFoundError
        When a file is not there.
    ArgumentError
        When a file is no IDX file, or images and labels don't go together.
    DTypeError
        If ``dtype`` is not a floating dtype.
    """
    target = _floating("load_mnist", dtype)
    sets = []
    for part in ("train", "t10k"):
        images, labels = (_standard(Path(folder), part, kind) for kind in ("images-idx3", "labels-idx1"))
        pixels, classes = load_idx(images), load_idx(labels)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or not pixels.size:
            raise ArgumentError(
                f"load_mnist: {images}: {pixels.dtype} of shape {pixels.shape}; expected images, uint8 of shape "
                "(samples, height, width)."
            )
        if classes.dtype != np.uint8 or classes.shape != pixels.shape[:1]:
            raise ArgumentError(
                f"load_mnist: {labels}: {classes.dtype} of shape {classes.shape}; expected a label for each image of "
                f"{images}, uint8 of shape {pixels.shape[:1]}."
            )
        sets.append((_scaled(pixels, target), classes.astype(np.int64), pixels.shape[1:]))
    names = tuple(map(str, range(1 + max(int(y.max()) for _, y, _ in sets))))
    train, test = (
        Dataset(
            X,
            y,
            name=Path(folder).name,
            feature_names=tuple(f"pixel {i} {j}" for i in range(height) for j in range(width)),
            target_names=names,
            description="Read from a folder with MNIST's files.",
        )
        for X, y, (height, width) in sets
    )
    return train, test


def _standard(folder: Path, part: str, kind: str) -> Path:
    """The file of that part and kind, under any of its usual names."""
    name = f"{part}-{kind}-ubyte"
    for known in (name, name.replace("-idx", ".idx")):
        for path in (folder / known, folder / f"{known}.gz"):
            if path.is_file():
                return path
    raise FileNotFoundError(f"load_mnist: {folder} has no {name}, with or without .gz.")


def _scaled(pixels: Array, dtype: np.dtype[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Bytes as numbers from 0 to 1, one image a row."""
    # looked up in a table, since a float64 array in between would take eight times the memory of the bytes
    flat = pixels.reshape(len(pixels), -1)
    return (np.arange(256) / 255).astype(dtype)[flat]


def _array(stream: IO[bytes] | gzip.GzipFile, who: str, size: int, limit: int, *, exact: bool) -> Array:
    """The array in ``stream``, which has ``size`` bytes, or at most that many."""
    head = stream.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in TYPES or not 1 <= head[3] <= MAX_RANK:
        raise ArgumentError(
            f"{who}: not an IDX file: it begins with {head.hex(' ') or 'nothing'}.\n"
            "  Expected 00 00, a type (08, 09, 0b, 0c, 0d or 0e), and the number of axes, from 01 on."
        )
    dtype, rank = np.dtype(TYPES[head[2]]), head[3]
    extents = stream.read(4 * rank)
    if len(extents) < 4 * rank:
        raise ArgumentError(f"{who}: cut short in the extents of its {rank} axes.")
    shape = tuple(int.from_bytes(extents[i : i + 4], "big") for i in range(0, 4 * rank, 4))
    needed, begin = math.prod(shape) * dtype.itemsize, 4 + 4 * rank
    # before any memory is taken
    if needed + begin > size:
        there = size - begin if exact else f"at most {size - begin}"
        raise ArgumentError(
            f"{who}: cut short or damaged: shape {shape} of {dtype.name} takes {needed} bytes, {there} are there."
        )
    if needed > limit:
        raise ArgumentError(
            f"{who}: shape {shape} of {dtype.name} takes {needed} bytes, more than max_bytes={limit}.\n"
            f"  Write max_bytes={needed} if you trust the file."
        )
    raw = stream.read(needed)
    rest = stream.read(1)
    if len(raw) < needed or rest:
        fault = f"{len(raw)} are there: cut short" if len(raw) < needed else "more are there"
        raise ArgumentError(f"{who}: shape {shape} of {dtype.name} takes {needed} bytes, {fault}.")
    try:
        array = np.frombuffer(raw, dtype).reshape(shape)
    except ValueError as error:
        raise ArgumentError(f"{who}: shape {shape} is impossible: {error}.") from None
    return array.astype(dtype.newbyteorder("="))
