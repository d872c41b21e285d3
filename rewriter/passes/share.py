"""Pass: let calls whose functions have equal bodies use one function.

Works from the innermost functions outwards: two bodies are equal where they differ in names and order of
nodes alone, calls of equal functions counting as equal. A class, where one is known, is shared with its like
only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from onnx import FunctionProto, ModelProto, NodeProto

from rewriter.evidence import tags
from rewriter.model import metadata
from rewriter.modules.analysis import Analysis
from rewriter.passes.base import Outcome
from rewriter.passes.canonical import Key, canonical_body
from rewriter.passes.flatten import is_ours
from rewriter.passes.naming import FunctionNames, import_domains
from rewriter.passes.shared_function import Member, Shared, merge, single

Identity = tuple[str, str]
"""Domain and name of a function."""


@dataclass(frozen=True, slots=True)
class Share:
    """Merges and renames functions that `group` made; the nodes outside of them stay, but for their calls.

    A model whose functions are shared already is left as it is.
    """

    name: ClassVar[str] = "share"

    def run(self, analysis: Analysis) -> Outcome:
        """Find functions with equal bodies, make one of each, and call that."""
        model = analysis.model
        ours = [function for function in model.functions if is_ours(function)]
        if not ours or not _one_per_call(model, ours):
            return Outcome({"functions shared": 0})
        twins = find_twins(ours)
        names = FunctionNames(model, ours)
        weights = {tensor.name for tensor in model.graph.initializer}
        made = [
            merge(members, names, weights) if len(members) > 1 else single(members[0], names)
            for members in twins
        ]
        _emit(model, made)
        return Outcome({"functions shared": len(ours), "functions left": len(made)})


def find_twins(functions: Iterable[FunctionProto]) -> list[list[Member]]:
    """Functions by equal bodies, callees before callers.

    Args:
        functions: all that `group` made, callees before callers, each called once. What they hand to their
            callees is put, in place, into the canonical order of the callee's inputs.
    """
    twins: dict[Key, list[Member]] = {}
    numbers: dict[Key, int] = {}
    members: dict[Identity, Member] = {}
    callees: dict[Identity, int] = {}
    for function in functions:
        _reorder(function.node, members)
        entries = metadata.read(function)
        # A body calls modules by their names: where these differ, the tree could not be told from one body.
        called = {
            identity: (callees[identity], members[identity].module.removeprefix(entries[tags.MODULE]))
            for identity in {(node.domain, node.op_type) for node in function.node} & callees.keys()
        }
        body = canonical_body(function, called)
        key: Key = (entries.get(tags.CLASS), function.name, *body.key)
        members[_identity(function)] = member = Member(function, body, entries)
        twins.setdefault(key, []).append(member)
        callees[_identity(function)] = numbers.setdefault(key, len(numbers))
    return list(twins.values())


def _reorder(nodes: Iterable[NodeProto], members: dict[Identity, Member]) -> None:
    """Put what calls hand over, which bears the names of the formal inputs, into canonical order."""
    for node in nodes:
        if (callee := members.get((node.domain, node.op_type))) is not None:
            node.input[:] = callee.body.inputs


def _emit(model: ModelProto, made: Sequence[Shared]) -> None:
    """Put the functions in the place of those they stand for, and let every call call them."""
    members = {_identity(member.function): member for shared in made for member in shared.members}
    shared_of = {_identity(member.function): shared for shared in made for member in shared.members}
    _reorder(model.graph.node, members)
    for body in (model.graph.node, *(shared.function.node for shared in made)):
        for node in body:
            if (shared := shared_of.get((node.domain, node.op_type))) is not None:
                handed = list(node.input)
                node.input[:] = [handed[position] for position in shared.order]
                node.domain, node.op_type = shared.function.domain, shared.function.name
                if len(shared.members) > 1:
                    metadata.erase(node, [tags.ORDER])
    others = [function for function in model.functions if _identity(function) not in shared_of]
    replaced = {domain for domain, _ in shared_of}
    kept = [FunctionProto.FromString(function.SerializeToString()) for function in others]
    del model.functions[:]
    model.functions.extend(kept)
    model.functions.extend(shared.function for shared in made)
    _import(model, replaced)


def _import(model: ModelProto, replaced: set[str]) -> None:
    """Import the domains of functions, and no longer those of functions that are gone."""
    domains = {function.domain for function in model.functions}
    owners: tuple[ModelProto | FunctionProto, ...] = (model, *model.functions)
    for owner in owners:
        for position in reversed(range(len(owner.opset_import))):
            if owner.opset_import[position].domain in replaced:
                del owner.opset_import[position]
        called = {node.domain for node in owner.node} if isinstance(owner, FunctionProto) else domains
        import_domains(owner, called & domains)


def _one_per_call(model: ModelProto, ours: Sequence[FunctionProto]) -> bool:
    """Whether every function is called once, by the names of its own inputs and outputs, as `group` does."""
    calls: dict[Identity, list[NodeProto]] = {}
    for body in (model.graph.node, *(function.node for function in model.functions)):
        for node in body:
            calls.setdefault((node.domain, node.op_type), []).append(node)
    return all(
        [(list(node.input), list(node.output)) for node in calls.get(_identity(function), ())]
        == [(list(function.input), list(function.output))]
        for function in ours
    )


def _identity(function: FunctionProto) -> Identity:
    return (function.domain, function.name)
