"""Report of one rewrite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rewriter.basics.display import Display, counted
from rewriter.modules.analysis import Analysis
from rewriter.modules.module_tree import ModuleTree
from rewriter.modules.selection import Miss
from rewriter.passes.base import Outcome
from rewriter.refusals import Refusal
from rewriter.verdict.verification import Verification
from rewriter.views.notebook_tree import tree_html
from rewriter.views.summary import Summary

Kind = TypeVar("Kind", bound=Outcome)


@dataclass(frozen=True, slots=True)
class PassRecord:
    """A pass that ran: its command-line text and its outcome."""

    name: str
    outcome: Outcome

    @property
    def changes(self) -> Mapping[str, int]:
        """Kind of change -> number of changes."""
        return self.outcome.changes


@dataclass(frozen=True, slots=True, repr=False)
class Report(Display):
    """Report of one rewrite.

    Attributes:
        analysis: the analysis of the source model, with functions of an earlier run inlined; but its
            `model` is the rewritten one.
        before: summary of the source file.
        after: summary of the result, with the name of the source file.
        tree: the modules of the result, with functions inlined.
        passes: the passes in order of execution.
        refusals: refused changes with reasons.
        verification: the verification of the result against the source model.
        seconds: step of the rewrite, such as `load` or `passes` -> wall seconds.
        outputs: written files: data copies, sidecar, model; empty on a dry run or without an output.
        misses: words of the selection of `group` that matched nothing and were dropped because of
            `Options.narrow`.
        removed: removed files: the sidecar of an earlier run beside the output, if this run writes none,
            and data copies that nothing refers to any more.
    """

    analysis: Analysis
    before: Summary
    after: Summary
    tree: ModuleTree
    passes: tuple[PassRecord, ...]
    refusals: tuple[Refusal, ...]
    verification: Verification
    seconds: Mapping[str, float]
    outputs: tuple[Path, ...]
    removed: tuple[Path, ...]
    misses: tuple[Miss, ...] = ()

    def outcome_of(self, kind: type[Kind]) -> Kind:
        """Return the last outcome of a kind; some pass must have given one."""
        found = [record.outcome for record in self.passes if isinstance(record.outcome, kind)]
        return found[-1]

    def _repr_html_(self) -> str:
        return tree_html(self.analysis)

    def _brief(self) -> str:
        return f"{self.tree.brief}; {self.verification.verdict}; {counted(len(self.refusals), 'refusal')}"
