"""Rules by which onnxruntime places layers on devices, from devices of modules.

Both of its session options hold `device(pattern, pattern, ...); device(...)`. What a pattern means is told by
onnxruntime's `layering_annotations.cc`, here as of 1.31:

- `session.layer_assignment_settings`: what a node's `layer_ann` begins with, or, as `=pattern`, all of it; a
  pattern of the first sort wins over one of the second, else the first in the text wins.
- `session.name_based_layer_assignment`: what the name of a node contains; the longest wins.

A pattern `encoder.layer.1` thus means layer 10 as well. The rules made here never overlap: where a module and
all below go to one device they are named by what no other module begins with, else one by one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from rewriter.modules.module import ModuleTree
from rewriter.paths import ROOT, ModulePath

BY_ANNOTATION = "session.layer_assignment_settings"
BY_NAME = "session.name_based_layer_assignment"

MOST_NAMES = 1000
"""Nodes that are named one by one, since their names have nothing in common."""
_SYNTAX = frozenset("(),;")


@dataclass(slots=True)
class Rules:
    """Patterns by device.

    Attributes:
        patterns: device -> its patterns.
        unreachable: number of nodes that no pattern can mean.
    """

    patterns: dict[str, list[str]] = field(default_factory=dict)
    unreachable: int = 0

    def add(self, device: str, *patterns: str) -> None:
        """Append patterns of a device."""
        self.patterns.setdefault(device, []).extend(patterns)

    def __str__(self) -> str:
        return "; ".join(f"{device}({', '.join(patterns)})" for device, patterns in self.patterns.items())


class _Devices:
    """Devices of modules, and which modules have the same for all that is below.

    Args:
        tree: the modules.
        own: module -> the nodes in it that bear a pattern's text.
        devices: module -> its device; a module that is missing has none.
    """

    def __init__(
        self,
        tree: ModuleTree,
        own: Mapping[ModulePath, Sequence[int]],
        devices: Mapping[ModulePath, str],
    ) -> None:
        self.tree = tree
        self.own = own
        self.devices = devices
        self.below: dict[ModulePath, frozenset[str | None]] = {}
        for module in tree.innermost_first():
            found = {device for child in module.children for device in self.below[child]}
            if own.get(module.path):
                found.add(devices.get(module.path))
            self.below[module.path] = frozenset(found)

    def inside(self, path: ModulePath) -> list[int]:
        """The nodes of a module and of all below."""
        return [node for module in self.tree.walk(path) for node in self.own.get(module.path, ())]


def annotation_rules(
    tree: ModuleTree, own: Mapping[ModulePath, Sequence[int]], devices: Mapping[ModulePath, str]
) -> Rules:
    """Rules over the paths of modules.

    Args:
        tree: the modules.
        own: module -> the nodes annotated with its path.
        devices: module -> its device.
    """
    known = _Devices(tree, own, devices)
    texts = sorted(path for path, nodes in own.items() if nodes)
    rules = Rules()
    stack = [ROOT]
    while stack:
        path = stack.pop()
        found = known.below[path]
        device = next(iter(found), None) if len(found) == 1 else None
        if device is not None and path:
            _add_module(rules, device, path, known, texts)
            continue
        own_device = devices.get(path)
        if own_device is not None and own.get(path):
            _add(rules, own_device, f"={path}", path, len(own[path]))
        if found - {None}:
            stack.extend(reversed(tree[path].children))
    return rules


def _add_module(
    rules: Rules, device: str, path: ModulePath, known: _Devices, texts: Sequence[ModulePath]
) -> None:
    """Rules for a module and all below."""
    inside = known.inside(path)
    first = bisect_left(texts, path)
    alike = 0
    while first + alike < len(texts) and texts[first + alike].startswith(path):
        alike += 1
    modules = sum(1 for module in known.tree.walk(path) if known.own.get(module.path))
    if alike == modules:
        _add(rules, device, path, path, len(inside))
        return
    if own := known.own.get(path):
        _add(rules, device, f"={path}", path, len(own))
    if len(inside) > len(own or ()):
        _add(rules, device, f"{path}.", path, len(inside) - len(own or ()))


def _add(rules: Rules, device: str, pattern: str, text: str, nodes: int) -> None:
    if is_pattern(text):
        rules.add(device, pattern)
    else:
        rules.unreachable += nodes


def is_pattern(text: str) -> bool:
    """Whether a text means itself in a rule: it holds nothing of their syntax."""
    plain = _SYNTAX.isdisjoint(text) and text.strip() == text and text.isprintable()
    return bool(text) and plain and not text.startswith("=")


def name_rules(names: Sequence[str], wanted: Mapping[int, str]) -> Rules:
    """Rules over the names of nodes: scopes, the widest first, then single names, `MOST_NAMES` at the most.

    A scope is taken where all names that contain it belong to nodes of one device.

    Args:
        names: node -> its name, '' for none.
        wanted: node -> its device, for the nodes that have one.
    """
    every = _Names(names, wanted)
    rules = Rules()
    taken: set[str] = set()
    left = _by_scope(names, wanted)
    for scope in _widest_first(left):
        device = every.device_of(scope) if taken.isdisjoint(_scopes(scope)) else None
        if device is not None:
            rules.add(device, scope)
            taken.add(scope)
    rest = [node for scope, nodes in left.items() if taken.isdisjoint(_scopes(scope)) for node in nodes]
    named = [node for node in rest if is_pattern(names[node])]
    rules.unreachable = sum(not names[node] for node in wanted) + len(rest) - len(named)
    if len(named) > MOST_NAMES:
        rules.unreachable += len(named)
        return rules
    single = {names[node] for node in named}
    for node in named:
        if every.is_alone(node, single):
            rules.add(wanted[node], names[node])
        else:
            rules.unreachable += 1
    return rules


def _by_scope(names: Sequence[str], wanted: Mapping[int, str]) -> dict[str, list[int]]:
    """The scope in a name, all up to its last '/', -> the nodes that have it."""
    found: dict[str, list[int]] = {}
    for node in wanted:
        if names[node]:
            scope, slash, _ = names[node].rpartition("/")
            found.setdefault(scope + slash, []).append(node)
    return found


def _scopes(scope: str) -> Iterator[str]:
    """`/a/b/` -> `/a/`, `/a/b/`."""
    end = scope.find("/", 1)
    while end > 0:
        yield scope[: end + 1]
        end = scope.find("/", end + 1)


def _widest_first(scopes: Iterable[str]) -> list[str]:
    """The scopes and all around them, each once, by how many there are around each."""
    every = dict.fromkeys(around for scope in scopes for around in _scopes(scope))
    return sorted((scope for scope in every if is_pattern(scope)), key=lambda scope: scope.count("/"))


class _Names:
    """The names of all nodes, searched as one text."""

    def __init__(self, names: Sequence[str], wanted: Mapping[int, str]) -> None:
        self.names = names
        lines = [name.replace("\n", " ") for name in names]
        self.text = "\n".join(lines)
        self.devices: dict[str, set[str | None]] = {}
        for node, line in enumerate(lines):
            self.devices.setdefault(line, set()).add(wanted.get(node))

    def device_of(self, scope: str) -> str | None:
        """The device of all nodes whose name contains a scope; None where they have several, or some none."""
        found: set[str | None] = set()
        for line in self._lines(scope):
            found |= self.devices[line]
            if len(found) > 1 or None in found:
                return None
        return next(iter(found), None)

    def is_alone(self, node: int, single: Set[str]) -> bool:
        """Whether the name of a node means no node of another device.

        The longest pattern wins, so a name that is a pattern itself may contain this one.
        """
        name = self.names[node]
        own = self.devices[name]
        return len(own) == 1 and all(
            self.devices[line] == own or line in single for line in self._lines(name) if line != name
        )

    def _lines(self, part: str) -> Iterator[str]:
        """The lines of the text that hold `part`."""
        at = self.text.find(part)
        while at >= 0:
            start = self.text.rfind("\n", 0, at) + 1
            end = self.text.find("\n", at)
            end = len(self.text) if end < 0 else end
            yield self.text[start:end]
            at = self.text.find(part, end)
