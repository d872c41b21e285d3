"""Extracts modules as a model of their own.

A piece has the nodes of the modules (of one call of each), the initializers and constants that these nodes
read, and the functions that they call. Its inputs are the other values that the nodes read but do not
compute. Its outputs are the values of the nodes that nodes outside the piece read, or that are outputs of the
whole model or of a hoisted graph body. If an input depends on an output, through nodes outside the piece, the
report names the input.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from onnx import ModelProto

from rewriter.basics.display import Display, counted, listed
from rewriter.cutting.calls import Call, demand_movable, file_of, nodes_of
from rewriter.cutting.check import Check, Checking, check, demand
from rewriter.cutting.common_body import in_one_body
from rewriter.cutting.hoisting import Flat, bodies_around, hoist
from rewriter.cutting.main_graph import MainGraph
from rewriter.cutting.piece import Cut, Emitter, Piece, cut
from rewriter.cutting.piece_files import plan_data, write_models
from rewriter.cutting.types import types_of
from rewriter.errors import CannotCut, RewriterError
from rewriter.model.index.functions import Identity, identity_of
from rewriter.model.index.graph import GraphIndex
from rewriter.model.storage.data_copies import Copies
from rewriter.modules.analysis import Analysis
from rewriter.modules.selection import outermost
from rewriter.paths import ROOT, ModulePath


@dataclass(frozen=True, slots=True)
class Target:
    """The modules of one extraction, and the call (None for modules that are called once)."""

    modules: tuple[ModulePath, ...]
    call: Call | None = None

    def __str__(self) -> str:
        call = "" if self.call is None else f"@{self.call}"
        return ", ".join(f"{module or '(root)'}{call}" for module in self.modules)


@dataclass(frozen=True, slots=True, repr=False)
class Extraction(Display):
    """Modules extracted from a model.

    Attributes:
        analysis: the whole model.
        wanted: the requested modules.
        piece: the extracted model.
        nodes: the nodes of the modules in the whole model, including those in graph bodies.
        constants: number of its nodes that were copied from outside the modules: constants that they read.
        returning: inputs that depend on outputs of the piece, through nodes outside it.
        hoisted: whether nodes come from a body of If, Loop or Scan; the piece is then compared with a copy
            of the body in the main graph: a branch, or the first iteration.
        check: the result of the check; None if it was not checked.
        outputs: the written files, the model last.
        removed: the removed sidecar and data copies of the model that the output replaced.
    """

    analysis: Analysis
    wanted: Target
    piece: Piece
    nodes: frozenset[int]
    constants: int
    returning: tuple[str, ...]
    hoisted: bool
    check: Check | None = None
    outputs: tuple[Path, ...] = ()
    removed: tuple[Path, ...] = ()

    @property
    def model(self) -> ModelProto:
        """The extracted model."""
        return self.piece.model

    def _brief(self) -> str:
        nodes = counted(len(self.model.graph.node), "node")
        return (
            f"{listed(self.wanted.modules)}, {nodes}, {self.check.verdict if self.check else 'not checked'}"
        )


@dataclass(frozen=True, slots=True)
class Extractions:
    """Several extractions from one model.

    Attributes:
        whole: the model with all extracted nodes in its main graph.
        names: name of a value in it that a graph body defines -> its name in the body.
        found: target -> its extraction; an error if the target cannot be a model.
    """

    whole: ModelProto
    names: Mapping[str, str] = field(default_factory=dict)
    found: dict[Target, Extraction | RewriterError] = field(default_factory=dict)


def extract(
    analysis: Analysis,
    modules: Sequence[str],
    output: Path | None = None,
    *,
    call: Call | None = None,
    checking: Checking | None = None,
    copy_data: bool = False,
) -> Extraction:
    """Extract modules from a model, check the result, and write it.

    Args:
        analysis: the model; it is not changed.
        modules: paths of the modules that become one model; modules inside others are redundant.
        output: the file to write; None to only return the model.
        call: number or label of the call (`then`), the same for all modules; None for modules that are called
            once.
        checking: options of the check.
        copy_data: whether external data is copied if the output is in another folder.

    Raises:
        KeyError: the model has no such module.
        UsageError: `call` is None and a module is called several times, a module has no such call, the inputs
            do not fit the model, the output would replace an input, or data must be copied and `copy_data` is
            False.
        UnreadableModel: external data is missing, too short or not allowed, or an input changed meanwhile.
        CannotCut: the modules cannot be a model of their own.
        NotProved: the result is not valid, or not proved to compute the same; nothing was written.
        Different: the result does not compute the same; nothing was written.
        CannotWrite: the output cannot be written.
    """
    how = checking or Checking()
    paths = tuple(module.path for module in outermost(analysis.tree[path] for path in modules))
    wanted = Target(paths, int(call) if isinstance(call, str) and call.isdecimal() else call)
    batch = plan_extractions(analysis, [wanted], how)
    found = batch.found[wanted]
    if isinstance(found, RewriterError):
        raise found
    models = {output: found.model} if output else {}
    copies = plan_data(analysis, models, copy_data=copy_data) if models else Copies()
    folder = analysis.path.parent if analysis.path else output.parent if output else None
    verdict = check(batch.whole, [found.piece], folder, how)[0]
    demand(f"{file_of(analysis)}: {wanted}", verdict)
    written, removed = write_models(models, copies) if models else ((), ())
    return replace(found, wanted=wanted, check=verdict, outputs=written, removed=removed)


def plan_extractions(analysis: Analysis, wanted: Sequence[Target], how: Checking) -> Extractions:
    """Extract each target from a model, without checks; infer types once for all targets.

    The result has an error for a target that cannot be a model.

    Raises:
        CannotCut: the model cannot be cut (see `demand_movable`), or a target has nodes in a body that cannot
            be hoisted (see `hoist`).
        UsageError: the whole model must run to measure a rank, and the inputs do not fit it.
    """
    demand_movable(analysis)
    nodes: dict[Target, set[int] | RewriterError] = {}
    for each in wanted:
        try:
            nodes[each] = in_one_body(analysis, nodes_of(analysis, each.modules, each.call), each)
        except RewriterError as error:
            nodes[each] = error
    chosen = {each: found for each, found in nodes.items() if isinstance(found, set)}
    bodies = {body for found in chosen.values() for body in bodies_around(analysis.graph, found)}
    flat = hoist(analysis.graph, bodies)
    cuts: dict[Target, Cut | RewriterError] = {}
    for each, found in nodes.items():
        try:
            cuts[each] = _cut_of(analysis, flat, each, found) if isinstance(found, set) else found
        except CannotCut as error:
            cuts[each] = error
    return Extractions(flat.main.model, flat.names, _emit(analysis, flat, cuts, chosen, how))


def _emit(
    analysis: Analysis,
    flat: Flat,
    cuts: dict[Target, Cut | RewriterError],
    chosen: dict[Target, set[int]],
    how: Checking,
) -> dict[Target, Extraction | RewriterError]:
    name_of = flat.main.graph.value_names
    interfaces = [each for each in cuts.values() if isinstance(each, Cut)]
    boundary = (name_of[value] for each in interfaces for value in (*each.inputs, *each.outputs))
    types = types_of(flat, boundary, analysis.path.parent if analysis.path else None, how)
    emitter = Emitter(analysis, flat)
    found: dict[Target, Extraction | RewriterError] = {}
    for wanted, each in cuts.items():
        if isinstance(each, RewriterError):
            found[wanted] = each
            continue
        try:
            piece = emitter.emit(each, types)
        except CannotCut as error:
            found[wanted] = CannotCut(f"{file_of(analysis)}: {wanted}: {error}")
            continue
        own = chosen[wanted]
        constants = sum(emitter.origin.get(node) not in own for node in each.nodes)
        hoisted = any(analysis.graph.body_of[emitter.origin[n]] for n in each.nodes if n in emitter.origin)
        found[wanted] = Extraction(
            analysis, wanted, piece, frozenset(own), constants, _returning(flat.main, each, piece), hoisted
        )
    return found


def _cut_of(analysis: Analysis, flat: Flat, wanted: Target, nodes: set[int]) -> Cut:
    graph = analysis.graph
    own = {flat.place[n] for n in nodes if n in flat.place and nodes.isdisjoint(graph.enclosing(n))}
    name = f"{file_of(analysis)}: {wanted}"
    if lost := _in_functions(graph, nodes) - flat.main.called(own):
        raise CannotCut(
            f"{name}: nodes are in {min(lost)[1]!r}, a function of another tool that other nodes call; "
            "inline it with 'rewriter flatten --foreign' first"
        )
    outputs = _outputs(flat, own, whole=wanted.modules == (ROOT,))
    if not outputs:
        raise CannotCut(
            f"{name}: nothing reads its values, so it would be a model without outputs; choose the "
            "module above it"
        )
    return cut(flat.main, own, outputs)


def _in_functions(graph: GraphIndex, nodes: Iterable[int]) -> set[Identity]:
    """Return the functions whose bodies have the nodes, also inside graph bodies."""
    found = set()
    for node in nodes:
        for holder in (node, *graph.enclosing(node)):
            function = graph.bodies[graph.body_of[holder]].function
            if function is not None:
                found.add(identity_of(function))
    return found


def _outputs(flat: Flat, own: set[int], *, whole: bool) -> list[int]:
    """Return the outputs of a piece with the nodes `own`, in file order; see the module docstring.

    The whole model keeps its outputs and their order. Values of portable constants that are neither model
    outputs nor results of a hoisted body are outputs only if there are no other outputs, since every piece
    that reads such a value copies the constant.
    """
    main = flat.main
    if whole:
        return list(dict.fromkeys(main.graph.bodies[0].results))
    inside = main.with_constants(own)
    results = main.results | flat.results

    def is_read(value: int) -> bool:
        # A value that a hoisted body captures has two readers: the copy and the owner. Only the owner counts.
        copies = flat.copies if main.graph.producer[value] not in flat.copies else frozenset[int]()
        readers = main.readers.get(value, ())
        return value in results or any(node not in inside and node not in copies for node in readers)

    read = [value for value in main.written(sorted(own)) if is_read(value)]
    computed = [v for v in read if main.graph.producer[v] not in main.portable or v in results]
    return computed or read


def _returning(main: MainGraph, cut: Cut, piece: Piece) -> tuple[str, ...]:
    """Return the inputs that depend on outputs, through nodes outside the piece."""
    inside = set(cut.nodes)
    found: set[int] = set()
    sources = set(cut.outputs)
    for node in main.nodes:
        if node not in inside and not sources.isdisjoint(main.reads[node]):
            found.update(main.written([node]))
            sources.update(main.written([node]))
    name_of = main.graph.value_names
    back = {name_of[value] for value in cut.inputs if value in found}
    return tuple(name for name in piece.inputs if piece.recorded[name] in back)
