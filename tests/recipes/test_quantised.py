"""From the export to a profile of the quantised model; and all but some modules quantised in one line."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from pathlib import Path

import onnx
import pytest

import rewriter
from tests.exports import EXPORTS
from tests.recipes.running import blocks, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the recipes are for a POSIX shell")
EXPORT, *REST = blocks("From the export to a profile of the quantised model")
ONE_LINE = blocks("Exclude modules from quantisation")


def export(folder: Path, start: str) -> None:
    """bert.onnx, by torch as the page has it, or one that was exported before."""
    if start == "torch":
        for package in ("torch", "transformers"):
            pytest.importorskip(package, reason=f"{package} is not installed: pip install '.[{package}]'")
        run(*EXPORT, folder)
    else:
        shutil.copy(EXPORTS / "bert" / f"{start}.onnx", folder / "bert.onnx")


@pytest.mark.parametrize("start", ["torch", "ts", "dy"])
def test_to_the_profile(start: str, tmp_path: Path) -> None:
    export(tmp_path, start)
    for language, text in REST:
        run(language, text, tmp_path)
    original = rewriter.load(tmp_path / "bert.tree.onnx")
    carried = rewriter.load(tmp_path / "bert.int8.tree.onnx")
    operators = Counter(node.op_type for node in carried.graph.nodes)
    assert operators["MatMulInteger"] >= 12  # it is quantised
    assert carried.tree.coverage >= 0.95
    assert {module.path: module.class_name for module in carried.tree} == {
        module.path: module.class_name for module in original.tree
    }
    assert rewriter.verify(tmp_path / "bert.int8.onnx", tmp_path / "bert.int8.tree.onnx").verdict == "equal"
    profile = json.loads((tmp_path / "profile.json").read_text())
    spent = {module["path"]: module["total"]["mean"] for module in profile["modules"]}
    assert {path for path, mean in spent.items() if mean > 0} >= {
        module.path for module in original.tree if module.path.endswith(".attention.self.query")
    }


@pytest.mark.parametrize("start", ["ts", "dy"])
def test_all_but_some_modules(start: str, tmp_path: Path) -> None:
    export(tmp_path, start)
    run(*REST[0], tmp_path)
    for language, text in ONE_LINE:
        run(language, text, tmp_path)
    assert (tmp_path / "bert.same.onnx").read_bytes() == (tmp_path / "bert.mixed.onnx").read_bytes()
    tree = rewriter.load(tmp_path / "bert.tree.onnx")
    spared = {
        node.output[0]
        for node, placement in zip(tree.graph.nodes, tree.tree.placements, strict=True)
        if node.op_type == "MatMul" and placement and ".encoder.layer.0." in f"{placement.module}."
    }
    products = {node.output[0] for node in tree.graph.nodes if node.op_type == "MatMul"}
    left = {n.output[0] for n in onnx.load(tmp_path / "bert.mixed.onnx").graph.node if n.op_type == "MatMul"}
    assert spared
    assert spared <= left
    assert products - left  # those of the other layer became integers
