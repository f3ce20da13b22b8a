"""The Tensor: an array and its node in the graph, with NumPy's operators and methods."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from . import backward as engine
from . import dispatch
from .dispatch import bare
from .errors import DTypeError, GradientLostError, GraphError, ShapeError
from .graph import RELEASED, Argument, Leaf, Node, clock, label, mode, place
from .op import COMPARISONS
from .ops import elementwise, index, linalg, reduce
from .ops import shape as shapes

Array = np.ndarray[Any, np.dtype[Any]]


class Tensor:
    """An array that remembers how it was computed. Make one with `tensor`.

    NumPy's functions and operators work on it and return Tensors; ``backward()`` on a result fills ``grad`` of the
    Tensors that it was computed from and that were made with ``requires_grad=True``.

    Attributes
    ----------
    data : ndarray
        The values, as a read-only view.
    grad : ndarray, Tensor or None
        What ``backward()`` has accumulated; a Tensor after ``backward(create_graph=True)``. None until then.
    requires_grad : bool
        Whether operations on this Tensor are recorded.
    name : str or None
        For messages and pictures.
    """

    __slots__ = ("__weakref__", "_data", "_grad", "_name", "_origin", "node")
    __array_priority__ = 1000.0
    __pandas_priority__ = 5000  # pandas objects leave operators to the Tensor
    __hash__ = object.__hash__
    _data: Any  # an array, or the NumPy scalar that an operation on 0-d arrays makes
    node: Node | None

    def __init__(self, data: ArrayLike | Tensor, requires_grad: bool = False, name: str | None = None) -> None:
        self._data = as_data("tensor", data)
        self.node = self._grad = None
        self._name = name
        if requires_grad:
            self._become_leaf()

    def __init_subclass__(cls) -> None:
        raise DTypeError(
            f"class {cls.__name__}(Tensor): a Tensor can't be subclassed, since results are always plain Tensors.\n"
            "  Hold a tensor as an attribute, and write functions of tensors."
        )

    # -- the array ---------------------------------------------------------------------------------------------

    @property
    def data(self) -> Array:
        """The values, as a read-only view; see `assign` for changing them."""
        if mode.tape is not None:
            return self._values()  # type: ignore[no-any-return]
        view = np.asarray(self._data).view()
        view.flags.writeable = False
        return view

    def numpy(self) -> Array:
        """A copy of the values as an ndarray, without a gradient."""
        return np.array(self._values())

    def _values(self) -> Any:
        """The array, or what stands for it in the program that is being written down."""
        return self._data if mode.tape is None else mode.tape.lifted(self)._data

    def item(self) -> float | int | bool:
        """The single value as a Python number, without a gradient."""
        if self._data.size != 1:
            raise ShapeError(f"item: {self._label()} has shape {self.shape}, {self.size} values. Write t.tolist().")
        return self._values().item()  # type: ignore[no-any-return]

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers, without a gradient."""
        return self._values().tolist()

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self._data.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._data.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._data.size  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy dtype of the values, and of the gradient."""
        return self._data.dtype  # type: ignore[no-any-return]

    def __len__(self) -> int:
        if not self.shape:
            raise DTypeError("len: a tensor of shape () has no length.")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.shape:
            raise DTypeError("a tensor of shape () can't be iterated over. Write t.item() for its value.")
        return (self[i] for i in range(self.shape[0]))

    # -- the graph ---------------------------------------------------------------------------------------------

    @property
    def name(self) -> str | None:
        """The name in messages and pictures."""
        return getattr(self, "_name", None)

    @name.setter
    def name(self, name: str | None) -> None:
        self._name = name
        if self.node is not None and name is not None:
            self.node.name = name
        elif self.node is not None and hasattr(self.node, "name"):
            del self.node.name

    @property
    def origin(self) -> Node | None:
        """The comparison that a boolean Tensor came from."""
        return getattr(self, "_origin", None)

    @origin.setter
    def origin(self, node: Node | None) -> None:
        self._origin = node

    @property
    def is_leaf(self) -> bool:
        """Whether the Tensor was made by the user and not by a recorded operation."""
        return self.node is None or self.node.op is None

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this Tensor are recorded; can be set on leaves."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if not self.is_leaf:
            raise GraphError(f"requires_grad: {self._label()} was computed. Write t.detach() first.")
        if not wanted:
            self.node = None
        elif self.node is None:
            self._data = np.array(self._data)  # perhaps the memory of a computed tensor, which assigning must not reach
            self._become_leaf()

    def _become_leaf(self) -> None:
        if self.dtype.kind != "f":
            raise DTypeError(
                f"tensor: requires_grad=True needs floating-point values, got {self.dtype}.\n"
                "  A derivative in whole numbers has no meaning. Write xe.tensor(x.astype(float), requires_grad=True)."
            )
        self.node = Leaf(self, self._data)
        if self.name is not None:
            self.node.name = self.name

    @property
    def grad(self) -> Any:
        """The accumulated gradient; assign None to reset it, or an array for backward to add to."""
        return getattr(self, "_grad", None)

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if not isinstance(value, np.ndarray | Tensor):
                raise DTypeError(f"grad: got a {type(value).__name__}; expected an array or None.")
            if value.shape != self.shape:
                raise ShapeError(f"grad: got shape {value.shape}; {self._label()} has shape {self.shape}.")
            if value.dtype != self.dtype:
                raise DTypeError(f"grad: got {value.dtype}; {self._label()} is {self.dtype}. Write g.astype(t.dtype).")
            if isinstance(value, np.ndarray) and not value.flags.writeable:
                raise GraphError("grad: got a read-only array, but backward() adds to it in place. Write g.copy().")
        self._grad = value

    def zero_grad(self) -> None:
        """Reset the gradient to None."""
        self._grad = None

    def detach(self) -> Tensor:
        """A Tensor with the same values and no history: no gradient flows through it."""
        data = self._values()
        return on_node(data if self.node is None or self.node.op is not None else data.copy(), None)

    def backward(self, gradient: Any = None, *, retain_graph: bool = False, create_graph: bool = False) -> None:
        """Compute the gradient of this Tensor in every leaf that it depends on, and add it to their ``grad``.

        Parameters
        ----------
        gradient : array_like, optional
            Cotangent of this Tensor, of its shape. Can be left out for a single value, where it is 1.
        retain_graph : bool
            Keep the graph for another ``backward()``.
        create_graph : bool
            Record the computation of the gradients, so that they can be differentiated; keeps the graph too.

        Raises
        ------
        GraphError
            When nothing was recorded, the graph was used up, or an array in it was changed since.
        ShapeError
            When `gradient` is missing for more than one value, or has another shape.

        Notes
        -----
        ``grad`` is written only after the whole sweep has succeeded. An array that is already there is added to in
        place.

        Examples
        --------
        >>> import tinygrad_xe as xe
        >>> x = xe.tensor([1.0, 2.0], requires_grad=True)
        >>> (x ** 3).sum().backward()
        >>> x.grad
        array([ 3., 12.])
        """
        node = self.node
        if node is None:
            raise GraphError(
                f"backward: {self._label()}, shape {self.shape}, has no graph: nothing that it was computed from has\n"
                "  requires_grad=True, or it was computed under no_grad(), or by a function without a gradient\n"
                "  (a comparison, argmax, sign). Write xe.tensor(..., requires_grad=True)."
            )
        if gradient is not None:
            gradient = self._as_cotangent(gradient, create_graph)
        elif self._data.size == 1:
            gradient = one_like(self._data)
        else:
            raise ShapeError(
                f"backward: {label(node)} has shape {self.shape}{made_at(node)}.\n"
                "  A gradient belongs to a single value. Write t.sum().backward(), or t.backward(np.ones(t.shape))."
            )
        if create_graph and not isinstance(gradient, Tensor):
            gradient = on_node(gradient, None)
        leaves = engine.pull(node, gradient, create_graph=create_graph, retain_graph=retain_graph)
        accumulate(leaves, gradient)

    def _as_cotangent(self, gradient: Any, create_graph: bool) -> Any:
        if not (create_graph and isinstance(gradient, Tensor)):
            gradient = as_data("backward: the gradient", bare(gradient), copy=None)
        if gradient.shape != self.shape:
            raise ShapeError(
                f"backward: the gradient has shape {gradient.shape}, {self._label()} has shape {self.shape}. "
                "They must agree."
            )
        return gradient if gradient.dtype == self.dtype else gradient.astype(self.dtype)

    def register_hook(self, hook: Callable[[Any], Any]) -> Callable[[], None]:
        """Call ``hook(gradient)`` when the gradient of this Tensor is known; what it returns, if not None, replaces it.

        Returns
        -------
        callable
            Removes the hook.

        Raises
        ------
        GraphError
            When the Tensor does not require grad.

        Examples
        --------
        >>> import numpy as np
        >>> import tinygrad_xe as xe
        >>> x = xe.tensor([3.0, -40.0], requires_grad=True)
        >>> remove = x.register_hook(lambda g: np.clip(g, -10, 10))
        >>> (x**2).sum().backward()
        >>> x.grad
        array([  6., -10.])
        """
        return engine.add_hook(self._node_for("register_hook"), hook)

    def retain_grad(self) -> None:
        """Keep ``grad`` of this computed Tensor too; on a leaf, which keeps it anyway, nothing changes."""
        node = self._node_for("retain_grad")
        if node.op is not None:
            node.owner = weakref.ref(self)
            engine.hooked.add(node)

    def _node_for(self, what: str) -> Node:
        if self.node is None:
            raise GraphError(f"{what}: {self._label()} does not require grad, so no gradient of it will be computed.")
        return self.node

    def _label(self) -> str:
        return label(self.node) if self.node is not None else f"tensor {self.name!r}" if self.name else "the tensor"

    # -- NumPy's operators and methods; those that only call NumPy are attached at the end of this file -----------

    def __pow__(self, exponent: Any) -> Tensor:
        if type(exponent) is int and exponent == 2:
            return elementwise.square.call(self)  # type: ignore[no-any-return]
        return elementwise.power.call(self, exponent)  # type: ignore[no-any-return]

    def __rpow__(self, base: Any) -> Tensor:
        return elementwise.power.call(base, self)  # type: ignore[no-any-return]

    def __rsub__(self, other: Any) -> Tensor:
        return elementwise.subtract.call(other, self)  # type: ignore[no-any-return]

    def __rtruediv__(self, other: Any) -> Tensor:
        return elementwise.divide.call(other, self)  # type: ignore[no-any-return]

    def __rmod__(self, other: Any) -> Tensor:
        return elementwise.remainder.call(other, self)  # type: ignore[no-any-return]

    def __rmatmul__(self, other: Any) -> Tensor:
        return linalg.matmul.call(other, self)  # type: ignore[no-any-return]

    def __floordiv__(self, other: Any) -> Any:
        return np.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return np.floor_divide(other, self)

    def __getitem__(self, key: Any) -> Tensor:
        return index.getitem.call(self, key)  # type: ignore[no-any-return]

    def sum(self, axis: Any = None, *, keepdims: bool = False) -> Tensor:
        """Sum over `axis`; see np.sum."""
        return reduce.sum.call(self, axis, None, None, keepdims)  # type: ignore[no-any-return]

    def mean(self, axis: Any = None, *, keepdims: bool = False) -> Tensor:
        """Mean over `axis`; see np.mean."""
        return reduce.mean.call(self, axis, None, None, keepdims)  # type: ignore[no-any-return]

    def reshape(self, *shape: Any, order: str = "C") -> Tensor:
        """The same elements in another shape; see np.reshape."""
        return shapes.reshape.call(self, shape[0] if len(shape) == 1 else shape, order)  # type: ignore[no-any-return]

    def transpose(self, *axes: Any) -> Tensor:
        """The axes in another order; reversed if none is given. See np.transpose."""
        wanted = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return shapes.transpose.call(self, wanted)  # type: ignore[no-any-return]

    @property
    def T(self) -> Tensor:
        """The axes reversed."""
        return shapes.transpose.call(self)  # type: ignore[no-any-return]

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged."""
        return shapes.swapaxes.call(self, -1, -2)  # type: ignore[no-any-return]

    def astype(self, dtype: DTypeLike) -> Tensor:
        """A copy in another dtype. Between floating-point types the gradient flows through; it ends at all others."""
        wanted = np.dtype(dtype)
        if wanted.kind != "f":
            return Tensor(self._data.astype(wanted))
        if wanted == self.dtype:
            return elementwise.positive.call(self)  # type: ignore[no-any-return]
        return elementwise.astype.call(self, dtype=wanted)  # type: ignore[no-any-return]

    def argmax(self, axis: int | None = None) -> Any:
        """Where the largest element is, as a plain integer or array."""
        return np.argmax(self._values(), axis)

    def argmin(self, axis: int | None = None) -> Any:
        """Where the smallest element is, as a plain integer or array."""
        return np.argmin(self._values(), axis)

    def all(self, axis: Any = None) -> Any:
        """Whether all elements are true, as a plain boolean or array."""
        return np.all(self._values(), axis)

    def any(self, axis: Any = None) -> Any:
        """Whether any element is true, as a plain boolean or array."""
        return np.any(self._values(), axis)

    # -- changing a leaf ---------------------------------------------------------------------------------------

    def assign(self, value: ArrayLike | Tensor) -> Self:
        """Give this leaf new values, of the same shape, cast to its dtype.

        A graph that saved the old values can't be swept any more, and says so.

        Raises
        ------
        GraphError
            On a computed Tensor.
        ShapeError
            When the shape differs.
        """
        if not self.is_leaf or type(self.node) is Argument:
            what = "is an argument that is being differentiated in" if self.is_leaf else "was computed"
            raise GraphError(f"assign: {self._label()} {what}. Make a new tensor: xe.tensor(value).")
        if isinstance(value, Tensor) and value.node is not None and engine.is_argument_of_a_transform(value.node):
            raise GradientLostError(
                f"assign: the value depends on an argument that is being differentiated in, and {self._label()} would\n"
                "  lose that. Use the argument itself; for a module write xe.nn.functional_call(model, state, x)."
            )
        if mode.tape is not None:
            value = mode.tape.lifted(value)
        new = as_data("assign", bare(value), copy=None)
        if new.shape != self.shape:
            raise ShapeError(f"assign: got shape {new.shape}, {self._label()} has shape {self.shape}. They must agree.")
        if mode.tape is not None:
            mode.tape.assign(self, new)
        elif type(self.node) is Leaf:
            self._data[...] = new
            self.node.changed = next(clock)
        else:
            self._data = np.array(new, self.dtype)  # what earlier results saved stays as it was
        return self

    def move(self, memory: Array) -> None:
        """Keep the values of this leaf in `memory`, an array of its shape and dtype, from now on.

        For an optimizer that updates many parameters as one array; it writes there and calls `touch`.
        """
        memory[...] = self._data
        self._data = memory
        if type(self.node) is Leaf:
            self.node.memory = memory
            self.touch()

    def touch(self) -> None:
        """Note that the values of this leaf were changed where they are: a graph that saved them says so."""
        if type(self.node) is Leaf:
            self.node.changed = next(clock)

    def recast(self, dtype: DTypeLike) -> None:
        """Change the dtype of this leaf, which keeps its identity; its gradient is dropped."""
        if not self.is_leaf or type(self.node) is Argument:
            raise GraphError(f"recast: {self._label()} was computed. Write t.astype(dtype).")
        wanted, self._data, self._grad = self.requires_grad, np.asarray(self._data).astype(dtype), None
        if wanted:
            self._become_leaf()

    def __setitem__(self, key: Any, value: Any) -> None:
        self._refuse_in_place("t[i] = v", "np.where(mask, v, t), or xe.scatter_add(v, i, t.shape)", value)
        new = np.array(self._data) if mode.tape is None else mode.tape.lifted(self)._data.copy()
        value = as_data("t[i] = v", bare(value), copy=None)
        try:
            new[bare(key)] = value
        except (ValueError, IndexError) as error:
            raise dispatch.explained(index.getitem, error, (new,)) from None
        self.assign(new)

    def _refuse_in_place(self, written: str, instead: str, value: Any) -> None:
        if dispatch.wants_gradient(self) or dispatch.wants_gradient(value):
            raise GraphError(
                f"{written}: {self._label()}, shape {self.shape}, is part of a graph, and writing into it would\n"
                f"  change values that the gradient needs. Write {instead};\n"
                "  or, to update a leaf, put it under `with xe.no_grad():`."
            )
        if not self.is_leaf:
            raise GraphError(f"{written}: {self._label()} was computed; only leaves can be changed. Write {instead}.")

    # -- leaving the graph -------------------------------------------------------------------------------------

    def _refuse_conversion(self, what: str, instead: str) -> None:
        node = self.node
        if node is not None and mode.watch is not False and node.saved is not RELEASED:
            raise GradientLostError(
                f"{what} of {label(node)}, shape {self.shape}{made_at(node)}:\n"
                "  the result would be a plain value without a gradient.\n"
                f"  Write {instead}; or t.item(), t.numpy() or t.detach() if that is meant."
            )

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        instead = "np.exp(t), np.stack([t, u]), and df.to_numpy() @ t or s.toarray() @ t with pandas and SciPy objects"
        self._refuse_conversion("an array", instead)
        if not copy and (dtype is None or dtype == self.dtype):
            return np.asarray(self.data)  # read-only, since writing into it would change the tensor behind its back
        return np.array(self._values(), dtype, copy=copy)

    def __float__(self) -> float:
        self._refuse_conversion("float()", "np.exp(t) for math.exp(t), np.stack([t, u]) for array[0] = t")
        return float(self.item())

    def __int__(self) -> int:
        self._refuse_conversion("int()", "np.floor(t)")
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise DTypeError(f"an index must be an integer, got a tensor of {self.dtype}.")
        return int(self.item())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ShapeError(f"bool() of a tensor of shape {self.shape} is ambiguous. Write t.any() or t.all().")
        return bool(self._values())

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self._values() == bare(value)))

    # -- copies ------------------------------------------------------------------------------------------------

    def _state(self, what: str) -> tuple[Any, ...]:
        if not self.is_leaf:
            raise GraphError(f"{what}: {self._label()} was computed; a graph can't be copied. Write t.detach() first.")
        grad = None if self.grad is None else np.array(bare(self.grad))
        return np.asarray(self._data), self.requires_grad, self.name, grad

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        memo[id(self)] = copied = restored(*self._state("deepcopy"))
        return copied

    def __copy__(self) -> Tensor:
        return restored(*self._state("copy"))

    def __reduce__(self) -> Any:
        return restored, self._state("pickle")

    # -- what people read --------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        array = self._data if dispatch.answers_numpy(self._data) else np.asarray(self._data)
        parts = [np.array2string(array, separator=", ", prefix="tensor(")]
        if self.dtype not in (np.float64, np.int64, np.bool_):
            parts.append(f"dtype={self.dtype}")
        if self.node is not None:
            parts.append("requires_grad=True" if self.node.op is None else f"op={self.node.op.name}")
        if self.name is not None:
            parts.append(f"name={self.name!r}")
        return f"tensor({', '.join(parts)})"

    def __format__(self, spec: str) -> str:
        if spec and self.size != 1:
            raise ShapeError(f"format: {spec!r} is for one number, not for shape {self.shape}. Write str(t).")
        return format(self.item(), spec) if spec else repr(self)

    def __getattr__(self, name: str) -> Any:
        if name == "_mask":  # np.ma looks here, after it has taken the values
            raise DTypeError("np.ma: masked arrays do not work with tensors. Write np.where(mask, ..., ...).")
        if not name.startswith("_") and callable(getattr(np, name, None)):
            raise AttributeError(f"a tensor has no method {name!r}. Write np.{name}(t): NumPy's functions do.")
        raise AttributeError(f"a tensor has no attribute {name!r}.")

    if TYPE_CHECKING:  # what is attached at the end of this file, and by `dispatch.connect`

        def _unary(self) -> Tensor: ...
        def _binary(self, other: Any) -> Tensor: ...
        def _method(self, *args: Any, **kwargs: Any) -> Any: ...

        __neg__ = __pos__ = __abs__ = __invert__ = _unary
        __add__ = __radd__ = __sub__ = __mul__ = __rmul__ = __truediv__ = __matmul__ = __mod__ = _binary
        __iadd__ = __isub__ = __imul__ = __itruediv__ = __imatmul__ = __imod__ = __ipow__ = __ifloordiv__ = _binary
        __lt__ = __le__ = __gt__ = __ge__ = __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _binary
        __eq__ = __ne__ = _binary  # type: ignore[assignment]
        __array_ufunc__ = __array_function__ = __round__ = _method
        max = min = prod = var = std = cumsum = cumprod = ravel = flatten = swapaxes = squeeze = _method
        dot = take = clip = repeat = round = argsort = nonzero = trace = diagonal = compress = copy = _method
        conj = conjugate = argpartition = searchsorted = _method


def tensor(
    data: ArrayLike | Tensor,
    *,
    requires_grad: bool = False,
    dtype: DTypeLike | None = None,
    name: str | None = None,
) -> Tensor:
    """Make a Tensor with a copy of `data`.

    Parameters
    ----------
    data : array_like
        Numbers of any shape. Arrays keep their dtype, Python floats become float64.
    requires_grad : bool
        Record what is computed from it, so that ``backward()`` can fill its ``grad``. Needs floating-point values.
    dtype : dtype, optional
        Cast to this dtype.
    name : str, optional
        For messages and pictures.

    Returns
    -------
    Tensor

    Raises
    ------
    DTypeError
        For text, objects and complex numbers, and for integers with ``requires_grad=True``.
    GradientLostError
        When `data` is a Tensor that wants a gradient.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> x = xe.tensor([0.0, 1.0], requires_grad=True, name="x")
    >>> np.exp(x)
    tensor([1.        , 2.71828183], op=exp)
    """
    array = as_data("tensor", data, copy=None)
    return Tensor(array if dtype is None else array.astype(dtype), requires_grad, name)


def as_data(owner: str, value: Any, copy: bool | None = True) -> Array:
    """An array of `value` that a Tensor can hold; copied, unless `copy` is None and that can be avoided."""
    if isinstance(value, Tensor):
        value._refuse_conversion(f"{owner}: a copy", "the tensor itself")
        value = value._data
    plain = dispatch.plain(owner, "data", value)
    if type(plain) not in dispatch.NUMBERS and not isinstance(plain, np.ndarray):
        return plain.copy() if copy else plain  # type: ignore[no-any-return]  # an array of another kind that answers NumPy's protocols
    array = np.asarray(plain)
    dispatch.check_kind(owner, "data", array)
    # In the machine's byte order, and with NumPy's one object for this dtype: sweeps compare dtypes by identity.
    return np.array(array, np.dtype(array.dtype.char), copy=copy)


def on_node(data: Any, node: Node | None) -> Tensor:
    """A Tensor of `data` on a given node."""
    made = Tensor.__new__(Tensor)
    made._data, made.node = data, node
    return made


def restored(data: Array, requires_grad: bool, name: str | None, grad: Any) -> Tensor:
    """A leaf as it was copied or pickled."""
    made = Tensor(data, requires_grad, name)
    made.grad = grad
    return made


#: Called with a gradient before another is added to it; the optimizers see here what was never zeroed.
before_adding: list[Callable[[Any], None]] = []


def accumulate(leaves: dict[Node, Any], root_cotangent: Any) -> None:
    """Add cotangents to the gradients of their leaves, in place where there is one. A gradient owns its memory."""
    given = {id(root_cotangent)}
    for leaf, g in leaves.items():
        owner = leaf.owner()
        if owner is None:
            continue
        old = owner.grad
        if old is None:
            if type(g) is np.ndarray:
                if g.base is not None or id(g) in given or mode.watch:  # observers may have kept it
                    g = g.copy()
            elif isinstance(g, np.generic):
                g = np.asarray(g)
            elif type(g) is Tensor and id(g) in given:
                g = on_node(g._data, g.node)
            given.add(id(g))
            owner._grad = g
            continue
        for notice in before_adding:
            notice(old)
        if isinstance(old, np.ndarray) and isinstance(g, np.ndarray | np.generic):
            np.add(old, g, out=old)
        else:
            owner._grad = old + g


def one_like(data: Any) -> Any:
    """The cotangent of a single value: of its kind, so that rules on exact numbers stay exact."""
    if not isinstance(data, np.ndarray | np.generic):
        return np.ones_like(data)
    return np.ones(data.shape, data.dtype) if data.shape else data.dtype.type(1)


def made_at(node: Node) -> str:
    """The part of a message that names the line where a node was made."""
    where = place(node)
    return f" (made at {where})" if where else ""


dispatch.connect(Tensor)
engine.connect(on_node)


def method_of(function: Any) -> Any:
    """A method that calls NumPy's function of the same name on the Tensor."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__, method.__doc__ = function.__name__, f"See np.{function.__name__}."
    return method


def in_place(symbol: str, function: Any) -> Any:
    """An augmented assignment: it writes into a leaf under no_grad, and gives any other Tensor's name a new one.

    On a leaf outside of no_grad it is refused: an update is most likely meant.
    """

    def operator(self: Tensor, other: Any) -> Tensor:
        node = self.node
        if type(node) is not Leaf:
            return function(self, other)  # type: ignore[no-any-return]
        if mode.watch is not False:
            self._refuse_in_place(f"t {symbol}= v", f"t = t {symbol} v", other)
        if mode.tape is not None:
            return self.assign(function(self, other))
        value = dispatch.plain(f"{symbol}=", "the operand", bare(other))
        try:
            function(self._data, value, self._data)
        except (ValueError, TypeError) as error:
            kind = ShapeError if isinstance(error, ValueError) else DTypeError
            raise kind(f"{label(node)} {symbol}= v: {error}") from None
        node.changed = next(clock)
        return self

    return operator


# The operators are the very functions that run the ops: one call fewer on the hot path.
for _symbol, _name, _op in (
    ("+", "add", elementwise.add),
    ("-", "sub", elementwise.subtract),
    ("*", "mul", elementwise.multiply),
    ("/", "truediv", elementwise.divide),
    ("@", "matmul", linalg.matmul),
    ("%", "mod", elementwise.remainder),
):
    _op.call = dispatch.build_call(_op)
    setattr(Tensor, f"__{_name}__", _op.call)
    setattr(Tensor, f"__i{_name}__", in_place(_symbol, _op.function))
for _symbol, _name, _function in (("**", "pow", np.power), ("//", "floordiv", np.floor_divide)):
    setattr(Tensor, f"__i{_name}__", in_place(_symbol, _function))
Tensor.__radd__, Tensor.__rmul__ = Tensor.__add__, Tensor.__mul__
for _name, _op in (
    ("neg", elementwise.negative), ("pos", elementwise.positive), ("abs", elementwise.absolute),
    ("lt", COMPARISONS[np.less]), ("le", COMPARISONS[np.less_equal]), ("gt", COMPARISONS[np.greater]),
    ("ge", COMPARISONS[np.greater_equal]), ("eq", COMPARISONS[np.equal]), ("ne", COMPARISONS[np.not_equal]),
    ("and", COMPARISONS[np.bitwise_and]), ("or", COMPARISONS[np.bitwise_or]), ("xor", COMPARISONS[np.bitwise_xor]),
    ("rand", COMPARISONS[np.bitwise_and]), ("ror", COMPARISONS[np.bitwise_or]), ("rxor", COMPARISONS[np.bitwise_xor]),
    ("invert", COMPARISONS[np.invert]),
):  # fmt: skip
    _op.call = dispatch.build_call(_op)
    setattr(Tensor, f"__{_name}__", _op.call)
_methods: Any = (
    np.max, np.min, np.prod, np.var, np.std, np.cumsum, np.cumprod, np.ravel, np.swapaxes, np.squeeze, np.dot, np.take,
    np.repeat, np.round, np.argsort, np.nonzero, np.trace, np.diagonal, np.compress, np.copy, np.conjugate,
    np.argpartition, np.searchsorted,
)  # fmt: skip
for _method in _methods:
    setattr(Tensor, _method.__name__, method_of(_method))
Tensor.flatten, Tensor.conj, Tensor.__round__ = Tensor.ravel, Tensor.conjugate, Tensor.round
setattr(Tensor, "clip", elementwise.clip)  # noqa: B010  # NumPy 2.0's np.clip knows no min= and max=
