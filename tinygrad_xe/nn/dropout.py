"""Dropout as a layer."""

from __future__ import annotations

from typing import Any

from ..random import Rng, generator
from .checks import refuse_tuple
from .functional import dropout, probability
from .module import Module


class Dropout(Module):
    """Set each element to 0 with probability `p` while training, and divide the others by ``1 - p``.

    In evaluation, after ``model.eval()``, the input passes as it is. See `tinygrad_xe.dropout`.

    Parameters
    ----------
    p : float
        In [0, 1].
    rng : numpy.random.Generator, int or None
        Where the elements are drawn; None is the library's generator, see ``xe.seed``.

    Raises
    ------
    ArgumentError
        When `p` is outside [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> layer = xe.nn.Dropout(0.5, rng=0)
    >>> layer(np.ones(6))
    array([2., 0., 0., 0., 2., 2.])
    >>> layer.eval()(np.ones(6))
    array([1., 1., 1., 1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, *, rng: Rng = None) -> None:
        self.p = probability("Dropout", p)
        self.rng = None if rng is None else generator(rng)

    def forward(self, x: Any) -> Any:
        """``dropout(x, p, training)``."""
        refuse_tuple(self, x)
        return dropout(x, self.p, self.training, rng=self.rng)

    def extra_repr(self) -> str:
        """``p=0.5``."""
        return f"p={self.p}"
