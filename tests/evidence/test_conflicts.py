from __future__ import annotations

from rewriter.evidence.settle import settle
from rewriter.model.index.graph import GraphIndex
from tests.evidence.stacked import stacked


def conflicts(rows: list[tuple[str, str]]) -> list[tuple[str, ...]]:
    settled = settle(GraphIndex(stacked(rows)))
    return [settled.conflicting(node) for node in range(len(rows))]


def test_a_weight_that_one_node_reads_contradicts() -> None:
    assert conflicts([("bn", "conv.weight")]) == [("conv",)]


def test_a_weight_that_several_nodes_read_may_be_an_equal_one() -> None:
    rows = [
        ("blocks.0 blocks.0.norm", "blocks.0.norm.weight"),
        ("blocks.1 blocks.1.norm", "blocks.0.norm.weight"),
    ]
    assert conflicts(rows) == [(), ()]
