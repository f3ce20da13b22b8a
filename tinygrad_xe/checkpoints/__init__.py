"""Saving without loss: weights in one file, `save` and `load`, and folders of checkpoints to go on from."""

from .folder import Folder
from .weights import load, save

__all__ = ["Folder", "load", "save"]
