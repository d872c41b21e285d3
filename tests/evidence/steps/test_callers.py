"""Lists, callers of modules, and modules that have one call for sure."""

from __future__ import annotations

from rewriter.evidence.steps.callers import above, called_once, calling, lists
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ROOT, ModulePath
from tests.build import model


def test_a_list_has_numbered_children_only() -> None:
    paths = {
        ModulePath(path) for path in ("a", "a.layers", "a.layers.0", "a.layers.0.fc", "b", "b.0", "b.fc")
    }
    assert lists(paths) == {"a.layers"}


def test_a_list_calls_nothing() -> None:
    places = {ModulePath("a.layers.0"), ModulePath("a.layers.1.fc")}
    assert calling(ModulePath("a.layers"), places) == "a"
    assert calling(ModulePath("a.layers"), {ModulePath("a.layers.norm")}) == "a.layers"


def test_nothing_is_above_the_root() -> None:
    assert above(ROOT) == ROOT


def test_a_module_whose_weight_two_nodes_read_may_have_two_calls() -> None:
    graph = GraphIndex(
        model(
            """g (float[2] x) => (float[2] y)
            <float[2] "a.one.weight" = {1,2}, float[2] "b.two.weight" = {1,2}>
            {
              u = Mul(x, "a.one.weight")
              v = Mul(u, "b.two.weight")
              y = Mul(v, "b.two.weight")
            }"""
        )
    )
    assert called_once(graph, [ModulePath("a.one"), *[ModulePath("b.two")] * 2]) == {"a.one", "a", ""}
