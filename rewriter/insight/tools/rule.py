"""The form of a rule about a tool: effect, remedy, versions and condition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rewriter.basics.releases import numbers_of
from rewriter.insight.tools.facts import Facts


class Effect(StrEnum):
    """Effect of a tool on a file, worst first."""

    REFUSES = "refuses"
    """The tool ends with an error."""
    BREAKS = "breaks"
    """Its output is no valid model, or computes something else."""
    DROPS = "drops"
    """Its output lacks something, but computes the same."""
    SKIPS = "skips"
    """It silently skips what it was called for."""
    INLINES = "inlines"
    """Its output or report ignores functions."""
    SLOWS = "slows"
    """The tool, or its output, takes much longer than without this property of the file."""


class Remedy(StrEnum):
    """Remedies; `{model}` and `{stem}` stand for the file, `{foreign}` for an option it may need."""

    FLATTEN = "rewriter flatten {model} -o {stem}.flat.onnx{foreign}"
    FLATTEN_AND_CARRY = (
        "rewriter flatten {model} -o {stem}.flat.onnx{foreign}; give the tool that file: its result takes "
        "the tree over with 'rewriter tree WRITTEN --like {model}'"
    )
    CARRY = "the tree of what it writes is still there: rewriter tree WRITTEN --like {model}"
    PROFILE = "rewriter profile {model} (it runs the flat model, and time is told by module)"
    EXTRACT = "rewriter extract {model} MODULE -o part.onnx"
    MASTER = "keep {model} as the master: what was dropped is there alone"
    DENSE = "store them dense before"
    UNLIST = (
        "before, take the initializers out of the inputs and raise the IR version to 4: "
        "onnxsim {model} {stem}.sim.onnx does both"
    )
    SORT = (
        "before, sort the nodes with onnx-ir: python -c 'import sys, onnx_ir; from onnx_ir.passes.common "
        "import TopologicalSortPass; onnx_ir.save(TopologicalSortPass()(onnx_ir.load(sys.argv[1])).model, "
        "sys.argv[2])' {model} {stem}.sorted.onnx"
    )


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that users give their files to.

    Attributes:
        name: its usual name.
        package: its distribution.
        measured: versions in which its rules were confirmed, oldest first.
    """

    name: str
    package: str
    measured: tuple[str, ...]

    def newer_than_measured(self, version: str | None) -> bool:
        """Whether a version is newer than all measured ones, so that its rules may no longer hold."""
        return version is not None and numbers_of(version) > numbers_of(self.measured[-1])


@dataclass(frozen=True, slots=True)
class Rule:
    """One effect of a tool on files with a certain property.

    Attributes:
        name: `tool/subject`, which never changes.
        tool: the tool.
        effect: the kind of effect.
        because: the property of the file that causes it, in words; empty for a file without it.
        consequence: the effect in words, as observed.
        mend: the remedy.
        since: the oldest version with this effect; empty if all measured ones have it.
        before: the first version without it; empty if the newest has it.
    """

    name: str
    tool: Tool
    effect: Effect
    because: Callable[[Facts], str]
    consequence: str
    mend: str
    since: str = ""
    before: str = ""

    def holds_for(self, version: str | None) -> bool:
        """Whether a version of the tool has this effect; None stands for the newest measured one."""
        if version is None:
            return not self.before
        number = numbers_of(version)
        return number >= numbers_of(self.since) and (not self.before or number < numbers_of(self.before))


def having(fact: str, noun: str, plural: str = "") -> Callable[[Facts], str]:
    """A condition: the file has at least one of something.

    Args:
        fact: the field of `Facts` with their number.
        noun: their name.
        plural: its plural; the noun with `s` if empty.
    """

    def because(facts: Facts) -> str:
        count: int = getattr(facts, fact)
        return counted(count, noun, plural) if count else ""

    return because


TWINS = ("function that only an overload tells apart", "functions that only overloads tell apart")
"""Names of the things that `Facts.twins` counts."""


LISTED = (
    "initializer listed as input below IR version 4",
    "initializers listed as inputs below IR version 4",
)
"""Names of the things that `Facts.listed_constants` counts."""
UNLISTED = (
    "what it writes lists them no more (or not all) and keeps the IR version: onnx.checker refuses it, "
    "sessions take it"
)
"""The effect on these in tools that do not know the old form."""


ANYWHERE = ("unsorted", "body_unsorted", "function_unsorted", "idle_unsorted")
"""The fields of `Facts` that count unsorted nodes, anywhere in the file."""
INSIDE = ("body_unsorted", "function_unsorted")
"""Those that count unsorted nodes that onnxruntime does not sort."""


def unsorted(places: Sequence[str], where: str = "") -> Callable[[Facts], str]:
    """A condition: the file has unsorted nodes.

    Args:
        places: the fields of `Facts` that count them.
        where: these places in words.
    """
    late = " a value before its node writes it"

    def because(facts: Facts) -> str:
        count = sum(getattr(facts, place) for place in places)
        one, several = f"node{where} that reads{late}", f"nodes{where} that read{late}"
        return counted(count, one, several) if count else ""

    return because


def spans(bounds: Mapping[str, int]) -> Iterator[tuple[str, str, int]]:
    """`since`, `before` and the bound that holds between them.

    Args:
        bounds: version -> bound from that version on, the newest first and "" last.
    """
    before = ""
    for since, bound in bounds.items():
        yield since, before, bound
        before = since


def above(fact: str, bound: int, what: str) -> Callable[[Facts], str]:
    """A condition: a figure is above the largest that the tool accepts.

    Args:
        fact: the field of `Facts`.
        bound: the largest figure that the tool accepts.
        what: the figure in words, with `{}` as its place.
    """

    def because(facts: Facts) -> str:
        figure: int = getattr(facts, fact)
        return what.format(f"{figure:,}") if figure > bound else ""

    return because


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 node`, `1,200 nodes`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def inner_nodes(facts: Facts) -> str:
    """A condition: functions are called, so that nodes stand inside them."""
    if not facts.inner:
        return ""
    return f"{counted(facts.inner, 'node')} in {counted(facts.called, 'function')}"


def notes(facts: Facts) -> str:
    """A condition: nodes anywhere in the file have metadata."""
    noted = facts.noted + facts.inner_noted
    return counted(noted, "node") + " with metadata" if noted else ""
