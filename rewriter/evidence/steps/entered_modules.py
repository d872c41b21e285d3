"""Moves steps into the module whose steps alone use their results, if they share their inputs with it.

They share an input if it is made in the module, or if a known step in a submodule reads it too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from rewriter.evidence.steps.step_places import StepPlaces
from rewriter.model.index.graph import NONE
from rewriter.paths import ModulePath

_NEAREST = 24
"""Maximum readers of a value to consider. The limit keeps the work linear."""


def entered(places: StepPlaces) -> dict[int, ModulePath]:
    """Return step -> the module that it is moved into."""
    into: dict[int, ModulePath] = {}
    for step in reversed(places.steps.heads):
        readers = {into.get(other, places.of_step[other]) for other in places.steps.behind[step]}
        if step not in places.known and step not in places.steps.constant and None not in readers:
            module, place = places.user(readers), places.of_step[step]
            if module and (place is None or (place != module and place.holds(module))):
                into[step] = module
    entries, found, now = Entries(places), {}, dict(places.of_step)
    for step in places.steps.heads:
        if step in into and entries.all_shared(step, into[step], now):
            found[step] = now[step] = into[step]
    return found


class Entries:
    """Inputs of steps, and the known steps that read the same inputs.

    A Reshape that a tool put before several matrix products is transparent: who reads its result also reads
    its input.
    """

    def __init__(self, places: StepPlaces) -> None:
        self.graph, self.steps, self.known = places.graph, places.steps, places.known

    def beside(self, step: int) -> set[int]:
        """Return the known steps that read a computed value or an input of the graph that a step reads."""
        reads = {value for node in self.steps.members[step] for value in self.graph.reads[node]}
        return self._reading(reads)

    def all_shared(self, step: int, module: ModulePath, places: Mapping[int, ModulePath | None]) -> bool:
        """Whether all that a step reads is made in a module, or is also read by a submodule of it.

        False for a step that reads no results of other steps.
        """
        for other in self.steps.before[step]:
            if places[other] != module:
                made = {value for node in self.steps.members[other] for value in self.graph.writes[node]}
                reads = {value for node in self.steps.members[step] for value in self.graph.reads[node]}
                readers = (places[reader] for reader in self._reading(made & reads))
                if not any(place and place != module and module.holds(place) for place in readers):
                    return False
        return bool(self.steps.before[step])

    def _reading(self, values: Set[int]) -> set[int]:
        read = {*values, *self._reshaped_to(values)} - self.graph.constants - {NONE}
        found = {self.steps.of[node] for value in read for node in self.graph.readers[value][:_NEAREST]}
        behind = (self.steps.behind[step][:_NEAREST] for step in found & self.steps.added)
        return found.union(*behind) & self.known

    def _reshaped_to(self, values: Set[int]) -> Iterator[int]:
        """Yield the values that added Reshapes turn into `values`."""
        for value in values - {NONE}:
            if (maker := self.graph.producer[value]) in self.steps.added:
                yield from self.graph.reads[maker]
