"""What a classifier is judged by: accuracy, counts of each class, and scores of its probabilities."""

from .classification import accuracy, confusion_matrix, top_k_accuracy
from .precision_recall import f1, precision, recall
from .scores import log_loss, roc_auc

__all__ = [
    "accuracy", "confusion_matrix", "f1", "log_loss", "precision", "recall", "roc_auc", "top_k_accuracy",
]  # fmt: skip
