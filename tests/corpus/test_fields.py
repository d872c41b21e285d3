"""What counts as a field lost."""

from __future__ import annotations

from collections.abc import Callable

import onnx
import pytest

from benchmarks.fields import differences, kinds, without_annotations
from rewriter import pipeline
from tests import build

TEXT = '"g" (float[2] x) => (float[2] y) <float[2] w = {1.0, 2.0}> { ["/a/Add"] y = Add(x, w) }'


def whole() -> onnx.ModelProto:
    model = build.model(TEXT.replace('"g"', "g"))
    model.graph.node[0].doc_string = "text"
    model.graph.quantization_annotation.add(tensor_name="w")
    model.training_info.add().initialization.name = "t"
    model.graph.node[0].metadata_props.add(key="namespace", value="somebody's")
    return model


LOSSES: dict[str, tuple[Callable[[onnx.ModelProto], object], str]] = {
    "scalar": (lambda model: model.graph.node[0].ClearField("doc_string"), "graph.node[0].doc_string: gone"),
    "list": (lambda model: model.ClearField("training_info"), "training_info: 1 entries, then 0"),
    "content": (lambda model: setattr(model.graph.node[0], "op_type", "Sub"), "graph.node[0].op_type"),
    "of others": (
        lambda model: model.graph.node[0].ClearField("metadata_props"),
        "graph.node[0].metadata_props: 1 entries, then 0",
    ),
    "unknown": (lambda model: model.graph.MergeFromString(b"\xf8\x3f\x01"), "graph: unknown fields"),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_found(name: str) -> None:
    lose, path = LOSSES[name]
    before, after = whole(), whole()
    lose(after)
    assert list(differences(before, without_annotations(before, after))) == [path]


def test_annotations_are_no_difference() -> None:
    before = whole()
    before.ir_version = 8
    after = pipeline.rewrite(before, None, pipeline.Options(numbers=False)).analysis.model
    assert list(differences(before, after))
    assert not list(differences(before, without_annotations(before, after)))


def test_kinds_of_fields_go_by_name() -> None:
    before, after = whole(), whole()
    after.ClearField("training_info")
    lost = set(kinds(before)) - set(kinds(after))
    assert lost == {"training_info", "training_info.initialization", "training_info.initialization.name"}
