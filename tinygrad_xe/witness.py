"""What `record` notes of a step beside its numbers: the calls that led to it, arrays as they were, and variables."""

from __future__ import annotations

import inspect
import os
from types import FrameType
from typing import Any

import numpy as np

from .graph import PACKAGE, Node, clock, fingerprint, inside
from .op import Op
from .variables import variable

#: Elements up to which an array is copied; of a larger one a fingerprint is taken.
COPIED = 4096

#: Frames, from either end of the calls, that are searched for the variable of an array.
FRAMES = 16

#: The way from the user's expression to an op, which is no step of its own.
PLUMBING = frozenset(PACKAGE + name for name in ("dispatch.py", "op.py", "tensor.py"))

#: Where functions are written that are made of operations.
COMPOSING = tuple(PACKAGE + folder + os.sep for folder in ("ops", "losses", "nn"))

#: Where a module of a model is called.
MODULE = os.path.join(PACKAGE, "nn", "module.py"), "__call__"

#: Frames that go on after a pause.
PAUSING = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR

STANDARD = os.path.dirname(os.path.abspath(os.__file__)) + os.sep


class Call:
    """One activation of a function.

    Attributes
    ----------
    code : CodeType
    kind : {"user", "library", "composed", "module", "standard"}
        The user's own; this library's; a function of this library that is made of operations, as a loss or a layer is;
        the call of a module; the standard library's.
    keywords : dict
        For a composed function, its keyword-only arguments that are numbers or text.
    module : Module or None
        The module that is called.
    path : str
        Its name in the module around it, ``layers.0``; empty if there is none.
    """

    __slots__ = ("code", "keywords", "kind", "module", "path")

    def __init__(self, frame: FrameType, around: list[Call]) -> None:
        code = self.code = frame.f_code
        self.keywords: dict[str, Any] = {}
        self.module, self.path = None, ""
        if (code.co_filename, code.co_name) == MODULE:
            self.kind, self.module = "module", frame.f_locals["self"]
            outer = next((call.module for call in reversed(around) if call.module is not None), None)
            below = () if outer is None else outer.named_modules()
            self.path = next((path for path, module in below if module is self.module), "")
            return
        name = code.co_filename
        if not inside[name]:
            self.kind = "standard" if is_standard(name) else "user"
        else:
            self.kind = "composed" if name.startswith(COMPOSING) else "library"
            if self.kind == "composed" and code.co_kwonlyargcount:
                own = frame.f_locals
                names = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
                self.keywords = {key: own[key] for key in names if type(own.get(key)) in (str, bool, int, float)}

    def __repr__(self) -> str:
        return f"<call of {self.code.co_name}, {self.kind}>"


def is_standard(filename: str) -> bool:
    """Whether a file belongs to Python's standard library."""
    return filename.startswith((STANDARD, "<frozen ")) and "-packages" not in filename


class Kept:
    """An array as it was when a step used it.

    A small one is copied. A larger one is only compared, when it is wanted, with its fingerprint.
    """

    __slots__ = ("array", "copied", "mark")

    def __init__(self, array: Any) -> None:
        self.array = array
        self.copied = None if array.size > COPIED else np.array(array)
        self.mark = fingerprint(array) if self.copied is None else self.copied.tobytes()

    def current(self) -> bool:
        """Whether the array is still what it was."""
        now = fingerprint(self.array) if self.copied is None else np.asarray(self.array).tobytes()
        return now == self.mark

    def value(self) -> Any:
        """The array as it was, or None where it is known to have been changed since and there is no copy."""
        if self.copied is not None:
            return self.copied
        return self.array if self.current() else None


class Seen:
    """What was noted of one step.

    Attributes
    ----------
    order : int
        A number of the clock by which nodes are counted, which runs down.
    calls : tuple of (Call, int)
        Where it was made, outermost first, from where recording began: the calls, and the place in the code of each.
    options : tuple
        Values of the op's options.
    kept : dict of int to Kept
        By the identity of the array: inputs that may change, and an output that lies in the memory of such.
    saved : tuple
        What the node saved for its rules, which a backward pass releases.
    """

    __slots__ = ("calls", "kept", "options", "order", "saved")

    def __init__(
        self, order: int, calls: tuple[tuple[Call, int], ...], options: tuple[Any, ...], saved: tuple[Any, ...]
    ) -> None:
        self.order, self.calls, self.options, self.saved = order, calls, options, saved
        self.kept: dict[int, Kept] = {}


class Witness:
    """Watches the frames in which steps are made, while a block of `record` runs.

    Attributes
    ----------
    names : dict of int to str
        By the identity of an array, the variable that held it when it was used.
    """

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self._made: set[int] = set()
        self._kept: dict[int, Kept] = {}
        self._last: Any = None
        self.leave()

    def enter(self, frame: FrameType) -> None:
        """Begin at `frame`: what called it is not looked at."""
        self._root: FrameType | None = frame
        while frame.f_back is not None:
            frame = frame.f_back
            self._outside.append(frame)

    def leave(self) -> None:
        """Let go of the frames, which hold the user's variables."""
        self._root = None
        self._outside: list[FrameType] = []
        self._frames: list[FrameType] = []
        self._calls: list[Call] = []
        self._paused: dict[FrameType, Call] = {}

    def see(self, frame: FrameType, op: Op, node: Node | None, inputs: tuple[Any, ...], out: Any) -> Seen:
        """Note a step that is being made; `frame` is one that the op itself runs in."""
        options: tuple[Any, ...] = ()
        made_in = frame
        frames = self._stack(frame)
        if node is not None:
            options = node.options if op.options else ()
        elif op.options:
            while made_in.f_back is not None and not made_in.f_code.co_filename.startswith("<op "):
                made_in = made_in.f_back
            options = tuple(made_in.f_locals.get(name) for name in op.options)
        calls = tuple([(call, f.f_lasti) for call, f in zip(self._activations(frames), frames)])
        seen = Seen(*(next(clock), calls, options, ()) if node is None else (node.order, calls, options, node.saved))
        users = [f for (call, _), f in zip(calls, frames) if call.kind == "user"]
        if len(users) > 2 * FRAMES:
            users = users[:FRAMES] + users[-FRAMES:]
        if self._last is not None and id(self._last) not in self.names:  # stored by now, if it ever is
            name = variable(self._last, users[::-1], False)
            if name:
                self.names[id(self._last)] = name
        self._last = out
        parents = (None,) * len(inputs) if node is None else node.parents
        for i, value in enumerate(inputs):
            for k, array in enumerate(value) if isinstance(value, list | tuple) else ((i, value),):
                if isinstance(array, np.ndarray | np.generic):
                    parent = parents[k] if k < len(parents) else None
                    self._note(array, parent, users, seen)
        self._made.add(id(out))
        if isinstance(out, np.ndarray) and out.base is not None:
            self._keep(out, seen)
        return seen

    def _stack(self, frame: FrameType | None) -> list[FrameType]:
        """The frames from the root to `frame`, without the plumbing."""
        frames: list[FrameType] = []
        while frame is not None:
            name = frame.f_code.co_filename
            if not inside[name] or (name.startswith(PACKAGE) and name not in PLUMBING):
                frames.append(frame)
            if frame is self._root:
                break
            frame = frame.f_back
        else:  # the frame that entered the block has returned, as an ExitStack's does: begin at what called it
            below = {id(f) for f in frames}
            self._root = next((f for f in self._outside if id(f) in below), None)
            if self._root is not None:
                del frames[next(i for i, f in enumerate(frames) if f is self._root) + 1 :]
        return frames[::-1]

    def _activations(self, frames: list[FrameType]) -> list[Call]:
        """The calls that `frames` belong to: those that go on since the last step are the same ones.

        The frames of the last step are held, so that no new frame has the identity of an old one.
        """
        common = 0
        for old, new in zip(self._frames, frames):
            if old is not new:
                break
            common += 1
        calls = self._calls[:common]
        for frame in frames[common:]:
            call = self._paused.get(frame)
            if call is None:
                call = Call(frame, calls)
                if frame.f_code.co_flags & PAUSING:
                    self._paused[frame] = call
            calls.append(call)
        self._frames, self._calls = frames, calls
        return calls

    def _note(self, array: Any, parent: Node | None, users: list[FrameType], seen: Seen) -> None:
        """Look for the variable of an input, and keep what may change."""
        key = id(array)
        made = key in self._made
        if not made:
            self._keep(array, seen)
        if key in self.names or hasattr(parent, "name"):
            return
        name = variable(array, users[::-1] if made else users, not made)
        if name:
            self.names[key] = name

    def _keep(self, array: Any, seen: Seen) -> None:
        kept = self._kept.get(id(array))
        if kept is None or not kept.current():
            kept = self._kept[id(array)] = Kept(array)
        seen.kept[id(array)] = kept
