"""Module: something with parameters that maps arrays to arrays, and the ways to walk over, save and load them."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from ..containers import leaves, named_leaves
from ..errors import ArgumentError, DTypeError
from ..tensor import Tensor, tensor
from . import states
from .summary import Summary, summary

Array = np.ndarray[Any, np.dtype[Any]]
Hook = Callable[["Module", tuple[Any, ...], Any], Any]

#: Attributes in which a module notes what it holds; the parts are in all others.
REGISTERS = ("_parameters", "_buffers", "_hooks")


class Module:
    """Base of layers and models: write ``__init__``, which makes the parameters, and ``forward``.

    A Tensor with ``requires_grad=True`` that is stored in an attribute is a parameter, also in a list, tuple or dict;
    a Module stored in the same way is a part, whose parameters belong to this one too. Their names are the way to
    them, with dots, as in PyTorch: ``layers.0.weight``. A Tensor that is named by `register_buffer` is state without
    a gradient, saved with the parameters.

    Attributes
    ----------
    training : bool
        Whether dropout and batch normalisation behave as in training; set by `train` and `eval`.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> class Line(xe.nn.Module):
    ...     def __init__(self):
    ...         self.slope = xe.tensor(2.0, requires_grad=True)
    ...     def forward(self, x):
    ...         return self.slope * x
    >>> line = Line()
    >>> line(np.array([1.0, 3.0]))
    tensor([2., 6.], op=multiply)
    >>> [name for name, parameter in line.named_parameters()]
    ['slope']
    """

    training: bool = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; written by each subclass."""
        raise DTypeError(f"{type(self).__name__} has no forward(). Write def forward(self, x): ... in the class.")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run `forward`, and the hooks that were registered."""
        out = self.forward(*args, **kwargs)
        hooks = self.__dict__.get("_hooks")
        if hooks:
            for hook in tuple(hooks.values()):
                changed = hook(self, args, out)
                out = out if changed is None else changed
        return out

    # -- what a module holds -------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if name in own.get("_buffers", ()):
            value = value if isinstance(value, Tensor) or value is None else tensor(value)
        elif name in own.get("_parameters", ()) and isinstance(own.get(name), Tensor) and is_constant(value):
            raise DTypeError(
                f"{type(self).__name__}.{name} is a parameter, and would be none any more: it would neither be trained "
                f"nor saved.\n  Write {name}.assign(value) to change its values; None, or xe.tensor(value, "
                "requires_grad=True), to replace it."
            )
        elif any(isinstance(leaf, Tensor) and leaf.requires_grad and leaf.is_leaf for leaf in leaves(value)):
            own.setdefault("_parameters", {})[name] = None
        else:
            own.get("_parameters", {}).pop(name, None)
        object.__setattr__(self, name, value)
        for path, leaf in named_leaves(value, name):
            if isinstance(leaf, Module):
                for inner, parameter in leaf.named_parameters():
                    if parameter.name in (None, inner):
                        parameter.name = f"{path}.{inner}"
            elif isinstance(leaf, Tensor) and leaf.is_leaf and leaf.name is None:
                leaf.name = path

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        for register in ("_parameters", "_buffers"):
            self.__dict__.get(register, {}).pop(name, None)

    def register_buffer(self, name: str, value: Any, persistent: bool = True) -> None:
        """Store `value`, an array or None, as state without a gradient: running means, masks, positions.

        Parameters
        ----------
        name : str
            The attribute.
        value : array_like, Tensor or None
        persistent : bool
            Whether `state_dict` holds it.
        """
        if not name.isidentifier() or name in self.__dict__.get("_parameters", {}):
            raise ArgumentError(f"register_buffer: {name!r} is a parameter already, or can't be an attribute.")
        self.__dict__.setdefault("_buffers", {})[name] = persistent
        setattr(self, name, value)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules that this one holds itself, by name."""
        for attribute, value in vars(self).items():
            if attribute not in REGISTERS:
                for name, leaf in named_leaves(value, attribute):
                    if isinstance(leaf, Module):
                        yield name, leaf

    def children(self) -> Iterator[Module]:
        """The modules that this one holds itself."""
        return (child for _, child in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """The module itself, under the name `prefix`, and all below it, each once."""
        return _once(self._walk(prefix))

    def modules(self) -> Iterator[Module]:
        """The module itself and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """The parameters, by name, each once; those that are frozen (``requires_grad=False``) too."""
        return _once(self._walk_parameters())

    def parameters(self) -> Iterator[Tensor]:
        """The parameters, each once: what an optimizer takes."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """The buffers, by name, each once."""
        return _once((name, buffer) for name, buffer, _ in self._walk_buffers())

    def buffers(self) -> Iterator[Tensor]:
        """The buffers, each once."""
        return (buffer for _, buffer in self.named_buffers())

    def _walk(self, path: str, above: tuple[Module, ...] = ()) -> Iterator[tuple[str, Module]]:
        yield path, self
        around = (*above, self)
        for name, child in self.named_children():
            if not any(child is module for module in around):  # a part may know the module that it belongs to
                yield from child._walk(f"{path}.{name}" if path else name, around)

    def _walk_parameters(self) -> Iterator[tuple[str, Tensor]]:
        for path, module in self._walk(""):
            own = vars(module)
            registered, buffers = own.setdefault("_parameters", {}), own.get("_buffers", ())
            for attribute, value in [*own.items()]:
                if attribute not in REGISTERS and attribute not in buffers:
                    for name, leaf in named_leaves(value, attribute):
                        known = isinstance(leaf, Tensor) and (leaf.requires_grad or attribute in registered)
                        if known and leaf.is_leaf:
                            registered[attribute] = None  # a parameter that is frozen later stays one
                            yield f"{path}.{name}" if path else name, leaf

    def _walk_buffers(self) -> Iterator[tuple[str, Tensor, bool]]:
        for path, module in self._walk(""):
            for name, persistent in vars(module).get("_buffers", {}).items():
                buffer = getattr(module, name)
                if buffer is not None:
                    yield f"{path}.{name}" if path else name, buffer, persistent

    # -- modes ---------------------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Let dropout drop and batch normalisation learn; ``train(False)`` is `eval`. Returns the module."""
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self) -> Self:
        """Let dropout pass all on, and batch normalisation use its running statistics. Returns the module."""
        return self.train(False)

    def requires_grad_(self, wanted: bool = True) -> Self:
        """Freeze all parameters by False, so that no gradient of them is computed, or thaw them. Returns the module."""
        for parameter in self.parameters():
            parameter.requires_grad = wanted
        return self

    def zero_grad(self) -> None:
        """Reset the gradients of all parameters to None."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call `function` on each module, the parts first: for initialising by hand. Returns the module."""
        for module in list(self.modules())[::-1]:
            function(module)
        return self

    def astype(self, dtype: DTypeLike) -> Self:
        """Change the dtype of all parameters and of floating-point buffers, in place. Returns the module.

        Gradients are dropped. The parameters stay the same Tensors, so that an optimizer that was made before still
        holds them.

        Raises
        ------
        DTypeError
            When `dtype` is not a floating-point one.
        """
        wanted = np.dtype(dtype)
        if wanted.kind != "f":
            raise DTypeError(f"astype: parameters need a floating-point dtype, got {wanted}. Write np.float32.")
        for held in (*self.parameters(), *self.buffers()):
            if held.dtype.kind == "f" and held.dtype != wanted:
                held.recast(wanted)
        return self

    # -- hooks ---------------------------------------------------------------------------------------------------

    def register_forward_hook(self, hook: Hook) -> Callable[[], None]:
        """Call ``hook(module, args, output)`` after each `forward`; what it returns, if not None, replaces the output.

        Returns
        -------
        callable
            Removes the hook.
        """
        hooks = self.__dict__.setdefault("_hooks", {})
        key = object()
        hooks[key] = hook
        return lambda: hooks.pop(key, None)

    # -- saving --------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Array]:
        """Copies of all parameters and persistent buffers, by name, in the order in which they were made."""
        return {name: held.numpy() for name, held in self.held().items()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> states.Differences:
        """Give the parameters and buffers the values in `state`, cast to their dtypes.

        Nothing is changed unless everything fits.

        Parameters
        ----------
        state : mapping of str to array_like
            What `state_dict` gave; arrays of PyTorch's are taken too.
        strict : bool
            Whether the names must be the same on both sides. By False the common ones are loaded.

        Returns
        -------
        tuple of two lists
            ``missing_keys`` and ``unexpected_keys``, which can be there with ``strict=False``.

        Raises
        ------
        ArgumentError
            When names are missing or unexpected, or none is common: which. When a number is too large for the dtype
            of the model.
        ShapeError
            When a shape differs: the name and both shapes.
        DTypeError
            When `state` is no mapping, or a value holds no numbers.
        GradientLostError
            When a value is being differentiated in, by ``xe.grad`` say; see `functional_call`.
        """
        return states.load(f"load_state_dict of {type(self).__name__}", self.held(), state, strict)

    def held(self) -> dict[str, Tensor]:
        """The Tensors whose values `state_dict` copies: all parameters and persistent buffers, by name."""
        found = {name: buffer for name, buffer, persistent in self._walk_buffers() if persistent}
        return dict(self._walk_parameters()) | found

    # -- what people read ----------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """The arguments shown in the brackets of `repr`."""
        return ""

    def summary(self, *args: Any) -> Summary:
        """A table of all modules with their numbers of parameters; with inputs `args`, their output shapes too.

        The model is run on `args` in eval mode and without a graph, so that nothing of it changes.

        Examples
        --------
        >>> import numpy as np
        >>> import tinygrad_xe as xe
        >>> model = xe.nn.Sequential(xe.nn.Linear(64, 32), xe.nn.ReLU(), xe.nn.Linear(32, 10))
        >>> model.summary(np.zeros((5, 64)))
        name   module      output   parameters
        --------------------------------------
        (all)  Sequential  (5, 10)
        0      Linear      (5, 32)       2,080
        1      ReLU        (5, 32)
        2      Linear      (5, 10)         330
        --------------------------------------
        2,410 parameters; 18.8 KiB
        """
        return summary(self, args)

    @reprlib.recursive_repr("...")
    def __repr__(self) -> str:
        count = sum(parameter.size for parameter in self.parameters())
        after = f"  # {count:,} parameter{'s' * (count != 1)}" if count else ""
        inner = [f"({name}): {child!r}" for name, child in self.named_children()]
        head = f"{type(self).__name__}({self.extra_repr()}"
        if not inner:
            return f"{head}){after}"
        lines = "\n".join(inner).replace("\n", "\n  ")
        return f"{head}{after}\n  {lines}\n)"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.")
        near = difflib.get_close_matches(name, [*vars(self), *dir(type(self))], 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.{hint}")


def is_constant(value: Any) -> bool:
    """Whether a value in the place of a parameter would end its training: numbers, or a Tensor without a gradient."""
    if isinstance(value, Tensor):
        return value.is_leaf and not value.requires_grad
    return isinstance(value, np.ndarray | np.generic | float | int | list)


def _once(named: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Each thing under its first name only."""
    seen: set[int] = set()
    for name, thing in named:
        if id(thing) not in seen:
            seen.add(id(thing))
            yield name, thing
