"""Measures `tree` and `annotate` on files of many initializers, as multiples of a floor.

    python -m benchmarks.many_initializers            # up to a million initializers, some minutes
    python -m benchmarks.many_initializers --quick    # up to 50 000

The floor is to parse the same bytes and serialise them again. All three are CPU seconds of one process.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
from onnx import ModelProto, TensorProto

from benchmarks.reporting import environment, table
from rewriter import pipeline
from rewriter.passes.annotate import Annotate

SIZES = (50_000, 200_000, 1_000_000)
OF_A_MODULE = 1_000
"""Initializers of a module; one node reads them all."""


def many(count: int) -> ModelProto:
    """Return a chain of modules with `count` initializers in all, of one element each."""
    model = ModelProto(ir_version=10, producer_name="pytorch", producer_version="2.13.0")
    model.opset_import.add(domain="", version=17)
    graph = model.graph
    graph.input.add(name="x").type.tensor_type.elem_type = TensorProto.FLOAT
    last = "x"
    for layer in range(count // OF_A_MODULE):
        names = [f"layers.{layer}.p{number}" for number in range(OF_A_MODULE)]
        for name in names:
            graph.initializer.add(name=name, data_type=TensorProto.FLOAT, dims=[1], raw_data=bytes(4))
        node = graph.node.add(op_type="Sum", name=f"/layers.{layer}/Sum", input=[last, *names])
        last = f"s{layer}"
        node.output.append(last)
    graph.output.add(name=last).type.tensor_type.elem_type = TensorProto.FLOAT
    return model


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of some work."""
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(path: Path) -> tuple[float, float, float]:
    """Return the seconds of the floor, of `tree` and of `annotate` for a file."""
    options = pipeline.Options((Annotate(),), numbers=False)
    return (
        seconds(lambda: ModelProto.FromString(path.read_bytes()).SerializeToString()),
        seconds(lambda: pipeline.load(path)),
        seconds(lambda: pipeline.rewrite(path, None, options)),
    )


@click.command()
@click.option("--quick", is_flag=True, help="Only the smallest file.")
def main(quick: bool) -> None:
    """Measure, and print a table."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "many.onnx"
        for count in SIZES[:1] if quick else SIZES:
            path.write_bytes(many(count).SerializeToString())
            floor, tree, annotate = measure(path)
            ratios = (f"{tree / floor:.0f}", f"{annotate / floor:.0f}")
            rows.append([f"{count:,}", f"{floor:.3f}", f"{tree:.2f}", f"{annotate:.2f}", *ratios])
    header = ["initializers", "floor", "tree", "annotate", "tree / floor", "annotate / floor"]
    print(environment(), table(header, rows), sep="\n\n")


if __name__ == "__main__":
    main()
