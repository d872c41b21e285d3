"""Selection: which modules and nodes a user means, by paths, classes, kinds, operators and depth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Kind, Module, ModuleTree
from rewriter.paths import ModulePath
from rewriter.refusals import UsageError

UNKNOWN = "unknown"
"""The kind of a module whose class nobody knows."""

KINDS = (*(kind.value for kind in Kind), UNKNOWN)

_MOST_COMPARED = 20_000
_MOST_PROPOSED = 3


@dataclass(frozen=True, slots=True)
class Selection:
    """What is chosen of a model; everything where nothing is said. All that is said must hold.

    Attributes:
        patterns: globs over module paths, see `ModulePath.matches`; a module need fit only one of them.
        class_name: the class of a module as a glob; its last name is enough.
        kind: one of `KINDS`.
        operators: globs over operator types; a node need fit only one of them.
        depth: no modules deeper than this (the root has 0); 0 for all.
    """

    patterns: tuple[str, ...] = ()
    class_name: str = ""
    kind: str = ""
    operators: tuple[str, ...] = ()
    depth: int = 0

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
        chosen = self._modules(analysis)
        if not self.operators:
            return chosen
        nodes = analysis.graph.nodes
        self._demand_operators(analysis)
        return tuple(
            module for module in chosen if any(self._wants(nodes[node].op_type) for node in module.nodes)
        )

    def nodes(self, analysis: Analysis) -> tuple[int, ...]:
        """The numbers of the nodes of the chosen modules and of all modules below them, ascending.

        Nodes that nobody could place are chosen only where nothing is said of modules.

        Raises:
            UsageError: as `modules` does.
        """
        self._demand_operators(analysis)
        protos = analysis.graph.nodes
        if self.of_modules:
            numbers: Iterable[int] = sorted(nodes_inside(analysis.tree, self._modules(analysis)))
        else:
            numbers = range(len(protos))
        return tuple(node for node in numbers if self._wants(protos[node].op_type))

    def _modules(self, analysis: Analysis) -> tuple[Module, ...]:
        """The modules chosen by all but their operators."""
        tree = analysis.tree
        fitting = {path for pattern in self.patterns for path in _fitting(analysis, pattern)}
        self._demand_class(analysis)
        chosen = tuple(
            module
            for module in tree
            if (not self.patterns or module.path in fitting)
            and (not self.class_name or _is_a(module, self.class_name))
            and (not self.kind or (module.kind or UNKNOWN) == self.kind)
            and (not self.depth or module.depth <= self.depth)
        )
        if not chosen:
            raise UsageError(f"{_file(analysis)}: no module fits {self._said()}{self._mend(tree, fitting)}")
        return chosen

    def _wants(self, operator: str) -> bool:
        return not self.operators or any(_fits(operator, glob) for glob in self.operators)

    def _demand_class(self, analysis: Analysis) -> None:
        if self.kind and self.kind not in KINDS:
            raise UsageError(f"kind is {self.kind!r}; it must be one of {', '.join(KINDS)}")
        if not self.class_name or any(_is_a(module, self.class_name) for module in analysis.tree):
            return
        known = dict.fromkeys(module.short_class for module in analysis.tree if module.short_class)
        mend = _nearest(self.class_name, known, "classes") if known else "; the file tells no class, give one"
        mend += " by --reference" if not known else ""
        raise UsageError(f"{_file(analysis)}: no module is of class {self.class_name!r}{mend}")

    def _demand_operators(self, analysis: Analysis) -> None:
        there = dict.fromkeys(node.op_type for node in analysis.graph.nodes)
        for glob in self.operators:
            if not any(_fits(operator, glob) for operator in there):
                mend = _nearest(glob, there, "operators")
                raise UsageError(f"{_file(analysis)}: no node has operator {glob!r}{mend}")

    def _said(self) -> str:
        """All that was asked of modules, as one would type it."""
        words = [
            " or ".join(map(repr, self.patterns)),
            f"--class {self.class_name}" if self.class_name else "",
            f"--kind {self.kind}" if self.kind else "",
            f"--depth {self.depth}" if self.depth else "",
        ]
        return " and ".join(word for word in words if word)

    def _mend(self, tree: ModuleTree, fitting: set[ModulePath]) -> str:
        """What helps where every condition fits something, but no module all of them."""
        below = any(
            _is_a(inner, self.class_name) for path in fitting for inner in tree.walk(path) if self.class_name
        )
        if below and not self.depth:
            return f"; for the modules below write {self.patterns[0] + '.**'!r}"
        return "; 'rewriter tree' lists the modules with their classes, or ask for less"


def nodes_inside(tree: ModuleTree, modules: Iterable[Module]) -> set[int]:
    """The numbers of the nodes of some modules and of all modules below them."""
    return {node for module in outermost(modules) for inner in tree.walk(module.path) for node in inner.nodes}


def outermost(modules: Iterable[Module]) -> tuple[Module, ...]:
    """The modules that no other of them holds, in the order given, each once."""
    given = {module.path: module for module in modules}
    return tuple(m for m in given.values() if given.keys().isdisjoint(m.path.ancestors()))


def _is_a(module: Module, glob: str) -> bool:
    return any(fnmatchcase(name, glob) for name in (module.class_name, module.short_class) if name)


def _fits(operator: str | bytes, glob: str) -> bool:
    """Whether an operator is meant; one whose type is not UTF-8 comes as bytes, and nobody can ask for it."""
    return isinstance(operator, str) and fnmatchcase(operator, glob)


def _fitting(analysis: Analysis, pattern: str) -> list[ModulePath]:
    """The paths that fit a pattern; at least one."""
    tree = analysis.tree
    found = [module.path for module in tree.select(pattern)]
    if not found:
        inside = tree.select(f"**.{pattern}")
        if inside:
            mend = f"; did you mean {_with_prefix(inside[0].path, pattern)!r}?"
        elif len(tree) == 1:
            mend = "; no module hierarchy was found in this file"
        else:
            mend = _nearest(pattern, (module.path for module in tree if module.path), "modules")
        raise UsageError(f"{_file(analysis)}: no module fits {pattern!r}{mend}")
    return found


def _with_prefix(path: ModulePath, pattern: str) -> str:
    """The pattern behind the atoms that `path` has more; behind `**` where their number is open."""
    atoms = pattern.split(".")
    more = path.atoms[: len(path.atoms) - len(atoms)]
    return ".".join(("**", *atoms) if "**" in atoms else (*more, *atoms))


def _nearest(word: str, known: Iterable[str], what: str) -> str:
    """The end of a message that proposes what there is: what is spelled alike, else how to list it."""
    names = [name for name, _ in zip(known, range(_MOST_COMPARED), strict=False) if isinstance(name, str)]
    close = get_close_matches(word, names, n=_MOST_PROPOSED)
    if close:
        return f"; did you mean {' or '.join(map(repr, close))}?"
    verb = "stats" if what == "operators" else "tree"
    return f"; 'rewriter {verb}' lists the {what} of a model"


def _file(analysis: Analysis) -> str:
    return str(analysis.path) if analysis.path else "model"
