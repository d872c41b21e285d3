"""Matches modules of two models: by path, by path without a prefix, else by content."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Container, Iterator
from dataclasses import dataclass
from enum import StrEnum

from rewriter.insight.comparison.attribute_text import attributes_of
from rewriter.model.operator_set.operators import canonical
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.modules.module_tree import ModuleTree
from rewriter.paths import ROOT, ModulePath

_DEEPEST_PREFIX = 3
"""Maximum depth of a removed prefix; `model.encoder` and `encoder` match after removing `model`."""


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
    partner, how = _by_path(before.tree, after.tree)
    taken = set(partner.values())
    for left, right in _by_content(before, after, set(partner), taken):
        partner[left] = right
        how[left] = How.CONTENT
        taken.add(right)
    found = [ModulePair(m.path, partner.get(m.path), how.get(m.path)) for m in before.tree]
    found.extend(ModulePair(None, m.path) for m in after.tree if m.path not in taken)
    return tuple(found)


def _by_path(
    before: ModuleTree, after: ModuleTree
) -> tuple[dict[ModulePath, ModulePath], dict[ModulePath, How]]:
    """Pair modules by path, after removing the prefix of either model that gives the most pairs."""
    left = right = ROOT
    most = len(before.modules.keys() & after.modules.keys())
    for module in before:
        if 0 < module.depth <= _DEEPEST_PREFIX and (found := _shared(before, module.path, after)) > most:
            left, right, most = module.path, ROOT, found
    for module in after:
        if 0 < module.depth <= _DEEPEST_PREFIX and (found := _shared(after, module.path, before)) > most:
            left, right, most = ROOT, module.path, found
    how = How.PREFIX if left or right else How.PATH
    partner: dict[ModulePath, ModulePath] = {ROOT: ROOT}
    for module in before.walk(left):
        other = right.child(module.path.relative_to(left))
        if module.path != left and other in after:
            partner[module.path] = other
    return partner, {path: How.PATH if path == ROOT else how for path in partner}


def _shared(tree: ModuleTree, prefix: ModulePath, other: ModuleTree) -> int:
    """Count the modules at and below `prefix` whose remaining path is in the other tree."""
    return sum(module.path.relative_to(prefix) in other for module in tree.walk(prefix))


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
