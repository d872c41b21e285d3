"""The proof that two models compute the same: the certificate, then numbers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from onnx import ModelProto

from rewriter.model import external
from rewriter.pipeline.loading import Progress, Source, read_model
from rewriter.pipeline.options import Options
from rewriter.proof.certificate import certify
from rewriter.proof.compare import IDENTICAL, Numeric, compare
from rewriter.proof.identical import same_to_run
from rewriter.proof.verification import Verification


def verify(before: Source, after: Source, options: Options) -> Verification:
    """Compare two models: symbolically, and by numbers.

    Raises:
        UnreadableModel: one of them, or external data it refers to, cannot be read.
    """
    (left, left_path), (right, right_path) = read_model(before), read_model(after)
    for model, path in ((left, left_path), (right, right_path)):
        if path:
            external.check_external_data(model, path)
    folders = tuple(path.parent.resolve() if path else None for path in (left_path, right_path))
    return prove(left, right, (folders[0], folders[1]), options, Clock(lambda station: None))


def prove(
    before: ModelProto,
    after: ModelProto,
    folders: tuple[Path | None, Path | None],
    options: Options,
    clock: Clock,
) -> Verification:
    """Prove two models equal as the options ask.

    Args:
        before: one model.
        after: the other.
        folders: where the external data of each lies; None for nowhere.
        options: which proofs, on which inputs, for how long.
        clock: takes the time of each.
    """
    with clock("certificate"):
        certificate = certify(before, after, before_folder=folders[0], after_folder=folders[1])

    def compared(station: str, *, optimised: bool) -> Numeric:
        with clock(station):
            if options.may_spare_numbers and same_to_run(before, after, folders):
                return IDENTICAL
            return compare(
                before,
                after,
                before_folder=folders[0],
                after_folder=folders[1],
                inputs=options.inputs,
                optimised=optimised,
                timeout=options.timeout,
            )

    numeric = None if options.numbers is False else compared("numbers", optimised=False)
    optimised = compared("optimised numbers", optimised=True) if options.optimised else None
    return Verification(certificate, numeric, optimised)


def fault_of(verification: Verification) -> str:
    """Why a verification does not hold, in one line."""
    certificate, numeric = verification.certificate, verification.numeric
    if not certificate.equal:
        return f"not proved equal: {certificate.difference}"
    if numeric is not None and numeric.agrees is False:
        return f"onnxruntime computes other numbers: {numeric.error or f'off by {numeric.max_abs}'}"
    optimised = verification.optimised
    assert optimised is not None  # else the verification holds
    off = optimised.error or f"off by {optimised.relative} of the largest value"
    return f"onnxruntime computes other numbers with its optimisations: {off}"


@dataclass(slots=True)
class Clock:
    """Wall seconds by station."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, station: str) -> Iterator[None]:
        """Tell that a station begins, and take its time."""
        self.progress(station)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[station] = time.perf_counter() - start
