"""What a pass is: a frozen dataclass whose fields are its options, and one method that edits a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import ClassVar, Protocol

from rewriter.modules.analysis import Analysis
from rewriter.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a pass changed (what -> how many) and what it left alone."""

    changes: Mapping[str, int]
    refusals: tuple[Refusal, ...] = ()


class Pass(Protocol):
    """An edit of a model.

    A pass plans on the analysis and then writes; it may change only what its class says. The analysis
    indexes the very model that is edited, so `analysis.graph.nodes[n]` is the node to write to.
    """

    name: ClassVar[str]

    def run(self, analysis: Analysis) -> Outcome:
        """Edit `analysis.model` in place and say what changed."""


def as_text(step: Pass) -> str:
    """The pass as one would write it on the command line: `restore_names{initializers=false}`."""
    assert is_dataclass(step)
    changed = {f.name: getattr(step, f.name) for f in fields(step) if getattr(step, f.name) != f.default}
    options = ",".join(f"{name}={str(value).lower()}" for name, value in changed.items())
    return f"{step.name}{{{options}}}" if options else step.name
