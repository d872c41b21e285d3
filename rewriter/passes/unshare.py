"""Pass: give calls of modules their own copies of shapes and constants that several calls share.

Other nodes that their own call and further calls read, and that depend on nothing made in their own call,
move to the module around these calls. The metadata of a copy names an output of its original, and that of a
moved node its new call, so that `flatten` undoes both.

Before::

    g (float[2] x) => (float[2] y) {
      ["/l.0/Constant"] k = Constant <value_float: float = 2> ()
      ["/l.0/Mul"] a = Mul (x, k)
      ["/l.1/Mul"] y = Mul (a, k)
    }

After::

    g (float[2] x) => (float[2] y) {
      ["/l.0/Constant"] k = Constant <value_float: float = 2> ()
      ["/l.1/Constant"] "/l.1/Constant_output_0" = Constant <value_float: float = 2> ()
      ["/l.0/Mul"] a = Mul (x, k)
      ["/l.1/Mul"] y = Mul (a, "/l.1/Constant_output_0")
    }
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from onnx import NodeProto

from rewriter.evidence.certainty import Certainty
from rewriter.evidence.claims import Source
from rewriter.evidence.metadata import tags
from rewriter.evidence.names.scope_grammar import scope_of_call
from rewriter.model import metadata
from rewriter.model.index.graph import NONE
from rewriter.modules.analysis import Analysis
from rewriter.modules.edited_analysis import carry
from rewriter.modules.module_tree import Placement
from rewriter.passes.annotate import entries_of
from rewriter.passes.base import Outcome
from rewriter.passes.functions.provenance import is_ours
from rewriter.passes.functions.value_names import UsedNames
from rewriter.passes.preserved_parts import TREE, Part
from rewriter.regions.region_tree import Region, find_regions, main_node
from rewriter.regions.unshare_plan import Sharing, find_sharing


@dataclass(frozen=True, slots=True)
class Unshare:
    """Adds copies of small constants and shape arithmetic, and records the calls that shared nodes belong to.

    Original nodes keep their names and order. A model that is already unshared or grouped is not changed:
    after moves, a second run would find more nodes to move, and one run is enough.
    """

    name: ClassVar[str] = "unshare"
    requires: ClassVar[frozenset[Part]] = TREE
    preserves: ClassVar[frozenset[Part]] = frozenset({Part.FUNCTIONS, Part.METADATA})
    undone: ClassVar[bool] = True

    def run(self, analysis: Analysis) -> Outcome:
        """Plan on the analysis, then write copies, readers and metadata."""
        if any(map(is_ours, analysis.model.functions)) or _is_unshared(analysis):
            return Outcome({"nodes copied": 0})
        analysis.demand_text()
        regions = find_regions(analysis.graph, analysis.tree)
        sharing = find_sharing(analysis.graph, analysis.tree, regions)
        writer = _Writer(analysis, regions.regions, regions.region_of, sharing)
        copies = writer.write()
        changes = {"nodes copied": len(copies), "nodes moved": len(sharing.homes)}
        return Outcome(changes, copies=copies, analysis=writer.carried())


def _is_unshared(analysis: Analysis) -> bool:
    """Whether metadata shows that an earlier run moved or copied nodes."""
    return any(
        tags.MOVED_TO in metadata_keys or tags.COPY_OF in metadata_keys
        for metadata_keys in set(analysis.graph.metadata_keys)
    )


class _Writer:
    """Writer of the planned copies and moves."""

    def __init__(
        self,
        analysis: Analysis,
        regions: list[Region],
        region_of: list[int | None],
        sharing: Sharing,
    ) -> None:
        self.analysis = analysis
        self.graph = analysis.graph
        self.regions = regions
        self.region_of = region_of
        self.sharing = sharing
        self.node_names = UsedNames(node.name for node in self.graph.nodes)
        self.value_names = UsedNames(self.graph.value_names)
        self.infos = {info.name: info for info in analysis.model.graph.value_info}
        self.made: dict[tuple[int, int], NodeProto] = {}

    def write(self) -> dict[str, str]:
        """Write copies, connections and metadata; return name of a copy -> name of its original."""
        for node, targets in sorted(self.sharing.copies.items()):
            for region in targets:
                self.made[node, region] = self._copy(node, self.regions[region])
        for (node, region), copy in self.made.items():
            self._read_instances(copy, self.graph.reads[node], region)
        for node, proto in enumerate(self.graph.nodes):
            main = main_node(self.graph, node)
            home = self.sharing.homes.get(main, self.region_of[main])
            if home is not None:
                self._read_instances(proto, self.graph.reads[node], home)
        for node, region in self.sharing.homes.items():
            self._note(node, self.regions[region])
        self._insert()
        return {copy.name: self.graph.nodes[node].name for (node, _), copy in self.made.items()}

    def _copy(self, node: int, region: Region) -> NodeProto:
        original = self.graph.nodes[node]
        scope = scope_of_call(region.module, region.call)
        copy = NodeProto()
        copy.CopyFrom(original)
        copy.name = self.node_names.fresh(f"{scope}/{original.op_type}")
        for position, name in enumerate(original.output):
            if name:
                copy.output[position] = self.value_names.fresh(f"{copy.name}_output_{position}")
                if name in self.infos:
                    info = self.analysis.model.graph.value_info.add()
                    info.CopyFrom(self.infos[name])
                    info.name = copy.output[position]
        del copy.metadata_props[:]
        metadata.write(
            copy,
            self._entries(region.module, region.call, Certainty.INFERRED)
            | {tags.COPY_OF: next(filter(None, original.output))},
        )
        return copy

    def _entries(self, module: str, call: int, certainty: Certainty) -> dict[str, str]:
        entries = entries_of(self.analysis.tree, self.analysis.tree[module].path)
        told = {tags.EVIDENCE: str(Source.DATAFLOW), tags.CERTAINTY: str(certainty)}
        return {**entries, tags.CALL: str(call), **told}

    def _note(self, node: int, region: Region) -> None:
        proto = self.graph.nodes[node]
        placement = self.analysis.tree.placements[node]
        if placement is not None and tags.MODULE not in metadata.read(proto):
            entries = self._entries(placement.module, placement.call, placement.certainty)
            metadata.write(proto, entries)
        metadata.write(proto, {tags.MOVED_TO: f"{region.call} {region.module}"})

    def _read_instances(self, proto: NodeProto, reads: list[int], region: int) -> None:
        """Connect a node in `region` to the copies that it shall read."""
        for position, value in enumerate(reads):
            producer = self.graph.producer[value] if value != NONE else NONE
            served = self.sharing.served.get(producer)
            if served is None or region not in served:
                continue
            instance = self.made.get((producer, served[region]))
            if instance is not None:
                proto.input[position] = instance.output[self.graph.writes[producer].index(value)]

    def _insert(self) -> None:
        """Insert every copy right after its original; the inputs of both are computed before."""
        if not self.made:
            return
        main = self.analysis.model.graph
        body: list[NodeProto] = []
        for node, proto in enumerate(self.graph.nodes):
            if self.graph.body_of[node] == 0:
                body.append(proto)
                body.extend(self.made[node, region] for region in self.copied_to.get(node, ()))
        # Copied before the list is cleared, which would clear its nodes too.
        fresh = [NodeProto.FromString(proto.SerializeToString()) for proto in body]
        del main.node[:]
        main.node.extend(fresh)

    @cached_property
    def copied_to(self) -> dict[int, list[int]]:
        """Node -> the regions with a copy of it. Read it after all copies are made."""
        copies: dict[int, list[int]] = {}
        for node, region in self.made:
            copies.setdefault(node, []).append(region)
        return copies

    def carried(self) -> Analysis:
        """Return the analysis of the written model."""
        origins: list[int | None] = []
        placements: list[Placement | None] = []
        waiting: list[int] = []

        def put_copies() -> None:
            origins.extend(None for _ in waiting)
            placements.extend(self._place(region, Certainty.INFERRED) for region in waiting)

        for node, placement in enumerate(self.analysis.tree.placements):
            if self.graph.bodies[self.graph.body_of[node]].owner == NONE:
                put_copies()  # after the bodies of the previous node
                waiting = self.copied_to.get(node, [])
            origins.append(node)
            placements.append(self._moved(placement, self.sharing.homes.get(node)))
        put_copies()
        return carry(replace(self.analysis, is_text=True), origins, placements)

    def _moved(self, placement: Placement | None, home: int | None) -> Placement | None:
        if home is None:
            return placement
        there = self._place(home, Certainty.GUESSED)
        return replace(placement or there, home=(there.module, there.call))

    def _place(self, region: int, certainty: Certainty) -> Placement:
        found = self.regions[region]
        return Placement(found.module, found.call, Source.DATAFLOW, certainty)
