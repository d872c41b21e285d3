"""Collects what a model says about a node, value, weight or module that the user names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from rewriter.basics.display import Display, listed
from rewriter.basics.literals import SubjectWord
from rewriter.basics.nearest import fits_nothing
from rewriter.errors import UsageError
from rewriter.insight.explained_module import ModuleEvidence, evidence_of
from rewriter.insight.name_lookup import Subject, names_of, subjects_of
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Parameter, Tensor
from rewriter.paths import ModulePath

_LISTING = "'rewriter tree --json'"


@dataclass(frozen=True, slots=True)
class Readers:
    """Nodes of one module that read a value; of unplaced nodes, the module is None."""

    module: ModulePath | None
    nodes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExplainedValue:
    """A value, and the nodes that read it.

    Attributes:
        value: its number in the GraphIndex.
        producer: the node that writes it; None for an input and for a sparse initializer.
        input_of: what it is an input of; None if a node writes it, and for a sparse initializer.
        is_output: whether it is an output of the model.
        readers: the nodes that read it, by module in the order of the file.
    """

    value: int
    producer: int | None
    input_of: Literal["model", "body", "function"] | None
    is_output: bool
    readers: tuple[Readers, ...]


@dataclass(frozen=True, slots=True)
class Holder:
    """A module that holds a tensor.

    Attributes:
        module: its path.
        tensor: the tensor, or the part of it, as the module holds it; `owned_by` has the reason.
        parameters: the parameters of the module in this tensor, each with the witness that says so, if one
            does.
    """

    module: ModulePath
    tensor: Tensor
    parameters: tuple[tuple[Parameter, str | None], ...]


@dataclass(frozen=True, slots=True)
class ExplainedWeight:
    """An initializer: the modules that hold it, and the nodes that read it."""

    value: int
    holders: tuple[Holder, ...]
    readers: tuple[Readers, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(Display):
    """What a model says about a name; `analysis.claims` has the claims on each node, the winner first.

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
            values = tuple(_value(analysis, value) for value in numbers)
            makers = dict.fromkeys(each.producer for each in values if each.producer is not None)
            return Explanation(analysis, name, what, also, tuple(makers), values)
        case Subject.WEIGHT:
            weights = tuple(_weight(analysis, value) for value in numbers)
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


def _value(analysis: Analysis, value: int) -> ExplainedValue:
    graph = analysis.graph
    producer = graph.producer[value]
    return ExplainedValue(
        value,
        None if producer == NONE else producer,
        input_of=_input_of(graph, value),
        is_output=value in graph.bodies[0].results,
        readers=_readers(analysis, value),
    )


def _input_of(graph: GraphIndex, value: int) -> Literal["model", "body", "function"] | None:
    for number, body in enumerate(graph.bodies):
        if value in body.formals:
            inside: Literal["body", "function"] = "function" if body.owner == NONE else "body"
            return inside if number else "model"
    return None


def _weight(analysis: Analysis, value: int) -> ExplainedWeight:
    holders = tuple(
        Holder(module.path, tensor, tuple(_parameters(analysis, module.path, tensor)))
        for module in analysis.tree
        for tensor in module.tensors
        if tensor.value == value
    )
    return ExplainedWeight(value, holders, _readers(analysis, value))


def _parameters(
    analysis: Analysis, path: ModulePath, tensor: Tensor
) -> Iterator[tuple[Parameter, str | None]]:
    """Yield the parameters of a module that a tensor holds, each with the witness of it."""
    if tensor.value != _main_value(analysis.graph, tensor.name):
        return
    for parameter in analysis.tree[path].parameters:
        if (parameter.initializer, parameter.part) == (tensor.name, tensor.part):
            full = path.child(parameter.name)
            claims = (each for each in analysis.parameters if each.initializer == tensor.name)
            yield parameter, next((str(each.source) for each in claims if each.name == full), None)


def _main_value(graph: GraphIndex, name: str) -> int:
    """Return the initializer that claims on a name mean: that of the main graph before those of bodies."""
    return next(value for value in graph.initializers if graph.value_names[value] == name)


def _readers(analysis: Analysis, value: int) -> tuple[Readers, ...]:
    found: dict[ModulePath | None, list[int]] = {}
    for node in analysis.graph.readers[value]:
        placement = analysis.tree.placements[node]
        found.setdefault(None if placement is None else placement.module, []).append(node)
    return tuple(Readers(module, tuple(nodes)) for module, nodes in found.items())
