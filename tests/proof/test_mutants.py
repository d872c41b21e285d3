"""The certificate against mutants of the fixtures, each judged by onnxruntime as well.

By default one file of each folder has one mutant, and small ones more; a thousand by `-m thorough`. `-s`
shows the table.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice, pairwise
from pathlib import Path

import pytest

from tests.exports import FILES, turns
from tests.proof.judge import Verdict
from tests.proof.mutants import KINDS

ROOT = Path(__file__).resolve().parent.parent.parent
COUNTS = {"some": (160, turns(), 1), "a thousand": (1000, FILES, 4)}
"""Mutants in all, the files that take part whatever their size, and the first mutants of each of these."""
DRAWING = 5
"""Further mutants of each file that draws random numbers: one kind knows these alone."""
CHILDREN = 2
SMALL = 30_000
"""Bytes of a file that gets more than its first few mutants."""

Job = tuple[Path, int]


def jobs(mutants: int, files: list[Path], first: int) -> list[Job]:
    """`first` mutants of each of `files`, then more of the small ones, the jobs of a file side by side."""
    small = [path for path in FILES if path.stat().st_size < SMALL]
    share = Counter(files * first)
    share.update({path: DRAWING for path in FILES if path.parent.name == "random_numbers"})
    share.update(islice(cycle(small), mutants - share.total()))
    return [(path, number) for path in FILES for number in range(share[path])]


def judged(batch: list[Job]) -> list[Verdict]:
    """Verdicts of a batch in order; a job on which the child dies has crashed, a new child takes the rest."""
    verdicts: list[Verdict] = []
    while len(verdicts) < len(batch):
        lines = [
            json.dumps({"path": str(path), "seed": [FILES.index(path), number]})
            for path, number in batch[len(verdicts) :]
        ]
        child = subprocess.run(
            [sys.executable, "-m", "tests.proof.judge"],
            input="\n".join(lines),
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=600,
            check=False,
        )
        verdicts += [Verdict(**json.loads(line)) for line in child.stdout.splitlines()]
        assert child.returncode <= 0, child.stderr[-2000:]  # an exception of ours, no crash of onnxruntime
        if len(verdicts) < len(batch):
            verdicts.append(Verdict(str(batch[len(verdicts)][0]), "", "", "crashed", False))
    return verdicts


@pytest.fixture(scope="module", params=["some", pytest.param("a thousand", marks=pytest.mark.thorough)])
def verdicts(request: pytest.FixtureRequest) -> list[Verdict]:
    work = jobs(*COUNTS[request.param])
    cuts = [len(work) * part // CHILDREN for part in range(CHILDREN + 1)]
    with ThreadPoolExecutor(CHILDREN) as pool:
        parts = pool.map(judged, [work[start:end] for start, end in pairwise(cuts)])
        return [verdict for part in parts for verdict in part]


def table(verdicts: list[Verdict]) -> str:
    columns = [("differs", False), ("differs", True), ("harmless", False), ("harmless", True)]
    counts = Counter((verdict.kind, verdict.outcome, verdict.certified) for verdict in verdicts)
    rows: list[tuple[str, ...]] = [
        ("", "differs, refused", "differs, certified", "harmless, refused", "harmless, certified")
    ]
    rows += [(kind, *(str(counts[kind, *column]) for column in columns)) for kind in KINDS]
    totals = (sum(counts[kind, *column] for kind in KINDS) for column in columns)
    rows.append(("all", *map(str, totals)))
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    return "\n".join(
        [
            *("".join(f"{cell:>21}" for cell in row) for row in rows),
            f"not run: {outcomes['unfit']} unfit, {outcomes['crashed']} crashed",
            f"attempts that onnxruntime refused: {sum(v.invalid for v in verdicts)}, "
            f"{sum(v.invalid_certified for v in verdicts)} of them certified",
        ]
    )


def test_no_mutant_that_differs_is_certified(verdicts: list[Verdict]) -> None:
    print(f"\n{table(verdicts)}")
    assert len(verdicts) in [count for count, _, _ in COUNTS.values()]
    assert [v for v in verdicts if v.outcome == "differs" and v.certified] == []
    assert [v for v in verdicts if v.invalid_certified] == []


def test_functions_hide_no_mutant(verdicts: list[Verdict]) -> None:
    assert [v for v in verdicts if v.certified != v.certified_outlined] == []


def test_the_mutants_have_teeth(verdicts: list[Verdict]) -> None:
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    assert outcomes["differs"] > 0.6 * len(verdicts)
    assert outcomes["differs"] + outcomes["harmless"] >= 0.99 * len(verdicts)
    assert outcomes["crashed"] <= 0.005 * len(verdicts)


def test_every_kind_and_every_file_takes_part(verdicts: list[Verdict]) -> None:
    ran = [verdict for verdict in verdicts if verdict.outcome in ("differs", "harmless")]
    kinds = Counter(verdict.kind for verdict in ran if verdict.outcome == "differs")
    assert [kind for kind in KINDS if not kinds[kind]] == []
    some = len(verdicts) < 1000
    assert {verdict.path for verdict in ran} >= set(map(str, turns() if some else FILES))
    assert {Path(verdict.path).stem for verdict in ran} == {"ts", "ts_dyn", "dy", "dy_dyn"}
