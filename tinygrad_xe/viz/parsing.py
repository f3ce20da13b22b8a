"""Expressions in plain text, as they were recorded, read back as trees."""

from __future__ import annotations

import ast
import operator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ..op import REGISTRY
from ..program import notation
from ..program.trees import Call, Name, Number, Tree, call

BINARY: dict[type[ast.operator], Any] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide, ast.MatMult: np.matmul,
    ast.Pow: np.power, ast.FloorDiv: np.floor_divide, ast.Mod: np.remainder, ast.BitAnd: np.logical_and,
    ast.BitOr: np.logical_or,
}  # fmt: skip

COMPARED: dict[type[ast.cmpop], Any] = {
    ast.Eq: np.equal, ast.NotEq: np.not_equal, ast.Lt: np.less, ast.LtE: np.less_equal, ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}  # fmt: skip


def parsed(text: str) -> Tree | None:
    """The tree of an expression in plain text; None where it is not one.

    Examples
    --------
    >>> parsed("a b") is None
    True
    """
    if len(text) > 400:
        return None
    try:
        tree = tree_of(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, TypeError, KeyError, RecursionError, MemoryError):
        return None
    return tree if isinstance(tree, Tree) else None


def tree_of(node: ast.AST) -> Any:
    """The tree of a syntax tree; raises where it has no counterpart."""
    match node:
        case ast.Name(id=name):
            return Name(name)
        case ast.Constant(value=bool() | int() | float() as value):
            return Number(value)
        case ast.Constant(value=value) if value is None or value is ... or isinstance(value, str):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return call(np.negative, (tree_of(operand),))
        case ast.BinOp(left=left, op=op, right=right):
            return Call(BINARY[type(op)], (tree_of(left), tree_of(right)))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return Call(COMPARED[type(op)], (tree_of(left), tree_of(right)))
        case ast.Attribute(value=value, attr="T" | "mT"):
            return Call(np.transpose, (tree_of(value),))
        case ast.Attribute():
            return Name(ast.unparse(node))
        case ast.Subscript(value=value, slice=key):
            return Call(operator.getitem, (tree_of(value), tree_of(key)))
        case ast.Slice(lower=lower, upper=upper, step=step):
            return slice(*(None if part is None else tree_of(part) for part in (lower, upper, step)))
        case ast.Tuple(elts=items):
            return tuple(map(tree_of, items))
        case ast.List(elts=items):
            return list(map(tree_of, items))
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(value=ast.Name(id="np" | "xe"), attr=name)):
            options = {str(keyword.arg): tree_of(keyword.value) for keyword in node.keywords}
            return Call(named(name), tuple(map(tree_of, node.args)), options)
        case ast.Call(func=ast.Attribute(value=value, attr=name)):
            options = {str(keyword.arg): tree_of(keyword.value) for keyword in node.keywords}
            return Call(named(name), (tree_of(value), *map(tree_of, node.args)), options)
    raise ValueError(f"{type(node).__name__} is not written as a formula.")


@dataclass(frozen=True)
class Named:
    """A function of which but the name is known."""

    __name__: str


@cache
def named(name: str) -> Any:
    """The function called `name`, of this library's operations or of NumPy's, or something that has but this name."""
    known = {notation.base_name(f): f for f in REGISTRY} | {text: f for f, text in notation.SHORT.items()}
    return known.get(name) or getattr(np, name, None) or Named(name)
