"""load -> analyse -> passes -> proof -> save. Nothing is written unless the proof holds."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from onnx import ModelProto

from rewriter import garbage
from rewriter.evidence.given import NOTHING, Given
from rewriter.evidence.like import Like
from rewriter.insight.diff import TOLERANCE, Diff
from rewriter.insight.diff import diff as diff_models
from rewriter.insight.kinship import kept_names
from rewriter.insight.profile import Profile, profile_of, read_recorded
from rewriter.insight.profile import profile as profile_model
from rewriter.model import files, outputs
from rewriter.modules.analysis import Analysis
from rewriter.modules.build import analyse
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Outcome, Pass, as_text
from rewriter.passes.flatten import flatten, is_ours
from rewriter.proof.certificate import certify
from rewriter.proof.compare import Numeric, compare, fitting
from rewriter.proof.verification import Verification
from rewriter.refusals import BelowThreshold, NotEquivalent, UnreadableModel, UsageError
from rewriter.views import sidecar
from rewriter.views.likeness import like_analysis, like_sidecar
from rewriter.views.report import PassRecord, Report

Source = str | os.PathLike[str] | bytes | ModelProto
"""A model: the path of a file, its bytes, or the parsed message. None of them is ever changed."""

MOST_FUNCTIONS = 10_000
"""The ONNX checker refuses more."""

Inputs = Mapping[str, np.ndarray]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How to rewrite.

    Attributes:
        passes: what to do, in order.
        numbers: whether to run both models in onnxruntime besides the symbolic proof.
        optimised: whether to run them a second time with all of onnxruntime's optimisations.
        inputs: arrays to run them on; drawn from the signature where None.
        sidecar: whether to write `<output>.modules.json` beside the model.
        copy_data: whether to copy external data where the output goes to another folder.
        min_coverage: least share of nodes to be placed, 0 to 1.
        strict: whether a refusal is a failure.
        dry_run: whether to do everything but write.
        timeout: seconds for the numbers, and again for the optimised ones.
        given: what the user knows of the model besides the file.

    Raises:
        UsageError: optimised without numbers.
    """

    passes: tuple[Pass, ...] = (Annotate(),)
    numbers: bool = True
    optimised: bool = False
    inputs: Inputs | None = None
    sidecar: bool = True
    copy_data: bool = False
    min_coverage: float = 0.0
    strict: bool = False
    dry_run: bool = False
    timeout: float = 600.0
    given: Given = NOTHING

    def __post_init__(self) -> None:
        if self.optimised and not self.numbers:
            raise UsageError("--optimised compares numbers; leave out --no-numbers")


def load(source: Source, given: Given = NOTHING) -> Analysis:
    """Read a model and find its module tree. Functions that `group` made are looked through.

    Args:
        source: the model.
        given: what the user knows of it besides.

    Raises:
        UnreadableModel: it is not a whole ONNX model.
        UsageError: what was given does not fit it.
    """
    return read_and_load(source, given)[1]


def read_and_load(source: Source, given: Given = NOTHING) -> tuple[ModelProto, Analysis]:
    """The model as it was written, its functions and all, and what `load` finds in it.

    Raises:
        UnreadableModel: it is not a whole ONNX model.
        UsageError: what was given does not fit it.
    """
    model, path = _read(source)
    return model, _look_through(model, path, given)


def read_like(source: Source) -> Like:
    """The tree of the model that another was made of, from that model or from its sidecar (`*.json`).

    Raises:
        UnreadableModel: it is neither.
    """
    if isinstance(source, str | os.PathLike) and Path(source).suffix == ".json":
        return like_sidecar(sidecar.read(Path(source)))
    return like_analysis(load(source))


def rewrite(
    source: Source, output: Path | None, options: Options, progress: Progress = lambda station: None
) -> Report:
    """Rewrite a model and prove the result, then write it.

    Args:
        source: what to rewrite; never changed.
        output: the file to write; None to only return the model.
        options: how.
        progress: told the name of every station as it begins.

    Raises:
        UnreadableModel: the source, or external data it refers to, cannot be read.
        UsageError: the output is the source, or external data would be left behind.
        CannotWrite: the output cannot be written.
        NotEquivalent: the result was not proved equal; nothing was written.
        BelowThreshold: too few nodes were placed, or something was refused; nothing was written.
    """
    clock = _Clock(progress)
    with clock("load"):
        before, path = _read(source)
        # A model handed over in memory finds its external data beside the output, or nowhere.
        home = path or output
        data = files.check_external_data(before, home) if home else ()
        copies = _plan(path, output, data, options) if output else {}
        model = ModelProto()
        model.CopyFrom(before)
    with clock("tree"):
        analysis = analyse(model, path, options.given)
    _demand_coverage(analysis, options)
    with clock("passes"):
        outcomes = _run(options.passes, analysis, options.given)
        refusals = tuple(refusal for _, outcome in outcomes for refusal in outcome.refusals)
    _demand_fit(model, path)
    if refusals and options.strict:
        raise BelowThreshold(
            f"{_name(path)}: {len(refusals)} refusals, first {refusals[0]}; drop --strict to go on"
        )
    folder = path.parent if path else None
    verification = _prove(before, model, (folder, folder), options, clock)
    if not verification.certificate.readable:
        reason = verification.certificate.difference
        raise UnreadableModel(f"{_name(path)}: {reason}; run onnx.checker on it, or export it again")
    if not verification.holds:
        raise NotEquivalent(
            f"{_name(path)}: {_fault(verification)}; nothing was written, please report this model"
        )
    written: tuple[Path, ...] = ()
    if output and not options.dry_run:
        with clock("write"):
            written = _write(model, analysis, outcomes, output, copies, options)
    return Report(analysis, _records(outcomes), refusals, verification, clock.seconds, written)


@garbage.paused()
def _run(passes: Sequence[Pass], analysis: Analysis, given: Given) -> list[tuple[Pass, Outcome]]:
    """Run passes in order, each that needs one on an analysis of the model as the one before left it.

    The original and the trace describe the model as it came; once it is annotated the annotations say it all.
    """
    outcomes: list[tuple[Pass, Outcome]] = []
    stale = False
    for step in passes:
        stale = stale or (bool(outcomes) and _changes_graph(*outcomes[-1]))
        if stale and step.needs_analysis:
            annotated = any(earlier.name == Annotate.name for earlier, _ in outcomes)
            left = replace(given, like=None, trace=None) if annotated else given
            analysis = analyse(analysis.model, analysis.path, left)
            stale = False
        outcomes.append((step, step.run(analysis)))
    return outcomes


def _changes_graph(step: Pass, outcome: Outcome) -> bool:
    """Whether names or nodes are no longer what the analysis says; annotating touches metadata alone."""
    return step.name != Annotate.name and any(outcome.changes.values())


def _look_through(model: ModelProto, path: Path | None, given: Given) -> Analysis:
    """The analysis of a model, or of what it looks like flat where its calls were grouped."""
    if not any(is_ours(function) for function in model.functions):
        return analyse(model, path, given)
    flat = ModelProto()
    flat.CopyFrom(model)
    flatten(flat)
    return replace(analyse(flat, path, given), grouped=True)


def verify(before: Source, after: Source, options: Options) -> Verification:
    """Compare two models: symbolically, and by numbers.

    Raises:
        UnreadableModel: one of them, or external data it refers to, cannot be read.
    """
    (left, left_path), (right, right_path) = _read(before), _read(after)
    for model, path in ((left, left_path), (right, right_path)):
        if path:
            files.check_external_data(model, path)
    folders = tuple(path.parent.resolve() if path else None for path in (left_path, right_path))
    return _prove(left, right, (folders[0], folders[1]), options, _Clock(lambda station: None))


def diff(
    before: Source,
    after: Source,
    *,
    numbers: bool = True,
    inputs: Inputs | None = None,
    tolerance: float = TOLERANCE,
    timeout: float = 600.0,
    progress: Progress = lambda station: None,
) -> Diff:
    """Compare two models module by module; see `insight.diff.diff`.

    Where the second was made of the first and has no other modules, or tells the modules of fewer of its
    nodes, and the tree of the first places at least as many, that is carried over.

    Raises:
        UnreadableModel: one of them, or external data it refers to, cannot be read.
        UsageError: the inputs do not fit.
    """
    progress("load")
    left, right = load(before), load(after)
    for each in (left, right):
        if each.path:
            files.check_external_data(each.model, each.path)
    carried = _carried(left, right)
    progress("numbers" if numbers else "compare")
    return diff_models(
        left,
        carried or right,
        numbers=numbers,
        inputs=None if inputs is None else fitting(left.model, inputs),
        tolerance=tolerance,
        timeout=timeout,
        carried=carried is not None,
    )


def _carried(left: Analysis, right: Analysis) -> Analysis | None:
    """The second model with the tree of the first, where it was made of that, or tells less by itself.

    One that has modules of its own is another version, whatever its values are called.
    """
    made_of = bool(kept_names(left, right)) and all(module.path in left.tree for module in right.tree)
    if not made_of and right.tree.coverage >= left.tree.coverage:
        return None
    try:
        carried = analyse(right.model, right.path, Given(like=like_analysis(left)))
    except UsageError:
        return None
    more = carried.tree.placed - right.tree.placed
    return carried if more > 0 or (made_of and more == 0) else None


def profile(
    source: Source,
    *,
    recorded: Path | None = None,
    inputs: Inputs | None = None,
    rounds: int = 20,
    warmup: int = 3,
    threads: int = 0,
    timeout: float = 600.0,
    given: Given = NOTHING,
    progress: Progress = lambda station: None,
) -> Profile:
    """The time of a model by module; see `insight.profile.profile`, and `profile_of` for a `recorded`.

    Raises:
        UnreadableModel: the model, external data it refers to, or the profile cannot be read.
        UsageError: the model cannot be run on these inputs, or fewer than one round was asked for.
    """
    if rounds < 1 or warmup < 0:
        raise UsageError(f"cannot measure {rounds} rounds after {warmup}: ask for at least one round")
    progress("load")
    model, path = _read(source)
    analysis = _look_through(model, path, given)
    if path:
        files.check_external_data(model, path)
    progress("runs")
    if recorded is not None:
        found = profile_of(analysis, model, read_recorded(recorded), timeout=timeout)
    else:
        found = profile_model(
            analysis,
            inputs=None if inputs is None else fitting(model, inputs),
            rounds=rounds,
            warmup=warmup,
            threads=threads,
            timeout=timeout,
        )
    if found.skipped is not None:
        raise UsageError(f"{_name(path)}: {found.skipped}; --inputs gives it arrays of your own")
    return found


def _read(source: Source) -> tuple[ModelProto, Path | None]:
    if isinstance(source, ModelProto):
        return source, None
    if isinstance(source, bytes):
        return files.parse(source, "<bytes>"), None
    path = Path(source)
    return files.load(path), path


def _plan(path: Path | None, output: Path, data: Sequence[str], options: Options) -> dict[Path, Path]:
    targets = (output, sidecar_path(output)) if options.sidecar else (output,)
    return outputs.plan_copies(path, targets, data, copy_data=options.copy_data)


def _demand_coverage(analysis: Analysis, options: Options) -> None:
    coverage = analysis.tree.coverage
    if coverage < options.min_coverage:
        raise BelowThreshold(
            f"{_name(analysis.path)}: {coverage:.1%} of the nodes placed, --min-coverage asks for "
            f"{options.min_coverage:.1%}; nothing was written"
        )


def _demand_fit(model: ModelProto, path: Path | None) -> None:
    if (count := len(model.functions)) > MOST_FUNCTIONS and any(map(is_ours, model.functions)):
        raise UsageError(
            f"{_name(path)}: {count:,} functions, and ONNX allows {MOST_FUNCTIONS:,}; share them, or group "
            "fewer modules"
        )


def _prove(
    before: ModelProto,
    after: ModelProto,
    folders: tuple[Path | None, Path | None],
    options: Options,
    clock: _Clock,
) -> Verification:
    with clock("certificate"):
        certificate = certify(before, after, before_folder=folders[0], after_folder=folders[1])

    def compared(station: str, *, optimised: bool) -> Numeric:
        with clock(station):
            return compare(
                before,
                after,
                before_folder=folders[0],
                after_folder=folders[1],
                inputs=options.inputs,
                optimised=optimised,
                timeout=options.timeout,
            )

    numeric = compared("numbers", optimised=False) if options.numbers else None
    optimised = compared("optimised numbers", optimised=True) if options.optimised else None
    return Verification(certificate, numeric, optimised)


def _fault(verification: Verification) -> str:
    certificate, numeric = verification.certificate, verification.numeric
    if not certificate.equal:
        return f"not proved equal: {certificate.difference}"
    if numeric is not None and numeric.agrees is False:
        return f"onnxruntime computes other numbers: {numeric.error or f'off by {numeric.max_abs}'}"
    optimised = verification.optimised
    assert optimised is not None  # else the verification holds
    off = optimised.error or f"off by {optimised.relative} of the largest value"
    return f"onnxruntime computes other numbers with its optimisations: {off}"


def _write(
    model: ModelProto,
    analysis: Analysis,
    outcomes: Sequence[tuple[Pass, Outcome]],
    output: Path,
    copies: Mapping[Path, Path],
    options: Options,
) -> tuple[Path, ...]:
    contents: dict[Path, bytes | Path] = dict(copies)
    if options.sidecar:
        changed = any(_changes_graph(step, outcome) for step, outcome in outcomes)
        described = _look_through(model, output, replace(options.given, like=None)) if changed else analysis
        contents[sidecar_path(output)] = sidecar.write(replace(described, path=output)).encode()
    contents[output] = files.serialize(model)
    outputs.write_atomically(contents)
    return tuple(contents)


def sidecar_path(output: Path) -> Path:
    """`bert.onnx` -> `bert.modules.json`."""
    return output.with_suffix(".modules.json")


def _records(outcomes: Sequence[tuple[Pass, Outcome]]) -> tuple[PassRecord, ...]:
    return tuple(PassRecord(as_text(step), outcome) for step, outcome in outcomes)


def _name(path: Path | None) -> str:
    return str(path) if path else "model"


@dataclass(slots=True)
class _Clock:
    """Wall seconds by station."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, station: str) -> Iterator[None]:
        self.progress(station)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[station] = time.perf_counter() - start
