"""Pass: give nodes and weights the names they lost.

A placed node without a scope in its name is named as in TorchScript (`/encoder/layer.0/self/MatMul`). An
anonymous weight gets the name of its parameter (`onnx::MatMul_353` -> `encoder.layer.0.self.query.weight`) if
a witness says so, none contradicts and the name is free; if it is stored transposed, it is marked with
`rewriter.transposed`, else `rewriter.holds` says what it holds; `rewriter.differs` states other differences.
A weight that holds several parameters, or one in another order, has a name of its own (`lstm.W_l0`).
Inputs and outputs of graphs keep their names, and so do all other values. An initializer that an IR version
below 4 lists as an input is a weight.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from onnx import ModelProto

from rewriter.evidence.claims import ParameterClaim
from rewriter.evidence.metadata import tags
from rewriter.evidence.names.scope_grammar import owner_of_parameter, scope_of_call, scope_of_node_name
from rewriter.model import metadata
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.operator_set.ir_version import fills_inputs, initialized
from rewriter.modules.analysis import Analysis
from rewriter.passes.base import Outcome
from rewriter.passes.functions.value_names import UsedNames
from rewriter.passes.preserved_parts import TREE, Part
from rewriter.paths import ROOT, ModulePath
from rewriter.refusals import Reason, Refusal


@dataclass(frozen=True, slots=True)
class RestoreNames:
    """Changes names only; the former name is kept in the metadata as `rewriter.original_name`.

    A second run changes nothing.

    Attributes:
        nodes: whether to name nodes.
        initializers: whether to name weights.
    """

    name: ClassVar[str] = "restore_names"
    requires: ClassVar[frozenset[Part]] = TREE
    preserves: ClassVar[frozenset[Part]] = frozenset({Part.NODES, Part.FUNCTIONS})
    flat: ClassVar[bool] = True
    nodes: bool = True
    initializers: bool = True

    def run(self, analysis: Analysis) -> Outcome:
        """Plan all names on the analysis, then write them."""
        node_names = _plan_nodes(analysis) if self.nodes else {}
        weights, refusals = _plan_weights(analysis) if self.initializers else ([], [])
        for node, name in node_names.items():
            proto = analysis.graph.nodes[node]
            metadata.write(proto, {tags.ORIGINAL_NAME: proto.name})
            proto.name = name
        _rename(analysis.graph, weights)
        return Outcome({"nodes named": len(node_names), "weights named": len(weights)}, tuple(refusals))


def _plan_nodes(analysis: Analysis) -> dict[int, str]:
    """Return node -> its new name, which no other node of the model has."""
    taken = UsedNames(node.name for node in analysis.graph.nodes)
    names = {}
    for number, (node, placement) in enumerate(
        zip(analysis.graph.nodes, analysis.tree.placements, strict=True)
    ):
        if placement is None or not isinstance(node.name, str) or scope_of_node_name(node.name):
            continue
        if tags.ORIGINAL_NAME in analysis.graph.metadata_keys[number]:
            continue  # an earlier run named it, by a scope too deep to be read back
        names[number] = taken.fresh(f"{scope_of_call(placement.module, placement.call)}/{node.op_type}")
    return names


def _plan_weights(analysis: Analysis) -> tuple[list[ParameterClaim], list[Refusal]]:
    """Return the claims to follow, and refusals of claims on a taken name or against another claim."""
    graph = analysis.graph
    anonymous = [claim for claim in analysis.parameters if not owner_of_parameter(claim.initializer)]
    claims = _of_whole_initializers(anonymous)
    per_weight = Counter(claim.initializer for claim in claims)
    per_name = Counter(claim.name for claim in claims)
    taken = set(graph.value_names)
    fixed = _interface(analysis.model)
    fixed |= {graph.value_names[value] for body in graph.bodies for value in body.results if value != NONE}
    followed, refusals = [], []
    for claim in claims:
        owner = claim.name.parent or ROOT
        if claim.initializer in fixed or claim.initializer == claim.name:
            continue
        if claim.name in taken:
            refusals.append(Refusal(owner, Reason.NAME_TAKEN, claim.initializer))
        elif per_weight[claim.initializer] > 1 or per_name[claim.name] > 1:
            refusals.append(Refusal(owner, Reason.AMBIGUOUS, claim.initializer))
        else:
            followed.append(claim)
    return followed, refusals


def _of_whole_initializers(claims: Sequence[ParameterClaim]) -> list[ParameterClaim]:
    """Return the claims, one for those that agree, and one for an initializer that holds several parameters.

    The latter has the name under which the initializer is stored; its detail lists the parameters.
    """
    held: dict[str, dict[ModulePath, ParameterClaim]] = {}
    for claim in claims:
        if claim.stored_as:
            held.setdefault(claim.initializer, {}).setdefault(claim.name, claim)
    first: dict[tuple[str, str], ParameterClaim] = {}
    for claim in claims:
        parts = held.get(claim.initializer, {})
        followed = _whole(list(parts.values())) if claim.name in parts else claim
        first.setdefault((followed.initializer, followed.name), followed)
    return list(first.values())


def _whole(parts: Sequence[ParameterClaim]) -> ParameterClaim:
    claim = parts[0]
    assert claim.stored_as is not None, "only such claims are parts"
    names = ", ".join(part.name.name for part in parts)
    detail = f"{names}; {claim.detail}" if claim.detail else names
    return claim._replace(name=claim.stored_as, part=None, detail=detail)


def _interface(model: ModelProto) -> set[str]:
    """Return the names of the inputs, without initializers that old IR versions list as inputs."""
    return {info.name for info in model.graph.input} - (initialized(model) if fills_inputs(model) else set())


def _rename(graph: GraphIndex, claims: list[ParameterClaim]) -> None:
    """Rename initializers of the main graph everywhere, inside bodies too."""
    new_names = {}
    for claim in claims:
        value = graph.bodies[0].values[claim.initializer]
        tensor = graph.initializers[value]
        tensor.name = claim.name
        notes = {
            tags.ORIGINAL_NAME: claim.initializer,
            tags.TRANSPOSED: "true" if claim.transposed else "",
            tags.HOLDS: "" if claim.transposed or claim.stored_as or claim.holds is None else claim.holds,
            tags.DIFFERS: claim.detail,
        }
        metadata.write(tensor, {key: str(note) for key, note in notes.items() if note})
        new_names[claim.initializer] = str(claim.name)
        for reader in graph.readers[value]:
            inputs = graph.nodes[reader].input
            for position, read in enumerate(graph.reads[reader]):
                if read == value:
                    inputs[position] = claim.name
    main = graph.model.graph
    for info in (*main.input, *main.value_info):
        if info.name in new_names:
            info.name = new_names[info.name]
    for annotation in main.quantization_annotation:
        if annotation.tensor_name in new_names:
            annotation.tensor_name = new_names[annotation.tensor_name]
        for entry in annotation.quant_parameter_tensor_names:
            if entry.value in new_names:
                entry.value = new_names[entry.value]
