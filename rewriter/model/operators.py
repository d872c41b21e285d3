"""What is known of operators without running them: their domain, their version, whether they draw numbers."""

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
    """The domain under one name: ONNX writes its own as '' or as 'ai.onnx'."""
    return "" if domain == "ai.onnx" else domain


_NEWEST: dict[str, int] = {}
for _domain, _version in helper.OP_SET_ID_VERSION_MAP:
    _NEWEST[canonical(_domain)] = max(_NEWEST.get(canonical(_domain), 0), _version)


def newest(domain: str) -> int:
    """The newest opset of a domain, canonical, that the installed onnx knows; 0 where it knows none."""
    return _NEWEST.get(domain, 0)


def versions_of(imports: Iterable[OperatorSetIdProto]) -> dict[str, int]:
    """Domain, canonical -> version; of one that is imported twice, the last."""
    return {canonical(each.domain): each.version for each in imports}


@lru_cache(maxsize=4096)
def schema_of(op_type: str, domain: str, version: int) -> Any:
    """ONNX's schema of an operator, None where it has none."""
    try:
        return onnx.defs.get_schema(op_type, version, domain)
    except (onnx.defs.SchemaError, TypeError):  # unknown, or a name that is not UTF-8
        return None


@lru_cache(maxsize=4096)
def since(op_type: str, domain: str, version: int) -> int:
    """The opset in which an operator got the meaning it has at `version`.

    `version` itself where it is newer than the installed onnx knows, and minus `version` for an operator
    that onnx does not know.
    """
    if (schema := schema_of(op_type, domain, version)) is None:
        return -version
    return version if version > _NEWEST.get(domain, 0) else int(schema.since_version)


@lru_cache(maxsize=4096)
def optional_tail(op_type: str, domain: str, version: int) -> tuple[int, int]:
    """The inputs at the end of an operator's signature that may be left out: first and last position + 1.

    Those of a variadic parameter are none of them: each of these counts, blank ones too. Of an operator that
    onnx does not know, none may be left out: its kernels may count them.
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
    """Whether an operator has attributes that are graphs; so may one that onnx does not know."""
    if (schema := schema_of(op_type, domain, abs(version))) is None:
        return True
    graphs = (onnx.defs.OpSchema.AttrType.GRAPH, onnx.defs.OpSchema.AttrType.GRAPHS)
    return any(attribute.type in graphs for attribute in schema.attributes.values())


def is_standard(domain: str) -> bool:
    """Whether ONNX defines the operators of a domain, so that we know which of them draw random numbers."""
    return canonical(domain) in _STANDARD


def counts_apart(node: NodeProto, domain: str, version: int, inputs: int) -> bool:
    """Whether a node may give other results than an equal node: it draws random numbers, or may keep state.

    Args:
        node: the node.
        domain: its domain, canonical.
        version: what `since` says of it.
        inputs: the number of its inputs, without those left out at the end.
    """
    if not may_count_apart(node.op_type, domain, version):
        return False
    if domain not in _STANDARD or version <= 0:
        return True  # nothing in the file says whether an operator we do not know keeps state
    if node.op_type == "Dropout" and version < _DROPOUT_WITHOUT_IS_TEST:
        return not any(attribute.name == "is_test" and attribute.i for attribute in node.attribute)
    return node.op_type != "Dropout" or inputs > 2


def may_count_apart(op_type: str, domain: str, version: int) -> bool:
    """Whether `counts_apart` holds of some nodes of an operator."""
    return domain not in _STANDARD or version <= 0 or op_type == "Dropout" or _draws(op_type, domain, version)


@lru_cache(maxsize=4096)
def _draws(op_type: str, domain: str, version: int) -> bool:
    return op_type in RANDOM or flagged_random(op_type, domain, version)


def flagged_random(op_type: str, domain: str, version: int) -> bool:
    """Whether the installed onnx marks an operator as non-deterministic; old ones mark none.

    It also marks operators with bodies, which are as random as their bodies, and operators that a function
    defines, which are as random as the nodes of that function.
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
    """Whether runtimes have operators of their own in a domain, which they may prefer to a function.

    onnx.proto leaves a function that bears the name of an operator to the runtime; onnxruntime 1.31 ignores
    the function, onnx's reference evaluator calls it.
    """
    return not canonical(domain) or domain.startswith(_OF_RUNTIMES)
