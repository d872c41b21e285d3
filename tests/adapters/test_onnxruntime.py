"""onnxruntime's quantisers in two lines, and the tree of what they give."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnxruntime.quantization import CalibrationDataReader, quantize_dynamic, quantize_static

import rewriter
from rewriter.adapters.onnxruntime import excluding
from rewriter.errors import UsageError
from rewriter.runtime.inputs.planning import draw
from tests.exports import EXPORTS

SPARED = "model.encoder.layer.1"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def homes(path: Path, like: Path, *operators: str) -> set[str]:
    """The modules of the nodes with these operators."""
    found = rewriter.load(path, like=like)
    pairs = zip(found.graph.nodes, found.tree.placements, strict=True)
    return {place.module for node, place in pairs if node.op_type in operators and place is not None}


@pytest.mark.parametrize("name", ["ts", "dy", "ts_dyn"])
def test_dynamic_in_two_lines(name: str, tmp_path: Path) -> None:
    named, small = tmp_path / "named.onnx", tmp_path / "int8.onnx"
    rewriter.rewrite(EXPORTS / "bert" / f"{name}.onnx", named, restore_names=True)
    quantize_dynamic(named, small, **excluding(named, SPARED))
    integer = homes(small, named, "MatMulInteger")
    assert integer
    assert any(module.startswith("model.encoder.layer.0.") for module in integer)
    assert not any(module.startswith(SPARED) for module in integer)
    every = tmp_path / "every.onnx"
    quantize_dynamic(named, every)
    assert any(module.startswith(SPARED) for module in homes(every, named, "MatMulInteger"))


class Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, model: onnx.ModelProto) -> None:
        self.feeds = iter(draw(model, sets=2))

    def get_next(self) -> object:
        return next(self.feeds, None)


def test_static_in_two_lines(tmp_path: Path) -> None:
    named, small = tmp_path / "named.onnx", tmp_path / "int8.onnx"
    model = rewriter.rewrite(EXPORTS / "bert" / "dy.onnx", named, restore_names=True).analysis.model
    quantize_static(named, small, Reader(model), **excluding(named, SPARED, "model.embeddings"))
    quantised = homes(small, named, "QuantizeLinear")
    assert any(module.startswith("model.encoder.layer.0.") for module in quantised)
    graph = onnx.load(small).graph
    written = {name: node.op_type for node in graph.node for name in node.output}
    analysis = rewriter.load(named)
    weights = {tensor.name for tensor in analysis.model.graph.initializer}
    spared = {True: 0, False: 0}
    now = {each.name: each for each in graph.node}
    for node, place in zip(analysis.graph.nodes, analysis.tree.placements, strict=True):
        if place is not None and node.op_type == "MatMul" and node.input[1] in weights and node.name in now:
            in_floats = written.get(now[node.name].input[1]) != "DequantizeLinear"
            assert in_floats == place.module.startswith(SPARED)
            spared[in_floats] += 1
    assert min(spared.values()) > 0


def test_what_names_cannot_say_is_warned_of() -> None:
    bare = EXPORTS / "bert" / "dy.onnx"
    model = onnx.load(bare)
    for node in model.graph.node[::2]:
        node.name = ""
    with pytest.warns(UserWarning, match="nodes left out for lack of a name"):
        excluding(model, SPARED)
    with pytest.raises(UsageError, match="nowhere"):
        excluding(bare, "nowhere")
    norms = excluding(bare, class_name="LayerNorm")["nodes_to_exclude"]
    assert 0 < len(norms) < len(excluding(bare, "**")["nodes_to_exclude"])
