"""Compares two models by laws, for pairs that equal keys do not prove."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from onnx import ModelProto

from rewriter.basics import garbage
from rewriter.model.index.backward_slice import names_read
from rewriter.model.operator_set.operators import versions_of
from rewriter.proof.certificate import interface_difference, numbered
from rewriter.proof.contents import Contents, Table
from rewriter.proof.laws.law import Law
from rewriter.proof.laws.terms import closed
from rewriter.proof.laws.terms.constants import Content, Evaluations
from rewriter.proof.laws.terms.reading import Reading
from rewriter.proof.laws.terms.result_types import infer
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.numbering import Numbering
from rewriter.proof.scope import Unprovable


@dataclass(frozen=True, slots=True)
class NotCompared:
    """Reason why laws were not tried on two models."""

    reason: str


@dataclass(frozen=True)
class Attempt:
    """Two models in the normal forms of some laws.

    Attributes:
        before: the first model.
        sides: the numbers of both models.
        reading: their terms.
        terms: the store of the terms.
    """

    before: ModelProto
    sides: tuple[Numbering, Numbering]
    reading: Reading
    terms: Terms

    @cached_property
    def equal(self) -> bool:
        """Whether both models have the same term at every output."""
        term = self.reading.terms
        left, right = self.sides
        return all(
            term[ours] == term[theirs] for ours, theirs in zip(left.outputs, right.outputs, strict=True)
        )

    @cached_property
    def used(self) -> frozenset[str]:
        """Names of the laws that were used on something that an output depends on."""
        outputs = (number for side in self.sides for number in side.outputs)
        return frozenset[str]().union(*(self.reading.laws[number] for number in outputs))

    @cached_property
    def unproved(self) -> tuple[int, ...]:
        """Positions of nodes of the first main graph, sorted: those at which the proof is open.

        An output that is not proved equal depends on them through values that the second model does not
        compute. A value inside of a part that is proved as a whole does not count.
        """
        term, nodes = self.reading.terms, self.before.graph.node
        left, right = self.sides
        known = {term[number] for number in right.computed}
        writers = {name: position for position, node in enumerate(nodes) for name in node.output if name}
        outputs = zip(self.before.graph.output, left.outputs, right.outputs, strict=True)
        open_ = [info.name for info, ours, theirs in outputs if term[ours] != term[theirs]]
        found: set[int] = set()
        while open_:
            position = writers.get(open_.pop())
            if position is not None and position not in found:
                found.add(position)
                read = (name for name in names_read([nodes[position]]) if name in left.numbers)
                open_ += [name for name in read if term[left.numbers[name]] not in known]
        return tuple(sorted(found))


class ComparedModels:
    """Numbers of two models, which laws can be tried on several times.

    Args:
        before: the first model.
        after: the second.
        folders: the folder of each model's external data.

    Raises:
        Unprovable: the models cannot be compared by laws; the text is the reason.
    """

    def __init__(self, before: ModelProto, after: ModelProto, folders: Sequence[Path | None]) -> None:
        self.before = before
        self.opsets = sorted({versions_of(each.opset_import).get("", 0) for each in (before, after)})
        self._table = Table(Contents(by_content=folders[0] != folders[1]))
        left, right = (
            _numbering(model, self._table, folder)
            for model, folder in zip((before, after), folders, strict=True)
        )
        if left.scans or right.scans:
            raise Unprovable("results of Loop and Scan may depend on declared types")
        if sorted(left.apart) != sorted(right.apart):
            raise Unprovable("nodes that draw random numbers, or may keep state, differ")
        if left.inputs != right.inputs:
            raise Unprovable("defaults of inputs differ")
        self._sides = left, right

    @garbage.paused()
    def attempt(self, laws: Sequence[Law], evaluated: Mapping[Content, Evaluations]) -> Attempt:
        """Bring both models into the normal forms of some laws.

        Args:
            laws: the laws.
            evaluated: content of a closed node -> its values; see `wanted`.
        """
        terms = Terms(laws, infer, evaluated)
        return Attempt(self.before, self._sides, Reading(self._table, terms), terms)

    def wanted(self, attempt: Attempt) -> list[ModelProto]:
        """Return models without inputs that compute the closed nodes whose values an attempt lacks."""
        return list(closed.models(attempt.terms, self.opsets))


def _numbering(model: ModelProto, table: Table, folder: Path | None) -> Numbering:
    found = numbered(model, table, folder)
    if not isinstance(found, Numbering):
        raise Unprovable(found)
    return found


def compared(
    before: ModelProto, after: ModelProto, folders: Sequence[Path | None]
) -> ComparedModels | NotCompared:
    """Return two models ready for laws, or the reason why laws are not tried."""
    if (found := interface_difference(before, after, by_position=True)) is not None:
        return NotCompared(found.difference or "interfaces differ")
    try:
        return ComparedModels(before, after, folders)
    except Unprovable as error:
        return NotCompared(str(error))
