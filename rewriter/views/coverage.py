"""Phrases on the placement of nodes: numbers of nodes by evidence, and means to place more nodes."""

from __future__ import annotations

from rewriter.basics.display import counted
from rewriter.modules.module import ModuleTree

NO_HIERARCHY = "no module hierarchy found in this file"


WOULD_HELP = (
    "what would help: the file as its exporter wrote it (optimisers drop scopes), "
    "a fresh export at opset 18 or newer, "
    "or evidence of the modules: --like, --reference, --checkpoint or --trace"
)


def coverage_phrases(tree: ModuleTree) -> list[str]:
    """Describe the placement of nodes in a few phrases: numbers of nodes by evidence, and of conflicts.

    The numbers by evidence add up to the placed nodes; guesses are counted apart.
    """
    if not tree.placements:
        return ["this model has no nodes"]
    if not any(tree.placements):
        return [f"{NO_HIERARCHY}: none of {counted(len(tree.placements), 'node')} could be placed"]
    phrases = [f"{tree.placed:,} of {counted(len(tree.placements), 'node')} placed"]
    phrases.extend([f"{tree.guessed:,} guessed"] if tree.guessed else [])
    phrases.extend(f"{count:,} by {source_words(source)}" for source, count in tree.by_source.items())
    conflicts = f"{tree.conflicts:,} with conflicting evidence" if tree.conflicts else "no conflicts"
    return [*phrases, conflicts]


def source_words(source: str) -> str:
    """Convert a kind of evidence to words: `scope_name` becomes `scope name`."""
    return source.replace("_", " ")
