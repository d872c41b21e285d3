"""Pass: let calls whose functions have equal bodies use one function.

The pass works from the innermost functions outwards. Two bodies are equal if they differ only in names, doc
strings, metadata and order of nodes (see `canonical_form`); calls of equal functions count as equal, and
random draws must keep their order. A function is shared only with functions of the same class and name whose
nodes, except Constants, come from submodules of the same names.

Before::

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

After::

    g (float[2] x) => (float[2] y) {
      ["/l.0"] b = modules.l (x)
      ["/l.1"] y = modules.l (b)
    }
    <domain: "modules", opset_import: ["" : 17]> l (input) => (output) {
      [Relu] a = Relu (input)
      [Neg] output = Neg (a)
    }
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from onnx import FunctionProto, GraphProto, ModelProto, NodeProto

from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.model.index.graph import domains_of, nodes_within
from rewriter.modules.analysis import Analysis
from rewriter.passes.base import Outcome
from rewriter.passes.functions.body_differences import find_differences
from rewriter.passes.functions.equal_functions import Identity, find_equal_functions, identity_of, reorder
from rewriter.passes.functions.function_names import FunctionNames, import_domains
from rewriter.passes.functions.lifted_constants import lift_constants
from rewriter.passes.functions.provenance import is_ours
from rewriter.passes.functions.shared_function import (
    InputOrder,
    Merger,
    NamesOfShared,
    SharedFunction,
    canonical_order,
)
from rewriter.passes.preserved_parts import Part


@dataclass(frozen=True, slots=True)
class Share:
    """Merges and renames functions that `group` made; nodes outside stay, except their calls.

    A model whose functions are already shared is not changed.

    Attributes:
        lift: whether constants in which otherwise equal bodies differ become inputs.
    """

    name: ClassVar[str] = "share"
    requires: ClassVar[frozenset[Part]] = frozenset()
    preserves: ClassVar[frozenset[Part]] = frozenset({Part.METADATA})
    undone: ClassVar[bool] = True
    lift: bool = False

    def run(self, analysis: Analysis) -> Outcome:
        """Find functions with equal bodies, make one function of each group, and redirect its calls."""
        model = analysis.model
        ours = [function for function in model.functions if is_ours(function)]
        others = [function for function in model.functions if not is_ours(function)]
        if not ours or not _one_per_call(model, ours):
            return Outcome({"functions merged": 0})
        analysis.demand_text()
        lifted = lift_constants(model, ours, others) if self.lift else 0
        twins = find_equal_functions(ours, others)
        merger = merger_of(model, FunctionNames(model, ours))
        made = [merger.merge(members) if len(members) > 1 else merger.single(members[0]) for members in twins]
        write_shared(model, made)
        changes = {
            "functions merged": len(ours) - len(made),
            "functions left": len(made),
            "constants lifted": lifted,
        }
        return Outcome(changes, tuple(merger.refusals), differences=tuple(find_differences(twins)))


def merger_of(model: ModelProto, names: NamesOfShared, order: InputOrder = canonical_order) -> Merger:
    """Return the maker of shared functions for a model.

    Args:
        model: the model; `group` made its functions, and they are not shared yet.
        names: the source of the functions' names.
        order: the order of their inputs.
    """
    return Merger(names, {tensor.name for tensor in model.graph.initializer}, _calls(model), order)


def _calls(model: ModelProto) -> dict[Identity, NodeProto]:
    """Map each function that `group` made to its one call."""
    ours = {identity_of(function) for function in model.functions if is_ours(function)}
    nodes = _all_nodes(model.graph, model.functions)
    return {identity: node for node in nodes if (identity := (node.domain, node.op_type)) in ours}


def write_shared(model: ModelProto, made: Sequence[SharedFunction]) -> None:
    """Replace functions by the merged ones, and update every call."""
    members = {identity_of(member.function): member for shared in made for member in shared.members}
    shared_of = {identity_of(member.function): shared for shared in made for member in shared.members}
    reorder(nodes_within(model.graph.node), members)
    for node in _all_nodes(model.graph, [shared.function for shared in made]):
        if (shared := shared_of.get((node.domain, node.op_type))) is not None:
            handed = list(node.input)
            node.input[:] = [handed[position] for position in shared.order]
            node.domain, node.op_type = shared.function.domain, shared.function.name
            if shared.renamed:
                metadata.erase(node, [tags.ORDER])
    others = [function for function in model.functions if identity_of(function) not in shared_of]
    replaced = {domain for domain, _ in shared_of}
    kept = [FunctionProto.FromString(function.SerializeToString()) for function in others]
    del model.functions[:]
    model.functions.extend(kept)
    model.functions.extend(shared.function for shared in made)
    _import(model, replaced)


def _import(model: ModelProto, replaced: set[str]) -> None:
    """Import the domains of the new functions, and drop the imports of removed domains."""
    domains = {function.domain for function in model.functions}
    owners: tuple[ModelProto | FunctionProto, ...] = (model, *model.functions)
    for owner in owners:
        for position in reversed(range(len(owner.opset_import))):
            if owner.opset_import[position].domain in replaced:
                del owner.opset_import[position]
        called = domains_of(owner.node).keys() if isinstance(owner, FunctionProto) else domains
        import_domains(owner, called & domains)


def _one_per_call(model: ModelProto, ours: Sequence[FunctionProto]) -> bool:
    """Whether each of `ours` has one call with the same names of inputs and outputs, as `group` writes."""
    calls: dict[Identity, list[NodeProto]] = {}
    for node in _all_nodes(model.graph, model.functions):
        calls.setdefault((node.domain, node.op_type), []).append(node)
    return all(
        [(list(node.input), list(node.output)) for node in calls.get(identity_of(function), ())]
        == [(list(function.input), list(function.output))]
        for function in ours
    )


def _all_nodes(graph: GraphProto, functions: Iterable[FunctionProto]) -> Iterator[NodeProto]:
    """Return the nodes of a main graph and of functions, and those in graph bodies inside."""
    return nodes_within([*graph.node, *(node for function in functions for node in function.node)])
