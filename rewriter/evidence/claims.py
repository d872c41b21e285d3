"""Claims of a witness: the module of a node, the class of a module, the parameter in an initializer."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from rewriter.paths import ModulePath

SHOWN = 200
"""Maximum characters of a path or name in the detail of a claim: a name may be megabytes long."""


class Source(StrEnum):
    """The witness of a claim. Users see the text in `evidence`, `by_source` and `explain`."""

    __hash__ = str.__hash__  # Enum.__hash__ is slow Python code, and every node needs a look-up

    OWN_TAG = "rewriter"
    """Metadata that an earlier run of this tool wrote."""
    LIKE = "like"
    """The file that this one was made from, or the sidecar of that file, given by the user."""
    EXPORTER = "exporter_metadata"
    """Metadata that the exporter wrote on the node."""
    SCOPE_NAME = "scope_name"
    """The scope in the name of the node."""
    VALUE_NAME = "value_name"
    """The scope in the name of a value that the node writes."""
    OTHER_TAG = "tool_tag"
    """A tag left by another tool."""
    ACTIVATION = "activation"
    """A trace given by the user: torch computed the node's value in a call of the module."""
    PARAMETER = "parameter"
    """The owner of a parameter that the node reads."""
    FUNCTION = "function"
    """A call of a function that the producer of the file wrote for a class."""
    DATAFLOW = "dataflow"
    """The modules of the nodes around it, mostly of the readers of its results."""
    REFERENCE = "reference"
    """A reference given by the user, where a scope was read as a module that the reference lacks."""
    CHECKPOINT = "checkpoint"
    """The owner of a parameter that the node reads, identified by its content in a checkpoint."""
    POSITION = "position"
    """The module and the operator of the reader, for an initializer whose name is not a parameter's."""


NAMING = frozenset(
    {
        Source.OWN_TAG,
        Source.LIKE,
        Source.EXPORTER,
        Source.SCOPE_NAME,
        Source.VALUE_NAME,
        Source.OTHER_TAG,
        Source.FUNCTION,
        Source.REFERENCE,
    }
)
"""Sources that name the module of a node."""
INFERRING = frozenset(
    {Source.ACTIVATION, Source.PARAMETER, Source.DATAFLOW, Source.CHECKPOINT, Source.POSITION}
)
"""Sources that infer the module of a node from values, weights or the nodes around it."""


class Claim(NamedTuple):
    """Statement that call `call` of `module` made `node`, a number in the GraphIndex.

    `call` counts the calls of the module from 0; None if the witness cannot distinguish calls.
    `detail` is the text that the claim was read from, for `rewriter explain`.
    """

    node: int
    module: ModulePath
    class_name: str | None
    source: Source
    call: int | None
    detail: str


class InitializerSlice(NamedTuple):
    """The elements of an initializer from `start` up to `stop` along `axis`."""

    axis: int
    start: int
    stop: int


class ParameterClaim(NamedTuple):
    """Statement that `initializer` holds the parameter `name`, possibly `transposed`.

    `part` is the slice with this parameter if the initializer holds several.
    """

    initializer: str
    name: ModulePath
    transposed: bool
    source: Source
    part: InitializerSlice | None = None


@dataclass(frozen=True, slots=True)
class Testimony:
    """The evidence of one witness on one file.

    `called` has the modules known to have been called, with or without nodes; a ModuleList is never called.
    `calls` maps a module to the number of its calls. `notes` are for users, a line each.

    Three fields come from an earlier run of this tool: `homes` maps a node that the run moved to its new
    module and call, `unplaced` has the nodes that the run could not place, `order` lists the modules in tree
    order.
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
