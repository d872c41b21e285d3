"""Parts that the JSON of several verbs shares: placement, the original, notes, figures, parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

from rewriter.evidence.certainty import Certainty
from rewriter.evidence.claims import Holds, Source
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module, Parameter
from rewriter.modules.module_tree import ModuleTree
from rewriter.views.escape import as_text
from rewriter.views.json.types import Count, Fraction


class ByCertaintyJson(TypedDict):
    """Numbers of nodes by the certainty of their module.

    Attributes:
        named: Text of the file, or of a given original, names the module.
        inferred: A rule of measured precision shows the module.
        guessed: A rule suggests the module; these nodes do not count as placed.
    """

    named: Count
    inferred: Count
    guessed: Count


class PlacementJson(TypedDict):
    """Numbers of placed nodes.

    Attributes:
        nodes: Number of nodes of the model, including those in graph bodies and functions.
        placed: Number of nodes that were placed in a module: those named and those inferred.
        by_certainty: Number of nodes with a module, by certainty.
        by_source: Kind of evidence -> number of nodes that it placed, largest first; without guesses.
        conflicts: Number of nodes with a module and contradicting evidence.
    """

    nodes: Count
    placed: Count
    by_certainty: ByCertaintyJson
    by_source: Mapping[str, Count]
    conflicts: Count


class SharedJson(TypedDict):
    """Number of weights or values that two models share.

    Attributes:
        shared: Number in both models.
        of: Number in the model that has fewer.
    """

    shared: Count
    of: Count


class OriginalJson(TypedDict):
    """Original of the model, and the agreement between both.

    Attributes:
        name: Path of the original, or the file name in the given sidecar; 'the original' if unknown.
        nodes: Number of nodes of the model.
        placed: Number of nodes that the original placed.
        share: Largest of the shared parts of weights and values together, of weights alone, and of values
            alone, 0 to 1; below 0.5 the original does not fit. Fewer than 12 weights or values do not count
            alone; 1 if there is nothing to compare.
        weights: Weights of equal content; of equal name and shape if they were not read, or for a sidecar.
        values: Values of equal name that are computed from the same values; for a sidecar, of equal name.
    """

    name: str
    nodes: Count
    placed: Count
    share: Fraction
    weights: SharedJson
    values: SharedJson


class WithOriginalJson(TypedDict, total=False):
    """Field for the original; absent if none was given."""

    original: OriginalJson


class WithNotesJson(TypedDict, total=False):
    """Field for notes on the model; absent if there are none."""

    notes: Sequence[str]


class OwnAndTotalJson(TypedDict):
    """Figure of a module.

    Attributes:
        own: Figure of this module, without the modules below.
        total: Figure of this module and all modules below.
    """

    own: Count
    total: Count


class InnerPartJson(TypedDict):
    """Slice of a slice, from `start` up to but not including `stop`."""

    axis: Count
    start: Count
    stop: Count


class ParameterPartJson(TypedDict):
    """Slice of an initializer, from `start` up to but not including `stop`.

    Attributes:
        inner: Slice of this slice that holds the parameter; absent if all of it does.
    """

    axis: Count
    start: Count
    stop: Count
    inner: NotRequired[InnerPartJson]


class ParameterHeldJson(TypedDict):
    """Way in which an initializer holds a parameter or buffer.

    Attributes:
        shape: Shape of the initializer, or of its slice.
        dtype: Element type, by numpy's name if it has one (`float32`), else by ONNX's in lower case.
        count: Number of elements; of a packed parameter, those of the tensor that it stands for.
        transposed: Whether the file holds the transpose of the 2-d weight of the state dict.
        holds: Relation of the initializer to the parameter of the state dict. `exact` and `reshaped` may have
            another floating-point type; `folded` is computed from the parameter and those of another module;
            `packed` is quantised.
        formula: Computation that gave a folded parameter, also if it was packed later; absent for others.
        differs: Further difference from the parameter, such as another order of gates; absent without one.
        part: Slice of the initializer that holds the parameter; absent if the whole initializer does.
        shared_with: Paths of other modules that read the same initializer.
    """

    shape: Sequence[Count]
    dtype: str
    count: Count
    transposed: bool
    holds: Holds
    formula: NotRequired[str]
    differs: NotRequired[str]
    part: NotRequired[ParameterPartJson]
    shared_with: Sequence[str]


class ParameterJson(ParameterHeldJson):
    """Parameter or buffer, and the initializer that holds it.

    Attributes:
        name: Name inside the module.
        initializer: Name of the initializer.
        shape: Shape of the initializer, or of its slice.
        dtype: Element type, by numpy's name if it has one (`float32`), else by ONNX's in lower case.
        count: Number of elements; of a packed parameter, those of the tensor that it stands for.
        transposed: Whether the file holds the transpose of the 2-d weight of the state dict.
        holds: Relation of the initializer to the parameter of the state dict. `exact` and `reshaped` may have
            another floating-point type; `folded` is computed from the parameter and those of another module;
            `packed` is quantised.
        formula: Computation that gave a folded parameter, also if it was packed later; absent for others.
        differs: Further difference from the parameter, such as another order of gates; absent without one.
        part: Slice of the initializer that holds the parameter; absent if the whole initializer does.
        shared_with: Paths of other modules that read the same initializer.
    """

    name: str
    initializer: str


class DeclaredJson(TypedDict):
    """Parameter or buffer that a reference declares.

    Attributes:
        name: Name inside the module.
        shape: Shape in the state dict; null for a lazy parameter, which has none before the first call.
        trainable: Whether the tensor requires a gradient; null if unknown.
        buffer: Whether the tensor is a buffer, not a parameter.
        same_as: For a tied tensor that was declared before, its first full name in the reference; else null.
    """

    name: str
    shape: Sequence[Count] | None
    trainable: bool | None
    buffer: bool
    same_as: str | None


class ReferenceJson(TypedDict, total=False):
    """Fields of a module that come from a reference."""

    full_scope: str
    declared: Sequence[DeclaredJson]


class FoldedJson(TypedDict, total=False):
    """Field of a batch norm that was folded into nodes of other modules; absent for other modules."""

    folded_into: Sequence[str]


def placement_json(tree: ModuleTree) -> PlacementJson:
    """Convert the numbers of placed nodes to JSON."""
    return {
        "nodes": len(tree.placements),
        "placed": tree.placed,
        "by_certainty": by_certainty_json(tree),
        "by_source": {str(source): count for source, count in tree.by_source.items()},
        "conflicts": tree.conflicts,
    }


def by_certainty_json(tree: ModuleTree) -> ByCertaintyJson:
    """Convert the numbers of nodes by certainty to JSON."""
    counts = tree.by_certainty
    return {
        "named": counts[Certainty.NAMED],
        "inferred": counts[Certainty.INFERRED],
        "guessed": counts[Certainty.GUESSED],
    }


def own_and_total_json(figure: tuple[int, int]) -> OwnAndTotalJson:
    """Convert a figure of a module to JSON."""
    return {"own": figure[0], "total": figure[1]}


def original_json(analysis: Analysis) -> WithOriginalJson:
    """Return the field for the original; empty if none was given."""
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
    """Return the field for notes on the model; empty if there are none."""
    return {"notes": list(analysis.notes)} if analysis.notes else {}


def parameter_json(parameter: Parameter) -> ParameterJson:
    """Convert a parameter to JSON."""
    initializer = as_text(parameter.initializer)
    return {"name": parameter.name, "initializer": initializer, **held_json(parameter)}


def held_json(parameter: Parameter) -> ParameterHeldJson:
    """Convert the way in which an initializer holds a parameter to JSON."""
    found: ParameterHeldJson = {
        "shape": list(parameter.shape),
        "dtype": parameter.dtype,
        "count": parameter.count,
        "transposed": parameter.transposed,
        "holds": parameter.holds,
        "shared_with": list(parameter.shared_with),
    }
    if parameter.formula:
        found["formula"] = parameter.formula
    if parameter.differs:
        found["differs"] = as_text(parameter.differs)
    if (part := parameter.part) is not None:
        found["part"] = {"axis": part.axis, "start": part.start, "stop": part.stop}
        if (inner := part.inner) is not None:
            found["part"]["inner"] = {"axis": inner.axis, "start": inner.start, "stop": inner.stop}
    return found


def folded_json(module: Module) -> FoldedJson:
    """Return the field for the modules into which a batch norm was folded; empty for other modules."""
    return {"folded_into": list(module.folded_into)} if module.folded_into else {}


def reference_json(module: Module) -> ReferenceJson:
    """Return the fields of a module that come from a reference, without fields that no reference states."""
    told: ReferenceJson = {}
    if module.full_scope is not None:
        told["full_scope"] = module.full_scope
    if module.declared:
        told["declared"] = [
            {
                "name": each.name,
                "shape": None if each.shape is None else list(each.shape),
                "trainable": each.trainable,
                "buffer": each.buffer,
                "same_as": each.same_as,
            }
            for each in module.declared
        ]
    return told
