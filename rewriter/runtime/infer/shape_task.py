"""In the child: runs onnx's shape inference on one model without its large weights."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module

import onnx
from onnx import ModelProto
from onnx.shape_inference import infer_shapes

from rewriter.model.index.graph import GraphIndex
from rewriter.runtime.child.error_text import one_line
from rewriter.runtime.child.job import Job
from rewriter.runtime.infer.folding import fold
from rewriter.runtime.infer.shapes import Shapes
from rewriter.runtime.inputs.signature import known_of, stated_values

MEMORY = 2 << 30
"""Bytes of address space for the interpreter and its libraries; a model adds a multiple of its size."""
ROUNDS = 4
"""Maximum number of additional inferences, each after evaluating more shape arithmetic."""


def inferred(model: ModelProto) -> ModelProto:
    """Return the model with inferred types; where inference stops, shape arithmetic is evaluated.

    The result may have new initializers with evaluated values, and nodes that read them.

    Raises:
        Exception: any exception of the first inference; later ones only end the evaluation.
    """
    typed = infer_shapes(model, strict_mode=False, data_prop=True)
    with suppress(Exception):  # then keep the results so far
        for _ in range(ROUNDS):
            again = _once_more(typed) if _unknown(typed) else None
            if again is None or _unknown(again) >= _unknown(typed):
                break
            typed = again
    return typed


def _once_more(typed: ModelProto) -> ModelProto | None:
    graph = GraphIndex(typed)
    told = stated_values(graph, graph)
    known = {name: told[value].shape for name, value in graph.bodies[0].values.items() if value in told}
    folded = fold(typed, {name: shape for name, shape in known.items() if shape is not None})
    return infer_shapes(folded, strict_mode=False, data_prop=True) if folded is not None else None


def _unknown(model: ModelProto) -> int:
    """Return the number of node outputs in the main graph, minus the number of stated complete shapes.

    The result counts an omitted output, too; it serves to compare two results of inference.
    """
    known = (known_of(info.type) for info in (*model.graph.value_info, *model.graph.output))
    complete = sum(each is not None and each.shape is not None for each in known)
    return sum(len(node.output) for node in model.graph.node) - complete


def _limit_memory(most: int) -> None:
    """Limit the address space, if the system can: a file may ask for a shape of a trillion axes."""
    with suppress(ImportError, ValueError, OSError):
        resource = import_module("resource")
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def find_shapes(job: Job[None]) -> Shapes:
    """Find types and shapes of the values of the model."""
    (sent,) = job.models.values()
    content = sent.path.read_bytes()
    _limit_memory(MEMORY + 20 * len(content))
    model = onnx.ModelProto.FromString(content)
    numbers = GraphIndex(model)
    fault = None
    typed = model
    try:
        typed = inferred(model)
    except Exception as error:  # onnx may raise anything; then keep the stated types
        fault = one_line(f"shape inference failed: {error}")
    return Shapes(stated_values(GraphIndex(typed), numbers), fault)
