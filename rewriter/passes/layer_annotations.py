"""Pass: write the module paths of nodes as `layer_ann`, by which onnxruntime assigns nodes to devices.

The key and its meaning are those of onnxruntime's annotated partitioning (1.27 and newer; its document
PartitioningWithAnnotationsAndMemoryConstraints.md): the session option `session.layer_assignment_settings`
maps annotations, or prefixes of them, to devices. A node without an annotation takes that of the If, Loop or
Scan around it, or that of the call from which it was inlined.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from rewriter.model import metadata
from rewriter.model.metadata import LAYER
from rewriter.modules.analysis import Analysis
from rewriter.passes.base import Outcome
from rewriter.passes.functions.provenance import is_ours
from rewriter.passes.preserved_parts import ALL_BUT_METADATA, TREE, Part
from rewriter.paths import ModulePath


@dataclass(frozen=True, slots=True)
class LayerAnnotations:
    """Writes the metadata `layer_ann` of onnxruntime's annotated partitioning, and nothing else.

    It should be the last pass. Nodes that several calls share have no single module, so they follow their
    call, and so do nodes in functions of other tools.
    """

    name: ClassVar[str] = "layer_annotations"
    requires: ClassVar[frozenset[Part]] = TREE
    preserves: ClassVar[frozenset[Part]] = ALL_BUT_METADATA

    def run(self, analysis: Analysis) -> Outcome:
        """Annotate the nodes that `layers` yields."""
        nodes = analysis.graph.nodes
        changed = sum(metadata.write(nodes[node], {LAYER: str(path)}) for node, path in layers(analysis))
        return Outcome({"layers annotated": changed})


def layers(analysis: Analysis) -> Iterator[tuple[int, ModulePath]]:
    """Yield the nodes that get an annotation, each with the path of its module.

    Unplaced nodes, nodes of the root (its path is empty) and nodes in functions of other tools get none.
    """
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
