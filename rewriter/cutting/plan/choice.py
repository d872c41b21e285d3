"""Chooses cuts: as few parts as fit a budget, or a given number of parts whose largest is small.

Both rest on two walks over the places: `back` finds the earliest place of each cut from the end, `reach` the
latest from the beginning. The parts fit wherever between the two a cut is; the outermost module is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rewriter.cutting.plan.places import CutPlace

Cost = Callable[[int, int], int]
"""(i, j) -> bytes of the part from the i-th boundary to the j-th; boundary 0 is the beginning."""
SLACK = 1.1
"""The largest part of `--into` may need this much more than the least, for cuts before outer modules."""
_CLOSE = 0.01
"""Precision of the least largest part."""


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Boundaries of parts: the beginning, the places, the end.

    Attributes:
        places: the places, in file order.
        cost: the memory of the part between two boundaries.
    """

    places: Sequence[CutPlace]
    cost: Cost

    @property
    def end(self) -> int:
        """Number of the last boundary."""
        return len(self.places) + 1

    def reach(self, start: int, most: int) -> int:
        """Return the furthest boundary up to which a part fits; `start` if not even the next one does.

        A longer part counts as larger: the search is binary.
        """
        low, high = start, self.end
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.cost(start, middle) <= most else (low, middle - 1)
        return low

    def back(self, stop: int, most: int) -> int:
        """Return the earliest boundary from which a part up to `stop` fits; `stop` if none does."""
        low, high = 0, stop
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.cost(middle, stop) <= most else (middle + 1, high)
        return low

    def fewest(self, most: int) -> int | None:
        """Return the least number of parts that fit; None if there is none."""
        at = parts = 0
        while at < self.end:
            after = self.reach(at, most)
            if after == at:
                return None
            at, parts = after, parts + 1
        return parts

    def least(self, parts: int) -> int:
        """Return a size that this many parts fit, at most a hundredth above the least such size."""
        low, high = 0, self.cost(0, self.end)
        while high - low > max(1, _CLOSE * high):
            middle = (low + high) // 2
            count = self.fewest(middle)
            low, high = (low, middle) if count is not None and count <= parts else (middle, high)
        return high

    def choose(self, parts: int, most: int) -> list[CutPlace]:
        """Return the cuts of a number of parts that fit, before outer modules where there is a choice."""
        earliest = [self.end]
        for _ in range(parts - 1):
            earliest.append(self.back(earliest[-1], most))
        chosen, at = [], 0
        for number in range(1, parts):
            # A part may be larger alone than within a larger part, so the next place may not fit.
            latest = min(max(self.reach(at, most), at + 1), self.end - (parts - number))
            first = min(max(earliest[parts - number], at + 1), latest)
            at = min(range(first, latest + 1), key=lambda n: (self.places[n - 1].module.depth, -n))
            chosen.append(self.places[at - 1])
        return chosen
