from __future__ import annotations

from collections.abc import Iterator

import onnx
import pytest

import rewriter
from rewriter.basics.literals import FunctionsWord
from rewriter.model import metadata
from rewriter.model.index.graph import GraphIndex
from rewriter.model.metadata import LAYER
from rewriter.modules.build import analyse
from rewriter.passes.functions.provenance import is_ours
from rewriter.passes.layer_annotations import LayerAnnotations
from tests.build import chain
from tests.exports import EXPORTS


def annotated(model: onnx.ModelProto) -> onnx.ModelProto:
    LayerAnnotations().run(analyse(GraphIndex(model)))
    return model


def test_a_model_without_hierarchy_is_not_touched() -> None:
    model = chain("a", "b")
    before = model.SerializeToString()
    assert LayerAnnotations().run(analyse(GraphIndex(model))).changes == {"layers annotated": 0}
    assert model.SerializeToString() == before


def test_nodes_below_the_root_bear_their_module() -> None:
    nodes = annotated(chain("/enc/l.0/Relu", "/Relu", "/enc/Relu", "nobody")).graph.node
    assert [metadata.get(node, LAYER) for node in nodes] == ["enc.l.0", None, "enc", None]


def test_an_annotation_that_is_there_is_replaced() -> None:
    model = chain("/enc/Relu", n={})
    metadata.write(model.graph.node[0], {LAYER: "theirs", "other": "kept"})
    assert metadata.read(annotated(model).graph.node[0]) == {LAYER: "enc", "other": "kept"}


@pytest.mark.parametrize("case", ["scripted_if_loop", "cond"])
def test_bodies_of_if_and_loop_are_annotated(case: str) -> None:
    path = next(p for p in sorted((EXPORTS / case).glob("*.onnx")))
    report = rewriter.rewrite(path, layer_annotations=True, numbers=False)
    graph, placements = report.analysis.graph, report.analysis.tree.placements
    inner = [node for node, body in enumerate(graph.body_of) if body and (p := placements[node]) and p.module]
    assert inner
    for node in inner:
        placement = placements[node]
        assert placement is not None
        assert metadata.get(graph.nodes[node], LAYER) == placement.module


@pytest.mark.parametrize("variant", ["ts", "dy"])
@pytest.mark.parametrize("functions", ["call", "shared"])
def test_every_node_of_a_grouped_file_has_or_inherits_its_layer(
    functions: FunctionsWord, variant: str
) -> None:
    flat = rewriter.rewrite(EXPORTS / "bert" / f"{variant}.onnx", numbers=False)
    grouped = rewriter.rewrite(
        EXPORTS / "bert" / f"{variant}.onnx", functions=functions, layer_annotations=True, numbers=False
    )
    layer = "model.encoder.layer.0"
    wanted = flat.analysis.tree[layer].total_nodes
    copied = sum(len(record.outcome.copies) for record in grouped.passes)
    found = [
        text for text in inherited(grouped.analysis.model) if text == layer or text.startswith(layer + ".")
    ]
    constants = sum(n.op_type == "Constant" for f in grouped.analysis.model.functions for n in f.node)
    assert wanted <= len(found) <= wanted + copied + constants


def inherited(model: onnx.ModelProto) -> Iterator[str]:
    """The annotation of every node once functions are entered: its own, else that of the call."""
    functions = {(function.domain, function.name): function for function in model.functions}

    def walk(nodes: object, above: str) -> Iterator[str]:
        for node in nodes:  # type: ignore[attr-defined]
            text = metadata.get(node, LAYER) or above
            callee = functions.get((node.domain, node.op_type))
            if callee is None:
                yield text
            else:
                assert is_ours(callee)
                yield from walk(callee.node, text)

    return walk(model.graph.node, "")


def test_what_calls_share_bears_no_layer() -> None:
    report = rewriter.rewrite(
        EXPORTS / "bert" / "dy.onnx", functions="shared", layer_annotations=True, numbers=False
    )
    (layer,) = [function for function in report.analysis.model.functions if function.name == "BertLayer"]
    assert all(metadata.get(node, LAYER) is None for node in layer.node)
    calls = [n for n in GraphIndex(report.analysis.model).nodes if n.op_type == "BertLayer"]
    assert [metadata.get(call, LAYER) for call in calls] == ["model.encoder.layer.0", "model.encoder.layer.1"]
