"""Refusals of passes, each with a reason and a witness node, and errors on inputs that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rewriter.paths import ModulePath


class Reason(Enum):
    """Reason why something was left unchanged."""

    NAME_TAKEN = "the name is already used in this file"
    AMBIGUOUS = "the evidence allows more than one answer"
    NOT_CONVEX = "what it computes leaves it and comes back, so it was cut into segments"
    OTHER_OPSET = "the function imports other opsets than the model, so it was kept"
    A_LIST = "it owns no node and its parts are called one by one, so each is called by its caller"
    CYCLIC = "it and another module feed each other, so its nodes went to its caller"
    LATE_TYPE = (
        "functions hand no value of its type on in onnxruntime, so what reads it went to an outer caller"
    )
    NAMES_LOST = "the names of its calls are too long to keep, so 'flatten' will name nodes after their calls"
    GROUPED = "its names and annotations are spread over functions, so they stay; 'rewriter flatten' it first"
    NO_TYPE = (
        "onnx infers no type behind it and reads none in nested functions, so it is in none; --depth 1 keeps "
        "it in, if onnxruntime or the file tells the type"
    )
    STATED_TYPE = (
        "a Loop or Scan goes by a type that the file states here, and runtimes read none in functions, so it "
        "is in none; a shape for every output of its body mends that"
    )
    NO_KERNEL = "onnxruntime takes it in a graph and not in a function, so it is in none"
    IN_A_BODY = "its nodes stand in a body of If, Loop or Scan, which no function is made of"
    LOST_DEFAULT = "onnx loses the defaults of its attributes inside functions, so it is in none"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A change that a pass refused. `witness` names the node or value of the input file that proves it."""

    module: ModulePath
    reason: Reason
    witness: str

    def __str__(self) -> str:
        return f"{self.module or '(root)'}: {self.reason.value} ({self.witness})"


class RewriterError(Exception):
    """A fault to report in one line: the file, the fault, and the remedy."""

    exit_code = 3


class UnreadableModel(RewriterError):
    """The input is not a model we can read, or refers to data that is missing or out of bounds."""


class DoesNotFit(RewriterError):
    """The given original is not the model this file was made from; nothing was carried over or written."""


class CannotCut(RewriterError):
    """The selected modules cannot be a model of their own; the text has the reason. Nothing was written."""


class CannotWrite(RewriterError):
    """The output cannot be written to its target; nothing was written."""

    exit_code = 2


class NoScratch(CannotWrite):
    """There is no room for temporary files; nothing was written."""

    def __init__(self, error: OSError) -> None:
        super().__init__(
            f"temporary files cannot be written: {error.strerror or error}; TMPDIR names the folder for them"
        )


class NoRuntime(RewriterError):
    """onnxruntime is not installed, or fails to import; the text has the remedy."""

    exit_code = 2


class UsageError(RewriterError):
    """The command asks for something that this file or these options do not allow."""

    exit_code = 2


class StaleAnalysis(UsageError):
    """A pass reads a part of its analysis that it does not require and that an earlier pass has changed."""


class Different(RewriterError):
    """The result computes something else than the original; nothing was written."""

    exit_code = 1


class NotProved(RewriterError):
    """The result was not proved equal to the original, or numbers are missing; nothing was written."""

    exit_code = 5


class BelowThreshold(RewriterError):
    """The result is below `--min-coverage`, or has refusals under `--strict`; nothing was written."""

    exit_code = 4
