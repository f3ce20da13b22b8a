"""`save` and `load`: the weights of a model in one file, under the names and shapes that PyTorch gives them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentError, DTypeError
from ..nn.module import Module
from ..tensor import Tensor
from .arrays import check_suffix, pack, unpack
from .files import write_file

Array = np.ndarray[Any, np.dtype[Any]]
PathLike = str | os.PathLike[str]


def save(model: Module | Mapping[str, Any], path: PathLike) -> None:
    """Write the parameters and persistent buffers of a model to a file.

    Parameters
    ----------
    model : Module or mapping of str to array_like
        A model, or what its `state_dict` gave.
    path : str or path-like
        Ends in ``.safetensors`` (needs the extra ``[save]``) or ``.npz``. A file of that name is replaced, once the
        new one is on the disk as a whole.

    Raises
    ------
    ArgumentError
        For another ending of the name, or a folder that is not there.
    DTypeError
        When `model` is neither, or a value holds no numbers.
    ImportError
        When safetensors is not installed, and asked for.
    OSError
        When the file can't be written: a full disk, say. The old one is still there.

    Notes
    -----
    Names and shapes are PyTorch's for the layers that PyTorch has, so that
    ``torch_model.load_state_dict(safetensors.torch.load_file(path))`` takes the file, and
    ``model.load_state_dict(xe.load(path))`` one that PyTorch wrote. Nothing is pickled.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> class Line(xe.nn.Module):
    ...     def __init__(self, slope):
    ...         self.slope = xe.tensor(slope, requires_grad=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "line.npz")
    ...     xe.save(Line(2.5), path)
    ...     line = Line(0.0)
    ...     _ = line.load_state_dict(xe.load(path))
    >>> line.slope.item()
    2.5
    """
    if isinstance(model, str | os.PathLike):
        raise DTypeError("save: the model comes first, the path second. Write xe.save(model, path).")
    if not isinstance(model, Mapping | Module):
        raise DTypeError(f"save: got a {type(model).__name__}; expected a Module or a dict of names and arrays.")
    state = model.state_dict() if isinstance(model, Module) else model
    arrays: dict[str, Array] = {}
    for name, value in state.items():
        if not isinstance(name, str):
            raise DTypeError(f"save: the name {name!r} is a {type(name).__name__}; expected text.")
        arrays[name] = value.data if isinstance(value, Tensor) else np.asarray(value)
    file = Path(path)
    check_suffix("save", file.suffix)
    if not file.parent.is_dir():
        raise ArgumentError(f"save: there is no folder {os.fspath(file.parent)!r} to write {file.name!r} into.")
    if file.is_dir():
        raise ArgumentError(f"save: {os.fspath(file)!r} is a folder; a file's name is needed.")
    write_file(file, pack(arrays, file.suffix, "save"))


def load(path: PathLike) -> dict[str, Array]:
    """Read a file of arrays that `save`, safetensors or ``np.savez`` wrote.

    Parameters
    ----------
    path : str or path-like
        Ends in ``.safetensors`` (needs the extra ``[save]``) or ``.npz``.

    Returns
    -------
    dict of str to ndarray
        By name, for ``model.load_state_dict(...)``.

    Raises
    ------
    FileError
        When the file is cut off, changed, or of another kind. Nothing in it is ever run.
    ArgumentError
        For another ending of the name.
    FileNotFoundError
        When it is not there.
    ImportError
        When safetensors is not installed, and needed.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "weights.npz")
    ...     xe.save({"w": np.arange(3.0)}, path)
    ...     xe.load(path)
    {'w': array([0., 1., 2.])}
    """
    file = Path(path)
    check_suffix("load", file.suffix)
    return unpack(file.read_bytes(), file.suffix, "load", os.fspath(file))
