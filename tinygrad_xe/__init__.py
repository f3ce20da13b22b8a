"""Automatic differentiation for plain NumPy that shows its work. Import it as ``xe``: cross-entropy."""

from . import closed_forms, data, losses
from ._version import __version__
from .check import check_gradients
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


def __getattr__(name: str) -> object:
    """Load `program` and `viz` on first use."""
    if name in ("program", "viz"):
        import importlib

        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
