"""The user's names and lines for the steps of a program, from the frames that run while each is made."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType, FrameType

import numpy as np

from .. import backward
from ..bytecode import RETURNED, Target, line_of, stored_to
from ..graph import Node, inside
from .values import Input, Step, Value, completed


class Naming:
    """Where each step was made, and which variable the user stored it to.

    A call of the user's may make many steps; the variable is the name of the last one, or of the one that the library
    says is the result.

    Parameters
    ----------
    root : FrameType
        The frame that runs the function: what called it is not looked at.

    Attributes
    ----------
    names : dict of Value to str
        The user's variables.
    hints : dict of Value to str
        Names of the library's own.
    gradients : list of (Value, Node)
        Cotangents, and the nodes that they belong to.
    """

    def __init__(self, root: FrameType) -> None:
        self.root: FrameType | None = root
        self.names: dict[Value, Target] = {}
        self.hints: dict[Value, str] = {}
        self.gradients: list[tuple[Value, Node]] = []
        self._places: dict[Value, tuple[CodeType, int]] = {}
        self._last: dict[FrameType, tuple[FrameType | None, Value, Target]] = {}

    def user_frames(self) -> list[tuple[FrameType, FrameType | None]]:
        """The user's frames, nearest first, each with the library's frame that it called."""
        found: list[tuple[FrameType, FrameType | None]] = []
        frame: FrameType | None = sys._getframe(1)
        called = None
        while frame is not None and frame is not self.root:
            if inside[frame.f_code.co_filename]:
                called = frame
            else:
                found.append((frame, called))
                called = None
            frame = frame.f_back
        return found

    def where(self) -> str:
        """The user's line that runs."""
        frames = self.user_frames()
        return line_of(frames[0][0].f_code, frames[0][0].f_lasti) if frames else ""

    def placed(self, step: Step) -> None:
        """Note where a step is made, and whether that is in a backward pass."""
        frame: FrameType | None = sys._getframe(1)
        user = called = None
        sweeping = False
        while frame is not None and frame is not self.root:
            file = frame.f_code.co_filename
            if not inside[file]:
                user = user or frame
            elif file == backward.__file__:
                sweeping = True
            if user is None:
                called = frame
            frame = frame.f_back
        if sweeping:
            completed(step, backward=True)
        if user is not None:
            self._places[step] = user.f_code, user.f_lasti
            if not sweeping:
                self._note(user, called, step)

    def _note(self, user: FrameType, called: FrameType | None, value: Value) -> None:
        """Remember `value` as the last that a call of the user's has computed so far."""
        last = self._last.get(user)
        if last is not None and (called is None or last[0] is not called):
            self._name(last[1], last[2])
        self._last[user] = called, value, target_of(user)

    def claim(self, value: Value) -> None:
        """`value` is the result of the call that the user's code is in, whatever was computed since."""
        frames = self.user_frames()
        if frames and value in self._places:
            user, called = frames[0]
            last = self._last.get(user)
            if last is not None and last[0] is called:
                self._last[user] = called, value, last[2]

    def _name(self, value: Value, target: Target) -> None:
        if target is not None and target != "_":
            self.names.setdefault(value, target)

    def close(self) -> None:
        """Name what is left, and let go of the frames, which hold the user's variables."""
        for _, value, target in self._last.values():
            self._name(value, target)
        self._last.clear()
        self.root = None

    def complete(self, steps: list[Step], value_of: Callable[[Node], Value | None], returned: str) -> None:
        """Give the steps their names and lines.

        `returned` is the name of what the function returns; a gradient has that of its value, and "d" before it.
        """
        for value, node in self.gradients:
            of = value_of(node)
            while isinstance(of, Step) and of.function is np.copy and not isinstance(self.names.get(of), str):
                of = of.args[0]
            name = None if of is None else of.name if isinstance(of, Input) else self.names.get(of)
            if name is RETURNED:
                name = returned
            if isinstance(name, str) and isinstance(value, Step):
                self.names.setdefault(value, f"d{name}")
        for step in steps:
            found = self.names.get(step) or self.hints.get(step)
            place = self._places.get(step)
            completed(
                step,
                name=returned if found is RETURNED else found if isinstance(found, str) else None,
                own=step not in self.names,
                line=line_of(*place) if place else "",
            )


def target_of(user: FrameType) -> Target:
    """Where the result of the call that runs in a frame is stored; a value that is returned is followed."""
    target = stored_to(user.f_code, user.f_lasti)
    while target is RETURNED and user.f_back is not None and not inside[user.f_back.f_code.co_filename]:
        user = user.f_back
        target = stored_to(user.f_code, user.f_lasti)
    return target
