"""Explanation of a node, value, weight or module as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NotRequired, TypedDict

from rewriter.evidence.certainty import Certainty
from rewriter.evidence.roles import Role
from rewriter.insight.lookup.explained_module import ModuleEvidence
from rewriter.insight.lookup.explained_tensors import ExplainedValue, ExplainedWeight, Holder, Readers
from rewriter.insight.lookup.explanation import Explanation
from rewriter.insight.lookup.name_lookup import Subject
from rewriter.model.tensors import dtype_name
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Kind, OwnedBy
from rewriter.views.escape import as_text
from rewriter.views.json.parts import OwnAndTotalJson, ParameterJson, own_and_total_json, parameter_json
from rewriter.views.json.tree import inferred_json
from rewriter.views.json.types import ClassOrNullJson, Count

EXPLAIN: Final = "rewriter.explain/1"


class ExplainClaimJson(ClassOrNullJson):
    """One claim.

    Attributes:
        call: Number of the call of the module, from 0; null if the witness does not know it.
        rule: Rule by which the witness claims the node.
        certainty: Certainty of a placement by this rule.
        detail: The text that the claim was read from.
    """

    module: str
    call: int | None
    source: str
    rule: str
    certainty: Certainty
    detail: str


class ExplainNodeJson(TypedDict):
    """One node with its claims.

    Attributes:
        module: Path of the module where the node was placed; null for an unplaced node.
        certainty: Certainty of this module; null for an unplaced node.
        claims: Claims on the node, the winner first; empty for an unplaced node.
    """

    name: str
    op: str
    outputs: Sequence[str]
    module: str | None
    certainty: Certainty | None
    claims: Sequence[ExplainClaimJson]


class ExplainReadersJson(TypedDict):
    """Nodes of one module that read a value.

    Attributes:
        module: Path of the module; null for unplaced nodes.
        nodes: Names of the nodes in file order; a name may be empty, and several nodes may have it.
    """

    module: str | None
    nodes: Sequence[str]


class ExplainValueJson(TypedDict):
    """One value.

    Attributes:
        producer: Name of the node that writes the value; null for an input and for a sparse initializer.
        input_of: What the value is an input of; null if a node writes it, and for a sparse initializer.
        output: Whether the value is an output of the model.
        readers: The nodes that read the value, by module.
    """

    name: str
    producer: str | None
    input_of: Literal["model", "body", "function"] | None
    output: bool
    readers: Sequence[ExplainReadersJson]


class ExplainParameterJson(ParameterJson):
    """Parameter in an initializer.

    Attributes:
        full_name: Path of the module and name inside it, joined by a dot.
        source: Kind of evidence for the parameter; null if the reading of the initializer is none of them.
    """

    full_name: str
    source: str | None


class ExplainHolderJson(TypedDict):
    """Module that holds an initializer, or a part of it.

    Attributes:
        module: Path of the module.
        role: Use of the tensor there.
        elements: Number of elements: of a packed weight, those of the unpacked tensor; 0 for a scale, zero
            point or group index, which counts as part of its weight.
        owned_by: Reason why the module holds the tensor. claim: a witness says which parameter it holds.
            variable: the name of the TensorFlow or Keras variable contains the layer. readers: the module is
            the lowest one that holds all nodes that read the tensor. unplaced_reader: a node that is not
            placed reads it. weight: it is the scale, zero point or group index of a weight of the module.
            writer: no node reads it, and a node of the module writes it. nobody: no node reads it, and no
            placed node writes it.
        parameters: The parameters of the module in the tensor.
    """

    module: str
    role: Role
    elements: Count
    owned_by: OwnedBy
    parameters: Sequence[ExplainParameterJson]


class ExplainWeightJson(TypedDict):
    """One initializer.

    Attributes:
        dtype: Element type, by numpy's name if it has one (`float32`), else by ONNX's in lower case.
        holders: Modules that hold the tensor or a part of it; several for a tied weight.
        readers: The nodes that read the initializer, by module.
    """

    name: str
    shape: Sequence[int]
    dtype: str
    holders: Sequence[ExplainHolderJson]
    readers: Sequence[ExplainReadersJson]


class ExplainModuleJson(ClassOrNullJson):
    """One module.

    Attributes:
        path: Dotted path as in PyTorch; empty for the root.
        class: Fully qualified class; null if no evidence names it.
        class_source: Name of the witness that states the class; null for an unknown class, and if the class
            comes from an earlier run or a sidecar that does not say.
        inferred_class: Guess of the class of a leaf, from its operators and parameters; absent if evidence
            names the class, or if the operators suggest none.
        kind: Origin of the class, by its package; null for an unknown class.
        children: Paths of the modules directly below.
        calls: Number of calls of the module, as far as the evidence distinguishes calls; 0 for a list of
            modules, and if neither the module nor any module below has nodes.
        by_source: Kind of evidence -> number of the module's own nodes that it placed, most first.
        elements: Elements of parameters.
        parameters: The module's own parameters and buffers.
        claimed_nodes: Kind of evidence -> number of nodes that it claims for this module itself.
        claimed_weights: Kind of evidence -> number of parameters that it claims for this module itself.
        called_by: Names of the witnesses that say that the module was called.
        named: Whether a witness names the module itself. If not, it is the root, or modules below are named.
        unsure: Number of own nodes that witnesses place in different modules.
        conflicts: Path of another module -> number of own nodes that a witness places there.
    """

    path: str
    class_source: str | None
    inferred_class: NotRequired[str]
    kind: Kind | None
    children: Sequence[str]
    calls: Count
    nodes: OwnAndTotalJson
    by_source: Mapping[str, Count]
    elements: OwnAndTotalJson
    parameters: Sequence[ParameterJson]
    claimed_nodes: Mapping[str, Count]
    claimed_weights: Mapping[str, Count]
    called_by: Sequence[str]
    named: bool
    unsure: Count
    conflicts: Mapping[str, Count]


class ExplainJson(TypedDict):
    """Explanation of a node, a value, a weight or a module of an ONNX model.

    Printed by `rewriter explain --json`.

    Attributes:
        name: The name as requested.
        what: The kind of thing that is explained.
        also: Further kinds of things that have this name; `--as` explains them.
        nodes: The requested nodes; several if nodes of different graphs share a name. For a value, the nodes
            that write it; for a weight or a module, empty.
        values: The requested values; empty if no values are explained.
        weights: The initializers of this name, or with this parameter; empty if no weights are explained.
        module: The module; null if no module is explained.
    """

    schema: Literal["rewriter.explain/1"]
    name: str
    what: Subject
    also: Sequence[Subject]
    nodes: Sequence[ExplainNodeJson]
    values: Sequence[ExplainValueJson]
    weights: Sequence[ExplainWeightJson]
    module: ExplainModuleJson | None


def explain_json(found: Explanation) -> ExplainJson:
    """Convert an explanation to JSON."""
    analysis = found.analysis
    return {
        "schema": EXPLAIN,
        "name": as_text(found.name),
        "what": found.what,
        "also": list(found.also),
        "nodes": [_claims_json(analysis, node) for node in found.nodes],
        "values": [_value_json(analysis, value) for value in found.values],
        "weights": [_weight_json(analysis, weight) for weight in found.weights],
        "module": None if found.module is None else _module_json(found.module),
    }


def _claims_json(analysis: Analysis, node: int) -> ExplainNodeJson:
    proto = analysis.graph.nodes[node]
    placement = analysis.tree.placements[node]
    return {
        "name": as_text(proto.name),
        "op": as_text(proto.op_type),
        "outputs": [as_text(name) for name in proto.output],
        "module": as_text(placement.module) if placement else None,
        "certainty": placement.certainty if placement else None,
        "claims": [
            {
                "module": as_text(claim.module),
                "class": as_text(claim.class_name) if claim.class_name else None,
                "call": claim.call,
                "source": str(claim.source),
                "rule": claim.by_rule.value,
                "certainty": claim.certainty,
                "detail": as_text(claim.detail),
            }
            for claim in analysis.claims[node]
        ],
    }


def _readers_json(analysis: Analysis, readers: Sequence[Readers]) -> list[ExplainReadersJson]:
    names = analysis.graph.names
    return [
        {
            "module": None if each.module is None else as_text(each.module),
            "nodes": [as_text(names[node]) for node in each.nodes],
        }
        for each in readers
    ]


def _value_json(analysis: Analysis, found: ExplainedValue) -> ExplainValueJson:
    graph = analysis.graph
    return {
        "name": as_text(graph.value_names[found.value]),
        "producer": None if found.producer is None else as_text(graph.names[found.producer]),
        "input_of": found.input_of,
        "output": found.is_output,
        "readers": _readers_json(analysis, found.readers),
    }


def _weight_json(analysis: Analysis, found: ExplainedWeight) -> ExplainWeightJson:
    tensor = analysis.graph.initializers[found.value]
    return {
        "name": as_text(tensor.name),
        "shape": list(tensor.dims),
        "dtype": dtype_name(tensor.data_type),
        "holders": [_holder_json(holder) for holder in found.holders],
        "readers": _readers_json(analysis, found.readers),
    }


def _holder_json(holder: Holder) -> ExplainHolderJson:
    return {
        "module": as_text(holder.module),
        "role": holder.tensor.role,
        "elements": holder.tensor.count,
        "owned_by": holder.tensor.owned_by,
        "parameters": [
            {
                **parameter_json(parameter),
                "full_name": as_text(holder.module.child(parameter.name)),
                "source": source,
            }
            for parameter, source in holder.parameters
        ],
    }


def _module_json(found: ModuleEvidence) -> ExplainModuleJson:
    module = found.module
    return {
        "path": as_text(module.path),
        "class": as_text(module.class_name) if module.class_name else None,
        "class_source": found.class_source,
        **inferred_json(module),
        "kind": module.kind,
        "children": [as_text(child) for child in module.children],
        "calls": module.calls,
        "nodes": {"own": len(module.nodes), "total": module.total_nodes},
        "by_source": found.by_source,
        "elements": own_and_total_json((found.own, found.total)),
        "parameters": [parameter_json(parameter) for parameter in module.parameters],
        "claimed_nodes": found.claims,
        "claimed_weights": found.weights,
        "called_by": list(found.called),
        "named": found.named,
        "unsure": found.unsure,
        "conflicts": {as_text(path): count for path, count in found.conflicts.items()},
    }
