"""Reads the true modules of nodes from a file, to judge witnesses."""

from __future__ import annotations

import json
from pathlib import Path

from rewriter.errors import UnreadableModel
from rewriter.model.storage.sidecar_path import SCHEMAS
from rewriter.paths import ModulePath
from rewriter.views.sidecar import document as sidecar
from rewriter.views.witness_agreement import Truth


def read_truth(path: Path, model: str = "") -> Truth:
    """Read the true modules of nodes, by names of nodes.

    Args:
        path: a sidecar (`*.modules.json`), or a JSON object `{"node name": "module.path", ...}`, or a file
            with such an object at `nodes` or, for several models, at `files`, `<model>`, `nodes`. A list
            whose first element is the module path may stand for the module path. `modules` may list other
            paths of a module as `aliases` of its `path`.
        model: name of the model file without its suffix.

    Raises:
        UnreadableModel: the file is missing or has none of these forms.
    """
    try:
        loaded = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableModel(f"{path}: no readable truth ({error}); give a JSON file") from None
    if isinstance(loaded, dict) and loaded.get("schema") in SCHEMAS:
        known = sidecar.read(path)
        return {name: module for module, names in known.node_names.items() for name in names if name}
    try:
        aliases = {
            alias: _path(each["path"])
            for each in loaded.get("modules", ())
            for alias in each.get("aliases", ())
        }
        nodes = loaded["files"][model]["nodes"] if "files" in loaded else loaded.get("nodes", loaded)
        places = {name: _path(at if isinstance(at, str) else at[0]) for name, at in nodes.items()}
    except (AttributeError, IndexError, KeyError, TypeError):
        raise UnreadableModel(
            f"{path}: states no modules of {model or 'nodes'}; give a sidecar or "
            '{"node name": "module.path"}'
        ) from None
    return {name: aliases.get(place, place) for name, place in places.items()}


def _path(text: object) -> ModulePath:
    """Return a module path from JSON.

    Raises:
        TypeError: it is no text.
    """
    if not isinstance(text, str):
        raise TypeError
    return ModulePath(text)
