from __future__ import annotations

from itertools import combinations

import pytest

from rewriter.runtime.inputs.size_relations import Linear, Relations, distinct_sums


def _defined(*equations: tuple[Linear, Linear]) -> dict[str, Linear]:
    relations = Relations()
    for left, right in equations:
        further = relations.equated(left, right)
        assert further is not None
        relations = further
    return dict(relations.defined)


def test_a_size_is_defined_by_a_sum_and_not_by_a_difference() -> None:
    for left, right in (
        (Linear.of("past"), Linear.of("mask")),
        (Linear.of("mask"), Linear.of("past", "new")),
    ):
        assert set(_defined((left, right))) <= {"mask", "past"}
    assert _defined((Linear.of("past", "new"), Linear.of("mask"))) == {"mask": Linear.of("new", "past")}
    assert _defined((Linear.of("mask"), Linear.of("past", constant=1))) == {
        "mask": Linear.of("past", constant=1)
    }


def test_definitions_have_free_symbols_alone() -> None:
    found = _defined(
        (Linear.of("mask"), Linear.of("past", "new")),
        (Linear.of("new"), Linear.of("ids")),
        (Linear.of("past"), Linear((), 4)),
    )
    free = {symbol for sum_ in found.values() for symbol, _ in sum_.terms}
    assert free.isdisjoint(found)
    relations = Relations(found)
    assert len(free) == 1
    sizes = relations.sizes({free.pop(): 3})
    assert sizes == {"mask": 7, "new": 3, "ids": 3, "past": 4}


def test_what_is_known_or_impossible_is_no_equation() -> None:
    relations = Relations().equated(Linear.of("a"), Linear.of("b"))
    assert relations is not None
    assert relations.equated(Linear.of("b"), Linear.of("a")) is None
    assert relations.equated(Linear.of("a", constant=1), Linear.of("b")) is None
    assert Relations().equated(Linear.of("a"), Linear((), -1)) is None
    assert Relations().equated(Linear.of("a", "a"), Linear.of("b", "b")) is None


def test_no_size_is_negative() -> None:
    relations = Relations().equated(Linear.of("past", "new"), Linear((), 8))
    assert relations is not None
    (free,) = {"past", "new"} - set(relations.defined)
    assert relations.sizes({free: 9}) is None
    sizes = relations.sizes({free: 6})
    assert sizes is not None
    assert sorted(sizes.values()) == [2, 6]


@pytest.mark.parametrize("number", [0, 1, 2, 7, 12])
def test_sizes_sums_and_their_neighbours_are_different(number: int) -> None:
    sizes = distinct_sums(number)
    sums = [*sizes, *map(sum, combinations(sizes, 2))]
    near = [each + step for each in sums for step in (0, 1)]
    assert len(sizes) == number
    assert len(set(near)) == len(near)
