"""The child process of `shapes`: onnx's shape inference on the structure of one model.

Run as `python -m rewriter.runtime.shapes_worker FOLDER`. Reads model.onnx and writes shapes.json: number of a
value -> [element type, dimensions].
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import onnx
from onnx import GraphProto, ModelProto
from onnx.shape_inference import infer_shapes

from rewriter.model.graph import GraphIndex
from rewriter.runtime.protocol import one_line
from rewriter.runtime.shapes import Known, known_of
from rewriter.runtime.worker import expendable


def shapes_of(model: ModelProto) -> dict[int, Known]:
    """What the types in a model say, by the number of the value; inference adds types and changes no name."""
    graph = GraphIndex(model)
    found = {
        value: Known(tensor.data_type, tuple(tensor.dims)) for value, tensor in graph.initializers.items()
    }
    for body in graph.bodies:
        infos = [*body.proto.value_info]
        if isinstance(body.proto, GraphProto):
            infos += [*body.proto.input, *body.proto.output]
        for info in infos:
            known = known_of(info.type)
            if known is not None and info.name in body.values:
                found.setdefault(body.values[info.name], known)
    return found


def main() -> None:
    """Entry of the child process."""
    expendable()
    folder = Path(sys.argv[1])
    model = onnx.ModelProto.FromString((folder / "model.onnx").read_bytes())
    fault = None
    try:
        model = infer_shapes(model, strict_mode=False, data_prop=True)
    except Exception as error:  # onnx raises what it likes; what the file says is left
        fault = one_line(f"shape inference failed: {error}")
    values = {value: [known.element, known.dims] for value, known in shapes_of(model).items()}
    draft = folder / "shapes.draft"
    draft.write_text(json.dumps({"values": values, "fault": fault}), encoding="utf-8")
    draft.replace(folder / "shapes.json")
    os._exit(0)


if __name__ == "__main__":
    main()
