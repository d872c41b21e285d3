"""Records how the nodes of each call of a shared function differ, so that `flatten` restores the flat graph.

One body has one set of names, and its calls have several. `share` keeps the names of all calls on the
function, in the entry `rewriter.flat`: a serialized model, compressed with zlib, in base64. For each node of
the body, the graph of this model has the corresponding node of every call, without inputs, and without
attributes if these equal the body's. It also has the stated types of values in each call. Corresponding nodes
are adjacent and differ in a few numbers, so they compress well: 12 layers of BERT take a hundredth of their
size.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, ValueInfoProto

from rewriter.errors import UnreadableModel
from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.model.index.graph import graphs_of, nodes_within
from rewriter.model.limits import current
from rewriter.model.storage import wire
from rewriter.passes.functions.canonical_form import bound, same_attributes
from rewriter.passes.functions.equal_functions import Identity, Member, identity_of
from rewriter.passes.functions.function_names import numbers_of, ranges
from rewriter.passes.functions.provenance import is_inferred
from rewriter.passes.functions.value_names import rename

MOST_BYTES = 256 << 20
"""Limit for all records of a model together, uncompressed: a small entry can expand 1000 times."""

_CALLS = "calls"


@dataclass(frozen=True, slots=True)
class CallRecord:
    """Record of one call of a shared function.

    Attributes:
        nodes: for every node of the body, its node in the flat graph without inputs. Attributes are left out
            if they equal the body's. Calls of functions, also those in graph bodies, have neither operator
            nor inputs.
        places: positions, in the flat graph, of the nodes that are no calls.
        infos: the stated types of values in the call, each with its position in the flat graph.
    """

    nodes: tuple[NodeProto, ...]
    places: tuple[int, ...]
    infos: tuple[tuple[int, ValueInfoProto], ...]


_OfFunction = dict[tuple[str, ...], dict[str, CallRecord]]
"""Names of the outputs -> name of the call -> its record. The name is needed only if calls write equal names,
as in several graph bodies, or write none."""


def write_record(
    function: FunctionProto,
    members: Sequence[Member],
    calls: Mapping[Identity, NodeProto],
    renamed: Mapping[str, str],
) -> bytes:
    """Return the record of a function, not yet compressed.

    Args:
        function: the shared function, with its nodes in the order of the first member's nodes.
        members: the functions of the calls, whose bodies equal the shared one.
        calls: function of one call -> the call, with the flat positions of its nodes in `tags.ORDER`.
        renamed: value of the first member -> its name in the function.
    """
    graph = GraphProto()
    first = members[0]
    place = {position: number for number, position in enumerate(first.body.order)}
    inner = {n for n, node in enumerate(first.function.node) if (node.domain, node.op_type) in calls}
    names = [_flat_names(first, member, renamed) for member in members]
    bodies = [list(member.function.node) for member in members]
    for position, shared in enumerate(function.node):
        inside = nodes_within([bodies[0][position]])
        called = calls.keys() if any((each.domain, each.op_type) in calls for each in inside) else frozenset()
        for member, body, flat in zip(members, bodies, names, strict=True):
            original = body[member.body.order[place[position]]]
            _add_difference(graph, shared, original, flat, called)
    told: list[dict[str, object]] = []
    times = Counter(tuple(member.function.output) for member in members)
    for member in members:
        graph.value_info.extend(info for info in member.function.value_info if not is_inferred(info))
        stood = dict(zip(member.body.order, first.body.order, strict=True))
        call = calls[identity_of(member.function)]
        order = metadata.get(call, tags.ORDER) or ""
        told.append(
            {
                "outputs": list(member.function.output),
                "order": _places_in_first_order(order, [stood[n] for n in range(len(stood))], inner),
                "infos": member.entries.get(tags.INFOS, ""),
            }
        )
        if times[tuple(member.function.output)] > 1:
            told[-1]["call"] = call.name
    graph.metadata_props.add(key=_CALLS, value=json.dumps(told, ensure_ascii=False, separators=(",", ":")))
    return ModelProto(graph=graph).SerializeToString(deterministic=True)


def compressed(record: bytes) -> str:
    """Return the entry for a record."""
    return base64.b64encode(zlib.compress(record)).decode("ascii")


def _flat_names(first: Member, member: Member, renamed: Mapping[str, str]) -> dict[str, str]:
    """Map names of values in the shared function to their names in the flat graph, for one call."""
    pairs = zip(first.body.values, member.body.values, strict=True)
    return {renamed[name]: flat for name, flat in pairs if name in renamed}


def _add_difference(
    graph: GraphProto,
    shared: NodeProto,
    original: NodeProto,
    flat: Mapping[str, str],
    functions: Set[Identity],
) -> None:
    """Add a node of a call, as far as it differs from the shared one; it may call some of `functions`."""
    node = graph.node.add()
    node.CopyFrom(original)
    del node.input[:]
    if len(node.attribute) and list(_renamed(shared, flat).attribute) == list(original.attribute):
        del node.attribute[:]
    for each in nodes_within([node]) if functions else ():
        if (each.domain, each.op_type) in functions:
            metadata.erase(each, [tags.ORDER])
            each.ClearField("op_type")
            each.ClearField("domain")
            del each.input[:]


def _renamed(node: NodeProto, names: Mapping[str, str]) -> NodeProto:
    """Return a copy of the node with renamed values; the node itself if it has no graph bodies."""
    if not any(True for attribute in node.attribute for _ in graphs_of(attribute)):
        return node
    copy = NodeProto()
    copy.CopyFrom(node)
    rename(copy, names)
    return copy


def _places_in_first_order(order: str, stood: Sequence[int], calls: Set[int]) -> str:
    """Return the flat positions of a member's nodes in the order of the first member's nodes; '' if unknown.

    Args:
        order: the positions in its own order, without calls.
        stood: node of the member -> its counterpart in the first member.
        calls: the nodes of the first member that are calls.
    """
    own = [n for n in stood if n not in calls]
    try:
        places = dict(zip(own, numbers_of(order, len(own)), strict=True))
    except ValueError:
        return ""
    return ranges([places[n] for n in sorted(places)])


class Records:
    """Records of the functions of one model, read on demand."""

    def __init__(self) -> None:
        self._left = MOST_BYTES
        self._read: dict[int, _OfFunction] = {}

    def of(self, call: NodeProto, function: FunctionProto) -> CallRecord | None:
        """Return the record of a call; None without a valid one, or if the node count or outputs changed."""
        if (calls := self._read.get(id(function))) is None:
            calls = self._read[id(function)] = self._calls(function)
        found = calls.get(tuple(call.output), {})
        if len(found) > 1:
            return found.get(call.name)
        return next(iter(found.values()), None)

    def _calls(self, function: FunctionProto) -> _OfFunction:
        graph = self._graph(metadata.get(function, tags.FLAT) or "") if self._left > 0 else GraphProto()
        try:
            calls = json.loads(metadata.get(graph, _CALLS) or "[]")
            if len(graph.node) != len(calls) * len(function.node):
                return {}
            return _split(graph, calls, len(function.node))
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            RecursionError,
        ):  # damaged, or another tool's
            return {}

    def _graph(self, entry: str) -> GraphProto:
        """Return the graph in an entry; an empty graph for an invalid or too large entry."""
        model = ModelProto()
        try:
            packed = zlib.decompressobj()
            data = packed.decompress(base64.b64decode(entry, validate=True), self._left + 1)
            self._left -= len(data)
            if self._left < 0 or not packed.eof:
                return GraphProto()
            wire.walk(data, current())
            model.ParseFromString(data)
        except (binascii.Error, zlib.error, DecodeError, wire.Malformed, UnreadableModel, ValueError):
            return GraphProto()
        return model.graph


def _split(graph: GraphProto, calls: Sequence[Mapping[str, object]], size: int) -> _OfFunction:
    nodes = list(graph.node)
    infos = iter(graph.value_info)
    found: _OfFunction = {}
    for number, call in enumerate(calls):
        own = tuple(nodes[position * len(calls) + number] for position in range(size))
        most = sum(bool(node.op_type) for node in own)
        places = tuple(numbers_of(str(call["order"]), most))
        stood = numbers_of(str(call["infos"]), len(graph.value_info))
        outputs = call["outputs"]
        if not isinstance(outputs, list):
            raise TypeError("outputs are no list")
        record = CallRecord(own, places, tuple(zip(stood, infos, strict=False)))
        found.setdefault(tuple(map(str, outputs)), {})[str(call.get("call"))] = record
    return found


def restored(call: NodeProto, function: FunctionProto, record: CallRecord) -> list[NodeProto] | None:
    """Return the nodes of a call as in the flat graph; None if the body differs from the recorded one."""
    names = dict(zip(function.input, call.input, strict=False))
    names.update(dict.fromkeys(function.input[len(call.input) :], ""))
    for body, flat in zip(function.node, record.nodes, strict=True):
        if [not name for name in body.output] != [not name for name in flat.output]:
            return None
        if flat.op_type and (flat.domain, flat.op_type) != (body.domain, body.op_type):
            return None
        names.update(zip(body.output, flat.output, strict=True))
    if [names.get(name) for name in function.output] != list(call.output):
        return None
    nodes = []
    for body, flat in zip(function.node, record.nodes, strict=True):
        if (node := _restored(body, flat, names)) is None:
            return None
        nodes.append(node)
    return nodes


def _restored(body: NodeProto, flat: NodeProto, names: Mapping[str, str]) -> NodeProto | None:
    node = NodeProto()
    node.CopyFrom(flat)
    node.input.extend(names.get(name, name) for name in body.input)
    if not flat.op_type:
        node.op_type, node.domain = body.op_type, body.domain
    told = _renamed(body, names)
    if not flat.attribute:
        node.attribute.extend(told.attribute)
        return node
    _fill_calls(told, node, {})
    return node if same_attributes(told, node) else None


def _fill_calls(told: NodeProto, flat: NodeProto, names: Mapping[str, str]) -> None:
    """Give the calls in the bodies of a flat node their function and inputs, from the corresponding calls.

    Args:
        told: the corresponding node.
        flat: the flat node, edited in place.
        names: value of a body around `told` -> its name in the flat graph.
    """
    bodies = {attribute.name: attribute for attribute in told.attribute}
    for attribute in flat.attribute:
        counterpart = bodies.get(attribute.name, AttributeProto())
        for theirs, ours in zip(graphs_of(counterpart), graphs_of(attribute), strict=False):
            known = {**names, **dict(zip(bound(theirs), bound(ours), strict=False))}
            for there, here in zip(theirs.node, ours.node, strict=False):
                if not here.op_type:
                    here.op_type, here.domain = there.op_type, there.domain
                    here.input.extend(known.get(name, name) for name in there.input)
                _fill_calls(there, here, known)
