"""How a tree is written: one way of placing parentheses, and alphabets for it: plain text and NumPy's code.

`render` walks a tree and asks a `Style` for the words: a `Form` for each function that is not written
``name(arguments)``. Another alphabet (LaTeX, MathML) is another Style.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..op import Op
from ..ops.elementwise import xlogy
from .trees import Call, Name, Number, Tree

#: How tightly things hold together, loosest first, as in Python.
#: A quotient that is rounded stands below a product, since its sign can't be moved: -(a // b) is not -a // b.
ANY, COMPARISON, OR, XOR, AND, SUM, ROUNDED, PRODUCT, SIGN, POWER, ATOM = range(11)


@dataclass(frozen=True)
class Form:
    """How a call of one function is written.

    Attributes
    ----------
    text : str or callable
        A pattern in which ``{0}``, ``{1}`` stand for the arguments, already written; or a function of these strings.
    level : int
        How tightly the whole holds together.
    needs : tuple of int
        For each argument the level below which it is put into parentheses. A form is used for calls with this number
        of arguments and no options.
    """

    text: str | Callable[..., str]
    level: int
    needs: tuple[int, ...]

    def write(self, parts: list[str]) -> str:
        """The call, given its arguments."""
        return self.text.format(*parts) if isinstance(self.text, str) else self.text(*parts)


@dataclass(frozen=True)
class Style:
    """An alphabet.

    Attributes
    ----------
    forms : mapping of functions to Form
        Functions that are not written ``name(arguments)``.
    hidden : frozenset of functions
        Calls of which only the first argument is written.
    name, number, function : callable
        What is written for the text of a Name, the value of a Number, and a function.
    parentheses : callable
        Puts text into parentheses.
    called : callable
        Writes a call from the written function and the list of written arguments.
    keyword : callable
        Writes an argument given by name, from the name and the written value.
    index : callable
        Writes ``x[key]`` from the two parts.
    plain : callable
        Writes what is not a tree: an axis, a shape, a word. Its strings come from `repr`.
    sequence : callable
        Writes a list or tuple from its written items and the type.
    bare_slices : bool
        Write ``0:2`` for a slice outside an index too, where Python needs ``slice(0, 2, None)``.
    negative : int
        Level of a number below 0.
    """

    forms: Mapping[Any, Form]
    name: Callable[[str], str]
    number: Callable[[Any], str]
    function: Callable[[Any], str]
    hidden: frozenset[Any] = frozenset()
    parentheses: Callable[[str], str] = "({})".format
    called: Callable[[str, list[str]], str] = lambda function, arguments: f"{function}({', '.join(arguments)})"
    keyword: Callable[[str, str], str] = "{}={}".format
    index: Callable[[str, str], str] = "{}[{}]".format
    plain: Callable[[Any], str] = repr
    sequence: Callable[[list[str], type], str] = field(default=lambda items, kind: written_sequence(items, kind))
    bare_slices: bool = False
    negative: int = PRODUCT


def render(tree: Tree, style: Style) -> str:
    """The tree in the words of a style, with as few parentheses as it can do with."""
    return render_at(tree, style, ANY)


def render_at(tree: Any, style: Style, least: int) -> str:
    """The tree, in parentheses where it holds together less tightly than `least`."""
    text, level = written(tree, style)
    return text if level >= least else style.parentheses(text)


def precedence(tree: Tree, style: Style) -> int:
    """How tightly a tree, as written in a style, holds together: one of ANY ... ATOM."""
    return written(tree, style)[1]


def written(tree: Any, style: Style) -> tuple[str, int]:
    """A tree, or another argument of a call, and how tightly it holds together."""
    if isinstance(tree, Name):
        return style.name(tree.text), ATOM
    if isinstance(tree, Number):
        below = tree.scalar and (tree.value < 0 or math.copysign(1, tree.value) < 0)
        return style.number(tree.value), style.negative if below else ATOM
    if not isinstance(tree, Call):
        return argument(tree, style), ATOM
    if tree.function in style.hidden:
        return written(tree.args[0], style)
    if tree.function is operator.getitem:
        return style.index(render_at(tree.args[0], style, ATOM), key(tree.args[1], style)), ATOM
    form = style.forms.get(tree.function)
    if form is not None and len(form.needs) == len(tree.args) and not tree.options:
        parts = [render_at(part, style, least) for part, least in zip(tree.args, form.needs, strict=True)]
        return form.write(parts), form.level
    arguments = [render(part, style) for part in tree.args]
    arguments += [style.keyword(name, render(value, style)) for name, value in tree.options.items()]
    return style.called(style.function(tree.function), arguments), ATOM


def argument(value: Any, style: Style) -> str:
    """An argument of a call that is not an operand."""
    if isinstance(value, list | tuple):
        return style.sequence([render(item, style) for item in value], type(value))
    if isinstance(value, slice) and style.bare_slices:
        return key(value, style)
    if isinstance(value, slice):
        return style.called("slice", [render(part, style) for part in (value.start, value.stop, value.step)])
    return style.plain(value)


def key(value: Any, style: Style) -> str:
    """What stands between the brackets of an index."""
    if isinstance(value, tuple) and value:
        parts = [argument(part, style) if isinstance(part, tuple) else key(part, style) for part in value]
        return ", ".join(parts) + ("," if len(parts) == 1 and isinstance(value[0], tuple) else "")
    if isinstance(value, slice):
        bounds = (value.start, value.stop, value.step)
        first, last, step = ("" if bound is None else render(bound, style) for bound in bounds)
        return f"{first}:{last}" + (f":{step}" if step else "")
    return "..." if value is ... else render(value, style)


def written_sequence(items: list[str], kind: type) -> str:
    """A list or a tuple as Python writes it."""
    inner = ", ".join(items)
    if not issubclass(kind, tuple):
        return f"[{inner}]"
    return f"({inner},)" if len(items) == 1 else f"({inner})"


# -- the words of plain text and of code -------------------------------------------------------------------------------


def binary(sign: str, level: int) -> Form:
    """An operation between two operands, read from the left."""
    return Form(f"{{0}} {sign} {{1}}", level, (level, level + 1))


#: A comparison needs parentheses inside another one.
COMPARED = {
    np.equal: "==", np.not_equal: "!=", np.less: "<", np.less_equal: "<=", np.greater: ">", np.greater_equal: ">=",
}  # fmt: skip

OPERATORS: dict[Any, Form] = {
    np.add: binary("+", SUM),
    np.subtract: binary("-", SUM),
    np.multiply: binary("*", PRODUCT),
    np.divide: binary("/", PRODUCT),
    np.floor_divide: Form("{0} // {1}", ROUNDED, (PRODUCT, SIGN)),
    np.remainder: Form("{0} % {1}", ROUNDED, (PRODUCT, SIGN)),
    np.matmul: binary("@", PRODUCT),
    np.negative: Form("-{0}", PRODUCT, (PRODUCT,)),  # -(a * b) is -a * b
    np.power: Form("{0}**{1}", POWER, (ATOM, POWER)),
    np.bitwise_or: binary("|", OR),
    np.bitwise_xor: binary("^", XOR),
    np.bitwise_and: binary("&", AND),
    np.invert: Form("~{0}", SIGN, (SIGN,)),
    np.transpose: Form("{0}.T", ATOM, (ATOM,)),
    np.matrix_transpose: Form("{0}.mT", ATOM, (ATOM,)),
    **{f: Form(f"{{0}} {sign} {{1}}", COMPARISON, (OR, OR)) for f, sign in COMPARED.items()},
}

#: Functions that mathematics writes otherwise than NumPy.
SHORT: dict[Any, str] = {np.absolute: "abs", np.fabs: "abs", np.conjugate: "conj"}


def short_number(value: Any) -> str:
    """A number with at most four digits, as a person would write it; an array by its numbers where there are few."""
    if isinstance(value, np.ndarray):
        if value.size and np.all(value == value.flat[0]):
            fill = short_number(value.flat[0].item())
            known = {"1": "ones", "0": "zeros"}.get(fill)
            return f"{known}({value.shape})" if known else f"full({value.shape}, {fill})"
        if value.ndim == 1 and value.dtype.kind in "iu" and np.array_equal(value, np.arange(value.size)):
            return f"arange({value.size})"
        return short_items(value.tolist()) if value.size <= 8 else f"array{value.shape}"
    if value == math.pi:
        return "pi"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.4g}" if isinstance(value, float) else repr(value)


def short_items(items: Any) -> str:
    """Nested lists of numbers with at most four digits."""
    return f"[{', '.join(map(short_items, items))}]" if isinstance(items, list) else short_number(items)


def exact_number(value: Any) -> str:
    """A number as Python reads it back."""
    if not isinstance(value, np.ndarray):
        finite = not isinstance(value, float) or math.isfinite(value)
        return repr(value) if finite else {"nan": "np.nan", "inf": "np.inf", "-inf": "-np.inf"}[str(value)]
    dtype = "" if value.dtype in (np.dtype(float), np.dtype(bool)) else f", np.{value.dtype}"
    if value.size and np.all(value == value.flat[0]):
        return f"np.full({value.shape}, {exact_number(value.flat[0].item())}{dtype})"
    return f"np.array({exact_items(value.tolist())}{dtype}).reshape({value.shape})"


def exact_items(items: Any) -> str:
    """Nested lists of numbers as Python reads them back."""
    return f"[{', '.join(map(exact_items, items))}]" if isinstance(items, list) else exact_number(items)


def base_name(function: Any) -> str:
    """The name of a function without its module; ``multiply.outer`` for a method of a ufunc."""
    owner = getattr(function, "__self__", None)
    return f"{owner.__name__}.{function.__name__}" if isinstance(owner, np.ufunc) else str(function.__name__)


def short_name(function: Any) -> str:
    """The function's name as plain text has it."""
    return SHORT.get(function) or base_name(function).lstrip("_")


def full_name(function: Any) -> str:
    """The function's name as code has it: ``np.linalg.inv``, ``xe.sigmoid``, a bare name for what is not public."""
    if isinstance(function, Op):
        return f"xe.{function.name}" if public(function) else function.name
    home, _, module = (getattr(function, "__module__", None) or "numpy").partition(".")
    if home != "numpy":
        return base_name(function)
    return f"np.linalg.{base_name(function)}" if module.startswith("linalg") else f"np.{base_name(function)}"


def public(op: Op) -> bool:
    """Whether the package has the op under its name."""
    return getattr(package(), op.name, None) is op


def package() -> Any:
    """The package that code calls ``xe``."""
    return sys.modules[__package__.partition(".")[0]]


def plain_code(value: Any) -> str:
    """A dtype, a type, or another plain value as code."""
    if isinstance(value, np.dtype):
        return f"np.dtype({value.name!r})"
    if isinstance(value, type):
        return f"np.{value.__name__}" if issubclass(value, np.generic) else value.__name__
    if isinstance(value, float) and not math.isfinite(value):
        return exact_number(value)
    return "..." if value is ... else repr(value.item() if isinstance(value, np.generic) else value)


def plain_text(value: Any) -> str:
    """A plain value as a person writes it."""
    if isinstance(value, np.dtype | type):
        return np.dtype(value).name
    return short_number(value) if isinstance(value, float) else plain_code(value)


TEXT_FORMS: dict[Any, Form] = {
    **OPERATORS,
    np.logical_and: binary("&", AND),
    np.logical_or: binary("|", OR),
    np.logical_not: Form("not {0}", COMPARISON, (OR,)),
    np.float_power: OPERATORS[np.power],
    np.square: Form("{0}**2", POWER, (ATOM,)),
    xlogy: Form("{0} * log({1})", PRODUCT, (PRODUCT, ANY)),
}

#: Plain text. Conversions of dtype are left out, and so is repetition, which broadcasting does anyway.
TEXT = Style(
    forms=TEXT_FORMS, name=str, number=short_number, function=short_name, plain=plain_text,
    hidden=frozenset({np.astype, np.broadcast_to}), bare_slices=True,
)  # fmt: skip

#: The same with σ for sigmoid, and signs of comparison that mathematics has.
UNICODE = Style(
    forms={
        **TEXT_FORMS,
        np.less_equal: Form("{0} ≤ {1}", COMPARISON, (OR, OR)),
        np.greater_equal: Form("{0} ≥ {1}", COMPARISON, (OR, OR)),
        np.not_equal: Form("{0} ≠ {1}", COMPARISON, (OR, OR)),
    },
    name=str, plain=plain_text, hidden=TEXT.hidden, bare_slices=True,
    number=lambda value: "π" if type(value) is float and value == math.pi else short_number(value),
    function=lambda function: {"sigmoid": "σ"}.get(short_name(function), short_name(function)),
)  # fmt: skip

#: Code that gives the same value, with the names as variables.
SOURCE = Style(forms=OPERATORS, name=str, number=exact_number, function=full_name, plain=plain_code)
