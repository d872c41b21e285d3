"""Types of the JSON of a compact sidecar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

from rewriter.evidence.certainty import Certainty
from rewriter.views.json.parts import DeclaredJson, ParameterHeldJson, PlacementJson
from rewriter.views.json.types import Count, Index
from rewriter.views.sidecar.tables import ModulesNamesJson
from rewriter.views.sidecar.types import ModulesExportJson

ClassPlacesJson = TypedDict("ClassPlacesJson", {"class": Sequence[Index]})  # `class` is a keyword of Python
"""Column of classes."""


class ModulesColumnsJson(ClassPlacesJson):
    """The modules, depth first, the root first: one entry of each column for each module.

    Attributes:
        parent: Row of the parent module; -1 for the root.
        name: Last name of the path, '' for the root. The path is that of the parent, a dot, and this name.
        class: Position in `classes` of the fully qualified class; -1 if no evidence names it.
        calls: Number of calls of the module, as far as the evidence distinguishes calls.
        parameters: Number of parameters of the module, which follow each other in `parameters`.
    """

    parent: Sequence[Index]
    name: Sequence[str]
    calls: Sequence[Count]
    parameters: Sequence[Count]


class ModulesDetailsJson(TypedDict):
    """Further facts of one module.

    Attributes:
        folded_into: Paths of the modules into whose nodes this batch norm was folded, in file order; absent
            for all other modules.
        full_scope: Name of the module in torch's trace-module map; absent if no reference states it.
        declared: Parameters and buffers that the reference declares for the module; absent if there are none.
    """

    folded_into: NotRequired[Sequence[str]]
    full_scope: NotRequired[str]
    declared: NotRequired[Sequence[DeclaredJson]]


class ModulesParametersJson(TypedDict):
    """The parameters and buffers, module by module.

    Attributes:
        name: Name inside the module.
        held: Position in `held`.
        initializers: Row -> name of the initializer, where it is not the path of the module, a dot and the
            name of the parameter.
    """

    name: Sequence[str]
    held: Sequence[Count]
    initializers: Mapping[str, str]


class ModulesEvidenceJson(TypedDict):
    """Evidence of a placement.

    Attributes:
        source: Kind of evidence.
        certainty: Certainty of the module.
    """

    source: str
    certainty: Certainty


class ModulesPlacementsJson(TypedDict):
    """The distinct placements of nodes: one entry of each column for each placement.

    Attributes:
        module: Row of the module.
        call: Number of the call of the module, from 0.
        evidence: Position in `evidence`.
        conflicting: Row -> paths of modules that contradicting evidence names; absent for none.
    """

    module: Sequence[Count]
    call: Sequence[Count]
    evidence: Sequence[Count]
    conflicting: Mapping[str, Sequence[str]]


class ModulesNodesJson(ModulesNamesJson):
    """The placed nodes in file order: one entry of each column for each node.

    Nodes of a graph body follow its owner, functions come last. A name may be empty, or occur
    several times.

    Attributes:
        scope: Position in `scopes` of the beginning of the name.
        stem: Position in `stems` of the text after that.
        number: Number at the end of the name; -1 without one.
        placement: Row in `placements`.
        values: Number of values that the node writes, which follow each other in `values`.
    """

    placement: Sequence[Count]
    values: Sequence[Count]


class CompactModulesJson(TypedDict):
    """Sidecar: the module tree beside an ONNX file, as columns.

    Written as `<model>.modules.json`. `--sidecar full` writes each module as an object instead.

    Attributes:
        export: Figures of the model file.
        classes: Fully qualified classes.
        modules: The modules.
        details: Row of a module -> its further facts; modules without any are absent.
        held: The distinct ways in which initializers hold parameters.
        parameters: The parameters and buffers.
        evidence: The distinct kinds of evidence.
        placements: The distinct placements.
        unplaced: Ranges of numbers of nodes without a module, from the first up to but not including the
            second. All other nodes are in `nodes`.
        scopes: Beginnings of names.
        stems: Texts in names.
        nodes: The placed nodes.
        values: Names of the values that these nodes write.
    """

    schema: Literal["rewriter.modules/2"]
    export: ModulesExportJson
    placement: PlacementJson
    classes: Sequence[str]
    modules: ModulesColumnsJson
    details: Mapping[str, ModulesDetailsJson]
    held: Sequence[ParameterHeldJson]
    parameters: ModulesParametersJson
    evidence: Sequence[ModulesEvidenceJson]
    placements: ModulesPlacementsJson
    unplaced: Sequence[Sequence[Count]]
    scopes: Sequence[str]
    stems: Sequence[str]
    nodes: ModulesNodesJson
    values: ModulesNamesJson
