"""The tape: what writes a program down while a function runs, and finds the user's names for what it writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import numpy as np

from ..dispatch import build_call, numpys
from ..errors import TraceError
from ..graph import Leaf, Node, clock
from ..op import Op, bound
from ..tensor import Tensor, on_node
from ..variables import variable
from . import forms
from .identifiers import distinct, identifier, of_path
from .naming import Naming
from .primitives import PRIMITIVES, draw
from .registry import FULL_NAMES, computed
from .traced import Traced, concrete
from .updates import record_step
from .values import Constant, Input, Step, Value, values_in

#: Elements up to which an array without a name is written as numbers.
SMALL = 8

#: Operations of NumPy's that numbers of Python's have too, and stay such.
WEAK = frozenset({np.add, np.subtract, np.multiply, np.divide, np.power, np.negative, np.positive})


#: Functions whose result has a shape that depends on values: of these arguments.
DYNAMIC: dict[Any, slice] = {
    **dict.fromkeys((np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.trim_zeros), slice(None)),
    **dict.fromkeys((np.extract, np.compress, np.bincount), slice(0, 1)),
    **dict.fromkeys((np.repeat, forms.getitem), slice(1, None)),
}


class Tape:
    """The steps of a run, written down as they are made.

    Parameters
    ----------
    root : FrameType
        The frame that runs the function: what called it is not looked at.
    """

    def __init__(self, root: FrameType) -> None:
        self.naming = Naming(root)
        self.open = True
        self.steps: list[Step] = []
        self.inputs: list[Input] = []
        self.values: dict[Input, Any] = {}
        self.tensors: dict[int, Tensor] = {}
        self.writes: dict[Input, Value] = {}
        self.owners: dict[Input, Tensor] = {}
        self.holders: dict[Input, tuple[dict[str, Any], str]] = {}  # of numbers that are read and written
        self.settings: list[tuple[dict[str, Any], dict[str, Any]]] = []  # of optimizers, and as they were
        self.stepped: list[Any] = []  # the optimizers that have made a step
        self._held: dict[int, tuple[Any, Traced]] = {}  # by the identity of an array, which is kept alive
        self._input_of: dict[int, Input] = {}
        self._forward: WeakKeyDictionary[Node, Value] = WeakKeyDictionary()
        self._live: WeakSet[Traced] = WeakSet()
        self._calls: dict[Op, Callable[..., Any]] = {}

    # -- what comes in -------------------------------------------------------------------------------------------------

    def argument(self, value: Any, name: str) -> Traced:
        """An array, or a number, that the caller passes."""
        return self._input(value, name, "argument")

    def constant(self, value: Any) -> Traced:
        """An array that is part of the program."""
        return self._traced(Constant(shape=np.shape(value), dtype=value.dtype, value=value), value)

    def lifted(self, value: Any, arrays: bool = True) -> Any:
        """Tensors, and arrays, as what stands for them in the program, also in lists, tuples and dicts."""
        kind = type(value)
        if kind is Tensor:
            if type(value._data) is Traced:
                return value
            if value.is_leaf:
                self.tensors[id(value)] = value
            made = on_node(self._captured(value._data, name_of(value)), value.node)
            made.origin = value.origin
            owned = self._input_of.get(id(value._data))
            if value.is_leaf and owned is not None:
                self.owners[owned] = value
            return made
        if kind is np.ndarray and arrays:
            return self._captured(value)
        if kind in (list, tuple):
            return kind([self.lifted(item, arrays) for item in value])
        if kind is dict:
            return {key: self.lifted(item, arrays) for key, item in value.items()}
        return value

    def _input(self, value: Any, name: str, kind: str) -> Traced:
        weak = type(value) in (int, float)
        dtype = np.dtype(type(value)) if weak else getattr(value, "dtype", None)
        made = Input(shape=np.shape(value), dtype=dtype, name=name, kind=kind, weak=weak)
        self.inputs.append(made)
        self.values[made] = value
        traced = self._traced(made, value)
        if isinstance(value, np.ndarray):
            self._held[id(value)] = value, traced
            self._input_of[id(value)] = made
        return traced

    def _captured(self, array: Any, name: str | None = None) -> Any:
        """What stands for an array that was there before, or that the user's code made by itself."""
        known = self._held.get(id(array))
        if known is not None:
            return known[1]
        if isinstance(array, np.generic):
            return array
        if not name:
            frames = [frame for frame, _ in self.naming.user_frames()][:4]
            name = variable(array, frames, everywhere=True)
        if not name and (array.size <= SMALL or uniform(array)):
            traced = self.constant(array)
        else:
            traced = self._input(array, name or "c", "captured")
        self._held[id(array)] = array, traced
        return traced

    # -- a call --------------------------------------------------------------------------------------------------------

    def record(
        self, function: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any] | None = None
    ) -> Any:
        """Run a function on the concrete values, and write the call down."""
        options = dict(options or {})
        if not self.open:
            return computed(function, concrete(args), concrete(options))
        function = forms.PRIMITIVE_UFUNCS.get(function, function)
        if function not in FULL_NAMES:
            name = getattr(function, "__name__", repr(function))
            raise self.error(f"{name} is not one of the functions that a program can hold.",
                             "Write it with NumPy's functions, or compute it before, and pass the result.")
        found = computed(function, concrete(args), concrete(options))
        given, named = self._refs(args), self._refs(options)
        if function in DYNAMIC and not all(map(is_fixed, values_in(given[DYNAMIC[function]]))) and (
            function is not forms.getitem or has_mask(args[1])
        ):
            raise self.error(
                "the shape of the result depends on the values of an array; a program has fixed shapes.",
                "Write np.where(mask, x, 0) and sums of it, or compute the mask before, and capture it.",
            )
        weak = function in WEAK and not named and all(map(is_weak, given))
        if weak:
            found = found.item() if isinstance(found, np.generic) else found
        step = Step(function=function, args=given, options=named, shape=shape_of(found), dtype=dtype_of(found),
                    backward=False, weak=weak)  # fmt: skip
        self.naming.placed(step)
        self.steps.append(step)
        return self._wrapped(found, step)

    def _wrapped(self, found: Any, step: Step) -> Any:
        if isinstance(found, np.ndarray | np.generic | float) or step.weak:
            return self._traced(step, found)
        if isinstance(found, list | tuple):
            items = [self.record_item(step, i, item) for i, item in enumerate(found)]
            return type(found)(*items) if hasattr(found, "_fields") else type(found)(items)
        return found  # True of np.array_equal, which is concrete

    def record_item(self, step: Step, i: int, item: Any) -> Any:
        """One of several results."""
        taken = Step(function=forms.getitem, args=(step, i), shape=shape_of(item), dtype=dtype_of(item),
                     backward=step.backward, line=step.line)  # fmt: skip
        self.steps.append(taken)
        return self._wrapped(item, taken)

    def draw(self, generator: np.random.Generator, method: str, *args: Any) -> Any:
        """Random numbers, drawn from a generator that is an input."""
        known = self._held.get(id(generator))
        if known is None:
            known = self._held[id(generator)] = generator, self._input(generator, "rng", "generator")
        return self.record(draw, (known[1], method, *args))

    def run(self, op: Op, given: dict[str, Any]) -> Any:
        """An operation of this library: a function of NumPy's, or a primitive, is one step; others are taken apart."""
        lifted = {
            name: self.lifted(value) if name in op.inputs or name == "key" else value for name, value in given.items()
        }
        call = self._calls.get(op)
        if call is None:
            call = self._calls[op] = build_call(forms.RecordedOp(op, self._kernel(op)))
        placed = [p.name for p in forms.parameters_of(op) if p.kind is p.POSITIONAL_ONLY]
        result = bound(op.name, call, tuple([lifted.pop(name) for name in placed]), lifted)
        made = result._data if type(result) is Tensor else result
        if type(made) is Traced and isinstance(made.step, Step):
            self.naming.claim(made.step)
            if type(result) is Tensor and result.node is not None:
                self._forward[result.node] = made.step
        return result

    def _kernel(self, op: Op) -> Callable[..., Any]:
        """What computes an operation on traced arrays."""
        whole = op.function if numpys(op.function) else PRIMITIVES.get(op.name) if op.name in forms.WHOLE else None
        if whole is None or whole not in FULL_NAMES or op.residuals:
            return forms.FORMS.get(op, op.kernel)
        arguments = forms.arguments_of(op)

        def kernel(*inputs: Any, **options: Any) -> Any:
            args, named = arguments(inputs, options)
            return self.record(whole, args, named)

        return kernel

    # -- writing into arrays -------------------------------------------------------------------------------------------

    def write(self, target: Any, value: Any) -> Any:
        """Give an array new values: what is traced gets another step, a Tensor's memory is state from now on."""
        array = target.value if type(target) is Traced else target
        state = self._input_of.get(id(array))
        if not isinstance(array, np.ndarray):
            raise self.error("writing into a number is not traced.", "Write x = x + 1 for x += 1.")
        if type(target) is not Traced and not any(tensor._data is array for tensor in self.tensors.values()):
            raise self.error(
                "a traced value is written into a plain array, whose later use the program would not see.",
                "Make the array a tensor, buffer = xe.tensor(buffer), or write y = f(x) for out=.",
            )
        if type(value) is not Traced:
            value = self._captured(np.asarray(value))
        if value.dtype != array.dtype:
            value = value.astype(array.dtype)
        if value.shape != array.shape:
            value = np.broadcast_to(value, array.shape)
        new = np.array(value.value)
        for other in [*self._live]:
            if other is not target and isinstance(other.value, np.ndarray) and np.may_share_memory(other.value, array):
                if state is None:
                    raise self.error("writing into a view, or into an array that has views, is not traced.",
                                     "Write np.where(mask, v, x), or take a copy first: x = x.copy().")
                other.value = other.value.copy()
        if type(target) is Traced:
            target.step, target.value = value.step, new
        if state is not None:
            array[...] = new
            self._held[id(array)] = array, self._traced(value.step, new)
            self.writes[state] = value.step
        return target

    def assign(self, tensor: Tensor, value: Any) -> None:
        """Give a leaf new values, as `Tensor.assign` does."""
        value = value if type(value) is Traced else self._captured(np.asarray(value))
        old = self.lifted(tensor)._data
        if type(tensor.node) is Leaf:
            self.write(tensor._data, value)
            tensor.node.changed = next(clock)
            return
        if value.dtype != old.dtype:
            value = value.astype(old.dtype)
        state = self._input_of[id(tensor._data)]
        made = np.array(value.value)  # memory of its own: what earlier results saved stays as it was
        self._input_of[id(made)], self._held[id(made)] = state, (made, self._traced(value.step, made))
        self.writes[state] = value.step
        tensor._data = made

    def state(self, array: Any, name: str) -> Traced:
        """What stands for an array that is read and written, and is called so."""
        known = self._held.get(id(array))
        return self._input(array, name, "state") if known is None else known[1]

    def number(self, holder: dict[str, Any], key: str, name: str) -> Traced:
        """A number of Python's that is read at each run, and may be written."""
        known = next((i for i, place in self.holders.items() if place[0] is holder and place[1] == key), None)
        if known is not None:
            return self._held[id(known)][1]
        traced = self._input(holder[key], name, "number")
        made = self.inputs[-1]
        self.holders[made] = holder, key
        self._held[id(made)] = made, traced
        return traced

    def write_number(self, number: Traced, value: Any) -> None:
        """What a number is afterwards."""
        if isinstance(number.step, Input) and type(value) is Traced:
            self.writes[number.step] = value.step

    def step(self, optimizer: Any) -> None:
        """A step of an optimizer."""
        record_step(self, optimizer)

    # -- gradients and names -------------------------------------------------------------------------------------------

    def cotangent(self, node: Node, g: Any) -> None:
        """A sweep has the whole cotangent of a node."""
        g = g._data if type(g) is Tensor else g
        if type(g) is Traced:
            self.naming.gradients.append((g.step, node))

    def cotangents(self, leaves: Mapping[Node, Any]) -> None:
        """A sweep has those of its leaves."""
        for node, g in leaves.items():
            self.cotangent(node, g)

    def concrete(self, value: Any) -> Any:
        """What a value is in this run."""
        return concrete(value)

    def value_of(self, node: Node) -> Value | None:
        """What a node is the node of."""
        if isinstance(node, Leaf):
            memory: Any = node.memory
            return memory.step if type(memory) is Traced else self._input_of.get(id(memory))
        return self._forward.get(node)

    # -- the end -------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End the run: what is left of it holds concrete values."""
        self.open = False
        self.naming.close()
        for tensor in self.tensors.values():
            grad = tensor.grad._data if type(tensor.grad) is Tensor else tensor.grad
            if type(grad) is Traced:
                tensor._grad = np.array(grad.value)  # type: ignore[assignment]

    def gradients_left(self) -> list[tuple[str, Tensor, Value]]:
        """The gradients that are in ``.grad`` of tensors before the end."""
        found: list[tuple[str, Tensor, Value]] = []
        for tensor in self.tensors.values():
            grad = tensor.grad._data if type(tensor.grad) is Tensor else tensor.grad
            if type(grad) is Traced:
                owned = self._input_of.get(id(tensor._data))
                found.append((str(owned.name) if owned is not None else "tensor", tensor, grad.step))
        names = distinct(identifier(name) for name, *_ in found)
        return [(name, tensor, value) for name, (_, tensor, value) in zip(names, found, strict=True)]

    def decided(self, traced: Traced) -> bool:
        """A value is taken out to decide on it; tell whether the tape sees to it that it decides for others too."""
        return False

    # -- small things --------------------------------------------------------------------------------------------------

    def error(self, what: str, instead: str) -> TraceError:
        """An error with the user's line."""
        where = self.naming.where()
        return TraceError("\n  ".join([f"trace: {what}", *([where] if where else []), instead]))

    def _traced(self, step: Value, value: Any) -> Traced:
        made = Traced(self, step, value)
        self._live.add(made)
        return made

    def _refs(self, value: Any) -> Any:
        kind = type(value)
        if kind is Traced:
            return value.step
        if kind is np.ndarray:
            return self._captured(value).step
        if isinstance(value, np.generic):
            return Constant(shape=(), dtype=value.dtype, value=value)
        if kind in (tuple, list):
            return kind([self._refs(item) for item in value])
        if kind is dict:
            return {key: self._refs(item) for key, item in value.items()}
        if kind is slice:
            return slice(self._refs(value.start), self._refs(value.stop), self._refs(value.step))
        return value


def name_of(tensor: Tensor) -> str | None:
    """The name that a Tensor was given; that of a module's parameter is the way to it."""
    return of_path(tensor.name) if tensor.name and "." in tensor.name else tensor.name


def uniform(array: Any) -> bool:
    """Whether all elements are equal."""
    return bool(array.size) and bool((array == array.flat[0]).all())


def is_fixed(value: Value) -> bool:
    """Whether a value is the same in each run."""
    return isinstance(value, Constant) or (isinstance(value, Input) and value.kind == "captured")


def has_mask(key: Any) -> bool:
    """Whether a key selects by truth values."""
    parts = key if isinstance(key, tuple) else (key,)
    return any(type(part) is Traced and part.dtype == bool for part in parts)


def is_weak(value: Any) -> bool:
    """Whether an argument is a number of Python's."""
    return value.weak if isinstance(value, Input | Step) else type(value) in (int, float)


def shape_of(found: Any) -> tuple[int, ...] | None:
    """The shape of a result; None where there are several."""
    return np.shape(found) if isinstance(found, np.ndarray | np.generic | float | int) else None


def dtype_of(found: Any) -> Any:
    """The dtype of a result."""
    return np.dtype(type(found)) if type(found) in (int, float) else getattr(found, "dtype", None)
