"""The array of symbols: an object array of scalars and their algebra, behind NumPy's protocols and methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from ..errors import DTypeError, ShapeError
from . import numpy_functions, scalars
from .algebras import DECISIONS, Algebra
from .scalars import FLOAT, inside, made, scalars_of

#: ufuncs of whole arrays that NumPy computes on objects by their operators.
PRODUCTS = frozenset({"matmul", "vecdot", "matvec", "vecmat"})


class SymbolArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array of scalars of an algebra, which answers NumPy's functions, operators and methods.

    Made by `symbols.array` and `symbols.sympy_array`.

    Parameters
    ----------
    values : ndarray of object
        Scalars of the algebra; kept, not copied.
    algebra : Algebra

    Attributes
    ----------
    values : ndarray of object
        The scalars.
    algebra : Algebra
        What functions do to them.
    dtype : numpy.dtype
        Always float64: what rules and losses may know about real numbers.

    Notes
    -----
    Comparisons give plain boolean arrays; one that can't be decided, as ``x > 0`` for a symbol of unknown sign, raises
    a DTypeError. Results of shape () stay arrays.
    """

    __slots__ = ("algebra", "values")

    values: Any
    algebra: Algebra

    def __init__(self, values: Any, algebra: Algebra) -> None:
        self.values, self.algebra = values, algebra

    # -- what it is --------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self.values.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.values.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.values.size  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """float64, as rules see it."""
        return FLOAT

    def __repr__(self) -> str:
        text = np.array2string(self.values, separator=", ", formatter={"all": str}, prefix="symbols(")
        return f"symbols({text}, {self.algebra.name})"

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[SymbolArray]:
        return (self[i] for i in range(len(self)))

    def item(self) -> Any:
        """The single scalar.

        Raises
        ------
        ShapeError
            When there is more than one.
        """
        if self.size != 1:
            raise ShapeError(f"item: the symbols have shape {self.shape}, {self.size} scalars. Write .tolist().")
        return self.values.item()

    def tolist(self) -> Any:
        """The scalars as nested lists."""
        return self.values.tolist()

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ShapeError(f"bool() of symbols of shape {self.shape} is ambiguous. Write np.any(x) or np.all(x).")
        return bool((self != 0).item())

    def __float__(self) -> float:
        self.item()  # which says where there are several
        return float(self.numpy().item())

    def numpy(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The numbers rounded to float64.

        Raises
        ------
        DTypeError
            When a scalar is not a number.
        """
        rounded = np.empty(self.shape)
        for place in np.ndindex(self.shape):
            try:
                rounded[place] = float(self.values[place])
            except TypeError:
                raise DTypeError(f"symbols: {self.values[place]!s:.80} is not a number. Write x.values.") from None
        return rounded

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Any:
        """The scalars where objects are asked for; nothing is rounded unasked."""
        if dtype is None or np.dtype(dtype) != object:
            raise DTypeError(
                "symbols: an ndarray of floats would keep 16 digits of them, and nothing of a formula.\n"
                "  Write x.values for the array of scalars, x.numpy() for floats, np.stack([...]) of several."
            )
        return self.values.copy() if copy else self.values

    # -- NumPy's methods ---------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> SymbolArray:
        return wrapped(self.values[key], self.algebra)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.values[key] = scalars_of(value, self.algebra)

    def astype(self, dtype: DTypeLike, copy: bool = True) -> Any:
        """The same scalars for a floating-point dtype; truth values for bool.

        Raises
        ------
        DTypeError
            For another dtype.
        """
        wanted = np.dtype(dtype)
        if wanted.kind == "f":
            return self.copy() if copy else self
        if wanted.kind == "b":
            return self != 0
        raise DTypeError(f"astype: exact symbols have no values of dtype {wanted}; write a floating-point dtype.")

    def copy(self) -> SymbolArray:
        """The same scalars in other memory."""
        return wrapped(self.values.copy(), self.algebra)

    @property
    def T(self) -> SymbolArray:
        """The axes reversed."""
        return wrapped(self.values.T, self.algebra)

    @property
    def mT(self) -> SymbolArray:
        """The last two axes exchanged."""
        return wrapped(self.values.mT, self.algebra)

    def reshape(self, *shape: Any, order: Any = "C") -> SymbolArray:
        """The same scalars in another shape, a view where NumPy makes one."""
        return wrapped(self.values.reshape(*shape, order=order), self.algebra)

    def transpose(self, *axes: Any) -> SymbolArray:
        """The axes in another order."""
        return wrapped(self.values.transpose(*axes), self.algebra)

    if TYPE_CHECKING:  # attached at the end of this file

        def _method(self, *args: Any, **kwargs: Any) -> Any: ...

        sum = mean = prod = max = min = var = std = cumsum = cumprod = any = all = argmax = argmin = _method
        ravel = swapaxes = squeeze = take = repeat = clip = nonzero = dot = _method

    # -- NumPy's protocols -------------------------------------------------------------------------------------

    def __array_ufunc__(self, function: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        """NumPy's protocol for ufuncs (NEP 13)."""
        out = kwargs.pop("out", None)
        if any(foreign(value) for value in (*args, *(out or ()))):
            return NotImplemented
        name = function.__name__.removesuffix(" (vectorized)")
        options = {key: value for key, value in kwargs.items() if key in ("axis", "keepdims", "order")}
        if "axes" in kwargs or kwargs.get("where", True) is not True:
            raise DTypeError(f"np.{name}: where= and axes= are not supported for symbols. Write np.where(c, a, b).")
        if kwargs.get("dtype") is not None and np.dtype(kwargs["dtype"]).kind != "f":
            raise DTypeError(f"np.{name}: dtype={kwargs['dtype']} is not one of real numbers, which symbols stand for.")
        if method == "at":
            target, key, *rest = args
            self.algebra.ufunc(name).at(target.values, key, *(scalars_of(r, self.algebra) for r in rest))
            return None
        given = [scalars_of(value, self.algebra) for value in args]
        if name in PRODUCTS:
            values = self.algebra.scalars(function(*given, **options))  # a product over no elements is a plain 0
        elif method in ("__call__", "reduce", "accumulate", "outer"):
            if method == "outer":
                given = [given[0].reshape(given[0].shape + (1,) * given[1].ndim), given[1]]
            call = self.algebra.ufunc(name)
            call = getattr(call, method) if method in ("reduce", "accumulate") else call
            if kwargs.get("initial") is not None:
                options["initial"] = self.algebra.scalar(kwargs["initial"])
            values = call(*given, **options)
        else:
            raise DTypeError(f"np.{name}.{method} is not supported for symbols.")
        if name in DECISIONS:
            values = np.asarray(values).astype(bool)[()]
        if out is None:
            return values if name in DECISIONS else wrapped(values, self.algebra)
        if isinstance(out[0], SymbolArray) == (name in DECISIONS):
            raise DTypeError(f"np.{name}: out= is an array of {out[0].dtype}, which can't hold what it gives.")
        inside(out[0])[...] = values
        return out[0]

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """NumPy's protocol for its other functions (NEP 18)."""
        if not all(issubclass(kind, SymbolArray | np.ndarray) for kind in types):
            return NotImplemented
        return numpy_functions.run(function, self.algebra, args, kwargs)


def foreign(value: Any) -> bool:
    """Whether `value` is of another type that answers NumPy's protocols: a Tensor, a pandas object."""
    return hasattr(type(value), "__array_ufunc__") and not isinstance(value, SymbolArray | np.ndarray | np.generic)


def wrapped(values: Any, algebra: Algebra) -> SymbolArray:
    """A SymbolArray of an object array, or of one scalar."""
    found: SymbolArray = made(values, algebra)
    return found


def method_of(function: Any) -> Any:
    """A method that calls NumPy's function of the same name."""

    def method(self: SymbolArray, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__, method.__doc__ = function.__name__, f"See np.{function.__name__}."
    return method


scalars.connect(SymbolArray)
_methods: Any = (
    np.sum, np.mean, np.prod, np.max, np.min, np.var, np.std, np.cumsum, np.cumprod, np.any, np.all, np.argmax,
    np.argmin, np.ravel, np.swapaxes, np.squeeze, np.take, np.repeat, np.clip, np.nonzero, np.dot,
)  # fmt: skip
for _method in _methods:
    setattr(SymbolArray, _method.__name__, method_of(_method))
