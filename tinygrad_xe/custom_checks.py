"""What is checked of a user's declaration: what the function and its rules return, and that the rules are linear."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from . import containers
from .containers import kind
from .dispatch import KINDS, bare, wants_gradient
from .errors import DeclarationError, DTypeError, GradientLostError, ShapeError
from .graph import Node, place
from .op import Op, one_each, restore
from .tensor import Tensor

Function = Callable[..., Any]

#: How far a rule may be from linear, relative to its largest value: sums and solved systems lose digits.
LINEAR = {"e": 0.1, "f": 1e-2, "d": 1e-6}


def checked_output(operation: Op, result: Any) -> Any:
    """What the function returned, and its residuals."""
    if operation.residuals:
        count = len(operation.outputs)
        if not isinstance(result, tuple) or len(result) != count:
            came = kind(result)
            raise DTypeError(
                f"{operation.name}: returned {came}; expected a tuple of {count}, ({', '.join(operation.outputs)}), "
                "since residuals are declared."
            )
        return (checked_array(operation, result[0]), *map(bare, result[1:]))
    return checked_array(operation, result)


def checked_array(operation: Op, result: Any) -> Any:
    """What the function returned, as one array."""
    if type(result) is Tensor:
        if wants_gradient(result):
            raise GradientLostError(
                f"{operation.name}: returned a tensor that wants a gradient, so it uses one beside its parameters, and "
                "no rule is declared for that.\n"
                "  Make it a parameter with a rule of its own, or use t.detach() of it."
            )
        result = bare(result)
    if result is None:
        raise DTypeError(f"{operation.name}: returned None; expected an array. Is the return statement missing?")
    if isinstance(result, list | tuple | dict):
        advice = (
            f"  Of several outputs, declare those that only rules want: "
            f"residuals=\"{', '.join('pqrstuvw'[: max(1, len(result) - 1)])}\"."
            if isinstance(result, tuple)
            else "  Write np.stack([...]) of it, or write one function for each."
        )
        raise DTypeError(f"{operation.name}: returned {kind(result)}; expected one array.\n{advice}")
    if isinstance(result, bool | int | float):
        result = np.asarray(result)[()]
    foreign = not isinstance(result, np.ndarray | np.generic) and not hasattr(result, "__array_function__")
    if foreign or isinstance(result, np.ma.MaskedArray | np.matrix):
        raise DTypeError(f"{operation.name}: returned {kind(result)}; expected an array.")
    if isinstance(result, np.ndarray | np.generic) and result.dtype.kind not in KINDS:
        advice = "Complex numbers are not supported." if result.dtype.kind == "c" else "Expected floats."
        raise DTypeError(f"{operation.name}: returned an array of dtype {result.dtype}. {advice}")
    return result


def places(operation: Op, node: Node) -> list[tuple[str, Node | None, str]]:
    """For each parent of `node`: the name of the input, the parent, and how a message calls it."""
    if operation.variadic:
        return [(operation.variadic, parent, f"{operation.variadic}[{i}]") for i, parent in enumerate(node.parents)]
    return [(name, parent, name) for name, parent in zip(operation.inputs, node.parents, strict=True)]


def checked_results(operation: Op, node: Node, results: Iterable[Any], g: Any) -> list[Any]:
    """What the rules returned, of the shapes that the engine can fit to the inputs."""
    checked: list[Any] = []
    for (name, parent, told), result in zip(places(operation, node), results, strict=True):
        if parent is None or operation.rules[name] is None:
            checked.append(None)
            continue
        if type(result) is np.ndarray and result.shape == parent.shape and result.dtype.kind == "f":
            checked.append(result)  # the common case
            continue
        if isinstance(result, bool | int | float):
            result = np.asarray(result)[()]
        who = f"{operation.name}: the gradient rule for {told!r} returned"
        if result is None:
            raise DTypeError(f"{who} None; expected an array.\n  Declare {name}=None where no gradient flows.")
        if isinstance(result, list | tuple | dict | str | set):
            raise DTypeError(f"{who} {kind(result)}; expected one array, of the shape of {told}.")
        if type(result) is Tensor and type(g) is not Tensor:
            result = bare(result)  # the rule uses a tensor from outside
        if isinstance(result, np.ndarray | np.generic):
            if result.dtype.kind not in KINDS:
                raise DTypeError(f"{who} an array of dtype {result.dtype}; expected floats.")
        elif type(result) is not Tensor and type(result) is not type(g):
            raise DTypeError(f"{who} {kind(result)}; expected an array.")
        if result.shape != parent.shape and not fits(operation, result.shape, parent.shape):
            raise ShapeError(f"{who} shape {result.shape}; {told} has shape {parent.shape}.{made_at(node)}\n"
                             f"  {advice(result.shape, parent.shape, name)}")  # fmt: skip
        checked.append(result)
    return checked


def fits(operation: Op, came: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether the engine sums, or repeats, a cotangent to the shape that is wanted."""
    return stretches(wanted, came) if operation.broadcasts else bool(operation.reduces) and stretches(came, wanted)


def advice(came: tuple[int, ...], wanted: tuple[int, ...], name: str) -> str:
    """What to write in place of a rule that returned the shape `came`."""
    if came == ():
        return f"Write g * 0 for a gradient that is 0 everywhere, or {name}=None where none flows."
    if stretches(wanted, came):
        return "If the inputs broadcast against each other, declare broadcasts=True: sums are then taken for you."
    if came == wanted[::-1]:
        return "Is a transpose missing?"
    return "A rule returns the shape of its input."


def linear_rules(operation: Op, rules: Function, node: Node, saved: Any, g: Any, pending: set[str]) -> set[str]:
    """Of the inputs `pending`, those whose rules were found to be linear; raise for one that is not.

    rule(g - 3 h) is compared with rule(g) - 3 rule(h) for a random h.
    """
    found: set[str] = set()
    if node.dtype.char not in LINEAR or any(map(foreign, containers.leaves(saved))):
        return found
    rng = np.random.default_rng(0)
    if not isinstance(g, np.ndarray | np.generic):  # many cotangents at once: any one will do
        g = np.asarray(rng.standard_normal(node.shape)).astype(node.dtype)
    if g.size == 0:
        return found
    size = np.max(np.abs(g), initial=0, where=np.isfinite(g))
    drawn = np.asarray(rng.standard_normal(g.shape))
    # Larger than g / 3 everywhere: abs, and what else depends on signs, is then found at any g.
    h = np.asarray((drawn + np.sign(drawn)) * max(1.0, float(size))).astype(g.dtype)
    locked = tuple(map(read_only, saved))

    def at(cotangent: Any) -> list[Any]:
        return checked_results(operation, node, rules(node, locked, read_only(np.asarray(cotangent))), g)

    whole, parts = at(g - 3 * h), zip(at(g), at(h), strict=True)
    for (name, _, told), a, (b, c) in zip(places(operation, node), whole, parts, strict=True):
        if name not in pending or a is None:
            continue
        a, b, c = (np.asarray(bare(value)).astype(np.float64) for value in (a, b, c))
        terms = np.abs(a) + np.abs(b) + 3 * np.abs(c)
        finite = np.isfinite(terms)
        if not finite.any():
            continue  # nothing can be told yet
        expected = b - 3 * c
        error = np.where(finite, np.abs(np.where(finite, a - expected, 0)), 0)
        scale = terms if operation.elementwise and not operation.broadcasts else np.max(terms[finite])
        excess = error - LINEAR[g.dtype.char] * np.where(finite, scale, np.inf)
        if np.max(excess) > 0:
            i = np.unravel_index(np.argmax(excess), excess.shape)
            where = f" at {told}[{', '.join(map(str, i))}]" if i else ""
            raise DeclarationError(
                f"{operation.name}: the gradient rule for {told!r} is not linear in g.{made_at(node)}\n"
                f"  For the cotangent g and a random h, rule(g - 3*h){where} is {a[i]:.6g}, and "
                f"rule(g) - 3*rule(h) is {expected[i]:.6g}.\n"
                "  A rule is g times the derivative, summed: it can't add a constant to g, clip it, take its "
                "sign or a power of it.\n  To change gradients on their way, use t.register_hook(...)."
            )
        found.add(name)
    return found


# -- small things ------------------------------------------------------------------------------------------------------


def restore_axes(value: Any, axis: Any, shape: tuple[int, ...]) -> Any:
    """As `op.restore`; axes may be given as a list too."""
    return restore(value, tuple(axis) if isinstance(axis, list) else axis, shape)


def list_of_each(node: Node, cotangents: Any) -> Any:
    """As `op.one_each`; what is not a list is told."""
    if not isinstance(cotangents, list | tuple):
        assert node.op is not None
        raise DTypeError(
            f"{node.op.name}: the gradient rule for {node.op.variadic!r} returned {kind(cotangents)}; "
            "expected a list with one array for each."
        )
    return one_each(node, cotangents)


def name_of(function: Function) -> str:
    """The name of a function in a message."""
    return str(getattr(function, "__name__", function))


def made_at(node: Node) -> str:
    """Where the operation was recorded, on a line of its own."""
    where = place(node)
    return f"\n  It was recorded at {where}" if where else ""


def stretches(short: tuple[int, ...], long: tuple[int, ...]) -> bool:
    """Whether an array of shape `short` broadcasts to `long`."""
    tail = long[len(long) - len(short) :]
    return len(short) <= len(long) and all(n in (1, m) for n, m in zip(short, tail, strict=True))


def foreign(value: Any) -> bool:
    """Whether a value is an array that is not NumPy's: symbols, say."""
    return hasattr(value, "__array_function__") and not isinstance(value, np.ndarray)


def read_only(value: Any) -> Any:
    """A view of an array that can't be written to; anything else as it is."""
    if type(value) is not np.ndarray:
        return value
    view = value.view()
    view.flags.writeable = False
    return view
