"""`ai.onnx` is the default domain, on nodes and in imports, alone or beside ''."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import rewriter
from rewriter.basics.literals import FunctionsWord
from rewriter.passes.annotate import Annotate
from rewriter.passes.flatten import Flatten
from rewriter.runtime.infer.shapes import infer_shapes
from rewriter.runtime.infer.value_types import infer_types

IMPORTS = pytest.mark.parametrize(
    "imports",
    [[""], ["ai.onnx"], ["", "ai.onnx"], ["ai.onnx", ""]],
    ids=["short", "long", "both", "both, long first"],
)
NODES = pytest.mark.parametrize("domain", ["", "ai.onnx"], ids=["short nodes", "long nodes"])
MODES = pytest.mark.parametrize("mode", ["call", "shared"])


def branch(name: str) -> onnx.GraphProto:
    node = helper.make_node("Neg", ["p"], [name], name=f"/m/1/{name}")
    return helper.make_graph([node], "b", [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2])])


def spelled(imports: Sequence[str], domain: str) -> onnx.ModelProto:
    """Three modules, one of them with an If."""
    nodes = [
        helper.make_node("Abs", ["x"], ["p"], name="/m/0/Abs", domain=domain),
        helper.make_node("Shape", ["p"], ["s"], name="/m/0/Shape", domain=domain),
        helper.make_node(
            "If",
            ["c"],
            ["q"],
            name="/m/1/If",
            domain=domain,
            then_branch=branch("t"),
            else_branch=branch("e"),
        ),
        helper.make_node("Reshape", ["q", "s"], ["y"], name="/m/2/Reshape"),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy")
    truth = helper.make_tensor("c", TensorProto.BOOL, [], [True])
    graph = helper.make_graph(nodes, "g", [x], [y], [truth])
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid(each, 17) for each in imports], ir_version=8
    )


@IMPORTS
@NODES
@MODES
def test_functions_know_the_default_domain_by_its_short_name(
    imports: list[str], domain: str, mode: FunctionsWord
) -> None:
    source = spelled(imports, domain)
    report = rewriter.rewrite(source, functions=mode, numbers=False)
    assert report.verification.certificate.equal
    made = report.analysis.model
    assert len(made.functions) == 3
    for function in made.functions:
        assert [each.domain for each in function.opset_import].count("") == 1
        domains = [each.domain for each in function.opset_import] + [each.domain for each in function.node]
        assert "ai.onnx" not in domains
    assert list(made.opset_import)[: len(imports)] == list(source.opset_import)
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": np.array([1, -2], np.float32)})[0].tolist() == [-1, -2]


@IMPORTS
@NODES
@MODES
def test_flatten_gives_the_spelling_back(imports: list[str], domain: str, mode: FunctionsWord) -> None:
    flat = rewriter.rewrite(spelled(imports, domain), passes=(Annotate(),), numbers=False).analysis.model
    grouped = rewriter.rewrite(flat, functions=mode, numbers=False).analysis.model
    again = rewriter.rewrite(grouped, passes=(Flatten(),), numbers=False).analysis.model
    assert list(again.graph.node) == list(flat.graph.node)
    assert list(again.opset_import) == list(flat.opset_import)


def test_types_are_inferred_under_the_long_name() -> None:
    source = spelled(["ai.onnx"], "ai.onnx")
    before = source.SerializeToString(deterministic=True)
    assert infer_types(source, ["p"])["p"].type.tensor_type.elem_type == TensorProto.FLOAT
    assert {known.dims for known in infer_shapes(source, {}).of.values()} == {(2,), (1,), ()}
    assert source.SerializeToString(deterministic=True) == before
