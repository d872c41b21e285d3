from __future__ import annotations

import json

import onnx
import pytest

from rewriter import pipeline
from rewriter.evidence.metadata import dynamo, tags
from rewriter.model import metadata
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.build import analyse
from rewriter.passes.annotate import Annotate
from tests.build import chain, model

DYNAMO = {
    dynamo.NAME_SCOPES: "['', 'enc', 'enc.act', 'relu']",
    dynamo.CLASS_HIERARCHY: "['pkg.Model', 'transformers.Encoder', 'torch.nn.ReLU', 'aten.relu']",
    dynamo.NAMESPACE: ": pkg.Model/enc: transformers.Encoder/enc.act: torch.nn.ReLU/relu: aten.relu",
}


def annotated(model: onnx.ModelProto) -> onnx.ModelProto:
    Annotate().run(analyse(GraphIndex(model)))
    return model


def test_a_model_without_hierarchy_is_not_touched() -> None:
    model = chain("a", "b")
    before = model.SerializeToString()
    assert Annotate().run(analyse(GraphIndex(model))).changes == {"nodes annotated": 0}
    assert model.SerializeToString() == before


def test_all_entries_of_a_node() -> None:
    model = annotated(chain("n", "/enc/act_1/Relu", "/Add", n=DYNAMO))
    first, second, third = (metadata.read(node) for node in model.graph.node)
    assert first == DYNAMO | {
        "rewriter.module": "enc.act",
        "rewriter.class": "torch.nn.ReLU",
        "rewriter.kind": "torch.nn",
        "rewriter.depth": "2",
        "rewriter.leaf": "true",
        "rewriter.call": "0",
        "rewriter.evidence": "exporter_metadata",
        "rewriter.certainty": "named",
    }
    assert second["namespace"] == "enc/act_1"
    assert second["rewriter.evidence"] == "scope_name"
    assert "rewriter.class" not in second
    assert third["rewriter.module"] == third["namespace"] == ""
    assert (third["rewriter.depth"], third["rewriter.leaf"]) == ("0", "false")
    assert third["rewriter.kind"] == "custom"


def test_an_unplaced_node_says_so_and_nothing_else() -> None:
    model = annotated(chain("/a/Relu", "nobody"))
    assert metadata.read(model.graph.node[1]) == {"rewriter.evidence": "none"}


def test_the_compact_tree_lists_all_modules_once() -> None:
    model = annotated(chain("/enc/a/Relu", "/enc/a_1/Relu", "/größe/Relu"))
    text = metadata.read(model)[tags.TREE]
    assert json.loads(text) == {
        "version": 1,
        "modules": [["", None, 1], ["enc", None, 2], ["enc.a", None, 2], ["größe", None, 1]],
    }
    assert " " not in text
    assert "größe" in text


@pytest.mark.parametrize("version", [3, 4, 7, 9, 10, 11])
def test_the_ir_version_stays(version: int) -> None:
    model = chain("/a/Relu")
    model.ir_version = version
    assert annotated(model).ir_version == version


def test_metadata_of_others_stays() -> None:
    model = chain("/a/Relu", **{"/a/Relu": {"mine": "1", "namespace": "theirs"}})
    model.metadata_props.add(key="author", value="me")
    options = pipeline.Options(numbers=False)
    written = pipeline.rewrite(model, None, options).analysis.model
    entries = metadata.read(written.graph.node[0])
    assert (entries["mine"], entries["namespace"]) == ("1", "theirs")
    assert metadata.read(written)["author"] == "me"


GUESSES = """g (float[2] x) => (float[2] y) {
  ["/a/Neg"] u = Neg(x)
  v = Abs(u)
  ["/a/Exp"] w = Exp(v)
  s = Abs(w)
  ["/b/Neg"] y = Neg(s)
}"""


def test_the_certainty_is_written_and_a_second_run_keeps_it() -> None:
    annotated_once = annotated(model(GUESSES))
    told = [metadata.read(node)["rewriter.certainty"] for node in annotated_once.graph.node]
    assert told == ["named", "inferred", "named", "guessed", "named"]
    before = annotated_once.SerializeToString()
    again = analyse(GraphIndex(annotated_once))
    assert [place.certainty for place in again.tree.placements if place] == told
    assert Annotate().run(again).changes == {"nodes annotated": 0}
    assert annotated_once.SerializeToString() == before


def test_a_guess_stays_a_guess_when_a_tool_drops_the_metadata_of_nodes() -> None:
    proto = annotated(model(GUESSES))
    for node in proto.graph.node:
        node.ClearField("metadata_props")
    tree = analyse(GraphIndex(proto)).tree
    assert [place.certainty for place in tree.placements if place] == [
        "named", "inferred", "named", "guessed", "named",
    ]  # fmt: skip
    assert [place.source for place in tree.placements if place][1::2] == ["rewriter", "rewriter"]
