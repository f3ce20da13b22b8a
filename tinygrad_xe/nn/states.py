"""States of modules, arrays by name: loading one, and calling a module with another than its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import ArgumentError, DTypeError, ShapeError
from ..tensor import Tensor, on_node

if TYPE_CHECKING:
    from .module import Module

Array = np.ndarray[Any, np.dtype[Any]]


class Differences(NamedTuple):
    """The names that only the model, and only the state, has."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def load(who: str, held: Mapping[str, Tensor], state: Mapping[str, Any], strict: bool) -> Differences:
    """See `Module.load_state_dict`."""
    found = differences(who, held, state)
    if strict and any(found):
        raise ArgumentError(f"{who}: the names differ.{listed(*found)}\n  Write strict=False to load what both have.")
    if held and len(found.missing_keys) == len(held):
        raise ArgumentError(f"{who}: no name is the same, so that there is nothing to load.{listed(*found)}")
    values = {name: fitting(who, name, state[name], held[name]) for name in held if name in state}
    for name, value in values.items():
        held[name].assign(value)
    return found


def differences(who: str, held: Mapping[str, Tensor], state: Any) -> Differences:
    """The names that are on one side only."""
    if not isinstance(state, Mapping):
        raise DTypeError(
            f"{who}: got a {type(state).__name__}; expected a mapping from names to arrays, as state_dict() gives.\n"
            "  Write xe.load(path) for a file."
        )
    return Differences([n for n in held if n not in state], [n for n in state if n not in held])


def fitting(who: str, name: str, value: Any, into: Tensor) -> Any:
    """`value` as an array, or a Tensor if it is one, that can be assigned to `into`."""
    if not isinstance(value, Tensor):
        try:
            value = np.asarray(value)
        except (TypeError, ValueError, RuntimeError) as error:  # ragged lists; bfloat16 of PyTorch
            raise DTypeError(f"{who}: {name!r} can't be made an array: {error}") from None
    if value.shape != into.shape:
        raise ShapeError(
            f"{who}: {name!r} has shape {value.shape} in the state, {into.shape} in the model.\n"
            "  Make the model as it was when the state was saved."
        )
    if value.dtype.kind not in "fiub":
        raise DTypeError(f"{who}: {name!r} holds {value.dtype}; expected numbers.")
    if value.dtype.itemsize > into.dtype.itemsize and into.dtype.kind == "f":
        numbers = value.data if isinstance(value, Tensor) else value
        with np.errstate(over="ignore"):
            if np.any(np.isfinite(numbers) & ~np.isfinite(numbers.astype(into.dtype))):
                raise ArgumentError(
                    f"{who}: {name!r} has a number too large for {into.dtype}: {np.abs(numbers).max():.3g}.\n"
                    "  Write model.astype(np.float32) before loading."
                )
    return value


def listed(missing: list[str], unexpected: list[str]) -> str:
    """The names that only one side has."""
    lines = []
    if missing:
        lines.append(f"\n  The state lacks {', '.join(map(repr, missing))}.")
    if unexpected:
        lines.append(f"\n  The model has no {', '.join(map(repr, unexpected))}.")
    return "".join(lines)


def functional_call(model: Module, state: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
    """Call a model with other parameters than its own, as a function of them: for ``xe.grad``, ``hvp``, ``hessian``.

    Parameters
    ----------
    model : Module
        Its own values are back when the call ends, also by an error. Meanwhile no other thread may use it.
    state : mapping of str to array or Tensor
        Values by the names of `Module.state_dict`; what is not in it stays the model's own.
    *args, **kwargs
        What the model is called with.

    Returns
    -------
    What the model returns.

    Raises
    ------
    ArgumentError
        For a name that the model does not have.
    ShapeError
        For a value of another shape.

    Notes
    -----
    The name and the arguments are those of ``torch.func.functional_call``. What the model writes into a buffer that is
    in `state`, as batch normalisation does, is lost.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> model = xe.nn.Sequential(xe.nn.Linear(2, 1, rng=0))
    >>> X = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> def loss(state):
    ...     return (xe.nn.functional_call(model, state, X) ** 2).sum()
    >>> xe.hessian(loss)(model.state_dict())["0.weight"]["0.weight"].reshape(2, 2)      # 2 X' X
    array([[20., 28.],
           [28., 40.]])
    """
    who = f"functional_call of {type(model).__name__}"
    held = model.held()
    unexpected = differences(who, held, state).unexpected_keys
    if unexpected:
        raise ArgumentError(f"{who}:{listed([], unexpected)}\n  Its names are {', '.join(map(repr, held))}.")
    given = {name: fitting(who, name, value, held[name]) for name, value in state.items()}
    before = [(t, t._data, t.node) for t in (held[name] for name in given)]
    try:
        for name, value in given.items():
            other = value if isinstance(value, Tensor) else on_node(value, None)
            held[name]._data, held[name].node = other._data, other.node
        return model(*args, **kwargs)
    finally:
        for t, data, node in before:
            t._data, t.node = data, node
