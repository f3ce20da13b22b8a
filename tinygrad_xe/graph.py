"""The graph: nodes, the user's line that made each, fingerprints of captured arrays, and the mode of recording."""

from __future__ import annotations

import functools
import inspect
import itertools
import linecache
import os
import sys
import threading
import weakref
from collections.abc import Callable
from types import CodeType, FrameType, TracebackType
from typing import Any

import numpy as np

from .errors import DTypeError
from .op import Op

#: Numbers nodes in order of creation, and stamps assignments to leaves with the same clock. It runs downwards, so that
#: the newest node is the smallest and a heap yields it first.
clock = itertools.count(-1, -1)


class Node:
    """One recorded operation: what made it, its parents' nodes, and the arrays that its rules name; never a Tensor."""

    __slots__ = (
        "__weakref__", "code", "dtype", "hooks", "lasti", "marks", "name", "op", "options", "order", "owner", "parents",
        "saved", "shape",
    )  # fmt: skip

    op: Op | None
    parents: tuple[Node | None, ...]
    saved: Any
    options: tuple[Any, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    order: int
    marks: tuple[tuple[int, bytes], ...] | None  # of the plain arrays in `saved`: place and fingerprint
    code: CodeType
    lasti: int
    # Few nodes have these, so that most leave the slots empty.
    name: str
    hooks: list[Callable[[Any], Any]]
    owner: weakref.ref[Any]  # the Tensor that holds the gradient

    def __repr__(self) -> str:
        return f"<node {label(self)} {self.shape} {self.dtype}>"


class Leaf(Node):
    """The node of a Tensor that the user made; it knows its Tensor weakly, since the Tensor holds the gradient."""

    __slots__ = ("changed", "memory")

    changed: int
    memory: np.ndarray[Any, Any]  # the owner's array, to tell which saved arrays an assignment changes

    def __init__(self, owner: Any, memory: np.ndarray[Any, Any]) -> None:
        self.op, self.parents, self.saved, self.marks = None, (), None, None
        self.memory, self.shape, self.dtype, self.order = memory, memory.shape, memory.dtype, next(clock)
        self.owner, self.changed = weakref.ref(owner), self.order


class Argument(Leaf):
    """The leaf in the place of an argument while a transform runs a function on it. It can't be assigned to."""

    __slots__ = ()


class _Released:
    """What a node holds in place of its arrays after a plain ``backward()``."""

    def __repr__(self) -> str:
        return "<released by backward()>"


RELEASED: Any = _Released()


class Mode(threading.local):
    """What recording does in this thread: ``watch`` is None (record), False (do not), or a tuple of observers.

    ``tape`` writes a program down, and runs the operations itself; see `program.tape`.
    """

    watch: Any = None
    tape: Any = None

    def __init__(self) -> None:
        self.before: list[Any] = []


mode = Mode()

#: One entry for each block, in any thread, in which `mode` is not the ordinary one. While it is empty, an op need not
#: look at its thread's mode: 10 ns instead of 45.
unusual: list[None] = []


class watching:
    """Set the mode of this thread inside a block; one object can be entered again, nested or in another thread."""

    def __init__(self, watch: Any) -> None:
        self._watch = watch

    def __enter__(self) -> None:
        unusual.append(None)
        mode.before.append(mode.watch)
        mode.watch = self._watch

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mode.watch = mode.before.pop()
        unusual.pop()


class no_grad(watching):
    """Record nothing inside the block: results carry no gradient, and leaves can be assigned to.

    Can be used as a decorator too. The mode belongs to the thread.

    Examples
    --------
    >>> import tinygrad_xe as xe
    >>> w = xe.tensor([1.0, 2.0], requires_grad=True)
    >>> with xe.no_grad():
    ...     w -= 0.5
    >>> w
    tensor([0.5, 1.5], requires_grad=True)
    """

    def __init__(self) -> None:
        super().__init__(False)

    def __call__(self, function: Any) -> Any:
        """Decorate `function` so that it runs without recording."""
        if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
            raise DTypeError(
                f"no_grad: {function.__name__} gives control back before it ends, and the mode would not follow it.\n"
                "  Write `with xe.no_grad():` inside it, around what does not yield or await."
            )

        @functools.wraps(function)
        def unrecorded(*args: Any, **kwargs: Any) -> Any:
            with no_grad():
                return function(*args, **kwargs)

        return unrecorded


# -- places ----------------------------------------------------------------------------------------------------------

PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


class _Inside(dict[str, bool]):
    """Whether a file is part of this library; a look-up costs 30 ns, ``startswith`` 70."""

    def __missing__(self, filename: str) -> bool:
        self[filename] = answer = filename.startswith((PACKAGE, "<op ", "<gradient of ")) or filename.startswith(NUMPY)
        return answer


NUMPY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep
inside = _Inside()


def user_frame(frame: FrameType) -> FrameType:
    """The nearest calling frame outside this library, or the outermost one."""
    while inside[frame.f_code.co_filename] and frame.f_back is not None:
        frame = frame.f_back
    return frame


def users_level() -> int:
    """The ``stacklevel`` with which a warning given by the calling function names the user's line."""
    level, frame = 1, sys._getframe(1)
    while inside[frame.f_code.co_filename] and frame.f_back is not None:
        level, frame = level + 1, frame.f_back
    return level


def place(node: Node) -> str:
    """Where the user made `node`: ``file:line: source text``. Looked up only here, when a person will read it."""
    code = getattr(node, "code", None)
    if code is None:
        return ""
    line = next(itertools.islice(code.co_positions(), node.lasti // 2, None), (None,))[0] or code.co_firstlineno
    text = linecache.getline(code.co_filename, line).strip()
    where = f"{os.path.basename(code.co_filename)}:{line}"
    return f"{where}: {text}" if text else where


def label(node: Node) -> str:
    """Name `node` for a message: the user's name if there is one, else its operation."""
    name = getattr(node, "name", None)
    kind = "tensor" if node.op is None else node.op.name
    return f"{kind} {name!r}" if name else kind


# -- fingerprints ------------------------------------------------------------------------------------------------------

#: Bytes up to which every element of a captured array counts; a larger one is sampled at equal strides.
FINGERPRINT_BYTES = 65_536


def fingerprint(array: np.ndarray[Any, Any]) -> bytes:
    """What `array` holds, to be compared later: all of it up to 64 kB, above that elements at equal strides.

    A copy of 16 kB takes 0.34 us; its CRC-32 takes 4.3, and a dot product with fixed weights 1.0.
    """
    if array.nbytes <= FINGERPRINT_BYTES:
        return array.tobytes()
    step = -(-array.nbytes // FINGERPRINT_BYTES)
    if array.flags.forc:
        return array.ravel(order="K")[::step].tobytes()
    return np.asarray(array.flat[::step]).tobytes()  # without the copy that ravel would make
