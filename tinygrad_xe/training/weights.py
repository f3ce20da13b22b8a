"""The numbers of a model by name, and the modes of its parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..nn.module import Module
from ..tensor import Tensor

Array = np.ndarray[Any, np.dtype[Any]]


def named_parameters(model: Any) -> list[tuple[str, Tensor]]:
    """The parameters by name; by number, where a model that is no Module gives none."""
    if hasattr(model, "named_parameters"):
        return list(model.named_parameters())
    return [(str(i), parameter) for i, parameter in enumerate(model.parameters())]


def _held(model: Any) -> dict[str, Tensor]:
    """The parameters and all buffers, by name."""
    return dict(named_parameters(model)) | (dict(model.named_buffers()) if hasattr(model, "named_buffers") else {})


def weights(model: Any) -> dict[str, Array]:
    """Copies of the parameters and all buffers, also of those that a state_dict leaves out."""
    return {name: tensor.numpy() for name, tensor in _held(model).items()}


def put_weights(model: Any, saved: Mapping[str, Array]) -> None:
    """Give the parameters and buffers the values that `weights` took."""
    held = _held(model)
    for name in held.keys() - saved.keys():  # a buffer that was still None
        _set_buffer(model, name, None, held.keys() ^ saved.keys())
    for name, value in saved.items():
        if name not in held:
            _set_buffer(model, name, Tensor(value), held.keys() ^ saved.keys())
        elif held[name].shape != value.shape or held[name].dtype != value.dtype:
            raise ArgumentError(
                f"resume: {name!r} was {value.dtype} of shape {value.shape}; in this model it is {held[name].dtype} of "
                f"shape {held[name].shape}.\n  Make the model as it was made for the training that is to go on."
            )
        else:
            held[name].assign(value)


def _set_buffer(model: Any, name: str, value: Tensor | None, odd: set[str]) -> None:
    path, _, attribute = name.rpartition(".")
    owner = dict(model.named_modules()).get(path) if isinstance(model, Module) else None
    if owner is None or attribute not in vars(owner).get("_buffers", {}):
        raise ArgumentError(
            f"resume: the names of the parameters differ: {', '.join(sorted(odd))}.\n"
            "  Make the model as it was made for the training that is to go on."
        )
    setattr(owner, attribute, value)


@contextmanager
def modes(model: Any) -> Iterator[None]:
    """Give each part of the model its mode, training or evaluation, back after the block."""
    parts = [(part, part.training) for part in model.modules()] if isinstance(model, Module) else []
    try:
        yield
    finally:
        for part, mode in parts:
            part.training = mode


def copied(tree: Any) -> Any:
    """The dicts, lists and arrays of a state, copied."""
    if isinstance(tree, np.ndarray):
        return tree.copy()
    if isinstance(tree, dict):
        return {key: copied(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(copied(value) for value in tree)
    return tree
