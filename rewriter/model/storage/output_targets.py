"""Checks the targets of outputs, and plans the copies of external data that go with them."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from onnx import ModelProto

from rewriter.errors import CannotWrite, UsageError
from rewriter.model.storage.data_copies import Copies, Watched, copies_to
from rewriter.model.storage.external_data import is_inside
from rewriter.model.storage.packing import pack
from rewriter.model.storage.sidecar_path import sidecar_path

_OF_DEVICES = (Path("/dev"), Path("/dev/fd"))
_OF_THE_SYSTEM = (Path("/proc"), Path("/sys"))
"""Folders of devices and of the system: a file in place of one of their entries would break programs."""


def plan_copies(
    source: Path | None,
    targets: Sequence[Path],
    data: Collection[str],
    *,
    copy_data: bool,
    read_by: ModelProto | None = None,
) -> Copies:
    """Refuse targets that cannot be written or would replace an input, and plan the copies of external data.

    Data files are copied as they are. If they hold more than one model reads, the ranges that it reads are
    packed into one new file instead.

    Args:
        source: the source model; None for one in memory.
        targets: the files to write, all in one folder.
        data: the external data of the model, relative to its folder.
        copy_data: whether the data may be copied if the targets lie in another folder.
        read_by: the only model that will read the copies, the first of the targets; None if there may be
            others.

    Returns:
        The plan of the copies, without files if none have to be copied.

    Raises:
        CannotWrite: a target cannot be written.
        UsageError: a target would replace an input, or leave the data behind.
    """
    away = _data_away(source, targets, data, copy_data=copy_data)
    if away is None:
        return _no_copies(source, data)
    home = targets[0].parent
    packing = None if read_by is None else pack({targets[0].name: read_by}, away.parent)
    if packing is not None and packing.size < sum((away.parent / name).stat().st_size for name in data):
        return copies_to(home, away, data, packing)
    for name in data:
        _demand_folder(home / name, (home / name).parent)
    return copies_to(home, away, data)


def plan_packing(
    source: Path | None, models: Mapping[Path, ModelProto], data: Collection[str], *, copy_data: bool
) -> Copies:
    """Do the same as `plan_copies`, but copy only the ranges of the data that the models to write read.

    Args:
        source: see `plan_copies`.
        models: the file to write -> its model, all in one folder.
        data: the external data of the models, relative to the folder of the source. If the targets lie in
            that folder, only data outside of it is copied.
        copy_data: see `plan_copies`.

    Raises:
        CannotWrite: see `plan_copies`.
        UsageError: see `plan_copies`.
    """
    targets = tuple(models)
    named = {target.name: model for target, model in models.items()}
    away = _data_away(source, targets, data, copy_data=copy_data)
    if away is not None:
        return copies_to(targets[0].parent, away, data, pack(named, away.parent))
    origin = source or targets[0]
    inside = {name for name in data if is_inside(name)}
    if outside := [name for name in data if name not in inside]:
        folder = (origin.parent / outside[0]).resolve().parent
        if not copy_data:
            raise UsageError(f"{targets[0]}: some weights lie in {folder}; add --copy-data to copy them")
        return copies_to(targets[0].parent, origin, outside, pack(named, origin.parent, inside))
    return _no_copies(source, data)


def _data_away(
    source: Path | None, targets: Sequence[Path], data: Collection[str], *, copy_data: bool
) -> Path | None:
    """Check the targets; return the source if its data lies in another folder, so that it must be copied."""
    demand_targets(source, targets, data)
    home = targets[0].parent
    if source is None or not data or home.resolve() == source.parent.resolve():
        return None
    if not copy_data:
        raise UsageError(
            f"{targets[0]}: the weights lie in {source.parent}; write beside them, or add --copy-data"
        )
    return source


def demand_targets(source: Path | None, targets: Sequence[Path], data: Collection[str]) -> None:
    """Refuse targets that cannot be written or would replace an input.

    Args:
        source: the source model; None for one in memory.
        targets: the files to write, all in one folder.
        data: the external data of the model, relative to its folder.

    Raises:
        CannotWrite: a target cannot be written.
        UsageError: a target would replace an input.
    """
    _demand_folder(targets[0], targets[0].parent)
    for target in targets:
        _spare_inputs(target, source, data)


def _no_copies(source: Path | None, data: Collection[str]) -> Copies:
    read = (source, *(source.parent / name for name in data)) if source is not None else ()
    return Copies(watched=Watched(read))


def spare_given(output: Path, **told: object) -> None:
    """Refuse an output that would replace a file that an option reads.

    Args:
        output: the model to write; its sidecar lies beside it.
        told: option -> its value; a value that is not the path of an existing file is ignored.

    Raises:
        UsageError: the output or its sidecar is such a file.
    """
    for option, what in told.items():
        if isinstance(what, str | os.PathLike):
            for target in (output, sidecar_path(output)):
                if target.exists() and Path(what).exists() and target.samefile(what):
                    raise UsageError(f"{target}: is the file that --{option} reads; name another output")


def _demand_folder(target: Path, folder: Path) -> None:
    if not folder.is_dir():
        raise CannotWrite(f"{target}: the folder {folder} does not exist; create it first")
    if not os.access(folder, os.W_OK):
        raise CannotWrite(f"{target}: the folder {folder} is not writable; choose another")


def demand_file(target: Path) -> None:
    """Refuse targets that no file may replace: folders, devices, pipes, sockets, /dev/stdout, /proc and /sys.

    Raises:
        CannotWrite: the target is one of these.
    """
    if target.is_dir():
        raise CannotWrite(f"{target}: is a folder; name the file to write")
    home = target.parent.resolve()
    system = home in _OF_DEVICES or any(home.is_relative_to(folder) for folder in _OF_THE_SYSTEM)
    if system or (target.exists() and not target.is_file()):
        raise CannotWrite(f"{target}: is a device or a pipe, not a file; name a file to write")


def _spare_inputs(target: Path, source: Path | None, data: Collection[str]) -> None:
    demand_file(target)
    if source and target.exists() and source.exists() and target.samefile(source):
        raise UsageError(f"{target}: is the input; name another output, inputs are never changed")
    for folder in {source.parent if source else target.parent, target.parent}:
        places = [(folder / name).resolve() for name in data]
        if target.resolve() in places:
            raise UsageError(f"{target}: is the external data of the model; name another output")
        if any(place.is_relative_to(target.resolve()) for place in places):  # the data may be missing
            raise UsageError(f"{target}: is the folder of external data of the model; name another output")
