"""Measures disk, memory and time of pieces of a model with 5.4 GB of external data.

`python -m benchmarks.large_pieces` makes the model in a temporary folder, as `benchmarks.large` does, and
removes it afterwards. It writes benchmarks/results/large_pieces.md.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.large import INNER, WIDTH, make, measure

RESULTS = Path(__file__).with_name("results") / "large_pieces.md"
BLOCK = 2 * WIDTH * INNER * 4
BLOCKS = 40
_HEAD = """# Pieces of a model with 5.4 GB of external data

`python -m benchmarks.large_pieces`: 40 blocks of 134 MB. Each piece goes into another folder, with
`--copy-data`. "disk" is all that was written, as a multiple of the weights that the pieces read. Peaks are in
MB, as in [large.md](large.md): the child's RSS has the mapped pages of the weights that feed the piece.

| rewriter ... | exit code | seconds | MB written | disk | RSS | child: own | child: RSS |
|---|---:|---:|---:|---:|---:|---:|---:|
"""


def commands(model: Path, out: Path) -> Iterator[tuple[str, int, tuple[str | Path, ...]]]:
    """Yield for each command its name, the number of blocks that it writes, and its words."""
    layer, parts = out / "layer.onnx", out / "parts"
    for block in (0, BLOCKS // 2, BLOCKS - 1):
        words = ("extract", model, f"layers.{block}", "-o", layer, "--copy-data")
        yield f"extract layers.{block}", 1, words
        yield f"extract layers.{block} --no-numbers", 1, (*words, "--no-numbers")
    cut = f"layers.{BLOCKS // 2}"
    yield f"split --at {cut}", BLOCKS, ("split", model, "--at", cut, "-o", parts, "--copy-data")


def _row(name: str, blocks: int, words: tuple[str | Path, ...], out: Path) -> str:
    out.mkdir()
    found = measure(*words)
    written = sum(path.stat().st_blocks * 512 for path in out.rglob("*") if path.is_file())
    shutil.rmtree(out)
    peaks = " | ".join(f"{size:.0f}" for size in (found.parent, found.own, found.mapped))
    disk = f"{written / 1e6:.1f} | {written / (blocks * BLOCK):.3f}"
    return f"| {name} | {found.code} | {found.seconds:.1f} | {disk} | {peaks} |"


def main() -> None:
    """Measure, and write the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if shutil.disk_usage(folder).free < 2.2 * BLOCKS * BLOCK:
            sys.exit(f"{folder}: needs {2.2 * BLOCKS * BLOCK / 1e9:.0f} GB")
        model = make(folder, BLOCKS * BLOCK)
        rows = [_row(*each, folder / "out") for each in commands(model, folder / "out")]
    RESULTS.write_text(_HEAD + "\n".join([*rows, ""]))
    print(RESULTS.read_text())


if __name__ == "__main__":
    main()
