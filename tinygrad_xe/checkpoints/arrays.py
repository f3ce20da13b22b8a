"""Named arrays as bytes and back: the safetensors format, or NumPy's npz without pickles."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentError, DTypeError, FileError

Array = np.ndarray[Any, np.dtype[Any]]

#: What stands at the beginning of a zip file, also of an empty one.
ZIP = (b"PK\x03\x04", b"PK\x05\x06")


def has_safetensors() -> bool:
    """Whether the extra ``[save]`` is installed."""
    try:
        import safetensors.numpy  # noqa: F401
    except ImportError:
        return False
    return True


def pack(arrays: Mapping[str, Array], suffix: str, who: str) -> bytes:
    """The content of a file of `suffix`, ``.safetensors`` or ``.npz``, with these arrays."""
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub":
            raise DTypeError(f"{who}: {name!r} holds {array.dtype}; expected numbers.")
    if suffix == ".safetensors":
        if "__metadata__" in arrays:
            raise ArgumentError(f"{who}: '__metadata__' is no name for an array in safetensors. Write to a .npz file.")
        whole = {name: np.array(array, order="C") for name, array in arrays.items()}  # ascontiguousarray changes ()
        writer = _safetensors(who)
        try:
            content: bytes = writer.save(whole, {"format": "pt"})
        except Exception as error:  # an exception of its own, for a dtype that the format lacks
            kinds = ", ".join(sorted({str(array.dtype) for array in whole.values()}))
            raise DTypeError(f"{who}: safetensors can't hold one of {kinds}: {error}. Write to a .npz file.") from None
        return content
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:  # np.savez can't take an array named "file"
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return buffer.getvalue()


def unpack(content: bytes, suffix: str, who: str, where: str) -> dict[str, Array]:
    """The arrays in the content of a file of `suffix`; `where` is its name for messages.

    Raises
    ------
    FileError
        When it is cut off, changed, or of another kind.
    """
    if not content:
        raise FileError(f"{who}: {where} is empty.")
    if suffix == ".safetensors":
        if content.startswith(ZIP):
            raise FileError(f"{who}: {where} is a zip file, not safetensors. Is it a .npz file, or one of torch.save?")
        loader = _safetensors(who)
        try:
            loaded: dict[str, Array] = loader.load(content)
        except Exception as error:  # safetensors has an exception of its own, and lets KeyErrors through
            if str(error).strip("'") in ("BF16", "F8_E4M3", "F8_E5M2"):
                raise FileError(
                    f"{who}: {where} holds numbers of the type {error}, which NumPy lacks.\n"
                    "  Write tensor.float() in the program that saves it."
                ) from None
            raise FileError(f"{who}: {where} is no whole safetensors file: {error}.\n  {_HINT}") from None
        return {name: np.array(array) for name, array in loaded.items()}
    if not content.startswith(ZIP):
        raise FileError(f"{who}: {where} is no .npz file: it begins with {content[:8]!r}.\n  {_HINT}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:  # np.load takes "a.npy" for "a"; this one sees all CRCs
            found = {name.removesuffix(".npy"): _member(name, archive.read(name)) for name in archive.namelist()}
    except Exception as error:  # zipfile and numpy raise many kinds for a damaged file
        raise FileError(f"{who}: {where} is no whole .npz file of numbers: {error}.\n  {_HINT}") from None
    odd = [name for name, value in found.items() if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub"]
    if odd:
        raise FileError(f"{who}: {where} holds {', '.join(map(repr, odd))}, which is no array of numbers.\n  {_HINT}")
    return found


def _member(name: str, content: bytes) -> Any:
    """What a member of an archive holds: an array, if it is called one."""
    if not name.endswith(".npy"):
        return content
    return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)


_HINT = "It was cut off, changed, or written by another program; take a copy of it that is whole."


def check_suffix(who: str, suffix: str) -> None:
    """Refuse a file name from which the format can't be told."""
    if suffix not in (".safetensors", ".npz"):
        got = f"ends in {suffix!r}" if suffix else "has no ending"
        raise ArgumentError(f"{who}: the file name {got}; expected model.safetensors or model.npz.")


def _safetensors(who: str) -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(
            f"{who}: .safetensors files need the package safetensors: pip install 'tinygrad_xe[save]'.\n"
            "  Or write to a .npz file, which needs NumPy alone."
        ) from None
    return safetensors.numpy
