"""Where the nodes of a file come from that a tool made of another: truth for what has no truth of its own.

A node that writes a value of the original's name by the same operator, or bears the name and operator of an
original node, *is* that node. Any other stands for the original nodes it replaces: those between the values
that are in both files, its nearest ones above and below. Their lowest common ancestor is its module; where
nothing was replaced (a Cast put in between) it is that of the nodes that read it.

Only names are compared here; `damage.py --numbers` runs both files and says how many of the values of one
name hold the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rewriter.model.graph import NONE, GraphIndex
from rewriter.paths import ModulePath, common_ancestor


class Descent:
    """Truth for the nodes of `damaged`, from that of the nodes of `original`.

    Args:
        original: the file as the exporter wrote it.
        truth: node of the original -> its module; None where the truth is silent.
        damaged: what a tool made of it.
    """

    def __init__(self, original: GraphIndex, truth: Sequence[ModulePath | None], damaged: GraphIndex) -> None:
        self.original, self.truth, self.damaged = original, truth, damaged
        self.values = {name: value for value, name in reversed(list(enumerate(original.value_names)))}
        self.nodes = {node.name: number for number, node in enumerate(original.nodes) if node.name}
        self.present = {self.values[name] for name in damaged.value_names if name in self.values}
        self.same = [self._same(node) for node in range(len(damaged.nodes))]
        self.matched = {node for node in self.same if node is not None}

    def modules(self) -> list[ModulePath | None]:
        """Node of the damaged file -> its module; None where the truth says nothing of it."""
        return [self._module(node) for node in range(len(self.damaged.nodes))]

    def _same(self, node: int) -> int | None:
        proto = self.damaged.nodes[node]
        made = [self.values.get(name, NONE) for name in proto.output if name]
        makers = [self.original.producer[value] for value in made if value != NONE]
        for maker in (*makers, self.nodes.get(proto.name, NONE) if proto.name else NONE):
            if maker != NONE and self.original.nodes[maker].op_type == proto.op_type:
                return maker
        return None

    def _module(self, node: int) -> ModulePath | None:
        if (same := self.same[node]) is not None:
            return self.truth[same]
        replaced = self._replaced(node)
        if not replaced:
            readers = (self.same[reader] for reader in self.damaged.successors(node))
            replaced = {reader for reader in readers if reader is not None}
        places = {place for other in replaced if (place := self.truth[other]) is not None}
        return common_ancestor(sorted(places))

    def _replaced(self, node: int) -> set[int]:
        """The original nodes between the nearest values above and below that are in both files."""
        below = set(self._nearest([node], down=True))
        above = set(self._nearest([node], down=False))
        found: set[int] = set()
        behind = self._reached_from(above) if above else None
        pending = [self.original.producer[value] for value in below]
        while pending:
            maker = pending.pop()
            if maker == NONE or maker in found or maker in self.matched:
                continue
            if behind is not None and maker not in behind:
                continue  # constants folded away on the side
            found.add(maker)
            reads = self.original.reads[maker]
            pending += [self.original.producer[v] for v in reads if v != NONE and v not in above]
        return found

    def _nearest(self, start: list[int], *, down: bool) -> Iterator[int]:
        """Values of the original that are met first on the way down (or up) from nodes of the damaged file."""
        seen = set(start)
        pending = list(start)
        while pending:
            node = pending.pop()
            for value in self.damaged.writes[node] if down else self.damaged.reads[node]:
                if value == NONE or (not down and value in self.damaged.constants):
                    continue
                known = self.values.get(self.damaged.value_names[value])
                if known is not None:
                    yield known
                    continue
                producer = self.damaged.producer[value]
                further: Iterable[int] = self.damaged.readers[value] if down else [producer]
                new = [other for other in further if other != NONE and other not in seen]
                seen.update(new)
                pending += new

    def _reached_from(self, values: set[int]) -> set[int]:
        """The original nodes that values have a part in, up to values that are in both files."""
        found: set[int] = set()
        pending = [reader for value in values for reader in self.original.readers[value]]
        while pending:
            node = pending.pop()
            if node in found:
                continue
            found.add(node)
            for value in self.original.writes[node]:
                if value != NONE and value not in self.present:
                    pending += self.original.readers[value]
        return found
