"""Locates the sidecar of a model, and recognises sidecars that this package wrote."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Final

FULL: Final = "rewriter.modules/1"
COMPACT: Final = "rewriter.modules/2"
SCHEMAS = frozenset({FULL, COMPACT})
"""The schemas of sidecars: each module is an object, or they are columns of tables."""


def sidecar_path(model: Path) -> Path:
    """Return the path of a model's sidecar: `bert.modules.json` for `bert.onnx`."""
    return model.with_suffix(".modules.json")


def stale_sidecars(outputs: Collection[Path]) -> list[Path]:
    """Return the sidecars beside outputs that earlier runs wrote and that are not outputs now.

    They describe models that the outputs replace. Other files under the name of a sidecar are left alone, and
    so are sidecars that were written for a model of another name.
    """
    beside = {sidecar_path(output): output for output in outputs}
    return [path for path, output in beside.items() if path not in outputs and _describes(path, output)]


def _describes(path: Path, model: Path) -> bool:
    """Whether a path is a regular file without other hard links, and a sidecar written for this model."""
    try:
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            return False
        told = json.loads(path.read_bytes())
        return bool(told["schema"] in SCHEMAS and told["export"]["file"] == model.name)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
