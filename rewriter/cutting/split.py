"""Splits a model into a chain of parts, cut before modules; parts read model inputs and earlier parts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rewriter.basics.display import Display, counted, listed
from rewriter.cutting.calls import calls_of, chosen_call, demand_movable, file_of
from rewriter.cutting.chain_index import INDEX, file_name, index_of
from rewriter.cutting.chain_parts import CutPoint, Levels, first_node, levels_of
from rewriter.cutting.check import Check, Checking, check, demand
from rewriter.cutting.common_body import in_one_body
from rewriter.cutting.hoisting import hoist
from rewriter.cutting.main_graph import MainGraph
from rewriter.cutting.piece import Cut, Emitter, Piece, cut
from rewriter.cutting.piece_files import plan_data, write_models
from rewriter.cutting.plan.footprint import Footprint, footprint_of
from rewriter.cutting.plan.value_sizes import ValueSizes
from rewriter.cutting.types import types_of
from rewriter.errors import CannotCut, CannotWrite
from rewriter.model.storage.data_copies import Copies
from rewriter.modules.analysis import Analysis
from rewriter.modules.selection import Selection
from rewriter.paths import ModulePath


@dataclass(frozen=True, slots=True)
class At:
    """A place to cut: before one call of a module; `call` may be None for a module that is called once."""

    module: ModulePath
    call: int | None = None

    def __str__(self) -> str:
        return self.module if self.call is None else f"{self.module}@{self.call}"


def parse_cuts(analysis: Analysis, texts: Sequence[str]) -> tuple[At, ...]:
    """Return the places to cut, from globs over module paths; `@1` after a glob means the second call.

    Raises:
        UsageError: a glob matches no module.
    """
    found: dict[At, None] = {}
    for text in texts:
        glob, call = parse_call(text)
        found.update((At(module.path, call), None) for module in Selection((glob,)).modules(analysis))
    return tuple(found)


def parse_call(text: str) -> tuple[str, int | None]:
    """Return a glob and the number of a call: `block@1` is the second call; None without a number."""
    pattern, _, number = text.rpartition("@")
    counted = bool(pattern) and number.isdecimal() and number.isascii() and len(number) < 10
    return (pattern, int(number)) if counted else (text, None)


@dataclass(frozen=True, slots=True, repr=False)
class Split(Display):
    """A chain of models.

    Attributes:
        analysis: the whole model.
        at: the cuts, in execution order.
        parts: the models, one more than cuts.
        feeds: part -> name of an input -> number of the part that computes it; None for an input of the
            whole.
        left: cut -> number of nodes of its module in earlier parts, without portable constants; zero counts
            are left out.
        checks: part -> the result of its check; empty if the parts were not checked.
        memory: part -> its predicted memory; empty if the cuts were given.
        outputs: the written files: data copies, `split.json`, then the parts.
        removed: the removed sidecars and data copies of models that the parts replaced.
    """

    analysis: Analysis
    at: tuple[At, ...]
    parts: tuple[Piece, ...]
    feeds: tuple[dict[str, int | None], ...]
    left: dict[At, int]
    checks: tuple[Check, ...] = ()
    outputs: tuple[Path, ...] = ()
    removed: tuple[Path, ...] = ()
    memory: tuple[Footprint, ...] = ()

    @property
    def crossing(self) -> tuple[int, ...]:
        """Part -> number of its inputs that earlier parts compute."""
        return tuple(sum(part is not None for part in feeds.values()) for feeds in self.feeds)

    def _brief(self) -> str:
        cuts = f", cut at {listed(self.at)}" if self.at else ""
        return f"{counted(len(self.parts), 'part')}{cuts}"


def finish(planned: Split, folder: Path | None, how: Checking, *, copy_data: bool = False) -> Split:
    """Check that a planned chain equals the whole, and write it.

    Args:
        planned: the chain.
        folder: the folder for the parts and `split.json`, created if missing; None to only return the parts.
        how: options of the check.
        copy_data: whether external data is copied if the folder is not that of the model.

    Raises:
        UsageError: the inputs do not fit the model, a part would replace an input, or data must be copied and
            `copy_data` is False.
        UnreadableModel: external data is missing, too short or not allowed, or an input changed meanwhile.
        NotProved: a part is not valid, or not proved to compute the same; nothing was written.
        Different: the chain does not compute the same; nothing was written.
        CannotWrite: the folder cannot be written.
    """
    analysis = planned.analysis
    models = {folder / file_name(n): part.model for n, part in enumerate(planned.parts)} if folder else {}
    made = _made(folder) if folder else False
    try:
        copies = plan_data(analysis, models, copy_data=copy_data) if models else Copies()
        home = analysis.path.parent if analysis.path else folder
        checks = check(analysis.model, planned.parts, home, how, chain=True)
        for number, verdict in enumerate(checks):
            demand(f"{file_of(analysis)}: part {number}", verdict)
        written: tuple[Path, ...] = ()
        removed: tuple[Path, ...] = ()
        if folder:
            note = (folder / INDEX, index_of(planned, analysis, copies))
            written, removed = write_models(models, copies, note)
    except BaseException:
        if made and folder:
            with suppress(OSError):
                folder.rmdir()
        raise
    return replace(planned, checks=checks, outputs=written, removed=removed)


def plan_split(analysis: Analysis, at: Sequence[At], how: Checking, sizes: ValueSizes | None = None) -> Split:
    """Cut a model before modules, without checking or writing the parts.

    Args:
        analysis: the model; it is not changed.
        at: the places to cut.
        how: options of the check.
        sizes: the sizes of values, to predict the memory of the parts; None for no prediction.

    Raises:
        UsageError: a module is called several times and `at` names no call, or a module has no such call.
        CannotCut: the model cannot be cut (see `demand_movable`), a part would be empty, a module has no
            nodes in the main graph or computes in several bodies, or an input or output of a part has no
            known type.
    """
    demand_movable(analysis)
    flat = hoist(analysis.graph, set())
    main = flat.main
    regions = {each: _region(analysis, each) for each in dict.fromkeys(at)}
    points = {each: first_node(main, nodes) for each, nodes in regions.items()}
    places = [CutPoint(at.module, frozenset(nodes), points[at]) for at, nodes in regions.items()]
    levels = levels_of(main, analysis.tree, places)
    order = tuple(sorted(regions, key=lambda each: levels.of[points[each]]))
    cuts = _cuts(analysis, levels, order)
    names = main.graph.value_names
    boundary = (names[value] for each in cuts for value in (*each.inputs, *each.outputs))
    folder = analysis.path.parent if analysis.path else None
    types = types_of(flat, boundary, folder, how)
    emitter = Emitter(analysis, flat)
    parts = tuple(emitter.emit(each, types) for each in cuts)
    left = {
        each: count
        for number, each in enumerate(order, 1)
        if (count := sum(levels.of[node] < number for node in regions[each] - main.portable))
    }
    memory = tuple(footprint_of(sizes, each) for each in cuts) if sizes else ()
    return Split(analysis, order, parts, _feeds(main, levels, cuts), left, memory=memory)


def _region(analysis: Analysis, at: At) -> set[int]:
    """Return the nodes of one call that are in the main graph."""
    calls = calls_of(analysis, at.module)
    name = f"{file_of(analysis)}: {at}"
    if not calls:
        raise CannotCut(
            f"{name}: has no nodes, so there is no place to cut; 'rewriter tree' shows modules with nodes"
        )
    nodes = set(calls[chosen_call(analysis, at.module, calls, at.call)])
    main = {node for node in nodes if analysis.graph.body_of[node] == 0}
    if not main:
        raise CannotCut(
            f"{name}: its nodes are in the body of another node or in a function, and only the main graph "
            "can be cut; cut before the module that owns that node"
        )
    return main & in_one_body(analysis, nodes, at)


def _cuts(analysis: Analysis, levels: Levels, order: Sequence[At]) -> list[Cut]:
    found = []
    for part in range(len(order) + 1):
        nodes = levels.nodes(part)
        if not nodes:
            before = order[min(part, len(order) - 1)]
            raise CannotCut(
                f"{file_of(analysis)}: nothing is computed before {before}, so that part would be empty; "
                "cut before a later module"
            )
        found.append(cut(levels.main, nodes, levels.outputs(part, nodes)))
    return found


def _feeds(main: MainGraph, levels: Levels, cuts: Sequence[Cut]) -> tuple[dict[str, int | None], ...]:
    names, producer = main.graph.value_names, main.graph.producer
    return tuple({names[v]: levels.of.get(producer[v]) for v in each.inputs} for each in cuts)


def _made(folder: Path) -> bool:
    """Create a folder in an existing folder; return whether it was missing."""
    if folder.is_dir():
        return False
    if not folder.parent.is_dir():
        raise CannotWrite(f"{folder}: the folder {folder.parent} does not exist; create it first")
    try:
        folder.mkdir()
    except OSError as error:
        raise CannotWrite(f"{folder}: cannot be made: {error.strerror}; choose another folder") from None
    return True
