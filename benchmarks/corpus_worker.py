"""The process that rewrites files one by one; `corpus_pool` replaces it if it dies or hangs.

A job is one line of JSON on stdin, `{"path": ..., "tool": ...}`; its result is one line on stdout.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import onnx

from benchmarks import corpus_depths, tools
from benchmarks.corpus_runs import TOLERANCE, Runs
from benchmarks.fields import differences, kinds, without_annotations
from rewriter.errors import Different, NotProved, RewriterError
from rewriter.model.storage import external_data, files
from rewriter.passes.base import Pass
from rewriter.passes.group import Group
from rewriter.passes.registry.presets import Functions, standard_passes
from rewriter.pipeline.loader import load
from rewriter.pipeline.options import Options
from rewriter.pipeline.rewrite_run import rewrite
from rewriter.proof.certificate import certify
from rewriter.runtime.child.error_text import one_line

DEEPEST = 12
"""The largest depth of grouping that is tried, besides unlimited depth."""
MADE_UP = "made-up modules: "


class Verdict(StrEnum):
    """Status of a file."""

    EQUAL = "equal"
    REFUSED = "refused"
    WRONG = "wrong"
    CRASHED = "crashed"
    TIMED_OUT = "timed out"


@dataclass(slots=True)
class Result:
    """Result of one tool on one file.

    Attributes:
        verdict: the outcome.
        why: the reason for any outcome but equal, in one line.
        written: models that were made of the file, by kind.
        proved: number of these models that the certificate proves equal.
        compared: number of these models that were compared and gave the same bits in onnxruntime.
        skipped: the reason why runs of the original allow no comparison; empty if they do.
        met: whether the original gives the recorded outputs.
        functions: number of functions in all models made.
        lost: the first field that is not the same; empty if all are the same.
        kinds: fields that are set in the original but nowhere in the result.
        depths: kind and depth of functions -> question -> the fault, empty if there is none; see
            `corpus_depths`.
        placed: number of nodes with a module, if functions of every depth were made.
        parts: reasons why parts of the file went into no function, or not as they are.
        seconds: wall time.
    """

    verdict: Verdict
    why: str = ""
    written: list[str] = field(default_factory=list)
    proved: int = 0
    compared: int = 0
    skipped: str = ""
    met: bool | None = None
    functions: int = 0
    lost: str = ""
    kinds: list[str] = field(default_factory=list)
    depths: dict[str, corpus_depths.Judgement] = field(default_factory=dict)
    placed: int = 0
    parts: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Read a result from JSON: the inverse of `dataclasses.asdict`."""
        return cls(**{**fields, "verdict": Verdict(fields["verdict"])})


def rewritten(path: Path, scratch: Path) -> Result:
    """Annotate a file, and group it to every depth, by its own evidence and by made-up modules."""
    result = Result(Verdict.EQUAL)
    original = files.load(path)
    runs = Runs(original, path, scratch)
    seen: set[bytes] = set()
    for source, prefix in ((path, ""), (_with_modules(original), MADE_UP)):
        if source is None:
            continue
        for kind, passes in _variants():
            after = rewrite(source, None, Options(passes, numbers=False)).analysis.model
            if kind == "annotate":
                result.lost = result.lost or _lost(original, after)
                if result.lost:
                    return _wrong(result, prefix + kind, f"field {result.lost}")
            content = files.serialize(after)
            if content in seen:
                if kind.startswith("depth"):
                    break
                continue
            seen.add(content)
            result.written.append(prefix + kind)
            result.proved += 1  # an unproved model is not returned
            result.functions += len(after.functions)
            same, why, _ = runs.against(after)
            result.compared += same is True
            if same is False:
                return _wrong(result, prefix + kind, why)
    result.skipped, result.met = runs.skipped or "", runs.met
    return result


def _variants() -> Iterator[tuple[str, tuple[Pass, ...]]]:
    yield "annotate", standard_passes()
    yield "names", standard_passes(restore_names=True)
    yield "shared", standard_passes(Functions.SHARED)
    yield "call", standard_passes(Functions.CALL)
    for depth in range(1, DEEPEST + 1):
        yield f"depth {depth}", standard_passes(Functions.CALL, Group(depth=depth))


def _with_modules(original: onnx.ModelProto) -> onnx.ModelProto | None:
    """Return the model with pairs of nodes placed in made-up nested modules, so that they can be grouped.

    None if the model has its own modules, or external data.
    """
    if external_data.external_locations(original) or load(original).tree.placed:
        return None
    model = onnx.ModelProto()
    model.CopyFrom(original)
    for number, node in enumerate(model.graph.node):
        node.metadata_props.add(key="rewriter.module", value=f"outer{number // 4}.inner{number // 2}")
    return model


def _lost(original: onnx.ModelProto, after: onnx.ModelProto) -> str:
    return next(
        differences(without_annotations(original, original), without_annotations(original, after)), ""
    )


def _wrong(result: Result, kind: str, why: str) -> Result:
    result.verdict, result.why = Verdict.WRONG, one_line(f"{kind}: {why}")
    return result


TOOLS: dict[str, Callable[[Path, Path], None]] = {
    "onnx-ir": tools.onnx_ir,
    "graphsurgeon": tools.graphsurgeon_round_trip,
    "onnxslim": tools.onnxslim,
}
OURS = "rewriter"
DEPTHS = "depths"
"""The rewriter, judged at every depth of functions."""


def processed(path: Path, tool: str, scratch: Path) -> Result:
    """Run another tool on a file. Its model is wrong if onnxruntime refuses it or computes something else."""
    target = scratch / "target.onnx"
    target.unlink(missing_ok=True)
    original = onnx.load(path)
    try:
        TOOLS[tool](path, target)
        after = onnx.load(target)
    except BaseException as error:  # one tool raises SystemExit
        return Result(Verdict.REFUSED, one_line(f"{type(error).__name__}: {error}"))
    result = Result(Verdict.EQUAL, written=["result"])
    result.lost = next(differences(original, after), "")
    result.kinds = sorted(set(kinds(original)) - set(kinds(after)))
    result.proved = int(certify(original, after).equal)
    runs = Runs(original, path, scratch)
    same, why, apart = runs.against(after)
    result.compared, result.skipped = int(same is True), runs.skipped or ""
    if same is False and apart > TOLERANCE:
        return _wrong(result, "result", why)
    return result


def grouped(path: Path, scratch: Path) -> Result:
    """Judge functions of every kind and depth; the first fault or refusal gives the verdict.

    A file without modules is grouped by made-up ones.
    """
    result = Result(Verdict.EQUAL)
    original = corpus_depths.Original(path, scratch)
    result.skipped = original.skipped
    try:
        result.placed = corpus_depths.placed(path)
    except RewriterError as error:
        result.verdict, result.why = Verdict.REFUSED, one_line(error)
        return result
    made_up = None if result.placed else _with_modules(files.load(path))
    if made_up is None:
        result.depths, result.parts = corpus_depths.judged(original, path, scratch)
    else:
        onnx.save(made_up, scratch / "made_up.onnx")
        depths, result.parts = corpus_depths.judged(original, scratch / "made_up.onnx", scratch)
        result.depths = {MADE_UP + step: judgement for step, judgement in depths.items()}
    result.functions = sum(map(bool, result.depths.values()))
    for step, judgement in result.depths.items():
        for question, fault in judgement.items():
            if fault and result.verdict is not Verdict.WRONG:
                refused = question == corpus_depths.REFUSED
                result.verdict = Verdict.REFUSED if refused else Verdict.WRONG
                result.why = fault if refused else one_line(f"{step}: {question}: {fault}")
    return result


def verdict(path: Path, tool: str, scratch: Path) -> Result:
    """Run a tool on a file."""
    start = time.perf_counter()
    ways = {OURS: rewritten, DEPTHS: grouped}
    try:
        result = ways[tool](path, scratch) if tool in ways else processed(path, tool, scratch)
    except (Different, NotProved) as error:
        result = Result(Verdict.WRONG, one_line(error))
    except RewriterError as error:
        result = Result(Verdict.REFUSED, one_line(error))
    except MemoryError:
        result = Result(Verdict.CRASHED, "out of memory")
    except Exception as error:
        result = Result(Verdict.CRASHED, one_line(f"{type(error).__name__}: {error}"))
    result.seconds = time.perf_counter() - start
    return result


def main() -> None:
    """Serve jobs; the argument of the process is the limit of its memory in bytes."""
    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # keep the output of tools apart from the answers
    for line in sys.stdin:
        job = json.loads(line)
        with tempfile.TemporaryDirectory() as scratch:
            print(json.dumps(asdict(verdict(Path(job["path"]), job["tool"], Path(scratch)))), file=answers)
        answers.flush()


if __name__ == "__main__":
    main()
