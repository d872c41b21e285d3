"""Tests whether onnxruntime runs the functions that a model calls, if overloads distinguish functions.

Measured with the first release of every minor version from 1.23 to 1.32. Before `READ_SINCE`, a session looks
up functions by domain and name alone; of several, it uses the last in the file. Since then, a call in the
main graph finds its function, but a call inside a function loses its overload: onnxruntime runs the function
without an overload, or does not load the model if there is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from onnx import FunctionProto, ModelProto

from rewriter.basics.releases import installed_release, numbers_of
from rewriter.model.index.graph import nodes_within
from rewriter.model.operator_set.operators import canonical

READ_SINCE = "1.27.0"
"""The first version of onnxruntime that reads overloads of functions."""


def misread(model: ModelProto, release: str | None = None) -> str | None:
    """Return the reason why onnxruntime may not run the functions that a model calls.

    Args:
        model: any model.
        release: a release of onnxruntime; None for the installed one.

    Returns:
        The reason in one line. None if onnxruntime runs the right functions, or is not installed.
    """
    if not any(function.overload for function in model.functions):
        return None
    running = release or installed_release("onnxruntime")
    if running is None:
        return None
    if numbers_of(running) < numbers_of(READ_SINCE):
        names = Counter((canonical(function.domain), function.name) for function in model.functions)
        if any(count > 1 for count in names.values()):
            return f"onnxruntime {running} ignores overloads of functions; {READ_SINCE} reads them"
    elif any(map(_calls_by_overload, model.functions)):
        return f"onnxruntime {running} ignores overloads of calls inside of functions; flatten them first"
    return None


def first_misread(models: Iterable[ModelProto]) -> str | None:
    """Return the reason for the first model that onnxruntime misreads; None if there is none."""
    return next(filter(None, map(misread, models)), None)


def _calls_by_overload(function: FunctionProto) -> bool:
    return any(node.overload for node in nodes_within(function.node))
