"""Gradient rules of the user's own: a function and one line for each input, in the form of the library's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .containers import kind
from .custom_checks import Function, name_of
from .custom_op import CustomOp, Residuals
from .errors import DeclarationError


def custom_gradient(
    *misplaced: Any,
    broadcasts: bool = False,
    elementwise: bool = False,
    reduces: str | None = None,
    variadic: str | None = None,
    taken: Mapping[str, Function] | None = None,
    residuals: Residuals | None = None,
    **rules: Function | None,
) -> Callable[[Function], CustomOp]:
    """Give a function gradient rules of its own, one for each input.

    A rule is a lambda that is linear in ``g``, the cotangent of the output, and returns the cotangent of its input. Its
    other parameters say what it needs: ``out``, inputs by name, ``<input>_shape``, residuals; options of the function
    after a bare ``*``. Written with NumPy's functions, a rule can be differentiated again.

    Parameters
    ----------
    **rules : callable or None
        A rule for each input that is an array, by its name; None where no gradient flows. The parameters that are not
        named are options: anything but a Tensor that wants a gradient.
    broadcasts : bool
        The inputs broadcast against each other. A rule then returns the shape of the output, and sums over the axes
        along which its input was repeated are taken for it.
    elementwise : bool
        Each element of the output depends on the elements in its own place only.
    reduces : str, optional
        The input that is reduced over the option ``axis``. Rules then get ``g`` and ``out`` with the reduced axes of
        length 1, and what they return is repeated along them.
    variadic : str, optional
        The input that is a sequence of arrays; its rule returns a list with one cotangent for each.
    taken : dict of str to callable, optional
        For an input, a boolean array of the places where the output depends on it, from the same words as a rule: what
        flows back into the others is cut off even where it is NaN.
    residuals : str, list of str, or dict, optional
        Names of further values that the function returns after its output, for the rules alone. They are constants to
        derivatives of higher order (indices, masks, random draws), unless a dict tells of which function and inputs
        one is the value: ``{"p": (xe.sigmoid, "x")}``.

    Returns
    -------
    callable
        A decorator. What it returns is called as the function is, with arrays or Tensors; the function itself gets
        plain arrays.

    Raises
    ------
    DeclarationError
        When a rule asks for an unknown word or is given for something that is no parameter; and when a rule is first
        used, if it is not linear in ``g``.
    GradientLostError
        When a Tensor that wants a gradient is passed where no rule was declared.
    ShapeError, DTypeError
        When the function or a rule returns what can't be used.

    See Also
    --------
    op : The same with the signature as text, for NumPy's functions.
    check_gradients : Compares rules with differences.

    Notes
    -----
    The check of linearity evaluates a rule three times more, once. A Tensor that a rule takes from outside, and not by
    a parameter, is a constant in the first derivative.

    Examples
    --------
    log(1 + exp(x)) is inf for large x, and its derivative then NaN; with two lines of our own it is right:

    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> @xe.custom_gradient(x=lambda g, x: g * xe.sigmoid(x))
    ... def log1pexp(x):
    ...     return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    >>> x = xe.tensor([0.0, 1000.0], requires_grad=True)
    >>> log1pexp(x).sum().backward()
    >>> x.grad
    array([0.5, 1. ])
    >>> log1pexp
    <op log1pexp(x)>
    """
    if misplaced:
        raise DeclarationError(
            "custom_gradient: takes rules by name, and came without, or with something in front of them.\n"
            "  Write @xe.custom_gradient(x=lambda g, out: g * out) above the function; the function itself returns its "
            "value alone."
        )
    attributes = dict(broadcasts=broadcasts, elementwise=elementwise, reduces=reduces, variadic=variadic, taken=taken)

    def decorate(function: Function) -> CustomOp:
        if not callable(function):
            raise DeclarationError(f"custom_gradient: decorates a function, got {kind(function)}.")
        try:
            signature = None if isinstance(function, np.ufunc) else inspect.signature(function)
        except ValueError:
            signature = None
        if signature is None:
            raise DeclarationError(
                f"{name_of(function)}: it does not tell its parameters.\n"
                f"  Write xe.op({name_of(function)}, \"x, *, option=0\", x=lambda g, ...: ...)."
            )
        return CustomOp(function, signature, rules, residuals=residuals, **attributes)

    return decorate


def op(
    function: Function,
    signature: str,
    /,
    *,
    broadcasts: bool = False,
    elementwise: bool = False,
    reduces: str | None = None,
    variadic: str | None = None,
    taken: Mapping[str, Function] | None = None,
    residuals: Residuals | None = None,
    **rules: Function | None,
) -> CustomOp:
    """Make a differentiable function of one whose parameters are told as text: of NumPy's functions, of any other.

    `function` itself stays as it was, and NumPy's functions called with Tensors do not find the rules: call what this
    returns.

    Parameters
    ----------
    function : callable
        Called with plain arrays: the inputs by place as far as they come first, all else by name. What comes before
        a ``/`` in `signature` is given by place, as are all parameters of a ufunc.
    signature : str
        The parameters, as they would stand in a ``def`` line; defaults are numbers, strings or of ``np``.
    broadcasts, elementwise, reduces, variadic, taken, residuals, **rules
        As for `custom_gradient`.

    Returns
    -------
    callable
        Takes arrays or Tensors.

    Raises
    ------
    DeclarationError, GradientLostError, ShapeError, DTypeError
        As for `custom_gradient`.

    Examples
    --------
    The Bessel function J0 is the mean of cos(x sin t) over t; its derivative is the mean of -sin(x sin t) sin(t).

    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> t = np.linspace(0, np.pi, 200, endpoint=False)
    >>> def mean_cosine(x):
    ...     return np.cos(np.multiply.outer(x, np.sin(t))).mean(axis=-1)
    >>> j0 = xe.op(mean_cosine, "x", x=lambda g, x: -g * np.mean(np.sin(x[..., None] * np.sin(t)) * np.sin(t), axis=-1))
    >>> x = xe.tensor([0.0, 1.0], requires_grad=True)
    >>> j0(x).sum().backward()
    >>> x.grad.round(6)
    array([-0.      , -0.440051])
    """
    if not callable(function) or not isinstance(signature, str):
        raise DeclarationError(
            f"op: takes a function and its parameters as text, got {kind(function)} and {kind(signature)}.\n"
            '  Write xe.op(np.hypot, "a, b", a=lambda g, ...: ..., b=lambda g, ...: ...).'
        )
    return CustomOp(
        function, signature, rules, residuals=residuals, broadcasts=broadcasts, elementwise=elementwise,
        reduces=reduces, variadic=variadic, taken=taken,
    )  # fmt: skip
