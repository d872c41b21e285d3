from __future__ import annotations

import onnx
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from rewriter.model.operator_set.default_domain import LONG, shorten, spell_long, spell_short

DOMAINS = st.sampled_from(["", LONG, "ai.onnx.ml", "com.microsoft"])


@st.composite
def nodes(draw: st.DrawFn, depth: int = 2) -> onnx.NodeProto:
    node = helper.make_node("Op", [], [], domain=draw(DOMAINS))
    for number in range(draw(st.integers(0, 2)) if depth else 0):
        inner = [draw(nodes(depth=depth - 1)) for _ in range(draw(st.integers(0, 2)))]
        node.attribute.append(helper.make_attribute(f"g{number}", helper.make_graph(inner, "g", [], [])))
    return node


@given(nodes())
def test_a_short_spelling_is_undone_by_its_numbers(node: onnx.NodeProto) -> None:
    before = node.SerializeToString(deterministic=True)
    numbers = spell_short(node)
    assert f'"{LONG}"' not in str(node)
    assert (numbers == []) == (f'"{LONG}"' not in str(onnx.NodeProto.FromString(before)))
    spell_long(node, numbers)
    assert node.SerializeToString(deterministic=True) == before


def test_numbers_of_somebody_else_rename_no_other_domain() -> None:
    node = helper.make_node("Op", [], [], domain="com.microsoft")
    spell_long(node, [0, 1, 99])
    assert node.domain == "com.microsoft"


def test_imports_and_functions_are_shortened() -> None:
    imports = [helper.make_opsetid(LONG, 17), helper.make_opsetid("f", 1)]
    function = helper.make_function(
        "f", "g", ["a"], ["b"], [helper.make_node("Abs", ["a"], ["b"], domain=LONG)], imports
    )
    graph = helper.make_graph([helper.make_node("Abs", ["x"], ["y"], domain=LONG)], "g", [], [])
    model = helper.make_model(graph, functions=[function], opset_imports=imports)
    shorten(model)
    assert f'"{LONG}"' not in str(model)
    assert [each.domain for each in model.opset_import] == ["", "f"]
