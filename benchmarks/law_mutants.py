"""Tests the laws with mutants of pairs that they prove: none that differs may be called equal.

    python -m benchmarks.law_mutants                             # writes results/law_mutants.md
    python -m benchmarks.law_mutants --count 500 --dry           # a sample, printed only
    python -m benchmarks.law_mutants --pairs DIR                 # also pairs that benchmarks.law_pairs made

Subjects are the pairs of the tests of each law. A mutant changes the second model of a pair: one field of any
protobuf message, or one scaled weight. The laws then compare it with the first model. onnxruntime runs both
without optimisations on inputs of several sizes, also 0 and 1, with NaN, infinities, zeros of both signs and
denormals. `equal` must keep all bits of all outputs (all NaN are alike); `equal up to rounding` must keep
finite results of plain inputs within 1e-4 of the largest value.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import click
import numpy as np
import onnx
import onnxruntime as ort
from onnx import ModelProto, numpy_helper

from benchmarks.field_edits import Editor
from benchmarks.field_mutants import compare
from benchmarks.reporting import environment, publish, table
from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import proof

ROOT = Path(__file__).parent.parent
TESTS = ROOT / "tests" / "proof" / "laws"
BATCH = 400
MOST_KEPT = 64
MEMORY = 8 << 30
SIZES = (3, 1, 0, 2)
"""Sizes of symbolic dimensions, one set of inputs for each; all symbols have the size, or every other."""
ODD = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-40, 3e38, 1.0, -1.0])
NEAR = 1e-4


@dataclass(frozen=True, slots=True)
class Pair:
    """Two models that laws prove equal.

    Attributes:
        name: file of the pair, and its name there.
        before: the first model.
        after: the second.
    """

    name: str
    before: ModelProto
    after: ModelProto


@dataclass(frozen=True, slots=True)
class Judged:
    """Result of one mutant.

    Attributes:
        pair: the name of the pair.
        edit: description of the edit.
        kept: what laws prove of it.
        outcome: `same` bits in all runs, `near`, `differs`, or `not run`.
    """

    pair: str
    edit: str
    kept: str
    outcome: str

    @property
    def is_wrong(self) -> bool:
        """Whether laws prove more than onnxruntime shows."""
        wrong = {Kept.BITS.value: ("near", "differs"), Kept.ROUNDED.value: ("differs",)}
        return self.outcome in wrong.get(self.kept, ())


def pairs(folder: Path | None) -> Iterator[Pair]:
    """Yield the pairs of the tests, and those that `benchmarks.law_pairs make` wrote to a folder."""
    for file in sorted(TESTS.rglob("test_*.py")):
        name = ".".join(("tests.proof.laws", *file.relative_to(TESTS).with_suffix("").parts))
        for case, pair in getattr(import_module(name), "PROVED", {}).items():
            yield Pair(f"{file.stem.removeprefix('test_')}: {case}", *pair.models)
    for file in sorted(folder.glob("*.after.onnx")) if folder is not None else ():
        name, exporter, *_ = file.name.split(".")
        before = onnx.load(file.with_name(f"{name}.{exporter}.before.onnx"))
        yield Pair(file.name.removesuffix(".after.onnx"), before, onnx.load(file))


class Bench:
    """Pair with the results of its first model."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.editor = Editor(pair.after)

    @cached_property
    def feeds(self) -> list[dict[str, Any]]:
        """Sets of inputs: plain ones first, then odd ones, of each size."""
        return [
            {info.name: _drawn(info, size, odd) for info in self.pair.before.graph.input}
            for odd in (False, True)
            for size in SIZES
        ]

    @cached_property
    def results(self) -> list[list[Any] | None]:
        """The results of the first model."""
        return [run(self.pair.before, feed) for feed in self.feeds]

    def judge(self, number: int) -> Judged:
        """Make a mutant and judge it."""
        rng = Random(number)
        mutant = ModelProto()
        mutant.CopyFrom(self.pair.after)
        edit = _scaled(mutant, rng) if rng.random() < 0.1 else ""
        edit = edit or self.editor.edit(mutant, rng)
        try:
            kept = proof(self.pair.before, mutant).kept
        except Exception as error:  # a fault of ours: told, since the command would end with code 70
            return Judged(self.pair.name, edit, f"fault: {type(error).__name__}: {error}"[:200], "not run")
        outcome = self.outcome(mutant) if kept is not Kept.NOTHING else "not needed"
        return Judged(self.pair.name, edit, kept.value, outcome)

    def outcome(self, mutant: ModelProto) -> str:
        """Return the worst outcome of all runs."""
        found = set()
        for feed, before in zip(self.feeds, self.results, strict=True):
            after = run(mutant, feed) if before is not None else None
            if before is not None and after is not None:
                found.add(_compared(before, after, plain=feed is self.feeds[0]))
        return next((each for each in ("differs", "near", "same") if each in found), "not run")


def run(model: ModelProto, feed: dict[str, Any]) -> list[Any] | None:
    """Run a model and return its outputs in order; None if onnxruntime gives none.

    Without prepacking: onnxruntime 1.32 multiplies by a packed copy of a matrix that is a constant, and by
    the matrix itself if a node computes it, and the two kernels round otherwise.
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.disable_prepacking", "1")
    quiet = ort.RunOptions()
    quiet.log_severity_level = 4
    ort.set_seed(0)
    try:
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return list(session.run(None, feed, quiet))
    except Exception:  # onnxruntime's errors have no common base
        return None


def _compared(before: list[Any], after: list[Any], *, plain: bool) -> str:
    if compare(before, after) == "same":
        return "same"
    if [np.shape(each) for each in before] != [np.shape(each) for each in after]:
        return "differs"
    for left, right in zip(before, after, strict=True):
        if left.dtype != right.dtype:
            return "differs"
        if plain and not np.allclose(
            left, right, rtol=0, atol=NEAR * float(np.max(np.abs(left), initial=0)), equal_nan=True
        ):
            return "differs"
    return "near"


def _drawn(info: onnx.ValueInfoProto, size: int, odd: bool) -> Any:
    """Return an input; every other symbol has the size 2, so that symbols differ."""
    tensor = info.type.tensor_type
    kind = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    shape = [
        dim.dim_value if dim.HasField("dim_value") else (size if sum(dim.dim_param.encode()) % 2 == 0 else 2)
        for dim in tensor.shape.dim
    ]
    rng = np.random.default_rng([size, odd, len(info.name)])
    if kind.kind == "f":
        values = rng.normal(size=shape) if not odd else rng.choice(ODD, size=shape)
        return values.astype(kind)
    return rng.integers(0, 2, size=shape).astype(kind)


def _scaled(model: ModelProto, rng: Random) -> str:
    """Scale one float constant by 1 + 2**-18 in place; return a description, empty if there is none."""
    tensors = [tensor for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT]
    tensors += [
        attribute.t
        for node in model.graph.node
        for attribute in node.attribute
        if attribute.HasField("t") and attribute.t.data_type == onnx.TensorProto.FLOAT
    ]
    if not tensors:
        return ""
    tensor = rng.choice(tensors)
    array = numpy_helper.to_array(tensor) * np.float32(1 + 2**-18)
    tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float32), tensor.name))
    return "a weight scaled by 1 + 2**-18"


def serve(folder: Path | None) -> None:
    """Serve as the child: read numbers of mutants, one per line, and write a result for each."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    found = list(pairs(folder))
    benches: dict[int, Bench] = {}
    print(len(found), flush=True)
    for line in sys.stdin:
        number = int(line)
        place = number % len(found)
        if place not in benches:
            if len(benches) > MOST_KEPT:
                benches.clear()
            benches[place] = Bench(found[place])
        print(json.dumps(asdict(benches[place].judge(number))), flush=True)


def judged(numbers: Sequence[int], folder: Path | None) -> list[Judged]:
    """Judge mutants in a child; one that kills its child is `crashed`, and the others go on."""
    results: list[Judged] = []
    while len(results) < len(numbers):
        left = numbers[len(results) :]
        command = [sys.executable, "-m", "benchmarks.law_mutants", "--serve", *_folder_words(folder)]
        child = subprocess.run(
            command, input="\n".join(map(str, left)), text=True, capture_output=True, cwd=ROOT, check=False
        )
        lines = child.stdout.splitlines()[1:]
        if not lines and child.returncode and not child.stdout:
            raise RuntimeError(child.stderr)
        results += [Judged(**json.loads(line)) for line in lines]
        if len(results) < len(numbers):
            results.append(Judged("", str(numbers[len(results)]), "unknown", "crashed"))
    return results


def _folder_words(folder: Path | None) -> list[str]:
    return [] if folder is None else ["--pairs", str(folder)]


def report(results: Sequence[Judged], seconds: float) -> str:
    """Return the page."""
    counts = Counter((each.kept.partition(":")[0], each.outcome) for each in results)
    wrong = [each for each in results if each.is_wrong or each.kept.startswith("fault")]
    rows = [(kept, outcome, count) for (kept, outcome), count in sorted(counts.items())]
    lines = [
        f"- {each.pair}: {each.edit}: laws {each.kept}, onnxruntime {each.outcome}" for each in wrong[:50]
    ]
    return "\n".join(
        [
            "# Mutants of pairs that laws prove",
            "",
            f"{len(results):,} mutants of {len({each.pair for each in results})} pairs in {seconds:,.0f} s; "
            f"{sum(each.is_wrong for each in results):,} are called equal beyond what onnxruntime shows.",
            "",
            environment(),
            "",
            table(("laws prove", "onnxruntime shows", "mutants"), rows),
            *lines,
        ]
    )


@click.command()
@click.option("--count", default=10_000)
@click.option("--first", default=0)
@click.option("--pairs", "folder", type=click.Path(path_type=Path))
@click.option("--dry", is_flag=True, help="Print, write nothing.")
@click.option("--serve", "child", is_flag=True, hidden=True)
def main(count: int, first: int, folder: Path | None, dry: bool, child: bool) -> None:
    if child:
        serve(folder)
        return
    start = time.perf_counter()
    numbers = list(range(first, first + count))
    batches = [numbers[at : at + BATCH] for at in range(0, len(numbers), BATCH)]
    with ThreadPoolExecutor(2) as pool:
        results = [each for batch in pool.map(lambda batch: judged(batch, folder), batches) for each in batch]
    text = report(results, time.perf_counter() - start)
    if dry:
        print(text)
    else:
        publish("law_mutants", text)
    if any(each.is_wrong for each in results):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
