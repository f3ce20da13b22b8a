"""Adam, and AdamW with decoupled weight decay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import DTypeError
from .gathering import Group
from .optimizer import Optimizer
from .settings import flag, number, shown
from .vectors import Array, State


class Adam(Optimizer):
    r"""Adam: steps by the mean of the gradients, divided by the root of the mean of their squares.

    .. math::
        g &\leftarrow g + \lambda p \\
        m &\leftarrow \beta_1 m + (1 - \beta_1) g \\
        v &\leftarrow \beta_2 v + (1 - \beta_2) g^2 \\
        p &\leftarrow p - \frac{\eta}{1 - \beta_1^t} \frac{m}{\sqrt{v} / \sqrt{1 - \beta_2^t} + \varepsilon}

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float
        The learning rate :math:`\eta`: about how far a parameter moves in a step.
    betas : (float, float)
        How much of the two means is kept in a step.
    eps : float
        :math:`\varepsilon`, against division by zero.
    weight_decay : float
        :math:`\lambda`; in `Adam` it is part of the gradient (L2), which dividing makes nearly the same for all
        parameters. `AdamW` decays the values themselves.
    amsgrad : bool
        Divide by the largest :math:`v` so far.

    Raises
    ------
    ArgumentError
        When a number is out of range.
    DTypeError
        When a parameter or number is of the wrong type.

    Notes
    -----
    Kingma and Ba, Adam: a method for stochastic optimization, ICLR 2015, https://arxiv.org/abs/1412.6980, algorithm 1.
    AMSGrad: Reddi et al., On the convergence of Adam and beyond, ICLR 2018, https://arxiv.org/abs/1904.09237, in
    PyTorch's form, where the largest :math:`v` is taken before the bias is corrected.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> w = xe.tensor([1.0, -200.0], requires_grad=True)
    >>> optimizer = xe.optim.Adam([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([   0.9, -199.9], requires_grad=True)
    """

    state_names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    needed_state = ("step", "exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad)

    def checked(self, settings: Mapping[str, Any]) -> Group:
        """A copy of the settings as plain Python values; raises when one is out of range."""
        own, owner, betas = super().checked(settings), type(self).__name__, settings["betas"]
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise DTypeError(f"{owner}: betas is {shown(betas)}; expected two numbers, as in (0.9, 0.999).")
        own["betas"] = tuple([number(owner, f"betas[{i}]", beta, below=1.0) for i, beta in enumerate(betas)])
        for name in ("eps", "weight_decay"):
            own[name] = number(owner, name, settings[name])
        own["amsgrad"] = flag(owner, "amsgrad", settings["amsgrad"])
        return own

    @staticmethod
    def update(values: Array, gradients: Array, state: State, settings: Mapping[str, Any]) -> tuple[Array, State]:
        """Compute new values and a new state; see `Optimizer.update`."""
        decay = settings["weight_decay"]
        return adam(values, gradients + decay * values if decay else gradients, state, settings)


class AdamW(Adam):
    r"""Adam with decoupled weight decay: :math:`p \leftarrow p - \eta \lambda p` before each step of Adam.

    Parameters and errors are those of `Adam`, with ``weight_decay=0.01``.

    Notes
    -----
    Loshchilov and Hutter, Decoupled weight decay regularization, ICLR 2019, https://arxiv.org/abs/1711.05101,
    algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> w = xe.tensor([1.0, -200.0], requires_grad=True)
    >>> optimizer = xe.optim.AdamW([w], lr=0.1, weight_decay=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([   0.89, -197.9 ], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad)

    @staticmethod
    def update(values: Array, gradients: Array, state: State, settings: Mapping[str, Any]) -> tuple[Array, State]:
        """Compute new values and a new state; see `Optimizer.update`."""
        decay = settings["weight_decay"]
        return adam(values * (1 - settings["lr"] * decay) if decay else values, gradients, state, settings)


def between(a: Array, b: Array, weight: float) -> Array:
    """``a + weight (b - a)``, counted from the nearer end, so that a difference rounds least, as PyTorch's lerp is."""
    found = b - a
    if abs(weight) < 0.5:
        found *= weight
        found += a
        return found
    return b - found * (1 - weight)


def adam(values: Array, g: Array, state: State, settings: Mapping[str, Any]) -> tuple[Array, State]:
    """One step of Adam without weight decay.

    The steps write into the arrays that they have just made: 13 us instead of 17 at 4,810 values in float32.
    """
    beta1, beta2 = settings["betas"]
    step = state.get("step", 0) + 1
    if "exp_avg" in state:
        m, v = state["exp_avg"], state["exp_avg_sq"]
    else:
        m, v = np.zeros_like(values), np.zeros_like(values)
    means = between(m, g, 1 - beta1)
    squares = (1 - beta2) * g
    squares *= g
    squares += beta2 * v
    new: State = {"step": step, "exp_avg": means, "exp_avg_sq": squares}
    if settings["amsgrad"]:
        squares = np.maximum(state["max_exp_avg_sq"], squares) if "max_exp_avg_sq" in state else squares
        new["max_exp_avg_sq"] = squares
    below = np.sqrt(squares)
    below /= (1 - beta2**step) ** 0.5
    below += settings["eps"]
    change = (settings["lr"] / (1 - beta1**step)) * means
    change /= below
    return values - change, new
