"""A second run changes nothing and finds nothing that the first did not, whatever names and metadata say."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from onnx import ModelProto

import rewriter
from rewriter.model import metadata
from rewriter.modules.module_tree import ModuleTree
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.passes.group import Group
from rewriter.passes.restore_names import RestoreNames
from rewriter.passes.share import Share
from tests.build import model
from tests.properties.scraps import graphs

PLAIN: Sequence[Pass] = (Annotate(),)
NAMED: Sequence[Pass] = (Annotate(), RestoreNames())


def after(source: ModelProto, passes: Sequence[Pass]) -> ModelProto:
    return rewriter.rewrite(source, passes=passes, numbers=False).analysis.model


def stored(proto: ModelProto) -> bytes:
    return proto.SerializeToString(deterministic=True)


def modules(tree: ModuleTree) -> list[tuple[object, ...]]:
    """What is known of each module; names of weights apart, which are what `restore_names` changes."""
    return [(m.path, m.class_name, m.calls, m.nodes, sorted(p.name for p in m.parameters)) for m in tree]


@pytest.mark.parametrize("passes", [PLAIN, NAMED], ids=["annotate", "restore_names"])
@given(source=graphs())
@settings(deadline=None, max_examples=60)
def test_what_was_written_is_read_as_it_was_meant(source: ModelProto, passes: Sequence[Pass]) -> None:
    once = after(source, passes)
    first, second = rewriter.tree(source), rewriter.tree(once)
    assert modules(second) == modules(first)
    assert second.placements == first.placements
    assert stored(after(once, passes)) == stored(once)


NAMELESS = """g (float[2] x) => (float[2] y) <float[2] "a.weight" = {1, 2}, float[2] "b.weight" = {1, 2}>
    {
      ["one"] u = Sqrt(x)
      ["two"] v = Mul(u, "a.weight")
      ["three"] y = Mul(v, "b.weight")
    }"""
"""The first run places `one` nowhere, since it computes before the first module that is known."""


def test_what_no_witness_placed_stays_unplaced() -> None:
    source = model(NAMELESS)
    once = after(source, PLAIN)
    unplaced = [node.name for node in once.graph.node if node.metadata_props[-1].value == "none"]
    assert unplaced == ["one"]
    assert stored(after(once, PLAIN)) == stored(once)


def test_a_node_that_came_later_is_placed_by_what_the_file_says_now() -> None:
    source = model(
        """g (float[2] x) => (float[2] y)
        { v = Relu(x) ["/a/Neg"] w = Neg(v) ["/b/Abs"] y = Abs(w) }"""
    )
    once = after(source, PLAIN)
    del once.graph.node[0].metadata_props[:], once.metadata_props[:]
    new = rewriter.tree(once).placements[0]
    assert new is not None
    assert (new.module, str(new.source)) == ("a", "dataflow")


def test_restored_names_are_no_evidence_beside_what_they_were_made_of() -> None:
    """`/b/a/Concat` is ours; with the parameter `a.weight`, also ours, it would look like a module `a`."""
    source = model(
        """g (float[2,2] x) => (float[2,2] y) <float[2,2] "onnx::MatMul_2" = {1, 2, 3, 4}>
        {
          ["/a/MatMul"] v = MatMul(x, "onnx::MatMul_2")
          ["Concat"] "/b.a/Concat_7_output_0" = Add(v, "onnx::MatMul_2")
          ["/Neg"] y = Neg("/b.a/Concat_7_output_0")
        }"""
    )
    once = after(source, NAMED)
    assert [tensor.name for tensor in once.graph.initializer] == ["a.weight"]
    assert once.graph.node[1].name == "/b/a/Add"
    assert rewriter.tree(once).conflicts == rewriter.tree(source).conflicts == 0


EMPTY_NAMES = {
    "scope": ("/../x/Mul", "h", {}),
    "first scope": ("//x/Mul", "h", {}),
    "value": ("", "/../x/Mul_output_0", {}),
    "namespace": ("n", "h", {"namespace": ": pkg.Model/..x: pkg.Layer/mul: aten.mul"}),
    "tag": ("n", "h", {"winml.hierarchy.tag": "/Model/../x"}),
}
"""Where a module with an empty name stands: the name of a node, that of its value, and its metadata."""


@pytest.mark.parametrize("case", EMPTY_NAMES)
def test_no_module_has_an_empty_name(case: str) -> None:
    """In a function a module that begins with a dot is relative to the module of the call."""
    name, value, entries = EMPTY_NAMES[case]
    source = model(
        f'g (float[2] x) => (float[2] y) {{ ["{name}"] "{value}" = Mul(x, x) y = Neg("{value}") }}'
    )
    metadata.write(source.graph.node[0], entries)
    assert all(module.path.is_named for module in rewriter.tree(source))
    for passes in ((Annotate(), Group()), (Annotate(), Group(), Share())):
        once = after(source, passes)
        assert modules(rewriter.tree(once)) == modules(rewriter.tree(source))
        assert rewriter.tree(once).conflicts == 0
        assert stored(after(once, passes)) == stored(once)


def test_annotating_twice_in_one_list_is_annotating_once() -> None:
    source = model(NAMELESS)
    assert stored(after(source, (*PLAIN, *PLAIN))) == stored(after(source, PLAIN))
    assert stored(after(source, (*NAMED, *NAMED))) == stored(after(source, NAMED))
