"""Element types of results, from ONNX's schemas."""

from __future__ import annotations

from functools import lru_cache

from onnx import TensorProto

from rewriter.model.operator_set.operators import schema_of
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import ABSENT, Node

_NAMES = {f"tensor({name.lower()})": code for name, code in TensorProto.DataType.items()}
_SAME_AS_FIRST = frozenset({"view", "permute", "expand", "slice"})


def element_of(node: Node, terms: Terms) -> int | None:
    """Return the element type of the only result of a node; None if it is unknown."""
    if node.operator in _SAME_AS_FIRST:
        return terms.element(node.inputs[0])
    if node.operator in ("sizes", "size"):
        return int(TensorProto.INT64)
    if node.operator == "Cast":
        wanted = node.value("to")
        return wanted if isinstance(wanted, int) else None  # the first version has names
    if node.operator == "ConstantOfShape":
        value = node.value("value")
        return int(TensorProto.FLOAT) if value is None else terms.element(value)
    return _by_schema(node, terms) if node.version else None


def _by_schema(node: Node, terms: Terms) -> int | None:
    fixed, like = _declared(node.operator, node.version)
    if fixed is not None or like is None:
        return fixed
    read = node.input(like)
    return None if read == ABSENT else terms.element(read)


@lru_cache(maxsize=1024)
def _declared(operator: str, version: int) -> tuple[int | None, int | None]:
    """Return the element type of the first result, or the position of an input of the same element type."""
    schema = schema_of(operator, "", version)
    if schema is None or not schema.outputs:
        return None, None
    name = schema.outputs[0].type_str
    if name in _NAMES:
        return _NAMES[name], None
    allowed = {each.type_param_str: each.allowed_type_strs for each in schema.type_constraints}.get(name, ())
    if len(allowed) == 1 and allowed[0] in _NAMES:
        return _NAMES[allowed[0]], None
    alike = [at for at, each in enumerate(schema.inputs) if each.type_str == name]
    if not alike or not all(text.startswith("tensor(") for text in allowed):
        return None, None
    return None, alike[0]
