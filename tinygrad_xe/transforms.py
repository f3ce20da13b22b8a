"""Functions of functions: grad, value_and_grad, vjp, jvp, hvp, jacobian, hessian, and stop_gradient.

Each runs ``f`` on fresh leaves in the place of the arrays that it differentiates in, and sweeps back to them. Where an
array is itself being differentiated outside, its fresh leaf is joined to it, and the sweep is recorded: so transforms
nest to any order, and none mistakes another's variable for its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .containers import kind, leaves, rebuild
from .errors import DTypeError, ShapeError
from .pullback import Pullback, positions
from .tensor import Tensor

Function = Callable[..., Any]


def grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    r"""Make the function that computes the gradient of `f`.

    .. math:: (\nabla f)_j = \partial f / \partial x_j

    Parameters
    ----------
    f : callable
        Its value is a single number: a Tensor or array of one element.
    argnums : int or sequence of int
        The positional arguments to differentiate in: arrays of floats, or lists, tuples and dicts of them, nested.
        Other arguments, and those given by keyword, are handed on.
    has_aux : bool
        `f` returns ``(value, aux)``; aux is returned with the gradient and not differentiated.

    Returns
    -------
    callable
        With the arguments of `f`; it returns the gradient, with the containers, shapes and dtypes of the argument, or
        a tuple of such for several `argnums`; with `has_aux`, ``(gradient, aux)``. Given Tensors it returns Tensors.
        Where anything that `f` reaches, closures included, requires grad, the gradient can be differentiated in it.
        ``.grad`` of a Tensor is never touched.

    Raises
    ------
    ShapeError
        When `f` returns more than one number; see `jacobian`.
    DTypeError
        When an argument to differentiate in is not of floats, or `f` is not a function.
    ArgumentError
        When there is no argument of a number in `argnums`.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.grad(lambda w: np.sum(w**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    >>> xe.grad(xe.grad(xe.grad(np.tanh)))(0.0)
    np.float64(-2.0)
    >>> xe.grad(lambda p, x: p["a"] * x + p["b"])({"a": 2.0, "b": 1.0}, 3.0)
    {'a': np.float64(3.0), 'b': np.float64(1.0)}
    """
    return gradient("grad", f, argnums, has_aux)


def value_and_grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """Make the function that computes the value of `f` and its gradient, at the cost of the gradient.

    Parameters
    ----------
    f, argnums, has_aux
        See `grad`.

    Returns
    -------
    callable
        It returns ``(value, gradient)``; with `has_aux`, ``((value, aux), gradient)``.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.value_and_grad(lambda w: np.sum(w**2))(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    """
    check_function("value_and_grad", f)
    argnums = positions("value_and_grad", argnums)

    @functools.wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        run = Pullback("value_and_grad", f, args, kwargs, argnums, has_aux)
        found = run.arguments(run.pull([one(run)]))
        return ((run.value(), run.aux()), found) if has_aux else (run.value(), found)

    return value_and_gradient


def vjp(f: Function, *primals: Any, has_aux: bool = False) -> Any:
    r"""The value of `f`, and the function that carries cotangents of it back to its arguments.

    .. math:: \mathrm{pull}(g) = J^T g, \quad J = \partial f / \partial x

    Parameters
    ----------
    f : callable
        Its value is an array of floats, or a list, tuple or dict of such, nested.
    *primals
        All arguments of `f`; it is differentiated in each.
    has_aux : bool
        `f` returns ``(value, aux)``.

    Returns
    -------
    value
        What `f` returns.
    pull : callable
        Takes a cotangent, with the containers and shapes of the value, and returns a tuple of the cotangents of the
        arguments. It can be called any number of times.
    aux
        With `has_aux` only.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> value, pull = xe.vjp(lambda a, b: a * b, np.array([1.0, 2.0]), 3.0)
    >>> value
    array([3., 6.])
    >>> pull(np.array([1.0, 10.0]))
    (array([ 3., 30.]), np.float64(21.0))
    """
    check_function("vjp", f)
    run = Pullback("vjp", f, primals, {}, range(len(primals)), has_aux)

    def pull(cotangent: Any) -> Any:
        return run.arguments(run.pull(run.cotangents(cotangent)))

    # Copies of plain arrays: the graph, which stays in use, may have saved them.
    value = rebuild(run.out, [x.copy() if type(x) is np.ndarray else x for x in leaves(run.value())])
    return (value, pull, run.aux()) if has_aux else (value, pull)


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    r"""The value of `f`, and its derivative along a direction: forward mode.

    .. math:: J\,v = \lim_{h \to 0} \frac{f(x + h v) - f(x)}{h}

    It is the vjp of the vjp, which is linear in the cotangent.

    Parameters
    ----------
    f : callable
    primals : tuple or list
        The arguments of `f`.
    tangents : tuple or list
        For each of them a direction, of its containers and shapes.
    has_aux : bool
        `f` returns ``(value, aux)``.

    Returns
    -------
    value, tangent
        Of one shape; with `has_aux` also aux.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.jvp(np.sin, (0.0,), (2.0,))
    (np.float64(0.0), np.float64(2.0))
    """
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, tuple | list):
            raise DTypeError(
                f"jvp: {name} is {kind(given)}; expected a tuple with one for each argument of f.\n"
                "  Write jvp(f, (x,), (v,))."
            )
    check_function("jvp", f)
    run = Pullback("jvp", f, tuple(primals), {}, range(len(primals)), has_aux)
    tangent = rebuild(run.out, run.transposed().pull(run.tangents(tangents)))
    return (run.value(), tangent, run.aux()) if has_aux else (run.value(), tangent)


def hvp(f: Function, x: Any, v: Any) -> Any:
    r"""Product of the Hessian of `f` with `v`, without the matrix: at the cost of about three gradients.

    .. math:: H v = \nabla\,(\nabla f \cdot v)

    Parameters
    ----------
    f : callable
        Of one argument; its value is a single number.
    x : array or nested list, tuple or dict of arrays
    v : like x

    Returns
    -------
    like x

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """
    run = Pullback("hvp", gradient("hvp", f, 0, False), (x,), {}, 0, False)
    return run.arguments(run.pull(run.cotangents(v, "v")))


def jacobian(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    r"""Make the function that computes the Jacobian of `f`.

    .. math:: J_{ij} = \partial f_i / \partial x_j

    The rows are swept back together, in one batch; where the value has at least twice as many elements as the
    arguments, the columns are, in forward mode.

    Parameters
    ----------
    f : callable
        Its value is an array of floats, or a list, tuple or dict of such, nested.
    argnums, has_aux
        See `grad`.

    Returns
    -------
    callable
        It returns an array with the shape of the value followed by the shape of the argument; for containers the
        containers of the value, and in each place those of the argument.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return jacobian_of("jacobian", f, argnums, has_aux)


def hessian(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    r"""Make the function that computes the Hessian of `f`: the Jacobian of the gradient.

    .. math:: H_{ij} = \partial^2 f / \partial x_i \partial x_j

    Parameters
    ----------
    f : callable
        Its value is a single number.
    argnums, has_aux
        See `grad`.

    Returns
    -------
    callable
        It returns an array with the shape of the argument twice; for containers and several `argnums`, the structure
        of the gradient, and in each place that of the arguments.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 2.0]))
    array([[4., 6.],
           [6., 0.]])
    """
    return jacobian_of("hessian", gradient("hessian", f, argnums, has_aux), argnums, has_aux)


def stop_gradient(x: Any) -> Any:
    """`x` as a constant: no gradient flows through it.

    Parameters
    ----------
    x : Tensor, array, or nested list, tuple or dict of such

    Returns
    -------
    like x
        Tensors without a history; all else as it is.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> xe.grad(lambda x: xe.stop_gradient(x) * x)(3.0)
    np.float64(3.0)
    """
    return rebuild(x, [leaf.detach() if isinstance(leaf, Tensor) else leaf for leaf in leaves(x)])


def gradient(who: str, f: Function, argnums: int | Sequence[int], has_aux: bool) -> Function:
    """`grad`, on behalf of `who`."""
    check_function(who, f)
    argnums = positions(who, argnums)

    @functools.wraps(f)
    def gradient_of(*args: Any, **kwargs: Any) -> Any:
        run = Pullback(who, f, args, kwargs, argnums, has_aux)
        found = run.arguments(run.pull([one(run)]))
        return (found, run.aux()) if has_aux else found

    return gradient_of


def jacobian_of(who: str, f: Function, argnums: int | Sequence[int], has_aux: bool) -> Function:
    """`jacobian`, on behalf of `who`."""
    check_function(who, f)
    argnums = positions(who, argnums)

    @functools.wraps(f)
    def jacobian_at(*args: Any, **kwargs: Any) -> Any:
        run = Pullback(who, f, args, kwargs, argnums, has_aux)
        found = rebuild(run.out, [run.arguments(row) for row in run.jacobian()])
        return (found, run.aux()) if has_aux else found

    return jacobian_at


def check_function(who: str, f: Any) -> None:
    """Raise if `f` can't be called, as where its value is given in its place."""
    if not callable(f):
        raise DTypeError(
            f"{who}: expected a function, got {kind(f)}.\n  Write xe.{who}(f)(x) for a function f of x, not f(x)."
        )


def one(run: Pullback) -> Any:
    """The cotangent 1 of a value that is a single number."""
    out = run.out
    if type(out) is Tensor and out.size == 1:
        return np.ones(out.shape, out.dtype)
    if len(run.outs) != 1 or out is not run.outs[0]:
        aux = " With has_aux=True it may return (value, aux)." if isinstance(out, tuple) and len(out) == 2 else ""
        raise ShapeError(f"{run.who}: the function returned {kind(out)}; expected a single number.{aux}")
    if np.size(out) != 1:
        raise ShapeError(
            f"{run.who}: the function returned shape {np.shape(out)}; expected a single number.\n"
            "  Write np.sum(...) or np.mean(...) of it, or xe.jacobian for the derivative of each element."
        )
    return np.ones(np.shape(out))  # a constant
