from __future__ import annotations

import json
from pathlib import Path

import onnx
import onnxruntime
import pytest

from rewriter import pipeline
from rewriter.cutting.hoisting import hoist
from rewriter.cutting.plan.run_order import run_order
from rewriter.runtime.inputs.planning import draw
from tests.exports import EXPORTS

CASES = ["bert/dy", "bert/ts", "resnet/dy", "segformer/ts", "t5/dy"]


@pytest.mark.parametrize("case", CASES)
def test_it_is_that_of_onnxruntime(case: str, tmp_path: Path) -> None:
    path = EXPORTS / f"{case}.onnx"
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "run")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    session.run(None, draw(onnx.load(path), sets=1)[0])
    events = json.loads(Path(session.end_profiling()).read_text("utf-8"))
    end = "_kernel_time"
    names = [each["name"] for each in events if each.get("cat") == "Node" and each["name"].endswith(end)]
    ran = [name.removesuffix(end) for name in names]
    analysis = pipeline.load_sorted(path)
    main = hoist(analysis.graph, set()).main
    order = run_order(main, [node for node in main.nodes if node not in main.portable])
    there = set(ran)
    assert len(there) > 20
    # onnxruntime removes casts to the type that a value already has.
    assert [name for node in order if (name := analysis.graph.names[node]) in there] == ran
