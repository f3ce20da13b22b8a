"""Gradients compared with differences of the function: along random directions, to the accuracy that float64 allows."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .containers import leaves, paths, rebuild
from .differences import compare, signed, worst_element
from .dispatch import bare
from .errors import ArgumentError, DTypeError, GradientMismatchError, NonFiniteError
from .transforms import grad, vjp

Array = np.ndarray[Any, np.dtype[Any]]
Function = Callable[..., Any]

#: Relative error that autodiff is allowed, by the coarsest dtype that takes part.
TOLERANCES = {2: 5e-2, 4: 2e-3, 8: 1e-6}


@dataclass(frozen=True)
class Comparison:
    """The derivative of a projection of the function along one direction in one input, computed in two ways.

    Attributes
    ----------
    input : str
        The input, as ``params['w'][0]``.
    order : int
        1 for the gradient of the function, 2 for the gradient of its projected gradient.
    shape, dtype
        Of the input.
    autodiff, difference : float
        The two results.
    error, tolerance : float
        Of autodiff against the difference, relative to the size of the terms that are summed.
    verdict : str
        "ok", "wrong", or "unclear": the differences do not settle on a value.
    element : tuple of int or None
        Where a wrong gradient was found to be wrong.
    element_autodiff, element_difference : float
        The derivative in that element.
    """

    input: str
    order: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    autodiff: float
    difference: float
    error: float
    tolerance: float
    verdict: str
    element: tuple[int, ...] | None = None
    element_autodiff: float = np.nan
    element_difference: float = np.nan

    def where(self) -> str:
        """The element that is wrong, as a user writes it."""
        return f"{self.input}[{', '.join(map(str, self.element))}]" if self.element else self.input


@dataclass(frozen=True, repr=False)
class GradientReport:
    """What `check_gradients` found; printed, it is a table.

    Attributes
    ----------
    function : str
        The name of the function.
    comparisons : tuple of Comparison
        For each input and order, the worst of the directions.
    """

    function: str
    comparisons: tuple[Comparison, ...]

    @property
    def ok(self) -> bool:
        """Whether all gradients agree with the differences."""
        return all(row.verdict == "ok" for row in self.comparisons)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        cells = [("input", "order", "shape", "dtype", "autodiff", "difference", "error", "tolerance", "")]
        cells += [
            (row.input, str(row.order), str(row.shape), str(row.dtype), f"{row.autodiff:.7g}", f"{row.difference:.7g}",
             f"{row.error:.1e}", f"{row.tolerance:.1e}", row.verdict)
            for row in self.comparisons
        ]  # fmt: skip
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
        return "\n".join([f"{self.function}: {self.summary()}", *(f"  {line}" for line in lines)])

    __repr__ = __str__

    def summary(self) -> str:
        """One sentence, of the first comparison that failed."""
        for row in self.comparisons:
            what = "gradient" if row.order == 1 else "second derivative"
            if row.verdict == "wrong":
                if np.isnan(row.element_autodiff):
                    return f"the {what} in {row.where()} is NaN, by differences {row.element_difference:.6g}"
                return (
                    f"the {what} in {row.where()} is {row.element_autodiff:.6g}, "
                    f"by differences {row.element_difference:.6g}"
                )
            if row.verdict == "unclear":
                return f"the differences for the {what} in {row.input} do not settle on a value"
        return "ok"


def check_gradients(
    f: Function,
    *inputs: Any,
    order: int = 1,
    rtol: float | None = None,
    directions: int = 2,
    rng: int | np.random.Generator = 0,
    raise_exception: bool = True,
) -> GradientReport:
    r"""Compare the gradients of `f` with differences of its values.

    A random cotangent :math:`c` makes one number of the function's value, and in each input derivatives along random
    directions :math:`u` are compared:

    .. math:: \langle \nabla_x \langle c, f(x) \rangle, u \rangle \quad\text{with}\quad
              \lim_{h \to 0} \frac{\langle c, f(x + h u) \rangle - \langle c, f(x - h u) \rangle}{2 h}

    With ``order=2`` the same is done to the projected gradient :math:`\langle \nabla \langle c, f \rangle, v \rangle`
    for a random :math:`v`, by differences of first-order gradients.

    Parameters
    ----------
    f : callable
        Takes arrays or Tensors, and returns an array of floats, or a list, tuple or dict of such, nested. Values that
        are not of floats are left out.
    *inputs : array_like of floats, or nested lists, tuples and dicts of arrays
        Where to check. In float32 and float16 the gradients are computed in that dtype, and the differences of the
        same values in float64.
    order : 1 or 2
        Up to which order.
    rtol : float, optional
        The relative error that is allowed: 1e-6, in float32 2e-3, in float16 5e-2. To it is added what the differences
        are uncertain by.
    directions : int
        How many directions in each input.
    rng : int or Generator
        Draws cotangents and directions; the default is the same each time.
    raise_exception : bool
        Whether to raise for a mismatch, or only to return the report.

    Returns
    -------
    GradientReport
        With ``ok``, ``comparisons``, and a table as its text.

    Raises
    ------
    GradientMismatchError
        When a gradient does not agree: with the input, the element that is most wrong, and both numbers; the report is
        its attribute ``report``. Also when the differences do not settle on a value, so that nothing can be said.
    DTypeError
        When an input is not of floats, or `f` returns none.
    NonFiniteError
        When `f` returns NaN or an infinity at the inputs.
    ArgumentError
        When two calls of `f` give different values, or the options make no sense.

    Notes
    -----
    Central differences with steps from a tenth of an element's size down, by halves, are extrapolated to step 0 [1]_,
    and the value with the smallest estimate of its error is taken: about 1e-12 for smooth functions, at 10 to 50 calls
    for each direction.

    At a point where `f` is not differentiable (a kink, a tie, the edge of a domain) the differences are a mean of both
    sides, and a subgradient that is not this mean is reported as wrong. Check beside such points.

    References
    ----------
    .. [1] C. J. F. Ridders, *Accurate computation of F'(x) and F'(x) F''(x)*, Advances in Engineering Software 4,
       75-76 (1982).

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> xe.check_gradients(lambda x, y: np.sin(x) * y, np.array([0.5, 1.0]), 2.0, order=2).ok
    True
    >>> @xe.custom_gradient(x=lambda g, x: g * x)       # the 3 is missing, and a square
    ... def cube(x):
    ...     return x**3
    >>> xe.check_gradients(cube, 2.0)
    Traceback (most recent call last):
    ...
    tinygrad_xe.errors.GradientMismatchError: check_gradients: cube: the gradient in x is 2, by differences 12
      input  order  shape  dtype    autodiff  difference  error    tolerance
      x      1      ()     float64  3.273923  19.64354    8.3e-01  1.0e-06    wrong
    """
    if not callable(f):
        raise DTypeError(f"check_gradients: expected a function, got {type(f).__name__}. Write check_gradients(f, x).")
    if order not in (1, 2):
        raise ArgumentError(f"check_gradients: order is {order!r}; expected 1 or 2.")
    if not inputs:
        raise ArgumentError("check_gradients: there are no inputs to check in. Write check_gradients(f, x).")
    if directions < 1:
        raise ArgumentError(f"check_gradients: directions is {directions}; expected 1 or more.")
    names, arrays = checked_inputs(f, inputs)
    generator = np.random.default_rng(rng)

    def outputs(*given: Any) -> list[Any]:
        return [leaf for leaf in map(as_result, leaves(f(*given))) if leaf.dtype.kind == "f"]

    def at(values: list[Array]) -> Any:
        return rebuild(inputs, values)

    wide = [np.array(a, np.float64) for a in arrays]
    with np.errstate(all="ignore"):
        found, again = ([bare(out) for out in outputs(*at([a.copy() for a in wide]))] for _ in range(2))
    check_outputs(name_of(f), found, again)
    single = sum(out.size for out in found) == 1
    cotangents = [np.ones(out.shape) if single else signed(generator, out.shape) for out in found]
    coarsest = min([a.dtype.itemsize for a in arrays] + [8])
    precision = max(float(np.finfo(out.dtype).eps) for out in found)
    tolerance = TOLERANCES[coarsest] if rtol is None else rtol

    def projection(values: list[Array]) -> tuple[float, float]:
        return summed(cotangents, outputs(*at(values)))

    def gradient(values: list[Array]) -> list[Array]:
        value, pull = vjp(outputs, *at(values))
        return list(map(bare, leaves(pull([c.astype(v.dtype) for c, v in zip(cotangents, value, strict=True)]))))

    single = single and sum(a.size for a in arrays) == 1
    weights = [np.ones(a.shape) if single else signed(generator, a.shape) for a in arrays]

    def projected_gradient(values: list[Array]) -> tuple[float, float]:
        return summed(weights, gradient(values))

    def second(values: list[Array]) -> list[Array]:
        def projected(*given: Any) -> Any:
            value, pull = vjp(outputs, *given)
            pulled = leaves(pull([c.astype(v.dtype) for c, v in zip(cotangents, value, strict=True)]))
            return sum(np.sum(g * w.astype(g.dtype)) for g, w in zip(pulled, weights, strict=True))

        return list(map(bare, leaves(grad(projected, argnums=range(len(inputs)))(*at(values)))))

    comparisons: list[Comparison] = []
    for number, project, differentiate in ((1, projection, gradient), (2, projected_gradient, second))[:order]:
        with np.errstate(all="ignore"):
            found = differentiate([a.copy() for a in arrays])
            for i, name in enumerate(names):
                if not arrays[i].size:
                    continue
                task = project, wide, i, found[i]
                along = [compare(*task, tolerance, precision, generator) for _ in range(directions)]
                worst = max(along, key=lambda row: (row[-1] != "ok", row[2] - row[3]))
                row = Comparison(name, number, arrays[i].shape, arrays[i].dtype, *worst)
                if row.verdict == "wrong":
                    row = replace(row, **worst_element(*task, precision, generator))
                comparisons.append(row)
    report = GradientReport(name_of(f), tuple(comparisons))
    if raise_exception and not report.ok:
        error = GradientMismatchError(f"check_gradients: {report}")
        error.report = report
        raise error
    return report


# -- what comes in, and out of the function ----------------------------------------------------------------------------


def name_of(f: Function) -> str:
    """The name of a function in a message."""
    return str(getattr(f, "__name__", type(f).__name__))


def checked_inputs(f: Function, inputs: tuple[Any, ...]) -> tuple[list[str], list[Array]]:
    """The names of all inputs, and copies of them as arrays."""
    try:
        parameters = [p for p in inspect.signature(f).parameters.values() if p.kind in (0, 1)]
    except (ValueError, TypeError):
        parameters = []
    roots = [parameters[i].name if i < len(parameters) else f"inputs[{i}]" for i in range(len(inputs))]
    names = [path for root, given in zip(roots, inputs, strict=True) for path in paths(given, root)]
    arrays = []
    for name, leaf in zip(names, leaves(inputs), strict=True):
        array = np.array(bare(leaf))
        if array.dtype.kind != "f":
            raise DTypeError(
                f"check_gradients: {name} is {array.dtype}; gradients are of floats.\n"
                f"  Write {name}.astype(float), or lambda ...: f(..., {name}) to leave it constant."
            )
        if not np.isfinite(array).all():
            raise NonFiniteError(f"check_gradients: {name} has NaN or infinite values, where there are no differences.")
        arrays.append(array)
    return names, arrays


def as_result(value: Any) -> Any:
    """A leaf of what the function returned, as something that has a dtype."""
    return value if hasattr(value, "dtype") and hasattr(value, "shape") else np.asarray(value)


def check_outputs(name: str, first: list[Array], again: list[Array]) -> None:
    """Raise unless what the function returned is of floats, finite and the same twice."""
    if not first:
        raise DTypeError(f"check_gradients: {name} returned no floats, so there is nothing to differentiate.")
    for out in first:
        if not np.isfinite(out).all():
            raise NonFiniteError(
                f"check_gradients: {name} returned NaN or infinite values at the inputs: there are no differences."
            )
    same = len(first) == len(again) and all(map(np.array_equal, first, again))
    if not same:
        raise ArgumentError(
            f"check_gradients: two calls of {name} at the same inputs gave different values.\n"
            "  Draw random numbers outside of it, or from a generator that it makes from a seed."
        )


def summed(factors: list[Array], values: list[Any]) -> tuple[float, float]:
    """The sum of products, and that of their absolute values: the size that rounding is relative to."""
    products = [c * np.asarray(bare(v), np.float64) for c, v in zip(factors, values, strict=True)]
    return float(sum(map(np.sum, products))), float(sum(np.sum(np.abs(p)) for p in products))
