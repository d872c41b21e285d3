"""Relations of initializers to the parameters whose names they have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import rewriter
from rewriter import pipeline
from rewriter.api.side_inputs import read_evidence
from rewriter.evidence.claims import Holds
from rewriter.evidence.metadata import dynamo
from rewriter.evidence.reference.module_list import Declared, Reference, ReferenceModule
from rewriter.evidence.side_inputs import NOTHING, Given
from rewriter.modules.module import Parameter
from rewriter.paths import ModulePath
from tests.build import model
from tests.evidence.checkpoints import write_safetensors
from tests.exports import EXPORTS

LINEAR = """g (float[2,4] x) => (float[2,3] y)
<float[3,4] "fc.weight" = {0,1,2,3,4,5,6,7,8,9,10,11}, float[3] "fc.bias" = {1,2,3}> {
  ["NODE"] y = Gemm<transB=1>(x, "fc.weight", "fc.bias")
}"""
CONV = """g (float[1,2,4,4] x) => (float[1,2,4,4] y)
<float[2,2,1,1] "c.weight" = {1,2,3,4}, float[2] "c.bias" = {1,2}> {
  ["NODE"] y = Conv(x, "c.weight", "c.bias")
}"""


def held(proto: onnx.ModelProto, given: Given = NOTHING) -> dict[str, Parameter]:
    tree = pipeline.load(proto, given).tree
    return {module.path.child(each.name): each for module in tree for each in module.parameters}


def relations(proto: onnx.ModelProto, given: Given = NOTHING) -> dict[str, str]:
    return {name: str(parameter.holds) for name, parameter in held(proto, given).items()}


def reference(*declared: Declared, class_name: str | None = None) -> Given:
    root, fc = ModulePath(""), ModulePath("fc")
    modules = {root: ReferenceModule(root, None), fc: ReferenceModule(fc, class_name, declared)}
    return Given(references=(Reference("it", modules),))


def test_a_name_counts_as_exact_unless_a_tool_may_have_folded() -> None:
    assert relations(model(LINEAR.replace("NODE", "/fc/Gemm"))) == {"fc.weight": "exact", "fc.bias": "exact"}
    assert relations(model(CONV.replace("NODE", "n"))) == {"c.weight": "unknown", "c.bias": "unknown"}


def test_a_folded_weight_says_with_what() -> None:
    found = held(onnx.load(EXPORTS / "conv_batchnorm" / "dy.onnx"))
    assert found["conv.weight"].holds is Holds.FOLDED
    assert found["conv.weight"].formula == "conv.weight * bn"
    assert found["conv.weight_bias"].formula == "bn(0)"
    assert found["norm.weight"].holds is Holds.EXACT


def test_an_initializer_that_the_exporter_made_again_is_not_exact() -> None:
    proto = model(
        """g (float[2,2] x) => (float[2,2] y)
        <float[2,2] "a.weight", float[2,2] "a.weight" = {1,2,3,4}, float[2,2] "b.weight" = {4,3,2,1}> {
          z = MatMul(x, "a.weight")
          y = MatMul(z, "b.weight")
        }"""
    )
    listed = "p_a: PARAMETER target='a.weight'\np_b: PARAMETER target='b.weight'\n"
    proto.graph.metadata_props.add(key=dynamo.GRAPH_SIGNATURE, value=listed)
    proto.graph.value_info[0].metadata_props.add(key=dynamo.INPUT_KIND, value="PARAMETER")
    assert relations(proto) == {"a.weight": "exact", "b.weight": "unknown"}


def test_statistics_of_a_norm_in_training_are_unknown() -> None:
    text = """g (float[2,2] x) => (float[2,2] y)
    <float[2] "n.weight" = {1,2}, float[2] "n.bias" = {1,2},
     float[2] "n.running_mean" = {1,2}, float[2] "n.running_var" = {1,2}> {
      y, m, v = BatchNormalization<training_mode=1>
        (x, "n.weight", "n.bias", "n.running_mean", "n.running_var")
    }"""
    expected = {"weight": "exact", "bias": "exact", "running_mean": "unknown", "running_var": "unknown"}
    assert relations(model(text)) == {f"n.{name}": relation for name, relation in expected.items()}


def test_a_quantised_weight_is_packed_and_counts_unpacked() -> None:
    text = """g (float[2,16] x) => (float[2,8] y)
    <uint8[8,1,8] "fc.weight_Q4" = {PACKED}, float[8] "fc.weight_scales" = {1,1,1,1,1,1,1,1}> {
      ["/fc/MatMul_Q4"] y = com.microsoft.MatMulNBits<K=16, N=8, bits=4, block_size=16>
        (x, "fc.weight_Q4", "fc.weight_scales")
    }""".replace("PACKED", ",".join("1" * 64))
    proto = model(text)
    proto.opset_import.add(domain="com.microsoft", version=1)
    (weight,) = held(proto).values()
    assert (weight.holds, weight.count, weight.shape) == (Holds.PACKED, 128, (8, 1, 8))


def test_torchs_linear_holds_the_transpose_of_what_multiplies() -> None:
    text = """g (float[2,2] x) => (float[2,2] y) <float[2,2] "fc.MatMul.weight" = {1,2,3,4}>
    { ["/fc/MatMul"] y = MatMul(x, "fc.MatMul.weight") }"""
    assert relations(model(text)) == {"fc.weight": "unknown"}
    weight = Declared("weight", (2, 2), trainable=True)
    found = held(model(text), reference(weight, class_name="torch.nn.modules.linear.Linear"))["fc.weight"]
    assert (found.holds, found.transposed) == (Holds.TRANSPOSED, True)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((3, 4), "exact"), ((4, 3), "transposed"), ((12,), "reshaped"), ((5, 4), "unknown"), (None, "unknown")],
)
def test_the_declared_shape_shows_the_layout(shape: tuple[int, ...] | None, expected: str) -> None:
    other = Declared("bias", (3,), trainable=True)
    weight = [Declared("weight", shape, trainable=True)] if shape else []
    found = relations(model(LINEAR.replace("NODE", "/fc/Gemm")), reference(other, *weight))
    assert found == {"fc.weight": expected, "fc.bias": "exact"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda weight: weight, "exact"),
        (lambda weight: weight.T, "transposed"),
        (lambda weight: weight.reshape(2, 6), "reshaped"),
        (lambda weight: weight + 1, "unknown"),
    ],
)
def test_the_content_of_a_checkpoint_decides(change: object, expected: str, tmp_path: Path) -> None:
    proto = model(LINEAR.replace("NODE", "/fc/Gemm"))
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    assert callable(change)
    tensors["fc.weight"] = np.ascontiguousarray(change(tensors["fc.weight"]))
    tensors["fc.bias"] = np.array([0.1, 0.2, 0.3], np.float32)
    proto.graph.initializer[1].CopyFrom(numpy_helper.from_array(tensors["fc.bias"], "fc.bias"))
    given = read_evidence(checkpoint=write_safetensors(tmp_path / "model.safetensors", tensors))
    assert relations(proto, given) == {"fc.weight": expected, "fc.bias": "exact"}


def test_a_checkpoint_settles_a_doubt(tmp_path: Path) -> None:
    proto = model(CONV.replace("NODE", "n"))
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    given = read_evidence(checkpoint=write_safetensors(tmp_path / "model.safetensors", tensors))
    assert relations(proto, given) == {"c.weight": "exact", "c.bias": "exact"}


def test_an_alias_is_the_same_parameter() -> None:
    text = """g (float[2] x) => (float[2] y) <float[2] "a.bias" = {1,2}> {
      z = Add(x, "a.bias")
      "b.bias" = Identity("a.bias")
      y = Add(z, "b.bias")
    }"""
    assert relations(model(text)) == {"a.bias": "exact", "b.bias": "exact"}


@pytest.mark.parametrize(("node", "expected"), [("/Mul", "exact"), ("n", "unknown")])
def test_names_without_a_dot_may_be_invented(node: str, expected: str) -> None:
    text = f"""g (float[2] x) => (float[2] y) <float[2] gain = {{1,2}}> {{
      ["/act/Relu"] z = Relu(x)
      ["{node}"] y = Mul(z, gain)
    }}"""
    proto = model(text)
    for each in proto.graph.node:
        each.metadata_props.add(key="namespace", value=": pkg.Net/mul: aten.mul")
    assert relations(proto) == {"gain": expected}


def test_the_scale_of_an_output_is_no_parameter() -> None:
    text = """g (float[2] x) => (uint8[2] y_quantized) <float y_scale = {1}, uint8 y_zero_point = {0}> {
      ["/Relu"] y = Relu(x)
      ["/Quantize"] y_quantized = QuantizeLinear(y, y_scale, y_zero_point)
    }"""
    assert relations(model(text)) == {}


def test_an_alias_inside_a_body_holds_the_parameter_too() -> None:
    tree = rewriter.tree(
        model(
            """g (float[2,2] x, bool c) => (float[2,2] y) <float[2,2] "a.weight" = {1,2,3,4}> {
              y = If(c) <
                then_branch = t () => (float[2,2] p) {
                  "b.weight" = Identity("a.weight") p = MatMul(x, "b.weight")
                },
                else_branch = e () => (float[2,2] q) { q = MatMul(x, "a.weight") }
              >
            }"""
        )
    )
    assert [tree[name].parameters[0].holds for name in "ab"] == [Holds.EXACT, Holds.EXACT]
