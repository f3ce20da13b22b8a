"""Automatic differentiation for plain NumPy that shows its work. Import it as ``xe``: cross-entropy."""

from typing import TYPE_CHECKING

from . import data, losses
from ._version import __version__
from .custom import custom_gradient, op
from .errors import (
    ArgumentError,
    BoundsError,
    DeclarationError,
    DTypeError,
    EmptyMeanWarning,
    GradientLostError,
    GradientMismatchError,
    GraphError,
    LabelGradientWarning,
    NonFiniteError,
    ShapeError,
    XeError,
    XeWarning,
)
from .graph import no_grad
from .ops.index import scatter_add
from .ops.special import (
    elu,
    erf,
    erfc,
    gelu,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
)
from .recompute import checkpoint
from .tensor import Tensor, tensor
from .transforms import grad, hessian, hvp, jacobian, jvp, stop_gradient, value_and_grad, vjp
from .watch import detect_nonfinite, record

__all__ = [
    "Tensor", "detect_nonfinite", "no_grad", "record", "tensor",
    "check_gradients", "checkpoint", "custom_gradient", "grad", "hessian", "hvp", "jacobian", "jvp", "op",
    "stop_gradient", "value_and_grad", "vjp",
    "elu", "erf", "erfc", "gelu", "leaky_relu", "log_sigmoid", "log_softmax", "logsumexp", "relu", "scatter_add",
    "sigmoid", "silu", "softmax", "softplus",
    "closed_forms", "data", "losses", "program", "viz",
    "ArgumentError", "BoundsError", "DTypeError", "DeclarationError", "EmptyMeanWarning", "GradientLostError",
    "GradientMismatchError", "GraphError", "LabelGradientWarning", "NonFiniteError", "ShapeError", "XeError",
    "XeWarning", "__version__",
]  # fmt: skip


if TYPE_CHECKING:
    from . import closed_forms, program, viz
    from .check import check_gradients


def __getattr__(name: str) -> object:
    """Load on first use what takes long, or what a training needs not: 6 ms of 36."""
    from importlib import import_module

    if name in ("closed_forms", "program", "viz"):
        return import_module(f".{name}", __name__)
    if name == "check_gradients":
        return import_module(".check", __name__).check_gradients
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
