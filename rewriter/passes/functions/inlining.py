"""Inlines calls: replaces them by the nodes of their functions.

If a call has the inputs, outputs and record that `group` wrote, the names in its function are those of the
flat graph and stay. Names that `share` recorded are restored (see `call_record`). In all other calls, inner
values and named nodes get the name of the call as a prefix (`/encoder/layer.1` and `self/MatMul` become
`/encoder/layer.1/self/MatMul`), so that two calls of one function do not clash. A call without a name gives
its operator instead. A node of a shared function whose module is recorded gets the scope of this module.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat, zip_longest

from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, ValueInfoProto

from rewriter.errors import UnreadableModel
from rewriter.evidence.metadata import tags
from rewriter.evidence.metadata.dynamo import NAMESPACE
from rewriter.evidence.names.scope_grammar import scope_of_call, scoped_prefix
from rewriter.model import metadata
from rewriter.model.index.graph import graphs_of, with_inner
from rewriter.passes.functions.call_record import Records, restored
from rewriter.passes.functions.called_modules import CalledModules
from rewriter.passes.functions.flat_graph import MOST_NODES, give_back_infos, merge_copies, spell_back
from rewriter.passes.functions.function_names import places_of
from rewriter.passes.functions.provenance import is_inferred, is_ours
from rewriter.passes.functions.value_names import UsedNames, names_in_bodies, rename
from rewriter.paths import ModulePath

Identity = tuple[str, str, str]
"""Domain, name and overload of a function."""

DEEPEST = 100
"""Limit on nesting: twenty functions, each calling the next twice, give a million nodes."""

Placed = tuple[int | None, NodeProto]
"""A node, and its position in the flat graph if `group` recorded that."""


class Inliner:
    """Inliner of the calls of some functions.

    Args:
        functions: the functions to inline.
        values: names of values in use; new ones are added.
        nodes: names of nodes in use; new ones are added.
        modules: writer of the modules of calls of functions that other tools made.

    Attributes:
        infos: the `value_info` of functions that `group` made, under names of the flat graph, with its
            positions there if known. That of other functions is dropped: runtimes ignore it in functions, but
            would use it in the graph.
    """

    def __init__(
        self,
        functions: Mapping[Identity, FunctionProto],
        values: UsedNames,
        nodes: UsedNames,
        modules: CalledModules,
    ) -> None:
        self.functions = functions
        self.values = values
        self.nodes = nodes
        self.modules = modules
        self.infos: list[tuple[int | None, ValueInfoProto]] = []
        self.made = 0
        self._records = Records()

    def expand(
        self, body: Sequence[NodeProto], places: Sequence[int] = (), depth: int = 0
    ) -> Iterator[Placed]:
        """Yield the nodes of a body with calls inlined; nodes of the body itself are edited in place.

        Args:
            body: the nodes.
            places: flat positions of the nodes that are no calls. If their number does not match, they are
                unknown or the body was edited, and its nodes come without positions. The order of the body is
                topological too.
            depth: number of calls and graph bodies around the body.

        Raises:
            UnreadableModel: the functions call each other in a cycle or too deep, or contain too many nodes.
        """
        if depth > DEEPEST:
            raise UnreadableModel(f"functions call each other more than {DEEPEST} deep; the file is damaged")
        own = sum(not self._is_call(node) for node in body)
        known: Iterator[int | None] = iter(places) if len(places) == own else repeat(None)
        for node in body:
            spell_back(node)
            self._expand_bodies(node, depth)
            function = self.functions.get((node.domain, node.op_type, node.overload))
            if function is None:
                yield next(known), node
                continue
            inner, order = self._instance(node, function)
            _inherit_layer(node, inner)
            self.made += len(inner)
            if self.made > MOST_NODES:
                raise UnreadableModel(f"the functions come to more than {MOST_NODES:,} nodes; flatten fewer")
            yield from self.expand(inner, order, depth + 1)

    def flatten(self, graph: GraphProto, record: ModelProto | GraphProto, depth: int = 0) -> int:
        """Inline the calls in a graph, in place, and merge copies of nodes.

        Args:
            graph: the graph.
            record: the message whose metadata has the positions of nodes and types in the flat graph.
            depth: number of calls and graph bodies around the graph.

        Returns:
            The number of merged copies.
        """
        # Copied before the list is cleared, which would clear its nodes too.
        body = [NodeProto.FromString(node.SerializeToString()) for node in graph.node]
        around, self.infos = self.infos, placed_infos(record)
        own = len(self.infos)
        placed = list(self.expand(body, places_of(record, tags.ORDER, len(body)), depth))
        if all(position is not None for position, _ in placed):
            placed.sort(key=lambda item: item[0] or 0)
        nodes = [node for _, node in placed]
        kept, renamed = merge_copies(nodes)
        if self.functions or kept != list(graph.node):
            del graph.node[:]
            graph.node.extend(kept)
            give_back_infos(graph, self.infos, own, renamed)
            metadata.erase(record, [tags.ORDER, tags.INFOS])
        self.infos = around
        return len(nodes) - len(kept)

    def _expand_bodies(self, node: NodeProto, depth: int) -> None:
        for attribute in node.attribute:
            for graph in graphs_of(attribute):
                if any(self._is_call(inner) or _is_unshared(inner) for inner in graph.node):
                    self.flatten(graph, graph, depth + 1)
                else:
                    for inner in graph.node:
                        self._expand_bodies(inner, depth + 1)

    def _is_call(self, node: NodeProto) -> bool:
        return (node.domain, node.op_type, node.overload) in self.functions

    def _instance(self, call: NodeProto, function: FunctionProto) -> tuple[list[NodeProto], Sequence[int]]:
        """Return the nodes of one call, under flat names, and known flat positions of non-call nodes."""
        if _is_verbatim(call, function):
            self.infos += placed_infos(function)
            nodes = [_copy(node) for node in function.node]
            self._finish(nodes, call, function)
            return nodes, places_of(call, tags.ORDER, len(nodes))
        record = self._records.of(call, function)
        if record is not None and (known := restored(call, function, record)) is not None:
            self.infos += record.infos
            for node in known if call.attribute else ():
                _bind(node, call, function)
            return known, record.places
        return list(self._named_after(call, function)), ()

    def _named_after(self, call: NodeProto, function: FunctionProto) -> Iterator[NodeProto]:
        """Yield the nodes of a call without a usable record, named after the call."""
        prefix = call.name or call.op_type
        passed = _repeated_outputs(function)
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
        if not is_ours(function):
            self.modules.place(nodes, call)
        for node, original in zip(nodes, function.node, strict=True):
            name = f"{prefix}/{node.name}"
            # A node is named by the scope of its module: a later run reads the text before the slash.
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
        """Map each value inside a function to its name in the flat graph."""
        names = dict(zip_longest(function.input, call.input[: len(function.input)], fillvalue=""))
        for formal, actual in zip(function.output, call.output, strict=False):
            if formal not in passed and actual:
                names[formal] = actual
        for node in function.node:
            for name in (*node.output, *names_in_bodies(node)):
                if name and name not in names:
                    names[name] = self.values.fresh(f"{prefix}/{name}")
        return names


def _inherit_layer(call: NodeProto, nodes: Sequence[NodeProto]) -> None:
    """Give nodes without a layer annotation that of their call, as onnxruntime does when it inlines."""
    if (layer := metadata.get(call, metadata.LAYER)) is None:
        return
    for node in nodes:
        if metadata.get(node, metadata.LAYER) is None:
            metadata.write(node, {metadata.LAYER: layer})


def placed_infos(
    owner: FunctionProto | ModelProto | GraphProto,
) -> list[tuple[int | None, ValueInfoProto]]:
    """Return the `value_info` that the flat graph had, each with its position there; None if unknown."""
    told = (owner.graph if isinstance(owner, ModelProto) else owner).value_info
    infos = [info for info in told if not is_inferred(info)]
    places: list[int | None] = [*places_of(owner, tags.INFOS, len(infos))]
    return list(zip(places if len(places) == len(infos) else [None] * len(infos), infos, strict=True))


def _copy(node: NodeProto) -> NodeProto:
    copy = NodeProto()
    copy.CopyFrom(node)
    return copy


def _is_verbatim(call: NodeProto, function: FunctionProto) -> bool:
    """Whether the names inside a function are those of the flat graph.

    Equal names of inputs and outputs do not show this: a shared function may have the same names as one of
    its calls. So the call must have a record of positions too.
    """
    interface = (list(function.input), list(function.output))
    return (list(call.input), list(call.output)) == interface and tags.ORDER in metadata.read(call)


def _repeated_outputs(function: FunctionProto) -> set[str]:
    """Return outputs that are also inputs, or occur twice."""
    seen = Counter((*dict.fromkeys(function.input), *function.output))
    return {name for name in function.output if seen[name] > 1}


def _is_relative(node: NodeProto) -> bool:
    """Whether a node's module is relative to that of its function, since several calls share the node."""
    return (metadata.get(node, tags.MODULE) or "").startswith(".")


def _is_unshared(node: NodeProto) -> bool:
    """Whether `unshare` made or moved a node."""
    return any(entry.key in (tags.COPY_OF, tags.MOVED_TO) for entry in node.metadata_props)


class _Absolute:
    """Converter of module metadata that is relative to a function into the metadata of one call."""

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
    """Replace references to attributes of the function by values of the call or defaults, or drop them."""
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
