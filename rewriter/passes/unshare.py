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

from dataclasses import dataclass
from typing import ClassVar

from rewriter.evidence.metadata import tags
from rewriter.modules.analysis import Analysis
from rewriter.passes.base import Outcome
from rewriter.passes.emission.sharing_writer import SharingWriter
from rewriter.passes.functions.provenance import is_ours
from rewriter.passes.preserved_parts import TREE, Part
from rewriter.regions.body_view import views_of
from rewriter.regions.region_tree import RegionFinder
from rewriter.regions.unshare_plan import find_sharing


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
        finder = RegionFinder(analysis.graph, analysis.tree, lambda module: True)
        writer = SharingWriter(analysis)
        for view in reversed([*views_of(analysis)]):
            regions = finder.find(view.graph, view.placements, view.is_around)
            writer.write(view, regions, find_sharing(view.graph, analysis.tree, regions))
        writer.insert()
        changes = {"nodes copied": len(writer.copies), "nodes moved": len(writer.homes)}
        return Outcome(changes, copies=writer.copies, analysis=writer.carried())


def _is_unshared(analysis: Analysis) -> bool:
    """Whether metadata shows that an earlier run moved or copied nodes."""
    return any(
        tags.MOVED_TO in metadata_keys or tags.COPY_OF in metadata_keys
        for metadata_keys in set(analysis.graph.metadata_keys)
    )
