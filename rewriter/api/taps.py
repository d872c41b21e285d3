"""The verbs that edit a model by module, as functions of the Python library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from rewriter import pipeline
from rewriter.api.foreign_models import AnySource, Rewritten, take
from rewriter.api.input_arrays import read_inputs
from rewriter.api.side_inputs import PathLike, ReferenceSource, TraceSource, read_evidence
from rewriter.basics.literals import IterationsWord, WhatTappedWord
from rewriter.basics.option_declaration import texts
from rewriter.edits.drop import Drop
from rewriter.edits.tap import Tap, TapOutcome
from rewriter.edits.taps.record import TappedValue
from rewriter.edits.untap import Untap
from rewriter.evidence.side_inputs import NOTHING, Given
from rewriter.modules.selection import Selection
from rewriter.options.edit import Tapping
from rewriter.passes.base import Pass
from rewriter.pipeline import Inputs, Options, Source


class Tapped(Rewritten):
    """The report of a tap.

    Attributes:
        taps: the new outputs, each with the value that it shows.
    """

    @property
    def taps(self) -> tuple[TappedValue, ...]:
        """The new outputs, in the order of the model."""
        return self.outcome_of(TapOutcome).taps


def tap(
    source: AnySource,
    modules: str | Sequence[str] | Selection = (),
    output: PathLike | None = None,
    *,
    what: WhatTappedWord = "outputs",
    value: str | Sequence[str] = (),
    iterations: IterationsWord = "last",
    numbers: bool | None = None,
    optimised: bool = False,
    inputs: Inputs | PathLike | None = None,
    copy_data: bool = False,
    timeout: float = 600.0,
    like: Source | None = None,
    reference: ReferenceSource | None = None,
    checkpoint: PathLike | None = None,
    trace: TraceSource | None = None,
    force: bool = False,
) -> Tapped:
    """Make outputs of modules outputs of the model, named by module path, and prove the others equal.

    Args:
        source: the model; never changed.
        modules: a glob over module paths, several globs, or a selection.
        output: the file to write; None to only return the model (`.analysis.model`).
        what: `outputs` or `inputs` of the modules.
        value: names of further values.
        iterations: for values in the body of a Loop or Scan: the `last` iteration, or all, `stacked`.
        numbers: whether onnxruntime also runs both models, whose common outputs must agree bit for bit. None:
            run them if possible. True: fail if they cannot be run.
        optimised: whether onnxruntime runs both models again with all its optimisations.
        inputs: input name -> array to run both models on, or a source for `read_inputs`; drawn from the
            signature if None.
        copy_data: whether to copy external data if the output is in another folder.
        timeout: time limit for running the models, in seconds; applies again to the optimised run.
        like: the model that this one was made from; see `load`.
        reference: the source that this model was built from; see `load`.
        checkpoint: the file from which weights get their names; see `load`.
        trace: the torch module to run; see `load`.
        force: whether to carry the tree of `like` over even if the models do not fit; see `load`.

    Raises:
        RewriterError: see its subclasses; nothing was written after an error.
    """
    chosen = Tapping(module_inputs=what == "inputs", value=texts(value), iterations=iterations)
    step = tap_pass(Selection.of(modules), chosen, numbers=numbers, timeout=timeout)
    given = read_evidence(like, reference, checkpoint, trace, force=force, output=output)
    return Tapped(**_edited(source, output, step, given, numbers, optimised, inputs, copy_data, timeout))


def untap(
    source: AnySource,
    output: PathLike | None = None,
    *,
    numbers: bool | None = None,
    optimised: bool = False,
    inputs: Inputs | PathLike | None = None,
    copy_data: bool = False,
    timeout: float = 600.0,
) -> Rewritten:
    """Remove the outputs that `tap` added, with all that it wrote for them, and prove the others equal.

    Args:
        source: the model; never changed.
        output: the file to write; None to only return the model (`.analysis.model`).
        numbers: see `tap`.
        optimised: see `tap`.
        inputs: see `tap`.
        copy_data: see `tap`.
        timeout: time limit for running the models, in seconds; applies again to the optimised run.

    Raises:
        RewriterError: see its subclasses; nothing was written after an error.
    """
    return Rewritten(
        **_edited(source, output, Untap(), NOTHING, numbers, optimised, inputs, copy_data, timeout)
    )


def drop(
    source: AnySource,
    modules: str | Sequence[str] | Selection,
    output: PathLike | None = None,
    *,
    numbers: bool | None = None,
    optimised: bool = False,
    inputs: Inputs | PathLike | None = None,
    copy_data: bool = False,
    timeout: float = 600.0,
    like: Source | None = None,
    reference: ReferenceSource | None = None,
    checkpoint: PathLike | None = None,
    trace: TraceSource | None = None,
    force: bool = False,
) -> Rewritten:
    """Remove modules, the outputs that depend on them, and all that only they needed; prove the rest equal.

    Args:
        source: the model; never changed.
        modules: a glob over module paths, several globs, or a selection.
        output: the file to write; None to only return the model (`.analysis.model`).
        numbers: see `tap`.
        optimised: see `tap`.
        inputs: see `tap`; arrays for the inputs that remain.
        copy_data: see `tap`.
        timeout: time limit for running the models, in seconds; applies again to the optimised run.
        like: the model that this one was made from; see `load`.
        reference: the source that this model was built from; see `load`.
        checkpoint: the file from which weights get their names; see `load`.
        trace: the torch module to run; see `load`.
        force: whether to carry the tree of `like` over even if the models do not fit; see `load`.

    Raises:
        RewriterError: see its subclasses; nothing was written after an error.
    """
    given = read_evidence(like, reference, checkpoint, trace, force=force, output=output)
    step = Drop.of(Selection.of(modules))
    return Rewritten(**_edited(source, output, step, given, numbers, optimised, inputs, copy_data, timeout))


def _edited(
    source: AnySource,
    output: PathLike | None,
    step: Pass,
    given: Given,
    numbers: bool | None,
    optimised: bool,
    inputs: Inputs | PathLike | None,
    copy_data: bool,
    timeout: float,
) -> dict[str, Any]:
    """Run one pass on a model, prove and write the result; return the fields of its report."""
    taken = take(source)
    options = Options(
        (step,),
        numbers=numbers,
        optimised=optimised,
        inputs=read_inputs(inputs),
        sidecar=False,
        copy_data=copy_data,
        timeout=timeout,
        given=given,
        folder=taken.folder,
    )
    report = pipeline.rewrite(taken.source, None if output is None else Path(output), options)
    return {field.name: getattr(report, field.name) for field in fields(report)} | {"back": taken.back}


def tap_pass(selection: Selection, chosen: Tapping, *, numbers: bool | None, timeout: float) -> Tap:
    """Return the pass for the options of `tap`; without numbers it does not run the model either."""
    return Tap.of(
        selection,
        inputs=chosen.module_inputs,
        value=chosen.value,
        iterations=chosen.iterations,
        measure=numbers is not False,
        timeout=timeout,
    )
