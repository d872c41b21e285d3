"""Writes pieces into a model in place of the nodes of modules; all other nodes stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from rewriter.edits.border import Border
from rewriter.edits.implant_data import same_content
from rewriter.edits.leftovers import Leftovers
from rewriter.edits.matching import MatchedEnds
from rewriter.edits.openings import Opening, address_of, body_at
from rewriter.edits.opsets import add_imports
from rewriter.edits.piece_functions import add_functions, call_by
from rewriter.errors import CannotImplant
from rewriter.model.index.cycles import Circle, in_dataflow_order, title
from rewriter.model.index.functions import Identity
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.operator_set.ir_version import list_initializers
from rewriter.model.operator_set.operators import canonical
from rewriter.passes.functions.value_names import UsedNames, names_in_bodies, rename


@dataclass(frozen=True, slots=True)
class Seat:
    """A piece and the place that it takes.

    Attributes:
        border: the border of the modules.
        piece: the piece; its operator sets are those of the model, or are not in the model.
        name: the name of the piece for messages.
        matched: the values that its inputs and outputs stand for.
    """

    border: Border
    piece: ModelProto
    name: str
    matched: MatchedEnds


@dataclass(frozen=True, slots=True)
class Seated:
    """The nodes of a piece in the model.

    Attributes:
        seat: the piece and its place.
        before: the opening with the nodes of the modules.
        after: the same opening with the nodes of the piece.
        kept: positions of the nodes of the piece that were written; the others are constants that the model
            has.
        nodes: these nodes, as they were written.
        names: name of a value or node of the piece -> its name in the model.
        functions: function of the piece -> its name in the model.
        added: the Identity nodes for outputs of the piece that are inputs or weights of it.
    """

    seat: Seat
    before: Opening
    after: Opening
    kept: tuple[int, ...]
    nodes: tuple[NodeProto, ...]
    names: dict[str, str]
    functions: dict[Identity, str]
    added: tuple[NodeProto, ...]


class Joining:
    """The state of writing pieces into one model.

    Args:
        graph: the index of the model.
        seats: the pieces; no two borders have a node in common.
        home: the folder that references to external data are relative to.
    """

    def __init__(self, graph: GraphIndex, seats: Sequence[Seat], home: Path) -> None:
        self.graph = graph
        self.home = home
        self.seats = seats
        self.left = Leftovers(graph, {node for seat in seats for node in seat.border.nodes})
        self.used = UsedNames(self.left.names.union(self.left.freed(self.left.nodes)))
        self.node_names = UsedNames(self.left.node_names)
        self.model = ModelProto()
        self.model.CopyFrom(graph.model)
        self.weights: dict[tuple[str, bytes], str] = {}

    def run(self) -> tuple[ModelProto, tuple[Seated, ...]]:
        """Return the model with the pieces.

        Raises:
            CannotImplant: nodes of a piece and others would feed each other.
        """
        seated = tuple(self._seat(seat) for seat in self.seats)
        for each in seated:
            self._put(each)
        self.left.clear(self.model)
        for seat in self.seats:
            add_imports(self.model, seat.piece)
        for each in seated:
            self._describe(each)
        list_initializers(self.model)
        return self.model, seated

    def _seat(self, seat: Seat) -> Seated:
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
        key = (tensor.name, tensor.SerializeToString(deterministic=True))
        if key not in self.weights:
            there = self.graph.initializers.get(value)
            if (
                there is not None
                and same_content(there, tensor, self.home)
                and self.left.keep(value, self.used)
            ):
                self.weights[key] = tensor.name
            else:
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

    def _put(self, seated: Seated) -> None:
        """Replace the nodes of the modules; nodes of the piece come where the last of them was."""
        graph = body_at(self.model, seated.before.address)
        nodes = list(graph.node)
        gone = [at for at, node in enumerate(nodes) if seated.before.holds(node)]
        around = [at for at in range(len(nodes)) if at not in set(gone)]
        split = sum(at < gone[-1] for at in around)
        listed = (
            [nodes[at] for at in around[:split]]
            + [*seated.nodes, *seated.added]
            + [nodes[at] for at in around[split:]]
        )
        try:
            order = in_dataflow_order(listed)
        except Circle as found:
            raise CannotImplant(
                f"{seated.seat.name}: {title(listed[found.members[0]])} would feed itself: one output of the "
                "piece depends on an input that other nodes compute from that output; keep the two apart"
            ) from None
        copies = [_copied(listed[at]) for at in order]
        del graph.node[:]
        graph.node.extend(copies)

    def _describe(self, seated: Seated) -> None:
        """State the types of the inner values of a piece, as far as its names of sizes mean the same."""
        graph, piece = body_at(self.model, seated.before.address), seated.seat.piece.graph
        before = {info.name: info for info in self.graph.bodies[seated.seat.border.body].proto.value_info}
        inner = seated.after.written.difference(seated.before.gives)
        stated = {info.name for info in graph.value_info}
        for info in piece.value_info:
            name = seated.names.get(info.name, "")
            if name in inner and name not in stated:
                graph.value_info.append(_stated(info, name, before.get(name)))
        for each in piece.quantization_annotation:
            if each.tensor_name in seated.names:
                added = graph.quantization_annotation.add()
                added.CopyFrom(each)
                added.tensor_name = seated.names[each.tensor_name]
                for entry in added.quant_parameter_tensor_names:
                    entry.value = seated.names.get(entry.value, entry.value)


def _stated(info: ValueInfoProto, name: str, before: ValueInfoProto | None) -> ValueInfoProto:
    """Return a type of a piece for the model: a name of a size may mean another size in the model."""
    made = ValueInfoProto()
    made.CopyFrom(info)
    made.name = name
    if before is None or before.type != info.type:
        for dim in made.type.tensor_type.shape.dim if made.type.HasField("tensor_type") else ():
            dim.ClearField("dim_param")
    return made


def _copied(node: NodeProto) -> NodeProto:
    copy = NodeProto()
    copy.CopyFrom(node)
    return copy


def _bare(node: NodeProto) -> NodeProto:
    copy = _copied(node)
    for field in ("name", "doc_string", "metadata_props"):
        copy.ClearField(field)
    return copy
