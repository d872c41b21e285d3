"""One layer is taken out, quantised and put back."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from pathlib import Path

import onnx
import pytest

from tests.exports import EXPORTS
from tests.recipes.running import blocks, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the recipes are for a POSIX shell")


@pytest.mark.parametrize("start", ["dy", pytest.param("ts", marks=pytest.mark.thorough)])
def test_put_back(start: str, tmp_path: Path) -> None:
    shutil.copy(EXPORTS / "bert" / f"{start}.onnx", tmp_path / "bert.onnx")
    for language, text in blocks("Quantise one layer and put it back"):
        run(language, text, tmp_path)
    before, after = (onnx.load(tmp_path / name).graph for name in ("bert.onnx", "bert.layer.int8.onnx"))
    operators = Counter(node.op_type for node in after.node)
    assert operators["MatMulInteger"] == 6
    products = Counter(node.op_type for node in before.node)["MatMul"]
    assert operators["MatMul"] == products - 6  # those of the other layer are as they were
