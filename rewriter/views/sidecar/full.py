"""Writes a full sidecar: one object for each module, for programs that read it without this library.

Some fields follow from others (`kind`, `depth`, `parent`, `children`, `leaf`, `total_nodes`, `placement`,
`kinds`, the nested `tree`). A compact sidecar lacks them, and `read` ignores them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from rewriter.model.storage import sidecar_path
from rewriter.modules.analysis import Analysis
from rewriter.modules.module_tree import ModuleTree, Placement
from rewriter.modules.totals import totals
from rewriter.paths import ROOT, ModulePath
from rewriter.views.escape import as_text
from rewriter.views.json.parts import folded_json, parameter_json, placement_json, reference_json
from rewriter.views.json.types import JsonObject
from rewriter.views.sidecar.types import ModulesExportJson
from rewriter.views.summary import subtree_sizes, summarize

NESTED = 60
"""Maximum depth of the nested tree: a level takes two levels of JSON, and strict parsers stop at 128."""


def write_full(analysis: Analysis) -> str:
    """Return the full sidecar of a model, with one module per line."""
    parts = {
        "schema": json.dumps(sidecar_path.FULL),
        "export": json.dumps(export_json(analysis)),
        "placement": json.dumps(placement_json(analysis.tree)),
        "kinds": json.dumps(_kinds(analysis.tree)),
        "modules": "[\n" + ",\n".join(_modules(analysis)) + "\n]",
        "tree": "".join(_nested(analysis.tree)),
    }
    return "{\n" + ",\n".join(f'"{key}": {text}' for key, text in parts.items()) + "\n}\n"


def export_json(analysis: Analysis) -> ModulesExportJson:
    """Convert the figures of the model file to JSON."""
    summary = summarize(analysis)
    return {
        "file": summary.file,
        "producer": summary.producer,
        "opset": summary.opset,
        "opsets": summary.opsets,
        "nodes": summary.nodes,
        "initializers": summary.initializers,
        "modules": len(analysis.tree),
        "parameters": totals(analysis.tree.modules)[ROOT][1],
    }


def _kinds(tree: ModuleTree) -> dict[str, int]:
    """Return kind -> number of modules, most frequent first."""
    counts: dict[str, int] = {}
    for module in tree:
        kind = str(module.kind or "unknown")
        counts[kind] = counts.get(kind, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _modules(analysis: Analysis) -> Iterator[str]:
    placements = analysis.tree.placements
    for module in analysis.tree:
        protos = [analysis.graph.nodes[node] for node in module.nodes]
        entry = {
            "path": module.path,
            "class": module.class_name,
            "kind": module.kind,
            "depth": module.depth,
            "parent": module.parent,
            "children": module.children,
            "leaf": module.leaf,
            "calls": module.calls,
            **folded_json(module),
            "total_nodes": module.total_nodes,
            "parameters": [parameter_json(parameter) for parameter in module.parameters],
            "nodes": [as_text(proto.name) for proto in protos],
            "values": [as_text(name) for proto in protos for name in proto.output if name],
            "placements": [_placement(node, placements[node]) for node in module.nodes],
            **reference_json(module),
        }
        yield json.dumps(entry)


def _placement(node: int, placement: Placement | None) -> JsonObject:
    assert placement is not None, f"node {node} stands in a module but was not placed"
    return {
        "node": node,
        "call": placement.call,
        "source": placement.source,
        "certainty": placement.certainty,
        "conflicting": placement.conflicting,
    }


def _nested(tree: ModuleTree) -> Iterator[str]:
    """Yield the text of the nested tree, without recursion, since modules may nest to any depth."""
    sizes = subtree_sizes(tree)
    stack: list[ModulePath | str] = [ROOT]
    while stack:
        item = stack.pop()
        if not isinstance(item, ModulePath):
            yield item
            continue
        module = tree.modules[item]
        yield f'{{"path": {json.dumps(item)}, "class": {json.dumps(module.class_name)}, "children": ['
        if module.depth < NESTED:
            stack.append("]}")
            for position, child in enumerate(reversed(module.children)):
                stack.extend([", ", child] if position else [child])
        else:
            yield f'], "below": {sizes[item] - 1}}}' if module.children else "]}"
