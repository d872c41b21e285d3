"""Resolves TorchScript's scopes: aligns call chains with module paths.

A scope is a call chain of unqualified names (see `scope_alignment`), so it may stand for several paths. These
rules decide, in this order:

1. the owner of a parameter that a node of the scope reads, if the chain aligns with the owner. The owner
   also settles the chain's parents, and its siblings in the same list (see `scope_rules`);
2. proven scopes of neighbouring nodes with the same caller and the same counter (see `_companions`);
3. the overlap rule: a component that consists of its parent's name and numbers stands for the parent's path
   followed by these numbers; any other component is the name of a child;
4. if several modules remain, the placements of neighbouring nodes (see `_nearest`).

`_k` after the last component is either part of the module's real name, or torch's counter of scopes with
equal text (torch/csrc/jit/passes/onnx/naming.cpp, `CreateUniqueName`). The counter marks a later call, or
another module of the same unqualified name. It never follows an inner component.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from rewriter.evidence.names.original_names import owners_given
from rewriter.evidence.names.scope_alignment import unqualified
from rewriter.evidence.names.scope_grammar import without_counter
from rewriter.evidence.names.scope_rules import Lessons
from rewriter.evidence.path_lengths import Extent
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ROOT, ModulePath


@dataclass(slots=True)
class _Use:
    """The nodes with one scope text, and the owners of the parameters they read: owner -> nodes."""

    nodes: list[int] = field(default_factory=list)
    owners: dict[ModulePath, list[int]] = field(default_factory=dict)


class CallChains:
    """Aligns all call chains of a file with module paths."""

    def __init__(self, graph: GraphIndex, scoped: list[tuple[int, str]]) -> None:
        self.graph = graph
        self.uses: dict[str, _Use] = {}
        owners_for = owners_given(graph)
        for node, text in scoped:
            if (use := self.uses.get(text)) is None:
                use = self.uses[text] = _Use()
            use.nodes.append(node)
            owners = owners_for(node)
            for value in graph.reads[node]:
                if owner := owners.get(value):
                    use.owners.setdefault(owner, []).append(node)
        self._demand_short()
        self.inner = _callers(self.uses)
        lessons = Lessons({text: tuple(use.owners) for text, use in self.uses.items()})
        self.proven, self.meanings, self.between = lessons.proven, lessons.meanings, lessons.between
        self.holders = lessons.holders
        self.hiding = {parent for (parent, _), hidden in self.between.items() if hidden}
        self.text_of = {node: text for text, use in self.uses.items() for node in use.nodes}
        self.occurrences = Counter((without_counter(text) or (text, 0))[0] for text in self.uses)
        self.divided = {
            chain.rpartition("/")[0] for chain, modules in self.meanings.items() if len(modules) > 1
        }
        self.resolved: dict[str, tuple[ModulePath, ...]] = {"": (ROOT,)}
        self._doubtful: dict[str, bool] = {}

    def _demand_short(self) -> None:
        """Refuse chains and paths that are too long in total, before aligning them."""
        extent = Extent()
        for text, use in self.uses.items():
            extent.add(text.replace("/", "."))
            for owner in use.owners:
                extent.add(owner)

    def places(self) -> dict[int, tuple[ModulePath, int]]:
        """Return node -> (module, number of its call)."""
        settled: dict[int, ModulePath] = {}
        for text, modules in self.proven.items():
            use = self.uses[text]
            for module in modules:
                settled |= dict.fromkeys(use.owners.get(module, ()), module)
            if len(modules) == 1:
                settled |= dict.fromkeys(use.nodes, next(iter(modules)))
        proven = dict(settled)
        undecided: list[tuple[str, tuple[ModulePath, ...], list[int]]] = []
        for text, use in self.uses.items():
            rest = [node for node in use.nodes if node not in settled]
            candidates = self._candidates(text) if rest else ()
            if self._has_companions(text):
                settled |= self._companions(text, rest, proven)
                rest = [node for node in rest if node not in settled]
            if len(candidates) == 1:
                settled |= dict.fromkeys(rest, candidates[0])
            elif rest:
                undecided.append((text, candidates, rest))
        for text, candidates, rest in undecided:
            settled |= dict.fromkeys(rest, self._nearest(text, rest, candidates, settled))
        return self._count_calls(settled)

    def called(self) -> frozenset[ModulePath]:
        """Return the modules that call others on the chains, with the root; none without chains."""
        on_the_way = (module for chain in self.inner for module in self._resolve(chain))
        return frozenset((ROOT, *on_the_way)) if self.uses else frozenset()

    def module(self, text: str) -> ModulePath | None:
        """Return the only module that a scope can mean; None for several. No node needs to have the scope."""
        candidates = self._candidates(text)
        return candidates[0] if len(candidates) == 1 else None

    def is_doubtful(self, text: str) -> bool:
        """Whether nothing proves a scope, and it stands beside one that is behind hidden containers.

        A child of a `ModuleDict`, or of a list of lists, has a scope without these containers. If they hide
        one child, they may hide another.
        """
        if (found := self._doubtful.get(text)) is None:
            found = self._doubtful[text] = self._find_doubt(text)
        return found

    def _find_doubt(self, text: str) -> bool:
        counted = without_counter(text)
        chain = counted[0] if counted and text not in self.meanings else text
        if not chain or text in self.proven or chain in self.meanings:
            return False
        parent, name = self._split(chain)
        unproven = (parent, name.partition(".")[0]) not in self.between
        return (unproven and parent in self.hiding) or self.is_doubtful(parent)

    def _candidates(self, text: str) -> tuple[ModulePath, ...]:
        """Return the modules that a scope may stand for."""
        if proven := self.proven.get(text):
            return tuple(proven)
        counted = without_counter(text)
        if counted and text not in self.inner and (counted[0] in self.uses or counted[0] in self.meanings):
            return self._resolve(counted[0])
        return self._resolve(text)

    def _resolve(self, chain: str) -> tuple[ModulePath, ...]:
        found = self.resolved.get(chain)
        if found is None:
            if meanings := self.meanings.get(chain):
                found = tuple(meanings)
            else:
                parent, name = self._split(chain)
                found = tuple(dict.fromkeys(self._below(p, parent, name) for p in self._resolve(parent)))
            self.resolved[chain] = found
        return found

    @cached_property
    def _has_slashed_names(self) -> bool:
        """Whether the name of a module that a chain means contains a slash."""
        return any("/" in unqualified(module) for modules in self.meanings.values() for module in modules)

    def _split(self, chain: str) -> tuple[str, str]:
        """Split a chain at its last slash into (parent chain, last name).

        The split is at an earlier slash if the last name begins with a parent's name that contains a slash.
        """
        for end in _slashes(chain) if self._has_slashed_names else ():
            for module in self.meanings.get(chain[:end], ()):
                name = unqualified(module)
                if (
                    "/" in name
                    and chain.startswith(f"{name}.", end + 1)
                    and "/" not in chain[end + 1 + len(name) :]
                ):
                    return chain[:end], chain[end + 1 :]
        parent, _, name = chain.rpartition("/")
        return parent, name

    def _below(self, path: ModulePath, parent: str, name: str) -> ModulePath:
        """Return the module that `name` means behind the chain `parent`, which stands for `path`."""
        if holder := self.holders.get(parent):
            return holder.child(name)
        own = unqualified(path)
        overlap = name[len(own) :] if own and name.startswith(own + ".") else ""
        hidden = self.between.get((parent, name.partition(".")[0]), "" if not overlap else None)
        if hidden is not None:
            return path.child(hidden + name)
        numbers = overlap[1:].split(".")
        return path.child(overlap[1:]) if all(map(str.isdecimal, numbers)) else path.child(name)

    def _has_companions(self, text: str) -> bool:
        """Whether nearby nodes may decide the meaning of an unproven scope."""
        if text in self.proven or text in self.inner:
            return False
        base = (without_counter(text) or (text, 0))[0]
        return base in self.uses and (base != text or text.rpartition("/")[0] in self.divided)

    def _companions(
        self, text: str, nodes: list[int], proven: dict[int, ModulePath]
    ) -> dict[int, ModulePath]:
        """Place nodes like proven neighbours that have the same caller and the same counter.

        If `/conv_1` is proven to be a real name, `/relu_1` next to it is a real name too. If `/norm` and
        `/norm_1` are proven to be `layers.0.norm` and `layers.1.norm`, then `/act` and `/act_1` next to them
        are `layers.0.act` and `layers.1.act`, if there are as many `act` scopes as modules of `norm`.
        """
        parent, _, name = text.rpartition("/")
        base, counter = without_counter(name) or (name, 0)
        base_chain = f"{parent}/{base}".lstrip("/")
        placed = {}
        for node in nodes:
            for neighbour in _neighbours(self.graph, [node]):
                beside = self.text_of.get(neighbour, "")
                beside_parent, _, beside_name = beside.rpartition("/")
                beside_base, beside_counter = without_counter(beside_name) or (beside_name, 0)
                module = proven.get(neighbour)
                if module is None or beside_parent != parent or beside_counter != counter:
                    continue
                chain = self.proven[beside].get(module)
                if chain == beside and counter:
                    placed[node] = self._resolve(text)[0]
                elif self.occurrences[base_chain] == len(self.meanings.get(chain or "", ())) > 1:
                    placed[node] = ModulePath(module[: len(module) - len(beside_base)] + base)
                break
        return placed

    def _nearest(
        self, text: str, nodes: list[int], candidates: tuple[ModulePath, ...], settled: dict[int, ModulePath]
    ) -> ModulePath:
        """Return the candidate that holds most of the neighbours.

        If none holds a neighbour, the counter of the scope is the position of the candidate, up to the last.
        """
        near: Counter[ModulePath] = Counter()
        for neighbour in _neighbours(self.graph, nodes):
            module = settled.get(neighbour)
            near.update(c for c in candidates if module is not None and c.holds(module))
        if near:
            return max(candidates, key=lambda candidate: near[candidate])
        counted = without_counter(text)
        return candidates[min(counted[1] if counted else 0, len(candidates) - 1)]

    def _count_calls(self, settled: dict[int, ModulePath]) -> dict[int, tuple[ModulePath, int]]:
        """Number the calls of modules in file order: every scope text of a module is one call."""
        calls: dict[ModulePath, dict[str, int]] = {}
        placed = {}
        for text, use in self.uses.items():
            known: dict[ModulePath, tuple[ModulePath, int]] = {}
            for node in use.nodes:
                module = settled[node]
                if (place := known.get(module)) is None:
                    numbers = calls.setdefault(module, {})
                    place = known[module] = (module, numbers.setdefault(text, len(numbers)))
                placed[node] = place
        return placed


def _callers(texts: Iterable[str]) -> set[str]:
    """Return the parts of texts before a slash; each is found once, however many texts begin with it."""
    found: set[str] = set()
    for text in texts:
        end = text.rfind("/")
        while end >= 0 and (caller := text[:end]) not in found:
            found.add(caller)
            end = text.rfind("/", 0, end)
    return found


def _slashes(text: str) -> Iterator[int]:
    position = text.find("/")
    while position >= 0:
        yield position
        position = text.find("/", position + 1)


def _neighbours(graph: GraphIndex, nodes: list[int]) -> Iterator[int]:
    for node in nodes:
        yield from graph.predecessors(node)
        yield from graph.successors(node)
