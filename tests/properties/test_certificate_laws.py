"""Laws of the certificate on random graphs: names and order do not count, and nothing else is forgiven."""

from __future__ import annotations

import numpy as np
import onnx
from hypothesis import given
from hypothesis import strategies as st
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

from rewriter.proof.certificate import certify
from tests.drawn import drawn
from tests.proof.edits import insert_identities, outline, rename_everything, sort_anew

UNARY = ("Neg", "Abs", "Exp", "Sin")
BINARY = ("Sub", "Div", "Add", "Pow")
LEAVES = ("x", "z", "w0", "w1", "w2")


@st.composite
def nodes(draw: st.DrawFn, prefix: str, known: list[str], depth: int) -> list[NodeProto]:
    """One to six nodes over `known` values, which grow by what the nodes write."""
    made: list[NodeProto] = []
    for number in range(draw(st.integers(1, 6 if depth else 3))):
        name = f"{prefix}v{number}"
        if depth and draw(st.integers(0, 4)) == 0:
            node = helper.make_node("If", ["c"], [name])
            for side in ("then", "else"):
                body = draw(graphs(f"{name}{side[0]}", list(known), depth - 1))
                node.attribute.append(helper.make_attribute(f"{side}_branch", body))
            made.append(node)
        else:
            operator = draw(st.sampled_from(UNARY + BINARY))
            inputs = [draw(st.sampled_from(known)) for _ in range(2 if operator in BINARY else 1)]
            made.append(helper.make_node(operator, inputs, [name]))
        known.append(name)
    return made


@st.composite
def graphs(draw: st.DrawFn, prefix: str, known: list[str], depth: int) -> GraphProto:
    body = draw(nodes(prefix, known, depth))
    return helper.make_graph(body, prefix, [], [_float(draw(st.sampled_from(body)).output[0])])


def _float(name: str, element: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, element, [])


@st.composite
def models(draw: st.DrawFn) -> ModelProto:
    """Arithmetic over two inputs and three constants, with Ifs on the bool `c` up to two deep."""
    body = draw(nodes("", list(LEAVES), 2))
    results = draw(
        st.lists(st.sampled_from([node.output[0] for node in body]), min_size=1, max_size=2, unique=True)
    )
    inputs = [_float("x"), _float("z"), _float("c", TensorProto.BOOL)]
    weights = [helper.make_tensor(f"w{n}", TensorProto.FLOAT, [], [n + 0.5]) for n in range(3)]
    graph = helper.make_graph(body, "g", inputs, [_float(name) for name in results], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])


def copy(model: ModelProto) -> ModelProto:
    twin = ModelProto()
    twin.CopyFrom(model)
    return twin


def reached(graph: GraphProto, wanted: set[str]) -> set[str]:
    """All names that the values `wanted` of a graph depend on; bodies end in theirs."""
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            wanted |= set(node.input)
            for attribute in node.attribute:
                wanted |= reached(attribute.g, {info.name for info in attribute.g.output})
    return wanted


@given(models(), st.integers(0, 2**32))
@drawn(150)
def test_a_copy_renamed_and_sorted_anew_is_equal(model: ModelProto, seed: int) -> None:
    onnx.checker.check_model(model)
    twin = copy(model)
    for edit in (rename_everything, sort_anew, insert_identities, outline):
        edit(twin, np.random.default_rng(seed))
    assert certify(model, twin).equal


@given(models(), st.sampled_from(["w0", "w1", "w2"]))
@drawn(150)
def test_a_changed_leaf_counts_exactly_where_it_reaches_an_output(model: ModelProto, leaf: str) -> None:
    twin = copy(model)
    next(tensor for tensor in twin.graph.initializer if tensor.name == leaf).float_data[0] += 1
    reaches = leaf in reached(model.graph, {info.name for info in model.graph.output})
    assert certify(model, twin).equal is not reaches


@given(models(), models())
@drawn(100)
def test_the_certificate_is_symmetric(one: ModelProto, two: ModelProto) -> None:
    assert certify(one, two).equal == certify(two, one).equal
