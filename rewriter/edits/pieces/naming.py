"""Names everything in a piece so that no name of the model changes, and adds its weights and functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from pathlib import Path

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

from rewriter.edits.pieces.leftovers import Leftovers
from rewriter.edits.pieces.openings import Opening, address_of
from rewriter.edits.pieces.piece_data import same_content
from rewriter.edits.pieces.piece_functions import add_functions, call_by
from rewriter.edits.pieces.piece_places import place
from rewriter.edits.pieces.seats import Seat, Seated
from rewriter.model.index.functions import Identity
from rewriter.model.index.graph import NONE, GraphIndex, graphs_of
from rewriter.model.operator_set.operators import canonical
from rewriter.passes.functions.value_names import UsedNames, names_in_bodies, rename


class Naming:
    """The names in use while pieces are named one after the other.

    Args:
        graph: the index of the model.
        left: what remains of the model without the nodes that pieces replace.
        model: a copy of the model, which gets the weights and functions of the pieces.
        home: the folder that references to external data are relative to.
    """

    def __init__(self, graph: GraphIndex, left: Leftovers, model: ModelProto, home: Path) -> None:
        self.graph = graph
        self.left = left
        self.model = model
        self.home = home
        self.used = UsedNames(left.names.union(left.freed(left.nodes)))
        self.node_names = UsedNames(left.node_names)
        self.weights: dict[tuple[str, bytes], str] = {}
        self.typed = frozenset(
            (info.name, info.type.SerializeToString())
            for body in graph.bodies
            if isinstance(body.proto, GraphProto) and body.owner != NONE
            for info in (*body.proto.input, *body.proto.value_info, *body.proto.output)
        )

    def name(self, seat: Seat) -> Seated:
        """Name everything in a piece, and copy its weights and functions into the model."""
        border = seat.border
        self.used -= self.left.freed(border.nodes)
        self.used.update(each.value for each in (*border.inputs, *border.outputs))
        functions = add_functions(self.model, seat.piece)
        names = dict(seat.matched.inputs)
        self._name_weights(seat, names)
        originals = seat.piece.graph.node
        kept = [at for at, node in enumerate(originals) if not self._is_there(node, seat, names)]
        for at in kept:
            for value in filter(None, (*originals[at].output, *names_in_bodies(originals[at]))):
                if value not in names:
                    names[value] = seat.matched.outputs.get(value) or self.used.fresh(value)
        nodes = tuple(self._named(originals[at], names, functions) for at in kept)
        place(zip((originals[at] for at in kept), nodes, strict=True), seat.places, border.target)
        added = tuple(self._given(seat, names))
        before, after = self._openings(seat, (*nodes, *added))
        return Seated(seat, before, after, tuple(kept), nodes, names, functions, added)

    def _openings(self, seat: Seat, nodes: Sequence[NodeProto]) -> tuple[Opening, Opening]:
        """Return the opening with the nodes of the modules, and that with the nodes of the piece."""
        border, graph = seat.border, self.graph
        gone = frozenset(graph.value_names[v] for n in border.nodes for v in graph.writes[n] if v != NONE)
        before = Opening(
            address_of(graph, border.body),
            gone,
            tuple(port.value for port in border.inputs),
            tuple(port.value for port in border.outputs if port.value in gone),
        )
        return before, before.filled(frozenset(value for node in nodes for value in node.output if value))

    def _name_weights(self, seat: Seat, names: dict[str, str]) -> None:
        graph = seat.piece.graph
        for tensor in graph.initializer:
            names[tensor.name] = self._weight(tensor, seat.border.body)
        for sparse in graph.sparse_initializer:
            names[sparse.values.name] = self.used.fresh(sparse.values.name)
            added = self.model.graph.sparse_initializer.add()
            added.CopyFrom(sparse)
            added.values.name = names[sparse.values.name]

    def _weight(self, tensor: TensorProto, body: int) -> str:
        """Return the name of an initializer of a piece; add it to the model unless the model has it."""
        value = self.graph.value(tensor.name, body)
        there = self.graph.initializers.get(value)
        same = there is not None and same_content(there, tensor, self.home)
        if same and self.left.keep(value, self.used):
            return tensor.name
        key = (tensor.name, tensor.SerializeToString(deterministic=True))
        if key not in self.weights:
            self.weights[key] = self.used.fresh(tensor.name)
            added = self.model.graph.initializer.add()
            added.CopyFrom(tensor)
            added.name = self.weights[key]
        return self.weights[key]

    def _is_there(self, node: NodeProto, seat: Seat, names: dict[str, str]) -> bool:
        """Whether a node outside of all borders gives the same constant by the same name; then name it so."""
        if node.op_type not in ("Constant", "Identity") or canonical(node.domain) or len(node.output) != 1:
            return False
        name = node.output[0]
        writer = (
            self.graph.producer[value]
            if (value := self.graph.value(name, seat.border.body)) != NONE
            else NONE
        )
        if writer == NONE or writer in self.left.nodes or not self.graph.is_stored(writer):
            return False
        mine, theirs = _bare(node), _bare(self.graph.nodes[writer])
        rename(mine, {each: names[each] for each in node.input if each in names})
        if mine != theirs or name in seat.matched.outputs:
            return False
        names[name] = name
        return True

    def _named(self, node: NodeProto, names: dict[str, str], functions: dict[Identity, str]) -> NodeProto:
        made = NodeProto()
        made.CopyFrom(node)
        forget_sizes(made, self.typed)
        rename(made, names)
        if made.name:
            made.name = self.node_names.fresh(made.name)
        call_by(made, functions)
        return made

    def _given(self, seat: Seat, names: dict[str, str]) -> Iterator[NodeProto]:
        """Yield an Identity for each output of a piece that no node of it writes under the wanted name."""
        for name, wanted in seat.matched.outputs.items():
            if names[name] != wanted:
                yield helper.make_node(
                    "Identity", [names[name]], [wanted], self.node_names.fresh(f"{wanted}/Identity")
                )


def forget_sizes(node: NodeProto, known: Set[tuple[str, bytes]] = frozenset()) -> None:
    """Erase names of sizes from the types in the bodies of a node, in place; `known` are types that stay."""
    for attribute in node.attribute:
        for graph in graphs_of(attribute):
            for info in (*graph.input, *graph.value_info, *graph.output):
                is_tensor = info.type.HasField("tensor_type")
                if is_tensor and (info.name, info.type.SerializeToString()) not in known:
                    for dim in info.type.tensor_type.shape.dim:
                        dim.ClearField("dim_param")
            for inner in graph.node:
                forget_sizes(inner, known)


def _bare(node: NodeProto) -> NodeProto:
    copy = NodeProto()
    copy.CopyFrom(node)
    for field in ("name", "doc_string", "metadata_props"):
        copy.ClearField(field)
    return copy
