"""Checkpointing: a function whose inner values are not kept for the way back but computed once more."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any, cast

import numpy as np

from .backward import pull_to
from .containers import kind, leaves, rebuild
from .dispatch import bare
from .errors import DTypeError, GraphError
from .graph import Node, clock, mode, watching
from .op import Op
from .ops.elementwise import positive
from .tensor import Tensor, on_node


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function that computes what `f` does and keeps only its arguments and its value for the gradient.

    The values in between are computed again when a gradient is: memory is exchanged for time, about a third more.

    Parameters
    ----------
    f : callable
        It must give the same value when it is called again: random numbers have to be drawn outside, or from a
        generator that `f` makes from a seed. Tensors in closures are seen.

    Returns
    -------
    callable
        With the arguments and the value of `f`: arrays, Tensors, and nested lists, tuples and dicts of them.

    Raises
    ------
    GraphError
        In the gradient, when the second run gave another value than the first.

    Notes
    -----
    T. Chen, B. Xu, C. Zhang and C. Guestrin, *Training deep nets with sublinear memory cost*, arXiv:1604.06174 (2016).

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> x = xe.tensor([0.5, 1.0], requires_grad=True)
    >>> layer = xe.checkpoint(lambda x: np.tanh(np.exp(x) * np.sin(x)))
    >>> y = layer(layer(x))
    >>> y.sum().backward()
    >>> np.allclose(x.grad, xe.grad(lambda x: np.sum(layer.__wrapped__(layer.__wrapped__(x))))(x.data))
    True
    """
    if not callable(f):
        raise DTypeError(f"checkpoint: expected a function, got {kind(f)}. Write xe.checkpoint(f)(x), not f(x).")

    @functools.wraps(f)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if mode.watch is False:
            return f(*args, **kwargs)
        run, start = Run(f, args, kwargs), next(clock)
        out = run.forward(run.inputs)
        tracked = [x for x in leaves(out) if differentiable(x)]
        if not tracked:
            return out
        run.outside = outside([x.node for x in tracked], run.fresh, start)
        run.value = bare(flatten(tracked))
        # Stand-ins for what a closure reaches: the graph needs its nodes, and `f` has the values.
        others = [on_node(np.broadcast_to(np.zeros((), node.dtype), node.shape), node) for node in run.outside]
        return rebuild(out, pieces(recompute.call([*run.inputs, *others], run), leaves(out)))

    return checkpointed


class Run:
    """A call of a checkpointed function, which can be made again.

    Attributes
    ----------
    inputs, fresh : list of Tensor
        The tracked Tensors among the arguments; those in their place in the last run.
    outside : list of Node
        What a closure of the function reaches.
    value : ndarray
        All that the first run returned, in one vector.
    """

    outside: list[Node]
    value: Any

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._f, self._call = f, [args, kwargs]
        self.inputs = [x for x in leaves(self._call) if differentiable(x)]
        self.fresh: list[Tensor] = []

    def forward(self, inputs: list[Any]) -> Any:
        """Run the function with `inputs`, arrays or Tensors, in the place of the tracked arguments."""
        with watching(None):
            self.fresh = [positive.call(x) if differentiable(x) else Tensor(bare(x), True) for x in inputs]
            values = iter(self.fresh)
            args, kwargs = rebuild(self._call, [next(values) if differentiable(x) else x for x in leaves(self._call)])
            return self._f(*args, **kwargs)

    def backward(self, g: Any, out: Any, arrays: list[Any]) -> list[Any]:
        """Run again, and carry the cotangent of the value back to the inputs and to what lies outside."""
        values = leaves(self.forward(arrays[: len(self.inputs)]))
        with watching(None):  # a sweep may have turned recording off
            again = flatten([x for x in values if differentiable(x)])
        old, new = bare(out), bare(again)
        rounding = 64 * np.finfo(old.dtype).eps
        if old.shape != new.shape or not np.allclose(old, new, rtol=rounding, atol=0, equal_nan=True):
            name = getattr(self._f, "__name__", "the function")
            raise GraphError(
                f"checkpoint: {name} gave another value when it was run again for the gradient.\n"
                "  Draw random numbers outside of it, and do not change what it reads before backward()."
            )
        targets = [*(x.node for x in self.fresh if x.node is not None), *self.outside]
        record = "" if type(g) is not Tensor else "all" if any(type(x) is Tensor for x in arrays) else "cotangents"
        found = pull_to(targets, [(again.node, g)], record, True)
        return [found[node] if node in found else np.zeros(node.shape, node.dtype) for node in targets]


def differentiable(value: Any) -> bool:
    """Whether a leaf is a Tensor that wants a gradient."""
    return type(value) is Tensor and value.node is not None


def flatten(values: list[Tensor]) -> Any:
    """All values in one vector, since a node has one output."""
    return np.concatenate([np.reshape(value, -1) for value in values])


def pieces(flat: Any, like: list[Any]) -> list[Any]:
    """The values that `flatten` put into a vector, and the others, which carry no gradient, as they are."""
    found, start = [], 0
    for value in like:
        if differentiable(value):
            found.append(np.reshape(flat[start : start + value.size], value.shape).astype(value.dtype))
            start += value.size
        else:
            found.append(value)
    return found


def outside(nodes: list[Any], inputs: list[Tensor], start: int) -> list[Node]:
    """What `nodes` were computed from beside `inputs`: leaves, and what was recorded before the number `start`."""
    stops = {x.node for x in inputs}
    pending, seen = [*nodes], {*nodes}
    found: list[Node] = []
    while pending:
        node = pending.pop()
        if node.op is None or node.order > start:
            found.append(node)
        elif node not in stops:
            parents = {parent for parent in node.parents if parent is not None} - seen
            seen |= parents
            pending += parents
    return [node for node in found if node not in stops]


def _checkpoint(arrays: list[Any], run: Run) -> Any:
    return run.value


#: Its inputs are the tracked arguments, and stand-ins for what a closure reaches. Not in the registry: a Run is not
#: data.
recompute = Op(
    _checkpoint,
    "arrays, run",
    {"arrays": cast(FunctionType, lambda g, out, arrays, *, run: run.backward(g, out, arrays))},
    variadic="arrays",
)
recompute.name = "checkpoint"
