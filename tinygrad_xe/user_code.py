"""A function of the user's: found by ``FILE.py:FUNCTION``, with arguments from the command line or its defaults."""

from __future__ import annotations

import ast
import inspect
import linecache
import os
import sys
import tokenize
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from .errors import ArgumentError, XeError

#: The name of the user's file as a module.
MODULE = "tinygrad_xe_user_file"


def split(text: str) -> tuple[str, str]:
    """The path and the name of ``FILE.py:FUNCTION``.

    Raises
    ------
    ArgumentError
        When there is no such file, or no name.

    Examples
    --------
    >>> split("no_such_file.py:loss")
    Traceback (most recent call last):
    ...
    tinygrad_xe.errors.ArgumentError: there is no file 'no_such_file.py'
    """
    path, _, name = text.rpartition(":")
    if not path or not name.isidentifier():
        raise ArgumentError(f"expected FILE.py:FUNCTION, got {text!r}")
    if not os.path.isfile(path):
        raise ArgumentError(f"there is no file {path!r}")
    return os.path.abspath(path), name


def arguments(text: str) -> list[Any]:
    """The arguments of a call, as they are written between its parentheses; Python literals only.

    Lists of numbers become arrays. Numbers with a point, and arrays of them, are what gradients are computed for;
    whole numbers are constants.

    Raises
    ------
    ArgumentError
        When the text is something else.

    Examples
    --------
    >>> arguments("[0.5, 1.0], {'b': [[1, 2]]}, 3.0")
    [array([0.5, 1. ]), {'b': array([[1, 2]])}, 3.0]
    """
    try:
        call = ast.parse(f"f({text}\n)", mode="eval").body
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)) or call.keywords:
            raise ValueError(text)
        return [as_arrays(ast.literal_eval(node)) for node in call.args]
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise ArgumentError(
            f"{text[:200]!r} are no arguments; expected numbers, lists of numbers in rows of equal length, and dicts "
            "of them, in the order of the parameters, with commas between: '[0.5, 1.0], 3.0'"
        ) from None


def as_arrays(value: Any) -> Any:
    """A literal with arrays for its lists."""
    if isinstance(value, dict):
        return {key: as_arrays(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(map(as_arrays, value))
    if not isinstance(value, list):
        return value
    array = np.array(value)  # raises ValueError for rows of different lengths
    if array.dtype.kind not in "fiub":
        raise ValueError(value)
    return array


@contextmanager
def loaded(path: str) -> Iterator[ModuleType]:
    """Run a file as a module; its folder is on the path, as it is for a script, until the end of the ``with``."""
    module = ModuleType(MODULE)
    module.__file__ = path
    before = list(sys.path)
    linecache.checkcache(path)
    sys.modules[MODULE] = module  # dataclasses look for it there
    sys.path.insert(0, os.path.dirname(path))
    try:
        with tokenize.open(path) as file:
            source = file.read()
        exec(compile(source, path, "exec"), vars(module))
        yield module
    finally:
        sys.path[:] = before
        del sys.modules[MODULE]


def function_of(module: ModuleType, path: str, name: str) -> Callable[..., Any]:
    """The function of this name.

    Raises
    ------
    ArgumentError
        When there is none, with the names of those that there are.
    """
    found: Any = getattr(module, name, None)
    if callable(found):
        return found  # type: ignore[no-any-return]
    mine = [key for key, value in vars(module).items() if inspect.isfunction(value) and value.__module__ == MODULE]
    known = f"it has {', '.join(mine)}" if mine else "it has no functions"
    raise ArgumentError(f"{os.path.basename(path)} has no function {name!r}; {known}")


def with_defaults(function: Callable[..., Any], given: list[Any]) -> list[Any]:
    """The arguments, with the defaults of further parameters up to the last that is an array of floats.

    An array that is passed gets a gradient, one that the function takes from its own defaults is a constant.

    Raises
    ------
    ArgumentError
        When arguments are missing, or there are too many.

    Examples
    --------
    >>> with_defaults(lambda x, w=np.array([1.0]), eps=1e-7: w * x, [2.0])
    [2.0, array([1.])]
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return given
    try:
        signature.bind(*given)
    except TypeError as error:
        name = getattr(function, "__name__", "the function")
        raise ArgumentError(
            f"{name}{signature} was given {len(given)} arguments: {error}.\n  Write --args 'VALUE, VALUE, ...', in the "
            "order of the parameters, or give the parameters defaults."
        ) from None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    rest = [p.default for p in signature.parameters.values() if p.kind in kinds][len(given) :]
    arrays = [k for k, value in enumerate(rest) if isinstance(value, np.ndarray) and value.dtype.kind == "f"]
    return given + rest[: arrays[-1] + 1 if arrays else 0]


def told(error: BaseException, path: str) -> str:
    """An error as the user reads it: with the traceback from the user's file on, if it went through that."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != path:
        trace = trace.tb_next
    if trace is None and isinstance(error, XeError | OSError):
        return f"tinygrad-xe: {error}\n"
    if trace is None and not isinstance(error, SyntaxError):  # ours
        trace = error.__traceback__
    return "".join(traceback.format_exception(type(error), error, trace))
