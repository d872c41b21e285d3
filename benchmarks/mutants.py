"""Tests the certificate with 10 000 mutants and 10 000 harmless rewrites, each also judged by onnxruntime.

    python -m benchmarks.mutants                     # writes benchmarks/results/mutants.md
    python -m benchmarks.mutants --count 400 --dry   # a sample, printed only

The models are small ones with functions, graph bodies and boundaries of every kind
(`tests/proof/subjects.py`), and random module trees (`tests/properties/graphs.py`). Kinds of mutation take
turns; the model and the place are drawn until onnxruntime runs the mutant. onnxruntime runs three input sets
without optimisations in child processes; all bits are compared. Both directions of the certificate must
agree.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks.reporting import environment, publish, table
from tests.proof.trials import KINDS, REWRITES, SUBJECTS, Trial

ROOT = Path(__file__).parent.parent
BATCH = 2500


def judged(
    what: str, numbers: Sequence[int], *, subjects: int = SUBJECTS, timeout: float = 1800
) -> list[Trial]:
    """Return the trials of a kind of job, in order; a job that ends its child counts as crashed."""
    trials: list[Trial] = []
    while len(trials) < len(numbers):
        rest = numbers[len(trials) :][:BATCH]
        made = _batch(what, rest, subjects, timeout)
        trials += made
        if len(made) < len(rest):
            number = numbers[len(trials)]
            kind = KINDS[number % len(KINDS)] if what == "mutant" else ""
            trials.append(Trial(kind, "crashed", False, f"job {number}"))
    return trials


def _batch(what: str, numbers: Sequence[int], subjects: int, timeout: float) -> list[Trial]:
    """Return the trials of one child, up to the job that ended it."""
    jobs = [json.dumps({"what": what, "number": number, "subjects": subjects}) for number in numbers]
    with tempfile.TemporaryDirectory() as scratch:  # a child that dies leaves its files behind
        child = subprocess.run(
            [sys.executable, "-m", "tests.proof.trials"],
            input="\n".join(jobs),
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "TMPDIR": scratch},
            timeout=timeout,
            check=False,
        )
    if child.returncode > 0:  # an exception in Python, not a crash of onnxruntime
        raise RuntimeError(child.stderr[-2000:])
    return [Trial(**json.loads(line)) for line in child.stdout.splitlines()]


def of_mutants(trials: Sequence[Trial]) -> str:
    """Return a table of the results of onnxruntime and of the certificate, by kind of mutation."""
    header = (
        *("kind", "mutants", "differ", "**of them certified**", "same, certified", "same, refused"),
        *("not run", "invalid attempts", "of them certified"),
    )
    rows = [_row(kind, [trial for trial in trials if trial.kind == kind]) for kind in KINDS]
    return table(header, [*rows, _row("**all**", trials)])


def _row(kind: str, trials: Sequence[Trial]) -> tuple[object, ...]:
    count = Counter((trial.outcome, trial.certified) for trial in trials)
    return (
        kind.replace("_", " "),
        len(trials),
        count["differs", False] + count["differs", True],
        count["differs", True],
        count["same", True],
        count["same", False],
        sum(trial.outcome in ("unfit", "crashed") for trial in trials),
        sum(trial.refused for trial in trials),
        sum(trial.refused_certified for trial in trials),
    )


def of_harmless(trials: Sequence[Trial]) -> str:
    """Return a table by edit; a rewrite of up to three edits counts for each of them."""
    names = sorted({name for trial in trials for name in trial.edit.split(" + ")} & {*REWRITES})
    rows = []
    for name in [*names, ""]:
        found = [trial for trial in trials if not name or name in trial.edit.split(" + ")]
        outcomes = Counter(trial.outcome for trial in found)
        refused = sum(not trial.certified for trial in found)
        unfit = outcomes["unfit"] + outcomes["crashed"]
        label = name.replace("_", " ") or "**rewrites**"
        rows.append((label, len(found), refused, outcomes["same"], outcomes["differs"], unfit))
    return table(("edit", "rewrites", "**refused**", "same bits", "other bits", "not run"), rows)


def report(mutants: Sequence[Trial], harmless: Sequence[Trial], seconds: float) -> str:
    """Return the results as Markdown."""
    return "\n\n".join(
        [
            "# The certificate under attack",
            f"`python -m benchmarks.mutants --count {len(mutants)}`; {environment()} {seconds:.0f} s.",
            "## Mutants",
            "Each mutant is one edit that is meant to change the results of a model. *Differ*: onnxruntime "
            "computes other bits on one of three input sets. onnxruntime ignores the opset of a function "
            "inside of a model, so for these edits it also runs a call of the function alone. *Invalid "
            "attempts*: onnxruntime refused the mutant, so another one was made; the certificate does not "
            "check whether a model loads.",
            of_mutants(mutants),
            "## Harmless rewrites",
            "Each rewrite is one to three edits that do not change the results.",
            of_harmless(harmless),
            "The claim and its limits: [certificate.md](../../docs/certificate.md).",
        ]
    )


@click.command()
@click.option("--count", default=10_000, help="Number of mutants, and of harmless rewrites.")
@click.option("--first", default=0, help="Number of the first job.")
@click.option("--dry", is_flag=True, help="Print only.")
def main(count: int, first: int, dry: bool) -> None:
    """Test the certificate with mutants and harmless rewrites."""
    began = time.monotonic()
    numbers = range(first, first + count)
    mutants, harmless = judged("mutant", numbers), judged("harmless", numbers)
    text = report(mutants, harmless, time.monotonic() - began)
    if dry:
        print(text)
    else:
        publish("mutants", text)
    wrong = [trial for trial in mutants if trial.outcome == "differs" and trial.certified]
    wrong += [trial for trial in harmless if not trial.certified or trial.outcome == "differs"]
    for trial in wrong:
        print(trial, file=sys.stderr)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
