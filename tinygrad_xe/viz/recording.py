"""From a computation that was run to the Trace that pictures are drawn from."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from ..backward import pull
from ..containers import leaves, paths, rebuild
from ..errors import ArgumentError, DTypeError
from ..graph import watching
from ..op import REGISTRY
from ..pullback import places, positions
from ..tensor import Tensor, one_like
from ..watch import last, record, records
from .dependencies import DATA, TARGETS
from .reading import read
from .records import Trace


def trace(
    f_or_result: Any, *args: Any, argnums: int | Sequence[int] | None = None, **kwargs: Any
) -> Trace:  # fmt: skip
    """Record a computation, or take one that was recorded, as what pictures are drawn from.

    Parameters
    ----------
    f_or_result : callable or Tensor
        A function, which is run; or a Tensor that was computed, inside ``with xe.record():`` if its values and
        gradients are to be seen.
    *args, **kwargs
        Arguments of the function. Arrays of floats, also in lists, tuples and dicts, and floats given by position, are
        passed as Tensors that require grad, named after the function's parameters. Tensors are passed as they are.
    argnums : int or sequence of int, optional
        The positions of the arguments that get gradients. By default all, but for those with the names of targets
        (``y``, ``labels``, ...) and, where others are left, of data (``x``, ``X``, ``inputs``, ...).

    Returns
    -------
    Trace
        What the result depends on. A function's result that is a single number is differentiated, without touching any
        ``.grad``; of several values that it returns, the first is taken. Arrays of more than 4096 elements are not
        copied: one that has been changed since has no value.

    Raises
    ------
    DTypeError
        When `f_or_result` is neither, or the function returns no Tensor.
    ArgumentError
        When there are arguments for a Tensor.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_xe.viz.recording import trace
    >>> def loss(w, x):
    ...     z = w @ x
    ...     return np.log1p(np.exp(z))
    >>> [(v.name, v.expression) for v in trace(loss, np.array([0.5, 1.0]), np.array([2.0, -1.0])).values]
    [('w', ''), ('x', ''), ('z', 'w @ x'), ('', 'exp(z)'), ('loss', 'log1p(exp(z))')]
    """
    if isinstance(f_or_result, Tensor):
        if args or kwargs:
            raise ArgumentError("graph: got a tensor and arguments; arguments belong to a function: graph(f, x, y).")
        return read(f_or_result, find_record(f_or_result))
    if not callable(f_or_result):
        raise DTypeError(
            f"graph: got a {type(f_or_result).__name__}; expected a function and its arguments, or a tensor that was "
            "computed. Write graph(f, x, y), or graph(loss)."
        )
    function: Callable[..., Any] = f_or_result
    passed, named = as_tensors(function, args, kwargs, argnums)
    recorded, before = record(), getattr(last, "record", None)
    try:
        with watching(None), recorded:
            returned = function(*passed, **named)
            result = next((value for value in leaves(returned) if isinstance(value, Tensor)), None)
            if result is None:
                raise DTypeError(
                    f"graph: the function returned a {type(returned).__name__}; expected a Tensor. It must be computed "
                    "from its arguments, or from other Tensors, by operations that know Tensors; whole numbers among "
                    "the arguments are no variables: write 3.0, or np.array([1.0, 2.0])."
                )
            if result.node is not None and result.size == 1:
                pull(result.node, one_like(result._data), retain_graph=True)
    finally:
        last.record = before  # this record is nobody's to find again
    return read(result, recorded, title_of(function))


def title_of(function: Any) -> str:
    """The name of a function of the user's; empty where it has none of its own."""
    while isinstance(function, functools.partial):
        function = function.func
    name = function.__name__ if isinstance(function, FunctionType | MethodType) else ""
    return "" if name.startswith(("<", "__")) else name


def as_tensors(
    function: Any, args: Any, kwargs: dict[str, Any], argnums: int | Sequence[int] | None
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments with Tensors in the place of floats, named after the parameters."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
        names: list[str] = []
        for name, parameter in bound.signature.parameters.items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                names += [f"{name}[{i}]" for i in range(len(bound.arguments.get(name, ())))]
            elif parameter.kind is not parameter.KEYWORD_ONLY:
                names.append(name)
    except (ValueError, TypeError):  # not known, or the call itself will say what does not fit
        known = REGISTRY.get(function)
        names = [] if known is None else list(known.inputs)
    names += [f"x{i + 1}" for i in range(len(names), len(args))]
    if argnums is not None:
        chosen = {*places("graph", positions("graph", argnums), len(args))}
    else:
        chosen = {i for i, (_, name) in enumerate(zip(args, names)) if name not in TARGETS}
        parameters = {i for i in chosen if names[i] not in DATA and any(map(is_float, leaves(args[i])))}
        chosen = {i for i in chosen if names[i] not in DATA} if parameters else chosen
    passed = [
        as_constant(arg) if name in TARGETS and i not in chosen
        else as_tensor(arg, name, (float, np.floating), tracked=i in chosen)
        for i, (arg, name) in enumerate(zip(args, names))
    ]  # fmt: skip
    return passed, {name: as_tensor(arg, name, ()) for name, arg in kwargs.items()}


def is_float(value: Any) -> bool:
    """Whether a value is a number or an array of floats."""
    return isinstance(value, float | np.floating) or (isinstance(value, np.ndarray) and value.dtype.kind == "f")


def as_constant(tree: Any) -> Any:
    """What a loss compares with: floats as arrays, so that they are values of the picture."""
    found = leaves(tree)
    made = [np.asarray(value) if isinstance(value, float | np.floating) else value for value in found]
    return tree if all(map(lambda a, b: a is b, found, made)) else rebuild(tree, made)


def as_tensor(tree: Any, name: str, numbers: Any, tracked: bool = True) -> Any:
    """A copy of an argument with Tensors for its arrays of floats, and for `numbers`; itself if there are none."""
    found = leaves(tree)
    made = [
        Tensor(value, tracked, path)
        if isinstance(value, numbers) or (type(value) is np.ndarray and value.dtype.kind == "f")
        else value
        for value, path in zip(found, paths(tree, name))
    ]
    return tree if all(map(lambda a, b: a is b, found, made)) else rebuild(tree, made)


def find_record(result: Tensor) -> record | None:
    """The record that saw `result` being computed, the one that saw most; None if it is not there any more."""
    alive = [recorded for reference in records[:] if (recorded := reference()) is not None]
    fitting = [recorded for recorded in alive if recorded.step_of(result.node, result._data) is not None]
    return max(fitting, key=lambda recorded: len(recorded.steps), default=None)
