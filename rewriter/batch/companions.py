"""Copies files that match a glob, such as configs and tokenizers, from source folders to the output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from fnmatch import fnmatchcase
from pathlib import Path

from rewriter.basics.nearest import fits_nothing
from rewriter.batch import remote
from rewriter.errors import CannotWrite, UsageError
from rewriter.model.storage.atomic_outputs import write_atomically


def find(
    sources: Sequence[str], output: str, globs: Sequence[str], made: Set[Path] = frozenset()
) -> dict[Path, Path]:
    """Return matching file of a source folder -> its target, at the same place in the output folder.

    Hidden files, files in hidden folders, and files in the output folder do not match.

    Args:
        sources: the sources of the batch; only local folders are searched.
        output: the local folder to write to.
        globs: globs over file names.
        made: files that the batch makes, relative to the output folder; no file is copied over them.

    Raises:
        UsageError: the output is not a local folder, or a glob matches no file.
    """
    if not globs:
        return {}
    if remote.is_url(output):
        raise UsageError(
            f"{output}: --also copies between folders of this machine; copy these files yourself"
        )
    home = Path(remote.local(output))
    folders = [Path(remote.local(source)) for source in sources if not remote.is_url(source)]
    files = {
        path: home / path.relative_to(folder)
        for folder in folders
        if folder.is_dir()
        for path in _files_in(folder, home)
    }
    for glob in globs:
        if not any(fnmatchcase(path.name, glob) for path in files):
            names = [path.name for path in files if path.suffix != ".onnx"]
            raise UsageError(f"--also: {fits_nothing('file in the source folders', glob, names)}")
    taken = {home / path for path in made}
    return {
        path: target
        for path, target in files.items()
        if target not in taken and any(fnmatchcase(path.name, glob) for glob in globs)
    }


def copy(files: Mapping[Path, Path]) -> None:
    """Copy files whose targets are missing or have another content.

    Args:
        files: file -> its target.

    Raises:
        CannotWrite: a file cannot be written.
    """
    for source, target in files.items():
        _copy(source, target)


def _files_in(folder: Path, home: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if not hidden and path.is_file() and not path.resolve().is_relative_to(home.resolve()):
            yield path


def _copy(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        data = source.read_bytes()
        if not target.exists() or target.read_bytes() != data:
            write_atomically({target: data})
    except OSError as error:
        raise CannotWrite(f"{target}: cannot be copied: {error.strerror}; check the folder") from None
