"""L-BFGS: a quasi-Newton method that remembers the last changes of the gradient."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentError, DTypeError, ShapeError
from ..tensor import Tensor
from . import saving
from .gathering import Group
from .line_search import Trial, strong_wolfe
from .optimizer import Optimizer, evaluate
from .settings import count, number, word
from .usage import ALL_FROZEN, nothing
from .vectors import Array, Block, State, joined

ARRAYS = ("d", "prev_flat_grad", "old_dirs", "old_stps", "ro")
NUMBERS = ("func_evals", "n_iter", "t", "H_diag", "prev_loss")
NO_BACKWARD = (
    "{who}: the closure gave no parameter a gradient: nothing was changed.\n"
    "  Write loss.backward() in it, of a loss that is computed from these parameters, before return loss."
)


class LBFGS(Optimizer):
    r"""L-BFGS for losses that are the same at each call: full batches, no dropout.

    Parameters
    ----------
    params : iterable
        See `Optimizer`; one group only, of one dtype.
    lr : float
        How far to go along the direction, or with a line search how far to try first.
    max_iter : int
        Iterations in a step.
    max_eval : int, optional
        Calls of the closure in a step; ``max_iter * 5 // 4`` if None.
    tolerance_grad : float
        A step ends when no element of the gradient is larger.
    tolerance_change : float
        A step ends when neither the loss nor a parameter changes by more.
    history_size : int
        How many changes are remembered.
    line_search_fn : {None, "strong_wolfe"}
        None: always go by `lr`, which may diverge.

    Raises
    ------
    ArgumentError
        When a number is out of range, or there are several groups or dtypes.

    Notes
    -----
    Nocedal and Wright, Numerical optimization, 2nd ed. 2006, algorithms 7.4 and 7.5, with the choices of PyTorch:
    the first step is scaled by the sum of the absolute gradient, and a change with :math:`y^T s \le 10^{-10}` is not
    remembered. Near a minimum all changes are that small, and a step may then change nothing: bound the number of steps
    rather than wait for a gradient below 1e-6.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xe as xe
    >>> w = xe.tensor([-1.0, 1.5], requires_grad=True)
    >>> optimizer = xe.optim.LBFGS([w], max_iter=100, line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2
    ...     loss.backward()
    ...     return loss
    >>> first = optimizer.step(closure)
    >>> bool(np.allclose(w.data, 1, atol=1e-5))
    True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        self._memory: State = {}
        super().__init__(
            params, lr=lr, max_iter=max_iter, max_eval=max_eval, tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change, history_size=history_size, line_search_fn=line_search_fn,
        )  # fmt: skip

    def checked(self, settings: Mapping[str, Any]) -> Group:
        """A copy of the settings as plain Python values; raises when one is out of range."""
        own = super().checked(settings)
        own["max_iter"] = count("LBFGS", "max_iter", settings["max_iter"], least=1)
        given = settings["max_eval"]
        own["max_eval"] = own["max_iter"] * 5 // 4 if given is None else count("LBFGS", "max_eval", given, least=1)
        own["history_size"] = count("LBFGS", "history_size", settings["history_size"], least=1)
        for name in ("tolerance_grad", "tolerance_change"):
            own[name] = number("LBFGS", name, settings[name])
        own["line_search_fn"] = word("LBFGS", "line_search_fn", settings["line_search_fn"], (None, "strong_wolfe"))
        return own

    def _check_groups(self) -> None:
        super()._check_groups()
        self._refuse_several(self.param_groups)

    def _refuse_several(self, groups: list[Group]) -> None:
        dtypes = {str(p.dtype) for group in groups for p in group["params"]}
        if len(groups) != 1 or len(dtypes) != 1:
            what = f"{len(groups)} groups" if len(groups) != 1 else f"parameters of {' and '.join(sorted(dtypes))}"
            raise ArgumentError(f"LBFGS: got {what}; it takes one group of one dtype, since all are one vector.")

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Refused: all parameters are one vector."""
        raise ArgumentError("LBFGS: a second group can't be added, since all parameters are one vector.")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Run up to ``max_iter`` iterations.

        Parameters
        ----------
        closure : callable
            Zeroes the gradients, computes the loss, calls ``backward()`` and returns the loss; it is called several
            times.

        Returns
        -------
        What the closure returned first.

        Raises
        ------
        DTypeError
            When there is no closure, or it returns no number.
        ArgumentError
            When there are more or fewer parameters than at the step before.

        Warns
        -----
        OptimizerWarning
            When the closure gives no parameter a gradient: once. The others are those of `Optimizer.step`.

        Notes
        -----
        When the closure raises, the parameters are where the last iteration had left them.
        """
        if closure is None:
            raise DTypeError(
                "LBFGS.step: it needs a closure, since it computes the loss several times.\n"
                "  Write optimizer.step(closure), where closure() zeroes the gradients, calls backward() and returns "
                "the loss."
            )
        self._prepare()
        [block] = self._blocks
        group = self.param_groups[0]
        lr, max_iter, change = group["lr"], group["max_iter"], group["tolerance_change"]
        self._fit_memory(block)
        own: State = {"func_evals": 0, "n_iter": 0, "old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1.0} | {
            name: [*held] if isinstance(held, list) else held for name, held in self._memory.items()
        }
        first = evaluate(closure)
        loss, g = as_number(first), self._gradient(block)
        if all(p.grad is None or p.node is None for p in block.parameters):
            self._warn(self._no_gradient())
        evaluations = 1
        own["func_evals"] += 1
        if np.abs(g).max(initial=0) <= group["tolerance_grad"]:
            return first
        for iteration in range(1, max_iter + 1):
            own["n_iter"] += 1
            if own["n_iter"] == 1:
                own["d"] = -g
            else:
                remember(own, g - own["prev_flat_grad"], own["t"] * own["d"], group["history_size"])
                own["d"] = direction(g, own["old_dirs"], own["old_stps"], own["ro"], own["H_diag"])
            d = own["d"]
            own["prev_flat_grad"], own["prev_loss"] = g, loss
            own["t"] = min(1.0, 1.0 / float(np.abs(g).sum())) * lr if own["n_iter"] == 1 else lr
            slope = float(g @ d)
            if slope > -change:
                break
            used = 0
            if group["line_search_fn"] is not None:
                start = Trial(np.float64(0), np.float64(loss), g, np.float64(slope))
                found, used = strong_wolfe(
                    lambda t, d=d: self._evaluate_at(block, closure, t, d),  # type: ignore[misc]
                    start, d, np.float64(own["t"]), change, group["max_eval"] - evaluations,
                )  # fmt: skip
                own["t"], loss, g = float(found.t), float(found.loss), found.gradient
                self._move(block, block.values + own["t"] * d)
            else:
                self._move(block, block.values + own["t"] * d)
                if iteration != max_iter:
                    loss, g, used = as_number(evaluate(closure)), self._gradient(block), 1
            evaluations += used
            own["func_evals"] += used
            self._memory = {name: [*held] if isinstance(held, list) else held for name, held in own.items()}
            if (
                iteration == max_iter
                or evaluations >= group["max_eval"]
                or np.abs(g).max() <= group["tolerance_grad"]
                or np.abs(own["t"] * d).max() <= change
                or abs(loss - own["prev_loss"]) < change
            ):
                break
        self._memory = own
        return first

    def _no_gradient(self) -> str:
        frozen = super()._no_gradient()
        return frozen if frozen == ALL_FROZEN else NO_BACKWARD

    def _fit_memory(self, block: Block) -> None:
        """Cast what is remembered to the dtype of the parameters, which `astype` may have changed."""
        if not self._memory:
            return
        size, dtype = self._memory["d"].size, block.values.dtype
        if size != block.values.size:
            raise ArgumentError(
                f"LBFGS.step: the directions that it remembers have {size} values, the parameters now "
                f"{block.values.size}. Make a new LBFGS."
            )
        if self._memory["d"].dtype != dtype:
            for name in ("d", "prev_flat_grad"):
                self._memory[name] = self._memory[name].astype(dtype)
            for name in ("old_dirs", "old_stps"):
                self._memory[name] = [vector.astype(dtype) for vector in self._memory[name]]

    def _evaluate_at(self, block: Block, closure: Callable[[], Any], t: Any, d: Array) -> tuple[float, Array]:
        """The loss and gradient at a distance along `d`; the parameters are put back."""
        here = block.values.copy()
        self._move(block, here + float(t) * d)
        try:
            return as_number(evaluate(closure)), self._gradient(block)
        finally:
            self._move(block, here)

    def _move(self, block: Block, values: Array) -> None:
        np.copyto(block.values, values, casting="same_kind")
        for p in block.parameters:
            p.touch()

    def _gradient(self, block: Block) -> Array:
        gradients = [p._grad if p.node is not None else None for p in block.parameters]
        self._warn_about(block, gradients)
        zeros = [np.zeros(p.shape, p.dtype) if g is None else g for p, g in zip(block.parameters, gradients)]
        vector = joined(zeros, block.gradients)
        block.usage.used([nothing if g is None else weakref.ref(g) for g in gradients])
        return vector.copy()

    # -- saving ----------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All settings and copies of the state, which is that of all parameters, under ``"0"``."""
        saved = saving.state_dict(self.param_groups, {})
        if self._memory:
            n, dtype = self._blocks[0].values.size, self._blocks[0].values.dtype
            own = {name: np.array(held) if name in ARRAYS else held for name, held in self._memory.items()}
            for name in ("old_dirs", "old_stps"):
                own[name] = np.array(self._memory[name], dtype).reshape(-1, n)
            saved["state"] = {"0": own}
        return saved

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put settings and state back; see `Optimizer.load_state_dict`."""
        own = state.get("state") if isinstance(state, Mapping) else None
        groups, _ = saving.read(self, {**state, "state": {}} if own is not None else state)
        if own is None or not {str(i) for i in own} <= {"0"}:
            raise ArgumentError("load_state_dict of LBFGS: expected one state, of parameter 0, which is that of all.")
        memory = self._read_memory(next(iter(own.values()))) if own else {}
        self.param_groups[0].update(groups[0])
        self._memory = memory
        self._gather({})

    def _read_memory(self, given: Mapping[str, Any]) -> State:
        who = "load_state_dict of LBFGS"
        wanted = {*ARRAYS, *NUMBERS}
        if wanted != given.keys():
            differ = ", ".join(sorted(map(repr, wanted ^ given.keys())))
            raise ArgumentError(f"{who}: {differ} should be in the state and known here.")
        n, dtype, k = self._blocks[0].values.size, self._blocks[0].values.dtype, len(given["ro"])
        shapes = {"d": (n,), "prev_flat_grad": (n,), "old_dirs": (k, n), "old_stps": (k, n), "ro": (k,)}
        own: State = {}
        for name, shape in shapes.items():
            array = np.array(given[name], np.float64 if name == "ro" else dtype)
            if array.shape != shape:
                raise ShapeError(f"{who}: {name!r} has shape {array.shape}; expected {shape}.")
            own[name] = array if array.ndim == 1 and name != "ro" else [*array] if array.ndim == 2 else array.tolist()
        for name in NUMBERS:
            if name in ("func_evals", "n_iter"):
                own[name] = count(who, name, given[name])
            else:
                own[name] = number(who, name, given[name], least=-math.inf)
        return own


def remember(own: State, y: Array, s: Array, size: int) -> None:
    """Add a change of the gradient `y` and of the parameters `s` to the history, if the loss curves upwards there."""
    ys = float(y @ s)
    if ys > 1e-10:
        for name, value in (("old_dirs", y), ("old_stps", s), ("ro", 1.0 / ys)):
            own[name] = [*own[name], value][-size:]
        own["H_diag"] = ys / float(y @ y)


def direction(g: Array, changes: list[Array], steps: list[Array], ro: list[float], scale: float) -> Array:
    """Minus the gradient times the approximate inverse Hessian: the two loops of algorithm 7.4."""
    d, factors = -g, []
    for y, s, r in zip(reversed(changes), reversed(steps), reversed(ro)):
        factors.append(float(s @ d) * r)
        d = d - factors[-1] * y
    d = d * scale
    for y, s, r, factor in zip(changes, steps, ro, reversed(factors)):
        d = d + (factor - float(y @ d) * r) * s
    return d


def as_number(loss: Any) -> float:
    """The loss that a closure returned, as a Python number."""
    try:
        return float(loss.item() if isinstance(loss, Tensor) else loss)
    except TypeError:
        raise DTypeError(
            f"LBFGS.step: the closure returned {loss!r:.60}; expected the loss. End it with return loss."
        ) from None
