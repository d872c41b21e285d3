"""The law of defaults: an absent attribute means the default of the operator's schema.

Statement: a node without an attribute equals the node with the default that ONNX's schema of its version
states.
Side conditions: all attributes of the node are in the schema, with the type that it states, and none is
NaN.
Argument: this is how ONNX defines an absent attribute, for tensors of any shape. Bits are kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from onnx import AttributeProto

from rewriter.model.operator_set.operators import schema_of
from rewriter.proof.laws.terms.term import Attribute, float_bytes

_READ: dict[int, Callable[[AttributeProto], object]] = {
    AttributeProto.INT: lambda each: each.i,
    AttributeProto.STRING: lambda each: each.s,
    AttributeProto.INTS: lambda each: tuple(each.ints),
    AttributeProto.STRINGS: lambda each: tuple(each.strings),
}


def completed(
    operator: str, version: int, texts: tuple[Any, ...], tensor: Callable[[int], int]
) -> tuple[Attribute, ...] | None:
    """Return all attributes of a node, absent ones with their default; None if one is unknown or missing.

    Args:
        operator: an operator of ai.onnx.
        version: the opset that introduced its definition.
        texts: name, type and content of each stated attribute, as in the keys of the numbering.
        tensor: number of a constant -> number of its term.
    """
    kinds, defaults, required = _declared(operator, version)
    found: dict[str, Attribute] = dict(defaults)
    for name, kind, content in texts:
        if kinds.get(name) != kind:
            return None
        value = tensor(content) if kind == AttributeProto.TENSOR else _value(kind, content)
        if value is None:
            return None
        found[name] = (name, kind, value)
    if not required <= found.keys():
        return None
    return tuple(found[name] for name in sorted(found))


@lru_cache(maxsize=1024)
def _declared(operator: str, version: int) -> tuple[dict[str, int], dict[str, Attribute], frozenset[str]]:
    """Return the type of each attribute of an operator, the defaults, and the names of required ones."""
    schema = schema_of(operator, "", version)
    kinds: dict[str, int] = {}
    defaults: dict[str, Attribute] = {}
    for name, declared in schema.attributes.items() if schema is not None else ():
        kinds[name] = int(getattr(AttributeProto, declared.type.name))
        default = declared.default_value
        if default.type and (value := _value(default.type, default.SerializeToString())) is not None:
            defaults[name] = (name, default.type, value)
    declared_ones = schema.attributes.items() if schema is not None else ()
    return kinds, defaults, frozenset(name for name, each in declared_ones if each.required)


def _value(kind: int, content: object) -> object | None:
    """Return the value of an attribute; None if it holds NaN or is of a type that laws do not read."""
    if not isinstance(content, bytes):
        return None
    attribute = AttributeProto.FromString(content)
    if kind == AttributeProto.FLOAT:
        return None if math.isnan(attribute.f) else float_bytes(attribute.f)
    if kind == AttributeProto.FLOATS:
        nan = any(map(math.isnan, attribute.floats))
        return None if nan else tuple(map(float_bytes, attribute.floats))
    return _READ[kind](attribute) if kind in _READ else None
