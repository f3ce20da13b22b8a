"""Pictures of computation graphs."""

from .dot import digraph

__all__ = ["digraph"]
