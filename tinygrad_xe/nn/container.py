"""Sequential: modules and functions called one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, overload

from ..errors import BoundsError, DTypeError
from .module import Module

Part = Module | Callable[[Any], Any]


class Function(Module):
    """A function of one array as a part of `Sequential`; it has no parameters.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.nn.Function(np.tanh)
    Function(tanh)
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        if not callable(function) or isinstance(function, type):
            hint = f"{function.__name__}()" if isinstance(function, type) else "np.tanh"
            raise DTypeError(f"Function: got {function!r}; expected a function of one array. Write {hint}.")
        self.function = function

    def forward(self, x: Any) -> Any:
        """``function(x)``."""
        return self.function(x)

    def extra_repr(self) -> str:
        """The function's name."""
        return str(getattr(self.function, "__name__", self.function))


class Sequential(Module):
    """Call the parts one after another, each on what the one before returned.

    Parameters
    ----------
    *parts : Module or callable
        Or one dict, whose keys name the parts. Without names they are called "0", "1", ... A function such as
        ``np.tanh`` is a part too.

    Raises
    ------
    DTypeError
        For a part that can't be called, or a class in the place of an object: ``ReLU`` for ``ReLU()``.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> model = xe.nn.Sequential(xe.nn.Linear(64, 32, rng=0), np.tanh, xe.nn.Linear(32, 10, rng=1))
    >>> model
    Sequential(  # 2,410 parameters
      (0): Linear(64, 32)  # 2,080 parameters
      (1): Function(tanh)
      (2): Linear(32, 10)  # 330 parameters
    )
    >>> model(np.zeros((5, 64))).shape
    (5, 10)
    """

    def __init__(self, *parts: Part | Mapping[str, Part]) -> None:
        self._order: list[str] = []
        if len(parts) == 1 and isinstance(parts[0], Mapping):
            for name, part in parts[0].items():
                self._add(name, part)
        else:
            for i, given in enumerate(parts):
                self._add(str(i), given)

    def _add(self, name: str, part: Any) -> None:
        if isinstance(part, type):
            raise DTypeError(f"Sequential: part {name!r} is the class {part.__name__}. Write {part.__name__}(...).")
        if not callable(part):
            raise DTypeError(
                f"Sequential: part {name!r} is a {type(part).__name__}, which can't be called; expected a module or a "
                "function.\n  Write Sequential(*parts) for a list of parts."
            )
        if not name or "." in name or name.startswith("_") or hasattr(type(self), name):
            raise DTypeError(f"Sequential: a part can't be named {name!r}. Choose a plain word.")
        setattr(self, name, part if isinstance(part, Module) else Function(part))
        self._order.append(name)

    def append(self, part: Part) -> Self:
        """Add a part at the end, named by its number. Returns the module."""
        self._add(str(len(self._order)), part)
        return self

    def forward(self, x: Any) -> Any:
        """Apply the parts in turn."""
        own = self.__dict__
        for name in self._order:
            x = own[name](x)
        return x

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[Module]:
        return (self.__dict__[name] for name in self._order)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module:
        """The part, or for a slice a Sequential of the same parts: ``model[:-1]``."""
        if isinstance(index, slice):
            return Sequential({name: self.__dict__[name] for name in self._order[index]})
        try:
            return self.__dict__[self._order[index]]  # type: ignore[no-any-return]
        except IndexError:
            raise BoundsError(f"Sequential: there is no part {index}; it has {len(self)}.") from None
