"""Tracing: a function is run once on arrays that write down each call of NumPy's, and becomes a program."""

from __future__ import annotations

import inspect
import keyword
import sys
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..containers import leaves, paths, rebuild
from ..errors import DTypeError, GraphError
from ..graph import mode, unusual
from ..tensor import Tensor, on_node
from .identifiers import distinct, identifier
from .passes import simplified
from .primitives import PRIMITIVES
from .program import Program
from .tape import Tape
from .traced import Traced
from .values import Constant, Input, Value, completed

#: What is written after a function's name for the function that a transform makes of it.
TITLES = {
    "gradient_of": "gradient", "value_and_gradient": "and_gradient", "jacobian_at": "jacobian",
}  # fmt: skip


def trace(f: Callable[..., Any], *args: Any) -> Program:
    """Run `f` once, and write down the calls of NumPy's that it makes, gradients included.

    Parameters
    ----------
    f : callable
        A plain function; what `grad`, `value_and_grad`, `jacobian`, `hessian` and their kin make of one; or a training
        step that calls ``backward()``.
    *args
        Its arguments. Arrays, Tensors and Python's floats, also in lists, tuples and dicts, become inputs of the
        program, of these shapes and dtypes; everything else (whole numbers, text, objects) is part of it as it is.

    Returns
    -------
    Program
        Simplified by exact rewrites; ``program.source`` is its text.

    Raises
    ------
    TraceError
        Where the function takes a value out of an array to decide on it, or calls what a program can't hold: with the
        user's line, and what to write instead.

    Notes
    -----
    Arrays and Tensors that the function finds outside of its arguments are inputs too, called as the user's variables.
    The run is real: state is changed, random numbers are drawn. Checks and choices of the library's own are made for
    the values of this run: a program holds the masks of a gradient only where this run needed them, and losses in the
    form for finite logits.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> def energy(x):
    ...     h = np.tanh(x)
    ...     return np.sum(h**2)
    >>> print(xe.trace(xe.grad(energy), np.zeros(3)).source)
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def energy_gradient(x):
        # forward
        h = np.tanh(x)  # h = np.tanh(x)
        # backward
        dh = 2 * h
        dx = dh - dh * h * h
        return dx
    <BLANKLINE>
    """
    return traced_run(f, args).program


class Run(NamedTuple):
    """What there is of a run: its program, what it returned, and where the state of the program lives."""

    program: Program
    result: Any
    owners: dict[str, Tensor]  # of captured arrays and of gradients, by the names of the inputs
    holders: dict[str, tuple[dict[str, Any], str]]  # of numbers
    settings: list[tuple[dict[str, Any], dict[str, Any]]]


def traced_run(f: Callable[..., Any], args: tuple[Any, ...]) -> Run:
    """Run a function and write it down."""
    if not callable(f):
        raise DTypeError(f"trace: expected a function, got a {type(f).__name__}. Write xe.trace(f, x), not f(x).")
    if mode.tape is not None:
        raise GraphError("trace: another trace is running. Trace the outer function; it takes in what the inner does.")
    tape = Tape(sys._getframe())
    inner = f
    while hasattr(inner, "__wrapped__"):
        inner = inner.__wrapped__
    passed = [argument(tape, value, name) for name, value in zip(names_of(inner, len(args)), args, strict=True)]
    unusual.append(None)
    mode.tape = tape
    try:
        result = f(*passed)
        outputs = rebuild(result, [output(tape, leaf) for leaf in leaves(result)])
        left = tape.gradients_left()
    finally:
        mode.tape = None
        unusual.pop()
        tape.close()
    found = rebuild(result, [given_back(leaf) for leaf in leaves(result)])
    program = simplified(finished(tape, title(f, inner), outputs, left))
    owners = {str(i.name): tensor for i, tensor in tape.owners.items()}
    owners |= {f"{name}.grad": tensor for name, tensor, _ in left}
    holders = {str(i.name): place for i, place in tape.holders.items()}
    return Run(program, found, owners, holders, tape.settings)


def given_back(leaf: Any) -> Any:
    """What a run returned, without what stood for it in the program."""
    if type(leaf) is Traced:
        return leaf.value
    return on_node(leaf._data.value, None) if type(leaf) is Tensor and type(leaf._data) is Traced else leaf


def argument(tape: Tape, value: Any, name: str) -> Any:
    """An argument with inputs of the program in the place of arrays."""
    found: list[Any] = []
    for leaf, path in zip(leaves(value), paths(value, name), strict=True):
        if type(leaf) is Tensor:
            if leaf.is_leaf:
                tape.tensors[id(leaf)] = leaf
            found.append(on_node(tape.argument(leaf._data, leaf.name or path), leaf.node))
        elif isinstance(leaf, np.ndarray | np.floating) or type(leaf) is float:
            found.append(tape.argument(leaf, path))
        else:
            found.append(leaf)
    return rebuild(value, found)


def output(tape: Tape, leaf: Any) -> Any:
    """What a function returned, as a value of the program."""
    data = leaf._data if type(leaf) is Tensor else leaf
    if type(data) is Traced:
        return data.step
    if isinstance(data, np.generic):
        return Constant(shape=(), dtype=data.dtype, value=data)
    if isinstance(data, np.ndarray):
        return tape.lifted(data).step
    return data


def names_of(f: Callable[..., Any], count: int) -> list[str]:
    """The names of a function's positional arguments."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (ValueError, TypeError):
        parameters = ()  # type: ignore[assignment]
    names: list[str] = []
    for p in parameters:
        if p.kind is p.VAR_POSITIONAL:
            names += [f"{p.name}{i}" for i in range(count - len(names))]
        elif p.kind is not p.KEYWORD_ONLY:
            names.append(p.name)
    return (names + [f"x{i}" for i in range(len(names), count)])[:count]


def title(f: Any, inner: Any) -> str:
    """The name of the function that is printed: ``loss_and_gradient``."""
    parts: list[str] = []
    while f is not inner:
        code = getattr(f, "__code__", None)
        word = TITLES.get(code.co_name) if code is not None else None
        if word is not None:
            parts.insert(0, word)
        f = f.__wrapped__
    own = getattr(inner, "__name__", "program")
    own = "" if not own.isidentifier() or keyword.iskeyword(own) else own
    if parts[-2:] == ["gradient", "jacobian"]:
        parts[-2:] = ["hessian"]
    if not own and parts:
        parts[0] = {"and_gradient": "value_and_gradient"}.get(parts[0], parts[0])
    made = "_".join([part for part in [own, *parts] if part]) or "program"
    return f"{made}_program" if made in PRIMITIVES else made


def finished(tape: Tape, name: str, outputs: Any, left: list[tuple[str, Tensor, Value]]) -> Program:
    """The program of a tape."""
    own = name.split("_and_")[0]
    returned = own if own == "loss" else "loss" if any(s.backward for s in tape.steps) and scalar(outputs) else "value"
    order = [i for i in tape.inputs if i.kind == "argument"] + [i for i in tape.inputs if i.kind != "argument"]
    names = dict(zip(order, distinct(identifier(str(i.name)) for i in order), strict=True))
    for i in order:
        completed(i, name=names[i], kind="state" if i in tape.writes and i.kind == "captured" else i.kind)
    tape.naming.complete(tape.steps, tape.value_of, returned)
    writes = [*tape.writes.items()]
    for of, _, gradient in left:
        label = f"{of}.grad"
        writes.append((Input(shape=gradient.shape, dtype=gradient.dtype, name=label, kind="gradient"), gradient))
    captured = MappingProxyType({names[i]: tape.values[i] for i in order if i.kind != "argument"})
    return Program(name, tuple(order), tuple(tape.steps), outputs, tuple(writes), captured)


def scalar(outputs: Any) -> bool:
    """Whether the first of the outputs is a single number."""
    first = next(iter(leaves(outputs)), None)
    return isinstance(first, Value) and first.shape == ()

