"""What a witness says: where a node came from, what class a module has, which parameter a weight is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from rewriter.paths import ModulePath

SHOWN = 200
"""Characters of a path or name in what a claim says: one may be a megabyte long."""


class Source(StrEnum):
    """Who made a claim. The text is what users see in `evidence`, `by_source` and `explain`."""

    __hash__ = str.__hash__  # the one of enumerations is Python, and every node is looked up by it

    OWN_TAG = "rewriter"
    """Metadata an earlier run of this tool wrote."""
    LIKE = "like"
    """The file this one was made of, or its sidecar, given by the user."""
    EXPORTER = "exporter_metadata"
    """Metadata the exporter wrote on the node."""
    SCOPE_NAME = "scope_name"
    """The scope in the node's own name."""
    VALUE_NAME = "value_name"
    """The scope in the name of a value the node writes."""
    OTHER_TAG = "tool_tag"
    """A tag that another tool left."""
    ACTIVATION = "activation"
    """The module call, traced by the user, in which torch computed the same value."""
    PARAMETER = "parameter"
    """The owner of a parameter the node reads."""
    FUNCTION = "function"
    """The function that the producer of the file made, whose call is a module."""
    DATAFLOW = "dataflow"
    """The lowest common ancestor of the nodes that read its results."""
    REFERENCE = "reference"
    """The modules the model was built from, where the scope in a name says what they do not have."""
    CHECKPOINT = "checkpoint"
    """The owner of a parameter the node reads, told by its content."""
    POSITION = "position"
    """What a weight must be, from the module of the node that reads it and the operator."""


class Claim(NamedTuple):
    """`source` says that `node` (its number in the GraphIndex) was made by call `call` of `module`.

    `call` counts the calls of the module from 0; None where the witness cannot tell calls apart.
    `detail` is the text the claim was read from, for `rewriter explain`.
    """

    node: int
    module: ModulePath
    class_name: str | None
    source: Source
    call: int | None
    detail: str


class Part(NamedTuple):
    """The elements of an initializer from `start` up to `stop` along `axis`."""

    axis: int
    start: int
    stop: int


class ParameterClaim(NamedTuple):
    """`initializer` holds the parameter `name`, as in the state dict or `transposed` against it.

    `part` says which part of it does, where it holds several behind each other.
    """

    initializer: str
    name: ModulePath
    transposed: bool
    source: Source
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class Testimony:
    """All that one witness has to say of one file.

    `called` are the modules it knows to have been called, those that own no node included; a list of modules
    never is. `calls` says of modules how often they were, `homes` of nodes which call of which module an
    earlier run gave them to; `unplaced` are the nodes that it could not place, `order` its modules in tree
    order. `notes` are for people, a line each.
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
