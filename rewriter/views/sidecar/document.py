"""Reads and writes the sidecar `<model>.modules.json`, which keeps the module tree if a tool drops metadata.

It has two forms: `compact` writes columns (`sidecar.column_types`), and `full` writes an object for each
module (`sidecar.types`) and fields that follow from others. Both hold the same tree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rewriter.errors import UnreadableModel
from rewriter.model.storage import sidecar_path
from rewriter.modules.analysis import Analysis
from rewriter.modules.module_tree import ModuleTree
from rewriter.paths import ModulePath
from rewriter.views.sidecar.checked_fields import JsonFields
from rewriter.views.sidecar.compact import write_compact
from rewriter.views.sidecar.compact_reader import ColumnReader
from rewriter.views.sidecar.full import write_full
from rewriter.views.sidecar.tree import tree_of


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


def write(analysis: Analysis, form: Literal["compact", "full"] = "compact") -> str:
    """Return the sidecar of a model as JSON; equal analyses give equal text."""
    return write_full(analysis) if form == "full" else write_compact(analysis)


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
    if top.get("schema") not in sidecar_path.SCHEMAS:
        known = " or ".join(sorted(sidecar_path.SCHEMAS))
        raise UnreadableModel(f"{name}: its schema is not {known}; write the sidecar again from its model")
    export = top.object("export")
    tree, node_names, value_names = _listed(top, export.count("nodes"))
    return Sidecar(
        file=None if export.get("file") is None else export.text("file"),
        producer=export.text("producer"),
        opset=None if export.get("opset") is None else export.integer("opset"),
        opsets=export.integers("opsets"),
        initializers=export.count("initializers"),
        tree=tree,
        node_names=node_names,
        value_names=value_names,
    )


_Names = Mapping[ModulePath, tuple[str, ...]]


def _listed(top: JsonFields, nodes: int) -> tuple[ModuleTree, _Names, _Names]:
    """Return the tree, and module -> names of its nodes and of the values that these write."""
    if top.get("schema") == sidecar_path.COMPACT:
        reader = ColumnReader(top, nodes)
        return reader.tree(), *reader.names()
    modules = top.objects("modules")
    tree = tree_of(top, modules, nodes)
    node_names, value_names = (
        {path: entry.texts(key) for path, entry in zip(tree.modules, modules, strict=True)}
        for key in ("nodes", "values")
    )
    return tree, node_names, value_names


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
