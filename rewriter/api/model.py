"""A model that is read and analysed once, with the verbs as methods: `rewriter.open`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from rewriter import pipeline
from rewriter.api import checkpoints, half_precision, implants, replacement, taps
from rewriter.api import functions as api
from rewriter.api.foreign_models import AnySource, Rewritten, take
from rewriter.api.side_inputs import PathLike, ReferenceSource, TraceSource, read_evidence
from rewriter.basics.display import Display, listed
from rewriter.basics.literals import KindWord, WhatWord
from rewriter.basics.nearest import fits_nothing
from rewriter.basics.option_declaration import texts
from rewriter.errors import UsageError
from rewriter.evidence.side_inputs import Given
from rewriter.insight.conflicts import conflicts
from rewriter.insight.lookup.explanation import explain
from rewriter.insight.placement.device_settings import Placing, parse_wishes, place
from rewriter.insight.stats import collect
from rewriter.modules.analysis import Analysis
from rewriter.modules.module_tree import ModuleTree
from rewriter.modules.selection import Selection
from rewriter.options.words import NamedKind
from rewriter.passes.flatten import Flatten
from rewriter.pipeline import Inputs, Source
from rewriter.pipeline.loader import Opened
from rewriter.views.exports.export import export
from rewriter.views.name_formats import ChosenNames, chosen_names
from rewriter.views.notebook_tree import tree_html
from rewriter.views.witness_agreement import compare_sources

P = ParamSpec("P")
T = TypeVar("T")


def _method(function: Callable[Concatenate[AnySource, P], T]) -> Callable[Concatenate[Model, P], T]:
    """Return a function of the library as a method; the model is its first argument."""

    @wraps(function)
    def method(self: Model, /, *arguments: P.args, **named: P.kwargs) -> T:
        return function(self.opened, *arguments, **named)

    return method


def _of_analysis(function: Callable[Concatenate[Analysis, P], T]) -> Callable[Concatenate[Model, P], T]:
    """Return a function of an analysis as a method; the analysis of the model is its first argument."""

    @wraps(function)
    def method(self: Model, /, *arguments: P.args, **named: P.kwargs) -> T:
        return function(self.analysis, *arguments, **named)

    return method


class Model(Display):
    """A model that is read and analysed once, on first use, for all verbs.

    `rewriter.open` takes the further evidence (`like`, `reference`, `checkpoint`, `trace`); the methods
    refuse it. The model is never changed. If its file changes later, the file is not read again.
    """

    def __init__(self, source: Source, known: Callable[[], Given]) -> None:
        """Store the source; use `rewriter.open` instead of this constructor.

        Args:
            source: the model.
            known: function that reads the further evidence; called once, on first use.
        """
        self._source = source
        self._known = known

    @cached_property
    def opened(self) -> Opened:
        """The model and its analysis.

        Raises:
            UnreadableModel: the source is not a complete ONNX model, or the file of an option cannot be read.
            UsageError: the value of an option names nothing, or does not fit the model.
            DoesNotFit: `like` has too little in common with the model.
        """
        given = self._known()
        model, analysis = pipeline.read_and_load(self._source, given)
        return Opened(model, analysis, given)

    @property
    def analysis(self) -> Analysis:
        """The analysis of the model."""
        return self.opened.analysis

    @property
    def path(self) -> Path | None:
        """The file; None for a model in memory."""
        return self.analysis.path

    @property
    def tree(self) -> ModuleTree:
        """The module tree."""
        return self.analysis.tree

    extract = _method(api.extract)
    replace = _method(replacement.replace)
    split = _method(api.split)
    implant = _method(implants.implant)
    tap = _method(taps.tap)
    untap = _method(taps.untap)
    drop = _method(taps.drop)
    profile = _method(api.profile)
    precision = _method(half_precision.precision)
    diff = _method(api.diff)
    verify = _method(api.verify)
    report = _method(api.report)
    doctor = _method(api.doctor)
    rewrite = _method(api.rewrite)
    weights = _method(checkpoints.weights)
    refit = _method(checkpoints.refit)
    stats = _of_analysis(collect)
    explain = _of_analysis(explain)
    export = _of_analysis(export)
    compare_sources = _of_analysis(compare_sources)
    conflicts = _of_analysis(conflicts)

    def flatten(
        self,
        output: PathLike | None = None,
        *,
        foreign: bool = False,
        numbers: bool | None = None,
        optimised: bool = False,
        inputs: Inputs | None = None,
        copy_data: bool = False,
        timeout: float = 600.0,
    ) -> Rewritten:
        """Inline the functions that `rewrite` made, and restore names, order and metadata of the nodes.

        Args:
            output: the file to write; None to only return the model.
            foreign: whether to inline functions of other tools as well, except those in domains of runtimes.
            numbers: see `rewrite`.
            optimised: see `rewrite`.
            inputs: see `rewrite`.
            copy_data: see `rewrite`.
            timeout: time limit for running the models, in seconds; applies again to the optimised run.

        Raises:
            RewriterError: see its subclasses; nothing was written after an error.
        """
        return api.rewrite(
            self.opened,
            output,
            passes=(Flatten(foreign),),
            numbers=numbers,
            optimised=optimised,
            inputs=inputs,
            copy_data=copy_data,
            timeout=timeout,
            sidecar="none",
        )

    def carry(self, other: AnySource, output: PathLike | None = None, *, force: bool = False) -> Rewritten:
        """Write the tree of this model into a model that a tool made from it; see `rewriter.rewrite`.

        Args:
            other: the model made from this one.
            output: the file to write; None to only return the model.
            force: whether to carry the tree over even if the models have too little in common.

        Raises:
            DoesNotFit: the two models have too little in common.
            RewriterError: see its subclasses; nothing was written after an error.
        """
        return api.rewrite(other, output, like=self.opened, force=force)

    def select(
        self,
        modules: str | Sequence[str] | Selection = (),
        *,
        class_name: str | Sequence[str] = (),
        kind: KindWord | Sequence[KindWord] = (),
        operators: str | Sequence[str] = (),
        depth: int = 0,
        inferred: bool = False,
        what: WhatWord = "nodes",
    ) -> ChosenNames:
        """Return the names of nodes, values or initializers of modules, and warnings about their use.

        The result has `.names` and `.notes`; `.text("ort-quant")` returns the names in the form of a tool.

        Args:
            modules: globs over module paths, or a selection; a module includes all modules below it.
            class_name: globs over classes.
            kind: origins of classes: `torch.nn`, `huggingface`, `torch`, `custom` or `unknown`.
            operators: globs over operators.
            depth: maximum depth of modules; 0 for all.
            inferred: whether `class_name` also matches the inferred class of a module, which is a guess.
            what: `nodes`, `values`, `initializers`, or the `inputs` or `outputs` of the modules.

        Raises:
            UsageError: a glob matches nothing, or `kind` or `what` is unknown.
        """
        if what not in list(NamedKind):
            raise UsageError(fits_nothing("value", what, list(NamedKind)))
        words: dict[str, tuple[str, ...]] = {
            "class_name": texts(class_name),
            "kind": texts(kind),
            "operators": texts(operators),
        }
        given: dict[str, Any] = {name: word for name, word in words.items() if word}
        if depth:
            given["depth"] = depth
        if inferred:
            given["inferred"] = True
        return chosen_names(self.analysis, replace(Selection.of(modules), **given), NamedKind(what))

    def place(self, *devices: str, selection: Selection = Selection()) -> Placing:  # noqa: B008 frozen
        """Return the settings of an onnxruntime session that place modules on devices (`.settings`).

        Args:
            devices: patterns with devices, such as `"encoder.layer.[0-5]=cpu"`; the first pattern that
                matches a module decides.
            selection: further conditions on the modules; its patterns and operators are ignored.

        Raises:
            UsageError: a pattern or condition matches no module, or no setting can express the placement.
        """
        return place(self.analysis, parse_wishes(devices), selection)

    def save(self, output: PathLike) -> Rewritten:
        """Write the model with its tree, and prove it equal; the same as `rewrite(output)`."""
        return api.rewrite(self.opened, output)

    def __str__(self) -> str:
        return str(self.analysis)

    def _brief(self) -> str:
        source = self._source
        name = source if isinstance(source, str | os.PathLike) else "model in memory"
        known = self.tree.brief if "opened" in vars(self) else "not read yet"
        return f"{listed([name])}: {known}"

    def _repr_html_(self) -> str:
        return tree_html(self.analysis)


def open(
    source: AnySource,
    *,
    like: Source | None = None,
    reference: ReferenceSource | None = None,
    checkpoint: PathLike | None = None,
    trace: TraceSource | None = None,
    force: bool = False,
) -> Model:
    """Open a model, with the verbs as methods; the first verb reads and analyses it.

    The arguments are those of `rewriter.load`.

    Args:
        source: the model.
        like: the model that this one was made from.
        reference: the source that this model was built from.
        checkpoint: the file from which weights get their names.
        trace: the torch module to run.
        force: whether to carry the tree of `like` over even if the models have too little in common.

    Raises:
        UsageError: `source` is not a supported kind of model, or its weights are in several folders. The
            verbs raise all other errors.
    """
    return Model(take(source).source, partial(read_evidence, like, reference, checkpoint, trace, force=force))
