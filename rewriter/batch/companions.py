"""Files that lie with models and are none, such as configs and tokenizers: copied where a glob asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from rewriter.batch import remote
from rewriter.model.outputs import write_atomically
from rewriter.refusals import CannotWrite, UsageError


def copy(sources: Sequence[str], output: str, globs: Sequence[str]) -> None:
    """Copy files of source folders to the same place below the output folder.

    Args:
        sources: what the batch was of; only local folders have such files.
        output: the local folder that was written to.
        globs: of file names.

    Raises:
        UsageError: the output lies elsewhere.
        CannotWrite: a file cannot be written.
    """
    if not globs:
        return
    if remote.is_url(output):
        raise UsageError(
            f"{output}: --also copies between folders of this machine; copy these files yourself"
        )
    home = Path(remote.local(output))
    for source in sources:
        folder = Path(remote.local(source))
        if remote.is_url(source) or not folder.is_dir():
            continue
        for path in _files_in(folder, home, globs):
            _copy(path, home / path.relative_to(folder))


def _files_in(folder: Path, home: Path, globs: Sequence[str]) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        fits = any(fnmatchcase(path.name, glob) for glob in globs)
        if fits and not hidden and path.is_file() and not path.resolve().is_relative_to(home.resolve()):
            yield path


def _copy(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        data = source.read_bytes()
        if not target.exists() or target.read_bytes() != data:
            write_atomically({target: data})
    except OSError as error:
        raise CannotWrite(f"{target}: cannot be copied: {error.strerror}; check the folder") from None
