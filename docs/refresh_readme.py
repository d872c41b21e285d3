"""Put the real output of README.md's first command into README.md.

python docs/refresh_readme.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODEL = ROOT / "fixtures" / "exports" / "bert" / "dy.onnx"


def output_of(*words: str) -> str:
    """What `rewriter` prints at a width of 80 columns."""
    command = [sys.executable, "-m", "rewriter", *words]
    environment = os.environ | {"COLUMNS": "80"}
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, env=environment)
    return done.stdout.rstrip()


def refreshed(readme: str) -> str:
    """The text with its two output blocks replaced by what the commands print now."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "bert.tree.onnx"
        report = output_of("rewrite", str(MODEL), "-o", str(output), "--restore-names")
        tree = output_of("tree", str(output), "--depth", "7")
    blocks = iter((report.replace(f"{folder}/", ""), tree))
    return re.sub(
        r"(?<=```text\n).*?(?=\n```)", lambda match: next(blocks, match[0]), readme, flags=re.DOTALL
    )


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(refreshed(path.read_text("utf-8")), "utf-8")
