"""Parts of the JSON of several verbs: placement, the original, parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

from rewriter.evidence.claims import Source
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module, ModuleTree, Parameter
from rewriter.views.escape import as_text
from rewriter.views.json.types import Count, Fraction


class PlacementJson(TypedDict):
    """How much of the model was placed.

    Attributes:
        nodes: Nodes of the model, those in bodies and functions included.
        placed: Nodes that some evidence placed in a module.
        by_source: Kind of evidence -> nodes it placed, most first.
        conflicts: Placed nodes on which the evidence disagrees.
    """

    nodes: Count
    placed: Count
    by_source: Mapping[str, Count]
    conflicts: Count


class SharedJson(TypedDict):
    """What two models share.

    Attributes:
        shared: Those that both have.
        of: Those of the file with fewer.
    """

    shared: Count
    of: Count


class OriginalJson(TypedDict):
    """What an original gave.

    Attributes:
        name: The file, or the file that its sidecar is about.
        nodes: Nodes of the model.
        placed: How many of them have their module by the original.
        share: The part of what both could share that they share, 0 to 1; below 0.5 it does not fit.
        weights: Weights of the same content; of the same name and shape where they were not read.
        values: Values of the same name and origin; of the same name where a sidecar tells.
    """

    name: str
    nodes: Count
    placed: Count
    share: Fraction
    weights: SharedJson
    values: SharedJson


class WithOriginalJson(TypedDict, total=False):
    """What is told of an original, where there is one."""

    original: OriginalJson


class WithNotesJson(TypedDict, total=False):
    """What is said of a model as a whole, where there is anything."""

    notes: Sequence[str]


class OwnAndTotalJson(TypedDict):
    """A figure of a module.

    Attributes:
        own: Of this very module.
        total: Of this module and all below.
    """

    own: Count
    total: Count


class ParameterPartJson(TypedDict):
    """The part of an initializer that a parameter is."""

    axis: Count
    start: Count
    stop: Count


class ParameterJson(TypedDict):
    """One parameter, and the initializer that holds it.

    Attributes:
        name: Name inside the module.
        initializer: Name of the initializer in the file as it was read.
        shape: Shape of the initializer, or of its part.
        dtype: ONNX element type in lower case.
        transposed: Whether the file holds the transpose of the 2-d weight of the state dict.
        part: Which part of the initializer it is, where that holds several parameters behind each other.
    """

    name: str
    initializer: str
    shape: Sequence[Count]
    dtype: str
    transposed: bool
    part: NotRequired[ParameterPartJson]


class DeclaredJson(TypedDict):
    """A parameter or buffer that a reference declares.

    Attributes:
        name: Name inside the module.
        shape: Shape as in the state dict.
        trainable: Whether it asks for a gradient; null where nobody told.
        buffer: Whether it is a buffer and no parameter.
        same_as: Full name in the reference under which the same tensor was declared first; null for a
            tensor of its own.
    """

    name: str
    shape: Sequence[Count]
    trainable: bool | None
    buffer: bool
    same_as: str | None


class ReferenceJson(TypedDict, total=False):
    """What a reference told of a module."""

    full_scope: str
    declared: Sequence[DeclaredJson]


def placement_json(tree: ModuleTree) -> PlacementJson:
    """The numbers of placed nodes, by evidence, and of nodes with conflicting claims."""
    return {
        "nodes": len(tree.placements),
        "placed": tree.placed,
        "by_source": {str(source): count for source, count in tree.by_source.items()},
        "conflicts": tree.conflicts,
    }


def own_and_total_json(figure: tuple[int, int]) -> OwnAndTotalJson:
    """A figure of a module: its own, and that of all below too."""
    return {"own": figure[0], "total": figure[1]}


def original_json(analysis: Analysis) -> WithOriginalJson:
    """Placements from the original, and how well it fits; empty without one."""
    if (fit := analysis.original) is None:
        return {}
    tree = analysis.tree
    return {
        "original": {
            "name": as_text(fit.name),
            "nodes": len(tree.placements),
            "placed": tree.by_source.get(Source.LIKE, 0),
            "share": fit.share,
            "weights": {"shared": fit.weights.count, "of": fit.weights.of},
            "values": {"shared": fit.values.count, "of": fit.values.of},
        }
    }


def notes_json(analysis: Analysis) -> WithNotesJson:
    """What is said of a model as a whole; nothing where that is nothing."""
    return {"notes": list(analysis.notes)} if analysis.notes else {}


def parameter_json(parameter: Parameter) -> ParameterJson:
    """One parameter and the initializer that holds it."""
    found: ParameterJson = {
        "name": parameter.name,
        "initializer": as_text(parameter.initializer),
        "shape": list(parameter.shape),
        "dtype": parameter.dtype,
        "transposed": parameter.transposed,
    }
    if (part := parameter.part) is not None:
        found["part"] = {"axis": part.axis, "start": part.start, "stop": part.stop}
    return found


def reference_json(module: Module) -> ReferenceJson:
    """Fields of a module that come from a reference; empty without one."""
    told: ReferenceJson = {}
    if module.full_scope is not None:
        told["full_scope"] = module.full_scope
    if module.declared:
        told["declared"] = [
            {
                "name": each.name,
                "shape": list(each.shape),
                "trainable": each.trainable,
                "buffer": each.buffer,
                "same_as": each.same_as,
            }
            for each in module.declared
        ]
    return told
