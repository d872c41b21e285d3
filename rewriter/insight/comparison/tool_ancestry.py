"""Finds whether a tool made one model from another, and the values that kept their names.

Optimisers, quantisers and converters keep most names of values; these names then match values more reliably
than the modules that remain. Exporters, however, number values: `linear_7` of another version of a model is
a different value with different inputs. Names are therefore used only if enough values have a name in both
models, and enough of these values have equal producers: the same operator, and inputs with the same names.
"""

from __future__ import annotations

from rewriter.insight.comparison.blocked_values import blocked_values
from rewriter.model.index.graph import NONE
from rewriter.modules.analysis import Analysis

_LEAST_COMMON, _LEAST_ALIKE = 0.5, 0.5
"""Minimum shares: of common names among the values of the smaller model; of equal producers among these."""

Maker = tuple[str, tuple[str, ...]]
"""An operator and the names of its inputs, without weights and constants."""


def kept_names(before: Analysis, after: Analysis) -> frozenset[str]:
    """Return the names of values that both models have if a tool seems to have made one from the other.

    Otherwise, return none. The name of a value in a blocked layout is left out: it is that of another value.
    """
    ours, theirs = _made_in(before), _made_in(after)
    common = ours.keys() & theirs.keys()
    alike = sum(ours[name] == theirs[name] for name in common)
    least = _LEAST_COMMON * min(len(ours), len(theirs))
    if not common or len(common) < least or alike < _LEAST_ALIKE * len(common):
        return frozenset()
    return frozenset(common - _blocked_in(before) - _blocked_in(after))


def _blocked_in(analysis: Analysis) -> set[str | bytes]:
    return {analysis.graph.value_names[value] for value in blocked_values(analysis.graph)}


def _made_in(analysis: Analysis) -> dict[str, Maker]:
    """Return value of the main graph -> its producer; constants are left out, since tools move them."""
    graph = analysis.graph
    found: dict[str, Maker] = {}
    for name, value in graph.bodies[0].values.items():
        maker = graph.producer[value]
        if maker != NONE and isinstance(name, str) and graph.nodes[maker].op_type != "Constant":
            read = (each for each in graph.reads[maker] if each not in graph.constants)
            names = tuple(str(graph.value_names[each]) if each != NONE else "" for each in read)
            found[name] = (str(graph.nodes[maker].op_type), names)
    return found
