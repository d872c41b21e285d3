"""What a child is given, and what it gives back: files in a temporary folder.

job               Job, pickled              <name>.onnx   structure of a model; weights where they always were
answer            what the task returned    weights.bin   inline weights, equal ones once
partial           what it had found before  stage         text: what the task is at
stderr            what it wrote there

Pickles pass between two processes of one user and one program: a child can do nothing by them that it could
not do by itself. Each is written under another name and then renamed, so none is ever read half.
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
    """A task has nothing to give; the text says why in one line."""


class Cause(StrEnum):
    """Why there is no result."""

    TOLD = "told"
    """The task said why, or the models were refused before."""
    NO_RUNTIME = "no runtime"
    """onnxruntime does not import."""
    TOO_LARGE = "too large"
    """A model cannot be sent."""
    LIMIT = "limit"
    """It took too long, or too much memory."""
    CRASH = "crash"
    FAILURE = "failure"
    """It ended by itself, without an answer."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended without a result.

    Attributes:
        how: one line: "onnxruntime crashed (signal 11, SIGSEGV)", "timed out: ...".
        cause: the same for programs.
        signal: that ended it; 0 for none.
        stage: what the task was at; empty where it did not say.
        partial: what it had found until then; None for nothing.
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
        dtype: its type, by numpy's name.
        shape: its shape.
    """

    name: str
    location: str
    offset: int
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """A model as the child finds it.

    Attributes:
        path: the file of its structure.
        folder: where its external data lies; None where it has none.
        weights: what of that can be mapped into memory.
    """

    path: Path
    folder: str | None
    weights: tuple[ExternalWeight, ...] = ()


@dataclass(frozen=True, slots=True)
class Job(Generic[Request]):
    """What a task is to do.

    Attributes:
        folder: for files of its own; removed when the child has ended.
        request: what is asked.
        models: the models by name.
        timeout: seconds, from the start of the child.
    """

    folder: Path
    request: Request
    models: Mapping[str, Sent]
    timeout: float

    def enter(self, stage: str) -> None:
        """Say what comes next, for the report of a crash."""
        (self.folder / STAGE).write_text(stage, encoding="utf-8")

    def leave(self, found: object) -> None:
        """Leave what was found so far, for the case that there will be no answer."""
        write(found, self.folder / PARTIAL)


def write(value: object, path: Path) -> None:
    """Write a value to a file, whole or not at all."""
    draft = path.with_suffix(".draft")
    with draft.open("wb") as stream:
        pickle.dump(value, stream, protocol=5)
    draft.replace(path)


def read(path: Path) -> Any:
    """Read what `write` wrote; None where there is no file."""
    if not path.exists():
        return None
    with path.open("rb") as stream:
        return pickle.load(stream)
