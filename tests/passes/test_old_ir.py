"""Files below IR version 4: every initializer is listed as an input and is a constant all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import rewriter
from rewriter.cutting.check import Checking
from rewriter.cutting.extract import extract
from rewriter.passes.flatten import Flatten
from rewriter.pipeline.loader import load
from tests.build import model

CONV = """g (float[1,2,4,4] x) => (float[1,2,4,4] y)
<float[2,2,1,1] "conv.weight" = {1, 2, 3, 4}, float[2] "bn.weight" = {1, 2}, float[2] "bn.bias" = {3, 4},
 float[2] "bn.running_mean" = {5, 6}, float[2] "bn.running_var" = {7, 8}>
{
  ["/conv/Conv"] c = Conv(x, "conv.weight")
  ["/bn/BatchNormalization"] b =
    BatchNormalization(c, "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
  ["/act/Relu"] y = Relu(b)
}"""
"""A session folds the weights of the second node into the first."""


def old(text: str = CONV, version: int = 3) -> onnx.ModelProto:
    made = model(text)
    made.ir_version = version
    made.opset_import[0].version = 9
    for tensor in made.graph.initializer:
        made.graph.input.append(
            onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        )
    onnx.checker.check_model(made, full_check=True)
    return made


def run(made: onnx.ModelProto, folder: Path) -> tuple[list[str], Any]:
    """The operators that a session runs, and what it gives for a given input."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    session = onnxruntime.InferenceSession(
        made.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    array = np.arange(32, dtype=np.float32).reshape(1, 2, 4, 4)
    (result,) = session.run(None, {"x": array})
    return [node.op_type for node in onnx.load(folder / "optimised.onnx").graph.node], result


WAYS: dict[str, dict[str, Any]] = {
    "annotate": {},
    "names": {"restore_names": True},
    "layers": {"layer_annotations": True},
    "call": {"functions": "call"},
    "shared": {"functions": "shared"},
    "depth 1": {"functions": "call", "depth": 1},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", [3, 2])
def test_a_session_optimises_the_rewritten_file_as_it_does_the_file(
    way: str, version: int, tmp_path: Path
) -> None:
    source = old()
    source.ir_version = version
    made = rewriter.rewrite(source, numbers=False, **WAYS[way]).analysis.model
    operators, result = run(source, tmp_path)
    assert len(operators) < len(source.graph.node)
    again, same = run(made, tmp_path)
    assert again == operators
    assert (same == result).all()
    if version == 3:
        onnx.checker.check_model(made, full_check=True)


@pytest.mark.parametrize("way", ["annotate", "names", "layers"])
def test_metadata_asks_for_no_other_version(way: str) -> None:
    source = old()
    made = rewriter.rewrite(source, **WAYS[way]).analysis.model
    assert made.ir_version == 3
    assert list(made.graph.input) == list(source.graph.input)
    assert all(node.metadata_props for node in made.graph.node)


@pytest.mark.parametrize("way", ["call", "shared"])
def test_functions_take_the_constants_out_of_the_inputs_and_say_so(way: str) -> None:
    report = rewriter.rewrite(old(), **WAYS[way])
    (group,) = (record for record in report.passes if record.name.startswith("group"))
    assert group.changes == {"functions made": 3, "initializers no longer inputs": 5}
    made = report.analysis.model
    assert (made.ir_version, [info.name for info in made.graph.input]) == (8, ["x"])
    assert report.verification.certificate.equal


@pytest.mark.parametrize("version", [4, 8])
def test_defaults_of_inputs_stay_defaults(version: int) -> None:
    source = old(version=version)
    report = rewriter.rewrite(source, functions="call", numbers=False)
    assert list(report.analysis.model.graph.input) == list(source.graph.input)
    assert report.analysis.model.ir_version == 8
    assert all("initializers no longer inputs" not in record.changes for record in report.passes)


def test_without_functions_nothing_leaves() -> None:
    report = rewriter.rewrite(old(), passes="annotate,group{repeated=true}", numbers=False)
    assert report.analysis.model.ir_version == 3
    assert len(report.analysis.model.graph.input) == 6


def test_flatten_keeps_what_the_functions_needed() -> None:
    grouped = rewriter.rewrite(old(), functions="call", numbers=False).analysis.model
    flat = rewriter.rewrite(grouped, passes=(Flatten(),)).analysis.model
    assert (flat.ir_version, len(flat.graph.input)) == (8, 1)
    assert [node.op_type for node in flat.graph.node] == ["Conv", "BatchNormalization", "Relu"]


def test_a_weight_is_renamed_where_it_is_listed() -> None:
    source = model(
        """g (float[2,2] x) => (float[2,2] y)
        <float[2,2] onnx__MatMul_7 = {1, 2, 3, 4}, float[2] "fc.bias" = {5, 6}>
        { ["/fc/MatMul"] m = MatMul(x, onnx__MatMul_7) ["/fc/Add"] y = Add("fc.bias", m) }"""
    )
    source.graph.initializer[0].name = source.graph.node[0].input[1] = "onnx::MatMul_7"
    newer = rewriter.rewrite(source, restore_names=True).analysis.model
    assert newer.graph.initializer[0].name == "fc.weight"
    source.ir_version = 3
    for tensor in source.graph.initializer:
        source.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, 1, tensor.dims))
    made = rewriter.rewrite(source, restore_names=True).analysis.model
    assert [info.name for info in made.graph.input] == ["x", "fc.weight", "fc.bias"]
    assert made.graph.initializer[0].name == made.graph.node[0].input[1] == "fc.weight"
    onnx.checker.check_model(made, full_check=True)


def test_a_piece_lists_the_constants_of_bodies_that_were_laid_open() -> None:
    source = old(
        """g (float[2] x, bool c) => (float[2] y) <float[2] "a.w" = {1, 2}> {
          ["/a/Add"] h = Add(x, "a.w")
          ["/b/If"] y = If(c) <
            then_branch = t () => (float[2] p) { ["/b/in/Mul"] p = Mul(h, h) },
            else_branch = e () => (float[2] q) { ["/b/Neg"] q = Neg(h) }>
        }"""
    )
    weight = onnx.numpy_helper.from_array(np.array([3, 4], np.float32), "k")
    branch = source.graph.node[1].attribute[0].g
    branch.initializer.append(weight)
    branch.node[0].input[1] = "k"
    found = extract(load(source), ["b.in"], checking=Checking(numbers=False)).model
    assert found.ir_version == 3
    assert [info.name for info in found.graph.input] == ["h", "k"]
    onnx.checker.check_model(found, full_check=True)
