"""One run of a function on fresh leaves, and the way back from its value to them: what every transform is made of."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import dispatch
from .backward import hooked, pull_to, reach
from .batch import Batch
from .containers import kind, leaves, matching, paths, rebuild
from .errors import ArgumentError, DTypeError, ShapeError
from .graph import Argument, mode, watching
from .ops.elementwise import positive
from .tensor import Tensor, as_data, on_node

#: The dtypes that need no conversion.
FLOATS = frozenset(map(np.dtype, (np.float16, np.float32, np.float64)))

#: Types of arguments that hold no Tensor.
PLAIN = frozenset({np.ndarray, float, int})

#: Elements that the largest array of a batched sweep may have: 32 MiB of float64.
BATCH_ELEMENTS = 4_194_304


class Pullback:
    """A function's value at some arguments, and the cotangents of these for a cotangent of the value.

    Attributes
    ----------
    out, outs : value, list
        What the function returned, with Tensors in it; its leaves.
    inputs : list of Tensor
        The fresh leaves that stood in the place of the arguments to differentiate in.
    outer : bool
        Whether something that the value was computed from is differentiable outside: an argument, or a Tensor in a
        closure. Then results are Tensors, and sweeps are recorded as functions of all that the graph saved.
    """

    def __init__(
        self,
        who: str,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        argnums: int | Sequence[int],
        has_aux: bool,
    ) -> None:
        self.who, self._args, self._argnums = who, args, argnums
        recording = mode.watch is not False
        self._places = places(who, argnums, len(args))
        self.inputs: list[Tensor] = []
        passed = list(args)
        for i in self._places:
            given = type(args[i])
            if given is float or (given is np.ndarray and args[i].dtype in FLOATS):  # 2 us instead of 7
                fresh = [leaf_of(np.array(args[i]))]
                passed[i] = fresh[0]
            else:
                fresh = [self._fresh(i, k, value) for k, value in enumerate(leaves(args[i]))]
                passed[i] = rebuild(args[i], fresh)
            self.inputs += fresh
        if recording:
            result = f(*passed, **kwargs)
        else:  # under no_grad() the caller's graph is not recorded, but the derivative is wanted
            with watching(None):
                result = f(*passed, **kwargs)
        self._aux = None
        if has_aux:
            if not isinstance(result, tuple) or len(result) != 2:
                got = kind(result)
                raise DTypeError(f"{who}: with has_aux=True the function returns (value, aux); it returned {got}.")
            result, self._aux = result
        self.out, self.outs = result, leaves(result)
        self._check_value()
        self._targets = [x.node for x in self.inputs if x.node is not None]
        self._outside = any(node.op is not None for node in self._targets) or self._reaches_outside()
        self.outer = recording and self._outside
        others = [x for x in (*args, *kwargs.values()) if type(x) not in PLAIN]
        self._tensors = self.outer or (bool(others) and any(type(x) is Tensor for x in leaves(others)))

    def _reaches_outside(self) -> bool:
        """Whether the value was computed from something that was there, and tracked, before the fresh leaves."""
        oldest = max([node.order for node in self._targets], default=0)
        values = self.outs if self._aux is None else [*self.outs, *leaves(self._aux)]
        found = [x.node for x in values if type(x) is Tensor and x.node is not None]
        return any(node.order > oldest for node in found) or reach(found, oldest)[1]

    def _fresh(self, i: int, k: int, value: Any) -> Tensor:
        """A leaf with a copy of `value`, or a Tensor joined to it where it is being differentiated outside."""
        if type(value) is Tensor:
            if value.node is not None and mode.watch is not False:
                return positive.call(value)  # type: ignore[no-any-return]
            value = value._data
        if type(value) is not np.ndarray or value.dtype.kind != "f":
            name = paths(self._args[i], f"argument {i}")[k]
            value = dispatch.plain(self.who, name, value)
            dtype = np.result_type(value) if type(value) in dispatch.NUMBERS else value.dtype
            if dtype.kind != "f":
                raise DTypeError(
                    f"{self.who}: {name} is {dtype}; a derivative in whole numbers has no meaning.\n"
                    "  Write x.astype(float) for an array, 2.0 for 2, or argnums= for what to differentiate in."
                )
        return leaf_of(as_data(self.who, value))

    def _check_value(self) -> None:
        """Refuse a value that has no derivative."""
        for i, value in enumerate(self.outs):
            if type(value) is Tensor and value.node is not None:
                continue
            if type(value) is not Tensor:
                dispatch.plain(self.who, paths(self.out, "its value")[i], value)
            elif value.dtype.kind != "f":
                raise DTypeError(
                    f"{self.who}: the function returned {paths(self.out, 'its value')[i]} of {value.dtype}; a "
                    "derivative needs floats.\n  With has_aux=True it may return (value, aux), where aux is anything."
                )

    # -- what the user is given --------------------------------------------------------------------------------

    def value(self) -> Any:
        """What the function returned."""
        return rebuild(self.out, self._give(self.outs, self.outer))

    def aux(self) -> Any:
        """What the function returned beside its value."""
        given = [self._give([x], self.outer)[0] if type(x) is Tensor else x for x in leaves(self._aux)]
        return rebuild(self._aux, given)

    def _give(self, values: list[Any], recorded: bool) -> list[Any]:
        """Tensors where a gradient can flow on, or where Tensors were given; else arrays, and numbers for shape ()."""
        given: list[Any] = []
        for value in values:
            data = value._data if type(value) is Tensor else value
            if recorded and type(value) is Tensor:
                given.append(value)
            elif recorded:
                given.append(on_node(data if dispatch.answers_numpy(data) else np.asarray(data), None))
            elif self._tensors and type(data) is not Batch:
                given.append(on_node(data, None))
            else:
                given.append(data[()] if type(data) is np.ndarray else data)
        return given

    def arguments(self, values: Sequence[Any]) -> Any:
        """Values, one for each input, in the containers of the arguments, and these as `argnums` asks for them."""
        found = iter(values)
        each = [rebuild(self._args[i], found) for i in self._places]
        return each[0] if isinstance(self._argnums, int) else tuple(each)

    # -- the way back ------------------------------------------------------------------------------------------

    def cotangents(self, tree: Any, name: str = "the cotangent") -> list[Any]:
        """The leaves of a cotangent of the value, checked."""
        found = matching(self.who, name, tree, self.out, "")
        return [self._like(name, g, out, "value") for g, out in zip(found, self.outs, strict=True)]

    def tangents(self, trees: Sequence[Any]) -> list[Any]:
        """The leaves of directions in the arguments, checked."""
        given = [self._args[i] for i in self._places]
        if len(trees) != len(given):
            raise ShapeError(f"{self.who}: got {len(trees)} tangents for {len(given)} primals; expected one for each.")
        found = [
            leaf for i, (tree, like) in enumerate(zip(trees, given, strict=True))
            for leaf in matching(self.who, f"tangent {i}", tree, like, "")
        ]  # fmt: skip
        return [self._like("a tangent", v, x, "argument") for v, x in zip(found, self.inputs, strict=True)]

    def _like(self, name: str, g: Any, belongs: Any, what: str) -> Any:
        """`g` as an array or Tensor with the shape and dtype of what it belongs to."""
        if type(g) is not Tensor:
            g = dispatch.plain(self.who, name, g)
            g = np.asarray(g) if type(g) in dispatch.NUMBERS else g
        if g.shape != np.shape(belongs):
            raise ShapeError(
                f"{self.who}: {name} has shape {g.shape}, its {what} has shape {np.shape(belongs)}. They must agree."
            )
        dtype = belongs.dtype if type(belongs) is Tensor else np.float64
        return g if g.dtype == dtype else g.astype(dtype)

    def pull(self, cotangents: Sequence[Any]) -> list[Any]:
        """The cotangents of the inputs, zeros where the value does not depend on one."""
        recording = mode.watch is not False
        tracked = any(type(g) is Tensor and g.node is not None for g in cotangents)
        record = "all" if recording and self.outer else "cotangents" if recording and tracked else ""
        seeds = []
        for out, g in zip(self.outs, cotangents, strict=True):
            if type(out) is Tensor and out.node is not None:
                if g is None:
                    continue
                if not isinstance(out._data, np.ndarray | np.generic):
                    g = np.zeros_like(out._data) + g  # exact numbers from the start
                if not record:
                    g = dispatch.bare(g)
                elif type(g) is not Tensor:
                    g = on_node(g, None)
                seeds.append((out.node, g))
        found = pull_to(self._targets, seeds, record, self._outside) if seeds and self._targets else {}
        pulled = [found.get(x.node) if x.node is not None else None for x in self.inputs]
        own = owned([dispatch.bare(g) for g in cotangents], pulled)
        zeros = (np.zeros(x.shape, x.dtype) if g is None else g for g, x in zip(own, self.inputs, strict=True))
        return self._give(list(zeros), bool(record))

    def transposed(self) -> Pullback:
        """The pullback of this one's `pull`: since that is linear, it carries tangents of the inputs forward."""
        # Where it is differentiated does not matter.
        at = tuple(np.zeros(np.shape(out), out.dtype if type(out) is Tensor else float) for out in self.outs)
        return Pullback(self.who, lambda *u: self.pull(u), at, {}, range(len(at)), False)

    # -- Jacobians ---------------------------------------------------------------------------------------------

    def jacobian(self) -> list[list[Any]]:
        """For each leaf of the value and each input, an array of the shape of the one followed by that of the other."""
        shapes = [(np.shape(out), [x.shape for x in self.inputs]) for out in self.outs]
        inputs, outs = sum(x.size for x in self.inputs), sum(math.prod(np.shape(out)) for out in self.outs)
        if 2 * inputs <= outs and self._batches():
            forward = self.transposed()
            columns = [forward.rows(i) for i in range(len(self.inputs))]
            table = [[np.moveaxis(column[k], 0, -1) for column in columns] for k in range(len(self.outs))]
        else:
            table = [self.rows(k) for k in range(len(self.outs))]
        return [
            self._give([np.reshape(j, (*shape, *other)) for j, other in zip(row, others, strict=True)], self.outer)
            for row, (shape, others) in zip(table, shapes, strict=True)
        ]

    def rows(self, k: int) -> list[Any]:
        """For each input, the Jacobian of leaf `k` of the value: a row for each element of it."""
        out = self.outs[k]
        dtype, shape = (out.dtype if type(out) is Tensor else np.dtype(float)), np.shape(out)
        count = math.prod(shape)
        if not count:
            return [np.zeros((0, *x.shape), x.dtype) for x in self.inputs]
        step = max(1, BATCH_ELEMENTS // widest([out])) if self._batches() else 1
        if step > 1 and count > 1:
            try:
                parts = []
                for start in range(0, count, step):
                    units = np.eye(min(step, count - start), count, start, dtype)
                    pulled = self._pull_one(k, Batch(units.reshape((len(units), *shape))))
                    parts.append([rows_of(g, len(units)) for g in pulled])
                return [np.concatenate(each) for each in zip(*parts, strict=True)]
            except Exception:  # a rule that does what a batch does not know; the rows raise what is an error
                pass
        found = [self._pull_one(k, np.eye(1, count, i, dtype).reshape(shape)) for i in range(count)]
        return [np.stack(each) for each in zip(*found, strict=True)]

    def _pull_one(self, k: int, g: Any) -> list[Any]:
        """Pull a cotangent of leaf `k` of the value alone."""
        return self.pull([g if i == k else None for i in range(len(self.outs))])

    def _batches(self) -> bool:
        """Whether cotangents can be swept back together: not where Tensors, hooks, observers or symbols take part."""
        arrays = all(isinstance(x._data, np.ndarray | np.generic) for x in self.inputs)
        return arrays and not (self.outer or mode.watch or hooked)


def leaf_of(array: Any) -> Tensor:
    """A leaf around an array of floats, which is not copied."""
    made = on_node(array, None)
    made.node = Argument(made, array)
    return made


def widest(values: list[Any]) -> int:
    """The size of the largest array that values were computed by way of."""
    found, _ = reach([x.node for x in values if type(x) is Tensor and x.node is not None])
    return max([math.prod(node.shape) for node in found], default=1)


def owned(given: list[Any], pulled: list[Any]) -> list[Any]:
    """Arrays that share their memory with nothing: a rule may hand a cotangent on, to several inputs too."""
    seen = {id(g) for g in given}
    found: list[Any] = []
    for g in pulled:
        if type(g) is np.ndarray and (g.base is not None or id(g) in seen):
            g = g.copy()
        seen.add(id(g))
        found.append(g)
    return found


def rows_of(g: Any, count: int) -> Any:
    """The rows of a batch; `count` equal ones where a sweep did not come by."""
    return g.rows if type(g) is Batch else np.broadcast_to(dispatch.bare(g), (count, *np.shape(g)))


def positions(who: str, argnums: Any) -> int | tuple[int, ...]:
    """`argnums` as an integer or a tuple of such."""
    try:
        return tuple([operator.index(i) for i in argnums]) if np.iterable(argnums) else operator.index(argnums)
    except TypeError:
        raise ArgumentError(f"{who}: argnums is {argnums!r}; expected an integer, or a tuple of integers.") from None


def places(who: str, argnums: int | Sequence[int], count: int) -> list[int]:
    """The positions that `argnums` names, among `count` positional arguments."""
    wanted = [argnums] if isinstance(argnums, int) else list(argnums)
    if any(not -count <= i < count for i in wanted):
        raise ArgumentError(
            f"{who}: argnums is {argnums!r}, and the function was called with {count} positional arguments.\n"
            "  Pass what is to be differentiated in by position, and write argnums between 0 and their number."
        )
    found = [i % count for i in wanted]
    if len({*found}) < len(found):
        raise ArgumentError(f"{who}: argnums is {argnums!r}, which names an argument twice.")
    return found
