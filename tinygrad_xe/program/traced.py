"""The array that writes down what is done to it: NumPy's protocols, operators and methods, with the concrete value."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from ..dispatch import REDUCTIONS
from ..graph import PACKAGE, inside
from ..op import COMPOSED
from .primitives import scatter_add, setitem
from .registry import FULL_NAMES
from .trees import by_name
from .values import Value

#: Functions that ask for a shape or a dtype, which a program fixes, and those that print.
ASKING = frozenset({
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj, np.array2string,
    np.array_repr, np.array_str, np.may_share_memory, np.shares_memory, np.common_type, np.min_scalar_type,
})  # fmt: skip

#: Functions that take the shape and the dtype of their argument alone.
CREATING = frozenset({np.zeros_like, np.ones_like, np.empty_like})

#: Parameters of ``ufunc.reduce`` and ``ufunc.accumulate`` after the array, in their order.
REDUCE = ("axis", "dtype", "out", "keepdims", "initial", "where")

#: The file through which a user's own decision on a Tensor comes.
TENSOR = PACKAGE + "tensor.py"


class Traced(np.lib.mixins.NDArrayOperatorsMixin):
    """An array and the value of a program that it stands for.

    Parameters
    ----------
    tape : Tape
        Writes the program down.
    step : Value
    value : ndarray, NumPy scalar or float
        What it is in the run that is traced.
    """

    __slots__ = ("__weakref__", "step", "tape", "value")
    __array_priority__ = 900.0
    __hash__ = object.__hash__

    step: Value
    value: Any

    def __init__(self, tape: Any, step: Value, value: Any) -> None:
        self.tape, self.step, self.value = tape, step, value

    # -- what it is ------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return np.shape(self.value)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return np.ndim(self.value)

    @property
    def size(self) -> int:
        """Number of elements."""
        return np.size(self.value)

    @property
    def dtype(self) -> np.dtype[Any]:
        """dtype of the value."""
        return self.value.dtype if hasattr(self.value, "dtype") else np.dtype(type(self.value))

    def __repr__(self) -> str:
        return f"traced({np.array2string(np.asarray(self.value), separator=', ', prefix='traced(')})"

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    # -- leaving the program -----------------------------------------------------------------------------------------

    def _taken_out(self, what: str, instead: str) -> Any:
        """The concrete value for the library's own checks; an error for a decision of the user's."""
        if self.tape.open and self.tape.decided(self):
            return self.value
        file = sys._getframe(2).f_code.co_filename
        if self.tape.open and (file == TENSOR or not inside[file] or not file.startswith(PACKAGE)):
            raise self.tape.error(f"{what} of a traced value: the program would hold for this one value only.", instead)
        return self.value

    def __bool__(self) -> bool:
        return bool(self._taken_out("a Python decision (if, while, and, bool())", "Write np.where(condition, a, b)."))

    def __float__(self) -> float:
        return float(self._taken_out("float()", "Write np.exp(x) for math.exp(x), and leave x an array."))

    def __int__(self) -> int:
        return int(self._taken_out("int()", "Write np.floor(x), and leave x an array."))

    def __index__(self) -> int:
        return operator.index(self._taken_out("an index", "Write np.take(a, i, axis=0) for a[i]."))

    def item(self) -> Any:
        """The single number: not while a program is written down."""
        return np.asarray(self._taken_out(".item()", "Return the value, and look at it outside.")).item()

    def tolist(self) -> Any:
        """The numbers as lists: not while a program is written down."""
        return np.asarray(self._taken_out(".tolist()", "Return the value, and look at it outside.")).tolist()

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Any:
        if self.tape.open:
            advice = "Write NumPy's function of the array itself; np.stack([a, b]) for np.array([a, b])."
            raise self.tape.error("an array of numbers is made of a traced value, which the program loses.", advice)
        return np.array(self.value, dtype, copy=copy)

    # -- NumPy's methods ---------------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        return self.tape.record(operator.getitem, (self, key))

    def __setitem__(self, key: Any, value: Any) -> None:
        if key is Ellipsis:
            self.tape.write(self, value)
        else:
            self.tape.write(self, self.tape.record(setitem, (self, key, value)))

    def astype(self, dtype: DTypeLike, copy: bool = True) -> Any:
        """Another dtype."""
        wanted = np.dtype(dtype)
        return self if wanted == self.dtype and not copy else self.tape.record(np.astype, (self, wanted))

    def copy(self) -> Any:
        """The same numbers in other memory."""
        return self.tape.record(np.copy, (self,))

    def reshape(self, *shape: Any, order: Any = "C") -> Any:
        """The same elements in another shape."""
        wanted = shape[0] if len(shape) == 1 else shape
        return np.reshape(self, wanted) if order == "C" else np.reshape(self, wanted, order=order)

    def flatten(self) -> Any:
        """A copy with one axis."""
        return self.reshape(-1).copy()

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order."""
        wanted = (axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes) or None
        return np.transpose(self) if wanted is None else np.transpose(self, wanted)

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
        ravel = swapaxes = squeeze = take = repeat = clip = nonzero = dot = diagonal = trace = round = _method
        conj = conjugate = searchsorted = _method

    # -- protocols -----------------------------------------------------------------------------------------------------

    def __array_ufunc__(self, function: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        """NumPy's protocol for ufuncs (NEP 13)."""
        if any(foreign(value) for value in args):
            return NotImplemented
        out = kwargs.pop("out", None)
        tape = self.tape if isinstance(self, Traced) else None
        if method == "at":
            return self._at(function, *args)
        if method == "__call__":
            found = tape.record(function, args, {key: v for key, v in kwargs.items() if v is not None})
        elif method == "outer":
            a, b = args
            found = tape.record(function, (np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b), kwargs)
        else:
            kwargs |= dict(zip(REDUCE, args[1:]))
            kwargs = {key: v for key, v in kwargs.items() if key == "axis" or (v is not None and v is not np._NoValue)}
            known = REDUCTIONS.get((function, method))
            if known is None:
                raise tape.error(f"np.{function.__name__}.{method} is not a call that a program can hold.",
                                 f"Write it with np.{function.__name__}, np.sum, np.prod, np.max or np.min.")
            kwargs.setdefault("axis", 0)
            if not kwargs.get("keepdims", True):
                del kwargs["keepdims"]
            if kwargs["axis"] is None:
                del kwargs["axis"]
            found = tape.record(known, args[:1], kwargs)
        return found if out is None else tape.write(out[0], found)

    def _at(self, function: Any, target: Any, key: Any, *values: Any) -> None:
        """``np.add.at``."""
        if function is not np.add:
            raise self.tape.error(f"np.{function.__name__}.at is not a call that a program can hold.",
                                  "Write np.add.at, or xe.scatter_add.")
        added = self.tape.record(scatter_add, (values[0], key, np.shape(target)))
        self.tape.write(target, target + added)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """NumPy's protocol for its other functions (NEP 18)."""
        if not all(issubclass(kind, Traced | np.ndarray) for kind in types):
            return NotImplemented
        if function in ASKING:
            return function(*concrete(args), **concrete(kwargs))
        if function in CREATING:
            return self.tape.constant(function(*concrete(args), **concrete(kwargs)))
        if function is np.copyto:
            if kwargs.get("where", True) is not True:
                raise self.tape.error("np.copyto with where= is not traced.", "Write np.where(mask, v, x).")
            self.tape.write(*args)
            return None
        if function in COMPOSED and function not in FULL_NAMES:
            return COMPOSED[function](*args, **kwargs)
        out = kwargs.pop("out", None)
        found = self.tape.record(function, *by_name(function, args, kwargs))
        return found if out is None else self.tape.write(out, found)


def foreign(value: Any) -> bool:
    """Whether `value` is of another type that answers NumPy's protocols: a Tensor, a pandas object."""
    return hasattr(type(value), "__array_ufunc__") and not isinstance(value, Traced | np.ndarray | np.generic)


def concrete(value: Any) -> Any:
    """The values of the run that is traced, also in lists, tuples, dicts and slices."""
    kind = type(value)
    if kind is Traced:
        return value.value
    if kind is tuple:
        return tuple([concrete(item) for item in value])
    if kind is list:
        return [concrete(item) for item in value]
    if kind is dict:
        return {key: concrete(item) for key, item in value.items()}
    if kind is slice:
        return slice(concrete(value.start), concrete(value.stop), concrete(value.step))
    return value


def method_of(function: Any) -> Any:
    """A method that calls NumPy's function of the same name."""

    def method(self: Traced, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__, method.__doc__ = function.__name__, f"See np.{function.__name__}."
    return method


_methods: Any = (
    np.sum, np.mean, np.prod, np.max, np.min, np.var, np.std, np.cumsum, np.cumprod, np.any, np.all, np.argmax,
    np.argmin, np.argsort, np.ravel, np.swapaxes, np.squeeze, np.take, np.repeat, np.clip, np.nonzero, np.dot,
    np.diagonal, np.trace, np.round, np.conjugate, np.searchsorted,
)  # fmt: skip
for _method in _methods:
    setattr(Traced, _method.__name__, method_of(_method))
Traced.conj = Traced.conjugate
