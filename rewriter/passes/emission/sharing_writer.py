"""Writes the copies and moves that `unshare` plans, body by body, and the analysis of the written model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from onnx import GraphProto, NodeProto

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
from rewriter.passes.functions.value_names import UsedNames
from rewriter.regions.body_view import BodyView, extents_of
from rewriter.regions.region_tree import TOP, Regions, main_node
from rewriter.regions.unshare_plan import Sharing


class SharingWriter:
    """Writer of planned copies and moves, for all bodies of a model.

    Attributes:
        copies: name of a copy -> name of its original.
        homes: node of the model that moved -> the placement of its new call.
    """

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self.node_names = UsedNames(analysis.graph.names)
        self.value_names = UsedNames(analysis.graph.value_names)
        self.copies: dict[str, str] = {}
        self.homes: dict[int, Placement] = {}
        self._bodies: list[_BodyWriter] = []

    def write(self, view: BodyView, regions: Regions, sharing: Sharing) -> None:
        """Connect the readers in a body to copies, and note moves; outer bodies must be written before.

        Args:
            view: the body.
            regions: its regions.
            sharing: the planned copies and moves.
        """
        body = _BodyWriter(self, view, regions, sharing)
        body.write()
        self._bodies.append(body)

    def insert(self) -> None:
        """Insert every copy right after its original; the inputs of both are computed before."""
        for body in reversed(self._bodies):  # nodes of an inner body move when those around them are copied
            body.insert()

    def carried(self) -> Analysis:
        """Return the analysis of the written model."""
        origins: list[int | None] = []
        placements: list[Placement | None] = []
        waiting = self._copies_by_end()
        for node, placement in enumerate((*self.analysis.tree.placements, None)):
            for copy in waiting.get(node, ()):
                origins.append(None)
                placements.append(copy)
            if node < len(self.analysis.tree.placements):
                origins.append(node)
                home = self.homes.get(node)
                moved = home and replace(placement or home, home=(home.module, home.call))
                placements.append(moved or placement)
        return carry(replace(self.analysis, is_text=True), origins, placements)

    def _copies_by_end(self) -> dict[int, list[Placement]]:
        """Map a node to the copies right before it: of the nodes that end there, the innermost first."""
        graph = self.analysis.graph
        last = {body.owner: nodes.stop for body, nodes in zip(graph.bodies, extents_of(graph), strict=True)}
        found: dict[int, list[Placement]] = defaultdict(list)
        copies = {node: places for body in self._bodies for node, places in body.copies()}
        for node in sorted(copies, reverse=True):
            found[max(node + 1, last.get(node, 0))] += copies[node]
        return found


class _BodyWriter:
    """Writer of the copies and moves in one body. Nodes have their numbers in the view."""

    def __init__(self, whole: SharingWriter, view: BodyView, regions: Regions, sharing: Sharing) -> None:
        self.whole, self.view, self.regions, self.sharing = whole, view, regions, sharing
        self.graph, self.first = view.graph, view.first
        index = whole.analysis.graph
        self.nodes = index.nodes[self.first : self.first + len(view.placements)]
        proto = index.bodies[view.body].proto
        assert isinstance(proto, GraphProto)
        self.proto = proto
        self.infos = {info.name: info for info in self.proto.value_info}
        self.made: dict[tuple[int, int], NodeProto] = {}

    def write(self) -> None:
        """Make the copies, connect their readers, and note the moves."""
        for node, targets in sorted(self.sharing.copies.items()):
            for region in targets:
                self.made[node, region] = self._copy(node, region)
        for (node, region), copy in self.made.items():
            self._read_instances(copy, self.graph.reads[node], region)
        for node, proto in enumerate(self.nodes):
            main = main_node(self.graph, node)
            home = self.sharing.homes.get(main, self.regions.region_of[main])
            if home is not None:
                self._read_instances(proto, self.graph.reads[node], home)
        for node, region in self.sharing.homes.items():
            self._note(node, region)

    def insert(self) -> None:
        """Insert every copy right after its original."""
        if not self.made:
            return
        following: dict[int, list[NodeProto]] = defaultdict(list)
        for (node, _), copy in self.made.items():
            following[node].append(copy)
        body: list[NodeProto] = []
        for node, proto in enumerate(self.nodes):
            if self.graph.body_of[node] == 0:
                body += (proto, *following[node])
        # Copied before the list is cleared, which would clear its nodes too.
        fresh = [NodeProto.FromString(proto.SerializeToString()) for proto in body]
        del self.proto.node[:]
        self.proto.node.extend(fresh)

    def copies(self) -> Iterator[tuple[int, list[Placement]]]:
        """Yield each copied node, by its number in the model, with the placements of its copies."""
        regions: dict[int, list[int]] = defaultdict(list)
        for node, region in self.made:
            regions[node].append(region)
        for node, places in regions.items():
            yield self.first + node, [self._place(region, Certainty.INFERRED) for region in places]

    def _copy(self, node: int, region: int) -> NodeProto:
        original, place = self.nodes[node], self._place(region, Certainty.INFERRED)
        copy = NodeProto()
        copy.CopyFrom(original)
        scope = scope_of_call(place.module, place.call)
        copy.name = self.whole.node_names.fresh(f"{scope}/{original.op_type}")
        self.whole.copies[copy.name] = original.name
        for position, name in enumerate(original.output):
            if name:
                copy.output[position] = self.whole.value_names.fresh(f"{copy.name}_output_{position}")
                if name in self.infos:
                    info = self.proto.value_info.add()
                    info.CopyFrom(self.infos[name])
                    info.name = copy.output[position]
        del copy.metadata_props[:]
        original_output = next(filter(None, original.output))
        metadata.write(copy, self._entries(place) | {tags.COPY_OF: original_output})
        return copy

    def _note(self, node: int, region: int) -> None:
        proto, placement = self.nodes[node], self.view.placements[node]
        home = self._place(region, Certainty.GUESSED)
        self.whole.homes[self.first + node] = home
        if placement is not None and tags.MODULE not in metadata.read(proto):
            metadata.write(proto, self._entries(placement))
        metadata.write(proto, {tags.MOVED_TO: f"{home.call} {home.module}"})

    def _entries(self, place: Placement) -> dict[str, str]:
        tree = self.whole.analysis.tree
        entries = entries_of(tree, tree[place.module].path)
        told = {tags.EVIDENCE: str(Source.DATAFLOW), tags.CERTAINTY: str(place.certainty)}
        return {**entries, tags.CALL: str(place.call), **told}

    def _place(self, region: int, certainty: Certainty) -> Placement:
        """Return a placement in the call of a region; outside of all, in the call around the body."""
        found = self.regions.regions[region]
        module, call = self.view.call if region == TOP else (found.module, found.call)
        return Placement(module, call, Source.DATAFLOW, certainty)

    def _read_instances(self, proto: NodeProto, reads: list[int], region: int) -> None:
        """Connect a node in a region to the copies that it shall read."""
        for position, value in enumerate(reads):
            producer = self.graph.producer[value] if value != NONE else NONE
            served = self.sharing.served.get(producer)
            if served is None or region not in served:
                continue
            instance = self.made.get((producer, served[region]))
            if instance is not None:
                proto.input[position] = instance.output[self.graph.writes[producer].index(value)]
