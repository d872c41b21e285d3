"""What the integers of an index leave no doubt of, the checks find nothing in."""

from __future__ import annotations

import random

import onnx
import pytest
from onnx import ModelProto

from rewriter.errors import UnreadableModel
from rewriter.model.index import checked_index as meaning
from rewriter.model.index.checks import check
from tests.build import model
from tests.exports import EXPORTS, FILES

FLAT = """g (float[2] x, float[2] z) => (float[2] y) <float[2] w = {1,2}>
{ [a] t = Add(x, w)
  [b] u = Mul(t, z)
  [c] v = Clip(u, "", w)
  [d] y = Sub(v, t) }"""


def refused(proto: ModelProto, ordered: bool) -> str | None:
    try:
        check(proto, ordered=ordered)
    except UnreadableModel as error:
        return str(error)
    return None


def refused_by_index(proto: ModelProto, ordered: bool) -> str | None:
    try:
        meaning.indexed(proto, ordered=ordered)
    except UnreadableModel as error:
        return str(error)
    return None


def damaged(proto: ModelProto, draw: random.Random) -> ModelProto:
    """A copy in which names were swapped, nodes moved, or an import, an input or an initializer changed."""
    made = ModelProto()
    made.CopyFrom(proto)
    graph = made.graph
    names = [name for node in graph.node for name in (*node.input, *node.output)] + ["", "nowhere", "x", "w"]
    for _ in range(draw.choice((1, 1, 2, 3))):
        node = draw.choice(graph.node)
        match draw.randrange(7):
            case 0:
                if node.input:
                    node.input[draw.randrange(len(node.input))] = draw.choice(names)
            case 1:
                node.output[draw.randrange(len(node.output))] = draw.choice(names)
            case 2:
                first = draw.randrange(len(graph.node))
                moved = onnx.NodeProto()
                moved.CopyFrom(graph.node[first])
                del graph.node[first]
                graph.node.insert(draw.randrange(len(graph.node) + 1), moved)
            case 3:
                node.domain = draw.choice(("", "ai.onnx", "custom"))
            case 4:
                made.opset_import.add(
                    domain=draw.choice(("", "ai.onnx", "custom")), version=draw.choice((18, 21))
                )
            case 5:
                graph.output[0].name = draw.choice(names)
            case _:
                graph.input.add(name=draw.choice(names))
    return made


@pytest.mark.parametrize("ordered", [True, False])
def test_refuses_what_the_checks_refuse_in_the_same_words(ordered: bool) -> None:
    draw = random.Random(20)
    wholes = [model(FLAT), onnx.load(EXPORTS / "bert" / "ts_dyn.onnx")]
    seen = set()
    for number in range(1500):
        proto = damaged(wholes[number % 30 == 0], draw)
        expected = refused(proto, ordered)
        assert refused_by_index(proto, ordered) == expected
        seen.add(expected and expected.split(" ")[0])
    assert len(seen) > 3, seen


def test_flat_exports_leave_no_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the index would be made in addition."""
    asked = []
    monkeypatch.setattr(meaning, "check", lambda proto, ordered: asked.append(proto))
    files = [path for path in FILES if path.parent.name in ("bert", "llama", "vit")]
    for path in files:
        meaning.indexed(onnx.load(path, load_external_data=False))
    assert files
    assert not asked
