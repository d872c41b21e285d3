"""Collects the claims on parameters: those of the witnesses, then those by the readers of a tensor."""

from __future__ import annotations

from collections.abc import Sequence

from rewriter.evidence import weight_inputs
from rewriter.evidence.claims import ParameterClaim, Source
from rewriter.evidence.lost_names import operand_names, packed_attention, recurrent_weights
from rewriter.evidence.parameters import held_parameters, reshaped_weights, unnamed_weights
from rewriter.evidence.reference import declared_shapes
from rewriter.evidence.reference.witness import Fit
from rewriter.evidence.witness_runner import Hearing
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ROOT


def named_parameters(graph: GraphIndex, hearing: Hearing, fit: Fit | None) -> tuple[ParameterClaim, ...]:
    """Return the claims on parameters, best witness first, with what the initializers hold.

    An initializer that a checkpoint names gets no claim by position, and one with any claim none by shape.

    Args:
        graph: the model.
        hearing: the testimonies.
        fit: the alignment of the reference with the file; None without one.
    """
    told = [claim for testimony in hearing.testimonies for claim in testimony.parameters]
    by_content = {claim.initializer for claim in told if claim.source == Source.CHECKPOINT}
    placed = hearing.winners()
    calls = [of_node[0].call if of_node else None for of_node in hearing.claims]
    by_position = (
        *unnamed_weights.testify(graph, placed),
        *reshaped_weights.testify(graph, placed),
        *operand_names.testify(graph, placed, hearing.classes()),
        *recurrent_weights.testify(graph, placed, calls),
        *packed_attention.testify(graph, placed, hearing.classes()),
    )
    told += [claim for claim in _declared(by_position, fit) if claim.initializer not in by_content]
    inputs = list(weight_inputs.testify(graph, placed))
    declared = declared_shapes.testify(graph, placed, fit, [*told, *inputs]) if fit else ()
    contents = next((each.contents for each in hearing.testimonies if each.contents), None)
    known = held_parameters.HeldEvidence(hearing.norms(), hearing.classes(), fit, contents)
    return (*held_parameters.decide(graph, (*told, *declared), known), *inputs)


def _declared(claims: Sequence[ParameterClaim], fit: Fit | None) -> list[ParameterClaim]:
    """Return the claims without those on modules that declare parameters, but no `weight` as claimed.

    A reference that was made from a tree may lack parameters; of those, `trainable` is unknown.
    """
    declared = {
        path: {each.name for each in module.declared if each.trainable is not None}
        for path, module in (fit.modules() if fit else ())
    }
    wrong = {
        claim.name.parent
        for claim in claims
        if claim.name.name == "weight"
        and "weight" not in (declared.get(claim.name.parent or ROOT) or {"weight"})
    }
    return [claim for claim in claims if claim.name.parent not in wrong]
