"""What is counted of a file before it is parsed."""

from __future__ import annotations

import onnx
import pytest

from rewriter import pipeline
from rewriter.errors import UnreadableModel
from rewriter.model import limits
from rewriter.model.storage import files, wire
from rewriter.model.undecodable_names import varint
from rewriter.passes.annotate import Annotate
from rewriter.proof import numbering
from tests.exports import EXPORTS
from tests.hostile.build import chain, node

FEW = limits.Limits(entries=1_000)


def test_tiny_messages_are_counted_wherever_they_stand() -> None:
    model = chain(20)
    for each in model.graph.node:
        each.attribute.extend(onnx.AttributeProto() for _ in range(100))
    with pytest.raises(UnreadableModel, match="over the limit of 1,000"):
        wire.walk(model.SerializeToString(), FEW)


@pytest.mark.parametrize("entry", [b"\x82\x01\x00", b"\x82\x81\x00\x80\x00", b"\x82\x01\x80\x00"])
def test_tiny_messages_of_high_fields_are_counted(entry: bytes) -> None:
    """`metadata_props` of tensors, whose tag has two bytes or, in longer varints, more."""
    held = onnx.TensorProto(name="w", dims=[0], data_type=1).SerializeToString() + entry * 600
    assert len(onnx.TensorProto.FromString(held).metadata_props) == 600
    graph = (b"\x2a" + varint(len(held)) + held) * 5
    data = b"\x3a" + varint(len(graph)) + graph
    assert wire.walk(data, limits.Limits(entries=4_000)).graphs == 1
    with pytest.raises(UnreadableModel, match="over the limit of 1,000"):
        wire.walk(data, FEW)


def test_the_estimate_covers_the_fields_of_onnx() -> None:
    assert max(number for fields in wire._INSIDE.values() for number in fields) < 32


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


GRAPH, TYPE = (b"\x32", b"\x2a", b"\x0a"), (b"\x0a", b"\x22")
"""Tags: a graph of an attribute of a node; the element type of a sequence, inside out."""


def _inside_each_other(tags: tuple[bytes, ...], times: int, around: tuple[bytes, ...]) -> bytes:
    """A model of messages that each hold the next, with a large field that nobody knows inside of all."""
    fronts = [bytes(1 << 16)]
    size = len(fronts[0])
    for tag in (b"\xfa\x7f", *tags * times, *around):
        fronts.append(tag + varint(size))
        size += len(fronts[-1])
    return b"".join(reversed(fronts))


@pytest.mark.parametrize(
    ("tags", "around", "times", "words"),
    [
        (GRAPH, (b"\x3a",), 40, "graphs are 40 deep inside each other, and protobuf reads 32"),
        (GRAPH, (b"\x3a",), 100_000, "graphs are over 999 deep inside each other, and protobuf reads 32"),
        (
            TYPE,
            (b"\x12", b"\x6a", b"\x3a"),
            60,
            "messages are 123 deep inside each other, and protobuf reads 100",
        ),
        (TYPE, (b"\x12", b"\x6a", b"\x3a"), 100_000, "messages are over 3000 deep"),
    ],
)
def test_what_is_too_deep_for_protobuf_is_not_walked_to_its_end(
    tags: tuple[bytes, ...], around: tuple[bytes, ...], times: int, words: str
) -> None:
    data = _inside_each_other(tags, times, around)
    assert wire.walk(data, limits.Limits(entries=10_000)).levels <= wire.DEEPEST
    with pytest.raises(UnreadableModel, match=words):
        files.parse_indexed(data, "m")
