"""Copies of external data: their names, and which older ones nothing refers to any more."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from onnx import ModelProto, TensorProto

from rewriter.model.external import tensors_of
from rewriter.refusals import CannotWrite, UnreadableModel

_CHUNK = 16 << 20
_DIGITS = 16
_NAMED = re.compile(rf"(.+?)\.[0-9a-f]{{{_DIGITS}}}(\.[^.]*)?")
"""`model.onnx.0123456789abcdef.data`: a copy that bears the digest of its content."""
_LARGEST_MODEL = 2 << 30
"""Bytes: the limit of protobuf. What is larger refers to nothing."""


class Watched:
    """Files as they stood at first; tells whether one was replaced or written to since."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._seen = {path: _state(path) for path in paths}

    def check(self) -> None:
        """Raise where one has changed.

        Raises:
            UnreadableModel: which one.
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
    """External data on its way to another folder.

    Attributes:
        files: target -> source of every file to copy. A target that is there already is never replaced.
        renamed: location in the model -> location in the written one, where that is another.
        there: copies that were made earlier and serve again.
        watched: the files that are read, as they stood when the copies were planned.
    """

    files: Mapping[Path, Path] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    there: tuple[Path, ...] = ()
    watched: Watched = field(default_factory=lambda: Watched(()))

    def check(self) -> None:
        """Raise where the plan no longer holds.

        Raises:
            UnreadableModel: a file that is read has changed.
            CannotWrite: another run removed a copy that was to serve again.
        """
        self.watched.check()
        for path in self.there:
            if not path.exists():
                raise CannotWrite(f"{path}: another run has removed it meanwhile; run again")

    def relocated(self, model: ModelProto) -> ModelProto:
        """The model with the new locations; the model itself where none is new."""
        if not self.renamed:
            return model
        moved = ModelProto()
        moved.CopyFrom(model)
        for tensor in tensors_of(moved):
            if tensor.data_location == TensorProto.EXTERNAL:
                for entry in tensor.external_data:
                    if entry.key == "location":
                        entry.value = self.renamed.get(entry.value, entry.value)
        return moved


def copies_to(home: Path, model: Path, data: Collection[str]) -> Copies:
    """Name the copies: as their source, or by their content where other data has that name already.

    Data that is there is never replaced, since an old model refers to it until a new one takes its place.

    Args:
        home: the folder to write to.
        model: the file that is read.
        data: its external data, relative to its folder.
    """
    origin = model.parent
    files, renamed, there = {}, {}, []
    for name in data:
        source, target = origin / name, home / name
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
    watched = Watched((model, *(origin / name for name in data)))
    return Copies(files, renamed, tuple(there), watched)


def _by_content(target: Path, source: Path, *, only_there: bool = False) -> Path:
    """The name beside `target` that tells the content; `only_there`: `target` where there is no such file."""
    known = _NAMED.fullmatch(target.name)
    stem, suffix = (known[1], known[2] or "") if known else (target.stem, target.suffix)
    if only_there and not any(_is_copy_of(path, stem, suffix) for path in _named_in(target.parent)):
        return target
    named = target.with_name(f"{stem}.{_digest(source)[:_DIGITS]}{suffix}")
    return target if only_there and not named.exists() else named


def _is_copy_of(path: Path, stem: str, suffix: str) -> bool:
    known = _NAMED.fullmatch(path.name)
    return known is not None and (known[1], known[2] or "") == (stem, suffix)


def _named_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAMED.fullmatch(path.name) and path.is_file())


def referred(models: Iterable[Path], folders: Iterable[Path]) -> list[Path]:
    """Copies named by content in `folders` that one of the models, all in one folder, mentions."""
    named = [path for folder in sorted(set(folders)) for path in _named_in(folder)]
    there = [model for model in models if model.is_file()]
    return [path for path in named if any(_mentions(model, path.name) for model in there)]


def remove_unused(copies: Iterable[Path], home: Path) -> None:
    """Remove those of the copies that no file in `home` mentions."""
    for copy in copies:
        others = (path for path in home.iterdir() if path.is_file() and path != copy)
        if not any(_mentions(path, copy.name) for path in others if path.stat().st_size < _LARGEST_MODEL):
            copy.unlink(missing_ok=True)


def _mentions(path: Path, name: str) -> bool:
    """Whether the bytes of a file hold a name; read in slices, whatever its size."""
    sought = name.encode("utf-8", "surrogateescape")
    tail = b""
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            if sought in tail + chunk:
                return True
            tail = chunk[-len(sought) :]
    return False


def same_content(left: Path, right: Path) -> bool:
    """Whether two files hold the same bytes; compared to the first difference."""
    if left.samefile(right):
        return True
    if not left.is_file() or left.stat().st_size != right.stat().st_size:
        return False
    with left.open("rb") as ours, right.open("rb") as theirs:
        while chunk := ours.read(_CHUNK):
            if chunk != theirs.read(_CHUNK):
                return False
    return True


def _digest(path: Path) -> str:
    """BLAKE2b of the content; it only names the copy, contents are compared."""
    digest = hashlib.blake2b(digest_size=32)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
