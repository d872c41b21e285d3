"""Runs two models in a child process, since onnxruntime can crash, hang or take all memory on a bad file.

onnxruntime maps weights into memory, privately, so a limit on addresses or on data (RLIMIT_AS, RLIMIT_DATA)
would refuse large models that run well. So the parent watches what memory a child has of its own, and ends
one that takes more than `limits` allow. On Linux the child asks to be the first to go when memory runs out.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import onnx
from google.protobuf.message import EncodeError

from rewriter.model.purity import may_draw
from rewriter.refusals import NoRuntime, NoScratch
from rewriter.runtime.difference import Tolerance
from rewriter.runtime.feeds import Array, Plan
from rewriter.runtime.handed import write_inputs
from rewriter.runtime.inputs import Rounds
from rewriter.runtime.limits import THREADS, current, own_memory, size_text
from rewriter.runtime.overloads import first_misread
from rewriter.runtime.protocol import (
    NO_RUNTIME,
    REASON,
    ROUNDS,
    SCRATCH,
    Outcome,
    Request,
    Stage,
    Stored,
    one_line,
)
from rewriter.runtime.signature import required_inputs
from rewriter.runtime.stored import stored_weights
from rewriter.runtime.weights import SharedWeights, holds_weights

_WORKER = "rewriter.runtime.worker"
_PROBING_SHARE = 0.25
_LOOK = 0.02
"""Seconds between two looks at the memory of a child; it can take some 100 MB in that time."""
_ENDED = "ended"


def compare_runs(
    models: Mapping[Stage, onnx.ModelProto],
    folders: Mapping[Stage, Path | None],
    plan: Plan,
    *,
    sets: int,
    seed: int,
    given: Mapping[str, Array] | None,
    optimised: bool,
    timeout: float,
    tolerance: Tolerance | None = None,
) -> Outcome:
    """Runs the original and the rewritten model on the same input sets in a child process and compares.

    Args:
        models: the structure of both; external weights stay in their files.
        folders: where these files lie.
        plan: how to draw input sets for the original.
        sets: how many to draw.
        seed: of the drawing.
        given: one array per input of the plan, used instead of drawn ones.
        optimised: with onnxruntime's graph optimisations; without, equal models agree bit for bit.
        timeout: seconds for everything; a quarter of it for finding sizes the original runs with.
        tolerance: how far results may be apart; None to say nothing of it.

    Returns:
        What was found; a crash or a timeout is an outcome too. Never raises for what a model does.
    """
    if reason := first_misread(models.values()):
        return Outcome(skipped=reason)
    try:
        with scratch() as folder:
            places = {stage: None if path is None else str(path.resolve()) for stage, path in folders.items()}
            if all(map(holds_weights, models.values())):
                models = SharedWeights(folder).move(models)
                places = dict.fromkeys(Stage, str(folder))
            request = Request(
                plan,
                sets,
                seed,
                given is not None,
                optimised,
                timeout * _PROBING_SHARE,
                places,
                may_draw(models[Stage.FIRST]),
                _mappable(models, places) if not optimised else {},  # optimisers look into the model
                tolerance,
                _other_names(models.get(Stage.SECOND), plan),
            )
            request.write(folder / "request.json")
            try:
                for stage, model in models.items():
                    (folder / stage.model).write_bytes(model.SerializeToString())
            except (EncodeError, ValueError):
                return Outcome(
                    skipped="a model over 2 GB with its weights loaded cannot be run; leave them external"
                )
            if given is not None:
                write_inputs(folder, (given[each.name] for each in plan.inputs))
            outcome = _run(folder, timeout)
            if (folder / ROUNDS).exists():  # a crash, and nobody had asked for those runs
                (folder / ROUNDS).unlink()
                replace(request, plan=replace(plan, rounds=Rounds())).write(folder / "request.json")
                outcome = _run(folder, timeout)
            return outcome
    except NoScratch as error:
        return Outcome(skipped=one_line(f"onnxruntime was not run: {error}"))


def _other_names(second: onnx.ModelProto | None, plan: Plan) -> dict[str, str]:
    """Inputs that bear another name in the second model, which has as many, in the same order."""
    inputs = [each.name for each in plan.inputs]
    theirs = [] if second is None else [info.name for info in required_inputs(second)]
    if sorted(inputs) == sorted(theirs) or len(inputs) != len(theirs):
        return {}
    return {ours: other for ours, other in zip(inputs, theirs, strict=True) if ours != other}


def _mappable(
    models: Mapping[Stage, onnx.ModelProto], places: Mapping[Stage, str | None]
) -> dict[Stage, tuple[Stored, ...]]:
    return {
        stage: stored_weights(models[stage], Path(place))
        for stage, place in places.items()
        if place is not None
    }


@contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder that Ctrl-C during its removal does not leave behind.

    Raises:
        NoScratch: it cannot be made or written, as on a full disk.
    """
    try:
        folder = Path(mkdtemp(prefix=SCRATCH))
    except OSError as error:
        raise NoScratch(error) from None
    try:
        yield folder
    except OSError as error:
        raise NoScratch(error) from None
    finally:
        try:
            shutil.rmtree(folder, ignore_errors=True)
        except KeyboardInterrupt:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def _run(folder: Path, timeout: float) -> Outcome:
    code = in_child(_WORKER, folder, timeout)
    if code is None:
        return Outcome(skipped=f"{_stage(folder)} {why_ended(folder)}")
    if (folder / "outcome.json").exists():
        return Outcome.read(folder / "outcome.json")
    return _failed(folder, code)


def in_child(worker: str, folder: Path, timeout: float) -> int | None:
    """Run `python -m worker folder` within the limits.

    What it writes to stderr is in the file `stderr` of the folder.

    Returns:
        Its exit code; the number of a signal below 0; None where it was ended, see `why_ended`.
    """
    # -P keeps the working directory, which may hold anything, off the child's module path.
    command = [sys.executable, "-P", "-m", worker, str(folder)]
    limits = current()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        THREADS: str(limits.threads),
        # onnxruntime 1.31 keeps a database of what it counted in the user's cache folder.
        "ORT_DISABLE_TELEMETRY": "1",
    }
    with (folder / "stderr").open("wb") as errors:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # never written to: its closing tells the child that we are gone
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=environment,
            start_new_session=True,  # Ctrl-C comes to us, and we end the child
        )
        try:
            reason = _wait(child, timeout, limits.memory)
            if reason is None:
                return child.returncode
            (folder / _ENDED).write_text(reason, encoding="utf-8")
            return None
        finally:
            child.kill()
            child.wait()
            if child.stdin is not None:
                child.stdin.close()


def _wait(child: subprocess.Popen[bytes], timeout: float, memory: int) -> str | None:
    """Wait until the child is done; why it has to be ended where it is not."""
    limit = time.monotonic() + timeout
    while (left := limit - time.monotonic()) > 0:
        try:
            child.wait(min(left, _LOOK))
        except subprocess.TimeoutExpired:
            if own_memory(child.pid) > memory:
                return f"ran out of memory: it took more than {size_text(memory)}; --memory gives it more"
        else:
            return None
    return f"timed out: not done after {timeout:g} s; --timeout gives it longer"


def why_ended(folder: Path) -> str:
    """Why `in_child` ended the child: "timed out: ...", or "ran out of memory: ..."."""
    return (folder / _ENDED).read_text(encoding="utf-8")


def why_failed(folder: Path, code: int | None) -> str:
    """Why a child has nothing to give, in one line: what `in_child` returned, and what it left behind."""
    if code is None:
        return why_ended(folder)
    if code < 0:
        return f"onnxruntime crashed ({_signal(-code)})"
    reason = folder / REASON
    if reason.exists():
        return reason.read_text(encoding="utf-8")
    if code == 0:
        return "the process for onnxruntime ended without a result"
    return one_line(f"the process for onnxruntime failed: {last_words(folder) or f'exit code {code}'}")


def demand_result(folder: Path, code: int | None, result: str) -> str | None:
    """Why a child has not left a result; None where it has.

    Args:
        folder: of the child.
        code: what `in_child` returned.
        result: the file that it was to leave.

    Raises:
        NoRuntime: onnxruntime does not import here, which no model can help.
    """
    if code == 0 and (folder / result).exists():
        return None
    if code == NO_RUNTIME:
        raise NoRuntime(why_failed(folder, code))
    return why_failed(folder, code)


def last_words(folder: Path) -> str:
    """The last line that a child wrote to stderr; nothing where it wrote none."""
    lines = (folder / "stderr").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _failed(folder: Path, code: int) -> Outcome:
    """The outcome where the child left none: a crash of the rewritten model alone is an error of that."""
    if code >= 0:
        return Outcome(skipped=why_failed(folder, code))
    if _entered(folder) is None:
        return Outcome(skipped=why_failed(folder, code))
    reason = f"{_stage(folder)} crashed onnxruntime ({_signal(-code)})"
    # SIGKILL is what the system sends where memory runs out; that says nothing of the model.
    if _entered(folder) is Stage.SECOND and -code != signal.SIGKILL:
        return Outcome(error=reason)
    return Outcome(skipped=reason)


def _entered(folder: Path) -> Stage | None:
    path = folder / "stage"
    return Stage(path.read_text(encoding="utf-8")) if path.exists() else None


def _stage(folder: Path) -> str:
    stage = _entered(folder)
    return "onnxruntime" if stage is None else f"the {stage} model"


def _signal(number: int) -> str:
    try:
        return f"signal {number}, {signal.Signals(number).name}"
    except ValueError:
        return f"signal {number}"
