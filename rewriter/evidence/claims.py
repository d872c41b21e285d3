"""Claims of a witness: the module of a node, the class of a module, the parameter in an initializer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from rewriter.evidence.certainty import Certainty, PlacementRule
from rewriter.paths import ModulePath

SHOWN = 200
"""Maximum characters of a path or value name in the detail of an inferred claim: names may be megabytes."""


class Source(StrEnum):
    """The witness of a claim. Users see the text in `evidence`, `by_source` and `explain`."""

    __hash__ = str.__hash__  # Enum.__hash__ is slow Python code, and every node needs a look-up

    OWN_TAG = "rewriter"
    """Metadata that an earlier run of this tool wrote."""
    LIKE = "like"
    """The file that this one was made from, or the sidecar of that file, given by the user."""
    EXPORTER = "exporter_metadata"
    """Metadata that the exporter wrote on the node, or on the initializer."""
    SCOPE_NAME = "scope_name"
    """The scope in the name of the node."""
    VALUE_NAME = "value_name"
    """The scope in the name of a value that the node writes."""
    OTHER_TAG = "tool_tag"
    """A tag left by another tool."""
    ACTIVATION = "activation"
    """A trace given by the user: a call of the module computed the node's value or values around it."""
    PARAMETER = "parameter"
    """The owners of the parameters that the node reads, or to which it gives another name."""
    FUNCTION = "function"
    """Calls of functions that the producer of the file wrote for classes."""
    DATAFLOW = "dataflow"
    """The modules of the nodes around the node, mostly of the readers of its results."""
    REFERENCE = "reference"
    """A reference, for a node whose scope was read as a module that the reference lacks."""
    CHECKPOINT = "checkpoint"
    """The owner of a parameter that the node reads; a checkpoint identifies the parameter by content."""
    POSITION = "position"
    """The readers of an initializer whose name alone shows no parameter: a new name, or one without a dot."""


USUAL = {
    Source.OWN_TAG: PlacementRule.TEXT,
    Source.LIKE: PlacementRule.TEXT,
    Source.EXPORTER: PlacementRule.TEXT,
    Source.SCOPE_NAME: PlacementRule.TEXT,
    Source.VALUE_NAME: PlacementRule.TEXT,
    Source.OTHER_TAG: PlacementRule.TEXT,
    Source.ACTIVATION: PlacementRule.ENCLOSED,
    Source.PARAMETER: PlacementRule.OWN_WEIGHT,
    Source.FUNCTION: PlacementRule.TEXT,
    Source.DATAFLOW: PlacementRule.READERS,
    Source.REFERENCE: PlacementRule.TEXT,
    Source.CHECKPOINT: PlacementRule.CONTENT,
    Source.POSITION: PlacementRule.READERS,
}
"""The rule of claims that name none."""
_EARLIER = {
    Certainty.NAMED: PlacementRule.TEXT,
    Certainty.INFERRED: PlacementRule.EARLIER_INFERENCE,
    Certainty.GUESSED: PlacementRule.EARLIER_GUESS,
}


def earlier_rule(certainty: str | None, source: str) -> PlacementRule:
    """Return the rule for a placement that an earlier run made: a guess stays a guess.

    Args:
        certainty: the certainty that the run recorded; if it is none, the source decides.
        source: the source that won in that run.
    """
    if certainty in _CERTAINTIES:
        return _EARLIER[Certainty(certainty)]
    return USUAL[Source(source)] if source in _SOURCES else PlacementRule.READERS


_CERTAINTIES = frozenset(Certainty)
_SOURCES = frozenset(Source)


class Claim(NamedTuple):
    """Statement that call `call` of `module` made `node`, a number in the GraphIndex.

    `call` counts the calls of the module from 0; None if the witness cannot distinguish calls.
    `detail` is the text that the claim was read from, or the reason for it; `rewriter explain` shows it.
    `rule` is the rule of the claim; None for the usual rule of the source, see `USUAL`.
    """

    node: int
    module: ModulePath
    class_name: str | None
    source: Source
    call: int | None
    detail: str
    rule: PlacementRule | None = None

    @property
    def by_rule(self) -> PlacementRule:
        """The rule of the claim."""
        return self.rule or USUAL[self.source]

    @property
    def certainty(self) -> Certainty:
        """The certainty of a placement by this claim."""
        return self.by_rule.certainty


class Holds(StrEnum):
    """Relation of an initializer to the parameter whose name it has."""

    EXACT = "exact"
    """The parameter: its elements in its shape, possibly in another floating-point type."""
    TRANSPOSED = "transposed"
    """The transpose of the 2-d parameter."""
    RESHAPED = "reshaped"
    """The elements in their order, in another shape."""
    PART = "part"
    """The parameter is a slice of the initializer."""
    FOLDED = "folded"
    """The result of a computation with the parameter and parameters of another module."""
    PACKED = "packed"
    """The parameter in a quantised form."""
    UNKNOWN = "unknown"
    """No evidence tells."""


class InitializerSlice(NamedTuple):
    """The elements `start:stop` of an initializer along `axis`, or of these only the slice `inner`."""

    axis: int
    start: int
    stop: int
    inner: InitializerSlice | None = None

    def shape(self, whole: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the slice of a tensor of shape `whole`."""
        own = (*whole[: self.axis], self.stop - self.start, *whole[self.axis + 1 :])
        return self.inner.shape(own) if self.inner else own


class ParameterClaim(NamedTuple):
    """Statement that `initializer` holds the parameter `name`, possibly `transposed`.

    Attributes:
        initializer: the name of the initializer.
        name: the full name of the parameter.
        transposed: whether the initializer holds the transpose of the parameter.
        source: the witness.
        part: the slice with the parameter if the initializer holds several; else None.
        holds: the relation of the initializer to the parameter; None if the witness does not know it, so that
            `held_parameters` decides.
        formula: the computation of a folded parameter; '' for any other.
        detail: a further difference, or the only sign of the relation (its shape); '' for none. Dimensions of
            size 1 do not count as a difference.
        stored_as: the name to give to an initializer that holds several parameters, or one with elements in
            another order; else None.
    """

    initializer: str
    name: ModulePath
    transposed: bool
    source: Source
    part: InitializerSlice | None = None
    holds: Holds | None = None
    formula: str = ""
    detail: str = ""
    stored_as: ModulePath | None = None


class CheckpointContents(NamedTuple):
    """Initializers compared with a checkpoint.

    Attributes:
        names: the parameters of the checkpoint, by the names that they have in the file.
        held: compared initializer -> the parameters whose elements it has, and how.
    """

    names: frozenset[ModulePath]
    held: Mapping[str, Mapping[ModulePath, Holds]]

    def relation(self, initializer: str, name: ModulePath) -> Holds | None:
        """Return the relation of an initializer to a parameter; UNKNOWN if it has other elements.

        None if the initializer was not compared, or if the checkpoint lacks the parameter.
        """
        if name not in self.names or initializer not in self.held:
            return None
        return self.held[initializer].get(name, Holds.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Testimony:
    """The evidence of one witness on one file.

    `called` has the modules known to have been called, with or without nodes; a ModuleList is never called.
    `calls` maps a module to the number of its calls. `norms` maps a node to the batch norm that was folded
    into it. `notes` are for users, a line each.

    Three fields come from an earlier run of this tool: `homes` maps each moved node to its new module and
    call, `unplaced` has the nodes that the run could not place, `order` lists the modules in tree order.

    `contents` comes from a checkpoint.
    """

    claims: tuple[Claim, ...] = ()
    classes: dict[ModulePath, str] = field(default_factory=dict)
    parameters: tuple[ParameterClaim, ...] = ()
    called: frozenset[ModulePath] = frozenset()
    calls: dict[ModulePath, int] = field(default_factory=dict)
    homes: dict[int, tuple[ModulePath, int]] = field(default_factory=dict)
    unplaced: frozenset[int] = frozenset()
    order: tuple[ModulePath, ...] = ()
    notes: tuple[str, ...] = ()
    norms: dict[int, ModulePath] = field(default_factory=dict)
    contents: CheckpointContents | None = None
