"""Replaces modules by nodes of one operator: rewrite, prove, try the runtime, save."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace as changed
from pathlib import Path

from onnx import ModelProto

from rewriter.cutting.piece_files import plan_data, write_models
from rewriter.edits.given_attributes import AttributeValue
from rewriter.edits.operator_name import OperatorName
from rewriter.edits.removal import erase_at
from rewriter.edits.replacement import (
    Ran,
    Replacement,
    function_of,
    nodes_of,
    rename_function,
)
from rewriter.edits.replacing_pass import Replace
from rewriter.errors import CannotReplace, Different, NotProved
from rewriter.model.storage.output_targets import plan_copies
from rewriter.modules.selection import Selection
from rewriter.passes.annotate import Annotate
from rewriter.passes.unshare import Unshare
from rewriter.pipeline.loader import Progress, Source, name_of, path_of, read_model
from rewriter.pipeline.options import Options
from rewriter.pipeline.rewrite_run import rewrite
from rewriter.runtime.child.job import Ended
from rewriter.runtime.ort.kernel_choice import runs_a_kernel
from rewriter.verdict.numbers import OPTIMISED, Numeric, compare
from rewriter.verdict.phrases import numbers_phrase


def replace(
    source: Source,
    selection: Selection,
    operator: OperatorName,
    output: Path | None,
    options: Options,
    progress: Progress = lambda station: None,
    *,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Replacement:
    """Replace each call of the chosen modules by one node of an operator, with their body as its function.

    Args:
        source: the model; never changed.
        selection: the modules.
        operator: the operator.
        output: the file to write; None to write nothing.
        options: inputs, numbers, time limit, evidence and copies of data. The tolerance is for a kernel of
            onnxruntime; the body of the function allows none.
        progress: called with the name of every station as it begins.
        attributes: attributes of each node that the body does not read, for a kernel.

    Raises:
        UsageError: see `Replace`; or the output would replace an input, or leave data behind.
        CannotReplace: see `Replace`; or onnxruntime does not load or run the result.
        RewriterError: see `rewrite_run.rewrite`; nothing was written after an error.
    """
    path = path_of(source)
    if output is not None:
        plan_copies(path, [output], (), copy_data=False)
    passes = (Annotate(), Unshare(), Replace(operator, selection, attributes or {}))
    proof = changed(options, passes=passes, tolerance=None, sidecar="none")
    report = rewrite(source, None, proof, progress)
    model = report.analysis.model
    found = Replacement(
        report.analysis,
        report.before.opsets,
        report.before.initializers,
        operator,
        function_of(model, operator.provisional),
        nodes_of(model, operator.provisional),
        report.refusals,
        report.verification,
        Ran.BODY if report.verification.numeric and report.verification.numeric.taken else None,
    )
    if operator.may_have_kernel:
        progress("runtime")
        rename_function(model, found.function, operator.domain, operator.name)
        _drop_import(model, operator.provisional.domain)
        found = _tried(found, source, options)
    if output is None:
        return found
    progress("write")
    models = {output: model}
    copies = plan_data(report.analysis, models, copy_data=options.copy_data)
    written, removed = write_models(models, copies)
    return changed(found, outputs=written, removed=removed)


def _tried(found: Replacement, source: Source, options: Options) -> Replacement:
    """Load and run a result whose operator onnxruntime may have a kernel for.

    Raises:
        CannotReplace: onnxruntime does not load or run it.
        Different: a kernel computes something else than the modules.
        NotProved: a kernel was not compared with the modules.
    """
    model, path = found.model, path_of(source)
    folder = path.parent if path else options.folder
    name, operator = name_of(path), found.operator
    kernel = runs_a_kernel(model, folder, (operator.domain, operator.name), timeout=options.timeout)
    if isinstance(kernel, Ended):
        raise CannotReplace(
            f"{name}: onnxruntime does not load the result with nodes of {operator}: {kernel.how}; "
            "nothing was written"
        )
    if not kernel:
        return changed(found, ran=Ran.BODY)
    numeric = _compared(read_model(source)[0], model, folder, options)
    subject = f"{name}: onnxruntime runs its kernel of {operator}, not the body"
    if numeric.error is not None:
        raise CannotReplace(f"{subject}, and fails: {numeric.error}; nothing was written")
    if not numeric.taken or numeric.random:
        raise NotProved(f"{subject}, and {numbers_phrase(numeric)}; nothing was written")
    if not numeric.within:
        raise Different(
            f"{subject}, and computes something else: {numbers_phrase(numeric)}; nothing was written"
        )
    return changed(found, ran=Ran.KERNEL, kernel=numeric)


def _drop_import(model: ModelProto, domain: str) -> None:
    erase_at(model.opset_import, [each.domain == domain for each in model.opset_import])


def _compared(before: ModelProto, after: ModelProto, folder: Path | None, options: Options) -> Numeric:
    if options.numbers is False:
        return Numeric(skipped="numbers not asked for; drop --no-numbers")
    return compare(
        before,
        after,
        before_folder=folder,
        after_folder=folder,
        inputs=options.inputs,
        tolerance=options.tolerance or OPTIMISED,
        timeout=options.timeout,
    )
