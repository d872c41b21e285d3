"""In the child: loads a model, and counts the nodes of an operator that onnxruntime runs by a kernel."""

from __future__ import annotations

import onnx

from rewriter.model.index.graph import nodes_within
from rewriter.runtime.child.error_text import one_line
from rewriter.runtime.child.job import Job
from rewriter.runtime.ort.sessions import RunError, Session

_BEFORE_FAULT = ", Error "
"""Text of onnxruntime between a long description of a node and its fault."""


def kernel_nodes(job: Job[tuple[str, str]]) -> int:
    """Return the number of nodes of an operator, by domain and name, in the graph that onnxruntime runs.

    onnxruntime inlines a function that it has no kernel for, so the graph has no such node then. Nothing else
    is optimised.
    """
    (sent,) = job.models.values()
    written = job.folder / "loaded.onnx"
    try:
        Session(sent.path, sent.folder, written=written)
    except RunError as error:
        raise RunError(_fault(error)) from error
    loaded = onnx.load(written, load_external_data=False)
    return sum((node.domain, node.op_type) == job.request for node in nodes_within(loaded.graph.node))


def _fault(error: RunError) -> str:
    """Return the fault in the message of onnxruntime, without its description of the node."""
    _, found, fault = str(error.__cause__).rpartition(_BEFORE_FAULT)
    return one_line(fault) if found else str(error)
