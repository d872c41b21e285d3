"""Rebuilds the module tree of a sidecar from its list of modules."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from rewriter.evidence.claims import Holds, InitializerSlice, earlier_rule
from rewriter.evidence.reference.module_list import Declared
from rewriter.modules.module import Module, Parameter
from rewriter.modules.module_tree import ModuleTree, Placement
from rewriter.paths import ModulePath
from rewriter.views.sidecar.checked_fields import JsonFields

MOST_NODES = 10_000_000
"""Maximum number of nodes that a sidecar may state.

It lists only placed nodes, so a small file could state a huge number, and the tree would exhaust memory.
"""


def tree_of(top: JsonFields, entries: Sequence[JsonFields], nodes: int) -> ModuleTree:
    """Build the tree.

    Args:
        top: the whole sidecar, for errors.
        entries: its modules, parents first.
        nodes: number of nodes of the model.

    Raises:
        UnreadableModel: there are more than `MOST_NODES` nodes or no modules, a module is listed twice or
            before its parent, a node is placed twice or does not exist, a module has more or fewer names of
            nodes than placements, or a field is invalid.
    """
    demand_few(top, nodes)
    placements: dict[int, Placement] = {}
    children: dict[ModulePath, list[ModulePath]] = {}
    own: dict[ModulePath, tuple[int, ...]] = {}
    for entry in entries:
        path = ModulePath(entry.text("path"))
        _adopt(path, children, entry)
        own[path] = _place(path, entry, placements, nodes)
    if not children:
        raise top.fault("holds no module, not even the root")
    totals = {path: len(numbers) for path, numbers in own.items()}
    for path in reversed(totals):
        if (parent := path.parent) is not None:
            totals[parent] += totals[path]
    modules = {
        path: _module(path, entry, tuple(children[path]), own[path], totals[path])
        for path, entry in zip(own, entries, strict=True)
    }
    return ModuleTree(modules, tuple(placements.get(node) for node in range(nodes)))


def demand_few(top: JsonFields, nodes: int) -> None:
    """Refuse a sidecar that states too many nodes."""
    if nodes > MOST_NODES:
        raise top.fault(f"states {nodes} nodes, more than {MOST_NODES}")


def _adopt(path: ModulePath, children: dict[ModulePath, list[ModulePath]], entry: JsonFields) -> None:
    """Add a module, as yet without children, and append it to the children of its parent."""
    if path in children:
        raise entry.fault(f"{path!s} is listed twice")
    parent = path.parent
    if parent is not None:
        if parent not in children:
            raise entry.fault(f"the parent of {path!s} is not listed before it")
        children[parent].append(path)
    elif children:
        raise entry.fault("the root is not listed first")
    children[path] = []


def _place(
    path: ModulePath, entry: JsonFields, placements: dict[int, Placement], nodes: int
) -> tuple[int, ...]:
    """Add the placements of a module, and return its nodes."""
    numbers = []
    for placed in entry.objects("placements"):
        number = placed.count("node")
        if number >= nodes or number in placements:
            raise placed.fault(f"node {number} is placed twice or does not exist")
        conflicting = tuple(map(ModulePath, placed.texts("conflicting")))
        source = placed.text("source")
        certainty = earlier_rule(placed.text_or_none("certainty"), source).certainty
        placements[number] = Placement(path, placed.count("call"), source, certainty, conflicting)
        numbers.append(number)
    if len(entry.texts("nodes")) != len(numbers):
        raise entry.fault("nodes and placements differ in length")
    return tuple(numbers)


def _module(
    path: ModulePath, entry: JsonFields, children: tuple[ModulePath, ...], nodes: tuple[int, ...], total: int
) -> Module:
    return Module(
        path,
        entry.text_or_none("class"),
        tuple(map(parameter_of, entry.objects("parameters"))),
        children,
        nodes,
        total,
        entry.count("calls"),
        entry.text_or_none("full_scope"),
        declared_of(entry),
        folded_into=folded_of(entry),
    )


def declared_of(entry: JsonFields) -> tuple[Declared, ...]:
    """Return the parameters that a reference declares for a module."""
    return tuple(map(_declared, entry.objects("declared") if entry.get("declared") is not None else ()))


def folded_of(entry: JsonFields) -> tuple[ModulePath, ...]:
    """Return the modules into which a batch norm was folded."""
    return tuple(map(ModulePath, entry.texts("folded_into") if entry.get("folded_into") is not None else ()))


def parameter_of(entry: JsonFields) -> Parameter:
    """Read a parameter."""
    return held_of(entry, entry.text("name"), entry.text("initializer"))


def held_of(entry: JsonFields, name: str, initializer: str) -> Parameter:
    """Read the way in which an initializer holds a parameter; older sidecars have no `holds` and `count`."""
    shape = entry.shape("shape")
    count = entry.count("count") if entry.get("count") is not None else prod(shape)
    return Parameter(
        name=name,
        initializer=initializer,
        shape=shape,
        dtype=entry.text("dtype"),
        transposed=entry.flag("transposed"),
        shared_with=tuple(map(ModulePath, entry.texts("shared_with"))),
        part=_part(entry, len(shape)),
        holds=_holds(entry),
        formula=entry.text("formula") if entry.get("formula") is not None else "",
        differs=entry.text("differs") if entry.get("differs") is not None else "",
        unpacked=count if count != prod(shape) else None,
    )


def _holds(parameter: JsonFields) -> Holds:
    if parameter.get("holds") is None:
        return Holds.UNKNOWN
    try:
        return Holds(parameter.text("holds"))
    except ValueError:
        raise parameter.fault(f"holds is none of {', '.join(Holds)}") from None


def _part(parameter: JsonFields, axes: int) -> InitializerSlice | None:
    """Return the slice in the field `part` or `inner` of a parameter with `axes` axes; None without one."""
    key = "inner" if parameter.get("inner") is not None else "part"
    if parameter.get(key) is None:
        return None
    part = parameter.object(key)
    inner = _part(part, axes)
    found = InitializerSlice(part.count("axis"), part.count("start"), part.count("stop"), inner)
    if found.axis >= axes or found.start > found.stop:
        raise part.fault("is no valid slice of a tensor of this shape")
    return found


def _declared(entry: JsonFields) -> Declared:
    same_as = entry.text_or_none("same_as")
    return Declared(
        name=entry.text("name"),
        shape=None if entry.get("shape") is None else entry.shape("shape"),
        trainable=None if entry.get("trainable") is None else entry.flag("trainable"),
        buffer=entry.flag("buffer"),
        same_as=None if same_as is None else ModulePath(same_as),
    )
