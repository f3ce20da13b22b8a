"""Equal consecutive blocks in a computation: tandem repeats of the kinds of its steps that are connected alike."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .records import Array

#: The longest block that is looked for, in steps.
LONGEST = 256


@dataclass(frozen=True)
class Blocks:
    """Steps in order of computation, by their ids, to find equal consecutive blocks in.

    Attributes
    ----------
    kinds : mapping of int to hashable
        For each step and each leaf, what it has in common with those that may stand for it.
    index : mapping of int to int
        The place of each step; leaves have none.
    parents : mapping of int to sequence of int
        What each step is computed from, in order.
    children : mapping of int to set of int
    """

    kinds: Mapping[int, Hashable]
    index: Mapping[int, int]
    parents: Mapping[int, Sequence[int]]
    children: Mapping[int, set[int]]

    def repeats(self) -> list[tuple[int, int, int]]:
        """Place, length and number of equal blocks, three or more, from left to right.

        At each place, those that cover most. Time and memory grow with the number of steps times the periods tried.
        """
        steps = list(self.index)
        numbers: dict[Hashable, int] = {}
        kinds = np.array([numbers.setdefault(self.kinds[step], len(numbers)) for step in steps], dtype=np.int64)
        n = len(kinds)
        longest = min(LONGEST, n // 3, 20_000_000 // max(n, 1))
        if longest < 1:
            return []
        # equal[p - 1, i]: how many steps from i on are of the same kind as those p later
        equal = np.zeros((longest, n), dtype=np.int32)
        for period in range(1, longest + 1):
            equal[period - 1, : n - period] = run_lengths(kinds[period:] == kinds[:-period])
        periods = np.arange(1, longest + 1)
        found = []
        start = 0
        while start < n:
            times = equal[:, start] // periods + 1
            covered = np.where(times >= 3, times * periods, 0)
            for p in np.argsort(-covered, kind="stable")[:4]:
                period = int(p) + 1
                if covered[p] and (alike := self.alike(steps, start, period, int(times[p]))) >= 3:
                    found.append((start, period, alike))
                    start += alike * period
                    break
            else:
                start += 1
        return found

    def alike(self, steps: Sequence[int], start: int, period: int, times: int) -> int:
        """How many of the blocks from `start` on are also connected alike."""
        for k in range(1, times):
            for j in range(start + k * period, start + (k + 1) * period):
                here, before = self.parents[steps[j]], self.parents[steps[j - period]]
                if len(here) != len(before) or not all(
                    self.same(a, b, start, start + k * period, period) for a, b in zip(here, before, strict=True)
                ):
                    return k
        return times

    def same(self, parent: int, before: int, start: int, block: int, period: int) -> bool:
        """Whether a parent of a step in the block from `block` on is what `before` is to the step a period earlier."""
        if parent == before:
            return True
        i, i_before = self.index.get(parent), self.index.get(before)
        if i is None:
            own = self.owned(parent, block, period) and self.owned(before, block - period, period)
            return own and self.kinds[parent] == self.kinds[before]
        if i >= block or (i_before is not None and i_before >= start):
            return i_before is not None and i - i_before == period
        return i >= start  # from an earlier block: the first ones have something from outside in its place

    def owned(self, leaf: int, block: int, period: int) -> bool:
        """Whether it is a leaf, used in one block only."""
        if leaf in self.index:
            return False
        return all(block <= self.index.get(child, -1) < block + period for child in self.children[leaf])

    def leaves(self, start: int, period: int, count: int) -> set[int]:
        """The leaves that belong to one of the equal blocks alone, as others belong to the blocks beside it."""
        steps = list(self.index)[start : start + period * count]
        found = set()
        for j, step in enumerate(steps):
            beside = period if j < period else -period
            block = start + j // period * period
            for leaf, other in zip(self.parents[step], self.parents[steps[j + beside]], strict=True):
                if self.owned(leaf, block, period) and self.owned(other, block + beside, period):
                    found.add(leaf)
        return found


def run_lengths(true: Array) -> Array:
    """For each place, how many True follow from it on.

    Examples
    --------
    >>> run_lengths(np.array([True, True, False, True]))
    array([2, 1, 0, 1])
    """
    n = len(true)
    ends = np.where(true, n, np.arange(n))
    return np.minimum.accumulate(ends[::-1])[::-1] - np.arange(n)
