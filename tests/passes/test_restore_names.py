from __future__ import annotations

import onnx
import pytest

from rewriter.evidence.metadata import dynamo, tags
from rewriter.model import metadata
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.build import analyse
from rewriter.passes.base import Outcome, as_text
from rewriter.passes.restore_names import RestoreNames
from rewriter.refusals import Reason
from tests.build import model

LINEAR = """g (float[2,2] x) => (float[2,2] y)
<float[2,2] "onnx::MatMul_5" = {1,2,3,4}, float[2] "fc.bias" = {1,2}>
{
  ["/fc/MatMul"] a = MatMul(x, "onnx::MatMul_5")
  [add] y = Add(a, "fc.bias")
}"""


def restored(proto: onnx.ModelProto, step: RestoreNames | None = None) -> Outcome:
    return (step or RestoreNames()).run(analyse(GraphIndex(proto)))


def test_what_a_thing_was_called_is_kept() -> None:
    proto = model(LINEAR)
    assert restored(proto) == Outcome({"nodes named": 1, "weights named": 1})
    assert metadata.read(proto.graph.initializer[0]) == {
        tags.ORIGINAL_NAME: "onnx::MatMul_5",
        tags.TRANSPOSED: "true",
    }
    assert metadata.read(proto.graph.node[1]) == {tags.ORIGINAL_NAME: "add"}
    assert [node.name for node in proto.graph.node] == ["/fc/MatMul", "/fc/Add"]


@pytest.mark.parametrize(
    ("step", "text", "nodes", "weight"),
    [
        (RestoreNames(), "restore_names", ["/fc/MatMul", "/fc/Add"], "fc.weight"),
        (RestoreNames(nodes=False), "restore_names{nodes=false}", ["/fc/MatMul", "add"], "fc.weight"),
        (
            RestoreNames(initializers=False),
            "restore_names{initializers=false}",
            ["/fc/MatMul", "/fc/Add"],
            "onnx::MatMul_5",
        ),
        (
            RestoreNames(nodes=False, initializers=False),
            "restore_names{nodes=false,initializers=false}",
            ["/fc/MatMul", "add"],
            "onnx::MatMul_5",
        ),
    ],
)
def test_options(step: RestoreNames, text: str, nodes: list[str], weight: str) -> None:
    proto = model(LINEAR)
    restored(proto, step)
    assert as_text(step) == text
    assert [node.name for node in proto.graph.node] == nodes
    assert proto.graph.initializer[0].name == weight


def test_quantization_annotation_follows() -> None:
    proto = model(LINEAR)
    for tensor, scale in (("onnx::MatMul_5", "onnx::MatMul_5"), ("a", "fc.bias")):
        annotation = proto.graph.quantization_annotation.add(tensor_name=tensor)
        annotation.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value=scale)
    restored(proto)
    assert [
        (a.tensor_name, a.quant_parameter_tensor_names[0].value) for a in proto.graph.quantization_annotation
    ] == [("fc.weight", "fc.weight"), ("a", "fc.bias")]


def folded(*origins: str) -> onnx.ModelProto:
    """Matrices `val_<n>`, each folded from the parameter `origins[n]`."""
    weights = ", ".join(f"float[2,2] val_{n} = {{1,2,3,{n}}}" for n in range(len(origins)))
    infos = ", ".join(f"float[2,2] val_{n}" for n in range(len(origins)))
    values = ["x", *(f"v{n}" for n in range(1, len(origins))), "y"]
    steps = "\n".join(f"[n{n}] {values[n + 1]} = MatMul({values[n]}, val_{n})" for n in range(len(origins)))
    targets = {name: f"p_{name.replace('.', '_')}" for name in origins}
    proto = model(
        f"g (float[2,2] x) => (float[2,2] y) <{infos}, {weights}> {{ {steps} }}",
        **{f"n{n}": {dynamo.FX_NODE: f"aten.linear(%x, %{targets[o]})"} for n, o in enumerate(origins)},
    )
    lines = "".join(f"{target}: PARAMETER target='{name}'\n" for name, target in targets.items())
    proto.graph.metadata_props.add(key=dynamo.GRAPH_SIGNATURE, value=lines)
    for info, origin in zip(proto.graph.value_info, origins, strict=True):
        info.metadata_props.add(key=dynamo.FOLDED_FROM, value=f"['{origin}']")
    return proto


def test_two_weights_folded_from_one_parameter_are_ambiguous() -> None:
    proto = folded("a.weight", "b.weight", "a.weight")
    outcome = restored(proto)
    assert [(r.module, r.reason, r.witness) for r in outcome.refusals] == [
        ("a", Reason.AMBIGUOUS, "val_0"),
        ("a", Reason.AMBIGUOUS, "val_2"),
    ]
    assert [tensor.name for tensor in proto.graph.initializer] == ["val_0", "b.weight", "val_2"]
    assert [info.name for info in proto.graph.value_info] == ["val_0", "b.weight", "val_2"]


def test_two_witnesses_that_agree_are_one() -> None:
    proto = folded("a.weight")
    for owner in (proto.graph.initializer[0], proto.graph.value_info[0]):
        owner.name = "onnx::MatMul_0"
    proto.graph.node[0].input[1] = "onnx::MatMul_0"
    proto.graph.node[0].name = "/a/MatMul"
    assert restored(proto) == Outcome({"nodes named": 0, "weights named": 1})
    assert proto.graph.initializer[0].name == "a.weight"


def test_what_the_exporter_wrote_down_outweighs_the_position() -> None:
    """A weight of `a` that `b` multiplies by, as with tied weights, is still the weight of `a`."""
    proto = folded("a.weight")
    for owner in (proto.graph.initializer[0], proto.graph.value_info[0]):
        owner.name = "onnx::MatMul_0"
    proto.graph.node[0].input[1] = "onnx::MatMul_0"
    proto.graph.node[0].name = "/b/MatMul"
    assert restored(proto) == Outcome({"nodes named": 0, "weights named": 1})
    assert proto.graph.initializer[0].name == "a.weight"


def test_later_calls_carry_a_counter() -> None:
    proto = model(
        """g (float[2] x) => (float[2] y)
        {
          [first] a = Relu(x)
          [second] b = Relu(a)
          ["/act_1/Relu"] y = Relu(b)
        }""",
        first={tags.MODULE: "act", tags.CALL: "0"},
        second={tags.MODULE: "act", tags.CALL: "1"},
    )
    restored(proto)
    assert [node.name for node in proto.graph.node] == ["/act/Relu", "/act_1/Relu_1", "/act_1/Relu"]
