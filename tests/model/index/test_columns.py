"""Nodes cut out of their bytes are the nodes that protobuf tells of."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

import numpy as np
import onnx
from hypothesis import given
from hypothesis import strategies as st
from onnx import AttributeProto, GraphProto, NodeProto, helper, numpy_helper

from rewriter.model.index import columns
from rewriter.model.index.columns import HOLD_GRAPHS, Columns, read_columns
from rewriter.model.storage import wire_fields
from tests.drawn import drawn
from tests.exports import EXPORTS, FILES

ODD = ["", "x", "é" * 70, "a" * 127, "b" * 128, "c" * 20_000, "\0", "\x80"]
TEXT = st.one_of(st.text(max_size=6), st.sampled_from(ODD))
STRANGE = [b"\x60\x05", b"\xfa\x06\x02hi", b"\x4a\x03\x12\x01v", b"\x0a\x02\xff\xfe"]
"""What a newer onnx may write: a number, a text; an entry without a key; a name that is not UTF-8."""


def asked(nodes: Sequence[NodeProto]) -> Columns:
    return Columns(
        [node.name for node in nodes],
        [(node.domain, node.op_type) for node in nodes],
        [list(node.input) for node in nodes],
        [list(node.output) for node in nodes],
        [tuple(entry.key for entry in node.metadata_props) for node in nodes],
        [tuple(attribute.name for attribute in node.attribute) for node in nodes],
        [n for n, node in enumerate(nodes) if any(each.type in HOLD_GRAPHS for each in node.attribute)],
    )


@st.composite
def attributes(draw: st.DrawFn) -> AttributeProto:
    made = AttributeProto(name=draw(TEXT))
    match draw(st.integers(0, 6)):
        case 0:
            made.f, made.type = 0.5, AttributeProto.FLOAT
        case 1:
            made.i, made.type = draw(st.integers(-(2**63), 2**63 - 1)), AttributeProto.INT
        case 2:
            made.s, made.type = draw(st.binary(max_size=200)), AttributeProto.STRING
        case 3:
            made.g.CopyFrom(GraphProto(name="g", node=[helper.make_node("Relu", ["x"], ["y"])]))
            made.type = AttributeProto.GRAPH
        case 4:
            made.graphs.add(name="h")
            made.type = AttributeProto.GRAPHS
        case 5:
            made.ref_attr_name = draw(TEXT)
            made.type = draw(st.sampled_from([AttributeProto.FLOAT, AttributeProto.GRAPH]))
    return made


@st.composite
def nodes(draw: st.DrawFn) -> NodeProto:
    made = NodeProto(input=draw(st.lists(TEXT, max_size=4)), output=draw(st.lists(TEXT, max_size=3)))
    for field in ("name", "op_type", "domain", "overload", "doc_string"):
        if draw(st.booleans()):
            setattr(made, field, draw(TEXT))
    made.attribute.extend(draw(st.lists(attributes(), max_size=3)))
    for key in draw(st.lists(TEXT, max_size=3)):
        made.metadata_props.add(key=key, value=draw(TEXT))
    if draw(st.integers(0, 9)) == 0:
        made.MergeFromString(draw(st.sampled_from(STRANGE)))
    return made


@drawn(150)
@given(st.lists(nodes(), min_size=1, max_size=8), st.integers(1, 200))
def test_random_nodes_are_read_as_protobuf_reads_them(some: list[NodeProto], times: int) -> None:
    many = (some * times)[: max(60, times)]
    assert read_columns(many) == asked(many)


def test_every_fixture_is_read_as_protobuf_reads_it() -> None:
    for path in FILES:
        nodes = onnx.load(path, load_external_data=False).graph.node
        assert read_columns(nodes) == asked(nodes), path


def test_nodes_of_a_fixture_are_cut_and_not_asked() -> None:
    """The test above says nothing if all are asked."""
    for path in [path for path in FILES if path.parent.name in ("bert", "llama")]:
        nodes = onnx.load(path, load_external_data=False).graph.node
        assert wire_fields.cut([node.SerializeToString() for node in nodes]) is not None, path


def test_long_and_large_nodes_between_others() -> None:
    small = helper.make_node("Relu", ["x"], ["y"], name="small")
    long = helper.make_node("Concat", [f"i{n}" for n in range(5_000)], ["y"], name="long", axis=0)
    large = helper.make_node("Constant", [], ["y"], name="large", value_string=b"x" * 300_000)
    many = [*[small] * 3_000, long, *[small] * 100, large, large, *[small] * 50]
    assert read_columns(many) == asked(many)


def test_weights_in_nodes_are_not_copied_after_the_first() -> None:
    small, large = (
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.zeros(size, np.float32)))
        for size in (10, 1_000_000)
    )
    many = [*[small] * 100, *[large] * 30, *[small] * 100]
    assert read_columns(many) == asked(many)
    written = [data for _, batch in columns._batches(many) for data in batch]
    assert len(written) == 200
    tracemalloc.start()
    read_columns(many)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * large.ByteSize()


def test_many_combinations_of_keys() -> None:
    many = []
    for number in range(500):
        node = helper.make_node("Relu", ["x"], ["y"])
        for key in range(number % 40):
            node.metadata_props.add(key=f"key {key * (number % 7)}", value="v")
        many.append(node)
    assert read_columns(many) == asked(many)


def test_equal_operators_and_keys_are_one_object() -> None:
    nodes = onnx.load(EXPORTS / "bert" / "dy.onnx").graph.node
    found_columns = read_columns(nodes)
    for found in (found_columns.operators, found_columns.keys, found_columns.attributes):
        assert len({id(each) for each in found}) == len(set(found))
