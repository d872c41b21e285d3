"""Calls tasks in child processes, since they may crash, hang or take all memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from google.protobuf.message import EncodeError
from onnx import ModelProto

from rewriter.errors import NoRuntime
from rewriter.runtime.child.error_text import one_line, signal_text
from rewriter.runtime.child.job import (
    ANSWER,
    JOB,
    PARTIAL,
    STAGE,
    STDERR,
    Cause,
    Ended,
    Job,
    Sent,
    read,
    write,
)
from rewriter.runtime.child.process import in_child, scratch
from rewriter.runtime.ort.overloads import first_misread
from rewriter.runtime.weights.external import stored_weights
from rewriter.runtime.weights.inline import SharedWeights, holds_weights

Name = TypeVar("Name", bound=str)
Result = TypeVar("Result")
Edit = Callable[[str, ModelProto], object]
_ORT = "onnxruntime"


@dataclass(frozen=True, slots=True)
class Task(Generic[Result]):
    """Function that a child runs.

    Attributes:
        name: `module:function`; the function takes a `Job` and returns a `Result`.
        program: the package that does the work, for messages. If it is "onnxruntime", `run` refuses models
            whose function overloads onnxruntime misreads.
    """

    name: str
    program: str = _ORT


def run(
    task: Task[Result],
    request: object,
    models: Mapping[Name, ModelProto],
    *,
    folders: Mapping[Name, Path | None] | None = None,
    edit: Edit | None = None,
    timeout: float,
) -> Result | Ended:
    """Run a task in a child process, within the current limits.

    Args:
        task: the task.
        request: the request of the task, arrays included; must be picklable.
        models: the models by name, not changed. The large inline weights of a model without external ones
            are passed to the child in a file.
        folders: the folders of external data by name of the model; None for a model without external data.
        edit: function of a name and a copy of that model; it changes the copy before the copy is sent. The
            copy holds no weights that are passed in a file.
        timeout: seconds.

    Returns:
        The result of the task, or `Ended`. Failures of a model are never raised.

    Raises:
        NoScratch: temporary files cannot be written.
    """
    if task.program == _ORT and (reason := first_misread(models.values())):
        return Ended(reason)
    with scratch() as folder:
        try:
            sent = _sent(models, folders or {}, edit, folder)
        except OverflowError:
            reason = "a model over 2 GB with its weights loaded cannot be run; leave them external"
            return Ended(reason, Cause.TOO_LARGE)
        write(Job(folder, request, sent, timeout), folder / JOB)
        code = in_child(task.name, folder, timeout)
        if code == 0 and (folder / ANSWER).exists():
            found: Result | Ended = read(folder / ANSWER)
        else:
            found = code if isinstance(code, Ended) else _failed(task.program, folder, code)
        if not isinstance(found, Ended):
            return found
        stage = folder / STAGE
        entered = stage.read_text(encoding="utf-8") if stage.exists() else ""
        return replace(found, stage=entered, partial=read(folder / PARTIAL))


def demand_runtime(ended: Ended) -> None:
    """Raise if a child ended because onnxruntime does not import, which does not depend on the model.

    Raises:
        NoRuntime: onnxruntime does not import.
    """
    if ended.cause is Cause.NO_RUNTIME:
        raise NoRuntime(ended.how)


def _sent(
    models: Mapping[Name, ModelProto], folders: Mapping[Name, Path | None], edit: Edit | None, folder: Path
) -> dict[str, Sent]:
    """Write the models into the folder of the job.

    Raises:
        OverflowError: a model is too large.
    """
    heavy = {name: model for name, model in models.items() if holds_weights(model)}
    moved = SharedWeights(folder).move(heavy) if heavy else {}
    sent: dict[str, Sent] = {}
    for name, original in models.items():
        home = folder if name in moved else folders.get(name)
        model = moved.get(name, original)
        if edit is not None:
            if name not in moved:
                model = ModelProto()
                model.CopyFrom(original)
            edit(name, model)
        path = folder / f"{name}.onnx"
        try:
            path.write_bytes(model.SerializeToString())
        except (EncodeError, ValueError):
            raise OverflowError(name) from None
        stored = stored_weights(model, home) if home is not None else ()
        sent[name] = Sent(path, str(home.resolve()) if home is not None else None, stored)
    return sent


def _failed(program: str, folder: Path, code: int) -> Ended:
    """Describe the end of a child that left no answer."""
    if code < 0:
        return Ended(f"{program} crashed ({signal_text(-code)})", Cause.CRASH, -code)
    if code == 0:
        return Ended(f"the process for {program} ended without a result", Cause.FAILURE)
    lines = (folder / STDERR).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    words = lines[-1] if lines else f"exit code {code}"
    return Ended(one_line(f"the process for {program} failed: {words}"), Cause.FAILURE)
