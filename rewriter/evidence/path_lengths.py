"""Bounds the total length of module paths before they are built.

A name of two kilobytes can stand for 200 nested modules, and the path of each is written several times: the
paths in a file of 10 MB can grow to gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterable

from rewriter.model.limits import current

_OF_A_MODULE = 5
"""Number of times that a module path is written: once in the compact tree, four times in the sidecar."""
_OF_A_NODE = 2
"""Number of entries on a node with the path of its module: `rewriter.module` and `namespace`."""


class Extent:
    """Adds up the lengths of paths.

    Attributes:
        characters: total length of the added paths and their ancestors, each path counted once.
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
        """Check the total length of the added paths and of the paths that are written on nodes.

        Args:
            of_nodes: the module of each node, None for unplaced nodes.

        Raises:
            UnreadableModel: the total is too large.
        """
        on_nodes = sum(len(path) for path in of_nodes if path)
        self._demand(_OF_A_MODULE * self.characters + _OF_A_NODE * on_nodes)

    def _demand(self, characters: int) -> None:
        limits = current()
        if characters > limits.paths:
            limits.demand("paths", characters, "written out, the paths of its modules are too long")
