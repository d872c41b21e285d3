"""Matches modules of two models: by path, by path without a prefix, else by content."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Container, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from rewriter.insight.comparison.attribute_text import attributes_of
from rewriter.model.operator_set.operators import canonical
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.modules.module_tree import ModuleTree
from rewriter.paths import ROOT, ModulePath

_DEEPEST_PREFIX = 3
"""Maximum depth of a removed prefix; `model.encoder` and `encoder` match after removing `model`."""


_LEAST_COMMON = 0.5
"""Minimum share of modules or parameters of the smaller model that related models have in common."""


class How(StrEnum):
    """Way in which two modules were matched."""

    PATH = "path"
    PREFIX = "path behind a prefix"
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class ModulePair:
    """Path of a module in both models: None in a model that lacks the module, and `how` is then None too."""

    before: ModulePath | None
    after: ModulePath | None
    how: How | None = None

    @property
    def path(self) -> ModulePath:
        """The path in the first model, or in the second for a module that was added."""
        path = self.before if self.before is not None else self.after
        assert path is not None
        return path

    def is_among(self, paths: Container[ModulePath]) -> bool:
        """Whether `paths` has the path of the module in either model."""
        return self.before in paths or self.after in paths


def pair_modules(before: Analysis, after: Analysis) -> tuple[ModulePair, ...]:
    """Match the modules of two models; every module is in one pair.

    Paths are compared first. If more paths agree without a prefix of one model, only paths of that model with
    the prefix are compared, without it. The other modules with nodes, own or below, are matched by content:
    operators with attributes, sizes and types of parameters, and the contents of the modules below.

    Returns:
        The pairs in tree order of the first model; modules that only the second model has come last.
    """
    partner, how = pair_paths(before.tree.modules, after.tree.modules)
    taken = set(partner.values())
    for left, right in _by_content(before, after, set(partner), taken):
        partner[left] = right
        how[left] = How.CONTENT
        taken.add(right)
    found = [ModulePair(m.path, partner.get(m.path), how.get(m.path)) for m in before.tree]
    found.extend(ModulePair(None, m.path) for m in after.tree if m.path not in taken)
    return tuple(found)


def pair_paths(
    before: Collection[ModulePath], after: Collection[ModulePath]
) -> tuple[dict[ModulePath, ModulePath], dict[ModulePath, How]]:
    """Pair modules by path, after removing the prefix of either model that gives the most pairs."""
    left = right = ROOT
    most = sum(path in after for path in before)
    for prefix, found in _shared(before, after).items():
        if found > most:
            left, right, most = prefix, ROOT, found
    for prefix, found in _shared(after, before).items():
        if found > most:
            left, right, most = ROOT, prefix, found
    how = How.PREFIX if left or right else How.PATH
    partner: dict[ModulePath, ModulePath] = {ROOT: ROOT}
    for path in before:
        if path != left and left.holds(path):
            other = right.child(path.relative_to(left))
            if other in after:
                partner[path] = other
    return partner, {path: How.PATH if path == ROOT else how for path in partner}


def _shared(paths: Collection[ModulePath], others: Collection[ModulePath]) -> Counter[ModulePath]:
    """Return prefix -> the number of paths at and below it whose remaining path is among the others."""
    found: Counter[ModulePath] = Counter()
    for path in paths:
        for prefix in (path, *path.ancestors()):
            if 0 < prefix.depth <= _DEEPEST_PREFIX and path.relative_to(prefix) in others:
                found[prefix] += 1
    return found


def _by_content(
    before: Analysis, after: Analysis, known: set[ModulePath], taken: set[ModulePath]
) -> Iterator[tuple[ModulePath, ModulePath]]:
    numbers: dict[object, int] = {}
    ours, theirs = _bodies(before, numbers), _bodies(after, numbers)
    free: defaultdict[int, deque[ModulePath]] = defaultdict(deque)
    for module in after.tree:
        if module.path not in taken and module.total_nodes:
            free[theirs[module.path]].append(module.path)
    done, used = set(known), set(taken)
    for module in before.tree:
        waiting = free[ours[module.path]]
        while waiting and waiting[0] in used:
            waiting.popleft()
        if module.path not in done and waiting:
            for left, right in _alike(before.tree, module.path, after.tree, waiting.popleft()):
                if left not in done and right not in used:
                    done.add(left)
                    used.add(right)
                    yield left, right


def _alike(
    before: ModuleTree, left: ModulePath, after: ModuleTree, right: ModulePath
) -> Iterator[tuple[ModulePath, ModulePath]]:
    """Yield the pair of two equal modules and the pairs of their submodules, which have the same order."""
    for one, other in zip(before.walk(left), after.walk(right), strict=False):
        yield one.path, other.path


def _bodies(analysis: Analysis, numbers: dict[object, int]) -> dict[ModulePath, int]:
    """Return module -> a number, equal for equal contents."""
    found: dict[ModulePath, int] = {}
    for module in analysis.tree.innermost_first():
        below = tuple(found[child] for child in module.children)
        key = (_own_nodes(analysis, module), _own_parameters(module), below)
        found[module.path] = numbers.setdefault(key, len(numbers))
    return found


def _own_nodes(analysis: Analysis, module: Module) -> frozenset[tuple[object, int]]:
    nodes = (analysis.graph.nodes[node] for node in module.nodes)
    return frozenset(
        Counter(
            (canonical(node.domain), node.op_type, tuple(sorted(attributes_of(node).items())))
            for node in nodes
        ).items()
    )


def _own_parameters(module: Module) -> frozenset[tuple[object, int]]:
    # The sizes of a shape are sorted, so that a weight and its transpose compare equal.
    return frozenset(Counter((tuple(sorted(each.shape)), each.dtype) for each in module.parameters).items())


class Common(NamedTuple):
    """What two models have in common.

    Attributes:
        modules: number of modules with a counterpart, without the root.
        parameters: number of parameters of these with the same name and, axes in any order, the same shape.
        of_modules: number of modules of the model that has fewer, without the root.
        of_parameters: number of parameters of the model that has fewer.
    """

    modules: int
    parameters: int
    of_modules: int
    of_parameters: int

    @property
    def unrelated(self) -> bool:
        """Whether the models have less than half of their modules and of their parameters in common.

        Models without modules tell nothing.
        """
        few = self.parameters < _LEAST_COMMON * self.of_parameters or not self.of_parameters
        return few and self.modules < _LEAST_COMMON * self.of_modules


def common_of(before: Analysis, after: Analysis, pairs: Sequence[ModulePair]) -> Common:
    """Count what two models have in common."""
    modules = parameters = 0
    for pair in pairs:
        if pair.before and pair.after:
            modules += 1
            shared = _shapes(before.tree[pair.before]) & _shapes(after.tree[pair.after])
            parameters += len(shared)
    trees = before.tree, after.tree
    fewest = min(sum(bool(module.path) for module in tree) for tree in trees)
    held = min(sum(len(module.parameters) for module in tree) for tree in trees)
    return Common(modules, parameters, fewest, held)


def _shapes(module: Module) -> set[tuple[str, tuple[int, ...]]]:
    return {(each.name, tuple(sorted(each.shape))) for each in module.parameters}
