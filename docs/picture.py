"""Make the pictures of the pages: a fixture as a notebook and as `rewriter report` show it.

python docs/picture.py [NAME...]        # needs Chromium; all pictures where none is named
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

import rewriter

HERE = Path(__file__).parent
MODEL = HERE.parent / "fixtures" / "exports" / "bert" / "dy.onnx"
RECORDINGS = 200
FAULT = "model.encoder.layer.1.output.dense.bias"


def tree(model: Path) -> str:
    """The tree as a notebook shows it, unfolded."""
    shown = rewriter.load(model)._repr_html_()
    page = f"<body style='margin:24px;width:860px;font-family:sans-serif'>{shown}</body>"
    return page.replace("<details>", "<details open>")


def report(model: Path) -> str:
    """The report of a grouped model, compared with its original."""
    grouped = model.with_name("bert.functions.onnx")
    rewriter.rewrite(model, grouped, functions="shared", numbers=False)
    return rewriter.report(grouped, original=model, profile=True).html


def verified(model: Path) -> str:
    """The report of the quick start."""
    written = model.with_name("bert.tree.onnx")
    rewriter.rewrite(model, written, numbers=False)
    return rewriter.report(written, original=model).html


def time(model: Path) -> str:
    """The report by time, of a calm moment: other programs run as well."""
    return rewriter.report(
        model, recorded=min(_recorded(model) for _ in range(RECORDINGS))[1], by="time"
    ).html


def _recorded(model: Path) -> tuple[float, str]:
    """Seconds of twenty runs, and onnxruntime's profile of them."""
    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    options.intra_op_num_threads = 1
    options.profile_file_prefix = str(model.with_suffix(""))
    session = onnxruntime.InferenceSession(model, options)
    ones = np.ones((2, 7), np.int64)
    begin = perf_counter()
    for _ in range(20):
        session.run(None, {"input_ids": ones, "attention_mask": ones})
    return perf_counter() - begin, session.end_profiling()


def difference(model: Path) -> str:
    """The report of a model and of the same with a fault in one bias."""
    changed = onnx.load(model)
    bias = next(each for each in changed.graph.initializer if each.name == FAULT)
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) * 1.5, FAULT))
    other = model.with_name("bert.fault.onnx")
    onnx.save(changed, other)
    return rewriter.report(model, other).html


PICTURES: dict[str, tuple[Callable[[Path], str], str]] = {
    "tree.png": (tree, "910,1010"),
    "report.png": (report, "1440,880"),
    "pictures/report.png": (verified, "1280,720"),
    "pictures/report-time.png": (time, "1280,720"),
    "pictures/report-diff.png": (difference, "1280,720"),
}
"""File -> what makes the page, and the size of the window."""


def main(names: list[str]) -> None:
    """Render the pages in a headless browser."""
    for name in names or PICTURES:
        make, size = PICTURES[name]
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "bert.onnx"
            shutil.copy(MODEL, model)
            _shoot(make(model), name, size)


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
    main(sys.argv[1:])
