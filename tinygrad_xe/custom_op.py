"""The operation that a user's declaration makes: an Op whose function and rules are checked as they are used.

What a user declares is checked more than the library's declarations, whose tests do that: what the function and the
rules return, and once, when a rule is first used, whether it is linear in ``g``.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import containers, dispatch
from .custom_checks import (
    Function,
    checked_output,
    checked_results,
    linear_rules,
    list_of_each,
    name_of,
    places,
    read_only,
    restore_axes,
)
from .dispatch import KINDS, bare, wants_gradient, wrap
from .errors import DeclarationError, DTypeError, GradientLostError, GraphError
from .graph import Node, watching
from .op import REGISTRY, Deferred, Op, bound, define
from .tensor import Tensor

Residuals = str | Sequence[str] | Mapping[str, tuple[Any, ...] | None]

#: Words that a user's declaration takes beside the rules.
WORDS = ("broadcasts", "elementwise", "reduces", "variadic", "taken", "residuals")


class RaisedByUser(Exception):
    """Carries an exception out of the user's function past the dispatcher, which would explain it as one of NumPy's."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class CustomOp(Op):
    """An operation that a user declared, by `custom_gradient` or `op`. It is not in the registry.

    Called with Tensors it computes on their arrays and records one node; called with arrays it returns arrays.
    """

    reserved = frozenset({"g", *WORDS})
    __signature__: inspect.Signature

    def __init__(
        self,
        function: Function,
        signature: inspect.Signature | str,
        rules: Mapping[str, Function | None],
        *,
        residuals: Residuals | None = None,
        **attributes: Any,
    ) -> None:
        text, _, outputs = signature.partition("->") if isinstance(signature, str) else (as_text(signature), "", "")
        kept = self._residuals(function, residuals, [word.strip() for word in outputs.split(",")][1:])
        known = self._refuse_strangers(function, text, rules)
        if not rules:
            raise DeclarationError(
                f"{name_of(function)}: no rule is given. Write one for each input of ({text.strip()}), "
                "as in x=lambda g, x: g * x, or x=None where no gradient flows."
            )
        super().__init__(function, f"{text} -> {', '.join(['out', *kept])}", known, residuals=kept, **attributes)
        if isinstance(signature, str):
            source = f"def parameters({text}): 0"
            signature = inspect.signature(define("parameters", f"<op {self.name}>", source, {"np": np}))
        self.__signature__ = signature
        self.__qualname__ = getattr(function, "__qualname__", self.name)
        self.function = self.kernel = self._forward(function)
        self.unchecked = set(self.tracked)

    def __repr__(self) -> str:
        return f"<op {self.name}{getattr(self, '__signature__', '')}>"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __reduce__(self) -> str:
        return self.__qualname__  # by name, as functions are copied and sent to other processes

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute, on Tensors or arrays, and record."""
        try:
            return bound(self.name, self.call, args, kwargs)
        except Deferred as deferred:
            return deferred.array.__xe_function__(self, args, kwargs)
        except RaisedByUser as carrier:
            error = carrier.error
        raise error

    # -- the declaration ---------------------------------------------------------------------------------------

    def _residuals(self, function: Function, residuals: Residuals | None, named: list[str]) -> dict[str, Any]:
        """The names of the further outputs, each with the op that it is the output of, or None."""
        if isinstance(residuals, str):
            residuals = [word.strip() for word in residuals.split(",")]
        sources = dict(residuals) if isinstance(residuals, Mapping) else dict.fromkeys(residuals or named)
        self._unsaid = set() if isinstance(residuals, Mapping) else {*sources}
        for word, source in sources.items():
            if source is not None:
                if not isinstance(source, tuple | list) or not source:
                    raise DeclarationError(
                        f"{name_of(function)}: the residual {word!r} is given as {source!r}; expected a tuple of a "
                        "function and inputs, as in (np.cos, \"x\"), or None if it is constant."
                    )
                made = source[0] if isinstance(source[0], Op) else REGISTRY.get(source[0])
                if made is None:
                    raise DeclarationError(
                        f"{name_of(function)}: the residual {word!r} is said to come from {source[0]!r}, which has no "
                        "gradient rule. Give a function that has one, or None if it is constant."
                    )
                sources[word] = (made, *source[1:])
        return sources

    def as_constant(self, word: str, value: Any) -> Any:
        """Refuse to take floats for constant that nobody has called so."""
        number = isinstance(value, np.ndarray | np.generic | float)
        if word in self._unsaid and number and np.asarray(value).dtype.kind == "f":
            raise GraphError(
                f"{self.name}: a derivative of higher order needs to know how the residual {word!r} was computed.\n"
                f"  Write residuals={{{word!r}: (np.cos, \"x\")}} for the values of np.cos at x, or "
                f"residuals={{{word!r}: None}} if it is a constant."
            )
        return value

    def _refuse_strangers(self, function: Function, text: str, rules: Mapping[str, Any]) -> dict[str, Any]:
        for word, rule in rules.items():
            if not isinstance(rule, types.FunctionType) and rule is not None:
                raise DeclarationError(
                    f"{name_of(function)}: {word}={rule!r}: a rule is a lambda, a function or None.\n"
                    f"  Beside the rules for ({text.strip()}), a declaration takes {', '.join(WORDS)}."
                )
        return dict(rules)

    def _check_words(self, what: str, words: tuple[str, ...], options: tuple[str, ...]) -> None:
        for word in words:
            if word in self.options:
                raise self._wrong(
                    f"{what} asks for {word!r}, which has no rule of its own and so is an option.\n"
                    f"  Write lambda g, ..., *, {word}: ...; or declare {word}=None if it is an array "
                    "without a gradient."
                )
        super()._check_words(what, words, options)

    # -- the way forward ---------------------------------------------------------------------------------------

    def _forward(self, function: Function) -> Function:
        """`function`, given the inputs by place and the options by name; what it returns is checked."""
        by_place: list[str] = []
        for name, parameter in self.__signature__.parameters.items():
            if parameter.kind == parameter.KEYWORD_ONLY:
                break
            by_name = parameter.kind != parameter.POSITIONAL_ONLY and not isinstance(function, np.ufunc)
            if by_name and name not in self.inputs:
                break
            by_place.append(name)
        as_given = tuple(by_place) == self.inputs

        def forward(*given: Any, **options: Any) -> Any:
            inputs = [list(map(read_only, x)) if isinstance(x, list) else read_only(x) for x in given]
            try:
                if as_given:
                    result = function(*inputs, **options)
                else:
                    values = dict(zip(self.inputs, inputs, strict=True)) | options
                    result = function(*[values.pop(name) for name in by_place], **values)
                if type(result) is np.ndarray and result.dtype.kind in KINDS and not self.residuals:
                    return result
                return checked_output(self, result)
            except (ValueError, TypeError, IndexError) as error:
                if "read-only" in str(error):
                    error.add_note(f"{self.name} writes into its argument, a tensor's memory: write x * 2, not x *= 2.")
                raise RaisedByUser(error) from None

        forward.__name__ = self.name
        return forward

    def _first_call(self, *args: Any, **kwargs: Any) -> Any:
        if self.tracked:
            self.call = dispatch.build_call(self, self._option)
            # The text of the signature may stand for defaults that can't be written.
            defaults, named = defaults_of(self.__signature__)
            self.call.__defaults__, self.call.__kwdefaults__ = defaults, named
        else:
            self.call = self._call_constant
        return self.call(*args, **kwargs)

    def _call_constant(self, *args: Any, **kwargs: Any) -> Any:
        """Call a function of whose inputs none has a gradient."""
        try:
            arguments = self.__signature__.bind(*args, **kwargs)
        except TypeError as error:
            raise DTypeError(f"{self.name}: {error}.\n  It takes {self.__signature__}.") from None
        arguments.apply_defaults()
        values = arguments.arguments
        given = [type(leaf) is Tensor for leaf in containers.leaves(values)]
        options = {name: self._option(self.name, name, values[name]) for name in self.options}
        out = self.kernel(*(bare(values[name]) for name in self.inputs), **options)
        out = out[0] if self.residuals else out
        return wrap(out) if any(given) else out

    def _option(self, owner: str, name: str, value: Any) -> Any:
        """Refuse a Tensor that wants a gradient where no rule is declared."""
        if any(map(wants_gradient, containers.leaves(value))):
            raise GradientLostError(
                f"{owner}: {name} wants a gradient, and no rule is declared for it.\n"
                f"  Declare {name}=lambda g, ...: ..., or {name}=None to say that no gradient flows into it; "
                f"or pass {name}.detach()."
            )
        return bare(value) if isinstance(value, dict) else dispatch.option(owner, name, value)

    # -- the way back ------------------------------------------------------------------------------------------

    def _first_vjp(self, *args: Any) -> Any:
        scope: dict[str, Any] = {"_restore": restore_axes, "_one_each": list_of_each}
        scope |= {f"_rule_{name}": self._named(name) for name in self.tracked}
        rules = define("vjp", f"<gradient of {self.name}>", self.vjp_source(), scope)

        def vjp(node: Node, saved: tuple[Any, ...], g: Any) -> Any:
            if self.unchecked:
                pending = {name for name, parent, _ in places(self, node) if parent is not None} & self.unchecked
                if pending:
                    with watching(False):  # nobody's steps
                        sound = linear_rules(self, rules, node, bare(saved), bare(g), pending)
                    self.unchecked -= sound
            return checked_results(self, node, rules(node, saved, g), g)

        self.vjp = vjp
        return vjp(*args)

    def _named(self, name: str) -> Function:
        """The rule, which tells its name with whatever it raises."""
        rule = self.rules[name]
        assert rule is not None

        def named(*args: Any, **options: Any) -> Any:
            try:
                return rule(*args, **options)
            except Exception as error:
                error.add_note(f"raised by the gradient rule of {self.name} for {name!r}")
                if "read-only" in str(error):
                    error.add_note("A rule writes into none of its arguments: write g * 2, and not g *= 2.")
                raise

        return named


# -- signatures --------------------------------------------------------------------------------------------------------


def as_text(signature: inspect.Signature) -> str:
    """The parameters as they could stand in a ``def`` line: without annotations, ``...`` for an unwritable default."""
    bare_parameters = [
        p.replace(annotation=p.empty, default=p.default if p.default is p.empty else Written(p.default))
        for p in signature.parameters.values()
    ]
    return str(inspect.Signature(bare_parameters))[1:-1]


class Written:
    """A default, which shows as source."""

    def __init__(self, value: Any) -> None:
        plain = isinstance(value, int | str | None) or (isinstance(value, float) and np.isfinite(value))
        self.text = repr(value) if plain and type(value) in (int, bool, str, float, type(None)) else "..."

    def __repr__(self) -> str:
        return self.text


def defaults_of(signature: inspect.Signature) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The defaults, by place and by name, as a function keeps them."""
    given = [p for p in signature.parameters.values() if p.default is not p.empty]
    named = {p.name: p.default for p in given if p.kind == p.KEYWORD_ONLY}
    return tuple(p.default for p in given if p.name not in named), named
