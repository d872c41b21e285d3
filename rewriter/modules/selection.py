"""Selection: which modules and nodes a user means, by paths, classes, kinds, operators and depth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import NamedTuple

from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Kind, Module, ModuleTree
from rewriter.modules.nearest_paths import no_module_fits
from rewriter.nearest import fits_nothing
from rewriter.paths import ModulePath
from rewriter.refusals import UsageError

UNKNOWN = "unknown"
"""The kind of a module whose class nobody knows."""

KINDS = (*(kind.value for kind in Kind), UNKNOWN)


class Miss(NamedTuple):
    """A word that fits nothing in a model: what it was to name, the word, and the message that says so."""

    what: str
    word: str
    message: str


@dataclass(frozen=True, slots=True)
class Selection:
    """What is chosen of a model; everything where nothing is said.

    A module or node need fit only one word of a kind, and all kinds of words that there are. Every word must
    fit something.

    Attributes:
        patterns: globs over module paths, see `ModulePath.matches`.
        class_name: globs over the classes of modules, a text or several; the last name of a class is enough.
        kind: of `KINDS`, a text or several.
        operators: globs over operator types.
        depth: no modules deeper than this (the root has 0); 0 for all.
    """

    patterns: tuple[str, ...] = ()
    class_name: str | tuple[str, ...] = ()
    kind: str | tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    depth: int = 0

    def __post_init__(self) -> None:
        """Make one form of a text and of several, so that equal selections are equal."""
        for name in ("patterns", "class_name", "kind", "operators"):
            object.__setattr__(self, name, texts(getattr(self, name)))

    @property
    def of_modules(self) -> bool:
        """Whether anything is said of modules, so that nodes of no module are left out."""
        return bool(self.patterns or self.class_name or self.kind or self.depth)

    def modules(self, analysis: Analysis) -> tuple[Module, ...]:
        """The modules chosen, in tree order; with `operators`, those that own such a node themselves.

        Raises:
            UsageError: a pattern, class, kind or operator fits nothing in the model, or they fit no module
                together.
        """
        self._demand(analysis)
        chosen = self.fitting(analysis)
        if not chosen:
            raise UsageError(f"{_file(analysis)}: {self._together(analysis)}")
        return chosen

    def fitting(self, analysis: Analysis) -> tuple[Module, ...]:
        """As `modules`, and () where none fits: nodes chosen by operator may lie further inside."""
        chosen = self._fitting(analysis)
        if not self.operators:
            return chosen
        nodes = analysis.graph.nodes
        return tuple(
            module for module in chosen if any(self._wants(nodes[node].op_type) for node in module.nodes)
        )

    def nodes(self, analysis: Analysis) -> tuple[int, ...]:
        """The numbers of the nodes of the chosen modules and of all modules below them, ascending.

        Nodes that nobody could place are chosen only where nothing is said of modules.

        Raises:
            UsageError: as `modules` does, or the chosen modules have no such node.
        """
        self._demand(analysis)
        protos = analysis.graph.nodes
        numbers: Iterable[int] = range(len(protos))
        if self.of_modules:
            chosen = self._fitting(analysis)
            if not chosen:
                raise UsageError(f"{_file(analysis)}: {self._together(analysis)}")
            numbers = sorted(nodes_inside(analysis.tree, chosen))
        found = tuple(node for node in numbers if self._wants(protos[node].op_type))
        if self.operators and not found:
            raise UsageError(f"{_file(analysis)}: {self._together(analysis)}")
        return found

    def misses(self, analysis: Analysis) -> Iterator[Miss]:
        """The words that fit nothing in a model."""
        tree = analysis.tree
        for pattern in self.patterns:
            if not tree.fitting(pattern):
                yield Miss("module", pattern, no_module_fits(pattern, tree))
        for name in texts(self.class_name):
            if not any(_is_a(module, (name,)) for module in tree):
                yield Miss("class", name, _no_class_fits(name, tree))
        there = dict.fromkeys(node.op_type for node in analysis.graph.nodes)
        for glob in self.operators:
            if not any(_fits(operator, glob) for operator in there):
                message = fits_nothing("operator", glob, there, where="'rewriter stats'")
                yield Miss("operator", glob, message)

    def narrowed(self, analysis: Analysis) -> tuple[Selection | None, tuple[Miss, ...]]:
        """The selection without the words that fit nothing, and these; None where it chooses nothing then.

        Raises:
            UsageError: a kind is none.
        """
        self._demand_kinds()
        misses = tuple(self.misses(analysis))
        lost = {(miss.what, miss.word) for miss in misses}
        left = replace(
            self,
            patterns=tuple(word for word in self.patterns if ("module", word) not in lost),
            class_name=tuple(word for word in texts(self.class_name) if ("class", word) not in lost),
            operators=tuple(word for word in self.operators if ("operator", word) not in lost),
        )
        emptied = any(
            bool(getattr(self, name)) > bool(getattr(left, name))
            for name in ("patterns", "class_name", "operators")
        )
        if emptied:
            return None, misses
        if not left._fitting(analysis):
            return None, (*misses, Miss("module", left._said(), left._together(analysis)))
        return left, misses

    def _demand_kinds(self) -> None:
        for kind in texts(self.kind):
            if kind not in KINDS:
                raise UsageError(fits_nothing("kind", kind, KINDS))

    def _demand(self, analysis: Analysis) -> None:
        self._demand_kinds()
        if messages := [miss.message for miss in self.misses(analysis)]:
            raise UsageError(f"{_file(analysis)}: {'; '.join(messages)}")

    def _fitting(self, analysis: Analysis) -> tuple[Module, ...]:
        """The modules that fit all but the operators."""
        tree = analysis.tree
        paths = {module.path for pattern in self.patterns for module in tree.fitting(pattern)}
        return tuple(
            module
            for module in tree
            if (not self.patterns or module.path in paths)
            and (not self.class_name or _is_a(module, texts(self.class_name)))
            and (not self.kind or (module.kind or UNKNOWN) in self.kind)
            and (not self.depth or module.depth <= self.depth)
        )

    def _wants(self, operator: str | bytes) -> bool:
        return not self.operators or any(_fits(operator, glob) for glob in self.operators)

    def _said(self) -> str:
        """All that was asked for, as one would type it."""
        words = [
            " or ".join(map(repr, self.patterns)),
            " or ".join(f"--class {name}" for name in self.class_name),
            " or ".join(f"--kind {kind}" for kind in self.kind),
            " or ".join(f"--op {glob}" for glob in self.operators),
            f"--depth {self.depth}" if self.depth else "",
        ]
        return " and ".join(word for word in words if word)

    def _together(self, analysis: Analysis) -> str:
        """The message where every word fits something, but no module fits all kinds of them."""
        what = "node" if self.operators else "module"
        return f"no {what} fits {self._said()}{self._mend(analysis.tree)}"

    def _mend(self, tree: ModuleTree) -> str:
        fitting = [module.path for pattern in self.patterns for module in tree.fitting(pattern)]
        names = texts(self.class_name)
        if names and not self.depth:
            below = [inner for path in fitting for inner in tree.walk(path) if _is_a(inner, names)]
            if below:
                return f"; for the modules below write {self.patterns[0] + '.**'!r}"
        return "; 'rewriter tree' lists the modules with their classes, or ask for less"


def texts(given: str | Iterable[str]) -> tuple[str, ...]:
    """Several words of a text or of several; none of an empty text."""
    return ((given,) if given else ()) if isinstance(given, str) else tuple(given)


EVERYTHING = Selection()
"""The selection that says nothing."""


def nodes_inside(tree: ModuleTree, modules: Iterable[Module]) -> set[int]:
    """The numbers of the nodes of some modules and of all modules below them."""
    return {node for module in outermost(modules) for inner in tree.walk(module.path) for node in inner.nodes}


def outermost(modules: Iterable[Module]) -> tuple[Module, ...]:
    """The modules that no other of them holds, in the order given, each once."""
    given = {module.path: module for module in modules}
    return tuple(m for m in given.values() if given.keys().isdisjoint(m.path.ancestors()))


def _is_a(module: Module, globs: Iterable[str]) -> bool:
    names = [name for name in (module.class_name, module.short_class) if name]
    return any(fnmatchcase(name, glob) for glob in globs for name in names)


def _fits(operator: str | bytes, glob: str) -> bool:
    """Whether an operator is meant; one whose type is not UTF-8 comes as bytes, and nobody can ask for it."""
    return isinstance(operator, str) and fnmatchcase(operator, glob)


def _no_class_fits(name: str, tree: ModuleTree) -> str:
    known = [module.short_class for module in tree if module.short_class]
    if known:
        message = fits_nothing("class", name, known, where="'rewriter tree'")
    else:
        message = f"no class fits {name!r}; the file tells no class, give one by --reference"
    alike = sum(fnmatchcase(module.shown_class or "", f"{name}[?]") for module in tree)
    if alike:
        message += f"; {alike} modules look like it ({name}?), which is a guess and chooses none"
    if ModulePath(name) in tree:
        message += f"; {name!r} is the path of a module, not a class"
    return message


def _file(analysis: Analysis) -> str:
    return str(analysis.path) if analysis.path else "model"
