"""What is asked of pieces of a model, and what is found; without onnx."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rewriter.runtime.feeds import Drawing
from rewriter.runtime.outcome import Outcome

WHOLE = "whole"
"""The name of the whole among the models."""
AT_PIECE = ". cut"
"""How the names of stages end in which a piece is loaded and run."""


def piece(number: int) -> str:
    """The name of a piece among the models."""
    return f"part-{number}"


@dataclass(frozen=True, slots=True)
class PartRequest:
    """How to run a model and pieces of it.

    Attributes:
        drawing: how input sets for the whole come about; why it is not to be run, where it is not.
        chain: whether a piece is fed what earlier ones gave instead of what was recorded.
        outputs: how many outputs the whole has of its own.
        parts: of each piece, name of an input or output -> its name in the whole.
    """

    drawing: Drawing | str
    chain: bool
    outputs: int
    parts: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class PartRun:
    """What was found of one piece.

    Attributes:
        fault: what onnx's full checker or onnxruntime has against the model; None where both take it.
        fault_of_whole: the same has something against the whole as well, so the fault is no news.
        outcome: the numbers.
        unsteady: outputs that differ, but from run to run of the whole as well: not held against the piece,
            and in a chain recorded ones are handed on.
        unchecked: why neither was asked; None where both were.
    """

    fault: str | None
    fault_of_whole: bool
    outcome: Outcome
    unsteady: tuple[str, ...] = ()
    unchecked: str | None = None


@dataclass(frozen=True, slots=True)
class PartRuns:
    """One verdict per piece, and the ranks of the outputs of the whole that are arrays of one rank."""

    verdicts: tuple[PartRun, ...]
    ranks: Mapping[str, int]
