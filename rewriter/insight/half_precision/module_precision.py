"""Finds the modules of a model to keep in float32 if the others are in half precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rewriter.basics.display import Display, counted, listed
from rewriter.basics.literals import HalfWord
from rewriter.insight.selected_names import Chosen
from rewriter.model.index.graph import graphs_of
from rewriter.modules.analysis import Analysis
from rewriter.options.words import NamedKind
from rewriter.paths import ROOT, ModulePath
from rewriter.runtime.child.error_text import one_line
from rewriter.runtime.child.job import Ended
from rewriter.runtime.inputs.feeds import Array, Drawing
from rewriter.runtime.inputs.input import FeedError
from rewriter.runtime.inputs.planning import plan
from rewriter.runtime.rounding.measurement import RoundingRequest, RoundingRun, measure_rounding
from rewriter.runtime.rounding.ranges import HALF_TYPES, ValueRange

FOUND_NOTHING = "no node outside of graph bodies reads or writes numbers in float32"
SETS = 2
"""Number of drawn input sets."""


@dataclass(frozen=True, slots=True)
class ModulePrecision:
    """Half precision of the own nodes of a module.

    Attributes:
        path: the module.
        nodes: number of its own nodes that were rounded.
        range: range of all that these nodes read and write in float32, weights included.
        worst: the value or weight with the largest magnitude.
        error: the largest relative error of the results of the module if it alone is rounded; None if not
            measured.
        kept: whether the module is to be kept in float32.
    """

    path: ModulePath
    nodes: int
    range: ValueRange
    worst: str
    error: float | None
    kept: bool

    @property
    def overflows(self) -> bool:
        """Whether a number is beyond the range of the type."""
        return self.range.over > 0


@dataclass(frozen=True, repr=False)
class Precision(Display):
    """A model in half precision, as simulated in float32.

    Attributes:
        analysis: the model.
        to: the type of half precision.
        tolerance: the largest relative error of the outputs that is accepted.
        modules: the modules with own nodes, in tree order.
        runs: number of input sets.
        error: the largest relative error of an output if every module is in half precision.
        error_kept: the same with the kept modules in float32; None if none is kept.
        fixed: number of nodes that were not rounded: those with graph bodies, and those inside of these.
        unmeasured: the reason why errors of some modules are not known; None if no run failed.
        skipped: the reason why nothing was measured; None if the model ran.
    """

    analysis: Analysis
    to: HalfWord
    tolerance: float
    modules: tuple[ModulePrecision, ...] = ()
    runs: int = 0
    error: float = 0.0
    error_kept: float | None = None
    fixed: int = 0
    unmeasured: str | None = None
    skipped: str | None = None

    @property
    def kept(self) -> tuple[ModulePath, ...]:
        """The modules to keep in float32."""
        return tuple(module.path for module in self.modules if module.kept)

    @property
    def fits(self) -> bool:
        """Whether the outputs are within the tolerance, with the kept modules in float32."""
        found = self.error if self.error_kept is None else self.error_kept
        return self.skipped is None and found <= self.tolerance

    def names(self) -> Chosen:
        """Return the names of the nodes to keep in float32: the own nodes of the kept modules."""
        graph, groups = self.analysis.graph, _groups(self.analysis)
        nodes = tuple(node for path in self.kept for node in groups[path])
        names = dict.fromkeys(graph.nodes[node].name for node in nodes)
        named = tuple(name for name in names if name and isinstance(name, str))
        notes = []
        if unnamed := sum(not graph.nodes[node].name for node in nodes):
            notes.append(f"{counted(unnamed, 'node')} to keep in fp32 without a name: left out")
        if self.analysis.grouped:
            notes.append("the file is grouped: names are those of the flat model, see 'rewriter flatten'")
        modules = tuple(self.analysis.tree[path] for path in self.kept)
        return Chosen(modules, nodes, NamedKind.NODES, named, tuple(notes))

    def _brief(self) -> str:
        if self.skipped is not None:
            return listed([f"nothing measured: {self.skipped}"], 1)
        return f"{counted(len(self.kept), 'module')} of {len(self.modules):,} to keep in float32"


def half_precision(
    analysis: Analysis,
    to: HalfWord,
    *,
    inputs: Mapping[str, Array] | None = None,
    tolerance: float,
    timeout: float,
) -> Precision:
    """Measure a model in half precision.

    Args:
        analysis: the model, without local functions.
        to: the type of half precision.
        inputs: input -> array; drawn at random if None.
        tolerance: the largest relative error of the outputs that is accepted.
        timeout: seconds for all runs.
    """
    graph, groups = analysis.graph, _groups(analysis)
    holders = frozenset(
        node
        for node, proto in enumerate(graph.nodes)
        if any(True for attribute in proto.attribute for _ in graphs_of(attribute))
    )
    inner = sum(body != 0 for body in graph.body_of)
    fixed = len([node for node in holders if graph.body_of[node] == 0]) + inner
    try:
        drawing = Drawing(plan(analysis.model), SETS, given=inputs)
    except FeedError as error:
        return Precision(analysis, to, tolerance, skipped=one_line(str(error)))
    numbers = _numbers_in_file(analysis)
    request = RoundingRequest(
        drawing,
        HALF_TYPES[to],
        tuple(tuple(numbers[node] for node in nodes) for nodes in groups.values()),
        frozenset(numbers[node] for node in holders if node in numbers),
        tolerance,
    )
    folder = analysis.path.parent if analysis.path else None
    found = measure_rounding(analysis.model, folder, request, timeout=timeout)
    if isinstance(found, Ended):
        return Precision(analysis, to, tolerance, fixed=fixed, skipped=found.how)
    if not any(each.elements for each in found.ranges):
        return Precision(analysis, to, tolerance, fixed=fixed, skipped=FOUND_NOTHING)
    return Precision(
        analysis,
        to,
        tolerance,
        _modules(groups, found),
        found.runs,
        found.error,
        found.error_kept,
        fixed,
        found.unmeasured,
    )


def _modules(groups: Mapping[ModulePath, tuple[int, ...]], found: RoundingRun) -> tuple[ModulePrecision, ...]:
    return tuple(
        ModulePrecision(
            path, len(nodes), found.ranges[at], found.worst[at], found.errors[at], at in found.kept
        )
        for at, (path, nodes) in enumerate(groups.items())
    )


def _groups(analysis: Analysis) -> dict[ModulePath, tuple[int, ...]]:
    """Return module -> its own nodes in the main graph; nodes of no module belong to the root."""
    graph, tree = analysis.graph, analysis.tree
    found: dict[ModulePath, list[int]] = {module.path: [] for module in tree}
    for node, placement in enumerate(tree.placements):
        if graph.body_of[node] == 0:
            found[placement.module if placement is not None else ROOT].append(node)
    return {path: tuple(nodes) for path, nodes in found.items() if nodes}


def _numbers_in_file(analysis: Analysis) -> dict[int, int]:
    """Return node of the main graph -> its place in the list of nodes."""
    main = [node for node, body in enumerate(analysis.graph.body_of) if body == 0]
    return {node: place for place, node in enumerate(main)}
