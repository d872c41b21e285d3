"""Finds out whether the outputs of an earlier run are up to date."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from rewriter.batch import remote
from rewriter.batch.record import Record
from rewriter.batch.request import Request
from rewriter.model.storage.digests import digest_of, of_file, of_model
from rewriter.version import __version__


def key_of(source: Path, request: Request) -> str:
    """Return the digest that a record keeps as `key`; empty if the source or its config cannot be read.

    It covers the source with its external data, the request, the version of rewriter, and a config that
    becomes the reference, with the version of transformers.

    Args:
        source: the path of a local model.
        request: a sealed request; see `Request.sealed`.
    """
    config = request.config_of(source)
    try:
        beside = () if config is None else (of_file(config), importlib.metadata.version("transformers"))
        parts = (of_model(source), request.seal, __version__, *beside)
    except OSError:
        return ""
    return digest_of(*(part.encode() for part in parts))


def is_current(record: Record, source: str, target: str, request: Request) -> bool:
    """Whether a record has the same source and request, and its outputs are intact.

    Local sources are compared by `key_of`, local outputs by content. Remote sources are compared by the
    versions that their servers state, since reading them would take most of the time; without such a version,
    or with a config that was not there before, the record is not current. Remote outputs must exist.

    Args:
        record: the record of this target in the ledger.
        source: path or URL of the model.
        target: path or URL of the output.
        request: a sealed request; see `Request.sealed`.
    """
    if not record.key or (record.request, record.version) != (request.seal, __version__):
        return False
    if remote.is_url(source):
        same = (
            record.source == source
            and bool(record.stamps)
            and all(told and remote.stamp(url) == told for url, told in record.stamps.items())
            and not (request.config and _has_new_config(source, record))
        )
    else:
        same = key_of(Path(remote.local(source)), request) == record.key
    return same and all(_stands(target, name, told) for name, told in record.outputs.items())


def _has_new_config(source: str, record: Record) -> bool:
    return any(url not in record.stamps and remote.exists(url) for url in remote.configs_of(source))


def _stands(target: str, name: str, told: str) -> bool:
    if remote.is_url(target):
        return remote.exists(f"{target.rpartition('/')[0]}/{name}")
    try:
        return of_file(Path(remote.local(target)).parent / name) == told
    except OSError:
        return False
