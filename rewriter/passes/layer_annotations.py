"""Pass: write the path of its module on every node as `layer_ann`, by which onnxruntime places layers.

The key and its meaning are those of onnxruntime's annotated partitioning (1.27 and newer; its document
PartitioningWithAnnotationsAndMemoryConstraints.md): the session option `session.layer_assignment_settings`
maps annotations, or prefixes of them, to devices. A node without one takes that of the If, Loop or Scan
around it, and a node inlined from a function that of the call.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from rewriter.model import metadata
from rewriter.model.metadata import LAYER
from rewriter.modules.analysis import Analysis
from rewriter.passes.base import Outcome
from rewriter.passes.contract import ALL_BUT_METADATA, TREE, Part
from rewriter.passes.functions.provenance import is_ours
from rewriter.paths import ModulePath


@dataclass(frozen=True, slots=True)
class LayerAnnotations:
    """Writes the metadata `layer_ann` of onnxruntime's annotated partitioning, and nothing else.

    Put it last. Nodes that several calls share have no module of their own and follow their call, as do nodes
    in functions of other tools.
    """

    name: ClassVar[str] = "layer_annotations"
    requires: ClassVar[frozenset[Part]] = TREE
    preserves: ClassVar[frozenset[Part]] = ALL_BUT_METADATA

    def run(self, analysis: Analysis) -> Outcome:
        """Annotate every node placed in a module below the root."""
        nodes = analysis.graph.nodes
        changed = sum(metadata.write(nodes[node], {LAYER: str(path)}) for node, path in layers(analysis))
        return Outcome({"layers annotated": changed})


def layers(analysis: Analysis) -> Iterator[tuple[int, ModulePath]]:
    """The nodes with an annotation of their own, and its text: not empty, and the same in every call."""
    graph = analysis.graph
    of_others = {
        number
        for number, body in enumerate(graph.bodies)
        if body.function is not None and not is_ours(body.function)
    }
    for node, placement in enumerate(analysis.tree.placements):
        if placement is None or not placement.module:
            continue
        if graph.body_of[node] not in of_others:
            yield node, placement.module
