"""Entering calls: the nodes of functions in the place of the nodes that call them.

Where `group` wrote the call, which says so, and nobody touched it, names are those of the flat graph and stay
what they are. Where `share` kept what the call says, they are given back (see `call_record`). Elsewhere every
value and node inside gets the name of the call before its own (`/encoder/layer.1` and `self/MatMul` become
`/encoder/layer.1/self/MatMul`), so that two calls of one function do not clash.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat, zip_longest

from onnx import AttributeProto, FunctionProto, ModelProto, NodeProto, ValueInfoProto

from rewriter.evidence import tags
from rewriter.evidence.exporter import NAMESPACE
from rewriter.evidence.grammar import scope_of_call, scoped_prefix
from rewriter.model import metadata
from rewriter.model.graph import graphs_of, with_inner
from rewriter.passes.call_record import Records, restored
from rewriter.passes.naming import places_of
from rewriter.passes.provenance import is_inferred, is_ours
from rewriter.passes.renaming import Taken, names_in_bodies, rename
from rewriter.paths import ModulePath
from rewriter.refusals import UnreadableModel

Identity = tuple[str, str, str]
"""Domain, name and overload of a function."""

MOST_NODES = 2_000_000
DEEPEST = 100
"""Bounds on what functions come to: twenty that each call the next one twice make a million nodes."""

Placed = tuple[int | None, NodeProto]
"""A node, and its place in the flat graph where `group` wrote it down."""


class Inliner:
    """Enters calls of some functions.

    Args:
        functions: those to enter.
        values: names of values that are taken; those handed out are added.
        nodes: names of nodes that are taken; likewise.

    Attributes:
        infos: what our functions say of the types of their values, under names of the flat graph, with the
            places that they had there where these are known. Nobody reads what functions of others say, and
            in the graph it would count.
    """

    def __init__(self, functions: Mapping[Identity, FunctionProto], values: Taken, nodes: Taken) -> None:
        self.functions = functions
        self.values = values
        self.nodes = nodes
        self.infos: list[tuple[int | None, ValueInfoProto]] = []
        self.made = 0
        self._records = Records()

    def expand(
        self, body: Sequence[NodeProto], places: Sequence[int] = (), depth: int = 0
    ) -> Iterator[Placed]:
        """The nodes of a body, calls entered; the nodes of the body themselves are handed on and edited.

        Args:
            body: the nodes.
            places: where those of them that are no calls stood in the flat graph. Where there are not as many
                of these, somebody edited the body; then they stay in the order of the calls, which is
                topological as well.
            depth: how many calls there are around the body.

        Raises:
            UnreadableModel: the functions call each other in a circle, or come to too many nodes.
        """
        if depth > DEEPEST:
            raise UnreadableModel(f"functions call each other more than {DEEPEST} deep; the file is damaged")
        own = sum(not self._is_call(node) for node in body)
        known: Iterator[int | None] = iter(places) if len(places) == own else repeat(None)
        for node in body:
            self._expand_bodies(node, depth)
            function = self.functions.get((node.domain, node.op_type, node.overload))
            if function is None:
                yield next(known), node
                continue
            inner, order = self._instance(node, function)
            _hand_on_layer(node, inner)
            self.made += len(inner)
            if self.made > MOST_NODES:
                raise UnreadableModel(f"the functions come to more than {MOST_NODES:,} nodes; flatten fewer")
            yield from self.expand(inner, order, depth + 1)

    def _expand_bodies(self, node: NodeProto, depth: int) -> None:
        for attribute in node.attribute:
            for graph in graphs_of(attribute):
                if any((n.domain, n.op_type, n.overload) in self.functions for n in graph.node):
                    nodes = [NodeProto.FromString(n.SerializeToString()) for n in graph.node]
                    del graph.node[:]
                    graph.node.extend(inner for _, inner in self.expand(nodes, (), depth + 1))
                else:
                    for inner in graph.node:
                        self._expand_bodies(inner, depth + 1)

    def _is_call(self, node: NodeProto) -> bool:
        return (node.domain, node.op_type, node.overload) in self.functions

    def _instance(self, call: NodeProto, function: FunctionProto) -> tuple[list[NodeProto], Sequence[int]]:
        """The nodes of one call, under names of the flat graph, and where those stood that are no calls."""
        if _is_verbatim(call, function):
            self.infos += placed_infos(function)
            nodes = [_copy(node) for node in function.node]
            self._finish(nodes, call, function)
            return nodes, places_of(call, tags.ORDER, len(nodes))
        record = self._records.of(call, function)
        if record is not None and (known := restored(call, function, record)) is not None:
            self.infos += record.infos
            return known, record.places
        return list(self._named_after(call, function)), ()

    def _named_after(self, call: NodeProto, function: FunctionProto) -> Iterator[NodeProto]:
        """The nodes of one call that nothing more is known of."""
        prefix = call.name or call.op_type
        passed = _passed_on(function)
        names = self._names(call, function, prefix, passed)
        for info in function.value_info if is_ours(function) else ():
            if is_inferred(info):
                continue
            renamed = ValueInfoProto()
            renamed.CopyFrom(info)
            renamed.name = names.get(info.name, info.name)
            self.infos.append((None, renamed))
        nodes = [_copy(node) for node in function.node]
        for node in nodes:
            rename(node, names)
        self._finish(nodes, call, function)
        for node, original in zip(nodes, function.node, strict=True):
            name = f"{prefix}/{node.name}"
            # What stands before the slash is read as a scope.
            if _is_relative(original) and not self._is_call(node):
                place = metadata.read(node)
                scope = scope_of_call(ModulePath(place[tags.MODULE]), int(place[tags.CALL]))
                name = f"{scope}/{original.name.rpartition('/')[2]}"
            node.name = self.nodes.fresh(name) if node.name else ""
        yield from nodes
        for formal, actual in zip(function.output, call.output, strict=False):
            if formal in passed and actual:
                name = self.nodes.fresh(f"{prefix}/Identity")
                yield NodeProto(
                    op_type="Identity", name=name, input=[names.get(formal, formal)], output=[actual]
                )

    def _finish(self, nodes: Sequence[NodeProto], call: NodeProto, function: FunctionProto) -> None:
        absolute = _Absolute(call, function)
        for node in nodes:
            if call.attribute or function.attribute or function.attribute_proto:
                _bind(node, call, function)
            for inner in with_inner(node):
                absolute.write(inner)

    def _names(
        self, call: NodeProto, function: FunctionProto, prefix: str, passed: set[str]
    ) -> dict[str, str]:
        """Value inside -> its name in the flat graph."""
        names = dict(zip_longest(function.input, call.input[: len(function.input)], fillvalue=""))
        for formal, actual in zip(function.output, call.output, strict=False):
            if formal not in passed and actual:
                names[formal] = actual
        for node in function.node:
            for name in (*node.output, *names_in_bodies(node)):
                if name and name not in names:
                    names[name] = self.values.fresh(f"{prefix}/{name}")
        return names


def _hand_on_layer(call: NodeProto, nodes: Sequence[NodeProto]) -> None:
    """Give nodes the layer of their call where they have none, as onnxruntime does where it enters a call."""
    if (layer := metadata.get(call, metadata.LAYER)) is None:
        return
    for node in nodes:
        if metadata.get(node, metadata.LAYER) is None:
            metadata.write(node, {metadata.LAYER: layer})


def placed_infos(function: FunctionProto | ModelProto) -> list[tuple[int | None, ValueInfoProto]]:
    """The types that a function or the main graph tells, with their places in the flat graph."""
    told = (function.graph if isinstance(function, ModelProto) else function).value_info
    infos = [info for info in told if not is_inferred(info)]
    places: list[int | None] = [*places_of(function, tags.INFOS, len(infos))]
    return list(zip(places if len(places) == len(infos) else [None] * len(infos), infos, strict=True))


def _copy(node: NodeProto) -> NodeProto:
    copy = NodeProto()
    copy.CopyFrom(node)
    return copy


def _is_verbatim(call: NodeProto, function: FunctionProto) -> bool:
    """Whether the names inside are those of the flat graph.

    Equal names of inputs and outputs alone do not tell: those of a shared function may be those of one call.
    """
    interface = (list(function.input), list(function.output))
    return (list(call.input), list(call.output)) == interface and tags.ORDER in metadata.read(call)


def _passed_on(function: FunctionProto) -> set[str]:
    """Outputs that are inputs as well, or outputs already."""
    seen = Counter((*dict.fromkeys(function.input), *function.output))
    return {name for name in function.output if seen[name] > 1}


def _is_relative(node: NodeProto) -> bool:
    """Whether a node tells its module relative to that of its function, since several calls share it."""
    return (metadata.get(node, tags.MODULE) or "").startswith(".")


class _Absolute:
    """Turns what is said of nodes relative to the module of their function into what is true of one call."""

    def __init__(self, call: NodeProto, function: FunctionProto) -> None:
        entries = metadata.read(call) if call.metadata_props else {}
        self.module = ModulePath(entries.get(tags.MODULE, ""))
        self.call = tags.count_in(entries.get(tags.CALL, "")) or 0
        self.calls: dict[str, int] = {}
        for node in (inner for outer in function.node for inner in with_inner(outer)):
            told = metadata.read(node) if node.metadata_props else {}
            module = told.get(tags.MODULE, "")
            number = tags.count_in(told.get(tags.CALL, "")) or 0
            self.calls[module] = max(self.calls.get(module, 1), number + 1)

    def write(self, node: NodeProto) -> None:
        entries = metadata.read(node) if node.metadata_props else {}
        told = entries.get(tags.MODULE, "")
        if not told.startswith("."):
            return
        module = self.module.child(told[1:])
        call = self.call * self.calls[told] + (tags.count_in(entries.get(tags.CALL, "")) or 0)
        wanted = {tags.MODULE: str(module), tags.CALL: str(call), tags.DEPTH: str(module.depth)}
        if NAMESPACE not in entries:
            wanted[NAMESPACE] = scoped_prefix(module).removeprefix("/")
        metadata.write(node, wanted)


def _bind(node: NodeProto, call: NodeProto, function: FunctionProto) -> None:
    """Put what the call says, or the default, in the place of references to attributes of the function."""
    given = {attribute.name: attribute for attribute in (*function.attribute_proto, *call.attribute)}
    kept = []
    for attribute in node.attribute:
        if attribute.ref_attr_name:
            if (actual := given.get(attribute.ref_attr_name)) is None:
                continue
            bound = AttributeProto()
            bound.CopyFrom(actual)
            bound.name = attribute.name
            kept.append(bound)
            continue
        for graph in graphs_of(attribute):
            for inner in graph.node:
                _bind(inner, call, function)
        kept.append(AttributeProto.FromString(attribute.SerializeToString()))
    del node.attribute[:]
    node.attribute.extend(kept)
