"""Brings the operator sets of a piece to those of a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from onnx import ModelProto

from rewriter.cutting.check import Checking
from rewriter.errors import CannotImplant
from rewriter.model.index.functions import body_roots, calls_of, opsets_of
from rewriter.model.index.graph import GraphIndex
from rewriter.model.operator_set.operators import canonical, since, versions_of
from rewriter.runtime.child.job import Ended
from rewriter.runtime.infer.opset_conversion import convert
from rewriter.verdict.numbers import Numeric, compare


@dataclass(frozen=True, slots=True)
class Conversion:
    """Conversion of a piece to another version of ONNX's operators.

    Attributes:
        before: the version of the piece.
        after: the version of the model.
        numbers: the numbers of the piece before and after; None if not requested.
    """

    before: int
    after: int
    numbers: Numeric | None


def fitted(
    piece: ModelProto, whole: ModelProto, name: str, folder: Path | None, how: Checking
) -> tuple[ModelProto, Conversion | None]:
    """Return a piece whose operators mean the same under the imports of a model.

    A piece stays as it is if all its operators have the same definition in both versions; else onnx's
    converter converts it, if only operators of ONNX differ.

    Args:
        piece: the piece.
        whole: the model.
        name: the name of the piece for messages.
        folder: the folder of the external data of the piece.
        how: whether the piece is run before and after a conversion, and the time limit.

    Raises:
        CannotImplant: a version cannot be reached.
    """
    ours = versions_of(whole.opset_import)
    apart = list(dict.fromkeys(_apart(GraphIndex(piece), ours)))
    if not apart:
        return piece, None
    for domain, where, version in apart:
        if domain or where:
            told = f"its function {where!r}" if where else "it"
            raise CannotImplant(
                f"{name}: {told} has version {version} of operator set {domain or 'ai.onnx'!r}, and the "
                f"model has {ours[domain]}; make the piece with the version of the model"
            )
    version = versions_of(piece.opset_import)[""]
    told = f"{name}: it has version {version} of ONNX's operators, and the model has {ours['']}"
    converted = convert(piece, ours[""], timeout=how.timeout)
    if isinstance(converted, Ended):
        raise CannotImplant(
            f"{told}; onnx's converter says: {converted.how}; convert the model, or make the piece again"
        )
    numbers = None
    if how.numbers is not False:
        numbers = compare(piece, converted, before_folder=folder, after_folder=folder, timeout=how.timeout)
        if numbers.error is not None:
            raise CannotImplant(f"{told}; once converted, {numbers.error}; make the piece again")
    return converted, Conversion(version, ours[""], numbers)


def add_imports(model: ModelProto, piece: ModelProto, name: str) -> None:
    """Import the operator sets of a piece that a model does not import yet.

    Raises:
        CannotImplant: an earlier piece needs another version of a set that the model did not import.
    """
    there = versions_of(model.opset_import)
    for domain, _, version in _apart(GraphIndex(piece), there):
        raise CannotImplant(
            f"{name}: has version {version} of operator set {domain!r}, and another piece has "
            f"{there[domain]}; make both with one version"
        )
    for each in piece.opset_import:
        if canonical(each.domain) not in there:
            model.opset_import.add().CopyFrom(each)


def _apart(graph: GraphIndex, ours: dict[str, int]) -> Iterator[tuple[str, str, int]]:
    """Yield (domain, function, version) of operators with another definition under the imports of the model.

    The function is empty for operators outside of functions.
    """
    calls, opsets = calls_of(graph), opsets_of(graph)
    roots = body_roots(graph)
    for node, (written, operator) in enumerate(graph.operators):
        domain, body = canonical(written), graph.body_of[node]
        theirs = opsets[body].get(domain, 0)
        if node in calls or domain not in ours or theirs in (0, ours[domain]):
            continue
        if since(operator, domain, theirs) != since(operator, domain, ours[domain]):
            function = graph.bodies[roots[body]].function
            yield domain, function.name if function is not None else "", theirs
