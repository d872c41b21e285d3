"""In the child: converts a model to another version of ONNX's operators."""

from __future__ import annotations

import onnx
from onnx import ModelProto
from onnx.version_converter import convert_version

from rewriter.runtime.child.error_text import one_line
from rewriter.runtime.child.job import Job, TaskError


def converted(job: Job[int]) -> ModelProto:
    """Return the model of a job, converted.

    Raises:
        TaskError: onnx has no conversion, or its result is no valid model.
    """
    model = onnx.load(job.models["model"].path, load_external_data=False)
    if model.functions:
        raise TaskError("functions are lost; flatten the piece first with 'rewriter flatten --foreign'")
    try:
        return convert_version(model, job.request)
    except Exception as error:
        raise TaskError(one_line(str(error).rpartition("failed: ")[2])) from error
