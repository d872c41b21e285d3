"""Updates repeated fields, and the opset imports of a model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import onnx_graphsurgeon as gs
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from google.protobuf.message import Message
from onnx import OperatorSetIdProto

from rewriter.model.operator_set.operators import canonical

AnyMessage = TypeVar("AnyMessage", bound=Message)


def fill(field: RepeatedCompositeFieldContainer[AnyMessage], messages: Iterable[AnyMessage]) -> None:
    """Replace the content of a field by messages, which may be from the same field."""
    kept = list(messages)
    del field[:]
    field.extend(kept)


def update_imports(
    imports: RepeatedCompositeFieldContainer[OperatorSetIdProto],
    graph: gs.Graph,
    opset: int | None,
    used: Iterable[str],
) -> None:
    """Apply changed opset versions, and import the domains that new nodes need, as graphsurgeon does."""
    known = {canonical(each.domain): each for each in imports}
    wanted = {canonical(each.domain): each.version for each in graph.import_domains or ()}
    if graph.opset != opset and graph.opset is not None:
        wanted[""] = graph.opset
    for domain, version in {**dict.fromkeys(used, 1), **wanted}.items():
        if domain not in known:
            imports.add(domain=domain, version=graph.opset if not domain else version)
        elif domain in wanted and known[domain].version != version:
            known[domain].version = version
