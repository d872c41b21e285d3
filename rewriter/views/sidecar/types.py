"""Types of the JSON of a sidecar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

from rewriter.views.json.parts import DeclaredJson, ParameterJson, PlacementJson
from rewriter.views.json.types import ClassOrNullJson, Count, Positive


class ModulesExportJson(TypedDict):
    """The model file.

    Attributes:
        file: Name of the model file without its folder; null for a model in memory.
        producer: Name and version of the exporter; empty where the file does not say.
        opset: Version of the default operator set; null where the file does not import it.
        opsets: Operator set domain -> version; the default domain is the empty string.
        parameters: Elements in all known parameters, shared ones counted once.
    """

    file: str | None
    producer: str
    opset: int | None
    opsets: Mapping[str, int]
    nodes: Count
    initializers: Count
    modules: Count
    parameters: Count


class ModulesParameterJson(ParameterJson):
    """One parameter, and the initializer that holds it.

    Attributes:
        name: Name inside the module.
        initializer: Name of the initializer in the file as it was read.
        shape: Shape of the initializer, or of its part.
        dtype: ONNX element type in lower case.
        transposed: Whether the file holds the transpose of the 2-d weight of the state dict.
        part: Which part of the initializer it is, where that holds several parameters behind each other.
        shared_with: Paths of other modules that read the same initializer.
    """

    shared_with: Sequence[str]


class ModulesNodeJson(TypedDict):
    """Where one node was placed.

    Attributes:
        node: Number of the node: in file order, the nodes of a body behind the node that owns it,
            functions last.
        source: The evidence that won.
        conflicting: Modules that other evidence names.
    """

    node: Count
    call: Count
    source: str
    conflicting: Sequence[str]


class ModulesModuleJson(ClassOrNullJson):
    """One module.

    Attributes:
        path: Dotted path as PyTorch writes it; empty for the root.
        class: Fully qualified class; null where no evidence names it.
        kind: Where the class comes from; null while it is unknown.
        depth: 0 for the root.
        parent: Path of the module one level up; null for the root.
        children: Paths of the modules directly below, in the order of their calls.
        leaf: Whether no module lies below.
        calls: How often the module was called, as far as the evidence tells calls apart.
        total_nodes: Nodes in this module and all below.
        nodes: Names of the nodes placed in this very module, in file order; may be empty or not unique.
        values: Names of the values these nodes write.
        placements: One entry per entry of `nodes`.
        full_scope: The name torch's trace-module map gives the module, class and unqualified path; only
            where a reference tells.
        declared: Parameters and buffers the module declares, in the file or not; only where a reference
            tells.
    """

    path: str
    kind: Literal["torch.nn", "huggingface", "torch", "custom"] | None
    depth: Count
    parent: str | None
    children: Sequence[str]
    leaf: bool
    calls: Count
    total_nodes: Count
    parameters: Sequence[ModulesParameterJson]
    nodes: Sequence[str]
    values: Sequence[str]
    placements: Sequence[ModulesNodeJson]
    full_scope: NotRequired[str]
    declared: NotRequired[Sequence[DeclaredJson]]


class ModulesBranchJson(ClassOrNullJson):
    """A module with those below it.

    Attributes:
        path: Dotted path as PyTorch writes it; empty for the root.
        class: Fully qualified class; null where no evidence names it.
        below: Present where nesting stops, for parsers with a limit: number of modules below, found in
            `modules` alone.
    """

    path: str
    children: Sequence[ModulesBranchJson]
    below: NotRequired[Positive]


class ModulesJson(TypedDict):
    """Sidecar: the module tree beside an ONNX file.

    Written as `<model>.modules.json`.

    Attributes:
        export: The model file the tree was read from.
        kinds: Kind of class -> number of modules; `unknown` for modules without a class.
        modules: All modules, depth first, the root first.
        tree: The same modules, nested.
    """

    schema: Literal["rewriter.modules/1"]
    export: ModulesExportJson
    placement: PlacementJson
    kinds: Mapping[str, Count]
    modules: Sequence[ModulesModuleJson]
    tree: ModulesBranchJson
