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

    def __enter__(self) -> Self:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # leave a user's own alone
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked and not self.updating:
            raise KeyboardInterrupt
        self.asked, self.due = True, 0.0
