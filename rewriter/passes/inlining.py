"""Entering calls: the nodes of functions in the place of the nodes that call them.

Where `group` wrote the call, which says so, and nobody touched it, names are those of the flat graph and stay
what they are. Elsewhere every value and node inside gets the name of the call before its own
(`/encoder/layer.1` and `self/MatMul` become `/encoder/layer.1/self/MatMul`), so that two calls of one
function do not clash.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

from onnx import AttributeProto, FunctionProto, NodeProto, ValueInfoProto

from rewriter.evidence import tags
from rewriter.evidence.exporter import NAMESPACE
from rewriter.evidence.grammar import scoped_prefix
from rewriter.model import metadata
from rewriter.model.graph import graphs_of
from rewriter.passes.naming import numbers_of
from rewriter.passes.renaming import fresh, names_in_bodies, rename
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
        infos: function -> what it says of its values, under the names that these got, call by call.
    """

    def __init__(
        self, functions: Mapping[Identity, FunctionProto], values: set[str], nodes: set[str]
    ) -> None:
        self.functions = functions
        self.values = values
        self.nodes = nodes
        self.made = 0
        self.infos: dict[Identity, list[ValueInfoProto]] = {}

    def expand(self, body: Sequence[NodeProto], order: str | None = None, depth: int = 0) -> Iterator[Placed]:
        """The nodes of a body, calls entered; the nodes of the body themselves are handed on and edited.

        Raises:
            UnreadableModel: the functions call each other in a circle, or come to too many nodes.
        """
        if depth > DEEPEST:
            raise UnreadableModel(f"functions call each other more than {DEEPEST} deep; the file is damaged")
        places = iter(self._places(body, order))
        for node in body:
            self._expand_bodies(node, depth)
            function = self.functions.get((node.domain, node.op_type, node.overload))
            if function is None:
                yield next(places), node
                continue
            inner = list(self._instance(node, function))
            self.made += len(inner)
            if self.made > MOST_NODES:
                raise UnreadableModel(f"the functions come to more than {MOST_NODES:,} nodes; flatten fewer")
            yield from self.expand(inner, metadata.read(node).get(tags.ORDER), depth + 1)

    def _expand_bodies(self, node: NodeProto, depth: int) -> None:
        for attribute in node.attribute:
            for graph in graphs_of(attribute):
                if any((n.domain, n.op_type, n.overload) in self.functions for n in graph.node):
                    nodes = [NodeProto.FromString(n.SerializeToString()) for n in graph.node]
                    del graph.node[:]
                    graph.node.extend(inner for _, inner in self.expand(nodes, None, depth + 1))
                else:
                    for inner in graph.node:
                        self._expand_bodies(inner, depth + 1)

    def _places(self, body: Sequence[NodeProto], order: str | None) -> list[int | None]:
        """Where the nodes that are no calls stood in the flat graph.

        Where a body no longer has as many nodes as were written down, somebody edited it; then the nodes stay
        in the order of the calls, which is topological as well.
        """
        own = sum((node.domain, node.op_type, node.overload) not in self.functions for node in body)
        try:
            places: list[int | None] = list(numbers_of(order or "", own))
        except ValueError:  # somebody else's entry
            places = []
        return places if len(places) == own else [None] * own

    def _instance(self, call: NodeProto, function: FunctionProto) -> Iterator[NodeProto]:
        """The nodes of one call, under names of the flat graph."""
        plain = _is_verbatim(call, function)
        prefix = "" if plain else (call.name or call.op_type)
        passed = _passed_on(function)
        names = {} if plain else self._names(call, function, prefix, passed)
        self._keep_infos(function, names)
        absolute = _Absolute(call, function)
        for original in function.node:
            node = NodeProto()
            node.CopyFrom(original)
            if names:
                rename(node, names)
            if prefix and node.name:
                node.name = fresh(f"{prefix}/{node.name}", self.nodes)
            if call.attribute or function.attribute or function.attribute_proto:
                _bind(node, call, function)
            absolute.write(node)
            yield node
        for formal, actual in zip(function.output, call.output, strict=False):
            if formal in passed and actual:
                name = fresh(f"{prefix or call.op_type}/Identity", self.nodes)
                yield NodeProto(
                    op_type="Identity", name=name, input=[names.get(formal, formal)], output=[actual]
                )

    def _keep_infos(self, function: FunctionProto, names: Mapping[str, str]) -> None:
        kept = self.infos.setdefault((function.domain, function.name, function.overload), [])
        for info in function.value_info:
            copy = ValueInfoProto()
            copy.CopyFrom(info)
            copy.name = names.get(info.name, info.name)
            kept.append(copy)

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
                    names[name] = fresh(f"{prefix}/{name}", self.values)
        return names


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


class _Absolute:
    """Turns what is said of nodes relative to the module of their function into what is true of one call."""

    def __init__(self, call: NodeProto, function: FunctionProto) -> None:
        entries = metadata.read(call) if call.metadata_props else {}
        self.module = ModulePath(entries.get(tags.MODULE, ""))
        self.call = tags.count_in(entries.get(tags.CALL, "")) or 0
        self.calls: dict[str, int] = {}
        for node in function.node:
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
