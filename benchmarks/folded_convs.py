"""Counts the convolutions that are placed in their own module, in exports of nets with batch norms.

    python -m benchmarks.folded_convs                     # all nets; writes the results; takes half an hour
    python -m benchmarks.folded_convs resnet yolo-like    # these nets

Each net is exported with `forward` replaced in eight ways (`folded_ways`), by three exporters: TorchScript,
dynamo, and dynamo with strict export. Exporters fold batch norms into convolutions. The truth does not come
from names: a convolution belongs to the module of which the weight equals its own, up to a factor for each
filter. A convolution counts as found if it is placed in exactly this module, and if `select` with the path of
the module and `--op Conv` names this node alone.
"""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn
from torch.nn.modules.conv import _ConvNd

import rewriter
from benchmarks.folded_nets import NETS
from benchmarks.folded_ways import WAYS
from benchmarks.reporting import environment, publish, table
from fixtures.making import quietly, randomise
from rewriter.errors import UsageError

EXPORTERS = ("TorchScript", "dynamo", "strict")
SIZE = 64
_ALIKE = 1e-4
"""Maximum difference of the cosine of two filters from 1, if they are equal up to a factor."""


def export(net: nn.Module, exporter: str, path: Path) -> None:
    """Export a net with inline weights."""
    inputs = (torch.randn(2, 3, SIZE, SIZE),)
    with quietly(), torch.no_grad():
        if exporter == "TorchScript":
            torch.onnx.export(net, inputs, str(path), dynamo=False, input_names=["x"])
            return
        program = torch.export.export(net, inputs, strict=True) if exporter == "strict" else net
        given = () if exporter == "strict" else inputs
        torch.onnx.export(program, given, str(path), dynamo=True, external_data=False, verbose=False)


def truth(model: onnx.ModelProto, net: nn.Module) -> dict[str, str]:
    """Return name of each Conv -> the path of its module.

    Raises:
        ValueError: the weight of a Conv is that of no module or of several.
    """
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    weights = {
        path: module.weight.detach().numpy()
        for path, module in net.named_modules()
        if isinstance(module, _ConvNd)
    }
    found = {}
    for node in model.graph.node:
        if node.op_type == "Conv":
            owners = [path for path, weight in weights.items() if _alike(tensors[node.input[1]], weight)]
            if len(owners) != 1:
                raise ValueError(f"{node.name} has the weight of {len(owners)} modules")
            found[node.name] = owners[0]
    return found


def _alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Whether two weights are equal up to a factor for each filter."""
    if one.shape != other.shape:
        return False
    flat, wanted = one.reshape(len(one), -1), other.reshape(len(other), -1)
    lengths = np.linalg.norm(flat, axis=1) * np.linalg.norm(wanted, axis=1)
    return bool(np.all(np.abs((flat * wanted).sum(axis=1)) > (1 - _ALIKE) * lengths))


def count(path: Path, net: nn.Module) -> tuple[int, int, list[str]]:
    """Return the number of convolutions found, the number of all, and a line for each that is not found."""
    owners = truth(onnx.load(path), net)
    opened = rewriter.open(path)
    places = {
        node.name: place
        for node, place in zip(opened.analysis.graph.nodes, opened.tree.placements, strict=True)
    }
    faults = []
    for name, owner in owners.items():
        place = places[name]
        try:
            named: Sequence[str] = opened.select(owner, operators="Conv").names
        except UsageError:
            named = ()
        if place is None or place.module != owner or tuple(named) != (name,):
            faults.append(f"{name}: {owner!r}, placed in {place.module if place else None!r}")
    return len(owners) - len(faults), len(owners), faults


def measure(name: str) -> tuple[dict[tuple[str, str], tuple[int, int]], list[str]]:
    """Return (exporter, way) -> convolutions found and all, and remarks: failed exports, wrong placements."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    plain = NETS[name]()
    randomise(plain)
    counts, remarks = {}, []
    with tempfile.TemporaryDirectory() as folder:
        for way, change in WAYS.items():
            for exporter in EXPORTERS:
                net = change(copy.deepcopy(plain).eval())
                path = Path(folder) / "model.onnx"
                try:
                    export(net, exporter, path)
                except Exception as error:  # whatever an exporter raises is a result
                    remarks.append(f"{name}, {way}, {exporter}: not exported: {_first_line(error)}")
                    continue
                found, every, faults = count(path, net)
                counts[exporter, way] = found, every
                remarks += [f"{name}, {way}, {exporter}: {fault}" for fault in faults]
    return counts, remarks


def _first_line(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:150]}"


def rows(results: Mapping[str, Mapping[tuple[str, str], tuple[int, int]]]) -> list[list[str]]:
    """Return a row of the table for each net and exporter."""
    return [
        [
            name,
            exporter,
            *("/".join(map(str, cells)) if (cells := counts.get((exporter, way))) else "-" for way in WAYS),
        ]
        for name, counts in results.items()
        for exporter in EXPORTERS
    ]


@click.command()
@click.argument("names", nargs=-1)
@click.option("--jobs", default=1, help="Number of nets to measure at a time.")
def main(names: tuple[str, ...], jobs: int) -> None:
    """Measure the nets NAMES (default: all)."""
    start = time.perf_counter()
    wanted = names or tuple(NETS)
    results, remarks = {}, []
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        for name, (counts, said) in zip(wanted, pool.map(measure, wanted), strict=True):
            results[name] = counts
            remarks += said
            click.echo(f"{name}: {counts}", err=True)
    cells = [cell for counts in results.values() for cell in counts.values()]
    text = "\n\n".join(
        [
            "# Convolutions with folded batch norms",
            "    python -m benchmarks.folded_convs",
            f"{environment()} {len(cells)} files, {time.perf_counter() - start:.0f} s.",
            f"Found: {sum(found for found, _ in cells)} of {sum(every for _, every in cells)} convolutions.",
            table(["net", "exporter", *WAYS], rows(results)),
            *([f"Remarks:\n\n{chr(10).join(f'- {remark}' for remark in remarks)}"] if remarks else []),
        ]
    )
    if names:
        print(text)
    else:
        publish("folded_convs", text)


if __name__ == "__main__":
    main()
