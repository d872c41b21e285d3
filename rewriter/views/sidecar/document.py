"""Reads and writes the sidecar `<model>.modules.json`, which keeps the module tree if a tool drops metadata.

`sidecar.types` declares its format. Some fields follow from others (`kind`, `depth`, `parent`, `children`,
`leaf`, `total_nodes`, `placement`, `kinds`, the nested `tree`). They serve programs that read the file
without this library; `read` ignores them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rewriter.errors import UnreadableModel
from rewriter.model.storage import sidecar_path
from rewriter.modules.analysis import Analysis
from rewriter.modules.module_tree import ModuleTree, Placement
from rewriter.modules.totals import totals
from rewriter.paths import ROOT, ModulePath
from rewriter.views.escape import as_text
from rewriter.views.json.parts import folded_json, parameter_json, placement_json, reference_json
from rewriter.views.json.types import JsonObject
from rewriter.views.sidecar.checked_fields import JsonFields
from rewriter.views.sidecar.tree import tree_of
from rewriter.views.summary import subtree_sizes, summarize

SCHEMA = sidecar_path.SCHEMA
NESTED = 60
"""Maximum depth of the nested tree: a level takes two levels of JSON, and strict parsers stop at 128."""


@dataclass(frozen=True)
class Sidecar:
    """Content of a sidecar.

    Attributes:
        file: name of the model file without its folder; None for a model in memory.
        producer: name and version of the exporter.
        opset: version of the default domain; None if it is not imported.
        opsets: domain -> version.
        initializers: number of initializers in the model.
        tree: the modules, their parameters and the placements of nodes.
        node_names: module -> names of its own nodes, in file order.
        value_names: module -> names of the values that these nodes write.
    """

    file: str | None
    producer: str
    opset: int | None
    opsets: Mapping[str, int]
    initializers: int
    tree: ModuleTree
    node_names: Mapping[ModulePath, tuple[str, ...]]
    value_names: Mapping[ModulePath, tuple[str, ...]]


def write(analysis: Analysis) -> str:
    """Return the sidecar of a model: JSON with one module per line; equal analyses give equal text."""
    parts = {
        "schema": json.dumps(SCHEMA),
        "export": json.dumps(_export(analysis)),
        "placement": json.dumps(placement_json(analysis.tree)),
        "kinds": json.dumps(_kinds(analysis.tree)),
        "modules": "[\n" + ",\n".join(_modules(analysis)) + "\n]",
        "tree": "".join(_nested(analysis.tree)),
    }
    return "{\n" + ",\n".join(f'"{key}": {text}' for key, text in parts.items()) + "\n}\n"


def read(source: Path | str) -> Sidecar:
    """Read a sidecar.

    Args:
        source: the path of the file, or its text, which begins with a brace.

    Raises:
        UnreadableModel: the file cannot be read, is not JSON, has another schema, or is inconsistent.
    """
    text, name = _text_of(source)
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableModel(
            f"{name}: not JSON ({type(error).__name__}); write the sidecar again from its model"
        ) from None
    top = JsonFields(loaded, name)
    if top.get("schema") != SCHEMA:
        raise UnreadableModel(f"{name}: its schema is not {SCHEMA}; write the sidecar again from its model")
    export, modules = top.object("export"), top.objects("modules")
    tree = tree_of(top, modules, export.count("nodes"))
    return Sidecar(
        file=None if export.get("file") is None else export.text("file"),
        producer=export.text("producer"),
        opset=None if export.get("opset") is None else export.integer("opset"),
        opsets=export.integers("opsets"),
        initializers=export.count("initializers"),
        tree=tree,
        node_names={path: entry.texts("nodes") for path, entry in zip(tree.modules, modules, strict=True)},
        value_names={path: entry.texts("values") for path, entry in zip(tree.modules, modules, strict=True)},
    )


def _text_of(source: Path | str) -> tuple[str, str]:
    """Return the text of a sidecar, and its name in errors."""
    if isinstance(source, str) and source.lstrip().startswith("{"):
        return source, "sidecar"
    try:
        return Path(source).read_text("utf-8"), str(source)
    except FileNotFoundError:
        raise UnreadableModel(f"{source}: no such file; check the path") from None
    except OSError as error:
        raise UnreadableModel(f"{source}: cannot be read: {error.strerror}; check its permissions") from None
    except ValueError:
        raise UnreadableModel(
            f"{source}: not UTF-8 text, so not a sidecar; check which file this is"
        ) from None


def _export(analysis: Analysis) -> JsonObject:
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
