"""Arrays that print themselves: NumPy's functions called on them write down an expression beside computing the value.

A gradient rule is one NumPy expression. Evaluated on these arrays, named as the user named the values, it says what it
computes, so that pictures and explanations need no table of derivatives beside the rules (`rule_of` in `readings`).

Examples
--------
>>> import numpy as np
>>> from tinygrad_xe.program.expressions import Expression
>>> g, z, y = (Expression(value, name) for value, name in ((1.0, "g"), (1.44, "z"), (1.0, "y")))
>>> np.multiply(1, g) / (1 + np.exp(-z)) - y
expression(g / (1 + exp(-z)) - y)
>>> (g * (z + y)).source()
'g * (z + y)'
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from ..dispatch import REDUCTIONS
from ..op import Op
from . import notation, writing
from .trees import Call, ExpressionError, Name, Number, Tree, call, children
from .writing import as_argument, bare, constant, evaluated, foreign

__all__ = ["Call", "Expression", "ExpressionError", "Name", "Number", "Tree"]

class Expression(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that knows how it was computed.

    Parameters
    ----------
    value : array_like
        The numbers.
    tree : str or Tree, optional
        Its name, or how it was computed. Without it, it is a constant, written by its numbers.

    Attributes
    ----------
    value : ndarray
        The numbers; kept, not copied.
    tree : Tree
        ``Name``, ``Number`` or ``Call``: see `trees`.

    Notes
    -----
    Conditions have their concrete values, so that a branch on them is the one that is taken with these numbers. What
    would take numbers out of an expression, and so forget where they came from, raises an `ExpressionError`.
    """

    __slots__ = ("tree", "value")

    value: np.ndarray[tuple[int, ...], np.dtype[Any]]
    tree: Tree

    def __init__(self, value: Any, tree: str | Tree | None = None) -> None:
        self.value = np.asarray(value)
        if self.value.dtype.kind not in "fiub":
            raise ExpressionError(f"an expression of dtype {self.value.dtype}: expected numbers or truth values.")
        self.tree = constant(self.value) if tree is None else Name(tree) if isinstance(tree, str) else tree

    # -- what it is ----------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.value.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.value.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """dtype of the value."""
        return self.value.dtype

    def __repr__(self) -> str:
        return f"expression({self.text()})"

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Expression]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.value)

    def _taken_out(self, *args: Any, **kwargs: Any) -> Any:
        raise ExpressionError(
            f"{self.text():.60}: its numbers would be taken out, or overwritten, and no longer say how they came about."
        )

    __array__ = __float__ = __int__ = __index__ = __complex__ = __setitem__ = item = tolist = _taken_out

    # -- how it is written -----------------------------------------------------------------------------------------

    def text(self, *, unicode: bool = False) -> str:
        """As plain text, for people.

        Parameters
        ----------
        unicode : bool
            Write σ for sigmoid, and ≤, ≥, ≠.

        Returns
        -------
        str
        """
        return notation.render(self.tree, notation.UNICODE if unicode else notation.TEXT)

    def source(self) -> str:
        """As code: evaluated in the namespace `scope`, with the names bound to their values, it gives the value.

        Returns
        -------
        str
        """
        return notation.render(self.tree, notation.SOURCE)

    # -- NumPy's methods -------------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Expression:
        return Expression(self.value[bare(key)], call(operator.getitem, (self.tree, as_argument(key))))

    def astype(self, dtype: DTypeLike, copy: bool = True) -> Expression:
        """Another dtype."""
        if np.dtype(dtype) == self.dtype:
            return self
        return Expression(self.value.astype(dtype), call(np.astype, (self.tree, np.dtype(dtype))))

    def reshape(self, *shape: Any, order: Any = "C") -> Any:
        """The same elements in another shape."""
        wanted = shape[0] if len(shape) == 1 else shape
        return np.reshape(self, wanted) if order == "C" else np.reshape(self, wanted, order=order)

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order."""
        return np.transpose(self, (axes[0] if len(axes) == 1 else axes) or None)

    @property
    def T(self) -> Any:
        """The axes reversed."""
        return np.transpose(self)

    @property
    def mT(self) -> Any:
        """The last two axes exchanged."""
        return np.matrix_transpose(self)

    if TYPE_CHECKING:  # attached at the end of this file

        def _method(self, *args: Any, **kwargs: Any) -> Any: ...

        sum = mean = prod = max = min = var = std = cumsum = cumprod = any = all = argmax = argmin = argsort = _method
        ravel = swapaxes = squeeze = take = repeat = clip = nonzero = dot = copy = diagonal = trace = _method

    # -- protocols -------------------------------------------------------------------------------------------------

    def __array_ufunc__(self, function: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        """NumPy's protocol for ufuncs (NEP 13)."""
        if any(foreign(value) for value in args):
            return NotImplemented
        kwargs = {key: value for key, value in kwargs.items() if value is not None}
        if method == "__call__":
            return evaluated(function, args, kwargs)
        reduction = REDUCTIONS.get((function, method))
        if reduction is not None:
            return evaluated(reduction, args, {"axis": 0, **kwargs} if len(args) == 1 else kwargs)
        return evaluated(getattr(function, method), args, kwargs)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """NumPy's protocol for its other functions (NEP 18)."""
        if not all(issubclass(kind, Expression | np.ndarray) for kind in types):
            return NotImplemented
        return evaluated(function, args, kwargs)

    def __xe_function__(self, op: Op, args: Any, kwargs: dict[str, Any]) -> Any:
        """The protocol of this library: its operations are written down by name, and not taken apart."""
        return evaluated(op, args, kwargs)


def scope(expression: Expression) -> dict[str, Any]:
    """The names that an expression's source uses beside those of values: np, xe, and operations that are not public.

    Parameters
    ----------
    expression : Expression

    Returns
    -------
    dict
        To be given to ``eval``, together with the values by name.
    """
    found: dict[str, Any] = {"np": np, "xe": notation.package()}
    waiting: list[Any] = [expression.tree]
    while waiting:
        tree = waiting.pop()
        if isinstance(tree, Call) and notation.full_name(tree.function).isidentifier():
            found[notation.full_name(tree.function)] = tree.function
        waiting += children(tree)
    return found


def method_of(function: Any) -> Any:
    """A method that calls NumPy's function of the same name."""

    def method(self: Expression, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__, method.__doc__ = function.__name__, f"See np.{function.__name__}."
    return method


writing.connect(Expression)
_methods: Any = (
    np.sum, np.mean, np.prod, np.max, np.min, np.var, np.std, np.cumsum, np.cumprod, np.any, np.all, np.argmax,
    np.argmin, np.argsort, np.ravel, np.swapaxes, np.squeeze, np.take, np.repeat, np.clip, np.nonzero, np.dot, np.copy,
    np.diagonal, np.trace,
)  # fmt: skip
for _method in _methods:
    setattr(Expression, _method.__name__, method_of(_method))
