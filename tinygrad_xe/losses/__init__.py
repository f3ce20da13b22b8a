"""Losses, stable and keyword-only; `article` holds the forms as the article writes them."""

from . import article
from .binary import sigmoid_cross_entropy_with_logits, weighted_cross_entropy_with_logits
from .divergence import entropy, kl_divergence
from .focal import binary_focal_cross_entropy, focal_cross_entropy
from .likelihood import bernoulli_nll, categorical_nll
from .multiclass import (
    softmax_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2,
    sparse_softmax_cross_entropy_with_logits,
)
from .probabilities import binary_cross_entropy, cross_entropy
from .regression import hinge, huber, mae, mse

__all__ = [
    "article", "binary_cross_entropy", "cross_entropy",
    "sigmoid_cross_entropy_with_logits", "softmax_cross_entropy_with_logits", "softmax_cross_entropy_with_logits_v2",
    "sparse_softmax_cross_entropy_with_logits", "weighted_cross_entropy_with_logits",
    "binary_focal_cross_entropy", "focal_cross_entropy",
    "bernoulli_nll", "categorical_nll", "kl_divergence", "entropy", "mse", "mae", "huber", "hinge",
]  # fmt: skip
