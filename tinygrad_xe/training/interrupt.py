"""Ctrl-C that ends a training between two steps, never in the middle of an update."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self


class Interrupt:
    """Inside the block, the first Ctrl-C only sets `asked`; the second raises KeyboardInterrupt, but in no update.

    Attributes
    ----------
    due : float
        The step after which the loop looks what is to be done; Ctrl-C sets it to 0.
    asked : bool
    updating : bool
        Set while weights are being written.
    """

    def __init__(self) -> None:
        self.due = 0.0
        self.asked = self.updating = False
        self._before: Any = None
        self._outer: Any = None

    def __enter__(self) -> Self:
        main = threading.current_thread() is threading.main_thread()
        handler = signal.getsignal(signal.SIGINT)
        self._outer = getattr(handler, "__self__", None)
        if main and (handler is signal.default_int_handler or isinstance(self._outer, Interrupt)):  # no user's own
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None
            if self.asked and isinstance(self._outer, Interrupt):  # a training in a callback of another ends both
                self._outer.asked, self._outer.due = True, 0.0

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked and not self.updating:
            raise KeyboardInterrupt
        self.asked, self.due = True, 0.0
