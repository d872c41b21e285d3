"""Types of the JSON of a sidecar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

from rewriter.evidence.certainty import Certainty
from rewriter.views.json.parts import DeclaredJson, ParameterJson, PlacementJson
from rewriter.views.json.types import ClassOrNullJson, Count, Positive


class ModulesExportJson(TypedDict):
    """Figures of the model file; functions that `group` made are inlined.

    Attributes:
        file: Name of the model file without its folder; null for a model in memory.
        producer: Name and version of the exporter; empty if the file does not state it.
        opset: Version of the default domain; null if the file does not import it.
        opsets: Operator set domain -> version; the default domain is the empty string.
        nodes: Number of nodes, including those in graph bodies and functions.
        initializers: Number of initializers, including those in graph bodies.
        modules: Number of modules.
        parameters: Elements in all parameters; a shared parameter counts once.
    """

    file: str | None
    producer: str
    opset: int | None
    opsets: Mapping[str, int]
    nodes: Count
    initializers: Count
    modules: Count
    parameters: Count


class ModulesNodeJson(TypedDict):
    """Placement of one node.

    Attributes:
        node: Number of the node, in file order; nodes of a graph body follow its owner, functions come
            last.
        call: Number of the call of the module, from 0.
        source: Kind of evidence that placed the node.
        certainty: Certainty of the module; sidecars of older versions lack it.
        conflicting: Paths of modules that contradicting evidence names.
    """

    node: Count
    call: Count
    source: str
    certainty: NotRequired[Certainty]
    conflicting: Sequence[str]


class ModulesModuleJson(ClassOrNullJson):
    """One module.

    Attributes:
        path: Dotted path as in PyTorch; empty for the root.
        class: Fully qualified class; null if no evidence names it.
        kind: Origin of the class, by its package; null for an unknown class.
        depth: Depth in the tree; 0 for the root.
        parent: Path of the parent module; null for the root.
        children: Paths of the modules directly below, in the order of their calls as far as it is known.
        leaf: Whether the module has no submodules.
        calls: Number of calls of the module, as far as the evidence distinguishes calls; 0 for a list of
            modules, and if neither the module nor any module below has nodes.
        folded_into: Paths of the modules into whose nodes this batch norm was folded, in file order; absent
            for all other modules.
        total_nodes: Number of nodes in this module and all modules below.
        nodes: Names of the module's own nodes, in file order; a name may be empty, or that of several nodes.
        values: Names of the values that these nodes write.
        placements: Placements of the module's own nodes, in the order of `nodes`.
        full_scope: Name of the module in torch's trace-module map: class and path; absent if no reference
            states it.
        declared: Parameters and buffers that the reference declares for the module, in the file or not;
            absent if there are none.
    """

    path: str
    kind: Literal["torch.nn", "huggingface", "torch", "custom"] | None
    depth: Count
    parent: str | None
    children: Sequence[str]
    leaf: bool
    calls: Count
    folded_into: NotRequired[Sequence[str]]
    total_nodes: Count
    parameters: Sequence[ParameterJson]
    nodes: Sequence[str]
    values: Sequence[str]
    placements: Sequence[ModulesNodeJson]
    full_scope: NotRequired[str]
    declared: NotRequired[Sequence[DeclaredJson]]


class ModulesBranchJson(ClassOrNullJson):
    """Module in the nested tree.

    Attributes:
        path: Dotted path as in PyTorch; empty for the root.
        class: Fully qualified class; null if no evidence names it.
        children: The modules directly below.
        below: Number of modules below that are listed only in `modules`; present if nesting stops here,
            because parsers limit the depth.
    """

    path: str
    children: Sequence[ModulesBranchJson]
    below: NotRequired[Positive]


class ModulesJson(TypedDict):
    """Full sidecar: the module tree beside an ONNX file, with an object for each module.

    Written as `<model>.modules.json` with `--sidecar full`. It holds what the compact one holds, and fields
    that follow from others: `kinds`, the nested `tree`, and of each module its path, kind, depth, parent,
    children, number of nodes, and the names and placements of its nodes.

    Attributes:
        export: Figures of the model file.
        kinds: Kind of class -> number of modules; `unknown` for modules of unknown class.
        modules: All modules, depth first, the root first.
        tree: The same modules, nested.
    """

    schema: Literal["rewriter.modules/1"]
    export: ModulesExportJson
    placement: PlacementJson
    kinds: Mapping[str, Count]
    modules: Sequence[ModulesModuleJson]
    tree: ModulesBranchJson
