from __future__ import annotations

import pytest

from rewriter.model.interface_match import counterparts


@pytest.mark.parametrize(
    ("ours", "theirs", "places"),
    [
        ("a b", "a b", [0, 1]),
        ("a b", "p q", [0, 1]),
        ("a b", "b a", [1, 0]),
        ("a b c", "b a d", [1, 0, 2]),
        ("a q", "p a", [1, 0]),
        ("a a b", "b a a", [1, 2, 0]),
        ("", "", []),
    ],
)
def test_equal_names_are_matched_and_the_others_in_order(ours: str, theirs: str, places: list[int]) -> None:
    assert counterparts(ours.split(), theirs.split()) == places
