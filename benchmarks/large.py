"""Measures memory and time for a model with 2.5 GB of external data.

`python -m benchmarks.large` makes the model in a temporary folder, with random weights, and removes it
afterwards. It writes benchmarks/results/large.md. Each command runs in a new process; its memory is its peak
RSS. Two figures describe the child that runs the models: the peak of its memory without mapped files, and its
peak RSS, which includes mapped weights. Both are read fifty times a second.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper

from rewriter.runtime.child_limits import own_memory

RESULTS = Path(__file__).with_name("results") / "large.md"
BYTES = 2_500_000_000
WIDTH, INNER = 2048, 8192
MEMORY = "1GiB"
_LOOK = 0.02


@dataclass(frozen=True, slots=True)
class Measured:
    """Result of one command: exit code, wall seconds, and peaks of the command and of its child in MB."""

    code: int
    seconds: float
    parent: float
    own: float
    mapped: float


class Builder:
    """Builder of nodes, which writes their weights to a file."""

    def __init__(self, data: Path) -> None:
        self.nodes: list[NodeProto] = []
        self.tensors: list[TensorProto] = []
        self.end = 0
        self._data = data
        self._rng = np.random.default_rng(0)

    def weight(self, name: str, *dims: int) -> str:
        """Append a random tensor to the file."""
        data = self._rng.standard_normal(dims, np.float32) / np.float32(np.sqrt(dims[0]))
        with self._data.open("ab") as stream:
            stream.write(data.tobytes())
        tensor = TensorProto(
            name=name, dims=dims, data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL
        )
        entries = {"location": self._data.name, "offset": self.end, "length": data.nbytes}
        for key, entry in entries.items():
            tensor.external_data.add(key=key, value=str(entry))
        self.tensors.append(tensor)
        self.end += data.nbytes
        return name

    def block(self, number: int, value: str) -> str:
        """Add a feed-forward block with a residual; return the name of its result."""
        at = f"layers.{number}"
        up, down = (
            self.weight(f"{at}.up.weight", WIDTH, INNER),
            self.weight(f"{at}.down.weight", INNER, WIDTH),
        )
        for name, kind, inputs in (
            (f"{at}/up/MatMul", "MatMul", [value, up]),
            (f"{at}/act/Tanh", "Tanh", [f"/{at}/up/MatMul_output_0"]),
            (f"{at}/down/MatMul", "MatMul", [f"/{at}/act/Tanh_output_0", down]),
            (f"{at}/Add", "Add", [value, f"/{at}/down/MatMul_output_0"]),
        ):
            self.nodes.append(helper.make_node(kind, inputs, [f"/{name}_output_0"], f"/{name}"))
        return f"/{at}/Add_output_0"


def make(folder: Path, size: int = BYTES) -> Path:
    """Write a model with blocks of `size` bytes in all."""
    builder = Builder(folder / "large.onnx.data")
    value, number = "x", 0
    while builder.end < size:
        value = builder.block(number, value)
        number += 1
    builder.nodes.append(helper.make_node("Identity", [value], ["y"], "/Identity"))
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", WIDTH]) for name in ("x", "y")]
    graph = helper.make_graph(builder.nodes, "large", ends[:1], ends[1:], builder.tensors)
    model: ModelProto = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])
    path = folder / "large.onnx"
    onnx.save(model, path)
    return path


def measure(*words: str | Path) -> Measured:
    """Run a command and watch its memory."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "rewriter", *map(str, words)], stdout=subprocess.DEVNULL
    )
    parent = own = mapped = 0
    while process.poll() is None:
        parent = max(parent, _status(process.pid, "VmHWM"))
        for child in _children(process.pid):
            own, mapped = max(own, own_memory(child)), max(mapped, _status(child, "VmHWM"))
        time.sleep(_LOOK)
    seconds = time.perf_counter() - start
    return Measured(process.returncode, seconds, parent / 1e6, own / 1e6, mapped / 1e6)


def _status(process: int, field: str) -> int:
    """Return a figure of /proc on a process, in bytes; 0 if the process has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(f"{field}:")), 0)


def _children(process: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def commands(model: Path) -> dict[str, tuple[str | Path, ...]]:
    """Return the commands in order: later ones read files of earlier ones."""
    tree, functions = model.with_name("tree.onnx"), model.with_name("functions.onnx")
    far = model.parent / "far" / "tree.onnx"
    limited = ("--memory", MEMORY)
    return {
        "tree": ("tree", model),
        "rewrite --no-numbers": ("rewrite", model, "-o", tree, "--no-numbers"),
        "rewrite --functions shared --no-numbers": (
            *("rewrite", model, "-o", functions, "--functions", "shared", "--no-numbers"),
        ),
        "rewrite --copy-data --no-numbers": ("rewrite", model, "-o", far, "--copy-data", "--no-numbers"),
        "verify --no-numbers, by digest": ("verify", model, far, "--no-numbers"),
        f"verify --memory {MEMORY}": ("verify", model, tree, *limited),
        f"verify (functions) --memory {MEMORY}": ("verify", model, functions, *limited),
        f"verify --optimised --memory {MEMORY}": ("verify", model, functions, "--optimised", *limited),
    }


def main() -> None:
    """Measure, and write the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if shutil.disk_usage(folder).free < 4 * BYTES:
            sys.exit(f"{folder}: needs {4 * BYTES / 1e9:g} GB")
        (folder / "far").mkdir()
        found = {what: measure(*words) for what, words in commands(make(folder)).items()}
    lines = [
        "# A model with 2.5 GB of external data",
        "",
        "`python -m benchmarks.large`: peaks in MB. `--memory` limits the child's own memory; its RSS "
        "also has the mapped pages of the weights, which the system may reclaim.",
        "",
        "| rewriter ... | exit code | seconds | RSS | child: own | child: RSS |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for what, each in found.items():
        cells = (
            each.code,
            f"{each.seconds:.1f}",
            *(f"{size:.0f}" for size in (each.parent, each.own, each.mapped)),
        )
        lines.append(f"| {what} | {' | '.join(map(str, cells))} |")
    RESULTS.write_text("\n".join([*lines, ""]))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
