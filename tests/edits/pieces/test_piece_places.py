from __future__ import annotations

import onnx

import rewriter
from tests.build import model
from tests.edits.layers import extracted, implanted, layer, whole


def places(made: onnx.ModelProto) -> list[str]:
    tree = rewriter.tree(made)
    return [str(place.module) if place else "" for place in tree.placements]


def test_a_node_without_evidence_belongs_to_the_module() -> None:
    found = implanted(whole(), {"l.1": layer("{ a = Relu (b) y = Neg (a) }")})
    assert places(found.model) == ["l.0", "l.0", "l.0", "size", "l.1", "l.1"]


def test_a_piece_of_another_module_is_of_this_one() -> None:
    piece = layer('{ ["/other/3/Relu"] a = Relu (b) ["/l.1/act/Neg"] y = Neg (a) }')
    assert places(implanted(whole(), {"l.1": piece}).model)[-2:] == ["l.1", "l.1.act"]


def test_each_call_is_itself() -> None:
    source = model("""g (float[2] x) => (float[2] y) <float[2] a, float[2] b> {
      ["/m/Relu"] p = Relu (x)  ["/m/Neg"] a = Neg (p)  ["/o/Abs"] b = Abs (a)
      ["/m_1/Relu"] q = Relu (b)  ["/m_1/Neg"] y = Neg (q) }""")
    found = implanted(source, {"m@all": extracted(source, "m", call=1)})
    assert rewriter.tree(found.model)["m"].calls == 2
