"""Runs every verb twice on every export of fixtures/, and compares bytes, texts and conflicts.

    python -m benchmarks.twice                    # all fixtures; writes the results
    python -m benchmarks.twice FILE...            # these files

Two processes with different hash seeds run the same commands, in folders of different names and, within a
phase, in opposite order. Exit codes, stdout and stderr (times masked, see `benchmarks.masking`) and the bytes
of every file must be the same. Then one process runs the commands that write again, over their own output.
The other process rewrites every output with the options that made it: the bytes of the model must be the
same, and its tree may report no conflict that the tree of the export does not report.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from benchmarks.reporting import publish
from benchmarks.twice_commands import FOR_ALL, MADE, READ, REWRITES, TURNS, Subject, Words, subject_of
from benchmarks.twice_files import conflicts_of, contents, copy, lay_out
from benchmarks.twice_found import Found, report
from benchmarks.twice_worker import Pair

FIXTURES = Path(__file__).parent.parent / "fixtures" / "exports"
WRITING = frozenset({"rewrite", "flatten", "carry", "extract", "report", "export", "split"})
"""Verbs that write a model or a view; each may write over its own output."""
TREE: Words = ("tree", "m.onnx", "--json")


def examine(pair: Pair, path: Path, turn: int | None, found: Found) -> None:
    """Run every command on a file, or those of its turn, twice, and again over its own output."""
    pair.renew()
    name = f"{path.parent.name}/{path.stem}"
    found.counts["files"] += 1
    found.counts["run"] += lay_out(path, pair.folders)
    said, _ = pair.run([TREE])
    tree = json.loads(said[0].stdout)
    subject = subject_of(path, tree)
    codes: dict[Words, int] = {}
    for commands in (subject.commands(text, turn) for text in (REWRITES, MADE, READ)):
        one, other = pair.run(commands)
        found.compare(name, commands, one, other)
        codes |= {words: said.code for words, said in zip(commands, other, strict=True)}
    first, second = (contents(folder) for folder in pair.folders)
    found.same_files(name, first, second, "two runs")
    again(
        pair,
        name,
        {words: code for words, code in codes.items() if words[0] in WRITING and "-o" in words},
        second,
        found,
    )


def again(pair: Pair, name: str, codes: dict[Words, int], before: dict[str, str], found: Found) -> None:
    """Rewrite the outputs in one folder from themselves, and write over them in the other."""
    folder = pair.folders[0]
    made = {words: _again(words) for words in codes if words[0] in ("rewrite", "carry")}
    made = {words: once_more for words, once_more in made.items() if not codes[words]}
    said, repeated = pair.run(list(made.values()), list(codes))
    found.over(name, codes, repeated)
    found.same_files(name, before, contents(pair.folders[1]), "written over itself")
    for (words, once_more), each in zip(made.items(), said, strict=True):
        found.counts["again"] += 1
        once, twice = (folder / each_words[each_words.index("-o") + 1] for each_words in (words, once_more))
        if each.code:
            found.fault(name, once_more, f"{each.code} {each.stderr.strip()}")
        elif once.read_bytes() != twice.read_bytes():
            found.fault(name, once_more, "other bytes than its input")
        if conflicts := conflicts_of(once) - _known(folder, words):
            found.fault(name, words, f"new conflicts: {dict(conflicts)}")


def _again(words: Words) -> Words:
    """Return the command that rewrites its own output, without numbers, since they were taken before."""
    at = words.index("-o")
    *head, _ = words[:at]
    return (*head, words[at + 1], "-o", f"again_{words[at + 1]}", *words[at + 2 :], "--no-numbers")


def _known(folder: Path, words: Words) -> Counter[tuple[str, ...]]:
    """Return the conflicts in the tree that a command started from."""
    if words[0] == "carry":
        return conflicts_of(folder / words[2], like=folder / words[1])
    return conflicts_of(folder / words[1])


def examine_all(pair: Pair, paths: Sequence[Path], found: Found) -> None:
    """Run commands without a file, and batches of all files: twice; then batches over their own output."""
    pair.renew()
    for folder in pair.folders:
        for path in paths:
            copy(path, folder / "models" / path.parent.name / path.name)
    commands = Subject("", "", "", "", ()).commands(FOR_ALL, None)
    one, other = pair.run(commands)
    found.compare("all files", commands, one, other)
    first, second = (contents(folder) for folder in pair.folders)
    found.same_files("all files", first, second, "two runs")
    codes = {words: said.code for words, said in zip(commands, other, strict=True) if words[0] == "batch"}
    found.over("all files", codes, pair.run([], list(codes))[1])
    found.same_files("all files", second, contents(pair.folders[1]), "written over itself")


def examine_each(share: Sequence[tuple[Path, int | None]], start: float) -> Found:
    """Run the commands of their turn on some files, in a new pair of processes."""
    found = Found()
    with tempfile.TemporaryDirectory() as scratch, Pair(Path(scratch)) as pair:
        for path, turn in share:
            known = len(found.faults)
            examine(pair, path, turn, found)
            lines = [f"{path.parent.name}/{path.stem} {time.perf_counter() - start:.1f} s"]
            click.echo("\n    ".join([*lines, *found.faults[known:]]), err=True)
    return found


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--all-options", is_flag=True, help="Let no options take turns: four times as long.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, help="Number of pairs of processes.")
def main(files: tuple[Path, ...], all_options: bool, jobs: int) -> None:
    """Run every verb twice on FILES; without FILES, on all fixtures, and write results/twice.md."""
    start = time.perf_counter()
    paths = files or tuple(sorted(FIXTURES.glob("*/*.onnx")))
    turns = [None if all_options else (number + number // TURNS) % TURNS for number in range(len(paths))]
    todo = list(zip(paths, turns, strict=True))
    with ThreadPoolExecutor(jobs) as pool:
        shares = list(pool.map(lambda number: examine_each(todo[number::jobs], start), range(jobs)))
    found = Found()
    for share in shares:
        found.add(share)
    with tempfile.TemporaryDirectory() as scratch, Pair(Path(scratch)) as pair:
        examine_all(pair, paths, found)
    text = report(found, time.perf_counter() - start)
    if files:
        print(text)
    else:
        publish("twice", text)


if __name__ == "__main__":
    main()
