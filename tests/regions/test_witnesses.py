"""Every refusal on random placements, checked by plain search over the nodes of the flat graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper

from rewriter import pipeline
from rewriter.evidence.metadata import tags
from rewriter.refusals import Reason, Refusal
from rewriter.regions import convex
from rewriter.regions.convex import make_convex
from rewriter.regions.cycle_breaking import CycleBreaker
from rewriter.regions.region_tree import Regions, find_regions
from tests.drawn import drawn

MODULES = ("", "a", "a.b", "a.b.c", "a.d", "e", "e.f")
Steps = Mapping[int, set[int]]
"""Node -> the nodes that must stand behind it."""


@st.composite
def placed(draw: st.DrawFn) -> ModelProto:
    """Sums of sums, each in either call of any module; some nodes draw random numbers."""
    nodes = []
    for number in range(draw(st.integers(3, 14))):
        drawing = draw(st.integers(0, 5)) == 5
        inputs = [f"v{draw(st.integers(0, number))}" for _ in range(1 if drawing else 2)]
        operator = "RandomNormalLike" if drawing else "Add"
        node = helper.make_node(operator, inputs, [f"v{number + 1}"], name=f"n{number}")
        node.metadata_props.add(key=tags.MODULE, value=draw(st.sampled_from(MODULES)))
        node.metadata_props.add(key=tags.CALL, value=str(draw(st.integers(0, 1))))
        nodes.append(node)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("v0", f"v{len(nodes)}")]
    return helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:]))


def steps_of(model: ModelProto) -> Steps:
    """To the readers of a node, and from one draw to the next."""
    nodes = model.graph.node
    behind: dict[int, set[int]] = {
        n: {m for m, other in enumerate(nodes) if set(node.output) & set(other.input)}
        for n, node in enumerate(nodes)
    }
    draws = [n for n, node in enumerate(nodes) if node.op_type == "RandomNormalLike"]
    for first, second in pairwise(draws):
        behind[first].add(second)
    return behind


def reached(start: Iterable[int], steps: Steps) -> set[int]:
    """What one or more steps lead to."""
    found: set[int] = set()
    waiting = list(start)
    while waiting:
        new = steps[waiting.pop()] - found
        found |= new
        waiting.extend(new)
    return found


def ways_back(inside: set[int], steps: Steps) -> set[int]:
    """The nodes outside that lie on a path from inside to inside."""
    return {node for node in reached(inside, steps) - inside if reached([node], steps) & inside}


def is_on_a_cycle(inside: set[int], parts: Sequence[set[int]], steps: Steps) -> bool:
    """Whether a part feeds itself through other parts, each of them taken as one node."""
    found = set(inside)
    while True:
        new = {step for node in found for step in steps[node]} - inside
        new = set().union(*(part for part in parts if part & new and not part & inside))
        if new <= found:
            break
        found |= new
    return any(steps[node] & inside for node in found - inside)


def nodes_in(regions: Regions, number: int) -> set[int]:
    return {node for each in regions.inside(number) for node in regions.regions[each].nodes}


def parts_beside(regions: Regions, number: int) -> list[set[int]]:
    """The nodes of a region's caller, by the part of it that holds them."""
    caller = regions.regions[number].parent
    below = [n for n, region in enumerate(regions.regions) if region.parent == caller and n != caller]
    return [*(nodes_in(regions, n) for n in below), *({node} for node in regions.regions[caller].nodes)]


class Checked(CycleBreaker):
    """Holds every refusal against the regions as they are when they yield."""

    def resolve(self, cycle: Sequence[int]) -> Iterator[Refusal]:
        steps = steps_of(self.graph.model)
        regions = self.regions
        facts = [(regions.regions[n].module, nodes_in(regions, n), parts_beside(regions, n)) for n in cycle]
        for refusal in super().resolve(cycle):
            witness = int(refusal.witness.removeprefix("n"))
            meant = [(inside, parts) for module, inside, parts in facts if module == refusal.module]
            if refusal.reason is Reason.CYCLIC:
                assert any(
                    witness in inside and is_on_a_cycle(inside, parts, steps) for inside, parts in meant
                )
            else:
                assert any(witness in ways_back(inside, steps) for inside, _ in meant)
            yield refusal


@given(placed())
@drawn(150)
def test_every_witness_proves_its_refusal(model: ModelProto) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convex, "CycleBreaker", Checked)
        analysis = pipeline.load(model)
        regions = find_regions(analysis.graph, analysis.tree)
        whole = [(r.module, nodes_in(regions, n)) for n, r in enumerate(regions.regions)]
        refusals = make_convex(analysis.graph, regions, analysis.tree, analysis.claims)
    steps = steps_of(model)
    for refusal in refusals:  # of the file as it is, without what was done before
        witness = int(refusal.witness.removeprefix("n"))
        ways = [ways_back(inside, steps) for module, inside in whole if module == refusal.module]
        assert refusal.reason is Reason.CYCLIC or any(witness in way for way in ways)
    assert not any(ways_back(nodes_in(regions, n), steps) for n in range(1, len(regions.regions)))
    assert bool(refusals) is any(
        is_on_a_cycle(inside, parts_beside(found, n), steps)
        for found in [find_regions(analysis.graph, analysis.tree)]
        for n, (_, inside) in enumerate(whole)
        if n
    )
