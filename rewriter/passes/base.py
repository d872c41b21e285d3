"""The contract of a pass: a frozen dataclass with options as fields, and one method that edits a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import ClassVar, Literal, Protocol

from rewriter.basics.display import Display, counted, listed
from rewriter.modules.analysis import Analysis
from rewriter.passes.preserved_parts import Part
from rewriter.paths import ModulePath
from rewriter.refusals import Refusal

DifferenceWord = Literal["operator", "attributes", "inputs", "outputs", "nodes", "modules"]
"""The part in which two nodes, or two calls, differ."""


@dataclass(frozen=True, slots=True)
class Difference:
    """First difference between bodies of repeated modules, which kept calls from sharing a function.

    Attributes:
        module: the module whose body came first.
        other: the module of the other body; equal to `module` if both bodies are of calls of one module.
        node: name of the first node of the first body, in canonical order, that differs; None if that body
            ended before, or if no node differs.
        other_node: name of the corresponding node of the other body; None if that body ended before, or if no
            node differs.
        what: `operator`, `attributes`, `inputs` or `outputs` of that node; `nodes` if one body ends before
            the other; if no node differs, `outputs` of the call, or `modules` of the nodes.
        calls: number of calls with the other body.
    """

    module: ModulePath
    other: ModulePath
    node: str | None
    other_node: str | None
    what: DifferenceWord
    calls: int

    def __str__(self) -> str:
        more = f" and {self.calls - 1} more" if self.calls > 1 else ""
        other, module = self.other or "(root)", self.module or "(root)"
        where = f" at {self.other_node or 'its end'} (in {module}: {self.node or 'the end'})"
        named = self.node or self.other_node
        return f"{other}{more}: other {self.what} than {module}{where if named else ''}"


@dataclass(frozen=True, slots=True)
class InterfaceEdit:
    """Outputs and inputs that a pass added to a model or removed from it, by name.

    The model is then proved equal at all other outputs.

    Attributes:
        added: new outputs.
        removed: outputs that are gone.
        removed_inputs: inputs that are gone.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    removed_inputs: tuple[str, ...] = ()

    def then(self, later: InterfaceEdit) -> InterfaceEdit:
        """Return both edits as one: an output that is added and then removed is in neither list."""
        gone = set(later.removed)
        return InterfaceEdit(
            (*(name for name in self.added if name not in gone), *later.added),
            (*self.removed, *(name for name in later.removed if name not in self.added)),
            (*self.removed_inputs, *later.removed_inputs),
        )


@dataclass(frozen=True, slots=True, repr=False)
class Outcome(Display):
    """Result of a pass.

    Attributes:
        changes: kind of change -> number of changes.
        refusals: changes that the pass refused to make.
        differences: differences between bodies that kept calls from sharing a function.
        copies: name of a new copy of a node -> name of the original node.
        analysis: the analysis of the changed model, if the pass knows it; None if the model must be analysed
            again.
        told: whether the metadata of the model now holds all evidence that the user gave (an original, a
            trace).
        interface: the outputs and inputs that were added or removed.
        advice: what to do if onnxruntime does not run the result; '' if that is a fault of the pass.
    """

    changes: Mapping[str, int]
    refusals: tuple[Refusal, ...] = ()
    differences: tuple[Difference, ...] = ()
    copies: Mapping[str, str] = field(default_factory=dict)
    analysis: Analysis | None = field(default=None, repr=False)
    told: bool = False
    interface: InterfaceEdit = InterfaceEdit()
    advice: str = ""

    def _brief(self) -> str:
        changes = listed(f"{count:,} {what}" for what, count in self.changes.items())
        return f"{changes}; {counted(len(self.refusals), 'refusal')}"


class Pass(Protocol):
    """Edit of a model.

    A pass plans on the analysis and then writes. It may change only parts that it does not declare as
    preserved. The analysis indexes the edited model itself, so `analysis.graph.nodes[n]` is the node to write
    to.

    Attributes:
        name: its name on the command line.
        requires: the parts of the model that the analysis must have seen in their present state.
            `analysis.model` is always current; reading another result that depends on a changed part is an
            error.
        preserves: the parts of the model that it does not change.

    Three more attributes default to False. `flat`: the pass works on nodes of single calls, and a shared
    function has one node for several calls. So the pass is skipped on a model with functions that `group`
    made, with a refusal if it would change something. `inlines`: the pass works on nodes of single calls too,
    and `flatten` runs before it on such a model. `undone`: `flatten` undoes the pass, so the flat form of the
    output equals that of the input.
    """

    name: ClassVar[str]
    requires: ClassVar[frozenset[Part]]
    preserves: ClassVar[frozenset[Part]]

    def run(self, analysis: Analysis) -> Outcome:
        """Edit `analysis.model` in place and return the changes."""


def as_text(step: Pass) -> str:
    """Return the pass as written on the command line: `restore_names{initializers=false}`."""
    assert is_dataclass(step)
    changed = {f.name: getattr(step, f.name) for f in fields(step) if getattr(step, f.name) != f.default}
    options = ",".join(
        f"{name}={str(each).lower() if isinstance(each, bool) else each}"
        for name, value in changed.items()
        for each in (value if isinstance(value, tuple) else (value,))
    )
    return f"{step.name}{{{options}}}" if options else step.name
