"""Options of passes that choose modules, with the meaning that they have in every verb."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from rewriter.basics.option_declaration import again, texts
from rewriter.modules.selection import WORDS, Selection


@dataclass(frozen=True, slots=True)
class ChosenModules:
    """Base of passes that choose modules.

    Attributes:
        only: globs over paths.
        class_name: globs over classes.
        kind: origins of classes.
        operators: operators of own nodes.
        leave_out: globs over paths of modules that are not chosen.
        inferred: whether `class_name` also matches an inferred class.
        depth: maximum depth of the modules; 0 for any.
    """

    only: str | tuple[str, ...] = again(Selection, "only")
    class_name: str | tuple[str, ...] = again(Selection, "class_name")
    kind: str | tuple[str, ...] = again(Selection, "kind")
    operators: str | tuple[str, ...] = again(Selection, "operators")
    leave_out: str | tuple[str, ...] = again(Selection, "leave_out")
    inferred: bool = again(Selection, "inferred")
    depth: int = 0

    def __post_init__(self) -> None:
        """Store a text as a tuple of one text."""
        for name in WORDS:
            object.__setattr__(self, name, texts(getattr(self, name)))

    @classmethod
    def of(cls, selection: Selection, **others: Any) -> Self:
        """Return the pass for a selection, with its other options."""
        words = {name: getattr(selection, name) for name in (*WORDS, "inferred")}
        return cls(**words, depth=selection.depth or 0, **others)

    @property
    def selection(self) -> Selection:
        """The selected modules."""
        words = {name: getattr(self, name) for name in (*WORDS, "inferred")}
        return Selection(**words, depth=self.depth or None)
