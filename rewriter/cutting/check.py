"""Checks that pieces are valid and compute the same as their part of the whole model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from onnx import ModelProto

from rewriter.basics.option_declaration import again
from rewriter.cutting.piece import Piece
from rewriter.cutting.slicing import slice_of
from rewriter.errors import Different, NotProved
from rewriter.options.groups import Pieces
from rewriter.proof.certificate import Certificate, certify
from rewriter.runtime.child.error_text import one_line
from rewriter.runtime.compare.pieces import PartRun, PieceToRun, WholeRun
from rewriter.runtime.inputs.feeds import Array, Plan
from rewriter.runtime.inputs.input import FeedError
from rewriter.runtime.inputs.planning import plan
from rewriter.verdict.numbers import Numeric, fitting
from rewriter.verdict.phrases import reason_of
from rewriter.verdict.verification import Verdict, Verification


@dataclass(frozen=True, kw_only=True)
class Checking(Pieces):
    """Options of the checks of pieces.

    If `numbers` and `inputs` are None, pieces are written even if the models cannot be run. If `numbers` is
    False, the checks are the certificate, onnx's full checker, and loading the piece in onnxruntime.

    Attributes:
        inputs: arrays to run the whole model on; drawn from its signature if None.
        sets: number of input sets to draw.
    """

    inputs: Mapping[str, Array] | None = again(Pieces, "inputs")
    sets: int = 3


@dataclass(frozen=True, slots=True)
class Check:
    """The result of checking one piece.

    Attributes:
        verification: verification of the piece against its part of the whole.
        fault: the error of the full checker or onnxruntime on the piece; None if both accept it, or if
            `unchecked` has a reason.
        fault_of_whole: whether the same tool also rejects the whole model.
        unsteady: outputs that differ from the whole, and also between two runs of the whole; not counted.
        unchecked: the reason why neither the checker nor onnxruntime reported; None if one did.
    """

    verification: Verification
    fault: str | None = None
    fault_of_whole: bool = False
    unsteady: tuple[str, ...] = ()
    unchecked: str | None = None

    @property
    def numeric(self) -> Numeric | None:
        """The comparison of the numbers of piece and whole; None if `numbers` is False."""
        return self.verification.numeric

    @property
    def verdict(self) -> Verdict:
        """The verdict of the verification, but never `equal` for a piece that is unchecked or has a fault.

        The fault does not count if the whole model is rejected too.
        """
        valid = self.unchecked is None and (self.fault is None or self.fault_of_whole)
        found = self.verification.verdict
        return Verdict.NOT_PROVED if found is Verdict.EQUAL and not valid else found


def run_of(whole: ModelProto, folder: Path | None, how: Checking) -> WholeRun:
    """Return the settings for running the whole model.

    Raises:
        UsageError: the inputs do not fit the whole.
    """
    drawing = _drawing(whole, how)
    given = None
    if how.inputs is not None and isinstance(drawing, Plan):
        given = fitting(whole, how.inputs)
    return WholeRun(whole, folder, drawing, given, how.sets, how.timeout)


def check(
    whole: ModelProto, pieces: Sequence[Piece], folder: Path | None, how: Checking, *, chain: bool = False
) -> tuple[Check, ...]:
    """Check pieces of a model: by the certificate, onnx's full checker, loading in onnxruntime, and numbers.

    Args:
        whole: the model that the pieces were cut from.
        pieces: the pieces.
        folder: the folder of the external data of the whole.
        how: the options.
        chain: whether a piece runs on the outputs of earlier pieces, instead of on values of the whole.

    Raises:
        UsageError: the inputs do not fit the whole.
    """
    parts = [PieceToRun(piece.model, piece.recorded) for piece in pieces]
    found = run_of(whole, folder, how).judge(parts, chain=chain)
    certificates = [_certified(whole, piece, folder) for piece in pieces]
    return tuple(_judged(*each, how) for each in zip(found, certificates, strict=True))


def _certified(whole: ModelProto, piece: Piece, folder: Path | None) -> Certificate:
    """Return the certificate that a piece and its part of the whole compute the same expressions."""
    return certify(
        slice_of(whole, piece), piece.model, before_folder=folder, after_folder=folder, by_position=True
    )


def _drawing(whole: ModelProto, how: Checking) -> Plan | str:
    if how.numbers is False:
        return "not asked for"
    try:
        return plan(whole)
    except FeedError as error:
        return one_line(f"no inputs can be drawn: {error}")


def _judged(found: PartRun, certificate: Certificate, how: Checking) -> Check:
    numeric = None if how.numbers is False else Numeric(**asdict(found.outcome))
    demanded = how.numbers is True or how.inputs is not None
    verification = Verification(certificate, numeric, demanded=demanded)
    return Check(verification, found.fault, found.fault_of_whole, found.unsteady, found.unchecked)


def demand(name: str, found: Check) -> None:
    """Refuse a piece that was not proved equal to its part of the whole.

    Args:
        name: the name of the piece for the message.
        found: the result of its check.

    Raises:
        Different: the piece does not compute the same.
        NotProved: the piece is unchecked, the piece is invalid and the whole is not, the piece is not proved
            equal, or demanded numbers are missing.
    """
    end = "; nothing was written, please report this model"
    if found.verification.verdict is Verdict.DIFFERENT:
        raise Different(f"{name}: different: {reason_of(found.verification)}{end}")
    if found.unchecked is not None:
        raise NotProved(f"{name}: not proved: not even loaded: {found.unchecked}; nothing was written")
    if found.fault is not None and not found.fault_of_whole:
        raise NotProved(f"{name}: not proved: {found.fault}{end}")
    if found.verdict is not Verdict.EQUAL:
        raise NotProved(f"{name}: not proved: {reason_of(found.verification)}{end}")
    if found.verification.missing is not None:
        demand = "nothing was written, --numbers or --inputs demands the numbers"
        raise NotProved(f"{name}: {reason_of(found.verification)}; {demand}")
