"""Recognises functions and types that `group` made."""

from __future__ import annotations

from onnx import FunctionProto, ValueInfoProto

from rewriter.evidence.metadata import tags
from rewriter.model import metadata


def is_ours(function: FunctionProto) -> bool:
    """Whether `group` made the function."""
    return bool(function.metadata_props) and metadata.get(function, tags.MODULE) is not None


def is_inferred(info: ValueInfoProto) -> bool:
    """Whether `group` stated a type because the flat graph does not."""
    return bool(info.metadata_props) and metadata.get(info, tags.INFERRED) is not None
