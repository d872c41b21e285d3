"""What verbs that only read a file load: on a small file, imports are most of their time."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.exports import EXPORTS

_LOADED = """
import sys
from rewriter.cli import main
try:
    main(sys.argv[1:])
except SystemExit as left:
    assert left.code == 0, left.code
print("loaded", *sorted(name for name in sys.modules if name.split(".")[0] in ("rewriter", "onnxruntime")))
"""
_NOT_NEEDED = (
    *("onnxruntime", "rewriter.api", "rewriter.proof", "rewriter.verdict", "rewriter.views.sidecar"),
    *("rewriter.evidence.checkpoint", "rewriter.evidence.original", "rewriter.evidence.trace"),
    *("rewriter.evidence.steps", "rewriter.passes.flatten"),
    *("rewriter.runtime.child", "rewriter.runtime.infer"),
)
"""Packages and modules that these verbs have no use for in a file with scopes and without our functions."""


@pytest.mark.parametrize("variant", ["ts", "dy"])
@pytest.mark.parametrize(
    ("verb", "words"),
    [("tree", ()), ("tree", ("--json",)), ("select", ("model.encoder",)), ("explain", ("model.encoder",))],
)
def test_a_verb_that_reads_loads_no_prover(verb: str, words: tuple[str, ...], variant: str) -> None:
    model = EXPORTS / "bert" / f"{variant}.onnx"
    command = [sys.executable, "-c", _LOADED, verb, str(model), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    modules = done.stdout.rsplit("loaded", 1)[1].split()
    assert "rewriter.evidence.settle" in modules
    needless = [
        name for name in modules for part in _NOT_NEEDED if name == part or name.startswith(f"{part}.")
    ]
    assert not needless
