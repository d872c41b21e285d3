"""Plans copies of external data: the files to copy, and the names of the copies."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from onnx import ModelProto, TensorProto

from rewriter.errors import CannotWrite, UnreadableModel
from rewriter.model.storage.external_data import tensors_of
from rewriter.model.storage.packing import Packing
from rewriter.model.storage.staging import Source, chunks_of, digest_of, size_of

_DIGITS = 16
_NAMED = re.compile(rf"(.+?)\.([0-9a-f]{{{_DIGITS}}})(\.[^.]*)?")
"""`model.onnx.0123456789abcdef.data`: a copy with the digest of its content in its name."""


class Watched:
    """State of files when first seen; `check` finds files that were replaced or written to since."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._seen = {path: _state(path) for path in paths}

    def __contains__(self, path: Path) -> bool:
        """Whether a path leads to one of the files."""
        return path.resolve() in {each.resolve() for each in self._seen}

    def check(self) -> None:
        """Raise an error if a file has changed.

        Raises:
            UnreadableModel: a file has changed; the message names it.
        """
        for path, seen in self._seen.items():
            if _state(path) != seen:
                raise UnreadableModel(
                    f"{path}: changed while it was read; nothing was written, run again once it is complete"
                )


def _state(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@dataclass(frozen=True, slots=True)
class Copies:
    """Plan of the copies of external data to another folder.

    Attributes:
        files: target -> content of every file to write. An existing target is never replaced.
        renamed: planned location of a data file -> its location in the written model, if they differ.
        there: existing copies of earlier runs that are used again.
        watched: the source files, as they were when the copies were planned.
        packing: layout of the data files; None if they are copies of whole files.
    """

    files: Mapping[Path, Source] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    there: tuple[Path, ...] = ()
    watched: Watched = field(default_factory=lambda: Watched(()))
    packing: Packing | None = None

    def check(self) -> None:
        """Raise an error if the plan no longer holds.

        Raises:
            UnreadableModel: a source file has changed.
            CannotWrite: another run removed a copy that was to be used again.
        """
        self.watched.check()
        for path in self.there:
            if not path.exists():
                raise CannotWrite(f"{path}: another run has removed it meanwhile; run again")

    def relocated(self, model: ModelProto) -> ModelProto:
        """Return a copy of the model with the new references; the model itself if no reference changes."""
        if not self.renamed and self.packing is None:
            return model
        moved = ModelProto()
        moved.CopyFrom(model)
        for tensor in tensors_of(moved):
            if tensor.data_location == TensorProto.EXTERNAL:
                if self.packing is not None:
                    self.packing.move(tensor)
                for entry in tensor.external_data:
                    if entry.key == "location":
                        entry.value = self.renamed.get(entry.value, entry.value)
        return moved


def copies_to(
    home: Path,
    model: Path,
    data: Collection[str],
    packing: Packing | None = None,
    contents: Mapping[str, Source] | None = None,
) -> Copies:
    """Plan copies of external data and their names.

    A copy has the name of its source, or the planned name of a packed file. If other data has that name, the
    copy has the digest of its content in its name. An existing copy with equal content is used again.
    Existing data is never replaced, since an old model refers to it until a new model takes its place.

    Args:
        home: the folder to write to.
        model: the file that is read.
        data: locations of its external data, relative to its folder.
        packing: the data files to write; None to copy the files of `data`.
        contents: their contents, if they differ from those of the packing.

    Raises:
        CannotWrite: a file has the digest of the data in its name, but other content.
    """
    origin = model.parent
    watched = Watched((model, *(origin / name for name in data)))
    sources: Mapping[str, Source] = {name: origin / name for name in data} if not packing else packing.files
    if contents is not None:
        sources = contents
    files, renamed, there = {}, {}, []
    for name, source in sources.items():
        target = home / name
        if target.exists() and not same_content(target, source):
            target = _by_content(target, source)
            renamed[name] = target.relative_to(home).as_posix()
        elif not target.exists() and (named := _by_content(target, source, only_there=True)) != target:
            target = named
            renamed[name] = target.relative_to(home).as_posix()
        if not target.exists():
            files[target] = source
        elif same_content(target, source):
            there.append(target)
        else:
            raise CannotWrite(f"{target}: does not hold what its name says; remove it")
    return Copies(files, renamed, tuple(there), watched, packing)


def _by_content(target: Path, source: Source, *, only_there: bool = False) -> Path:
    """Return `target` with the source's digest in its name.

    With `only_there`, return `target` itself if no file of that name exists.
    """
    known = _NAMED.fullmatch(target.name)
    stem, suffix = (known[1], known[3] or "") if known else (target.stem, target.suffix)
    if only_there and not any(_is_copy_of(path, stem, suffix) for path in named_in(target.parent)):
        return target
    named = target.with_name(f"{stem}.{digest_of(source)[:_DIGITS]}{suffix}")
    return target if only_there and not named.exists() else named


def _is_copy_of(path: Path, stem: str, suffix: str) -> bool:
    known = _NAMED.fullmatch(path.name)
    return known is not None and (known[1], known[3] or "") == (stem, suffix)


def digits_of(path: Path) -> str | None:
    """Return the hexadecimal digits of the content digest in a copy's file name; None for another name."""
    known = _NAMED.fullmatch(path.name)
    return known and known[2]


def named_in(folder: Path) -> list[Path]:
    """Return the copies in a folder that have the digest of their content in their name."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if digits_of(path) and path.is_file())


def same_content(left: Path, right: Source) -> bool:
    """Whether a file holds the same bytes as a content; reading stops at the first difference."""
    if isinstance(right, Path) and left.samefile(right):
        return True
    if not left.is_file() or left.stat().st_size != size_of(right):
        return False
    with left.open("rb") as ours:
        return all(ours.read(len(chunk)) == chunk for chunk in chunks_of(right)) and not ours.read(1)
