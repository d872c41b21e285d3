"""Parts do not hang on the order of the file, as far as that is free."""

from __future__ import annotations

import random

import onnx
import pytest

from rewriter import pipeline
from rewriter.cutting.check import Checking, check
from rewriter.cutting.split import parse_cuts, plan_split
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.paths import ModulePath
from tests.exports import EXPORTS

ONCE = Checking(sets=1)


def shuffled(source: onnx.ModelProto, seed: int) -> onnx.ModelProto:
    """The same model with its nodes in another topological order."""
    graph, rng = GraphIndex(source), random.Random(seed)
    waiting = {node: set(graph.predecessors(node)) for node in range(len(graph.nodes))}
    order: list[int] = []
    while waiting:
        ready = [node for node, before in waiting.items() if before.isdisjoint(waiting)]
        chosen = rng.choice(ready)
        order.append(chosen)
        del waiting[chosen]
    model = onnx.ModelProto()
    model.CopyFrom(source)
    del model.graph.node[:]
    model.graph.node.extend(source.graph.node[node] for node in order)
    return model


def modules_by_part(analysis: Analysis, at: str) -> list[set[str]]:
    found = plan_split(analysis, parse_cuts(analysis, [at]), ONCE)
    names: dict[str, str] = {}
    for number, node in enumerate(analysis.graph.nodes):
        placement = analysis.tree.placements[number]
        names[node.output[0]] = placement.module if placement else ""
    parts = [[n for n in part.model.graph.node if n.op_type != "Constant"] for part in found.parts]
    return [{names[node.output[0]] for node in part} for part in parts]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("case", ["bert/dy", "bert/ts", "gpt2/ts"])
def test_layers_stay_whole_in_any_order(case: str, seed: int) -> None:
    original = pipeline.load(EXPORTS / f"{case}.onnx")
    at = next(m.path for m in original.tree if m.path.name == "1" and m.total_nodes > 10)
    first = ModulePath(at[:-1] + "0")
    analysis = pipeline.load(shuffled(original.model, seed))
    before, behind = modules_by_part(analysis, at)
    assert not any(at.holds(module) for module in before)
    assert not any(first.holds(module) for module in behind)
    before, _ = modules_by_part(analysis, first)
    assert before
    assert not any(at.holds(module) for module in before)


def test_any_order_is_a_valid_chain() -> None:
    source = onnx.load(EXPORTS / "bert" / "ts.onnx")
    analysis = pipeline.load(shuffled(source, 0))
    found = plan_split(analysis, parse_cuts(analysis, ["model.encoder.layer.[01]"]), ONCE)
    assert [str(at) for at in found.at] == ["model.encoder.layer.0", "model.encoder.layer.1"]
    assert all(each.verdict == "equal" for each in check(analysis.model, found.parts, None, ONCE, chain=True))
