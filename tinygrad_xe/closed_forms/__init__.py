r"""The closed forms of the article's derivatives, in NumPy alone: what automatic differentiation is compared with.

Nothing here uses the engine; everything is float64. :math:`\sigma(z) = 1/(1 + e^{-z})`, :math:`\zeta(z) = \log(1 +
e^z)`, p is :math:`\sigma(z)` or :math:`\mathrm{softmax}(z)`, S is the sum of a sample's labels, and lse is
:math:`\log\sum e^z`. The numbers are those of the article's audit: E for its equations, C for the closed forms that
follow from them.

====  ============================================  ================================================================
C1    binary, on probabilities                      `binary_on_probs`
C2    binary, on logits                             `binary_on_logits`
C3    logistic regression                           `logistic_regression`, `logistic_regression_hvp`
C4    several classes, on probabilities; softmax    `cross_entropy_on_probs`, `softmax_jacobian`,
                                                    `log_softmax_jacobian`, `softmax` (the gradient of `lse`)
C5    several classes, on logits                    `softmax_on_logits`, `sparse_softmax_on_logits`
C6    second order                                  `softmax_hessian`, `softmax_hvp`, `softmax_mixed`
C7    likelihood and information                    `entropy`, `binary_entropy`, `kl_on_probs`, `kl_on_logits`,
                                                    `bernoulli_mle`, `categorical_mle`,
                                                    `bernoulli_information`, `categorical_information`
C8    variants                                      `weighted_on_logits`, `class_weighted_on_logits`,
                                                    `temperature_on_logits`, `smoothed_on_logits`, `focal_on_logits`
C9    stable forms                                  `sigma`, `softplus`, `lse`, `surprisal`, `softmax`
C10   limits and conventions                        `times`, `BINARY_PROBS_LIMITS`, `BINARY_LIMITS`, `PROBS_LIMITS`,
                                                    `SOFTMAX_LIMITS`
====  ============================================  ================================================================

Most return a `ClosedForm`: a loss with its derivatives. A batch is summed or averaged by the caller: its gradient is
that of each sample, divided by their number for the mean.
"""

from .binary import binary_on_logits, binary_on_probs, logistic_regression, logistic_regression_hvp
from .divergence import binary_entropy, entropy, kl_on_logits, kl_on_probs
from .form import ClosedForm, times
from .likelihood import (
    MaximumLikelihood,
    bernoulli_information,
    bernoulli_mle,
    categorical_information,
    categorical_mle,
)
from .limits import BINARY_LIMITS, BINARY_PROBS_LIMITS, PROBS_LIMITS, SOFTMAX_LIMITS, Limit
from .multiclass import (
    softmax_hessian,
    softmax_hvp,
    softmax_mixed,
    softmax_on_logits,
    sparse_softmax_on_logits,
)
from .probabilities import cross_entropy_on_probs, log_softmax_jacobian, softmax_jacobian
from .stable import lse, sigma, softmax, softplus, surprisal
from .variants import (
    class_weighted_on_logits,
    focal_on_logits,
    smoothed_on_logits,
    temperature_on_logits,
    weighted_on_logits,
)

__all__ = [
    "ClosedForm", "Limit", "MaximumLikelihood",
    "binary_on_probs", "binary_on_logits", "logistic_regression", "logistic_regression_hvp",
    "cross_entropy_on_probs", "softmax_jacobian", "log_softmax_jacobian",
    "softmax_on_logits", "sparse_softmax_on_logits",
    "softmax_hessian", "softmax_hvp", "softmax_mixed",
    "entropy", "binary_entropy", "kl_on_probs", "kl_on_logits", "bernoulli_mle", "categorical_mle",
    "bernoulli_information", "categorical_information",
    "weighted_on_logits", "class_weighted_on_logits", "temperature_on_logits", "smoothed_on_logits", "focal_on_logits",
    "sigma", "softplus", "lse", "surprisal", "softmax",
    "times", "BINARY_PROBS_LIMITS", "BINARY_LIMITS", "PROBS_LIMITS", "SOFTMAX_LIMITS",
]  # fmt: skip
