"""A gradient rule read as mathematics: what an operation sends back to an input, in the names of the user's values."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, SimpleNamespace
from typing import Any

import numpy as np

from ..backward import fit
from ..op import Op, Rule, define, restore
from .expressions import Expression
from .trees import ExpressionError, Name, Number, TooLong, Tree, call
from .writing import bare, constant, evaluated

#: A rule with a longer text is written once more, with the functions that it calls by name: g * product_of_others(a).
LONGEST = 120

#: Names by the words of a declaration: text, or the tree of a value that has no name of its own.
Names = Mapping[str, str | Tree]


def rule_of(
    op: Op, name: str, saved: Mapping[str, Any], options: Mapping[str, Any], names: Names, g: Any,
    shape: tuple[int, ...] | None = None, position: int = 0,
) -> Expression:  # fmt: skip
    """What the gradient rule of an operation sends back to one of its inputs.

    Parameters
    ----------
    op : Op
    name : str
        The input, by its name in the declaration.
    saved : mapping of str to value
        What the rule may ask for, by word (``dict(zip(op.saves, node.saved))``): arrays, numbers, shapes.
    options : mapping of str to value
        ``dict(zip(op.options, node.options))``.
    names : mapping of str to str, Tree or list of them
        What the user calls the words: ``{"a": "w", "out": "u", "g": "du"}``; a list for a variadic input. A word
        without a name keeps its own; a number of Python's without a name is written as a number.
    g : array_like
        The cotangent of the output, of its shape.
    shape : tuple of int, optional
        Of the input; found in `saved` where it is there.
    position : int
        For a variadic input, which of its arrays.

    Returns
    -------
    Expression
        With the value that the engine would send, of the input's shape. Sums over broadcast axes are part of the
        expression; where a reduction's cotangent is repeated along the reduced axes, the source says
        ``np.broadcast_to``, and the text leaves that to broadcasting.

    Raises
    ------
    ExpressionError
        When the rule does what can't be written down.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_xe.op import REGISTRY
    >>> from tinygrad_xe.program.readings import rule_of
    >>> y = np.array([1.0, 2.0])
    >>> rule_of(REGISTRY[np.multiply], "a", {"b": y}, {}, {"b": "y"}, np.ones(2), (2,)).text()
    'g * y'
    """
    cotangent = Expression(g, tree_of("g", names))
    found = back(op, name, saved, options, names, cotangent, shape, position)
    parent = SimpleNamespace(shape=shape_of(op, name, saved, shape, position), dtype=found.dtype)
    with reading(op, name):
        fitted: Expression = fit(found, parent, op)  # type: ignore[arg-type]
    return fitted


def local_derivative(
    op: Op, name: str, saved: Mapping[str, Any], options: Mapping[str, Any], names: Names, g: Any,
    shape: tuple[int, ...] | None = None,
) -> Expression | None:  # fmt: skip
    """The derivative of each element of an elementwise operation, or of a reduction, in its input: the rule with g = 1.

    Parameters
    ----------
    op, name, saved, options, names, shape
        As for `rule_of`.
    g : array_like
        Any cotangent; its shape and dtype are used.

    Returns
    -------
    Expression or None
        None for operations that are neither elementwise nor reductions.

    Raises
    ------
    ExpressionError
        When the rule does what can't be written down.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_xe.op import REGISTRY
    >>> from tinygrad_xe.program.readings import local_derivative
    >>> local_derivative(REGISTRY[np.tanh], "x", {"out": np.tanh(1.0)}, {}, {"out": "h"}, 1.0, ()).text()
    '1 - h**2'
    """
    if not (op.elementwise or op.reduces):
        return None
    one = Expression(np.ones_like(np.asarray(g)), Number(1))
    return back(op, name, saved, options, names, one, shape, 0)


# -- one rule ----------------------------------------------------------------------------------------------------------


def back(
    op: Op, name: str, saved: Mapping[str, Any], options: Mapping[str, Any], names: Names, g: Expression,
    shape: tuple[int, ...] | None, position: int,
) -> Expression:  # fmt: skip
    """What the rule returns, before the engine fits it to the input."""
    if name not in op.tracked:
        raise ExpressionError(f"{op.name}: no gradient flows into {name!r}, so there is no rule to be read.")
    with reading(op, name):
        values = tuple([argument(op, word, saved.get(word), saved, options, names) for word in op.saves])
        wanted = SimpleNamespace(shape=shape_of(op, name, saved, shape, position))
        parents = tuple([wanted if other == name else None for other in op.inputs])
        node = SimpleNamespace(op=op, parents=parents, options=tuple([options.get(key) for key in op.options]))
        place = position if op.variadic else op.inputs.index(name)
        try:
            found = one_of(vjp_of(op, False)(node, values, g), place)
            if len(found.text()) <= LONGEST:
                return found
        except TooLong:
            pass
        return one_of(vjp_of(op, True)(node, values, g), place)


def one_of(results: Any, place: int) -> Expression:
    """One of the cotangents that the rules returned; a rule may return a number."""
    found = results[place]
    return found if isinstance(found, Expression) else Expression(found)


@contextlib.contextmanager
def reading(op: Op, name: str) -> Iterator[None]:
    """Make an ExpressionError of whatever goes wrong, and do not repeat NumPy's warnings, which the engine gave."""
    try:
        with np.errstate(all="ignore"):
            yield
    except Exception as error:
        why = str(error) if isinstance(error, ExpressionError) else f"{type(error).__name__}: {error}"
        raise ExpressionError(f"{op.name}: the rule for {name!r} can't be read as an expression. {why}") from error


@functools.lru_cache(maxsize=512)
def vjp_of(op: Op, by_name: bool) -> Callable[..., Any]:
    """The engine's own function around the rules of an op, without the checks of a user's declaration."""
    rules = {f"_rule_{name}": op.rules[name] for name in op.tracked}
    if by_name:
        rules = {key: calling_by_name(rule) for key, rule in rules.items() if rule is not None}
    scope: dict[str, Any] = {"_restore": restore, "_one_each": lambda node, cotangents: cotangents} | rules
    return define("vjp", f"<reading of {op.name}>", op.vjp_source(), scope)


def calling_by_name(rule: Rule) -> Rule:
    """A rule in which the functions of its own module are written down by their names, and not taken apart."""
    own = {key: rule.__globals__.get(key) for key in rule.__code__.co_names}
    named = {key: by_name(value) for key, value in own.items() if isinstance(value, FunctionType)}
    made = FunctionType(
        rule.__code__, {**rule.__globals__, **named}, rule.__name__, rule.__defaults__, rule.__closure__
    )
    made.__kwdefaults__ = rule.__kwdefaults__
    return made


def by_name(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is written down as one call, where it makes one array of expressions."""

    def named(*args: Any, **kwargs: Any) -> Any:
        if not any(isinstance(value, Expression) for value in (*args, *kwargs.values())):
            return function(*args, **kwargs)
        result = function(*bare(args), **bare(kwargs))
        if not isinstance(result, np.ndarray | np.generic):
            return function(*args, **kwargs)
        return evaluated(function, args, kwargs)

    return named


def shape_of(
    op: Op, name: str, saved: Mapping[str, Any], shape: tuple[int, ...] | None, position: int
) -> tuple[int, ...]:
    """The shape of the input."""
    if shape is not None:
        return shape
    if f"{name}_shape" in saved:
        found = saved[f"{name}_shape"]
        return tuple(found[position] if op.variadic else found)
    if saved.get(name) is not None and not op.variadic:
        return np.shape(saved[name])
    raise ExpressionError(f"{op.name}: the shape of {name!r} is not among what was saved; give shape=.")


def tree_of(word: str, names: Names) -> Tree:
    """What a word is called."""
    found = names.get(word, word)
    return Name(found) if isinstance(found, str) else found


def argument(
    op: Op, word: str, value: Any, saved: Mapping[str, Any], options: Mapping[str, Any], names: Names
) -> Any:
    """What a rule gets for a word: an expression, a number that nobody named, or a shape."""
    if value is None or (word not in op.inputs and word.removesuffix("_shape") in op.inputs):
        return value
    if word == op.variadic:
        called = names.get(word, word)
        each = called if isinstance(called, list | tuple) else [f"{called}[{i}]" for i in range(len(value))]
        return [Expression(item, tree_of("", {"": own})) for item, own in zip(value, each, strict=True)]
    if type(value) in (bool, int, float) and word not in names:
        return value
    if word in op.residuals and word not in names:
        return Expression(value, residual_tree(op, word, value, saved, options, names))
    return Expression(value, tree_of(word, names))


def residual_tree(
    op: Op, word: str, value: Any, saved: Mapping[str, Any], options: Mapping[str, Any], names: Names
) -> Tree:
    """What forward computed beside its result: the operation that would give it, applied to the inputs."""
    source = op.residuals[word]
    if source is None:
        return Name(word)
    made, *inputs = source
    trees = [
        constant(saved[key]) if type(saved.get(key)) in (bool, int, float) and key not in names else tree_of(key, names)
        for key in inputs
    ]
    chosen = {key: options[key] for key in made.options}
    known = all(saved.get(key) is not None for key in inputs)
    if made.formula is None or not (made.elementwise or known):
        return call(made, tuple(trees), chosen)
    # Only the tree is wanted: numbers of the right shape do where an input was not kept.
    values = [np.ones(np.shape(value)) if saved.get(key) is None else np.asarray(saved[key]) for key in inputs]
    written: Expression = made.formula(*map(Expression, values, trees), **chosen)
    return written.tree
