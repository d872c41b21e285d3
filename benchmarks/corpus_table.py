"""The tables on functions of every depth: one row per source, and one per kind and depth."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from benchmarks.corpus_depths import DEPTHS, EQUAL, LOADS, MADE, MODES, NEAR, REFUSED, VALID, WRONG
from benchmarks.corpus_worker import MADE_UP, Result, Verdict
from benchmarks.reporting import table

_REASON = 110
_FOLDER = re.compile(r"/\S*/(?=[^/\s]*\.onnx: )")
_ENDED = (Verdict.CRASHED, Verdict.TIMED_OUT)
Results = Mapping[str, Result]


def _is_grouped(result: Result) -> bool:
    return any(MADE in step for step in result.depths.values())


def sections(results: Results) -> Iterator[str]:
    """Yield the parts of the report."""
    yield _by_source(results)
    yield (
        "- *Not run*: onnxruntime refuses the file, or fails on all drawn inputs.\n"
        "- *Refused*: no result at some depth, though onnxruntime runs the file; *not run, refused*: though "
        "it does not.\n"
        "- *No hierarchy*: no node has a module. Such a file is grouped by made-up modules.\n"
        "- *No functions*: all nodes are in the root, or all modules were refused.\n"
        "- *Grouped*: files with functions of their own modules, at any depth; *made up*: of made-up ones.\n"
        "- *Faulty*: files with a fault at any depth; *ended*: the process crashed, or took too long."
    )
    yield _by_depth(results)
    yield (
        "Each cell: files without the fault, of files that allow the question. *Valid*: the full checker of "
        "onnx accepts the grouped file, if it accepts the original. *Loads*: onnxruntime makes sessions "
        "without and with optimisations. *Same bits*: without optimisations. *Near*: with all of them, no "
        "output is off by more than 1e-4 of its largest value. Outputs that depend on the seed are left out."
    )
    skipped = {name: each.skipped for name, each in results.items() if each.skipped}
    yield f"Not run by onnxruntime: {len(skipped)} files."
    yield _counted(skipped)
    yield "Reasons of refusals:"
    yield _counted({name: each.why for name, each in results.items() if each.verdict is Verdict.REFUSED})
    yield "Reasons why parts of a file went into no function, or not as they are, by number of files:"
    parts = Counter(part for each in results.values() for part in each.parts)
    yield "\n".join(f"- {count}: {part}" for part, count in parts.most_common()) or "- none"
    faults = [
        (name, each) for name, each in results.items() if each.verdict not in (Verdict.EQUAL, Verdict.REFUSED)
    ]
    yield f"Faults: {len(faults)} files."
    yield "\n".join(f"- {name}: {each.verdict}: {_FOLDER.sub('', each.why)}" for name, each in faults)


_COLUMNS: dict[str, Callable[[Result], bool]] = {
    "files": lambda _: True,
    "not run": lambda each: bool(each.skipped),
    "not run, refused": lambda each: bool(each.skipped) and each.verdict is Verdict.REFUSED,
    "refused": lambda each: not each.skipped and each.verdict is Verdict.REFUSED,
    "no hierarchy": lambda each: bool(each.depths) and not each.placed,
    "no functions": lambda each: bool(each.placed) and bool(each.depths) and not _is_grouped(each),
    "grouped": lambda each: bool(each.placed) and _is_grouped(each),
    "made up": lambda each: not each.placed and _is_grouped(each),
    "faulty": lambda each: each.verdict is Verdict.WRONG,
    "ended": lambda each: each.verdict in _ENDED,
}


def _by_source(results: Results) -> str:
    groups: dict[str, list[Result]] = {}
    for name, result in results.items():
        groups.setdefault("/".join(name.split("/")[: 2 if name.startswith("github:") else 1]), []).append(
            result
        )
    groups["all"] = list(results.values())
    rows = [
        [name, *(sum(map(holds, group)) for holds in _COLUMNS.values())] for name, group in groups.items()
    ]
    return table(["source", *_COLUMNS], rows)


def _by_depth(results: Results) -> str:
    rows = []
    for step in (f"{kind}{mode} {depth}" for kind in ("", MADE_UP) for mode in MODES for depth in DEPTHS):
        judgements = [each.depths[step] for each in results.values() if step in each.depths]
        cells = [sum(REFUSED in each for each in judgements), sum(WRONG in each for each in judgements)]
        made = [each for each in judgements if MADE in each]
        shares = [_share(made, question) for question in (VALID, LOADS, EQUAL, NEAR)]
        rows.append([step, len(judgements), *cells, len(made), *shares])
    heads = ["files", REFUSED, WRONG, MADE, VALID, LOADS, EQUAL, NEAR]
    return table(["functions, depth", *heads], rows)


def _share(judgements: list[dict[str, str]], question: str) -> str:
    asked = [each[question] for each in judgements if question in each]
    return f"{asked.count('')} of {len(asked)}"


def _counted(reasons: Mapping[str, str]) -> str:
    """List reasons, most frequent first, without the name of the file at their start."""
    counted: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        general = reason.rpartition(".onnx: ")[2][:_REASON].replace("`", "'")
        counted.setdefault(general, []).append(name)
    ordered = sorted(counted.items(), key=lambda entry: -len(entry[1]))
    return "\n".join(f"- {len(names)}: `{why}`, first {names[0]}" for why, names in ordered) or "- none"
