"""Values that enter and leave the calls of modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

from rewriter.cutting.calls import calls_of_each
from rewriter.edits.taps.record import read_taps
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.index.index_cache import once_per_index
from rewriter.modules.analysis import Analysis
from rewriter.paths import ModulePath
from rewriter.regions.shape_arithmetic import Arithmetic


@dataclass(frozen=True, slots=True)
class CallValues:
    """Values of one call of a module, as numbers of the index.

    Attributes:
        module: the module.
        call: number of the call; None if the module has a single call.
        inputs: the values that its nodes read and do not write, in order of first use.
        outputs: the values that nodes outside of the call read or that are outputs of the model, in file
            order.
    """

    module: ModulePath
    call: int | None
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def values_of(analysis: Analysis, modules: Iterable[ModulePath]) -> Iterator[CallValues]:
    """Yield the inputs and outputs of every call of some modules, in the given order.

    Weights and constants that the file stores are neither. Sizes and other small results of shape arithmetic
    are left out too, unless a call has nothing else: exporters compute them in one module for several.
    Taps that the model already has do not count as readers.
    """
    graph = analysis.graph
    small = _shape_arithmetic(graph)
    made = {name for tap in read_taps(graph.model) for name in (tap.output, *tap.made)}
    for module, calls in calls_of_each(analysis, modules).items():
        for call, nodes in calls.items():
            number = call if len(calls) > 1 else None
            inside = _Inside(graph, nodes, made)
            yield CallValues(
                module, number, _computed(inside.read(), small), _computed(inside.given(), small)
            )


def _computed(values: Iterable[int], small: frozenset[int]) -> tuple[int, ...]:
    """Return the values that are no shape arithmetic, each once; all values if there are no others."""
    found = tuple(dict.fromkeys(values))
    return tuple(value for value in found if value not in small) or found


@once_per_index
def _shape_arithmetic(graph: GraphIndex) -> frozenset[int]:
    """Return the small values that depend on shapes and constants alone, without stored tensors."""
    leaves = Arithmetic(graph, frozenset()).leaves
    return frozenset(value for node in leaves if not graph.is_stored(node) for value in graph.writes[node])


@once_per_index
def _enclosing(graph: GraphIndex) -> dict[int, tuple[int, ...]]:
    """Return node of a graph body -> the nodes around it."""
    inner = (node for node, body in enumerate(graph.body_of) if graph.bodies[body].owner != NONE)
    return {node: tuple(graph.enclosing(node)) for node in inner}


class _Inside:
    """The nodes of a call, with all nodes in their graph bodies.

    Args:
        graph: the model.
        nodes: the nodes of the call.
        made: names of values that exist only for taps; a node that writes only such values is no reader.
    """

    def __init__(self, graph: GraphIndex, nodes: Iterable[int], made: Set[str]) -> None:
        own = set(nodes)
        self.graph = graph
        self.nodes = own.union(n for n, around in _enclosing(graph).items() if not own.isdisjoint(around))
        self.bodies = [body for body in graph.bodies if body.owner in self.nodes]
        self.made = made

    def read(self) -> Iterator[int]:
        """Yield the values that nodes read and that come from outside, without stored ones."""
        graph = self.graph
        known = graph.constants.union([NONE], *(graph.writes[node] for node in self.nodes))
        known = known.union(*(body.formals for body in self.bodies))
        for node in sorted(self.nodes):
            yield from (value for value in graph.reads[node] if value not in known)
        for body in self.bodies:
            yield from (value for value in body.results if value not in known)

    def given(self) -> Iterator[int]:
        """Yield the values that outside nodes read, or that are outputs of the model or of a function."""
        graph = self.graph
        results = {value for body in graph.bodies if body.owner == NONE for value in body.results}
        results.difference_update([value for value in results if graph.value_names[value] in self.made])
        for node in sorted(self.nodes):
            for value in () if graph.is_stored(node) else graph.writes[node]:
                if value != NONE and (value in results or any(map(self._outside, graph.readers[value]))):
                    yield value

    def _outside(self, node: int) -> bool:
        return node not in self.nodes and not self.made >= set(self.graph.nodes[node].output)
