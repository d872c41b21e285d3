"""Writes outputs atomically."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from rewriter.basics import interrupts
from rewriter.errors import CannotWrite
from rewriter.model.storage.data_copies import Copies, same_content
from rewriter.model.storage.output_targets import demand_file
from rewriter.model.storage.sidecar_path import stale_sidecars
from rewriter.model.storage.staging import Content, Source, Staged, locked, stage, sweep, sync
from rewriter.model.storage.stale_copies import copies_of, remove_unused


def write_atomically(
    outputs: Mapping[Path, Content | Source],
    copies: Copies | None = None,
    *,
    seal: Path | None = None,
    check: Callable[[Mapping[Path, Path]], None] | None = None,
) -> tuple[Path, ...]:
    """Write several files, each whole or not at all; every state of the disk in between is valid.

    Every file is first written and synced beside its target, so a full disk or an interrupt leaves the old
    files in place. Then the folders are locked against other runs, and files are renamed in this order:
    copies of data, to names that no file mentions yet; the outputs, after the old seal was removed; the new
    seal. So a model never stands beside the data, the seal or the sidecar of another model.

    Sidecars of earlier outputs are removed, see `sidecar_path`. Older copies of data that this package made
    and that no file mentions any more are removed too, see `stale_copies`; the files that were read stay.

    Args:
        outputs: target -> its bytes.
        copies: external data to copy; no source may have changed since these were planned.
        seal: the one of `outputs` that describes the others.
        check: called with target -> its complete temporary file, before any file is renamed; if it raises an
            error, the old files stay.

    Returns:
        The sidecars and the older copies that were removed.

    Raises:
        CannotWrite: a file cannot be written, a target is a folder or device, or another run holds a lock or
            has changed the copies.
        UnreadableModel: an input changed since the copies were planned.
    """
    copies = copies or Copies()
    contents: dict[Path, Content | Source] = {**copies.files, **outputs}
    digests: dict[Path, str] = {}
    gone: list[Path] = []
    folders = {target.parent for target in contents}
    target = Path()
    try:
        with ExitStack() as temporaries:
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
            if check is not None:
                check({each.target: each.path for each in staged})
            # Interrupts wait: between two renames, one would leave a model without its seal.
            with interrupts.held(), locked(folders):
                copies.check()
                known = copies_of(outputs, folders).items()
                old = {path: digest for path, digest in known if path not in copies.watched}
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

    If the first output cannot be moved, the old seal and sidecars are restored.
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
    # Renames in a folder reach the disk in order, so one sync per folder is enough.
    for folder in {each.target.parent for each in ordered}:
        sync(folder)
    for aside in asides.values():
        aside.unlink()
