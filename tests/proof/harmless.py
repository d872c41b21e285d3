"""More edits that change nothing: copies, merged nodes, inlined calls, other spellings of the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    helper,
    numpy_helper,
)

from tests.proof.edits import EDITS as PLAIN
from tests.proof.edits import Body, bodies, read_by

Edit = Callable[[ModelProto, np.random.Generator], None]


def _pure(node: NodeProto) -> bool:
    """Whether a node computes the same each time, by all that this file needs to know."""
    return (
        node.domain in ("", "ai.onnx")
        and not node.op_type.startswith("Random")
        and node.op_type not in ("Dropout", "Bernoulli", "Multinomial", "If", "Loop", "Scan")
    )


def _reads(body: Body) -> set[str]:
    """The names read in a body, or given out by it."""
    outputs = body.output if isinstance(body, FunctionProto) else [info.name for info in body.output]
    return {name for node in body.node for name in read_by(node)} | set(outputs)


def copy_nodes(model: ModelProto, rng: np.random.Generator) -> None:
    """Every third pure node a second time, for one of its readers."""
    for number, body in enumerate(bodies(model)):
        nodes = list(body.node)
        made: list[NodeProto] = []
        for place, node in enumerate(nodes):
            made.append(node)
            if not _pure(node) or not node.output or not node.output[0] or rng.random() > 1 / 3:
                continue
            readers = [other for other in nodes[place + 1 :] if node.output[0] in other.input]
            if not readers:
                continue
            again = NodeProto()
            again.CopyFrom(node)
            again.name = ""
            again.output[:] = [name and f"{name}/copy{number}.{place}" for name in node.output]
            reader = readers[int(rng.integers(len(readers)))]
            reader.input[list(reader.input).index(node.output[0])] = again.output[0]
            made.append(again)
        copies = [_copied(node) for node in made]
        del body.node[:]
        body.node.extend(copies)


def _copied(node: NodeProto) -> NodeProto:
    made = NodeProto()
    made.CopyFrom(node)
    return made


def merge_equal_nodes(model: ModelProto, rng: np.random.Generator) -> None:
    """Pure nodes of one body that do the same to the same become one."""
    del rng
    for body in bodies(model):
        outputs = set(body.output if isinstance(body, FunctionProto) else [i.name for i in body.output])
        first: dict[bytes, list[str]] = {}
        new: dict[str, str] = {}
        kept: list[NodeProto] = []
        for node in body.node:
            _rename_reads(node, new)
            bare = _copied(node)
            bare.ClearField("name")
            del bare.output[:]
            key = bare.SerializeToString(deterministic=True)
            known = first.get(key)
            mergeable = _pure(node) and not outputs.intersection(node.output)
            if mergeable and known is not None and len(known) == len(node.output):
                new.update(zip(node.output, known, strict=True))
                continue
            if _pure(node):
                first.setdefault(key, list(node.output))
            kept.append(_copied(node))
        del body.node[:]
        body.node.extend(kept)


def _rename_reads(node: NodeProto, new: dict[str, str]) -> None:
    node.input[:] = [new.get(name, name) for name in node.input]
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            for inner in attribute.g.node:
                _rename_reads(inner, new)
            for info in attribute.g.output:
                info.name = new.get(info.name, info.name)


def inline_calls(model: ModelProto, rng: np.random.Generator) -> None:
    """Some calls in the main graph, replaced by what the function does."""
    known = {(f.domain, f.name, f.overload): f for f in model.functions}
    made: list[NodeProto] = []
    for number, node in enumerate(model.graph.node):
        function = known.get((node.domain, node.op_type, node.overload))
        if function is None or rng.random() < 0.3 or not _same_opset(model, function):
            made.append(_copied(node))
            continue
        made += _body_of(node, function, f"inlined{number}/")
    del model.graph.node[:]
    model.graph.node.extend(made)


def _same_opset(model: ModelProto, function: FunctionProto) -> bool:
    versions = {opset.domain: opset.version for opset in model.opset_import}
    return all(versions.get(opset.domain) == opset.version for opset in function.opset_import)


def _body_of(call: NodeProto, function: FunctionProto, prefix: str) -> list[NodeProto]:
    names = dict.fromkeys(function.input, "")
    names |= dict(zip(function.input, call.input, strict=False))
    results = dict(zip(function.output, call.output, strict=False))
    # A result may be a formal or stand twice, so results are passed through an Identity.
    given = {default.name: default for default in function.attribute_proto}
    given |= {attribute.name: attribute for attribute in call.attribute}
    made = []
    for node in function.node:
        copy = _copied(node)
        copy.name = ""
        _instantiate(copy, names, given, prefix)
        made.append(copy)
    made += [
        helper.make_node("Identity", [names.get(inner, f"{prefix}{inner}")], [outer])
        for inner, outer in results.items()
        if outer
    ]
    return made


def _instantiate(
    node: NodeProto, names: dict[str, str], given: dict[str, AttributeProto], prefix: str
) -> None:
    def new(name: str) -> str:
        return names.get(name, f"{prefix}{name}") if name else ""

    node.input[:], node.output[:] = map(new, node.input), map(new, node.output)
    for attribute in list(node.attribute):
        if attribute.ref_attr_name:
            name, reference = attribute.name, attribute.ref_attr_name
            if reference not in given:
                node.attribute.remove(attribute)
                continue
            attribute.CopyFrom(given[reference])
            attribute.name = name
        elif attribute.type == AttributeProto.GRAPH:
            graph = attribute.g
            for info in (*graph.input, *graph.output, *graph.value_info):
                info.name = new(info.name)
            for tensor in graph.initializer:
                tensor.name = new(tensor.name)
            for inner in graph.node:
                _instantiate(inner, names, given, prefix)


def hoist(model: ModelProto, rng: np.random.Generator) -> None:
    """Pure nodes of bodies in the main graph that read nothing made there, moved in front of the owner."""
    made: list[NodeProto] = []
    for number, owner in enumerate(model.graph.node):
        for attribute in owner.attribute:
            if attribute.type != AttributeProto.GRAPH or rng.random() < 0.3:
                continue
            graph = attribute.g
            inside = {info.name for info in graph.input} | {t.name for t in graph.initializer}
            inside |= {name for node in graph.node for name in node.output}
            results = {info.name for info in graph.output}
            for node in list(graph.node):
                if _pure(node) and not inside.intersection(read_by(node)) and not results & set(node.output):
                    out = _copied(node)
                    new = {name: f"hoisted{number}/{attribute.name}/{name}" for name in node.output}
                    out.output[:] = [new[name] for name in node.output]
                    graph.node.remove(node)
                    for inner in graph.node:
                        _rename_reads(inner, new)
                    inside -= set(node.output)
                    made.append(out)
        made.append(_copied(owner))
    del model.graph.node[:]
    model.graph.node.extend(made)


def spell_otherwise(model: ModelProto, rng: np.random.Generator) -> None:
    """The other name of the standard domain, attributes in another order, inputs left out as ''."""
    for node in model.graph.node:  # in functions onnxruntime knows it under its short name only
        if not node.domain and rng.random() < 0.3:
            node.domain = "ai.onnx"
    for body in bodies(model):
        for node in body.node:
            if len(node.attribute) > 1:
                kept = [_attribute(attribute) for attribute in reversed(node.attribute)]
                del node.attribute[:]
                node.attribute.extend(kept)
            if node.op_type == "Clip" and len(node.input) < 3:
                node.input.extend([""] * (3 - len(node.input)))


def _attribute(attribute: AttributeProto) -> AttributeProto:
    made = AttributeProto()
    made.CopyFrom(attribute)
    return made


def store_otherwise(model: ModelProto, rng: np.random.Generator) -> None:
    """Tensors in raw bytes instead of typed fields."""
    for body in bodies(model):
        if isinstance(body, GraphProto):
            for tensor in body.initializer:
                inside = tensor.data_location != TensorProto.EXTERNAL and not tensor.string_data
                if inside and not tensor.HasField("raw_data") and rng.random() < 0.6:
                    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))


def drop_unread_nodes(model: ModelProto, rng: np.random.Generator) -> None:
    """Pure nodes that nobody reads go; then one comes that nobody reads."""
    for body in bodies(model):
        while True:
            read = _reads(body)
            unread = [node for node in body.node if _pure(node) and not read.intersection(node.output)]
            if not unread:
                break
            for node in unread:
                body.node.remove(node)
    reads = [name for node in model.graph.node for name in node.input[:1] if name]
    if reads:
        name = reads[int(rng.integers(len(reads)))]
        model.graph.node.append(helper.make_node("Shape", [name], [f"unread{int(rng.integers(10**6))}"]))


EDITS: dict[str, Edit] = {
    each.__name__: each
    for each in (
        *PLAIN,
        *(copy_nodes, merge_equal_nodes, inline_calls, hoist, spell_otherwise, store_otherwise),
        drop_unread_nodes,
    )
}
