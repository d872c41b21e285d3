"""How large a file may be before it is refused, so that a small file cannot take all time and memory.

`docs/limits.md` says why each bound is where it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace

from rewriter.nearest import fits_nothing
from rewriter.refusals import UnreadableModel, UsageError

MOST_BYTES = (2 << 30) - 1
"""Bytes of a serialized model that protobuf reads and writes, whatever the limits are."""
MOST_ENTERED = 2_000_000
"""Nodes inside of functions and graph attributes, with every call entered, that a proof reads."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one file; a file on a bound passes.

    Attributes:
        bytes: size of the file without external data; above `MOST_BYTES` it bounds nothing.
        entries: entries of the lists in the file, as far as they are counted before it is parsed: nodes,
            initializers, metadata and functions, and everything inside of what is large. It bounds the memory
            that parsing takes, which may be a hundred times the size of the file.
        nodes: nodes, those of functions counted for every call; and all that are in the file.
        depth: functions and graph attributes inside each other.
        paths: characters of the paths of modules, as often as a rewrite writes them: on every node and, for
            every module, in the tree and the sidecar.
    """

    bytes: int = MOST_BYTES
    entries: int = 3_000_000
    nodes: int = 1_000_000
    depth: int = 100
    paths: int = 256_000_000

    def demand(self, name: str, found: int, what: str) -> None:
        """Refuse a file that has more of something than the bound `name` allows.

        Args:
            name: of the bound.
            found: how much there is, as far as it was counted.
            what: what there is, as a sentence begins.

        Raises:
            UnreadableModel: there is more.
        """
        bound = getattr(self, name)
        if found > bound:
            raise UnreadableModel(
                f"{what}, over the limit of {bound:,}; where that is meant, raise it with "
                f"'rewriter --limit {name}=NUMBER'"
            )


_current: ContextVar[Limits] = ContextVar("limits", default=Limits())  # noqa: B039 - it is frozen


def current() -> Limits:
    """The limits that files are read within."""
    return _current.get()


@contextmanager
def within(limits: Limits) -> Iterator[None]:
    """Read files within other limits in the block."""
    token = _current.set(limits)
    try:
        yield
    finally:
        _current.reset(token)


def parse(texts: Iterable[str]) -> Limits:
    """The default limits, changed as `nodes=5000000` and the like say.

    Raises:
        UsageError: a text is no such thing.
    """
    limits = Limits()
    names = [field.name for field in fields(Limits)]
    given: set[str] = set()
    for text in texts:
        name, equals, number = text.partition("=")
        if equals and name not in names:
            raise UsageError(f"--limit: {fits_nothing('limit', name, names)}")
        if name in given:
            raise UsageError(f"--limit {name} is given twice; give it once")
        given.add(name)
        if name not in names or not (number.isascii() and number.isdigit()) or len(number) > 18:
            raise UsageError(f"--limit {text}: write NAME=NUMBER, NAME one of {', '.join(names)}")
        limits = replace(limits, **{name: int(number)})
    return limits
