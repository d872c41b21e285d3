"""Static properties of operators: domain, version, randomness."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import onnx
from onnx import NodeProto, OperatorSetIdProto, helper

RANDOM = frozenset(
    {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli"}
)
_STANDARD = frozenset({"", "ai.onnx.ml"})
_OF_RUNTIMES = ("ai.onnx.", "com.microsoft", "com.ms.", "org.pytorch.aten")
_DROPOUT_WITHOUT_IS_TEST = 7


def canonical(domain: str) -> str:
    """Return a domain in one spelling: '' for ONNX's own domain, which files write as '' or as 'ai.onnx'."""
    return "" if domain == "ai.onnx" else domain


_NEWEST: dict[str, int] = {}
for _domain, _version in helper.OP_SET_ID_VERSION_MAP:
    _NEWEST[canonical(_domain)] = max(_NEWEST.get(canonical(_domain), 0), _version)


def newest(domain: str) -> int:
    """Return the newest opset of a canonical domain that the installed onnx knows; 0 if it knows none."""
    return _NEWEST.get(domain, 0)


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
    operators that onnx does not know: their kernels may count inputs.
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
    """Whether ONNX defines the operators of a domain, so that the random ones are known."""
    return canonical(domain) in _STANDARD


def counts_apart(node: NodeProto, domain: str, version: int, inputs: int) -> bool:
    """Whether a node may compute other results than an equal node: it draws random numbers or may keep state.

    Args:
        node: the node.
        domain: its domain, canonical.
        version: the result of `since`.
        inputs: the number of its inputs, without omitted ones at the end.
    """
    if not may_count_apart(node.op_type, domain, version):
        return False
    if domain not in _STANDARD or version <= 0:
        return True  # the file does not tell whether an unknown operator keeps state
    if node.op_type == "Dropout" and version < _DROPOUT_WITHOUT_IS_TEST:
        return not any(attribute.name == "is_test" and attribute.i for attribute in node.attribute)
    return node.op_type != "Dropout" or inputs > 2


def may_count_apart(op_type: str, domain: str, version: int) -> bool:
    """Whether `counts_apart` may hold for a node of an operator."""
    return domain not in _STANDARD or version <= 0 or op_type == "Dropout" or _draws(op_type, domain, version)


@lru_cache(maxsize=4096)
def _draws(op_type: str, domain: str, version: int) -> bool:
    return op_type in RANDOM or flagged_random(op_type, domain, version)


def flagged_random(op_type: str, domain: str, version: int) -> bool:
    """Whether the installed onnx marks an operator as non-deterministic; old versions of onnx mark none.

    onnx also marks operators with graph attributes and operators that it defines by a function. The first are
    as random as their bodies, so the answer is False; the second are as random as the nodes of that function.
    """
    schema = schema_of(op_type, domain, abs(version))
    flag = getattr(schema, "node_determinism", None)
    if flag is None or flag != onnx.defs.OpSchema.NodeDeterminism.NonDeterministic:
        return False
    if may_hold_graphs(op_type, domain, version):
        return False
    if not schema.has_function:
        return True
    return any(_draws(node.op_type, canonical(node.domain), version) for node in schema.function_body.node)


def left_to_runtimes(domain: str) -> bool:
    """Whether runtimes may have their own operators in a domain, and prefer them to functions of that name.

    onnx.proto leaves the choice to the runtime: onnxruntime 1.31 ignores the function, onnx's reference
    evaluator calls it.
    """
    return not canonical(domain) or domain.startswith(_OF_RUNTIMES)
