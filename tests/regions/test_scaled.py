"""Which call of the caller a call belongs to."""

from __future__ import annotations

import pytest

from rewriter.regions.callers import scaled


@pytest.mark.parametrize(
    ("calls", "callers", "found"),
    [
        (6, 3, [0, 0, 1, 1, 2, 2]),
        (3, 3, [0, 1, 2]),
        (5, 3, [0, 1, 2, 2, 2]),  # nobody knows; never a call that the caller does not have
        (2, 3, [0, 1]),
        (4, 1, [0, 0, 0, 0]),
    ],
)
def test_every_call_of_the_caller_makes_equally_many(calls: int, callers: int, found: list[int]) -> None:
    assert [scaled(call, calls, callers) for call in range(calls)] == found
