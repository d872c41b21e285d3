"""The witnesses, in the order in which they are heard: the most trusted first.

0. the original, if the user gives it: its tree was read with all of the file intact;
1. our own tags: an earlier run settled this, with more of the file intact;
2. the exporter's metadata: exact, made while the module ran;
3. scopes in names: exact text, decoded with the help of parameters;
4. tags of other tools: good paths, but often guessed upwards;
   then, where the user gives the module, the values it computes: right in more than 99 of 100 nodes;
5. owners of parameters: right for the node that reads them, silent about the rest;
   where none of these says anything, calls of the functions that the producer made;
6. what users give: a checkpoint tells owners by content; a reference is heard of a node only where the scope
   in its name was read as a module that the reference does not have, and there it is trusted more;
7. dataflow: for what is left, from the placements of the others; in a file without any scope `anchors`,
   which looks at more and is heard first where it says that a parameter misleads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rewriter.evidence.checkpoint import witness as checkpoint
from rewriter.evidence.claims import Source, Testimony
from rewriter.evidence.graph import anchors, dataflow, function_calls
from rewriter.evidence.hearing import Hearing
from rewriter.evidence.metadata import dynamo, tags
from rewriter.evidence.names import scopes
from rewriter.evidence.original import witness as original
from rewriter.evidence.parameters import parameter_names
from rewriter.evidence.reference import witness as reference
from rewriter.evidence.reference.witness import Fit
from rewriter.evidence.side_inputs import Given
from rewriter.evidence.trace import witness as trace
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath

_NAMELESS = frozenset({Source.PARAMETER, Source.CHECKPOINT, Source.DATAFLOW})
"""Evidence that is left in a file without scopes, now or when an earlier run read it."""


@dataclass(frozen=True, slots=True)
class Case:
    """A model on which witnesses are heard.

    Attributes:
        graph: the model.
        given: evidence from the user.
        path: the file of the model; its external data lies beside it.
        hearing: what the witnesses before said.
        fit: the place of the given reference in the file; None if there is none, or it was not found.
    """

    graph: GraphIndex
    given: Given
    path: Path | None
    hearing: Hearing
    fit: Fit | None = None

    @property
    def called(self) -> frozenset[ModulePath]:
        """The modules on call chains, as far as the witnesses before know them."""
        return frozenset(module for each in self.hearing.testimonies for module in each.called)

    @property
    def has_scopes(self) -> bool:
        """Whether text names the module of some node."""
        return any(of_node[0].source not in _NAMELESS for of_node in self.hearing.claims if of_node)


def _always(case: Case) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Witness:
    """One kind of evidence.

    Attributes:
        name: as users see it.
        hear: reads the evidence.
        needs: whether the case has what it reads.
        first: whether its claims count before those of the witnesses heard before.
    """

    name: str
    hear: Callable[[Case], Testimony]
    needs: Callable[[Case], bool] = _always
    first: bool = False

    def testify(self, case: Case) -> None:
        """Enter its claims, if the case has what it needs.

        Raises:
            UnreadableModel: the paths of the modules are too long in total.
        """
        if self.needs(case):
            case.hearing.hear(self.name, lambda: self.hear(case), first=self.first)


def _hear_original(case: Case) -> Testimony:
    assert case.given.like is not None
    return original.testify(case.graph, case.given.like)


def _hear_trace(case: Case) -> Testimony:
    assert case.given.trace is not None
    return trace.testify(case.graph, case.given.trace, case.path)


def _hear_checkpoint(case: Case) -> Testimony:
    assert case.given.checkpoint is not None
    return checkpoint.testify(case.graph, case.hearing.winners(), case.given.checkpoint, case.path)


def _hear_reference(case: Case) -> Testimony:
    if case.fit is None:
        return Testimony(notes=(reference.UNKNOWN_PLACE,))
    return reference.testify(case.fit, case.hearing.claims)


def _hear_dataflow(case: Case) -> Testimony:
    if case.has_scopes:
        return dataflow.testify(case.graph, case.hearing.winners(), case.called)
    return anchors.testify(case.graph, case.hearing.winners())


OF_NODES: tuple[Witness, ...] = (
    Witness("original", _hear_original, needs=lambda case: case.given.like is not None),
    Witness("own tags", lambda case: tags.testify_own(case.graph)),
    Witness("exporter metadata", lambda case: dynamo.testify(case.graph)),
    Witness("scope names", lambda case: scopes.testify(case.graph)),
    Witness("noted values", lambda case: tags.testify_values(case.graph)),
    Witness("other tools", lambda case: tags.testify_others(case.graph)),
    Witness("trace", _hear_trace, needs=lambda case: case.given.trace is not None),
    Witness("parameters", lambda case: parameter_names.testify(case.graph)),
    Witness(
        "functions",
        lambda case: function_calls.testify(case.graph),
        needs=lambda case: bool(case.graph.model.functions) and not any(case.hearing.claims),
    ),
    Witness("checkpoint", _hear_checkpoint, needs=lambda case: case.given.checkpoint is not None),
)
"""Witnesses that look at each node by itself."""

OF_SURROUNDINGS: tuple[Witness, ...] = (
    Witness("reference", _hear_reference, needs=lambda case: bool(case.given.references), first=True),
    Witness("dataflow", _hear_dataflow),
)
"""Witnesses that go by the placements of other nodes."""
