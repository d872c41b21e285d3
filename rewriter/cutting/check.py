"""Whether pieces are valid models that compute what the whole does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from onnx import ModelProto

from rewriter.cutting.piece import Piece
from rewriter.proof.compare import Numeric, fitting
from rewriter.refusals import NotEquivalent
from rewriter.runtime.feeds import Array, Plan
from rewriter.runtime.inputs import FeedError
from rewriter.runtime.parts import Part, Verdict, WholeRun
from rewriter.runtime.planning import plan
from rewriter.runtime.protocol import one_line


@dataclass(frozen=True, slots=True)
class Checking:
    """How pieces are checked.

    Attributes:
        numbers: whether to run the whole and the pieces; without, they are checked and loaded alone.
        inputs: arrays to run the whole on; drawn from its signature where None.
        timeout: seconds for all of it.
        sets: how many input sets to draw.
    """

    numbers: bool = True
    inputs: Mapping[str, Array] | None = None
    timeout: float = 600.0
    sets: int = 3


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of one piece.

    Attributes:
        fault: what the full checker or onnxruntime has against it; None where both take it.
        fault_of_whole: the same has something against the whole model, too.
        numeric: the piece against the whole; None where numbers were not asked for.
        unsteady: outputs that were not compared, since they are random in the whole as well.
    """

    fault: str | None
    fault_of_whole: bool
    numeric: Numeric | None
    unsteady: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Valid, as far as the whole is, and contradicted by no number."""
        valid = self.fault is None or self.fault_of_whole
        return valid and (self.numeric is None or self.numeric.agrees is not False)


def run_of(whole: ModelProto, folder: Path | None, how: Checking) -> WholeRun:
    """How the whole is run.

    Raises:
        UsageError: the inputs do not fit it.
    """
    drawing = _drawing(whole, how)
    given = None
    if how.inputs is not None and isinstance(drawing, Plan):
        given = fitting(whole, how.inputs)
    return WholeRun(whole, folder, drawing, given, how.sets, how.timeout)


def check(
    whole: ModelProto, pieces: Sequence[Piece], folder: Path | None, how: Checking, *, chain: bool = False
) -> tuple[Check, ...]:
    """Check pieces of a model: onnx's full checker, a session in onnxruntime, and numbers bit for bit.

    Args:
        whole: the model they were cut from.
        pieces: the pieces, each by itself or, with `chain`, one behind the other.
        folder: where the external data of the whole lies.
        how: what to do, and on which inputs.
        chain: whether pieces run on what earlier ones gave.

    Raises:
        UsageError: the inputs do not fit the whole.
    """
    parts = [Part(piece.model, piece.recorded) for piece in pieces]
    verdicts = run_of(whole, folder, how).judge(parts, chain=chain)
    return tuple(_judged(verdict, how) for verdict in verdicts)


def _drawing(whole: ModelProto, how: Checking) -> Plan | str:
    if not how.numbers:
        return "not asked for"
    try:
        return plan(whole)
    except FeedError as error:
        return one_line(f"no inputs can be drawn: {error}")


def _judged(verdict: Verdict, how: Checking) -> Check:
    numeric = Numeric(**asdict(verdict.outcome)) if how.numbers else None
    return Check(verdict.fault, verdict.fault_of_whole, numeric, verdict.unsteady)


def demand(name: str, found: Check) -> None:
    """Raises NotEquivalent where a check does not hold; `name` is the piece in the message."""
    if found.fault is not None and not found.fault_of_whole:
        raise NotEquivalent(f"{name}: {found.fault}; nothing was written, please report this model")
    if not found.holds:
        numeric = found.numeric
        assert numeric is not None
        what = numeric.error or f"{numeric.worst_output!r} is off by {numeric.max_abs} ({numeric.where})"
        raise NotEquivalent(
            f"{name}: computes other numbers than the whole: {what}; nothing was written, "
            "please report this model"
        )
