"""Where outputs may go, and writing them whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from rewriter import interrupts
from rewriter.refusals import CannotWrite, UsageError

_CHUNK = 16 << 20


def plan_copies(
    source: Path | None, targets: Sequence[Path], data: Collection[str], *, copy_data: bool
) -> dict[Path, Path]:
    """Refuse early what would fail or destroy later, and say which external data is to be copied.

    Args:
        source: the model that is read; None for one in memory.
        targets: the files to write, all in one folder.
        data: the external data of the model, relative to its folder.
        copy_data: whether the data may be copied where the targets lie in another folder.

    Returns:
        target -> source of every data file to copy.

    Raises:
        CannotWrite: a target cannot be written, or other data is in the way of a copy.
        UsageError: a target would replace an input, or leave the data behind.
    """
    home = targets[0].parent
    _demand_folder(targets[0], home)
    for target in targets:
        _spare_inputs(target, source, data)
    if source is None or not data or home.resolve() == source.parent.resolve():
        return {}
    if not copy_data:
        raise UsageError(
            f"{targets[0]}: the weights lie in {source.parent}; write beside them, or add --copy-data"
        )
    copies = {home / name: source.parent / name for name in data}
    for target, origin in copies.items():
        _demand_folder(target, target.parent)
        if target.exists() and not same_content(target, origin):
            raise CannotWrite(f"{target}: other data is there already; choose another folder or remove it")
    return {target: origin for target, origin in copies.items() if not target.exists()}


def _demand_folder(target: Path, folder: Path) -> None:
    if not folder.is_dir():
        raise CannotWrite(f"{target}: the folder {folder} does not exist; create it first")
    if not os.access(folder, os.W_OK):
        raise CannotWrite(f"{target}: the folder {folder} is not writable; choose another")


def _spare_inputs(target: Path, source: Path | None, data: Collection[str]) -> None:
    if target.is_dir():
        raise CannotWrite(f"{target}: is a folder; name the file to write")
    if source and target.exists() and target.samefile(source):
        raise UsageError(f"{target}: is the input; name another output, inputs are never changed")
    for folder in {source.parent if source else target.parent, target.parent}:
        if any(target.resolve() == (folder / name).resolve() for name in data):
            raise UsageError(f"{target}: is the external data of the model; name another output")


def same_content(left: Path, right: Path) -> bool:
    """Whether two files hold the same bytes; compared to the first difference."""
    if left.samefile(right):
        return True
    if left.stat().st_size != right.stat().st_size:
        return False
    with left.open("rb") as ours, right.open("rb") as theirs:
        while chunk := ours.read(_CHUNK):
            if chunk != theirs.read(_CHUNK):
                return False
    return True


def write_atomically(outputs: Mapping[Path, bytes | Path]) -> None:
    """Write several files, each whole or not at all, in the order given.

    Every file is first written beside its target and synced, so a full disk or an interrupt leaves the old
    ones standing; only then are they renamed into place, so the last one (the model) is never newer than
    what it refers to.

    Args:
        outputs: target -> its bytes, or the file to copy.

    Raises:
        CannotWrite: a folder is missing or not writable, or the disk is full.
    """
    with contextlib.ExitStack() as temporaries:
        target = Path()
        try:
            written = []
            for target, content in outputs.items():
                if target.is_dir():
                    raise CannotWrite(f"{target}: is a folder; name the file to write")
                written.append((temporaries.enter_context(_beside(target, content)), target))
            # An interrupt between two renames would leave a sidecar without its model.
            with interrupts.held():
                for temporary, target in written:
                    temporary.replace(target)
                    _sync(target.parent)
        except OSError as error:
            raise CannotWrite(
                f"{target}: cannot be written: {error.strerror}; check the folder, its permissions and space"
            ) from None


@contextlib.contextmanager
def _beside(target: Path, content: bytes | Path) -> Iterator[Path]:
    """A synced temporary file with `content` in the folder of `target`; gone afterwards unless renamed."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("xb") as stream:
            if isinstance(content, Path):
                with content.open("rb") as source:
                    shutil.copyfileobj(source, stream, _CHUNK)
            else:
                stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, where the system lets a folder be synced."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
