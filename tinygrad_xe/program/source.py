"""A program as text: Python code that imports NumPy alone, and a short listing with types."""

from __future__ import annotations

import dataclasses
import inspect
import math
import operator
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import notation
from .identifiers import RESERVED, identifier
from .notation import ANY, ATOM, SOURCE, Form, render
from .primitives import PRIMITIVES, draw
from .registry import name_of
from .trees import Call, Name, Number, Tree, names
from .values import VIEWS, Constant, Input, Step, Value, operands

if TYPE_CHECKING:
    from .program import Program

#: Characters up to which an expression is written inside another one.
LONGEST = 72

#: Columns up to which a line has the user's line beside it.
WIDTH = 120

#: Steps whose text is short, and repeated where they are used several times.
SHORT = frozenset({np.transpose, np.matrix_transpose})


def source(program: Program) -> str:
    """The program as a Python function.

    Parameters
    ----------
    program : Program

    Returns
    -------
    str
        A module: ``import numpy as np``, what NumPy lacks as small functions, and the function itself. It takes the
        arguments of the program, then the captured arrays; it writes state in place, after everything is computed.

    Notes
    -----
    Run, it computes what the traced function computes, to 1 unit in the last place of the largest element: where a
    step multiplies by 1 / n, the text divides by n.
    """
    writer = Writer(program)
    body: list[tuple[str, str]] = []
    phase, noted = "", ""
    several = len({s.step.backward for s in writer.statements}) == 2 or bool(writer.writes)
    for statement in writer.statements:
        if several and statement.phase != phase:
            phase = statement.phase
            body.append((f"# {phase}", ""))
        text = statement.step.line.partition(": ")[2]
        note = "" if statement.step.backward or text == noted else text
        noted = text or noted
        body.append((f"{statement.name} = {render(statement.tree, STYLE)}", note))
    if writer.writes and phase != "update":
        body.append(("# update", ""))
    body += [(f"{name}[...] = {text}", "") for name, text in writer.writes]
    body.append((f"return {writer.returned}" if writer.returned else "return", ""))
    lines = aligned(body)
    signature = ", ".join(writer.names[i] for i in program.inputs)
    imports = ["import math", ""] if any("math." in text for text in writer.helpers) else []
    parts = [*imports, "import numpy as np", "", ""]
    for text in writer.helpers:
        parts += [text, "", ""]
    return "\n".join([*parts, f"def {program.name}({signature}):", *(f"    {line}" for line in lines), ""])


def listing(program: Program) -> str:
    """The program in a short form with shapes and dtypes, which ``print(program)`` shows."""
    writer = Writer(program)
    inputs = ", ".join(f"{writer.names[i]}: {i.type}" for i in program.inputs)
    lines = [f"program {program.name}({inputs}):"]
    phase = ""
    for statement in writer.statements:
        if statement.phase != phase:
            phase = statement.phase
            lines.append(f"  {phase}")
        lines.append(f"    {statement.name}: {statement.step.type} = {render(statement.tree, STYLE)}")
    if writer.writes and phase != "update":
        lines.append("  update")
    lines += [f"    {name} := {text}" for name, text in writer.writes]
    return "\n".join([*lines, f"  return {writer.returned}".rstrip()])


def aligned(body: list[tuple[str, str]]) -> list[str]:
    """Lines of code, with the notes beside them in one column, or above them where they are long."""
    beside = {i for i, (line, note) in enumerate(body) if note and len(line) + len(note) + 8 <= WIDTH}
    column = max([len(body[i][0]) for i in beside], default=0) + 2
    lines: list[str] = []
    for i, (line, note) in enumerate(body):
        if i in beside:
            line = f"{line.ljust(min(column, WIDTH - 6 - len(note)))}# {note}"
        elif note:
            lines.append(f"# {note}")
        lines.append(line)
    return lines


# -- statements --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Statement:
    """A line: a name, and the expression that it stands for."""

    name: str
    tree: Tree
    step: Step
    phase: str


class Writer:
    """The lines of a program: which steps have one, and what they are called.

    Attributes
    ----------
    names : dict of Value to str
    statements : list of Statement
    writes : list of (str, str)
        State, and the text of its last value.
    returned : str
        What stands after ``return``.
    helpers : list of str
        The source of the primitives that are called.
    """

    def __init__(self, program: Program) -> None:
        self.names: dict[Value, str] = {}
        self.statements: list[Statement] = []
        self._taken = {*RESERVED, *(s.function.__name__ for s in program.steps if is_primitive(s)), program.name}
        self._counts: dict[str, int] = {}
        self._trees: dict[Value, Tree] = {}
        self._replaced: set[Value] = set()
        self._updates = any(i.kind == "state" for i, _ in program.writes)
        for i in program.inputs:
            self.names[i] = self._fresh(str(i.name))
        uses = Counter(value for step in program.steps for value in operands(step))
        uses.update(program.results())
        results = set(program.results())
        for step in program.steps:
            self._put(step, uses[step], step in results)
        writes = [(i, value) for i, value in program.writes if i.kind == "state"]
        states = {i for i, _ in writes}
        for value in program.results():
            own = {i for i, v in writes if v is value} if uses[value] == 1 else set()
            self._before_writing(value, states - own)
        self.writes = [(self.names[i], self._text(value)) for i, value in writes]
        gradients = [value for i, value in program.writes if i.kind != "state"]
        self.returned = self._outputs(program.outputs, gradients)
        self.helpers = helpers(program)

    def _put(self, step: Step, uses: int, kept: bool) -> None:
        """A line for a step, or an expression that stands inside others."""
        tree = self.tree(step)
        named = step.name is not None and (kept or uses > 1 or not step.backward)
        short = step.function in SHORT and not isinstance(step.args[0], Step)
        drawn = step.function is draw
        long = len(render(tree, STYLE)) > LONGEST
        if drawn or named or (uses > 1 and not short) or (long and not kept):
            name = self._fresh(identifier(step.name) if step.name else "t")
            self.names[step] = name
            self._write(name, tree, step)
        else:
            self._trees[step] = tree

    def _before_writing(self, value: Value, states: set[Input]) -> None:
        """A line for a result that would not be what it was, once state is written: it is read, or lies in it."""
        viewed = memory(value) in states
        if not viewed and (value in self.names or not {self.names[i] for i in states} & {*names(self.operand(value))}):
            return
        tree = self.operand(value)
        step = value if isinstance(value, Step) else Step(
            function=np.copy, args=(value,), shape=value.shape, dtype=value.dtype
        )  # fmt: skip
        name = self._fresh(identifier(step.name) if step.name else "t")
        self._write(name, Call(np.copy, (tree,)) if viewed else tree, step)
        self._trees[value] = Name(name)
        self._replaced.add(value)

    def _write(self, name: str, tree: Tree, step: Step) -> None:
        """A line; after a backward pass, what is no part of it is the update."""
        swept = bool(self.statements) and self.statements[-1].phase != "forward"
        phase = "backward" if step.backward else "update" if swept and self._updates else "forward"
        self.statements.append(Statement(name, tree, step, phase))

    def _fresh(self, name: str) -> str:
        made, count = name, self._counts.get(name, 2)
        while made in self._taken:
            made, count = f"{name}{'_' if name[-1].isdigit() else ''}{count}", count + 1
        self._counts[name] = count
        self._taken.add(made)
        return made

    def _outputs(self, outputs: Any, gradients: list[Value]) -> str:
        text = self._text(outputs)
        if gradients:
            parts = [self._text(g) for g in gradients]
            text = ", ".join(([text] if outputs is not None else []) + parts)
        elif type(outputs) is tuple and len(outputs) > 1:
            text = text[1:-1]
        return "" if outputs is None and not gradients else text

    def _text(self, outputs: Any) -> str:
        """An output, or a container of such."""
        if isinstance(outputs, Value):
            return render(self.operand(outputs), STYLE)
        if isinstance(outputs, tuple):
            inner = [self._text(item) for item in outputs]
            return f"({inner[0]},)" if len(inner) == 1 else f"({', '.join(inner)})"
        if isinstance(outputs, list):
            return f"[{', '.join(map(self._text, outputs))}]"
        if isinstance(outputs, dict):
            return f"{{{', '.join(f'{key!r}: {self._text(value)}' for key, value in outputs.items())}}}"
        return repr(outputs)

    # -- expressions ---------------------------------------------------------------------------------------------------

    def tree(self, step: Step) -> Tree:
        """The expression of one step."""
        args = tuple([self.operand(a) for a in step.args])
        if step.function is draw:
            generator, method, *rest = args
            return Name(f"{generator.text}.{method}({', '.join(render(a, STYLE) for a in rest)})")
        if step.function is np.multiply and not step.options:
            for one, other in ((step.args[1], args[0]), (step.args[0], args[1])):
                n = whole_quotient(one)
                if n is not None:
                    found = Call(np.divide, (other, Number(abs(n))))
                    return found if n > 0 else Call(np.negative, (found,))
        options = {key: self.operand(value) for key, value in step.options.items()}
        if step.function is np.transpose and "axes" in options:
            args = (*args, options.pop("axes"))
        return Call(step.function, args, options)

    def operand(self, argument: Any) -> Any:
        """An argument of a call as a tree, or as the plain value that it is."""
        if isinstance(argument, Constant):
            return constant_tree(argument)
        if isinstance(argument, Value):
            known = argument in self.names and argument not in self._replaced
            return Name(self.names[argument]) if known else self._trees[argument]
        if type(argument) is tuple:
            return tuple([self.operand(item) for item in argument])
        if type(argument) is list:
            return [self.operand(item) for item in argument]
        if type(argument) is slice:
            return slice(*(self.operand(part) for part in (argument.start, argument.stop, argument.step)))
        return Number(argument) if type(argument) in (int, float) else argument


def memory(value: Value) -> Value:
    """What a value may be a view of; itself, if it has memory of its own."""
    while isinstance(value, Step) and (value.function in VIEWS or value.function is operator.getitem):
        value = value.args[0]
    return value


def whole_quotient(argument: Any) -> int | None:
    """n, if an argument is the number 1 / n."""
    if type(argument) is not float or not 0 < abs(argument) < 1:
        return None
    n = round(1 / argument)
    return n if 1 / n == argument else None


def constant_tree(value: Constant) -> Tree:
    """A constant as an expression."""
    array = np.asarray(value.value)
    kind = "np.bool_" if array.dtype == bool else f"np.{array.dtype}"
    if not array.ndim:
        text = notation.exact_number(array.item())
        return Name(text if array.dtype == bool else f"{kind}({text})")
    dtype = "" if array.dtype in (np.float64, np.bool_) else f", {kind}"
    if array.dtype.kind in "iu" and np.array_equal(array.reshape(-1), np.arange(array.size)):
        made = f"np.arange({array.size}{'' if array.dtype == np.arange(0).dtype else dtype})"
        return Name(made if array.ndim == 1 else f"{made}.reshape{array.shape}")
    if array.size and (array == array.flat[0]).all() and array.size > 1:
        shape = array.shape[0] if array.ndim == 1 else array.shape
        return Name(f"np.full({shape}, {notation.exact_number(array.flat[0].item())}{dtype})")
    items = notation.exact_items(array.tolist())
    if not array.size:
        return Name(f"np.zeros({array.shape}{dtype})")
    integer = array.dtype == np.arange(0).dtype
    return Name(f"np.array({items}{'' if integer else dtype})")


# -- the words ---------------------------------------------------------------------------------------------------------


def function_text(function: Any) -> str:
    """A function as code has it."""
    return {np.absolute: "np.abs"}.get(function) or name_of(function)


def plain_text(value: Any) -> str:
    """A dtype, an axis, a shape, a word."""
    if isinstance(value, np.dtype):
        return "bool" if value.kind == "b" else f"np.{value.name}"
    return notation.plain_code(value)


def reshape_text(x: str, shape: str) -> str:
    """The method, which is shorter."""
    return f"{x}.reshape{shape}" if shape.startswith("(") and shape != "()" else f"{x}.reshape({shape})"


STYLE = dataclasses.replace(
    SOURCE,
    forms={
        **SOURCE.forms,
        np.reshape: Form(reshape_text, ATOM, (ATOM, ANY)),
        np.astype: Form("{0}.astype({1})", ATOM, (ATOM, ANY)),
    },
    number=lambda value: number_text(value),
    function=function_text,
    plain=plain_text,
)  # fmt: skip


def number_text(value: Any) -> str:
    """A number; whole ones of moderate size without a point, which changes no float that it meets."""
    if type(value) is float and math.isfinite(value) and value.is_integer() and 0 < abs(value) < 1e6:
        return repr(int(value))
    return notation.exact_number(value)


# -- helpers -----------------------------------------------------------------------------------------------------------


def is_primitive(step: Step) -> bool:
    """Whether a step calls one of the library's own functions."""
    return step.function is not draw and PRIMITIVES.get(step.function.__name__) is step.function


def helpers(program: Program) -> list[str]:
    """The source of the primitives that a program calls."""
    used = dict.fromkeys(step.function for step in program.steps if is_primitive(step))
    return [without_hints(inspect.getsource(function)) for function in used]


def without_hints(text: str) -> str:
    """The source of a primitive without type hints, which code that stands alone does not need."""
    text = text.replace(" -> Any", "").rstrip()
    return re.sub(r": (?:Any|int|bool|str)( = )?", lambda found: "=" if found[1] else "", text)
