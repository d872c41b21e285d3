"""How long the paths of the modules come to, before anything is made of them.

A name of two kilobytes can stand for 200 modules inside each other, and the path of each is written several
times: a file of 10 MB can ask for gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterable

from rewriter.model.limits import current

_OF_A_MODULE = 5
"""Times that the path of a module is written: in the compact tree, and four times in the sidecar."""
_OF_A_NODE = 2
"""Times that the path of its module is written on a node."""


class Extent:
    """Adds up the lengths of paths.

    Attributes:
        characters: of the paths that were added and of those above them, each once.
    """

    def __init__(self) -> None:
        self.characters = 0
        self._seen: set[str] = set()

    def add(self, path: str) -> None:
        """Take in a path.

        Raises:
            UnreadableModel: all of them come to too much.
        """
        while path and path not in self._seen:
            self._seen.add(path)
            self.characters += len(path)
            path = path.rpartition(".")[0]
            self._demand(_OF_A_MODULE * self.characters)

    def demand(self, of_nodes: Iterable[str | None]) -> None:
        """Refuse what comes to too much with the path of its module on every node.

        Raises:
            UnreadableModel: it does.
        """
        on_nodes = sum(len(path) for path in of_nodes if path)
        self._demand(_OF_A_MODULE * self.characters + _OF_A_NODE * on_nodes)

    def _demand(self, characters: int) -> None:
        limits = current()
        if characters > limits.paths:
            limits.demand("paths", characters, "written out, the paths of its modules are too long")
