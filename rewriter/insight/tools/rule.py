"""Types of rules about tools: effect, remedy, versions and condition."""

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
    """The output is no valid model, or computes something else."""
    DROPS = "drops"
    """The output lacks information, but computes the same."""
    SKIPS = "skips"
    """The tool silently skips nodes that it should process."""
    INLINES = "inlines"
    """The output or report has nodes in place of function calls."""
    SLOWS = "slows"
    """The tool, or its output, takes much longer because of a property of the file."""


class Remedy(StrEnum):
    """Texts of remedies.

    `{model}` stands for the file, `{stem}` for the file without suffix, and `{foreign}` for the option
    `--foreign` if the file has functions of other tools.
    """

    FLATTEN = "rewriter flatten {model} -o {stem}.flat.onnx{foreign}"
    FLATTEN_AND_CARRY = (
        "rewriter flatten {model} -o {stem}.flat.onnx{foreign}; give the tool that file, and carry the tree "
        "over to its output: rewriter tree OUTPUT --like {model}"
    )
    CARRY = "carry the tree over to its output: rewriter tree OUTPUT --like {model}"
    PROFILE = "rewriter profile {model} (it runs the flat model and reports time by module)"
    EXTRACT = "rewriter extract {model} MODULE -o part.onnx"
    MASTER = "keep {model} as the master: only it has the dropped information"
    DENSE = "first store them as dense initializers"
    UNLIST = (
        "first remove the initializers from the inputs and raise the IR version to 4: "
        "onnxsim {model} {stem}.sim.onnx does both"
    )
    SORT = (
        "first sort the nodes with onnx-ir: python -c 'import sys, onnx_ir; from onnx_ir.passes.common "
        "import TopologicalSortPass; onnx_ir.save(TopologicalSortPass()(onnx_ir.load(sys.argv[1])).model, "
        "sys.argv[2])' {model} {stem}.sorted.onnx"
    )


@dataclass(frozen=True, slots=True)
class Tool:
    """Tool that reads ONNX files.

    Attributes:
        name: its usual name.
        package: name of its distribution.
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
        because: returns the property of a file that causes the effect, in words; empty without it.
        consequence: the observed effect, in words.
        mend: the remedy.
        since: the oldest version with this effect; empty if the oldest measured version has it.
        before: the first version without this effect; empty if the newest measured version has it.
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
    """Make a condition: a fact is not 0.

    Args:
        fact: the field of `Facts`.
        noun: name of one counted thing.
        plural: plural of `noun`; the noun with `s` if empty.
    """

    def because(facts: Facts) -> str:
        count: int = getattr(facts, fact)
        return counted(count, noun, plural) if count else ""

    return because


TWINS = ("function that only an overload tells apart", "functions that only overloads tell apart")
"""Singular and plural of the things that `Facts.twins` counts."""


LISTED = (
    "initializer listed as input below IR version 4",
    "initializers listed as inputs below IR version 4",
)
"""Singular and plural of the things that `Facts.listed_constants` counts."""
UNLISTED = (
    "its output keeps the old IR version, but lists none or only some of them as inputs: onnx.checker "
    "refuses it, sessions load it"
)
"""Consequence for tools that do not know the rule for inputs below IR version 4."""


ANYWHERE = ("unsorted", "body_unsorted", "function_unsorted", "idle_unsorted")
"""Fields of `Facts` that count unsorted nodes, anywhere in the file."""
INSIDE = ("body_unsorted", "function_unsorted")
"""Fields of `Facts` that count unsorted nodes in graph bodies and called functions.

onnxruntime sorts the nodes of the main graph only.
"""


def unsorted(places: Sequence[str], where: str = "") -> Callable[[Facts], str]:
    """Make a condition: the file has unsorted nodes.

    Args:
        places: the fields of `Facts` that count these nodes.
        where: the place of these nodes, in words.
    """
    late = " a value before it is written"

    def because(facts: Facts) -> str:
        count = sum(getattr(facts, place) for place in places)
        one, several = f"node{where} that reads{late}", f"nodes{where} that read{late}"
        return counted(count, one, several) if count else ""

    return because


def spans(bounds: Mapping[str, int]) -> Iterator[tuple[str, str, int]]:
    """Yield `since`, `before` and the bound that holds from `since` until `before`.

    Args:
        bounds: version -> bound from that version on, newest first; "" is last and means all older versions.
    """
    before = ""
    for since, bound in bounds.items():
        yield since, before, bound
        before = since


def above(fact: str, bound: int, what: str) -> Callable[[Facts], str]:
    """Make a condition: a fact exceeds a bound of the tool.

    Args:
        fact: the field of `Facts`.
        bound: the largest value without the effect.
        what: the fact in words, with `{}` for its value.
    """

    def because(facts: Facts) -> str:
        figure: int = getattr(facts, fact)
        return what.format(f"{figure:,}") if figure > bound else ""

    return because


def counted(count: int, noun: str, plural: str = "") -> str:
    """Format a number and its noun: `1 node`, `1,200 nodes`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def inner_nodes(facts: Facts) -> str:
    """Return the number of nodes in called functions, in words; empty if there are none."""
    if not facts.inner:
        return ""
    return f"{counted(facts.inner, 'node')} in {counted(facts.called, 'function')}"


def notes(facts: Facts) -> str:
    """Return the number of nodes with metadata, without uncalled functions, in words; empty for none."""
    noted = facts.noted + facts.inner_noted
    return counted(noted, "node") + " with metadata" if noted else ""
