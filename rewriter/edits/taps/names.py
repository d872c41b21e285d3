"""Names of taps: module path, call and position, such as `encoder.layer.0`, `block@1` or `lstm.0`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rewriter.edits.taps.module_values import CallValues
from rewriter.edits.taps.record import WhatTapped
from rewriter.model.index.graph import GraphIndex
from rewriter.passes.functions.value_names import UsedNames
from rewriter.paths import ROOT, ModulePath
from rewriter.refusals import Reason, Refusal


@dataclass(frozen=True, slots=True)
class WantedTap:
    """Value to make an output.

    Attributes:
        value: number of the value.
        what: the kind of the value.
        base: the name that its output should have.
        module: the module; None for a value that a user named.
        call: number of the call; None for a module with a single call, and for a named value.
    """

    value: int
    what: WhatTapped
    base: str
    module: ModulePath | None = None
    call: int | None = None

    @property
    def exact(self) -> bool:
        """Whether the wanted name is a module path, which no other tap of this run may get."""
        return self.base == self.module

    def refused(self, reason: Reason, graph: GraphIndex) -> Refusal:
        """Return a refusal of this tap, with the value as witness."""
        return Refusal(self.module or ROOT, reason, graph.value_names[self.value])


def wanted_of(found: CallValues, what: WhatTapped) -> Iterator[WantedTap]:
    """Yield the taps of one call of a module.

    Several values are numbered: `lstm.0`, `lstm.1`; inputs are called `lstm.input`.
    """
    values = found.inputs if what == "input" else found.outputs
    base = str(found.module) + (f"@{found.call}" if found.call is not None else "")
    base += ".input" if what == "input" else ""
    for number, value in enumerate(values):
        name = f"{base}.{number}" if len(values) > 1 else base
        yield WantedTap(value, what, name, found.module, found.call)


def names_of(wanted: Sequence[WantedTap], taken: UsedNames) -> list[str]:
    """Return the names of outputs, each unlike all names in `taken`; exact module paths choose first."""
    names: dict[int, str] = {}
    for number in sorted(range(len(wanted)), key=lambda number: not wanted[number].exact):
        names[number] = taken.fresh(wanted[number].base)
    return [names[number] for number in range(len(wanted))]
