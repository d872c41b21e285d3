"""What a pass is: a frozen dataclass whose fields are its options, and one method that edits a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import ClassVar, Literal, Protocol

from rewriter.display import Display, counted, listed
from rewriter.modules.analysis import Analysis
from rewriter.passes.contract import Part
from rewriter.paths import ModulePath
from rewriter.refusals import Refusal

DifferenceWord = Literal["operator", "attributes", "inputs", "outputs", "nodes", "modules"]
"""What of two nodes, or calls, differs."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Why calls of repeated modules could not share a function: where their bodies first differ.

    Attributes:
        module: the module whose body came first.
        other: the module with another body; the same where one module is called several times.
        node: name of the first node, in canonical order, that differs; None where the body ended before.
        other_node: name of its counterpart; likewise.
        what: `operator`, `attributes`, `inputs` or `outputs` of that node; `nodes` where one body ends before
            the other; where neither node is named, `outputs` of the call, or `modules` that the nodes are of.
        calls: how many calls have the other body.
    """

    module: ModulePath
    other: ModulePath
    node: str | None
    other_node: str | None
    what: DifferenceWord
    calls: int

    def __str__(self) -> str:
        more = f" and {self.calls - 1} more" if self.calls > 1 else ""
        seam = f" at {self.other_node or 'its end'}, there {self.node or 'the end'}"
        named = self.node or self.other_node
        other, module = self.other or "(root)", self.module or "(root)"
        return f"{other}{more}: other {self.what} than {module}{seam if named else ''}"


@dataclass(frozen=True, slots=True, repr=False)
class Outcome(Display):
    """What a pass did.

    Attributes:
        changes: what it changed -> how many.
        refusals: what it left alone.
        differences: bodies that it found to differ.
        copies: name of a node it made -> name of the node that this is a copy of.
        analysis: of the model as it now stands, where the pass can tell; None where it must be made anew.
        told: whether the model itself now says all that its user said of it (an original, a trace).
    """

    changes: Mapping[str, int]
    refusals: tuple[Refusal, ...] = ()
    differences: tuple[Difference, ...] = ()
    copies: Mapping[str, str] = field(default_factory=dict)
    analysis: Analysis | None = field(default=None, repr=False)
    told: bool = False

    def _brief(self) -> str:
        changes = listed(f"{count:,} {what}" for what, count in self.changes.items())
        return f"{changes}; {counted(len(self.refusals), 'refusal')}"


class Pass(Protocol):
    """An edit of a model.

    A pass plans on the analysis and then writes; it may change only what its class says. The analysis
    indexes the very model that is edited, so `analysis.graph.nodes[n]` is the node to write to.

    Attributes:
        name: what it is called on the command line.
        requires: the parts of the model that its analysis must be true of. The model is always current; to
            read anything else of an analysis that is not is an error.
        preserves: the parts of the model that it leaves as they were.

    Two more are False where a pass does not have them. `flat`: it writes what holds of one call, where a
    shared function has one node for several; on a model with functions that `group` made it changes nothing,
    and says so. `undone`: `flatten` undoes it, and what it leaves looks, seen through its functions, as it
    did before.
    """

    name: ClassVar[str]
    requires: ClassVar[frozenset[Part]]
    preserves: ClassVar[frozenset[Part]]

    def run(self, analysis: Analysis) -> Outcome:
        """Edit `analysis.model` in place and say what changed."""


def as_text(step: Pass) -> str:
    """The pass as one would write it on the command line: `restore_names{initializers=false}`."""
    assert is_dataclass(step)
    changed = {f.name: getattr(step, f.name) for f in fields(step) if getattr(step, f.name) != f.default}
    options = ",".join(
        f"{name}={str(each).lower() if isinstance(each, bool) else each}"
        for name, value in changed.items()
        for each in (value if isinstance(value, tuple) else (value,))
    )
    return f"{step.name}{{{options}}}" if options else step.name
