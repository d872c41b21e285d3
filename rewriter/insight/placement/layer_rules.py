"""Converts devices of modules to rules by which onnxruntime assigns nodes to devices.

Two session options of onnxruntime take such rules: `device(pattern, pattern, ...); device(...)`. The meaning
of a pattern is defined in onnxruntime's `layering_annotations.cc`, read in version 1.31:

- `session.layer_assignment_settings`: a pattern is a prefix of a node's metadata `layer_ann`, or, written
  `=pattern`, the whole of it. A prefix wins over a whole text; among patterns of one kind, the first wins.
- `session.name_based_layer_assignment`: a pattern is a substring of a node's name. The longest match wins.

So the prefix `encoder.layer.1` matches layer 10 too. The annotation rules made here do not overlap. A module
that goes to one device with all its submodules gets its path as prefix, if no path outside of it begins
with that text; else the module itself and its submodules get separate patterns.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rewriter.modules.module_tree import ModuleTree
from rewriter.paths import ROOT, ModulePath

BY_ANNOTATION = "session.layer_assignment_settings"
BY_NAME = "session.name_based_layer_assignment"

_SYNTAX = frozenset("(),;")


@dataclass(slots=True)
class Rules:
    """Patterns by device.

    Attributes:
        patterns: device -> its patterns.
        unreachable: number of nodes that have a device, but no pattern.
    """

    patterns: dict[str, list[str]] = field(default_factory=dict)
    unreachable: int = 0

    def add(self, device: str, *patterns: str) -> None:
        """Append patterns of a device."""
        self.patterns.setdefault(device, []).extend(patterns)

    def __str__(self) -> str:
        return "; ".join(f"{device}({', '.join(patterns)})" for device, patterns in self.patterns.items())


class _Devices:
    """Devices of modules, and the devices in the subtree of each module.

    Args:
        tree: the modules.
        own: module -> its annotated nodes.
        devices: module -> its device; a missing module has none.
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
        """Return the annotated nodes of a module and of all modules below."""
        return [node for module in self.tree.walk(path) for node in self.own.get(module.path, ())]


def annotation_rules(
    tree: ModuleTree, own: Mapping[ModulePath, Sequence[int]], devices: Mapping[ModulePath, str]
) -> Rules:
    """Make rules whose patterns match module paths, for `session.layer_assignment_settings`.

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
    """Add rules that assign a module and all modules below to one device."""
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
    """Whether a text can be used as a pattern, so that onnxruntime reads it as one.

    It is printable and not empty, has no spaces around it and no `=` at its start, and has none of `(),;`.
    """
    plain = _SYNTAX.isdisjoint(text) and text.strip() == text and text.isprintable()
    return bool(text) and plain and not text.startswith("=")
