from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from rewriter.cutting.plan.choice import Boundaries
from rewriter.cutting.plan.places import CutPlace
from rewriter.paths import ModulePath

BLOCKS = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 3)), min_size=2, max_size=8)
"""Memory of each block between two boundaries, and the depth of the module that begins it."""


def boundaries(blocks: list[tuple[int, int]]) -> Boundaries:
    places = [
        CutPlace(ModulePath(".".join("m" * depth)), None, n) for n, (_, depth) in enumerate(blocks) if n
    ]
    return Boundaries(places, lambda start, stop: sum(size for size, _ in blocks[start:stop]))


def largest(found: Boundaries, cuts: tuple[int, ...]) -> int:
    return max(found.cost(*pair) for pair in pairwise((0, *cuts, found.end)))


@given(BLOCKS, st.integers(1, 40))
def test_the_fewest_parts_are_those_of_all_choices(blocks: list[tuple[int, int]], most: int) -> None:
    found = boundaries(blocks)
    counts = [
        n + 1
        for n in range(len(blocks))
        for cuts in combinations(range(1, len(blocks)), n)
        if largest(found, cuts) <= most
    ]
    assert found.fewest(most) == min(counts, default=None)


@given(BLOCKS, st.data())
def test_chosen_parts_fit_and_are_as_many_as_asked(
    blocks: list[tuple[int, int]], data: st.DataObject
) -> None:
    found = boundaries(blocks)
    parts = data.draw(st.integers(1, len(blocks)))
    least = found.least(parts)
    assert least == min(largest(found, cuts) for cuts in combinations(range(1, len(blocks)), parts - 1))
    cuts = tuple(found.places.index(place) + 1 for place in found.choose(parts, least))
    assert len(cuts) == parts - 1
    assert largest(found, cuts) <= least


def test_where_several_cuts_fit_it_is_before_the_outermost_module() -> None:
    found = boundaries([(1, 1), (1, 2), (1, 1), (1, 2)])
    assert [place.point for place in found.choose(2, 3)] == [2]
    assert [place.point for place in found.choose(2, 9)] == [2]
