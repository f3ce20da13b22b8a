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
    FileError,
    GradientLostError,
    GradientMismatchError,
    GraphError,
    LabelGradientWarning,
    MixedDtypeWarning,
    NonFiniteError,
    OptimizerWarning,
    ShapeError,
    TraceError,
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
    "avg_pool1d", "avg_pool2d", "conv1d", "conv2d", "dropout", "embedding", "layer_norm", "linear", "max_pool1d",
    "max_pool2d", "one_hot",
    "History", "fit", "load", "save", "seed",
    "Program", "trace",
    "checkpoints", "closed_forms", "data", "losses", "metrics", "nn", "optim", "program", "random", "training", "viz",
    "ArgumentError", "BoundsError", "DTypeError", "DeclarationError", "EmptyMeanWarning", "FileError",
    "GradientLostError", "GradientMismatchError", "GraphError", "LabelGradientWarning", "MixedDtypeWarning",
    "NonFiniteError", "OptimizerWarning", "ShapeError", "TraceError", "XeError", "XeWarning", "__version__",
]  # fmt: skip


if TYPE_CHECKING:
    from . import checkpoints, closed_forms, metrics, nn, optim, program, random, training, viz
    from .check import check_gradients
    from .checkpoints import load, save
    from .nn.functional import dropout, embedding, layer_norm, one_hot
    from .ops.conv import conv1d, conv2d
    from .ops.linear import linear
    from .ops.pool import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d
    from .program.program import Program
    from .program.trace import trace
    from .random import seed
    from .training import History, fit

#: Where the names are that load on first use.
LATER = {
    **dict.fromkeys(("checkpoints", "closed_forms", "metrics", "nn", "optim"), ""),
    **dict.fromkeys(("program", "random", "training", "viz"), ""),
    "Program": "program.program",
    "trace": "program.trace",
    "check_gradients": "check",
    **dict.fromkeys(("load", "save"), "checkpoints"),
    **dict.fromkeys(("History", "fit"), "training"),
    "seed": "random",
    **dict.fromkeys(("conv1d", "conv2d"), "ops.conv"),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d", "max_pool1d", "max_pool2d"), "ops.pool"),
    "linear": "ops.linear",
    **dict.fromkeys(("dropout", "embedding", "layer_norm", "one_hot"), "nn.functional"),
}


def __getattr__(name: str) -> object:
    """Load on first use what not every program needs: 6 ms of 36."""
    from importlib import import_module

    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if not LATER[name]:
        return import_module(f".{name}", __name__)
    found = globals()[name] = getattr(import_module(f".{LATER[name]}", __name__), name)
    return found
