"""What runs hostile files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.watched import Watch


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands take for the user's cache folder."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def watch(cache: Path) -> Watch:
    """Runs commands, and sees what they touch."""
    return Watch({"XDG_CACHE_HOME": str(cache)})
