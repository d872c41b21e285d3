"""Attributes of nodes as text, including the defaults of omitted ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from math import prod
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import Message
from onnx import AttributeProto, NodeProto, TensorProto

from rewriter.model.operator_set.operators import canonical, schema_of
from rewriter.model.tensors import array_of, dtype_name
from rewriter.proof.contents import without_names

_SMALL = 8
"""Maximum number of elements of a tensor that is shown as numbers."""


def attributes_of(node: NodeProto, opsets: Mapping[str, int] | None = None) -> dict[str, str]:
    """Return attribute -> its value as text.

    Graph attributes are left out, because the comparison counts the nodes of graph bodies separately.

    Args:
        node: the node.
        opsets: canonical domain -> version, to add the defaults of omitted attributes; None adds none.
    """
    found: dict[str, str] = {}
    if opsets is not None:
        domain = canonical(node.domain)
        found.update(_defaults(node.op_type, domain, opsets.get(domain, 0)))
    for attribute in node.attribute:
        if attribute.type not in (AttributeProto.GRAPH, AttributeProto.GRAPHS):
            found[str(attribute.name)] = attribute_text(attribute)
    return found


def tensor_text(tensor: TensorProto, folder: Path | None = None) -> str:
    """Return a small tensor as its numbers, a large one as shape and digest.

    The element type comes first, unless it is float32. `folder` holds external data. A tensor that cannot be
    read counts as large.
    """
    kind = "" if tensor.data_type == TensorProto.FLOAT else f"{dtype_name(tensor.data_type)} "
    if 0 < len(tensor.string_data) == prod(tensor.dims) <= _SMALL:
        texts = np.array(list(tensor.string_data), object).reshape(tuple(tensor.dims))
        return f"{kind}{_listed(texts if tensor.dims else texts.item())}"
    array = array_of(tensor, folder)
    if array is not None and array.size <= _SMALL:
        return f"{kind}{_listed(array)}"
    data = without_names(tensor) if array is None else array.tobytes()
    shape = ", ".join(map(str, tensor.dims))
    return f"{kind}({shape}) {hashlib.blake2b(data, digest_size=4).hexdigest()}"


def attribute_text(attribute: AttributeProto, folder: Path | None = None) -> str:
    """Return the value of an attribute as text; `folder` holds external data.

    A reference to an attribute of a function is `@` and the name; an attribute of unknown type is `?`.
    """
    if attribute.ref_attr_name:
        return f"@{attribute.ref_attr_name!s}"
    if attribute.type == AttributeProto.TENSOR:
        return tensor_text(attribute.t, folder)
    try:
        value = onnx.helper.get_attribute_value(attribute)
    except ValueError:
        return "?"
    return "?" if value is None else _listed(value)


def _listed(value: object) -> str:
    """Format texts, numbers, and lists and arrays of them.

    A number has the fewest digits that tell it from all others of its type. A protobuf message, such as a
    type or a sparse tensor, is shown as a digest. A Python float is the value of an attribute, so it has the
    precision of float32; elements of arrays are numpy numbers.
    """
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim):
        return f"[{', '.join(map(_listed, value))}]"
    if isinstance(value, Message):
        return hashlib.blake2b(value.SerializeToString(deterministic=True), digest_size=4).hexdigest()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    number = np.float32(value) if type(value) is float else value
    return str(number).removesuffix(".0")


@lru_cache(maxsize=4096)
def _defaults(op_type: str, domain: str, version: int) -> tuple[tuple[str, str], ...]:
    if (schema := schema_of(op_type, domain, version)) is None:
        return ()
    return tuple(
        (name, attribute_text(each.default_value))
        for name, each in schema.attributes.items()
        if each.default_value.type != AttributeProto.UNDEFINED
    )
