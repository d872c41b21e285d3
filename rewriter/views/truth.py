"""Reads the true modules of nodes from a file, to judge witnesses."""

from __future__ import annotations

import json
from pathlib import Path

from rewriter.paths import ModulePath
from rewriter.refusals import UnreadableModel
from rewriter.views.sidecar import document as sidecar
from rewriter.views.sources import Truth


def read_truth(path: Path, model: str = "") -> Truth:
    """The true modules of nodes, by the nodes' names.

    Args:
        path: a sidecar (`*.modules.json`); or JSON `{"node name": "module.path", ...}`; or such an object
            under `nodes`, or, for several models, under `files`, `<model>`, `nodes`. Instead of a path, a
            stand that begins with one.
        model: the name of the model's file without its suffix.

    Raises:
        UnreadableModel: the file is missing or is none of these.
    """
    try:
        loaded = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableModel(f"{path}: no readable truth ({error}); give a JSON file") from None
    if isinstance(loaded, dict) and loaded.get("schema") == sidecar.SCHEMA:
        known = sidecar.read(path)
        return {name: module for module, names in known.node_names.items() for name in names if name}
    try:
        aliases = {
            alias: ModulePath(each["path"])
            for each in loaded.get("modules", ())
            for alias in each.get("aliases", ())
        }
        nodes = loaded["files"][model]["nodes"] if "files" in loaded else loaded.get("nodes", loaded)
        places = {name: ModulePath(at if isinstance(at, str) else at[0]) for name, at in nodes.items()}
    except (AttributeError, IndexError, KeyError, TypeError):
        raise UnreadableModel(
            f'{path}: tells no places of {model or "nodes"}; give {{"node name": "module.path"}} or a sidecar'
        ) from None
    return {name: aliases.get(place, place) for name, place in places.items()}
