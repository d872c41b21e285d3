"""Finds whether a tool made one model from another, and the values that kept their names.

Optimisers, quantisers and converters keep most names, and then names tell more than the remaining
modules. Exporters number values: in another version of a model `linear_7` is another value, and reads other
values. So names count if enough nodes are unchanged: the same operator on the same names.
"""

from __future__ import annotations

from rewriter.model.index.graph import NONE
from rewriter.modules.analysis import Analysis

_LEAST_COMMON, _LEAST_ALIKE = 0.5, 0.5
"""Minimum shares: of the smaller model's values, those whose names both have; of these, those made alike."""

Maker = tuple[str, tuple[str, ...]]
"""An operator and the names of its inputs, including weights and constants."""


def kept_names(before: Analysis, after: Analysis) -> frozenset[str]:
    """The values with the same name in both models, if the second was made from the first; else none."""
    ours, theirs = _made_in(before), _made_in(after)
    common = ours.keys() & theirs.keys()
    alike = sum(ours[name] == theirs[name] for name in common)
    least = _LEAST_COMMON * min(len(ours), len(theirs))
    if not common or len(common) < least or alike < _LEAST_ALIKE * len(common):
        return frozenset()
    return frozenset(common)


def _made_in(analysis: Analysis) -> dict[str, Maker]:
    """Value of the main graph -> its operator and inputs; without constants, since tools move them."""
    graph = analysis.graph
    found: dict[str, Maker] = {}
    for name, value in graph.bodies[0].values.items():
        maker = graph.producer[value]
        if maker != NONE and isinstance(name, str) and graph.nodes[maker].op_type != "Constant":
            read = (graph.value_names[each] for each in graph.reads[maker] if each not in graph.constants)
            found[name] = (str(graph.nodes[maker].op_type), tuple(map(str, read)))
    return found
