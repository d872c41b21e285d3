"""Recognises functions and types that `group` and `replace` made."""

from __future__ import annotations

from onnx import FunctionProto, ModelProto, ValueInfoProto

from rewriter.errors import UsageError
from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.model.operator_set.operators import left_to_runtimes


def is_ours(function: FunctionProto) -> bool:
    """Whether `group` or `replace` made the function."""
    return bool(function.metadata_props) and metadata.get(function, tags.MODULE) is not None


def may_have_kernel(function: FunctionProto) -> bool:
    """Whether `replace` made the function in a domain of a runtime, which may run a kernel instead."""
    return is_ours(function) and left_to_runtimes(function.domain)


def demand_no_kernels(model: ModelProto, file: str) -> None:
    """Refuse to inline a function that a runtime may have a kernel for, which may compute other values.

    Args:
        model: the model.
        file: its name for messages.

    Raises:
        UsageError: the model has such a function.
    """
    if found := next(filter(may_have_kernel, model.functions), None):
        raise UsageError(
            f"{file}: a runtime may run a kernel for {found.domain}:{found.name}, and this verb works on the "
            "body; 'rewriter flatten' makes a file with the body"
        )


def is_inferred(info: ValueInfoProto) -> bool:
    """Whether `group` stated a type because the flat graph does not."""
    return bool(info.metadata_props) and metadata.get(info, tags.INFERRED) is not None
