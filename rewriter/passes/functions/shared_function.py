"""Makes one function for several calls: its name, the names of its values, and the metadata of all calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from onnx import FunctionProto, NodeProto, ValueInfoProto

from rewriter.basics.display import counted
from rewriter.evidence.metadata import tags
from rewriter.evidence.names.scope_grammar import scope_of_call
from rewriter.model import metadata
from rewriter.model.index.graph import with_inner
from rewriter.passes.functions.call_record import MOST_BYTES, compressed, write_record
from rewriter.passes.functions.equal_functions import Identity, Member
from rewriter.passes.functions.value_names import UsedNames, names_in_bodies, rename
from rewriter.paths import ModulePath
from rewriter.refusals import Reason, Refusal

InputOrder = Callable[[Member], tuple[Sequence[str], Sequence[str]]]
"""Function that returns the inputs of a member in the order of a shared function: activations and stored
tensors that are no parameters; and parameters."""


def canonical_order(member: Member) -> tuple[Sequence[str], Sequence[str]]:
    """Return inputs in the order of the canonical body, and parameters in the order of the modules."""
    return member.body.inputs, list(member.parameters)


class NamesOfShared(Protocol):
    """Source of names of shared functions."""

    def shared(self, class_name: str | None, name: str) -> tuple[str, str]:
        """Return domain and name of a function, by class or else by the name of a member."""


@dataclass(frozen=True, slots=True)
class SharedFunction:
    """Function for all calls with one body.

    Attributes:
        function: the function that replaces those of the members.
        members: the functions of the calls.
        order: formal input -> its position in the members' canonical order.
        renamed: whether its values have other names than in the flat graph.
    """

    function: FunctionProto
    members: tuple[Member, ...]
    order: tuple[int, ...]
    renamed: bool


class Merger:
    """Maker of the functions that calls share.

    Args:
        names: the source of the functions' names.
        weights: the initializers of the model.
        calls: function of one call -> the call.
        order: the order of the inputs of a shared function.

    Attributes:
        refusals: functions whose record was too long to keep.
    """

    def __init__(
        self,
        names: NamesOfShared,
        weights: Set[str],
        calls: Mapping[Identity, NodeProto],
        order: InputOrder = canonical_order,
    ) -> None:
        self.names = names
        self.weights = weights
        self.calls = calls
        self.order = order
        self.refusals: list[Refusal] = []
        self._left = MOST_BYTES

    def single(self, member: Member) -> SharedFunction:
        """Return the function of a call whose body no other call has: only domain and name change."""
        function = FunctionProto()
        function.CopyFrom(member.function)
        function.domain, function.name = self.names.shared(member.entries.get(tags.CLASS), function.name)
        places = {name: place for place, name in enumerate(member.body.inputs)}
        order = tuple(places[name] for name in function.input)
        return SharedFunction(function, (member,), order, renamed=False)

    def merge(self, members: Sequence[Member]) -> SharedFunction:
        """Return one function for calls with equal bodies; the first call gives the order of the nodes."""
        first = members[0]
        function = FunctionProto()
        function.domain, function.name = self.names.shared(first.entries.get(tags.CLASS), first.function.name)
        order, formals = _interface(members, self.weights, self.order)
        taken = UsedNames(name for node in first.function.node for name in names_in_bodies(node))
        renamed = _local_names(first, order, formals, taken)
        function.input.extend(renamed[first.body.inputs[position]] for position in order)
        function.output.extend(renamed[name] for name in first.function.output)
        function.attribute.extend(first.function.attribute)
        function.node.extend(_nodes(members, renamed))
        function.opset_import.extend(first.function.opset_import)
        function.value_info.extend(_infos(members, renamed))
        function.doc_string = _doc(members)
        metadata.write(function, _common([_function_entries(member) for member in members]) or {})
        if metadata.get(function, tags.MODULE) is None:
            metadata.write(function, {tags.MODULE: "."})
        metadata.write(function, self._record(function, members, renamed))
        return SharedFunction(function, tuple(members), tuple(order), renamed=True)

    def _record(
        self, function: FunctionProto, members: Sequence[Member], renamed: Mapping[str, str]
    ) -> dict[str, str]:
        """Return the entry from which `flatten` restores names; none if the model's records get too long."""
        record = write_record(function, members, self.calls, renamed)
        if len(record) > self._left:
            self.refusals.append(Refusal(members[0].module, Reason.NAMES_LOST, function.name))
            return {}
        self._left -= len(record)
        return {tags.FLAT: compressed(record)}


def _interface(
    members: Sequence[Member], weights: Set[str], order: InputOrder
) -> tuple[list[int], list[str]]:
    """Return the order of the formal inputs, as positions in canonical order, and a name for each position.

    Activations come first, then parameters, then stored tensors that are no parameters.
    """
    first = members[0]
    places, ranks = ({name: n for n, name in enumerate(names)} for names in order(first))
    keys, formals = [], []
    for position, name in enumerate(first.body.inputs):
        actuals = {member.body.inputs[position] for member in members}
        if all(member.body.inputs[position] in member.parameters for member in members):
            keys.append((1, ranks[name]))
            formals.append(first.parameters[name])
            continue
        stored = actuals <= weights
        keys.append((2 * stored, places[name]))
        same = len(actuals) == 1
        formals.append(_local(name, "") if same else "constant" if stored else "input")
    return sorted(range(len(keys)), key=keys.__getitem__), formals


def _local_names(
    first: Member, order: Sequence[int], formals: Sequence[str], taken: UsedNames
) -> dict[str, str]:
    """Map each value of the first member to its name in the shared function."""
    names = {first.body.inputs[position]: taken.fresh(formals[position]) for position in order}
    for name in first.function.output:
        names[name] = taken.fresh("output")
    prefix = scope_of_call(first.module, first.call) + "/"
    for node in first.function.node:
        for name in node.output:
            if name and name not in names:
                names[name] = taken.fresh(_local(name, prefix))
    return names


def _local(name: str, prefix: str) -> str:
    """Return a name without the scope `prefix`, or else its part after the last slash."""
    return (
        name.removeprefix(prefix) if prefix and name.startswith(prefix) else name.rpartition("/")[2] or name
    )


def _nodes(members: Sequence[Member], renamed: dict[str, str]) -> Iterator[NodeProto]:
    first = members[0]
    prefix = scope_of_call(first.module, first.call) + "/"
    nodes = [NodeProto.FromString(node.SerializeToString()) for node in first.function.node]
    for node, entries in zip(_in_order(first, nodes), _common_metadata(members), strict=True):
        del node.metadata_props[:]
        metadata.write(node, entries)
    taken = UsedNames()
    for node in nodes:
        rename(node, renamed)
        if node.name:
            node.name = taken.fresh(_local(node.name, prefix))
        yield node


def _in_order(member: Member, nodes: Sequence[NodeProto]) -> Iterator[NodeProto]:
    """Yield the nodes of a member in canonical order, each before those in its bodies."""
    for position in member.body.order:
        yield from with_inner(nodes[position])


_OF_ONE_CALL = frozenset({tags.PARAMETERS, tags.CALL, tags.INFOS})
_PLACE = frozenset({tags.MODULE, tags.CALL, tags.MOVED_TO})


def _common_metadata(members: Sequence[Member]) -> list[dict[str, str]]:
    """Return the metadata common to all calls, per node in canonical order.

    If calls name different modules, the first call's counts.
    """
    first = members[0]
    agreed = _node_entries(first, [*map(metadata.read, _in_order(first, first.function.node))])
    modules = [{tags.MODULE: entries[tags.MODULE]} if tags.MODULE in entries else {} for entries in agreed]
    for member in members[1:]:
        nodes = _in_order(member, member.function.node)
        # Keys on which earlier calls differ are not read again.
        wanted = zip(nodes, agreed, strict=True)
        others = _node_entries(
            member, [metadata.pick(node, _PLACE | of_all.keys()) for node, of_all in wanted]
        )
        agreed = [_common(pair) for pair in zip(agreed, others, strict=True)]
    return [{**module, **entries} for module, entries in zip(modules, agreed, strict=True)]


def _node_entries(member: Member, found: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the entries of nodes, with modules relative to the member's, and ranks as numbers of calls."""
    calls: dict[str, set[int]] = {}
    numbers = []
    for entries in found:
        # A node that `unshare` moved here from another call counts as a node of this call.
        if home := entries.pop(tags.MOVED_TO, ""):
            call, _, module = home.partition(" ")
            if not member.module.holds(entries.get(tags.MODULE, "")):
                entries.update({tags.MODULE: module, tags.CALL: call})
        for key in (tags.ORDER, tags.COPY_OF):
            entries.pop(key, None)
        numbers.append(tags.count_in(entries.get(tags.CALL, "")) or 0)
        if tags.MODULE in entries:
            calls.setdefault(entries[tags.MODULE], set()).add(numbers[-1])
    relative = {
        module: ("." + ModulePath(module).relative_to(member.module), _ranks(of_module))
        for module, of_module in calls.items()
        if member.module.holds(ModulePath(module))
    }
    for entries, number in zip(found, numbers, strict=True):
        if (told := relative.get(entries.get(tags.MODULE, ""))) and tags.MODULE in entries:
            entries[tags.MODULE], entries[tags.CALL] = told[0], told[1][number]
    return found


def _ranks(calls: set[int]) -> dict[int, str]:
    return {call: str(rank) for rank, call in enumerate(sorted(calls))}


def _function_entries(member: Member) -> dict[str, str]:
    return {key: text for key, text in member.entries.items() if key not in _OF_ONE_CALL}


def _common(found: Sequence[dict[str, str]]) -> dict[str, str]:
    """Return the entries common to all."""
    common = found[0]
    for other in found[1:]:
        common = {key: text for key, text in common.items() if other.get(key) == text}
    return common


def _infos(members: Sequence[Member], renamed: dict[str, str]) -> Iterator[ValueInfoProto]:
    """Yield the stated types that are equal in all calls."""
    found = []
    for member in members:
        infos = {info.name: info for info in member.function.value_info}
        found.append([infos.get(name) for name in member.body.values])
    for number, info in enumerate(found[0]):
        if info is None:
            continue
        others = [of_member[number] for of_member in found[1:]]
        if all(other is not None and other.type == info.type for other in others):
            agreed = ValueInfoProto(name=renamed[info.name], type=info.type)
            metadata.write(agreed, metadata.pick(info, frozenset({tags.INFERRED})))
            yield agreed


def _doc(members: Sequence[Member]) -> str:
    calls: dict[str, int] = {}
    for member in members:
        calls[member.module] = calls.get(member.module, 0) + 1
    modules = [path if count == 1 else f"{path} ({count} times)" for path, count in calls.items()]
    return f"{counted(len(members), 'call')}: {', '.join(modules)}"
