"""Sets of regions that cannot all be calls: who yields, and what proves it."""

from __future__ import annotations

from collections.abc import Iterable

import onnx
import pytest

from rewriter import pipeline
from rewriter.errors import UnreadableModel
from rewriter.paths import ModulePath
from rewriter.refusals import Reason, Refusal
from rewriter.regions import level_graphs
from rewriter.regions.boundary import find_boundaries
from rewriter.regions.convex import make_convex
from rewriter.regions.level_graphs import Part
from rewriter.regions.order import order_parts
from rewriter.regions.region_tree import Regions, find_regions
from tests.build import chain, model


def regions_of(proto: onnx.ModelProto) -> tuple[Regions, list[Refusal], list[list[str]]]:
    """The regions made convex, what yielded, and the order of the main graph by name."""
    analysis = pipeline.load(proto)
    regions = find_regions(analysis.graph, analysis.tree)
    refusals = make_convex(analysis.graph, regions, analysis.tree, analysis.claims)
    order = order_parts(analysis.graph, regions)
    assert order is not None
    names = [
        [
            f"<{regions.regions[n].module}>" if is_region else analysis.graph.nodes[n].name
            for is_region, n in parts
        ]
        for parts in order
    ]
    return regions, refusals, names


def test_nested_calls_stay_whole() -> None:
    _, refusals, order = regions_of(chain("/enc/a/Relu", "/enc/Relu", "/enc/b/Relu", "/Relu"))
    assert not refusals
    assert order[0] == ["<enc>", "/Relu"]
    assert order[1] == ["<enc.a>", "/enc/Relu", "<enc.b>"]


def test_a_list_of_modules_is_no_call() -> None:
    regions, _, order = regions_of(chain("/layer.0/Relu", "/layer.1/Relu"))
    assert order[0] == ["<layer.0>", "<layer.1>"]
    assert [region.module for region in regions.regions] == ["", "layer.0", "layer.1"]


def test_calls_of_a_child_go_to_the_calls_of_its_parent() -> None:
    names = ("/b/Relu", "/b/a/Relu", "/b_1/Relu", "/b/a_1/Relu")
    regions, refusals, order = regions_of(chain(*names))
    assert not refusals
    assert [(r.module, r.call, r.parent) for r in regions.regions[1:]] == [
        ("b", 0, 0),
        ("b.a", 0, 1),
        ("b", 1, 0),
        ("b.a", 1, 3),
    ]
    assert order[0] == ["<b>", "<b>"]


def test_what_leaves_and_comes_back_is_cut() -> None:
    regions, refusals, order = regions_of(chain("/a/Relu", "/Relu", "/a/Relu_1", "/Relu_1", "/a/Relu_2"))
    assert refusals[0] == Refusal(ModulePath("a"), Reason.NOT_CONVEX, "/Relu_1")
    assert [(r.module, r.segment, r.nodes) for r in regions.regions[1:]] == [
        ("a", 0, [0]),
        ("a", 1, [2]),
        ("a", 2, [4]),
    ]
    assert order[0] == ["<a>", "/Relu", "<a>", "/Relu_1", "<a>"]


def test_of_two_that_feed_each_other_the_smaller_yields() -> None:
    proto = model(
        """g (float[2] x) => (float[2] y, float[2] z)
        {
          ["/a/Relu"] p = Relu(x)
          ["/b/Relu"] y = Relu(p)
          ["/b/Neg"] q = Neg(x)
          ["/b/Abs"] r = Abs(q)
          ["/a/Neg"] z = Neg(r)
        }"""
    )
    _, refusals, order = regions_of(proto)
    assert [(refusal.module, refusal.reason) for refusal in refusals] == [("a", Reason.CYCLIC)]
    assert order[0] == ["/a/Relu", "<b>", "/a/Neg"]


def test_what_a_cut_takes_along_is_looked_at_again() -> None:
    # r and q of the second segment feed each other; the regions they had before the cut are empty.
    proto = model(
        """g (float[2] x) => (float[2] y)
        {
          ["/p/Relu"] a = Relu(x)
          ["/Relu"] b = Relu(a)
          ["/p/r/Neg"] r1 = Neg(b)
          ["/p/q/Neg"] q1 = Neg(b)
          ["/p/r/Abs"] r2 = Abs(q1)
          ["/p/q/Abs"] q2 = Abs(r1)
          ["/p/Add"] y = Add(r2, q2)
        }"""
    )
    regions, refusals, order = regions_of(proto)
    assert [(refusal.module, refusal.reason) for refusal in refusals] == [
        ("p", Reason.NOT_CONVEX),
        ("p.r", Reason.CYCLIC),
    ]
    assert order[0] == ["<p>", "/Relu", "<p>"]
    second = next(n for n, r in enumerate(regions.regions) if (r.module, r.segment) == ("p", 1))
    assert order[second] == ["/p/r/Neg", "<p.q>", "/p/r/Abs", "/p/Add"]


def test_the_one_that_is_left_and_re_entered_is_found_among_many() -> None:
    # It has more nodes than any of those that it feeds, so it is tried last.
    layers = range(40)
    names = [f"/{name}" for n in layers for name in (f"hook/Relu_{n}", f"layer.{n}/Relu")]
    regions, refusals, _ = regions_of(chain(*names))
    assert [(refusal.module, refusal.reason) for refusal in refusals] == [("hook", Reason.NOT_CONVEX)]
    assert [r.nodes for r in regions.regions if r.module == "hook"] == [[2 * n] for n in layers]


def test_the_boundary_counts_captures_and_orders_weights_last() -> None:
    proto = model(
        """g (float[2] x, bool c, float[2] o) => (float[2] y) <float[2] "m.w" = {1, 2}>
        {
          ["/m/Mul"] a = Mul("m.w", x)
          ["/m/If"] b = If(c) <
            then_branch = t () => (float[2] t1) { t1 = Add(a, o) },
            else_branch = e () => (float[2] e1) { e1 = Sub("m.w", a) }>
          y = Relu(b)
        }"""
    )
    analysis = pipeline.load(proto)
    regions = find_regions(analysis.graph, analysis.tree)
    boundary = find_boundaries(analysis.graph, regions)[1]
    names = analysis.graph.value_names
    assert [names[value] for value in boundary.inputs] == ["x", "c", "o", "m.w"]
    assert [names[value] for value in boundary.outputs] == ["b"]


def test_a_graph_that_feeds_itself_is_refused() -> None:
    proto = chain("/a/Relu", "/Relu", "/Relu_1", "/b/Relu")
    proto.graph.node[1].input[0] = proto.graph.node[2].output[0]
    with pytest.raises(UnreadableModel, match="feed each other"):
        regions_of(proto)


def test_a_cycle_inside_of_what_was_just_cut_is_looked_at_anew() -> None:
    """`a` is cut before its two children, which feed each other; the sweep that found both saw `a` whole."""
    names = ("/a/Relu", "/Relu", "/a/b/Relu", "/a/c/Relu", "/a/b/Relu_1")
    regions, refusals, order = regions_of(chain(*names))
    assert [(refusal.module, refusal.witness) for refusal in refusals] == [
        ("a", "/Relu"),
        ("a.b", "/a/c/Relu"),
    ]
    assert {refusal.reason for refusal in refusals} == {Reason.NOT_CONVEX}
    assert order[0] == ["<a>", "/Relu", "<a>"]
    assert [region.nodes for region in regions.regions if region.module == "a.b"] == [[], [2], [4]]


def interleaved(layers: int, nodes: int) -> onnx.ModelProto:
    """Layers that a node outside enters: it reads the first node of each, and each reads it."""
    heads = [f'["/l.{n}/Relu"] e{n} = Relu(x)' for n in range(layers)]
    middle = f'["/Sum"] c = Sum({", ".join(f"e{n}" for n in range(layers))})'
    bodies = [
        f'["/l.{n}/Add"] {name(n, 0)} = Add({name(n - 1, nodes) if n else "c"}, c) '
        + " ".join(f'["/l.{n}/Neg_{k}"] {name(n, k + 1)} = Neg({name(n, k)})' for k in range(nodes))
        for n in range(layers)
    ]
    last = name(layers - 1, nodes)
    return model(f"g (float[2] x) => (float[2] {last}) {{ {' '.join([*heads, middle, *bodies])} }}")


def name(layer: int, node: int) -> str:
    return f"v{layer}_{node}"


def test_a_search_stays_on_the_levels_that_the_last_round_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One layer is cut in each round; the nodes inside of layers are on no level with a cycle."""
    searches: list[int] = []
    components = level_graphs._components

    def counting(starts: Iterable[Part], after: dict[Part, dict[Part, int]]) -> list[list[Part]]:
        found = list(components(starts, after))
        searches.append(sum(map(len, found)))
        return found

    monkeypatch.setattr(level_graphs, "_components", counting)
    for nodes in (2, 20):
        _, refusals, _ = regions_of(interleaved(6, nodes))
        assert [refusal.module for refusal in refusals] == [f"l.{n}" for n in range(6)]
    short, long = searches[:7], searches[7:]
    assert long[0] - short[0] == 6 * 18  # the first search visits all nodes
    assert long[1:] == short[1:]
