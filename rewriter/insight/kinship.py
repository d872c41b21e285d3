"""Whether one model was made of another by a tool, and which values kept their names then.

Optimisers, quantisers and converters keep most names, and then a name tells more than what is left of the
modules. Exporters number values: in another version of a model `linear_7` is something else, and reads other
values. So names count where enough nodes are what they were: an operator on the same names.
"""

from __future__ import annotations

from rewriter.model.graph import NONE
from rewriter.modules.analysis import Analysis

_LEAST_COMMON, _LEAST_ALIKE = 0.5, 0.5
"""Shares: of the values of the smaller model, those whose names both have; of these, those made alike."""

Maker = tuple[str, tuple[str, ...]]
"""An operator and the names of what it reads, weights and constants included."""


def kept_names(before: Analysis, after: Analysis) -> frozenset[str]:
    """The values that bear their names in both models, where the second was made of the first; else none."""
    ours, theirs = _made_in(before), _made_in(after)
    common = ours.keys() & theirs.keys()
    alike = sum(ours[name] == theirs[name] for name in common)
    least = _LEAST_COMMON * min(len(ours), len(theirs))
    if not common or len(common) < least or alike < _LEAST_ALIKE * len(common):
        return frozenset()
    return frozenset(common)


def _made_in(analysis: Analysis) -> dict[str, Maker]:
    """Value of the main graph -> how it is made; constants are left out, since tools move them about."""
    graph = analysis.graph
    found: dict[str, Maker] = {}
    for name, value in graph.bodies[0].values.items():
        maker = graph.producer[value]
        if maker != NONE and isinstance(name, str) and graph.nodes[maker].op_type != "Constant":
            read = (graph.value_names[each] for each in graph.reads[maker] if each not in graph.constants)
            found[name] = (str(graph.nodes[maker].op_type), tuple(map(str, read)))
    return found
