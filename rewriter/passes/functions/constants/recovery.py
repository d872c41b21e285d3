"""Moves constants from the bodies of functions back into their inputs, as `embedding` found them."""

from __future__ import annotations

from collections.abc import Mapping

from onnx import FunctionProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.passes.functions.constants.records import (
    MovedInput,
    MoveRecord,
    left_initializers,
    renamed_info,
)
from rewriter.passes.functions.constants.sources import calls_of_functions, own_functions
from rewriter.passes.functions.equal_functions import Identity
from rewriter.passes.functions.value_names import UsedNames, rename


def take_back(model: ModelProto) -> None:
    """Undo `embed`, in place. Functions with an edited constant or call keep their constants."""
    functions = own_functions(model)
    if any(metadata.get(function, tags.EMBEDDED) is not None for function in functions.values()):
        _Recovery(model, functions).run()
    metadata.erase(model, [tags.EMBEDDED, tags.CONSTANTS])
    for function in functions.values():
        metadata.erase(function, [tags.EMBEDDED])


class _Recovery:
    """Inverse of `embed` for one model."""

    def __init__(self, model: ModelProto, functions: Mapping[Identity, FunctionProto]) -> None:
        self._model = model
        self._functions = functions
        self._records = {identity: MoveRecord.of(function) for identity, function in functions.items()}
        self._calls = calls_of_functions(model, functions)
        self._tensors, self._infos = self._found_tensors(), self._found_infos()
        self._intact: dict[Identity, bool] = {}
        self._needed: set[str] = set()

    def _found_tensors(self) -> dict[str, TensorProto]:
        """Return initializer -> its tensor, in the model or, if it left, a copy of that in a Constant."""
        found = {tensor.name: tensor for tensor in self._model.graph.initializer}
        for identity in self._functions:
            for each, node in self._constants(identity):
                if (tensor := node.attribute[0].t).name == each.initializer and tensor.name not in found:
                    found[tensor.name] = TensorProto.FromString(tensor.SerializeToString())
        return found

    def _found_infos(self) -> dict[str, ValueInfoProto]:
        """Return initializer -> its stated type, if a function states it."""
        found: dict[str, ValueInfoProto] = {}
        for identity, function in self._functions.items():
            formals = {each.formal: each.initializer for each, _ in self._constants(identity)}
            for info in function.value_info:
                if (name := formals.get(info.name)) is not None:
                    found.setdefault(name, renamed_info(info, name))
        return found

    def _constants(self, identity: Identity) -> list[tuple[MovedInput, NodeProto]]:
        """Return the moved inputs of a function that became Constants, with the nodes."""
        record = self._records[identity]
        formals = {each.formal: each for each in record.moved} if record else {}
        nodes = (node for node in self._functions[identity].node if node.op_type == "Constant")
        return [
            (formals[node.output[0]], node)
            for node in nodes
            if len(node.output) == len(node.attribute) == 1 and node.output[0] in formals
        ]

    def run(self) -> None:
        """Restore the functions that are as `embed` left them, then the initializers of the model."""
        intact = list(filter(self.is_intact, self._functions))
        for identity in intact:
            self.restore(identity)
        self.give_back()
        edited = [each for each in self._functions if each not in intact]
        taken = {tensor.name for tensor in self._model.graph.initializer}
        used = UsedNames(GraphIndex(self._model).value_names if edited else ())
        for identity in edited:
            _keep_apart(self._functions[identity], self._records[identity], taken, used)

    def is_intact(self, identity: Identity) -> bool:
        """Whether constants and calls of a function are as `embed` left them, so that it can be restored."""
        if identity not in self._intact:
            self._intact[identity] = False  # for functions that call each other
            record = self._records[identity]
            self._intact[identity] = record is not None and self._is_as_left(identity, record)
        return self._intact[identity]

    def _is_as_left(self, identity: Identity, record: MoveRecord) -> bool:
        wanted = {each.initializer for each in record.moved}
        constants = {node.output[0] for _, node in self._constants(identity)}
        written = {name for node in self._functions[identity].node for name in node.output}
        return (
            wanted <= self._tensors.keys()
            and constants >= written.intersection(each.formal for each in record.moved)
            and all(
                node.attribute[0].t == self._tensors[e.initializer] for e, node in self._constants(identity)
            )
            and all(
                len(call.node.input) == len(self._functions[identity].input)
                and (call.caller is None or wanted <= self._formals(call.caller).keys())
                for call in self._calls[identity]
            )
        )

    def _formals(self, caller: Identity) -> Mapping[str, str]:
        """Return constant -> the input that hands it on in a caller that can be restored."""
        record = self._records.get(caller)
        return record.formals if record is not None and self.is_intact(caller) else {}

    def restore(self, identity: Identity) -> None:
        """Give a function its inputs back, and its calls the operands."""
        function, record = self._functions[identity], self._records[identity]
        assert record is not None
        doomed = {node.output[0] for _, node in self._constants(identity)}
        for position in reversed(range(len(function.node))):
            if function.node[position].op_type == "Constant" and function.node[position].output[0] in doomed:
                del function.node[position]
        for position in reversed(range(len(function.value_info))):
            if function.value_info[position].name in doomed:
                del function.value_info[position]
        for call in self._calls[identity]:
            formals = self._formals(call.caller) if call.caller is not None else {}
            for each in record.moved:
                call.node.input.insert(each.place, formals.get(each.initializer, each.initializer))
        for each in record.moved:
            function.input.insert(each.place, each.formal)
        if record.imported:
            del function.opset_import[-1]
        self._needed.update(each.initializer for each in record.moved)

    def give_back(self) -> None:
        """Give the model back the initializers that the restored functions need, and their stated types."""
        graph = self._model.graph
        there = {tensor.name for tensor in graph.initializer}
        left = [each for each in left_initializers(self._model) if each.name in self._needed - there]
        for each in left:
            graph.initializer.insert(each.place, self._tensors[each.name])
        for each in sorted(left, key=lambda each: each.info):
            if each.info != NONE and (info := self._infos.get(each.name)) is not None:
                graph.value_info.insert(each.info, info)


def _keep_apart(function: FunctionProto, record: MoveRecord | None, taken: set[str], used: UsedNames) -> None:
    """Rename the constants that stay in a function if initializers or other constants have their names.

    `flatten` may inline the function under the names of its values.

    Args:
        function: the function, edited in place.
        record: its record; None if that is damaged.
        taken: the names of the initializers, and of the constants that stay in earlier functions; names are
            added.
        used: the names of all values; new names are added.
    """
    moved = {each.formal for each in record.moved} if record else set()
    staying = {
        name
        for node in function.node
        for name in node.output
        if name and (name in moved or node.op_type == "Constant")
    }
    names = {name: used.fresh(name) for name in sorted(staying & taken) if name not in function.output}
    taken |= staying
    for node in function.node if names else ():
        rename(node, names)
    for info in function.value_info:
        info.name = names.get(info.name, info.name)
