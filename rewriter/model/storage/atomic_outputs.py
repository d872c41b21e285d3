"""Checks the targets of outputs, and writes them atomically."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from rewriter.basics import interrupts
from rewriter.model.storage.data_copies import Copies, Watched, copies_to, same_content
from rewriter.model.storage.sidecar_path import sidecar_path, stale_sidecars
from rewriter.model.storage.staging import Content, Staged, locked, stage, sweep, sync
from rewriter.model.storage.stale_copies import copies_of, remove_unused
from rewriter.refusals import CannotWrite, UsageError


def plan_copies(
    source: Path | None, targets: Sequence[Path], data: Collection[str], *, copy_data: bool
) -> Copies:
    """Refuse targets that cannot be written or would destroy a file, and plan the copies of external data.

    Args:
        source: the source model; None for one in memory.
        targets: the files to write, all in one folder.
        data: the external data of the model, relative to its folder.
        copy_data: whether the data may be copied if the targets lie in another folder.

    Returns:
        The files to copy, with their targets.

    Raises:
        CannotWrite: a target cannot be written.
        UsageError: a target would replace an input, or leave the data behind.
    """
    home = targets[0].parent
    _demand_folder(targets[0], home)
    for target in targets:
        _spare_inputs(target, source, data)
    if source is None:
        return Copies()
    origin = source.parent
    if not data or home.resolve() == origin.resolve():
        return Copies(watched=Watched((source, *(origin / name for name in data))))
    if not copy_data:
        raise UsageError(f"{targets[0]}: the weights lie in {origin}; write beside them, or add --copy-data")
    for name in data:
        _demand_folder(home / name, (home / name).parent)
    return copies_to(home, source, data)


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


_OF_DEVICES = (Path("/dev"), Path("/dev/fd"))
_OF_THE_SYSTEM = (Path("/proc"), Path("/sys"))
"""Folders of devices and of the system: a file in place of one of their entries would break programs."""


def demand_file(target: Path) -> None:
    """Refuse targets that no file may replace: folders, devices, pipes, sockets, /dev/stdout.

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
        if any(target.resolve() == (folder / name).resolve() for name in data):
            raise UsageError(f"{target}: is the external data of the model; name another output")


def write_atomically(
    outputs: Mapping[Path, Content],
    copies: Copies | None = None,
    *,
    seal: Path | None = None,
) -> tuple[Path, ...]:
    """Write several files, each whole or not at all; every state of the disk in between is valid.

    Every file is first written and synced beside its target, so a full disk or an interrupt leaves the old
    files in place. Then the folders are locked against other runs, and files are renamed in this order:
    copies of data, to names that no file mentions yet; the outputs, after the old seal was removed; the new
    seal. So a model never stands beside the data, the seal or the sidecar of another model.

    Sidecars of earlier outputs are removed, see `sidecar_path`. Older copies of data that this package made
    and that no file mentions any more are removed too, see `stale_copies`.

    Args:
        outputs: target -> its bytes.
        copies: external data to copy; no source may have changed since these were planned.
        seal: the one of `outputs` that describes the others.

    Returns:
        The sidecars and the older copies that were removed.

    Raises:
        CannotWrite: a folder is missing or not writable, or the disk is full.
        UnreadableModel: an input changed since the copies were planned.
    """
    copies = copies or Copies()
    contents: dict[Path, Content | Path] = {**copies.files, **outputs}
    digests: dict[Path, str] = {}
    gone: list[Path] = []
    folders = {target.parent for target in contents}
    target = Path()
    with ExitStack() as temporaries:
        try:
            with locked(folders):
                staged = []
                for target in contents:
                    demand_file(target)
                    sweep(target)
                    staged.append(temporaries.enter_context(stage(target)))
            for each in staged:
                target = each.target
                content = contents[target]
                digests[target] = each.fill(content(digests) if callable(content) else content)
            # An interrupt between two renames would leave a model without its seal.
            with interrupts.held(), locked(folders):
                copies.check()
                old = copies_of(outputs, folders)
                _move_data(staged[: len(copies.files)])
                gone += stale_sidecars(outputs)
                _replace(staged[len(copies.files) :], seal, gone)
                for folder in {target.parent for target in outputs}:
                    gone += remove_unused(old, folder)
        except OSError as error:
            raise CannotWrite(
                f"{target}: cannot be written: {error.strerror}; check the folder, its permissions and space"
            ) from None
    return tuple(gone)


def _move_data(staged: Sequence[Staged]) -> None:
    """Rename copies of data to their targets; an existing target must have the same content."""
    for each in staged:
        each.stream.close()
        if not each.target.exists():
            each.path.replace(each.target)
            sync(each.target.parent)
        elif not same_content(each.target, each.path):
            raise CannotWrite(f"{each.target}: another run has written other data there; run again")


def _replace(staged: Sequence[Staged], seal: Path | None, stale: Sequence[Path]) -> None:
    """Move outputs to their targets, after removing the old seal and stale sidecars.

    If the first output cannot be moved, the removed files are restored.
    """
    ordered = sorted(staged, key=lambda each: each.target == seal)
    old = [seal, *stale] if seal is not None and len(ordered) > 1 else stale
    asides: dict[Path, Path] = {}
    for number, each in enumerate(ordered):
        each.stream.close()
        try:
            if number == 0:
                for path in filter(Path.exists, old):
                    aside = ordered[-1].path.with_suffix(f".{len(asides)}.tmp")
                    path.replace(aside)
                    asides[path] = aside
            each.path.replace(each.target)
        except OSError:
            if number == 0:
                for path, aside in asides.items():
                    aside.replace(path)
            raise
    # Renames in a folder reach the disk in order, so one sync is enough; more would delay the new seal.
    for folder in {each.target.parent for each in ordered}:
        sync(folder)
    for aside in asides.values():
        aside.unlink()
