"""Names the values of a model, also those of graph bodies, so that two processes mean the same value."""

from __future__ import annotations

from collections import Counter

from rewriter.model.index.graph import NONE, GraphIndex


def value_keys(graph: GraphIndex) -> dict[int, str]:
    """Return value -> a text that no other value has.

    The text is the name, for values of the main graph and names that occur once; otherwise the name with the
    number of its body. Values of functions, and values whose names are not UTF-8, are left out.
    """
    times = Counter(graph.value_names)
    main = graph.bodies[0].values
    found: dict[int, str] = {}
    for number, body in enumerate(graph.bodies):
        if number and not bodies_around(graph, number):
            continue
        for name, value in body.values.items():
            if isinstance(name, str) and name:
                alone = number == 0 or (times[name] == 1 and name not in main)
                found[value] = name if alone else f"{name} in body {number}"
    repeated = {key for key, count in Counter(found.values()).items() if count > 1}
    return {value: key for value, key in found.items() if key not in repeated}


def bodies_around(graph: GraphIndex, body: int) -> list[int]:
    """Return a graph body and the bodies around it, outermost first; none for bodies inside functions."""
    around: list[int] = []
    while graph.bodies[body].owner != NONE:
        around.insert(0, body)
        body = graph.bodies[body].outer
    return around if body == 0 else []


def loops_around(graph: GraphIndex, body: int) -> int:
    """Return the number of Loops and Scans around the values of a graph body."""
    owners = (graph.nodes[graph.bodies[each].owner] for each in bodies_around(graph, body))
    return sum(owner.op_type != "If" for owner in owners)
