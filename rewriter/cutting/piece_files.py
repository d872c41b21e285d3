"""Writes pieces and copies of their external data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from onnx import ModelProto

from rewriter.model.storage import atomic_outputs, external_data, output_targets
from rewriter.model.storage.data_copies import Copies
from rewriter.model.storage.staging import Content
from rewriter.model.storage.stale_copies import content_of
from rewriter.modules.analysis import Analysis


def plan_data(analysis: Analysis, models: Mapping[Path, ModelProto], *, copy_data: bool) -> Copies:
    """Plan the copies of external data, and refuse targets that cannot be written.

    Only the ranges that the pieces read are copied.

    Args:
        analysis: the model that the pieces were cut from.
        models: the file to write -> the piece, all in one folder.
        copy_data: whether data may be copied if the files are in another folder.

    Raises:
        CannotWrite: a target cannot be written.
        UsageError: a target would replace an input, or data must be copied and `copy_data` is False.
        UnreadableModel: external data is missing, too short or not allowed.
    """
    home = analysis.path or next(iter(models))
    data = dict.fromkeys(
        location for model in models.values() for location in external_data.check_external_data(model, home)
    )
    return output_targets.plan_packing(analysis.path, models, tuple(data), copy_data=copy_data)


def write_models(
    models: Mapping[Path, ModelProto], copies: Copies, note: tuple[Path, bytes] | None = None
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Write data, models and the file that describes the models.

    The describing file is removed first and written last, so it never describes other models.

    Returns:
        The written files, and the removed sidecars and data copies of earlier runs.
    """
    contents: dict[Path, Content] = {path: content_of(model, path, copies) for path, model in models.items()}
    if note is not None:
        contents[note[0]] = note[1]
    removed = atomic_outputs.write_atomically(contents, copies, seal=note[0] if note else None)
    return (*copies.files, *([note[0]] if note else ()), *models), removed
