"""All that a training changes, by name: the numbers of a model, of its loss, and the modes of its parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..containers import named_leaves
from ..errors import ArgumentError
from ..nn import losses
from ..nn.module import Module
from ..tensor import Tensor

Array = np.ndarray[Any, np.dtype[Any]]


def named_parameters(model: Any) -> list[tuple[str, Tensor]]:
    """The parameters by name; by number, where a model that is no Module gives none."""
    if hasattr(model, "named_parameters"):
        return list(model.named_parameters())
    return [(str(i), parameter) for i, parameter in enumerate(model.parameters())]


def named_modules(model: Any) -> list[tuple[str, Module]]:
    """The modules by name, each once; of a model that is no Module, those in its attributes."""
    if isinstance(model, Module):
        return list(model.named_modules())
    found: dict[int, tuple[str, Module]] = {}
    for attribute, value in getattr(model, "__dict__", {}).items():
        for name, leaf in named_leaves(value, attribute):
            for path, module in leaf.named_modules(name) if isinstance(leaf, Module) else ():
                found.setdefault(id(module), (path, module))
    return list(found.values())


class Trained:
    """What the steps of a training change: the model, and beside it what belongs to the loss.

    Those are the parameters that the optimizer holds and the model does not, called ``loss.…`` where the loss is a
    module that has them, else ``optimizer.…`` with their number; and the buffers of such a loss.
    """

    def __init__(self, model: Any, loss: Any, optimizer: Any) -> None:
        self.model = model
        own = {id(parameter) for parameter in model.parameters()}
        of_loss = list(loss.named_parameters()) if isinstance(loss, Module) else []
        held = [p for group in optimizer.param_groups for p in group["params"]]
        names = {id(parameter): f"loss.{name}" for name, parameter in of_loss}
        self._more = [(names.get(id(p), f"optimizer.{i}"), p) for i, p in enumerate(held) if id(p) not in own]
        parts = {id(module) for _, module in named_modules(model)}
        # The library's losses have class weights for buffers, which stay as they are: noting them costs 1 us a step.
        self._modules = [
            (path, module) for path, module in (loss.named_modules("loss") if isinstance(loss, Module) else ())
            if id(module) not in parts and type(module).__module__ != losses.__name__
        ]  # fmt: skip
        known = {id(p) for p in held}
        #: Parameters that want a gradient, and that no step will change.
        self.left_out = [
            (name, p) for name, p in [*named_parameters(model), *((f"loss.{name}", p) for name, p in of_loss)]
            if p.requires_grad and id(p) not in known
        ]  # fmt: skip

    def named_parameters(self) -> list[tuple[str, Tensor]]:
        """The parameters by name, those of the model first."""
        return [*named_parameters(self.model), *self._more]

    def named_modules(self) -> list[tuple[str, Module]]:
        """The modules by name, those of the model first."""
        return [*named_modules(self.model), *self._modules]

    def _held(self) -> dict[str, Tensor]:
        """The parameters and all buffers, by name."""
        held = dict(self.named_parameters())
        for path, module in self.named_modules():
            for name in vars(module).get("_buffers", ()):
                if isinstance(buffer := getattr(module, name), Tensor):
                    held[f"{path}.{name}" if path else name] = buffer
        return held

    def weights(self) -> dict[str, Array]:
        """Copies of the parameters and all buffers, also of those that a state_dict leaves out."""
        return {name: tensor.numpy() for name, tensor in self._held().items()}

    def put_weights(self, saved: Mapping[str, Array]) -> None:
        """Give the parameters and buffers the values that `weights` took."""
        held = self._held()
        for name in held.keys() - saved.keys():  # a buffer that was still None
            self._set_buffer(name, None, held.keys() ^ saved.keys())
        for name, value in saved.items():
            if name not in held:
                self._set_buffer(name, Tensor(value), held.keys() ^ saved.keys())
            elif held[name].shape != value.shape or held[name].dtype != value.dtype:
                raise ArgumentError(
                    f"resume: {name!r} was {value.dtype} of shape {value.shape}; in this model it is "
                    f"{held[name].dtype} of shape {held[name].shape}.\n"
                    "  Make the model as it was made for the training that is to go on."
                )
            else:
                held[name].assign(value)

    def _set_buffer(self, name: str, value: Tensor | None, odd: set[str]) -> None:
        path, _, attribute = name.rpartition(".")
        owner = dict(self.named_modules()).get(path)
        if owner is None or attribute not in vars(owner).get("_buffers", {}):
            raise ArgumentError(
                f"resume: the names of the parameters differ: {', '.join(sorted(odd))}.\n"
                "  Make model and loss as they were made for the training that is to go on."
            )
        setattr(owner, attribute, value)


@contextmanager
def modes(model: Any) -> Iterator[None]:
    """Give each part of the model its mode, training or evaluation, back after the block."""
    parts = [(part, part.training) for _, part in named_modules(model)]
    try:
        yield
    finally:
        for part, mode in parts:
            part.training = mode


def set_mode(model: Any, training: bool) -> None:
    """Put a model into training or evaluation mode, by its own methods where it has them."""
    method = getattr(model, "train" if training else "eval", None)
    if method is not None:
        method()
    elif not isinstance(model, Module):
        for _, part in named_modules(model):
            part.training = training


def copied(tree: Any) -> Any:
    """The dicts, lists and arrays of a state, copied."""
    if isinstance(tree, np.ndarray):
        return tree.copy()
    if isinstance(tree, dict):
        return {key: copied(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(copied(value) for value in tree)
    return tree
