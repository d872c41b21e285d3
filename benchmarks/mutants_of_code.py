"""Measures the strength of the tests by the share of one-edit mutants of the code that a test notices.

    pip install -e '.[strength]'
    python -m benchmarks.mutants_of_code                          # writes results/mutants_of_code.md
    python -m benchmarks.mutants_of_code --group proof --count 20 --dry

1. The suite of README.md runs once, and coverage.py records the lines that each test reaches.
2. For each mutant, the tests that reach its line run, the quickest first, in a fork of a process that has
   imported all tests. The code of the mutated function replaces the original code.
3. For mutants that survive, the whole suite runs in a copy of the repository, since some tests start
   processes. A run has one mutant of every file; if it fails, each half of these mutants runs again.

Results are kept in a file, so that an interrupted run can continue. `benchmarks/equivalent_mutants.txt` lists
mutants that behave as the original, `benchmarks/surviving_mutants.txt` other mutants that no test notices,
each with the reason.
"""

from __future__ import annotations

import gc
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import types
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from math import inf
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest
from coverage import CoverageData

from benchmarks.code_edits import Edit, edits_of
from benchmarks.reporting import environment, publish, table

ROOT = Path(__file__).resolve().parent.parent
GROUPS = {
    "proof": ["rewriter/proof", "rewriter/verdict", "rewriter/model/operator_set/body_types.py"],
    "passes": ["rewriter/passes", "rewriter/regions", "rewriter/evidence/settle.py"],
}
EQUIVALENT = Path(__file__).parent / "equivalent_mutants.txt"
SURVIVING = Path(__file__).parent / "surviving_mutants.txt"
PATIENCE = (60.0, 5.0)
"""Timeout of the tests: constant seconds, and a multiple of their time without a mutant."""
LONGEST_SUITE = 3600
SO_FAR = "survived so far"
COPIED = (
    *(".ci", "rewriter", "tests", "fixtures", "benchmarks", "docs"),
    *("README.md", "CHANGELOG.md", "pyproject.toml", "mkdocs.yml", "action.yml", ".pre-commit-hooks.yaml"),
)
_NODE = re.compile(r"\|(?:setup|run|call|teardown)$")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of a mutant.

    Attributes:
        path: the file.
        line: the line.
        function: the function.
        what: the edit.
        outcome: `killed` by a test that reaches the line, `killed by the suite`, or `survived`.
        by: the test that noticed it.
    """

    path: str
    line: int
    function: str
    what: str
    outcome: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """Tests that reach each line, with their times."""

    tests: dict[str, dict[int, list[str]]]
    seconds: dict[str, float]

    def of(self, edit: Edit, most: float) -> list[str]:
        """Return the tests that reach an edit, the quickest first, as many as run in `most` seconds."""
        found = self.tests.get(edit.path, {}).get(edit.line, [])
        ordered = sorted(found, key=lambda test: (self.seconds.get(test, 0.0), test))
        ends = accumulate(self.seconds.get(test, 0.0) for test in ordered)
        return [test for test, end in zip(ordered, ends, strict=True) if end <= most]


def measure(folder: Path) -> Reach:
    """Run the suite once with coverage by test."""
    data, times = folder / "coverage", folder / "times.xml"
    if not times.exists():
        rooms = ("proof", "passes", "regions", "evidence", "model")
        sources = [f"--cov=rewriter/{room}" for room in rooms]
        command = [sys.executable, "-m", "pytest", "-q", "-n", "auto", f"--junitxml={folder / 'draft.xml'}"]
        command += [*sources, "--cov-context=test", "--cov-report="]
        environ = {**os.environ, "COVERAGE_FILE": str(data)}
        done = subprocess.run(command, cwd=ROOT, env=environ, check=False)
        if done.returncode:
            raise click.ClickException("the suite does not pass; mend it first")
        (folder / "draft.xml").rename(times)
    return Reach(_contexts(data), _seconds(times))


def _contexts(data: Path) -> dict[str, dict[int, list[str]]]:
    found = CoverageData(str(data))
    found.read()
    reached: dict[str, dict[int, list[str]]] = {}
    for file in found.measured_files():
        path = Path(file).relative_to(ROOT).as_posix()
        lines = found.contexts_by_lineno(file)
        reached[path] = {
            line: sorted({_NODE.sub("", each) for each in contexts if each})
            for line, contexts in lines.items()
        }
    return reached


def _seconds(times: Path) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for case in ElementTree.parse(times).iter("testcase"):
        module = case.get("classname", "").replace(".", "/") + ".py"
        found[f"{module}::{case.get('name')}"] += float(case.get("time", 0))
    return found


class Forks:
    """Process that has imported all tests; its forks run tests on mutants."""

    def __init__(self) -> None:
        sys.path.insert(0, str(ROOT))
        os.chdir(ROOT)
        pytest.main(["--collect-only", "-qq", "-p", "no:xdist", "-p", "no:cov", "-o", "addopts="])

    def run(self, edit: Edit, tests: Sequence[str], seconds: float) -> str:
        """Return the test or the timeout that noticed the mutant; empty if the mutant survives."""
        with tempfile.TemporaryDirectory() as folder:
            said = Path(folder) / "out"
            child = os.fork()
            if not child:
                os._exit(self._child(edit, tests, Path(folder)))
            code = _wait(child, seconds)
            if code == 0:
                return ""
            text = said.read_text("utf-8", "replace") if said.exists() else ""
            failed = re.search(r"^(?:FAILED|ERROR) (\S+)", text, re.MULTILINE)
            return failed[1] if failed else f"ended with {code}"

    def _child(self, edit: Edit, tests: Sequence[str], folder: Path) -> int:
        os.setsid()
        with (folder / "out").open("wb") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        if not put_in_place(edit):
            return 0  # the edit cannot be put in place: leave it to the whole suite
        (folder / "tests").write_text("\n".join(tests), "utf-8")
        options = ["-x", "-q", "-o", "addopts=", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov"]
        code = int(pytest.main([*options, f"--basetemp={folder / 'tmp'}", f"@{folder / 'tests'}"]))
        sys.stdout.flush()
        return code


def put_in_place(edit: Edit) -> bool:
    """Replace the code of every function object of the edited function; return whether it worked."""
    file = str(ROOT / edit.path)
    code = next((each for each in _codes(compile(edit.source, file, "exec")) if _is(each, edit)), None)
    old = [
        each
        for each in gc.get_objects()
        if isinstance(each, types.FunctionType)
        and each.__code__.co_filename == file
        and each.__code__.co_qualname == edit.function
    ]
    if code is None or any(each.__code__.co_freevars != code.co_freevars for each in old):
        return False
    for each in old:
        each.__code__ = code
    return bool(old)


def _is(code: types.CodeType, edit: Edit) -> bool:
    return code.co_qualname == edit.function


def _codes(code: types.CodeType) -> list[types.CodeType]:
    inner = [each for each in code.co_consts if isinstance(each, types.CodeType)]
    return [*inner, *(deeper for each in inner for deeper in _codes(each))]


def _wait(child: int, seconds: float) -> int:
    """Return the exit code of a fork; end it after some seconds, and return -1."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1


def by_suite(edits: Sequence[Edit], folder: Path) -> Iterator[tuple[Edit, str]]:
    """Yield each mutant with the test of the whole suite that notices it; empty if none does."""
    left = list(edits)
    while left:
        batch = list({edit.path: edit for edit in reversed(left)}.values())
        left = [edit for edit in left if not any(edit is each for each in batch)]
        yield from _blame(batch, folder)


def _blame(batch: Sequence[Edit], folder: Path) -> Iterator[tuple[Edit, str]]:
    by = whole_suite(batch, folder)
    if not by or len(batch) == 1:
        yield from ((edit, by) for edit in batch)
        return
    half = len(batch) // 2
    yield from _blame(batch[:half], folder)
    yield from _blame(batch[half:], folder)


def whole_suite(edits: Sequence[Edit], folder: Path) -> str:
    """Return the first test of the whole suite that fails in a copy of the repository with these edits."""
    copy = folder / "copy"
    if not copy.exists():
        copy.mkdir()
        for name in COPIED:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
    for edit in edits:
        (copy / edit.path).write_text(edit.source, "utf-8")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-n", "auto", "-p", "no:cacheprovider"],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            timeout=LONGEST_SUITE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "timed out"
    finally:
        for edit in edits:
            shutil.copy(ROOT / edit.path, copy / edit.path)
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return failed[1] if failed else f"ended with {done.returncode}" if done.returncode else ""


def drawn(group: str, count: int, seed: int) -> list[Edit]:
    """Draw edits of the files of a group."""
    files = [
        each.relative_to(ROOT).as_posix()
        for path in GROUPS[group]
        for each in (sorted((ROOT / path).rglob("*.py")) if (ROOT / path).is_dir() else [ROOT / path])
    ]
    found = [edit for path in files for edit in edits_of(ROOT, path)]
    return random.Random(seed).sample(found, min(count, len(found)))


def judge(edits: Sequence[Edit], reach: Reach, folder: Path, *, suite: bool, most: float) -> list[Verdict]:
    """Return the result of each mutant; results in the folder are reused."""
    done = folder / "verdicts.jsonl"
    lines = done.read_text("utf-8").splitlines() if done.exists() else []
    known = {(each.path, each.line, each.what): each for each in (Verdict(**json.loads(x)) for x in lines)}

    def note(edit: Edit, outcome: str, by: str) -> None:
        found = Verdict(edit.path, edit.line, edit.function, edit.what, outcome, by)
        known[(edit.path, edit.line, edit.what)] = found
        with done.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(found)) + "\n")
        print(f"{len(known)}: {found.outcome}: {edit.path}:{edit.line} {edit.what}", file=sys.stderr)

    new = [edit for edit in edits if (edit.path, edit.line, edit.what) not in known]
    forks = Forks() if new else None
    for edit in new:
        assert forks is not None
        tests = reach.of(edit, most)
        seconds = PATIENCE[0] + PATIENCE[1] * sum(reach.seconds.get(test, 0.0) for test in tests)
        by = forks.run(edit, tests, seconds) if tests else ""
        note(edit, "killed" if by else SO_FAR, by)
    if suite:
        left = [edit for edit in edits if known[(edit.path, edit.line, edit.what)].outcome == SO_FAR]
        for edit, by in by_suite(left, folder):
            note(edit, "killed by the suite" if by else "survived", by)
    return [known[(edit.path, edit.line, edit.what)] for edit in edits]


def reasons(file: Path) -> dict[str, str]:
    """Return the reasons that a file gives, by mutant."""
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    pairs = (line.split(" # ", 1) for line in lines if line and not line.startswith("#"))
    return {mutant.strip(): reason.strip() for mutant, reason in pairs}


def report(groups: dict[str, list[Verdict]], options: str) -> str:
    """Return the results as Markdown."""
    known, told = reasons(EQUIVALENT), reasons(SURVIVING)
    rows, survivors = [], []
    for group, verdicts in groups.items():
        counted = [each for each in verdicts if name_of(each) not in known]
        outcomes = Counter(each.outcome for each in counted)
        killed = outcomes["killed"] + outcomes["killed by the suite"]
        share = f"{killed / len(counted):.1%}" if counted else "-"
        rows.append(
            (group, len(verdicts), len(verdicts) - len(counted), killed, len(counted) - killed, share)
        )
        survivors += [
            f"- `{name_of(each)}`: {told.get(name_of(each), 'not looked into yet')}"
            for each in counted
            if not each.outcome.startswith("killed")
        ]
    return "\n\n".join(
        [
            "# Mutants of rewriter's code",
            f"`python -m benchmarks.mutants_of_code {options}`; {environment()}",
            "Each mutant is one edit, drawn from all lines of functions. *Equivalent*: it computes the same, "
            "with the argument in benchmarks/equivalent_mutants.txt, and is not counted. With `--no-suite`, "
            "tests that start processes did not run on survivors; with `--most`, only the quickest tests ran "
            "that reach the edited line. So the whole suite may kill more mutants than are counted.",
            table(("code", "mutants", "equivalent", "killed", "survived", "**killed**"), rows),
            "Survivors:",
            "\n".join(survivors) or "none",
        ]
    )


def name_of(verdict: Verdict) -> str:
    """Name a mutant in one line, without its line number."""
    return f"{verdict.path} {verdict.function}: {verdict.what}"


@click.command()
@click.option(
    "--group", "names", multiple=True, type=click.Choice([*GROUPS]), help="Groups to measure; all by default."
)
@click.option("--count", default=200, help="Mutants of each group.")
@click.option("--seed", default=1)
@click.option("--folder", type=click.Path(path_type=Path), help="Folder of the results.")
@click.option("--suite/--no-suite", default=True, help="Run the whole suite on survivors.")
@click.option("--most", default=inf, help="Maximum seconds of tests per mutant; the suite runs all others.")
@click.option("--dry", is_flag=True, help="Print only.")
def main(
    names: tuple[str, ...], count: int, seed: int, folder: Path | None, suite: bool, most: float, dry: bool
) -> None:
    """Measure the strength of the tests by mutants of the code."""
    home = folder or Path(tempfile.gettempdir()) / "mutants-of-code"
    home.mkdir(parents=True, exist_ok=True)
    reach = measure(home)
    groups = {
        name: judge(drawn(name, count, seed), reach, home, suite=suite, most=most)
        for name in names or tuple(GROUPS)
    }
    limits = f" --most {most:g}" if most < inf else ""
    text = report(groups, f"--count {count} --seed {seed}{'' if suite else ' --no-suite'}{limits}")
    print(text) if dry else publish("mutants_of_code", text)


if __name__ == "__main__":
    main()
