"""The module tree of a model, frozen: all modules by path, and the module of each node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import InitVar, dataclass, replace
from functools import cached_property
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from rewriter.basics.display import Display, counted
from rewriter.errors import UsageError
from rewriter.evidence.certainty import Certainty
from rewriter.modules.nearest_paths import no_module_fits
from rewriter.modules.wrappers import spellings
from rewriter.paths import ROOT, ModulePath

if TYPE_CHECKING:
    from pandas import DataFrame

    from rewriter.model.index.graph import GraphIndex

from rewriter.modules.module import Kind, Module

_MAGIC = frozenset("*?[")
"""Characters that make a path a glob."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Module and call in which a node was placed, the winning evidence, and its certainty.

    `conflicting` holds the modules that other witnesses named; `home` is the module and call that `unshare`
    moved the node to.
    """

    module: ModulePath
    call: int
    source: str
    certainty: Certainty
    conflicting: tuple[ModulePath, ...] = ()
    home: tuple[ModulePath, int] | None = None


@dataclass(frozen=True, slots=True)
class Boundary:
    """Position in file order between nodes of one module and nodes of the next.

    Attributes:
        left: the module that ends.
        right: the module that begins.
        last: number of the last placed node before the boundary.
        first: number of the first placed node after it.
    """

    left: ModulePath
    right: ModulePath
    last: int
    first: int


@dataclass(frozen=True, repr=False)
class ModuleTree(Display):
    """All modules of a model by path, the root first and parents before children.

    Attributes:
        modules: path -> Module, in depth-first order.
        placements: one entry per node of the GraphIndex; None for an unplaced node.
    """

    modules: Mapping[ModulePath, Module]
    placements: tuple[Placement | None, ...]
    graph: InitVar[GraphIndex | None] = None

    def __post_init__(self, graph: GraphIndex | None) -> None:
        """Make the mapping read-only, and give each module access to the contents of the tree.

        Args:
            graph: the index of the model; None if it is not known.
        """
        from rewriter.modules.module_contents import ModuleContents

        contents = ModuleContents(dict(self.modules), graph)
        modules = {path: replace(module, contents=contents) for path, module in self.modules.items()}
        object.__setattr__(self, "modules", MappingProxyType(modules))

    def __getitem__(self, path: str) -> Module:
        try:
            return self.modules[ModulePath(path)]
        except KeyError:
            raise KeyError(no_module_fits(path, self)) from None

    def __contains__(self, path: object) -> bool:
        return path in self.modules

    def __iter__(self) -> Iterator[Module]:
        return iter(self.modules.values())

    def __len__(self) -> int:
        return len(self.modules)

    @property
    def root(self) -> Module:
        """The module at the top."""
        return self.modules[ROOT]

    @cached_property
    def placed(self) -> int:
        """Number of placed nodes: named and inferred ones. Guesses are counted apart."""
        return self.by_certainty[Certainty.NAMED] + self.by_certainty[Certainty.INFERRED]

    @property
    def guessed(self) -> int:
        """Number of nodes whose module is a guess."""
        return self.by_certainty[Certainty.GUESSED]

    @cached_property
    def unplaced(self) -> int:
        """Number of nodes without a module, not even a guessed one."""
        return sum(placement is None for placement in self.placements)

    @cached_property
    def by_certainty(self) -> dict[Certainty, int]:
        """Number of nodes with a module by certainty, the most certain first."""
        counts = dict.fromkeys(Certainty, 0)
        for placement in self.placements:
            if placement is not None:
                counts[placement.certainty] += 1
        return counts

    @cached_property
    def by_source(self) -> dict[str, int]:
        """Number of placed nodes by winning evidence, most first."""
        counts: dict[str, int] = {}
        for placement in self.placements:
            if placement is not None and placement.certainty is not Certainty.GUESSED:
                counts[placement.source] = counts.get(placement.source, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    @cached_property
    def conflicts(self) -> int:
        """Number of nodes with conflicting claims."""
        return sum(placement is not None and bool(placement.conflicting) for placement in self.placements)

    @property
    def coverage(self) -> float:
        """Share of placed nodes, 0 to 1; 1 for a model without nodes."""
        return self.placed / len(self.placements) if self.placements else 1.0

    def walk(self, start: str = ROOT) -> Iterator[Module]:
        """Yield `start` and every module below it, depth first, parents before children."""
        stack = [ModulePath(start)]
        while stack:
            module = self.modules[stack.pop()]
            yield module
            stack.extend(reversed(module.children))

    def innermost_first(self) -> Iterator[Module]:
        """Return an iterator over all modules, children before their parents."""
        return reversed(tuple(self.walk()))

    def path_to(self, path: str) -> tuple[Module, ...]:
        """Return the modules from the root down to `path`, both included."""
        target = ModulePath(path)
        return tuple(self.modules[p] for p in (*reversed(tuple(target.ancestors())), target))

    def children(self, path: str = ROOT) -> tuple[Module, ...]:
        """Return the modules directly below `path`."""
        return tuple(self.modules[child] for child in self.modules[ModulePath(path)].children)

    def of_kind(self, kind: Kind | str | None) -> tuple[Module, ...]:
        """Return the modules of one kind; None selects those of unknown class."""
        return tuple(module for module in self if module.kind == kind)

    def boundaries(self, depth: int | None = None) -> tuple[Boundary, ...]:
        """Return the boundaries between modules in file order; unplaced nodes are skipped.

        Args:
            depth: depth at which to compare modules, each with the nodes of all modules below; None compares
                the modules that own the nodes directly. Layers of `encoder.layer.N` meet at depth 3.
        """
        found = []
        last, left = -1, ROOT
        for node, placement in enumerate(self.placements):
            if placement is None:
                continue
            right = placement.module.cut(depth)
            if last >= 0 and right != left:
                found.append(Boundary(left, right, last, node))
            last, left = node, right
        return tuple(found)

    def to_pandas(self) -> DataFrame:
        """Return a table of all modules, with their paths as index.

        Raises:
            UsageError: pandas is not installed, or the tree was read from a sidecar.
        """
        try:
            from pandas import DataFrame
        except ImportError:
            raise UsageError("to_pandas needs pandas; install it: pip install pandas") from None
        columns = ("class_name", "kind", "depth", "leaf", "calls", "total_nodes", "params", "bytes")
        rows = [[getattr(module, column) for column in columns] for module in self]
        return DataFrame(rows, index=[str(module.path) for module in self], columns=list(columns))

    def select(self, glob: str) -> tuple[Module, ...]:
        """Return the modules whose path matches a glob (see `ModulePath.matches`), in tree order.

        Raises:
            UsageError: no path matches; the message suggests some that do. `fitting` returns () instead.
        """
        if found := self.fitting(glob):
            return found
        raise UsageError(no_module_fits(glob, self))

    def fitting(self, glob: str) -> tuple[Module, ...]:
        """Return the modules whose path matches a glob, in tree order; () if no path does.

        If no path matches, the glob is tried with or without the prefix of a wrapper (`model.`), see
        `wrappers.spellings`.
        """
        return next(filter(None, map(self._spelled, spellings(glob, self))), ())

    def _spelled(self, glob: str) -> tuple[Module, ...]:
        if _MAGIC.isdisjoint(glob):
            found = self.modules.get(ModulePath(glob))
            return () if found is None else (found,)
        return tuple(module for module in self if module.path.matches(glob))

    @property
    def brief(self) -> str:
        """The number of modules, and of placed nodes, as text."""
        nodes = counted(len(self.placements), "node")
        return f"{counted(len(self), 'module')}, {self.placed:,} of {nodes} placed"

    def _repr_html_(self) -> str:
        # `rewriter.views` imports this module, so the top of this file cannot import it.
        html: str = import_module("rewriter.views.notebook_tree").modules_html(self)
        return html

    def _brief(self) -> str:
        return self.brief
