"""Module tree of a model as JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Literal, NotRequired, TypedDict

from rewriter.evidence.certainty import Certainty
from rewriter.evidence.roles import Role
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Kind, Module
from rewriter.modules.module_tree import ModuleTree
from rewriter.modules.selection import nodes_inside
from rewriter.modules.totals import totals
from rewriter.views.escape import as_text
from rewriter.views.json.parts import (
    DeclaredJson,
    OriginalJson,
    OwnAndTotalJson,
    ParameterJson,
    PlacementJson,
    folded_json,
    notes_json,
    original_json,
    own_and_total_json,
    parameter_json,
    placement_json,
    reference_json,
)
from rewriter.views.json.types import ClassOrNullJson, Count
from rewriter.views.summary import summarize

TREE: Final = "rewriter.tree/1"


class TreeModelJson(TypedDict):
    """Figures of the model; functions that `group` made are inlined.

    Attributes:
        nodes: Number of nodes, including those in graph bodies and functions.
        initializers: Number of initializers, including those in graph bodies.
        opset: Version of the default domain; null if the file does not import it.
        producer: Name and version of the exporter; empty if the file does not state it.
    """

    nodes: Count
    initializers: Count
    opset: int | None
    producer: str


class InferredJson(TypedDict, total=False):
    """Field for a guessed class; absent without a guess."""

    inferred_class: str


class ElementsJson(TypedDict):
    """Elements of tensors, by role.

    Attributes:
        parameters: Learned floating-point tensors, quantised or not, with or without a parameter name.
        buffers: Running statistics of batch norms, and integers of the state dict.
        constants: All other tensors: shapes, indices, scalars, folded activations.
    """

    parameters: OwnAndTotalJson
    buffers: OwnAndTotalJson
    constants: OwnAndTotalJson


class TreeModuleJson(ClassOrNullJson):
    """One module.

    Attributes:
        path: Dotted path as in PyTorch; empty for the root.
        class: Fully qualified class; null if no evidence names it.
        inferred_class: Guess of the class of a leaf, from its operators and parameters; absent if evidence
            names the class, or if the operators suggest none.
        folded_into: Paths of the modules into whose nodes this batch norm was folded, in file order; absent
            for all other modules.
        kind: Origin of the class, by its package; null for an unknown class.
        depth: Depth in the tree; 0 for the root.
        parent: Path of the parent module; null for the root.
        children: Paths of the modules directly below, in the order of their calls as far as it is known.
        leaf: Whether the module has no submodules.
        calls: Number of calls of the module, as far as the evidence distinguishes calls; 0 for a list of
            modules, and if neither the module nor any module below has nodes.
        elements: Elements of stored tensors; a total counts a tensor that several modules share once. A
            packed weight counts with its unpacked elements; a scale or zero point counts as part of its
            weight and adds no element. The three roles together cover all tensors of the file.
        full_scope: Name of the module in torch's trace-module map: class and path; absent if no reference
            states it.
        declared: Parameters and buffers that the reference declares for the module, in the file or not;
            absent if there are none.
    """

    path: str
    inferred_class: NotRequired[str]
    folded_into: NotRequired[Sequence[str]]
    kind: Kind | None
    depth: Count
    parent: str | None
    children: Sequence[str]
    leaf: bool
    calls: Count
    nodes: OwnAndTotalJson
    parameters: Sequence[ParameterJson]
    elements: ElementsJson
    full_scope: NotRequired[str]
    declared: NotRequired[Sequence[DeclaredJson]]


class TreeNodeJson(TypedDict):
    """One node.

    Attributes:
        name: Name of the node; may be empty, and several nodes may have it.
        op: Operator type.
        outputs: Names of the outputs; empty for an omitted output.
        module: Path of the module of the node; null for an unplaced node.
        call: Number of the call of the module, from 0; null for an unplaced node.
        source: Kind of evidence that placed the node; null for an unplaced node.
        certainty: Certainty of the module; null for an unplaced node.
    """

    name: str
    op: str
    outputs: Sequence[str]
    module: str | None
    call: Count | None
    source: str | None
    certainty: Certainty | None


class TreeJson(TypedDict):
    """Module tree of an ONNX model.

    Printed by `rewriter tree --json`.

    Attributes:
        model: Figures of the model.
        opsets: Operator set domain -> version; the default domain is the empty string.
        original: The original (`--like`, `carry`), and the agreement with it; absent without one.
        modules: The requested modules, or all modules from the root on; depth first.
        nodes: The nodes inside these modules, or all nodes, in file order; nodes of a graph body follow its
            owner, functions come last.
        notes: Notes of the evidence on the model as a whole, one line each; absent without any.
    """

    schema: Literal["rewriter.tree/1"]
    model: TreeModelJson
    opsets: Mapping[str, int]
    placement: PlacementJson
    original: NotRequired[OriginalJson]
    modules: Sequence[TreeModuleJson]
    nodes: Sequence[TreeNodeJson]
    notes: NotRequired[Sequence[str]]


def tree_json(analysis: Analysis, modules: Sequence[Module] | None = None) -> TreeJson:
    """Convert the tree of a model and the placements of its nodes to JSON.

    Args:
        analysis: the model.
        modules: modules to list, with the nodes inside them; None lists all modules and nodes.
    """
    summary = summarize(analysis)
    inside = None if modules is None else nodes_inside(analysis.tree, modules)
    return {
        "schema": TREE,
        "model": {
            "nodes": summary.nodes,
            "initializers": summary.initializers,
            "opset": summary.opset,
            "producer": summary.producer,
        },
        "opsets": summary.opsets,
        "placement": placement_json(analysis.tree),
        **original_json(analysis),
        "modules": _modules_json(analysis.tree, modules),
        "nodes": _nodes_json(analysis, inside),
        **notes_json(analysis),
    }


def _modules_json(tree: ModuleTree, modules: Iterable[Module] | None) -> list[TreeModuleJson]:
    parameters, buffers, constants = (
        totals(tree.modules, role) for role in (Role.PARAMETER, Role.BUFFER, Role.CONSTANT)
    )
    return [
        _module_json(
            module,
            {
                "parameters": own_and_total_json(parameters[module.path]),
                "buffers": own_and_total_json(buffers[module.path]),
                "constants": own_and_total_json(constants[module.path]),
            },
        )
        for module in (tree if modules is None else modules)
    ]


def _module_json(module: Module, elements: ElementsJson) -> TreeModuleJson:
    return {
        "path": module.path,
        "class": module.class_name,
        **inferred_json(module),
        **folded_json(module),
        "kind": module.kind,
        "depth": module.depth,
        "parent": module.parent,
        "children": list(module.children),
        "leaf": module.leaf,
        "calls": module.calls,
        "nodes": {"own": len(module.nodes), "total": module.total_nodes},
        "parameters": [parameter_json(parameter) for parameter in module.parameters],
        "elements": elements,
        **reference_json(module),
    }


def inferred_json(module: Module) -> InferredJson:
    """Convert the guessed class of a module to JSON; empty without a guess."""
    return {"inferred_class": module.inferred_class} if module.inferred_class else {}


def _nodes_json(analysis: Analysis, inside: Collection[int] | None) -> list[TreeNodeJson]:
    nodes: list[TreeNodeJson] = []
    for number, placement in enumerate(analysis.tree.placements):
        if inside is not None and number not in inside:
            continue
        node = analysis.graph.nodes[number]
        nodes.append(
            {
                "name": as_text(node.name),
                "op": as_text(node.op_type),
                "outputs": [as_text(name) for name in node.output],
                "module": placement.module if placement else None,
                "call": placement.call if placement else None,
                "source": str(placement.source) if placement else None,
                "certainty": placement.certainty if placement else None,
            }
        )
    return nodes
