"""Jobs, results and weights pass between a parent and its child as files in a temporary folder.

    job          the `Job`, pickled
    <name>.onnx  a model; external weights stay in their files
    weights.bin  large inline weights of models without external ones; equal weights are stored once
    answer       the result of the task, pickled
    partial      the results so far, pickled
    stage        the current stage of the task, as text
    stderr       the standard error of the child

Pickles are safe here: both processes run the same program as the same user, so a pickle gives the child no
power that it lacks. Each pickle is written under another name and then renamed, so a reader never finds half
a pickle.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, TypeVar

Request = TypeVar("Request")

SCRATCH = "rewriter-"
"""Prefix of the names of temporary folders."""
JOB, ANSWER, PARTIAL, STAGE, STDERR = "job", "answer", "partial", "stage", "stderr"


class TaskError(ValueError):
    """Raised if a task has no result; the text has the reason in one line."""


class Cause(StrEnum):
    """Cause of a missing result."""

    TOLD = "told"
    """The task gave a reason, or the models were refused before it started."""
    NO_RUNTIME = "no runtime"
    """onnxruntime does not import."""
    TOO_LARGE = "too large"
    """A model is too large to be sent."""
    LIMIT = "limit"
    """The child took too long, or too much memory."""
    CRASH = "crash"
    """A signal ended the child."""
    FAILURE = "failure"
    """The child exited without an answer."""


@dataclass(frozen=True, slots=True)
class Ended:
    """End of a child without a result.

    Attributes:
        how: description in one line: "onnxruntime crashed (signal 11, SIGSEGV)", "timed out: ...".
        cause: the kind of end, for programs.
        signal: the signal that ended the child; 0 for none.
        stage: the last stage that the task entered; empty if it entered none.
        partial: the last results that the task left; None if it left none.
    """

    how: str
    cause: Cause = Cause.TOLD
    signal: int = 0
    stage: str = ""
    partial: Any = None


@dataclass(frozen=True, slots=True)
class ExternalWeight:
    """An initializer of the main graph in an external file.

    Attributes:
        name: the initializer.
        location: the file, relative to the folder of the model.
        offset: bytes before it.
        dtype: numpy's name of its type.
        shape: its shape.
    """

    name: str
    location: str
    offset: int
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """Model that was sent to a child.

    Attributes:
        path: the file of the model.
        folder: the folder of its external data; None if it has none.
        weights: its external weights that can be mapped into memory.
    """

    path: Path
    folder: str | None
    weights: tuple[ExternalWeight, ...] = ()


@dataclass(frozen=True, slots=True)
class Job(Generic[Request]):
    """Input of a task.

    Attributes:
        folder: a folder that the task may write to; removed after the child has ended.
        request: the request of the task.
        models: the models by name.
        timeout: seconds, from the start of the child.
    """

    folder: Path
    request: Request
    models: Mapping[str, Sent]
    timeout: float

    def enter(self, stage: str) -> None:
        """Record the stage that begins, for the report if the child ends without a result."""
        (self.folder / STAGE).write_text(stage, encoding="utf-8")

    def leave(self, found: object) -> None:
        """Store the results so far, in case the child ends without an answer."""
        write(found, self.folder / PARTIAL)


def write(value: object, path: Path) -> None:
    """Write a value to a file, whole or not at all."""
    draft = path.with_suffix(".draft")
    with draft.open("wb") as stream:
        pickle.dump(value, stream, protocol=5)
    draft.replace(path)


def read(path: Path) -> Any:
    """Read a value that `write` wrote; None if there is no file."""
    if not path.exists():
        return None
    with path.open("rb") as stream:
        return pickle.load(stream)
