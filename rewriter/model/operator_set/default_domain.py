"""The default domain under the name `ai.onnx`, which some files write on nodes.

onnxruntime accepts that name in the main graph. In functions neither onnxruntime nor onnx.checker accepts it,
whatever the functions import. So nodes that move into a function get domain '', and metadata from which
`flatten` restores the spelling.
"""

from __future__ import annotations

from collections.abc import Iterable

from onnx import FunctionProto, ModelProto, NodeProto

from rewriter.model.index.graph import with_inner

LONG = "ai.onnx"


def shorten(model: ModelProto) -> None:
    """Write '' for `ai.onnx` on all nodes and in all imports, since onnx infers no types for such nodes."""
    owners: tuple[ModelProto | FunctionProto, ...] = (model, *model.functions)
    for owner in owners:
        for each in owner.opset_import:
            if each.domain == LONG:
                each.domain = ""
    for body in (model.graph.node, *(function.node for function in model.functions)):
        for node in body:
            spell_short(node)


def spell_short(node: NodeProto) -> list[int]:
    """Write '' for `ai.onnx` on a node and in its graph bodies; return changed positions in `with_inner`."""
    changed = []
    for number, each in enumerate(with_inner(node)):
        if each.domain == LONG:
            each.domain = ""
            changed.append(number)
    return changed


def spell_long(node: NodeProto, numbers: Iterable[int]) -> None:
    """Restore `ai.onnx` on nodes of the default domain.

    Args:
        node: the node that holds them, or is one of them.
        numbers: their positions, as `spell_short` returned them.
    """
    wanted = set(numbers)
    for number, each in enumerate(with_inner(node)):
        if number in wanted and not each.domain:
            each.domain = LONG
