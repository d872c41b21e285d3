"""Measures the size of both forms of the sidecar, as multiples of the structure of the model.

    python -m benchmarks.sidecars          # all fixtures, and layered graphs of 10k nodes; about two minutes

The structure is the serialized model without the contents of its tensors. `before` is the source, `after` is
the same model with its annotations, beside which the sidecar lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import onnx
from onnx import ModelProto

import rewriter
from benchmarks.exporting import FIXTURES
from benchmarks.many_initializers import many
from benchmarks.reporting import publish, table
from benchmarks.synthetic import layered, save_with_data, two_layers
from rewriter.model.storage.external_data import tensors_of
from rewriter.views.sidecar import document

BANDS = (10_000, 30_000, 100_000, 1 << 62)
"""Upper bounds of the structures, in bytes, by which the fixtures are listed."""
LAYERED = (("ts_dyn", "llama"), ("dy_dyn", "llama"), ("ts_dyn", "mixtral"), ("dy_dyn", "mixtral"))
NODES, INITIALIZERS = 10_000, 50_000


class Sizes(NamedTuple):
    """Bytes of the structure before and after a rewrite, and of both forms of the sidecar."""

    before: int
    after: int
    compact: int
    full: int


def structure(model: ModelProto) -> int:
    """Return the bytes of a model without the contents of its tensors; they are removed from the model."""
    for tensor in tensors_of(model):
        for field in ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data"):
            tensor.ClearField(field)
    return model.ByteSize()


def measure(path: Path) -> Sizes:
    """Return the sizes for a file."""
    report = rewriter.rewrite(path, numbers=False)
    compact, full = (len(document.write(report.analysis, form)) for form in ("compact", "full"))
    before = structure(onnx.load(path, load_external_data=False))
    return Sizes(before, structure(report.analysis.model), compact, full)


def made(folder: Path) -> Iterator[tuple[str, Path]]:
    """Make large files; yield them with their names."""
    for variant, family in LAYERED:
        path = folder / f"{family}-{variant}.onnx"
        save_with_data(layered(two_layers(variant, family), NODES), path)
        style = "dynamo" if variant.startswith("dy") else "torchscript"
        yield f"{family}, {style}, {NODES:,} nodes", path
    path = folder / "many.onnx"
    path.write_bytes(many(INITIALIZERS).SerializeToString())
    yield f"{INITIALIZERS:,} initializers", path


def row(name: str, sizes: list[Sizes]) -> list[str]:
    """Return a row: medians, and the largest multiple of the compact form."""
    before = [each.compact / each.before for each in sizes]
    return [
        name,
        str(len(sizes)),
        f"{median(before):.2f}",
        f"{max(before):.2f}",
        f"{median(each.compact / each.after for each in sizes):.2f}",
        f"{median(each.full / each.before for each in sizes):.2f}",
        f"{max(each.full / each.before for each in sizes):.2f}",
    ]


def main() -> None:
    """Measure, and write the table."""
    fixtures = [measure(path) for path in sorted(FIXTURES.glob("*/*.onnx"))]
    rows, least = [], 0
    for most in BANDS:
        of_band = [each for each in fixtures if least <= each.before < most]
        upper = f"below {most // 1000:,} kB" if most < BANDS[-1] else "larger"
        rows.append(row(f"fixtures, {upper}", of_band))
        least = most
    with TemporaryDirectory() as folder:
        rows += [row(name, [measure(path)]) for name, path in made(Path(folder))]
    header = ["", "files", "compact", "its largest", "compact / annotated", "full", "its largest"]
    text = f"# Sizes of sidecars\n\n{__doc__.partition(chr(10) * 2)[2].strip()}\n\n" if __doc__ else ""
    publish("sidecars", f"{text}{table(header, rows)}")


if __name__ == "__main__":
    main()
