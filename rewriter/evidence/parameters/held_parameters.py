"""Decides what an initializer holds of the parameter whose name it has: the parameter itself, or what else.

The first of these rules that applies decides:

1. a quantised tensor is packed;
2. the content of a checkpoint, if the tensor has the elements of the parameter;
3. a claim on a slice: part;
4. a sign that a tool folded a norm into the tensor: folded;
5. a claim that states a difference, such as another order of gates: unknown;
6. the content of a checkpoint, if it differs: unknown;
7. the shapes that a reference declares, if that of the parameter differs or is missing;
8. the witness that made the claim, unless it says exact;
9. the name. An exporter gives an initializer the name of a parameter and leaves its elements unchanged,
   unless it folds. So the name counts as exact, except where a tool may have folded without a sign.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from math import prod

from rewriter.evidence.claims import CheckpointContents, Holds, ParameterClaim, Source
from rewriter.evidence.metadata.dynamo import INPUT_KIND, signature
from rewriter.evidence.metadata.tags import ORIGINAL_NAME
from rewriter.evidence.names.scope_grammar import scope_of_node_name
from rewriter.evidence.parameters.folded_weights import doubtful, folds
from rewriter.evidence.parameters.parameter_names import origins_of
from rewriter.evidence.parameters.tensor_roles import operands_of
from rewriter.evidence.reference.witness import Fit
from rewriter.evidence.roles import Role
from rewriter.model.index.graph import GraphIndex
from rewriter.model.metadata import get
from rewriter.model.operator_set.operators import is_set
from rewriter.paths import ROOT, ModulePath

_LINEAR = "torch.nn.modules.linear.Linear"
_LAID_OUT = frozenset({Holds.EXACT, Holds.RESHAPED, Holds.TRANSPOSED})


@dataclass(frozen=True, slots=True)
class HeldEvidence:
    """Evidence beside the claims on parameters.

    Attributes:
        norms: node -> the batch norm that was folded into it.
        classes: module -> its class.
        fit: alignment of a reference with the file; None without one.
        contents: comparison with a checkpoint; None without one.
    """

    norms: Mapping[int, ModulePath]
    classes: Mapping[ModulePath, str]
    fit: Fit | None = None
    contents: CheckpointContents | None = None


def decide(
    graph: GraphIndex, claims: Iterable[ParameterClaim], known: HeldEvidence
) -> tuple[ParameterClaim, ...]:
    """Return the claims with `holds`, `formula` and `transposed` as decided."""
    decision = _Decision(graph, known)
    return tuple(decision.on(claim, graph.initializer_named[claim.initializer]) for claim in claims)


class _Decision:
    def __init__(self, graph: GraphIndex, known: HeldEvidence) -> None:
        self.graph = graph
        self.known = known
        self.operands = operands_of(graph)
        self.folds = folds(graph, known.norms)
        self.aliases = frozenset(
            (graph.value_names[made], origin) for made, origin in origins_of(graph).items()
        )
        # One tensor may hold thousands of parameters, so the answers for a tensor are kept.
        self.is_doubtful = doubtful(graph)
        self.updated = _updated(graph)
        self.is_scoped = cache(partial(_is_scoped, graph))
        self.multiplies_as_stored = cache(partial(_multiplies_as_stored, graph))
        self.targets = frozenset(signature(graph).values())
        self.listed = self.targets if _records_inputs(graph) else frozenset()

    def on(self, claim: ParameterClaim, value: int) -> ParameterClaim:
        """Return a claim with what its initializer, the stored tensor `value`, holds."""
        holds, fold = self._holds(claim, value), self.folds.get(value)
        formula = claim.formula if holds is Holds.FOLDED else ""
        if holds in (Holds.FOLDED, Holds.PACKED) and fold is not None:
            formula = fold.formula(claim.name)
        transposed = holds is Holds.TRANSPOSED if holds in _LAID_OUT else claim.transposed
        initializer, name, _, source, part, _, _, detail, stored_as = claim
        return ParameterClaim(initializer, name, transposed, source, part, holds, formula, detail, stored_as)

    def _holds(self, claim: ParameterClaim, value: int) -> Holds:
        if self._is_packed(value):
            return Holds.PACKED
        contents = self.known.contents
        by_content = contents.relation(claim.initializer, claim.name) if contents else None
        if by_content not in (None, Holds.UNKNOWN):
            return by_content
        if claim.part is not None:
            return Holds.PART
        if value in self.folds:
            return Holds.FOLDED
        if claim.detail or claim.stored_as is not None:
            return Holds.UNKNOWN
        return by_content or self._by_declaration(claim, value) or self._by_witness(claim, value)

    def _is_packed(self, value: int) -> bool:
        weight = self.operands.roles[value] is Role.PARAMETER or value in self.operands.quantised
        return weight and not self.operands.stored[value].is_float

    def _by_declaration(self, claim: ParameterClaim, value: int) -> Holds | None:
        """Return what a reference shows by the shape of the parameter; None if the shape agrees."""
        fit = self.known.fit
        if fit is None or not fit.inside.holds(claim.name) or not fit.reference.shapes:
            return None
        shape, declared = self.operands.stored[value].dims, fit.shape(claim.name)
        if declared is None:
            return Holds.UNKNOWN
        if shape == (declared[::-1] if claim.transposed else declared):
            return None
        if len(shape) == 2 and shape == declared[::-1]:
            return Holds.TRANSPOSED
        alike = not claim.transposed and prod(shape) == prod(declared)
        return Holds.RESHAPED if alike else Holds.UNKNOWN

    def _by_witness(self, claim: ParameterClaim, value: int) -> Holds:
        if claim.holds not in (None, Holds.EXACT):
            return claim.holds
        if claim.transposed or (self._is_weight_of_linear(claim) and self.multiplies_as_stored(value)):
            return Holds.TRANSPOSED
        named = claim.holds is Holds.EXACT or self._is_named(claim, value)
        changed = self.is_doubtful(value) or self._was_made_again(claim.name, value) or value in self.updated
        return Holds.EXACT if named and not changed else Holds.UNKNOWN

    def _is_weight_of_linear(self, claim: ParameterClaim) -> bool:
        if not claim.name.endswith("weight") or claim.name.name != "weight":
            return False
        return self.known.classes.get(claim.name.parent or ROOT) == _LINEAR

    def _is_named(self, claim: ParameterClaim, value: int) -> bool:
        """Whether the exporter gave the initializer, or an `Identity` of it, the name of the parameter.

        Exporters also invent names without a dot, but the TorchScript exporter gives them another form.
        """
        if claim.name != claim.initializer:
            return (claim.name, value) in self.aliases
        if claim.source is Source.POSITION and claim.name not in self.targets and not self.is_scoped(value):
            return False
        return value not in self.graph.noted or get(self.graph.initializers[value], ORIGINAL_NAME) is None

    def _was_made_again(self, name: ModulePath, value: int) -> bool:
        """Whether the exporter lists a parameter, but recorded no input for the initializer of its name."""
        if name not in self.listed or self.graph.value_names[value] != name:
            return False
        info = self.graph.described.get(value)
        return info is None or get(info, INPUT_KIND) is None


def _multiplies_as_stored(graph: GraphIndex, value: int) -> bool:
    """Whether all readers multiply by a stored matrix; torch's Linear stores the transpose of it."""
    readers = graph.readers[value]
    return bool(readers) and all(
        graph.operators[node][1] == "MatMul" and graph.reads[node][1:2] == [value] for node in readers
    )


def _is_scoped(graph: GraphIndex, value: int) -> bool:
    """Whether a reader of a stored tensor has a name of the TorchScript exporter."""
    return any(scope_of_node_name(graph.names[node]) for node in graph.readers[value])


def _updated(graph: GraphIndex) -> frozenset[int]:
    """Return the statistics that norms in training mode read: an export runs the module and changes them."""
    return frozenset(
        value
        for node, (_, operator) in enumerate(graph.operators)
        if operator == "BatchNormalization" and is_set(graph.nodes[node], "training_mode")
        for value in graph.reads[node][3:5]
    )


def _records_inputs(graph: GraphIndex) -> bool:
    """Whether the exporter recorded on an initializer that it is an input of the traced program."""
    return any(get(info, INPUT_KIND) is not None for info in graph.described.values())
