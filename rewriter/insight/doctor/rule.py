"""What a rule about a tool is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rewriter.insight.doctor.facts import Facts
from rewriter.releases import numbers_of


class Effect(StrEnum):
    """What becomes of a file, worst first."""

    REFUSES = "refuses"
    """The tool ends with an error."""
    BREAKS = "breaks"
    """What it writes is no valid model, or computes something else."""
    DROPS = "drops"
    """What it writes lacks something, and computes the same."""
    SKIPS = "skips"
    """It leaves undone what it was called for, without a word."""
    INLINES = "inlines"
    """What it writes or reports knows no functions."""
    SLOWS = "slows"
    """It, or what it writes, takes much longer than without what the file has."""


class Mend(StrEnum):
    """What helps; `{model}` and `{stem}` stand for the file, `{foreign}` for an option it may need."""

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
    """A tool that people give their files to.

    Attributes:
        name: as people call it.
        package: the distribution that has it.
        measured: versions that its rules were shown true with, oldest first.
    """

    name: str
    package: str
    measured: tuple[str, ...]

    def newer_than_measured(self, version: str | None) -> bool:
        """Whether a version is newer than all that were measured: its rules may have ended."""
        return version is not None and numbers_of(version) > numbers_of(self.measured[-1])


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing a tool does to files that have something.

    Attributes:
        name: `tool/subject`, the same for ever.
        tool: that does it.
        effect: what it comes to.
        because: what of a file makes the tool do it, in words; empty where it has nothing of the kind.
        consequence: what happens, as it was seen.
        mend: what helps.
        since: the oldest version that was seen to do it; empty where all that were measured do.
        before: the version that was seen to do it no more; empty where the newest does.
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
        """Whether a version of the tool does it; the newest that was measured where None."""
        if version is None:
            return not self.before
        number = numbers_of(version)
        return number >= numbers_of(self.since) and (not self.before or number < numbers_of(self.before))


def having(fact: str, noun: str, plural: str = "") -> Callable[[Facts], str]:
    """A condition: there is at least one of something.

    Args:
        fact: the field of `Facts` that counts it.
        noun: what it is called.
        plural: of these; `s` is put behind the noun where empty.
    """

    def because(facts: Facts) -> str:
        count: int = getattr(facts, fact)
        return counted(count, noun, plural) if count else ""

    return because


TWINS = ("function that only an overload tells apart", "functions that only overloads tell apart")
"""What `Facts.twins` counts."""


LISTED = (
    "initializer listed as input below IR version 4",
    "initializers listed as inputs below IR version 4",
)
"""What `Facts.listed_constants` counts."""
UNLISTED = (
    "what it writes lists them no more (or not all) and keeps the IR version: onnx.checker refuses it, "
    "sessions take it"
)
"""What becomes of these in tools that do not know the old form."""


ANYWHERE = ("unsorted", "body_unsorted", "function_unsorted", "idle_unsorted")
"""The fields of `Facts` that count nodes that are not sorted, wherever they stand."""
INSIDE = ("body_unsorted", "function_unsorted")
"""Those that count them where onnxruntime sorts none."""


def unsorted(places: Sequence[str], where: str = "") -> Callable[[Facts], str]:
    """A condition: nodes are not sorted.

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
    """`since`, `before` and the bound that holds in between.

    Args:
        bounds: version -> bound from that version on, the newest first and "" last.
    """
    before = ""
    for since, bound in bounds.items():
        yield since, before, bound
        before = since


def above(fact: str, bound: int, what: str) -> Callable[[Facts], str]:
    """A condition: a figure is above what the tool was seen to take.

    Args:
        fact: the field of `Facts`.
        bound: the largest figure that the tool takes.
        what: the figure in words, with `{}` where it goes.
    """

    def because(facts: Facts) -> str:
        figure: int = getattr(facts, fact)
        return what.format(f"{figure:,}") if figure > bound else ""

    return because


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 node`, `1,200 nodes`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def inner_nodes(facts: Facts) -> str:
    """A condition: functions are called, and so nodes stand in them."""
    if not facts.inner:
        return ""
    return f"{counted(facts.inner, 'node')} in {counted(facts.called, 'function')}"


def notes(facts: Facts) -> str:
    """A condition: nodes have metadata, wherever they stand."""
    noted = facts.noted + facts.inner_noted
    return counted(noted, "node") + " with metadata" if noted else ""
