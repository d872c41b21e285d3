"""Refuses pieces for the same nodes, and results that are not proved or differ too much."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from onnx import ModelProto

from rewriter.basics.display import listed
from rewriter.cutting.calls import file_of
from rewriter.cutting.check import Checking
from rewriter.edits.pieces.border import Border
from rewriter.edits.pieces.outside import certify_outside, first_change
from rewriter.edits.pieces.seats import Seated
from rewriter.errors import Different, NotProved, UsageError
from rewriter.model.operator_set.determinism import draws_random
from rewriter.model.operator_set.operators import versions_of
from rewriter.modules.analysis import Analysis
from rewriter.proof.certificate import Certificate
from rewriter.runtime.compare.tolerance import Tolerance
from rewriter.verdict.numbers import Numeric, compare
from rewriter.verdict.phrases import certificate_phrase, numbers_phrase


def demand_apart(analysis: Analysis, borders: Sequence[Border]) -> None:
    """Refuse two pieces for one node, or for a node and a body of it.

    Raises:
        UsageError: there are such pieces.
    """
    owners: dict[int, int] = {}
    for number, border in enumerate(borders):
        for node in border.nodes:
            owners.setdefault(node, number)
    for number, border in enumerate(borders):
        for node in border.nodes:
            for holder in (node, *analysis.graph.enclosing(node)):
                if owners.get(holder, number) != number:
                    one, other = border.target, borders[owners[holder]].target
                    raise UsageError(
                        f"{file_of(analysis)}: {one} and {other} have nodes in common; implant one, then the "
                        "other into the result"
                    )


def proved(analysis: Analysis, model: ModelProto, seated: Sequence[Seated], home: Path) -> Certificate:
    """Return the certificate of the outside; it is equal, and the inside is that of the pieces.

    Raises:
        NotProved: it is not.
    """
    report = "nothing was written, please report this model"
    certificate = certify_outside(analysis.model, model, seated, home)
    if not certificate.equal:
        raise NotProved(
            f"{file_of(analysis)}: outside of the pieces: {certificate_phrase(certificate)}; {report}"
        )
    for each in seated:
        if (changed := first_change(model, each, home)) is not None:
            raise NotProved(f"{each.seat.name}: {changed!r} was changed on the way; {report}")
    return certificate


def run(
    before: ModelProto, after: ModelProto, home: Path, how: Checking, tolerance: Tolerance | None
) -> Numeric | None:
    """Run both models and compare their outputs; None if runs were not requested.

    Args:
        before: the model.
        after: the model with the pieces, without references to data outside of the folder.
        home: the folder of the external data of both.
        how: options of the runs.
        tolerance: the largest accepted deviation; None to judge none.
    """
    if how.numbers is False:
        return None
    return compare(
        before,
        after,
        before_folder=home,
        after_folder=home,
        inputs=how.inputs,
        tolerance=tolerance,
        timeout=how.timeout,
    )


def drawing_operators(piece: ModelProto) -> tuple[str, ...]:
    """Return the operators of ONNX in a piece that draw random numbers, with owners of bodies that do."""
    holders = (piece.graph.node, piece.opset_import), *((f.node, f.opset_import) for f in piece.functions)
    found = (
        node.op_type
        for nodes, imports in holders
        for node in nodes
        if draws_random(node, versions_of(imports), frozenset())
    )
    return tuple(dict.fromkeys(found))


def demand_numbers(
    analysis: Analysis, numeric: Numeric | None, tolerance: Tolerance | None, draws: Sequence[str] = ()
) -> None:
    """Refuse a result that was not run, or that differs too much.

    Args:
        analysis: the model.
        numeric: the numbers; None if they were not requested.
        tolerance: the largest accepted deviation; None to judge none.
        draws: operators of the pieces that draw random numbers.

    Raises:
        Different: the outputs differ by more than the tolerance.
        NotProved: the result or the model does not run, or an output that the tolerance is for is random, or
            may be, since a piece draws random numbers.
    """
    if numeric is None:
        return
    told = f"{file_of(analysis)}: {numbers_phrase(numeric)}; nothing was written"
    if not numeric.taken:
        raise NotProved(f"{told}, --no-numbers writes without a run")
    if tolerance is not None and numeric.within is not True:
        raise Different(told)
    if tolerance is not None and numeric.random:
        raise NotProved(f"{told}, --tolerance is for every output")
    if tolerance is not None and draws:
        raise NotProved(f"{told}, --tolerance is for one result, and a piece draws by {listed(draws)}")
