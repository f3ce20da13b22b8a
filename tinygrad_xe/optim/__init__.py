"""Optimizers, schedules of their learning rate, and clipping of gradients, under PyTorch's names."""

from .adam import Adam, AdamW
from .clipping import clip_grad_norm, clip_grad_value
from .composed import LambdaLR, SequentialLR
from .lbfgs import LBFGS
from .optimizer import Optimizer
from .plateau import ReduceLROnPlateau
from .rmsprop import RMSprop
from .schedule import Schedule
from .schedules import ConstantLR, CosineAnnealingLR, ExponentialLR, LinearLR, MultiStepLR, StepLR
from .sgd import SGD

__all__ = [
    "LBFGS", "SGD", "Adam", "AdamW", "Optimizer", "RMSprop",
    "ConstantLR", "CosineAnnealingLR", "ExponentialLR", "LambdaLR", "LinearLR", "MultiStepLR", "ReduceLROnPlateau",
    "Schedule", "SequentialLR", "StepLR",
    "clip_grad_norm", "clip_grad_value",
]  # fmt: skip

#: PyTorch's names that are not here, and what takes their place.
INSTEAD = {
    "clip_grad_norm_": "write xe.optim.clip_grad_norm(model.parameters(), max_norm), which scales in place too",
    "clip_grad_value_": "write xe.optim.clip_grad_value(model.parameters(), limit), which limits in place too",
    "lr_scheduler": "the schedules are here: write xe.optim.StepLR(optimizer, step_size=10)",
    "LRScheduler": "the base of the schedules is xe.optim.Schedule",
    "ChainedScheduler": "step several schedules one after the other: they multiply",
}


def __getattr__(name: str) -> object:
    """Raise, and say what takes the place of a name of PyTorch's."""
    hint = f": {INSTEAD[name]}." if name in INSTEAD else ""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
