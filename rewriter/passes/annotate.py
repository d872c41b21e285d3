"""Pass: write the module tree into the file: on every placed node, and once, in compact form, on the model.

Keys on nodes are `rewriter.module`, `.depth`, `.leaf`, `.call`, `.evidence` and `.certainty`; `.class` and
`.kind` if the class is known; and `namespace`, by which Model Explorer groups nodes. A `namespace` from an
exporter is kept. An unplaced node gets only `rewriter.evidence`, with the value `none`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from onnx import NodeProto

from rewriter.evidence.certainty import Certainty
from rewriter.evidence.metadata import tags
from rewriter.evidence.metadata.dynamo import NAMESPACE
from rewriter.evidence.names.scope_grammar import scope_of_value_name, scoped_prefix
from rewriter.model import metadata
from rewriter.model.index.graph import NONE
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.modules.module_tree import ModuleTree, Placement
from rewriter.passes.base import Outcome
from rewriter.passes.preserved_parts import ALL_BUT_METADATA, TREE, Part
from rewriter.paths import ModulePath

_UNPLACED = {tags.EVIDENCE: tags.UNPLACED}


@dataclass(frozen=True, slots=True)
class Annotate:
    """Writes metadata only: no node, value or tensor is touched, and the IR version stays.

    A second run changes nothing. The pass is skipped on a model with functions that `group` made.
    """

    name: ClassVar[str] = "annotate"
    requires: ClassVar[frozenset[Part]] = TREE
    preserves: ClassVar[frozenset[Part]] = ALL_BUT_METADATA
    flat: ClassVar[bool] = True

    def run(self, analysis: Analysis) -> Outcome:
        """Write the metadata of nodes, and the tree on the model; do nothing if no node is placed."""
        tree = analysis.tree
        if not any(tree.placements):
            return Outcome({"nodes annotated": 0})
        writer = NodeWriter(tree)
        changed = 0
        graph = analysis.graph
        metadata_keys = []
        for node, keys, placement in zip(graph.nodes, graph.metadata_keys, tree.placements, strict=True):
            metadata_keys.append(writer.keys_after(keys, placement))
            if placement is None:
                metadata.write(node, _UNPLACED)
            elif not _was_unplaced(keys):
                changed += writer.write(node, keys, placement)
        model = analysis.model
        metadata.write(model, {tags.TREE: compact(tree), tags.VALUES: compact_values(analysis)})
        written = replace(analysis, graph=graph.with_metadata_keys(metadata_keys))
        return Outcome({"nodes annotated": changed}, analysis=written, told=True)


def compact(tree: Iterable[Module]) -> str:
    """Return the modules of a tree as one line of JSON: path, class and number of calls of each."""
    modules = [[module.path, module.class_name, module.calls] for module in tree]
    return json.dumps({"version": 1, "modules": modules}, ensure_ascii=False, separators=(",", ":"))


def compact_values(analysis: Analysis) -> str:
    """Return the outputs of placed nodes by module, as one line of JSON.

    Only the main graph counts, and only outputs without a scope in their names. Many tools drop the metadata
    and names of nodes; hardly any tool drops names of values or the metadata of the model. So these entries
    place nodes after such a tool. The entries of inferred and guessed modules are apart from those named.
    """
    graph = analysis.graph
    found: dict[Certainty, dict[str, list[str]]] = {certainty: {} for certainty in Certainty}
    for node, placement in enumerate(analysis.tree.placements):
        if (
            placement is not None
            and graph.body_of[node] == 0
            and not _was_unplaced(graph.metadata_keys[node])
        ):
            written = [graph.value_names[value] for value in graph.writes[node] if value != NONE]
            bare = [name for name in written if isinstance(name, str) and not scope_of_value_name(name)]
            found[placement.certainty].setdefault(placement.module, []).extend(bare)
    values = {
        key: [[module, names[module]] for module in analysis.tree.modules if names.get(module)]
        for key, names in zip(tags.OF_VALUES, found.values(), strict=True)
        if any(names.values()) or key == "values"
    }
    return json.dumps({"version": 2, **values}, ensure_ascii=False, separators=(",", ":"))


_Place = tuple[ModulePath, int, str, Certainty]


def _place(placement: Placement) -> _Place:
    return placement.module, placement.call, placement.source, placement.certainty


def _was_unplaced(keys: Collection[str]) -> bool:
    """Whether a node was unplaced when `unshare` moved it to a call, a move that `flatten` undoes."""
    return tags.MOVED_TO in keys and tags.MODULE not in keys


def entries_of(tree: ModuleTree, path: ModulePath) -> dict[str, str]:
    """Return the entries that are equal on all nodes of a module."""
    module = tree[path]
    return {
        NAMESPACE: scoped_prefix(path).removeprefix("/"),
        tags.MODULE: str(path),
        tags.DEPTH: str(module.depth),
        tags.LEAF: str(module.leaf).lower(),
        **class_entries(module),
    }


def class_entries(module: Module) -> dict[str, str]:
    """Return the entries for the class of a module; none if the class is unknown."""
    if module.class_name and module.kind:
        return {tags.CLASS: module.class_name, tags.KIND: module.kind.value}
    return {}


class NodeWriter:
    """Writer of the metadata of nodes.

    Nodes that one source of evidence placed in one call get equal entries, which are serialized once.
    """

    def __init__(self, tree: ModuleTree) -> None:
        self._tree = tree
        self._entries: dict[_Place, dict[str, str]] = {}
        self._serialized: dict[tuple[_Place, bool], bytes] = {}
        self._keys_after: dict[tuple[tuple[str, ...], bool, bool], tuple[str, ...]] = {}

    def keys_after(self, keys: tuple[str, ...], placement: Placement | None) -> tuple[str, ...]:
        """Return the keys that a node with `keys` has after writing; equal results share one tuple."""
        if placement is not None and _was_unplaced(keys):
            return keys
        has_class = placement is not None and bool(class_entries(self._tree[placement.module]))
        case = (keys, placement is not None, has_class)
        if (found := self._keys_after.get(case)) is None:
            wanted = _UNPLACED
            if placement is not None:
                place = _place(placement)
                wanted = self._wanted(place, named=NAMESPACE in keys)
            found = self._keys_after[case] = tuple(dict.fromkeys((*keys, *wanted)))
        return found

    def write(self, node: NodeProto, keys: Collection[str], placement: Placement) -> bool:
        """Write the metadata of a node, which has `keys` so far; return whether the node changed."""
        place = _place(placement)
        named = NAMESPACE in keys
        if not tags.OF_NODES.isdisjoint(keys):
            return metadata.write(node, self._wanted(place, named=named))
        if (data := self._serialized.get((place, named))) is None:
            bare = NodeProto()
            metadata.write(bare, self._wanted(place, named=named))
            data = self._serialized[place, named] = bare.SerializeToString()
        node.MergeFromString(data)
        return True

    def _wanted(self, place: _Place, *, named: bool) -> dict[str, str]:
        """Return the entries for a node; a node that is `named` keeps its namespace."""
        if (entries := self._entries.get(place)) is None:
            module, call, source, certainty = place
            entries = entries_of(self._tree, module) | {
                tags.CALL: str(call),
                tags.EVIDENCE: str(source),
                tags.CERTAINTY: str(certainty),
            }
            self._entries[place] = entries
        return {key: text for key, text in entries.items() if key != NAMESPACE} if named else entries
