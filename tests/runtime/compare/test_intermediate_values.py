from __future__ import annotations

import pytest

from rewriter.runtime.compare.intermediate_values import in_parts

ITEMS = [("first", {"a", "b"}), ("second", {"a", "b", "c"}), ("third", set()), ("fourth", {"d", "e"})]


@pytest.mark.parametrize(("most", "expected"), [(100, [4]), (40, [3, 1]), (35, [1, 2, 1]), (1, [1, 2, 1])])
def test_parts_fit_into_memory(most: int, expected: list[int]) -> None:
    parts = list(in_parts(ITEMS, {"a": 10, "b": 10, "c": 20, "d": 30}, most))
    assert [item for part in parts for item in part] == [item for item, _ in ITEMS]
    assert [len(part) for part in parts] == expected
