"""Converts patterns over module paths to session options of onnxruntime that assign nodes to devices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rewriter.basics.display import Display, counted, listed
from rewriter.errors import UsageError
from rewriter.insight.placement.layer_rules import BY_ANNOTATION, BY_NAME, annotation_rules, is_pattern
from rewriter.insight.placement.name_rules import name_rules
from rewriter.model import metadata
from rewriter.model.metadata import LAYER
from rewriter.modules.analysis import Analysis
from rewriter.modules.selection import Selection, outermost
from rewriter.passes.layer_annotations import layers
from rewriter.paths import ModulePath

_DEVICE = re.compile(r"cpu|gpu(:\w+)?|cuda|dml|npu|fpga|accelerator|\w+ExecutionProvider", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wish:
    """One `pattern=device` word of the user, and its effect.

    Attributes:
        pattern: the glob over module paths.
        device: the device, by onnxruntime's name.
        modules: number of modules that match.
        nodes: number of nodes of matching modules and modules below, without those of an earlier pattern.
    """

    pattern: str
    device: str
    modules: int = 0
    nodes: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Placing(Display):
    """Session options that assign nodes to devices, and warnings about their limits.

    Attributes:
        wishes: patterns and devices, in the given order; a module goes to the first match.
        settings: session option -> its value. The options are alternatives.
        notes: warnings, one line each.
    """

    wishes: tuple[Wish, ...]
    settings: dict[str, str]
    notes: tuple[str, ...]

    def _brief(self) -> str:
        return listed(f"{wish.pattern}={wish.device} ({counted(wish.nodes, 'node')})" for wish in self.wishes)


def parse_wishes(patterns: Sequence[str]) -> tuple[Wish, ...]:
    """Read `pattern=device` words.

    Raises:
        UsageError: there is no word, or a word lacks a pattern or a possible device name.
    """
    wishes = []
    for word in patterns:
        pattern, equals, device = word.rpartition("=")
        if not equals or not pattern or not is_pattern(device):
            raise UsageError(f"cannot read {word!r}; write a pattern and a device: 'encoder.layer.[0-5]=cpu'")
        wishes.append(Wish(pattern, device))
    if not wishes:
        raise UsageError("no device named; write a pattern and a device: 'encoder.layer.[0-5]=cpu'")
    return tuple(wishes)


def place(analysis: Analysis, wishes: Sequence[Wish], selection: Selection) -> Placing:
    """Make settings that assign the nodes of matching modules to devices.

    Notes name patterns that match no node and devices that onnxruntime may not know. They count the nodes
    that lack the annotation, the nodes that a setting cannot assign, and the nodes in graph bodies that no
    pattern matches but that follow the node around them.

    Args:
        analysis: the model.
        wishes: patterns and devices.
        selection: further conditions on modules; its fields `only` and `operators` are ignored.

    Raises:
        UsageError: a pattern, class or kind matches no module, a matching module contains a module that is
            left out, or no setting can express the request.
    """
    tree = analysis.tree
    replace(selection, only=tuple(wish.pattern for wish in wishes), operators=()).whole(analysis)
    devices: dict[ModulePath, str] = {}
    fulfilled = []
    for wish in wishes:
        modules = replace(selection, only=(wish.pattern,), operators=()).modules(analysis)
        taken = [m for top in outermost(modules) for m in tree.walk(top.path) if m.path not in devices]
        devices |= {module.path: wish.device for module in taken}
        fulfilled.append(
            replace(wish, modules=len(modules), nodes=sum(len(module.nodes) for module in taken))
        )
    annotated: dict[ModulePath, list[int]] = {}
    for node, path in layers(analysis):
        annotated.setdefault(path, []).append(node)
    names = [node.name if isinstance(node.name, str) else "" for node in analysis.graph.nodes]
    by_annotation = annotation_rules(tree, annotated, devices)
    wanted = {node: device for path, device in devices.items() for node in tree[path].nodes}
    by_name = name_rules(names, wanted)
    lost = (
        len(wanted.keys() - {node for nodes in annotated.values() for node in nodes})
        + by_annotation.unreachable
    )
    settings = {BY_ANNOTATION: str(by_annotation), BY_NAME: str(by_name)}
    notes = (
        *_fruitless(analysis, fulfilled),
        *_missing(analysis, annotated, devices),
        *_lost(lost, by_name.unreachable),
        *_inherited(analysis, wanted),
    )
    told = {key: text for key, text in settings.items() if text}
    if not told:
        raise UsageError("; ".join((f"{analysis.path or 'model'}: no node can be placed", *notes)))
    return Placing(tuple(fulfilled), told, notes)


def _fruitless(analysis: Analysis, wishes: Sequence[Wish]) -> list[str]:
    notes = []
    for wish in wishes:
        if not wish.nodes:
            owned = any(module.total_nodes for module in analysis.tree.fitting(wish.pattern))
            why = "earlier patterns took all of them" if owned else "its modules own none"
            notes.append(f"{wish.pattern!r} matches no node: {why}")
    unknown = dict.fromkeys(wish.device for wish in wishes if not _DEVICE.fullmatch(wish.device))
    return notes + [
        f"onnxruntime may know no device {device!r}; it knows cpu, gpu, gpu:<vendor or index>, cuda, dml, "
        "npu, fpga, accelerator and names of execution providers"
        for device in unknown
    ]


def _missing(
    analysis: Analysis, annotated: dict[ModulePath, list[int]], devices: dict[ModulePath, str]
) -> list[str]:
    """Return a note on nodes that lack the annotation of the first setting, or have another one, if any."""
    nodes = analysis.graph.nodes
    bare = sum(
        metadata.get(nodes[node], LAYER) != path for path in devices for node in annotated.get(path, ())
    )
    if not bare:
        return []
    return [
        f"{bare} of the nodes lack their module path as metadata {LAYER!r}, which {BY_ANNOTATION} reads: run "
        "'rewriter rewrite --layer-annotations' first"
    ]


def _inherited(analysis: Analysis, wanted: dict[int, str]) -> list[str]:
    """Return a note on nodes in graph bodies that have no device, inside of a node that has one, if any.

    onnxruntime assigns these nodes to the device of the enclosing node.
    """
    graph = analysis.graph
    going = sum(
        node not in wanted and any(owner in wanted for owner in graph.enclosing(node))
        for node, body in enumerate(graph.body_of)
        if body
    )
    more = f"{counted(going, 'more node')}, in bodies of If, Loop or Scan: assigned with the node around"
    return [more] if going else []


def _lost(by_annotation: int, by_name: int) -> list[str]:
    notes = []
    if by_annotation:
        notes.append(
            f"{counted(by_annotation, 'node')} cannot be assigned by annotation "
            "(nodes of the root, for example, have none)"
        )
    if by_name:
        notes.append(
            f"{counted(by_name, 'node')} cannot be assigned by name: "
            "run 'rewriter rewrite --restore-names' first, or use annotations"
        )
    return notes
