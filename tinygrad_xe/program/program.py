"""What a program is: inputs, steps and outputs as immutable data; how it is printed, counted and run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from ..containers import leaves
from ..errors import ArgumentError
from . import documents
from . import source as text
from .registry import computed
from .values import Constant, Input, Step, Value, flops, replaced, traffic, values_in


@dataclass(frozen=True, eq=False, repr=False)
class Program:
    """The calls of NumPy that a function makes, in their order, as data. Made by `trace`.

    Attributes
    ----------
    name : str
        Of the function that is printed.
    inputs : tuple of Input
        The arguments, then what was captured.
    steps : tuple of Step
        Each is computed from inputs, constants and earlier steps.
    outputs : Value, constant, or nested tuple, list or dict of such
        What the function returns.
    writes : tuple of (Input, Value)
        State, and its value at the end.
    captured : mapping of str to array
        The captured arrays by name, read when the program is run.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> program = xe.trace(xe.value_and_grad(lambda w: np.sum(w**2)), np.array([1.0, 2.0]))
    >>> print(program)
    program value_and_gradient(w: float64[2]):
      forward
        loss: float64[] = np.sum(np.square(w))
      backward
        dw: float64[2] = 2 * w
      return loss, dw
    >>> program.run(np.array([3.0, 4.0]))
    (np.float64(25.0), array([6., 8.]))
    """

    name: str
    inputs: tuple[Input, ...]
    steps: tuple[Step, ...]
    outputs: Any
    writes: tuple[tuple[Input, Value], ...] = ()
    captured: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    # -- what it is ------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"<program {self.name}: {len(self.inputs)} inputs, {len(self.steps)} steps>"

    def __str__(self) -> str:
        return text.listing(self)

    @property
    def source(self) -> str:
        """The program as a Python function that imports NumPy alone; see `source.source`."""
        return text.source(self)

    def to_json(self) -> str:
        """The program as JSON, without the values of captured arrays; `from_json` reads it."""
        return documents.written(self)

    @staticmethod
    def from_json(document: str) -> Program:
        """The program that `to_json` wrote. Nothing of it is run, and only known functions are looked up, by name.

        Raises
        ------
        ArgumentError
            Where the text is not such a program: what was found, and where.
        TraceError
            For a function that programs can't call.
        """
        return Program(**documents.read(document))

    def results(self) -> list[Value]:
        """What is kept when the program ends: the values of the outputs and of the writes."""
        return [*values_in(self.outputs), *(value for _, value in self.writes)]

    def counts(self) -> dict[str, int]:
        """How much it computes.

        Returns
        -------
        dict
            ``calls`` of functions; ``flops``, floating-point operations: two for each product of a sum of products,
            one for each element that a function reads or makes, whichever are more, none for moving elements;
            ``bytes``, read and written by all calls, views left out.
        """
        return {
            "calls": len(self.steps),
            "flops": sum(map(flops, self.steps)),
            "bytes": sum(map(traffic, self.steps)),
        }

    # -- running it ------------------------------------------------------------------------------------------------

    def run(self, *arguments: Any, **given: Any) -> Any:
        """Compute the outputs, call by call.

        Parameters
        ----------
        *arguments
            Arrays, one for each input of the kind "argument", in their order; nested containers are taken apart.
        **given
            Other arrays for captured ones, by name.

        Returns
        -------
        Arrays in the containers of the outputs. State is not written; its last values are in `written`.
        """
        return self._computed(arguments, given)[0]

    def run_with_writes(self, *arguments: Any, **given: Any) -> tuple[Any, dict[str, Any]]:
        """The same, and the last values of the state by name, which is left as it is."""
        return self._computed(arguments, given)

    def _computed(self, arguments: Any, given: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        known = self._bound(arguments, given)

        def value(v: Value) -> Any:
            return v.value if isinstance(v, Constant) else known[v]

        for step in self.steps:
            known[step] = computed(step.function, replaced(step.args, value), replaced(step.options, value))
        return replaced(self.outputs, value), {str(i.name): value(v) for i, v in self.writes}

    def _bound(self, arguments: Any, given: Mapping[str, Any]) -> dict[Value, Any]:
        """The arrays for the inputs."""
        wanted = [i for i in self.inputs if i.kind == "argument"]
        flat = leaves(list(arguments))
        if len(flat) != len(wanted):
            names = ", ".join(str(i.name) for i in wanted)
            raise ArgumentError(f"{self.name}: got {len(flat)} arrays; expected {len(wanted)}, for ({names}).")
        known: dict[Value, Any] = dict(zip(wanted, flat, strict=True))
        for i in self.inputs:
            if i.kind != "argument":
                found = given.get(str(i.name), self.captured.get(str(i.name)))
                if found is None:
                    raise ArgumentError(f"{self.name}: the captured {i.name} is not known. Pass {i.name}=...")
                known[i] = found
        for i in self.inputs:
            if i.kind != "generator" and np.shape(known[i]) != i.shape:
                got = np.shape(known[i])
                raise ArgumentError(f"{self.name}: {i.name} has shape {got}; the program was traced for {i.shape}.")
        return known


def with_steps(program: Program, steps: Iterable[Step], new: Mapping[Value, Value]) -> Program:
    """The program with other steps, and with `new` values in the place of old ones among its results."""
    writes = tuple([(state, new.get(value, value)) for state, value in program.writes])
    outputs = replaced(program.outputs, lambda value: new.get(value, value))
    return replace(program, steps=tuple(steps), outputs=outputs, writes=writes)
