"""Modules of calls of functions that other tools made, where these calls are the evidence of modules.

The nodes of such a function are in the file once, so they are annotated with the modules of its first call
(see `evidence.graph.function_calls`). When a call is inlined, its nodes get the module of this call.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from onnx import FunctionProto, ModelProto, NodeProto

from rewriter.evidence.claims import Source
from rewriter.evidence.graph.function_calls import is_for_operator
from rewriter.evidence.metadata import tags
from rewriter.evidence.metadata.dynamo import NAMESPACE
from rewriter.evidence.names.scope_grammar import scoped_prefix
from rewriter.model import metadata
from rewriter.model.index.functions import Identity, called_by, identity_of
from rewriter.model.index.graph import with_inner
from rewriter.passes.functions.provenance import is_ours
from rewriter.paths import ModulePath

_OF_MODULE = tags.OF_NODES | {NAMESPACE}


class CalledModules:
    """Writer of the modules of inlined calls.

    Attributes:
        classes: module of an inlined call -> its class, which is the name of the function.
    """

    def __init__(self, functions: Iterable[FunctionProto]) -> None:
        self._of_classes: set[Identity] = {
            identity_of(each) for each in functions if not is_ours(each) and not is_for_operator(each.domain)
        }
        self.classes: dict[ModulePath, str] = {}

    def place(self, nodes: Sequence[NodeProto], call: NodeProto) -> None:
        """Give the nodes of an inlined call the module of the call; nodes that are calls, a module below it.

        Nothing happens unless `annotate` placed the call by its function.
        """
        entries = metadata.pick(call, _OF_MODULE)
        if entries.get(tags.EVIDENCE) != Source.FUNCTION or tags.MODULE not in entries:
            return
        module = ModulePath(entries[tags.MODULE])
        if called_by(call) in self._of_classes:
            self.classes[module] = call.op_type
        for node in (inner for outer in nodes for inner in with_inner(outer)):
            if called_by(node) in self._of_classes:
                own = ModulePath(metadata.get(node, tags.MODULE) or "").name
                metadata.write(node, _entries_of(module.child(own)))
            else:
                metadata.erase(node, _OF_MODULE)
                metadata.write(node, entries)

    def record(self, model: ModelProto) -> None:
        """Add the modules to the compact tree of a model; callers are before the modules they call."""
        classes, calls, order = tags.compact_tree(model)
        if not order or self.classes.keys() <= set(order):
            return
        paths = dict.fromkeys((*order, *self.classes))
        modules = [[path, classes.get(path, self.classes.get(path)), calls.get(path, 1)] for path in paths]
        tree = json.dumps({"version": 1, "modules": modules}, ensure_ascii=False, separators=(",", ":"))
        metadata.write(model, {tags.TREE: tree})


def _entries_of(module: ModulePath) -> Mapping[str, str]:
    return {
        NAMESPACE: scoped_prefix(module).removeprefix("/"),
        tags.MODULE: str(module),
        tags.DEPTH: str(module.depth),
    }
