"""Writes a compact sidecar: columns instead of objects, with every path and class once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby

from rewriter.model.storage import sidecar_path
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module, Parameter
from rewriter.modules.module_tree import Placement
from rewriter.paths import ModulePath
from rewriter.views.escape import as_text
from rewriter.views.json.parts import (
    ParameterHeldJson,
    folded_json,
    held_json,
    placement_json,
    reference_json,
)
from rewriter.views.sidecar.column_types import (
    CompactModulesJson,
    ModulesColumnsJson,
    ModulesDetailsJson,
    ModulesEvidenceJson,
    ModulesNodesJson,
    ModulesParametersJson,
    ModulesPlacementsJson,
)
from rewriter.views.sidecar.full import export_json
from rewriter.views.sidecar.tables import NONE, DistinctTexts, ModulesNamesJson, NameColumns


def write_compact(analysis: Analysis) -> str:
    """Return the compact sidecar of a model, with one field per line."""
    lines = (
        f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}"
        for key, value in _Writer(analysis).json().items()
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


class _Writer:
    """Writer of one sidecar, with its tables."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self.tree = analysis.tree
        self.rows = {path: row for row, path in enumerate(self.tree.modules)}
        self.classes, self.scopes, self.stems = DistinctTexts(), DistinctTexts(), DistinctTexts()
        self.held: dict[tuple[object, ...], int] = {}
        self.forms: list[ParameterHeldJson] = []

    def json(self) -> CompactModulesJson:
        """Return the whole sidecar."""
        modules, parameters = self._modules(), self._parameters()
        placements, evidence, of_node = self._placements()
        nodes, values = self._names(of_node)
        details = ((row, _details(module)) for row, module in enumerate(self.tree))
        return {
            "schema": sidecar_path.COMPACT,
            "export": export_json(self.analysis),
            "placement": placement_json(self.tree),
            "classes": self.classes.texts,
            "modules": modules,
            "details": {str(row): found for row, found in details if found},
            "held": self.forms,
            "parameters": parameters,
            "evidence": evidence,
            "placements": placements,
            "unplaced": list(_unplaced(self.tree.placements)),
            "scopes": self.scopes.texts,
            "stems": self.stems.texts,
            "nodes": nodes,
            "values": values,
        }

    def _modules(self) -> ModulesColumnsJson:
        modules = list(self.tree)
        return {
            "parent": [NONE if module.parent is None else self.rows[module.parent] for module in modules],
            "name": [_last_name(module.path) for module in modules],
            "class": [
                NONE if module.class_name is None else self.classes.place(module.class_name)
                for module in modules
            ],
            "calls": [module.calls for module in modules],
            "parameters": [len(module.parameters) for module in modules],
        }

    def _parameters(self) -> ModulesParametersJson:
        names: list[str] = []
        held: list[int] = []
        initializers: dict[str, str] = {}
        for module in self.tree:
            before = f"{module.path}." if module.path else ""
            for parameter in module.parameters:
                if (stored := as_text(parameter.initializer)) != before + parameter.name:
                    initializers[str(len(names))] = stored
                names.append(parameter.name)
                held.append(self._form(parameter))
        return {"name": names, "held": held, "initializers": initializers}

    def _form(self, parameter: Parameter) -> int:
        """Return the position of the way in which an initializer holds a parameter, added if new."""
        form = parameter[2:]  # all but the names
        if (place := self.held.get(form)) is None:
            place = self.held[form] = len(self.forms)
            self.forms.append(held_json(parameter))
        return place

    def _placements(self) -> tuple[ModulesPlacementsJson, list[ModulesEvidenceJson], list[int]]:
        """Return the distinct placements, the distinct evidence, and the placement of each placed node."""
        found: dict[tuple[object, ...], int] = {}
        known: dict[tuple[str, str], int] = {}
        distinct: list[Placement] = []
        of_node: list[int] = []
        for each in self.tree.placements:
            if each is not None:
                key = (each.module, each.call, each.source, each.certainty, each.conflicting)
                if (row := found.get(key)) is None:
                    row = found[key] = len(distinct)
                    distinct.append(each)
                    known.setdefault((each.source, each.certainty), len(known))
                of_node.append(row)
        columns: ModulesPlacementsJson = {
            "module": [self.rows[each.module] for each in distinct],
            "call": [each.call for each in distinct],
            "evidence": [known[each.source, each.certainty] for each in distinct],
            "conflicting": {
                str(row): each.conflicting for row, each in enumerate(distinct) if each.conflicting
            },
        }
        evidence = {(each.source, each.certainty): each for each in distinct}
        told: list[ModulesEvidenceJson] = [
            {"source": each.source, "certainty": each.certainty} for each in evidence.values()
        ]
        return columns, told, of_node

    def _names(self, of_node: list[int]) -> tuple[ModulesNodesJson, ModulesNamesJson]:
        """Return the columns of the placed nodes, and of the values that they write."""
        counts: list[int] = []
        nodes, values = NameColumns(self.scopes, self.stems), NameColumns(self.scopes, self.stems)
        for node, placement in enumerate(self.tree.placements):
            if placement is not None:
                proto = self.analysis.graph.nodes[node]
                name = as_text(proto.name)
                nodes.add(name)
                written = [as_text(value) for value in proto.output if value]
                for value in written:
                    values.add(value, name)
                counts.append(len(written))
        columns: ModulesNodesJson = {**nodes.columns(), "placement": of_node, "values": counts}
        return columns, values.columns()


def _last_name(path: ModulePath) -> str:
    """Return the path below its parent; of a path that begins with a dot, the whole."""
    return path[len(path.parent) + 1 :] if path.parent else str(path)


def _details(module: Module) -> ModulesDetailsJson:
    return {**folded_json(module), **reference_json(module)}


def _unplaced(placements: Sequence[Placement | None]) -> Iterator[list[int]]:
    """Yield the ranges of unplaced nodes."""
    start = 0
    for is_unplaced, group in groupby(placements, key=lambda placement: placement is None):
        stop = start + sum(1 for _ in group)
        if is_unplaced:
            yield [start, stop]
        start = stop
