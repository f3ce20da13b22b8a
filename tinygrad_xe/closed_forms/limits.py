r"""C10: the tables of limits, which the closed forms take at infinite logits and at probabilities 0 and 1.

The convention is :math:`0 \cdot \log 0 = 0`: a term with label 0 is 0.
"""

from __future__ import annotations

import math
from typing import NamedTuple

inf, nan = math.inf, math.nan

Numbers = float | tuple[float, ...]


class Limit(NamedTuple):
    """A line of a table of limits.

    Attributes
    ----------
    labels, at : float or tuple of float
        The labels, and the logits or probabilities that are approached.
    loss : float
    gradient, label_gradient : float or tuple of float
        In the logits or probabilities, and in the labels.
    """

    labels: Numbers
    at: Numbers
    loss: float
    gradient: Numbers
    label_gradient: Numbers


#: C2 at infinite logits. Where the loss is infinite its slope is the gradient: for a label y strictly between 0 and 1,
#: ``L ~ (1 - y) z`` on the right and ``-y z`` on the left.
BINARY_LIMITS = (
    Limit(labels=1.0, at=inf, loss=0.0, gradient=0.0, label_gradient=-inf),
    Limit(labels=1.0, at=-inf, loss=inf, gradient=-1.0, label_gradient=inf),
    Limit(labels=0.0, at=inf, loss=inf, gradient=1.0, label_gradient=-inf),
    Limit(labels=0.0, at=-inf, loss=0.0, gradient=0.0, label_gradient=inf),
    Limit(labels=0.25, at=inf, loss=inf, gradient=0.75, label_gradient=-inf),
    Limit(labels=0.25, at=-inf, loss=inf, gradient=-0.25, label_gradient=inf),
)

#: C5 at infinite logits: a class at -inf drops out where its label is 0 and makes the loss infinite where it is not;
#: one class at +inf has all the probability; two of them, nothing but -inf, or a NaN have no limit.
SOFTMAX_LIMITS = (
    Limit((1.0, 0.0, 0.0), (0.0, 0.0, -inf), math.log(2), (-0.5, 0.5, 0.0), (math.log(2), math.log(2), inf)),
    Limit((0.0, 0.0, 1.0), (0.0, 0.0, -inf), inf, (0.5, 0.5, -1.0), (math.log(2), math.log(2), inf)),
    Limit((0.5, 0.5, 0.0), (0.0, -inf, -inf), inf, (0.5, -0.5, 0.0), (0.0, inf, inf)),
    Limit((1.0, 0.0, 0.0), (inf, 0.0, 0.0), 0.0, (0.0, 0.0, 0.0), (0.0, inf, inf)),
    Limit((0.0, 1.0, 0.0), (inf, 0.0, 0.0), inf, (1.0, -1.0, 0.0), (0.0, inf, inf)),
    Limit((1.0, 0.0, 0.0), (inf, inf, 0.0), nan, (nan, nan, nan), (nan, nan, nan)),
    Limit((1.0, 0.0, 0.0), (-inf, -inf, -inf), nan, (nan, nan, nan), (nan, nan, nan)),
    Limit((1.0, 0.0, 0.0), (0.0, nan, 0.0), nan, (nan, nan, nan), (nan, nan, nan)),
)

#: C1 at the ends of the interval.
BINARY_PROBS_LIMITS = (
    Limit(labels=0.0, at=0.0, loss=0.0, gradient=1.0, label_gradient=inf),
    Limit(labels=1.0, at=1.0, loss=0.0, gradient=-1.0, label_gradient=-inf),
    Limit(labels=1.0, at=0.0, loss=inf, gradient=-inf, label_gradient=inf),
    Limit(labels=0.0, at=1.0, loss=inf, gradient=inf, label_gradient=-inf),
    Limit(labels=0.25, at=0.0, loss=inf, gradient=-inf, label_gradient=inf),
    Limit(labels=0.25, at=1.0, loss=inf, gradient=inf, label_gradient=-inf),
)

#: C4 at probabilities 0.
PROBS_LIMITS = (
    Limit((1.0, 0.0), (1.0, 0.0), 0.0, (-1.0, 0.0), (0.0, inf)),
    Limit((0.0, 1.0), (1.0, 0.0), inf, (0.0, -inf), (0.0, inf)),
)
