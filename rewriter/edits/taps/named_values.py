"""Finds values by name, and the body that a value belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rewriter.basics.nearest import fits_nothing
from rewriter.cutting.calls import file_of, title_of_body
from rewriter.errors import UsageError
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.index.index_cache import once_per_index
from rewriter.modules.analysis import Analysis


@once_per_index
def homes(graph: GraphIndex) -> dict[int, int]:
    """Return each value that a node writes or that is an input of a body -> the body that defines it."""
    found = {value: number for number, body in enumerate(graph.bodies) for value in body.formals}
    for node, body in enumerate(graph.body_of):
        found.update((value, body) for value in graph.writes[node] if value != NONE)
    return found


def values_named(analysis: Analysis, names: Sequence[str]) -> Iterator[int]:
    """Yield the value of each name, once for a repeated name.

    Raises:
        UsageError: no value or several values have the name, or it is that of a weight, or of an input or
            output of the model.
    """
    graph, file = analysis.graph, file_of(analysis)
    known: dict[str, list[int]] = {}
    for value in homes(graph):
        known.setdefault(graph.value_names[value], []).append(value)
    for name in dict.fromkeys(names):
        found = known.get(name, [])
        if graph.value(name) in graph.initializers:
            raise UsageError(f"{file}: {name!r} is an initializer: its content is in the file, not computed")
        if not found:
            told = fits_nothing("value", name, known, where="'rewriter select --what values'")
            raise UsageError(f"{file}: {told}")
        if len(found) > 1:
            bodies = " and ".join(title_of_body(graph, homes(graph)[value]) for value in found)
            raise UsageError(f"{file}: {name!r} is a value in {bodies}; choose it by its module")
        if found[0] in graph.bodies[0].results:
            raise UsageError(f"{file}: {name!r} is an output of the model already")
        if found[0] in graph.bodies[0].formals:
            raise UsageError(f"{file}: {name!r} is an input of the model, so its caller has it already")
        yield found[0]
