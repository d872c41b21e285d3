"""Pass: make inputs and outputs of modules outputs of the model, named by module path.

Before::

    g (float[2] x) => (float[2] y) {
      ["/l.0/Relu"] a = Relu (x)
      ["/l.1/Relu"] y = Relu (a)
    }

After::

    g (float[2] x) => (float[2] y, float[2] "l.0") {
      ["/l.0/Relu"] a = Relu (x)
      ["/l.1/Relu"] y = Relu (a)
      "l.0" = Identity (a)
    }
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, get_args

from onnx import ValueInfoProto

from rewriter.basics.literals import IterationsWord
from rewriter.basics.nearest import fits_nothing
from rewriter.basics.option_declaration import again, texts
from rewriter.cutting.calls import demand_movable, file_of
from rewriter.cutting.check import Checking
from rewriter.edits.chosen_modules import ChosenModules
from rewriter.edits.taps.body_outputs import fault_of, fault_of_type
from rewriter.edits.taps.copying import demand_identity, fault_of_copy, is_copied
from rewriter.edits.taps.module_values import values_of
from rewriter.edits.taps.named_values import values_named
from rewriter.edits.taps.names import WantedTap, wanted_of
from rewriter.edits.taps.record import TappedValue, WhatTapped, read_taps, write_taps
from rewriter.edits.taps.value_types import types_of_values
from rewriter.edits.taps.writer import write
from rewriter.errors import CannotCut, UsageError
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.modules.selection import Selection
from rewriter.options.edit import Tapping
from rewriter.options.groups import TIMEOUT
from rewriter.passes.base import InterfaceEdit, Outcome
from rewriter.passes.preserved_parts import TREE, Part
from rewriter.paths import ROOT
from rewriter.refusals import Reason, Refusal

_ADVICE = "a value that is stacked must have one shape in all iterations, --iterations last takes any"


@dataclass(frozen=True, slots=True, repr=False)
class TapOutcome(Outcome):
    """Result of `tap`, with the taps that were added."""

    taps: tuple[TappedValue, ...] = ()


@dataclass(frozen=True, slots=True)
class Tap(ChosenModules):
    """Adds outputs to the model; all other outputs stay as they are.

    Each value gets an `Identity` at the end of the graph, which writes the new output; a value that is named
    by `value` becomes an output itself. A value in a body of If, Loop or Scan leaves through new results of
    the body and of the nodes around it. The model records its taps, so `untap` can remove them.

    Attributes:
        only: tap the modules whose path matches this glob, or one of several.
        class_name: tap the modules of this class, or of one of several, as globs.
        kind: tap the modules whose class is of this kind, or of one of several.
        operators: tap the modules that own a node of this operator themselves.
        leave_out: tap no modules whose path matches, and none inside them.
        inferred: whether `class_name` also matches an inferred class, which is a guess.
        depth: maximum depth of the modules; 0 for any.
        inputs: whether to tap the inputs of the modules instead of their outputs.
        value: names of further values to tap.
        iterations: the iterations of a Loop or Scan to show: `last` or `stacked`.
        measure: whether to run the model to find ranks that cannot be inferred.
        timeout: time limit for finding types, in seconds.

    Raises:
        UsageError: nothing is selected, or a word of the selection or a name matches nothing.
        CannotCut: no value can become an output.
    """

    name: ClassVar[str] = "tap"
    requires: ClassVar[frozenset[Part]] = TREE
    preserves: ClassVar[frozenset[Part]] = frozenset({Part.FUNCTIONS})
    inlines: ClassVar[bool] = True
    inputs: bool = again(Tapping, "module_inputs")
    value: str | tuple[str, ...] = again(Tapping, "value")
    iterations: str = again(Tapping, "iterations")
    measure: bool = True
    timeout: float = TIMEOUT

    def __post_init__(self) -> None:
        """Store a text as a tuple of one text; refuse unknown words."""
        ChosenModules.__post_init__(self)
        object.__setattr__(self, "value", texts(self.value))
        if self.iterations not in get_args(IterationsWord):
            raise UsageError(fits_nothing("choice of iterations", self.iterations, get_args(IterationsWord)))

    def run(self, analysis: Analysis) -> TapOutcome:
        """Find the values and their types; then write the nodes, the outputs and the record."""
        demand_movable(analysis)
        refusals: list[Refusal] = []
        wanted = list(self._possible(analysis, refusals))
        if any(is_copied(analysis.graph, each) for each in wanted):
            demand_identity(analysis.model, file_of(analysis))
        how = Checking(numbers=None if self.measure else False, timeout=self.timeout)
        types = types_of_values(analysis, {each.value for each in wanted}, how)
        typed = []
        for each in wanted:
            if reason := self._fault_of_type(analysis.graph, each, types):
                refusals.append(each.refused(reason, analysis.graph))
            else:
                typed.append(each)
        if not typed:
            first = f"; {refusals[0]}" if refusals else ""
            raise CannotCut(f"{file_of(analysis)}: no value can become an output{first}")
        added = write(analysis, typed, types, stacked=self.iterations == "stacked")
        write_taps(analysis.model, (*read_taps(analysis.model), *added))
        edit = InterfaceEdit(added=tuple(tap.output for tap in added))
        advice = _ADVICE if any("stacked" in tap.runs for tap in added) else ""
        return TapOutcome(
            {"outputs added": len(added)}, tuple(refusals), interface=edit, advice=advice, taps=added
        )

    def _fault_of_type(
        self, graph: GraphIndex, each: WantedTap, types: Mapping[int, ValueInfoProto]
    ) -> Reason | None:
        """Return the reason why a value cannot become an output by its type; None if it can."""
        if each.value not in types:
            return Reason.NO_OUTPUT_TYPE
        info = types[each.value]
        if is_copied(graph, each) and (reason := fault_of_copy(graph.model, info.type)):
            return reason
        return fault_of_type(graph, each.value, info, stacked=self.iterations == "stacked")

    def _possible(self, analysis: Analysis, refusals: list[Refusal]) -> Iterator[WantedTap]:
        """Yield the taps whose values can leave their body; add a refusal for each other one."""
        graph = analysis.graph
        outputs = {info.name for info in analysis.model.graph.output}
        taps = [tap for tap in read_taps(analysis.model) if tap.output in outputs]
        known = {(tap.what, tap.module, tap.call, tap.value) for tap in taps}
        for each in (*self._of_modules(analysis, refusals), *_named(analysis, texts(self.value))):
            if (each.what, each.module, each.call, graph.value_names[each.value]) in known:
                refusals.append(each.refused(Reason.TAPPED, graph))
            elif reason := fault_of(graph, each.value, stacked=self.iterations == "stacked"):
                refusals.append(each.refused(reason, graph))
            else:
                yield each

    def _of_modules(self, analysis: Analysis, refusals: list[Refusal]) -> Iterator[WantedTap]:
        """Yield the taps of the selected modules; add a refusal for each module without values."""
        if self.selection == Selection():
            if not self.value:
                raise UsageError("missing modules: name one, such as 'encoder.layer.0', a glob, or a value")
            return
        what: WhatTapped = "input" if self.inputs else "output"
        chosen: list[Module] = []
        for module in self.selection.modules(analysis):
            if reason := _without_values(module):
                refusals.append(Refusal(module.path, reason, module.path.name))
            else:
                chosen.append(module)
        for found in values_of(analysis, [module.path for module in chosen]):
            taps = list(wanted_of(found, what))
            if not taps:
                refusals.append(Refusal(found.module, Reason.NO_VALUE, found.module.name))
            yield from taps


def _without_values(module: Module) -> Reason | None:
    """Return the reason why a module has no values of its own; None if it may have some."""
    if module.path == ROOT:
        return Reason.ENDS_OF_MODEL
    return None if module.calls and module.total_nodes else Reason.NEVER_CALLED


def _named(analysis: Analysis, names: tuple[str, ...]) -> Iterator[WantedTap]:
    for value in values_named(analysis, names):
        yield WantedTap(value, "value", analysis.graph.value_names[value])
