"""Runs folders of ONNX files through the rewriter and other tools, with limits, and reports the outcomes.

    python -m benchmarks.corpus FOLDER...              # every *.onnx in them
    python -m benchmarks.corpus --backend              # onnx's own backend tests, with their recorded data
    python -m benchmarks.corpus --backend --write      # also writes results/corpus.md
    python -m benchmarks.corpus --backend --every 20   # every 20th file, the rewriter alone: --tool rewriter
    python -m benchmarks.corpus --backend --journal J  # continues the run that wrote the journal J
    python -m benchmarks.corpus --tool depths --listed seen FOLDER  # those of corpus_files.tsv in a folder

Every file is annotated, gets its names back and is grouped to every depth. A file without modules is also
grouped with made-up modules. Every model made must be proved equal, and must give the same bits in
onnxruntime if two runs of the original do. An annotated model must have every field of the original.
The tool `depths` groups every file at three depths in both ways; `corpus_depths` judges the results.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import click

from benchmarks import corpus_cases, corpus_list, corpus_table
from benchmarks.corpus_pool import MEMORY, SECONDS, Pool
from benchmarks.corpus_worker import DEPTHS, OURS, TOOLS, Result, Verdict
from benchmarks.reporting import environment, publish, table

Found = Mapping[str, Mapping[str, Result]]
"""Tool -> name of the file -> result."""
_MOST_LISTED = 12


def files_of(folders: Sequence[Path], backend: Path | None, every: int) -> Iterator[tuple[str, Path]]:
    """Yield (name, file) of all files to process; node tests are written into the folder `backend`."""
    for folder in folders:
        paths = sorted(folder.rglob("*.onnx")) if folder.is_dir() else [folder]
        yield from ((f"{folder.name}/{path.relative_to(folder)}", path) for path in paths[::every])
    if backend is not None:
        for path in corpus_cases.node_tests(backend, every):
            yield f"node/{path.parent.name}", path
        for path in list(corpus_cases.shipped())[::every]:
            name = path.parent.name if path.stem == "model" else path.stem
            yield f"{path.parent.parent.name if path.stem == 'model' else path.parent.name}/{name}", path


class Journal:
    """Journal of results, one per line, so that a run of hours can be interrupted.

    Args:
        file: the file of the journal; None keeps nothing.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._known: dict[tuple[str, str], Result] = {}
        for line in file.read_text(encoding="utf-8").splitlines() if file and file.exists() else ():
            entry = json.loads(line)
            self._known[entry["tool"], entry["name"]] = Result.read(entry["result"])

    def known(self, tool: str, name: str) -> Result | None:
        """Return the result of an earlier run; None if there is none."""
        return self._known.get((tool, name))

    def keep(self, tool: str, name: str, result: Result) -> Result:
        """Record and return a result."""
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"tool": tool, "name": name, "result": asdict(result)}) + "\n")
        return result


def process(
    paths: Sequence[tuple[str, Path]],
    tools: Sequence[str],
    seconds: float,
    memory: int,
    journal: Path | None = None,
) -> Found:
    """Run every tool on every file."""
    found: dict[str, dict[str, Result]] = {tool: {} for tool in tools}
    kept = Journal(journal)
    with ExitStack() as stack:
        pools = {tool: stack.enter_context(Pool(seconds, memory)) for tool in tools}
        for number, (name, path) in enumerate(paths, 1):
            for tool, pool in pools.items():
                known = kept.known(tool, name)
                result = known or kept.keep(tool, name, _processed(pool, path, tool))
                found[tool][name] = result
                if tool in (OURS, DEPTHS) and result.verdict is not Verdict.EQUAL:
                    click.echo(f"{name}: {result.verdict}: {result.why}", err=True)
            if number % 100 == 0:
                click.echo(f"{number} of {len(paths)}", err=True)
    return found


def _processed(pool: Pool, path: Path, tool: str) -> Result:
    """Run a tool on a file; if the result of another tool is not equal, run it again in a new process.

    Some tools keep state: after one model that they cannot read, they refuse all others.
    """
    result = pool.run(path, tool)
    if tool in (OURS, DEPTHS) or result.verdict is Verdict.EQUAL:
        return result
    pool.renew()
    return pool.run(path, tool)


def report(found: Found, command: str, seconds: float, memory: int) -> str:
    """Return the tables as Markdown."""
    limits = f"{seconds:g} s and {memory / 2**30:g} GiB for each file"
    if list(found) == [DEPTHS]:
        heading = f"# Functions of every depth\n\n    {command}\n\n{environment()} {limits}."
        return "\n\n".join([heading, *corpus_table.sections(found[DEPTHS])])
    sections = [
        "# Results on arbitrary ONNX files",
        f"    {command}\n\n{environment()} {limits}.",
        _by_tool(found),
        "- *Equal*: the result is proved equal, or onnxruntime finds no difference (for other tools: none "
        "above 1/1000 of the largest value), or the original does not run, so that numbers show neither.\n"
        "- *Refused*: no result, with a reason.\n"
        "- *Wrong*: onnxruntime refuses the result or computes something else.\n"
        "- *Same bits*: the outputs agree bit for bit, on recorded or drawn inputs; only files count whose "
        "original runs, and computes the same in two runs.\n"
        "- *Same fields*: after reading and writing, every field has the same content; for the rewriter "
        "without the entries that it writes.\n"
        "- *No kind of field lost*: every kind of field that occurs in the file also occurs in the result. "
        "The purpose of onnxslim is to remove nodes, and their fields with them.",
    ]
    if OURS in found:
        sections += _ours(found[OURS])
    for tool, results in found.items():
        sections += _faults(tool, results)
    return "\n\n".join(sections)


def _by_tool(found: Found) -> str:
    rows = []
    for tool, results in found.items():
        outcomes = Counter(result.verdict for result in results.values())
        made = [each for each in results.values() if each.written and each.verdict is Verdict.EQUAL]
        running = [each for each in made if not each.skipped]
        rows.append(
            [
                tool,
                len(results),
                *(outcomes[verdict] for verdict in Verdict),
                f"{sum(each.proved == len(each.written) for each in made)} of {len(made)}",
                f"{sum(each.compared == len(each.written) for each in running)} of {len(running)}",
                f"{sum(not each.lost for each in made)} of {len(made)}",
                f"{sum(not each.kinds for each in made)} of {len(made)}",
            ]
        )
    heads = ["proved equal", "same bits", "same fields", "no kind of field lost"]
    return table(["tool", "files", *Verdict, *heads], rows)


def _ours(results: Mapping[str, Result]) -> Iterator[str]:
    """Yield the sections on the results of the rewriter, by source of the files."""
    groups: dict[str, list[Result]] = {}
    for name, result in results.items():
        groups.setdefault(name.partition("/")[0], []).append(result)
    groups["all"] = list(results.values())
    yield "The results of the rewriter, annotated and grouped to every depth:"
    yield table(
        [
            "files",
            "number",
            "models written",
            "proved",
            "functions",
            "compared bit for bit",
            "recorded outputs met",
        ],
        [
            [
                name,
                len(group),
                sum(len(each.written) for each in group),
                sum(each.proved for each in group),
                sum(each.functions for each in group),
                sum(each.compared for each in group),
                f"{sum(each.met is True for each in group)} of {sum(each.met is not None for each in group)}",
            ]
            for name, group in groups.items()
        ],
    )
    skipped = Counter(_general(each.skipped) for each in results.values() if each.skipped)
    yield f"In {skipped.total()} files there are no numbers, since the original does not run:"
    yield _listed(skipped)


def _faults(tool: str, results: Mapping[str, Result]) -> Iterator[str]:
    faults = [(name, each) for name, each in results.items() if each.verdict is not Verdict.EQUAL]
    if not faults:
        return
    yield f"Not equal, {tool}: {len(faults)} files."
    counted = Counter(f"{each.verdict}: {_general(each.why)}" for _, each in faults)
    yield _listed(counted)
    if tool == OURS:
        yield "\n".join(f"- {name}: {each.verdict}: {each.why}" for name, each in faults)


def _general(reason: str) -> str:
    """Cut a reason to its beginning, which is equal for many files."""
    return reason[:90].replace("`", "'")


def _listed(counted: Counter[str]) -> str:
    lines = [f"- {count}: `{reason}`" for reason, count in counted.most_common(_MOST_LISTED)]
    rest = sum(count for _, count in counted.most_common()[_MOST_LISTED:])
    return "\n".join([*lines, f"- {rest}: others"] if rest else lines)


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--backend", is_flag=True, help="onnx's own backend tests; node tests are generated.")
@click.option("--every", default=1, show_default=True, help="Take every n-th file.")
@click.option(
    "--tool",
    "tools",
    multiple=True,
    type=click.Choice([OURS, DEPTHS, *TOOLS]),
    help="All but depths by default.",
)
@click.option("--listed", type=click.Choice(corpus_list.PARTS), help="Take listed files of the folders only.")
@click.option("--seconds", default=SECONDS, show_default=True, help="Limit for a file and a tool.")
@click.option("--memory", default=MEMORY, show_default=True, help="Limit in bytes.")
@click.option(
    "--journal", type=click.Path(path_type=Path), help="File that keeps results; the run continues from it."
)
@click.option("--write", is_flag=True, help="Write benchmarks/results/corpus.md.")
def main(
    folders: tuple[Path, ...],
    backend: bool,
    every: int,
    tools: tuple[str, ...],
    listed: str | None,
    seconds: float,
    memory: int,
    journal: Path | None,
    write: bool,
) -> None:
    """Process FOLDERS and print the result of every file; exit code 1 if the rewriter failed."""
    if not folders and not backend:
        raise click.UsageError("name a folder, or --backend")
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) if backend else None
        paths = list(files_of(() if listed else folders, home, every))
        paths += list(corpus_list.found(folders, listed))[::every] if listed else []
        found = process(paths, tools or (OURS, *TOOLS), seconds, memory, journal)
    named = [*(folder.name for folder in folders), *(["--backend"] if backend else [])]
    named += [f"--listed {listed}"] if listed else []
    named += [f"--every {every}"] if every > 1 else []
    named += [f"--tool {tool}" for tool in tools]
    command = " ".join(["python -m benchmarks.corpus", *named])
    text = report(found, command, seconds, memory)
    if write:
        part = f"_{listed.replace('-', '_')}" if listed else ""
        publish(f"corpus_depths{part}" if tools == (DEPTHS,) else "corpus", text)
    else:
        print(text)
    bad = (Verdict.WRONG, Verdict.CRASHED, Verdict.TIMED_OUT)
    raise SystemExit(
        any(each.verdict in bad for tool in (OURS, DEPTHS) for each in found.get(tool, {}).values())
    )


if __name__ == "__main__":
    main()
