"""The proof that two models compute the same: the certificate, then numbers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from onnx import ModelProto

from rewriter.basics.display import counted
from rewriter.errors import Different, NotProved
from rewriter.model.interface_match import counterparts
from rewriter.model.storage import external_data
from rewriter.passes.base import InterfaceEdit
from rewriter.pipeline.loader import Progress, Source, read_model
from rewriter.pipeline.options import Options
from rewriter.pipeline.unproved import site_of
from rewriter.proof.certificate import certify
from rewriter.proof.common_outputs import reduced
from rewriter.runtime.compare.tolerance import Tolerance
from rewriter.verdict.laws import prove_by_laws
from rewriter.verdict.numbers import IDENTICAL, OPTIMISED, Numeric, compare
from rewriter.verdict.phrases import reason_of
from rewriter.verdict.verification import Verdict, Verification


def verify(before: Source, after: Source, options: Options) -> Verification:
    """Compare two models by certificate and by numbers.

    Inputs and outputs of the same name are matched, the others in order. If a name stands at another position
    in the other model, the certificate proves nothing.

    Raises:
        UnreadableModel: one of them, or external data it refers to, cannot be read.
    """
    (left, left_path), (right, right_path) = read_model(before), read_model(after)
    folders = tuple(path.parent.resolve() if path else None for path in (left_path, right_path))
    # Weights in one folder are compared by reference, so the certificate does not read them.
    demand = options.demands_numbers or folders[0] != folders[1]
    absent = None
    for model, path in ((left, left_path), (right, right_path)):
        if path:
            data = external_data.check_external_data(model, path, demand=demand)
            absent = absent or external_data.missing_of(data, path.parent)
    clock = Clock(lambda station: None)
    found = prove(left, right, (folders[0], folders[1]), options, clock, by_position=True, absent=absent)
    site = site_of(left, found.laws.unproved) if found.laws is not None else ""
    return replace(found, notes=tuple(_renamed(left, right)), site=site)


def _renamed(before: ModelProto, after: ModelProto) -> Iterator[str]:
    """Yield notes on inputs and outputs whose names differ."""
    for side in ("input", "output"):
        ours, theirs = ([info.name for info in getattr(each.graph, side)] for each in (before, after))
        if len(ours) == len(theirs) and sorted(ours) != sorted(theirs):
            places = counterparts(ours, theirs)
            first = next(at for at, other in enumerate(places) if ours[at] != theirs[other])
            how = "by position" if places == list(range(len(ours))) else "in order"
            pair = f"({ours[first]!r}, {theirs[places[first]]!r})"
            yield f"{side}s have different names {pair} and are matched {how}"


def prove(
    before: ModelProto,
    after: ModelProto,
    folders: tuple[Path | None, Path | None],
    options: Options,
    clock: Clock,
    *,
    by_position: bool = False,
    absent: str | None = None,
    edit: InterfaceEdit = InterfaceEdit(),  # noqa: B008 frozen
    notes: tuple[str, ...] = (),
) -> Verification:
    """Prove two models equal, by the means that the options choose.

    If outputs were added or removed, both models are reduced to what computes the others, and these are
    compared. The second model runs as it is.

    Args:
        before: the first model.
        after: the second.
        folders: the folder of each model's external data; None for a model without a folder.
        options: numbers and optimised numbers to take, inputs, tolerance and timeout.
        clock: measures the time of each step.
        by_position: whether inputs and outputs may have other names, in the same order.
        absent: the reason why the weights are not there, so that no model can run; None if they are.
        edit: outputs and inputs that were added or removed on purpose.
        notes: remarks on the models.
    """
    with clock("certificate"):
        proved = after
        if edit != InterfaceEdit():
            before = reduced(before, edit.removed, edit.removed_inputs)
            proved = reduced(after, edit.added)
        certificate = certify(
            before, proved, before_folder=folders[0], after_folder=folders[1], by_position=by_position
        )
        if edit != InterfaceEdit():
            certificate = replace(certificate, identical=False)  # a runtime executes more than these parts

    def compared(station: str, *, optimised: bool, tolerance: Tolerance | None) -> Numeric:
        with clock(station):
            if options.may_spare_numbers and certificate.identical:
                return IDENTICAL
            if certificate.mismatch:
                return Numeric(skipped="their interfaces do not fit")
            if absent is not None:
                return Numeric(skipped=absent)
            return compare(
                before,
                after,
                before_folder=folders[0],
                after_folder=folders[1],
                inputs=options.inputs,
                optimised=optimised,
                tolerance=tolerance,
                timeout=options.timeout,
                added=edit.added,
            )

    numeric = optimised = None
    if options.numbers is not False:
        numeric = compared("numbers", optimised=False, tolerance=options.tolerance)
    if options.optimised:
        allowed = options.tolerance or OPTIMISED
        optimised = compared("optimised numbers", optimised=True, tolerance=allowed)
    laws = None
    if options.laws != "none" and not certificate.equal and not certificate.interface:
        with clock("laws"):
            laws = prove_by_laws(before, proved, folders, laws=options.laws, timeout=options.timeout)
    told = (*notes, *_edited(edit))
    return Verification(certificate, numeric, optimised, options.demands_numbers, told, laws)


def _edited(edit: InterfaceEdit) -> Iterator[str]:
    """Yield notes on outputs and inputs that were added or removed."""
    for names, what, done in (
        (edit.added, "output", "added"),
        (edit.removed, "output", "removed"),
        (edit.removed_inputs, "input", "removed"),
    ):
        if names:
            yield f"{counted(len(names), what)} {done}"


def demand_equal(verification: Verification, name: str, *, report: str = "please report this model") -> None:
    """Refuse to continue if two models were not proved equal, or if requested numbers are missing.

    Args:
        verification: the verification of the two models.
        name: the subject of the message.
        report: the advice in the message.

    Raises:
        Different: an input gives different results.
        NotProved: neither equality nor difference is shown, or requested numbers are missing.
    """
    verdict = verification.verdict
    if verdict is Verdict.EQUAL and verification.missing is None:
        return
    if verdict is Verdict.EQUAL:
        demand = "nothing was written, --numbers, --inputs or --optimised demands the numbers"
        raise NotProved(f"{name}: {reason_of(verification)}; {demand}")
    fault = Different if verdict is Verdict.DIFFERENT else NotProved
    raise fault(f"{name}: {verdict}: {reason_of(verification)}; nothing was written, {report}")


@dataclass(slots=True)
class Clock:
    """Clock that measures wall seconds by station."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, station: str) -> Iterator[None]:
        """Announce a station, and measure its time."""
        self.progress(station)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[station] = time.perf_counter() - start
