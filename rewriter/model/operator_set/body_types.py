"""Declared types in bodies of Loop and Scan that affect results.

onnxruntime gives the counter and the condition of a Loop the rank that the body declares for them. It takes
the shape of a scan output without iterations from the declared type of the body's result. If the body does
not fully declare that type, onnxruntime infers it from all types declared before (measured with onnxruntime
1.23 to 1.32).
"""

from __future__ import annotations

from collections.abc import Iterable

from onnx import GraphProto, NodeProto, TypeProto, ValueInfoProto

LOOP_INPUTS_BEFORE_STATE = 2
"""Inputs before the carried values: the trip count, in a body the counter, and the condition."""
LOOP_OUTPUTS_BEFORE_STATE = 1
"""Outputs of the body of a Loop before the carried values: the condition."""
SCAN_OUTPUT_LISTS = frozenset({"scan_output_axes", "scan_output_directions"})
"""Attributes of a Scan with an entry for each result that stacks all iterations; the default entry is 0."""


def has_scan_outputs(op_type: str, domain: str) -> bool:
    """Whether an operator of a canonical domain concatenates results of its iterations: Loop and Scan do."""
    return not domain and op_type in ("Loop", "Scan")


def leaves_shapes_open(node: NodeProto, bodies: Iterable[GraphProto]) -> bool:
    """Whether results of a Loop or Scan may depend on types that its bodies do not fully declare."""
    return any(not _is_whole(info.type) for body in bodies for info in _deciding(node, body))


def _deciding(node: NodeProto, body: GraphProto) -> list[ValueInfoProto]:
    """Return the inputs and results of a body for which onnxruntime goes by the declared rank or shape."""
    if node.op_type == "Loop":
        carried = max(len(body.input) - LOOP_INPUTS_BEFORE_STATE, 0)
        return [*body.input[:LOOP_INPUTS_BEFORE_STATE], *body.output[LOOP_OUTPUTS_BEFORE_STATE + carried :]]
    stated = [each.i for each in node.attribute if each.name == "num_scan_inputs" and not each.ref_attr_name]
    scanned = stated[0] if len(stated) == 1 else len(body.input)
    return list(body.output[max(len(body.input) - scanned, 0) :])


def _is_whole(kind: TypeProto) -> bool:
    tensor = kind.tensor_type
    return tensor.HasField("shape") and all(dim.HasField("dim_value") for dim in tensor.shape.dim)
