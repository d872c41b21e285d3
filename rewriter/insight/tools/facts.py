"""Facts of a file that cause trouble in other tools, counted without reading weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from onnx import AttributeProto, FunctionProto, ModelProto, NodeProto, TensorProto

from rewriter.insight.tools.call_graph import Calls
from rewriter.insight.tools.node_order import unsorted_in
from rewriter.model.index.functions import Identity, called_by, identity_of
from rewriter.model.index.graph import graphs_of, nodes_within
from rewriter.model.operator_set.ir_version import fills_inputs, initialized
from rewriter.model.operator_set.operators import canonical
from rewriter.model.storage.external_data import demand_all_sizes, fault_of_data, tensors_of
from rewriter.passes.functions.provenance import is_ours

QUANTISED = frozenset(
    {"Conv", "ConvTranspose", "EmbedLayerNormalization", "Gather", "Gemm", "LSTM", "MatMul"}
)
"""Types of operators that onnxruntime's quantisers replace by default."""
NEEDED = {
    **dict.fromkeys(("Add", "Div", "Gather", "Mul", "Sub"), 2),
    **dict.fromkeys(("Size", "Squeeze", "Unsqueeze"), 1),
}
"""Operator -> number of inputs that onnxruntime 1.24 and newer reads from a call of a function so named."""
_FLOATS = frozenset({TensorProto.FLOAT})


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of a file, as numbers. The main graph includes its graph bodies, unless stated otherwise.

    Attributes:
        ir_version: IR version of the file.
        opset: version of the domain `ai.onnx`; 0 if it is not imported.
        nodes: nodes in the file, including those in graph bodies and functions.
        expanded: nodes after inlining all functions.
        functions: local functions.
        foreign: local functions that other tools made.
        called: functions that the model calls, directly or from other functions.
        shared: functions that are called more than once after inlining their callers.
        depth: maximum nesting of function calls.
        inner: nodes in called functions.
        inner_values: values in called functions, without the outputs and graph bodies of the functions.
        quantised: nodes in called functions that a quantiser would replace: `ai.onnx` nodes in `QUANTISED`.
        inner_floats: constants and casts of type float32 in called functions.
        bodies: graph bodies (of If, Loop or Scan) anywhere in the file.
        noted: nodes with metadata in the main graph.
        inner_noted: nodes with metadata in called functions.
        quantised_noted: nodes of the main graph that have metadata and that a quantiser would replace.
        model_notes: metadata entries of the model.
        documents: doc strings of the model, the main graph and its nodes.
        function_types: entries of `value_info` in called functions.
        twins: functions beyond the first with the same domain and name, if one of them is called; only
            their overloads distinguish them.
        inner_overloads: calls in called functions that select their callee by an overload.
        defaults: called functions with default values of attributes.
        opset_functions: called functions that import another version of `ai.onnx` than the model.
        late_callees: functions that are listed after one of their callers.
        operator_names: names of called functions that are also names of ONNX operators in use.
        short_calls: calls of functions named like an operator of `NEEDED`, with fewer inputs than it needs.
        constant_calls: calls of functions named `Constant`.
        listed_constants: initializers listed as inputs below IR version 4, which cannot be fed.
        unsorted: unsorted nodes of the main graph, without its graph bodies. An unsorted node reads a value,
            directly or in a graph body, before the value is written.
        captured_unsorted: unsorted nodes of the main graph that read such a value in a graph body.
        body_unsorted: unsorted nodes in graph bodies of the main graph.
        function_unsorted: unsorted nodes in called functions, including their graph bodies.
        idle_unsorted: unsorted nodes in uncalled functions, including their graph bodies.
        quantization_annotations: quantization annotations of the main graph, without its graph bodies.
        trainings: entries of `training_info`.
        sparse: sparse initializers of the main graph, without its graph bodies.
        external: files of external data.
        linked: files of external data that are symbolic or hard links.
        data_bytes: bytes of the model and of its external data, without links and missing files.
    """

    ir_version: int = 0
    opset: int = 0
    nodes: int = 0
    expanded: int = 0
    functions: int = 0
    foreign: int = 0
    called: int = 0
    shared: int = 0
    depth: int = 0
    inner: int = 0
    inner_values: int = 0
    quantised: int = 0
    inner_floats: int = 0
    bodies: int = 0
    noted: int = 0
    inner_noted: int = 0
    quantised_noted: int = 0
    model_notes: int = 0
    documents: int = 0
    function_types: int = 0
    twins: int = 0
    inner_overloads: int = 0
    defaults: int = 0
    opset_functions: int = 0
    late_callees: int = 0
    operator_names: int = 0
    short_calls: int = 0
    constant_calls: int = 0
    listed_constants: int = 0
    unsorted: int = 0
    captured_unsorted: int = 0
    body_unsorted: int = 0
    function_unsorted: int = 0
    idle_unsorted: int = 0
    quantization_annotations: int = 0
    trainings: int = 0
    sparse: int = 0
    external: int = 0
    linked: int = 0
    data_bytes: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return name of a fact -> its number, in the order of the fields."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def facts_of(model: ModelProto, path: Path | None = None) -> Facts:
    """Count the facts of a model.

    Args:
        model: the model as it was read, with its functions.
        path: the file of the model, to find files of external data beside it; they are not opened. If None,
            `linked` is 0 and `data_bytes` leaves external data out.

    Raises:
        UnreadableModel: a size in the shape of a tensor is negative.
    """
    main = list(nodes_within(model.graph.node))
    inside = {identity_of(function): list(nodes_within(function.node)) for function in model.functions}
    calls = Calls(main, inside)
    reached = [function for function in model.functions if calls.entered[identity_of(function)]]
    inner = [node for function in reached for node in inside[identity_of(function)]]
    every = [*main, *(node for nodes in inside.values() for node in nodes)]
    order = unsorted_in(model.graph.node)
    called = [node for node in (*main, *inner) if called_by(node) in inside]
    demand_all_sizes(model)
    external = {location for tensor in tensors_of(model) if (location := _location(tensor)) is not None}
    return Facts(
        ir_version=model.ir_version,
        opset=_opset(model),
        nodes=len(every),
        expanded=calls.size,
        functions=len(model.functions),
        foreign=sum(not is_ours(function) for function in model.functions),
        called=len(reached),
        shared=sum(calls.entered[identity_of(function)] > 1 for function in reached),
        depth=calls.depth,
        inner=len(inner),
        inner_values=sum(_values_inside(function) for function in reached),
        quantised=sum(_is_quantised(node) for node in inner),
        inner_floats=sum(_is_float(node) for node in inner),
        bodies=sum(len(list(graphs_of(attribute))) for node in every for attribute in node.attribute),
        noted=sum(bool(node.metadata_props) for node in main),
        inner_noted=sum(bool(node.metadata_props) for node in inner),
        quantised_noted=sum(bool(node.metadata_props) for node in main if _is_quantised(node)),
        model_notes=len(model.metadata_props),
        documents=sum(map(bool, (model.doc_string, model.graph.doc_string, *(n.doc_string for n in main)))),
        function_types=sum(len(function.value_info) for function in reached),
        twins=_twins(model.functions, reached),
        inner_overloads=sum(bool(node.overload) for node in inner if called_by(node) in inside),
        defaults=sum(bool(function.attribute_proto) for function in reached),
        opset_functions=sum(_opset(function) not in (0, _opset(model)) for function in reached),
        late_callees=_late_callees(model.functions, inside),
        operator_names=len({node.op_type for node in every if _standard(node)} & {f.name for f in reached}),
        short_calls=sum(_is_short(node) for node in called),
        constant_calls=sum(node.op_type == "Constant" for node in called),
        listed_constants=_listed_constants(model),
        unsorted=order.own,
        captured_unsorted=order.captured,
        body_unsorted=order.inner,
        function_unsorted=_unsorted_in(reached),
        idle_unsorted=_unsorted_in(f for f in model.functions if not calls.entered[identity_of(f)]),
        quantization_annotations=len(model.graph.quantization_annotation),
        trainings=len(model.training_info),
        sparse=len(model.graph.sparse_initializer),
        external=len(external),
        linked=0 if path is None else sum(_is_linked(path.parent, location) for location in external),
        data_bytes=model.ByteSize() + _bytes_beside(path, external),
    )


def _opset(holder: ModelProto | FunctionProto) -> int:
    return next((each.version for each in holder.opset_import if not canonical(each.domain)), 0)


def _standard(node: NodeProto) -> bool:
    return not canonical(node.domain)


def _is_quantised(node: NodeProto) -> bool:
    return _standard(node) and node.op_type in QUANTISED


def _values_inside(function: FunctionProto) -> int:
    return len({name for node in function.node for name in node.output if name} - set(function.output))


def _is_float(node: NodeProto) -> bool:
    """Whether a node holds float32 constants or casts to float32; converters to float16 overlook both."""
    if not _standard(node):
        return False
    for attribute in node.attribute:
        if node.op_type == "Cast" and attribute.name == "to":
            return attribute.i in _FLOATS
        if attribute.type == AttributeProto.TENSOR and attribute.t.data_type in _FLOATS:
            return True
        if node.op_type == "Constant" and attribute.name in ("value_float", "value_floats"):
            return True
    return False


def _is_short(call: NodeProto) -> bool:
    return len(call.input) < NEEDED.get(call.op_type, 0)


def _listed_constants(model: ModelProto) -> int:
    if not fills_inputs(model):
        return 0
    return len(initialized(model) & {info.name for info in model.graph.input})


def _unsorted_in(functions: Iterable[FunctionProto]) -> int:
    found = (unsorted_in(function.node) for function in functions)
    return sum(each.own + each.inner for each in found)


def _twins(functions: Iterable[FunctionProto], reached: Sequence[FunctionProto]) -> int:
    """Count the functions beyond the first of each called name.

    Uncalled overloads count too, since a tool that ignores overloads may run them in place of the called one.
    """
    names = {identity_of(function)[:2] for function in reached}
    return sum(identity_of(function)[:2] in names for function in functions) - len(names)


def _late_callees(functions: Sequence[FunctionProto], inside: dict[Identity, list[NodeProto]]) -> int:
    """Count the functions that are listed after one of their callers."""
    place = {identity_of(function): at for at, function in enumerate(functions)}
    late = {
        called
        for caller, nodes in inside.items()
        for node in nodes
        if (called := called_by(node)) in place and place[called] > place[caller]
    }
    return len(late)


def _location(tensor: TensorProto) -> str | None:
    if tensor.data_location != TensorProto.EXTERNAL:
        return None
    return next((entry.value for entry in tensor.external_data if entry.key == "location"), "")


def _is_linked(folder: Path, location: str) -> bool:
    fault = fault_of_data(folder, location)
    return fault is not None and "link" in fault


def _bytes_beside(path: Path | None, locations: Iterable[str]) -> int:
    if path is None:
        return 0
    files = [path.parent / name for name in locations if fault_of_data(path.parent, name) is None]
    return sum(file.stat().st_size for file in files)
