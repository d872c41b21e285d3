"""Static properties of operators: domain, version, schema."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import onnx
from onnx import NodeProto, OperatorSetIdProto, helper

_STANDARD = frozenset({"", "ai.onnx.ml"})
_OF_RUNTIMES = ("ai.onnx.", "com.microsoft", "com.ms.", "org.pytorch.aten")


def canonical(domain: str) -> str:
    """Return a domain in one spelling: '' for ONNX's own domain, which files write as '' or as 'ai.onnx'."""
    return "" if domain == "ai.onnx" else domain


_NEWEST: dict[str, int] = {}
for _domain, _version in helper.OP_SET_ID_VERSION_MAP:
    _NEWEST[canonical(_domain)] = max(_NEWEST.get(canonical(_domain), 0), _version)


def newest(domain: str) -> int:
    """Return the newest opset of a canonical domain that the installed onnx knows; 0 if it knows none."""
    return _NEWEST.get(domain, 0)


def is_set(node: NodeProto, name: str) -> bool:
    """Whether an integer attribute of a node is stated and not 0; defaults do not count."""
    return any(attribute.name == name and attribute.i for attribute in node.attribute)


def versions_of(imports: Iterable[OperatorSetIdProto]) -> dict[str, int]:
    """Map each imported domain, canonical, to its version; the last one if it is imported twice."""
    return {canonical(each.domain): each.version for each in imports}


@lru_cache(maxsize=4096)
def schema_of(op_type: str, domain: str, version: int) -> Any:
    """Return ONNX's schema of an operator; None if onnx has none."""
    try:
        return onnx.defs.get_schema(op_type, version, domain)
    except (onnx.defs.SchemaError, TypeError):  # unknown, or a name that is not UTF-8
        return None


@lru_cache(maxsize=4096)
def since(op_type: str, domain: str, version: int) -> int:
    """Return the opset that introduced the definition of an operator that is valid at `version`.

    The result is `version` itself if that is newer than the installed onnx knows, and minus `version` for an
    operator that onnx does not know.
    """
    if (schema := schema_of(op_type, domain, version)) is None:
        return -version
    return version if version > _NEWEST.get(domain, 0) else int(schema.since_version)


@lru_cache(maxsize=4096)
def optional_tail(op_type: str, domain: str, version: int) -> tuple[int, int]:
    """Return the range of optional inputs at the end of a signature: the first position, and the last plus 1.

    Inputs of a variadic parameter are not optional: each counts, empty ones too. The range is empty for
    operators that onnx does not know, since their kernels may count inputs.
    """
    if (schema := schema_of(op_type, domain, abs(version))) is None:
        return 0, 0
    kinds = [each.option for each in schema.inputs]
    options = onnx.defs.OpSchema.FormalParameterOption
    end = len(kinds) - 1 if kinds and kinds[-1] == options.Variadic else len(kinds)
    start = end
    while start and kinds[start - 1] == options.Optional:
        start -= 1
    return start, end


@lru_cache(maxsize=4096)
def may_hold_graphs(op_type: str, domain: str, version: int) -> bool:
    """Whether an operator has attributes that are graphs; an operator unknown to onnx may have some."""
    if (schema := schema_of(op_type, domain, abs(version))) is None:
        return True
    graphs = (onnx.defs.OpSchema.AttrType.GRAPH, onnx.defs.OpSchema.AttrType.GRAPHS)
    return any(attribute.type in graphs for attribute in schema.attributes.values())


def is_standard(domain: str) -> bool:
    """Whether a domain is ONNX's own or `ai.onnx.ml`, so that its random operators are known."""
    return canonical(domain) in _STANDARD


def left_to_runtimes(domain: str) -> bool:
    """Whether runtimes may have their own operators in a domain, and prefer them to functions of that name.

    onnx.proto leaves the choice to the runtime: onnxruntime 1.31 ignores the function, onnx's reference
    evaluator calls it.
    """
    return not canonical(domain) or domain.startswith(_OF_RUNTIMES)
