"""Compares two models: finds added, removed and changed modules, and the call where numbers first differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from itertools import chain

from onnx import TensorProto

from rewriter.basics.display import Display, counted, listed
from rewriter.errors import UsageError
from rewriter.evidence.trace.module_run import ModuleRun
from rewriter.insight.comparison.call_numbers import CallNumbers
from rewriter.insight.comparison.divergence import Divergence, Numbers
from rewriter.insight.comparison.module_pairs import Common, How, ModulePair, common_of, pair_modules
from rewriter.insight.comparison.number_runs import compare_calls
from rewriter.insight.comparison.structural_diff import Change, Side, changes_between
from rewriter.model.storage.external_data import tensors_of
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.modules.selection import Selection
from rewriter.options.words import TOLERANCE
from rewriter.paths import ModulePath
from rewriter.runtime.inputs.feeds import Array

_HALVES = frozenset({TensorProto.FLOAT16, TensorProto.BFLOAT16})


@dataclass(frozen=True, slots=True)
class ModuleDiff:
    """Differences of one module.

    Attributes:
        pair: the paths of the module in both models.
        changes: its own differences, without those of the modules below.
        calls: deviations of its inputs and outputs, per call; empty if the models were not run, or have no
            call of the module in common (see `calls_of_both`).
    """

    pair: ModulePair
    changes: tuple[Change, ...] = ()
    calls: tuple[CallNumbers, ...] = ()

    @property
    def path(self) -> ModulePath:
        """The path in the first model, or in the second for a module that was added."""
        return self.pair.path

    @property
    def added(self) -> bool:
        """Whether only the second model has the module."""
        return self.pair.before is None

    @property
    def gone(self) -> bool:
        """Whether only the first model has the module."""
        return self.pair.after is None

    @property
    def worst(self) -> CallNumbers | None:
        """The call whose outputs have the largest relative deviation; None if no call could be compared."""
        comparable = [call for call in self.calls if call.outputs.worst is not None]
        return max(comparable, key=_relative, default=None)

    def diverges(self, tolerance: float) -> bool:
        """Whether the relative deviation of an output of any call exceeds the tolerance."""
        return any(call.diverges(tolerance) for call in self.calls)

    def is_cause(self, tolerance: float) -> bool:
        """Whether an error above the tolerance comes from a call of it; see `CallNumbers.is_cause`."""
        return any(call.diverges(tolerance) and call.is_cause(tolerance) for call in self.calls)

    @property
    def changed(self) -> bool:
        """Whether only one model has the module, or the module has changes."""
        return self.added or self.gone or bool(self.changes)


@dataclass(frozen=True, repr=False)
class Diff(Display):
    """The differences between two models.

    Attributes:
        before: the first model, or the run of a torch module.
        after: the second.
        modules: every module of either model, in tree order of the first; added modules come last. For a
            torch module, the modules that both have.
        numbers: result of running both models; None if not requested.
        tolerance: the largest relative deviation of values that count as equal.
        carried: whether the second model was made from the first and got its tree from there.
    """

    before: Analysis | ModuleRun
    after: Analysis
    modules: tuple[ModuleDiff, ...]
    numbers: Numbers | None
    tolerance: float
    carried: bool = False

    @cached_property
    def common(self) -> Common | None:
        """What the models have in common; None for a torch module."""
        if isinstance(self.before, ModuleRun):
            return None
        return common_of(self.before, self.after, [module.pair for module in self.modules])

    @property
    def unrelated(self) -> bool:
        """Whether the models have too little in common to be versions of one model, and are not equal."""
        return self.common is not None and self.common.unrelated and not self.equal

    @property
    def measured(self) -> bool:
        """Whether both models ran."""
        return self.numbers is not None and self.numbers.skipped is None

    @cached_property
    def first(self) -> Divergence | None:
        """The call where the numbers first differ; None if they agree or were not taken."""
        return self.numbers.first(self.tolerance) if self.numbers else None

    @property
    def changed(self) -> tuple[ModuleDiff, ...]:
        """The modules that are added, removed or changed."""
        return tuple(module for module in self.modules if module.changed)

    @cached_property
    def around_causes(self) -> frozenset[ModulePath]:
        """The modules that hold a module that diverges by itself, and is thus the cause."""
        causes = (module.path for module in self.modules if module.is_cause(self.tolerance))
        return frozenset(above for path in causes for above in path.ancestors())

    @property
    def equal(self) -> bool:
        """Whether the models are equal, as far as they were compared.

        If both models ran, they are equal if all outputs have counterparts and no call diverges. Otherwise,
        they are equal if no module changed.
        """
        if self.numbers is None or not self.measured:
            return not self.changed
        random = self.numbers.random_calls(self.tolerance)
        return self.first is None and not random and self._outputs_compared

    @property
    def unrecorded(self) -> tuple[tuple[ModuleDiff, int], ...]:
        """The modules with calls of which no output was recorded in either model, and the number of these.

        The graph body of such a call did not run, or its outputs are no numbers, or their types are unknown.
        """
        counts = ((module, sum(call.unrecorded for call in module.calls)) for module in self.modules)
        return tuple((module, count) for module, count in counts if count)

    @property
    def unseen(self) -> tuple[ModuleDiff, ...]:
        """The modules that both models call, with nodes, and whose calls were not compared, if both ran.

        In one of the models, all nodes of such a module are in functions of other tools.
        """
        if not self.measured or isinstance(self.before, ModuleRun):
            return ()
        return tuple(
            module
            for module in self.modules
            if not (module.calls or module.added or module.gone)
            and all(each.calls and each.total_nodes for each in _both(self.before, self.after, module.pair))
        )

    @property
    def unmatched(self) -> tuple[ModulePath, ...]:
        """The modules of torch with calls and results that the model does not have."""
        if isinstance(self.before, ModuleRun):
            known = {module.pair.before for module in self.modules}
            called = dict.fromkeys(call.module for call in self.before.calls if call.outputs)
            return tuple(path for path in self.before.modules if path in called and path not in known)
        return ()

    @property
    def _outputs_compared(self) -> bool:
        """Whether every output of either model has a counterpart in the other; True if no model ran."""
        calls = self.numbers.calls if self.numbers else ()
        root = next((call for call in calls if not call.path), None)
        return root is None or not (root.outputs.only_before or root.outputs.only_after)

    @property
    def half(self) -> bool:
        """Whether a model has tensors or inputs of type float16 or bfloat16, or casts to such a type."""
        return any(_holds_half(each) for each in (self.before, self.after) if isinstance(each, Analysis))

    @property
    def matched(self) -> dict[How, int]:
        """Way of matching -> number of modules matched in this way."""
        found: dict[How, int] = {}
        for module in self.modules:
            if module.pair.how is not None:
                found[module.pair.how] = found.get(module.pair.how, 0) + 1
        return found

    def _repr_html_(self) -> str:
        # `rewriter.views` imports this module, so the top of this file cannot import it.
        html: str = import_module("rewriter.views.notebook_results").diff_html(self)
        return html

    def _brief(self) -> str:
        where = "not taken"
        if self.measured:
            where = "agree" if self._outputs_compared else "agree, other outputs"
        if self.first is not None:
            where = f"differ first at {self.first.path or '(root)'}"
        modules = f"{len(self.changed):,} of {counted(len(self.modules), 'module')} changed"
        return f"{modules}, numbers {listed([where], 1)}"


def diff(
    before: Analysis,
    after: Analysis,
    *,
    numbers: bool = True,
    inputs: Mapping[str, Array] | None = None,
    tolerance: float = TOLERANCE,
    timeout: float = 600.0,
    carried: bool = False,
) -> Diff:
    """Compare two models module by module.

    Args:
        before: the first model.
        after: the second.
        numbers: whether to run both models and compare their values.
        inputs: input of the first model -> array; drawn at random if None.
        tolerance: the largest relative deviation of values that count as equal.
        timeout: seconds for running the models.
        carried: whether the second model was made from the first and got its tree from there.
    """
    pairs = pair_modules(before, after)
    left, right = Side(before), Side(after)
    measured = None
    calls: dict[ModulePath, list[CallNumbers]] = {}
    if numbers:
        measured = compare_calls(before, after, pairs, inputs=inputs, tolerance=tolerance, timeout=timeout)
        for call in measured.calls:
            calls.setdefault(call.path, []).append(call)
    modules = tuple(
        ModuleDiff(
            pair,
            _changes(left, right, pair),
            tuple(sorted(calls.get(pair.before, ()), key=lambda each: each.call))
            if pair.before is not None
            else (),
        )
        for pair in pairs
    )
    return Diff(before, after, modules, measured, tolerance, carried)


def chosen_of(
    before: Analysis | ModuleRun, after: Analysis, selection: Selection
) -> frozenset[ModulePath] | None:
    """Return the modules of either model that a selection matches; None for an empty selection.

    For a torch module, the selection is on the modules of the other model.

    Raises:
        UsageError: the selection, or one of its words, matches nothing in either model.
    """
    if selection == Selection():
        return None
    if isinstance(before, ModuleRun):
        return frozenset(module.path for module in selection.modules(after))
    (left, lost), (right, lost_too) = selection.narrowed(before), selection.narrowed(after)
    in_both = {(miss.what, miss.word) for miss in lost_too}
    messages = [miss.message for miss in lost if (miss.what, miss.word) in in_both]
    found = [
        module.path
        for analysis, narrowed in ((before, left), (after, right))
        if narrowed is not None
        for module in narrowed.modules(analysis)
    ]
    if messages or not found:
        said = "; ".join(messages or [miss.message for miss in (*lost, *lost_too)])
        raise UsageError(f"{before.path or 'the first model'}: {said}; nor in {after.path or 'the second'}")
    return frozenset(found)


def _both(before: Analysis, after: Analysis, pair: ModulePair) -> Iterator[Module]:
    """Yield the module in each model that has it."""
    for analysis, path in ((before, pair.before), (after, pair.after)):
        if path is not None:
            yield analysis.tree[path]


def _changes(left: Side, right: Side, pair: ModulePair) -> tuple[Change, ...]:
    if pair.before is None or pair.after is None:
        return ()
    return changes_between(left, left.analysis.tree[pair.before], right, right.analysis.tree[pair.after])


def _holds_half(analysis: Analysis) -> bool:
    inputs = (info.type.tensor_type.elem_type for info in analysis.model.graph.input)
    held = (tensor.data_type for tensor in tensors_of(analysis.model))
    if any(kind in _HALVES for kind in chain(inputs, held)):
        return True
    return any(
        attribute.name == "to" and attribute.i in _HALVES
        for node in analysis.graph.nodes
        if node.op_type == "Cast"
        for attribute in node.attribute
    )


def _relative(call: CallNumbers) -> float:
    worst = call.outputs.worst
    return worst.relative if worst is not None else 0.0
