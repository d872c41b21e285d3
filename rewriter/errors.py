"""Errors of the package, each with the exit code of the command line."""

from __future__ import annotations


class RewriterError(Exception):
    """Base class of errors that are reported in one line: the file, the fault, and the remedy."""

    exit_code = 3


class UnreadableModel(RewriterError):
    """An input, such as a model or a sidecar, cannot be read, or its data is missing or out of bounds."""


class DoesNotFit(RewriterError):
    """The original shares too little with the model for the original's tree to fit; nothing was written."""


class CannotCut(RewriterError):
    """The selected modules cannot be a model of their own; nothing was written."""


class CannotImplant(RewriterError):
    """A piece cannot take the place of a module; nothing was written."""


class CannotReplace(RewriterError):
    """The selected modules cannot be nodes of one operator, or a runtime refuses them."""


class CannotWrite(RewriterError):
    """The output cannot be written to its target; nothing was written."""

    exit_code = 2


class NoScratch(CannotWrite):
    """Temporary files cannot be written; no output was written."""

    def __init__(self, error: OSError) -> None:
        super().__init__(
            f"temporary files cannot be written: {error.strerror or error}; TMPDIR names the folder for them"
        )


class EngineLost(RewriterError):
    """The engine of a batch cannot be reached, or can no longer work; finished files are recorded."""

    exit_code = 2


class Interrupted(RewriterError):
    """Ctrl-C or SIGTERM ended a run; the message says how far it came."""

    exit_code = 130


class NoRuntime(RewriterError):
    """onnxruntime is not installed, or fails to import; the message names the remedy."""

    exit_code = 2


class UsageError(RewriterError):
    """An option or name is unknown, options contradict each other or the file, or a plugin pass is faulty."""

    exit_code = 2


class StaleAnalysis(UsageError):
    """A pass reads a result of the analysis that depends on a changed part, which it does not require."""


class Different(RewriterError):
    """The result does not compute the same as the original; nothing was written."""

    exit_code = 1


class NotProved(RewriterError):
    """The result was not proved equal, or requested numbers are missing; nothing was written."""

    exit_code = 5


class BelowThreshold(RewriterError):
    """Coverage is below `--min-coverage`, or `--strict` found a refusal or warning; nothing was written."""

    exit_code = 4
