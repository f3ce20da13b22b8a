"""Observers of the engine: `record` keeps everything, `detect_nonfinite` names the step that made a NaN."""

from __future__ import annotations

import sys
import threading
import weakref
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from .dispatch import limits_meant
from .errors import GraphError, NonFiniteError
from .graph import Leaf, Node, label, mode, place, unusual
from .op import Op
from .witness import Seen, Witness


class Observer:
    """Told of each step, forward and backward, inside a ``with`` block, in the thread that entered it."""

    def __enter__(self) -> Self:
        self._before = mode.watch
        unusual.append(None)
        if self._before is not False:  # under no_grad() there is nothing to watch
            mode.watch = (*(self._before or ()), self)
        return self

    def __exit__(self, *error: object) -> None:
        mode.watch = self._before
        unusual.pop()

    def forward(self, op: Op, node: Node | None, inputs: tuple[Any, ...], out: Any) -> None:
        """`op` made `out` from `inputs`; `node` is None where no gradient is wanted."""

    def comparison(self, op: Op, inputs: tuple[Any, ...], out: Any) -> None:
        """`op`, which no gradient passes, made the booleans `out` from `inputs`."""

    def cotangent(self, node: Node, g: Any) -> None:
        """The cotangent of `node` is complete."""

    def contribution(self, node: Node, i: int, g: Any) -> None:
        """`node` sends `g` to its parent `i`."""


@dataclass(eq=False)
class Step:
    """One operation of a recorded computation.

    Attributes
    ----------
    op : Op
    node : Node or None
        None where no gradient is wanted.
    inputs : tuple
        The arrays and numbers that it was computed from.
    out : ndarray
    cotangent : ndarray, Tensor or None
        The whole gradient of the final result in `out`; None until backward has passed.
    contributions : dict of int to ndarray or Tensor
        For each input, what this step adds to its gradient.
    seen : Seen or None
        Where it was made, and arrays as they were then; for pictures.
    """

    op: Op
    node: Node | None
    inputs: tuple[Any, ...]
    out: Any
    cotangent: Any = None
    contributions: dict[int, Any] = field(default_factory=dict)
    seen: Seen | None = None

    def __repr__(self) -> str:
        return f"<step {self.op.name} {np.shape(self.out)}{'' if self.node is None else ' at ' + place(self.node)}>"


class Pass:
    """One way back, as it went.

    Attributes
    ----------
    cotangents : dict of Node to ndarray or Tensor
        Complete, after hooks.
    sent : list of (Node, int, ndarray or Tensor)
        What a node sent to which of its inputs, in order.
    """

    def __init__(self) -> None:
        self.cotangents: dict[Node, Any] = {}
        self.sent: list[tuple[Node, int, Any]] = []
        self.reached: set[Node | None] = set()


#: The records that are alive, in which a picture of a Tensor looks for its values.
records: list[weakref.ref[record]] = []

#: The record whose block ended last in a thread: kept, so that a notebook's next cell can draw what it saw.
last = threading.local()


class record(Observer):
    """Keep every value, cotangent and contribution of what is computed inside the block, in order.

    Pictures and explanations need it; an ordinary graph keeps only what its gradient rules name. Of each thread, the
    record whose block ended last is kept until another's ends, for a picture that is asked for after the block.

    Attributes
    ----------
    steps : list of Step
        In order of computation.
    passes : list of Pass
        Each ``backward()``.
    witness : Witness
        What it knows of the calls and variables of the user.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> x = xe.tensor(2.0, requires_grad=True, name="x")
    >>> with xe.record() as rec:
    ...     y = np.exp(x) * x
    ...     y.backward()
    >>> [step.op.name for step in rec.steps]
    ['exp', 'multiply']
    >>> rec.steps[1].contributions    # to exp(x), and to x
    {0: np.float64(2.0), 1: np.float64(7.38905609893065)}
    >>> rec.cotangent_of(x.node)
    np.float64(22.16716829679195)
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._of_node: dict[Node, Step] = {}
        self._leaves: dict[Node, Any] = {}
        self.passes: list[Pass] = []
        self.witness = Witness()
        self._of_array: dict[int, Step] = {}
        records.append(weakref.ref(self, records.remove))

    def __enter__(self) -> Self:
        self.witness.enter(sys._getframe(1))
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self.witness.leave()
        last.record = self

    def forward(self, op: Op, node: Node | None, inputs: tuple[Any, ...], out: Any) -> None:
        """Note a step."""
        self.steps.append(self._note(op, node, inputs, out))

    def comparison(self, op: Op, inputs: tuple[Any, ...], out: Any) -> None:
        """Note where a condition came from."""
        self._note(op, None, inputs, out)

    def _note(self, op: Op, node: Node | None, inputs: tuple[Any, ...], out: Any) -> Step:
        step = Step(op, node, inputs, out, seen=self.witness.see(sys._getframe(2), op, node, inputs, out))
        if not any(value is out for value in inputs):  # a kernel may hand on what it was given
            self._of_array[id(out)] = step
        if node is not None:
            self._of_node[node] = step
        return step

    def step_of(self, node: Node | None, array: Any) -> Step | None:
        """The step that made a node, or an array that has none; None if it was not seen."""
        return self._of_array.get(id(array)) if node is None else self._of_node.get(node)

    def cotangent(self, node: Node, g: Any) -> None:
        """Note a cotangent."""
        if not self.passes or node not in self.passes[-1].reached or node in self.passes[-1].cotangents:
            self.passes.append(Pass())  # nothing was sent to it: here a way back begins
        self.passes[-1].cotangents[node] = g
        if isinstance(node, Leaf):
            self._leaves[node] = g
        elif node in self._of_node:
            self._of_node[node].cotangent = g

    def cotangent_of(self, node: Node) -> Any:
        """The gradient that was recorded for a node, ``t.node`` of a Tensor.

        Raises
        ------
        GraphError
            When there is none.
        """
        step = self._of_node.get(node)
        found = self._leaves.get(node) if step is None else step.cotangent
        if found is None:
            raise GraphError("record: no gradient of this tensor was recorded. Call backward() inside the block.")
        return found

    def contribution(self, node: Node, i: int, g: Any) -> None:
        """Note what a step sends to its input `i`."""
        self.passes[-1].sent.append((node, i, g))
        self.passes[-1].reached.add(node.parents[i])
        if node in self._of_node:
            self._of_node[node].contributions[i] = g


#: What usually helps where an operation makes a value that is not finite.
REWRITES = {
    "log": "A logarithm of a probability that has underflowed is exact from logits: xe.log_softmax(z), "
    "xe.log_sigmoid(z), or a loss ..._with_logits.",
    "log1p": "log(1 - p) is exact from the logit: xe.log_sigmoid(-z).",
    "exp": "exp overflows above 88.7 in float32 and 709.8 in float64: xe.softmax(z), xe.logsumexp(z), and "
    "xe.softplus(z) for log(1 + exp(z)).",
    "expm1": "exp overflows above 88.7 in float32 and 709.8 in float64.",
    "sqrt": "The slope of a square root at 0 is infinite: np.linalg.norm(x) for a length, np.std(x) for a spread, "
    "or np.sqrt(np.where(x > 0, x, 1)) with an outer np.where(x > 0, ..., 0).",
    "divide": "Keep the divisor from 0 inside as well as outside: a / np.where(b > 0, b, 1), with an "
    "outer np.where(b > 0, ..., 0).",
    "power": "A negative or fractional power has no finite value or slope at 0: keep the base from 0 with "
    "np.where(x > 0, x, 1).",
    "subtract": "inf - inf: look at where the infinities came from.",
    "multiply": "0 * inf, or an overflow: look at where the large factor came from.",
    "matmul": "An overflow, or NaN or inf in an operand.",
}


def finite(value: Any) -> bool:
    """Whether a value has no NaN and no infinity; whole numbers have none."""
    array = np.asarray(getattr(value, "_data", value))
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def describe(value: Any) -> str:
    """Shape, range and first bad place of an array, in a line."""
    array = np.asarray(getattr(value, "_data", value))
    if array.ndim == 0:
        return f"{array.item()!r}"
    bad = ~np.isfinite(array) if array.dtype.kind == "f" else np.zeros(array.shape, bool)
    good = array[~bad]
    span = f"from {good.min():.6g} to {good.max():.6g}" if good.size else "nothing finite"
    if not bad.any():
        return f"shape {array.shape}, {span}"
    first = tuple(int(i) for i in np.argwhere(bad)[0])
    return f"shape {array.shape}, {span}, {int(bad.sum())} not finite, the first {array[first]!s} at {list(first)}"


class detect_nonfinite(Observer):
    """Raise where the first NaN or infinity is made that reaches a result or a gradient.

    Forward, the check is made when ``backward()`` starts and when the block ends, so that a branch that ``np.where``
    does not take is not blamed. Backward, it is made at each rule. It costs a pass over every array.

    Raises
    ------
    NonFiniteError
        With the operation, the line, its inputs, and what usually helps.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> x = xe.tensor([0.0, 4.0], requires_grad=True, name="x")
    >>> try:
    ...     with xe.detect_nonfinite():
    ...         np.sqrt(x).sum().backward()
    ... except xe.NonFiniteError as error:
    ...     print(str(error).splitlines()[0])
    backward: the gradient rule of sqrt for x (tensor 'x') made shape (2,), from 0.25 to 0.25, 1 not finite, ...
    """

    def __init__(self) -> None:
        self._steps: dict[int, Step] = {}  # by identity of the result, which the step keeps alive
        self._consumed: set[int] = set()
        self._g: dict[Node, Any] = {}
        self._equalities: list[str] = []

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        try:
            if error[0] is None:
                for key, step in self._steps.items():
                    if key not in self._consumed and not finite(step.out):
                        self._blame_forward(step)
        finally:
            self.__init__()  # type: ignore[misc]  # the block is over: let its arrays go

    def forward(self, op: Op, node: Node | None, inputs: tuple[Any, ...], out: Any) -> None:
        """Note a step, to be blamed if what it made reaches a result."""
        self._steps[id(out)] = Step(op, node, inputs, out)
        self._consumed.update(id(value) for value in flat(inputs))

    def cotangent(self, node: Node, g: Any) -> None:
        """Check the result that backward starts from."""
        self._g[node] = g
        if len(self._g) == 1:
            for step in reversed(self._steps.values()):
                if step.node is node and not finite(step.out):
                    self._blame_forward(step)

    def contribution(self, node: Node, i: int, g: Any) -> None:
        """Check what a rule returned."""
        assert node.op is not None
        if any(limits_meant(parent) for parent in node.parents):
            self._equalities.append(place(node))
        if finite(g) or not finite(self._g[node]):
            return
        op = node.op
        name = op.variadic or op.inputs[i]
        inputs = next((step.inputs for step in self._steps.values() if step.node is node), ())
        parent = node.parents[i]
        known = f" ({label(parent)})" if parent is not None and getattr(parent, "name", None) else ""
        raise NonFiniteError(
            f"backward: the gradient rule of {op.name} for {name}{known} made {describe(g)}\n"
            f"  at {place(node)}\n"
            f"  from the gradient of its result: {describe(self._g[node])}\n"
            f"{self._inputs(op, inputs)}{self._advice(op)}"
        )

    def _blame_forward(self, step: Step) -> None:
        """Follow what is not finite back to the step whose inputs were finite, and raise there."""
        while True:
            bad = [value for value in flat(step.inputs) if not finite(value)]
            origin = next((self._steps[id(value)] for value in bad if id(value) in self._steps), None)
            if origin is None:
                break
            step = origin
        where = "" if step.node is None else f"\n  at {place(step.node)}"
        said = "was given" if bad else "made"
        what = describe(bad[0]) if bad else describe(step.out)
        details = self._inputs(step.op, step.inputs) + self._advice(step.op)
        raise NonFiniteError(f"forward: {step.op.name} {said} {what}{where}\n{details}")

    def _inputs(self, op: Op, inputs: tuple[Any, ...]) -> str:
        named = [(n, v) for n, v in zip(op.inputs, inputs) if v is not None and n != op.variadic]
        return "".join(f"  {name}: {describe(value)}\n" for name, value in named)

    def _advice(self, op: Op) -> str:
        lines = [REWRITES[op.name]] if op.name in REWRITES else []
        if self._equalities:
            lines.append(
                f"The np.where at {self._equalities[0]} compares with == or !=, where a limit is usually meant, so the "
                "branch not taken is not cut off: compare with <, <=, > or >=, or write the limit."
            )
        return "".join(f"  {line}\n" for line in lines).rstrip("\n")


def flat(inputs: Any) -> list[Any]:
    """The arrays among the inputs of a step, those in lists too."""
    found: list[Any] = []
    for value in inputs:
        found.extend(flat(value)) if isinstance(value, list | tuple) else found.append(value)
    return [value for value in found if isinstance(value, np.ndarray | np.generic | float)]
