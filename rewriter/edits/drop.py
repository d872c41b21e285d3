"""Pass: remove modules, the outputs that depend on them, and all that only they needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rewriter.basics.option_declaration import again, texts
from rewriter.modules.analysis import Analysis
from rewriter.modules.selection import WORDS, Selection
from rewriter.passes.base import Outcome
from rewriter.passes.preserved_parts import TREE, Part


@dataclass(frozen=True, slots=True)
class Drop:
    """Removes."""

    name: ClassVar[str] = "drop"
    requires: ClassVar[frozenset[Part]] = TREE
    preserves: ClassVar[frozenset[Part]] = frozenset()
    only: str | tuple[str, ...] = again(Selection, "only")

    def run(self, analysis: Analysis) -> Outcome:
        """Remove."""
        raise NotImplementedError
