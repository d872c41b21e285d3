"""What docs/adapters.md says holds: its code runs; tests/options looks at its table."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.exports import EXPORTS

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "adapters.md").read_text("utf-8")
BLOCKS = re.findall(r"```python( olive)?\n(.*?)\n```", PAGE, flags=re.DOTALL)
LIBRARIES = ("torch", "onnxscript", "onnx_ir", "onnx_graphsurgeon", "olive")


@pytest.mark.parametrize("code", [code for _, code in BLOCKS], ids=range(len(BLOCKS)))
def test_its_code_runs(code: str, tmp_path: Path) -> None:
    needed = {name for name in LIBRARIES if re.search(rf"^(?:import|from) {name}\b", code, re.MULTILINE)}
    for name in sorted(needed):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed: a block of docs/adapters.md was not run")
    shutil.copy(EXPORTS / "bert" / "dy.onnx", tmp_path / "bert.onnx")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OLIVE_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
