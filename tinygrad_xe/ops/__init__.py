"""Rule tables: every operation that can be differentiated, one family a file."""

from . import array_api, calculus, diagonal, einsum, ordering, pad, selection, solve, statistics

__all__ = ["array_api", "calculus", "diagonal", "einsum", "ordering", "pad", "selection", "solve", "statistics"]
