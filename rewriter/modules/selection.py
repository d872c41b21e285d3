"""Selection: chooses modules and nodes by paths, classes, kinds, operators and depth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from rewriter.basics.display import counted
from rewriter.basics.nearest import fits_nothing
from rewriter.basics.option_declaration import option, part, texts
from rewriter.errors import UsageError
from rewriter.modules.module import Kind, Module, spellings_of
from rewriter.modules.module_tree import ModuleTree
from rewriter.modules.nearest_paths import no_module_fits
from rewriter.paths import ModulePath

if TYPE_CHECKING:
    from rewriter.modules.analysis import Analysis

UNKNOWN = "unknown"
"""The kind of a module of unknown class."""

KINDS = (*(kind.value for kind in Kind), UNKNOWN)


WORDS = ("only", "class_name", "kind", "operators", "leave_out")
"""The fields of a selection that hold words: none, one or several."""


class Miss(NamedTuple):
    """Word or selection that matches nothing in a model: its kind, its text, and the error message."""

    what: str
    word: str
    message: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Choice of modules and nodes; an empty one chooses everything.

    A module must match one word of every given field, but lie in no module of `leave_out`. A node must have
    one of the `operators`, and lie in or below a module that matches the other fields (see `nodes`). For
    `modules`, `whole` and `nodes`, every word must match something in the model; a kind only has to exist.

    Attributes:
        only: globs over module paths, see `ModulePath.matches`; the prefix of a wrapper (`model.`) may be
            left out.
        class_name: globs over the classes of modules, one text or several; the last name of a class is
            enough.
        kind: one or several of `KINDS`.
        operators: globs over operator types.
        depth: maximum depth of modules (the root has 0); None for no limit.
        leave_out: globs over module paths: these modules, and everything inside them, are not chosen.
        inferred: whether `class_name` also matches the inferred class of a module whose class is unknown; an
            inferred class is a guess.
    """

    only: tuple[str, ...] = option(
        (),
        "Modules whose path fits, such as 'encoder.layer.[0-3].attention*'; may be given again.",
        metavar="GLOB",
        completes="modules",
    )
    class_name: str | tuple[str, ...] = option(
        (), "Modules of this class, or of this glob; may be given again.", flag="--class", metavar="NAME"
    )
    kind: str | tuple[str, ...] = option(
        (),
        "Modules whose class comes from there; unknown: modules without a class; may be given again.",
        choices=KINDS,
    )
    operators: tuple[str, ...] = option(
        (), "Nodes of this operator, or of this glob; may be given again.", flag="--op", metavar="TYPE"
    )
    depth: int | None = option(None, "Modules down to this depth.", least=0)
    leave_out: str | tuple[str, ...] = option(
        (),
        "Leave out the modules whose path fits, with all modules inside them; may be given again.",
        flag="--not",
        metavar="GLOB",
        completes="modules",
    )
    inferred: bool = option(
        False, "With --class: also modules whose class is only inferred, shown as 'Linear?'; it is a guess."
    )

    def __post_init__(self) -> None:
        """Store a text as a tuple of one text, so that equal selections are equal."""
        for name in WORDS:
            object.__setattr__(self, name, texts(getattr(self, name)))

    @classmethod
    def of(cls, modules: str | Sequence[str] | Selection) -> Selection:
        """Return globs over module paths as a selection; return a selection unchanged."""
        return modules if isinstance(modules, Selection) else cls(texts(modules))

    @property
    def selection(self) -> Selection:
        """The selection alone, also for options of a verb that inherit from it."""
        return part(Selection, self)

    @property
    def of_modules(self) -> bool:
        """Whether paths, classes, kinds or depth restrict modules, so that unplaced nodes are left out."""
        return bool(self.only or self.class_name or self.kind or self.depth is not None)

    def modules(self, analysis: Analysis) -> tuple[Module, ...]:
        """Return the selected modules, in tree order; with `operators`, those that directly own such a node.

        Raises:
            UsageError: a pattern, class or operator matches nothing in the model, a kind does not exist, or
                no module matches all fields.
        """
        self._demand(analysis)
        chosen = self.fitting(analysis)
        if not chosen:
            raise UsageError(f"{_file(analysis)}: {self._together(analysis)}")
        return chosen

    def whole(self, analysis: Analysis) -> tuple[Module, ...]:
        """Return the outermost selected modules, for verbs that take a module with everything inside it.

        Raises:
            UsageError: as for `modules`, or a selected module holds one that `leave_out` excludes.
        """
        chosen = outermost(self.modules(analysis))
        for lost in self._left_out(analysis.tree):
            if holder := next((each for each in chosen if each.path.holds(lost.path)), None):
                raise UsageError(
                    f"{_file(analysis)}: {holder.path or '(root)'} is taken as a whole, with {lost.path}; "
                    f"name the modules beside {lost.path} instead of --not"
                )
        return chosen

    def fitting(self, analysis: Analysis) -> tuple[Module, ...]:
        """Return the modules as `modules` does, but () if there are none; no word has to match anything."""
        chosen = self._fitting(analysis)
        if not self.operators:
            return chosen
        nodes = analysis.graph.nodes
        return tuple(
            module for module in chosen if any(self._wants(nodes[node].op_type) for node in module.nodes)
        )

    def with_inner(self, analysis: Analysis) -> tuple[Module, ...]:
        """Return the fitting modules and all modules below, without those in `leave_out`."""
        tree = analysis.tree
        lost = {inner.path for module in self._left_out(tree) for inner in tree.walk(module.path)}
        inside = (inner for module in outermost(self._fitting(analysis)) for inner in tree.walk(module.path))
        return tuple(module for module in inside if module.path not in lost)

    def nodes(self, analysis: Analysis) -> tuple[int, ...]:
        """Return the numbers of the selected nodes, ascending.

        These are the nodes of the selected modules and of all modules below, but not of modules in
        `leave_out`; with `operators`, only nodes of these operators. Unplaced nodes are selected only if
        `of_modules` is false.

        Raises:
            UsageError: a pattern, class or operator matches nothing in the model, a kind does not exist, no
                module matches all fields but `operators`, or `operators` and `leave_out` leave no node.
        """
        self._demand(analysis)
        protos = analysis.graph.nodes
        numbers: Iterable[int] = range(len(protos))
        if self.of_modules:
            chosen = self._fitting(analysis)
            if not chosen:
                raise UsageError(f"{_file(analysis)}: {self._together(analysis)}")
            numbers = sorted(nodes_inside(analysis.tree, chosen))
        if self.leave_out:
            lost = nodes_inside(analysis.tree, self._left_out(analysis.tree))
            numbers = [node for node in numbers if node not in lost]
        found = tuple(node for node in numbers if self._wants(protos[node].op_type))
        if not found and (self.operators or self.leave_out):
            raise UsageError(f"{_file(analysis)}: {self._together(analysis)}")
        return found

    def misses(self, analysis: Analysis) -> Iterator[Miss]:
        """Yield the paths, classes and operators that match nothing in a model; kinds are not checked."""
        tree = analysis.tree
        for pattern in (*self.only, *self.leave_out):
            if not tree.fitting(pattern):
                yield Miss("module", pattern, no_module_fits(pattern, tree))
        for name in texts(self.class_name):
            if not any(self._is_a(module, (name,)) for module in tree):
                yield Miss("class", name, self._no_class_fits(name, tree))
        there = dict.fromkeys(node.op_type for node in analysis.graph.nodes)
        for glob in self.operators:
            if not any(_fits(operator, glob) for operator in there):
                message = fits_nothing("operator", glob, there, where="'rewriter stats'")
                yield Miss("operator", glob, message)

    def narrowed(self, analysis: Analysis) -> tuple[Selection | None, tuple[Miss, ...]]:
        """Return the selection without the words that match nothing, and these words.

        The selection is None if `only`, `class_name` or `operators` loses all its words. It is also None if
        no module matches the remaining words; then these are returned too, as one text.

        Raises:
            UsageError: a kind does not exist.
        """
        self._demand_words()
        misses = tuple(self.misses(analysis))
        lost = {(miss.what, miss.word) for miss in misses}
        left = replace(
            self,
            only=tuple(word for word in self.only if ("module", word) not in lost),
            leave_out=tuple(word for word in self.leave_out if ("module", word) not in lost),
            class_name=tuple(word for word in texts(self.class_name) if ("class", word) not in lost),
            operators=tuple(word for word in self.operators if ("operator", word) not in lost),
        )
        emptied = any(
            bool(getattr(self, name)) > bool(getattr(left, name))
            for name in ("only", "class_name", "operators")
        )
        if emptied:
            return None, misses
        if not left._fitting(analysis):
            return None, (*misses, Miss("module", left._said(), left._together(analysis)))
        return left, misses

    def _demand_words(self) -> None:
        if self.inferred and not self.class_name:
            raise UsageError("--inferred adds modules to those of --class; name a class with --class")
        for kind in texts(self.kind):
            if kind not in KINDS:
                raise UsageError(fits_nothing("kind", kind, KINDS))

    def _demand(self, analysis: Analysis) -> None:
        self._demand_words()
        if messages := [miss.message for miss in self.misses(analysis)]:
            raise UsageError(f"{_file(analysis)}: {'; '.join(messages)}")

    def _fitting(self, analysis: Analysis) -> tuple[Module, ...]:
        """Return the modules that match every field but `operators`."""
        tree = analysis.tree
        paths = {module.path for pattern in self.only for module in tree.fitting(pattern)}
        lost = {inner.path for module in self._left_out(tree) for inner in tree.walk(module.path)}
        return tuple(
            module
            for module in tree
            if (not self.only or module.path in paths)
            and (not self.class_name or self._is_a(module, texts(self.class_name)))
            and (not self.kind or (module.kind or UNKNOWN) in self.kind)
            and (self.depth is None or module.depth <= self.depth)
            and module.path not in lost
        )

    def _left_out(self, tree: ModuleTree) -> tuple[Module, ...]:
        return outermost(module for glob in self.leave_out for module in tree.fitting(glob))

    def _wants(self, operator: str | bytes) -> bool:
        return not self.operators or any(_fits(operator, glob) for glob in self.operators)

    def _is_a(self, module: Module, globs: Iterable[str]) -> bool:
        names = (*_classes(module), *(_inferred(module) if self.inferred else ()))
        return any(fnmatchcase(name, glob) for glob in globs for name in names)

    def _no_class_fits(self, name: str, tree: ModuleTree) -> str:
        known = [each for module in tree for each in _classes(module)[1:]]
        known += [each for module in tree for each in _inferred(module)[1:] if self.inferred]
        if known:
            message = fits_nothing("class", name, known, where="'rewriter tree'")
        else:
            message = f"no class fits {name!r}; the file tells no class, give one by --reference"
        alike = sum(any(fnmatchcase(each, name) for each in _inferred(module)) for module in tree)
        if alike:
            message += (
                f"; the class of {counted(alike, 'module')} is inferred as {name}?, --inferred takes them too"
            )
        if ModulePath(name) in tree:
            message += f"; {name!r} is the path of a module, not a class"
        return message

    def _said(self) -> str:
        """Return the selection in words, with options as a user would type them."""
        words = [
            " or ".join(map(repr, self.only)),
            " or ".join(f"--class {name}" for name in self.class_name) + " --inferred" * self.inferred,
            " or ".join(f"--kind {kind}" for kind in self.kind),
            " or ".join(f"--op {glob}" for glob in self.operators),
            f"--depth {self.depth}" if self.depth is not None else "",
            " and ".join(f"--not {glob}" for glob in self.leave_out),
        ]
        return " and ".join(word for word in words if word)

    def _together(self, analysis: Analysis) -> str:
        """Return the message for a selection that nothing matches, although each word matches something."""
        what = "node" if self.operators else "module"
        return f"no {what} fits {self._said()}{self._mend(analysis)}"

    def _mend(self, analysis: Analysis) -> str:
        tree = analysis.tree
        fitting = [module.path for pattern in self.only for module in tree.fitting(pattern)]
        if self.depth is not None:
            deeper = replace(self, depth=None)._fitting(analysis)
            if deeper:
                least = min(deeper, key=lambda module: module.depth)
                return (
                    f"; the modules that fit lie deeper than --depth {self.depth}, first {least.path}; "
                    f"--depth {least.depth} shows it"
                )
        names = texts(self.class_name)
        if names:
            below = [inner for path in fitting for inner in tree.walk(path) if self._is_a(inner, names)]
            if below:
                return f"; for the modules below write {self.only[0] + '.**'!r}"
        return "; 'rewriter tree' lists the modules with their classes, or ask for less"


EVERYTHING = Selection()
"""The empty selection, which selects everything."""


def nodes_inside(tree: ModuleTree, modules: Iterable[Module]) -> set[int]:
    """Return the numbers of the nodes of some modules and of all modules below them."""
    return {node for module in outermost(modules) for inner in tree.walk(module.path) for node in inner.nodes}


def outermost(modules: Iterable[Module]) -> tuple[Module, ...]:
    """Return the modules that lie below no other given module, in the given order, each once."""
    given = {module.path: module for module in modules}
    return tuple(m for m in given.values() if given.keys().isdisjoint(m.path.ancestors()))


def _classes(module: Module) -> tuple[str, ...]:
    """Return the spellings of a module's class: with its package, alone, and as views show it."""
    return spellings_of(module.class_name) if module.class_name else ()


def _inferred(module: Module) -> tuple[str, ...]:
    """Return the spellings of a module's inferred class, if its class is unknown."""
    guess = module.inferred_class
    return spellings_of(guess) if guess and not module.class_name else ()


def _fits(operator: str | bytes, glob: str) -> bool:
    """Whether a glob matches an operator; types that are not UTF-8 are bytes and never match."""
    return isinstance(operator, str) and fnmatchcase(operator, glob)


def _file(analysis: Analysis) -> str:
    return str(analysis.path) if analysis.path else "model"
