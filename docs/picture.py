"""Make docs/tree.png: the tree of a fixture as a notebook shows it.

python docs/picture.py          # needs Chromium
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import rewriter

HERE = Path(__file__).parent
MODEL = HERE.parent / "fixtures" / "exports" / "bert" / "dy.onnx"


def main() -> None:
    """Render the HTML view in a headless browser."""
    tree = rewriter.load(MODEL)._repr_html_()
    page = f"<body style='margin:24px;width:860px;font-family:sans-serif'>{tree}</body>"
    with tempfile.TemporaryDirectory() as folder:
        html = Path(folder) / "tree.html"
        html.write_text(page.replace("<details>", "<details open>"), "utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        shot = [
            f"--user-data-dir={folder}/profile",
            "--window-size=910,1010",
            f"--screenshot={HERE / 'tree.png'}",
        ]
        subprocess.run(["chromium", *options, *shot, html.as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    main()
