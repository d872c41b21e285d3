"""Request and result of a comparison of outputs. The module imports no onnx, to load quickly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from rewriter.runtime.child.error_text import one_line
from rewriter.runtime.compare.tolerance import Deviation, Tolerance
from rewriter.runtime.inputs.feeds import Drawing


class Stage(StrEnum):
    """The model that runs."""

    FIRST = "first"
    SECOND = "second"


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Request of one comparison.

    Attributes:
        drawing: the given arrays, or the rules to draw the input sets of the original.
        optimised: whether onnxruntime optimises the graphs.
        tolerance: the allowed deviation of results; None if deviations are not judged.
        names: input of the original -> its name in the rewritten model, if the names differ.
        added: outputs that only the rewritten model has; they are not compared.
    """

    drawing: Drawing
    optimised: bool = False
    tolerance: Tolerance | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    added: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """Result of running both models, or a model and a piece of it.

    Attributes:
        runs: number of input sets; both models were run on all of them unless there is an error.
        skipped: the reason why there is no result, in one line.
        error: the reason why the rewritten model gave no comparable results although the original ran, or
            why a piece does not load or run.
        exact: whether all outputs that are not random were the same bit for bit in every run; None if there
            is no result.
        max_abs: the largest absolute difference of all outputs that are not random; infinite if no number
            expresses it.
        relative: the largest difference relative to the largest magnitude of its output, see `Deviation`.
        rounding: whether there are differences and all may come from rounding, see `Deviation`.
        within: whether all differences are within the tolerance of the request; None without a tolerance.
        worst_output: the output with the largest relative difference.
        worst_abs: the largest absolute difference of that output, in the input set in which its relative
            difference is largest.
        where: the input set and the element with the difference `worst_abs`.
        ort_version: the version of the onnxruntime that ran.
        random: names of the outputs that were not compared, since they are random.
    """

    runs: int = 0
    skipped: str | None = None
    error: str | None = None
    exact: bool | None = None
    max_abs: float | None = None
    relative: float | None = None
    rounding: bool | None = None
    within: bool | None = None
    worst_output: str | None = None
    worst_abs: float | None = None
    where: str | None = None
    ort_version: str | None = None
    random: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, found: Sequence[tuple[int, str, Deviation]], runs: int, ort_version: str, *, judged: bool
    ) -> RunOutcome:
        """Return the outcome of runs.

        Args:
            found: each difference that counts, with the number of its input set and the name of its output.
            runs: number of input sets.
            ort_version: the version of onnxruntime.
            judged: whether there was a tolerance.
        """
        if not found:
            within = True if judged else None
            return cls(runs, None, None, True, 0.0, 0.0, False, within, ort_version=ort_version)
        number, name, worst = max(found, key=lambda each: (each[2].relative, each[2].largest))
        return cls(
            runs=runs,
            exact=False,
            max_abs=max(each.largest for _, _, each in found),
            relative=worst.relative,
            rounding=all(each.rounding for _, _, each in found),
            within=all(each.within for _, _, each in found) if judged else None,
            worst_output=name,
            worst_abs=worst.largest,
            where=one_line(f"input set {number}: {worst.where}"),
            ort_version=ort_version,
        )
