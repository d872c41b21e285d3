"""One server for all hostile files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.server import Server


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands take for the user's cache folder."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def server(cache: Path) -> Iterator[Server]:
    """Runs commands, and sees what they touch."""
    started = Server({"XDG_CACHE_HOME": str(cache)})
    yield started
    started.close()
