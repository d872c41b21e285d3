"""Rewrites a model: load, analyse, run passes, prove, save. A model is written only if the proof holds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from onnx import ModelProto

from rewriter.basics.display import counted
from rewriter.edits.replacement import with_entered_bodies
from rewriter.errors import BelowThreshold, UnreadableModel, UsageError
from rewriter.model.index.checked_index import indexed, is_sorted
from rewriter.model.index.graph import GraphIndex
from rewriter.model.storage import atomic_outputs, external_data, output_targets
from rewriter.model.storage.data_copies import Copies, Watched
from rewriter.model.storage.sidecar_path import sidecar_path
from rewriter.model.storage.staging import Content
from rewriter.model.storage.stale_copies import content_of
from rewriter.modules.analysis import Analysis
from rewriter.modules.module_tree import ModuleTree
from rewriter.passes.base import Outcome, Pass, as_text
from rewriter.passes.flatten import Flatten
from rewriter.passes.functions.function_names import last_word
from rewriter.passes.functions.provenance import is_ours
from rewriter.passes.group import Group
from rewriter.passes.preserved_parts import TREE
from rewriter.passes.registry import plugins
from rewriter.passes.sort import Sort
from rewriter.pipeline.loader import (
    Opened,
    Progress,
    Source,
    look_through,
    message_of,
    name_of,
    naming,
    path_of,
    read_indexed,
)
from rewriter.pipeline.options import Options
from rewriter.pipeline.pass_manager import PassManager
from rewriter.pipeline.proof import Clock, demand_equal, prove
from rewriter.verdict.verification import Verification
from rewriter.views.rewrite_report import PassRecord, Report
from rewriter.views.sidecar import document as sidecar
from rewriter.views.summary import summarize_graph

IN_MEMORY = "model in memory"
"""Placeholder for the file name of a model in memory."""

MOST_FUNCTIONS = 10_000
"""The most functions that the ONNX checker accepts."""


def rewrite(
    source: Source, output: Path | None, options: Options, progress: Progress = lambda station: None
) -> Report:
    """Rewrite a model and prove the result, then write it.

    Args:
        source: the model; never changed.
        output: the file to write; None to write nothing.
        options: the options.
        progress: called with the name of every station as it begins.

    Raises:
        UnreadableModel: the source, or external data it refers to, cannot be read or changed during the
            rewrite; nothing was written.
        UsageError: the output is the source, external data would be left behind, the evidence or a selection
            does not fit the model, or there are too many functions.
        DoesNotFit: the model was not made from the given original.
        CannotWrite: the output cannot be written.
        NotProved: the result was not proved equal, or requested numbers are missing; nothing was written.
        Different: the result computes something else; nothing was written.
        BelowThreshold: too few nodes were placed, or, if `strict`, a pass refused something; nothing was
            written.
    """
    clock = Clock(progress)
    with clock("load"):
        unread = Watched([Path(source)] if isinstance(source, str | os.PathLike) else [])
        before, graph, path = _read_twice(source)
        # External data of a model in memory lies in `options.folder`, else beside the output.
        origin = path or (options.folder / IN_MEMORY if options.folder else None)
        home = origin or output
        # Beside a file, only numbers need the weights themselves.
        demand = origin is None or options.copy_data or options.demands_numbers
        data = external_data.check_external_data(before, home, demand=demand) if home else ()
        copies = _plan(before, origin, output, data, options) if output else Copies()
        unread.check()
    model = graph.model
    found = summarize_graph(graph, path)
    with clock("tree"):
        given = options.given
        if isinstance(source, Opened):
            source.demand_nothing(given)
            given = source.given
        analysis = look_through(graph, path, given)
    passes = tuple(options.passes)
    if not is_sorted(graph) and passes[:1] != (Sort(),):
        passes = (Sort(), *passes)
    _demand_few(analysis, passes)
    with clock("passes"), naming(path):
        if analysis.grouped:
            # Index and tree are of the flat form; the model to edit and write has the functions.
            analysis = replace(analysis, model=model)
        changed = TREE if analysis.grouped else frozenset()
        manager = PassManager(analysis, given, changed=changed, narrow=options.narrow)
        manager.run(passes)
        refusals = tuple(refusal for _, outcome in manager.outcomes for refusal in outcome.refusals)
        became = manager.flat()
    _demand_fit(model, path)
    _demand_coverage(became.tree, path, options)
    if refusals and options.strict:
        raise BelowThreshold(
            f"{name_of(path)}: {counted(len(refusals), 'refusal')}, first {refusals[0]}; "
            "drop --strict to go on"
        )
    folder = origin.parent if origin else None
    absent = external_data.missing_of(data, home.parent) if home else None
    edit = manager.interface
    bodies, remarks = with_entered_bodies(before) if _flattens(passes) else (before, ())
    verification = prove(
        bodies, model, (folder, folder), options, clock, absent=absent, notes=remarks, edit=edit
    )
    _demand_proved(verification, path, options, [outcome for _, outcome in manager.outcomes])
    written: tuple[Path, ...] = ()
    removed: tuple[Path, ...] = ()
    if output and not options.dry_run:
        with clock("write"):
            written, removed = _write(model, became, output, copies, options)
    return Report(
        analysis,
        found,
        summarize_graph(manager.graph(), path),
        became.tree,
        _records(manager.outcomes),
        refusals,
        verification,
        clock.seconds,
        written,
        removed,
        tuple(manager.misses),
    )


def _demand_proved(
    verification: Verification, path: Path | None, options: Options, outcomes: Sequence[Outcome]
) -> None:
    """Refuse a result that is not proved equal, and a model that a proof cannot read."""
    if not verification.certificate.readable:
        reason = verification.certificate.difference
        raise UnreadableModel(f"{name_of(path)}: {reason}; run onnx.checker on it, or export it again")
    others = plugins.packages_of(options.passes)
    mend = f"{others} ran: mend or uninstall it" if others else "please report this model"
    if verification.numeric is not None and verification.numeric.error is not None:
        mend = next((outcome.advice for outcome in outcomes if outcome.advice), mend)
    demand_equal(verification, name_of(path), report=mend)


def _flattens(passes: Sequence[Pass]) -> bool:
    return any(isinstance(step, Flatten) for step in passes)


def _read_twice(source: Source) -> tuple[ModelProto, GraphIndex, Path | None]:
    """Return the model as read, the index of an equal message to edit, and the file."""
    if isinstance(source, ModelProto | Opened):
        model = message_of(source)
        with naming(path := path_of(source)):
            return model, indexed(_copied(model)), path
    graph, path = read_indexed(source)
    return _copied(graph.model), graph, path


def _copied(model: ModelProto) -> ModelProto:
    copy = ModelProto()
    copy.CopyFrom(model)
    return copy


def _plan(
    model: ModelProto, path: Path | None, output: Path, data: Sequence[str], options: Options
) -> Copies:
    targets = (output,) if options.sidecar == "none" else (output, sidecar_path(output))
    read_by = None if options.narrow else model  # models of a batch may share their data
    return output_targets.plan_copies(path, targets, data, copy_data=options.copy_data, read_by=read_by)


def _demand_coverage(tree: ModuleTree, path: Path | None, options: Options) -> None:
    """Refuse a result with too few placed nodes."""
    coverage = tree.coverage
    if coverage < options.least_coverage:
        raise BelowThreshold(
            f"{name_of(path)}: {coverage:.1%} of the nodes placed, --min-coverage asks for "
            f"{options.least_coverage:.1%}; nothing was written"
        )


def _demand_few(analysis: Analysis, passes: Sequence[Pass]) -> None:
    """Refuse early a rewrite that would surely end with too many functions, since making them takes long.

    Only a `group` of all modules is checked. Functions of one class, or of one name if no class is known, may
    be shared, and some modules get no function. So the limit here is twice the final one.

    Raises:
        UsageError: there would be too many functions.
    """
    owners = [module for module in analysis.tree if module.nodes and module.path]
    if Group() in passes and len(owners) > 2 * MOST_FUNCTIONS:
        kinds = {module.class_name or last_word(module.path) for module in owners}
        if len(kinds) > 2 * MOST_FUNCTIONS:
            raise _too_many(f"over {2 * MOST_FUNCTIONS:,}", analysis.path)


def _too_many(count: str, path: Path | None) -> UsageError:
    return UsageError(
        f"{name_of(path)}: {count} functions, and ONNX allows {MOST_FUNCTIONS:,}; share them, or group fewer "
        "modules"
    )


def _demand_fit(model: ModelProto, path: Path | None) -> None:
    if (count := len(model.functions)) > MOST_FUNCTIONS and any(map(is_ours, model.functions)):
        raise _too_many(f"{count:,}", path)


def _write(
    model: ModelProto, flat: Analysis, output: Path, copies: Copies, options: Options
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Write all files; return the written files, and the removed files of earlier runs."""
    contents: dict[Path, Content] = {output: content_of(model, output, copies)}
    seal = None
    if options.sidecar != "none":
        seal = sidecar_path(output)
        contents[seal] = sidecar.write(replace(flat, path=output), options.sidecar).encode()
    removed = atomic_outputs.write_atomically(contents, copies, seal=seal)
    return (*copies.files, *([seal] if seal else ()), output), removed


def _records(outcomes: Sequence[tuple[Pass, Outcome]]) -> tuple[PassRecord, ...]:
    return tuple(PassRecord(as_text(step), outcome) for step, outcome in outcomes)
