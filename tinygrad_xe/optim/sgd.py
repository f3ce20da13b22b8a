"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import ArgumentError
from .gathering import Group
from .optimizer import Optimizer
from .settings import flag, number
from .vectors import Array, State


class SGD(Optimizer):
    r"""Gradient descent: :math:`p \leftarrow p - \eta g`, with momentum, Nesterov's momentum and weight decay.

    .. math::
        g &\leftarrow g + \lambda p \\
        b &\leftarrow \mu b + (1 - \tau) g, \qquad b \leftarrow g \text{ at first} \\
        p &\leftarrow p - \eta \, (b \text{, or } g + \mu b \text{ with Nesterov})

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float
        The learning rate :math:`\eta`.
    momentum : float
        :math:`\mu`, how much of the last direction is kept.
    dampening : float
        :math:`\tau`.
    weight_decay : float
        :math:`\lambda`, the factor of :math:`\lVert p \rVert^2 / 2` in the loss.
    nesterov : bool
        Look ahead by the momentum.

    Raises
    ------
    ArgumentError
        When a number is out of range, or `nesterov` is asked for without momentum or with dampening.
    DTypeError
        When a parameter or number is of the wrong type.

    Notes
    -----
    PyTorch's form of Sutskever et al., On the importance of initialization and momentum in deep learning, ICML 2013,
    https://proceedings.mlr.press/v28/sutskever13.html: the learning rate multiplies the momentum as well.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> w = xe.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = xe.optim.SGD([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.8, -1.6], requires_grad=True)
    """

    state_names = ("momentum_buffer",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov
        )

    def checked(self, settings: Mapping[str, Any]) -> Group:
        """A copy of the settings as plain Python values; raises when one is out of range."""
        own = super().checked(settings)
        for name in ("momentum", "weight_decay"):
            own[name] = number("SGD", name, settings[name])
        own["dampening"] = number("SGD", "dampening", settings["dampening"], least=float("-inf"))
        own["nesterov"] = flag("SGD", "nesterov", settings["nesterov"])
        if own["nesterov"] and (own["momentum"] == 0 or own["dampening"] != 0):
            raise ArgumentError(
                f"SGD: nesterov=True with momentum={own['momentum']} and dampening={own['dampening']}; "
                "it needs momentum and no dampening.\n  Write momentum=0.9, nesterov=True."
            )
        return own

    @staticmethod
    def update(values: Array, gradients: Array, state: State, settings: Mapping[str, Any]) -> tuple[Array, State]:
        """Compute new values and a new state; see `Optimizer.update`."""
        momentum, decay = settings["momentum"], settings["weight_decay"]
        g, new = gradients, dict[str, Any]()
        if decay:
            g = g + decay * values
        if momentum:
            b = g
            if "momentum_buffer" in state:
                b = momentum * state["momentum_buffer"] + (1 - settings["dampening"]) * g
            new["momentum_buffer"] = b
            g = g + momentum * b if settings["nesterov"] else b
        return values - settings["lr"] * g, new
