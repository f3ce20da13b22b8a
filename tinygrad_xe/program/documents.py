"""Programs as JSON: written whole, and read back with every name, function and shape checked before it is used."""

from __future__ import annotations

import json
import keyword
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError
from .registry import function_called, name_of
from .values import Constant, Input, Step, Value

if TYPE_CHECKING:
    from .program import Program

FORMAT = "tinygrad_xe program"
VERSION = 1

#: The kinds of an input, and of the state that is written.
KINDS = frozenset({"argument", "captured", "state", "generator", "number"})

#: Methods of ``numpy.random.Generator`` that a draw may call.
DRAWS = frozenset({
    "random", "standard_normal", "normal", "uniform", "integers", "exponential", "standard_exponential", "poisson",
    "binomial", "gamma", "standard_gamma", "beta", "choice", "permutation", "gumbel", "laplace", "logistic",
})  # fmt: skip


# -- writing -----------------------------------------------------------------------------------------------------------


def written(program: Program) -> str:
    """The text of a program."""
    numbers: dict[Value, int] = {}
    for value in (*program.inputs, *program.steps):
        numbers[value] = len(numbers)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "name": program.name,
        "inputs": [
            {"name": i.name, "kind": i.kind, "weak": i.weak, **type_of(i)} for i in program.inputs
        ],
        "steps": [
            {
                "function": name_of(s.function), "args": [encoded(a, numbers) for a in s.args],
                "options": {key: encoded(a, numbers) for key, a in s.options.items()}, "name": s.name, "line": s.line,
                "backward": s.backward, "weak": s.weak, "own": s.own, **type_of(s),
            }
            for s in program.steps
        ],
        "outputs": encoded(program.outputs, numbers),
        "writes": [
            [{"name": i.name, **type_of(i)} if i.kind == "gradient" else numbers[i], encoded(value, numbers)]
            for i, value in program.writes
        ],
    }  # fmt: skip
    return json.dumps(document, allow_nan=False)


def type_of(value: Value) -> dict[str, Any]:
    """Shape and dtype."""
    return {"shape": value.shape, "dtype": None if value.dtype is None else value.dtype.name}


def encoded(argument: Any, numbers: Mapping[Value, int]) -> Any:
    """An argument of a call, or a container of outputs: what JSON lacks is an object with one key."""
    if isinstance(argument, Constant):
        array = np.asarray(argument.value)
        return {"array": number_list(array.reshape(-1).tolist()), "scalar": isinstance(argument.value, np.generic),
                "shape": list(array.shape), "dtype": array.dtype.name}  # fmt: skip
    if isinstance(argument, Value):
        return {"value": numbers[argument]}
    if isinstance(argument, tuple):
        return {"tuple": [encoded(item, numbers) for item in argument]}
    if isinstance(argument, list):
        return [encoded(item, numbers) for item in argument]
    if isinstance(argument, Mapping):
        return {"dict": [[key, encoded(item, numbers)] for key, item in argument.items()]}
    if isinstance(argument, slice):
        return {"slice": [encoded(p, numbers) for p in (argument.start, argument.stop, argument.step)]}
    if argument is Ellipsis:
        return {"ellipsis": True}
    if isinstance(argument, np.dtype) or (isinstance(argument, type) and issubclass(argument, np.generic)):
        return {"dtype": np.dtype(argument).name}
    if type(argument) is float:
        return number(argument)
    if argument is None or type(argument) in (bool, int, str):
        return argument
    raise ArgumentError(f"to_json: {argument!r:.60} is no number, text, array or container of such.")


def number(value: float) -> Any:
    """A float, which JSON has if it is finite."""
    return value if math.isfinite(value) else {"float": repr(value)}


def number_list(values: list[Any]) -> list[Any]:
    """Numbers of an array."""
    return [number(value) if type(value) is float else value for value in values]


# -- reading -----------------------------------------------------------------------------------------------------------


def read(text: str) -> dict[str, Any]:
    """The fields of the program of a text."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise wrong("the text", error, "JSON") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT or document.get("version") != VERSION:
        raise wrong("the document", document, f"format {FORMAT!r}, version {VERSION}")
    values: list[Value] = []
    for item in expected(document, "inputs", list):
        kind = expected(item, "kind", str)
        if kind not in KINDS:
            raise wrong("kind", kind, " or ".join(sorted(KINDS)))
        name = identifier(expected(item, "name", str))
        values.append(Input(name=name, kind=kind, weak=expected(item, "weak", bool), **typed(item)))
    inputs = tuple([value for value in values if isinstance(value, Input)])
    if len({i.name for i in inputs}) < len(inputs):
        raise wrong("inputs", [i.name for i in inputs], "names of which no two are equal")
    for item in expected(document, "steps", list):
        values.append(step_of(item, values))
    writes = []
    for target, value in expected(document, "writes", list):
        if isinstance(target, dict):
            owner = expected(target, "name", str).removesuffix(".grad")
            state = Input(name=f"{identifier(owner)}.grad", kind="gradient", **typed(target))
        elif type(target) is int and 0 <= target < len(inputs):
            state = inputs[target]
        else:
            raise wrong("a write", target, "the number of an input")
        writes.append((state, decoded(value, values)))
    steps = tuple([value for value in values if isinstance(value, Step)])
    name = identifier(expected(document, "name", str))
    outputs = decoded(document.get("outputs"), values)
    return {"name": name, "inputs": inputs, "steps": steps, "outputs": outputs, "writes": tuple(writes)}


def step_of(item: Any, values: list[Value]) -> Step:
    """One step, computed from the values before it."""
    function = function_called(expected(item, "function", str))
    args = tuple([decoded(a, values) for a in expected(item, "args", list)])
    if getattr(function, "__name__", "") == "draw" and (len(args) < 2 or args[1] not in DRAWS):
        raise wrong("a draw", args[1:2], "a method of numpy.random.Generator")
    options = {identifier(key): decoded(a, values) for key, a in expected(item, "options", dict).items()}
    name, line = item.get("name"), expected(item, "line", str)
    if "\n" in line or "\r" in line:
        raise wrong("line", line, "one line of text")
    return Step(
        function=function, args=args, options=MappingProxyType(options), line=line,
        name=None if name is None else expected(item, "name", str), backward=expected(item, "backward", bool),
        weak=expected(item, "weak", bool), own=expected(item, "own", bool), **typed(item),
    )  # fmt: skip


def decoded(item: Any, values: list[Value]) -> Any:
    """The inverse of `encoded`."""
    if isinstance(item, list):
        return [decoded(part, values) for part in item]
    if not isinstance(item, dict):
        return item
    match item:
        case {"value": int(place)} if 0 <= place < len(values):
            return values[place]
        case {"array": list(found), "dtype": str(), "shape": list()}:
            kind = typed(item)
            array = np.array([decoded(v, values) for v in found], kind["dtype"]).reshape(kind["shape"])
            return Constant(value=array[()] if item.get("scalar") is True else array, **kind)
        case {"tuple": list(parts)}:
            return tuple([decoded(part, values) for part in parts])
        case {"dict": list(parts)}:
            return {key: decoded(part, values) for key, part in parts}
        case {"slice": [start, stop, step]}:
            return slice(decoded(start, values), decoded(stop, values), decoded(step, values))
        case {"dtype": str(name)}:
            return dtype_called(name)
        case {"float": "nan" | "inf" | "-inf" as name}:
            return float(name)
        case {"ellipsis": True}:
            return ...
    raise wrong("an argument", item, "a value of an earlier step, an array, or a container")


def expected(item: Any, key: str, kind: type) -> Any:
    """What is under a key, of the type that it must have."""
    found = item.get(key) if isinstance(item, dict) else None
    if type(found) is not kind:
        raise wrong(key, found, f"a {kind.__name__}")
    return found


def typed(item: Any) -> dict[str, Any]:
    """Shape and dtype."""
    shape, dtype = item.get("shape"), item.get("dtype")
    if shape is not None and not (type(shape) is list and all(type(n) is int and n >= 0 for n in shape)):
        raise wrong("shape", shape, "a list of whole numbers")
    return {"shape": None if shape is None else tuple(shape), "dtype": None if dtype is None else dtype_called(dtype)}


def dtype_called(name: Any) -> np.dtype[Any]:
    """A dtype of numbers or truth values."""
    if name not in NUMERIC:
        raise wrong("dtype", name, f"one of {', '.join(sorted(NUMERIC))}")
    found: np.dtype[Any] = np.dtype(name)
    return found


NUMERIC = frozenset(np.dtype(c).name for c in "?bhilqBHILQefdg")


def identifier(name: str) -> str:
    """A name that can stand in code as it is."""
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("__"):
        raise wrong("a name", name, "a name as variables have it")
    return name


def wrong(what: str, found: Any, wanted: str) -> ArgumentError:
    """The error for a text that is no program."""
    return ArgumentError(f"from_json: {what} is {found!r:.80}; expected {wanted}.")
