"""Pass: turn calls of modules into ONNX local functions, nested as the modules are.

A call lies in one body: the main graph, or a graph body of If, Loop or Scan. Each call gets a function of its
own, or several if it must be cut into segments. The root and modules that are not selected get none, and
nodes that would fail inside functions stay outside. Values and nodes keep their names, inside functions and
outside, so `flatten` restores the file and a profile maps to nodes. Initializers are inputs of the functions,
never constants in their bodies.

Before::

    g (float[2] x) => (float[2] y) {
      ["/l.0/Relu"] a = Relu (x)
      ["/l.0/Neg"] b = Neg (a)
      ["/l.1/Relu"] c = Relu (b)
      ["/l.1/Neg"] y = Neg (c)
    }

After::

    g (float[2] x) => (float[2] y) {
      ["/l.0"] b = l_0.l (x)
      ["/l.1"] y = l_1.l (b)
    }
    <domain: "l_0", opset_import: ["" : 17]> l (x) => (b) {
      ["/l.0/Relu"] a = Relu (x)
      ["/l.0/Neg"] b = Neg (a)
    }
    <domain: "l_1", opset_import: ["" : 17]> l (b) => (y) {
      ["/l.1/Relu"] c = Relu (b)
      ["/l.1/Neg"] y = Neg (c)
    }
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import ClassVar

from rewriter.basics.option_declaration import again, part, texts
from rewriter.errors import UsageError
from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.modules.module_tree import ModuleTree
from rewriter.modules.selection import WORDS, Miss, Selection
from rewriter.options.groups import RewriteSteps
from rewriter.passes.base import Outcome
from rewriter.passes.emission.body_plans import plan_functions
from rewriter.passes.emission.boundary_types import BoundaryTypes
from rewriter.passes.emission.function_writer import Emission
from rewriter.passes.functions.constants.embedding import constants_of
from rewriter.passes.functions.equal_functions import find_equal_functions
from rewriter.passes.functions.provenance import is_ours
from rewriter.passes.preserved_parts import TREE, Part
from rewriter.paths import ModulePath


@dataclass(frozen=True, slots=True)
class Group:
    """Moves the nodes of calls into functions, reorders them, and states types at calls as far as needed.

    A model that is already grouped is not changed. Functions need IR version 8, to which an older file is
    raised. If the file was below version 4, its initializers are removed from the inputs, so that they stay
    constants.

    Attributes:
        depth: maximum nesting of functions; 0 for as deep as modules call each other.
        only: group the modules whose path matches this glob, or one of several; all if empty.
        class_name: group the modules of this class, or of one of several, as globs (the last name is enough);
            all if empty.
        kind: group the modules whose class is of this kind, or of one of several.
        operators: group the modules that own a node of this operator themselves.
        leave_out: group no modules whose path matches, and none inside them.
        inferred: whether `class_name` also matches an inferred class, which is a guess.
        repeated: group only modules whose body another module has too, or another call of the same module.

    Raises:
        UsageError: the selection matches no module, or no called module within `depth`.
    """

    name: ClassVar[str] = "group"
    requires: ClassVar[frozenset[Part]] = TREE
    preserves: ClassVar[frozenset[Part]] = frozenset({Part.METADATA})
    undone: ClassVar[bool] = True
    depth: int = again(RewriteSteps, "depth")
    only: str | tuple[str, ...] = again(RewriteSteps, "only")
    class_name: str | tuple[str, ...] = again(RewriteSteps, "class_name")
    repeated: bool = again(RewriteSteps, "repeated")
    kind: str | tuple[str, ...] = again(RewriteSteps, "kind")
    operators: str | tuple[str, ...] = again(RewriteSteps, "operators")
    leave_out: str | tuple[str, ...] = again(RewriteSteps, "leave_out")
    inferred: bool = again(RewriteSteps, "inferred")

    def __post_init__(self) -> None:
        """Store a text as a tuple of one text."""
        for name in WORDS:
            object.__setattr__(self, name, texts(getattr(self, name)))

    @property
    def selection(self) -> Selection:
        """The selected modules, at any depth."""
        return replace(part(Selection, self), depth=None)

    def run(self, analysis: Analysis) -> Outcome:
        """Find the regions of each body, make them callable, and emit them all in one sweep."""
        chosen = self._chosen(analysis)
        if any(is_ours(function) for function in analysis.model.functions):
            return Outcome({"functions made": 0})
        analysis.demand_text()
        types, wants = BoundaryTypes(analysis.graph), self._wants(analysis.tree, chosen)
        plans = plan_functions(analysis, types, wants)
        refusals = tuple(refusal for plan in reversed(plans) for refusal in plan.refusals)
        if chosen is not None and all(len(plan.regions.regions) == 1 for plan in plans) and not refusals:
            raise UsageError(self._uncalled(analysis))
        if self.repeated:
            functions = Emission(analysis, plans).functions()
            twins = find_equal_functions(functions, analysis.model.functions)
            again = {member.module for members in twins if len(members) > 1 for member in members}
            plans = plan_functions(analysis, types, lambda module: module.path in again and wants(module))
            refusals = tuple(refusal for plan in reversed(plans) for refusal in plan.refusals)
        constants = constants_of(analysis)
        changes = Emission(analysis, plans).emit()
        if changes["functions made"] and constants:
            metadata.write(analysis.model, {tags.CONSTANTS: json.dumps(constants, ensure_ascii=False)})
        return Outcome(changes, refusals)

    def narrowed(self, analysis: Analysis) -> tuple[Group | None, tuple[Miss, ...]]:
        """Return the pass without the globs that match nothing in a model, and these globs.

        The pass is None if `only`, `class_name` or `operators` loses all its globs, or if no module matches
        the others.
        """
        left, misses = self.selection.narrowed(analysis)
        if left is None:
            return None, misses
        return replace(self, **{name: getattr(left, name) for name in WORDS}), misses

    def _chosen(self, analysis: Analysis) -> Collection[ModulePath] | None:
        """Return the selected modules; None for all."""
        if self.selection == Selection():
            return None
        return {module.path for module in self.selection.modules(analysis)}

    def _wants(self, tree: ModuleTree, chosen: Collection[ModulePath] | None) -> Callable[[Module], bool]:
        return lambda module: (
            (not self.depth or sum(m.calls > 0 for m in tree.path_to(module.path)[1:]) <= self.depth)
            and (chosen is None or module.path in chosen)
        )

    def _uncalled(self, analysis: Analysis) -> str:
        """Return the message if no selected module is called, or none within `depth`."""
        where = f"{analysis.path or 'model'}: no function can be made of "
        first = next(iter(self.selection.modules(analysis)))
        parts = f"; its parts are {first.path}.*" if first.children else ""
        within = f" within depth {self.depth}" if self.depth else ""
        return f"{where}{first.path or '(root)'}: none of the modules that fit is called{within}{parts}"
