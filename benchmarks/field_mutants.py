"""Tests the certificate with single edits of any protobuf field in models with control flow.

    python -m benchmarks.field_mutants                     # 50 000; writes results/field_mutants.md
    python -m benchmarks.field_mutants --count 2000 --dry  # a sample, printed only

Subjects are all backend cases of onnx with If, Loop, Scan or SequenceMap, with trip counts 0, 1 and 2, and
the texts of the certificate's tests. onnxruntime runs every mutant that is certified in at least one
direction, and its original, without optimisations; all bits of all outputs must agree. Child processes do the
work, since onnxruntime may crash on a mutant.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import click
import numpy as np
import onnxruntime as ort
from onnx import ModelProto

from benchmarks.field_edits import Editor
from benchmarks.field_subjects import Subject, subjects
from benchmarks.reporting import environment, publish, table
from rewriter.proof.certificate import certify
from rewriter.runtime.compare.tolerance import difference

ROOT = Path(__file__).parent.parent
BATCH = 2500
MEMORY = 8 << 30
"""Memory limit of a child in bytes: a mutant may ask for any amount."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of one mutant.

    Attributes:
        subject: the name of the original.
        edit: description of the edit.
        outcome: `refused` by the certificate; otherwise `same` or `differs` as onnxruntime shows, `not run`
            if onnxruntime refused the mutant, or `crashed` if the child died.
    """

    subject: str
    edit: str
    outcome: str


class Runner:
    """Subject with its results."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.editor = Editor(subject.model)
        self.results = [run(subject.model, feed) for feed in subject.feeds]

    def runs(self) -> bool:
        """Whether onnxruntime gives results for any of the inputs."""
        return any(result is not None for result in self.results)

    def judge(self, number: int) -> Verdict:
        """Make a mutant and judge it."""
        mutant = ModelProto()
        mutant.CopyFrom(self.subject.model)
        edit = self.editor.edit(mutant, Random(number))
        if not (certify(self.subject.model, mutant).equal or certify(mutant, self.subject.model).equal):
            return Verdict(self.subject.name, edit, "refused")
        outcomes = [
            compare(before, run(mutant, feed))
            for before, feed in zip(self.results, self.subject.feeds, strict=True)
            if before is not None
        ]
        worst = next((each for each in ("differs", "same", "not run") if each in outcomes), "not run")
        return Verdict(self.subject.name, edit, worst)


def run(model: ModelProto, feed: dict[str, Any]) -> list[Any] | None:
    """Run a model and return its outputs in order; None if onnxruntime gives none."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    quiet = ort.RunOptions()
    quiet.log_severity_level = 4
    ort.set_seed(0)
    try:
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return list(session.run(None, feed, quiet))
    except Exception:  # onnxruntime's errors have no common base
        return None


def compare(before: list[Any], after: list[Any] | None) -> str:
    """Return `same`, `differs` or `not run`."""
    if after is None:
        return "not run"
    apart = len(before) != len(after) or any(
        difference(_plain(left), _plain(right)) is not None
        for left, right in zip(before, after, strict=False)
    )
    return "differs" if apart else "same"


def _plain(value: Any) -> Any:
    return np.asarray(value) if isinstance(value, np.generic) else value


def serve() -> None:
    """Serve as the child: read numbers of mutants, one per line, and write a verdict for each."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    runners: dict[int, Runner] = {}
    found = list(subjects())
    print(len(found), flush=True)
    for line in sys.stdin:
        number = int(line)
        place = Random(number).randrange(len(found))
        while True:  # find the next subject that onnxruntime runs
            if place not in runners:
                runners[place] = Runner(found[place])
            if runners[place].runs():
                break
            place = (place + 1) % len(found)
        print(json.dumps(asdict(runners[place].judge(number))), flush=True)


def judged(numbers: Sequence[int]) -> list[Verdict]:
    """Return verdicts on mutants; after a child crashed on a mutant, a new child goes on with the next."""
    verdicts: list[Verdict] = []
    while len(verdicts) < len(numbers):
        rest = numbers[len(verdicts) :]
        child = subprocess.run(
            [sys.executable, "-m", "benchmarks.field_mutants", "--serve"],
            input="".join(f"{number}\n" for number in rest),
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        if child.returncode > 0:
            raise RuntimeError(child.stderr[-2000:])
        made = [Verdict(**json.loads(line)) for line in child.stdout.splitlines()[1:]]
        verdicts += made
        if len(made) < len(rest):
            verdicts.append(Verdict(f"number {rest[len(made)]}", "", "crashed"))
    return verdicts


def report(verdicts: Sequence[Verdict], seconds: float) -> str:
    """Return the results as Markdown, by the last field of the edit."""
    outcomes = ("refused", "same", "differs", "not run", "crashed")
    by_field: dict[str, Counter[str]] = {}
    for each in verdicts:
        field = each.edit.partition(" ")[0].rpartition(".")[2] or "(none)"
        by_field.setdefault(field, Counter())[each.outcome] += 1
    rows = [(field, *(count[o] for o in outcomes)) for field, count in sorted(by_field.items())]
    total = Counter(each.outcome for each in verdicts)
    rows.append(("**all**", *(total[o] for o in outcomes)))
    names = {each.subject for each in verdicts if each.outcome != "crashed"}
    return "\n\n".join(
        [
            "# One edit of any field",
            f"`python -m benchmarks.field_mutants --count {len(verdicts)}`; {environment()} {seconds:.0f} s, "
            f"{len(names)} subjects.",
            "*Not certified*: the certificate does not prove the mutant equal. All others were certified: "
            "onnxruntime computes the *same* bits, **other bits** (a fault of the certificate), or does not "
            "run the mutant.",
            table(("field", "not certified", "same", "**other bits**", "not run", "crashed"), rows),
        ]
    )


@click.command()
@click.option("--count", default=50_000, help="Number of mutants.")
@click.option("--first", default=0, help="Number of the first.")
@click.option("--dry", is_flag=True, help="Print only.")
@click.option("--serve", "as_child", is_flag=True, hidden=True)
def main(count: int, first: int, dry: bool, as_child: bool) -> None:
    """Test the certificate field by field."""
    if as_child:
        serve()
        return
    began = time.monotonic()
    numbers = range(first, first + count)
    parts = [numbers[start : start + BATCH] for start in range(0, count, BATCH)]
    with ThreadPoolExecutor(2) as pool:
        verdicts = [each for part in pool.map(judged, parts) for each in part]
    text = report(verdicts, time.monotonic() - began)
    if dry:
        print(text)
    else:
        publish("field_mutants", text)
    wrong = [each for each in verdicts if each.outcome == "differs"]
    for each in wrong:
        print(each, file=sys.stderr)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
