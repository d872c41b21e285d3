"""Pass: inline the functions that `group` made, and merge copies of nodes.

It is the inverse of `embed`, `share`, `group` and `unshare`: it restores names, order and metadata of the
flat graph. Functions of other tools are kept unless requested; those in domains of runtimes are always kept.
A function that imports another version of an opset than the model is kept too, with a refusal.

Before::

    g (float[2] x) => (float[2] y) {
      ["/l.0"] b = modules.l (x)
      ["/l.1"] y = modules.l (b)
    }
    <domain: "modules", opset_import: ["" : 17]> l (input) => (output) {
      [Relu] a = Relu (input)
      [Neg] output = Neg (a)
    }

After::

    g (float[2] x) => (float[2] y) {
      ["/l.0/Relu"] a = Relu (x)
      ["/l.0/Neg"] b = Neg (a)
      ["/l.1/Relu"] c = Relu (b)
      ["/l.1/Neg"] y = Neg (c)
    }
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from onnx import FunctionProto, ModelProto

from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.model.index.functions import called_by, identity_of
from rewriter.model.index.graph import GraphIndex, domains_of, with_inner
from rewriter.model.operator_set.operators import canonical, left_to_runtimes, versions_of
from rewriter.model.undecodable_names import demand_text
from rewriter.modules.analysis import Analysis
from rewriter.passes.base import Outcome
from rewriter.passes.functions.called_modules import CalledModules
from rewriter.passes.functions.constants.recovery import take_back
from rewriter.passes.functions.inlining import Identity, Inliner
from rewriter.passes.functions.provenance import is_ours
from rewriter.passes.functions.value_names import UsedNames
from rewriter.passes.preserved_parts import Part
from rewriter.paths import ROOT
from rewriter.refusals import Reason, Refusal


@dataclass(frozen=True, slots=True)
class Flatten:
    """Undoes the making of functions byte for byte, except for later edits and IR versions below 4.

    If a function or one of its calls was edited, or if `share` could not keep the names, the nodes of the
    call are named after the call. A file that was below IR version 4 keeps the version to which `group`
    raised it, and its initializers stay out of the inputs.

    Attributes:
        foreign: whether to inline functions of other tools as well, except those in domains of runtimes.
    """

    name: ClassVar[str] = "flatten"
    requires: ClassVar[frozenset[Part]] = frozenset()
    preserves: ClassVar[frozenset[Part]] = frozenset({Part.METADATA})
    foreign: bool = False

    def run(self, analysis: Analysis) -> Outcome:
        """Inline functions and merge copies; return the numbers of functions and of merged copies."""
        return flatten(analysis.model, foreign=self.foreign)


def flatten(model: ModelProto, *, foreign: bool = False) -> Outcome:
    """Flatten a model in place; see `Flatten`."""
    take_back(model)
    entered = {
        (f.domain, f.name, f.overload): f
        for f in model.functions
        if is_ours(f) or (foreign and not left_to_runtimes(f.domain))
    }
    refusals = _take_out_other_opsets(model, entered)
    demand_text(model)
    graph = GraphIndex(model)
    values, names = UsedNames(graph.value_names), UsedNames(node.name for node in graph.nodes)
    modules = CalledModules(model.functions)
    merged = Inliner(entered, values, names, modules).flatten(model.graph, model)
    modules.record(model)
    if entered:
        _remove(model, entered)
    if not any(map(is_ours, model.functions)):
        _give_back_version(model)
    return Outcome({"functions entered": len(entered), "copies merged": merged}, tuple(refusals))


def _take_out_other_opsets(model: ModelProto, entered: dict[Identity, FunctionProto]) -> list[Refusal]:
    """Exclude functions that use other opsets than the model: inlined nodes would change their meaning.

    The version of a domain counts only for operators: a call of a function of the model has none.
    """
    versions = versions_of(model.opset_import)
    refusals = []
    called = {(domain, name) for domain, name, _ in map(identity_of, model.functions)}
    for identity, function in list(entered.items()):
        imports = versions_of(function.opset_import)
        nodes = (inner for node in function.node for inner in with_inner(node))
        used = {canonical(each.domain) for each in nodes if called_by(each)[:2] not in called}
        if any(versions.get(domain, imports[domain]) != imports[domain] for domain in used & imports.keys()):
            del entered[identity]
            refusals.append(Refusal(ROOT, Reason.OTHER_OPSET, function.name))
    return refusals


def _give_back_version(model: ModelProto) -> None:
    """Restore the IR version that the model had before `group` raised it."""
    version = metadata.get(model, tags.IR_VERSION)
    if version is not None and (number := tags.count_in(version)) is not None:
        model.ir_version = min(model.ir_version, number)
        metadata.erase(model, [tags.IR_VERSION])


def _remove(model: ModelProto, entered: dict[Identity, FunctionProto]) -> None:
    """Remove the inlined functions, and the imports of domains left without functions.

    The opsets that inlined nodes need are imported.
    """
    kept = [f for f in model.functions if (f.domain, f.name, f.overload) not in entered]
    copies = [FunctionProto.FromString(f.SerializeToString()) for f in kept]
    del model.functions[:]
    model.functions.extend(copies)
    used = domains_of([*model.graph.node, *(node for function in copies for node in function.node)])
    doomed = {domain for domain, _, _ in entered} - {f.domain for f in copies} - used.keys()
    imports = {canonical(each.domain): each.version for f in entered.values() for each in f.opset_import}
    for position in reversed(range(len(model.opset_import))):
        if model.opset_import[position].domain in doomed:
            del model.opset_import[position]
    known = {canonical(each.domain) for each in model.opset_import}
    for domain in sorted(imports.keys() - known - doomed):
        model.opset_import.add(domain=domain, version=imports[domain])
