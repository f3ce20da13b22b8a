"""Declarations: an operation is a function, its signature as text, and one gradient rule for each input.

A rule is one NumPy expression that is linear in ``g``, the cotangent of the output. The names of its parameters are
the list of what the graph keeps: ``out``, the inputs by name, ``<input>_shape``, residuals; options come after a bare
``*``::

    exp = ufunc(np.exp, "x", x=lambda g, out: g * out)
    multiply = ufunc(np.multiply, "a, b", a=lambda g, b: g * b, b=lambda g, a: g * a)

Rules choose neither shape nor dtype: the engine sums over broadcast axes, restores reduced ones, and casts.
"""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import Any

import numpy as np

from .errors import DeclarationError, DTypeError, GraphError, ShapeError

Rule = FunctionType

#: NumPy's functions (and ours) to the Op that differentiates them.
REGISTRY: dict[Callable[..., Any], Op] = {}

#: Attributes of a declaration beside the rules.
ATTRIBUTES = frozenset(
    {"kernel", "broadcasts", "elementwise", "reduces", "permutes", "selects", "variadic", "taken", "residuals"}
)

#: Words of a declaration, which can't name a parameter (an option may be NumPy's ``out``, which is refused in calls).
RESERVED = ATTRIBUTES | {"g", "function", "signature"}

#: The code of a rule that hands the cotangent on: such a rule needs no call.
IDENTITY = (lambda g: g).__code__.co_code


class Deferred(DTypeError):
    """Carries an array that takes the operation itself, by ``__xe_function__(op, args, kwargs)``, out of a call."""

    def __init__(self, owner: str, array: Any) -> None:
        super().__init__(f"{owner}: {type(array).__name__} beside a tensor; one of them can't write down the other.")
        self.array = array


class Op:
    """One differentiable operation: what it computes and how a cotangent flows back through it.

    Attributes
    ----------
    name : str
        The function's name, as NumPy spells it.
    function : callable
        What a user calls and what a program prints.
    kernel : callable
        What runs on plain arrays: ``function``, or the same values from cheaper NumPy calls.
    signature : str
        The parameters, whole, as they stand in a ``def`` line.
    inputs : tuple of str
        Parameters that may carry a gradient or are declared with the rule None.
    options : tuple of str
        The other parameters.
    outputs : tuple of str
        ``("out",)``, followed by residuals: what forward computed and a rule wants again.
    rules : dict of str to callable or None
    saves : tuple of str
        The words that the rules ask for, in the order in which a node keeps them.
    broadcasts : bool
        The inputs broadcast against each other; their cotangents are summed back.
    elementwise : bool
        Each element of the result depends on the elements in its own place only.
    reduces : str or None
        The input that is reduced over option ``axis``; its cotangent is broadcast back.
    permutes : bool
        Every element of the result is an element of an input, or a sum of such: a mask passes through the rule itself.
    selects : bool
        Some elements of an input may not reach the result at all.
    variadic : str or None
        The input that is a sequence of arrays; its rule returns one cotangent for each.
    taken : dict of str to callable
        For an input, the boolean array of the places where the result depends on it.
    residuals : dict of str to (Op, input, ...) or None
        The op whose output the residual is, for derivatives of higher order; None for a constant.
    """

    #: Words that no parameter can have as its name; a subclass whose declarations take fewer may free some.
    reserved = RESERVED

    #: Whether the kernel writes steps of a program down, as does a copy of an op that a tape makes.
    recorded = False

    #: For the op of a residual: what mathematics writes for it, where the kernel writes it otherwise for accuracy.
    formula: Callable[..., Any] | None = None

    def __init__(
        self,
        function: Callable[..., Any],
        signature: str,
        rules: Mapping[str, Rule | None],
        *,
        kernel: Callable[..., Any] | None = None,
        broadcasts: bool = False,
        elementwise: bool = False,
        reduces: str | None = None,
        permutes: bool = False,
        selects: bool = False,
        variadic: str | None = None,
        taken: Mapping[str, Rule] | None = None,
        residuals: Mapping[str, tuple[Any, ...] | None] | None = None,
    ) -> None:
        self.function = function
        self.name = self.__name__ = str(getattr(function, "__name__", function))
        self.__doc__ = function.__doc__
        self.__module__ = getattr(function, "__module__", None) or __name__
        self.__wrapped__ = function
        self.kernel = kernel or function
        self.broadcasts, self.elementwise = broadcasts, elementwise
        self.reduces, self.permutes, self.variadic = reduces, permutes, variadic
        self.taken = dict(taken or {})
        self.selects = selects or bool(taken)
        self.residuals = dict(residuals or {})
        self.rules = dict(rules)
        self._read_signature(signature)
        self._check_attributes()
        self._check_rules()
        self.saves = tuple(dict.fromkeys(self._words_to_save()))
        # Built from generated source at first use: 0.3 ms an op, which importing 150 of them should not cost.
        self.call: Callable[..., Any] = self._first_call
        self.vjp: Callable[..., Any] = self._first_vjp

    def __repr__(self) -> str:
        return f"<op {self.name}({self.signature})>"

    def as_constant(self, word: str, value: Any) -> Any:
        """What a derivative of higher order takes a residual for that is the output of no op."""
        return value

    def __reduce__(self) -> str:
        return self.name  # by name, as functions are copied and sent to other processes

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute, on Tensors or arrays, and record."""
        try:
            return bound(self.name, self.call, args, kwargs)
        except Deferred as deferred:
            return deferred.array.__xe_function__(self, args, kwargs)

    # -- reading and checking the declaration ------------------------------------------------------------------

    def _read_signature(self, signature: str) -> None:
        text, _, outputs = signature.partition("->")
        self.signature = text.strip()
        self.outputs = tuple(word.strip() for word in outputs.split(",")) if outputs else ("out",)
        scope: dict[str, Any] = {"np": np}
        try:
            exec(f"def parameters({text}): 0", scope)
        except (SyntaxError, NameError, AttributeError) as error:
            raise self._wrong(f"the signature {signature!r} is not a parameter list: {error}.") from None
        code = scope["parameters"].__code__
        if code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
            raise self._wrong(f"the signature {signature!r} has * or ** parameters; name each, or use a variadic.")
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        self.inputs = tuple(name for name in names if name in self.rules)
        self.options = tuple(name for name in names if name not in self.rules)
        if stray := [name for name in self.rules if name not in names]:
            raise self._wrong(f"a rule is given for {stray[0]!r}, which is not a parameter of ({self.signature}).")
        shapes = {f"{name}_shape" for name in self.inputs}
        for name in names:
            taken = name in self.reserved or name in shapes or (name == "out" and name in self.rules)
            if taken or name.startswith("_"):
                raise self._wrong(f"a parameter can't be named {name!r}: that word has a meaning in declarations.")

    def _check_attributes(self) -> None:
        fresh = not {*self.outputs[1:]} & {*self.inputs, *self.options, *self.reserved}
        if set(self.outputs[1:]) != set(self.residuals) or self.outputs[0] != "out" or not fresh:
            raise self._wrong(
                f"outputs are {self.outputs}, residuals {tuple(self.residuals)}. The first output is 'out', "
                "and each further one needs an entry in residuals, the op that it is the output of or None, and a name "
                "of its own."
            )
        for op, *arguments in filter(None, self.residuals.values()):
            named = {*arguments} <= {*self.inputs} and {*op.options} <= {*self.options}
            if len(arguments) != len(op.inputs) or not named:
                raise self._wrong(
                    f"a residual is given as {(op, *arguments)}; expected an op and, for each of its inputs, one of "
                    f"{self.inputs}; its options must be among {self.options}."
                )
        for what in (self.reduces, self.variadic, *self.taken):
            if what is not None and what not in self.inputs:
                raise self._wrong(f"reduces, variadic and taken name inputs; {what!r} is none of {self.inputs}.")
        if self.reduces and "axis" not in self.options:
            raise self._wrong("an op that reduces takes the option axis.")

    def _check_rules(self) -> None:
        self.tracked = tuple(name for name in self.inputs if self.rules[name] is not None)
        self.words = {name: self._parameters(f"the rule for {name!r}", self.rules[name]) for name in self.tracked}
        self.taken_words = {name: self._parameters(f"taken for {name!r}", rule) for name, rule in self.taken.items()}
        for name, (words, options) in self.words.items():
            if words[:1] != ("g",):
                got = ", ".join(words)
                raise self._wrong(f"the rule for {name!r} must take g, the output's cotangent, first; got ({got}).")
            self._check_words(f"the rule for {name!r}", words[1:], options)
        for name, (words, options) in self.taken_words.items():
            self._check_words(f"taken for {name!r}", words, options)

    def _parameters(self, what: str, rule: Rule | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The positional and the keyword-only parameter names of a rule, 30 times faster than by inspect.signature."""
        if not isinstance(rule, FunctionType):
            raise self._wrong(f"{what} must be a lambda or a function, got {rule!r}.")
        code = rule.__code__
        count = code.co_argcount
        return code.co_varnames[:count], code.co_varnames[count : count + code.co_kwonlyargcount]

    def _check_words(self, what: str, words: tuple[str, ...], options: tuple[str, ...]) -> None:
        allowed = (*self.outputs, *self.inputs, *(f"{name}_shape" for name in self.inputs))
        known = ", ".join(self.options) or "(there are none)"
        for word in words:
            if word not in allowed:
                raise self._wrong(
                    f"{what} asks for {word!r}. It can ask for {', '.join(allowed)}, "
                    f"and after a bare * for the options {known}."
                )
        for word in options:
            if word not in self.options:
                raise self._wrong(f"{what} asks for the option {word!r}; the options are {known}.")

    def _wrong(self, what: str) -> DeclarationError:
        return DeclarationError(f"{self.name}: {what}")

    def _words_to_save(self) -> Iterator[str]:
        if self.reduces:
            yield f"{self.reduces}_shape"
        for name, (words, _) in self.words.items():
            for word in words[1:]:
                if word != f"{name}_shape" or self.variadic == name:  # its own shape is known from the parent node
                    yield word
        for words, _ in self.taken_words.values():
            yield from words
        for source in self.residuals.values():
            if source is not None:
                op, *arguments = source
                renamed = dict(zip(op.inputs, arguments, strict=True))
                shapes = {f"{own}_shape": f"{name}_shape" for own, name in renamed.items()}
                yield from ((renamed | shapes)[word] for word in op.saves if word in renamed or word in shapes)

    def users(self, word: str) -> tuple[str, ...]:
        """The inputs whose rules need `word`."""
        if self.residuals or word == f"{self.reduces}_shape":
            return self.tracked
        none: tuple[tuple[str, ...], tuple[str, ...]] = (), ()
        return tuple(n for n in self.tracked if word in self.words[n][0] or word in self.taken_words.get(n, none)[0])

    # -- generated code ----------------------------------------------------------------------------------------

    def vjp_source(self) -> str:
        """Source of ``vjp(node, saved, g)``: the cotangent of each parent, None where none is wanted.

        A function for each op: unpacking by name costs 0.15 us where a loop over saved words cost 0.9. Its own names
        begin with an underscore, which no parameter's does.
        """
        lines = ["def vjp(_node, _saved, g):"]
        if self.variadic is None:
            lines.append(f"    {''.join(f'_{n}_node, ' for n in self.inputs)}= _node.parents")
        if self.saves:
            lines.append(f"    {''.join(f'{word}, ' for word in self.saves)}= _saved")
        if self.options:
            # np.max(a, out=None): in rules, `out` is the result
            names = ["_" if name == "out" else name for name in self.options]
            lines.append(f"    {''.join(f'{name}, ' for name in names)}= _node.options")
        if self.reduces:
            restored = ["g", *(word for word in self.saves if word == "out")]
            when = "axis is not None and not keepdims" if "keepdims" in self.options else "axis is not None"
            lines.append(f"    if {when}:")
            lines.extend(f"        {word} = _restore({word}, axis, {self.reduces}_shape)" for word in restored)
        if self.variadic:
            return "\n".join([*lines, f"    return _one_each(_node, {self._rule_call(self.variadic)})"])
        results = [
            "None" if name not in self.tracked
            else self._rule_call(name) if len(self.tracked) == 1
            else f"{self._rule_call(name)} if _{name}_node is not None else None"
            for name in self.inputs
        ]  # fmt: skip
        return "\n".join([*lines, f"    return {''.join(f'{r}, ' for r in results)}"])

    def _rule_call(self, name: str) -> str:
        words, options = self.words[name]
        rule = self.rules[name]
        if rule is not None and rule.__code__.co_code == IDENTITY:
            return "g"
        own_shape = f"{name}_shape"
        given = [f"_{name}_node.shape" if w == own_shape and w not in self.saves else w for w in words]
        return f"_rule_{name}({', '.join([*given, *(f'{o}={o}' for o in options)])})"

    def _first_vjp(self, *args: Any) -> Any:
        scope: dict[str, Any] = {"_restore": restore, "_one_each": one_each}
        scope |= {f"_rule_{name}": self.rules[name] for name in self.tracked}
        self.vjp = define("vjp", f"<gradient of {self.name}>", self.vjp_source(), scope)
        return self.vjp(*args)

    def _first_call(self, *args: Any, **kwargs: Any) -> Any:
        self.call = build_call(self)
        return bound(self.name, self.call, args, kwargs)


def no_dispatcher(operation: Op) -> Callable[..., Any]:
    """Stand in for `build_call` while there is no dispatcher."""
    raise DeclarationError(f"{operation.name}: import tinygrad_xe before calling an operation.")


#: Makes the function that runs an op on Tensors; the dispatcher, which knows Tensors, puts its own in this place.
build_call: Callable[[Op], Callable[..., Any]] = no_dispatcher


def define(name: str, filename: str, source: str, scope: dict[str, Any]) -> Callable[..., Any]:
    """Run generated source and return the function `name` of it; its lines are shown in tracebacks."""
    exec(compile(source, filename, "exec"), scope)
    linecache.cache[filename] = len(source), None, source.splitlines(keepends=True), filename
    return scope[name]  # type: ignore[no-any-return]


def bound(name: str, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """Call `function`; raise a DTypeError that lists its parameters if the arguments do not fit them."""
    try:
        return function(*args, **kwargs)
    except TypeError as error:
        trace = error.__traceback__
        if isinstance(error, DTypeError) or trace is None or trace.tb_next is not None:
            raise  # from inside the function
        bare = [p.replace(annotation=p.empty) for p in inspect.signature(function).parameters.values()]
        takes = inspect.Signature(bare)
        raise DTypeError(f"{name}: {str(error).partition('() ')[2]}.\n  With a tensor it takes {takes}.") from None


def restore(value: Any, axis: int | tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """Give `value`, reduced from `shape` over `axis`, its reduced axes back with length 1."""
    if axis == -1:
        return value.reshape((*shape[:-1], 1))
    kept = list(shape)
    for i in axis if isinstance(axis, tuple) else (axis,):
        kept[i] = 1
    return value.reshape(tuple(kept))


def one_each(node: Any, cotangents: Any) -> Any:
    """Check that the rule of a variadic input returned one cotangent for each of its arrays."""
    if len(cotangents) != len(node.parents):
        raise ShapeError(
            f"{node.op.name}: its rule returned {len(cotangents)} cotangents for {len(node.parents)} arrays; "
            "expected one for each."
        )
    return cotangents


def op(function: Callable[..., Any], signature: str, **declaration: Any) -> Op:
    """Declare an operation and enter it in the registry.

    Parameters
    ----------
    function : callable
        The NumPy function, or one of ours.
    signature : str
        Its parameters; after ``->`` the outputs, if there are residuals.
    **declaration
        A rule for each input (None: no gradient flows there), and the attributes of `Op`.

    Raises
    ------
    DeclarationError
        When a rule asks for a word that does not exist, or the signature can't be read.
    """
    attributes = {key: declaration.pop(key) for key in ATTRIBUTES & declaration.keys()}
    made = Op(function, signature, declaration, **attributes)
    REGISTRY[function] = made
    return made


def ufunc(function: Callable[..., Any], signature: str, **declaration: Any) -> Op:
    """Declare an elementwise operation: its inputs broadcast against each other."""
    return op(function, signature, broadcasts=True, elementwise=True, **declaration)


def differentiable(signature: str, **declaration: Any) -> Callable[[Callable[..., Any]], Op]:
    """Declare the decorated function, which holds the forward expression and the documentation, as an operation."""
    return lambda function: op(function, signature, **declaration)


def refuse_out(name: str, out: Any) -> None:
    """Raise for ``out=``: writing a result into an array would change what the graph has kept."""
    if out is not None:
        raise GraphError(
            f"{name}: out= is not supported on a tensor, since it would overwrite values. Write y = {name}(...)."
        )


#: Functions written with other operations: NumPy's function to ours.
COMPOSED: dict[Callable[..., Any], Callable[..., Any]] = {}

#: Functions whose result carries no gradient: they run on the plain arrays and return plain arrays.
CONSTANT: set[Callable[..., Any]] = set()

#: Comparisons and logical functions: boolean Tensors that know where they came from.
COMPARISONS: dict[Callable[..., Any], Op] = {}


def compose(function: Callable[..., Any], written: Callable[..., Any]) -> Callable[..., Any]:
    """Declare that `function` on Tensors is `written`, which uses other operations only and so needs no rule."""
    COMPOSED[function] = written
    return written


def constant(*functions: Callable[..., Any]) -> None:
    """Declare functions through which no gradient flows (argmax, floor_divide, zeros_like, ...)."""
    CONSTANT.update(functions)


def comparison(function: Callable[..., Any], signature: str) -> Op:
    """Declare a comparison or a logical function, elementwise."""
    code_inputs = [name.strip() for name in signature.split(",")]
    made = Op(function, signature, dict.fromkeys(code_inputs), broadcasts=True, elementwise=True)
    COMPARISONS[function] = made
    return made
