"""First values for parameters: each function writes them into its Tensor, as PyTorch's of the same name do."""

from .plain import constant_, normal_, ones_, trunc_normal_, uniform_, zeros_
from .scaled import (
    GAINS,
    calculate_gain,
    kaiming_normal_,
    kaiming_uniform_,
    orthogonal_,
    xavier_normal_,
    xavier_uniform_,
)

__all__ = [
    "GAINS", "calculate_gain", "constant_", "kaiming_normal_", "kaiming_uniform_", "normal_", "ones_", "orthogonal_",
    "trunc_normal_", "uniform_", "xavier_normal_", "xavier_uniform_", "zeros_",
]  # fmt: skip
