"""What `rewriter tree` loads: most of its time on a small file is imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.exports import EXPORTS

_LOADED = """
import sys
from rewriter.cli import main
try:
    main(["tree", sys.argv[1]])
except SystemExit as left:
    assert left.code == 0, left.code
print("loaded", *sorted(name for name in sys.modules if name.split(".")[0] in ("rewriter", "onnxruntime")))
"""
_NOT_NEEDED = (
    *("onnxruntime", "rewriter.api", "rewriter.insight", "rewriter.proof", "rewriter.regions"),
    *("rewriter.verdict", "rewriter.views.json", "rewriter.views.sidecar", "rewriter.passes.flatten"),
    *("rewriter.evidence.checkpoint", "rewriter.evidence.original", "rewriter.evidence.trace"),
    *("rewriter.evidence.steps", "rewriter.runtime.child", "rewriter.runtime.infer"),
)
"""Packages and modules that a plain tree of a file with scopes has no use for."""


@pytest.mark.parametrize("variant", ["ts", "dy"])
def test_a_plain_tree_loads_only_what_reads_a_file(variant: str) -> None:
    model: Path = EXPORTS / "bert" / f"{variant}.onnx"
    done = subprocess.run([sys.executable, "-c", _LOADED, model], capture_output=True, text=True, check=True)
    _, loaded = done.stdout.rsplit("loaded", 1)
    modules = loaded.split()
    assert "rewriter.evidence.settle" in modules
    needless = [
        name for name in modules for part in _NOT_NEEDED if name == part or name.startswith(f"{part}.")
    ]
    assert not needless
