"""Collects what a model says about a node, value, weight or module that the user names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from rewriter.basics.display import Display, listed
from rewriter.basics.literals import SubjectWord
from rewriter.basics.nearest import fits_nothing
from rewriter.errors import UsageError
from rewriter.insight.lookup.explained_module import ModuleEvidence, evidence_of
from rewriter.insight.lookup.explained_tensors import (
    ExplainedValue,
    ExplainedWeight,
    explained_value,
    explained_weights,
)
from rewriter.insight.lookup.name_lookup import Subject, names_of, subjects_of
from rewriter.modules.analysis import Analysis

_LISTING = "'rewriter tree --json'"


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(Display):
    """Explanation of a name in a model; `analysis.claims` has the claims on each node, the winner first.

    Attributes:
        analysis: the model.
        name: the name as the user wrote it.
        what: the kind of thing that is explained.
        also: further kinds of things that have this name.
        nodes: numbers of the nodes in the GraphIndex; of a value, the nodes that write it.
        values: the values, if values are explained.
        weights: the initializers, if weights are explained.
        module: the module, if a module is explained.
    """

    analysis: Analysis
    name: str
    what: Subject
    also: tuple[Subject, ...]
    nodes: tuple[int, ...] = ()
    values: tuple[ExplainedValue, ...] = ()
    weights: tuple[ExplainedWeight, ...] = ()
    module: ModuleEvidence | None = None

    def _brief(self) -> str:
        return f"{self.what} {listed([self.name])}: {listed(self._said())}"

    def _said(self) -> Iterator[str]:
        for node in self.nodes:
            for claim in self.analysis.claims[node]:
                yield f"{claim.module or '(root)'} by {claim.source}"
        for weight in self.weights:
            yield from (f"in {holder.module or '(root)'}" for holder in weight.holders)
        if self.module is not None:
            yield str(self.module.module.class_name or "of unknown class")


def explain(analysis: Analysis, name: str, as_: SubjectWord | None = None) -> Explanation:
    """Explain the node of a name; else the value, the weight or the module of this name.

    Args:
        analysis: the model.
        name: the name of a node, a value, an initializer or a parameter, or the path of a module.
        as_: the kind of thing to explain: `node`, `value`, `weight` or `module`.

    Raises:
        UsageError: there is no such thing; the message proposes similar names.
    """
    if as_ is not None and as_ not in list(Subject):
        raise UsageError(fits_nothing("value", as_, list(Subject)))
    found = subjects_of(analysis, name)
    if not found or (as_ is not None and as_ not in found):
        raise UsageError(f"{analysis.path or 'model'}: {_fits_nothing(analysis, name, as_, tuple(found))}")
    what = Subject(as_) if as_ is not None else next(iter(found))
    also = tuple(subject for subject in found if subject is not what)
    numbers = found[what]
    match what:
        case Subject.NODE:
            return Explanation(analysis, name, what, also, numbers)
        case Subject.VALUE:
            values = tuple(explained_value(analysis, value) for value in numbers)
            makers = dict.fromkeys(each.producer for each in values if each.producer is not None)
            return Explanation(analysis, name, what, also, tuple(makers), values)
        case Subject.WEIGHT:
            weights = explained_weights(analysis, numbers)
            return Explanation(analysis, name, what, also, weights=weights)
        case Subject.MODULE:
            module = tuple(analysis.tree)[numbers[0]]
            return Explanation(analysis, name, what, also, module=evidence_of(analysis, module))


def _fits_nothing(analysis: Analysis, name: str, as_: str | None, others: tuple[Subject, ...]) -> str:
    if others:
        return f"no {as_} is called {name!r}, but a {' and a '.join(others)} is"
    # Names of nodes and values come last, since there may be more than are compared with the word.
    order = (Subject.MODULE, Subject.WEIGHT, Subject.NODE, Subject.VALUE) if as_ is None else (Subject(as_),)
    known = chain.from_iterable(names_of(analysis, subject) for subject in order)
    return fits_nothing(as_ or "node, value, weight or module", name, known, where=_LISTING)
