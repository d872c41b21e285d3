"""In the child: runs a model with inner values as outputs, some at a time; no tensor leaves the process."""

from __future__ import annotations

import onnx

from rewriter.model.index.graph import nodes_within
from rewriter.model.operator_set.operators import canonical
from rewriter.runtime.child.job import Job
from rewriter.runtime.compare.fingerprints import Fingerprint, Watch, fingerprint
from rewriter.runtime.compare.intermediate_values import Exposed, in_parts
from rewriter.runtime.inputs.signature import signature
from rewriter.runtime.recording.input_sets import InputSets


def take_fingerprints(job: Job[Watch]) -> dict[str, Fingerprint]:
    """Return the fingerprints of tensors that nodes of the main graph write; each part takes one run.

    One more run comes before if sizes of values are unknown.
    """
    (sent,) = job.models.values()
    model = onnx.load(sent.path, load_external_data=False)
    for node in nodes_within(model.graph.node):
        if node.op_type == "Dropout" and not canonical(node.domain):
            del node.input[2:]  # no training mode: randomly dropped values match no other run
    inputs = signature(model)
    feeds = {each.name: job.request.feeds[each.name] for each in inputs}
    for info in model.graph.input:  # state the sizes of this run, so that other shapes can be inferred
        if info.name in feeds:
            shape = info.type.tensor_type.shape
            shape.ClearField("dim")
            for size in feeds[info.name].shape:
                shape.dim.add().dim_value = size
    exposed = Exposed(model, InputSets(sent.folder, inputs, [feeds]))
    sizes = exposed.sizes(name for node in model.graph.node for name in node.output if name)
    found: dict[str, Fingerprint] = {}
    for part in in_parts(((name, {name}) for name in sizes), sizes, job.request.most_bytes):
        for name, (value,) in exposed.values(part).items():
            if (print_ := fingerprint(value)) is not None:
                found[name] = print_
    return found
