"""How a call of NumPy's on self-printing arrays is computed and written down: its value, and one form for its tree."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import notation
from .trees import Call, ExpressionError, Number, Tree, call, number

#: The class of self-printing arrays, handed in by `connect`.
Expression: Any = None


def connect(cls: type) -> None:
    """Hand in the Expression class, which the functions here take apart and put together."""
    global Expression
    Expression = cls


#: Functions whose result is no array of the computation.
ASKING = frozenset(
    {np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj, np.array2string,
     np.array_repr, np.array_str, np.may_share_memory, np.shares_memory, np.common_type, np.min_scalar_type}
)  # fmt: skip

#: Functions that take but the shape and dtype of their first argument.
CREATING = frozenset({np.zeros_like, np.ones_like, np.full_like})

#: Functions that write, or that give no numbers yet.
WRITING = frozenset(
    {np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis, np.empty_like}
)  # fmt: skip

#: Numbers that are written as what they are.
KNOWN_NUMBERS: dict[float, Tree] = {
    math.log(2): call(np.log, (Number(2),)),
    math.log(10): call(np.log, (Number(10),)),
    math.sqrt(0.5): call(np.sqrt, (Number(0.5),)),
    math.pi / 180: call(np.divide, (Number(math.pi), Number(180))),
    180 / math.pi: call(np.divide, (Number(180), Number(math.pi))),
    math.sqrt(2 / math.pi): call(np.sqrt, (call(np.divide, (Number(2), Number(math.pi))),)),
    2 / math.sqrt(math.pi): call(np.divide, (Number(2), call(np.sqrt, (Number(math.pi),)))),
    -2 / math.sqrt(math.pi): call(np.divide, (Number(-2), call(np.sqrt, (Number(math.pi),)))),
    1 / math.sqrt(2 * math.pi): call(np.divide, (Number(1), call(np.sqrt, (Number(2 * math.pi),)))),
}

#: Functions that a number, repeated, passes through as itself.
SPREADING = frozenset({operator.getitem, np.where, np.reshape, np.broadcast_to, np.expand_dims, np.transpose,
                       np.matrix_transpose, np.swapaxes})  # fmt: skip

#: Ways of asking whether two things are equal, and of combining such questions.
EQUALITIES = frozenset({np.equal, np.logical_and, np.logical_or, np.bitwise_and, np.bitwise_or})


# -- a call ------------------------------------------------------------------------------------------------------------


def evaluated(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """The value of a function, and the call written down."""
    if function in WRITING or getattr(function, "__name__", "") == "at" or kwargs.get("out") is not None:
        raise ExpressionError(f"{notation.full_name(function)}: it would write into an array, or not write it all.")
    result = function(*bare(args), **bare(dict(kwargs)))
    if function in ASKING:
        return result
    if function in CREATING:
        return Expression(result)
    chosen = unchanged(function, args, result)
    if chosen is not None:
        return Expression(result, as_tree(chosen))
    if not kwargs:
        function, args = in_one_form(function, args, result)
    elementwise = isinstance(function, np.ufunc) and function.signature is None
    if not elementwise and function not in SPREADING:
        args = tuple([whole(a) for a in args])
    operand = as_tree if isinstance(function, np.ufunc) or function is np.where else as_argument
    options = {key: as_argument(value) for key, value in kwargs.items() if key != "out"}
    return wrapped(result, call(function, tuple([operand(a) for a in args]), options))


def wrapped(result: Any, tree: Tree) -> Any:
    """The arrays in a result as expressions."""
    if isinstance(result, list | tuple):
        items = [wrapped(item, call(operator.getitem, (tree, i))) for i, item in enumerate(result)]
        if hasattr(result, "_make"):
            return result._make(items)
        return items if isinstance(result, list) else tuple(items)
    return Expression(result, tree)


def whole(value: Any) -> Any:
    """An array of equal numbers that is written as one of them, written as the array that it is."""
    if isinstance(value, Expression) and value.ndim and number(value.tree) is not None:
        return Expression(value.value)
    return value


def unchanged(function: Any, args: tuple[Any, ...], result: Any) -> Any:
    """The argument that a call returns, seen from its shapes or its conditions; else None.

    Of ``where(x == y, a, b)`` that is `b` if the case of equality does not occur among these numbers.
    """
    first = args[0] if args else None
    if function is np.where and len(args) == 3:
        never = isinstance(first, Expression) and not first.value.any() and of_equalities(first.tree)
        return args[2] if never and np.shape(args[2]) == result.shape else None
    if function is np.reshape and isinstance(first, Expression) and first.ndim == 0 and {*result.shape} <= {1}:
        return first  # a single number goes with any shape
    if not isinstance(first, Expression) or np.shape(result) != first.shape:
        return None
    if function is np.transpose and len(args) == 2 and args[1] is not None:
        return first if [*args[1]] == [*range(first.ndim)] else None
    return first if function in (np.reshape, np.broadcast_to, np.ravel) else None


def of_equalities(tree: Any) -> bool:
    """Whether a condition asks for nothing but equalities."""
    if not isinstance(tree, Call) or tree.function not in EQUALITIES:
        return False
    return tree.function is np.equal or all(of_equalities(part) for part in tree.args)


def in_one_form(function: Any, args: tuple[Any, ...], result: Any) -> tuple[Any, tuple[Any, ...]]:
    """The same call in the form that is read best: ``x[:, None]`` for a reshape, ``x.mT`` for swapped axes."""
    first: Any = args[0] if args else None
    if function in (np.reshape, np.expand_dims) and isinstance(first, Expression):
        key = added_axes(first.shape, result.shape)
        return (operator.getitem, (first, key)) if key else (np.reshape, (first, result.shape))
    if function is np.swapaxes and swaps_last(first, args[1:]):
        return (np.transpose if first.ndim == 2 else np.matrix_transpose), (first,)
    if function is np.matrix_transpose and np.ndim(bare(first)) == 2:
        return np.transpose, args
    return function, args


def swaps_last(x: Any, axes: tuple[Any, ...]) -> bool:
    """Whether two axes are the last ones of an expression."""
    return isinstance(x, Expression) and sorted(axis % x.ndim for axis in axes) == [x.ndim - 2, x.ndim - 1]


def added_axes(shape: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[Any, ...] | None:
    """The index that gives an array of `shape` further axes of length 1, if that makes it the wanted shape."""
    if not shape or len(wanted) <= len(shape):
        return None
    found: list[Any] = []
    rest = list(shape)
    for left, n in enumerate(wanted):
        if rest and n == rest[0] and not (n == 1 and len(wanted) - left > len(rest)):
            rest.pop(0)
            found.append(slice(None))
        elif n == 1:
            found.append(None)
        else:
            return None
    if rest:
        return None
    while found[-1] == slice(None):
        found.pop()
    return tuple(found)


# -- arguments ---------------------------------------------------------------------------------------------------------


def foreign(value: Any) -> bool:
    """Whether `value` is of another type that answers NumPy's protocols: a Tensor, a pandas object."""
    return hasattr(type(value), "__array_ufunc__") and not isinstance(value, Expression | np.ndarray | np.generic)


def bare(value: Any) -> Any:
    """The array inside an Expression, also in lists, tuples, slices and dicts; anything else as it is."""
    if isinstance(value, Expression):
        return value.value
    if isinstance(value, slice):
        return slice(bare(value.start), bare(value.stop), bare(value.step))
    if isinstance(value, dict):
        return {key: bare(item) for key, item in value.items()}
    return [*map(bare, value)] if type(value) is list else tuple(map(bare, value)) if type(value) is tuple else value


def constant(value: Any) -> Tree:
    """A number or an array that the rule itself wrote down."""
    if isinstance(value, np.ndarray) and value.ndim:
        return Number(value)
    found = value.item() if isinstance(value, np.ndarray | np.generic) else value
    return KNOWN_NUMBERS.get(found, Number(found))


def as_tree(value: Any) -> Any:
    """An operand of a ufunc."""
    if isinstance(value, bool | int | float | np.ndarray | np.generic):
        return constant(value)
    return as_argument(value)


def as_argument(value: Any) -> Any:
    """An argument of a function: trees for arrays, Python's values for others."""
    if isinstance(value, Expression):
        return value.tree
    if isinstance(value, np.ndarray):
        return constant(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, slice):
        return slice(as_argument(value.start), as_argument(value.stop), as_argument(value.step))
    if type(value) in (list, tuple):
        return type(value)(map(as_argument, value))
    return value
