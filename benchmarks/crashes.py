"""Kills rewrites over an existing output with external data at random moments, and fills the disk.

`python -m benchmarks.crashes` writes benchmarks/results/crashes.md. Two versions of a model, with different
weights and numbers of layers, are written to one output in turn. A forked child rewrites. It either

- is killed by SIGKILL from outside, at a random moment between its start and its end;
- kills itself at a random step of writing: every line that runs in a module that writes, and every operation
  on files that Python's audit hooks report, is a step; or
- runs with a limit on the size of files (RLIMIT_FSIZE), for every 5 % of the size of each file.

Afterwards the model must load with all its weights and be one of the two versions, with the sidecar of that
version. The only other state allowed is a model without a sidecar, which exists between two renames. The
output is then rewritten before the next turn.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from rewriter import pipeline
from rewriter.model import metadata
from rewriter.model.storage import atomic_outputs, staging
from rewriter.model.storage import data_copies as copies
from rewriter.model.storage import stale_copies as leftovers
from rewriter.model.storage.sidecar_path import sidecar_path

KILLS = 500
SHARES = range(0, 101, 5)
RESULTS = Path(__file__).with_name("results") / "crashes.md"
_WIDTH = 192
_WRITERS = frozenset(str(each.__file__) for each in (copies, leftovers, atomic_outputs, staging))
_FILE_EVENTS = ("open", "os.", "shutil.")


def make(folder: Path, layers: int, seed: int) -> Path:
    """Write a model of some layers, with scopes in its names and external weights."""
    rng = np.random.default_rng(seed)
    shape = [_WIDTH, _WIDTH]
    names = ["x", *(f"/layers.{number}/MatMul_output_0" for number in range(layers - 1)), "y"]
    weights = [f"layers.{number}.weight" for number in range(layers)]
    nodes = [
        helper.make_node(
            "MatMul", [names[number], weights[number]], [names[number + 1]], f"/layers.{number}/MatMul"
        )
        for number in range(layers)
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "y")]
    tensors = [numpy_helper.from_array(rng.random(shape, np.float32), name) for name in weights]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors)
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])
    folder.mkdir()
    path = folder / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="model.onnx.data")
    return path


class Stand:
    """Test stand: one output, and the two versions that are written to it in turn, with their contents."""

    def __init__(self, folder: Path) -> None:
        self.sources = [make(folder / f"v{number}", layers=3 + number, seed=number) for number in range(2)]
        self.output = folder / "out" / "out.onnx"
        self.output.parent.mkdir()
        self.known: dict[bytes, int] = {}
        self.sidecars: list[bytes] = []
        self.sizes: dict[str, int] = {}
        for version in range(2):
            self.rewrite(version)
            self.known[_whole(self.output)] = version
            self.sidecars.append(sidecar_path(self.output).read_bytes())
            self.sizes = {file.name: file.stat().st_size for file in self.output.parent.iterdir()}
        self.version = 1

    def rewrite(self, version: int) -> None:
        """Write a version to the output, with a copy of its weights."""
        options = pipeline.Options(numbers=False, copy_data=True)
        pipeline.rewrite(self.sources[version], self.output, options)

    def fork(self, version: int, prepare: Callable[[], object] = lambda: None) -> int:
        """Fork a child that writes a version; it exits with 0, or with 1 after an error."""
        child = os.fork()
        if child:
            return child
        code = 1
        try:
            prepare()
            self.rewrite(version)
            code = 0
        finally:
            os._exit(code)

    def verdict(self) -> str:
        """Return the state of the output compared with before: old, new, one without a sidecar, or wrong."""
        try:
            found = self.known.get(_whole(self.output))
        except Exception as error:  # onnx may raise anything: the file does not load
            return f"wrong: does not load ({type(error).__name__})"
        if found is None:
            return "wrong: neither version"
        state = "old" if found == self.version else "new"
        self.version = found
        sidecar = sidecar_path(self.output)
        if not sidecar.exists():
            self.rewrite(found)
            return f"{state}, no sidecar"
        return state if sidecar.read_bytes() == self.sidecars[found] else "wrong: the other's sidecar"


def _whole(path: Path) -> bytes:
    """Serialize a model with inline weights, independent of their file and of notes on it."""
    model = onnx.load(path)
    onnx.checker.check_model(model)
    metadata.erase(model, [leftovers.KEY])
    return model.SerializeToString(deterministic=True)


def count_steps(reached: Callable[[int], object]) -> None:
    """Call `reached` with the number of every step of writing, from 1; for use in a child process."""
    count = 0
    busy = False

    def step() -> None:
        nonlocal count, busy
        if not busy:
            busy = True
            count += 1
            reached(count)
            busy = False

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            step()
        return line

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        return line if frame.f_code.co_filename in _WRITERS else None

    sys.addaudithook(lambda event, _: step() if event.startswith(_FILE_EVENTS) else None)
    sys.settrace(enter)


def steps_of(stand: Stand) -> int:
    """Count the steps of one rewrite."""
    ours, theirs = os.pipe()
    child = stand.fork(1 - stand.version, lambda: count_steps(lambda _: os.write(theirs, b".")))
    os.close(theirs)
    total = 0
    while chunk := os.read(ours, 1 << 16):
        total += len(chunk)
    os.close(ours)
    os.waitpid(child, 0)
    stand.verdict()
    return total


def kill_at_steps(stand: Stand, count: int, seed: int) -> Iterator[str]:
    """Run children that kill themselves at a random step, and yield the states of the output."""
    total = steps_of(stand)
    rng = random.Random(seed)
    for _ in range(count):
        last = rng.randint(1, total)

        os.waitpid(stand.fork(1 - stand.version, partial(count_steps, partial(_kill_at, last))), 0)
        yield stand.verdict()


def _kill_at(last: int, number: int) -> None:
    if number == last:
        os.kill(os.getpid(), signal.SIGKILL)


def kill_at_times(stand: Stand, count: int, seed: int) -> Iterator[str]:
    """Run children and kill them at a random moment; yield the states of the output."""
    start = time.perf_counter()
    os.waitpid(stand.fork(1 - stand.version), 0)
    whole = time.perf_counter() - start
    stand.verdict()
    rng = random.Random(seed)
    for _ in range(count):
        child = stand.fork(1 - stand.version)
        time.sleep(rng.random() * whole)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        yield stand.verdict()


def fill_disk(stand: Stand, shares: range = SHARES) -> Iterator[str]:
    """Run children that may not write files larger than a share of an output's size; yield the states."""
    for size in sorted(set(stand.sizes.values())):
        for share in shares:
            most = size * share // 100
            limit = (most, most)
            child = stand.fork(1 - stand.version, partial(resource.setrlimit, resource.RLIMIT_FSIZE, limit))
            told = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            verdict = stand.verdict()
            fits = {"old": 1, "new": 0}.get(verdict) == told
            yield verdict if fits else f"wrong: {verdict} with exit code {told}"


def race(stand: Stand, count: int) -> Iterator[str]:
    """Run two children at a time, one for each version; yield the states of the output."""
    for _ in range(count):
        children = [stand.fork(version) for version in range(2)]
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        verdict = stand.verdict()
        yield verdict if 0 in codes else f"wrong: {verdict}, neither run succeeded"


def left_over(stand: Stand) -> list[str]:
    """Return the temporary files that remain after one more complete rewrite."""
    stand.rewrite(1 - stand.version)
    stand.verdict()
    return [file.name for file in stand.output.parent.iterdir() if file.name.endswith(".tmp")]


def main() -> None:
    """Run all trials and write the table."""
    with tempfile.TemporaryDirectory() as folder:
        stand = Stand(Path(folder))
        trials = {
            f"kill -9 at {KILLS} random moments": kill_at_times(stand, KILLS, seed=1),
            f"kill -9 at {KILLS} random steps of writing": kill_at_steps(stand, KILLS, seed=2),
            "no space, at every 5 % of each file": fill_disk(stand),
            "two runs at a time": race(stand, 50),
        }
        found = {what: Counter(verdicts) for what, verdicts in trials.items()}
        left = left_over(stand)
    kinds = ["old", "new", "old, no sidecar", "new, no sidecar"]
    lines = [
        "# Crashes",
        "",
        "`python -m benchmarks.crashes`: rewrites over an existing output with external data, each with "
        "other weights and layers. The sidecar describes the model, so it is removed before the model is "
        "replaced. *Wrong*: any other state of the output.",
        "",
        f"| | {' | '.join(kinds)} | wrong |",
        "|---|" + "---|" * (len(kinds) + 1),
    ]
    for what, counts in found.items():
        wrong = {kind: count for kind, count in counts.items() if kind not in kinds}
        cells = [str(counts[kind]) for kind in kinds]
        lines.append(f"| {what} | {' | '.join(cells)} | {sum(wrong.values())} |")
        for kind, count in wrong.items():
            print(f"{what}: {kind}: {count}", file=sys.stderr)
    lines += ["", f"Temporary files left after the next complete run: {len(left)}.", ""]
    RESULTS.write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
