"""Groups a file into functions of every depth and kind, and judges each result, for `corpus_worker`.

Sessions run in this process, which may crash: `entering` names the step on standard error before it starts.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError

from rewriter.errors import Different, NotProved, RewriterError
from rewriter.model.storage import external_data, files
from rewriter.passes.group import Group
from rewriter.passes.registry.presets import Functions, standard_passes
from rewriter.pipeline.loader import load
from rewriter.pipeline.options import Options
from rewriter.pipeline.rewrite_run import rewrite
from rewriter.runtime.child.error_text import one_line
from rewriter.runtime.child.job import Job
from rewriter.runtime.compare.output_task import another_seed, unsteady_outputs
from rewriter.runtime.compare.tolerance import ROUNDING, difference
from rewriter.runtime.inputs.feeds import Drawing
from rewriter.runtime.inputs.input import FeedError
from rewriter.runtime.inputs.input_search import find_inputs
from rewriter.runtime.inputs.planning import plan
from rewriter.runtime.ort.sessions import RunError, Session

MODES = (Functions.CALL, Functions.SHARED)
DEPTHS = {"1": 1, "2": 2, "full": 0}
REFUSED, WRONG, MADE = "refused", "not proved", "with functions"
VALID, LOADS, EQUAL, NEAR = "valid", "loads", "same bits", "near"
STEP = "step: "
"""Beginning of the lines on standard error that name a step."""
_SECONDS = 60.0

Judgement = dict[str, str]
"""Question -> the fault; empty if there is none. A question that cannot be asked is missing."""


def entering(step: str) -> None:
    """Name the step that begins, for the report if the process dies in it."""
    print(STEP + step, file=sys.stderr, flush=True)


class Original:
    """A file, with its results in onnxruntime.

    Attributes:
        skipped: the reason why onnxruntime does not run it; empty if it does.
        valid: whether the full checker of onnx accepts it.
    """

    def __init__(self, path: Path, scratch: Path) -> None:
        self.path, self.scratch = path, scratch
        entering("full checker, original")
        self.valid = not invalid(path)
        entering("session, original")
        self.skipped = _crash(self._run) or self._run()

    def _run(self) -> str:
        """Run the file on drawn inputs; return the reason if it does not run."""
        try:
            self._take_results()
        except (RunError, FeedError, DecodeError, TypeError, ValueError) as error:
            return one_line(error)
        except MemoryError:
            return "out of memory"
        return ""

    def _take_results(self) -> None:
        drawing = Drawing(plan(onnx.load(self.path, load_external_data=False)), sets=1)
        self.inputs = drawing.plan.inputs
        open_ = partial(Session, self.path, str(self.path.parent))
        self._found = find_inputs(Job(self.scratch, None, {}, _SECONDS), drawing, open_)
        self._unsteady = unsteady_outputs(self._found, self.inputs, open_(seed=another_seed(0)))
        self._optimised: list[list[Any]] | None = None
        entering("optimised session, original")
        try:
            session = open_(optimised=True)
            self._optimised = [session.run(self.inputs, feeds) for feeds in self._found.feeds]
        except RunError:
            pass

    def judge(self, path: Path, step: str) -> Judgement:
        """Judge a grouped form of the file."""
        found: Judgement = {MADE: ""}
        if self.valid:
            entering(f"full checker, {step}")
            found[VALID] = invalid(path)
        if self.skipped:
            return found
        for question, optimised, expected in (
            (EQUAL, False, self._found.results),
            (NEAR, True, self._optimised),
        ):
            if expected is None:
                continue
            entering(f"{'optimised ' * optimised}session, {step}")
            try:
                session = Session(path, str(path.parent), optimised=optimised)
                found.setdefault(LOADS, "")
                results = [session.run(self.inputs, feeds) for feeds in self._found.feeds]
            except RunError as error:
                found[LOADS] = one_line(error)
                continue
            found[question] = self._apart(expected, results, ROUNDING if optimised else None)
        return found

    def _apart(self, expected: list[list[Any]], results: list[list[Any]], allowed: float | None) -> str:
        """Return the first deviation above the allowed one; empty if there is none."""
        for before, after in zip(expected, results, strict=True):
            if len(before) != len(after):
                return "number of outputs"
            for position, pair in enumerate(zip(before, after, strict=True)):
                found = None if position in self._unsteady else difference(*pair, f"output {position}")
                if found is not None and (allowed is None or found.relative > allowed):
                    return f"{found.where}: off by {found.largest:g} (relative {found.relative:g})"
        return ""


def _crash(run: Callable[[], object]) -> str:
    """Run something in a fork first; return the signal that ends it, empty if none does."""
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            run()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return f"onnxruntime crashed ({signal.Signals(os.WTERMSIG(status)).name})" if status else ""


def invalid(path: Path) -> str:
    """Return the fault that the full checker of onnx finds; empty if there is none."""
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except Exception as error:  # the checker also raises errors of its inference
        return one_line(error) or type(error).__name__
    return ""


def placed(path: Path) -> int:
    """Return the number of nodes with a module."""
    return load(path).tree.placed


def every_depth(path: Path) -> Iterator[tuple[str, Callable[[Path], Any]]]:
    """Yield (kind and depth, function that writes the grouped file)."""
    copied = bool(external_data.external_locations(files.load(path)))
    for mode in MODES:
        for word, depth in DEPTHS.items():
            options = Options(standard_passes(mode, Group(depth=depth)), numbers=False, copy_data=copied)
            yield f"{mode} {word}", partial(rewrite, path, options=options)


def judged(original: Original, path: Path, scratch: Path) -> tuple[dict[str, Judgement], list[str]]:
    """Group a file at every depth.

    Args:
        original: the file.
        path: the file to group, which computes the same.
        scratch: a folder for the grouped files.

    Returns:
        A judgement for each kind and depth, and the reasons of the parts that were refused.
    """
    found: dict[str, Judgement] = {}
    known: dict[bytes, Judgement] = {}
    parts: set[str] = set()
    for step, write in every_depth(path):
        target = scratch / "grouped" / f"{step}.onnx"
        target.parent.mkdir(exist_ok=True)
        entering(f"rewrite, {step}")
        try:
            report = write(target)
        except (Different, NotProved) as error:
            found[step] = {WRONG: one_line(error)}
            continue
        except RewriterError as error:
            found[step] = {REFUSED: one_line(error)}
            continue
        parts.update(each.reason.name for each in report.refusals)
        content = target.read_bytes()
        if content not in known:
            known[content] = original.judge(target, step) if report.analysis.model.functions else {}
        found[step] = known[content]
    return found, sorted(parts)
