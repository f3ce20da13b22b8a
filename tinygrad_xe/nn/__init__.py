"""Layers, losses as modules, and initialisation, in PyTorch's vocabulary."""

from . import init
from .activation import ELU, GELU, Identity, LeakyReLU, LogSoftmax, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh
from .attention import MultiheadAttention
from .container import Function, Sequential
from .convolution import Conv1d, Conv2d
from .dropout import Dropout
from .linear import Embedding, Flatten, Linear
from .losses import BCEWithLogitsLoss, CrossEntropyLoss, HuberLoss, L1Loss, MSELoss
from .module import Module
from .normalization import BatchNorm1d, BatchNorm2d, LayerNorm
from .pooling import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from .recurrent import GRU, LSTM, RNN
from .recurrent_cells import GRUCell, LSTMCell, RNNCell
from .scaled_dot_product import scaled_dot_product_attention
from .states import functional_call

MultiHeadAttention = MultiheadAttention

__all__ = [
    "Function", "Module", "Sequential",
    "GRU", "GRUCell", "LSTM", "LSTMCell", "MultiHeadAttention", "MultiheadAttention", "RNN", "RNNCell",
    "scaled_dot_product_attention",
    "AvgPool1d", "AvgPool2d", "Conv1d", "Conv2d", "MaxPool1d", "MaxPool2d",
    "BatchNorm1d", "BatchNorm2d", "Dropout", "Embedding", "Flatten", "LayerNorm", "Linear",
    "ELU", "GELU", "Identity", "LeakyReLU", "LogSoftmax", "ReLU", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh",
    "BCEWithLogitsLoss", "CrossEntropyLoss", "HuberLoss", "L1Loss", "MSELoss",
    "functional_call", "init",
]  # fmt: skip

#: PyTorch's names that are not needed here, and what takes their place.
INSTEAD = {
    "Parameter": "store xe.tensor(values, requires_grad=True) in an attribute",
    "ParameterList": "store a list of Tensors in an attribute",
    "ParameterDict": "store a dict of Tensors in an attribute",
    "ModuleList": "store a list of modules in an attribute",
    "ModuleDict": "store a dict of modules in an attribute",
    "utils": "write xe.optim.clip_grad_norm(model.parameters(), max_norm) for clipping",
}


def __getattr__(name: str) -> object:
    """Raise, and say what takes the place of a name of PyTorch's."""
    hint = f": {INSTEAD[name]}." if name in INSTEAD else ""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
