"""Puts pieces into a model in place of modules, and proves that all else stayed as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from onnx import ModelProto

from rewriter.basics.display import Display, listed
from rewriter.cutting.calls import Call, calls_of, file_of
from rewriter.cutting.check import Checking
from rewriter.cutting.extract import Target
from rewriter.cutting.piece_files import write_models
from rewriter.edits.operator_meanings import PartOperators, demand_one_meaning
from rewriter.edits.pieces.acceptance import demand_apart, demand_numbers, drawing_operators, proved, run
from rewriter.edits.pieces.border import Border, borders_of
from rewriter.edits.pieces.joining import join
from rewriter.edits.pieces.matching import match
from rewriter.edits.pieces.opsets import Conversion, fitted
from rewriter.edits.pieces.piece_data import demand_spared, loaded, moved_to, plan_data
from rewriter.edits.pieces.piece_places import places_of
from rewriter.edits.pieces.seats import Seat, Seated
from rewriter.errors import UsageError
from rewriter.model.storage.data_copies import Copies
from rewriter.model.storage.external_data import check_external_data
from rewriter.modules.analysis import Analysis
from rewriter.paths import ModulePath
from rewriter.proof.certificate import Certificate
from rewriter.runtime.compare.tolerance import Tolerance
from rewriter.verdict.numbers import Numeric
from rewriter.verdict.phrases import numbers_phrase

ALL = "all"
"""The call that stands for every call of a module."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Modules, the piece for their place, and the call (None if the modules are called once)."""

    modules: tuple[ModulePath, ...]
    piece: Analysis
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class Implant:
    """A piece in a model.

    Attributes:
        target: the modules that it replaces, and their call.
        piece: the name of the piece.
        seated: its nodes in the model.
        conversion: its conversion to another version of ONNX's operators; None if it needed none.
        inlined: whether functions of `rewrite` or `replace` in it were inlined.
        draws: its operators that draw random numbers, so that no two runs agree.
    """

    target: Target
    piece: str
    seated: Seated
    conversion: Conversion | None = None
    inlined: bool = False
    draws: tuple[str, ...] = ()

    @property
    def left_out(self) -> tuple[str, ...]:
        """The values of the model that the modules read and the piece does not."""
        read = set(self.seated.seat.matched.inputs.values())
        return tuple(each.value for each in self.seated.seat.border.inputs if each.value not in read)


@dataclass(frozen=True, slots=True, repr=False)
class Implanting(Display):
    """A model with pieces in place of modules.

    Attributes:
        analysis: the model before.
        model: the model with the pieces.
        implants: the pieces.
        certificate: the certificate that all outside of the pieces is equal.
        numeric: the numbers of both models; None if not requested.
        outputs: the written files, the model last.
        removed: the removed sidecar and data copies of the model that the output replaced.
    """

    analysis: Analysis
    model: ModelProto
    implants: tuple[Implant, ...]
    certificate: Certificate
    numeric: Numeric | None
    outputs: tuple[Path, ...] = ()
    removed: tuple[Path, ...] = ()

    @property
    def flattened(self) -> bool:
        """Whether functions of `rewrite` or `replace` in the model or in a piece were inlined."""
        return self.analysis.grouped or any(each.inlined for each in self.implants)

    def _brief(self) -> str:
        return f"{listed(each.target for each in self.implants)}, {numbers_phrase(self.numeric)}"


def implant(
    analysis: Analysis,
    pairs: Sequence[Assignment],
    output: Path | None = None,
    *,
    checking: Checking | None = None,
    tolerance: Tolerance | None = None,
    copy_data: bool = False,
) -> Implanting:
    """Put pieces into a model, prove that all outside of them is equal, run the result, and write it.

    Args:
        analysis: the model; it is not changed.
        pairs: the modules and their pieces.
        output: the file to write; None to only return the model.
        checking: options of the runs.
        tolerance: the largest accepted deviation of the outputs; None to accept any.
        copy_data: whether external data is copied if it lies in another folder than the output.

    Raises:
        UsageError: a module is called several times and no call is named, there is no such call, two pieces
            would replace the same node, the inputs do not fit the model, the output would replace an input,
            or data must be copied and `copy_data` is False.
        UnreadableModel: external data is missing, too short or not allowed, or an input changed meanwhile.
        CannotCut: the modules cannot be a model of their own, see `extract`.
        CannotImplant: a piece cannot take the place of its modules.
        NotProved: the outside of the pieces is not proved equal, or the model or the result does not run;
            nothing was written.
        Different: the outputs differ by more than the tolerance; nothing was written.
        CannotWrite: the output cannot be written.
    """
    how = checking or Checking()
    home = analysis.path.parent if analysis.path else output.parent if output else Path()
    if analysis.path:
        check_external_data(analysis.model, analysis.path, demand=how.numbers is not False)
    wanted = [(target, pair.piece) for pair in pairs for target in _targets(analysis, pair)]
    borders = borders_of(analysis, [target for target, _ in wanted], how)
    demand_apart(analysis, [borders[target] for target, _ in wanted])
    gone = {node for border in borders.values() for node in border.nodes}
    outside = PartOperators.of_model(analysis.graph, gone)
    pieces = {id(piece): PartOperators.of_piece(piece.model, _name_of(piece)) for _, piece in wanted}
    demand_one_meaning([outside, *pieces.values()])
    fit = {id(piece): _fitted(piece, analysis, home, how) for _, piece in wanted}
    seats = [_seat(borders[target], piece, fit[id(piece)][0]) for target, piece in wanted]
    model, seated = join(analysis.graph, seats, home)
    implants = tuple(
        Implant(
            each.seat.border.target,
            each.seat.name,
            each,
            fit[id(piece)][1],
            piece.grouped,
            drawing_operators(piece.model),
        )
        for each, (_, piece) in zip(seated, wanted, strict=True)
    )
    if output:
        for each in (analysis, *(pair.piece for pair in pairs)):
            demand_spared(output, each)
    copies = plan_data(model, analysis.path, output, copy_data=copy_data) if output else Copies()
    certificate = proved(analysis, model, seated, home)
    numeric = run(analysis.model, loaded(model, home), home, how, tolerance)
    demand_numbers(analysis, numeric, tolerance, [name for each in implants for name in each.draws])
    written, removed = write_models({output: model}, copies) if output else ((), ())
    return Implanting(analysis, model, implants, certificate, numeric, written, removed)


def _targets(analysis: Analysis, pair: Assignment) -> list[Target]:
    """Return the target of a pair, or one for each call of its module."""
    if pair.call != ALL:
        return [Target(pair.modules, pair.call)]
    if len(pair.modules) > 1:
        raise UsageError(
            f"{file_of(analysis)}: --call {ALL} is for one module, and {listed(pair.modules)} are several"
        )
    return [Target(pair.modules, call) for call in calls_of(analysis, pair.modules[0])]


def _fitted(
    piece: Analysis, whole: Analysis, home: Path, how: Checking
) -> tuple[ModelProto, Conversion | None]:
    """Return a piece with the operator sets of the model, and references to data from the model's folder."""
    folder = piece.path.parent if piece.path else home
    if piece.path:
        check_external_data(piece.model, piece.path)
    model, conversion = fitted(piece.model, whole.model, _name_of(piece), folder, how)
    return moved_to(model, folder, home), conversion


def _name_of(piece: Analysis) -> str:
    return str(piece.path) if piece.path else "piece"


def _seat(border: Border, piece: Analysis, model: ModelProto) -> Seat:
    name = _name_of(piece)
    return Seat(border, model, name, match(border, model, name), places_of(piece))
