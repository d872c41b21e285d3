"""Finds the files of a batch and their targets; the output folder mirrors the folders of the sources."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import NamedTuple

from rewriter.basics.nearest import fits_nothing
from rewriter.batch import remote
from rewriter.errors import UnreadableModel, UsageError
from rewriter.model.storage.digests import locations_of
from rewriter.model.storage.external_data import is_inside
from rewriter.model.storage.sidecar_path import sidecar_path

_SUFFIX = ".onnx"


class FileJob(NamedTuple):
    """One file of a batch: its path or URL, and its target relative to the output folder, with `/`."""

    source: str
    target: str


def find(sources: Sequence[str], output: str) -> tuple[FileJob, ...]:
    """Return the files that sources name, in the order of their targets.

    A folder names every `.onnx` file below it; a local folder names no hidden file and no file in a hidden
    folder. The target is the path relative to that folder. For a glob, the target is the path relative to the
    part of the glob without wildcards. The target of a single file is its name. Local folders and globs name
    no file in an output folder below them.

    Args:
        sources: files, folders, globs, and their URLs.
        output: the folder to write to, or its URL.

    Raises:
        UnreadableModel: a source other than a local glob does not exist or has no `.onnx` file, or a target
            would be outside of the output folder.
        UsageError: a local glob matches no model, two files would get one target, or a file would replace
            itself.
    """
    jobs: list[FileJob] = []
    for text in sources:
        found = list(_remote(text) if remote.is_url(text) else _local(remote.local(text), output))
        if not found and has_magic(text) and not remote.is_url(text) and not Path(text).is_dir():
            raise UsageError(fits_nothing(f"{_SUFFIX} file", text, _beside(Path(remote.local(text)))))
        if not found:
            raise UnreadableModel(f"{text}: holds no {_SUFFIX} file; check the path")
        jobs += found
    jobs = sorted(dict.fromkeys(jobs), key=lambda job: (job.target, job.source))
    _demand_apart(jobs)
    _demand_data_apart(jobs)
    _demand_elsewhere(jobs, output)
    return tuple(jobs)


def _local(text: str, output: str) -> Iterator[FileJob]:
    path = Path(text)
    if path.is_dir():
        yield from (_job(each, path) for each in _models_in(path, output))
    elif path.exists() or not has_magic(text):
        if not path.exists():
            raise UnreadableModel(f"{text}: no such file or folder; check the path")
        yield FileJob(text, path.name)
    else:
        base = Path(*_plain_part(path.parts))
        own = _own(output)
        for found in sorted(glob(text, recursive=True)):  # noqa: PTH207 - like shells, skips hidden files
            each = Path(found)
            single = [each] if each.suffix == _SUFFIX else []
            for model in _models_in(each, output) if each.is_dir() else single:
                if own is None or not model.resolve().is_relative_to(own):
                    yield _job(model, base)


def _beside(glob_path: Path) -> list[str]:
    """Return suggestions for a glob without a match: models below its part without wildcards.

    If that part is no folder, suggest the folders beside its first missing folder.
    """
    base = Path(*_plain_part(glob_path.parts))
    if base.is_dir():
        return [str(model) for model in _models_in(base, str(base / ".none"))]
    while not base.parent.is_dir():
        base = base.parent
    return [str(each) for each in sorted(base.parent.iterdir()) if each.is_dir() and each.name[0] != "."]


def _job(model: Path, base: Path) -> FileJob:
    return FileJob(str(model), model.relative_to(base).as_posix())


def _plain_part(parts: Sequence[str]) -> tuple[str, ...]:
    magic = next(number for number, part in enumerate(parts) if has_magic(part))
    return tuple(parts[:magic])


def _own(output: str) -> Path | None:
    """Return the local output folder, which is excluded from the sources; None for a URL."""
    return None if remote.is_url(output) else Path(remote.local(output)).resolve()


def _models_in(folder: Path, output: str) -> list[Path]:
    own = _own(output)
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and (own is None or (Path(place) / name).resolve() != own)
        ]
        found += (Path(place) / name for name in files if name.endswith(_SUFFIX) and name[0] != ".")
    return sorted(found)


def _remote(url: str) -> Iterator[FileJob]:
    for found, base in remote.find(url, _SUFFIX):
        target = found.partition("?")[0].rpartition("/")[2] if base is None else found[len(base) :]
        if not is_inside(target):
            raise UnreadableModel(f"{found}: would lie outside of the output; name the file itself")
        yield FileJob(found, target)


def _demand_apart(jobs: Iterable[FileJob]) -> None:
    taken: dict[str, str] = {}
    for job in jobs:
        for name in dict.fromkeys((job.target, sidecar_path(Path(job.target)).as_posix())):
            other = taken.setdefault(name, job.source)
            if other != job.source:
                raise UsageError(
                    f"{other} and {job.source} would both become {name}; name the folder that both are in, "
                    "or a glob in quotes, so that they keep their places"
                )


def _demand_data_apart(jobs: Iterable[FileJob]) -> None:
    """Refuse two files of external data that would be copied to one target.

    The later copy would get another name, and the order of copies is not deterministic.
    """
    homes: dict[str, dict[Path, list[Path]]] = {}
    for job in jobs:
        if not remote.is_url(job.source):
            model = Path(remote.local(job.source))
            target = job.target.rpartition("/")[0]
            homes.setdefault(target, {}).setdefault(model.parent, []).append(model)
    for folders in homes.values():
        taken: dict[str, Path] = {}
        for folder, models in folders.items() if len(folders) > 1 else ():
            for name in dict.fromkeys(name for model in models for name in _locations_of(model)):
                if (other := taken.setdefault(name, folder)) != folder:
                    raise UsageError(
                        f"{other / name} and {folder / name} would both become {name}; name the folder that "
                        "both are in, so that they keep their places"
                    )


def _locations_of(path: Path) -> tuple[str, ...]:
    try:
        return locations_of(path)
    except OSError:  # the rewrite of this file reports the error
        return ()


def _demand_elsewhere(jobs: Iterable[FileJob], output: str) -> None:
    if remote.is_url(output):
        return
    for job in jobs:
        target = Path(remote.local(output)) / job.target
        if not remote.is_url(job.source) and target.exists() and target.samefile(job.source):
            raise UsageError(f"{job.source}: would be replaced by its own output; name another folder by -o")
