"""Converts a model to another version of ONNX's operators, in a child process: onnx's converter can crash."""

from __future__ import annotations

from onnx import ModelProto

from rewriter.runtime.child.call import Task, run
from rewriter.runtime.child.job import Ended
from rewriter.runtime.weights.inline import outline, with_initializers

TASK: Task[ModelProto] = Task("rewriter.runtime.infer.opset_task:converted", program="onnx")


def convert(model: ModelProto, version: int, *, timeout: float) -> ModelProto | Ended:
    """Return a model with another version of ONNX's operators, or the reason why there is none.

    The converter drops metadata, so nodes that it keeps get theirs back. Large weights are not sent.

    Args:
        model: the model; it is not changed.
        version: the version.
        timeout: seconds.
    """
    found = run(TASK, version, {"model": with_initializers(model, outline)}, timeout=timeout)
    if isinstance(found, Ended):
        return found
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    made = with_initializers(found, lambda tensor: weights.get(tensor.name, tensor))
    before = {(node.op_type, *node.output): node for node in model.graph.node}
    for node in made.graph.node:
        if (old := before.get((node.op_type, *node.output))) is not None:
            node.metadata_props.extend(old.metadata_props)
    made.metadata_props.extend(model.metadata_props)
    return made
