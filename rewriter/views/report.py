"""Report: what one rewrite did, for people and for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rewriter.display import Display, counted
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import ModuleTree
from rewriter.modules.selection import Miss
from rewriter.passes.base import Outcome
from rewriter.proof.verification import Verification
from rewriter.refusals import Refusal
from rewriter.views.html import tree_html
from rewriter.views.summary import Summary


@dataclass(frozen=True, slots=True)
class PassRecord:
    """One pass that ran: its command-line text and its outcome."""

    name: str
    outcome: Outcome

    @property
    def changes(self) -> Mapping[str, int]:
        """What it changed -> how many."""
        return self.outcome.changes


@dataclass(frozen=True, slots=True, repr=False)
class Report(Display):
    """What one rewrite did.

    Attributes:
        analysis: the tree of the model as it was read, functions of an earlier run seen through; its `model`
            is the one that was rewritten.
        before: what file was read.
        after: what it became; of the same name.
        tree: the modules of what it became, functions seen through.
        passes: in the order they ran.
        refusals: what was not done and why.
        verification: the proof.
        seconds: station -> wall seconds.
        outputs: files written, in order; empty on a dry run or where nothing was asked to be written.
        misses: globs of passes that fit nothing and were left out, as `Options.narrow` asks.
        removed: the sidecar that an earlier run wrote beside this output, where there is none now, and
            copies of data that nothing refers to any more.
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

    def _repr_html_(self) -> str:
        return tree_html(self.analysis)

    def _brief(self) -> str:
        return f"{self.tree.brief}; {self.verification.verdict}; {counted(len(self.refusals), 'refusal')}"
