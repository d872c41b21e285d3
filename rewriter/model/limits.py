"""Limits on one file. A file above a limit is refused, so that a small file cannot use up time and memory.

`docs/limits.md` has the reason for each limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace

from rewriter.basics.nearest import fits_nothing
from rewriter.errors import UnreadableModel, UsageError

MOST_BYTES = (2 << 30) - 1
"""Maximum bytes of a serialized model that protobuf reads and writes, whatever the limits are."""
MOST_ENTERED = 2_000_000
"""Maximum number of nodes in functions and graph attributes, with every call inlined, that a proof reads."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one file; a file exactly at a limit passes.

    Attributes:
        bytes: size of the file without external data; a limit above `MOST_BYTES` has no effect.
        entries: number of fields of the model and of messages of 64 KiB and more inside it, such as nodes,
            initializers and metadata; if small messages may hold very many messages of two bytes or less,
            these count too. All are counted before parsing, which may take a hundred times the size of the
            file in memory.
        nodes: number of nodes with every call inlined, and of nodes in the file, called or not.
        depth: nesting of functions and graph attributes.
        paths: total characters of module paths, as far as a rewrite would write them: on nodes, in the tree
            and in the sidecar.
    """

    bytes: int = MOST_BYTES
    entries: int = 3_000_000
    nodes: int = 1_000_000
    depth: int = 100
    paths: int = 256_000_000

    def demand(self, name: str, found: int, what: str) -> None:
        """Refuse a file that exceeds the limit `name`.

        Args:
            name: the name of the limit.
            found: the amount, as far as it was counted.
            what: the amount in words, as the beginning of a sentence.

        Raises:
            UnreadableModel: the amount exceeds the limit.
        """
        bound = getattr(self, name)
        if found > bound:
            raise UnreadableModel(
                f"{what}, over the limit of {bound:,}; to allow more, raise it with "
                f"'rewriter --limit {name}=NUMBER'"
            )


_current: ContextVar[Limits] = ContextVar("limits", default=Limits())  # noqa: B039 - it is frozen


def current() -> Limits:
    """Return the limits that hold now."""
    return _current.get()


@contextmanager
def within(limits: Limits) -> Iterator[None]:
    """Use other limits for files read in the block."""
    token = _current.set(limits)
    try:
        yield
    finally:
        _current.reset(token)


def parse(texts: Iterable[str]) -> Limits:
    """Return the default limits, changed by texts such as `nodes=5000000`.

    Raises:
        UsageError: a text is not NAME=NUMBER, names an unknown limit, repeats a limit, or has a number of
            more than 18 digits.
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
