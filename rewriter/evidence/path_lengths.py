"""Bounds the total length of module paths before they are built.

A name of two kilobytes can stand for 200 nested modules, and the path of each is written several
times: a file of 10 MB can ask for gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterable

from rewriter.model.limits import current

_OF_A_MODULE = 5
"""How often the path of a module is written: in the compact tree, and four times in the sidecar."""
_OF_A_NODE = 2
"""How often the path of its module is written on a node."""


class Extent:
    """Adds up the lengths of paths.

    Attributes:
        characters: total length of the added paths and of their ancestors, each once.
    """

    def __init__(self) -> None:
        self.characters = 0
        self._seen: set[str] = set()

    def add(self, path: str) -> None:
        """Add a path.

        Raises:
            UnreadableModel: the total is too large.
        """
        while path and path not in self._seen:
            self._seen.add(path)
            self.characters += len(path)
            path = path.rpartition(".")[0]
            self._demand(_OF_A_MODULE * self.characters)

    def demand(self, of_nodes: Iterable[str | None]) -> None:
        """Refuse a total that is too large with the path of its module on every node.

        Raises:
            UnreadableModel: it is too large.
        """
        on_nodes = sum(len(path) for path in of_nodes if path)
        self._demand(_OF_A_MODULE * self.characters + _OF_A_NODE * on_nodes)

    def _demand(self, characters: int) -> None:
        limits = current()
        if characters > limits.paths:
            limits.demand("paths", characters, "written out, the paths of its modules are too long")
