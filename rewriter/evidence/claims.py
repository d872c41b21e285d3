"""Claims of a witness: the module of a node, the class of a module, the parameter in a weight."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from rewriter.paths import ModulePath

SHOWN = 200
"""Maximum characters of a path or name in the detail of a claim: a name may have megabytes."""


class Source(StrEnum):
    """The witness of a claim. Users see the text in `evidence`, `by_source` and `explain`."""

    __hash__ = str.__hash__  # the hash of enumerations is slow Python code, and every node is looked up by it

    OWN_TAG = "rewriter"
    """Metadata that an earlier run of this tool wrote."""
    LIKE = "like"
    """The file this one was made from, or its sidecar, given by the user."""
    EXPORTER = "exporter_metadata"
    """Metadata that the exporter wrote on the node."""
    SCOPE_NAME = "scope_name"
    """The scope in the node's own name."""
    VALUE_NAME = "value_name"
    """The scope in the name of a value that the node writes."""
    OTHER_TAG = "tool_tag"
    """A tag left by another tool."""
    ACTIVATION = "activation"
    """The module call, traced by the user, in which torch computed the same value."""
    PARAMETER = "parameter"
    """The owner of a parameter that the node reads."""
    FUNCTION = "function"
    """The function that the producer of the file made, whose call is a module."""
    DATAFLOW = "dataflow"
    """The lowest common ancestor of the nodes that read its results."""
    REFERENCE = "reference"
    """The modules of the reference, if the scope in a name contains one that they do not have."""
    CHECKPOINT = "checkpoint"
    """The owner of a parameter that the node reads, found by content."""
    POSITION = "position"
    """The parameter that a weight must be, by the module and the operator of its reader."""


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
"""Sources that place a node by its inputs or its computation."""


class Claim(NamedTuple):
    """`source` says that `node` (its number in the GraphIndex) was made by call `call` of `module`.

    `call` counts the calls of the module from 0; None if the witness cannot distinguish calls.
    `detail` is the text the claim was read from, for `rewriter explain`.
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
    """`initializer` holds the parameter `name`, as in the state dict or `transposed` against it.

    `part` is the range of the initializer that holds it, if that holds several parameters.
    """

    initializer: str
    name: ModulePath
    transposed: bool
    source: Source
    part: InitializerSlice | None = None


@dataclass(frozen=True, slots=True)
class Testimony:
    """The evidence of one witness on one file.

    `called` are the modules known to have been called, including those without nodes; a list of modules
    never is. `calls` maps modules to the number of their calls, `homes` nodes to the module and call that an
    earlier run gave them; `unplaced` are the nodes that it could not place, `order` its modules in tree
    order. `notes` are for users, a line each.
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
