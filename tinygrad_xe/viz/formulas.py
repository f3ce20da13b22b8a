"""How a step is written as an expression, from its operation, its options and the names of its parents."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..op import Op
from ..program.notation import TEXT, render
from ..program.trees import Call, Name, Number, Tree, is_default

#: How many arrays of a sequence an expression shows.
SHOWN = 6

#: As for other text, but conversions and repetitions are written too, since they are steps.
STYLE = dataclasses.replace(TEXT, hidden=frozenset())


@functools.lru_cache(maxsize=512)
def defaults(op: Op) -> Mapping[str, Any]:
    """The options of an op that have a default, and these."""
    scope: dict[str, Any] = {"np": np}
    exec(f"def parameters({op.signature}): 0", scope)
    parameters = inspect.signature(scope["parameters"]).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def tree_of(
    op: Op, inputs: Sequence[Tree | Sequence[Tree] | None], options: Sequence[Any],
    called: tuple[str, dict[str, Any]] | None = None,
) -> Tree:  # fmt: skip
    """The expression of a step, as the user would write it.

    Parameters
    ----------
    op : Op
    inputs : sequence of Tree
        One for each input of the op, or a list of them where it takes several arrays; None for one that was left out.
    options : sequence
        The values of the op's options; may be empty if they are not known.
    called : (str, dict), optional
        The public function that is this one step, and its options: it is written with keywords, as losses are called.
    """
    known = defaults(op)
    plain = [option_tree(name, value) for name, value in zip(op.options, options)]
    named = {
        name: value
        for name, value in zip(op.options, plain)
        if name != "out" and not (name in known and is_default(value, known[name]))
    }
    if called:
        pairs = {name: tree for name, tree in zip(op.inputs, inputs) if tree is not None}
        return Call(Named(called[0]), (), pairs | called[1])
    if op.name == "getitem":
        return Call(op.function, (inputs[0], named.get("key", Name("..."))))
    if op.name == "swapaxes" and tuple(options) == (-1, -2):
        return Call(np.matrix_transpose, (inputs[0],))
    if op.name == "einsum_pair":
        return Call(np.einsum, (named["subscripts"], *inputs)) if named else Call(np.einsum, tuple(inputs))
    if op.name == "square":
        return Call(np.power, (inputs[0], Number(2)))
    args: list[Any] = []
    for tree in inputs:
        if isinstance(tree, list | tuple):
            args.append([*tree[: SHOWN - 1], Name("..."), tree[-1]] if len(tree) > SHOWN else list(tree))
        elif tree is not None:
            args.append(tree)
    args += [named.pop(name) for name in op.options if name in named and name not in known]
    if op.name == "transpose" and not named.get("axes"):
        named.pop("axes", None)
    return Call(op.function, tuple(args), named)


class Named:
    """A function that is known by its name only."""

    def __init__(self, name: str) -> None:
        self.__name__ = name


def option_tree(name: str, value: Any) -> Any:
    """An option as a tree may hold it: short, and no large array in full."""
    if isinstance(value, tuple):
        return tuple(option_tree(name, item) for item in value)
    if isinstance(value, list):
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        return Name(listed(value)) if value.size <= 8 else number_tree(value)
    if vars(object)["__repr__"] is getattr(type(value), "__repr__", None):  # it would show an address
        return Name(str(getattr(value, "__name__", "...")))
    return value


def number_tree(value: Any) -> Tree:
    """A number, or a small array without a name, in an expression."""
    if isinstance(value, np.ndarray) and value.size > 4:
        return Name(f"array{value.shape}")
    if isinstance(value, np.ndarray) and value.ndim:
        return Name(listed(value))
    return Number(value.item() if isinstance(value, np.ndarray | np.generic) else value)


def listed(array: np.ndarray[Any, Any]) -> str:
    """A small array as lists of numbers."""
    return f"[{', '.join(map(listed, array))}]" if array.ndim else TEXT.number(array.item())


def written(tree: Tree) -> str:
    """An expression as text."""
    return render(tree, STYLE)
