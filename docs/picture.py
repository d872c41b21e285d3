"""Make docs/tree.png and docs/report.png: a fixture as a notebook and as `rewriter report` show it.

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
    """Render both pages in a headless browser."""
    tree = rewriter.load(MODEL)._repr_html_()
    page = f"<body style='margin:24px;width:860px;font-family:sans-serif'>{tree}</body>"
    _shoot(page.replace("<details>", "<details open>"), "tree.png", "910,1010")
    with tempfile.TemporaryDirectory() as folder:
        grouped = Path(folder) / "bert.onnx"
        rewriter.rewrite(MODEL, grouped, functions="shared", numbers=False)
        html = rewriter.report(grouped, original=MODEL, profile=True).html
    _shoot(html, "report.png", "1440,880")


def _shoot(page: str, name: str, size: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        html = Path(folder) / "page.html"
        html.write_text(page, "utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        shot = [
            f"--user-data-dir={folder}/profile",
            f"--window-size={size}",
            "--hide-scrollbars",
            f"--screenshot={HERE / name}",
        ]
        subprocess.run(["chromium", *options, *shot, html.as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    main()
