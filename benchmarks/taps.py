"""Taps all modules of every fixture at once, and compares values with those of onnx and onnxruntime alone.

    python -m benchmarks.taps               # all fixtures; writes the results
    python -m benchmarks.taps FILE...       # these files

Each file is written by `tap '**'`, which proves its own outputs, and must load in onnxruntime. Then each
tapped value of the main graph is made an output of the original by `exposed`, ten lines on onnx alone, all
values of a file in one session. Both sessions run without optimisations, and bits must be equal. With all
optimisations, the outputs of the original must agree within 1e-4 of the largest value. `untap` must give the
original, byte for byte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnx
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

import rewriter
from benchmarks.reporting import environment, publish, table
from rewriter.model.operator_set.determinism import may_draw
from rewriter.refusals import Reason
from rewriter.runtime.inputs.input import FeedError
from rewriter.runtime.inputs.planning import plan

FIXTURES = Path(__file__).parent.parent / "fixtures" / "exports"
WITHIN = 1e-4


def exposed(path: Path, values: Iterable[str]) -> onnx.ModelProto:
    """The original with some values as its only outputs."""
    model = onnx.load(path)
    del model.graph.output[:]
    for value in dict.fromkeys(values):
        model.graph.output.add(name=value)
    return model


def run(model: onnx.ModelProto, feeds: Mapping[str, Any], *, optimised: bool) -> dict[str, Any]:
    """Output -> its value."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, dict(feeds)), strict=True))


def fed(model: onnx.ModelProto) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs that a model runs with, and its outputs with all optimisations: not all drawn sizes suit it."""
    drawn = plan(model)
    for number, choice in enumerate(drawn.choices()):
        feeds = drawn.fill(choice, number)
        with suppress(Fail, InvalidArgument, RuntimeException):
            return feeds, run(model, feeds, optimised=True)
    raise FeedError("the model runs with none of the drawn sizes")


def same(ours: Any, theirs: Any) -> bool:
    """Whether two values have the same bits."""
    left, right = np.asarray(ours), np.asarray(theirs)
    return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()


def near(ours: Any, theirs: Any) -> bool:
    """Whether two values agree within `WITHIN` of the largest."""
    left, right = np.asarray(ours), np.asarray(theirs)
    if left.shape != right.shape or left.dtype.kind not in "fc":
        return bool(np.array_equal(left, right))
    return bool(np.max(np.abs(left - right), initial=0) <= WITHIN * np.max(np.abs(left), initial=1e-30))


def judged(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the outcome of each check on a file, and the case."""
    name = f"{path.parent.name}/{path.name}"
    model = onnx.load(path)
    try:
        report = rewriter.tap(path, "**")
    except rewriter.RewriterError as error:
        yield f"refused: {str(error).rpartition('; ')[2][:80]}", name
        return
    tapped = report.analysis.model
    yield f"other outputs {report.verification.verdict}", name
    for refusal in report.refusals:
        yield _key(refusal.reason), f"{name} {refusal.module}"
    random = may_draw(model)
    back = rewriter.untap(tapped, numbers=False).analysis.model
    original = onnx.load(path, load_external_data=False)
    yield "untapped to the bytes" if back == original else "UNTAPPED TO OTHER BYTES", name
    onnx.load_external_data_for_model(tapped, str(path.parent))
    onnx.checker.check_model(tapped)
    feeds, plain = fed(model)
    ours, fast = (run(tapped, feeds, optimised=each) for each in (False, True))
    for output in plain:
        close = random or near(plain[output], fast[output])
        yield "optimised output close" if close else "OPTIMISED OUTPUT APART", f"{name} {output}"
    values = [tap.value for tap in report.taps if not tap.runs]
    theirs = run(exposed(path, values), feeds, optimised=False) if values and not random else {}
    for tap in report.taps:
        if tap.runs:
            yield "value in a body, not compared", f"{name} {tap.output}"
        elif random:
            yield "value in a file that draws random numbers, not compared", f"{name} {tap.output}"
        else:
            equal = same(ours[tap.output], theirs[tap.value])
            yield "value equal, bit for bit" if equal else "VALUE APART", f"{name} {tap.output}"


def _key(reason: Reason) -> str:
    return f"module refused: {reason.name.lower()}"


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
def main(files: tuple[Path, ...]) -> None:
    """Tap the files, and print or write the table of outcomes."""
    counts: Counter[str] = Counter()
    faults: list[str] = []
    for path in files or sorted(FIXTURES.glob("*/*.onnx")):
        try:
            for outcome, case in judged(path):
                counts[outcome] += 1
                if outcome.isupper() or outcome.startswith("refused"):
                    faults.append(f"- {outcome}: {case}")
        except Exception as error:
            counts["FAULT"] += 1
            faults.append(f"- FAULT: {path.parent.name}/{path.name}: {error!r:.200}")
    rows = table(("outcome", "cases"), ((each, f"{count:,}") for each, count in sorted(counts.items())))
    reasons = [f"- {each.name.lower()}: {each.value}" for each in Reason if _key(each) in counts]
    parts = [f"# Every module of every fixture, tapped\n\n{environment()}", rows, "\n".join(reasons)]
    text = "\n\n".join([*parts, "\n".join(faults)])
    if files:
        click.echo(text)
    else:
        publish("taps", text.rstrip() + "\n")


if __name__ == "__main__":
    main()
