"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .adam import between
from .gathering import Group
from .optimizer import Optimizer
from .settings import flag, number
from .vectors import Array, State


class RMSprop(Optimizer):
    r"""RMSprop: steps by the gradient, divided by the root of the mean of its squares.

    .. math::
        g &\leftarrow g + \lambda p \\
        v &\leftarrow \alpha v + (1 - \alpha) g^2 \\
        d &= \sqrt{v} + \varepsilon, \qquad
            d = \sqrt{v - \bar g^2} + \varepsilon \text{ if centered}, \quad
            \bar g \leftarrow \alpha \bar g + (1 - \alpha) g \\
        b &\leftarrow \mu b + g / d \\
        p &\leftarrow p - \eta b

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float
        The learning rate :math:`\eta`.
    alpha : float
        How much of the mean of squares is kept in a step.
    eps : float
        :math:`\varepsilon`, against division by zero.
    weight_decay : float
        :math:`\lambda`, the factor of :math:`\lVert p \rVert^2 / 2` in the loss.
    momentum : float
        :math:`\mu`.
    centered : bool
        Divide by the standard deviation of the gradient instead.

    Raises
    ------
    ArgumentError
        When a number is out of range.
    DTypeError
        When a parameter or number is of the wrong type.

    Notes
    -----
    Tieleman and Hinton, lecture 6.5, Neural networks for machine learning, 2012,
    https://www.cs.toronto.edu/~hinton/coursera/lecture6/lec6.pdf; centered: Graves, Generating sequences with
    recurrent neural networks, 2013, https://arxiv.org/abs/1308.0850, equations 38 to 41, with :math:`\varepsilon`
    outside of the root, as in PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> w = xe.tensor([3.0, -200.0], requires_grad=True)
    >>> optimizer = xe.optim.RMSprop([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(6)
    array([   2., -199.])
    """

    state_names = ("square_avg", "momentum_buffer", "grad_avg")
    needed_state = ("step", "square_avg")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered
        )

    def checked(self, settings: Mapping[str, Any]) -> Group:
        """A copy of the settings as plain Python values; raises when one is out of range."""
        own = super().checked(settings)
        own["alpha"] = number("RMSprop", "alpha", settings["alpha"], below=1.0)
        for name in ("eps", "weight_decay", "momentum"):
            own[name] = number("RMSprop", name, settings[name])
        own["centered"] = flag("RMSprop", "centered", settings["centered"])
        return own

    @staticmethod
    def update(values: Array, gradients: Array, state: State, settings: Mapping[str, Any]) -> tuple[Array, State]:
        """Compute new values and a new state; see `Optimizer.update`."""
        alpha, decay, momentum = settings["alpha"], settings["weight_decay"], settings["momentum"]
        g = gradients + decay * values if decay else gradients
        squares = (1 - alpha) * g * g
        if "square_avg" in state:
            squares += alpha * state["square_avg"]
        new: State = {"step": state.get("step", 0) + 1, "square_avg": squares}
        if settings["centered"]:
            before = state["grad_avg"] if "grad_avg" in state else np.zeros_like(values)
            means = new["grad_avg"] = between(before, g, 1 - alpha)
            squares = squares - means * means
        below = np.sqrt(squares)
        below += settings["eps"]
        change = g / below
        if momentum:
            if "momentum_buffer" in state:
                change += momentum * state["momentum_buffer"]
            new["momentum_buffer"] = change
        return values - settings["lr"] * change, new
