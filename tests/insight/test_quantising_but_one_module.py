"""onnxruntime's quantisers, given the names of a module, leave that module alone and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_dynamic, quantize_static

import rewriter
from rewriter.cli import main
from rewriter.modules.analysis import Analysis
from rewriter.modules.selection import Selection
from rewriter.runtime.inputs.planning import draw
from tests.exports import EXPORTS

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def keywords(capsys: pytest.CaptureFixture[str], *words: str | Path) -> dict[str, list[str]]:
    with pytest.raises(SystemExit) as left:
        main(["select", *map(str, words), "--format", "ort-quant"])
    out, err = capsys.readouterr()
    assert left.value.code == 0, err
    found: dict[str, list[str]] = json.loads(out)
    return found


def weighted(analysis: Analysis, nodes: tuple[int, ...]) -> set[str]:
    """The outputs of those nodes that multiply by a weight: what both quantisers look for."""
    graph = analysis.graph
    return {
        graph.nodes[node].output[0]
        for node in nodes
        if graph.nodes[node].op_type in {"MatMul", "Gemm", "Conv"}
        and any(value in graph.initializers for value in graph.reads[node])
    }


def plain_outputs(path: Path) -> set[str]:
    """The outputs of the nodes that still multiply in floats, whatever feeds them."""
    nodes = onnx.load(path).graph.node
    return {node.output[0] for node in nodes if node.op_type in {"MatMul", "Gemm", "Conv"}}


@pytest.mark.parametrize("module", ["model.encoder.layer.1", "model.encoder.layer.0.attention.self.query"])
@pytest.mark.parametrize("variant", ["ts", "dy"])
def test_dynamic(variant: str, module: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "named.onnx"
    rewriter.rewrite(
        EXPORTS / "bert" / f"{variant}.onnx", source, restore_names=variant == "dy", numbers=False
    )
    analysis = rewriter.load(source)
    every = weighted(analysis, Selection().nodes(analysis))
    spared = weighted(analysis, Selection((module,)).nodes(analysis))
    assert 0 < len(spared) < len(every)
    target = tmp_path / "quantised.onnx"
    types = {"op_types_to_quantize": ["MatMul"]}
    quantize_dynamic(source, target, weight_type=QuantType.QInt8, **types, **keywords(capsys, source, module))
    left = plain_outputs(target) & every
    gemm = {n.output[0] for n in analysis.model.graph.node if n.op_type == "Gemm"}
    assert left - gemm == spared - gemm
    integer = sum(node.op_type == "MatMulInteger" for node in onnx.load(target).graph.node)
    assert integer == len(every - spared)  # the quantiser makes a MatMul of every Gemm first


class Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, model: onnx.ModelProto) -> None:
        self.feeds = iter(draw(model, sets=2))

    def get_next(self) -> object:
        return next(self.feeds, None)


def test_static(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = EXPORTS / "resnet" / "ts.onnx", tmp_path / "quantised.onnx"
    analysis = rewriter.load(source)
    module = next(
        m.path for m in analysis.tree if m.depth > 1 and 0 < m.total_nodes < len(analysis.graph.nodes) / 2
    )
    every = weighted(analysis, Selection().nodes(analysis))
    spared = weighted(analysis, Selection((module,)).nodes(analysis))
    assert 0 < len(spared) < len(every)
    quantize_static(
        source,
        target,
        Reader(analysis.model),
        op_types_to_quantize=["Conv", "MatMul", "Gemm"],
        **keywords(capsys, source, module),
    )
    quantised = onnx.load(target).graph
    written = {name: node for node in quantised.node for name in node.output}
    fed_by = {
        node.output[0]: [written[name].op_type for name in node.input if name in written]
        for node in quantised.node
        if node.op_type in {"Conv", "MatMul", "Gemm"}
    }
    integer = {output for output, feeding in fed_by.items() if feeding.count("DequantizeLinear") >= 2}
    assert len(integer) == len(every - spared)
    assert len(fed_by) - len(integer) == len(spared)
    assert {name for name in spared if name in fed_by} <= fed_by.keys() - integer
