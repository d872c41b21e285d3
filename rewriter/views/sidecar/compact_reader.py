"""Reads a compact sidecar."""

from __future__ import annotations

from collections.abc import Sequence

from rewriter.evidence.claims import earlier_rule
from rewriter.modules.module import Module, Parameter
from rewriter.modules.module_tree import ModuleTree, Placement
from rewriter.paths import ROOT, ModulePath
from rewriter.views.sidecar.checked_fields import JsonFields
from rewriter.views.sidecar.tables import NONE, NamesReader, WrittenOut
from rewriter.views.sidecar.tree import declared_of, demand_few, folded_of, held_of


class ColumnReader:
    """Reader of the columns of one sidecar.

    Args:
        top: the whole sidecar.
        nodes: number of nodes of the model.

    Raises:
        UnreadableModel: the sidecar states too many nodes or no modules, a column has another length than its
            table or refers to a row that is not there, the paths and names are too long written out, or a
            field is invalid. Each method raises it too.
    """

    def __init__(self, top: JsonFields, nodes: int) -> None:
        demand_few(top, nodes)
        self._top = top
        self._extent = WrittenOut()
        self._paths = self._read_paths()
        self._placements = self._read_placements()
        self._of_node = top.object("nodes").column("placement", end=len(self._placements))
        self._placed = self._read_places(nodes)

    def tree(self) -> ModuleTree:
        """Return the module tree."""
        columns, rows = self._top.object("modules"), len(self._paths)
        parents = columns.column("parent", rows, NONE, rows)
        children: list[list[ModulePath]] = [[] for _ in self._paths]
        own: dict[ModulePath, list[int]] = {path: [] for path in self._paths}
        for node, placement in zip(self._placed, self._of_node, strict=True):
            own[self._placements[placement].module].append(node)
        totals = [len(own[path]) for path in self._paths]
        for row in range(rows - 1, 0, -1):
            totals[parents[row]] += totals[row]
        for path, parent in list(zip(self._paths, parents, strict=True))[1:]:
            children[parent].append(path)
        classes = self._top.texts("classes")
        class_of, calls = columns.column("class", rows, NONE, len(classes)), columns.column("calls", rows)
        parameters = self._read_parameters(columns.column("parameters", rows))
        details = self._top.by_row("details", rows)
        modules = {}
        for row, path in enumerate(self._paths):
            told = JsonFields(details.get(row, {}), f"details of {path or 'the root'}")
            modules[path] = Module(
                path,
                None if class_of[row] == NONE else classes[class_of[row]],
                parameters[row],
                tuple(children[row]),
                tuple(own[path]),
                totals[row],
                calls[row],
                told.text_or_none("full_scope"),
                declared_of(told),
                folded_into=folded_of(told),
            )
        nodes: list[Placement | None] = [None] * self._top.object("export").count("nodes")
        for node, placement in zip(self._placed, self._of_node, strict=True):
            nodes[node] = self._placements[placement]
        return ModuleTree(modules, tuple(nodes))

    def names(self) -> tuple[dict[ModulePath, tuple[str, ...]], dict[ModulePath, tuple[str, ...]]]:
        """Return module -> names of its own nodes, and module -> names of the values that these write."""
        columns, reader = self._top.object("nodes"), NamesReader(self._top, self._extent)
        names = list(reader.rows(columns, len(self._of_node)))
        counts = columns.column("values", len(names))
        stated, listed = sum(counts), len(self._top.object("values").column("scope", None, NONE))
        if stated != listed:
            raise self._top.fault(f"nodes write {stated} values, and {listed} are listed")
        writers = [node for node, count in enumerate(counts) for _ in range(count)]
        values = reader.rows(self._top.object("values"), listed, [names[node] for node in writers])
        modules = [self._placements[placement].module for placement in self._of_node]
        of_nodes: dict[ModulePath, list[str]] = {path: [] for path in self._paths}
        of_values: dict[ModulePath, list[str]] = {path: [] for path in self._paths}
        for module, name in zip(modules, names, strict=True):
            of_nodes[module].append(name)
        for node, name in zip(writers, values, strict=True):
            of_values[modules[node]].append(name)
        return _tuples(of_nodes), _tuples(of_values)

    def _read_paths(self) -> list[ModulePath]:
        """Return the path of each row."""
        columns = self._top.object("modules")
        names = columns.texts("name")
        parents = columns.column("parent", len(names), NONE, len(names))
        if not names:
            raise self._top.fault("holds no module, not even the root")
        paths: list[ModulePath] = []
        for row, (name, parent) in enumerate(zip(names, parents, strict=True)):
            if (parent == NONE) != (row == 0) or parent >= row:
                raise columns.fault(f"row {row} is not listed after its parent, or the root not first")
            above = paths[parent] if paths else ROOT
            path = ModulePath(f"{above}.{name}" if above else name)
            if path.parent != (above if paths else None):
                raise columns.fault(f"row {row} has no name that a module of its parent can have")
            self._extent.add(path)
            paths.append(path)
        if len(set(paths)) < len(paths):
            raise columns.fault("a module is listed twice")
        return paths

    def _read_placements(self) -> list[Placement]:
        columns = self._top.object("placements")
        evidence = [
            (source := entry.text("source"), earlier_rule(entry.text("certainty"), source).certainty)
            for entry in self._top.objects("evidence")
        ]
        modules = columns.column("module", end=len(self._paths))
        calls = columns.column("call", len(modules))
        by = columns.column("evidence", len(modules), end=len(evidence))
        against = columns.by_row("conflicting", len(modules))
        return [
            Placement(self._paths[module], calls[row], *evidence[by[row]], _texts(columns, against.get(row)))
            for row, module in enumerate(modules)
        ]

    def _read_places(self, nodes: int) -> list[int]:
        """Return the numbers of the placed nodes: all but those in the ranges of `unplaced`."""
        ranges = self._top.get("unplaced")
        placed: list[int] = []
        start = 0
        for each in ranges if isinstance(ranges, list) else [None]:
            first, stop = each if isinstance(each, list) and len(each) == 2 else (NONE, NONE)
            if type(first) is not int or type(stop) is not int or not start <= first < stop <= nodes:
                raise self._top.fault("unplaced is no list of ranges of nodes in ascending order")
            placed.extend(range(start, first))
            start = stop
        placed.extend(range(start, nodes))
        if len(placed) != len(self._of_node):
            raise self._top.fault(f"{len(placed)} nodes are placed, and {len(self._of_node)} are listed")
        return placed

    def _read_parameters(self, counts: Sequence[int]) -> list[tuple[Parameter, ...]]:
        """Return the parameters of each module."""
        columns = self._top.object("parameters")
        names = columns.texts("name")
        forms = [held_of(entry, "", "") for entry in self._top.objects("held")]
        held = columns.column("held", len(names), end=len(forms))
        told = columns.by_row("initializers", len(names))
        if sum(counts) != len(names):
            raise columns.fault(f"modules have {sum(counts)} parameters, and {len(names)} are listed")
        found: list[tuple[Parameter, ...]] = []
        row = 0
        for path, count in zip(self._paths, counts, strict=True):
            own = []
            for place in range(row, row + count):
                stored = told.get(place, f"{path}.{names[place]}" if path else names[place])
                if not isinstance(stored, str):
                    raise columns.fault(f"initializers: that of row {place} is not text")
                self._extent.add(stored)
                own.append(forms[held[place]]._replace(name=names[place], initializer=stored))
            found.append(tuple(own))
            row += count
        return found


def _texts(columns: JsonFields, told: object) -> tuple[ModulePath, ...]:
    if told is None:
        return ()
    if not isinstance(told, list) or not all(isinstance(each, str) for each in told):
        raise columns.fault("conflicting is no list of texts")
    return tuple(map(ModulePath, told))


def _tuples(found: dict[ModulePath, list[str]]) -> dict[ModulePath, tuple[str, ...]]:
    return {path: tuple(names) for path, names in found.items()}
