"""What is counted of a file before it is parsed."""

from __future__ import annotations

import onnx
import pytest

from rewriter import pipeline
from rewriter.model import limits, wire
from rewriter.passes.annotate import Annotate
from rewriter.proof import numbering
from rewriter.refusals import UnreadableModel
from tests.exports import EXPORTS
from tests.hostile.build import chain, node

FEW = limits.Limits(entries=1_000)


def test_tiny_messages_are_counted_wherever_they_stand() -> None:
    model = chain(20)
    for each in model.graph.node:
        each.attribute.extend(onnx.AttributeProto() for _ in range(100))
    with pytest.raises(UnreadableModel, match="over the limit of 1,000"):
        wire.walk(model.SerializeToString(), FEW)


def test_short_texts_are_no_messages() -> None:
    """Two thousand inputs that are left out, in nodes of their own."""
    model = chain(20)
    for each in model.graph.node:
        each.input.extend([""] * 100)
    assert wire.walk(model.SerializeToString(), FEW).graphs == 1


def test_an_annotated_export_is_not_taken_for_dense() -> None:
    """It has more tiny texts than any other: depths, calls, the path of the root."""
    report = pipeline.rewrite(
        EXPORTS / "bert" / "dy.onnx", None, pipeline.Options((Annotate(),), numbers=False)
    )
    model = report.analysis.model
    few = limits.Limits(entries=len(model.graph.node) + len(model.graph.initializer) + 600)
    assert wire.walk(model.SerializeToString(), few).graphs == 1
    assert not wire._Walker(model.SerializeToString(), few, everything=False).is_dense


def test_large_messages_of_every_kind_are_looked_into() -> None:
    model = chain(2)
    model.graph.value_info.add(name="v").type.tensor_type.shape.dim.extend(
        onnx.TensorShapeProto.Dimension() for _ in range(40_000)
    )
    with pytest.raises(UnreadableModel, match="over the limit of 1,000"):
        wire.walk(model.SerializeToString(), FEW)


def test_weights_are_passed_over() -> None:
    model = chain(2)
    weight = model.graph.initializer.add(name="w", data_type=onnx.TensorProto.UINT8, dims=[1 << 20])
    weight.raw_data = b"\x0a\x00" * (1 << 19)
    assert wire.walk(model.SerializeToString(), FEW).graphs == 1


def test_the_entries_of_the_metadata_of_a_model() -> None:
    model = chain(3)
    model.metadata_props.add(key="a", value="1")
    model.functions.add(name="f", domain="f").node.append(node("Neg", "x", "y"))
    data = model.SerializeToString()
    ((start, stop),) = wire.entries_of_model(data)
    assert onnx.StringStringEntryProto.FromString(data[start:stop]).value == "1"
    with pytest.raises(wire.Malformed):
        list(wire.entries_of_model(data[:-1]))


def test_the_bound_of_the_proof_is_the_one_that_is_checked_before() -> None:
    assert numbering.MAX_INLINED == limits.MOST_ENTERED
