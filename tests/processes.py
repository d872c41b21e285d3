"""Processes in tests: how they are interrupted, how long anybody waits for them, what is left of them."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PATIENCE = 600.0
"""Seconds to wait for what must come: only a fault takes so long, and a busy machine is none."""


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let Ctrl-C interrupt this process, and those that it starts, wherever the tests are run.

    What `nohup ... &` starts ignores it, and its children inherit that; so a test that sends an interrupt has
    to say that it counts. A handler, unlike SIG_IGN, is not inherited: the children begin with the default.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def wait_for(seen: Callable[[], object]) -> None:
    """Look until something is seen.

    Raises:
        AssertionError: it never is.
    """
    limit = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < limit, f"not seen in {PATIENCE:.0f} s"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children_of_ours(mark: str) -> list[int]:
    """Processes that run and carry `mark` in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:  # gone meanwhile, or not ours
            continue
    return [pid for pid in found if alive(pid)]
