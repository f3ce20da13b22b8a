"""Training: `fit`, the loop, and what it gives: a `History`, and, where it was recorded, each past step again."""

from .callback import Callback
from .history import History
from .loop import fit
from .past import Moment
from .run import Run

__all__ = ["Callback", "History", "Moment", "Run", "fit"]
