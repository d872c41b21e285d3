"""Finds the config of transformers that lies with a model, and makes it the reference."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

from rewriter.errors import UsageError
from rewriter.evidence.reference.sources import CONFIG, of_text, read_json
from rewriter.evidence.side_inputs import Given

_LARGEST_CONFIG = 16 << 20
"""Size in bytes of the largest config that is read although no option names it."""


def config_beside(model: Path) -> Path | None:
    """Return the path of the transformers config that belongs to a model; None without one.

    Exporters of transformers put it into the folder of the model, or into the parent of a folder named
    `onnx`. The result is also None if transformers is not installed.
    """
    folders = [model.parent, *([model.parent.parent] if model.parent.resolve().name == "onnx" else [])]
    for path in (folder / CONFIG for folder in folders):
        try:
            if path.is_file() and path.stat().st_size <= _LARGEST_CONFIG and "model_type" in read_json(path):
                return path if importlib.util.find_spec("transformers") is not None else None
        except (OSError, UsageError):  # a config of another library
            continue
    return None


def with_config(given: Given, model: Path) -> Given:
    """Add the config beside the model as the reference, unless a reference is given.

    No option names this config: if it cannot be built or does not fit, the result is a remark, not an error.

    Args:
        given: the evidence that users gave.
        model: the file that will be read.
    """
    path = None if given.references else config_beside(model)
    if path is None:
        return given
    try:
        references = of_text(str(path))
    except UsageError as error:
        return replace(given, remarks=(f"{error}; it lies with the model, and was not used",))
    remark = f"{path}: it lies with the model, so it is the reference; --no-config leaves it out"
    return replace(given, references=references, found=True, remarks=(remark,))
