"""The Python library: the verbs of the command line as functions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from rewriter import pipeline
from rewriter.api import model_report
from rewriter.api.comparison import Compared, compare
from rewriter.api.foreign_models import AnySource, Rewritten, read_of, take
from rewriter.api.input_arrays import read_inputs
from rewriter.api.model_report import ReportContents
from rewriter.api.side_inputs import PathLike, ReferenceSource, TraceSource, read_evidence
from rewriter.basics.literals import FunctionsWord, LawWord, MeasureWord, SidecarWord
from rewriter.basics.option_declaration import texts
from rewriter.cutting import extract as cutting_extract
from rewriter.cutting.check import Checking
from rewriter.cutting.extract import Extraction
from rewriter.cutting.plan.memory_split import Aim, plan_chain
from rewriter.cutting.split import Split, finish
from rewriter.errors import UsageError
from rewriter.insight.comparison.module_diff import Diff
from rewriter.insight.profile import Profile
from rewriter.insight.tools.examine import Diagnosis
from rewriter.model.storage.atomic_outputs import write_atomically
from rewriter.model.storage.output_targets import plan_copies
from rewriter.modules.analysis import Analysis
from rewriter.modules.module_tree import ModuleTree
from rewriter.modules.selection import Selection
from rewriter.options.cut import demand_one_way
from rewriter.options.groups import RewriteSteps
from rewriter.options.words import TOLERANCE
from rewriter.passes.base import Pass
from rewriter.passes.registry.presets import passes_of
from rewriter.pipeline import Inputs, Options, Source
from rewriter.pipeline.loader import path_of
from rewriter.runtime.child_limits import parse_size
from rewriter.runtime.compare.tolerance import tolerance_of
from rewriter.verdict.verification import Verification
from rewriter.views.notebook_tree import tree_html
from rewriter.views.page.html_report import PageReport


@dataclass(frozen=True, slots=True, repr=False)
class LoadedModel(Analysis):
    """An analysis that shows its tree in a notebook."""

    def _repr_html_(self) -> str:
        return tree_html(self)


def load(
    source: AnySource,
    *,
    like: Source | None = None,
    reference: ReferenceSource | None = None,
    checkpoint: PathLike | None = None,
    trace: TraceSource | None = None,
    force: bool = False,
) -> LoadedModel:
    """Read a model and place its nodes in modules.

    Args:
        source: the path of a file, its bytes, a ModelProto, or an object of onnx_ir, torch.onnx or
            onnx_graphsurgeon. External weights are read only if `checkpoint` or `trace` needs them.
        like: the model that this one was optimised, quantised or converted from, or its sidecar. Its tree is
            carried over.
        reference: the source that the model was built from. It adds classes and modules that the file does
            not show. Accepts a torch module, `"package.module:Class"`, `"file.py:factory"`, a transformers
            `config.json` or its folder, a sidecar, or the tree of another file.
        checkpoint: a safetensors or torch file. Weights with equal content get their names from it.
        trace: the torch module with its weights, and optionally sample inputs. The module and the model run
            on these inputs, and nodes are placed by the values that they compute. Accepts `(module, inputs)`;
            the module alone, to run on random inputs; or `"package.module:factory"` or `"file.py:factory"`,
            where the factory returns either.
        force: whether to carry the tree of `like` over even if the models have too little in common.

    Raises:
        UnreadableModel: the source is not a complete ONNX model, or the file of an option cannot be read.
        UsageError: the value of an option names nothing, or does not fit the model.
        DoesNotFit: `like` has too little in common with the model.
    """
    found = pipeline.load(read_of(source), read_evidence(like, reference, checkpoint, trace, force=force))
    return LoadedModel(**{field.name: getattr(found, field.name) for field in fields(found)})


def tree(
    source: AnySource,
    *,
    like: Source | None = None,
    reference: ReferenceSource | None = None,
    checkpoint: PathLike | None = None,
    trace: TraceSource | None = None,
    force: bool = False,
) -> ModuleTree:
    """Return the module tree of a model; see `load`.

    Raises:
        UnreadableModel: the source is not a complete ONNX model, or the file of an option cannot be read.
        UsageError: the value of an option names nothing, or does not fit the model.
        DoesNotFit: `like` has too little in common with the model.
    """
    return load(source, like=like, reference=reference, checkpoint=checkpoint, trace=trace, force=force).tree


def doctor(source: AnySource, tools: Sequence[str] = ()) -> Diagnosis:
    """Find the known effects of other tools on a model: on its functions, tree, fields, or due to its size.

    Args:
        source: the model; no weight is read.
        tools: globs over tool names; empty for all tools.

    Raises:
        UnreadableModel: the source is not a complete ONNX model.
        UsageError: a glob matches no tool.
    """
    return pipeline.diagnose(read_of(source), tools)


def rewrite(
    source: AnySource,
    output: str | os.PathLike[str] | None = None,
    *,
    functions: FunctionsWord = "none",
    depth: int = 0,
    only: str | Sequence[str] = (),
    class_name: str | Sequence[str] = (),
    kind: str | Sequence[str] = (),
    operators: str | Sequence[str] = (),
    leave_out: str | Sequence[str] = (),
    inferred: bool = False,
    repeated: bool = False,
    restore_names: bool = False,
    layer_annotations: bool = False,
    foreign: bool = False,
    passes: Sequence[Pass] | str | None = None,
    numbers: bool | None = None,
    optimised: bool = False,
    inputs: Inputs | PathLike | None = None,
    sidecar: SidecarWord = "compact",
    copy_data: bool = False,
    min_coverage: float = 0.0,
    strict: bool = False,
    dry_run: bool = False,
    timeout: float = 600.0,
    like: Source | None = None,
    reference: ReferenceSource | None = None,
    checkpoint: PathLike | None = None,
    trace: TraceSource | None = None,
    force: bool = False,
) -> Rewritten:
    """Write the module tree into a model and prove that nothing else changed.

    Args:
        source: the model; never changed.
        output: the file to write; None to only return the model (`report.analysis.model`).
        functions: `none` to make no functions, `call` to make every call of a module a local function,
            `shared` to make one function for all calls with equal bodies.
        depth: maximum nesting depth of functions; 0 for no limit.
        only: make functions only of modules whose path matches this glob, or one of several globs.
        class_name: make functions only of modules whose class matches this glob, or one of several globs.
        kind: make functions only of modules whose class has this origin, or one of several: `torch.nn`,
            `huggingface`, `torch`, `custom`, `unknown`.
        operators: make functions only of modules that directly own a node of one of these operators.
        leave_out: make no functions of modules whose path matches, nor of modules inside them.
        inferred: whether `class_name` also matches the inferred class of a module, which is a guess.
        repeated: make functions only of modules whose body occurs more than once.
        restore_names: also name nodes and weights that lost their names.
        layer_annotations: also annotate nodes with their module for onnxruntime's annotated partitioning.
        foreign: first inline the functions that other tools made, so that `functions` makes new ones.
        passes: the passes to run instead, in order, or as text: `"annotate,unshare,group{depth=2},share"`.
        numbers: whether onnxruntime also runs both models, whose outputs must agree bit for bit. None: run
            unless both executable graphs are byte-identical. True: fail if they cannot be run.
        optimised: whether onnxruntime runs both models again with all its optimisations; their outputs must
            agree within 1e-3 of the largest value.
        inputs: input name -> array to run both models on, or a source for `read_inputs`; drawn from the
            signature if None.
        sidecar: whether to write the tree to `<output>.modules.json` as well: as tables (`compact`); as an
            object for each module, with figures that follow from others (`full`); or not (`none`).
        copy_data: whether to copy external data if the output is in another folder.
        min_coverage: the smallest accepted share of placed nodes, as a share (0.95) or a percentage (95).
        strict: whether to fail if anything was refused.
        dry_run: whether to write nothing and do everything else.
        timeout: time limit for running the models, in seconds; applies again to the optimised run.
        like: the model that this one was made from; see `load`.
        reference: the source that this model was built from; see `load`.
        checkpoint: the file from which weights get their names; see `load`.
        trace: the torch module to run; see `load`.
        force: whether to carry the tree of `like` over even if the models do not fit; see `load`.

    Returns:
        The report with the proof; `.result` is the model as the kind of object that was given.

    Raises:
        RewriterError: see its subclasses; nothing was written after an error.
    """
    steps = RewriteSteps(
        functions=functions,
        depth=depth,
        only=texts(only),
        class_name=texts(class_name),
        kind=texts(kind),
        operators=texts(operators),
        leave_out=texts(leave_out),
        inferred=inferred,
        repeated=repeated,
        restore_names=restore_names,
        layer_annotations=layer_annotations,
        foreign=foreign,
        passes=passes,
    )
    given = read_evidence(like, reference, checkpoint, trace, force=force, output=output)
    taken = take(source)
    options = Options(
        passes_of(steps),
        numbers=numbers,
        optimised=optimised,
        inputs=read_inputs(inputs),
        sidecar=sidecar,
        copy_data=copy_data,
        min_coverage=min_coverage,
        strict=strict,
        dry_run=dry_run,
        timeout=timeout,
        given=given,
        folder=taken.folder,
    )
    report = pipeline.rewrite(taken.source, Path(output) if output is not None else None, options)
    return Rewritten(**{field.name: getattr(report, field.name) for field in fields(report)}, back=taken.back)


def extract(
    source: AnySource,
    modules: str | Sequence[str] | Selection,
    output: PathLike | None = None,
    *,
    call: int | str | None = None,
    numbers: bool | None = None,
    inputs: Inputs | PathLike | None = None,
    copy_data: bool = False,
    timeout: float = 600.0,
    like: Source | None = None,
    reference: ReferenceSource | None = None,
    checkpoint: PathLike | None = None,
    trace: TraceSource | None = None,
    force: bool = False,
) -> Extraction:
    """Extract modules as one model, which computes the same as these modules in the whole model.

    Args:
        source: the model; never changed.
        modules: a glob over module paths, several globs, or a selection; matching modules become one model.
        output: the file to write; None to only return the model (`.model`).
        call: number of the call, from 0, for modules that are called several times; or `then`, `else` or
            `body`, for the call in this body of If, Loop or Scan.
        numbers: whether onnxruntime runs the result, and the part of the whole model that the modules depend
            on; they must agree bit for bit. None: run them if possible. True: fail if they cannot be run.
        inputs: input name of the whole model -> array to run it on, or a source for `read_inputs`; drawn from
            the signature if None.
        copy_data: whether to copy the external data that it reads, if the output is in another folder.
        timeout: time limit for running the models, in seconds.
        like: the model that this one was made from; see `load`.
        reference: the source that this model was built from; see `load`.
        checkpoint: the file from which weights get their names; see `load`.
        trace: the torch module to run; see `load`.
        force: whether to carry the tree of `like` over even if the models do not fit; see `load`.

    Raises:
        RewriterError: see its subclasses; nothing was written after an error.
    """
    analysis = pipeline.load_sorted(
        read_of(source), read_evidence(like, reference, checkpoint, trace, force=force, output=output)
    )
    selection = Selection.of(modules)
    if selection == Selection():
        raise UsageError("modules is empty; name one, such as 'encoder.layer.0', or a glob")
    paths = [module.path for module in selection.whole(analysis)]
    checking = Checking(numbers=numbers, inputs=read_inputs(inputs), timeout=timeout)
    target = Path(output) if output is not None else None
    return cutting_extract.extract(analysis, paths, target, call=call, checking=checking, copy_data=copy_data)


def split(
    source: AnySource,
    at: str | Sequence[str] = (),
    output: PathLike | None = None,
    *,
    budget: int | str | None = None,
    into: int | None = None,
    dims: Mapping[str, int] | None = None,
    dry_run: bool = False,
    numbers: bool | None = None,
    inputs: Inputs | PathLike | None = None,
    copy_data: bool = False,
    timeout: float = 600.0,
    like: Source | None = None,
    reference: ReferenceSource | None = None,
    checkpoint: PathLike | None = None,
    trace: TraceSource | None = None,
    force: bool = False,
) -> Split:
    """Split a model into a chain of models that together compute the same as the whole model.

    Exactly one of `at`, `budget` and `into` chooses the cuts.

    Args:
        source: the model; never changed.
        at: the modules before which to cut, as globs; `"block@1"` means the second call.
        output: the folder for the parts and `split.json`; None to only return the models (`.parts[0].model`).
        budget: memory that each part may need, in bytes or as a text such as "8GiB"; for as few parts as
            possible.
        into: number of parts, the largest of which needs little memory.
        dims: symbolic dimension -> size; for `budget` and `into`.
        dry_run: whether the parts are neither checked nor written.
        numbers: whether onnxruntime runs the whole model and the chain, which must agree bit for bit. None:
            run them if possible. True: fail if they cannot be run.
        inputs: input name of the whole model -> array to run it on, or a source for `read_inputs`; drawn from
            the signature if None.
        copy_data: whether to copy the external data that it reads, if the output is in another folder.
        timeout: time limit for running the models, in seconds.
        like: the model that this one was made from; see `load`.
        reference: the source that this model was built from; see `load`.
        checkpoint: the file from which weights get their names; see `load`.
        trace: the torch module to run; see `load`.
        force: whether to carry the tree of `like` over even if the models do not fit; see `load`.

    Raises:
        RewriterError: see its subclasses; nothing was written after an error.
    """
    size = parse_size(budget) if isinstance(budget, str) else budget
    demand_one_way(texts(at), size, into, dims)
    analysis = pipeline.load_sorted(
        read_of(source), read_evidence(like, reference, checkpoint, trace, force=force, output=output)
    )
    checking = Checking(numbers=numbers, inputs=read_inputs(inputs), timeout=timeout)
    planned = plan_chain(analysis, texts(at), Aim(size, into, dims or {}), checking)
    target = Path(output) if output is not None else None
    return planned if dry_run else finish(planned, target, checking, copy_data=copy_data)


def verify(
    before: AnySource,
    after: AnySource,
    *,
    tolerance: float | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    laws: LawWord = "bits",
    numbers: bool | None = None,
    optimised: bool = False,
    inputs: Inputs | PathLike | None = None,
    timeout: float = 600.0,
) -> Verification:
    """Decide whether two models compute the same, by a certificate, by laws and by running them.

    The result has the `.verdict`; `.accepted` tells whether it is good enough for these options.

    Inputs and outputs with different names are matched by position.

    Args:
        before: the first model.
        after: the second.
        tolerance: accept numbers within this share of the largest value of each output:
            |a-b| <= tolerance * max|a|.
        rtol: accept numbers as `numpy.allclose` does with `rtol` and `atol`; excludes `tolerance`.
        atol: see `rtol`.
        laws: laws that may prove models equal whose expressions differ: none; bits, those that keep all bits;
            or rounding, all laws, and then the verdict *equal up to rounding* is accepted.
        numbers: whether onnxruntime runs both models. None: run unless both executable graphs are
            byte-identical. True: fail if they cannot be run.
        optimised: whether onnxruntime runs both models again with all its optimisations; their outputs must
            agree within the given tolerance, by default 1e-3 of the largest value.
        inputs: input name of the first model -> array to run both on, or a source for `read_inputs`; drawn
            from the signature if None.
        timeout: time limit for running the models, in seconds; applies again to the optimised run.

    Raises:
        UnreadableModel: one of the models cannot be read.
        UsageError: `tolerance` is given with `rtol` or `atol`, the inputs do not fit the first model, or an
            option needs numbers although `numbers` is False.
    """
    options = Options(
        numbers=numbers,
        optimised=optimised,
        inputs=read_inputs(inputs),
        timeout=timeout,
        tolerance=tolerance_of(tolerance, rtol, atol),
        laws=laws,
    )
    return pipeline.verify(read_of(before), read_of(after), options)


def diff(
    before: Compared,
    after: Compared,
    *,
    numbers: bool = True,
    inputs: Inputs | PathLike | None = None,
    tolerance: float = TOLERANCE,
    timeout: float = 600.0,
) -> Diff:
    """Compare two models module by module; `.first` is the first module whose numbers differ.

    Args:
        before: the first model, the reference.
        after: the second, or the torch module that the first was exported from: `"file.py:factory"`, a module
            or `(module, inputs)`. The module is the reference then.
        numbers: whether to run both in onnxruntime, without optimisations.
        inputs: input name of the first model -> array to run both on, or a source for `read_inputs`; drawn
            from the signature if None.
        tolerance: largest deviation that counts as equal, relative to the largest magnitude in the reference.
        timeout: time limit for running the models, in seconds.

    Raises:
        UnreadableModel: one of the models cannot be read.
        UsageError: the inputs do not fit the first model, or are given although `numbers` is False; or the
            torch module does not run on the inputs.
    """
    return compare(
        before,
        after,
        numbers=numbers,
        inputs=read_inputs(inputs),
        tolerance=tolerance,
        timeout=timeout,
    )


def profile(
    source: AnySource,
    *,
    inputs: Inputs | PathLike | None = None,
    rounds: int = 20,
    warmup: int = 3,
    threads: int = 0,
    recorded: PathLike | None = None,
    timeout: float = 600.0,
    like: Source | None = None,
    reference: ReferenceSource | None = None,
    checkpoint: PathLike | None = None,
    trace: TraceSource | None = None,
    force: bool = False,
) -> Profile:
    """Measure the time of a model, by module and by class, as onnxruntime runs it by default.

    Args:
        source: the model.
        inputs: input name -> array to run the model on, or a source for `read_inputs`; drawn from the
            signature if None.
        rounds: number of measured runs.
        warmup: number of runs before the measured ones.
        threads: threads of one operator; 0 for the default of onnxruntime.
        recorded: a profile that onnxruntime recorded of this model, to read instead of running it.
        timeout: time limit for the whole measurement, in seconds.
        like: the model that this one was made from; see `load`.
        reference: the source that this model was built from; see `load`.
        checkpoint: the file from which weights get their names; see `load`.
        trace: the torch module to run; see `load`.
        force: whether to carry the tree of `like` over even if the models do not fit; see `load`.

    Raises:
        UnreadableModel: the model or the profile cannot be read.
        UsageError: the model cannot be run on these inputs, `rounds` is below 1, `warmup` is below 0, or
            inputs are given with a recorded profile.
    """
    return pipeline.profile(
        read_of(source),
        recorded=None if recorded is None else Path(recorded),
        inputs=read_inputs(inputs),
        rounds=rounds,
        warmup=warmup,
        threads=threads,
        timeout=timeout,
        given=read_evidence(like, reference, checkpoint, trace, force=force),
    )


def report(
    source: AnySource,
    other: Source | None = None,
    *,
    output: PathLike | None = None,
    by: MeasureWord = "",
    original: Source | None = None,
    profile: bool = False,
    recorded: PathLike | None = None,
    numbers: bool = True,
    inputs: Inputs | PathLike | None = None,
    timeout: float = 600.0,
    sizes: Mapping[str, int] | None = None,
    like: Source | None = None,
    reference: ReferenceSource | None = None,
    checkpoint: PathLike | None = None,
    trace: TraceSource | None = None,
    force: bool = False,
) -> PageReport:
    """Render a model as one self-contained HTML page (`.html`), and its icicle as a drawing (`.svg`).

    Args:
        source: the model.
        other: a second model, to show its differences.
        output: the file to write the page to; None to only return it.
        by: the figure that sizes show at first: `parameters`, `nodes`, `flops` or `time`.
        original: the model that this one was made from; the page shows whether both compute the same.
        profile: whether to run the model and show the time of each module.
        recorded: a profile that onnxruntime recorded of the model, to show instead.
        numbers: whether to run the compared models.
        inputs: input name -> array to run the models on, or a source for `read_inputs`; drawn from the
            signature if None.
        timeout: time limit for each comparison and for the profile, in seconds.
        sizes: symbolic dimension -> size, to compute shapes and FLOPs.
        like: the model that this one was made from; see `load`.
        reference: the source that this model was built from; see `load`.
        checkpoint: the file from which weights get their names; see `load`.
        trace: the torch module to run; see `load`.
        force: whether to carry the tree of `like` over even if the models do not fit; see `load`.

    Raises:
        UnreadableModel: a model or a profile cannot be read.
        UsageError: the model cannot be run on these inputs, or has no figures for the chosen size.
        CannotWrite: the output cannot be written.
    """
    wanted = ReportContents(
        other=None if other is None else read_of(other),
        original=None if original is None else read_of(original),
        profile=profile,
        recorded=None if recorded is None else Path(recorded),
        numbers=numbers,
        inputs=read_inputs(inputs),
        timeout=timeout,
        sizes=sizes or {},
        by=by,
    )
    target = None if output is None else Path(output)
    if target is not None:
        plan_copies(path_of(source), [target], (), copy_data=False)
    given = read_evidence(like, reference, checkpoint, trace, force=force, output=output)
    made = model_report.report(read_of(source), wanted, given)
    if target is not None:
        write_atomically({target: made.html.encode()})
    return made
