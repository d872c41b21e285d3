"""Patterns for names of nodes: no node gets the device of another's pattern."""

from __future__ import annotations

import pytest

from rewriter.insight.placement.name_rules import name_rules


@pytest.mark.parametrize(
    ("names", "wanted", "patterns", "unreachable"),
    [
        (["a", "b"], {0: "cpu", 1: "gpu"}, {"cpu": ["a"], "gpu": ["b"]}, 0),
        (["a", "ab"], {0: "cpu", 1: "gpu"}, {"cpu": ["a"], "gpu": ["ab"]}, 0),
        (["a", "ab"], {0: "cpu"}, {}, 1),
        (["a", "ab", "ab"], {0: "cpu", 1: "gpu"}, {}, 2),
        (["a", "ab", "abc"], {0: "cpu", 1: "gpu"}, {}, 2),
    ],
    ids=["apart", "the longest wins", "of a node without a device", "two nodes of a name", "in a chain"],
)
def test_a_name_is_a_pattern_if_it_reaches_no_other_device(
    names: list[str], wanted: dict[int, str], patterns: dict[str, list[str]], unreachable: int
) -> None:
    rules = name_rules(names, wanted)
    assert {device: list(found) for device, found in rules.patterns.items()} == patterns
    assert rules.unreachable == unreachable
