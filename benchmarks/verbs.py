"""Runs every verb on what the tools of onnxruntime write, and reports the exit codes that a user would see.

    python -m benchmarks.verbs FOLDER          # each folder in it: m.onnx, and what tools made of it
    python -m benchmarks.verbs FOLDER MODEL... # writes the folders first, with `runtime_tools`

`diff` and `verify` compare with `m.onnx`; what they say is held against outputs of onnxruntime on one input.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from benchmarks.corpus_depths import EQUAL, LOADS, Original
from benchmarks.reporting import environment, table
from benchmarks.twice_commands import subject_of
from benchmarks.twice_worker import Said, Worker
from rewriter.model.storage.external_data import external_locations
from rewriter.model.storage.files import load

COMMANDS = """
tree w.onnx --json
stats w.onnx
explain w.onnx NODE
select w.onnx MODULE
doctor w.onnx
rewrite w.onnx -o plain.onnx
rewrite w.onnx -o shared.onnx --functions shared
flatten shared.onnx -o flat.onnx
extract w.onnx MODULE -o piece.onnx
split w.onnx --at CUT -o parts --copy-data
report w.onnx -o page.html
verify w.onnx shared.onnx
verify w.onnx flat.onnx
diff m.onnx w.onnx
verify m.onnx w.onnx
"""
"""`w.onnx` is the file that a tool wrote from `m.onnx`."""
_COMPARING = ("diff m.onnx w.onnx", "verify m.onnx w.onnx")
_SAYING = (0, 1, 5)
"""Exit codes with which these say how the models compare: different, not proved."""


@dataclass(slots=True)
class Answers:
    """Answers of all verbs on one file.

    Attributes:
        name: the folder and the tool.
        codes: command -> exit code.
        told: command -> what explains an exit code that is not 0; without those that compare.
        measured: the deviation from the original, as onnxruntime gives it; empty if there is none.
    """

    name: str
    codes: dict[str, int] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    measured: str = ""


def answers(original: Path, path: Path, scratch: Path, worker: Worker) -> Answers:
    """Run all verbs on a file that a tool made of the original."""
    found = Answers(f"{original.parent.name}/{path.stem}")
    shutil.copy(original, scratch / "m.onnx")
    shutil.copy(path, scratch / "w.onnx")
    for model in (original, path):
        for location in external_locations(load(model)):
            shutil.copy(path.parent / location, scratch)
    (tree,) = _run(worker, scratch, [("tree", "w.onnx", "--json")])
    if tree.code:
        found.codes["tree w.onnx --json"], found.told["tree w.onnx --json"] = tree.code, _line(tree)
        return found
    commands = subject_of(scratch / "w.onnx", json.loads(tree.stdout)).commands(COMMANDS, None)
    for line, said in zip(COMMANDS.strip().splitlines(), _run(worker, scratch, commands), strict=True):
        found.codes[line] = said.code
        if said.code not in (_SAYING if line in _COMPARING else (0,)):
            found.told[line] = _line(said)
    judgement = Original(scratch / "m.onnx", scratch).judge(scratch / "w.onnx", "written")
    found.measured = judgement.get(LOADS, "") or judgement.get(EQUAL, "not run")
    return found


def _run(worker: Worker, folder: Path, commands: Sequence[tuple[str, ...]]) -> list[Said]:
    worker.begin(folder, commands)
    return worker.result()


def _line(said: Said) -> str:
    """Return standard error, else standard output, in one line."""
    return " ".join((said.stderr or said.stdout).split())[:300]


def report(found: Sequence[Answers]) -> Iterator[str]:
    """Yield the parts of the report."""
    codes = sorted({code for each in found for code in each.codes.values()})
    rows = []
    for line in COMMANDS.strip().splitlines():
        counted = Counter(each.codes[line] for each in found if line in each.codes)
        rows.append([f"`{line}`", *(counted[code] or "" for code in codes)])
    yield f"{len(found)} files. Number of files by exit code:"
    yield table(["command", *map(str, codes)], rows)
    told = [
        f"- {each.name}: `{line}`: {each.codes[line]}: {why}"
        for each in found
        for line, why in each.told.items()
    ]
    yield "Other exit codes than 0, of commands that do not compare with the original:"
    yield "\n".join(told) or "- none"
    yield "Verdicts of `diff` and `verify` on the file and its original, and the outputs of onnxruntime:"
    yield table(
        ["file", "diff", "verify", "deviation on one input"],
        [
            [each.name, *(each.codes[line] for line in _COMPARING), each.measured or "none"]
            for each in found
            if len(each.codes) > 1
        ],
    )


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("models", nargs=-1, type=click.Path(path_type=Path, exists=True))
def main(folder: Path, models: tuple[Path, ...]) -> None:
    """Run all verbs on the files in FOLDER; exit code 1 if a verb ended with an internal error."""
    if models:
        from benchmarks.runtime_tools import written  # noqa: PLC0415  needs onnx_ir and sympy

        for model in models:
            home = folder / f"{model.parent.name}_{model.stem}"
            home.mkdir(parents=True, exist_ok=True)
            shutil.copy(model, home / "m.onnx")
            for name, made in written(model, home):
                if isinstance(made, Exception):
                    click.echo(f"{home.name}: {name} refuses: {str(made)[:200]}", err=True)
    found = []
    worker = Worker(1)
    pairs = [
        (original, path)
        for original in sorted(folder.glob("*/m.onnx"))
        for path in sorted(original.parent.glob("*.onnx"))
        if path != original
    ]
    for original, path in pairs:
        with tempfile.TemporaryDirectory() as scratch:
            found.append(answers(original, path, Path(scratch), worker))
        click.echo(f"{found[-1].name}: {list(found[-1].codes.values())}", err=True)
    worker.close()
    command = f"    python -m benchmarks.verbs {folder.name}"
    heading = "# Every verb on what the tools of onnxruntime write"
    print("\n\n".join([heading, command, environment(), *report(found)]))
    raise SystemExit(any(70 in each.codes.values() for each in found))


if __name__ == "__main__":
    main()
