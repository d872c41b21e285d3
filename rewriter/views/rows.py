"""Selects the modules of a tree that get a line, and computes the content of each line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from rewriter.modules.module import Module
from rewriter.modules.module_tree import ModuleTree
from rewriter.modules.totals import totals
from rewriter.paths import ROOT, ModulePath
from rewriter.views.summary import subtree_sizes

LONG = 60
"""Trees with more modules are shown with alike siblings merged into one line, by default."""

_MOST_FOLDINGS = 3
"""Maximum number of modules that a line names as those into which its module was folded."""
_NUMBERED = re.compile(r"(.*?)(\d{1,9})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a tree, which shows a module or several alike siblings.

    Attributes:
        module: the module, or the first of the siblings.
        through: the last of the siblings; None for a single module.
        alike: number of modules that the line shows.
        last: for each ancestor below the root, from the top, and for the module: whether no line of a
            sibling follows. Guides are drawn from this.
        shown: number of lines directly below.
        hidden: number of modules below, if no line shows them; 0 for a module that is shown only because a
            module below is selected.
        parameters: elements in the parameters of the module and of all modules below.
        share: its share of the parameters of the model, or of the nodes if there are none, 0 to 1.
        context: whether the module is shown only because a module below is selected.
        folding: the modules into which the module was folded, as text (see `folding_of`).
    """

    module: Module
    through: Module | None
    alike: int
    last: tuple[bool, ...]
    shown: int
    hidden: int
    parameters: int
    share: float
    context: bool
    folding: str


class Rows:
    """Lines of a tree.

    Args:
        tree: the modules.
        depth: show modules down to this depth (the root has 0); None for all.
        only: show these modules and their ancestors; None for all.
        merge: whether alike siblings with consecutive numbers share a line; None means: if the tree has
            more than `LONG` modules, and neither depth nor modules are restricted.
    """

    def __init__(
        self,
        tree: ModuleTree,
        depth: int | None = None,
        only: Collection[ModulePath] | None = None,
        merge: bool | None = None,
    ) -> None:
        self.tree = tree
        self.depth = depth
        self.totals = {path: total for path, (_, total) in totals(tree.modules).items()}
        self.sizes = subtree_sizes(tree)
        self.selected = None if only is None else frozenset(only)
        self.leading = {above for path in self.selected or () for above in path.ancestors()}
        unasked = depth is None and only is None
        self.shapes = _shapes(tree, self.totals) if (merge if merge is not None else unasked) else None
        if merge is None and len(tree) <= LONG:
            self.shapes = None

    def __iter__(self) -> Iterator[Row]:
        """Yield the lines from top to bottom; none for an empty selection."""
        if self.selected is not None and not self.selected:
            return
        stack: list[tuple[list[Module], tuple[bool, ...]]] = [([self.tree.root], ())]
        while stack:
            run, last = stack.pop()
            module = run[0]
            below = self._below(module)
            yield self._row(run, last, below)
            for position in range(len(below) - 1, -1, -1):
                stack.append((below[position], (*last, position == len(below) - 1)))

    def _below(self, module: Module) -> list[list[Module]]:
        """Return the lines directly below a module, each as the list of modules that it shows."""
        if self.depth is not None and module.depth >= self.depth:
            return []
        wanted = [child for child in self.tree.children(module.path) if self._wanted(child.path)]
        return _runs(wanted, self.shapes) if self.shapes else [[child] for child in wanted]

    def _wanted(self, path: ModulePath) -> bool:
        return self.selected is None or path in self.selected or path in self.leading

    def _row(self, run: list[Module], last: tuple[bool, ...], below: Sequence[list[Module]]) -> Row:
        module = run[0]
        root = self.tree.root
        parameters = self.totals[module.path]
        part, whole = parameters, self.totals[ROOT]
        if not whole:
            part, whole = module.total_nodes, root.total_nodes
        cut = not below and (self.selected is None or module.path in self.selected)
        return Row(
            module=module,
            through=run[-1] if len(run) > 1 else None,
            alike=len(run),
            last=last,
            shown=len(below),
            hidden=self.sizes[module.path] - 1 if cut else 0,
            parameters=parameters,
            share=part / whole if whole else 0.0,
            context=self.selected is not None and module.path not in self.selected,
            folding=folding_of(module),
        )


def folding_of(module: Module) -> str:
    """Return "folded into conv1" for a batch norm that was folded into other modules; '' for other modules.

    A module below the parent of the norm is named from there on, any other by its whole path.
    """
    above = module.parent or ROOT
    names = [
        path.relative_to(above) if above.holds(path) and path != above else path or "(root)"
        for path in module.folded_into
    ]
    more = f" and {len(names) - _MOST_FOLDINGS:,} more" if len(names) > _MOST_FOLDINGS else ""
    return f"folded into {', '.join(names[:_MOST_FOLDINGS])}{more}" if names else ""


def _shapes(tree: ModuleTree, totals: dict[ModulePath, int]) -> dict[ModulePath, int]:
    """Return module -> a number, equal for modules whose subtrees are shown alike."""
    numbers: dict[tuple[object, ...], int] = {}
    shapes: dict[ModulePath, int] = {}
    for module in tree.innermost_first():
        below = tuple((child.name, shapes[child]) for child in module.children)
        figures = (len(module.nodes), module.total_nodes, totals[module.path], module.calls)
        looks = (module.shown_class, folding_of(module), *figures)
        shapes[module.path] = numbers.setdefault((*looks, *below), len(numbers))
    return shapes


def _runs(siblings: Sequence[Module], shapes: dict[ModulePath, int]) -> list[list[Module]]:
    """Group neighbouring siblings that are shown alike and have consecutive numbers."""
    runs: list[list[Module]] = []
    for module in siblings:
        if runs and shapes[runs[-1][-1].path] == shapes[module.path] and _follows(runs[-1][-1], module):
            runs[-1].append(module)
        else:
            runs.append([module])
    return runs


def _follows(left: Module, right: Module) -> bool:
    """Whether two names end in consecutive numbers and are otherwise equal: `layer_3` and `layer_4`."""
    before, after = _NUMBERED.fullmatch(left.path.name), _NUMBERED.fullmatch(right.path.name)
    if before is None or after is None:
        return False
    return before[1] == after[1] and int(before[2]) + 1 == int(after[2])
