"""Cache of results per index, shared by all witnesses and passes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from rewriter.model.index.graph import GraphIndex

Result = TypeVar("Result")


def once_per_index(compute: Callable[[GraphIndex], Result]) -> Callable[[GraphIndex], Result]:
    """Cache a function's results as long as their index lives; a result must not refer to the index."""
    known: WeakKeyDictionary[GraphIndex, Result] = WeakKeyDictionary()

    @wraps(compute)
    def compute_once(graph: GraphIndex) -> Result:
        if graph not in known:
            known[graph] = compute(graph)
        return known[graph]

    return compute_once
