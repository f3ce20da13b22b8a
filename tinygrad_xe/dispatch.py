"""The way into the graph: NumPy's protocols and the operators call an op, which computes and records one node."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from . import op as declarations
from .errors import BoundsError, DTypeError, GradientLostError, GraphError, ShapeError, XeError
from .graph import Node, clock, fingerprint, inside, mode, unusual, user_frame
from .op import COMPARISONS, COMPOSED, CONSTANT, REGISTRY, Deferred, Op, bound, define, refuse_out

#: The Tensor class, handed in by `connect`.
Tensor: Any = None

#: Types of operands that go to NumPy as they are. Python's numbers stay weak (NEP 50).
NUMBERS = frozenset({float, int, bool} | {np.dtype(c).type for c in "?bhilqBHILQefd"})

#: Types of options that a node can keep as they are.
SETTLED = frozenset({int, float, bool, str, slice, type(None), type(...)})

#: Kinds of dtype that can be differentiated, compared, or multiplied with.
KINDS = "fiub"

#: ``method`` of a ufunc to the function that NumPy has for it.
REDUCTIONS: dict[tuple[Any, str], Callable[..., Any]] = {
    (np.add, "reduce"): np.sum,
    (np.multiply, "reduce"): np.prod,
    (np.maximum, "reduce"): np.max,
    (np.minimum, "reduce"): np.min,
    (np.add, "accumulate"): np.cumsum,
    (np.multiply, "accumulate"): np.cumprod,
    (np.logical_and, "reduce"): np.all,
    (np.logical_or, "reduce"): np.any,
}

#: Functions that write into their first argument.
WRITERS = frozenset({np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis})

#: Comparisons that ask whether a number is, or is not, one certain number.
EQUALITIES = frozenset({np.equal, np.not_equal, np.logical_not, np.logical_and, np.logical_or, np.logical_xor})


# -- operands and options --------------------------------------------------------------------------------------------


def plain(owner: str, name: str, value: Any) -> Any:
    """Turn an operand that is not a Tensor into an array, or leave it a number: lists, pandas objects.

    An array of another kind that answers both of NumPy's protocols stays what it is, so that rules run on it.

    Raises
    ------
    DTypeError
        For complex, text and object values, masked arrays and sparse matrices.
    """
    if type(value) in NUMBERS or (type(value) is np.ndarray and value.dtype.kind in KINDS):
        return value
    if value is None:
        raise DTypeError(f"{owner}: {name} is None; expected a number, an array or a tensor.")
    kind = type(value).__name__
    if isinstance(value, np.ma.MaskedArray | np.matrix):
        raise DTypeError(
            f"{owner}: {name} is a {kind}, whose meaning would be lost.\n"
            "  Write np.asarray(...) of it, or np.where(mask, ..., ...) for masked values."
        )
    if answers_numpy(value):
        check_kind(owner, name, value)
        return value
    if hasattr(value, "toarray"):
        raise DTypeError(f"{owner}: {name} is a sparse {kind}; expected an array. Write {name}.toarray().")
    if isinstance(value, list | tuple) and any(isinstance(item, Tensor) for item in value):
        advice = "Write np.stack([...]) of them" + (", or t[0] for the first." if isinstance(value, tuple) else ".")
        raise DTypeError(f"{owner}: {name} is a {kind} with tensors in it. {advice}")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ShapeError(f"{owner}: {name} is a {kind} that does not make an array: {error}") from None
    if hasattr(value, "columns") and array.dtype.kind not in KINDS:
        raise DTypeError(f"{owner}: {name} is a {kind} whose columns differ in kind; select the numeric ones.")
    check_kind(owner, name, array)
    return array


def operand(owner: str, name: str, value: Any) -> Any:
    """The same for an input of an op; an array that takes operations whole is handed to `Op.__call__`."""
    if hasattr(type(value), "__xe_function__"):
        raise Deferred(owner, value)
    return plain(owner, name, value)


def answers_numpy(value: Any) -> bool:
    """Whether `value` is an array of another kind that answers both protocols; pandas objects answer only the first."""
    cls = type(value)
    both = hasattr(cls, "__array_function__") and hasattr(cls, "__array_ufunc__")
    return both and not isinstance(value, np.ndarray)


def check_kind(owner: str, name: str, array: Any) -> None:
    """Refuse dtypes that this library can't differentiate or compare."""
    if array.dtype.kind == "c":
        raise DTypeError(f"{owner}: {name} is {array.dtype}. Complex numbers are not supported: use .real and .imag.")
    if array.dtype.kind not in KINDS:
        raise DTypeError(f"{owner}: {name} has dtype {array.dtype}; expected floats, integers or booleans.")


def unpack(owner: str, sequence: Iterable[Any]) -> tuple[list[Any], tuple[Any, ...]]:
    """The arrays and the nodes of a variadic input."""
    arrays, nodes = [], []
    for item in sequence:
        if type(item) is Tensor:
            nodes.append(item.node)
            arrays.append(item._data)
        else:
            nodes.append(None)
            arrays.append(operand(owner, "an item", item))
    return arrays, tuple(nodes)


def option(owner: str, name: str, value: Any) -> Any:
    """An option as a node may keep it: arrays copied, so that a later change does not matter, and no Tensors."""
    if type(value) in SETTLED or isinstance(value, type):
        return value
    if type(value) is Tensor:
        if wants_gradient(value):
            raise GradientLostError(
                f"{owner}: {name} is a tensor that wants a gradient, and {owner} has no gradient rule for {name}.\n"
                f"  Write {name}=t.detach() if its gradient is not wanted."
            )
        value = value._data
    if isinstance(value, tuple | list):
        items = [option(owner, name, item) for item in value]
        if isinstance(value, tuple):
            return tuple(items)
        return np.array(items, None if items else np.intp) if name == "key" else items
    if answers_numpy(value):
        return value
    if hasattr(value, "__array__"):
        array = np.array(value)
        return array.item() if array.ndim == 0 and array.dtype.kind in "iu" else array
    return value


def wants_gradient(value: Any) -> bool:
    """Whether a gradient would be lost with `value`, a Tensor or a list with Tensors in it."""
    if isinstance(value, list | tuple):
        return any(wants_gradient(item) for item in value)
    return type(value) is Tensor and value.node is not None and mode.watch is not False


def bare(value: Any) -> Any:
    """The array inside a Tensor, also in lists, tuples and dicts; anything else as it is."""
    if type(value) is Tensor:
        return value._data
    if isinstance(value, list | tuple):
        items = [bare(item) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    if isinstance(value, dict):
        return {key: bare(item) for key, item in value.items()}
    return value


# -- one op ------------------------------------------------------------------------------------------------------------


def call_source(operation: Op) -> str:
    """Source of the function that runs an op: take Tensors apart, compute, and build the node.

    Generated for each op, so that Python binds the arguments by the declared signature and no loop over inputs
    remains: 0.9 us of overhead for a binary op, where a generic function took 1.6. Its own names begin with an
    underscore, which no parameter's does.
    """
    name_of, tracked = operation.name, operation.tracked
    given = "".join(f"{name!r}: {name}, " for name in (*operation.inputs, *operation.options) if name != "out")
    lines = [
        f"def {function_name(operation)}({operation.signature}):",
    ]
    if not operation.recorded:
        lines += ["    if _unusual and _mode.tape is not None:", f"        return _mode.tape.run(_op, {{{given}}})"]
    ours = not numpys(operation.function)  # NumPy calls only with a Tensor among the arguments
    if ours:
        lines.append("    _tensors = False")
    for name in operation.inputs:
        if name == operation.variadic:
            lines += [f"    _given = {name}", f"    {name}, _nodes = _unpack({name_of!r}, {name})"]
            continue
        optional = f"{name} is not None and " if re.search(rf"\b{name}=None", operation.signature) else ""
        lines += [
            *([f"    _given = {name}"] if operation.permutes else []),
            f"    if type({name}) is _Tensor:",
            f"        _{name}_node = {f'{name}.node' if name in tracked else f'_condition({name})'}",
            f"        {name} = {name}._data",
            *(["        _tensors = True"] if ours else []),
            "    else:",
            f"        _{name}_node = None",
            f"        if {optional}type({name}) not in _NUMBERS and (",
            f"            type({name}) is not _ndarray or {name}.dtype.kind not in {KINDS!r}",
            "        ):",
            f"            {name} = _plain({name_of!r}, {name!r}, {name})",
        ]
    if "out" in operation.options:
        lines.append(f"    _refuse_out({name_of!r}, out)")
    options = [name for name in operation.options if name != "out"]
    for name in options:
        if name not in ("dtype", "keepdims"):
            lines.append(f"    if type({name}) not in _SETTLED:")
            lines.append(f"        {name} = _option({name_of!r}, {name!r}, {name})")
    inputs = f"({''.join(f'{n}, ' for n in operation.inputs)})"
    nodes = "_nodes" if operation.variadic else f"({''.join(f'_{n}_node, ' for n in operation.inputs)})"
    untracked = "not any(_nodes)" if operation.variadic else " and ".join(f"_{name}_node is None" for name in tracked)
    residuals = operation.outputs[1:]
    given = ", _given" if operation.permutes else ""
    lines += [
        "    try:",
        f"        _result = _kernel({', '.join([*operation.inputs, *(f'{name}={name}' for name in options)])})",
        "    except (ValueError, TypeError, IndexError) as _error:",
        f"        raise _explained(_op, _error, {inputs}) from _error",
        "    _watch = _mode.watch if _unusual else None",
        f"    if _watch is False or {untracked}:",
        *(["        if not _tensors:", f"            return _result{'[0]' if residuals else ''}"] if ours else []),
        f"        return _unrecorded(_op, _result, {inputs}, _watch{given})",
        *([f"    _result, {', '.join(residuals)} = _result"] if residuals else []),
        "    _node = _Node()",  # 20 ns less than Node.__new__(Node)
        "    _node.op = _op",
        f"    _node.parents = {nodes}",
        *save_source(operation),
        *([f"    _node.options = ({''.join(f'{name}, ' for name in operation.options)})"] if operation.options else []),
        "    _node.shape = _result.shape",
        "    _node.dtype = _result.dtype",
        "    _node.order = _next(_clock)",
        "    _frame = _getframe(1)",
        "    _code = _frame.f_code",
        "    if _inside[_code.co_filename]:",
        "        _frame = _frame.f_back",  # a ufunc's protocol method; walking on is a call of its own
        "        _code = _frame.f_code",
        "        if _inside[_code.co_filename]:",
        "            _frame = _user_frame(_frame)",
        "            _code = _frame.f_code",
        "    _node.code = _code",
        "    _node.lasti = _frame.f_lasti",
        "    _tensor = _new_tensor(_Tensor)",
        "    _tensor._data = _result",
        "    _tensor.node = _node",
        "    if _watch:",
        "        for _observer in _watch:",
        f"            _observer.forward(_op, _node, {inputs}, _result)",
        "    return _tensor",
    ]
    return "\n".join(lines)


def save_source(operation: Op) -> list[str]:
    """Lines that keep what the rules of the tracked inputs name, and fingerprint plain arrays among it."""
    if not operation.saves:
        return ["    _node.saved = ()", "    _node.marks = None"]
    values, marks = [], []
    for i, word in enumerate(operation.saves):
        value = "_result" if word == "out" else word
        if word.endswith("_shape"):
            base = word.removesuffix("_shape")
            value = f"[_shape(_a) for _a in {base}]" if base == operation.variadic else f"_shape({base})"
        users = operation.users(word)
        condition = "" if users == operation.tracked else " or ".join(f"_{u}_node is not None" for u in users)
        values.append(f"{value} if {condition} else None, " if condition else f"{value}, ")
        if word in operation.inputs and word != operation.variadic and operation.tracked != (word,):
            needed = f"({condition}) and " if condition else ""
            # A condition may be a leaf itself, which no sweep passes and so no look at assignments finds.
            fixed = f"_{word}_node is None and " if word in operation.tracked else ""
            marks += [
                f"    if {needed}{fixed}type({word}) is _ndarray:",
                f"        _node.marks = (*(_node.marks or ()), ({i}, _fingerprint({word})))",
            ]
    return [f"    _node.saved = ({''.join(values)})", "    _node.marks = None", *marks]


def function_name(operation: Op) -> str:
    """The name of the generated function, which tracebacks show."""
    name = operation.name
    return name if name.isidentifier() and not keyword.iskeyword(name) else "operation"


def numpys(function: Callable[..., Any]) -> bool:
    """Whether a function is one of NumPy's, or Python's indexing, which reach an op only by way of a Tensor."""
    return isinstance(function, np.ufunc) or (function.__module__ or "").partition(".")[0] in ("numpy", "_operator")


def build_call(operation: Op, option: Callable[..., Any] = option) -> Callable[..., Any]:
    """The function that runs an op on Tensors; `option` is what makes an option one that a node can keep."""
    if not operation.tracked:
        return build_comparison(operation)
    own = dict(
        Node=Node, NUMBERS=NUMBERS, SETTLED=SETTLED, Tensor=Tensor, clock=clock, condition=condition,
        explained=explained, fingerprint=fingerprint, getframe=sys._getframe, inside=inside,
        kernel=operation.kernel, mode=mode, ndarray=np.ndarray, new_tensor=Tensor.__new__,
        next=next, op=operation, option=option, plain=operand, refuse_out=refuse_out, shape=np.shape, unpack=unpack,
        unusual=unusual, unrecorded=unrecorded, user_frame=user_frame,
    )  # fmt: skip
    scope: dict[str, Any] = {"np": np} | {f"_{name}": value for name, value in own.items()}
    return define(function_name(operation), f"<op {operation.name}>", call_source(operation), scope)


def wrap(out: Any) -> Any:
    """A Tensor without a graph."""
    result = Tensor.__new__(Tensor)
    result._data, result.node = out, None
    return result


def unrecorded(operation: Op, out: Any, inputs: tuple[Any, ...], watch: Any, given: Any = None) -> Any:
    """The result of an op where no gradient is wanted."""
    if operation.residuals:
        out = out[0]
    for observer in watch or ():
        observer.forward(operation, None, inputs, out)
    result = wrap(out)
    if given is not None:  # rows of a mask still know the comparison
        items = given if isinstance(given, list | tuple) else [given]
        result.origin = origin([item.origin for item in items if type(item) is Tensor])
    return result


# -- comparisons -------------------------------------------------------------------------------------------------------


def comparison_node(operation: Op, out: Any, limits: bool) -> Node:
    """The node of a comparison. No sweep passes through it, so it keeps nothing but whether a limit may be meant."""
    node = Node()
    node.op, node.parents, node.saved, node.marks = operation, (), limits, None
    node.shape, node.dtype, node.order = out.shape, out.dtype, next(clock)
    frame = user_frame(sys._getframe(1))
    node.code, node.lasti = frame.f_code, frame.f_lasti
    return node


def build_comparison(operation: Op) -> Callable[..., Any]:
    """The function that runs a comparison or a logical function, which gives a boolean Tensor."""
    equality = operation.function in EQUALITIES

    def compare(*args: Any) -> Any:
        raw, origins, limits = [], [], False
        if unusual and mode.tape is not None:
            args = tuple([mode.tape.lifted(a) for a in args])
        for name, a in zip(operation.inputs, args, strict=True):
            if type(a) is Tensor:
                raw.append(a._data)
                if a.node is None:
                    origins.append(a.origin)
                else:
                    origins.append(a.node)
                    limits = limits or equality
            else:
                raw.append(plain(operation.name, name, a))
        try:
            out = operation.function(*raw)
        except (ValueError, TypeError) as error:
            raise explained(operation, error, tuple(raw)) from error
        if unusual:
            for observer in mode.watch or ():
                observer.comparison(operation, tuple(raw), out)
        result = wrap(out)
        if any(origins):
            result.origin = comparison_node(operation, out, limits or any(limits_meant(o) for o in origins))
        return result

    return compare


def limits_meant(node: Node | None) -> bool:
    """Whether a condition came from ``==`` or ``!=`` of a tracked tensor, where a limit is usually meant."""
    return node is not None and node.op is not None and not node.op.tracked and bool(node.saved)


def origin(found: list[Node | None]) -> Node | None:
    """Of the comparisons that several masks came from, the one that matters most."""
    nodes = [node for node in found if node is not None]
    return next((node for node in nodes if limits_meant(node)), nodes[0] if nodes else None)


def condition(value: Any) -> Node | None:
    """The comparison that a condition came from. A number that is tracked counts as compared with 0 by ``!=``."""
    if value.node is None:
        return value.origin  # type: ignore[no-any-return]
    return comparison_node(COMPARISONS[np.not_equal], value, True)


# -- NumPy's protocols -------------------------------------------------------------------------------------------------


def connect(cls: type) -> None:
    """Hand in the Tensor class, which the functions made here take apart and put together; give it the protocols."""
    global Tensor
    Tensor = cls
    Tensor.__array_ufunc__, Tensor.__array_function__ = array_ufunc, array_function


def array_ufunc(self: Any, function: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
    """NumPy's protocol for ufuncs (NEP 13)."""
    if method != "__call__":
        return ufunc_method(function, method, args, kwargs)
    if kwargs:
        check_keywords(function, kwargs)
    known = REGISTRY.get(function)
    return route(function, args, {}) if known is None else known.call(*args)


def array_function(self: Any, function: Callable[..., Any], types: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """NumPy's protocol for its other functions (NEP 18)."""
    return route(function, args, kwargs)


def route(function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """Run NumPy's `function` on arguments of which one at least is a Tensor."""
    if "out" in kwargs:
        refuse_out(full_name(function), kwargs["out"])
        kwargs = {key: value for key, value in kwargs.items() if key != "out"}
    if function is np.where and len(args) == 1 and not kwargs:
        return np.nonzero(bare(args[0]))  # the places, which carry no gradient
    if unusual and mode.tape is not None:
        args, kwargs = mode.tape.lifted(args, arrays=False), mode.tape.lifted(kwargs, arrays=False)
    known = REGISTRY.get(function) or COMPARISONS.get(function)
    if known is not None:
        return known(*args, **kwargs)
    name = full_name(function)
    written = COMPOSED.get(function)
    if written is not None:
        return bound(name, written, args, kwargs)
    if function in WRITERS and Tensor in map(type, (*args[:1], *(kwargs.get(key) for key in ("a", "dst", "arr")))):
        raise GraphError(f"{name}: it would write into a tensor. Write np.where(mask, v, t), or t.assign(v) of a leaf.")
    if function not in CONSTANT and any(wants_gradient(value) for value in (*args, *kwargs.values())):
        raise GraphError(
            f"{name}: there is no gradient rule for it, and an argument requires grad.\n"
            "  Write t.detach() to pass its value without a gradient, or declare a rule of your own: see xe.op."
        )
    return function(*bare(list(args)), **bare(kwargs))


def ufunc_method(function: np.ufunc, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run ``np.add.reduce`` and its kin."""
    name = f"np.{function.__name__}.{method}"
    refuse_out(name, kwargs.pop("out", None))
    if method == "outer":
        a, b = args
        return function(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b, **kwargs)
    reduction = REDUCTIONS.get((function, method))
    if reduction is not None:
        return route(reduction, args, {"axis": 0, **kwargs})
    if method == "at" and type(args[0]) is Tensor:
        raise GraphError(f"{name}: it would write into a tensor. Write t + xe.scatter_add(v, i, t.shape).")
    if any(wants_gradient(value) for value in args):
        raise GraphError(
            f"{name}: there is no gradient rule for it, and an argument requires grad.\n"
            f"  Write it with np.{function.__name__} itself, or t.detach() to pass its value without a gradient."
        )
    return getattr(function, method)(*bare(args), **bare(kwargs))


def check_keywords(function: np.ufunc, kwargs: dict[str, Any]) -> None:
    """Refuse a ufunc's ``where=`` and its kin, which no rule knows."""
    name = full_name(function)
    refuse_out(name, kwargs.get("out"))
    for key, value in kwargs.items():
        if value is not None and not (key == "where" and value is True):
            advice = {"where": "Write np.where(condition, a, b).", "dtype": "Write .astype(...) of the result."}
            raise DTypeError(f"{name}: {key}= is not supported on a tensor. {advice.get(key, 'Leave it out.')}")


def full_name(function: Callable[..., Any]) -> str:
    """The name of one of NumPy's functions as a user writes it."""
    if isinstance(function, np.ufunc):
        known = getattr(np, function.__name__, None) is function
        return f"np.{function.__name__}" if known else function.__name__
    return f"{function.__module__}.{function.__name__}".replace("numpy", "np", 1)


def explained(operation: Op, error: Exception, inputs: tuple[Any, ...]) -> Exception:
    """Add to NumPy's own message which operation met which shapes, and what it expects."""
    if isinstance(error, XeError):
        return error
    shapes = ", ".join(
        f"{name} {np.shape(value)}" for name, value in zip(operation.inputs, inputs) if name != operation.variadic
    )
    kind = BoundsError if isinstance(error, IndexError) else ShapeError if isinstance(error, ValueError) else DTypeError
    expected = ""
    if kind is ShapeError and operation.function is np.matmul:
        expected = " The last axis of a must be as long as the last but one of b, or as its only one."
    elif kind is ShapeError and operation.broadcasts and len(operation.inputs) > 1:
        expected = " Counted from the last axis, lengths must agree or be 1: write x[:, None] to add an axis."
    name = "t[i]" if operation.name == "getitem" else operation.name
    said = str(error).removeprefix(f"{name}: ").rstrip()
    return kind(f"{name}: {said}" + (f"\n  Shapes: {shapes}.{expected}" if shapes else ""))


declarations.build_call = build_call
