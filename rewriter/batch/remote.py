"""Reads and writes remote files through fsspec; plain paths and `file://` URLs do not need fsspec."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.request import url2pathname

from rewriter.errors import CannotWrite, RewriterError, UnreadableModel, UsageError
from rewriter.model.storage.digests import locations_of
from rewriter.model.storage.external_data import is_inside

_FILE = "file://"
_VALIDATORS = (
    *("ETag", "etag", "md5Hash", "content_md5", "generation", "version_id", "blob_id", "checksum"),
    *("LastModified", "last_modified", "Last-Modified", "updated", "mtime", "modified", "created"),
)
"""Keys of fsspec's file info whose values change with the content of a file, even if its size does not."""
_CONFIG = "config.json"


def is_url(text: str) -> bool:
    """Whether this path is a URL that only fsspec can read."""
    return "://" in text and not text.startswith(_FILE)


def local(text: str) -> str:
    """Return the plain path: of a `file://` URL, or the text itself."""
    return url2pathname(text.removeprefix(_FILE)) if text.startswith(_FILE) else text


def in_this_process(text: str) -> bool:
    """Whether only this process can see the files of a URL."""
    return text.startswith("memory://")


def find(url: str, suffix: str) -> Iterator[tuple[str, str | None]]:
    """Yield the URL of each model that a URL names, with the prefix to remove for its target.

    The prefix is None for a single file, whose target is its name alone.

    Raises:
        UnreadableModel: the URL cannot be read.
        UsageError: fsspec, or its package for this protocol, is not installed.
    """
    system, path = _open(url)
    with _telling(url):
        if "*" in url:
            plain = url[: url.index("*")].rpartition("/")[0] + "/"
            names = sorted(name for name in system.glob(path) if name.endswith(suffix))
        elif url.partition("?")[0].endswith(suffix) or not system.isdir(path):
            yield url, None
            return
        else:
            plain = url.rstrip("/") + "/"
            names = sorted(name for name in system.find(path) if name.endswith(suffix))
        start = _open(plain)[1].rstrip("/") + "/"
        for name in names:
            # Some file systems return whole URLs, others paths without the protocol.
            inside = name[len(start) :] if name.startswith(start) else name[len(plain) :]
            yield plain + inside, plain


class Fetched(NamedTuple):
    """A local copy of a model.

    Attributes:
        path: path of the copy.
        stamps: URL of a read file -> digest of its version on the server; empty if the server states none.
        folders: temporary folder -> the remote folder that it is a copy of.
    """

    path: Path
    stamps: Mapping[str, str]
    folders: Mapping[str, str]

    def said(self, text: str) -> str:
        """Return a text with temporary folders replaced by their remote folders."""
        for here, there in self.folders.items():
            text = text.replace(here, there)
        return text


@contextmanager
def fetched(url: str, *, config: bool) -> Iterator[Fetched]:
    """Yield a copy of a model in a temporary folder, with its external data.

    Args:
        url: URL of the model; a plain path is yielded unchanged, without stamps.
        config: whether a config beside the model, or one folder above, is copied too.

    Raises:
        UnreadableModel: the model cannot be read.
        UsageError: fsspec, or its package for this protocol, is not installed.
    """
    if not is_url(url):
        yield Fetched(Path(local(url)), {}, {})
        return
    system, _ = _open(url)
    home, _, name = url.partition("?")[0].rpartition("/")
    query = url[len(home) + 1 + len(name) :]
    with TemporaryDirectory(prefix="rewriter-batch-") as scratch:
        # Keep the name of the folder: if it is `onnx`, the config is searched one folder above.
        folder = Path(scratch, "above", PurePosixPath(home).name or "root")
        folder.mkdir(parents=True)
        wanted = {url: folder / name}
        _get(system, url, folder / name)
        for location in locations_of(folder / name):
            if _is_plain(location) and _exists(system, data := f"{home}/{location}{query}"):
                wanted[data] = folder / location
        if config:
            for found, into in zip(configs_of(url), (folder, folder.parent), strict=True):
                if _exists(system, found):
                    wanted[found] = into / _CONFIG
        for each, path in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                _get(system, each, path)
        folders = {str(folder): home, str(folder.parent): home.rpartition("/")[0]}
        yield Fetched(folder / name, {each: stamp(each) for each in wanted}, folders)


def configs_of(url: str) -> tuple[str, str]:
    """Return the URLs at which a config of a model may be: beside the model, and one folder above."""
    plain, mark, query = url.partition("?")
    home = plain.rpartition("/")[0]
    above = home.rpartition("/")[0]
    return f"{home}/{_CONFIG}{mark}{query}", f"{above}/{_CONFIG}{mark}{query}"


@contextmanager
def put(url: str) -> Iterator[Path]:
    """Yield a temporary path for a model; on exit without an error, upload the files there, the model last.

    Args:
        url: URL of the model; a plain path is yielded unchanged.

    Raises:
        CannotWrite: the upload fails.
        UsageError: fsspec, or its package for this protocol, is not installed.
    """
    if not is_url(url):
        yield Path(local(url))
        return
    system, _ = _open(url)
    home, _, name = url.rpartition("/")
    with TemporaryDirectory(prefix="rewriter-batch-") as scratch:
        folder = Path(scratch)
        yield folder / name
        written = sorted(path for path in folder.rglob("*") if path.is_file())
        try:
            for path in sorted(written, key=lambda path: path.name == name):
                target = _open(f"{home}/{path.relative_to(folder).as_posix()}")[1]
                system.makedirs(target.rpartition("/")[0], exist_ok=True)
                system.put_file(str(path), target)
        except (OSError, NotImplementedError, ValueError) as error:
            raise CannotWrite(f"{url}: cannot be written: {_line(error)}; check access and space") from None


def stamp(url: str) -> str:
    """Return a digest of the version of a remote file; empty if its server states none or fails."""
    system, path = _open(url)
    try:
        info = system.info(path)
    except Exception:  # packages of fsspec may raise anything
        return ""
    told = {key: str(info[key]) for key in _VALIDATORS if info.get(key)}
    if not told:
        return ""
    text = json.dumps({"size": info.get("size"), **told}, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def exists(url: str) -> bool:
    """Whether there is a file at a URL or path."""
    if not is_url(url):
        return Path(local(url)).is_file()
    return _exists(_open(url)[0], url)


def _is_plain(name: str) -> bool:
    """Whether a name stays inside its folder and is not a URL; fsspec chains file systems by `::`."""
    return is_inside(name) and "::" not in name and "://" not in name


def _exists(system: Any, url: str) -> bool:
    try:
        return bool(system.isfile(_open(url)[1]))
    except Exception:  # packages of fsspec may raise anything
        return False


def _get(system: Any, url: str, target: Path) -> None:
    with _telling(url):
        system.get_file(_open(url)[1], str(target))


def _open(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path of the file in it."""
    try:
        core = import_module("fsspec.core")
    except ImportError:
        raise UsageError(f"{url}: URLs need fsspec; pip install 'onnx-module-rewriter[batch]'") from None
    try:
        system, path = core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise UsageError(f"{url}: {_line(error)}") from None
    return system, str(path)


@contextmanager
def _telling(url: str) -> Iterator[None]:
    """Turn any exception of a package of fsspec into an error of one line."""
    try:
        yield
    except RewriterError:
        raise
    except FileNotFoundError:
        raise UnreadableModel(f"{url}: no such file; check the URL") from None
    except Exception as error:
        raise UnreadableModel(f"{url}: cannot be read: {_line(error)}; check the URL and access") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
