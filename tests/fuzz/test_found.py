"""What fuzzing found, each made small: one test for a fault that was mended."""

from __future__ import annotations

import json

import onnx
import pytest
from onnx import ModelProto, parser

from rewriter import pipeline
from rewriter.cutting.split import parse_cuts
from rewriter.errors import UnreadableModel, UsageError
from rewriter.evidence.names.scope_grammar import without_counter
from rewriter.passes.flatten import flatten
from rewriter.passes.functions.function_names import numbers_of
from rewriter.passes.registry.presets import Functions, standard_passes
from rewriter.passes.registry.syntax import parse_passes
from rewriter.views.sidecar import document as sidecar

CHAIN = "<ir_version: 10, opset_import: ['': 18]> g (float[2] x) => (float[2] y) { a = Neg(x) y = Abs(a) }"


def chain() -> ModelProto:
    return parser.parse_model(CHAIN.replace("'", '"'))


def with_bytes(model: ModelProto, text: str) -> ModelProto:
    """The model with a name in place of which invalid UTF-8 stands; as many bytes as before."""
    data = model.SerializeToString()
    assert text.encode() in data
    return ModelProto.FromString(data.replace(text.encode(), b"\x91" * len(text)))


def test_a_counter_of_five_thousand_digits_is_none() -> None:
    assert without_counter("block_" + "9" * 5000) is None
    model = chain()
    for node in model.graph.node:
        node.name = f"/a/block_{'1' * 5000}/{node.op_type}"
    assert pipeline.load(model).tree.placements


def test_options_of_five_thousand_digits_are_misuse() -> None:
    with pytest.raises(UsageError, match="from 0 to 999999999"):
        parse_passes(f"group{{depth={'1' * 5000}}}")
    with pytest.raises(UsageError):
        parse_cuts(pipeline.load(chain()), ["nothing@" + "1" * 5000])


def test_an_order_of_billions_takes_no_memory() -> None:
    with pytest.raises(ValueError, match="more numbers"):
        numbers_of("0-99999999999999", 10)
    with pytest.raises(ValueError, match="more numbers"):
        numbers_of(",".join(["0-5"] * 1000), 10)


def test_a_sidecar_of_billions_of_nodes_takes_no_memory() -> None:
    content = json.loads(sidecar.write(pipeline.load(chain())))
    content["export"]["nodes"] = 10**12
    with pytest.raises(UnreadableModel, match="more than"):
        sidecar.read(json.dumps(content))


def test_a_negative_opset_can_be_read_back() -> None:
    model = chain()
    model.opset_import[0].version = -1
    written = sidecar.read(sidecar.write(pipeline.load(model)))
    assert (written.opset, dict(written.opsets)) == (-1, {"": -1})


def test_a_node_named_after_a_value_that_is_no_text() -> None:
    model = chain()
    for node in model.graph.node:
        node.name = "odd_name/InsertedCast_x"
        node.input[0] = "nonutfate" if node.op_type == "Abs" else node.input[0]
    model.graph.node[0].output[0] = "nonutfate"
    assert pipeline.load(with_bytes(model, "nonutfate")).tree.placements


def test_a_domain_that_is_no_text_is_refused_where_functions_are_entered() -> None:
    model = chain()
    model.opset_import.add(domain="nonutfate", version=1)
    with pytest.raises(UnreadableModel, match="not UTF-8"):
        flatten(with_bytes(model, "nonutfate"))


def test_a_sound_model_is_never_found_different() -> None:
    model = chain()
    onnx.checker.check_model(model)
    options = pipeline.Options(standard_passes(Functions.SHARED), numbers=False)
    assert pipeline.rewrite(model, None, options).verification.verdict == "equal"


def test_an_operator_whose_type_is_no_text_is_not_fused() -> None:
    model = chain()
    for node, scope in zip(model.graph.node, ("/a/b/first", "/a/second"), strict=True):
        node.name = scope
    damaged = with_bytes(model, "Neg")
    assert [each.module for each in pipeline.load(damaged).tree.placements if each] == ["a.b", "a"]


def test_a_shape_of_nothing_tells_no_size() -> None:
    text = CHAIN.replace("a = Neg(x) y = Abs(a)", "s = Shape() c = ConstantOfShape(s) y = Add(x, c)")
    model = parser.parse_model(text.replace("'", '"'))
    for node in model.graph.node:
        node.name = f"/a/b/{node.op_type}"
    options = pipeline.Options(standard_passes(Functions.CALL), numbers=False)
    assert pipeline.rewrite(model, None, options).verification.verdict == "equal"
