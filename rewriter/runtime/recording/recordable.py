"""Finds the values of graph bodies that can be recorded, and the types of their elements."""

from __future__ import annotations

from collections.abc import Iterable

import onnx
from onnx import GraphProto, ModelProto, helper

from rewriter.model.index.graph import GraphIndex
from rewriter.model.operator_set.operators import canonical
from rewriter.runtime.recording.body_names import bodies_around

_LEAST_OPSET = 9
"""Least version of ONNX's operators: older Scans have another form."""
_KINDS = "fiub"
"""Kinds of numpy types that are recorded: floats, integers and booleans."""


def element_types(model: ModelProto, graph: GraphIndex, values: Iterable[int]) -> dict[int, int]:
    """Return value of a graph body -> the type of its elements, where that is known and numeric."""
    try:
        inferred = onnx.shape_inference.infer_shapes(model)
    except Exception:  # onnx raises many types; what the file states remains
        inferred = model
    other = GraphIndex(inferred)
    wanted = set(values)
    found: dict[int, int] = {}
    if len(other.bodies) != len(graph.bodies):
        return found
    for body, told in zip(graph.bodies, other.bodies, strict=True):
        if body.owner < 0 or not isinstance(told.proto, GraphProto):
            continue
        infos = (*told.proto.value_info, *told.proto.input, *told.proto.output)
        types = {info.name: info.type.tensor_type.elem_type for info in infos}
        for name, value in body.values.items():
            kind = types.get(name, 0)
            if value in wanted and kind and helper.tensor_dtype_to_np_dtype(kind).kind in _KINDS:
                found[value] = kind
    return found


def can_record(graph: GraphIndex, value_body: int) -> bool:
    """Whether values of a graph body can be recorded: it is in bodies of If, Loop and Scan alone."""
    owners = [graph.operators[graph.bodies[body].owner] for body in bodies_around(graph, value_body)]
    known = all(not canonical(domain) and kind in ("If", "Loop", "Scan") for domain, kind in owners)
    return bool(owners) and known and opset_of(graph) >= _LEAST_OPSET


def opset_of(graph: GraphIndex) -> int:
    """Return the version of ONNX's operators that a model imports; 1 if it imports none."""
    imports = graph.model.opset_import
    return max((each.version for each in imports if not canonical(each.domain)), default=1)
