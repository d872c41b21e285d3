"""The child process of `test_mutants`: makes mutants, has them certified, and runs them with onnxruntime.

Reads jobs from standard input, one `{"path": ..., "seed": [...]}` per line, and answers with one line each.
onnxruntime may crash on a mutant; nobody but this process then dies.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

from rewriter.proof.certificate import certify
from rewriter.runtime.compare.tolerance import difference, telling
from rewriter.runtime.inputs.planning import plan
from tests.proof.edits import outline
from tests.proof.mutants import Type, mutant, types_of

ATTEMPTS = 30
"""Mutants made for one job until onnxruntime runs one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one job.

    Attributes:
        outcome: `differs` or `harmless` by onnxruntime; `unfit` where no attempt could be run, `crashed`.
        certified: whether the certificate took the mutant for equal.
        certified_outlined: the same for the mutant with its nodes moved into functions.
        invalid: attempts that onnxruntime refused.
        invalid_certified: those of them that were certified all the same.
    """

    path: str
    kind: str
    edit: str
    outcome: str
    certified: bool
    certified_outlined: bool = False
    invalid: int = 0
    invalid_certified: int = 0


@dataclass(frozen=True, slots=True)
class Subject:
    """An original, the inputs it is fed and what it answers."""

    model: onnx.ModelProto
    folder: Path
    types: dict[str, Type]
    feeds: list[dict[str, Any]]
    results: list[list[Any]]


def run(model: onnx.ModelProto, folder: Path, feeds: list[dict[str, Any]]) -> list[list[Any]]:
    """The results of all input sets. Random numbers begin with the same seed, in the order of the nodes."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    options.enable_mem_reuse = False
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    ort.set_seed(0)
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    quiet = ort.RunOptions()
    quiet.log_severity_level = 4
    return [list(session.run(None, feed, quiet)) for feed in feeds]


@lru_cache(maxsize=2)
def subject(path: Path) -> Subject:
    """An original with two input sets that it runs on and that show something."""
    model = onnx.load(path, load_external_data=False)
    drawn = plan(model)
    for choice in drawn.choices():
        feeds = [drawn.fill(choice, number) for number in range(2)]
        try:
            results = run(model, path.parent, feeds)
        except Exception:  # onnxruntime raises its own kinds; the next sizes may fit
            continue
        if all(telling(each) for each in results[0]) and not differ(results, run(model, path.parent, feeds)):
            return Subject(model, path.parent, types_of(model), feeds, results)
    raise LookupError(f"{path}: no input sets fit")


def differ(before: list[list[Any]], after: list[list[Any]]) -> bool:
    """Whether two runs gave different results."""
    pairs = zip(before, after, strict=True)
    return any(difference(a, b) is not None for one, two in pairs for a, b in zip(one, two, strict=True))


def judge(path: Path, seed: tuple[int, ...]) -> Verdict:
    """Make mutants of a seed until onnxruntime runs one, and judge that one."""
    original = subject(path)
    invalid = invalid_certified = 0
    for attempt in range(ATTEMPTS):
        made = mutant(original.model, original.types, (*seed, attempt))
        certified = _certified(original, made.model)
        try:
            results = run(made.model, original.folder, original.feeds)
        except Exception:
            invalid += 1
            invalid_certified += certified
            continue
        outcome = "differs" if differ(original.results, results) else "harmless"
        outline(made.model, np.random.default_rng(seed))
        both = certified, _certified(original, made.model)
        return Verdict(str(path), made.kind, made.edit, outcome, *both, invalid, invalid_certified)
    return Verdict(str(path), "", "", "unfit", False, False, invalid, invalid_certified)


def _certified(original: Subject, other: onnx.ModelProto) -> bool:
    folder = original.folder
    return certify(original.model, other, before_folder=folder, after_folder=folder).equal


def main() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        print(json.dumps(asdict(judge(Path(job["path"]), tuple(job["seed"])))), flush=True)


if __name__ == "__main__":
    main()
