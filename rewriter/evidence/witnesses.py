"""The witnesses, in the order of hearing: the most trusted first, except for the reference.

 1. original, if the user gives it: its tree was read while the file was intact;
 2. own tags: an earlier run settled them, with more of the file intact;
 3. exporter metadata: written while the module was traced; weights correct damaged stacks;
 4. scope names: exact text, decoded with the help of parameters;
 5. noted values: an earlier run recorded the module that writes a value;
 6. other tools: their tags are paths of modules, but often of an ancestor of the right module;
 7. trace, if the user gives the module: the values that it computes, right for over 99 % of fixture nodes;
 8. parameters: their owners, mostly right for the nodes that read them, silent about the rest;
 9. functions, only if no witness above has made a claim: calls of functions that the producer wrote;
10. checkpoint, if the user gives one: owners of parameters, identified by content;
11. reference, if one is given or found: corrects nodes whose scope was read as a module that the reference
    does not have; there its claim wins;
12. dataflow: places the remaining nodes from the placements of the others; `steps/witness` does so in a
    file without scopes (see `Case.has_scopes`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rewriter.evidence.claims import Source, Testimony
from rewriter.evidence.graph import dataflow, function_calls
from rewriter.evidence.metadata import dynamo, tags
from rewriter.evidence.names import scopes
from rewriter.evidence.parameters import parameter_names
from rewriter.evidence.reference import witness as reference
from rewriter.evidence.reference.witness import Fit
from rewriter.evidence.side_inputs import Given
from rewriter.evidence.witness_runner import Hearing
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath

_NAMELESS = frozenset({Source.PARAMETER, Source.CHECKPOINT, Source.DATAFLOW})
"""Sources of claims in a file without scopes. Own tags keep the source that won in the earlier run."""


@dataclass(frozen=True, slots=True)
class Case:
    """A model on which witnesses are heard.

    Attributes:
        graph: the model.
        given: evidence from the user.
        path: the file of the model; its external data lies beside it.
        hearing: the testimonies so far.
        fit: the alignment of the best reference with the file; None without a reference or an alignment, and
            before `OF_SURROUNDINGS` are heard.
    """

    graph: GraphIndex
    given: Given
    path: Path | None
    hearing: Hearing
    fit: Fit | None = None

    @property
    def called(self) -> frozenset[ModulePath]:
        """The modules that the testimonies so far know to have been called."""
        return frozenset(module for each in self.hearing.testimonies for module in each.called)

    @property
    def has_scopes(self) -> bool:
        """Whether a winning claim has another source than weights and dataflow."""
        return any(of_node[0].source not in _NAMELESS for of_node in self.hearing.claims if of_node)


def _always(case: Case) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Witness:
    """One kind of evidence.

    Attributes:
        name: its name for users.
        hear: reads the evidence.
        needs: whether to hear the witness; mostly, whether the case has evidence of this kind.
        first: whether its claims win over those of witnesses heard earlier.
    """

    name: str
    hear: Callable[[Case], Testimony]
    needs: Callable[[Case], bool] = _always
    first: bool = False

    def testify(self, case: Case) -> None:
        """Add the testimony of this witness to the hearing, if the case needs it.

        Raises:
            UnreadableModel: the paths of the modules are too long in total.
        """
        if self.needs(case):
            case.hearing.hear(self.name, lambda: self.hear(case), first=self.first)


def _hear_original(case: Case) -> Testimony:
    assert case.given.like is not None
    from rewriter.evidence.original import witness as original

    return original.testify(case.graph, case.given.like)


def _hear_trace(case: Case) -> Testimony:
    assert case.given.trace is not None
    from rewriter.evidence.trace import witness as trace

    return trace.testify(case.graph, case.given.trace, case.path)


def _hear_checkpoint(case: Case) -> Testimony:
    assert case.given.checkpoint is not None
    from rewriter.evidence.checkpoint import witness as checkpoint

    return checkpoint.testify(case.graph, case.hearing.winners(), case.given.checkpoint, case.path)


def _hear_reference(case: Case) -> Testimony:
    if case.fit is None:
        return Testimony(notes=(reference.UNKNOWN_PLACE,))
    return reference.testify(case.fit, case.hearing.claims)


def _hear_dataflow(case: Case) -> Testimony:
    modules, guessed = case.hearing.winners(), case.hearing.guessed()
    if case.has_scopes:
        return dataflow.testify(case.graph, modules, case.called, guessed)
    from rewriter.evidence.steps import witness as steps

    return steps.testify(case.graph, modules, guessed)


OF_NODES: tuple[Witness, ...] = (
    Witness("original", _hear_original, needs=lambda case: case.given.like is not None),
    Witness("own tags", lambda case: tags.testify_own(case.graph)),
    Witness("exporter metadata", lambda case: dynamo.testify(case.graph)),
    Witness("scope names", lambda case: scopes.testify(case.graph)),
    Witness("noted values", lambda case: tags.testify_values(case.graph)),
    Witness("other tools", lambda case: tags.testify_others(case.graph)),
    Witness("trace", _hear_trace, needs=lambda case: case.given.trace is not None),
    Witness(
        "parameters",
        lambda case: parameter_names.testify(case.graph, case.path.parent if case.path else None),
    ),
    Witness(
        "functions",
        lambda case: function_calls.testify(case.graph),
        needs=lambda case: bool(case.graph.model.functions) and not any(case.hearing.claims),
    ),
    Witness("checkpoint", _hear_checkpoint, needs=lambda case: case.given.checkpoint is not None),
)
"""Witnesses that place a node mostly by evidence on this node. They are heard first."""

OF_SURROUNDINGS: tuple[Witness, ...] = (
    Witness("reference", _hear_reference, needs=lambda case: bool(case.given.references), first=True),
    Witness("dataflow", _hear_dataflow),
)
"""Witnesses that correct or complete the placements by `OF_NODES`."""
