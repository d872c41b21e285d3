"""Claims of a witness: the module of a node, the class of a module, the parameter in an initializer."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

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
    `detail` is the text that the claim was read from, or the reason for it; `rewriter explain` shows it.
    """

    node: int
    module: ModulePath
    class_name: str | None
    source: Source
    call: int | None
    detail: str


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

    `part` is the slice with this parameter if the initializer holds several. `detail` states any further
    difference between initializer and parameter, except dimensions of size 1; '' for none. `stored_as` is the
    name to give to the initializer if it holds several parameters, or one with elements in another order.
    """

    initializer: str
    name: ModulePath
    transposed: bool
    source: Source
    part: InitializerSlice | None = None
    detail: str = ""
    stored_as: ModulePath | None = None


@dataclass(frozen=True, slots=True)
class Testimony:
    """The evidence of one witness on one file.

    `called` has the modules known to have been called, with or without nodes; a ModuleList is never called.
    `calls` maps a module to the number of its calls. `notes` are for users, a line each.

    Three fields come from an earlier run of this tool: `homes` maps each moved node to its new module and
    call, `unplaced` has the nodes that the run could not place, `order` lists the modules in tree order.
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
