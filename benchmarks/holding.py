"""Counts the parameters that are called exact, transposed, folded, ... by what their tensors really hold.

    python -m benchmarks.holding                # the fixtures, then the nets as tools leave them
    python -m benchmarks.holding cnn perceptron # these nets

The truth does not come from names: the tensor of the file is compared with the tensor of that name in the
module's state dict. A tensor of another type than floating point is `packed`; `no name` counts parameters
whose name the state dict lacks, such as the bias that an exporter makes when it folds a norm.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

import rewriter
from benchmarks.holding_nets import NETS
from benchmarks.holding_tools import TOOLS
from benchmarks.rebuilt import FIXTURES, rebuild
from fixtures.making import quietly, randomise
from rewriter.evidence.claims import Holds
from rewriter.modules.module import Parameter

TRUTHS = ("exact", "transposed", "reshaped", "packed", "differs", "no name")
State = Mapping[str, NDArray[np.generic]]
Counts = Counter[tuple[str, str]]


def state_of(module: nn.Module) -> State:
    """Return name -> content, for the state dict and for buffers that are not saved."""
    tensors = {**dict(module.named_buffers()), **module.state_dict()}
    return {
        name: (each.float() if each.dtype == torch.bfloat16 else each).detach().numpy().copy()
        for name, each in tensors.items()
        if isinstance(each, torch.Tensor)
    }


def truth(parameter: Parameter, held: NDArray[np.generic], true: NDArray[np.generic] | None) -> str:
    """Return what the tensor of a parameter holds."""
    if true is None:
        return "no name"
    if (part := parameter.part) is not None:
        held = np.take(held, range(part.start, part.stop), part.axis)
    if held.dtype.kind in "iu" and true.dtype.kind == "f":
        return "packed"
    true = true.astype(held.dtype)
    if np.array_equal(held, true):
        return "exact"
    if held.ndim == 2 and np.array_equal(held.T, true):
        return "transposed"
    return "reshaped" if np.array_equal(held.reshape(-1), true.reshape(-1)) else "differs"


def count(path: Path, state: State) -> Counts:
    """Return (said, true) -> number of parameters of a file."""
    tensors = {tensor.name: tensor for tensor in onnx.load(path).graph.initializer}
    counts: Counts = Counter()
    for module in rewriter.tree(path):
        for parameter in module.parameters:
            if (tensor := tensors.get(parameter.initializer)) is not None:
                true = state.get(module.path.child(parameter.name))
                held = numpy_helper.to_array(tensor)
                counts[str(parameter.holds), truth(parameter, held, true)] += 1
    return counts


def exports(module: nn.Module, inputs: torch.Tensor, folder: Path) -> Iterator[Path]:
    """Yield exports of a net, with and without optimisation."""
    raw = {"do_constant_folding": False, "training": torch.onnx.TrainingMode.PRESERVE}
    ways = {
        "ts": {"dynamo": False},
        "ts_raw": {"dynamo": False, **raw},
        "dy": {"dynamo": True, "external_data": False},
        "dy_raw": {"dynamo": True, "external_data": False, "optimize": False},
    }
    for name, options in ways.items():
        path = folder / f"{name}.onnx"
        try:
            with quietly():
                torch.onnx.export(module, (inputs,), str(path), input_names=["x"], **options)
        except Exception as error:  # whatever an exporter raises: it cannot export this net
            click.echo(f"{name}: {type(error).__name__}", err=True)
            continue
        yield path


def of_net(name: str) -> Counts:
    """Return the counts over all exports of a net, as exported and as each tool leaves them."""
    make, inputs = NETS[name]
    module = make().eval()
    randomise(module)
    state, counts = state_of(module), Counter[tuple[str, str]]()
    with tempfile.TemporaryDirectory() as folder:
        for source in exports(module, inputs, Path(folder)):
            counts += count(source, state)
            for tool, run in TOOLS.items():
                target = source.with_name(f"{source.stem}_{tool}.onnx")
                try:
                    with quietly():
                        run(source, target, inputs.numpy())
                except Exception as error:  # whatever a tool raises: it cannot read this file
                    click.echo(f"{name} {target.name}: {type(error).__name__}", err=True)
                    continue
                counts += count(target, state)
    return counts


def of_fixture(name: str) -> Counts:
    """Return the counts over all exports of a fixture."""
    state = state_of(rebuild(name)[0])
    files = sorted((FIXTURES / name).glob("*.onnx"))
    return sum((count(path, state) for path in files), Counter())


def table(title: str, counts: Counts) -> str:
    """Return a table: a row for each relation that is said, a column for each truth."""
    head = f"| {title} | {' | '.join(TRUTHS)} |\n|---|{'---|' * len(TRUTHS)}"
    rows = [
        f"| {said} | {' | '.join(str(counts[said, true]) for true in TRUTHS)} |"
        for said in Holds
        if any(counts[said, true] for true in TRUTHS)
    ]
    return "\n".join([head, *rows])


@click.command()
@click.argument("names", nargs=-1)
def main(names: tuple[str, ...]) -> None:
    """Print the counts of the nets NAMES; of the fixtures and of all nets by default."""
    if not names:
        fixtures = sorted(path.parent.name for path in FIXTURES.glob("*/make.py"))
        click.echo(table("fixtures", sum(map(of_fixture, fixtures), Counter())) + "\n")
    click.echo(table("nets", sum(map(of_net, names or NETS), Counter())))


if __name__ == "__main__":
    main()
